//! Reads the grants of a policy: its own fields, and `grants`.

use crate::byte_map::ByteMap;
use crate::config::choices::Preset;
use crate::config::fields::GRANT_FIELDS;
use crate::config::json::Json;
use crate::config::reader::{Object, Reader, quote};
use crate::diagnostic::Code;
use crate::origin::pattern::OriginPattern;
use crate::policy::grant::Grant;

/// The grants of a policy that name origins, in order.
#[derive(Default)]
pub(crate) struct Grants {
    pub grants: Vec<Grant>,
    /// The words for what allows any origin.
    pub any_origin: Option<(String, String)>,
    /// Whether one has the preset `mcp`.
    pub is_mcp: bool,
}

impl Reader {
    /// Reads the policy's own fields and `grants`.
    pub(crate) fn read_grants(&mut self, object: &Object, needs_origins: bool) -> Grants {
        let mut grants = Grants::default();
        if !object.writes("grants") {
            self.read_grant(object, None, needs_origins, &mut grants);
            return grants;
        }
        self.patterns = Some(ByteMap::default());
        let presets = object.get("presets");
        let opens = matches!(presets, Some(Json::List(items)) if items.contains(&Json::String("open".to_owned())));
        if opens || object.writes("allowOrigins") || object.writes("allowOriginRegexes") {
            self.read_grant(object, None, needs_origins, &mut grants);
        } else {
            for field in GRANT_FIELDS {
                if object.has(field.name) {
                    self.diagnostics.error(
                        Code::GrantFieldUnused,
                        object.at(field.name),
                        "",
                        "has no effect without allowOrigins next to it, because grants inherit nothing; write it in each of grants",
                    );
                }
            }
        }
        for (place, path, node) in self.read_entries(object) {
            if let Some((path, value)) = &grants.any_origin {
                self.diagnostics.error(
                    Code::AnyOriginNotLast,
                    path,
                    value,
                    "allows any origin, so that no later grant holds; write it in the last of grants",
                );
            }
            if let Some(entry) = self.read_object(&path, node, &[GRANT_FIELDS]) {
                self.read_grant(&entry, Some(place), needs_origins, &mut grants);
            }
        }
        self.patterns = None;
        grants
    }

    fn read_entries<'n>(&mut self, object: &Object<'n>) -> Vec<(usize, String, &'n Json)> {
        let path = object.at("grants");
        let nodes = match object.get("grants") {
            None => return Vec::new(),
            Some(Json::List(nodes)) => nodes,
            Some(node) => {
                self.wrong_type(&path, node, "a list of grants");
                return Vec::new();
            }
        };
        if nodes.is_empty() {
            self.diagnostics
                .error(Code::EmptyList, &path, "", "is empty; leave it out");
        }
        if nodes.len() > MAX_GRANTS {
            let text = format!("has {} entries; the limit is {MAX_GRANTS}", nodes.len());
            self.diagnostics
                .error(Code::TooManyEntries, &path, "", text);
            return Vec::new();
        }
        let places = nodes.iter().enumerate();
        places
            .map(|(place, node)| (place, format!("{path}[{place}]"), node))
            .collect()
    }

    fn read_grant(
        &mut self,
        object: &Object,
        place: Option<usize>,
        needs_origins: bool,
        grants: &mut Grants,
    ) {
        let presets = self.read_presets(object);
        let mut grant = Grant {
            place,
            credentials: self.read_bool(object, "allowCredentials"),
            max_age: self.read_max_age(object),
            private_network: self.read_bool(object, "allowPrivateNetwork"),
            timing: self.read_bool(object, "timingAllowOrigin"),
            ..Grant::default()
        };
        let any_origin = self.read_origins(object, &presets, &grants.grants, &mut grant);
        self.read_methods(object, &presets, &mut grant);
        self.read_request_headers(object, &presets, &mut grant);
        self.read_expose(object, &presets, &mut grant);
        if needs_origins && grant.origins.is_empty() && !names_origins(object) {
            let inherits = if object.path.is_empty() {
                ""
            } else {
                ": nothing is inherited from above"
            };
            let text = format!(
                "no origin is allowed{inherits}; list origins as in [\"https://app.example.com\"], or [] for none"
            );
            self.diagnostics
                .error(Code::NoOrigins, object.at("allowOrigins"), "", text);
        }
        if let (true, Some((path, value))) = (grant.credentials, &any_origin) {
            self.diagnostics.warn(
                Code::CredentialsWithAnyOrigin,
                path,
                value,
                "allows any origin with credentials: every site can act as your users; list the origins",
            );
        }
        if grant.private_network {
            self.diagnostics.warn(
                Code::PrivateNetworkObsolete,
                object.at("allowPrivateNetwork"),
                "",
                "is obsolete: browsers ask their user instead (Local Network Access) and send no header; leave it out",
            );
        }
        grants.is_mcp |= presets.contains(&Preset::Mcp);
        grants.any_origin = any_origin;
        grants.grants.push(grant);
    }

    /// The one name that stands for a label of the grants' origins.
    pub(crate) fn read_tenant(&mut self, object: &Object, grants: &[Grant]) -> String {
        let mut names = grants.iter().map(|grant| grant.origins.tenant());
        let name = names.find(|name| !name.is_empty()).unwrap_or_default();
        if !name.is_empty() && !self.may_bind {
            self.diagnostics.error(
                Code::TenantOutsideRule,
                object.at("allowOrigins"),
                &quote(&format!("{{{name}}}")),
                "is bound only by the match of a rule; write this policy in one of rules, or a wildcard",
            );
        }
        name.to_owned()
    }

    /// Reports a pattern that an earlier grant has too, and one that an earlier grant covers.
    pub(crate) fn check_grants(
        &mut self,
        at: &impl Fn() -> String,
        written: &str,
        pattern: &OriginPattern,
        earlier: &[Grant],
    ) {
        if self.patterns.is_none() {
            return;
        }
        let text = pattern.to_string();
        if self.check_repeated(at, written, &text, earlier) || !pattern.is_exact() {
            return;
        }
        let allows =
            |grant: &&Grant| !grant.origins.is_any() && grant.origins.find(text.as_bytes()).is_ok();
        if let Some(grant) = earlier.iter().find(allows) {
            let text = format!(
                "is never reached, because {} allows it first; write this grant before that one",
                grant.label()
            );
            self.diagnostics
                .error(Code::GrantNeverReached, at(), &quote(written), text);
        }
    }

    /// Reports a pattern that an earlier grant has too.
    pub(crate) fn check_repeated(
        &mut self,
        at: &impl Fn() -> String,
        written: &str,
        pattern: &str,
        earlier: &[Grant],
    ) -> bool {
        let number = earlier.len() as u64;
        let Some(patterns) = &mut self.patterns else {
            return false;
        };
        let first = *patterns.get_or_insert(pattern.as_bytes(), number);
        let first = usize::try_from(first).ok();
        let Some(grant) = first.and_then(|first| earlier.get(first)) else {
            return false;
        };
        let text = format!(
            "is in {} too, which holds; leave one of the two out",
            grant.label()
        );
        self.diagnostics
            .error(Code::GrantOriginRepeated, at(), &quote(written), text);
        true
    }
}

/// Whether the object has a list of origins, even if not a readable one.
fn names_origins(object: &Object) -> bool {
    ["allowOrigins", "allowOriginRegexes"].iter().any(|name| {
        object.unreadable.contains(name)
            || match object.get(name) {
                None => false,
                Some(Json::List(items)) => *name == "allowOrigins" || !items.is_empty(),
                Some(_) => true,
            }
    })
}

/// Each costs a look-up of the `Origin`.
const MAX_GRANTS: usize = 32;
