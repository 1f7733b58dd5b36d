//! Label globs, such as `https://pr-*.example.com`, found in a time that does not depend on their number.

use crate::byte_map::{ByteMap, Indexed};
use crate::origin::pattern::{Glob, PortPattern};
use crate::origin::set::{add, count, has};

/// The label globs of a policy, by what follows the first label.
#[derive(Debug, Default)]
pub(crate) struct Globs {
    /// With the port.
    below: Indexed<Labels>,
    below_any_port: Indexed<Labels>,
}

/// The first labels of globs that go on alike.
#[derive(Debug, Default)]
struct Labels {
    /// Each as it is written, with the mask of its schemes.
    texts: ByteMap,
    /// How many literals they have before the star and after it: each pair once, the longest first.
    lengths: Vec<(u8, u8)>,
}

impl Globs {
    pub fn insert(&mut self, glob: Glob, port: &PortPattern, schemes: u64) {
        let Glob {
            before,
            after,
            below,
        } = glob;
        let labels = match port {
            PortPattern::Any => &mut self.below_any_port,
            PortPattern::Default | PortPattern::Exact(_) => &mut self.below,
        };
        let below = match port {
            PortPattern::Exact(port) => format!("{below}:{port}"),
            PortPattern::Any | PortPattern::Default => below.to_owned(),
        };
        let labels = labels.get_or_insert(below.as_bytes(), Labels::default());
        add(&mut labels.texts, &format!("{before}*{after}"), schemes);
        let length = |text: &str| u8::try_from(text.len()).unwrap_or(u8::MAX);
        let lengths = (length(before), length(after));
        if !labels.lengths.contains(&lengths) {
            let literals = |(before, after): (u8, u8)| u16::from(before) + u16::from(after);
            let is_shorter = |other: &(u8, u8)| literals(*other) < literals(lengths);
            let place = labels.lengths.iter().position(is_shorter);
            labels
                .lengths
                .insert(place.unwrap_or(labels.lengths.len()), lengths);
        }
    }

    /// Finds the glob of a label and what follows it; returns how many literals it has before the star
    /// and after it.
    pub fn find(&self, label: &[u8], below: &[u8], any_port: bool, mask: u64) -> Option<(u8, u8)> {
        let labels = if any_port {
            &self.below_any_port
        } else {
            &self.below
        };
        let labels = labels.get(below)?;
        if label.len() > MAX_LABEL {
            return None;
        }
        let mut text = [b'*'; MAX_LABEL];
        labels.lengths.iter().copied().find(|(before, after)| {
            let (before, after) = (usize::from(*before), usize::from(*after));
            let literals = before + after;
            literals < label.len()
                && put(&mut text, 0, label.get(..before))
                && put(&mut text, before, Some(b"*"))
                && put(&mut text, before + 1, label.get(label.len() - after..))
                && text
                    .get(..=literals)
                    .is_some_and(|text| has(&labels.texts, text, mask))
        })
    }

    pub fn is_empty(&self) -> bool {
        self.below.is_empty() && self.below_any_port.is_empty()
    }

    pub fn len(&self) -> usize {
        let all = self.below.values().chain(self.below_any_port.values());
        all.map(|labels| count(&labels.texts)).sum()
    }
}

/// Writes a part of a label; `false` if there is no such part.
fn put(text: &mut [u8], at: usize, part: Option<&[u8]>) -> bool {
    let Some(part) = part else {
        return false;
    };
    let place = text.get_mut(at..at + part.len());
    place.map(|place| place.copy_from_slice(part)).is_some()
}

/// The longest label that DNS knows.
const MAX_LABEL: usize = 63;
