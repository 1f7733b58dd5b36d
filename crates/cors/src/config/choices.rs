//! The fields that take one of a few values: each value and its spelling, for the table of fields and for
//! its reader.

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident {
        $first:ident $first_word:literal,
        $($choice:ident $word:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub enum $name {
            #[default]
            $first,
            $($choice,)*
        }

        impl $name {
            /// Each value with its spelling; the first is the default.
            pub const CHOICES: &[(&str, Self)] =
                &[($first_word, Self::$first), $(($word, Self::$choice),)*];

            pub const WORDS: &[&str] = &[$first_word, $($word,)*];
        }
    )*};
}

choices! {
    /// `mode`
    Mode {
        Enforce "enforce",
        Shadow "shadow",
        Off "off",
    }

    /// An entry of `presets`
    Preset {
        A2a "a2a",
        Connect "connect",
        GrpcWeb "grpc-web",
        Llm "llm",
        Mcp "mcp",
        Open "open",
        S3 "s3",
        SignalR "signalr",
        Tracing "tracing",
        Tus "tus",
    }

    /// `unmatchedPreflights`
    UnmatchedPreflights {
        Reject "reject",
        Ignore "ignore",
        Forward "forward",
    }

    /// `unmatchedRequests`
    UnmatchedRequests {
        Forward "forward",
        Reject "reject",
    }

    /// `upstreamCors`
    UpstreamCors {
        Override "override",
        Keep "keep",
    }
}

/// `preflightStatus`: the status of an answered preflight.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PreflightStatus {
    #[default]
    NoContent = 204,
    Ok = 200,
}

impl PreflightStatus {
    pub const NUMBERS: &[u16] = &[Self::Ok as u16, Self::NoContent as u16];

    pub fn of(number: f64) -> Option<Self> {
        let choices = [Self::Ok, Self::NoContent];
        choices
            .into_iter()
            .find(|choice| f64::from(*choice as u16) == number)
    }
}
