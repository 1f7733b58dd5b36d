//! Several rules claim a request, each by some reading of its path: every origin is refused.

use crate::http::request::{Headers, HeadersMut, Request};
use crate::policy::Mode;
use crate::policy::answer::{
    merge_vary, preflight_refusal, refusal_reply, remove_allow_origin, remove_grant,
};
use crate::policy::judge::reason;
use crate::policy::verdict::{Reason, Refusal, Reply, Verdict};

/// The refusal of a request that several rules claim: as strict as the strictest of their policies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conflict {
    pub refusal: Refusal,
    pub mode: Mode,
    pub rejects_requests: bool,
    pub distrusts_authority: bool,
    pub timing: bool,
}

impl Conflict {
    #[inline(never)] // Out of the way of most requests.
    pub fn judge(&self, headers: &impl Headers) -> Verdict {
        let request = Request::read(headers);
        let reason = if request == Request::NotCors && self.refusal != Refusal::Host {
            Reason::NotCors
        } else {
            reason(
                self.refusal,
                &request,
                self.rejects_requests,
                self.distrusts_authority,
                headers,
            )
        };
        Verdict {
            request,
            reason,
            grant: 0,
            is_plain_options: false,
            answer: None,
        }
    }

    #[inline(never)] // Out of the way of most requests.
    pub fn reply(&self, verdict: &Verdict, debug: bool) -> Option<Reply> {
        match (&verdict.request, verdict.reason) {
            (_, Reason::Refused(Refusal::Host)) => Some(refusal_reply(421, true)),
            (Request::Preflight { .. }, Reason::Refused(refusal)) => {
                Some(preflight_refusal(verdict, refusal, true, debug))
            }
            (_, Reason::Refused(_)) if self.rejects_requests => Some(refusal_reply(403, true)),
            _ => None,
        }
    }

    #[inline(never)] // Out of the way of most requests.
    pub fn amend_response(&self, verdict: &Verdict, headers: &mut impl HeadersMut) {
        merge_vary(headers);
        if verdict.request == Request::NotCors {
            remove_allow_origin(headers, self.timing);
        } else {
            remove_grant(headers, self.timing);
        }
    }
}
