//! What the two sides of a comparison hold, and what is the successor of what.

use std::collections::{HashMap, VecDeque};

use cors::config::json::Json;
use cors::escape::Shown;
use cors::select::policy_set::PolicySet;

use crate::compare::report::At;
use crate::compare::side::Side;
use crate::discover::locate::{Configuration, Found};
use crate::discover::select::read_plugin;
use crate::input::cursor::Value;
use crate::input::files::Input;
use crate::output::code::Code;
use crate::output::{Failure, at, with_code};

/// A file, and what it holds.
pub struct File<'i> {
    below: &'i str,
    name: &'i str,
    found: Found<'i>,
}

impl<'i> File<'i> {
    pub fn all(inputs: &'i [Input]) -> Result<Vec<Self>, Failure> {
        let files = inputs.iter().map(|input| {
            let source = input.source.as_ref().map_err(Clone::clone)?;
            match source.malformed.first() {
                Some(error) => Err(error.clone().into()),
                None => Ok(Self {
                    below: &input.below,
                    name: &source.name,
                    found: Found::within(source),
                }),
            }
        });
        files.collect()
    }

    pub fn configurations(&self) -> impl Iterator<Item = One<'_>> {
        self.found.configurations.iter().map(|configuration| One {
            below: self.below,
            name: self.name,
            configuration,
        })
    }

    /// The policies in the metadata of routes, under one of these namespaces.
    pub fn route_policies(&self, namespaces: &[&str]) -> Vec<RoutePolicy<'_>> {
        let routes = self.found.routes.iter();
        let policies = routes.filter_map(|route| {
            let texts = namespaces.iter().filter_map(|namespace| {
                let path = ["metadata", "filter_metadata", namespace, "policy"];
                route.value.at(&path)?.text()
            });
            Some(RoutePolicy {
                below: self.below,
                name: self.name,
                place: &route.place,
                line: route.value.place().line,
                text: texts.into_iter().next()?,
            })
        });
        policies.collect()
    }
}

/// A policy, or its name, in the metadata of a route.
#[derive(Clone, Copy)]
pub struct RoutePolicy<'f> {
    below: &'f str,
    name: &'f str,
    place: &'f str,
    /// The line of the route.
    pub line: Option<usize>,
    pub text: &'f str,
}

impl RoutePolicy<'_> {
    /// The policy, as a whole configuration; `None` if it is a name.
    pub fn read(&self) -> Result<Option<(PolicySet, Json)>, Failure> {
        if !self.text.trim_start().starts_with('{') {
            return Ok(None);
        }
        let (plugin, diagnostics) = PolicySet::from_bytes(self.text.as_bytes());
        match (plugin, Json::parse_json(self.text.as_bytes())) {
            (Some(plugin), Ok(node)) => Ok(Some((plugin, node))),
            _ => {
                let file = at(self.name, None);
                let text = format!(
                    "{file}{}: the module rejects the policy:",
                    Shown(self.place)
                );
                let errors = diagnostics.errors();
                let errors = errors.map(|error| with_code(&error.to_string(), error.code.name()));
                Err(Failure {
                    list: errors.collect(),
                    ..Failure::new(Code::ConfigurationRejected, text)
                })
            }
        }
    }

    pub fn at(&self) -> At {
        At {
            file: self.name.to_owned(),
            place: self.place.to_owned(),
        }
    }
}

/// One configuration.
#[derive(Clone, Copy)]
pub struct One<'f> {
    below: &'f str,
    name: &'f str,
    configuration: &'f Configuration<'f>,
}

impl<'f> One<'f> {
    pub fn side(self) -> Result<Side<'f>, Failure> {
        let plugin = read_plugin(self.name, self.configuration)?;
        Ok(Side::new(
            plugin,
            self.configuration.node().unwrap_or(&EMPTY),
        ))
    }

    pub fn root(self) -> Option<Value<'f>> {
        self.configuration.root()
    }

    pub fn line(self) -> Option<usize> {
        self.configuration.line()
    }

    pub fn at(self) -> At {
        At {
            file: self.name.to_owned(),
            place: self.configuration.place.clone(),
        }
    }
}

/// What has a place in a file below those that are named.
pub trait Placed {
    /// The path of the file below the folder that is named, and the place in the file.
    fn key(&self) -> (&str, &str);
}

impl Placed for One<'_> {
    fn key(&self) -> (&str, &str) {
        (self.below, &self.configuration.place)
    }
}

impl Placed for RoutePolicy<'_> {
    fn key(&self) -> (&str, &str) {
        (self.below, self.place)
    }
}

/// Each with its successor: what is in the same file at the same place.
pub fn pairs<P: Placed + Copy>(olds: &[P], news: &[P]) -> Vec<(Option<P>, Option<P>)> {
    let mut left: Vec<Option<P>> = olds.iter().copied().map(Some).collect();
    let places = left.iter().flatten().enumerate();
    let mut places: HashMap<(String, String), VecDeque<usize>> =
        places.fold(HashMap::new(), |mut places, (index, old)| {
            let (file, place) = old.key();
            let key = (file.to_owned(), place.to_owned());
            places.entry(key).or_default().push_back(index);
            places
        });
    let mut pairs: Vec<_> = news
        .iter()
        .map(|new| {
            let (file, place) = new.key();
            let same = places.get_mut(&(file.to_owned(), place.to_owned()));
            let index = same.and_then(VecDeque::pop_front);
            let old = index.and_then(|index| left.get_mut(index)?.take());
            (old, Some(*new))
        })
        .collect();
    pairs.extend(left.into_iter().flatten().map(|old| (Some(old), None)));
    pairs
}

/// Of those without a successor each with one that has no predecessor, in order: it may have a new place.
pub fn with_moved<P: Copy>(pairs: Vec<(Option<P>, Option<P>)>) -> Vec<(Option<P>, Option<P>)> {
    let is_gone = |pair: &(Option<P>, Option<P>)| pair.1.is_none();
    let (gone, mut pairs): (Vec<_>, Vec<_>) = pairs.into_iter().partition(is_gone);
    let mut gone = gone.into_iter().filter_map(|(old, _)| old);
    for (old, _) in pairs.iter_mut().filter(|(old, _)| old.is_none()) {
        *old = gone.next();
    }
    pairs.extend(gone.map(|old| (Some(old), None)));
    pairs
}

static EMPTY: Json = Json::Object(Vec::new());
