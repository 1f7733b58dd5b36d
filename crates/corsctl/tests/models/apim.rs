//! Azure API Management, after the [documentation](https://learn.microsoft.com/en-us/azure/api-management/cors-policy)
//! of its policy: requests of other origins, and those by methods that are not listed, get an empty answer
//! if they are GET or HEAD.

use cors::simulate::exchange::Response;
use support::random::Random;

use crate::classes::{Class, LITERAL, REJECTED_REQUESTS, SAFELISTED, UPSTREAM};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply, some, with};

#[test]
fn the_meaning_of_api_management_is_kept_or_reported() {
    compare::<Apim>();
}

#[derive(Debug)]
struct Apim {
    origins: Vec<&'static str>,
    parts: Parts,
    terminates: bool,
}

impl System for Apim {
    const FROM: &'static str = "azure-apim";
    const CLASSES: &'static [Class] = &[LITERAL, REJECTED_REQUESTS, SAFELISTED, UPSTREAM];

    fn random(random: &mut Random) -> Self {
        let mut parts = Parts::random(random);
        let origins = match random.once_in(4) {
            true => vec!["*"],
            false => some(random, &["https://app.example", "http://localhost:3000"]),
        };
        // The two are refused together.
        parts.credentials &= origins != ["*"];
        Self {
            origins,
            parts,
            terminates: random.once_in(2),
        }
    }

    fn file(&self) -> String {
        let list = |name: &str, item: &str, texts: &[&str]| match texts {
            [] => String::new(),
            texts => {
                let items = texts.iter().map(|text| format!("<{item}>{text}</{item}>"));
                format!("<{name}>{}</{name}>", items.collect::<String>())
            }
        };
        format!(
            "<policies><inbound><cors allow-credentials=\"{}\" terminate-unmatched-request=\"{}\">{}{}{}{}</cors></inbound></policies>",
            self.parts.credentials,
            self.terminates,
            list("allowed-origins", "origin", &self.origins),
            list("allowed-methods", "method", &self.parts.methods),
            list("allowed-headers", "header", &self.parts.headers),
            list("expose-headers", "header", &self.parts.expose),
        )
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        if origin.is_empty() {
            return upstream.clone();
        }
        let is_any = self.origins == ["*"];
        let is_allowed = is_any || self.origins.contains(&origin);
        let allowed = if is_any { "*" } else { origin };
        let methods = match self.parts.methods.as_slice() {
            [] => &["GET", "POST"],
            methods => methods,
        };
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            ("access-control-allow-origin", allowed.to_owned()),
            ("access-control-allow-credentials", flag.to_owned()),
        ];
        if request.is_preflight() {
            if !is_allowed {
                return reply(200, &[]);
            }
            // All methods, and what is asked for without credentials.
            let methods = match methods {
                ["*"] => request.asked_method().to_owned(),
                methods => methods.join(","),
            };
            let lists = [
                ("access-control-allow-methods", methods),
                ("access-control-allow-headers", self.parts.headers.join(",")),
            ];
            return reply(200, &[own, lists].concat());
        }
        let is_listed = methods == ["*"] || methods.contains(&request.method());
        if is_allowed && is_listed {
            let expose = ("access-control-expose-headers", self.parts.expose.join(","));
            return with(upstream, &[&own[..], &[expose]].concat());
        }
        match request.method() {
            "GET" | "HEAD" if self.terminates => reply(200, &[]),
            _ => upstream.clone(),
        }
    }
}
