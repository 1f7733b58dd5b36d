//! The shell that a proxy loads: it carries out verdicts and holds no rule of CORS.

use std::cell::RefCell;
use std::rc::Rc;

use cors::http::request::RequestContext;
use cors::select::judgement::{HIDDEN, Judgement};
use cors_shell::Stream;
use log::LevelFilter;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use super::host::{self, HeaderMap, Logger, Metric};

// Only cargo's own output uses this. The module that ships has contexts.rs instead of the SDK's dispatcher; the SDK's
// traits stay, because people know filters by them.
proxy_wasm::main! {{
    initialize();
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

pub fn initialize() {
    // An error says that there is a logger already, which is this one.
    let _ = log::set_logger(&Logger);
    log::set_max_level(LevelFilter::Info);
}

/// The root context: one for each plugin of the VM. All state hangs off it, because old and new
/// configurations share a VM during an update.
#[derive(Default)]
pub struct Root {
    shared: Rc<Shared>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let Some(bytes) = host::plugin_configuration(size) else {
            log::error!("the host did not hand over the configuration");
            return false;
        };
        let Some(core) = cors_shell::Shared::read(&bytes, false, Metric::define) else {
            return false;
        };
        if core.policies.may_hide() {
            host::declare_request_property(HIDDEN);
        }
        self.shared = Rc::new(Shared {
            core,
            text: RefCell::default(),
        });
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(self.stream()))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Root {
    /// The context of a new stream.
    pub fn stream(&self) -> Http {
        Http {
            shared: Rc::clone(&self.shared),
            judgement: None,
        }
    }
}

/// The context of one stream.
pub struct Http {
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
        self.shared.core.policies.restore_hidden(&mut headers);
        let judgement = self
            .judgement
            .insert(self.shared.core.policies.judge(&headers));
        if judgement.waits_for_response() {
            return Action::Continue;
        }
        self.shared.record(judgement, &headers);
        if let Some(reply) = judgement.reply() {
            host::send(&reply);
            // A host may run the response callback on this reply, or not.
            self.judgement = None;
            return Action::Pause;
        }
        if self.shared.core.policies.hides() {
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

impl Stream for HeaderMap {
    type Counter = Metric;

    fn increment(&self, counter: &Metric) {
        counter.increment();
    }

    fn set_verdict(&self, text: &[u8]) {
        host::set_property("cors_verdict", text);
    }
}

/// What the streams of one root context share.
struct Shared {
    core: cors_shell::Shared<Metric>,
    /// What was last written for access logs: room for the next.
    text: RefCell<String>,
}

impl Shared {
    fn record(&self, judgement: &Judgement, headers: &HeaderMap) {
        // Nothing within borrows it again.
        if let Ok(mut text) = self.text.try_borrow_mut() {
            self.core.record(judgement, headers, &mut text);
        }
    }
}

impl Default for Shared {
    /// Before the configuration there is no stream.
    fn default() -> Self {
        Self {
            core: cors_shell::Shared::idle(),
            text: RefCell::default(),
        }
    }
}
