//! All that one configuration says: its policies, and which of them governs a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::byte_map::Indexed;
use crate::escape::Quoted;
use crate::http::header::{AUTHORITY, PATH};
use crate::http::request::{Headers, RequestContext};
use crate::origin::tenant::Tenant;
use crate::policy::conflict::Conflict;
use crate::policy::verdict::Refusal;
use crate::policy::{Mode, Policy, UnmatchedRequests, counted};
use crate::routes::rules::{Ambiguous, Reads, Target};
use crate::select::judgement::Judgement;
use crate::select::route_metadata::RouteMetadata;
use crate::select::route_policy::RoutePolicy;
use crate::select::rule_set::RuleSet;
use crate::select::selection::{Carrier, Governing, Selection};
use crate::settings::Settings;

/// A validated configuration. The default governs nothing.
#[derive(Debug, Default)]
pub struct PolicySet {
    pub settings: Settings,
    top_level: Option<Arc<Policy>>,
    rules: RuleSet,
    /// The policies that route metadata may name.
    named: Indexed<Arc<Policy>>,
    route_metadata: Option<RouteMetadata>,
    /// Whether some policy hides headers of requests; those in route metadata become known as they come.
    hides: AtomicBool,
}

impl PolicySet {
    pub(crate) fn new(
        settings: Settings,
        top_level: Option<Arc<Policy>>,
        rules: RuleSet,
        named: Indexed<Arc<Policy>>,
        route_metadata: Option<RouteMetadata>,
    ) -> Self {
        let hides = rules
            .policies()
            .chain(&top_level)
            .any(|policy| policy.fields.hide_cors_from_upstream);
        Self {
            settings,
            top_level,
            rules,
            named,
            route_metadata,
            hides: AtomicBool::new(hides),
        }
    }

    pub fn governs_nothing(&self) -> bool {
        self.top_level.is_none() && self.rules.len() == 0 && self.route_metadata.is_none()
    }

    /// Whether some policy only judges, so that its counters are needed.
    pub fn may_shadow(&self) -> bool {
        let policies = self.named.values().chain(&self.top_level);
        self.route_metadata.is_some()
            || policies
                .chain(self.rules.policies())
                .any(|policy| policy.fields.mode == Mode::Shadow)
    }

    /// Whether some policy that is known hides headers of requests, so that a further pass of one needs
    /// them back.
    pub fn hides(&self) -> bool {
        self.hides.load(Ordering::Relaxed)
    }

    /// Whether such a policy may still come.
    pub fn may_hide(&self) -> bool {
        self.hides() || self.route_metadata.is_some()
    }

    /// Finds the policy that governs a request: that of the route's configuration, else of its metadata,
    /// else of a rule, else the top-level one. The host is asked only for what the configuration looks at.
    pub(crate) fn select(
        &self,
        stream: &impl RequestContext,
        route: Option<&RoutePolicy>,
        tenant: &mut Option<Tenant>,
    ) -> Selection {
        if route.is_none() && self.route_metadata.is_none() {
            return self.select_rule(stream, tenant);
        }
        self.select_for_route(stream, route)
            .unwrap_or_else(|| self.select_rule(stream, tenant))
    }

    /// The policy of the route's configuration or metadata.
    #[inline(never)] // Out of the way of most requests.
    fn select_for_route(
        &self,
        stream: &dyn RequestContext,
        route: Option<&RoutePolicy>,
    ) -> Option<Selection> {
        let of_metadata = || {
            let metadata = self.route_metadata.as_ref()?;
            metadata.select(stream, &self.named, &self.settings)
        };
        let of_route = route.map(|route| route.select(&self.named));
        let selection = of_route.or_else(of_metadata)?;
        if let Some(policy) = selection.governing.policy()
            && policy.fields.hide_cors_from_upstream
        {
            self.hides.store(true, Ordering::Relaxed);
        }
        Some(selection)
    }

    /// The policy of a rule, else the top-level one.
    #[inline(always)] // A call costs more than the body.
    fn select_rule(&self, stream: &impl RequestContext, tenant: &mut Option<Tenant>) -> Selection {
        let reads = self.rules.index.reads();
        if reads == Reads::default() {
            return self.by_rule(None);
        }
        self.find_rule(reads, stream, tenant)
    }

    #[inline(never)] // Out of the way of configurations without rules.
    fn find_rule(
        &self,
        reads: Reads,
        stream: &impl RequestContext,
        tenant: &mut Option<Tenant>,
    ) -> Selection {
        let read = |wanted: bool, name: &str| wanted.then(|| stream.value(name)).flatten();
        let target = Target {
            route_name: reads
                .route_name
                .then(|| stream.property(&["xds", "route_name"]))
                .flatten(),
            authority: read(reads.host, AUTHORITY),
            path: read(reads.path, PATH),
        };
        match self.rules.index.find(&target, tenant) {
            Ok(rule) => self.by_rule(rule),
            Err(ambiguous) => self.by_conflict(&ambiguous, stream),
        }
    }

    /// What the rule for a request has bound the name to that its policy looks at.
    pub fn tenant_of(&self, stream: &impl RequestContext) -> Option<Vec<u8>> {
        let mut tenant = None;
        self.select(stream, None, &mut tenant);
        tenant.map(|tenant| tenant.text().to_vec())
    }

    /// A line that says how much there is of what, and no content.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(policy) = &self.top_level {
            parts.push(format!("top-level policy with {}", policy.summary()));
        }
        if self.rules.len() > 0 {
            parts.push(counted(self.rules.len(), "rule", "rules"));
        }
        if !self.named.is_empty() {
            parts.push(counted(self.named.len(), "named policy", "named policies"));
        }
        if let Some(metadata) = &self.route_metadata {
            parts.push(format!("route metadata {}", Quoted(&metadata.namespace)));
        }
        if parts.is_empty() {
            parts.push("no policy".to_owned());
        }
        parts.join(", ")
    }

    fn by_rule(&self, rule: Option<usize>) -> Selection {
        let rule = rule.and_then(|place| self.rules.get(place));
        let governing = match (rule, &self.top_level) {
            (Some(rule), _) => Governing::Rule(Arc::clone(rule)),
            (None, Some(policy)) => Governing::Policy(Arc::clone(policy), Carrier::Plugin),
            (None, None) => Governing::Nothing,
        };
        Selection {
            governing,
            notice: None,
        }
    }

    /// Several rules claim the request, each by some reading of its path: no origin is allowed, and
    /// what one of them keeps from the upstream is kept from it.
    #[inline(never)] // Out of the way of most requests.
    fn by_conflict(&self, ambiguous: &Ambiguous, headers: &impl Headers) -> Selection {
        let mut conflict = None;
        for rule in &ambiguous.rules {
            let policy = match rule {
                Some(place) => self.rules.get(*place).map(|rule| &rule.policy),
                None => self.top_level.as_ref(),
            };
            let Some(policy) = policy.filter(|policy| policy.fields.mode != Mode::Off) else {
                continue;
            };
            let conflict = conflict.get_or_insert(Conflict {
                refusal: Refusal::Path,
                mode: Mode::Shadow,
                rejects_requests: false,
                distrusts_authority: false,
                timing: false,
            });
            let fields = &policy.fields;
            if fields.mode == Mode::Enforce {
                conflict.mode = Mode::Enforce;
            }
            conflict.rejects_requests |= fields.unmatched_requests == UnmatchedRequests::Reject;
            conflict.distrusts_authority |= fields.distrusts_authority;
            conflict.timing |= fields.timing;
            if conflict.refusal == Refusal::Path && !policy.knows_host(headers) {
                conflict.refusal = Refusal::Host;
            }
        }
        let Some(conflict) = conflict else {
            return self.by_rule(ambiguous.rules.first().copied().flatten());
        };
        Selection {
            governing: Governing::Conflict(conflict),
            notice: None,
        }
    }
}

/// A host with several threads shares a configuration and judges with it on all of them.
const _: () = {
    const fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<PolicySet>();
    is_shared_by_threads::<Judgement>();
};
