//! The shell that a proxy loads: it carries out verdicts and holds no rule of CORS.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cors::diagnostic::{Diagnostics, Severity};
use cors::http::request::RequestContext;
use cors::policy::counter::Counter;
use cors::select::judgement::{HIDDEN, Judgement};
use cors::select::policy_set::PolicySet;
use cors::select::selection::Notice;
use log::{Level, LevelFilter};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use super::host::{self, HeaderMap, Logger, Metric};

proxy_wasm::main! {{
    // An error says that there is a logger already, which is this one.
    let _ = log::set_logger(&Logger);
    log::set_max_level(LevelFilter::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// The root context: one for each plugin of the VM. All state hangs off it, because old and new
/// configurations share a VM during an update.
#[derive(Default)]
struct Root {
    shared: Rc<Shared>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let Some(bytes) = host::plugin_configuration(size) else {
            log::error!("the host did not hand over the configuration");
            return false;
        };
        let (plugin, diagnostics) = PolicySet::from_bytes(&bytes);
        log_diagnostics(&diagnostics);
        let Some(plugin) = plugin else {
            return false;
        };
        let version = env!("CARGO_PKG_VERSION");
        log::info!("version {version}, {}", plugin.summary());
        if plugin.may_hide() {
            host::declare_request_property(HIDDEN);
        }
        self.shared = Rc::new(Shared::new(plugin));
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http {
            shared: Rc::clone(&self.shared),
            judgement: None,
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The context of one stream.
struct Http {
    shared: Rc<Shared>,
    /// Of a request that went on, for its response.
    judgement: Option<Judgement>,
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let mut headers = HeaderMap::Request;
        #[cfg(panic_switch)]
        assert!(
            cors::http::request::Headers::value(&headers, "x-panic-switch").is_none(),
            "the panic switch is set"
        );
        self.shared.plugin.restore_hidden(&mut headers);
        let judgement = self.judgement.insert(self.shared.plugin.judge(&headers));
        if judgement.waits_for_response() {
            return Action::Continue;
        }
        self.shared.record(judgement);
        if let Some(reply) = judgement.reply() {
            host::send(&reply);
            // A host may run the response callback on this reply, or not.
            self.judgement = None;
            return Action::Pause;
        }
        if self.shared.plugin.hides() {
            if let Some(hidden) = judgement.hidden(&headers) {
                host::set_property(HIDDEN, &hidden);
            }
            judgement.amend_request(&mut headers);
        }
        judgement.trim();
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let Some(judgement) = &self.judgement {
            judgement.amend_response(&mut HeaderMap::Response);
        }
        Action::Continue
    }
}

impl RequestContext for HeaderMap {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        host::property(path)
    }

    fn seconds(&self) -> u64 {
        host::seconds().unwrap_or_default()
    }
}

/// What the streams of one configuration share.
struct Shared {
    plugin: PolicySet,
    counters: Counters,
    shadow_counters: Option<Counters>,
    /// The second of the last log lines, and how many there were in it.
    lines: Cell<(u64, u32)>,
    /// What was last written for access logs: room for the next.
    text: RefCell<String>,
}

impl Shared {
    fn new(plugin: PolicySet) -> Self {
        let prefix = plugin.settings.stat_prefix.as_str();
        let shadow_prefix = format!("{prefix}.shadow");
        Self {
            counters: Counters::define(prefix),
            shadow_counters: plugin
                .may_shadow()
                .then(|| Counters::define(&shadow_prefix)),
            lines: Cell::default(),
            text: RefCell::default(),
            plugin,
        }
    }

    fn record(&self, judgement: &Judgement) {
        self.log_notice(judgement.notice());
        let is_shadow = judgement.is_shadow();
        let counters = if is_shadow {
            self.shadow_counters.as_ref()
        } else {
            Some(&self.counters)
        };
        if let Some(counters) = counters {
            let [outcome, detail] = judgement.counters();
            if let Some(outcome) = outcome {
                counters.increment(outcome);
            }
            if let Some(detail) = detail {
                counters.increment(detail);
            }
        }
        if let Some(refusal) = judgement.refusal() {
            // Nothing within borrows it again.
            if let Ok(mut text) = self.text.try_borrow_mut() {
                judgement.write_label(refusal, &mut text);
                host::set_property("cors_verdict", text.as_bytes());
            }
        }
        if judgement.is_logged() {
            let shadow = if is_shadow { "shadow: " } else { "" };
            self.log_bounded(|| format!("{shadow}{judgement}"));
        }
    }

    fn log_notice(&self, notice: Option<&Notice>) {
        let (level, text) = match notice {
            None => return,
            Some(Notice::Invalid(text)) => {
                self.counters.increment(Counter::MetadataInvalid);
                (Level::Error, text.as_ref())
            }
            Some(Notice::Warned(text)) => (Level::Warn, Some(text)),
        };
        if let Some(text) = text {
            log::log!(level, "{text}");
        }
    }

    fn log_bounded(&self, text: impl FnOnce() -> String) {
        let second = host::seconds().unwrap_or_default();
        let (last, lines) = self.lines.get();
        let lines = if second == last { lines } else { 0 };
        if lines < MAX_LINES_A_SECOND {
            log::info!("{}", text());
            self.lines.set((second, lines + 1));
        }
    }
}

impl Default for Shared {
    /// Governs nothing; before the configuration there is no stream.
    fn default() -> Self {
        Self {
            plugin: PolicySet::default(),
            counters: Counters::default(),
            shadow_counters: None,
            lines: Cell::default(),
            text: RefCell::default(),
        }
    }
}

/// The host's counters, by the order of [`Counter::ALL`].
#[derive(Default)]
struct Counters(Vec<Metric>);

impl Counters {
    fn define(prefix: &str) -> Self {
        let define = |counter: Counter| Metric::define(&format!("{prefix}.{}", counter.name()));
        Self(Counter::ALL.into_iter().map(define).collect())
    }

    fn increment(&self, counter: Counter) {
        if let Some(metric) = self.0.get(counter as usize) {
            metric.increment();
        }
    }
}

fn log_diagnostics(diagnostics: &Diagnostics) {
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

const MAX_LINES_A_SECOND: u32 = 10;
