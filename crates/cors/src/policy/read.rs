//! Reads one policy.

use crate::config::duration::{DurationError, parse_duration};
use crate::config::fields::POLICY_FIELDS;
use crate::config::json::Json;
use crate::config::reader::{Object, Reader};
use crate::diagnostic::{Code, Diagnostics};
use crate::policy::grant::Grant;
use crate::policy::read_grants::Grants;
use crate::policy::{
    Mode, Policy, PolicyFields, PreflightStatus, UnmatchedPreflights, UnmatchedRequests,
    UpstreamCors,
};
use crate::routes::host::Hosts;
use crate::settings::Settings;

/// Reads a single policy, as in a route's metadata.
#[inline(never)] // Out of the code that every request runs.
pub fn read_policy(text: &[u8], settings: &Settings) -> (Option<Policy>, Diagnostics) {
    let mut reader = Reader::default();
    let policy = match Json::parse_json(text) {
        Ok(node) => reader.read_policy("", &node),
        Err(error) => {
            reader.diagnostics.error(
                Code::NotJson,
                "",
                "",
                format!("neither the name of a policy nor JSON: {error}"),
            );
            Policy::default()
        }
    };
    if settings.strict {
        reader.diagnostics.make_strict();
    }
    let diagnostics = reader.diagnostics;
    ((!diagnostics.has_errors()).then_some(policy), diagnostics)
}

impl Reader {
    pub(crate) fn read_policy(&mut self, path: &str, node: &Json) -> Policy {
        match self.read_object(path, node, &[POLICY_FIELDS]) {
            Some(object) => self.build_policy(&object),
            None => Policy::default(),
        }
    }

    pub(crate) fn build_policy(&mut self, object: &Object) -> Policy {
        let mode = self.read_choice(object, "mode", Mode::CHOICES);
        let grants = self.read_grants(object, mode != Mode::Off);
        let mut policy = PolicyFields {
            mode,
            lists_grants: object.writes("grants"),
            tenant: self.read_tenant(object, &grants.grants),
            timing: grants.grants.iter().any(|grant| grant.timing),
            allow: self.read_auto_options(object, &grants.grants),
            hosts: object
                .has("hosts")
                .then(|| Hosts::new(&self.read_host_names(object, "hosts"))),
            preflight_status: self.read_preflight_status(object),
            unmatched_preflights: self.read_choice(
                object,
                "unmatchedPreflights",
                UnmatchedPreflights::CHOICES,
            ),
            unmatched_requests: self.read_choice(
                object,
                "unmatchedRequests",
                UnmatchedRequests::CHOICES,
            ),
            upstream_cors: self.read_choice(object, "upstreamCors", UpstreamCors::CHOICES),
            hide_cors_from_upstream: self.read_bool(object, "hideCorsFromUpstream"),
            ..PolicyFields::default()
        };
        policy.distrusts_authority = grants.is_mcp && policy.hosts.is_none();
        self.check_combinations(object, &policy, &grants);
        if policy.mode == Mode::Shadow {
            self.diagnostics.note(
                Code::ShadowMode,
                object.at("mode"),
                "\"shadow\"",
                "judges, counts and logs, but changes nothing: no request is refused, and no origin is allowed",
            );
        }
        let mut grants = grants.grants.into_iter();
        let first = grants.next().unwrap_or_default();
        Policy::new(policy, first, grants.collect())
    }

    pub(crate) fn check_combinations(
        &mut self,
        object: &Object,
        policy: &PolicyFields,
        grants: &Grants,
    ) {
        if policy.unmatched_requests == UnmatchedRequests::Reject {
            let path = object.at("unmatchedRequests");
            if grants.grants.iter().any(Grant::is_open) {
                self.diagnostics.warn(
                    Code::RejectsNothing,
                    path,
                    "\"reject\"",
                    "rejects nothing where any origin is allowed; list the origins",
                );
            } else if policy.distrusts_authority {
                self.diagnostics.warn(
                    Code::RejectsNoRebinding,
                    path,
                    "\"reject\"",
                    "does not stop DNS rebinding, an attack on servers of the preset \"mcp\"; list the host names of the service, as in \"hosts\": [\"mcp.example.com\"]",
                );
            }
        }
        let keeps = policy.upstream_cors == UpstreamCors::Keep;
        let forwards = policy.unmatched_preflights == UnmatchedPreflights::Forward;
        if forwards && !keeps {
            self.diagnostics.error(
                Code::ForwardWithoutKeep,
                object.at("unmatchedPreflights"),
                "\"forward\"",
                "needs upstreamCors \"keep\": the upstream's answer would be stripped",
            );
        } else if forwards {
            self.diagnostics.warn(
                Code::ForwardsPreflights,
                object.at("unmatchedPreflights"),
                "\"forward\"",
                "lets the upstream answer preflights of origins that are not allowed; the Gateway API forbids it; write \"reject\"",
            );
        }
        if keeps {
            self.diagnostics.warn(
                Code::KeepsUpstreamCors,
                object.at("upstreamCors"),
                "\"keep\"",
                "lets an origin that is not allowed here read what the upstream grants it; write \"override\"",
            );
        }
        if policy.hide_cors_from_upstream {
            let path = object.at("hideCorsFromUpstream");
            if keeps {
                self.diagnostics.error(Code::HideWithKeep, &path, "", "hides what the upstream decides on; remove upstreamCors \"keep\" and unmatchedPreflights \"forward\"");
            }
            if grants.any_origin.is_some() {
                self.diagnostics.warn(
                    Code::HideWithAnyOrigin,
                    &path,
                    "",
                    "with any origin allowed hides every Origin from the upstream, whose CSRF checks then see none; list the origins",
                );
            }
        }
    }

    pub(crate) fn read_max_age(&mut self, object: &Object) -> String {
        let path = object.at("maxAge");
        let node = match object.get("maxAge") {
            None => return DEFAULT_MAX_AGE.to_string(),
            Some(node) => node,
        };
        let seconds = match node {
            Json::Number(seconds) if *seconds < 0.0 => Err(DurationError::Negative),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, not negative and bounded"
            )]
            Json::Number(seconds) if seconds.fract() == 0.0 && *seconds <= f64::from(u32::MAX) => {
                Ok(*seconds as u64)
            }
            Json::Number(seconds) if *seconds > f64::from(u32::MAX) => Err(DurationError::Range),
            Json::Number(_) => Err(DurationError::Form),
            Json::String(text) => parse_duration(text),
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
                    self.diagnostics
                        .warn(Code::MaxAgeTooLong, &path, &node.to_string(), text);
                }
                seconds.to_string()
            }
            Err(error) => {
                self.diagnostics.error(
                    Code::MaxAgeInvalid,
                    &path,
                    &node.to_string(),
                    match error {
                        DurationError::Form => {
                            "is not a duration; write seconds (600) or units (\"12h\", \"1h30m\")"
                        }
                        DurationError::Negative => "is negative; write 0 for no caching",
                        DurationError::Range => "is too long; write at most 4294967295 seconds",
                    },
                );
                String::new()
            }
        }
    }

    pub(crate) fn read_preflight_status(&mut self, object: &Object) -> PreflightStatus {
        let path = object.at("preflightStatus");
        match object.get("preflightStatus") {
            None => PreflightStatus::default(),
            Some(node @ Json::Number(number)) => {
                PreflightStatus::of(*number).unwrap_or_else(|| {
                    self.diagnostics.error(
                        Code::PreflightStatusInvalid,
                        path,
                        &node.to_string(),
                        "is not 200 or 204; browsers take either, write 204",
                    );
                    PreflightStatus::default()
                })
            }
            Some(node) => {
                self.wrong_type(&path, node, "200 or 204");
                PreflightStatus::default()
            }
        }
    }
}

/// What [the preflight cache](https://fetch.spec.whatwg.org/#cors-preflight-cache) assumes where
/// nothing is said.
const DEFAULT_MAX_AGE: u32 = 5;

const MAX_USEFUL_AGE: u64 = 86_400;
