//! A comparison in words.

use cors::config::json::Json;
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
        let acknowledged = match &self.acknowledged {
            Some(_) => acknowledgement(self).map_or_else(String::new, |text| format!(", {text}")),
            None => String::new(),
        };
        lines.push(format!(
            "{place}{}: {}{}",
            Shown(&self.title()),
            word(self.verdict),
            Shown(&acknowledged)
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
            && let Some(text) = acknowledgement(self)
        {
            lines.push(format!("  {}", Shown(&text)));
        }
    }

    /// What governs now, and before if it is another.
    pub fn title(&self) -> String {
        match self.moved {
            true => format!("{} (before: {})", self.new, self.old),
            false => self.new.clone(),
        }
    }
}

impl Change {
    fn write(&self, lines: &mut Vec<String>) {
        lines.push(format!("  {}", Shown(&headline(self))));
        if let Some(example) = self
            .example
            .as_ref()
            .filter(|_| self.direction != Direction::Neutral)
        {
            lines.push(format!("    {}", Shown(&request(example))));
            lines.push(format!("      before: {}", Shown(&example.old)));
            lines.push(format!("      now:    {}", Shown(&example.new)));
        }
    }
}

/// How a row that is wider is acknowledged, or by which name it is.
pub fn acknowledgement(row: &Row) -> Option<String> {
    match &row.acknowledged {
        Some(name) => Some(format!("acknowledged by --allow-wider {name}")),
        None => {
            let name = quoted(row.names.first()?);
            Some(format!("if that is meant: --allow-wider {name}"))
        }
    }
}

/// A difference in one line.
pub fn headline(change: &Change) -> String {
    let direction = match change.direction {
        Direction::Wider => "wider",
        Direction::Undecided => "undecided",
        Direction::Narrower => "narrower",
        Direction::Neutral => "different",
    };
    let is_of_origins = change.field.starts_with("allowOrigin") || change.field == "presets";
    let values = match change.values.as_slice() {
        [value] if is_of_origins => format!(" {}", Json::String(value.clone())),
        _ => String::new(),
    };
    let no_longer = if change.direction == Direction::Narrower {
        "no longer: "
    } else {
        ""
    };
    format!(
        "{direction}: {}{values}: {no_longer}{}",
        change.field, change.text
    )
}

/// The request of an example in words.
pub fn request(example: &Example) -> String {
    let mut words = format!("{} {}", example.method, example.url);
    match &example.origin {
        Some(origin) => words.push_str(&format!(" from {origin}")),
        None => words.push_str(" without Origin"),
    }
    if example.credentials {
        words.push_str(" with credentials");
    }
    if !example.request_headers.is_empty() {
        words.push_str(&format!(
            " with the header {}",
            example.request_headers.join(", ")
        ));
    }
    if let Some(name) = &example.route_name {
        words.push_str(&format!(" on the route {name}"));
    }
    if let Some(policy) = &example.route_policy {
        words.push_str(&format!(" on a route with the policy {policy}"));
    }
    if example.upstream_grants {
        words.push_str(", the upstream grants it");
    }
    words
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
