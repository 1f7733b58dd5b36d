//! CORS at the gateway: reads a configuration, judges requests, and says which headers to send.
//!
//! The bytes of a configuration become a [`PolicySet`] once. It judges each request, which the caller
//! lends as a [`RequestContext`], and the [`Judgement`] is then carried out: a preflight gets a
//! [`Reply`], any other request goes on and its response gets the headers of
//! [the CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol).
//!
//! ```
//! use cors::{Headers, HeadersMut, PolicySet, RequestContext};
//!
//! /// A header map; that of a server or a proxy does as well.
//! #[derive(Default)]
//! struct Lines(Vec<(String, Vec<u8>)>);
//!
//! impl Headers for Lines {
//!     fn value(&self, name: &str) -> Option<Vec<u8>> {
//!         let found = self.0.iter().find(|(known, _)| known == name);
//!         found.map(|(_, value)| value.clone())
//!     }
//!
//!     fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
//!         let pair = |(name, value): &(String, Vec<u8>)| (name.clone().into(), value.clone());
//!         self.0.iter().map(pair).collect()
//!     }
//! }
//!
//! impl HeadersMut for Lines {
//!     fn add(&mut self, name: &str, value: &[u8]) {
//!         self.0.push((name.to_owned(), value.to_owned()));
//!     }
//!
//!     fn remove(&mut self, name: &str) {
//!         self.0.retain(|(known, _)| known != name);
//!     }
//!
//!     fn replace(&mut self, name: &str, value: &[u8]) {
//!         self.remove(name);
//!         self.add(name, value);
//!     }
//! }
//!
//! impl RequestContext for Lines {
//!     /// What a proxy knows of the request's route: here nothing.
//!     fn property(&self, _path: &[&str]) -> Option<Vec<u8>> {
//!         None
//!     }
//! }
//!
//! let (policies, diagnostics) =
//!     PolicySet::from_bytes(br#"{"allowOrigins": ["https://app.example"], "allowMethods": ["PUT"]}"#);
//! let policies = policies.unwrap_or_else(|| panic!("{diagnostics:?}"));
//!
//! let mut request = Lines::default();
//! request.add(":method", b"OPTIONS");
//! request.add("origin", b"https://app.example");
//! request.add("access-control-request-method", b"PUT");
//! let reply = policies.judge(&request).reply().expect("a preflight is answered");
//! assert_eq!(reply.status, 204);
//! let is_methods = |(name, _): &(&[u8], &[u8])| *name == b"access-control-allow-methods";
//! assert_eq!(reply.headers.iter().find(is_methods).unwrap().1, b"PUT");
//!
//! request.replace(":method", b"PUT");
//! request.remove("access-control-request-method");
//! let judgement = policies.judge(&request);
//! assert!(judgement.reply().is_none(), "the request goes on");
//! judgement.amend_request(&mut request);
//! let mut response = Lines::default();
//! judgement.amend_response(&mut response);
//! assert_eq!(response.value("access-control-allow-origin").unwrap(), b"https://app.example");
//! assert_eq!(response.value("vary").unwrap(), b"Origin");
//! ```
//!
//! These eight names are the interface. The modules are public, and hidden here, for the other packages
//! of this workspace alone: the command line and the tests look inside.

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

#[doc(hidden)]
pub mod byte_map;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod diagnostic;
#[doc(hidden)]
pub mod escape;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod origin;
#[doc(hidden)]
pub mod policy;
#[doc(hidden)]
pub mod routes;
#[doc(hidden)]
pub mod select;
#[doc(hidden)]
pub mod settings;
#[doc(hidden)]
pub mod simulate;

pub use diagnostic::Diagnostics;
pub use http::request::{Headers, HeadersMut, RequestContext};
pub use policy::verdict::{Refusal, Reply};
pub use select::judgement::Judgement;
pub use select::policy_set::PolicySet;
