//! What the shells around the core do alike: read a configuration and log what there is to say about it,
//! count, label and log judgements. A shell brings its host's calls.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

use std::sync::atomic::{AtomicU64, Ordering};

use cors::diagnostic::{Diagnostics, Severity};
use cors::http::request::RequestContext;
use cors::policy::counter::Counter;
use cors::select::judgement::Judgement;
use cors::select::policy_set::PolicySet;
use cors::select::selection::Notice;
use log::Level;

/// The stream of a request, as its host lends it.
pub trait Stream: RequestContext {
    /// A counter of the host.
    type Counter;

    fn increment(&self, counter: &Self::Counter);

    /// Sets what access logs show.
    fn set_verdict(&self, text: &[u8]);
}

/// What the streams of one configuration share.
pub struct Shared<C> {
    pub policies: PolicySet,
    counters: Counters<C>,
    shadow_counters: Option<Counters<C>>,
    /// The second of the last log lines, and how many there were in it. Two threads may count one line.
    lines: AtomicU64,
}

impl<C> Shared<C> {
    /// Reads a configuration and logs what there is to say about it; `None` if it is wrong. `define`
    /// makes a counter; where routes have their own policies, any of them may only judge.
    pub fn read(
        bytes: &[u8],
        has_route_policies: bool,
        define: impl Fn(&str) -> C,
    ) -> Option<Self> {
        let (policies, diagnostics) = PolicySet::from_bytes(bytes);
        log_diagnostics(&diagnostics);
        let policies = policies?;
        let version = env!("CARGO_PKG_VERSION");
        log::info!("version {version}, {}", policies.summary());
        let prefix = policies.settings.stat_prefix.as_str();
        let shadow_prefix = format!("{prefix}.shadow");
        Some(Self {
            counters: Counters::define(prefix, &define),
            shadow_counters: (has_route_policies || policies.may_shadow())
                .then(|| Counters::define(&shadow_prefix, &define)),
            lines: AtomicU64::new(0),
            policies,
        })
    }

    /// Governs nothing, as before there is a configuration.
    pub fn idle() -> Self {
        Self {
            policies: PolicySet::default(),
            counters: Counters(Vec::new()),
            shadow_counters: None,
            lines: AtomicU64::new(0),
        }
    }

    /// Counts and logs a judgement. `text` is room for what access logs show.
    pub fn record(
        &self,
        judgement: &Judgement,
        stream: &impl Stream<Counter = C>,
        text: &mut String,
    ) {
        if let Some(notice) = judgement.notice() {
            self.log_notice(notice, stream);
        }
        let is_shadow = judgement.is_shadow();
        let counters = if is_shadow {
            self.shadow_counters.as_ref()
        } else {
            Some(&self.counters)
        };
        if let Some(counters) = counters {
            let [outcome, detail] = judgement.counters();
            if let Some(outcome) = outcome {
                counters.increment(outcome, stream);
            }
            if let Some(detail) = detail {
                counters.increment(detail, stream);
            }
        }
        if let Some(refusal) = judgement.refusal() {
            judgement.write_label(refusal, text);
            stream.set_verdict(text.as_bytes());
        }
        if judgement.is_logged() {
            self.log_bounded(stream.seconds(), judgement);
        }
    }

    #[inline(never)] // Out of the way of most requests.
    fn log_notice(&self, notice: &Notice, stream: &impl Stream<Counter = C>) {
        let (level, text) = match notice {
            Notice::Invalid(text) => {
                self.counters.increment(Counter::MetadataInvalid, stream);
                (Level::Error, text.as_ref())
            }
            Notice::Warned(text) => (Level::Warn, Some(text)),
        };
        if let Some(text) = text {
            log::log!(level, "{text}");
        }
    }

    #[inline(never)] // Out of the way of most requests.
    fn log_bounded(&self, second: u64, judgement: &Judgement) {
        let last = self.lines.load(Ordering::Relaxed);
        let lines = if second == last >> COUNT_BITS {
            last & MAX_COUNT
        } else {
            0
        };
        if lines < MAX_LINES_A_SECOND {
            let shadow = if judgement.is_shadow() {
                "shadow: "
            } else {
                ""
            };
            log::info!("{shadow}{judgement}");
            self.lines
                .store((second << COUNT_BITS) | (lines + 1), Ordering::Relaxed);
        }
    }
}

/// The host's counters, by the order of [`Counter::ALL`].
struct Counters<C>(Vec<C>);

impl<C> Counters<C> {
    fn define(prefix: &str, define: impl Fn(&str) -> C) -> Self {
        let define = |counter: Counter| define(&format!("{prefix}.{}", counter.name()));
        Self(Counter::ALL.into_iter().map(define).collect())
    }

    fn increment(&self, counter: Counter, stream: &impl Stream<Counter = C>) {
        if let Some(counter) = self.0.get(counter as usize) {
            stream.increment(counter);
        }
    }
}

/// Logs each diagnostic with its number.
pub fn log_diagnostics(diagnostics: &Diagnostics) {
    for severity in Severity::ALL {
        let level = match severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warn,
            Severity::Note => Level::Info,
        };
        let word = severity.name();
        for diagnostic in diagnostics.of(severity) {
            let number = diagnostic.code.number();
            log::log!(level, "{word}: {diagnostic} [cors-{number}]");
        }
        let more = diagnostics.more(severity);
        if more > 0 {
            log::log!(level, "{word}: and {more} more");
        }
    }
}

const MAX_LINES_A_SECOND: u64 = 10;

const COUNT_BITS: u32 = 8;

const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;
