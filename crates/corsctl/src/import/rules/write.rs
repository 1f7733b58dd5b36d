//! Writes routes as a configuration.

use std::collections::HashSet;

use cors::config::json::Node;

use crate::import::changes::{Level, Notes};
use crate::import::rules::clash::{check_conditions, conditions, hold, is_needed};
use crate::import::rules::keys::MAX_KEYS;
use crate::import::rules::merge::configuration;
use crate::import::rules::policies::Policies;
use crate::import::rules::route::Route;
use crate::input::cursor::Place;

/// Writes the routes as a configuration.
pub fn write(routes: &[Route], notes: &mut Notes) -> Node {
    let routes = served_with_cors(routes, notes);
    let count: usize = routes.iter().map(|route| route.count()).sum();
    if count > MAX_KEYS {
        let text = format!(
            "has {count} combinations of host, path and route name; the limit is {MAX_KEYS}: import it in parts"
        );
        notes.error(&Place::default(), text);
        return Node::Object(Vec::new());
    }
    let policies = Policies::of(&routes);
    let keys: Vec<_> = routes.iter().map(|route| route.keys()).collect();
    let conditions = conditions(&routes, &keys, &policies, notes);
    let (mut held, related) = hold(&routes, &keys, &conditions, &policies, notes);
    check_conditions(
        &routes,
        &keys,
        &conditions,
        &policies,
        &held,
        &related,
        notes,
    );
    if notes.has_errors() {
        return Node::Object(Vec::new());
    }
    let needed: Vec<bool> = held
        .iter()
        .map(|one| is_needed(one, &held, &related))
        .collect();
    let mut needed = needed.into_iter();
    held.retain(|_| needed.next().unwrap_or(true));
    configuration(held, &policies)
}

/// Leaves out the routes of gates that have no CORS at all: there the plugin need not be.
fn served_with_cors<'r>(routes: &'r [Route], notes: &mut Notes) -> Vec<&'r Route> {
    let with_policy = routes.iter().filter(|route| route.policy.is_some());
    let mut seen = HashSet::new();
    let gates: Vec<_> = with_policy
        .map(|route| &route.scope)
        .filter(|scope| seen.insert(&scope.gates))
        .collect();
    let (with, without): (Vec<_>, Vec<_>) = routes.iter().partition(|route| {
        route.policy.is_some() || gates.iter().any(|scope| scope.overlaps(&route.scope))
    });
    let mut told = HashSet::new();
    for route in without {
        if told.insert(&route.scope.gates) {
            let text = "has no CORS policy, and neither has any other route of its listener or gateway, so all of these are skipped; do not load the plugin there";
            notes.push(Level::Wider, &route.place, text);
        }
    }
    with
}
