//! Traefik's rules: calls such as ``Host(`a`)`` with `&&`, `||` and brackets.

/// One call of a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call<'r> {
    pub name: &'r str,
    pub arguments: Vec<&'r str>,
}

/// A rule as alternatives, each of calls that have to match together; none if it has something else,
/// such as `!`, or too many of them.
pub fn alternatives(text: &str) -> Option<Vec<Vec<Call<'_>>>> {
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    let found = reader.any()?;
    reader.rest.trim().is_empty().then_some(found)
}

struct Reader<'r> {
    rest: &'r str,
    /// How many brackets are open.
    depth: usize,
}

impl<'r> Reader<'r> {
    /// Alternatives joined by `||`.
    fn any(&mut self) -> Option<Vec<Vec<Call<'r>>>> {
        let mut found = self.all()?;
        while self.takes("||") {
            found.extend(self.all()?);
            (found.len() <= MAX_ALTERNATIVES).then_some(())?;
        }
        Some(found)
    }

    /// Parts joined by `&&`: each alternative of one with each of the other.
    fn all(&mut self) -> Option<Vec<Vec<Call<'r>>>> {
        let mut found = self.part()?;
        while self.takes("&&") {
            let more = self.part()?;
            (found.len() * more.len() <= MAX_ALTERNATIVES).then_some(())?;
            let joined = found.iter().flat_map(|one| {
                let more = more.iter();
                more.map(move |other| [one.as_slice(), other.as_slice()].concat())
            });
            found = joined.collect();
        }
        Some(found)
    }

    fn part(&mut self) -> Option<Vec<Vec<Call<'r>>>> {
        if self.takes("(") {
            self.depth += 1;
            (self.depth <= MAX_DEPTH).then_some(())?;
            let found = self.any()?;
            self.depth -= 1;
            return self.takes(")").then_some(found);
        }
        let (name, rest) = self.rest.split_once('(')?;
        let name = name.trim();
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric())
            .then_some(())?;
        self.rest = rest;
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(self.argument()?);
            if !self.takes(",") && !self.rest.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(vec![vec![Call { name, arguments }]])
    }

    /// A text in quotes of any kind.
    fn argument(&mut self) -> Option<&'r str> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|char| "`\"'".contains(*char))?;
        let (text, rest) = rest.get(1..)?.split_once(quote)?;
        self.rest = rest;
        Some(text)
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

const MAX_ALTERNATIVES: usize = 1_000;
const MAX_DEPTH: usize = 64;
