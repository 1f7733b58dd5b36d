//! Random calls, and who answers them: a random policy, or a server that says anything.

use cors::simulate::browser::Upload;
use serde_json::json;
use support::random::Random;

/// A call and who answers it.
#[derive(Clone)]
pub struct Case {
    pub call: Call,
    pub answers: Answers,
}

/// What a script does.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub credentials: bool,
    pub upload: Upload,
}

#[derive(Clone)]
pub enum Answers {
    /// Header lines of another server, and status, for the preflight and the actual request.
    Anything(Box<[Answer; 2]>),
    /// The module under this configuration. Text, because a plugin is of one thread.
    Policy(String),
}

/// Status and header lines.
pub type Answer = (u16, Vec<(&'static str, Vec<u8>)>);

impl Call {
    /// Whether the script sets this header.
    pub fn sets(&self, name: &str) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|(own, _)| own.eq_ignore_ascii_case(name))
    }
}

/// A call by a page of this origin.
pub fn case(random: &mut Random, origin: &str) -> Case {
    let call = call(random);
    let answers = if random.once_in(3) {
        policy(random, origin)
    } else {
        anything(random, origin, &call)
    };
    Case { call, answers }
}

fn call(random: &mut Random) -> Call {
    let method = random.pick(&[
        "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "put",
        "patch", "get", "QUERY", "query", "FOO",
    ]);
    let many = random.below(4);
    let mut headers: Vec<_> = (0..many).map(|_| header(random)).collect();
    let upload = match (method, random.below(8)) {
        ("POST" | "PUT" | "PATCH", 0) => Upload::Observed,
        ("POST" | "PUT" | "PATCH", 1) => Upload::Streamed,
        _ => Upload::Whole,
    };
    // XMLHttpRequest adds to these what it knows.
    if upload != Upload::Whole {
        headers.retain(|(name, _)| *name != "Content-Type");
        headers.push(("Content-Type", "text/plain".into()));
    }
    Call {
        method,
        headers,
        credentials: random.once_in(3),
        upload,
    }
}

fn header(random: &mut Random) -> (&'static str, String) {
    let long = "x".repeat(129);
    let (name, values): (&str, &[&str]) = random.pick(&[
        (
            "Accept",
            &["text/html", "*/*;q=0.5", "a\"b", "text/(html)"][..],
        ),
        (
            "Accept-Language",
            &["de", "de-AT, de;q=0.5", "x@y", "de_AT"],
        ),
        ("Content-Language", &["de", "de:AT"]),
        (
            "Content-Type",
            &[
                "text/plain",
                "TEXT/PLAIN; charset=utf-8",
                "application/json",
                "text/plain; x=\"1\"",
                "multipart/form-data; boundary=x",
                "application/x-www-form-urlencoded",
                "text/html",
                "text",
            ],
        ),
        (
            "Range",
            &[
                "bytes=0-5",
                "bytes=5-",
                "bytes=-5",
                "bytes=5-0",
                "bytes=0-1,3-4",
                "chars=0-1",
                "bytes= 0-1",
            ],
        ),
        ("X-A", &["1", ""]),
        ("x-b", &["2"]),
        ("Authorization", &["Bearer 1"]),
        ("authorization", &["Bearer 2"]),
        ("User-Agent", &["test"]),
        ("Cookie", &["a=b"]),
        ("DNT", &["1"]),
        ("Last-Event-ID", &["1"]),
        ("If-None-Match", &["\"1\""]),
        ("Cache-Control", &["no-cache"]),
        ("Pragma", &["no-cache"]),
        ("Save-Data", &["on"]),
        ("DPR", &["2"]),
        ("Device-Memory", &["8"]),
        ("Viewport-Width", &["100"]),
        ("Priority", &["u=1"]),
        ("X-HTTP-Method-Override", &["TRACE", "PUT"]),
        ("X-Method-Override", &["GET,track"]),
        ("Proxy-Foo", &["1"]),
        ("Sec-Foo", &["1"]),
        ("Referer", &["http://x.example/"]),
        ("Upgrade-Insecure-Requests", &["1"]),
    ]);
    let value = random.pick(values);
    let is_long =
        matches!(name, "Accept" | "Accept-Language" | "Content-Language") && random.once_in(6);
    (name, if is_long { long } else { value.into() })
}

fn policy(random: &mut Random, origin: &str) -> Answers {
    let origins = random.pick(&[
        &["$"][..],
        &["*"],
        &["https://other.example"],
        &["http://*.localhost:*"],
    ]);
    let origins: Vec<_> = origins
        .iter()
        .map(|pattern| pattern.replace('$', origin))
        .collect();
    let lists_null = origins.iter().any(|origin| origin == "null");
    let some = |random: &mut Random, all: &[&'static str]| -> Vec<&'static str> {
        if random.once_in(4) {
            return vec!["*"];
        }
        all.iter().copied().filter(|_| random.once_in(2)).collect()
    };
    let text = json!({
        "allowOrigins": origins,
        "allowMethods": some(random, &["GET", "PUT", "DELETE", "PATCH", "QUERY", "FOO"]),
        "allowHeaders": some(random, &["content-type", "Authorization", "X-A", "x-b", "user-agent", "range",
            "cache-control", "accept", "x-http-method-override", "last-event-id"]),
        "exposeHeaders": some(random, &["x-one", "ETag"]),
        "allowCredentials": !lists_null && random.once_in(2),
        "unmatchedRequests": random.pick(&["forward", "reject"]),
    });
    Answers::Policy(text.to_string())
}

fn anything(random: &mut Random, origin: &str, call: &Call) -> Answers {
    let statuses = [
        random.pick(&[200, 204, 299, 201, 304, 400, 401, 403, 404, 500]),
        random.pick(&[200, 200, 201, 204, 206, 400, 401, 404, 418, 500, 503]),
    ];
    let sensible = |random: &mut Random| random.below(5) != 0;
    let mut answers = Vec::new();
    for status in statuses {
        let mut headers: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut add =
            |name, value: &str| headers.push((name, value.chars().map(|c| c as u8).collect()));
        let others = [
            origin.to_owned() + "/",
            origin.to_uppercase(),
            format!("{origin}, {origin}"),
            format!("{origin},*"),
            "null".into(),
            "https://other.example".into(),
            String::new(),
            "*".into(),
            "* ".into(),
            "*,*".into(),
            format!(" {origin} "),
            format!("{origin}\u{e9}"),
            "all".into(),
            format!("\"{origin}\""),
        ];
        if sensible(random) {
            let star = !call.credentials && random.once_in(2);
            add(
                "access-control-allow-origin",
                if star { "*" } else { origin },
            );
        } else if !random.once_in(4) {
            let other = random.below(others.len());
            add("Access-Control-Allow-Origin", &others[other]);
        } else if random.once_in(2) {
            add("access-control-allow-origin", origin);
            add("access-control-allow-origin", origin);
        }
        if sensible(random) {
            add("access-control-allow-credentials", "true");
        } else {
            let value = random.pick(&[
                "True",
                "TRUE",
                "true ",
                " true",
                "false",
                "true, true",
                "",
                "1",
                "true\u{e9}",
            ]);
            add("access-control-allow-credentials", value);
            if random.once_in(8) {
                add("access-control-allow-credentials", "true");
            }
        }
        let normalized = call.method.to_uppercase();
        let methods = [call.method, &normalized];
        let method = random.pick(&methods);
        let list = list(random, method);
        if !random.once_in(6) {
            add("access-control-allow-methods", &list);
        }
        if random.once_in(10) {
            add("access-control-allow-methods", "X-M, PUT");
        }
        let names: Vec<_> = call.headers.iter().map(|(name, _)| *name).collect();
        let names = if random.once_in(4) {
            names.join(", ").to_lowercase()
        } else {
            names.join(",")
        };
        let asks_authorization = call.sets("authorization") && random.once_in(2);
        let list = match asks_authorization {
            true => "*".into(),
            false => self::list(random, &names),
        };
        if !random.once_in(6) {
            add("access-control-allow-headers", &list);
        }
        if random.once_in(10) {
            add("access-control-allow-headers", "X-A");
        }
        if random.once_in(2) {
            let list = random.pick(&[
                "x-one",
                "X-One, ETag",
                "*",
                "x-one, *",
                "x one",
                "set-cookie, x-two",
                "x-one,,etag",
                "",
                "x-one;etag",
                "content-length",
                "*, set-cookie",
                "(x",
                "x-one\u{e9}",
            ]);
            add("access-control-expose-headers", list);
            if random.once_in(6) {
                add("access-control-expose-headers", "x-two");
            }
        }
        for (name, value) in [
            ("x-one", "1"),
            ("x-two", "2"),
            ("etag", "\"1\""),
            ("set-cookie", "c=d"),
            ("content-type", "text/plain"),
            ("cache-control", "no-store"),
            ("expires", "0"),
            ("pragma", "x"),
            ("content-language", "de"),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("set-cookie2", "e=f"),
        ] {
            if random.once_in(3) {
                add(name, value);
            }
        }
        answers.push((status, headers));
    }
    let answers: [_; 2] = answers.try_into().unwrap_or_else(|_| panic!("two answers"));
    Answers::Anything(Box::new(answers))
}

/// A list with these items, or something like it.
fn list(random: &mut Random, items: &str) -> String {
    match random.below(16) {
        0 => "*".into(),
        1 => format!("{items},*"),
        2 => format!("{items},,\t X-Y ,"),
        3 => format!(", {items}"),
        4 => items.replace(',', " "),
        5 => format!("{items}, ("),
        6 => format!("{items};"),
        7 => format!("X-Y, {items}"),
        8 => format!("{items}, \"x\""),
        9 => format!("{items}, \u{e9}"),
        10 => format!("{items}, X Y"),
        11 => "authorization".into(),
        12 => items.to_lowercase(),
        _ => items.into(),
    }
}

pub fn describe(case: &Case) -> String {
    let answers = match &case.answers {
        Answers::Policy(policy) => policy.clone(),
        Answers::Anything(answers) => {
            let text = answers.iter().map(|(status, headers)| {
                let lines = headers
                    .iter()
                    .filter(|(name, _)| name.to_lowercase().starts_with("access"));
                let lines: Vec<_> = lines
                    .map(|(name, value)| format!("{name}: {}", value.escape_ascii()))
                    .collect();
                format!("{status} {}", lines.join(" | "))
            });
            text.collect::<Vec<_>>().join("\n  then ")
        }
    };
    format!("{:?}\n  {answers}", case.call)
}
