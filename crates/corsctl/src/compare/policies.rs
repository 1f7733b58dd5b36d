//! Compares two policies at one target: origin by origin, and for origins of one kind what they may do.

use std::collections::{BTreeMap, HashSet};

use cors::config::choices::Preset;
use cors::config::json::Json;
use cors::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, METHOD, ORIGIN,
};
use cors::simulate::browser::{Outcome, SetHeader};
use cors::simulate::exchange::{Exchange, Lines};
use serde::Serialize;

use crate::compare::ask::{
    Ask, Direction, Example, Upstream, cross_site, direction, exposed, fate, listed,
};
use crate::compare::finder::{Finder, Found};
use crate::compare::origins::Grants;
use crate::compare::side::{Governing, entries, field, name_of, texts};

/// One difference.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    pub direction: Direction,
    /// The field that makes the difference.
    pub field: &'static str,
    /// The patterns, names or values that it is about.
    pub values: Vec<String>,
    /// What is possible now, or no longer, in words.
    pub text: String,
    /// The line of the file, once it is known: of the entry, of the field, or of the policy.
    pub line: Option<usize>,
    pub example: Option<Example>,
}

/// Two policies at one target.
pub struct Comparison<'a> {
    ask: Ask<'a>,
    policies: [Option<&'a Json>; 2],
    old: Grants,
    new: Grants,
    changes: Vec<Change>,
    known: HashSet<(Direction, &'static str, Vec<String>)>,
}

/// Compares what governs a target.
pub fn compare(ask: Ask, governing: &[Governing; 2], finder: &mut Finder) -> Vec<Change> {
    let policies = governing.each_ref().map(|governing| governing.policy);
    let [old, new] = governing
        .each_ref()
        .map(|governing| Grants::of(governing.policy, &governing.bindings));
    let mut comparison = Comparison {
        ask,
        policies,
        old,
        new,
        changes: Vec::new(),
        known: HashSet::new(),
    };
    comparison.run(finder);
    comparison.changes.sort_by_key(|change| change.direction);
    comparison.changes
}

impl Comparison<'_> {
    fn run(&mut self, finder: &mut Finder) {
        if self.is_of_other_host() {
            return;
        }
        self.origins(finder);
        for old in 0..self.old.grants.len() {
            for new in 0..self.new.grants.len() {
                self.grants(old, new, finder);
            }
        }
        self.at("null");
        match finder.stranger(&self.old, &self.new) {
            Found::Origin(origin) => self.at(&origin),
            Found::Nothing => {}
            Found::Undecided => self.undecided(
                "allowOrigins",
                Vec::new(),
                "what becomes of origins that neither side allows is not decided",
            ),
        }
        self.own_site();
        self.plain_options();
    }

    /// Whether the service has another name on one side, or on both, as `hosts` of a policy says: then
    /// nothing else matters.
    fn is_of_other_host(&mut self) -> bool {
        let exchanges = self.ask.exchanges(&[(METHOD, "GET")]);
        let knows = exchanges
            .each_ref()
            .map(|exchange| exchange.response.status != 421);
        let host = self.ask.target.host.clone();
        self.add_request(
            "GET",
            None,
            knows,
            &exchanges,
            Change {
                field: "hosts",
                values: vec![host.clone()],
                ..change(format!("requests for the host {host} reach the upstream"))
            },
        );
        knows != [true, true]
    }

    /// The patterns of one side that allow an origin that the other does not.
    fn origins(&mut self, finder: &mut Finder) {
        let mut found = Vec::new();
        for (one, other) in [(&self.new, &self.old), (&self.old, &self.new)] {
            for grant in &one.grants {
                let mut is_first = true;
                for pattern in &grant.patterns {
                    let origin = match finder.outside(pattern, other) {
                        Found::Nothing => continue,
                        Found::Undecided => None,
                        Found::Origin(origin) => Some(origin),
                    };
                    let is_asked = origin.is_some() && std::mem::take(&mut is_first);
                    found.push((origin, pattern.field, pattern.listed.clone(), is_asked));
                }
            }
        }
        for (origin, field, written, is_asked) in found {
            let Some(origin) = origin else {
                let text =
                    "whether it allows an origin that the other side does not is not decided";
                self.undecided(field, vec![written], text);
                continue;
            };
            self.origin(&origin, field, written);
            if is_asked {
                self.at(&origin);
            }
        }
    }

    /// An origin that one side alone allows.
    fn origin(&mut self, origin: &str, field: &'static str, written: String) {
        let mut fetch = self.ask.fetch(origin, "GET");
        fetch.credentials = true;
        let with_credentials = self.ask.compare(&fetch, Upstream::Silent(&[]));
        fetch.credentials = false;
        let found = with_credentials.or_else(|| self.ask.compare(&fetch, Upstream::Silent(&[])));
        let Some((direction, example)) = found else {
            return;
        };
        let with = if example.credentials {
            " with credentials"
        } else {
            ""
        };
        self.add(Change {
            line: None,
            direction,
            field,
            values: vec![written],
            text: format!("{origin} may read responses{with}"),
            example: Some(example),
        });
    }

    /// What origins may do for which these grants hold.
    fn grants(&mut self, old: usize, new: usize, finder: &mut Finder) {
        let attributes = [(0, old), (1, new)].map(|(side, grant)| self.attributes(side, grant));
        if attributes[0] == attributes[1] {
            return;
        }
        match finder.shared((&self.old, old), (&self.new, new)) {
            Found::Origin(origin) => self.at(&origin),
            Found::Nothing => {}
            Found::Undecided => self.undecided(
                "allowOrigins",
                Vec::new(),
                "which origins both sides allow is not decided, and what they may do differs",
            ),
        }
    }

    /// What a grant says besides its origins, with what its policy says.
    fn attributes(&self, side: usize, grant: usize) -> BTreeMap<String, String> {
        let policy = self.policies.get(side).copied().flatten();
        let own = policy.and_then(|policy| grants_of(policy).nth(grant.checked_sub(1)?));
        let mut attributes = attributes_of(policy);
        // Of the policy the fields of a grant are those of the first.
        let of_grant = if grant == 0 { policy } else { own };
        attributes.extend(
            attributes_of(of_grant)
                .into_iter()
                .map(|(name, value)| (format!("grant {name}"), value)),
        );
        if grant > 0 {
            attributes.retain(|name, _| !GRANT_FIELDS.contains(&name.as_str()));
        }
        attributes
    }

    /// Everything that may differ for requests of one origin.
    fn at(&mut self, origin: &str) {
        let fetch = self.ask.fetch(origin, "GET");
        let readable = self
            .ask
            .outcomes(&fetch, Upstream::Silent(&[]))
            .map(|outcome| outcome.is_readable());
        if origin == "null" {
            self.origin(origin, "allowOrigins", "null".to_owned());
        }
        if readable == [true, true] {
            self.credentials(origin);
            self.preflight(origin);
            self.exposed(origin);
            self.timing(origin);
        }
        self.upstream(origin);
        if direction(readable).is_none() {
            self.reach(origin);
            self.hidden(origin);
        }
        if readable == [false, false] {
            self.refusal(origin);
        }
    }

    fn credentials(&mut self, origin: &str) {
        let mut fetch = self.ask.fetch(origin, "GET");
        fetch.credentials = true;
        if let Some((direction, example)) = self.ask.compare(&fetch, Upstream::Silent(&[])) {
            self.add(Change {
                line: None,
                direction,
                field: "allowCredentials",
                values: Vec::new(),
                text: "scripts may read responses to requests with credentials".to_owned(),
                example: Some(example),
            });
        }
    }

    /// What the answers to preflights allow.
    fn preflight(&mut self, origin: &str) {
        let asked = self.asked_names().join(",");
        let answers = self.ask.exchanges(&[
            (METHOD, "OPTIONS"),
            (ORIGIN, origin),
            (ACCESS_CONTROL_REQUEST_METHOD, ANY_METHOD),
            (ACCESS_CONTROL_REQUEST_HEADERS, &asked),
            (ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, "true"),
        ]);
        let methods = union(&answers, ACCESS_CONTROL_ALLOW_METHODS);
        self.names(
            "allowMethods",
            methods,
            "scripts may use the methods",
            |ask, method| ask.compare(&ask.fetch(origin, method), Upstream::Silent(&[])),
        );
        let headers = union(&answers, ACCESS_CONTROL_ALLOW_HEADERS);
        self.names(
            "allowHeaders",
            headers,
            "scripts may set the headers",
            |ask, name| {
                let mut fetch = ask.fetch(origin, "GET");
                fetch.headers.push(SetHeader::named(name));
                ask.compare(&fetch, Upstream::Silent(&[]))
            },
        );
        let grants = |answer: &Exchange| {
            answer
                .response
                .headers
                .get(ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK)
                == Some(b"true")
        };
        self.add_request(
            "OPTIONS",
            Some(origin),
            answers.each_ref().map(grants),
            &answers,
            Change {
                field: "allowPrivateNetwork",
                ..change("preflights for a private network are granted".to_owned())
            },
        );
        let max_age = answers
            .each_ref()
            .map(|answer| text_of(&answer.response.headers, ACCESS_CONTROL_MAX_AGE));
        self.neutral("maxAge", max_age);
        self.neutral(
            "preflightStatus",
            answers
                .each_ref()
                .map(|answer| answer.response.status.to_string()),
        );
    }

    /// The names that a script may read of the headers of a response.
    fn exposed(&mut self, origin: &str) {
        let mut lines = cross_site("GET", origin).to_vec();
        lines.pop();
        let answers = self.ask.exchanges(&lines);
        let mut names: Vec<String> = answers.iter().flat_map(exposed).collect();
        names.extend(self.families("exposeHeaders"));
        names.push(ANY_HEADER.to_owned());
        names.retain(|name| name != "*");
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.to_ascii_lowercase()));
        let chunks: Vec<Vec<String>> = names.chunks(MAX_NAMES).map(<[String]>::to_vec).collect();
        let mut found: [Vec<String>; 2] = Default::default();
        let mut examples: [Option<Example>; 2] = Default::default();
        // What the upstream grants can count instead of what the policy exposes.
        let upstreams = chunks
            .iter()
            .map(|chunk| (chunk, Upstream::Silent(chunk)))
            .chain(
                chunks
                    .iter()
                    .map(|chunk| (chunk, Upstream::Granting(chunk))),
            );
        for (chunk, upstream) in upstreams {
            let fetch = self.ask.fetch(origin, "GET");
            let read = self
                .ask
                .outcomes(&fetch, upstream)
                .map(|outcome| match outcome {
                    Outcome::Readable { exposed } => exposed
                        .iter()
                        .map(|name| name.to_ascii_lowercase())
                        .collect(),
                    Outcome::Blocked { .. } => HashSet::new(),
                });
            for name in chunk {
                let reads = read
                    .each_ref()
                    .map(|read| read.contains(&name.to_ascii_lowercase()));
                let side = match direction(reads) {
                    Some(Direction::Wider) => 0,
                    Some(_) => 1,
                    None => continue,
                };
                let words = reads.map(|reads| match reads {
                    true => format!("the script reads the header {name}"),
                    false => format!("the script does not see the header {name}"),
                });
                if let (Some(found), Some(example)) = (found.get_mut(side), examples.get_mut(side))
                    && !found.contains(&shown(name))
                {
                    found.push(shown(name));
                    example.get_or_insert_with(|| self.ask.example(&fetch, upstream, words));
                }
            }
        }
        for ((values, example), direction) in found
            .into_iter()
            .zip(examples)
            .zip([Direction::Wider, Direction::Narrower])
        {
            if !values.is_empty() {
                self.add(Change {
                    line: None,
                    direction,
                    field: "exposeHeaders",
                    text: format!("scripts may read the response headers {}", some_of(&values)),
                    values,
                    example,
                });
            }
        }
    }

    fn timing(&mut self, origin: &str) {
        let answers = self.ask.exchanges(&cross_site("GET", origin));
        let grants = answers
            .each_ref()
            .map(|answer| answer.response.headers.get("timing-allow-origin").is_some());
        self.add_request(
            "GET",
            Some(origin),
            grants,
            &answers,
            Change {
                field: "timingAllowOrigin",
                ..change("scripts may read the detailed timing of responses".to_owned())
            },
        );
    }

    /// Whether what an upstream grants by itself counts.
    fn upstream(&mut self, origin: &str) {
        for method in ["GET", "PUT"] {
            let mut fetch = self.ask.fetch(origin, method);
            fetch.credentials = true;
            if self.ask.compare(&fetch, Upstream::Silent(&[])).is_some() {
                continue;
            }
            if let Some((direction, example)) = self.ask.compare(&fetch, Upstream::Granting(&[])) {
                self.add(Change {
                    line: None,
                    direction,
                    field: "upstreamCors",
                    values: Vec::new(),
                    text: "what the upstream grants by its own CORS headers counts".to_owned(),
                    example: Some(example),
                });
                return;
            }
        }
    }

    /// Whether a request reaches the upstream, whatever the script may read.
    fn reach(&mut self, origin: &str) {
        let answers = self.ask.exchanges(&cross_site("POST", origin));
        self.add_reach(
            origin,
            &answers,
            "requests of origins that are not allowed reach the upstream",
        );
    }

    /// Whether the requests of the site itself are known by the host name alone.
    fn own_site(&mut self) {
        let origin = format!("http://{}", self.ask.target.host);
        if self.old.contain(&origin) || self.new.contain(&origin) {
            return;
        }
        let answers = self.ask.exchanges(&[(METHOD, "POST"), (ORIGIN, &origin)]);
        self.add_reach(&origin, &answers, "requests whose origin has the host name of the request reach the upstream, as with DNS rebinding");
    }

    fn add_reach(&mut self, origin: &str, answers: &[Exchange; 2], text: &str) {
        let reach = answers.each_ref().map(|answer| answer.forwarded.is_some());
        self.add_request(
            "POST",
            Some(origin),
            reach,
            answers,
            Change {
                field: "unmatchedRequests",
                ..change(text.to_owned())
            },
        );
    }

    /// Whether the upstream sees that the request is of another site.
    fn hidden(&mut self, origin: &str) {
        let answers = self.ask.exchanges(&cross_site("POST", origin));
        let [Some(old), Some(new)] = answers.each_ref().map(|answer| answer.forwarded.as_ref())
        else {
            return;
        };
        let hides = [old, new].map(|request| request.get(ORIGIN).is_none());
        let words = hides.map(|hides| {
            if hides {
                "the upstream sees no Origin"
            } else {
                "the upstream sees the Origin"
            }
        });
        let text = "the checks of the upstream against requests of other sites see no Origin";
        if let Some(direction) = direction(hides) {
            let fetch = self.ask.fetch(origin, "POST");
            let example = self
                .ask
                .example(&fetch, Upstream::Silent(&[]), words.map(str::to_owned));
            self.add(Change {
                direction,
                field: "hideCorsFromUpstream",
                example: Some(example),
                ..change(text.to_owned())
            });
        }
    }

    /// What becomes of a preflight that no side allows: no browser minds.
    fn refusal(&mut self, origin: &str) {
        let answers = self.ask.exchanges(&[
            (METHOD, "OPTIONS"),
            (ORIGIN, origin),
            (ACCESS_CONTROL_REQUEST_METHOD, "GET"),
        ]);
        let statuses = answers.each_ref().map(|answer| match &answer.forwarded {
            Some(_) => "the upstream's".to_owned(),
            None => answer.response.status.to_string(),
        });
        self.neutral("unmatchedPreflights", statuses);
    }

    fn plain_options(&mut self) {
        let answers = self.ask.exchanges(&[(METHOD, "OPTIONS")]);
        let allow = answers.each_ref().map(|answer| match &answer.forwarded {
            Some(_) => "the upstream's".to_owned(),
            None => text_of(&answer.response.headers, "allow"),
        });
        self.neutral("autoOptions", allow);
    }

    /// Names of which each may be more or less than before.
    fn names(
        &mut self,
        field: &'static str,
        mut names: Vec<String>,
        text: &str,
        compare: impl Fn(&Ask, &str) -> Option<(Direction, Example)>,
    ) {
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        for wanted in [Direction::Wider, Direction::Narrower] {
            let found: Vec<(String, Example)> = names
                .iter()
                .filter_map(|name| {
                    let (direction, example) = compare(&self.ask, name)?;
                    (direction == wanted).then(|| (shown(name), example))
                })
                .collect();
            let values: Vec<String> = found.iter().map(|(name, _)| name.clone()).collect();
            if let Some((_, example)) = found.into_iter().next() {
                self.add(Change {
                    line: None,
                    direction: wanted,
                    field,
                    text: format!("{text} {}", some_of(&values)),
                    values,
                    example: Some(example),
                });
            }
        }
    }

    /// Header names that a preflight asks for, so that its answer shows what is allowed besides a list.
    fn asked_names(&self) -> Vec<String> {
        let mut names = self.families("allowHeaders");
        names.push("authorization".to_owned());
        names.push(ANY_HEADER.to_owned());
        names
    }

    /// A name of each family that a side lists, or that a preset adds.
    fn families(&self, field: &str) -> Vec<String> {
        let policies = self.policies.iter().flatten();
        let grants = policies.flat_map(|policy| std::iter::once(*policy).chain(grants_of(policy)));
        let listed = grants.flat_map(|grant| texts(grant, field));
        let presets = Preset::CHOICES.iter().flat_map(|(_, preset)| {
            let additions = preset.additions();
            let names = match field {
                "allowHeaders" => additions.request_headers,
                _ => additions.exposed_headers,
            };
            names.split(' ')
        });
        let families = listed
            .chain(presets)
            .filter_map(|name| Some(format!("{}{ANY_NAME}", name.strip_suffix('*')?)));
        let mut families: Vec<String> = families.map(|name| name.to_ascii_lowercase()).collect();
        families.retain(|name| name != ANY_NAME);
        families
    }

    fn add_request(
        &mut self,
        method: &str,
        origin: Option<&str>,
        allows: [bool; 2],
        answers: &[Exchange; 2],
        change: Change,
    ) {
        let Some(direction) = direction(allows) else {
            return;
        };
        let fetch = self.ask.fetch(origin.unwrap_or_default(), method);
        let example = self
            .ask
            .example(&fetch, Upstream::Silent(&[]), answers.each_ref().map(fate));
        self.add(Change {
            line: None,
            direction,
            example: Some(Example {
                origin: origin.map(str::to_owned),
                ..example
            }),
            ..change
        });
    }

    fn neutral(&mut self, field: &'static str, [old, new]: [String; 2]) {
        if old != new {
            self.add(Change {
                line: None,
                direction: Direction::Neutral,
                field,
                text: format!("was {}, is {}", or_none(&old), or_none(&new)),
                values: vec![old, new],
                example: None,
            });
        }
    }

    fn undecided(&mut self, field: &'static str, values: Vec<String>, text: &str) {
        self.add(Change {
            line: None,
            direction: Direction::Undecided,
            field,
            values,
            text: text.to_owned(),
            example: None,
        });
    }

    /// Adds what is not there yet.
    fn add(&mut self, change: Change) {
        let key = (change.direction, change.field, change.values.clone());
        if self.known.insert(key) {
            self.changes.push(change);
        }
    }
}

fn change(text: String) -> Change {
    Change {
        line: None,
        direction: Direction::Neutral,
        field: "",
        values: Vec::new(),
        text,
        example: None,
    }
}

/// What a policy or a grant says besides origins.
fn attributes_of(object: Option<&Json>) -> BTreeMap<String, String> {
    let pairs = entries(object).map(|(key, value)| (name_of(key).to_owned(), value.to_string()));
    pairs
        .filter(|(name, _)| !NOT_ATTRIBUTES.contains(&name.as_str()))
        .collect()
}

fn grants_of(policy: &Json) -> impl Iterator<Item = &Json> {
    let grants = match field(policy, "grants") {
        Some(Json::List(grants)) => grants.as_slice(),
        _ => &[],
    };
    grants.iter()
}

/// The names that either answer lists.
fn union(answers: &[Exchange; 2], name: &str) -> Vec<String> {
    answers
        .iter()
        .flat_map(|answer| listed(answer, name))
        .collect()
}

fn text_of(headers: &Lines, name: &str) -> String {
    String::from_utf8_lossy(headers.get(name).unwrap_or_default()).into_owned()
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// A name as a policy lists it: `*`, or the family for one that stands for many.
fn shown(name: &str) -> String {
    match name {
        ANY_METHOD | ANY_HEADER => "*".to_owned(),
        name => match name.strip_suffix(ANY_NAME) {
            Some(start) => format!("{start}*"),
            None => name.to_owned(),
        },
    }
}

/// The first names, and how many more there are.
pub fn some_of(names: &[String]) -> String {
    let some = names
        .iter()
        .take(MAX_SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(MAX_SHOWN) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

/// A method and a header that no policy lists.
const ANY_METHOD: &str = "ANY-METHOD";
const ANY_HEADER: &str = "x-any-name";
/// The end of a name of a family.
const ANY_NAME: &str = "any-name";
/// Fields that are compared by themselves.
const NOT_ATTRIBUTES: [&str; 5] = [
    "allowOriginRegexes",
    "allowOrigins",
    "grants",
    "policies",
    "rules",
];
/// Fields of a policy that are those of its first grant only.
const GRANT_FIELDS: [&str; 9] = [
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    "allowPrivateNetwork",
    "exposeHeaders",
    "maxAge",
    "presets",
    "timingAllowOrigin",
    "allowOrigins",
];
/// An expansion of `*` ends at a few more.
const MAX_NAMES: usize = 60;
const MAX_SHOWN: usize = 8;
