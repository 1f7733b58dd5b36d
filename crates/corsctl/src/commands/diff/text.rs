//! A comparison in words.

use cors::config::json::Node;
use cors::escape::Shown;

use crate::compare::ask::{Direction, Example};
use crate::compare::policies::{Change, some_of};
use crate::compare::report::{At, Outcome};
use crate::compare::rows::{Row, Verdict};
use crate::output::color;

impl Outcome {
    /// The lines for the standard output.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for plugin in &self.plugins {
            let at = plugin.new.as_ref().or(plugin.old.as_ref());
            let place = at.map(At::text).unwrap_or_default();
            match (&plugin.old, &plugin.new) {
                (None, _) => lines.push(format!("{place}the plugin is new")),
                (_, None) => lines.push(format!("{place}the plugin is gone")),
                _ => {}
            }
            for row in &plugin.rows {
                row.write(&place, &mut lines);
            }
        }
        for name in &self.unused {
            lines.push(format!(
                "--allow-wider {}: acknowledges nothing here",
                Shown(name)
            ));
        }
        lines.into_iter().map(|line| line + "\n").collect()
    }
}

impl At {
    fn text(&self) -> String {
        let place = match self.place.as_str() {
            "" => String::new(),
            place => format!("{}: ", Shown(place)),
        };
        format!("{}: {place}", Shown(&self.file))
    }
}

impl Row {
    fn write(&self, place: &str, lines: &mut Vec<String>) {
        let what = if self.moved {
            format!("{} (before: {})", Shown(&self.new), Shown(&self.old))
        } else {
            Shown(&self.new).to_string()
        };
        let acknowledged = match &self.acknowledged {
            Some(name) => format!(", acknowledged by --allow-wider {}", Shown(name)),
            None => String::new(),
        };
        lines.push(format!(
            "{place}{what}: {}{acknowledged}",
            word(self.verdict)
        ));
        if self.moved {
            lines.push(format!("  for {}", Shown(&some_of(&self.targets))));
        }
        let mut changes: Vec<&Change> = self.changes.iter().collect();
        let more = changes.len().saturating_sub(MAX_CHANGES);
        changes.truncate(MAX_CHANGES);
        for change in changes {
            change.write(lines);
        }
        if more > 0 {
            lines.push(format!("  and {more} more, which --output json has"));
        }
        if self.verdict == Verdict::Wider
            && self.acknowledged.is_none()
            && let Some(name) = self.names.first()
        {
            lines.push(format!(
                "  if that is meant: --allow-wider {}",
                Shown(&quoted(name))
            ));
        }
    }
}

impl Change {
    fn write(&self, lines: &mut Vec<String>) {
        let direction = match self.direction {
            Direction::Wider => "wider",
            Direction::Undecided => "undecided",
            Direction::Narrower => "narrower",
            Direction::Neutral => "different",
        };
        let is_of_origins = self.field.starts_with("allowOrigin") || self.field == "presets";
        let values = match self.values.as_slice() {
            [value] if is_of_origins => format!(" {}", Node::String(value.clone())),
            _ => String::new(),
        };
        let no_longer = if self.direction == Direction::Narrower {
            "no longer: "
        } else {
            ""
        };
        lines.push(format!(
            "  {direction}: {}{values}: {no_longer}{}",
            self.field,
            Shown(&self.text)
        ));
        if let Some(example) = self
            .example
            .as_ref()
            .filter(|_| self.direction != Direction::Neutral)
        {
            lines.push(format!("    {}", Shown(&example.request())));
            lines.push(format!("      before: {}", Shown(&example.old)));
            lines.push(format!("      now:    {}", Shown(&example.new)));
        }
    }
}

impl Example {
    fn request(&self) -> String {
        let mut words = format!("{} {}", self.method, self.url);
        match &self.origin {
            Some(origin) => words.push_str(&format!(" from {origin}")),
            None => words.push_str(" without Origin"),
        }
        if self.credentials {
            words.push_str(" with credentials");
        }
        if !self.request_headers.is_empty() {
            words.push_str(&format!(
                " with the header {}",
                self.request_headers.join(", ")
            ));
        }
        if let Some(name) = &self.route_name {
            words.push_str(&format!(" on the route {name}"));
        }
        if let Some(policy) = &self.route_policy {
            words.push_str(&format!(" on a route with the policy {policy}"));
        }
        if self.upstream_grants {
            words.push_str(", the upstream grants it");
        }
        words
    }
}

/// A name as one word of a shell.
fn quoted(name: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./".contains(char);
    if name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Wider => color("wider", 31),
        Verdict::Undecided => color("undecided", 33),
        Verdict::Narrower => color("narrower", 36),
        Verdict::Equal => color("equal", 32),
    }
}

const MAX_CHANGES: usize = 20;
