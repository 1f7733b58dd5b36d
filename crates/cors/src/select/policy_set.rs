//! All that one configuration says: its policies, and which of them governs a request.

use std::cell::Cell;
use std::rc::Rc;

use crate::byte_map::ByText;
use crate::escape::{Escaped, Quoted};
use crate::http::header::{AUTHORITY, PATH};
use crate::http::request::{Headers, Stream};
use crate::policy::verdict::Refusal;
use crate::policy::{Mode, Policy, UnmatchedRequests, counted};
use crate::routes::rules::{Ambiguous, Reads, Rules, Target};
use crate::select::route_metadata::RouteMetadata;
use crate::select::selection::{Governed, Source};
use crate::settings::Settings;

/// A validated configuration.
#[derive(Debug)]
pub struct Plugin {
    pub settings: Settings,
    top_level: Option<Rc<Policy>>,
    rule_list: Vec<Rule>,
    rules: Rules,
    policies: ByText<Rc<Policy>>,
    route_metadata: Option<RouteMetadata>,
    /// Whether some policy hides headers of requests; those in route metadata become known as they come.
    hides: Cell<bool>,
}

/// A policy for some hosts, paths or routes.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Its place and its name, ready for explanations and access logs.
    words: Rc<str>,
    policy: Rc<Policy>,
}

impl Plugin {
    pub fn new(settings: Settings, top_level: Option<Rc<Policy>>) -> Self {
        let plugin = Self {
            settings,
            top_level,
            rule_list: Vec::new(),
            rules: Rules::default(),
            policies: ByText::default(),
            route_metadata: None,
            hides: Cell::default(),
        };
        plugin.note_hiding(plugin.top_level.as_deref());
        plugin
    }

    pub fn add_rule(&mut self, name: Option<&str>, policy: Rc<Policy>) {
        let place = format!("rules[{}]", self.rule_list.len());
        let words = match name {
            None => place,
            Some(name) => format!("{place} {}", Escaped(name.as_bytes())),
        };
        let words = words.into();
        self.note_hiding(Some(&policy));
        self.rule_list.push(Rule { words, policy });
    }

    /// Sets the index over the rules, in which a rule is its place among those added.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Sets the policies that route metadata may name.
    pub fn set_policies(&mut self, policies: ByText<Rc<Policy>>) {
        self.policies = policies;
    }

    pub fn set_route_metadata_namespace(&mut self, namespace: &str) {
        self.route_metadata = Some(RouteMetadata::new(namespace));
    }

    pub fn governs_nothing(&self) -> bool {
        self.top_level.is_none() && self.rule_list.is_empty() && self.route_metadata.is_none()
    }

    /// Whether some policy only judges, so that its counters are needed.
    pub fn may_shadow(&self) -> bool {
        let policies = self.policies.values().chain(&self.top_level);
        self.route_metadata.is_some()
            || policies
                .chain(self.rule_list.iter().map(|rule| &rule.policy))
                .any(|policy| policy.mode == Mode::Shadow)
    }

    /// Whether some policy that is known hides headers of requests, so that a further pass of one needs
    /// them back.
    pub fn hides(&self) -> bool {
        self.hides.get()
    }

    /// Whether such a policy may still come.
    pub fn may_hide(&self) -> bool {
        self.hides() || self.route_metadata.is_some()
    }

    /// Finds the policy that governs a request: that of the route's metadata, else of a rule, else
    /// the top-level one. The host is asked only for what the configuration looks at.
    pub fn govern(&self, stream: &impl Stream) -> Governed {
        if let Some(metadata) = &self.route_metadata
            && let Some(governed) = metadata.govern(stream, &self.policies, &self.settings)
        {
            self.note_hiding(governed.policy.as_deref());
            return governed;
        }
        let reads = self.rules.reads();
        if reads == Reads::default() {
            return self.governed_by(None);
        }
        let read = |wanted: bool, name: &str| wanted.then(|| stream.value(name)).flatten();
        let target = Target {
            route_name: reads
                .route_name
                .then(|| stream.property(&["xds", "route_name"]))
                .flatten(),
            authority: read(reads.host, AUTHORITY),
            path: read(reads.path, PATH),
        };
        match self.rules.find(&target) {
            Ok(rule) => self.governed_by(rule),
            Err(ambiguous) => self.closed_by(&ambiguous, stream),
        }
    }

    /// A line that says how much there is of what, and no content.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(policy) = &self.top_level {
            parts.push(format!("top-level policy with {}", policy.summary()));
        }
        if !self.rule_list.is_empty() {
            parts.push(counted(self.rule_list.len(), "rule", "rules"));
        }
        if !self.policies.is_empty() {
            parts.push(counted(
                self.policies.len(),
                "named policy",
                "named policies",
            ));
        }
        if let Some(metadata) = &self.route_metadata {
            parts.push(format!("route metadata {}", Quoted(&metadata.namespace)));
        }
        if parts.is_empty() {
            parts.push("no policy".to_owned());
        }
        parts.join(", ")
    }

    fn note_hiding(&self, policy: Option<&Policy>) {
        if policy.is_some_and(|policy| policy.hide_cors_from_upstream) {
            self.hides.set(true);
        }
    }

    fn governed_by(&self, rule: Option<usize>) -> Governed {
        match rule.and_then(|index| Some((index, self.rule_list.get(index)?))) {
            Some((index, rule)) => {
                let words = Rc::clone(&rule.words);
                Governed::by(Rc::clone(&rule.policy), Source::Rule { index, words })
            }
            None => Governed {
                policy: self.top_level.clone(),
                source: Source::TopLevel,
                refusal: None,
                remark: None,
            },
        }
    }

    /// Several rules claim the request, each by some reading of its path: no origin is allowed, and
    /// what one of them keeps from the upstream is kept from it.
    fn closed_by(&self, ambiguous: &Ambiguous, headers: &impl Headers) -> Governed {
        let mut policies = Vec::new();
        for rule in &ambiguous.rules {
            let policy = self.governed_by(*rule).policy;
            policies.extend(policy.filter(|policy| policy.mode != Mode::Off));
        }
        if policies.is_empty() {
            return self.governed_by(ambiguous.rules.first().copied().flatten());
        }
        let any = |is: fn(&Policy) -> bool| policies.iter().any(|policy| is(policy));
        let closed = Policy {
            mode: if any(|policy| policy.mode == Mode::Enforce) {
                Mode::Enforce
            } else {
                Mode::Shadow
            },
            unmatched_requests: if any(|policy| {
                policy.unmatched_requests == UnmatchedRequests::Reject
            }) {
                UnmatchedRequests::Reject
            } else {
                UnmatchedRequests::Forward
            },
            distrusts_authority: any(|policy| policy.distrusts_authority),
            debug: self.settings.debug,
            ..Policy::default()
        };
        let refusal = if policies.iter().all(|policy| policy.knows_host(headers)) {
            Refusal::Path
        } else {
            Refusal::Host
        };
        Governed {
            policy: Some(Rc::new(closed)),
            source: Source::Ambiguous,
            refusal: Some(refusal),
            remark: None,
        }
    }
}
