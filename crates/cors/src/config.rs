//! Configuration bytes to a [`Plugin`], with every error at once.

use std::rc::Rc;

use crate::escape::{Quoted, Shown};
use crate::field::{
    Field, MATCH_FIELDS, Meant, PLUGIN_FIELDS, POLICY_FIELDS, RULE_FIELDS, find_in, is_comment,
    meaning, suggest,
};
use crate::header::{
    is_cors_safelisted_response_header_name, is_forbidden_method, is_forbidden_request_header_name,
    is_token,
};
use crate::node::Node;
use crate::origin::{OriginPattern, OriginSet, Remark, holds};
use crate::plugin::{Plugin, Settings};
use crate::policy::{
    Expose, List, Methods, Mode, Policy, PreflightStatus, RequestHeaders, UnmatchedPreflights,
    UnmatchedRequests, UpstreamCors,
};
use crate::regex::{MAX_REGEX_SIZE, OriginRegex, expand_stars};
use crate::remedy;
use crate::report::{Report, join};
use crate::routes::{
    Hosts, Key, Rules, is_under, parse_hostname, parse_path, parse_route_name, prefix_key,
};
use crate::text_map::{ByText, TextMap};

/// Reads the bytes of a plugin configuration: JSON, a serialized `google.protobuf.Struct`, or
/// nothing.
///
/// Returns no plugin if, and only if, the report holds an error.
pub fn read(bytes: &[u8]) -> (Option<Plugin>, Report) {
    if bytes.is_empty() {
        return read_node(&Node::Object(Vec::new()));
    }
    if bytes.len() > MAX_CONFIGURATION {
        let mut report = Report::default();
        report.error(
            "",
            "",
            format!("the configuration has more than {MAX_CONFIGURATION} bytes"),
        );
        return (None, report);
    }
    match Node::parse(bytes) {
        Ok(node) => read_node(&node),
        Err(error) => {
            let mut report = Report::default();
            report.error("", "", format!("the configuration is not JSON: {error}"));
            (None, report)
        }
    }
}

/// Reads a configuration that is parsed already.
pub fn read_node(node: &Node) -> (Option<Plugin>, Report) {
    let mut reader = Reader::default();
    let plugin = reader.read_plugin(node);
    let report = reader.report;
    (report.errors.is_empty().then_some(plugin), report)
}

/// Reads a policy that stands alone, as in a route's metadata.
#[inline(never)] // Out of the code that every request runs.
pub fn read_policy(text: &[u8], settings: &Settings) -> (Option<Policy>, Report) {
    let mut reader = Reader {
        debug: settings.debug,
        ..Reader::default()
    };
    let policy = match Node::parse_json(text) {
        Ok(node) => reader.read_policy("", &node),
        Err(error) => {
            reader.report.error(
                "",
                "",
                format!("neither the name of a policy nor JSON: {error}"),
            );
            Policy::default()
        }
    };
    if settings.strict {
        reader.report.make_strict();
    }
    let report = reader.report;
    (report.errors.is_empty().then_some(policy), report)
}

#[derive(Default)]
struct Reader {
    report: Report,
    debug: bool,
    regexes: usize,
    /// What they take in memory.
    regex_size: usize,
}

/// The fields of one object that are present, and its path.
struct Object<'n> {
    path: String,
    fields: Vec<(&'static str, &'n Node)>,
    /// Fields that are written, but not so that they can be read; that has been told.
    unreadable: Vec<&'static str>,
}

impl<'n> Object<'n> {
    fn get(&self, name: &str) -> Option<&'n Node> {
        self.fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, node)| *node)
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the field is there, readable or not.
    fn writes(&self, name: &str) -> bool {
        self.has(name) || self.unreadable.contains(&name)
    }

    /// The path of a field of this object.
    fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

impl Reader {
    fn read_plugin(&mut self, node: &Node) -> Plugin {
        let Some(object) = self.read_object("", node, &[POLICY_FIELDS, PLUGIN_FIELDS]) else {
            return Plugin::new(Settings::default(), None);
        };
        let is_absent = matches!(node, Node::Object(pairs) if pairs.is_empty());
        let settings = Settings {
            debug: self.read_bool(&object, "debug"),
            strict: self.read_bool(&object, "strict"),
            stat_prefix: self.read_stat_prefix(&object),
        };
        self.debug = settings.debug;
        let policies = self.read_policies(&object);
        let names_a_policy = POLICY_FIELDS.iter().any(|field| object.has(field.name));
        let top_level = if is_absent {
            self.report.warn("", "", DEFAULT_POLICY_WARNING);
            Some(Rc::new(self.default_policy()))
        } else if names_a_policy {
            Some(Rc::new(self.build_policy(&object)))
        } else {
            None
        };
        let mut plugin = Plugin::new(settings, top_level);
        let namespace = self.read_text(&object, "routeMetadataNamespace");
        if let Some(namespace) = namespace.filter(|name| self.is_namespace(&object, name)) {
            plugin.set_route_metadata_namespace(namespace);
        }
        self.read_rules(&object, &policies, &mut plugin);
        if !is_absent && self.report.errors.is_empty() && plugin.governs_nothing() {
            self.report.warn(
                "",
                "",
                "no policy: no request is governed; list allowOrigins, or rules",
            );
        }
        plugin.set_policies(policies);
        if plugin.settings.strict {
            self.report.make_strict();
        }
        plugin
    }

    fn default_policy(&mut self) -> Policy {
        let presets = Node::List(vec![Node::String("open".to_owned())]);
        self.build_policy(&Object {
            path: String::new(),
            fields: vec![("presets", &presets)],
            unreadable: Vec::new(),
        })
    }

    fn read_stat_prefix(&mut self, object: &Object) -> String {
        let Some(prefix) = self.read_text(object, "statPrefix") else {
            return "cors".to_owned();
        };
        let is_name = (1..=64).contains(&prefix.len())
            && prefix.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            });
        if !is_name {
            self.report.error(
                object.at("statPrefix"),
                &quote(prefix),
                "is no prefix; write 1 to 64 letters, digits, _, - and single dots between",
            );
        }
        prefix.to_owned()
    }

    fn is_namespace(&mut self, object: &Object, name: &str) -> bool {
        let is_good = (1..=MAX_NAME).contains(&name.len()) && !name.contains('\0');
        if !is_good {
            self.report.error(
                object.at("routeMetadataNamespace"),
                &quote(name),
                format!("is no namespace; write 1 to {MAX_NAME} bytes, as in \"cors\""),
            );
        }
        is_good
    }

    fn read_policies(&mut self, object: &Object) -> ByText<Rc<Policy>> {
        let mut policies = ByText::default();
        let path = object.at("policies");
        let pairs = match object.get("policies") {
            None => return policies,
            Some(Node::Object(pairs)) => pairs,
            Some(node) => {
                self.wrong_type(&path, node, "an object of policies by name");
                return policies;
            }
        };
        if pairs.len() > MAX_RULES {
            self.report
                .error(&path, "", format!("has more than {MAX_RULES} policies"));
            return policies;
        }
        for (name, node) in pairs.iter().filter(|(name, _)| !is_comment(name)) {
            let path = join(&path, name);
            if name.is_empty() || name.len() > MAX_NAME {
                self.report.error(
                    &path,
                    &quote(name),
                    format!("is no name; write 1 to {MAX_NAME} bytes"),
                );
            }
            let policy = Rc::new(self.read_policy(&path, node));
            if policies.get(name.as_bytes()).is_some() {
                self.report
                    .error(&path, "", "stands twice; names are unique");
            }
            policies.get_or_insert(name.as_bytes(), policy);
        }
        policies
    }

    fn read_rules(&mut self, object: &Object, policies: &ByText<Rc<Policy>>, plugin: &mut Plugin) {
        let path = object.at("rules");
        let nodes = match object.get("rules") {
            None => return,
            Some(Node::List(nodes)) => nodes,
            Some(node) => {
                self.wrong_type(&path, node, "a list of rules");
                return;
            }
        };
        if nodes.len() > MAX_RULES {
            let text = format!("has {} rules; the limit is {MAX_RULES}", nodes.len());
            self.report.error(&path, "", text);
            return;
        }
        let mut rules = Rules::default();
        let mut matches = 0;
        let mut names = TextMap::default();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(rule) = self.read_object(&path, node, &[RULE_FIELDS]) else {
                continue;
            };
            let name = self.read_text(&rule, "name");
            let place = index as u64;
            let first = name.map(|name| *names.get_or_insert(name.as_bytes(), place));
            if let Some(other) = first.filter(|first| *first != place) {
                let text =
                    format!("is the name of rules[{other}] too; explanations could mean either");
                self.report
                    .warn(rule.at("name"), &quote(name.unwrap_or_default()), text);
            }
            let policy = self.read_rule_policy(&rule, policies);
            self.read_match(&rule, index, &mut rules, &mut matches);
            plugin.add_rule(name, policy);
        }
        plugin.set_rules(rules);
    }

    fn read_rule_policy(&mut self, rule: &Object, policies: &ByText<Rc<Policy>>) -> Rc<Policy> {
        let name = self.read_text(rule, "policyRef");
        match (rule.get("policy"), name) {
            (Some(node), None) if !rule.has("policyRef") => {
                return Rc::new(self.read_policy(&rule.at("policy"), node));
            }
            (None, Some(name)) => {
                if let Some(policy) = policies.get(name.as_bytes()) {
                    return Rc::clone(policy);
                }
                // Each name is compared letter by letter: not with ten thousand of them, and not
                // for an error that is only counted.
                let known = policies
                    .texts()
                    .take(MAX_COMPARED)
                    .filter_map(|name| std::str::from_utf8(name).ok());
                let is_shown = self.report.errors.more == 0;
                let suggestion = is_shown
                    .then(|| suggest(known, name))
                    .flatten()
                    .map_or_else(
                        || "add it to policies".to_owned(),
                        |known| format!("did you mean `{}`?", Shown(known)),
                    );
                let text = format!("names no policy; {suggestion}");
                self.report.error(rule.at("policyRef"), &quote(name), text);
            }
            (Some(_), _) => {
                self.report.error(
                    &rule.path,
                    "",
                    "has policy and policyRef; write one of them",
                );
            }
            (None, None) if rule.writes("policy") || rule.writes("policyRef") => {}
            (None, None) => {
                self.report
                    .error(&rule.path, "", "has no policy; write policy or policyRef");
            }
        }
        Rc::default()
    }

    fn read_match(&mut self, rule: &Object, index: usize, rules: &mut Rules, matches: &mut usize) {
        let path = rule.at("match");
        let Some(node) = rule.get("match") else {
            if rule.writes("match") {
                return;
            }
            self.report.error(
                &path,
                "",
                "is missing; write hostnames, exactPaths, pathPrefixes or routeNames, or make the policy the top-level one",
            );
            return;
        };
        let Some(object) = self.read_object(&path, node, &[MATCH_FIELDS]) else {
            return;
        };
        if object.fields.is_empty() && object.unreadable.is_empty() {
            self.report.error(
                &path,
                "",
                "is empty; write hostnames, exactPaths, pathPrefixes or routeNames, or make the policy the top-level one",
            );
            return;
        }
        let errors = self.report.errors.len();
        let hosts = self.read_host_names(&object, "hostnames");
        let prefixes = self.read_keys(&object, "pathPrefixes", |text| {
            parse_path(text).map(prefix_key)
        });
        // A list of prefixes beside one of paths: looked up, not compared each with each.
        let mut below = TextMap::default();
        for prefix in &prefixes {
            if let Key::Below(prefix) = prefix {
                below.get_or_insert(prefix.as_bytes(), 0);
            }
        }
        let exact = self.read_keys(&object, "exactPaths", |text| {
            let path = parse_path(text)?;
            if prefixes.is_empty() || is_under(path, &below) {
                Ok(Key::Exact(path.to_owned()))
            } else {
                Err(
                    "lies under none of pathPrefixes, and both must match; write a rule of its own"
                        .to_owned(),
                )
            }
        });
        let routes = self.read_keys(&object, "routeNames", |text| {
            parse_route_name(text).map_err(str::to_owned)
        });
        if self.report.errors.len() > errors {
            return;
        }
        // Whoever lists both means the exact ones, each of which lies under a prefix.
        let paths = if exact.is_empty() { prefixes } else { exact };
        let or_any = |keys: Vec<Key>| {
            if keys.is_empty() {
                vec![Key::Any]
            } else {
                keys
            }
        };
        let (hosts, paths, routes) = (or_any(hosts), or_any(paths), or_any(routes));
        *matches = matches.saturating_add(
            hosts
                .len()
                .saturating_mul(paths.len())
                .saturating_mul(routes.len()),
        );
        if *matches > MAX_MATCHES {
            let text = format!(
                "brings the combinations of host, path and route name over {MAX_MATCHES}; split the rules by what they need"
            );
            self.report.error(&path, "", text);
            return;
        }
        if let Err(other) = rules.insert(index, &routes, &hosts, &paths) {
            let text = format!(
                "matches what rules[{other}] matches; make one of them more specific or merge them"
            );
            self.report.error(&path, "", text);
        }
    }

    fn read_host_names(&mut self, object: &Object, name: &str) -> Vec<Key> {
        self.read_keys(object, name, |text| {
            parse_hostname(text).map_err(str::to_owned)
        })
    }

    fn read_keys(
        &mut self,
        object: &Object,
        name: &str,
        parse: impl Fn(&str) -> Result<Key, String>,
    ) -> Vec<Key> {
        let texts = self.read_texts(object, name);
        if object.has(name) && matches!(object.get(name), Some(Node::List(list)) if list.is_empty())
        {
            self.report.error(
                object.at(name),
                "",
                "is empty; leave it out, or list what it should match",
            );
        }
        texts
            .into_iter()
            .filter_map(|(index, text)| {
                parse(text)
                    .map_err(|error| {
                        self.report.error(
                            format!("{}[{index}]", object.at(name)),
                            &quote(text),
                            error,
                        );
                    })
                    .ok()
            })
            .collect()
    }

    fn read_policy(&mut self, path: &str, node: &Node) -> Policy {
        match self.read_object(path, node, &[POLICY_FIELDS]) {
            Some(object) => self.build_policy(&object),
            None => Policy::default(),
        }
    }

    fn build_policy(&mut self, object: &Object) -> Policy {
        let mut policy = Policy {
            mode: self.read_choice(
                object,
                "mode",
                &[
                    ("enforce", Mode::Enforce),
                    ("shadow", Mode::Shadow),
                    ("off", Mode::Off),
                ],
            ),
            credentials: self.read_bool(object, "allowCredentials"),
            max_age: self.read_max_age(object),
            private_network: self.read_bool(object, "allowPrivateNetwork"),
            hosts: object
                .has("hosts")
                .then(|| Hosts::new(&self.read_host_names(object, "hosts"))),
            preflight_status: self.read_preflight_status(object),
            unmatched_preflights: self.read_choice(
                object,
                "unmatchedPreflights",
                &[
                    ("reject", UnmatchedPreflights::Reject),
                    ("ignore", UnmatchedPreflights::Ignore),
                    ("forward", UnmatchedPreflights::Forward),
                ],
            ),
            unmatched_requests: self.read_choice(
                object,
                "unmatchedRequests",
                &[
                    ("forward", UnmatchedRequests::Forward),
                    ("reject", UnmatchedRequests::Reject),
                ],
            ),
            upstream_cors: self.read_choice(
                object,
                "upstreamCors",
                &[
                    ("override", UpstreamCors::Override),
                    ("keep", UpstreamCors::Keep),
                ],
            ),
            hide_cors_from_upstream: self.read_bool(object, "hideCorsFromUpstream"),
            debug: self.debug,
            ..Policy::default()
        };
        let presets = self.read_presets(object);
        let is_mcp = presets.iter().any(|preset| preset.name == "mcp");
        policy.distrusts_authority = is_mcp && policy.hosts.is_none();
        let any_origin = self.read_origins(object, &presets, &mut policy);
        self.read_methods(object, &presets, &mut policy);
        self.read_request_headers(object, &presets, &mut policy);
        self.read_expose(object, &presets, &mut policy);
        self.check_combinations(object, &policy, any_origin);
        if policy.mode == Mode::Shadow {
            self.report.note(
                object.at("mode"),
                "\"shadow\"",
                "judges, counts and logs, but changes nothing: no origin is kept out and none let in",
            );
        }
        policy.make_ready();
        policy
    }

    fn read_presets(&mut self, object: &Object) -> Vec<&'static Preset> {
        let path = object.at("presets");
        self.read_texts(object, "presets")
            .into_iter()
            .filter_map(|(index, name)| {
                let preset = PRESETS.iter().find(|preset| preset.name == name);
                if preset.is_none() {
                    let names = PRESETS.each_ref().map(|preset| preset.name);
                    self.report.error(
                        format!("{path}[{index}]"),
                        &quote(name),
                        one_of("is not a preset", &names, name),
                    );
                }
                preset
            })
            .collect()
    }

    /// Reads the origins; returns the words for what allows any of them, if something does.
    fn read_origins(
        &mut self,
        object: &Object,
        presets: &[&Preset],
        policy: &mut Policy,
    ) -> Option<(String, String)> {
        let path = object.at("allowOrigins");
        let listed = self.read_texts(object, "allowOrigins");
        let mut any_origin = None;
        let mut origins = OriginSet::default();
        if presets.iter().any(|preset| preset.any_origin) {
            let _ = origins.insert(&OriginPattern::Any);
            any_origin = Some((object.at("presets"), "\"open\"".to_owned()));
        }
        for (index, text) in &listed {
            let at = || format!("{path}[{index}]");
            let (pattern, remarks) = match OriginPattern::parse(text) {
                Ok(parsed) => parsed,
                Err(error) => {
                    let mut error = error.to_string();
                    if let Some(remedy) = remedy::origins(text) {
                        let fault = error.bytes().position(|byte| byte == b';');
                        error.truncate(fault.unwrap_or(error.len()));
                        error.push_str(&remedy);
                    } else if let Some((what, regex)) = meant_regex(text) {
                        error = format!("{what}; write {} in allowOriginRegexes", quote(&regex));
                    }
                    self.report.error(at(), &quote(text), error);
                    continue;
                }
            };
            for remark in remarks {
                let mut written = format!("{remark}; write \"{pattern}\"");
                let is_kept = matches!(remark, Remark::DefaultPort | Remark::TrailingSlash);
                if is_kept && pattern.is_exact() {
                    written.push_str(" (until then, an Origin written so is allowed too)");
                }
                self.report.warn(at(), &quote(text), written);
            }
            match &pattern {
                OriginPattern::Any => any_origin = Some((at(), quote(text))),
                OriginPattern::Null => self.shared_origin(
                    at(),
                    text,
                    policy,
                    "is the origin of every sandboxed frame, file and redirect, of any site",
                ),
                OriginPattern::Tuple(tuple) => {
                    if tuple.is_without_host() {
                        self.shared_origin(
                            at(),
                            text,
                            policy,
                            "is the origin of every page of its scheme",
                        );
                    } else if tuple.is_any_host() {
                        any_origin = Some((at(), quote(text)));
                    } else if tuple.is_insecure() && policy.credentials {
                        self.report.warn(
                            at(),
                            &quote(text),
                            "is plain http with credentials: who is on the network can act as its users; write https",
                        );
                    }
                }
            }
            if !origins.insert(&pattern) {
                self.report.error(
                    at(),
                    &quote(text),
                    "is the 65th scheme; the limit is 64 schemes",
                );
            }
        }
        for (index, source) in self.read_texts(object, "allowOriginRegexes") {
            let at = format!("{}[{index}]", object.at("allowOriginRegexes"));
            if let Some(regex) = self.read_regex(&at, source, policy.credentials) {
                if regex.is_any() {
                    any_origin = Some((at.clone(), quote(source)));
                }
                if !origins.insert_regex(regex) {
                    self.report.error(
                        at,
                        &quote(source),
                        "can cost too much on one Origin, with the expressions before it; list the origins, or their domain as in \"https://*.example.com\", in allowOrigins, which cost nothing",
                    );
                }
            }
        }
        let names_origins = ["allowOrigins", "allowOriginRegexes"].iter().any(|name| {
            object.unreadable.contains(name)
                || match object.get(name) {
                    None => false,
                    Some(Node::List(items)) => *name == "allowOrigins" || !items.is_empty(),
                    Some(_) => true,
                }
        });
        if origins.is_empty() && !names_origins && policy.mode != Mode::Off {
            let inherits = if object.path.is_empty() {
                ""
            } else {
                ": nothing is inherited from above"
            };
            let text = format!(
                "no origin is allowed{inherits}; list origins as in [\"https://app.example.com\"], or [] for none"
            );
            self.report.error(&path, "", text);
        }
        if origins.is_any() && origins.len() > 1 {
            self.report.error(
                &path,
                "",
                "\"*\" stands beside other origins; write it alone, or list the others only",
            );
        }
        policy.origins = origins;
        any_origin
    }

    /// Reports an origin that pages of different owners have.
    fn shared_origin(&mut self, path: String, written: &str, policy: &Policy, what: &str) {
        if policy.credentials {
            let text = format!(
                "{what}: with allowCredentials each of them acts as your users; drop one of the two"
            );
            self.report.error(path, &quote(written), text);
        } else {
            let text = format!("{what}; serve the page from an origin of its own");
            self.report.warn(path, &quote(written), text);
        }
    }

    fn read_regex(&mut self, path: &str, source: &str, credentials: bool) -> Option<OriginRegex> {
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            if self.regexes == MAX_REGEXES + 1 {
                self.report.error(
                    path,
                    "",
                    format!("is over the limit of {MAX_REGEXES} regular expressions"),
                );
            }
            return None;
        }
        if source.len() > MAX_REGEX_LENGTH {
            self.report.error(
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
            self.report.warn(path, &quote(source), text);
        }
        OriginRegex::parse(source)
            .and_then(|regex| {
                if !regex.is_any()
                    && let Some(warning) = regex.warning(credentials)
                {
                    self.report.warn(path, &quote(source), warning);
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
                self.report.error(path, &quote(source), text);
            })
            .ok()
    }

    fn read_methods(&mut self, object: &Object, presets: &[&Preset], policy: &mut Policy) {
        let path = object.at("allowMethods");
        let listed = self.read_texts(object, "allowMethods");
        for (index, method) in &listed {
            let at = || format!("{path}[{index}]");
            let upper = method.to_ascii_uppercase();
            if !is_token(method.as_bytes()) || (method.contains('*') && *method != "*") {
                self.report.error(
                    at(),
                    &quote(method),
                    "is not a method; write a name as in \"GET\", or \"*\" alone",
                );
            } else if is_forbidden_method(method) {
                self.report.warn(
                    at(),
                    &quote(method),
                    "is a method that no browser sends; leave it out",
                );
            } else if remedy::is_any(method) {
                self.report.warn(at(), &quote(method), ANY);
            } else if upper != *method
                && (KNOWN_METHODS.contains(&upper.as_str()) || upper == "QUERY")
            {
                let text = format!("is not {upper}: methods are case-sensitive; write \"{upper}\"");
                self.report.warn(at(), &quote(method), text);
            }
        }
        let mut names: Vec<&str> = listed.iter().map(|(_, name)| *name).collect();
        if !object.has("allowMethods") {
            names.extend(DEFAULT_METHODS);
        }
        names.extend(presets.iter().flat_map(|preset| preset.methods));
        let names = unique(names, |one, other| one == other);
        policy.methods = if names.iter().any(|name| name == "*") {
            if listed.len() > 1 {
                self.report.error(
                    &path,
                    "",
                    "\"*\" stands beside other methods; write it alone, or list the others only",
                );
            }
            Methods::Any
        } else {
            Methods::Listed(self.make_list(&path, names))
        };
        if self.read_bool(object, "autoOptions") {
            let mut allow = match &policy.methods {
                Methods::Any => {
                    self.report.warn(
                        object.at("autoOptions"),
                        "",
                        "cannot say \"*\" in Allow and names the common methods; list allowMethods",
                    );
                    KNOWN_METHODS.map(str::to_owned).to_vec()
                }
                Methods::Listed(list) => list.names.clone(),
            };
            if !allow.iter().any(|name| name == "OPTIONS") {
                allow.push("OPTIONS".to_owned());
            }
            policy.allow = Some(allow.join(", "));
        }
    }

    fn read_request_headers(&mut self, object: &Object, presets: &[&Preset], policy: &mut Policy) {
        let path = object.at("allowHeaders");
        let listed = self.read_texts(object, "allowHeaders");
        for (index, name) in &listed {
            let at = || format!("{path}[{index}]");
            if !is_header_name(name) {
                self.report.error(
                    at(),
                    &quote(name),
                    "is not a header name; write one name an entry, or \"*\"",
                );
            } else if remedy::is_any(name) {
                self.report.warn(at(), &quote(name), ANY);
            } else if is_forbidden_request_header_name(name) {
                self.report.warn(
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
        let names = unique(names, str::eq_ignore_ascii_case);
        policy.headers = if names.iter().any(|name| name == "*") {
            RequestHeaders::Any
        } else {
            RequestHeaders::Listed(self.make_list(&path, names))
        };
    }

    fn read_expose(&mut self, object: &Object, presets: &[&Preset], policy: &mut Policy) {
        let path = object.at("exposeHeaders");
        let listed = self.read_texts(object, "exposeHeaders");
        for (index, name) in &listed {
            let at = || format!("{path}[{index}]");
            if !is_header_name(name) {
                self.report.error(
                    at(),
                    &quote(name),
                    "is not a header name; write one name an entry, or \"*\"",
                );
            } else if remedy::is_any(name) {
                self.report.warn(at(), &quote(name), ANY);
            } else if matches!(
                name.to_ascii_lowercase().as_str(),
                "set-cookie" | "set-cookie2"
            ) {
                self.report.warn(
                    at(),
                    &quote(name),
                    "is a header that no script can read; leave it out",
                );
            } else if is_cors_safelisted_response_header_name(name) {
                self.report
                    .note(at(), &quote(name), "is readable without being exposed");
            }
        }
        let names = listed.iter().map(|(_, name)| *name);
        let names = names.chain(
            presets
                .iter()
                .flat_map(|preset| preset.exposed_headers)
                .copied(),
        );
        let names = unique(names, str::eq_ignore_ascii_case);
        policy.expose = match names.iter().any(|name| name == "*") {
            true if policy.credentials => Expose::All,
            true => Expose::Value("*".to_owned()),
            false => Expose::Value(self.make_list(&path, names).value),
        };
    }

    fn make_list(&mut self, path: &str, names: Vec<String>) -> List {
        let list = List::new(names);
        if list.value.len() > MAX_LIST_LENGTH {
            let text = format!(
                "makes a header of {} bytes; the limit is {MAX_LIST_LENGTH}",
                list.value.len()
            );
            self.report.error(path, "", text);
        }
        list
    }

    fn check_combinations(
        &mut self,
        object: &Object,
        policy: &Policy,
        any_origin: Option<(String, String)>,
    ) {
        if let (true, Some((path, value))) = (policy.credentials, &any_origin) {
            self.report.warn(
                path,
                value,
                "allows any origin with credentials: every site can act as your users; list the origins",
            );
        }
        if policy.private_network {
            self.report.warn(
                object.at("allowPrivateNetwork"),
                "",
                "is obsolete: browsers ask their user instead (Local Network Access) and send no header; leave it out",
            );
        }
        if policy.unmatched_requests == UnmatchedRequests::Reject {
            let path = object.at("unmatchedRequests");
            if policy.is_open() {
                self.report.warn(
                    path,
                    "\"reject\"",
                    "rejects nothing where any origin is allowed; list the origins",
                );
            } else if policy.distrusts_authority {
                self.report.warn(
                    path,
                    "\"reject\"",
                    "does not stop DNS rebinding, which the preset \"mcp\" is to stop; list the host names of the service, as in \"hosts\": [\"mcp.example.com\"]",
                );
            }
        }
        let keeps = policy.upstream_cors == UpstreamCors::Keep;
        let forwards = policy.unmatched_preflights == UnmatchedPreflights::Forward;
        if forwards && !keeps {
            self.report.error(
                object.at("unmatchedPreflights"),
                "\"forward\"",
                "needs upstreamCors \"keep\": the upstream's answer would be stripped",
            );
        } else if forwards {
            self.report.warn(
                object.at("unmatchedPreflights"),
                "\"forward\"",
                "lets the upstream answer preflights of origins that are not allowed; the Gateway API forbids it; write \"reject\"",
            );
        }
        if keeps {
            self.report.warn(
                object.at("upstreamCors"),
                "\"keep\"",
                "lets an origin that is not allowed here read what the upstream grants it; write \"override\"",
            );
        }
        if policy.hide_cors_from_upstream {
            let path = object.at("hideCorsFromUpstream");
            if keeps {
                self.report.error(&path, "", "leaves the upstream nothing to decide on; drop upstreamCors \"keep\" and unmatchedPreflights \"forward\"");
            }
            if any_origin.is_some() {
                self.report.warn(
                    &path,
                    "",
                    "with any origin allowed hides every Origin from the upstream, whose CSRF checks then see none; list the origins",
                );
            }
        }
    }

    fn read_max_age(&mut self, object: &Object) -> String {
        let path = object.at("maxAge");
        let node = match object.get("maxAge") {
            None => return DEFAULT_MAX_AGE.to_string(),
            Some(node) => node,
        };
        let seconds = match node {
            Node::Number(seconds) if *seconds < 0.0 => Err(DurationError::Negative),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, not negative and bounded"
            )]
            Node::Number(seconds) if seconds.fract() == 0.0 && *seconds <= f64::from(u32::MAX) => {
                Ok(*seconds as u64)
            }
            Node::Number(seconds) if *seconds > f64::from(u32::MAX) => Err(DurationError::Range),
            Node::Number(_) => Err(DurationError::Form),
            Node::String(text) => parse_duration(text),
            node => {
                self.wrong_type(&path, node, "seconds, or a text as in \"12h\"");
                return String::new();
            }
        };
        match seconds {
            Ok(seconds) => {
                if seconds > MAX_USEFUL_AGE {
                    let text = format!(
                        "is longer than any browser caches (Firefox {MAX_USEFUL_AGE} s, Chromium 7200 s, Safari 600 s); write at most {MAX_USEFUL_AGE}"
                    );
                    self.report.warn(&path, &node.to_string(), text);
                }
                seconds.to_string()
            }
            Err(error) => {
                self.report.error(
                    &path,
                    &node.to_string(),
                    match error {
                        DurationError::Form => {
                            "is no duration; write seconds (600) or units (\"12h\", \"1h30m\")"
                        }
                        DurationError::Negative => "is negative; write 0 for no caching",
                        DurationError::Range => "is too long; write at most 4294967295 seconds",
                    },
                );
                String::new()
            }
        }
    }

    fn read_preflight_status(&mut self, object: &Object) -> PreflightStatus {
        let path = object.at("preflightStatus");
        match object.get("preflightStatus") {
            None => PreflightStatus::default(),
            Some(Node::Number(200.0)) => PreflightStatus::Ok,
            Some(Node::Number(204.0)) => PreflightStatus::NoContent,
            Some(node @ Node::Number(_)) => {
                self.report.error(
                    path,
                    &node.to_string(),
                    "is not 200 or 204; browsers take either, write 204",
                );
                PreflightStatus::default()
            }
            Some(node) => {
                self.wrong_type(&path, node, "200 or 204");
                PreflightStatus::default()
            }
        }
    }

    fn read_choice<T: Copy + Default>(
        &mut self,
        object: &Object,
        name: &str,
        choices: &[(&str, T)],
    ) -> T {
        let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
        let choice = self.choose(object, name, &names);
        let choice = choice.and_then(|index| choices.get(index));
        choice.map(|(_, value)| *value).unwrap_or_default()
    }

    /// The index of the choice that a field names.
    fn choose(&mut self, object: &Object, name: &str, names: &[&str]) -> Option<usize> {
        let text = self.read_text(object, name)?;
        let index = names
            .iter()
            .position(|choice| choice.eq_ignore_ascii_case(text));
        if index.is_none() {
            let text = (quote(text), one_of("is not known", names, text));
            self.report.error(object.at(name), &text.0, text.1);
        }
        index
    }

    fn read_bool(&mut self, object: &Object, name: &str) -> bool {
        match object.get(name) {
            None => false,
            Some(Node::Bool(value)) => *value,
            Some(node) => {
                let meant = match node {
                    Node::String(text) if text.eq_ignore_ascii_case("true") => "true",
                    Node::String(text) if text.eq_ignore_ascii_case("false") => "false",
                    _ => "true or false",
                };
                self.wrong_type(&object.at(name), node, meant);
                false
            }
        }
    }

    fn read_text<'n>(&mut self, object: &Object<'n>, name: &str) -> Option<&'n str> {
        match object.get(name)? {
            Node::String(text) => Some(text),
            node => {
                self.wrong_type(&object.at(name), node, "a string");
                None
            }
        }
    }

    /// Reads a list of strings, each with its index.
    fn read_texts<'n>(&mut self, object: &Object<'n>, name: &str) -> Vec<(usize, &'n str)> {
        let items = match object.get(name) {
            None => return Vec::new(),
            Some(Node::List(items)) => items,
            Some(node) => {
                let list = match node {
                    // A comma may stand within a regular expression.
                    Node::String(text) if name != "allowOriginRegexes" => remedy::list(text),
                    _ => None,
                };
                let expected = list.as_deref().unwrap_or("a list of strings");
                self.wrong_type(&object.at(name), node, expected);
                return Vec::new();
            }
        };
        let limit = if name == "allowOrigins" {
            MAX_ORIGINS
        } else {
            MAX_NAMES
        };
        if items.len() > limit {
            let text = format!("has {} entries; the limit is {limit}", items.len());
            self.report.error(object.at(name), "", text);
            return Vec::new();
        }
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Node::String(text) => texts.push((index, text.as_str())),
                Node::Null if name == "allowOrigins" => self.report.error(
                    format!("{}[{index}]", object.at(name)),
                    "null",
                    "is null; write \"null\" in quotes for the origin of that name",
                ),
                node => self.wrong_type(&format!("{}[{index}]", object.at(name)), node, "a string"),
            }
        }
        texts
    }

    /// Sorts the keys of an object into known fields, comments and errors.
    fn read_object<'n>(
        &mut self,
        path: &str,
        node: &'n Node,
        tables: &[&'static [Field]],
    ) -> Option<Object<'n>> {
        let mut object = Object {
            path: path.to_owned(),
            fields: Vec::new(),
            unreadable: Vec::new(),
        };
        let Node::Object(pairs) = node else {
            self.wrong_type(path, node, "an object");
            return None;
        };
        for (key, value) in pairs {
            let path = join(path, key);
            if is_comment(key) {
                let name = key.trim_start_matches(['@', '$', '_', '#']);
                if find_in(tables, name).is_some() {
                    self.report.note(
                        &path,
                        "",
                        "is a comment because of its first character, though named like a field",
                    );
                }
                continue;
            }
            let Some(field) = find_in(tables, key) else {
                object
                    .unreadable
                    .extend(self.unknown_field(&path, key, value, tables));
                continue;
            };
            if object.has(field.name) {
                self.report
                    .error(&path, "", "stands twice; write it once, in one spelling");
            } else if *value == Node::Null {
                self.report.error(
                    &path,
                    "null",
                    "says nothing; leave the field out for its default",
                );
                object.unreadable.push(field.name);
            } else {
                object.fields.push((field.name, value));
            }
        }
        Some(object)
    }

    /// Tells of an unknown field; returns the known one that was probably meant.
    fn unknown_field(
        &mut self,
        path: &str,
        key: &str,
        value: &Node,
        tables: &[&'static [Field]],
    ) -> Option<&'static str> {
        // Its default says what happens here anyway.
        if matches!(key, "options_passthrough" | "optionsPassthrough")
            && *value == Node::Bool(false)
        {
            return None;
        }
        for (table, text) in [
            (
                PLUGIN_FIELDS,
                "belongs to the plugin; write it at the top level",
            ),
            (POLICY_FIELDS, "belongs to a policy; write it in one"),
            (RULE_FIELDS, "belongs to a rule; write it in one of rules"),
            (MATCH_FIELDS, "belongs to a rule; write it in its match"),
        ] {
            if find_in(&[table], key).is_some() {
                self.report.error(path, "", text);
                return None;
            }
        }
        // An error that is only counted needs no remedy.
        let meant = (self.report.errors.more == 0)
            .then(|| meaning(tables, key))
            .flatten();
        let (suggestion, remedy) = match meant {
            Some(Meant::Field(name)) => (Some(name), format!("did you mean `{name}`?")),
            // Their lists hold what ours do not.
            Some(Meant::Other(name)) => (
                Some(name),
                format!("did you mean `{name}`? corsctl import reads other gateways' files"),
            ),
            Some(Meant::Remedy(text)) => (None, text.to_owned()),
            // Without it a rule would match more.
            None if find_in(tables, "exactPaths").is_some() => (
                None,
                "a match has hostnames, exactPaths, pathPrefixes and routeNames".to_owned(),
            ),
            None => (None, "leave it out".to_owned()),
        };
        let text = format!("is not a known field; {remedy}");
        self.report.error(path, "", text);
        suggestion
    }

    fn wrong_type(&mut self, path: &str, node: &Node, expected: &str) {
        let text = format!("is {}; write {expected}", node.kind());
        self.report.error(path, &node.to_string(), text);
    }
}

/// What a protocol needs of a policy.
struct Preset {
    name: &'static str,
    any_origin: bool,
    methods: &'static [&'static str],
    request_headers: &'static [&'static str],
    exposed_headers: &'static [&'static str],
}

const PRESETS: [Preset; 4] = [
    // https://connectrpc.com/docs/cors
    Preset {
        name: "connect",
        any_origin: false,
        methods: &["GET", "POST"],
        request_headers: &[
            "content-type",
            "connect-protocol-version",
            "connect-timeout-ms",
            "x-user-agent",
        ],
        exposed_headers: &[],
    },
    // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md, https://connectrpc.com/docs/cors
    Preset {
        name: "grpc-web",
        any_origin: false,
        methods: &["POST"],
        request_headers: &["content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"],
        exposed_headers: &["grpc-status", "grpc-message", "grpc-status-details-bin"],
    },
    // https://modelcontextprotocol.io/specification, "Streamable HTTP" and "Authorization", from
    // the version that has sessions to the one that has none
    Preset {
        name: "mcp",
        any_origin: false,
        methods: &["GET", "POST", "DELETE"],
        request_headers: &[
            "authorization",
            "content-type",
            "last-event-id",
            "mcp-method",
            "mcp-name",
            "mcp-protocol-version",
            "mcp-session-id",
        ],
        exposed_headers: &["mcp-session-id", "www-authenticate"],
    },
    // The default policy of Traefik Hub without its credentials, so that a literal `*` exposes nothing
    // that the body does not. That one exposes no header: sessions and uploads then fail.
    Preset {
        name: "open",
        any_origin: true,
        methods: &[
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE",
        ],
        request_headers: &["*"],
        exposed_headers: &["*"],
    },
];

enum DurationError {
    Form,
    Negative,
    Range,
}

/// Reads whole seconds, or a duration in [Go's form](https://pkg.go.dev/time#ParseDuration), to
/// seconds, rounded down.
fn parse_duration(text: &str) -> Result<u64, DurationError> {
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = text;
    let mut nanoseconds: u64 = 0;
    if is_digits(rest) {
        let seconds = rest.parse::<u32>().map_err(|_| DurationError::Range)?;
        return Ok(seconds.into());
    }
    while !rest.is_empty() {
        let number = take_while(&mut rest, |char| char.is_ascii_digit() || char == '.');
        let unit: u64 = match take_while(&mut rest, |char| !char.is_ascii_digit() && char != '.') {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(DurationError::Form),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if !is_digits(&format!("{whole}{fraction}")) {
            return Err(DurationError::Form);
        }
        let mut part = match whole {
            "" => 0,
            whole => whole.parse::<u64>().map_err(|_| DurationError::Range)?,
        }
        .checked_mul(unit)
        .ok_or(DurationError::Range)?;
        let mut place = unit;
        for digit in fraction.bytes() {
            place /= 10;
            // Less than a unit in all: only the sum with the whole can be too large.
            let digit = u64::from(digit - b'0') * place;
            part = part.checked_add(digit).ok_or(DurationError::Range)?;
        }
        nanoseconds = nanoseconds.checked_add(part).ok_or(DurationError::Range)?;
    }
    match nanoseconds / 1_000_000_000 {
        _ if text.is_empty() => Err(DurationError::Form),
        seconds if seconds > u64::from(u32::MAX) => Err(DurationError::Range),
        seconds => Ok(seconds),
    }
}

fn take_while<'t>(rest: &mut &'t str, belongs: impl Fn(char) -> bool) -> &'t str {
    let end = rest.find(|char| !belongs(char)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    *rest = after;
    taken
}

/// What an entry of `allowOrigins` is that is not a pattern, and the regular expression to write.
fn meant_regex(text: &str) -> Option<(&'static str, String)> {
    if let Some(regex) = expand_stars(text) {
        return Some(("has a wildcard within a label", regex));
    }
    let is_alike = text.bytes().any(|byte| b"\\^$()|{}".contains(&byte))
        || ["/.*", "/.+", "]*", "]+"]
            .iter()
            .any(|part| holds(text, part.as_bytes()));
    let regex = with_escaped_dots(text).unwrap_or_else(|| text.to_owned());
    let can_match = || OriginRegex::parse(&regex).is_ok_and(|regex| !regex.matches_nothing());
    (is_alike && can_match()).then_some(("looks like a regular expression", regex))
}

/// The expression with its unescaped dots escaped, if it has some that stand for themselves most
/// likely: not in a class, not repeated.
fn with_escaped_dots(source: &str) -> Option<String> {
    let mut escaped = String::with_capacity(source.len() + 4);
    let mut in_class = false;
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                escaped.push(char);
                escaped.extend(chars.next());
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '.' if !in_class && !chars.peek().is_some_and(|next| "*+?{".contains(*next)) => {
                escaped.push('\\');
            }
            _ => {}
        }
        escaped.push(char);
    }
    (escaped != source).then_some(escaped)
}

fn is_header_name(name: &str) -> bool {
    name == "*" || (is_token(name.as_bytes()) && !name.contains('*'))
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

fn one_of(what: &str, names: &[&str], written: &str) -> String {
    let list = names.iter().map(|name| quote(name)).collect::<Vec<_>>();
    let list = list.join(", ");
    match suggest(names.iter().copied(), written) {
        Some(name) => format!("{what}; did you mean {}? write one of {list}", quote(name)),
        None => format!("{what}; write one of {list}"),
    }
}

fn quote(text: &str) -> String {
    Quoted(text).to_string()
}

/// What is said of a word that no browser sends.
const ANY: &str = "is an ordinary name; did you mean \"*\"?";

const DEFAULT_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

/// What [the preflight cache](https://fetch.spec.whatwg.org/#cors-preflight-cache) assumes where
/// nothing is said.
const DEFAULT_MAX_AGE: u32 = 5;

const DEFAULT_POLICY_WARNING: &str = "no configuration: any origin is allowed (allowOrigins \"*\"), with any header (allowHeaders \"*\"), by GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS and TRACE (allowMethods), without credentials (allowCredentials false), exposing every header (exposeHeaders \"*\"), for 5 s (maxAge 5); write a policy, or this one as {\"presets\": [\"open\"]}";

/// The methods that a browser sends as they are or normalises from lower case, and `PATCH`, which it
/// does not.
const KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const MAX_COMPARED: usize = 1_000;
const MAX_CONFIGURATION: usize = 16 * 1024 * 1024;
const MAX_LIST_LENGTH: usize = 16 * 1024;
const MAX_MATCHES: usize = 200_000;
const MAX_NAME: usize = 256;
const MAX_NAMES: usize = 1_000;
const MAX_ORIGINS: usize = 100_000;
const MAX_REGEXES: usize = 1_000;
const MAX_REGEX_LENGTH: usize = 1_024;
const MAX_RULES: usize = 10_000;
const MAX_USEFUL_AGE: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(configuration: &str) -> Vec<String> {
        let (_, report) = read(configuration.as_bytes());
        report
            .errors
            .shown
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn null_is_an_error_everywhere() {
        for configuration in [
            "null",
            r#"{"allowOrigins": null}"#,
            r#"{"allowOrigins": [null]}"#,
            r#"{"allowOrigins": ["*"], "maxAge": null}"#,
            r#"{"policies": null}"#,
            r#"{"policies": {"a": null}}"#,
            r#"{"policies": {"a": {"allowOrigins": null}}}"#,
            r#"{"rules": null}"#,
            r#"{"rules": [null]}"#,
            r#"{"rules": [{"match": null, "policy": {"allowOrigins": ["*"]}}]}"#,
            r#"{"rules": [{"match": {"hostnames": null}, "policy": {"allowOrigins": ["*"]}}]}"#,
            r#"{"rules": [{"match": {"hostnames": ["a"]}, "policy": null}]}"#,
            r#"{"rules": [{"match": {"hostnames": ["a"]}, "policyRef": null}]}"#,
            r#"{"debug": null}"#,
        ] {
            let errors = errors(configuration);
            assert_eq!(errors.len(), 1, "{configuration}: {errors:?}");
            assert!(errors[0].contains("null"), "{configuration}: {errors:?}");
        }
    }

    #[test]
    fn durations_are_go_s() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("600", Some(600)),
            ("12h", Some(43_200)),
            ("1h30m", Some(5_400)),
            ("1.5h", Some(5_400)),
            (".5m", Some(30)),
            ("1500ms", Some(1)),
            ("999999999ns", Some(0)),
            ("3us2µs1μs", Some(0)),
            ("", None),
            ("1 day", None),
            ("10 m", None),
            ("1d", None),
            ("h", None),
            (".h", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("99999999999", None),
            ("999999999999h", None),
            ("5124095.9h", None),
            ("18446744073.8s", None),
            ("18446744073709551615.9ns", None),
            ("0.99999999999999999999s", Some(0)),
        ] {
            assert_eq!(parse_duration(text).ok(), seconds, "{text}");
        }
    }
}
