//! The headers of a message as a host keeps them.

/// One entry per line; names in lower case.
pub type Lines = Vec<(String, Vec<u8>)>;

#[derive(Clone, Debug, Default)]
pub struct HeaderMap {
    pub lines: Lines,
    joins_lines: bool,
}

impl HeaderMap {
    /// With `joins_lines`, the headers that a stock Envoy keeps in one line each have one here.
    pub fn new(lines: Lines, joins_lines: bool) -> Self {
        let mut map = HeaderMap {
            lines: Vec::new(),
            joins_lines,
        };
        for (name, value) in lines {
            map.add(name, value);
        }
        map
    }

    /// The value of the first line.
    pub fn read(&self, name: &str) -> Option<&[u8]> {
        self.lines
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The status of a response, if it has one.
    pub fn status(&self) -> Option<u16> {
        str::from_utf8(self.read(":status")?).ok()?.parse().ok()
    }

    pub fn add(&mut self, name: String, value: Vec<u8>) {
        let joins = self.joins_lines && is_inline(&name);
        match self
            .lines
            .iter_mut()
            .find(|(other, _)| joins && *other == name)
        {
            Some((_, line)) => {
                line.push(b',');
                line.extend(value);
            }
            None => self.lines.push((name, value)),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|(other, _)| other != name);
    }
}

fn is_inline(name: &str) -> bool {
    name == "origin" || name == "vary" || name.starts_with("access-control-")
}
