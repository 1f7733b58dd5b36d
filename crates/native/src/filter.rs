//! The filter of one stream: it carries out judgements and holds no rule of CORS.

use cors::policy::verdict::Reply;
use cors::select::judgement::Judgement;
use cors::select::route_policy::RoutePolicy;
use cors_shell::Shared;

use super::host::{Counter, Request, Response};

/// One configuration, which all workers share.
pub struct Configuration(Shared<Counter>);

impl Configuration {
    pub fn read(bytes: &[u8], define: impl Fn(&str) -> Counter) -> Option<Self> {
        Shared::read(bytes, true, define).map(Self)
    }
}

/// Envoy shares a configuration, its own and that of a route, among its workers.
const _: () = {
    const fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<Configuration>();
    is_shared_by_threads::<RoutePolicy>();
};

/// Reads the configuration of a route.
pub fn read_route_policy(bytes: &[u8]) -> Option<RoutePolicy> {
    let (policy, diagnostics) = RoutePolicy::from_bytes(bytes);
    cors_shell::log_diagnostics(&diagnostics);
    policy
}

/// What a stream needs until its end.
#[derive(Default)]
pub struct Filter {
    /// Of a request that went on, for its response.
    judgement: Option<Judgement>,
}

impl Filter {
    /// The reply, if the request is to be answered here; otherwise it goes on.
    pub fn on_request(
        &mut self,
        Configuration(shared): &Configuration,
        request: &mut Request,
    ) -> Option<Reply> {
        #[cfg(panic_switch)]
        assert!(
            cors::Headers::value(request, "x-panic-switch").is_none(),
            "the panic switch is set"
        );
        let judgement = self
            .judgement
            .insert(shared.policies.judge_under(request.route_policy(), request));
        if judgement.waits_for_response() {
            return None;
        }
        // Room for most labels, if there is to be one.
        let label = if judgement.refusal().is_some() { 64 } else { 0 };
        shared.record(judgement, request, &mut String::with_capacity(label));
        if let Some(reply) = judgement.reply() {
            // Envoy runs the response hook on this reply too.
            self.judgement = None;
            return Some(reply);
        }
        judgement.amend_request(request);
        judgement.trim();
        None
    }

    /// Looks at the response only if it is to be changed: a reply of the filter itself is not.
    pub fn on_response(&self, response: impl FnOnce() -> Response) {
        let Some(judgement) = &self.judgement else {
            return;
        };
        let mut response = response();
        #[cfg(panic_switch)]
        assert!(
            cors::Headers::value(&response, "x-panic-switch").is_none(),
            "the panic switch is set"
        );
        judgement.amend_response(&mut response);
    }
}
