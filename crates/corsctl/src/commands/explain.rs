//! `corsctl explain`: what the plugin and then the browser make of one call of `fetch`, and why.

mod console;

use std::fmt::Write;
use std::process::ExitCode;

use cors::config::json::Json;
use cors::escape::Shown;
use cors::http::header::{ACCESS_CONTROL_REQUEST_HEADERS, METHOD, ORIGIN};
use cors::http::token::is_token;
use cors::origin::pattern::OriginPattern;
use cors::policy::verdict::{Reason, Refusal};
use cors::select::policy_set::PolicySet;
use cors::select::selection::{Notice, Source};
use cors::simulate::browser::{
    Blocked, Engine, Fetch, Outcome, SetHeader, Stage, Upload, Url, differences,
};
use cors::simulate::exchange::{Exchange, Incoming, Lines, Response, exchange};
use serde::Serialize;

use self::console::{Console, consoles};
use crate::discover::select::{self, Selection};
use crate::output::code::Code;
use crate::output::{
    BAD_INPUT, Failure, Output, REFUSED, print, print_error, print_json, with_code,
};

/// A call of `fetch`, and the configuration to explain it by.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,

    /// The origin of the page whose script asks, as in https://app.example.com, or null
    #[arg(long)]
    origin: String,

    /// The method of the request
    #[arg(long, default_value = "GET")]
    method: String,

    /// The names of the headers that the script sets, as in content-type,authorization; content-type
    /// is taken for that of JSON, which needs a preflight
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    request_headers: Vec<String>,

    /// The URL that is asked for; rules look at its host and path
    #[arg(long, default_value = "https://api.example.com/")]
    url: String,

    /// How the script sends a body
    #[arg(long, value_enum, default_value_t = UploadArgument::Whole)]
    upload: UploadArgument,

    /// The script includes credentials: cookies, a client certificate
    #[arg(long)]
    credentials: bool,

    /// The name of Envoy's route, for rules with routeNames
    #[arg(long, value_name = "NAME")]
    route_name: Option<String>,

    /// The policy in the metadata of Envoy's route, for routeMetadataNamespace: a name or JSON
    #[arg(long, value_name = "POLICY")]
    route_policy: Option<String>,
}

/// How a script sends a body.
#[derive(Clone, Copy, clap::ValueEnum)]
enum UploadArgument {
    /// At once, or not at all
    Whole,
    /// By XMLHttpRequest with a listener on `upload`, as for a progress bar: needs a preflight
    Observed,
    /// From a ReadableStream: needs a preflight
    Streamed,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Explanation {
    /// Whether the script may read the response.
    readable: bool,
    /// Where the browser stops: at the `call`, the `preflight` or the `actual` request.
    blocked_at: Option<&'static str>,
    because: Option<String>,
    /// The code of this reason.
    code: Option<&'static str>,
    remedy: Option<String>,
    /// The response headers that the script may read besides the safelisted ones.
    exposed: Vec<String>,
    exchanges: Vec<Exchanged>,
    /// The browsers that do not do what the standard says about this call, and what they do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    /// What the browsers that block the call print.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consoles: Vec<Console>,
}

/// A request and its answer.
#[derive(Serialize)]
struct Exchanged {
    request: &'static str,
    method: String,
    request_headers: Vec<(String, String)>,
    /// The verdict with rule and pattern, in the words of the plugin's log.
    verdict: String,
    /// The pattern that allowed the origin.
    pattern: Option<String>,
    /// The policy that decided; none if none governs.
    policy: Option<String>,
    /// The grant that allowed the origin, where the policy has several.
    grant: Option<String>,
    /// What the match of the rule has bound the name in its origins to.
    tenant: Option<String>,
    /// What else there is to say about grants and families of header names.
    remarks: Vec<String>,
    /// The same, where the fields of the top-level policy would not be meant.
    #[serde(skip)]
    named_policy: Option<String>,
    answered_by: &'static str,
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(skip)]
    refusal: Option<Refusal>,
    #[serde(skip)]
    is_shadow: bool,
    #[serde(skip)]
    has_bad_metadata: bool,
}

pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let explanation = select::plugin(&arguments.selection)
        .and_then(|plugin| Ok((plugin, arguments.fetch()?)))
        .map(|(plugin, fetch)| (explain(&plugin, &fetch, arguments), fetch));
    let (explanation, fetch) = match explanation {
        Ok(explained) => explained,
        Err(failure) => {
            print_error(&failure.to_string());
            return ExitCode::from(BAD_INPUT);
        }
    };
    match output {
        Output::Json => print_json(&explanation),
        _ => print(&explanation.text(&fetch)),
    }
    ExitCode::from(if explanation.readable { 0 } else { REFUSED })
}

impl Arguments {
    fn fetch(&self) -> Result<Fetch, Failure> {
        let invalid = |text: String| Failure::new(Code::InvalidArgument, text);
        let url = Url::parse(&self.url).ok_or_else(|| {
            invalid(format!(
                "--url {}: is not a URL of http or https, as in https://api.example.com/items",
                Shown(&self.url)
            ))
        })?;
        if !is_token(self.method.as_bytes()) {
            let text = format!("--method {}: is not a method", Shown(&self.method));
            return Err(invalid(text));
        }
        let headers: Vec<String> = self
            .request_headers
            .iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        if let Some(name) = headers.iter().find(|name| !is_token(name.as_bytes())) {
            let text = format!("--request-headers: {name:?} is not a header name");
            return Err(invalid(text));
        }
        Ok(Fetch {
            engine: Engine::Standard,
            origin: self.origin.clone(),
            url,
            method: self.method.clone(),
            headers: headers.into_iter().map(SetHeader::named).collect(),
            credentials: self.credentials,
            upload: match self.upload {
                UploadArgument::Whole => Upload::Whole,
                UploadArgument::Observed => Upload::Observed,
                UploadArgument::Streamed => Upload::Streamed,
            },
        })
    }
}

fn explain(plugin: &PolicySet, fetch: &Fetch, arguments: &Arguments) -> Explanation {
    let answer = |headers: Lines| {
        let request = Incoming {
            headers,
            route_name: arguments.route_name.clone(),
            route_policy: arguments.route_policy.clone(),
        };
        // An upstream that says nothing of CORS, as it should behind this plugin.
        let upstream = Response {
            status: 200,
            headers: Lines::default(),
        };
        // First the exchange: what is wrong with metadata is reported once.
        let exchange = exchange(plugin, request.clone(), upstream);
        let tenant = plugin.tenant_of(&request);
        let tenant = tenant.map(|text| String::from_utf8_lossy(&text).into_owned());
        (tenant, exchange)
    };
    let mut exchanges = Vec::new();
    let outcome = fetch.run(|headers| {
        let is_preflight = fetch.needs_preflight() && exchanges.is_empty();
        let (tenant, exchange) = answer(headers.clone());
        exchanges.push(Exchanged::new(is_preflight, &headers, tenant, &exchange));
        exchange.response
    });
    let differences = differences(fetch, |headers| answer(headers).1.response);
    let consoles = consoles(fetch, |headers| answer(headers).1.response);
    let (blocked_at, because, exposed) = match outcome {
        Outcome::Blocked { at, because } => (Some(word(at)), Some(because), Vec::new()),
        Outcome::Readable { exposed } => (None, None, exposed),
    };
    Explanation {
        readable: because.is_none(),
        blocked_at,
        remedy: because
            .as_ref()
            .and_then(|because| remedy(because, exchanges.last(), fetch)),
        code: because.as_ref().map(|because| code(because).name()),
        because: because.map(|because| because.to_string()),
        exposed,
        exchanges,
        differences: differences.iter().map(ToString::to_string).collect(),
        consoles,
    }
}

fn code(because: &Blocked) -> Code {
    match because {
        Blocked::AllowCredentialsNotTrue => Code::AllowCredentialsMissing,
        Blocked::AllowOriginWildcard => Code::AllowOriginWildcard,
        Blocked::ForbiddenMethod(_) | Blocked::StreamingUnsupported => Code::ForbiddenMethod,
        Blocked::HeaderNotListed(_) => Code::HeaderNotListed,
        Blocked::MethodNotListed(_) => Code::MethodNotListed,
        // The plugin writes whole answers: if one of these is wrong, all is.
        Blocked::AllowOriginMissing
        | Blocked::AllowOriginOther { .. }
        | Blocked::ListMalformed(_)
        | Blocked::PreflightStatus(_) => Code::ResponseWithoutCors,
    }
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Actual => "actual",
        Stage::Call => "call",
        Stage::Preflight => "preflight",
    }
}

/// What to change in the configuration, or in the script.
fn remedy(because: &Blocked, exchanged: Option<&Exchanged>, fetch: &Fetch) -> Option<String> {
    if exchanged.is_some_and(|exchanged| exchanged.has_bad_metadata) {
        return Some("fix the policy in the metadata of the route".to_owned());
    }
    let policy = exchanged.and_then(|exchanged| exchanged.named_policy.as_deref());
    let grant = exchanged.and_then(|exchanged| exchanged.grant.as_deref());
    let of_grant = grant.map(|grant| format!("{grant}{}", within("of", policy)));
    let remedy = remedy_of_policy(because, exchanged, fetch, of_grant.as_deref().or(policy));
    if !exchanged.is_some_and(|exchanged| exchanged.is_shadow) {
        return remedy;
    }
    let enforce = format!("set mode to \"enforce\"{}", within("in", policy));
    Some(match remedy {
        Some(remedy) => format!("{enforce}, and {remedy}"),
        None => enforce,
    })
}

/// ` of rules[0]`; nothing for the top-level policy, which needs no name.
fn within(preposition: &str, policy: Option<&str>) -> String {
    policy.map_or_else(String::new, |policy| format!(" {preposition} {policy}"))
}

fn remedy_of_policy(
    because: &Blocked,
    exchanged: Option<&Exchanged>,
    fetch: &Fetch,
    policy: Option<&str>,
) -> Option<String> {
    let of_policy = within("of", policy);
    Some(
        match (because, exchanged.and_then(|exchanged| exchanged.refusal)) {
            (_, Some(Refusal::Origin))
                if exchanged.is_some_and(|exchanged| exchanged.tenant.is_some()) =>
            {
                "call the API of the page's own tenant".to_owned()
            }
            (_, Some(Refusal::Origin | Refusal::MalformedOrigin)) => {
                return remedy_for_origin(&fetch.origin, &of_policy);
            }
            (_, Some(Refusal::Null)) => "serve the page from its own origin".to_owned(),
            (_, Some(Refusal::Path)) => "write the path of the URL plainly".to_owned(),
            (Blocked::MethodNotListed(method), _) if method == "patch" => {
                "write PATCH in upper case in the script".to_owned()
            }
            (Blocked::MethodNotListed(method), _) => {
                format!("add \"{method}\" to allowMethods{of_policy}")
            }
            (Blocked::HeaderNotListed(name), _) => {
                format!("add \"{name}\" to allowHeaders{of_policy}")
            }
            (Blocked::AllowCredentialsNotTrue, _) => {
                format!("set allowCredentials to true{}", within("in", policy))
            }
            (Blocked::AllowOriginWildcard, _) if fetch.origin == "null" => {
                "serve the page from its own origin".to_owned()
            }
            (Blocked::AllowOriginWildcard, _) => format!(
                "list \"{}\" in allowOrigins{of_policy} instead of \"*\", and set allowCredentials to true",
                fetch.origin
            ),
            _ => return None,
        },
    )
}

/// An entry of `allowOrigins` that the plugin takes and that allows the origin, or what to do instead.
fn remedy_for_origin(origin: &str, of_policy: &str) -> Option<String> {
    let entry = Json::String(origin.to_owned());
    if allows(origin, origin, true) {
        return Some(format!("add {entry} to allowOrigins{of_policy}"));
    }
    if allows(origin, origin, false) {
        return Some(format!(
            "add {entry} to allowOrigins{of_policy}, which must not have allowCredentials"
        ));
    }
    let (pattern, _) = OriginPattern::parse(origin).ok()?;
    let (plain, any_port) = (pattern.to_string(), format!("{pattern}:*"));
    let ask = format!("ask as {}, as a browser does", Json::String(plain));
    Some(if allows(&any_port, origin, true) {
        let entry = Json::String(any_port);
        format!(
            "{ask}; for a client that writes the default port, add {entry} to allowOrigins{of_policy}"
        )
    } else {
        ask
    })
}

/// Whether the plugin takes the entry, in a policy with or without credentials, and by it the origin.
fn allows(entry: &str, origin: &str, credentials: bool) -> bool {
    let text = |text: &str| Json::String(text.to_owned());
    let policy = Json::Object(vec![
        ("allowOrigins".to_owned(), Json::List(vec![text(entry)])),
        ("allowCredentials".to_owned(), Json::Bool(credentials)),
    ]);
    let (plugin, _) = PolicySet::from_json(&policy);
    let headers = [(METHOD, "GET"), (ORIGIN, origin)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let request = Incoming {
        headers: headers.into_iter().collect(),
        ..Incoming::default()
    };
    plugin.is_some_and(|plugin| {
        let judgement = plugin.judge(&request);
        judgement
            .verdict()
            .is_some_and(|verdict| verdict.reason == Reason::Allowed)
    })
}

impl Exchanged {
    fn new(
        is_preflight: bool,
        request: &Lines,
        tenant: Option<String>,
        exchange: &Exchange,
    ) -> Self {
        let texts = |lines: &Lines| -> Vec<(String, String)> {
            lines
                .iter()
                .filter(|(name, _)| !name.starts_with(':'))
                .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
                .collect()
        };
        let method = request.get(METHOD).unwrap_or_default();
        let judgement = &exchange.judgement;
        let mut verdict = judgement.to_string();
        if let Some(Notice::Invalid(Some(log)) | Notice::Warned(log)) = judgement.notice() {
            let _ = write!(verdict, "; {log}");
        }
        let grant = judgement.matched_grant();
        let mut remarks: Vec<String> = Vec::new();
        for (further, pattern) in judgement.further_grants() {
            remarks.push(format!(
                "{further} allows the origin too, by {pattern}; the first grant that allows it holds"
            ));
        }
        if let Some(tenant) = &tenant {
            remarks.push(format!("the match of the rule binds {tenant:?}"));
        }
        let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let asked = String::from_utf8_lossy(asked.unwrap_or_default()).into_owned();
        for name in asked.split(',') {
            if let Some(family) = judgement.family_of(name) {
                remarks.push(format!("\"{family}\" in allowHeaders covers {name}"));
            }
        }
        let source = judgement.source();
        let policy = judgement
            .is_governed()
            .then(|| judgement.label().to_owned());
        let is_shadow = judgement.is_shadow();
        if is_shadow {
            verdict.push_str("; mode shadow: nothing is changed");
        }
        Self {
            request: if is_preflight { "preflight" } else { "actual" },
            method: String::from_utf8_lossy(method).into_owned(),
            request_headers: texts(request),
            verdict,
            pattern: judgement.matched_pattern(),
            named_policy: policy.clone().filter(|_| source != Source::TopLevel),
            policy,
            grant,
            tenant,
            remarks,
            answered_by: if exchange.forwarded.is_some() {
                "upstream"
            } else {
                "filter"
            },
            status: exchange.response.status,
            headers: texts(&exchange.response.headers),
            refusal: judgement.refusal(),
            is_shadow,
            has_bad_metadata: matches!(judgement.notice(), Some(Notice::Invalid(_))),
        }
    }
}

impl Explanation {
    fn text(&self, fetch: &Fetch) -> String {
        let mut text = String::new();
        for exchanged in &self.exchanges {
            let _ = writeln!(
                text,
                "{} {}",
                exchanged.method,
                Shown(&fetch.url.to_string())
            );
            for (name, value) in &exchanged.request_headers {
                let _ = writeln!(text, "  {name}: {}", Shown(value));
            }
            let _ = writeln!(text, "{}", Shown(&exchanged.verdict));
            for remark in &exchanged.remarks {
                let _ = writeln!(text, "  {}", Shown(remark));
            }
            let by = match exchanged.answered_by {
                "upstream" => " from the upstream, with",
                _ => " from the filter, with",
            };
            let by = if exchanged.headers.is_empty() {
                by.trim_end_matches(", with")
            } else {
                by
            };
            let _ = writeln!(text, "{}{by}", exchanged.status);
            for (name, value) in &exchanged.headers {
                let _ = writeln!(text, "  {name}: {}", Shown(value));
            }
            text.push('\n');
        }
        let because = self.because.as_deref().map(|because| {
            let because = Shown(because).to_string();
            with_code(&because, self.code.unwrap_or_default())
        });
        match (because, self.blocked_at) {
            (Some(because), Some("actual")) => {
                let _ = writeln!(
                    text,
                    "the browser keeps the response from the script: {because}"
                );
            }
            (Some(because), _) => {
                let _ = writeln!(text, "the browser blocks it: {because}");
            }
            (None, _) if fetch.is_same_origin() => {
                text.push_str("the script reads the response: page and URL are of one origin\n");
            }
            (None, _) if self.exposed.is_empty() => {
                text.push_str("the script reads the response\n");
            }
            (None, _) => {
                let _ = writeln!(
                    text,
                    "the script reads the response and its headers {}",
                    self.exposed.join(", ")
                );
            }
        }
        for difference in &self.differences {
            let _ = writeln!(text, "but {}", Shown(difference));
        }
        if let Some(remedy) = &self.remedy {
            let _ = writeln!(text, "to allow it: {}", Shown(remedy));
        }
        for console in &self.consoles {
            for line in console.reasons() {
                let _ = writeln!(text, "the console of {}: {}", console.browser, Shown(line));
            }
        }
        text
    }
}

const EXAMPLES: &str = "\
Examples:
  corsctl explain cors.json --origin https://app.example.com
  corsctl explain envoy.yaml --origin https://app.example.com --method PUT \\
    --request-headers content-type,authorization --credentials --url https://api.example.com/items

Exit codes: 0 the script may read the response, 1 it may not, 2 bad usage or input";
