//! Where browsers differ from the Fetch standard and from each other. `tests/browser/model.rs` compares the model
//! of each engine with the engine.

use std::fmt;

/// For which browser the model speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Engine {
    /// The Fetch standard to the letter.
    Standard,
    Chromium,
    Firefox,
    /// Safari's, and that of every browser on iOS.
    WebKit,
}

impl Engine {
    /// Those that exist.
    pub const BROWSERS: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    /// Whether a script may set `User-Agent`, so that a preflight asks for it. Chromium ignores the script's value.
    pub fn lets_scripts_set_user_agent(self) -> bool {
        self != Self::Chromium
    }

    /// Whether headers such as `Save-Data` need no permission.
    pub fn safelists_client_hints(self) -> bool {
        self == Self::Chromium
    }

    /// Whether `fetch` judges each of several lines of one name, so that a preflight can name a header twice. Others
    /// combine them first.
    pub fn judges_each_line(self) -> bool {
        self == Self::Firefox
    }

    /// Whether a literal `*` in `Access-Control-Allow-Headers` covers `Authorization`, which the standard excludes.
    pub fn wildcard_covers_authorization(self) -> bool {
        self != Self::Standard
    }

    /// What it does with a request body that is a stream.
    pub fn streaming(self) -> Streaming {
        match self {
            Self::Standard | Self::Chromium => Streaming::Streams,
            Self::Firefox => Streaming::SendsText,
            Self::WebKit => Streaming::Throws,
        }
    }
}

/// What a browser does with a request body that is a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Streaming {
    Streams,
    /// It sends the text `[object ReadableStream]`.
    SendsText,
    Throws,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "the Fetch standard",
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::WebKit => "Safari",
        })
    }
}
