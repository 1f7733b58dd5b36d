//! All that one configuration says: its policies, and which of them governs a request.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::config::read_policy;
use crate::escape::{Quoted, Shown};
use crate::header::{AUTHORITY, PATH};
use crate::policy::{Mode, Policy, UnmatchedRequests, counted};
use crate::regex::MAX_REGEX_SIZE;
use crate::report::Problems;
use crate::request::Headers;
use crate::routes::{Ambiguous, Reads, Rules, Target};
use crate::text_map::ByText;
use crate::verdict::{Escaped, Refusal, Verdict};

/// A request as the host lends it: its headers, and what the host knows of its route.
pub trait Stream: Headers {
    /// The value at a path of attributes, such as `["xds", "route_name"]`.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// Seconds since some moment; without a clock it is always that moment.
    fn seconds(&self) -> u64 {
        0
    }
}

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

/// What holds for the plugin, not for a policy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    pub debug: bool,
    pub stat_prefix: String,
    pub strict: bool,
}

/// A policy for some hosts, paths or routes.
#[derive(Debug)]
struct Rule {
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

/// The policy of one request, and where it comes from.
#[derive(Debug)]
pub struct Governed {
    /// None: the request and its response are left untouched.
    pub policy: Option<Rc<Policy>>,
    pub source: Source,
    /// What refuses every origin, whatever the policy allows.
    refusal: Option<Refusal>,
    pub remark: Option<MetadataRemark>,
}

impl Governed {
    fn by(policy: Rc<Policy>, source: Source) -> Self {
        Self {
            policy: Some(policy),
            source,
            refusal: None,
            remark: None,
        }
    }

    /// Judges the request, unless no policy governs it or its `mode` is `off`.
    pub fn judge(&self, headers: &impl Headers) -> Option<(&Rc<Policy>, Verdict)> {
        let policy = self
            .policy
            .as_ref()
            .filter(|policy| policy.mode != Mode::Off)?;
        let verdict = match self.refusal {
            None => policy.judge(headers),
            Some(refusal) => policy.refuse(refusal, headers),
        };
        Some((policy, verdict))
    }

    /// The verdict in words, with the pattern and the rule that decided: for who runs the plugin.
    pub fn explain(&self, verdict: &Verdict) -> String {
        let pattern = self
            .policy
            .as_ref()
            .and_then(|policy| policy.matched_pattern(verdict));
        match pattern {
            // A regular expression in verbose mode may hold line ends.
            Some(pattern) => format!("{verdict} ({}; {})", Shown(&pattern), self.source),
            None => format!("{verdict} ({})", self.source),
        }
    }
}

/// Where the policy of a request comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// Several rules, by different readings of the path.
    Ambiguous,
    RouteMetadata,
    Rule {
        index: usize,
        words: Rc<str>,
    },
    TopLevel,
    VirtualHostMetadata,
}

impl Source {
    /// The source in words.
    pub fn words(&self) -> &str {
        match self {
            Self::Ambiguous => "conflicting rules",
            Self::RouteMetadata => "route metadata",
            Self::Rule { words, .. } => words,
            Self::TopLevel => "top-level policy",
            Self::VirtualHostMetadata => "virtual host metadata",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What there is to say about the metadata of a route, and to log the first time that a text is seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MetadataRemark {
    /// It names no policy and is none.
    Invalid(Option<String>),
    /// It is a policy that does what few people want.
    Warned(String),
}

/// Policies that routes carry in their metadata, each distinct text parsed once.
#[derive(Debug)]
struct RouteMetadata {
    namespace: String,
    cache: RefCell<Cache>,
}

/// The texts that were looked up last, and what each of them says.
#[derive(Debug, Default)]
struct Cache {
    kept: ByText<Kept>,
    /// The size of their regular expressions, which cost more memory than their texts.
    regex_size: usize,
    lookups: u64,
    /// How many texts may still be forgotten in this minute, for those that come.
    ration: usize,
    minute: Option<u64>,
    full_is_logged: bool,
    long_is_logged: bool,
}

#[derive(Debug)]
struct Kept {
    policy: Result<Rc<Policy>, Fault>,
    /// The look-up that met it last.
    used: Cell<u64>,
}

/// Why a text is no policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Invalid,
    /// The regular expressions of those in use leave no room for its own.
    NoRoom,
}

impl RouteMetadata {
    fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            cache: RefCell::default(),
        }
    }

    fn govern(
        &self,
        stream: &impl Stream,
        named: &ByText<Rc<Policy>>,
        settings: &Settings,
    ) -> Option<Governed> {
        let text = |level: &str| {
            stream.property(&["xds", level, "filter_metadata", &self.namespace, "policy"])
        };
        let (text, source) = match text("route_metadata") {
            Some(text) => (text, Source::RouteMetadata),
            None => (text("virtual_host_metadata")?, Source::VirtualHostMetadata),
        };
        if let Some(policy) = named.get(&text) {
            return Some(Governed::by(Rc::clone(policy), source));
        }
        // Nothing below borrows it again.
        let mut cache = self.cache.try_borrow_mut().ok()?;
        let (policy, remark) = cache.policy(&text, settings, || stream.seconds());
        let closed = || {
            Rc::new(Policy {
                debug: settings.debug,
                ..Policy::default()
            })
        };
        Some(Governed {
            policy: Some(policy.unwrap_or_else(closed)),
            source,
            refusal: None,
            remark,
        })
    }
}

impl Cache {
    /// The policy of a text, unless it is bad.
    fn policy(
        &mut self,
        text: &[u8],
        settings: &Settings,
        seconds: impl Fn() -> u64,
    ) -> (Option<Rc<Policy>>, Option<MetadataRemark>) {
        self.lookups += 1;
        let known = self.kept.get(text).map(|kept| {
            kept.used.set(self.lookups);
            kept.policy.clone()
        });
        let is_known = match known {
            Some(Ok(policy)) => return (Some(policy), None),
            Some(Err(Fault::NoRoom)) if self.may_forget(&seconds) => true,
            Some(Err(_)) => return (None, Some(MetadataRemark::Invalid(None))),
            None => false,
        };
        let refuse_once = |is_logged: &mut bool, log: String| {
            let log = (!std::mem::replace(is_logged, true)).then_some(log);
            (None, Some(MetadataRemark::Invalid(log)))
        };
        if text.len() > MAX_TEXT {
            let log = format!(
                "a policy in route metadata has {} bytes; the limit is {MAX_TEXT}: its routes allow no origin",
                text.len()
            );
            return refuse_once(&mut self.long_is_logged, log);
        }
        if !is_known && self.kept.len() >= MAX_TEXTS && !self.forget(|_| true, &seconds) {
            let log = format!(
                "over {MAX_TEXTS} different policies in route metadata are in use: the routes of any further one allow no origin; name policies instead"
            );
            return refuse_once(&mut self.full_is_logged, log);
        }
        let (policy, remark) = self.read(text, settings, &seconds);
        let used = Cell::new(self.lookups);
        let kept = Kept {
            policy: policy.clone(),
            used: used.clone(),
        };
        let unread = Kept {
            policy: Err(Fault::Invalid),
            used,
        };
        *self.kept.get_or_insert(text, unread) = kept;
        let remark = match remark {
            // That was logged when it came.
            Some(MetadataRemark::Invalid(_)) if is_known => Some(MetadataRemark::Invalid(None)),
            remark => remark,
        };
        (policy.ok(), remark)
    }

    fn read(
        &mut self,
        text: &[u8],
        settings: &Settings,
        seconds: &impl Fn() -> u64,
    ) -> (Result<Rc<Policy>, Fault>, Option<MetadataRemark>) {
        let (policy, report) = read_policy(text, settings);
        let Some(policy) = policy else {
            let log = format!(
                "a policy in route metadata is wrong, its routes allow no origin: {}",
                join(&report.errors)
            );
            return (
                Err(Fault::Invalid),
                Some(MetadataRemark::Invalid(Some(log))),
            );
        };
        let regex_size = policy.origins.regex_size();
        while self.regex_size + regex_size > MAX_REGEX_SIZE {
            if !self.forget(|kept| kept.regex_size() > 0, seconds) {
                let log = "too many or too large regular expressions in route metadata are in use with those of this policy: its routes allow no origin; name policies instead".to_owned();
                return (Err(Fault::NoRoom), Some(MetadataRemark::Invalid(Some(log))));
            }
        }
        self.regex_size += regex_size;
        let warned = (!report.warnings.is_empty())
            .then(|| format!("a policy in route metadata: {}", join(&report.warnings)));
        (Ok(Rc::new(policy)), warned.map(MetadataRemark::Warned))
    }

    /// Forgets the text of this kind that was used longest ago, as that of an update long gone is.
    /// `false` if none may go: of more texts than are kept, all in use, each would push out another.
    fn forget(&mut self, is: impl Fn(&Kept) -> bool, seconds: &impl Fn() -> u64) -> bool {
        let oldest = self
            .kept
            .values()
            .enumerate()
            .filter(|(_, kept)| is(kept))
            .map(|(place, kept)| (kept.used.get(), place))
            .min();
        let Some((_, place)) = oldest else {
            return false;
        };
        if !self.may_forget(seconds) {
            return false;
        }
        self.ration -= 1;
        let forgotten = self.kept.swap_remove(place);
        self.regex_size -= forgotten.map_or(0, |kept| kept.regex_size());
        true
    }

    /// Whether the ration of this minute has something left. The clock is read where it has not.
    fn may_forget(&mut self, seconds: &impl Fn() -> u64) -> bool {
        if self.ration == 0 {
            let minute = Some(seconds() / 60);
            if self.minute != minute {
                self.minute = minute;
                self.ration = MAX_TEXTS;
            }
        }
        self.ration > 0
    }
}

impl Kept {
    fn regex_size(&self) -> usize {
        self.policy
            .as_ref()
            .map_or(0, |policy| policy.origins.regex_size())
    }
}

fn join(problems: &Problems) -> String {
    let texts: Vec<String> = problems.shown.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

const MAX_TEXT: usize = 16 * 1024;
const MAX_TEXTS: usize = 1_024;
