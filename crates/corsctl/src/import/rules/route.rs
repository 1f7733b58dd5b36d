//! What a system's file turns its configuration into: routes with policies.

use std::hash::Hash;

use cors::routes::host::parse_hostname;
use cors::routes::path::parse_path;
use cors::routes::route_name::parse_route_name;

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::input::cursor::Place;
use crate::output::code::Code;

/// A route of the source.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: String,
    pub place: Place,
    /// Empty: any host.
    pub hosts: Vec<String>,
    /// Empty: any path.
    pub paths: Vec<Path>,
    /// Empty: any route name.
    pub route_names: Vec<String>,
    /// What else the route looks at, and a rule here does not: "a method", "a header".
    pub condition: Option<&'static str>,
    /// None: no CORS.
    pub policy: Option<Policy>,
    pub scope: Scope,
}

/// Which routes a route competes with, and which of them it comes before.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope {
    /// What serves it: listeners, gateways, entry points, each below what it is a part of, as in
    /// `gateway/listener`. The empty text stands for any of them, and none for those of the others.
    pub gates: Vec<String>,
    /// The resource within which routes are in order; those of another have no order with them.
    pub owner: String,
    /// Where routes have a priority, those of the same one have no order.
    pub priority: Option<usize>,
    /// Behind every route of its host that is not so, whatever resource it is of.
    pub is_last: bool,
    /// How the system chooses between its routes.
    pub precedence: Precedence,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Path {
    Any,
    Exact(String),
    /// Whole segments, without a slash at the end.
    Below(String),
}

/// Which of two routes that match wins.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Precedence {
    /// The first.
    First,
    /// The first of those with the most specific host.
    FirstOfHost,
    /// The more specific one, as here.
    #[default]
    Specific,
}

impl Route {
    /// Everything under one policy.
    pub fn everything(name: &str, place: Place, policy: Policy) -> Self {
        Self {
            name: name.to_owned(),
            place,
            hosts: Vec::new(),
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy: Some(policy),
            scope: Scope::default(),
        }
    }

    /// Of the document with this index, which is served apart from the others.
    pub fn of_document(mut self, index: usize) -> Self {
        self.scope.gates = vec![index.to_string()];
        self
    }

    /// Reports hosts, paths and route names that no rule can have.
    pub fn check(&self, notes: &mut Notes) {
        let mut check = |text: &str, problem: Option<String>| {
            if let Some(problem) = problem {
                notes.push(
                    Code::SourceMatchInvalid,
                    &self.place,
                    format!("\"{text}\" {problem}"),
                );
            }
        };
        for host in &self.hosts {
            check(host, parse_hostname(host).err().map(str::to_owned));
        }
        for name in &self.route_names {
            check(name, parse_route_name(name).err().map(str::to_owned));
        }
        for path in &self.paths {
            if let Path::Exact(path) | Path::Below(path) = path {
                check(path, parse_path(path).err());
            }
        }
    }
}

impl Path {
    /// Everything below a prefix.
    pub fn below(prefix: &str) -> Self {
        match prefix.trim_end_matches('/') {
            "" => Self::Any,
            prefix => Self::Below(prefix.to_owned()),
        }
    }

    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(prefix), Self::Exact(path) | Self::Below(path)) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            (Self::Exact(path), Self::Exact(other)) => path == other,
            _ => false,
        }
    }

    pub fn rank(&self) -> (u8, usize) {
        match self {
            Self::Any => (0, 0),
            Self::Below(prefix) => (1, prefix.len()),
            Self::Exact(path) => (2, path.len()),
        }
    }
}

impl Scope {
    /// Whether something may serve both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let is_within = |one: &str, another: &str| {
            let rest = one.strip_prefix(another);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || another.is_empty())
        };
        let overlaps = |one: &String| {
            let mut others = other.gates.iter();
            others.any(|other| is_within(one, other) || is_within(other, one))
        };
        self.gates.is_empty() || other.gates.is_empty() || self.gates.iter().any(overlaps)
    }

    /// Whether the same serve both, as far as it is known.
    pub fn is_next_to(&self, other: &Self) -> bool {
        self.gates == other.gates || self.gates.is_empty() || other.gates.is_empty()
    }

    /// Whether the source says which of the two comes first.
    pub fn has_order_with(&self, other: &Self) -> bool {
        let is_tie = self.priority.is_some() && self.priority == other.priority;
        self.precedence == other.precedence && self.owner == other.owner && !is_tie
    }
}

/// A condition that preflights of the same path do not meet.
pub const METHOD: &str = "a method, which a preflight does not have";
