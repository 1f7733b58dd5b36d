//! Other systems' origin matchers in the terms of this plugin, never wider than they were meant.

use std::collections::HashSet;

use cors::origin::pattern::OriginPattern;
use regex_lite::Regex;

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// Reads the matchers of one policy.
pub struct Origins<'n> {
    pub notes: &'n mut Notes,
    origins: Vec<String>,
    /// The same, to find them.
    listed: HashSet<String>,
    regexes: Vec<String>,
}

impl<'n> Origins<'n> {
    pub fn new(notes: &'n mut Notes) -> Self {
        Self {
            notes,
            origins: Vec::new(),
            listed: HashSet::new(),
            regexes: Vec::new(),
        }
    }

    /// Puts the origins into the policy: any origin is alone in it.
    pub fn finish(self, policy: &mut Policy, list: &Value) {
        let is_any = |origin: &String| origin == "*";
        if self.origins.iter().any(is_any) {
            if self.origins.len() + self.regexes.len() > 1 {
                let text = "one entry allows any origin: the others are left out";
                self.notes.push(Code::RedundantOrigins, &list.place(), text);
            }
            policy.origins = vec!["*".to_owned()];
            return;
        }
        (policy.origins, policy.regexes) = (self.origins, self.regexes);
    }

    /// An origin as written, compared byte for byte.
    pub fn exact(&mut self, at: &Value, text: &str) {
        if matches!(text, "*" | "null") {
            return self.push(text);
        }
        if self.is_literal_star(at, text) {
            return;
        }
        self.report_reading(at, text);
        self.push(text);
    }

    /// A pattern that means here what it meant there.
    pub fn wildcard(&mut self, at: &Value, text: &str) {
        match OriginPattern::parse(text) {
            Ok(_) => {
                self.report_reading(at, text);
                self.push(text);
            }
            Err(error) => self.refuse(at, text, &error.to_string()),
        }
    }

    /// Refuses a `*` that the source compares literally and the plugin reads as a wildcard.
    fn is_literal_star(&mut self, at: &Value, text: &str) -> bool {
        let is_literal = text.contains('*');
        if is_literal {
            self.refuse(at, text, "was compared byte for byte, so that it matched no origin; here \"*\" would be a wildcard: write what is meant, as in https://*.example.com");
        }
        is_literal
    }

    /// Whatever begins so. A host that is complete is not let grow into another one.
    pub fn prefix(&mut self, at: &Value, text: &str) {
        if "*".starts_with(text) {
            return self.push("*");
        }
        if self.is_literal_star(at, text) {
            return;
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return self.prefix_of_scheme(at, text);
        };
        if rest.is_empty() {
            return self.push(&format!("{scheme}://*:*"));
        }
        if let Some(origin) = text.strip_suffix('/')
            && OriginPattern::parse(origin).is_ok()
        {
            return self.exact(at, text);
        }
        if let Some((host, port)) = split_port(rest) {
            let host = format!("{scheme}://{host}");
            if !is_complete(&host) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return self.refuse(at, text, "begins no origin");
            }
            let more = if port.is_empty() { "[0-9]+" } else { "[0-9]*" };
            return self.push_regex(&format!("{}:{port}{more}", escape(&host)));
        }
        if !is_complete(text) || !(rest.contains(['.', '[']) || rest == "localhost") {
            let message = format!(
                "begins hosts of anybody's, such as {text}{}evil.example; list the origins",
                if text.ends_with(['.', '-']) { "" } else { "." }
            );
            return self.refuse(at, text, &message);
        }
        let message = format!(
            "the prefix \"{text}\" allowed {text}.evil.example: here it is this host on any port, \"{text}:*\""
        );
        self.notes.push(Code::OriginNarrowed, &at.place(), message);
        self.push_read(at, text, &format!("{text}:*"));
    }

    fn prefix_of_scheme(&mut self, at: &Value, text: &str) {
        let schemes: Vec<_> = SCHEMES
            .iter()
            .filter(|scheme| format!("{scheme}://").starts_with(text))
            .collect();
        if schemes.is_empty() {
            return self.refuse(at, text, "begins no http or https origin");
        }
        for scheme in schemes {
            self.push(&format!("{scheme}://*:*"));
        }
        self.report_schemes(at, text);
    }

    /// Whatever ends so, of http and https. A domain begins at a label.
    pub fn suffix(&mut self, at: &Value, text: &str) {
        if "*".ends_with(text) {
            return self.push("*");
        }
        if self.is_literal_star(at, text) {
            return;
        }
        if text.contains("://") && !text.starts_with("://") {
            return self.exact(at, text);
        }
        let whole = text.strip_prefix("://");
        let below = text
            .strip_prefix('.')
            .or(text.strip_prefix(':').map(|_| text));
        let domain = whole.or(below).unwrap_or(text);
        let is_port = text.starts_with(':') && whole.is_none();
        let is_domain = domain.contains('.') && is_complete(&format!("https://{domain}"));
        let is_localhost = domain == "localhost" && whole.is_some();
        if !(is_port || is_domain || is_localhost) {
            return self.refuse(at, text, "ends hosts of anybody's; list the origins");
        }
        if whole.is_none() && below.is_none() {
            let message = format!(
                "the suffix \"{text}\" allowed evil{text}: here it is this domain and what is below it"
            );
            self.notes.push(Code::OriginNarrowed, &at.place(), message);
        }
        self.report_schemes(at, text);
        for scheme in SCHEMES {
            if is_port {
                self.push_read(at, text, &format!("{scheme}://*{text}"));
                continue;
            }
            if below.is_none() {
                self.push_read(at, text, &format!("{scheme}://{domain}"));
            }
            if whole.is_none() {
                self.push_read(at, text, &format!("{scheme}://*.{domain}"));
            }
        }
    }

    /// Whatever contains this.
    pub fn contains(&mut self, at: &Value, text: &str) {
        if "*".contains(text) {
            return self.push("*");
        }
        if self.is_literal_star(at, text) {
            return;
        }
        if text.contains("://") {
            return self.prefix(at, text);
        }
        let domain = text.trim_start_matches('.');
        if !domain.contains('.') || !is_complete(&format!("https://{domain}")) {
            return self.refuse(
                at,
                text,
                "is contained in hosts of anybody's; list the origins",
            );
        }
        let message = format!(
            "containing \"{text}\" allowed a.{domain}.evil.example: here it is the domain on any port, with what is below it"
        );
        self.notes.push(Code::OriginNarrowed, &at.place(), message);
        self.report_schemes(at, text);
        for scheme in SCHEMES {
            if text == domain {
                self.push_read(at, text, &format!("{scheme}://{domain}:*"));
            }
            self.push_read(at, text, &format!("{scheme}://*.{domain}:*"));
        }
    }

    /// A regular expression that has to match the whole origin. One that matches `*` is any origin
    /// in Envoy.
    pub fn regex(&mut self, at: &Value, text: &str) {
        if !self.is_regex(at, text) {
            return;
        }
        if whole(text).is_some_and(|regex| regex.is_match("*")) {
            return self.push("*");
        }
        self.report_null(at, text);
        self.push_regex(text);
    }

    /// A regular expression that is looked for anywhere in the origin.
    pub fn regex_anywhere(&mut self, at: &Value, text: &str) {
        if !self.is_regex(at, text) {
            return;
        }
        if !is_anchored(text) {
            let message = format!(
                "\"{text}\" was looked for anywhere in the Origin; here it must match the whole, scheme and host: write what is missing at its ends"
            );
            self.notes.push(Code::RegexAnchored, &at.place(), message);
        }
        self.report_null(at, text);
        self.push_regex(text);
    }

    /// An origin in which `*` stands for any characters, none included.
    pub fn glob(&mut self, at: &Value, text: &str) {
        if !text.contains('*') || text == "*" {
            return self.exact(at, text);
        }
        if let Some((scheme, host)) = text.split_once("://") {
            if let Some(domain) = host.strip_prefix("*.")
                && !domain.contains('*')
            {
                return self.wildcard(at, text);
            }
            let single = |text: &str| !text.contains('*');
            if let Some(domain) = host.strip_prefix('*').filter(|rest| single(rest))
                && domain.starts_with(':')
            {
                return self.wildcard(at, text);
            }
            if let Some(domain) = host.strip_prefix('*').filter(|rest| single(rest))
                && !domain.is_empty()
                && single(scheme)
            {
                let message = format!(
                    "\"{text}\" allowed {scheme}://evil{domain}: here it is this domain and what is below it"
                );
                self.notes.push(Code::OriginNarrowed, &at.place(), message);
                self.push(&format!("{scheme}://{domain}"));
                return self.push(&format!("{scheme}://*.{domain}"));
            }
        }
        if let Some(start) = text.strip_suffix('*').filter(|start| !start.contains('*')) {
            return self.prefix(at, start);
        }
        if let Some(end) = text.strip_prefix('*').filter(|end| !end.contains('*')) {
            return self.suffix(at, end);
        }
        if self.label_glob(at, text) {
            return;
        }
        let mut parts = text.split('*').map(escape);
        let first = parts.next().unwrap_or_default();
        let ends_open = text.ends_with('*');
        if ends_open || !first.contains("://") {
            return self.refuse(at, text, "leaves the scheme or the end of the host open, so that hosts of anybody's match; list the origins");
        }
        let rest: Vec<_> = parts.collect();
        self.push_regex(&format!("{first}{ANY}{}", rest.join(ANY)));
    }

    /// One `*` within the first label, which here is one or more characters and no dot.
    fn label_glob(&mut self, at: &Value, text: &str) -> bool {
        let Ok((OriginPattern::Tuple(pattern), _)) = OriginPattern::parse(text) else {
            return false;
        };
        let Some(glob) = pattern.glob().filter(|_| text.matches('*').count() == 1) else {
            return false;
        };
        // `app*` was meant to be `app` too, but `pr-*` hardly `pr-`.
        let is_hyphen = |text: &str| text.starts_with('-') || text.ends_with('-');
        let may_be_none = !is_hyphen(glob.before) && !is_hyphen(glob.after);
        let none = if may_be_none { "" } else { "nothing, or for " };
        let message = format!(
            "in \"{text}\" * stood for {none}anything with a dot too: here it is letters, digits, - and _"
        );
        self.notes.push(Code::OriginNarrowed, &at.place(), message);
        if may_be_none {
            self.push_read(at, text, &text.replacen('*', "", 1));
        }
        self.push_read(at, text, text);
        true
    }

    /// The same with ports in brackets, as in `https://*.example:[80,81]`.
    pub fn ported_glob(&mut self, at: &Value, text: &str) {
        let ported = text
            .strip_suffix(']')
            .and_then(|text| text.split_once(":["));
        let Some((start, ports)) = ported else {
            return self.glob(at, text);
        };
        for port in ports.split(',') {
            self.wildcard(at, &format!("{start}:{port}"));
        }
    }

    /// An origin in whose host `*` stands for any characters, while its port is compared as it is.
    pub fn host_glob(&mut self, at: &Value, text: &str) {
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let (host, port) = split_port(rest).unwrap_or((rest, ""));
        if port.contains('*') || scheme.contains('*') {
            return self.refuse(
                at,
                text,
                "has a wildcard outside of its host, so that it matched no origin",
            );
        }
        match host.strip_prefix('*') {
            None if !host.contains('*') => self.exact(at, text),
            Some(end) if !end.contains('*') && (end.is_empty() || end.starts_with('.')) => {
                self.wildcard(at, text);
            }
            _ if host.ends_with('*') => self.refuse(at, text, "leaves the end of the host open, so that hosts of anybody's match; list the origins"),
            _ => self.glob(at, text),
        }
    }

    fn is_regex(&mut self, at: &Value, text: &str) -> bool {
        let why = match Regex::new(text) {
            Err(error) => error.to_string(),
            // The engine reads it as a set of these characters.
            Ok(_) if text.contains("[[:") => "it has no classes such as [[:alpha:]]".to_owned(),
            Ok(_) => return true,
        };
        self.refuse(
            at,
            text,
            &format!("is not a regular expression that our engine has: {why}"),
        );
        false
    }

    /// Says what is read otherwise than it is written.
    fn report_reading(&mut self, at: &Value, text: &str) {
        if let Ok((pattern, remarks)) = OriginPattern::parse(text)
            && let Some(remark) = remarks.first()
        {
            let message = format!(
                "\"{text}\" {remark}: it matched those very bytes alone, and is read as \"{pattern}\" here"
            );
            self.notes
                .push(Code::OriginNormalized, &at.place(), message);
        }
    }

    fn report_null(&mut self, at: &Value, text: &str) {
        if whole(text).is_some_and(|regex| regex.is_match("null")) {
            let message = format!(
                "\"{text}\" allowed the origin null, which no regular expression does here"
            );
            self.notes
                .push(Code::NullOriginDropped, &at.place(), message);
        }
    }

    fn report_schemes(&mut self, at: &Value, text: &str) {
        let message = format!("\"{text}\" matched any scheme; here it is http and https");
        self.notes.push(Code::SchemeNarrowed, &at.place(), message);
    }

    fn refuse(&mut self, at: &Value, text: &str, why: &str) {
        self.notes.push(
            Code::OriginNotExpressible,
            &at.place(),
            format!("\"{text}\" {why}"),
        );
    }

    /// Adds a pattern that stands for a part of an origin, and says if it is read otherwise than the
    /// source compared it: no browser sends capital letters, for example, so that they matched nothing.
    fn push_read(&mut self, at: &Value, text: &str, pattern: &str) {
        if let Ok((read, remarks)) = OriginPattern::parse(pattern)
            && let Some(remark) = remarks.first()
        {
            let message = format!(
                "\"{text}\" as a part of \"{pattern}\", which {remark}: it matched those very bytes alone, and is read as \"{read}\" here"
            );
            self.notes
                .push(Code::OriginNormalized, &at.place(), message);
        }
        self.push(pattern);
    }

    fn push(&mut self, origin: &str) {
        if self.listed.insert(origin.to_owned()) {
            self.origins.push(origin.to_owned());
        }
    }

    fn push_regex(&mut self, regex: &str) {
        self.regexes.push(regex.to_owned());
    }
}

/// The host and what follows its colon, if there is one.
fn split_port(rest: &str) -> Option<(&str, &str)> {
    let after = rest.rfind(']').unwrap_or(0);
    let colon = rest.get(after..)?.find(':')? + after;
    Some((rest.get(..colon)?, rest.get(colon + 1..)?))
}

/// Whether this is an origin that ends with its host, and the host with its last label.
fn is_complete(origin: &str) -> bool {
    !origin.ends_with(['.', '-', '*', '/']) && OriginPattern::parse(origin).is_ok()
}

/// Whether the expression can match nothing but the whole.
fn is_anchored(text: &str) -> bool {
    let inner = text
        .strip_prefix('^')
        .and_then(|rest| rest.strip_suffix('$'));
    inner.is_some_and(|inner| {
        let mut depth = 0;
        let mut escaped = false;
        for char in inner.chars() {
            match char {
                _ if escaped => {}
                '(' => depth += 1,
                ')' => depth -= 1,
                '|' if depth == 0 => return false,
                _ => {}
            }
            escaped = char == '\\' && !escaped;
        }
        !escaped
    })
}

fn whole(text: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{text})$")).ok()
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        if !char.is_ascii_alphanumeric() && !":/-_".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

/// What `*` can stand for within the host of a well-formed origin.
const ANY: &str = "[a-z0-9._-]*";
const SCHEMES: [&str; 2] = ["https", "http"];

#[cfg(test)]
mod tests {
    use cors::config::json::Json;

    use super::*;

    /// What a matcher becomes: origins, regular expressions, or `!` if it is refused.
    fn read(matcher: impl Fn(&mut Origins, &Value, &str), text: &str) -> String {
        let node = Json::String(text.to_owned());
        let value = Value::bare(&node);
        let mut notes = Notes::of("f", false);
        let mut policy = Policy::new(value.place(), 200);
        let mut origins = Origins::new(&mut notes);
        matcher(&mut origins, &value, text);
        origins.finish(&mut policy, &value);
        if notes.has_errors() {
            return "!".to_owned();
        }
        let regexes = policy.regexes.iter().map(|regex| format!("/{regex}/"));
        policy
            .origins
            .into_iter()
            .chain(regexes)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn globs_become_patterns_or_expressions_of_the_same_hosts() {
        for (glob, expected) in [
            ("*", "*"),
            ("https://a.example", "https://a.example"),
            ("https://*.a.example", "https://*.a.example"),
            (
                "https://*a.example",
                "https://a.example https://*.a.example",
            ),
            ("https://a.example:*", r"/https://a\.example:[0-9]+/"),
            ("https://*", "https://*:*"),
            ("https://a-*.b.example", "https://a-*.b.example"),
            (
                "https://app*.b.example",
                "https://app.b.example https://app*.b.example",
            ),
            ("https://a-*.b.example:*", "!"),
            (
                "https://a.*.b.*.example",
                r"/https://a\.[a-z0-9._-]*\.b\.[a-z0-9._-]*\.example/",
            ),
            ("*://a.*.example", "!"),
            ("https://a.*.example.*", "!"),
        ] {
            assert_eq!(
                read(|origins, at, text| origins.glob(at, text), glob),
                expected,
                "{glob}"
            );
        }
    }

    #[test]
    fn a_prefix_is_not_let_grow_into_another_host() {
        for (prefix, expected) in [
            ("", "*"),
            ("https://", "https://*:*"),
            ("http", "https://*:* http://*:*"),
            ("https://a.example", "https://a.example:*"),
            ("https://a.example:", r"/https://a\.example:[0-9]+/"),
            ("https://a.example:80", r"/https://a\.example:80[0-9]*/"),
            ("https://localhost", "https://localhost:*"),
            ("https://a.", "!"),
            ("https://a", "!"),
            ("https://*.a.example", "!"),
            ("ftp", "!"),
        ] {
            assert_eq!(
                read(|origins, at, text| origins.prefix(at, text), prefix),
                expected,
                "{prefix}"
            );
        }
    }

    #[test]
    fn an_expression_is_kept_and_refused_if_it_is_none_of_ours() {
        for (regex, expected) in [
            (r"https://.*\.a\.example", r"/https://.*\.a\.example/"),
            ("https://a(", "!"),
            ("https://[[:alpha:]]+", "!"),
        ] {
            assert_eq!(
                read(|origins, at, text| origins.regex(at, text), regex),
                expected,
                "{regex}"
            );
        }
    }

    #[test]
    fn any_origin_is_alone() {
        let both = |origins: &mut Origins, at: &Value, text: &str| {
            origins.exact(at, "https://a.example");
            origins.exact(at, text);
        };
        assert_eq!(read(both, "*"), "*");
        assert_eq!(read(both, "null"), "https://a.example null");
    }
}
