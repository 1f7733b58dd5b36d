//! Policies that routes carry in their metadata.

use std::sync::{Arc, Mutex, PoisonError};

use crate::byte_map::Indexed;
use crate::diagnostic::{Diagnostic, Severity};
use crate::http::request::RequestContext;
use crate::origin::regex::MAX_REGEX_SIZE;
use crate::policy::Policy;
use crate::policy::read::read_policy;
use crate::select::selection::{Carrier, Governing, Notice, Selection};
use crate::settings::Settings;

/// Policies that routes carry in their metadata, each distinct text parsed once.
#[derive(Debug)]
pub(crate) struct RouteMetadata {
    pub(crate) namespace: String,
    /// Of the routes whose text is bad.
    grants_nothing: Arc<Policy>,
    cache: Mutex<Cache>,
}

/// The texts that were looked up last, and what each of them says.
#[derive(Debug, Default)]
struct Cache {
    kept: Indexed<Kept>,
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
    policy: Result<Arc<Policy>, Fault>,
    /// The look-up that met it last.
    used: u64,
}

/// Why a text is not a valid policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Invalid,
    /// The regular expressions of those in use leave no room for its own.
    NoRoom,
}

impl RouteMetadata {
    pub(crate) fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            grants_nothing: Arc::default(),
            cache: Mutex::default(),
        }
    }

    pub(crate) fn select(
        &self,
        stream: &dyn RequestContext,
        named: &Indexed<Arc<Policy>>,
        settings: &Settings,
    ) -> Option<Selection> {
        let text = |level: &str| {
            stream.property(&["xds", level, "filter_metadata", &self.namespace, "policy"])
        };
        let (text, carrier) = match text("route_metadata") {
            Some(text) => (text, Carrier::Route),
            None => (text("virtual_host_metadata")?, Carrier::VirtualHost),
        };
        if let Some(policy) = named.get(&text) {
            return Some(Selection {
                governing: Governing::Policy(Arc::clone(policy), carrier),
                notice: None,
            });
        }
        // Nothing below locks it again. After a panic it is whole: each text is added in one step.
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (policy, notice) = cache.policy(&text, settings, || stream.seconds());
        let policy = policy.unwrap_or_else(|| Arc::clone(&self.grants_nothing));
        Some(Selection {
            governing: Governing::Policy(policy, carrier),
            notice: notice.map(Box::new),
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
    ) -> (Option<Arc<Policy>>, Option<Notice>) {
        self.lookups += 1;
        let known = self.kept.get_mut(text).map(|kept| {
            kept.used = self.lookups;
            kept.policy.clone()
        });
        let is_known = match known {
            Some(Ok(policy)) => return (Some(policy), None),
            Some(Err(Fault::NoRoom)) if self.may_forget(&seconds) => true,
            Some(Err(_)) => return (None, Some(Notice::Invalid(None))),
            None => false,
        };
        let refuse_once = |is_logged: &mut bool, log: String| {
            let log = (!std::mem::replace(is_logged, true)).then_some(log);
            (None, Some(Notice::Invalid(log)))
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
        let used = self.lookups;
        let kept = Kept {
            policy: policy.clone(),
            used,
        };
        let unread = Kept {
            policy: Err(Fault::Invalid),
            used,
        };
        *self.kept.get_or_insert(text, unread) = kept;
        let remark = match remark {
            // That was logged when it came.
            Some(Notice::Invalid(_)) if is_known => Some(Notice::Invalid(None)),
            remark => remark,
        };
        (policy.ok(), remark)
    }

    fn read(
        &mut self,
        text: &[u8],
        settings: &Settings,
        seconds: &impl Fn() -> u64,
    ) -> (Result<Arc<Policy>, Fault>, Option<Notice>) {
        let (policy, diagnostics) = read_policy(text, settings);
        let Some(policy) = policy else {
            let log = format!(
                "a policy in route metadata is wrong, its routes allow no origin: {}",
                join(diagnostics.errors())
            );
            return (Err(Fault::Invalid), Some(Notice::Invalid(Some(log))));
        };
        let regex_size = policy.regex_size();
        while self.regex_size + regex_size > MAX_REGEX_SIZE {
            if !self.forget(|kept| kept.regex_size() > 0, seconds) {
                let log = "too many or too large regular expressions in route metadata are in use with those of this policy: its routes allow no origin; name policies instead".to_owned();
                return (Err(Fault::NoRoom), Some(Notice::Invalid(Some(log))));
            }
        }
        self.regex_size += regex_size;
        let warned = (diagnostics.count(Severity::Warning) > 0).then(|| {
            format!(
                "a policy in route metadata: {}",
                join(diagnostics.warnings())
            )
        });
        (Ok(Arc::new(policy)), warned.map(Notice::Warned))
    }

    /// Forgets the text of this kind that was used longest ago, as that of an update long gone is.
    /// `false` if none may go: of more texts than are kept, all in use, each would push out another.
    fn forget(&mut self, is: impl Fn(&Kept) -> bool, seconds: &impl Fn() -> u64) -> bool {
        let oldest = self
            .kept
            .values()
            .enumerate()
            .filter(|(_, kept)| is(kept))
            .map(|(place, kept)| (kept.used, place))
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
        self.policy.as_ref().map_or(0, |policy| policy.regex_size())
    }
}

fn join<'d>(diagnostics: impl Iterator<Item = &'d Diagnostic>) -> String {
    let texts: Vec<String> = diagnostics.map(ToString::to_string).collect();
    texts.join("; ")
}

const MAX_TEXT: usize = 16 * 1024;

const MAX_TEXTS: usize = 1_024;
