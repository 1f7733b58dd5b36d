//! What `presets` add to a policy.

use crate::config::choices::Preset;
use crate::config::reader::{Object, Reader, one_of, quote};
use crate::diagnostic::Code;

impl Reader {
    pub(crate) fn read_presets(&mut self, object: &Object) -> Vec<Preset> {
        let path = object.at("presets");
        self.read_texts(object, "presets")
            .into_iter()
            .filter_map(|(index, name)| {
                let preset = Preset::CHOICES.iter().find(|(word, _)| *word == name);
                if preset.is_none() {
                    self.diagnostics.error(
                        Code::UnknownPreset,
                        format!("{path}[{index}]"),
                        &quote(name),
                        one_of("is not a preset", Preset::WORDS, name),
                    );
                }
                preset.map(|(_, preset)| *preset)
            })
            .collect()
    }
}

/// What a protocol needs of a policy. Names are separated by spaces.
#[derive(Debug)]
pub struct Additions {
    pub any_origin: bool,
    pub methods: &'static str,
    pub request_headers: &'static str,
    pub exposed_headers: &'static str,
}

impl Preset {
    /// Why each is needed, and by which clients: [`crate::policy::preset_reference`].
    pub fn additions(self) -> &'static Additions {
        match self {
            // X-A2A-Extensions is the name that version 0.3 gives to A2A-Extensions.
            Self::A2a => &Additions {
                any_origin: false,
                methods: "GET POST DELETE",
                request_headers: "authorization content-type a2a-extensions a2a-version x-a2a-extensions",
                exposed_headers: "a2a-extensions www-authenticate x-a2a-extensions",
            },
            Self::Connect => &Additions {
                any_origin: false,
                methods: "GET POST",
                request_headers: "content-type connect-protocol-version connect-timeout-ms x-user-agent",
                exposed_headers: "",
            },
            Self::GrpcWeb => &Additions {
                any_origin: false,
                methods: "POST",
                request_headers: "content-type grpc-timeout x-grpc-web x-user-agent",
                exposed_headers: "grpc-status grpc-message grpc-status-details-bin",
            },
            // The SDKs set User-Agent. Firefox and WebKit let them, Chromium drops it.
            Self::Llm => &Additions {
                any_origin: false,
                methods: "GET POST DELETE",
                request_headers: "authorization content-type anthropic-* openai-* user-agent x-api-key \
                                  x-goog-api-client x-goog-api-key x-stainless-*",
                exposed_headers: "anthropic-workspace-id request-id retry-after retry-after-ms \
                                  x-request-id x-should-retry",
            },
            // From the version that has sessions to the one that has none.
            Self::Mcp => &Additions {
                any_origin: false,
                methods: "GET POST DELETE",
                request_headers: "authorization content-type last-event-id mcp-method mcp-name mcp-param-* \
                                  mcp-protocol-version mcp-session-id",
                exposed_headers: "mcp-session-id www-authenticate",
            },
            // The default policy of Traefik Hub without its credentials, so that a literal `*` exposes nothing
            // that the body does not. That one exposes no header: sessions and uploads then fail.
            Self::Open => &Additions {
                any_origin: true,
                methods: "GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE",
                request_headers: "*",
                exposed_headers: "*",
            },
            // Each request is signed, so the service decides on every x-amz- header.
            Self::S3 => &Additions {
                any_origin: false,
                methods: "GET HEAD POST PUT DELETE",
                request_headers: "authorization content-type amz-sdk-* cache-control content-disposition \
                                  content-encoding content-md5 if-match if-none-match x-amz-*",
                exposed_headers: "content-range etag x-amz-*",
            },
            Self::SignalR => &Additions {
                any_origin: false,
                methods: "GET POST DELETE",
                request_headers: "authorization content-type x-requested-with x-signalr-user-agent",
                exposed_headers: "",
            },
            // Names instead of families: an answer that lists all names alike is cached for all requests of a page.
            Self::Tracing => &Additions {
                any_origin: false,
                methods: "",
                request_headers: "b3 baggage elastic-apm-traceparent sentry-trace traceparent tracestate \
                                  x-b3-flags x-b3-parentspanid x-b3-sampled x-b3-spanid x-b3-traceid \
                                  x-datadog-origin x-datadog-parent-id x-datadog-sampling-priority \
                                  x-datadog-tags x-datadog-trace-id",
                exposed_headers: "",
            },
            // Without X-HTTP-Method-Override, which would carry any method past allowMethods.
            Self::Tus => &Additions {
                any_origin: false,
                methods: "HEAD POST PATCH DELETE",
                request_headers: "content-type tus-resumable upload-checksum upload-concat \
                                  upload-defer-length upload-length upload-metadata upload-offset",
                exposed_headers: "location tus-resumable tus-version upload-concat upload-defer-length \
                                  upload-expires upload-length upload-metadata upload-offset",
            },
        }
    }
}

/// The names in a text of [`Additions`].
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|name| !name.is_empty())
}
