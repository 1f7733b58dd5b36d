//! Asks the model on both sides: what the filter answers, and what a browser concludes from it.

use crate::compare::side::Target;
use cors::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORITY, METHOD, ORIGIN, PATH, SEC_FETCH_SITE,
};
use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{Engine, Fetch, Outcome, Upload, Url};
use cors::simulate::exchange::{Exchange, Incoming, Lines, Response, exchange};
use serde::Serialize;

/// Two plugins, and what they are asked for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub old: &'a PolicySet,
    pub new: &'a PolicySet,
    pub target: &'a Target,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Wider,
    Undecided,
    Narrower,
    /// Different, and nothing more or less is possible.
    Neutral,
}

/// A request, and what came of it on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    pub method: String,
    pub url: String,
    pub origin: Option<String>,
    pub credentials: bool,
    pub request_headers: Vec<String>,
    pub route_name: Option<String>,
    pub route_policy: Option<String>,
    /// Whether the upstream sends its own CORS headers, which grant everything.
    pub upstream_grants: bool,
    pub old: String,
    pub new: String,
}

/// What the upstream says of CORS; its response has these headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Upstream<'u> {
    /// Nothing.
    Silent(&'u [String]),
    /// It grants whatever is asked, with credentials.
    Granting(&'u [String]),
}

impl<'a> Ask<'a> {
    /// The call of `fetch` of a script of this origin for the target.
    pub fn fetch(&self, origin: &str, method: &str) -> Fetch {
        let mut url = Url {
            scheme: "https".to_owned(),
            authority: self.target.host.clone(),
            path: self.target.path.clone(),
        };
        // Of one origin the protocol plays no part.
        if url.origin() == origin {
            url.authority.push_str(":8443");
        }
        Fetch {
            engine: Engine::Standard,
            origin: origin.to_owned(),
            url,
            method: method.to_owned(),
            headers: Vec::new(),
            credentials: false,
            upload: Upload::Whole,
        }
    }

    pub fn outcomes(&self, fetch: &Fetch, upstream: Upstream) -> [Outcome; 2] {
        [self.old, self.new].map(|plugin| {
            fetch.run(|request| {
                let response = upstream.response(&request);
                exchange(plugin, self.incoming(request), response).response
            })
        })
    }

    /// Whether more or less is readable on the new side, with the request that shows it.
    pub fn compare(&self, fetch: &Fetch, upstream: Upstream) -> Option<(Direction, Example)> {
        let outcomes = self.outcomes(fetch, upstream);
        let direction = direction(outcomes.each_ref().map(Outcome::is_readable))?;
        Some((
            direction,
            self.example(fetch, upstream, outcomes.map(|outcome| words(&outcome))),
        ))
    }

    /// A request as it comes to the filter, on both sides.
    pub fn exchanges(&self, lines: &[(&str, &str)]) -> [Exchange; 2] {
        [self.old, self.new].map(|plugin| {
            let own = [
                (AUTHORITY, self.target.host.as_str()),
                (PATH, &self.target.path),
            ];
            let own = own
                .iter()
                .filter(|(name, _)| lines.iter().all(|(known, _)| known != name));
            let request = self.incoming(own.chain(lines).copied().collect());
            exchange(
                plugin,
                request,
                Upstream::Silent(&[]).response(&Lines::default()),
            )
        })
    }

    pub fn example(&self, fetch: &Fetch, upstream: Upstream, [old, new]: [String; 2]) -> Example {
        Example {
            method: fetch.method.clone(),
            url: fetch.url.to_string(),
            origin: Some(fetch.origin.clone()),
            credentials: fetch.credentials,
            request_headers: fetch
                .headers
                .iter()
                .map(|header| header.name.clone())
                .collect(),
            route_name: self.target.route_name.clone(),
            route_policy: self.target.route_policy.clone(),
            upstream_grants: matches!(upstream, Upstream::Granting(_)),
            old,
            new,
        }
    }

    fn incoming(&self, headers: Lines) -> Incoming {
        Incoming {
            headers,
            route_name: self.target.route_name.clone(),
            route_policy: self.target.route_policy.clone(),
        }
    }
}

impl Upstream<'_> {
    fn response(self, request: &Lines) -> Response {
        let text =
            |name| String::from_utf8_lossy(request.get(name).unwrap_or_default()).into_owned();
        let (names, grants) = match self {
            Self::Silent(names) => (names, Vec::new()),
            Self::Granting(names) => (
                names,
                vec![
                    (ACCESS_CONTROL_ALLOW_ORIGIN, text(ORIGIN)),
                    (ACCESS_CONTROL_ALLOW_CREDENTIALS, "true".to_owned()),
                    (
                        ACCESS_CONTROL_ALLOW_METHODS,
                        text(ACCESS_CONTROL_REQUEST_METHOD),
                    ),
                    (
                        ACCESS_CONTROL_ALLOW_HEADERS,
                        text(ACCESS_CONTROL_REQUEST_HEADERS),
                    ),
                ],
            ),
        };
        let names = names.iter().map(|name| (name.as_str(), "…".to_owned()));
        Response {
            status: 200,
            headers: names
                .chain(grants)
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        }
    }
}

/// Which of the two allows more.
pub fn direction([old, new]: [bool; 2]) -> Option<Direction> {
    match (old, new) {
        (false, true) => Some(Direction::Wider),
        (true, false) => Some(Direction::Narrower),
        _ => None,
    }
}

/// What became of a request, in words.
pub fn fate(exchange: &Exchange) -> String {
    if exchange.forwarded.is_some() {
        "the request reaches the upstream".to_owned()
    } else {
        format!("the filter answers with {}", exchange.response.status)
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Blocked { because, .. } => format!("the browser blocks it: {because}"),
        Outcome::Readable { .. } => "the script reads the response".to_owned(),
    }
}

/// The names that an answer lists.
pub fn listed(exchange: &Exchange, name: &str) -> Vec<String> {
    let value = exchange.response.headers.get(name).unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    let names = value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// The names that the answer to an actual request exposes.
pub fn exposed(exchange: &Exchange) -> Vec<String> {
    listed(exchange, ACCESS_CONTROL_EXPOSE_HEADERS)
}

/// The lines of a request that no form of the page's own site sends.
pub fn cross_site<'l>(method: &'l str, origin: &'l str) -> [(&'l str, &'l str); 3] {
    [
        (METHOD, method),
        (ORIGIN, origin),
        (SEC_FETCH_SITE, "cross-site"),
    ]
}
