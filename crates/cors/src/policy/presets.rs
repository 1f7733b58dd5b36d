//! What `presets` add to a policy.

use crate::config::reader::{Object, Reader, one_of, quote};
use crate::diagnostic::Code;

impl Reader {
    pub(crate) fn read_presets(&mut self, object: &Object) -> Vec<&'static Preset> {
        let path = object.at("presets");
        self.read_texts(object, "presets")
            .into_iter()
            .filter_map(|(index, name)| {
                let preset = PRESETS.iter().find(|preset| preset.name == name);
                if preset.is_none() {
                    let names = PRESETS.each_ref().map(|preset| preset.name);
                    self.diagnostics.error(
                        Code::UnknownPreset,
                        format!("{path}[{index}]"),
                        &quote(name),
                        one_of("is not a preset", &names, name),
                    );
                }
                preset
            })
            .collect()
    }
}

/// What a protocol needs of a policy.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) any_origin: bool,
    pub(crate) methods: &'static [&'static str],
    pub(crate) request_headers: &'static [&'static str],
    pub(crate) exposed_headers: &'static [&'static str],
}

const PRESETS: [Preset; 4] = [
    // https://connectrpc.com/docs/cors
    Preset {
        name: "connect",
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
    Preset {
        name: "grpc-web",
        any_origin: false,
        methods: &["POST"],
        request_headers: &["content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"],
        exposed_headers: &["grpc-status", "grpc-message", "grpc-status-details-bin"],
    },
    // https://modelcontextprotocol.io/specification, "Streamable HTTP" and "Authorization", from
    // the version that has sessions to the one that has none
    Preset {
        name: "mcp",
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
    Preset {
        name: "open",
        any_origin: true,
        methods: &[
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE",
        ],
        request_headers: &["*"],
        exposed_headers: &["*"],
    },
];
