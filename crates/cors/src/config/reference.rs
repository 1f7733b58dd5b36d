//! What people read about each field, for the schema and the reference page. The module does not use it,
//! and so does not hold these texts.

/// What people read about a field. Default and example are JSON.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// One or two sentences, without a full stop at the end.
    pub description: &'static str,
    /// Empty where the field has no default.
    pub default: &'static str,
    pub example: &'static str,
    /// The form of the text, or of each text of a list; empty for any.
    pub pattern: &'static str,
}

/// The entry of a field, by its name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    REFERENCE.iter().find(|entry| entry.name == name)
}

/// An entry for each field of [`crate::config::fields`], in order of name.
pub const REFERENCE: &[Entry] = &[
    Entry {
        name: "allowCredentials",
        description: "Whether requests can include cookies, client certificates and HTTP authentication",
        default: "false",
        example: "true",
        pattern: "",
    },
    Entry {
        name: "allowHeaders",
        description: "Request headers that a script can set; `x-stainless-*` for all that begin with `x-stainless-`, `[\"*\"]` for any, including `Authorization`. List `content-type` if requests have a JSON body",
        default: "[]",
        example: "[\"content-type\", \"authorization\"]",
        pattern: TOKEN,
    },
    Entry {
        name: "allowMethods",
        description: "Methods that a browser can send; `[\"*\"]` for any",
        default: "[\"GET\", \"HEAD\", \"POST\"]",
        example: "[\"GET\", \"PUT\"]",
        pattern: TOKEN,
    },
    Entry {
        name: "allowOriginRegexes",
        description: "Regular expressions that must match the whole origin; never tried on `null`",
        default: "[]",
        example: "[\"https://pr-[0-9]+\\\\.example\\\\.com\"]",
        pattern: "",
    },
    Entry {
        name: "allowOrigins",
        description: "Origins whose pages can read the responses: `scheme://host[:port]`, `https://*.example.com` for all hosts below a domain, `https://pr-*.example.com` for some, `:*` for any port, `*` for any origin. `[]` allows only the site itself",
        default: "",
        example: "[\"https://app.example.com\"]",
        pattern: ORIGIN,
    },
    Entry {
        name: "allowPrivateNetwork",
        description: "Answer `Access-Control-Request-Private-Network`, which browsers no longer send",
        default: "false",
        example: "true",
        pattern: "",
    },
    Entry {
        name: "autoOptions",
        description: "Answer an `OPTIONS` request that is not a preflight with 204 and `Allow`",
        default: "false",
        example: "true",
        pattern: "",
    },
    Entry {
        name: "debug",
        description: "Log each judgement with its reason, at most 10 lines per second and worker; the body of a 403 to a preflight contains the reason",
        default: "false",
        example: "true",
        pattern: "",
    },
    Entry {
        name: "exactPaths",
        description: "Paths of requests, without query, in normalized form",
        default: "",
        example: "[\"/api/login\"]",
        pattern: PATH,
    },
    Entry {
        name: "exposeHeaders",
        description: "Response headers that a script can read in addition to the safelisted ones; `x-amz-meta-*` for all that begin with `x-amz-meta-`, `[\"*\"]` for all, also with credentials",
        default: "[]",
        example: "[\"x-request-id\"]",
        pattern: TOKEN,
    },
    Entry {
        name: "grants",
        description: "Further grants, to other origins: each names origins and what they may do, and inherits nothing. The first grant that allows an origin holds; the policy's own fields come before them",
        default: "",
        example: "[{\"allowOrigins\": [\"*\"], \"allowMethods\": [\"GET\"]}]",
        pattern: "",
    },
    Entry {
        name: "hideCorsFromUpstream",
        description: "Remove `Origin`, `Access-Control-Request-*` and `Sec-Fetch-*` (except `-Storage-Access`) from allowed actual requests",
        default: "false",
        example: "true",
        pattern: "",
    },
    Entry {
        name: "hostnames",
        description: "Host names of requests, without port; `*.example.com` for all below a domain",
        default: "",
        example: "[\"api.example.com\"]",
        pattern: HOST,
    },
    Entry {
        name: "hosts",
        description: "Host names of the service, without port. A request for any other host is answered with 421, with or without `Origin`",
        default: "",
        example: "[\"mcp.example.com\"]",
        pattern: HOST,
    },
    Entry {
        name: "match",
        description: "Which requests the rule is for: all of its lists must match",
        default: "",
        example: "{\"hostnames\": [\"api.example.com\"]}",
        pattern: "",
    },
    Entry {
        name: "maxAge",
        description: "How long a browser can cache the answer to a preflight, in seconds or with units; 0 disables caching",
        default: "5",
        example: "\"12h\"",
        pattern: "",
    },
    Entry {
        name: "mode",
        description: "`enforce` answers and changes headers; `shadow` judges, counts and logs, but changes nothing; `off` does nothing",
        default: "\"enforce\"",
        example: "\"shadow\"",
        pattern: "",
    },
    Entry {
        name: "name",
        description: "The name of the rule in logs and explanations",
        default: "",
        example: "\"shop\"",
        pattern: "",
    },
    Entry {
        name: "optionsPassthrough",
        description: "A field of other gateways, accepted as `false` only, which has no effect: to let the upstream answer preflights, write `unmatchedPreflights` `\"forward\"` with `upstreamCors` `\"keep\"`",
        default: "false",
        example: "false",
        pattern: "",
    },
    Entry {
        name: "pathPrefixes",
        description: "Starts of paths, by whole segments: `/api` is for `/api` and `/api/x`, not for `/apix`",
        default: "",
        example: "[\"/api\"]",
        pattern: PATH,
    },
    Entry {
        name: "policies",
        description: "Policies by name, for `policyRef` and for route metadata",
        default: "{}",
        example: "{\"partners\": {\"allowOrigins\": [\"https://partner.example.com\"]}}",
        pattern: "",
    },
    Entry {
        name: "policy",
        description: "The policy of the rule",
        default: "",
        example: "{\"allowOrigins\": [\"https://app.example.com\"]}",
        pattern: "",
    },
    Entry {
        name: "policyRef",
        description: "The name of one of `policies`, instead of `policy`",
        default: "",
        example: "\"partners\"",
        pattern: "",
    },
    Entry {
        name: "preflightStatus",
        description: "The status of an answered preflight",
        default: "204",
        example: "200",
        pattern: "",
    },
    Entry {
        name: "presets",
        description: "Add the methods, request headers and exposed headers that the clients of a protocol need; or `open`: any origin, any header, nine methods, without credentials",
        default: "[]",
        example: "[\"grpc-web\"]",
        pattern: "",
    },
    Entry {
        name: "routeMetadataNamespace",
        description: "The namespace of Envoy's route metadata that can name or contain a policy",
        default: "",
        example: "\"cors\"",
        pattern: "",
    },
    Entry {
        name: "routeNames",
        description: "Names of Envoy's routes; a final `/*` matches all names that start so",
        default: "",
        example: "[\"httproute/shop/api/*\"]",
        pattern: "",
    },
    Entry {
        name: "rules",
        description: "Policies for hosts, paths and route names; the most specific one that matches a request applies",
        default: "[]",
        example: "[{\"match\": {\"hostnames\": [\"api.example.com\"]}, \"policy\": {\"allowOrigins\": [\"https://app.example.com\"]}}]",
        pattern: "",
    },
    Entry {
        name: "statPrefix",
        description: "The prefix of the counters",
        default: "\"cors\"",
        example: "\"shop_cors\"",
        pattern: STAT,
    },
    Entry {
        name: "strict",
        description: "Turn warnings into errors",
        default: "false",
        example: "true",
        pattern: "",
    },
    Entry {
        name: "timingAllowOrigin",
        description: "Let scripts of allowed origins read the timing of responses: send `Timing-Allow-Origin` with the value of `Access-Control-Allow-Origin`",
        default: "false",
        example: "true",
        pattern: "",
    },
    Entry {
        name: "unmatchedPreflights",
        description: "What happens to a preflight from an origin that is not allowed. `reject`: 403. `ignore`: `preflightStatus` without CORS headers. `forward`: the upstream answers, which needs `upstreamCors` `\"keep\"`",
        default: "\"reject\"",
        example: "\"ignore\"",
        pattern: "",
    },
    Entry {
        name: "unmatchedRequests",
        description: "What happens to an actual request from an origin that is not allowed. `forward`: it reaches the upstream, but the script cannot read the response. `reject`: 403, unless the request is same-origin",
        default: "\"forward\"",
        example: "\"reject\"",
        pattern: "",
    },
    Entry {
        name: "upstreamCors",
        description: "Whether the upstream's own CORS headers are replaced, or kept if it sends exactly one `Access-Control-Allow-Origin`",
        default: "\"override\"",
        example: "\"keep\"",
        pattern: "",
    },
];

const HOST: &str = r"^[^\s/?#@]+$";

const ORIGIN: &str = r"^(\*|null|[A-Za-z][A-Za-z0-9+.-]*://[^\s,?#@]*)$";

const PATH: &str = r"^/[^\s?#*]*$";

const STAT: &str = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$";

const TOKEN: &str = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
