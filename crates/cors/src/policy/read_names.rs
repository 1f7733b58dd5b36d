//! Reads the lists of methods and header names.

use crate::config::choices::Preset;
use crate::config::reader::{Object, Reader, quote};
use crate::config::remedy;
use crate::diagnostic::{Code, Severity};
use crate::http::header::{
    is_cors_safelisted_response_header_name, is_forbidden_method, is_forbidden_request_header_name,
};
use crate::http::token::is_token;
use crate::origin::holds;
use crate::policy::families::{self, Families};
use crate::policy::grant::Grant;
use crate::policy::presets;
use crate::policy::{Expose, List, Methods, RequestHeaders};

impl Reader {
    pub(crate) fn read_methods(&mut self, object: &Object, presets: &[Preset], grant: &mut Grant) {
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
        let added = presets.iter().map(|preset| preset.additions().methods);
        names.extend(added.flat_map(presets::names));
        let names = unique(names, |one, other| one == other);
        grant.methods = if names.iter().any(|name| name == "*") {
            if listed.len() > 1 {
                self.diagnostics.error(
                    Code::AnyMethodAndOthers,
                    &path,
                    "",
                    "\"*\" appears next to other methods; write it alone, or list the others only",
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
        presets: &[Preset],
        grant: &mut Grant,
    ) {
        let path = object.at("allowHeaders");
        let listed = self.read_header_names(object, "allowHeaders", |name| {
            let never_set = (
                Severity::Warning,
                Code::HeaderNeverSet,
                "is a header that no script can set; leave it out",
            );
            is_forbidden_request_header_name(name).then_some(never_set)
        });
        let added = presets
            .iter()
            .map(|preset| preset.additions().request_headers);
        let mut names = header_names(listed, added);
        grant.headers = if names.iter().any(|name| name == "*") {
            RequestHeaders::Any
        } else {
            let families = Families::split_off(&mut names);
            RequestHeaders::Listed(self.make_list(&path, names), families)
        };
    }

    pub(crate) fn read_expose(&mut self, object: &Object, presets: &[Preset], grant: &mut Grant) {
        let path = object.at("exposeHeaders");
        let listed = self.read_header_names(object, "exposeHeaders", |name| {
            if ["set-cookie", "set-cookie2"].contains(&name.to_ascii_lowercase().as_str()) {
                let text = "is a header that no script can read; leave it out";
                return Some((Severity::Warning, Code::HeaderNeverReadable, text));
            }
            let text = "is readable without being exposed";
            let always_readable = (Severity::Note, Code::HeaderAlwaysReadable, text);
            is_cors_safelisted_response_header_name(name).then_some(always_readable)
        });
        let added = presets
            .iter()
            .map(|preset| preset.additions().exposed_headers);
        let mut names = header_names(listed, added);
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

    /// The entries of a list of header names. `check` gives the diagnostic of one that is a name.
    fn read_header_names<'n>(
        &mut self,
        object: &Object<'n>,
        field: &str,
        check: fn(&str) -> Option<(Severity, Code, &'static str)>,
    ) -> Vec<&'n str> {
        let path = object.at(field);
        let listed = self.read_texts(object, field);
        for (index, name) in &listed {
            let diagnostic = if let Some((code, text)) = families::fault(name) {
                let at = format!("{path}[{index}]");
                self.diagnostics.error(code, at, &quote(name), text);
                None
            } else if !is_token(name.as_bytes()) {
                let text = "is not a header name; write one name an entry, or \"*\"";
                Some((Severity::Error, Code::HeaderNameInvalid, text))
            } else if remedy::is_any(name) {
                Some((Severity::Warning, Code::AnyAsName, ANY))
            } else {
                check(name)
            };
            if let Some((severity, code, text)) = diagnostic {
                let at = format!("{path}[{index}]");
                self.diagnostics
                    .add(code, severity, &at, &quote(name), &text);
            }
        }
        listed.into_iter().map(|(_, name)| name).collect()
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

/// The listed names and those of presets, each once.
fn header_names<'n>(mut names: Vec<&'n str>, added: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.extend(added.flat_map(presets::names));
    unique(names, str::eq_ignore_ascii_case)
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
