//! Header families: all names that begin alike, such as `x-stainless-*`.

use crate::config::reader::quote;
use crate::diagnostic::Code;
use crate::http::token::is_token;
use crate::origin::holds;

/// The starts of header names, in lower case, each with its final `-`.
#[derive(Debug, Default)]
pub struct Families(Vec<String>);

impl Families {
    /// Splits entries into names and families. All of them are valid.
    pub(crate) fn split_off(names: &mut Vec<String>) -> Self {
        let mut families = Self::default();
        names.retain(|name| {
            let start = name.strip_suffix('*').filter(|start| !start.is_empty());
            if let Some(start) = start {
                let start = start.to_ascii_lowercase();
                if !families.0.contains(&start) {
                    families.0.push(start);
                }
            }
            start.is_none()
        });
        families
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The start of the family to which a lower-case name belongs.
    pub fn of(&self, name: &[u8]) -> Option<&str> {
        let is_of = |start: &&String| {
            name.len() > start.len() && name.get(..start.len()) == Some(start.as_bytes())
        };
        self.0.iter().find(is_of).map(String::as_str)
    }
}

/// What is wrong with an entry that holds a `*` next to other characters.
pub(crate) fn fault(entry: &str) -> Option<(Code, String)> {
    if entry == "*" || !holds(entry, b"*") || !is_token(entry.as_bytes()) {
        return None;
    }
    let Some(start) = entry.strip_suffix("-*").filter(|start| is_start(start)) else {
        // `x-stainless*` covers what `x-stainless-*` does.
        let start = entry.strip_suffix('*').filter(|start| is_start(start));
        let remedy = match start {
            Some(start) => format!("write {}", quote(&format!("{start}-*"))),
            None => "write names, or a family as in \"x-stainless-*\"".to_owned(),
        };
        let text = format!(
            "is not a family of header names, which ends in -* after two or more characters; {remedy}"
        );
        return Some((Code::HeaderFamilyInvalid, text));
    };
    let start = format!("{}-", start.to_ascii_lowercase());
    let is_forbidden = |forbidden: &&&str| start.starts_with(**forbidden);
    FORBIDDEN.iter().find(is_forbidden).map(|forbidden| {
        let text = format!(
            "is a family of names that begin with {forbidden}, which scripts cannot use; leave it out"
        );
        (Code::HeaderFamilyForbidden, text)
    })
}

fn is_start(text: &str) -> bool {
    text.len() > 1 && !text.ends_with('-') && is_token(text.as_bytes()) && !text.contains('*')
}

/// How forbidden request-headers and the headers of CORS begin.
const FORBIDDEN: [&str; 3] = ["access-control-", "proxy-", "sec-"];

/// How many names of families a header lists.
pub(crate) const MAX_FAMILY_NAMES: usize = 64;
