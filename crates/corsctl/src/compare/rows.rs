//! Compares two configurations: one row for each pair of policies that govern the same requests before
//! and after.

use std::collections::HashMap;

use cors::http::header::METHOD;
use serde::Serialize;

use crate::compare::ask::{Ask, Direction, Upstream};
use crate::compare::finder::Finder;
use crate::compare::policies::{Change, compare};
use crate::compare::side::{By, Governing, Side, Target};
use crate::compare::targets::targets;

/// What became of the requests that one policy governed before and one governs now.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What governed them, in the words of the module's log.
    pub old: String,
    pub new: String,
    /// Whether the two are not the same rule, by name or match.
    pub moved: bool,
    pub verdict: Verdict,
    /// By which name it is acknowledged, if it is.
    pub acknowledged: Option<String>,
    /// Of the hosts and paths that it is about some.
    pub targets: Vec<String>,
    /// The line of the policy in its file, once it is known.
    pub line: Option<usize>,
    pub changes: Vec<Change>,
    /// By which names what governs now may be meant.
    #[serde(skip)]
    pub names: Vec<String>,
    #[serde(skip)]
    pub by: [By; 2],
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Wider,
    Undecided,
    Narrower,
    Equal,
}

impl Verdict {
    fn of(changes: &[Change]) -> Self {
        let verdicts = changes.iter().map(|change| match change.direction {
            Direction::Wider => Self::Wider,
            Direction::Undecided => Self::Undecided,
            Direction::Narrower => Self::Narrower,
            Direction::Neutral => Self::Equal,
        });
        verdicts.min().unwrap_or(Self::Equal)
    }
}

impl Row {
    /// Whether the same governs on both sides, with the same differences.
    fn is_like(&self, other: &Self) -> bool {
        let keys = |row: &Self| -> Vec<(Direction, &'static str, Vec<String>)> {
            let changes = row.changes.iter();
            changes
                .map(|change| (change.direction, change.field, change.values.clone()))
                .collect()
        };
        self.by == other.by && self.names == other.names && keys(self) == keys(other)
    }
}

/// The requests of one row.
struct Group<'n> {
    governing: [Governing<'n>; 2],
    targets: Vec<Target>,
}

/// Compares two sides.
pub fn rows(old: &Side, new: &Side, finder: &mut Finder) -> Vec<Row> {
    let Ok(mut targets) = targets(old, new) else {
        return vec![undecided("all rules", TOO_MANY)];
    };
    let mut rows = Vec::new();
    match (old.namespace(), new.namespace()) {
        (None, None) => {}
        (Some(one), Some(other)) if one == other => {
            let mut names = old.policy_names();
            names.extend(new.policy_names());
            names.sort_unstable();
            names.dedup();
            targets.extend(names.into_iter().map(|name| of_route(name.to_owned())));
        }
        (Some(_), Some(_)) => rows.push(undecided(
            "route metadata",
            "routeMetadataNamespace differs: routes have other policies now, which are not in these files",
        )),
        _ => rows.push(delegation(old, new)),
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut places = HashMap::new();
    for target in targets {
        let governing = [old, new].map(|side| side.governing(&target));
        let is_known_host = [old, new].map(|side| is_known_host(side, &target));
        let key = (
            governing
                .each_ref()
                .map(|governing| (governing.by.clone(), governing.bindings.clone())),
            is_known_host,
        );
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.targets.push(target),
            None => groups.push(Group {
                governing,
                targets: vec![target],
            }),
        }
    }
    groups.sort_by_key(|group| {
        let [old, new] = group
            .governing
            .each_ref()
            .map(|governing| governing.by.clone());
        (new, old)
    });
    for row in groups
        .iter()
        .filter_map(|group| row(old, new, group, finder))
    {
        // Of a rule with names in braces there is a group for each text that is tried.
        match rows.iter_mut().find(|known| known.is_like(&row)) {
            Some(known) => known.targets.extend(row.targets),
            None => rows.push(row),
        }
    }
    rows
}

fn row(old: &Side, new: &Side, group: &Group, finder: &mut Finder) -> Option<Row> {
    let target = group.targets.first()?;
    let [before, after] = &group.governing;
    let changes = if before.policy == after.policy
        && before.bindings == after.bindings
        && before.policy.is_none() == (before.by == By::Nothing)
    {
        Vec::new()
    } else {
        let ask = Ask {
            old: &old.plugin,
            new: &new.plugin,
            target,
        };
        compare(ask, &group.governing, finder)
    };
    Some(Row {
        old: before.label.clone(),
        new: after.label.clone(),
        moved: !old.is_same(&before.by, new, &after.by),
        verdict: Verdict::of(&changes),
        acknowledged: None,
        targets: group.targets.iter().take(MAX_TARGETS).map(words).collect(),
        line: None,
        changes,
        names: new.names(&after.by),
        by: [before.by.clone(), after.by.clone()],
    })
}

/// On one side, the authors of routes decide.
fn delegation(old: &Side, new: &Side) -> Row {
    let target = of_route(
        r#"{"allowOrigins": ["https://evil.example"], "allowCredentials": true}"#.to_owned(),
    );
    let ask = Ask {
        old: &old.plugin,
        new: &new.plugin,
        target: &target,
    };
    let mut fetch = ask.fetch("https://evil.example", "GET");
    fetch.credentials = true;
    let found = ask.compare(&fetch, Upstream::Silent(&[]));
    let changes: Vec<Change> = found
        .into_iter()
        .map(|(direction, example)| Change {
            line: None,
            direction,
            field: "routeMetadataNamespace",
            values: Vec::new(),
            text: "who writes routes decides which origins are allowed".to_owned(),
            example: Some(example),
        })
        .collect();
    Row {
        verdict: Verdict::of(&changes),
        changes,
        ..undecided("route metadata", "")
    }
}

/// A row about which nothing is known.
pub fn undecided(what: &str, text: &str) -> Row {
    Row {
        old: what.to_owned(),
        new: what.to_owned(),
        moved: false,
        verdict: Verdict::Undecided,
        acknowledged: None,
        targets: Vec::new(),
        line: None,
        changes: vec![Change {
            line: None,
            direction: Direction::Undecided,
            field: "rules",
            values: Vec::new(),
            text: text.to_owned(),
            example: None,
        }],
        names: vec![what.replace(' ', "-")],
        by: [By::Nothing, By::Nothing],
    }
}

fn of_route(policy: String) -> Target {
    Target {
        host: "api.example.com".to_owned(),
        path: "/".to_owned(),
        route_name: None,
        route_policy: Some(policy),
    }
}

/// Whether the policy of the target counts its host among the service's.
fn is_known_host(side: &Side, target: &Target) -> bool {
    let ask = Ask {
        old: &side.plugin,
        new: &side.plugin,
        target,
    };
    let [exchange, _] = ask.exchanges(&[(METHOD, "GET")]);
    exchange.response.status != 421
}

fn words(target: &Target) -> String {
    let mut words = format!("{}{}", target.host, target.path);
    if let Some(name) = &target.route_name {
        words.push_str(&format!(" on the route {name}"));
    }
    if let Some(policy) = &target.route_policy {
        words = format!("routes with the policy {policy}");
    }
    words
}

const MAX_TARGETS: usize = 20;
const TOO_MANY: &str =
    "the rules tell apart more hosts and paths than are compared: split the configuration";
