//! Reads the rules.

use std::sync::Arc;

use crate::byte_map::{ByteMap, Indexed};
use crate::config::fields::{MATCH_FIELDS, RULE_FIELDS, suggest};
use crate::config::json::Json;
use crate::config::reader::{Object, Reader, quote};
use crate::diagnostic::{Code, Severity};
use crate::escape::Shown;
use crate::policy::Policy;
use crate::routes::host::parse_host_pattern;
use crate::routes::key::Key;
use crate::routes::path::{is_under, parse_path_pattern};
use crate::routes::route_name::parse_route_name;
use crate::select::rule_set::{Match, RuleSet};

impl Reader {
    pub(crate) fn read_rules(
        &mut self,
        object: &Object,
        policies: &Indexed<Arc<Policy>>,
    ) -> RuleSet {
        let mut rules = RuleSet::default();
        let path = object.at("rules");
        let nodes = match object.get("rules") {
            None => return rules,
            Some(Json::List(nodes)) => nodes,
            Some(node) => {
                self.wrong_type(&path, node, "a list of rules");
                return rules;
            }
        };
        if nodes.len() > MAX_RULES {
            let text = format!("has {} rules; the limit is {MAX_RULES}", nodes.len());
            self.diagnostics.error(Code::TooManyRules, &path, "", text);
            return rules;
        }
        let mut matches = 0;
        let mut names = ByteMap::default();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(rule) = self.read_object(&path, node, &[RULE_FIELDS]) else {
                // Each has its place, by which messages name it.
                let _ = rules.add(None, Arc::default(), &Match::default());
                continue;
            };
            let name = self.read_text(&rule, "name");
            let place = index as u64;
            let first = name.map(|name| *names.get_or_insert(name.as_bytes(), place));
            if let Some(other) = first.filter(|first| *first != place) {
                let text =
                    format!("is the name of rules[{other}] too; explanations could mean either");
                self.diagnostics.warn(
                    Code::DuplicateRuleName,
                    rule.at("name"),
                    &quote(name.unwrap_or_default()),
                    text,
                );
            }
            let policy = self.read_rule_policy(&rule, policies);
            let matched = self.read_match(&rule, &mut matches);
            if let Some(matched) = &matched {
                self.check_bound(&rule, &policy.fields.tenant, matched);
            }
            let matched = matched.unwrap_or_default();
            if let Err(other) = rules.add(name, policy, &matched) {
                let text = format!(
                    "matches what rules[{other}] matches; make one of them more specific or merge them"
                );
                self.diagnostics
                    .error(Code::ConflictingRules, rule.at("match"), "", text);
            }
        }
        rules
    }

    pub(crate) fn read_rule_policy(
        &mut self,
        rule: &Object,
        policies: &Indexed<Arc<Policy>>,
    ) -> Arc<Policy> {
        let name = self.read_text(rule, "policyRef");
        match (rule.get("policy"), name) {
            (Some(node), None) if !rule.has("policyRef") => {
                self.may_bind = true;
                let policy = self.read_policy(&rule.at("policy"), node);
                self.may_bind = false;
                return Arc::new(policy);
            }
            (None, Some(name)) => {
                if let Some(policy) = policies.get(name.as_bytes()) {
                    return Arc::clone(policy);
                }
                // Each name is compared letter by letter: not with ten thousand of them, and not
                // for an error that is only counted.
                let known = policies
                    .texts()
                    .take(MAX_COMPARED)
                    .filter_map(|name| std::str::from_utf8(name).ok());
                let is_shown = self.diagnostics.more(Severity::Error) == 0;
                let suggestion = is_shown
                    .then(|| suggest(known, name))
                    .flatten()
                    .map_or_else(
                        || "add it to policies".to_owned(),
                        |known| format!("did you mean `{}`?", Shown(known)),
                    );
                let text = format!("names no policy; {suggestion}");
                self.diagnostics.error(
                    Code::UnknownPolicy,
                    rule.at("policyRef"),
                    &quote(name),
                    text,
                );
            }
            (Some(_), _) => {
                self.diagnostics.error(
                    Code::PolicyAndPolicyRef,
                    &rule.path,
                    "",
                    "has policy and policyRef; write one of them",
                );
            }
            (None, None) if rule.writes("policy") || rule.writes("policyRef") => {}
            (None, None) => {
                self.diagnostics.error(
                    Code::RuleWithoutPolicy,
                    &rule.path,
                    "",
                    "has no policy; write policy or policyRef",
                );
            }
        }
        Arc::default()
    }

    /// Reports a name that the policy looks at and the match does not bind once.
    fn check_bound(&mut self, rule: &Object, name: &str, matched: &Match) {
        let value = quote(&format!("{{{name}}}"));
        match matched.binds(name) {
            _ if name.is_empty() => {}
            [false, false] => {
                let text = format!(
                    "is not bound by every entry of hostnames or of the paths, and the policy looks at it; write it in each, as in \"{{{name}}}.api.example.com\" or \"/t/{{{name}}}\""
                );
                self.diagnostics
                    .error(Code::TenantNotBound, rule.at("match"), &value, text);
            }
            [true, true] => self.diagnostics.error(
                Code::TenantBoundTwice,
                rule.at("match"),
                &value,
                "is bound by hostnames and by paths; write another name in one of them",
            ),
            _ => {}
        }
    }

    pub(crate) fn read_match(&mut self, rule: &Object, matches: &mut usize) -> Option<Match> {
        let path = rule.at("match");
        let Some(node) = rule.get("match") else {
            if rule.writes("match") {
                return None;
            }
            self.diagnostics.error(
                Code::RuleWithoutMatch,
                &path,
                "",
                "is missing; write hostnames, exactPaths, pathPrefixes or routeNames, or make the policy the top-level one",
            );
            return None;
        };
        let object = self.read_object(&path, node, &[MATCH_FIELDS])?;
        if object.fields.is_empty() && object.unreadable.is_empty() {
            self.diagnostics.error(
                Code::EmptyMatch,
                &path,
                "",
                "is empty; write hostnames, exactPaths, pathPrefixes or routeNames, or make the policy the top-level one",
            );
            return None;
        }
        let errors = self.diagnostics.count(Severity::Error);
        let hosts = self.read_keys(&object, "hostnames", &|text| {
            parse_host_pattern(text).map_err(|error| (Code::HostnameInvalid, error.to_owned()))
        });
        let prefixes = self.read_keys(&object, "pathPrefixes", &|text| {
            parse_path_pattern(text, true).map_err(|error| (Code::PathInvalid, error))
        });
        // With a list of prefixes and one of paths: looked up, instead of comparing all pairs.
        let mut below = ByteMap::default();
        for prefix in &prefixes {
            below.get_or_insert(prefix.text().as_bytes(), 0);
        }
        let exact = self.read_keys(&object, "exactPaths", &|text| {
            let path =
                parse_path_pattern(text, false).map_err(|error| (Code::PathInvalid, error))?;
            if prefixes.is_empty() || is_under(text, &below) {
                Ok(path)
            } else {
                Err((
                    Code::PathOutsidePrefixes,
                    "is below none of pathPrefixes, and both must match; write a separate rule"
                        .to_owned(),
                ))
            }
        });
        let routes = self.read_keys(&object, "routeNames", &|text| {
            parse_route_name(text).map_err(|error| (Code::RouteNameInvalid, error.to_owned()))
        });
        if self.diagnostics.count(Severity::Error) > errors {
            return None;
        }
        // A rule with both means the exact ones, each of which lies under a prefix.
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
            self.diagnostics
                .error(Code::TooManyMatches, &path, "", text);
            return None;
        }
        Some(Match {
            route_names: routes,
            hosts,
            paths,
        })
    }
}

const MAX_COMPARED: usize = 1_000;

const MAX_MATCHES: usize = 200_000;

pub(crate) const MAX_RULES: usize = 10_000;
