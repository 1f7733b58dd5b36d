//! Reads the list of origins and the regular expressions.

use crate::config::choices::Preset;
use crate::config::reader::{Object, Reader, quote};
use crate::config::remedy;
use crate::diagnostic::Code;
use crate::origin::holds;
use crate::origin::pattern::{OriginPattern, OriginPatternError, Remark, TuplePattern};
use crate::origin::regex::{MAX_REGEX_SIZE, OriginRegex};
use crate::origin::regex_warning::expand_stars;
use crate::origin::set::OriginSet;
use crate::policy::grant::Grant;

impl Reader {
    /// Reads the origins; returns the words for what allows any of them, if something does.
    pub(crate) fn read_origins(
        &mut self,
        object: &Object,
        presets: &[Preset],
        earlier: &[Grant],
        grant: &mut Grant,
    ) -> Option<(String, String)> {
        let path = object.at("allowOrigins");
        let listed = self.read_texts(object, "allowOrigins");
        let mut any_origin = None;
        let mut origins = OriginSet::default();
        if presets.iter().any(|preset| preset.additions().any_origin) {
            let _ = origins.insert(&OriginPattern::Any);
            any_origin = Some((object.at("presets"), "\"open\"".to_owned()));
        }
        for (index, text) in &listed {
            let at = || format!("{path}[{index}]");
            let (pattern, remarks) = match OriginPattern::parse(text) {
                Ok(parsed) => parsed,
                Err(error) => {
                    let (code, error) = remedy_for(text, &error);
                    self.diagnostics.error(code, at(), &quote(text), error);
                    continue;
                }
            };
            for remark in remarks {
                self.remark(&remark, &at, text, &pattern);
            }
            self.check_grants(&at, text, &pattern, earlier);
            match &pattern {
                OriginPattern::Any => any_origin = Some((at(), quote(text))),
                OriginPattern::Null => self.shared_origin(
                    at(),
                    text,
                    grant.credentials,
                    "is the origin of every sandboxed frame, file and redirect, of any site",
                ),
                OriginPattern::Tuple(tuple) => {
                    self.check_tenant(&at, text, tuple, earlier, &origins);
                    if tuple.is_without_host() {
                        self.shared_origin(
                            at(),
                            text,
                            grant.credentials,
                            "is the origin of every page of its scheme",
                        );
                    } else if tuple.is_any_host() {
                        any_origin = Some((at(), quote(text)));
                    } else if tuple.is_insecure() && grant.credentials {
                        self.diagnostics.warn(
                            Code::CredentialsWithPlainHttp,
                            at(),
                            &quote(text),
                            "is plain http with credentials: anybody on the network can act as its users; write https",
                        );
                    }
                }
            }
            if !origins.insert(&pattern) {
                self.diagnostics.error(
                    Code::TooManySchemes,
                    at(),
                    &quote(text),
                    "is the 65th scheme; the limit is 64 schemes",
                );
            }
        }
        for (index, source) in self.read_texts(object, "allowOriginRegexes") {
            let at = format!("{}[{index}]", object.at("allowOriginRegexes"));
            if let Some(regex) = self.read_regex(&at, source, grant.credentials) {
                if regex.is_any() {
                    any_origin = Some((at.clone(), quote(source)));
                }
                self.check_repeated(&|| at.clone(), source, &format!("/{source}/"), earlier);
                let elsewhere = earlier.iter().map(|grant| grant.origins.work_with(&regex));
                let elsewhere = elsewhere.sum();
                if !origins.insert_regex(regex, elsewhere) {
                    self.diagnostics.error(
                        Code::RegexTooCostly,
                        at,
                        &quote(source),
                        "can cost too much on one Origin, with the expressions before it; list the origins, or their domain as in \"https://*.example.com\", in allowOrigins, which cost nothing",
                    );
                }
            }
        }
        if origins.is_any() && origins.len() > 1 {
            self.diagnostics.error(
                Code::AnyOriginAndOthers,
                &path,
                "",
                "\"*\" appears next to other origins; write it alone, or list the others only",
            );
        }
        grant.origins = origins;
        any_origin
    }

    fn remark(
        &mut self,
        remark: &Remark,
        at: &impl Fn() -> String,
        text: &str,
        pattern: &OriginPattern,
    ) {
        let mut written = format!("{remark}; write \"{pattern}\"");
        let is_kept = matches!(remark, Remark::DefaultPort | Remark::TrailingSlash);
        if is_kept && pattern.is_exact() {
            written.push_str(" (until then, an Origin written so is allowed too)");
        }
        self.diagnostics
            .warn(remark.code(), at(), &quote(text), written);
    }

    /// Reports a name in braces that is not that of the other origins.
    fn check_tenant(
        &mut self,
        at: &impl Fn() -> String,
        text: &str,
        pattern: &TuplePattern,
        earlier: &[Grant],
        origins: &OriginSet,
    ) {
        let mut others = earlier.iter().map(|grant| &grant.origins).chain([origins]);
        let Some(named) = pattern.tenant() else {
            return;
        };
        let is_other =
            |origins: &&OriginSet| !origins.tenant().is_empty() && origins.tenant() != named.name;
        if let Some(other) = others.find(is_other) {
            let other = other.tenant();
            let error = format!(
                "has another name in braces than {{{other}}}; a policy has one: write {}",
                quote(&text.replace(named.name, other))
            );
            self.diagnostics
                .error(Code::OriginTenantInvalid, at(), &quote(text), error);
        }
    }

    /// Reports an origin that pages of different owners have.
    pub(crate) fn shared_origin(
        &mut self,
        path: String,
        written: &str,
        credentials: bool,
        what: &str,
    ) {
        if credentials {
            let text = format!(
                "{what}: with allowCredentials each of them acts as your users; remove one of the two"
            );
            self.diagnostics.error(
                Code::CredentialsWithSharedOrigin,
                path,
                &quote(written),
                text,
            );
        } else {
            let text = format!("{what}; serve the page from its own origin");
            self.diagnostics
                .warn(Code::SharedOrigin, path, &quote(written), text);
        }
    }

    pub(crate) fn read_regex(
        &mut self,
        path: &str,
        source: &str,
        credentials: bool,
    ) -> Option<OriginRegex> {
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            if self.regexes == MAX_REGEXES + 1 {
                self.diagnostics.error(
                    Code::TooManyRegexes,
                    path,
                    "",
                    format!("is over the limit of {MAX_REGEXES} regular expressions"),
                );
            }
            return None;
        }
        if source.len() > MAX_REGEX_LENGTH {
            self.diagnostics.error(
                Code::RegexTooLong,
                path,
                &quote(source),
                format!("is longer than {MAX_REGEX_LENGTH} bytes"),
            );
            return None;
        }
        if let Some(dotted) = with_escaped_dots(source) {
            let text = format!(
                "has an unescaped dot, which matches any character; write {}",
                quote(&dotted)
            );
            self.diagnostics
                .warn(Code::RegexUnescapedDot, path, &quote(source), text);
        }
        OriginRegex::parse(source)
            .and_then(|regex| {
                if !regex.is_any()
                    && let Some((code, warning)) = regex.warning(credentials)
                {
                    self.diagnostics.warn(code, path, &quote(source), warning);
                }
                self.regex_size += regex.size();
                if self.regex_size <= MAX_REGEX_SIZE {
                    Ok(regex)
                } else {
                    Err("too large, with those before it".to_owned())
                }
            })
            .map_err(|error| {
                let text = format!("is not a valid regular expression: {error}");
                self.diagnostics
                    .error(Code::RegexInvalid, path, &quote(source), text);
            })
            .ok()
    }
}

/// The error of an entry that is not a pattern, with what to write.
fn remedy_for(text: &str, error: &OriginPatternError) -> (Code, String) {
    let code = error.code();
    let mut words = error.to_string();
    if *error == OriginPatternError::WildcardWithoutDot {
        let below = text.replacen('*', "*.", 1);
        if let Ok((below, _)) = OriginPattern::parse(&below) {
            words.push_str(&format!("; write \"{below}\""));
        }
    } else if let Some(remedy) = remedy::origins(text) {
        let fault = words.bytes().position(|byte| byte == b';');
        words.truncate(fault.unwrap_or(words.len()));
        words.push_str(&remedy);
    } else if let Some((code, what, regex)) = meant_regex(text) {
        let words = format!("{what}; write {} in allowOriginRegexes", quote(&regex));
        return (code, words);
    }
    (code, words)
}

/// What an entry of `allowOrigins` is that is not a pattern, and the regular expression to write.
fn meant_regex(text: &str) -> Option<(Code, &'static str, String)> {
    if text.len() > MAX_REGEX_LENGTH {
        return None;
    }
    if let Some(regex) = expand_stars(text) {
        return Some((
            Code::OriginWildcardInLabel,
            "has a wildcard within a label",
            regex,
        ));
    }
    let is_alike = text.bytes().any(|byte| b"\\^$()|{}".contains(&byte))
        || ["/.*", "/.+", "]*", "]+"]
            .iter()
            .any(|part| holds(text, part.as_bytes()));
    let regex = with_escaped_dots(text).unwrap_or_else(|| text.to_owned());
    let can_match = || OriginRegex::parse(&regex).is_ok_and(|regex| !regex.matches_nothing());
    (is_alike && can_match()).then_some((
        Code::OriginIsRegex,
        "looks like a regular expression",
        regex,
    ))
}

/// The expression with its unescaped dots escaped, if it has some that stand for themselves most
/// likely: not in a class, not repeated.
fn with_escaped_dots(source: &str) -> Option<String> {
    let mut escaped = String::with_capacity(source.len() + 4);
    let mut inside_class = false;
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                escaped.push(char);
                escaped.extend(chars.next());
                continue;
            }
            '[' => inside_class = true,
            ']' => inside_class = false,
            '.' if !inside_class
                && !chars
                    .peek()
                    .is_some_and(|next| matches!(next, '*' | '+' | '?' | '{')) =>
            {
                escaped.push('\\');
            }
            _ => {}
        }
        escaped.push(char);
    }
    (escaped != source).then_some(escaped)
}

const MAX_REGEXES: usize = 1_000;

const MAX_REGEX_LENGTH: usize = 1_024;
