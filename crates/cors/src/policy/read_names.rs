//! Reads the lists of methods and header names.

use crate::config::reader::{Object, Reader, quote};
use crate::config::remedy;
use crate::diagnostic::Code;
use crate::http::header::{
    is_cors_safelisted_response_header_name, is_forbidden_method, is_forbidden_request_header_name,
};
use crate::http::token::is_token;
use crate::origin::holds;
use crate::policy::families::{self, Families};
use crate::policy::grant::Grant;
use crate::policy::presets::Preset;
use crate::policy::{Expose, List, Methods, RequestHeaders};

impl Reader {
    pub(crate) fn read_methods(&mut self, object: &Object, presets: &[&Preset], grant: &mut Grant) {
        let path = object.at("allowMethods");
        let listed = self.read_texts(object, "allowMethods");
        for (index, method) in &listed {
            let at = || format!("{path}[{index}]");
            let upper = method.to_ascii_uppercase();
            if !is_token(method.as_bytes()) || (holds(method, b"*") && *method != "*") {
                self.diagnostics.error(
                    Code::MethodInvalid,
                    at(),
                    &quote(method),
                    "is not a method; write a name as in \"GET\", or \"*\" alone",
                );
            } else if is_forbidden_method(method) {
                self.diagnostics.warn(
                    Code::MethodNeverSent,
                    at(),
                    &quote(method),
                    "is a method that no browser sends; leave it out",
                );
            } else if remedy::is_any(method) {
                self.diagnostics
                    .warn(Code::AnyAsName, at(), &quote(method), ANY);
            } else if upper != *method
                && (KNOWN_METHODS.contains(&upper.as_str()) || upper == "QUERY")
            {
                let text = format!("is not {upper}: methods are case-sensitive; write \"{upper}\"");
                self.diagnostics
                    .warn(Code::MethodCase, at(), &quote(method), text);
            }
        }
        let mut names: Vec<&str> = listed.iter().map(|(_, name)| *name).collect();
        if !object.has("allowMethods") {
            names.extend(DEFAULT_METHODS);
        }
        names.extend(presets.iter().flat_map(|preset| preset.methods));
        let names = unique(names, |one, other| one == other);
        grant.methods = if names.iter().any(|name| name == "*") {
            if listed.len() > 1 {
                self.diagnostics.error(
                    Code::AnyMethodAndOthers,
                    &path,
                    "",
                    "\"*\" stands beside other methods; write it alone, or list the others only",
                );
            }
            Methods::Any
        } else {
            Methods::Listed(self.make_list(&path, names))
        };
    }

    /// The value of `Allow` in the answer to a plain `OPTIONS`.
    pub(crate) fn read_auto_options(
        &mut self,
        object: &Object,
        grants: &[Grant],
    ) -> Option<String> {
        if !self.read_bool(object, "autoOptions") {
            return None;
        }
        let mut allow: Vec<&str> = Vec::new();
        for grant in grants {
            match &grant.methods {
                Methods::Any => {
                    self.diagnostics.warn(
                        Code::AutoOptionsAnyMethod,
                        object.at("autoOptions"),
                        "",
                        "cannot say \"*\" in Allow and names the common methods; list allowMethods",
                    );
                    allow.extend(KNOWN_METHODS);
                }
                Methods::Listed(list) => allow.extend(list.names.iter().map(String::as_str)),
            }
        }
        allow.push("OPTIONS");
        Some(unique(allow, |one, other| one == other).join(", "))
    }

    pub(crate) fn read_request_headers(
        &mut self,
        object: &Object,
        presets: &[&Preset],
        grant: &mut Grant,
    ) {
        let path = object.at("allowHeaders");
        let listed = self.read_texts(object, "allowHeaders");
        for (index, name) in &listed {
            let at = || format!("{path}[{index}]");
            if !self.is_header_name(&at, name) {
                continue;
            }
            if remedy::is_any(name) {
                self.diagnostics
                    .warn(Code::AnyAsName, at(), &quote(name), ANY);
            } else if is_forbidden_request_header_name(name) {
                self.diagnostics.warn(
                    Code::HeaderNeverSet,
                    at(),
                    &quote(name),
                    "is a header that no script can set; leave it out",
                );
            }
        }
        let names = listed.iter().map(|(_, name)| *name);
        let names = names.chain(
            presets
                .iter()
                .flat_map(|preset| preset.request_headers)
                .copied(),
        );
        let mut names = unique(names, str::eq_ignore_ascii_case);
        grant.headers = if names.iter().any(|name| name == "*") {
            RequestHeaders::Any
        } else {
            let families = Families::split_off(&mut names);
            RequestHeaders::Listed(self.make_list(&path, names), families)
        };
    }

    pub(crate) fn read_expose(&mut self, object: &Object, presets: &[&Preset], grant: &mut Grant) {
        let path = object.at("exposeHeaders");
        let listed = self.read_texts(object, "exposeHeaders");
        for (index, name) in &listed {
            let at = || format!("{path}[{index}]");
            if !self.is_header_name(&at, name) {
                continue;
            }
            if remedy::is_any(name) {
                self.diagnostics
                    .warn(Code::AnyAsName, at(), &quote(name), ANY);
            } else if matches!(
                name.to_ascii_lowercase().as_str(),
                "set-cookie" | "set-cookie2"
            ) {
                self.diagnostics.warn(
                    Code::HeaderNeverReadable,
                    at(),
                    &quote(name),
                    "is a header that no script can read; leave it out",
                );
            } else if is_cors_safelisted_response_header_name(name) {
                self.diagnostics.note(
                    Code::HeaderAlwaysReadable,
                    at(),
                    &quote(name),
                    "is readable without being exposed",
                );
            }
        }
        let names = listed.iter().map(|(_, name)| *name);
        let names = names.chain(
            presets
                .iter()
                .flat_map(|preset| preset.exposed_headers)
                .copied(),
        );
        let mut names = unique(names, str::eq_ignore_ascii_case);
        grant.expose = match names.iter().any(|name| name == "*") {
            true if grant.credentials => Expose::All,
            true => Expose::Value("*".to_owned()),
            false => {
                let families = Families::split_off(&mut names);
                let list = self.make_list(&path, names);
                if families.is_empty() {
                    Expose::Value(list.value)
                } else {
                    Expose::Families(list, families)
                }
            }
        };
    }

    /// Whether an entry is a header name, a family of them, or `*`; reports what is not.
    fn is_header_name(&mut self, at: &impl Fn() -> String, name: &str) -> bool {
        let fault = if !is_token(name.as_bytes()) {
            let text = "is not a header name; write one name an entry, or \"*\"";
            Some((Code::HeaderNameInvalid, text.to_owned()))
        } else if name != "*" && holds(name, b"*") {
            families::fault(name)
        } else {
            None
        };
        let is_good = fault.is_none();
        if let Some((code, text)) = fault {
            self.diagnostics.error(code, at(), &quote(name), text);
        }
        is_good
    }

    pub(crate) fn make_list(&mut self, path: &str, names: Vec<String>) -> List {
        let list = List::new(names);
        if list.value.len() > MAX_LIST_LENGTH {
            let text = format!(
                "makes a header of {} bytes; the limit is {MAX_LIST_LENGTH}",
                list.value.len()
            );
            self.diagnostics
                .error(Code::HeaderValueTooLong, path, "", text);
        }
        list
    }
}

/// The names in order, each once.
fn unique<'n>(
    names: impl IntoIterator<Item = &'n str>,
    is_same: impl Fn(&str, &str) -> bool,
) -> Vec<String> {
    let mut kept: Vec<&str> = Vec::new();
    for name in names {
        if !kept.iter().any(|known| is_same(known, name)) {
            kept.push(name);
        }
    }
    kept.into_iter().map(str::to_owned).collect()
}

/// What is said of a word that no browser sends.
const ANY: &str = "is an ordinary name; did you mean \"*\"?";

const DEFAULT_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

/// The methods that a browser sends unchanged or normalizes from lower case, and `PATCH`, which it
/// does not.
const KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const MAX_LIST_LENGTH: usize = 16 * 1024;

pub(crate) const MAX_NAME: usize = 256;
