//! A policy in the terms of this plugin, as import writes it.

use cors::config::json::Json;
use cors::select::policy_set::PolicySet;

use crate::import::changes::Notes;
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// A policy to write: what the source leaves to its defaults is written out.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Where the source has it.
    pub place: Place,
    pub origins: Vec<String>,
    pub regexes: Vec<String>,
    pub methods: Vec<String>,
    pub headers: Vec<String>,
    pub expose: Vec<String>,
    pub credentials: bool,
    /// Seconds, or a text with units.
    pub max_age: Json,
    pub private_network: bool,
    pub preflight_status: u16,
    pub unmatched_preflights: &'static str,
    pub rejects_requests: bool,
    pub keeps_upstream: bool,
    pub hides_from_upstream: bool,
    pub auto_options: bool,
    pub mode: &'static str,
}

impl Policy {
    /// Allows nothing, and answers with this status.
    pub fn new(place: Place, preflight_status: u16) -> Self {
        Self {
            place,
            origins: Vec::new(),
            regexes: Vec::new(),
            methods: Vec::new(),
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: false,
            max_age: Json::Number(5.0),
            private_network: false,
            preflight_status,
            unmatched_preflights: "reject",
            rejects_requests: false,
            keeps_upstream: false,
            hides_from_upstream: false,
            auto_options: false,
            mode: "enforce",
        }
    }

    pub fn is_any_origin(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    /// Lists the methods, or what browsers allow where none is listed.
    pub fn set_methods(&mut self, methods: Vec<String>, place: &Place, notes: &mut Notes) {
        self.methods = methods;
        if self.methods.is_empty() {
            notes.push(
                Code::DefaultMethods,
                place,
                "no methods are listed: allowMethods is GET, HEAD, POST, which browsers allow anyway",
            );
            self.methods = ["GET", "HEAD", "POST"].map(str::to_owned).to_vec();
        }
    }

    /// Takes the age as it is written; without one browsers keep an answer for 5 seconds.
    pub fn set_age(&mut self, age: Option<Value>, absent: &str, place: &Place, notes: &mut Notes) {
        match age {
            Some(age) => self.max_age = age.node.clone(),
            None => {
                let text = format!(
                    "{absent}, so no Access-Control-Max-Age, which browsers take for 5 seconds: maxAge is 5"
                );
                notes.push(Code::DefaultMaxAge, place, text);
            }
        }
    }

    /// Says that the methods that browsers send without asking are allowed, though the source lists
    /// them not and does something else with them.
    pub fn report_unlisted(&self, otherwise: &str, place: &Place, notes: &mut Notes) {
        let is_unlisted = |safe: &&str| {
            let mut methods = self.methods.iter();
            !methods.any(|method| method == safe || method == "*")
        };
        let unlisted: Vec<_> = ["GET", "HEAD", "POST"]
            .into_iter()
            .filter(is_unlisted)
            .collect();
        if !unlisted.is_empty() {
            let text = format!(
                "{} not listed, {otherwise}; the standard lets browsers send them without asking, and here they are answered like the others",
                unlisted.join(", ")
            );
            notes.push(Code::SafelistedMethods, place, text);
        }
    }

    /// Says what a `*` that the source sends literally means here, where it is echoed.
    pub fn report_literal_wildcards(&self, place: &Place, notes: &mut Notes) {
        self.report_wildcards(|names| names.iter().any(|name| name == "*"), place, notes);
    }

    /// The same for a source that sends a `*` literally only if there are other names with it.
    /// Of methods a list with `*` becomes what browsers make of it.
    pub fn read_wildcards_among_others(&mut self, place: &Place, notes: &mut Notes) {
        if self.methods.len() > 1 && self.methods.iter().any(|name| name == "*") {
            let message = if self.credentials {
                self.methods.retain(|name| name != "*");
                "\"*\" among other methods is sent literally, which browsers take for a name when credentials are included: it is left out"
            } else {
                self.methods = vec!["*".to_owned()];
                "\"*\" among other methods allows any method: allowMethods is [\"*\"]"
            };
            notes.push(Code::MethodWildcardAmongOthers, place, message);
        }
        let is_literal = |names: &[String]| names.len() > 1 && names.iter().any(|name| name == "*");
        self.report_wildcards(is_literal, place, notes);
    }

    fn report_wildcards(
        &self,
        is_literal: impl Fn(&[String]) -> bool,
        place: &Place,
        notes: &mut Notes,
    ) {
        for (field, names) in [("methods", &self.methods), ("headers", &self.headers)] {
            if self.credentials && is_literal(names) {
                report_literal(field, place, notes);
            }
        }
        // Requests without credentials may have the header too.
        if is_literal(&self.headers) && !has_name(&self.headers, "authorization") {
            notes.push(Code::LiteralWildcard, place, "\"*\" in the allowed headers was sent literally, which browsers do not take to cover Authorization; here it covers it");
        }
    }

    /// Says what holds wherever names to expose are joined into a header.
    pub fn report_expose(&self, place: &Place, notes: &mut Notes) {
        if self.credentials && self.expose.iter().any(|name| name == "*") {
            notes.push(Code::LiteralWildcard, place, "\"*\" in the exposed headers was sent literally, which browsers take for a name when credentials are included; here it exposes every header of the response");
        }
    }

    /// Drops credentials that never worked: browsers refuse a literal `*` when they are included.
    pub fn drop_credentials_of_any(&mut self, place: &Place, notes: &mut Notes) {
        if self.credentials && self.is_any_origin() {
            self.credentials = false;
            notes.push(Code::CredentialsDropped, place, "any origin with credentials was answered with a literal \"*\", which browsers refuse: allowCredentials is false; list the origins to have credentials");
        }
    }

    /// Says that any origin with credentials does not hold for opaque ones.
    pub fn report_null(&self, notes: &mut Notes) {
        if self.credentials && self.is_any_origin() {
            notes.push(Code::NullOriginDropped, &self.place, "any origin with credentials: the origin null, of sandboxed frames and files, is never allowed here");
        }
    }

    /// Checks the policy with the code that the module reads it with.
    pub fn check(&self, notes: &mut Notes) {
        let (_, diagnostics) = PolicySet::from_json(&self.to_node());
        for error in diagnostics.errors() {
            notes.push_diagnostic(&self.place, error);
        }
    }

    pub fn to_node(&self) -> Json {
        let mut pairs = Vec::new();
        let mut set = |name: &str, node: Json| pairs.push((name.to_owned(), node));
        if self.mode != "enforce" {
            set("mode", text(self.mode));
        }
        if self.mode == "off" {
            return Json::Object(pairs);
        }
        if !self.origins.is_empty() || self.regexes.is_empty() {
            set("allowOrigins", texts(&self.origins));
        }
        if !self.regexes.is_empty() {
            set("allowOriginRegexes", texts(&self.regexes));
        }
        set("allowMethods", texts(&self.methods));
        if !self.headers.is_empty() {
            set("allowHeaders", texts(&self.headers));
        }
        if !self.expose.is_empty() {
            set("exposeHeaders", texts(&self.expose));
        }
        set("allowCredentials", Json::Bool(self.credentials));
        set("maxAge", self.max_age.clone());
        if self.private_network {
            set("allowPrivateNetwork", Json::Bool(true));
        }
        set(
            "preflightStatus",
            Json::Number(self.preflight_status.into()),
        );
        set("unmatchedPreflights", text(self.unmatched_preflights));
        if self.rejects_requests {
            set("unmatchedRequests", text("reject"));
        }
        if self.keeps_upstream {
            set("upstreamCors", text("keep"));
        }
        if self.hides_from_upstream {
            set("hideCorsFromUpstream", Json::Bool(true));
        }
        if self.auto_options {
            set("autoOptions", Json::Bool(true));
        }
        Json::Object(pairs)
    }
}

/// Says that a `*` in a list that the source sends literally covers nothing where credentials are
/// included.
pub fn report_literal(field: &str, place: &Place, notes: &mut Notes) {
    let text = format!(
        "\"*\" in the allowed {field} was sent literally, which browsers take for a name when credentials are included; here it allows what is asked"
    );
    notes.push(Code::LiteralWildcard, place, text);
}

/// A meaning that changes for every policy of a system, and for which policies it does.
pub type Change = (When, Code, &'static str);

/// Which policies a change concerns.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum When {
    Always,
    /// Any origin without credentials: the same response for everybody.
    AnyOrigin,
    /// Headers to expose.
    Exposes,
    /// Headers that only allowed origins get.
    ForAllowed,
    /// The response depends on the origin.
    PerOrigin,
    /// Some origins are not allowed, and their preflights are rejected.
    Rejects,
    /// The upstream's headers are replaced.
    Overrides,
    /// Some origins are not allowed, and their requests are rejected.
    RejectsRequests,
}

impl When {
    pub fn concerns(self, policy: &Policy) -> bool {
        let lists = !policy.is_any_origin();
        match self {
            Self::Always => true,
            Self::AnyOrigin => !lists && !policy.credentials,
            Self::Exposes => !policy.expose.is_empty(),
            Self::ForAllowed => lists && (policy.credentials || !policy.expose.is_empty()),
            Self::PerOrigin => lists || policy.credentials,
            Self::Rejects => lists && policy.unmatched_preflights == "reject",
            Self::Overrides => !policy.keeps_upstream,
            Self::RejectsRequests => lists && policy.rejects_requests,
        }
    }
}

pub fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

pub fn texts(texts: &[String]) -> Json {
    Json::List(texts.iter().map(|item| text(item)).collect())
}

fn has_name(names: &[String], name: &str) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}
