//! The shell that a proxy loads: it carries out verdicts and holds no rule of CORS.

use std::cell::Cell;
use std::rc::Rc;

use cors::diagnostic::{Diagnostics, Severity};
use cors::http::header::{ORIGIN, SEC_FETCH_SITE};
use cors::http::request::{Headers, HeadersMut, Stream};
use cors::policy::counter::Counter;
use cors::policy::verdict::{Reason, Verdict};
use cors::policy::{Mode, Policy};
use cors::select::policy_set::Plugin;
use cors::select::selection::{Governed, MetadataRemark};
use cors::settings::Settings;
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
        let (plugin, diagnostics) = Plugin::from_bytes(&bytes);
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
            kept: None,
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The context of one stream.
struct Http {
    shared: Rc<Shared>,
    /// What the response is due, once the request went on.
    kept: Option<(Rc<Policy>, Verdict)>,
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let mut headers = HeaderMap::Request;
        #[cfg(panic_switch)]
        assert!(headers.value("x-panic-switch").is_none(), "told to");
        if self.shared.plugin.hides() {
            show_again(&mut headers);
        }
        let governed = self.shared.plugin.govern(&headers);
        self.shared.tell(governed.remark.as_ref());
        let Some((policy, mut verdict)) = governed.judge(&headers) else {
            return Action::Continue;
        };
        self.shared.record(&governed, policy, &verdict);
        if policy.mode == Mode::Shadow {
            return Action::Continue;
        }
        if let Some(reply) = policy.reply(&verdict) {
            // Nothing is kept: a host may run the response callback on this reply, or not.
            host::send(&reply);
            return Action::Pause;
        }
        if policy.hides(&verdict) {
            hide(&verdict, &headers);
        }
        policy.amend_request(&verdict, &mut headers);
        policy.trim(&mut verdict);
        self.kept = governed.policy.map(|policy| (policy, verdict));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let Some((policy, verdict)) = &self.kept {
            policy.amend_response(verdict, &mut HeaderMap::Response);
        }
        Action::Continue
    }
}

impl Stream for HeaderMap {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        host::property(path)
    }

    fn seconds(&self) -> u64 {
        host::seconds().unwrap_or_default()
    }
}

/// What the streams of one configuration share.
struct Shared {
    plugin: Plugin,
    counters: Counters,
    shadow_counters: Option<Counters>,
    /// The second of the last log lines, and how many there were in it.
    lines: Cell<(u64, u32)>,
    /// What was last written for access logs: room for the next.
    text: Cell<String>,
}

impl Shared {
    fn new(plugin: Plugin) -> Self {
        let prefix = plugin.settings.stat_prefix.as_str();
        let shadow_prefix = format!("{prefix}.shadow");
        Self {
            counters: Counters::define(prefix),
            shadow_counters: plugin
                .may_shadow()
                .then(|| Counters::define(&shadow_prefix)),
            lines: Cell::default(),
            text: Cell::default(),
            plugin,
        }
    }

    fn record(&self, governed: &Governed, policy: &Policy, verdict: &Verdict) {
        let is_shadow = policy.mode == Mode::Shadow;
        let counters = if is_shadow {
            self.shadow_counters.as_ref()
        } else {
            Some(&self.counters)
        };
        if let Some(counters) = counters {
            let [outcome, detail] = Counter::of(verdict);
            if let Some(outcome) = outcome {
                counters.increment(outcome);
            }
            if let Some(detail) = detail {
                counters.increment(detail);
            }
        }
        let refusal = match verdict.reason {
            Reason::Refused(refusal) => Some(refusal),
            _ => None,
        };
        if let Some(refusal) = refusal {
            let mut text = self.text.take();
            text.clear();
            if is_shadow {
                text.push_str("shadow ");
            }
            text.push_str(refusal.word());
            text.push(' ');
            text.push_str(governed.source.words());
            host::set_property("cors_verdict", text.as_bytes());
            self.text.set(text);
        }
        if self.plugin.settings.debug || (is_shadow && refusal.is_some()) {
            let shadow = if is_shadow { "shadow: " } else { "" };
            self.log_bounded(|| format!("{shadow}{}", governed.explain(verdict)));
        }
    }

    fn tell(&self, remark: Option<&MetadataRemark>) {
        let (level, text) = match remark {
            None => return,
            Some(MetadataRemark::Invalid(text)) => {
                self.counters.increment(Counter::MetadataInvalid);
                (Level::Error, text.as_ref())
            }
            Some(MetadataRemark::Warned(text)) => (Level::Warn, Some(text)),
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
            plugin: Plugin::new(Settings::default(), None),
            counters: Counters::default(),
            shadow_counters: None,
            lines: Cell::default(),
            text: Cell::default(),
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

/// Leaves what is about to be hidden from the upstream for a further pass of the same request: a
/// redirect that Envoy follows itself starts a new chain of filters on the request as this one leaves it.
fn hide(verdict: &Verdict, headers: &impl Headers) {
    if let Some(origin) = verdict.request.origin() {
        let site = headers.value(SEC_FETCH_SITE).unwrap_or_default();
        host::set_property(HIDDEN, &[origin, &site].join(&b'\n'));
    }
}

/// Puts back what an earlier pass of this request hid: this one may be governed by another policy.
fn show_again(headers: &mut impl HeadersMut) {
    let Some(hidden) = host::property(&[HIDDEN]) else {
        return;
    };
    let mut values = hidden.splitn(2, |byte| *byte == b'\n');
    for name in [ORIGIN, SEC_FETCH_SITE] {
        if let Some(value) = values.next().filter(|value| !value.is_empty()) {
            headers.replace(name, value);
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

/// The attribute with the headers that a pass of the request hid.
const HIDDEN: &str = "cors_hidden";

const MAX_LINES_A_SECOND: u32 = 10;
