//! The policies of the routes by number.

use std::collections::HashMap;

use crate::import::draft::Policy;
use crate::import::rules::route::Route;

/// The policies by numbers: equal ones have the same.
pub struct Policies<'r> {
    pub all: Vec<&'r Policy>,
    /// The number of each route's policy.
    pub of_routes: Vec<Option<usize>>,
}

impl<'r> Policies<'r> {
    pub fn of(routes: &[&'r Route]) -> Self {
        let mut numbers = HashMap::new();
        let (mut all, mut of_routes) = (Vec::new(), Vec::new());
        for route in routes {
            of_routes.push(route.policy.as_ref().map(|policy| {
                let number = numbers.entry(policy.to_node().to_string());
                *number.or_insert_with(|| {
                    all.push(policy);
                    all.len() - 1
                })
            }));
        }
        Self { all, of_routes }
    }
}
