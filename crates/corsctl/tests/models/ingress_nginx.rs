//! ingress-nginx, after the
//! [template](https://github.com/kubernetes/ingress-nginx/blob/controller-v1.12.0/rootfs/etc/nginx/template/nginx.tmpl)
//! that it writes NGINX's configuration with: origins are one regular expression, without case and open
//! at its start.

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use support::random::Random;

use crate::classes::{Class, EXPOSED, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply, some, with};

#[test]
fn the_meaning_of_ingress_nginx_is_kept_or_reported() {
    compare::<Ingress>();
}

/// An Ingress with CORS, and one without.
#[derive(Debug)]
pub struct Ingress {
    pub origins: Vec<&'static str>,
    pub parts: Parts,
    /// Whether credentials are left to the default, which allows them.
    is_default: bool,
}

impl System for Ingress {
    const FROM: &'static str = "ingress-nginx";
    const CLASSES: &'static [Class] = &[EXPOSED, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let origins = [
            "https://app.example",
            "http://localhost:3000",
            "https://*.example.com",
        ];
        let origins = match random.below(5) {
            0 => Vec::new(),
            1 => vec!["*"],
            _ => some(random, &origins),
        };
        let mut parts = Parts::random(random);
        let is_default = random.once_in(3);
        parts.credentials |= is_default;
        Self {
            origins,
            parts,
            is_default,
        }
    }

    fn file(&self) -> String {
        let mut annotations = Map::new();
        let mut set = |name: &str, text: String| {
            if !text.is_empty() {
                let name = format!("nginx.ingress.kubernetes.io/{name}");
                annotations.insert(name, Value::String(text));
            }
        };
        set("enable-cors", "true".to_owned());
        set("cors-allow-origin", self.origins.join(", "));
        set("cors-allow-methods", self.parts.methods.join(", "));
        set("cors-allow-headers", self.parts.headers.join(","));
        set("cors-expose-headers", self.parts.expose.join(", "));
        if !self.is_default {
            set("cors-allow-credentials", self.parts.credentials.to_string());
        }
        let ingress = |name: &str, host: &str, annotations: Map<String, Value>| {
            let backend = json!({"service": {"name": "s", "port": {"number": 80}}});
            json!({
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {"name": name, "annotations": annotations},
                "spec": {"ingressClassName": "nginx", "rules": [
                    {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}},
                ]},
            })
        };
        let items = [
            ingress("api", "api.example", annotations),
            ingress("www", "www.example", Map::new()),
        ];
        json!({"kind": "List", "items": items}).to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        if request.host() != "api.example" {
            return upstream.clone();
        }
        let is_any = self.origins.is_empty() || self.origins == ["*"];
        let patterns: Vec<_> = self.origins.iter().map(|own| pattern(own)).collect();
        let regex = Regex::new(&format!("(?i)({})$", patterns.join("|")));
        let regex = regex.expect("a regular expression");
        if !is_any && !regex.is_match(origin) {
            return upstream.clone();
        }
        // An asterisk is not a valid name there, and an invalid list is as none.
        let list = |list: &[&'static str], default: &str| match list {
            [] | ["*"] => default.to_owned(),
            list => list.join(", "),
        };
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            (
                "access-control-allow-origin",
                if is_any { "*" } else { origin }.to_owned(),
            ),
            ("access-control-allow-credentials", flag.to_owned()),
            (
                "access-control-allow-methods",
                list(&self.parts.methods, DEFAULT_METHODS),
            ),
            (
                "access-control-allow-headers",
                list(&self.parts.headers, DEFAULT_HEADERS),
            ),
            (
                "access-control-expose-headers",
                self.parts.expose.join(", "),
            ),
        ];
        match request.method() {
            "OPTIONS" => reply(204, &own),
            _ => with(upstream, &own),
        }
    }
}

/// An asterisk stands for one label.
pub fn pattern(own: &str) -> String {
    let parts: Vec<_> = own.split('*').map(regex_lite::escape).collect();
    parts.join(r"[A-Za-z0-9\-]+")
}

pub const DEFAULT_METHODS: &str = "GET, PUT, POST, DELETE, PATCH, OPTIONS";
pub const DEFAULT_HEADERS: &str = "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization";
