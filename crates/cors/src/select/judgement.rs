//! What was decided about one request, carried out.

use std::fmt;

use crate::escape::Shown;
use crate::http::header::{ORIGIN, SEC_FETCH_SITE};
use crate::http::request::{Headers, HeadersMut, RequestContext};
use crate::policy::counter::Counter;
use crate::policy::verdict::{Reason, Refusal, Reply, Verdict};
use crate::policy::{Mode, Policy};
use crate::select::policy_set::PolicySet;
use crate::select::route_policy::RoutePolicy;
use crate::select::selection::{Governing, Notice, Selection, Source};

/// The decision about one request, made once, in the request phase, and carried out in both: a later
/// filter may change `Origin` (CVE-2023-35943 of Envoy's own filter).
///
/// Where nothing is to be changed (no policy, or one whose `mode` is `shadow` or `off`), there is no
/// reply, and amending does nothing.
#[derive(Debug)]
pub struct Judgement {
    selection: Selection,
    /// `None` where nothing is judged: no policy, or one whose `mode` is `off`.
    verdict: Option<Verdict>,
    mode: Mode,
    debug: bool,
}

impl PolicySet {
    /// Judges a request. The host is asked only for what the configuration needs.
    pub fn judge(&self, request: &impl RequestContext) -> Judgement {
        self.judge_under(None, request)
    }

    /// The same where the host gives the route its own configuration.
    #[inline]
    pub fn judge_under(
        &self,
        route: Option<&RoutePolicy>,
        request: &impl RequestContext,
    ) -> Judgement {
        let debug = self.settings.debug;
        let mut tenant = None;
        let selection = self.select(request, route, &mut tenant);
        let mode = match &selection.governing {
            Governing::Conflict(conflict) => conflict.mode,
            Governing::Nothing => Mode::Off,
            Governing::Policy(policy, _) => policy.fields.mode,
            Governing::Rule(rule) => rule.policy.fields.mode,
        };
        Judgement {
            verdict: match &selection.governing {
                _ if mode == Mode::Off => None,
                Governing::Conflict(conflict) => Some(conflict.judge(request)),
                governing => governing
                    .policy()
                    .map(|policy| policy.judge(request, tenant.as_ref(), debug)),
            },
            selection,
            mode,
            debug,
        }
    }

    /// Puts back what an earlier pass of the request hid from its upstream: see [`Judgement::hidden`].
    pub fn restore_hidden(&self, request: &mut (impl RequestContext + HeadersMut)) {
        if self.hides() {
            restore(request);
        }
    }
}

#[inline(never)] // Out of the way of most requests.
fn restore(request: &mut (impl RequestContext + HeadersMut)) {
    let Some(hidden) = request.property(&[HIDDEN]) else {
        return;
    };
    let mut values = hidden.splitn(2, |byte| *byte == b'\n');
    for name in HIDDEN_HEADERS {
        if let Some(value) = values.next().filter(|value| !value.is_empty()) {
            request.replace(name, value);
        }
    }
}

impl Judgement {
    /// Whether nothing is left to do before the response: no origin to judge, and nothing to report. So it
    /// is with most requests, which then take none of the further steps.
    pub fn waits_for_response(&self) -> bool {
        let is_plain =
            |verdict: &Verdict| verdict.reason == Reason::NotCors && !verdict.is_plain_options;
        !self.debug
            && self.selection.notice.is_none()
            && self.verdict.as_ref().is_some_and(is_plain)
    }

    /// The reply, if the request is to be answered here; otherwise it goes on.
    pub fn reply(&self) -> Option<Reply> {
        let verdict = self.enforced()?;
        match &self.selection.governing {
            Governing::Conflict(conflict) => conflict.reply(verdict, self.debug),
            governing => governing.policy()?.reply(verdict, self.debug),
        }
    }

    /// Changes the request that goes on to the upstream.
    #[inline(never)] // Out of the way of most requests.
    pub fn amend_request(&self, headers: &mut impl HeadersMut) {
        if let (Some(verdict), Some(policy)) = (self.enforced(), self.policy()) {
            policy.amend_request(verdict, headers);
        }
    }

    /// Changes the response to a request that went on, whatever made it.
    pub fn amend_response(&self, headers: &mut impl HeadersMut) {
        let Some(verdict) = self.enforced() else {
            return;
        };
        match &self.selection.governing {
            Governing::Conflict(conflict) => conflict.amend_response(verdict, headers),
            governing => {
                if let Some(policy) = governing.policy() {
                    policy.amend_response(verdict, headers);
                }
            }
        }
    }

    /// The value that the property [`HIDDEN`] of the request needs, if [`Judgement::amend_request`] hides
    /// headers: a redirect that Envoy follows itself starts a new chain of filters on the request as this
    /// one leaves it, and another policy may govern it there.
    #[inline(never)] // Out of the way of most requests.
    pub fn hidden(&self, headers: &impl Headers) -> Option<Vec<u8>> {
        let policy = self.policy()?;
        let verdict = self.enforced().filter(|verdict| policy.hides(verdict))?;
        let origin = verdict.request.origin()?;
        let site = headers.value(SEC_FETCH_SITE).unwrap_or_default();
        Some([origin, &site].join(&b'\n'))
    }

    /// Drops what no response needs: a refused `Origin` can have 60 KB, and a stream can last for hours.
    pub fn trim(&mut self) {
        if self.is_shadow() {
            self.verdict = None;
        }
        if let Some(verdict) = &mut self.verdict {
            let policy = self.selection.governing.policy();
            if !policy.is_some_and(|policy| policy.echoes(verdict)) {
                verdict.trim();
            }
            if verdict.answer.is_some() {
                verdict.answer = None;
            }
        }
    }

    /// The counters of the outcome, and of its detail.
    pub fn counters(&self) -> [Option<Counter>; 2] {
        self.verdict.as_ref().map_or([None, None], Counter::of)
    }

    /// Writes what access logs show of a refusal.
    pub fn write_label(&self, refusal: Refusal, text: &mut String) {
        text.clear();
        if self.is_shadow() {
            text.push_str("shadow ");
        }
        text.push_str(refusal.code());
        text.push(' ');
        text.push_str(self.label());
    }

    /// Why the request is refused.
    pub fn refusal(&self) -> Option<Refusal> {
        match self.verdict.as_ref()?.reason {
            Reason::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether what was decided is carried out.
    pub fn is_enforced(&self) -> bool {
        self.enforced().is_some()
    }

    /// Whether the policy only judges.
    pub fn is_shadow(&self) -> bool {
        self.mode == Mode::Shadow
    }

    /// Whether the judgement is to be logged: under `debug` each is, and under `shadow` each refusal.
    pub fn is_logged(&self) -> bool {
        self.verdict.is_some() && (self.debug || self.is_shadow() && self.refusal().is_some())
    }

    /// Whether there is a policy for the request, of whatever mode.
    pub fn is_governed(&self) -> bool {
        !matches!(self.selection.governing, Governing::Nothing)
    }

    /// The pattern that allowed the request, as written in the configuration.
    pub fn matched_pattern(&self) -> Option<String> {
        self.policy()?.matched_pattern(self.verdict.as_ref()?)
    }

    /// The grant that allowed the request, where its policy has several.
    pub fn matched_grant(&self) -> Option<String> {
        self.policy()?.matched_grant(self.verdict.as_ref()?)
    }

    /// The later grants that allow the origin too, each with its pattern.
    pub fn further_grants(&self) -> Vec<(String, String)> {
        match (self.policy(), &self.verdict) {
            (Some(policy), Some(verdict)) => policy.further_grants(verdict),
            _ => Vec::new(),
        }
    }

    /// The family of `allowHeaders` that covers a lower-case name for the allowed origin.
    pub fn family_of(&self, name: &str) -> Option<String> {
        let verdict = self.verdict.as_ref()?;
        self.policy()?.family_of(verdict, name)
    }

    /// What was decided; `None` where nothing is judged.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Where the policy comes from.
    pub fn source(&self) -> Source {
        self.selection.governing.source()
    }

    /// Where the policy comes from, in words.
    pub fn label(&self) -> &str {
        self.selection.governing.label()
    }

    /// What there is to say about the metadata of the route.
    pub fn notice(&self) -> Option<&Notice> {
        self.selection.notice.as_deref()
    }

    fn policy(&self) -> Option<&Policy> {
        self.selection.governing.policy()
    }

    /// The verdict, if it is carried out.
    #[inline]
    fn enforced(&self) -> Option<&Verdict> {
        self.verdict.as_ref().filter(|_| self.mode != Mode::Shadow)
    }
}

/// The verdict in words, with the pattern and the rule that decided: for the people who run the plugin.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.label();
        match (&self.verdict, self.matched_pattern()) {
            // A regular expression in verbose mode may hold line ends.
            (Some(verdict), Some(pattern)) => {
                write!(f, "{verdict} ({}; ", Shown(&pattern))?;
                if let Some(grant) = self.matched_grant() {
                    write!(f, "{grant}; ")?;
                }
                write!(f, "{source})")
            }
            (Some(verdict), None) => write!(f, "{verdict} ({source})"),
            (None, _) if self.is_governed() => write!(f, "mode off ({source})"),
            (None, _) => f.write_str("no policy governs it"),
        }
    }
}

/// The property of a request that holds what an earlier pass hid.
pub const HIDDEN: &str = "cors_hidden";

/// Of the headers that are hidden, those that a judgement needs.
const HIDDEN_HEADERS: [&str; 2] = [ORIGIN, SEC_FETCH_SITE];
