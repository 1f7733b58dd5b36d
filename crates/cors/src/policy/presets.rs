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

/// What a protocol needs of a policy.
pub(crate) struct Additions {
    pub(crate) any_origin: bool,
    pub(crate) methods: &'static [&'static str],
    pub(crate) request_headers: &'static [&'static str],
    pub(crate) exposed_headers: &'static [&'static str],
}

impl Preset {
    pub(crate) fn additions(self) -> &'static Additions {
        match self {
            // https://connectrpc.com/docs/cors
            Self::Connect => &Additions {
                any_origin: false,
                methods: &["GET", "POST"],
                request_headers: &[
                    "content-type",
                    "connect-protocol-version",
                    "connect-timeout-ms",
                    "x-user-agent",
                ],
                exposed_headers: &[],
            },
            // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md, https://connectrpc.com/docs/cors
            Self::GrpcWeb => &Additions {
                any_origin: false,
                methods: &["POST"],
                request_headers: &["content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"],
                exposed_headers: &["grpc-status", "grpc-message", "grpc-status-details-bin"],
            },
            // https://modelcontextprotocol.io/specification, "Streamable HTTP" and "Authorization", from
            // the version that has sessions to the one that has none
            Self::Mcp => &Additions {
                any_origin: false,
                methods: &["GET", "POST", "DELETE"],
                request_headers: &[
                    "authorization",
                    "content-type",
                    "last-event-id",
                    "mcp-method",
                    "mcp-name",
                    "mcp-protocol-version",
                    "mcp-session-id",
                ],
                exposed_headers: &["mcp-session-id", "www-authenticate"],
            },
            // The default policy of Traefik Hub without its credentials, so that a literal `*` exposes nothing
            // that the body does not. That one exposes no header: sessions and uploads then fail.
            Self::Open => &Additions {
                any_origin: true,
                methods: &[
                    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE",
                ],
                request_headers: &["*"],
                exposed_headers: &["*"],
            },
        }
    }
}
