//! The codes of the diagnostics that corsctl finds itself, in addition to those of the module.
//!
//! A diagnostic is one line here, its entry in docs/src/reference/diagnostics.md, and a case in `tests/`.

use cors::diagnostic::Severity;
use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($code:ident = $level:ident $name:literal,)*) => {
        /// What a diagnostic is about; docs/src/reference/diagnostics.md has an entry for each.
        ///
        /// The names do not change, and none is used again: scripts know them.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Code {
            $($code,)*
        }

        impl Code {
            /// All codes, as listed below.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$code,)*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            pub const fn level(self) -> Level {
                match self {
                    $(Self::$code => Level::$level,)*
                }
            }
        }
    };
}

codes! {
    // Of every command: files and arguments.
    FileUnreadable = Error "file-unreadable",
    FileMalformed = Error "file-malformed",
    NoConfiguration = Error "no-configuration",
    SeveralConfigurations = Error "several-configurations",
    ConfigurationRejected = Error "configuration-rejected",
    WrappedConfiguration = Error "wrapped-configuration",
    InvalidArgument = Error "invalid-argument",
    FileUnwritable = Error "file-unwritable",

    // Of corsctl diff.
    BecameWider = Error "became-wider",
    ChangeUndecided = Warning "change-undecided",
    BecameNarrower = Note "became-narrower",
    UnusedAcknowledgement = Note "unused-acknowledgement",

    // Of corsctl render.
    TemplateInvalid = Error "template-invalid",

    // Of corsctl check: what the plugin cannot know.
    MoreDiagnostics = Note "more-diagnostics",
    FileWithoutConfiguration = Note "file-without-configuration",
    NotChecked = Note "not-checked",
    HigressPlugin = Note "higress-plugin",
    PublicSuffix = Warning "public-suffix",
    CredentialsWithAnyHost = Warning "credentials-with-any-host",
    RegexUndecided = Note "regex-undecided",
    ExactPathSlash = Warning "exact-path-slash",
    EnvoyCorsFilter = Warning "envoy-cors-filter",
    BehindAuthentication = Warning "behind-authentication",
    NotFirst = Warning "not-first",
    NoPriority = Warning "no-priority",
    EnvoyGatewayOrder = Note "envoy-gateway-order",
    UpgradeWithoutPlugin = Warning "upgrade-without-plugin",
    PathNotNormalized = Warning "path-not-normalized",
    CorsHeaderAdded = Warning "cors-header-added",
    AnyDomain = Warning "any-domain",
    RoutePolicyNotString = Error "route-policy-not-string",
    RoutePolicyUnknown = Error "route-policy-unknown",
    RouteMissesPreflights = Warning "route-misses-preflights",

    // Of corsctl explain: why the browser blocks the response.
    ResponseWithoutCors = Error "response-without-cors",
    AllowOriginWildcard = Error "allow-origin-wildcard",
    AllowCredentialsMissing = Error "allow-credentials-missing",
    ForbiddenMethod = Error "forbidden-method",
    MethodNotListed = Error "method-not-listed",
    HeaderNotListed = Error "header-not-listed",

    // Of corsctl test.
    NoCases = Error "no-cases",
    InvalidCase = Error "invalid-case",
    UnexpectedOutcome = Error "unexpected-outcome",

    // Of corsctl probe: the likely causes, and why there is no answer to judge.
    CachedForAnotherOrigin = Error "cached-for-another-origin",
    SecondCorsLayer = Error "second-cors-layer",
    PreflightAnsweredInFront = Error "preflight-answered-in-front",
    VaryMissing = Error "vary-missing",
    NoCorsHeaders = Error "no-cors-headers",
    AnswerDiffers = Error "answer-differs",
    NoAnswer = Error "no-answer",
    NothingEnforced = Error "nothing-enforced",
    RemoteAddress = Error "remote-address",

    // Of corsctl learn.
    LogWithoutOrigins = Error "log-without-origins",
    NothingTrusted = Error "nothing-trusted",

    // Of corsctl import: what it reads, and from where.
    Imported = Note "imported",
    SourceEmpty = Error "source-empty",
    AmbiguousSystem = Error "ambiguous-system",
    UnsupportedSystem = Error "unsupported-system",
    UnknownSystem = Error "unknown-system",
    NoCorsPolicy = Error "no-cors-policy",
    NoReachablePolicy = Error "no-reachable-policy",
    SourceTemplate = Error "source-template",
    NotImported = Error "not-imported",
    OtherPlugin = Changed "other-plugin",
    SourceMergeKey = Error "source-merge-key",
    SourceDuplicateField = Error "source-duplicate-field",
    SourceUnknownField = Error "source-unknown-field",
    SourceWrongType = Error "source-wrong-type",
    SourceInvalidValue = Error "source-invalid-value",
    UnsupportedForm = Error "unsupported-form",
    MissingReference = Error "missing-reference",
    IgnoredCorsBlock = Error "ignored-cors-block",
    IgnoredResource = Changed "ignored-resource",
    IgnoredField = Changed "ignored-field",
    ObsoleteField = Changed "obsolete-field",
    HeaderSetByHand = Changed "header-set-by-hand",

    // Of corsctl import: where a policy applies.
    SeveralPolicies = Error "several-policies",
    SeveralGateways = Error "several-gateways",
    UnsupportedMatch = Error "unsupported-match",
    SourceMatchInvalid = Error "source-match-invalid",
    ConflictingRoutes = Error "conflicting-routes",
    TooManyCombinations = Error "too-many-combinations",
    PartialRollout = Error "partial-rollout",
    RuntimeFraction = Changed "runtime-fraction",
    PolicyDisabled = Changed "policy-disabled",
    PolicyWithoutOrigins = Changed "policy-without-origins",
    PolicyForEverything = Changed "policy-for-everything",
    UnusedPolicy = Changed "unused-policy",
    UnreachedRoute = Changed "unreached-route",
    RouteNamesOfSystem = Changed "route-names-of-system",
    WorkloadsSelected = Changed "workloads-selected",
    ShortHostName = Changed "short-host-name",
    PrefixBySegment = Changed "prefix-by-segment",
    FilterMissing = Wider "filter-missing",
    SkippedRoutes = Wider "skipped-routes",
    HostWildcard = Wider "host-wildcard",
    AnyHost = Wider "any-host",
    PortIgnored = Wider "port-ignored",
    MethodIgnored = Wider "method-ignored",
    OtherPathsForwarded = Wider "other-paths-forwarded",

    // Of corsctl import: origins.
    OriginNotExpressible = Error "origin-not-expressible",
    IgnoredOrigin = Changed "ignored-origin",
    OriginNormalizedBySource = Changed "origin-normalized-by-source",
    RedundantOrigins = Changed "redundant-origins",
    PortalOrigin = Changed "portal-origin",
    DefaultOrigins = Default "default-origins",
    OriginNormalized = Wider "origin-normalized",
    OriginNarrowed = Narrower "origin-narrowed",
    SchemeNarrowed = Narrower "scheme-narrowed",
    RegexAnchored = Narrower "regex-anchored",
    NullOriginDropped = Narrower "null-origin-dropped",

    // Of corsctl import: the other fields of a policy.
    CredentialsDropped = Changed "credentials-dropped",
    DefaultMethods = Default "default-methods",
    DefaultHeaders = Default "default-headers",
    DefaultMaxAge = Default "default-max-age",
    DefaultCredentials = Default "default-credentials",
    DefaultUnmatchedPreflights = Default "default-unmatched-preflights",
    DefaultCors = Default "default-cors",
    MethodNormalized = Wider "method-normalized",
    SafelistedMethods = Wider "safelisted-methods",
    LiteralWildcard = Wider "literal-wildcard",
    MethodWildcardAmongOthers = Changed "method-wildcard-among-others",
    NegativeMaxAge = Changed "negative-max-age",
    ForwardedPreflights = Changed "forwarded-preflights",
    PassthroughPreflights = Error "passthrough-preflights",
    HiddenOrigin = Default "hidden-origin",
    HiddenOriginByEndpoint = Changed "hidden-origin-by-endpoint",
    OriginNotHidden = Changed "origin-not-hidden",
    DebugNotImported = Changed "debug-not-imported",
    TimingNotImported = Changed "timing-not-imported",

    // Of corsctl import: what differs from the other system for every policy.
    RejectedPreflightStatus = Changed "rejected-preflight-status",
    RejectedRequests = Changed "rejected-requests",
    HeadersAdded = Wider "headers-added",
    PreflightOnly = Changed "preflight-only",
    PreflightListsAll = Changed "preflight-lists-all",
    UpstreamCorsRemoved = Changed "upstream-cors-removed",
    VaryAdded = Changed "vary-added",
    VaryNotSent = Changed "vary-not-sent",
    HeadersForAllowedOnly = Changed "headers-for-allowed-only",
    SameOriginNotRejected = Changed "same-origin-not-rejected",
    PatternMatchesWhole = Changed "pattern-matches-whole",
    ResponseDetails = Changed "response-details",
}

/// What a diagnostic means for the user: the three severities of the module, and how an imported
/// policy differs from its source.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    Error,
    Warning,
    Note,
    /// Allows more than the source.
    Wider,
    /// Allows less than the source.
    Narrower,
    /// Differs from the source, and is neither wider nor narrower.
    Changed,
    /// Written out, where the source leaves it to a default.
    Default,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => Severity::Error.name(),
            Self::Warning => Severity::Warning.name(),
            Self::Note => Severity::Note.name(),
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Changed => "changed",
            Self::Default => "default",
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
            Severity::Note => Self::Note,
        }
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Each code has one entry in the page, and a golden file in which corsctl prints it; the page has
    /// entries for no other codes.
    #[test]
    fn every_code_is_documented_and_made() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page =
            fs::read_to_string(folder.join("../../docs/src/reference/diagnostics.md")).unwrap();
        let mut documented = BTreeMap::new();
        for entry in page.split("\n### `").skip(1) {
            let (name, text) = entry.split_once("`\n\n").unwrap();
            if let Some(text) = text.strip_prefix("`corsctl`, ") {
                assert!(documented.insert(name, text).is_none(), "{name} twice");
            }
        }
        let made = codes_in(&folder.join("tests"));
        let of_module: HashSet<_> = cors::diagnostic::Code::ALL
            .iter()
            .map(|code| code.name())
            .collect();
        let mut problems = Vec::new();
        for code in Code::ALL {
            let name = code.name();
            assert!(!of_module.contains(name), "{name} is a code of the module");
            let start = format!("{}. **Why:** ", code.level().name());
            match documented.remove(name) {
                Some(text) if text.starts_with(&start) && text.contains("**Fix:**") => {}
                _ => problems.push(format!("the page has no entry {name}: `corsctl`, {start}")),
            }
            if !made.contains(name) {
                problems.push(format!("no golden file has {name}"));
            }
        }
        problems.extend(documented.keys().map(|name| format!("no code is {name}")));
        assert_eq!(problems, [""; 0], "{}", problems.join("\n"));
    }

    #[test]
    fn no_two_codes_have_one_name() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }

    fn code_of(line: &str) -> Option<&str> {
        let (_, code) = match line.strip_suffix(']') {
            Some(text) => text.rsplit_once(" [")?,
            None => {
                let line = line.trim_end_matches(',');
                let mut keys = ["\"code\": ", "\"ruleId\": "].into_iter();
                keys.find_map(|key| line.split_once(key))?
            }
        };
        Some(code.trim_matches('"'))
    }

    /// The codes in all golden files: at the ends of lines, and in JSON.
    fn codes_in(folder: &Path) -> HashSet<String> {
        let mut codes = HashSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                codes.extend(codes_in(&path));
            } else if ["golden.txt", "outcomes.yaml"].contains(&name) || name.ends_with(".said") {
                let text = fs::read_to_string(&path).unwrap();
                let lines = text.lines().map(|line| line.trim_end_matches('"'));
                codes.extend(lines.filter_map(code_of).map(str::to_owned));
            }
        }
        codes
    }
}
