//! The codes of the diagnostics.

macro_rules! codes {
    ($($code:ident = $number:literal $name:literal,)*) => {
        /// What a diagnostic is about; docs/src/reference/diagnostics.md has an entry for each.
        ///
        /// The number is what the module logs, the name is what people read. Neither changes, and
        /// none is used again: alerts and scripts know them.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum Code {
            $($code = $number,)*
        }

        impl Code {
            /// All codes, by number.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The name. The module does not use it, so that it does not hold the names.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    NotJson = 1 "not-json",
    ConfigurationTooLarge = 2 "configuration-too-large",
    DefaultPolicy = 3 "default-policy",
    NoPolicy = 4 "no-policy",
    WrongType = 5 "wrong-type",
    NullValue = 6 "null-value",
    UnquotedNull = 7 "unquoted-null",
    UnknownField = 8 "unknown-field",
    MisplacedField = 9 "misplaced-field",
    DuplicateField = 10 "duplicate-field",
    FieldInComment = 11 "field-in-comment",
    UnknownChoice = 12 "unknown-choice",
    UnknownPreset = 13 "unknown-preset",
    TooManyEntries = 14 "too-many-entries",
    EmptyList = 15 "empty-list",
    OriginHasComma = 16 "origin-has-comma",
    OriginEmpty = 17 "origin-empty",
    OriginHasFragment = 18 "origin-has-fragment",
    OriginHostInvalid = 19 "origin-host-invalid",
    OriginIpv6Invalid = 20 "origin-ipv6-invalid",
    OriginWithoutScheme = 21 "origin-without-scheme",
    OriginNotAscii = 22 "origin-not-ascii",
    OriginHasPath = 23 "origin-has-path",
    OriginPortInvalid = 24 "origin-port-invalid",
    OriginHasQuery = 25 "origin-has-query",
    OriginSchemeInvalid = 26 "origin-scheme-invalid",
    OriginSchemeWildcard = 27 "origin-scheme-wildcard",
    OriginHasSpace = 28 "origin-has-space",
    OriginTooLong = 29 "origin-too-long",
    OriginHasUserinfo = 30 "origin-has-userinfo",
    OriginWildcardMisplaced = 31 "origin-wildcard-misplaced",
    OriginDefaultPort = 32 "origin-default-port",
    OriginIpv6Form = 33 "origin-ipv6-form",
    OriginTrailingSlash = 34 "origin-trailing-slash",
    OriginUpperCase = 35 "origin-upper-case",
    OriginWildcardInLabel = 36 "origin-wildcard-in-label",
    OriginIsRegex = 37 "origin-is-regex",
    AnyOriginAndOthers = 38 "any-origin-and-others",
    NoOrigins = 39 "no-origins",
    TooManySchemes = 40 "too-many-schemes",
    SharedOrigin = 41 "shared-origin",
    CredentialsWithSharedOrigin = 42 "credentials-with-shared-origin",
    CredentialsWithPlainHttp = 43 "credentials-with-plain-http",
    CredentialsWithAnyOrigin = 44 "credentials-with-any-origin",
    RegexInvalid = 45 "regex-invalid",
    RegexTooLong = 46 "regex-too-long",
    RegexTooCostly = 47 "regex-too-costly",
    TooManyRegexes = 48 "too-many-regexes",
    RegexUnescapedDot = 49 "regex-unescaped-dot",
    RegexMissesOrigin = 50 "regex-misses-origin",
    RegexMatchesNothing = 51 "regex-matches-nothing",
    RegexAdmitsStrangers = 52 "regex-admits-strangers",
    MethodInvalid = 53 "method-invalid",
    MethodNeverSent = 54 "method-never-sent",
    MethodCase = 55 "method-case",
    AnyMethodAndOthers = 56 "any-method-and-others",
    AutoOptionsAnyMethod = 57 "auto-options-any-method",
    AnyAsName = 58 "any-as-name",
    HeaderNameInvalid = 59 "header-name-invalid",
    HeaderNeverSet = 60 "header-never-set",
    HeaderNeverReadable = 61 "header-never-readable",
    HeaderAlwaysReadable = 62 "header-always-readable",
    HeaderValueTooLong = 63 "header-value-too-long",
    MaxAgeInvalid = 64 "max-age-invalid",
    MaxAgeTooLong = 65 "max-age-too-long",
    PreflightStatusInvalid = 66 "preflight-status-invalid",
    PrivateNetworkObsolete = 67 "private-network-obsolete",
    RejectsNothing = 68 "rejects-nothing",
    RejectsNoRebinding = 69 "rejects-no-rebinding",
    ForwardWithoutKeep = 70 "forward-without-keep",
    ForwardsPreflights = 71 "forwards-preflights",
    KeepsUpstreamCors = 72 "keeps-upstream-cors",
    HideWithKeep = 73 "hide-with-keep",
    HideWithAnyOrigin = 74 "hide-with-any-origin",
    ShadowMode = 75 "shadow-mode",
    StatPrefixInvalid = 76 "stat-prefix-invalid",
    NamespaceInvalid = 77 "namespace-invalid",
    PolicyNameInvalid = 78 "policy-name-invalid",
    TooManyPolicies = 79 "too-many-policies",
    DuplicatePolicy = 80 "duplicate-policy",
    UnknownPolicy = 81 "unknown-policy",
    PolicyAndPolicyRef = 82 "policy-and-policy-ref",
    RuleWithoutPolicy = 83 "rule-without-policy",
    DuplicateRuleName = 84 "duplicate-rule-name",
    TooManyRules = 85 "too-many-rules",
    RuleWithoutMatch = 86 "rule-without-match",
    EmptyMatch = 87 "empty-match",
    HostnameInvalid = 88 "hostname-invalid",
    PathInvalid = 89 "path-invalid",
    PathOutsidePrefixes = 90 "path-outside-prefixes",
    RouteNameInvalid = 91 "route-name-invalid",
    TooManyMatches = 92 "too-many-matches",
    ConflictingRules = 93 "conflicting-rules",
    OriginWildcardWithoutDot = 94 "origin-wildcard-without-dot",
    HeaderFamilyInvalid = 95 "header-family-invalid",
    HeaderFamilyForbidden = 96 "header-family-forbidden",
    GrantOriginRepeated = 97 "grant-origin-repeated",
    GrantNeverReached = 98 "grant-never-reached",
    AnyOriginNotLast = 99 "any-origin-not-last",
    GrantFieldUnused = 100 "grant-field-unused",
    OriginTenantInvalid = 101 "origin-tenant-invalid",
    TenantOutsideRule = 102 "tenant-outside-rule",
    TenantNotBound = 103 "tenant-not-bound",
    TenantBoundTwice = 104 "tenant-bound-twice",
}

impl Code {
    /// The number, as in `[cors-23]` at the end of a line of the module's log.
    pub const fn number(self) -> u8 {
        self as u8
    }
}
