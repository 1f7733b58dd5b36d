//! Writes routes as a configuration.

use std::collections::HashSet;

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::rules::clash::{check_conditions, conditions, hold, is_needed};
use crate::import::rules::keys::MAX_KEYS;
use crate::import::rules::merge::configuration;
use crate::import::rules::policies::Policies;
use crate::import::rules::route::Route;
use crate::input::cursor::Place;
use crate::output::code::Code;

/// Writes the routes as a configuration.
pub fn write(routes: &[Route], notes: &mut Notes) -> Json {
    let routes = served_with_cors(routes, notes);
    let count: usize = routes.iter().map(|route| route.count()).sum();
    if count > MAX_KEYS {
        let text = format!(
            "has {count} combinations of host, path and route name; the limit is {MAX_KEYS}: import it in parts"
        );
        notes.push(Code::TooManyCombinations, &Place::default(), text);
        return Json::Object(Vec::new());
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
        return Json::Object(Vec::new());
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
    let mut reported = HashSet::new();
    for route in without {
        if reported.insert(&route.scope.gates) {
            let text = "has no CORS policy, and neither has any other route of its listener or gateway, so all of these are skipped; do not load the plugin there";
            notes.push(Code::SkippedRoutes, &route.place, text);
        }
    }
    with
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::draft::Policy;
    use crate::import::rules::route::{METHOD, Path, Precedence};

    /// A route of a host and a path, under the policy of an origin; `off` has no policy.
    fn route(host: &str, path: &str, origin: &str) -> Route {
        let line = Some(usize::from(origin.as_bytes()[0]));
        let place = Place {
            line,
            ..Place::default()
        };
        let mut policy = Policy::new(place.clone(), 200);
        policy.origins = vec![format!("https://{origin}")];
        let mut route = Route::everything(origin, place, policy);
        if host != "*" {
            route.hosts = vec![host.to_owned()];
        }
        route.paths = vec![match path.strip_suffix('*') {
            Some(prefix) => Path::below(prefix),
            None => Path::Exact(path.to_owned()),
        }];
        route.policy = route.policy.filter(|_| origin != "off");
        route
    }

    fn with(precedence: Precedence, mut routes: Vec<Route>) -> Vec<Route> {
        for route in &mut routes {
            route.scope.precedence = precedence;
        }
        routes
    }

    /// The rules, each as `hostnames paths policy`, or what is wrong.
    fn written(routes: &[Route]) -> Result<Vec<String>, Vec<String>> {
        let mut notes = Notes::of("f", false);
        let node = write(routes, &mut notes);
        if notes.has_errors() {
            return Err(notes.lines());
        }
        let value = crate::input::cursor::Value::bare(&node);
        let texts = |value: &crate::input::cursor::Value, names: &[&str]| {
            let items = value.list_at(names);
            let texts: Vec<_> = items.iter().filter_map(|item| item.text()).collect();
            texts.join(",")
        };
        let mut rules = vec![format!("top {}", texts(&value, &["allowOrigins"]))];
        rules.extend(value.list("rules").iter().map(|rule| {
            format!(
                "{} {}{} {}",
                texts(rule, &["match", "hostnames"]),
                texts(rule, &["match", "exactPaths"]),
                texts(rule, &["match", "pathPrefixes"]),
                match rule.at(&["policy", "mode"]) {
                    Some(mode) => mode.text().unwrap_or_default(),
                    None => rule.text_of("policyRef").unwrap_or("own"),
                }
            )
        }));
        Ok(rules)
    }

    fn refused(routes: &[Route]) -> String {
        written(routes).unwrap_err().join("\n")
    }

    #[test]
    fn a_more_specific_route_becomes_a_rule() {
        let routes = [route("*", "*", "a"), route("a.example", "/x*", "b")];
        assert_eq!(
            written(&routes),
            Ok(vec![
                "top https://a".to_owned(),
                "a.example /x own".to_owned()
            ])
        );
    }

    #[test]
    fn a_key_whose_policy_holds_without_it_is_left_out() {
        let routes = [route("*", "*", "a"), route("a.example", "/x*", "a")];
        assert_eq!(written(&routes), Ok(vec!["top https://a".to_owned()]));
        // Not if a rule of another policy is between the two.
        let routes = [
            route("*", "*", "a"),
            route("a.example", "*", "b"),
            route("a.example", "/x*", "a"),
        ];
        assert_eq!(
            written(&routes),
            Ok(vec![
                "top https://a".to_owned(),
                "a.example  b".to_owned(),
                "a.example /x a".to_owned(),
            ])
        );
    }

    #[test]
    fn a_key_is_kept_if_a_rule_that_it_meets_is_between_it_and_the_one_above() {
        let routes = [
            route("*", "*", "a"),
            route("*.example", "/x*", "b"),
            route("a.example", "*", "a"),
        ];
        let rules = written(&routes).unwrap();
        assert!(rules.contains(&"a.example  a".to_owned()), "{rules:?}");
    }

    #[test]
    fn rules_that_differ_in_their_hosts_alone_become_one() {
        let routes = [
            route("a.example", "/x", "a"),
            route("b.example", "/x", "a"),
            route("b.example", "/y", "b"),
        ];
        assert_eq!(
            written(&routes),
            Ok(vec![
                "top ".to_owned(),
                "a.example,b.example /x a".to_owned(),
                "b.example /y b".to_owned(),
            ])
        );
    }

    #[test]
    fn the_first_route_wins_only_where_it_is_the_more_specific_one() {
        let narrow_first = vec![route("a.example", "/x*", "a"), route("a.example", "*", "b")];
        let wide_first = vec![
            route("a.example", "/x", "a"),
            route("a.example", "/x*", "b"),
            route("a.example", "/x/y", "c"),
        ];
        for precedence in [
            Precedence::First,
            Precedence::FirstOfHost,
            Precedence::Specific,
        ] {
            assert!(written(&with(precedence, narrow_first.clone())).is_ok());
        }
        // The third route is behind the second, which takes all of its requests.
        let rules = written(&with(Precedence::First, wide_first.clone())).unwrap();
        assert!(!rules.iter().any(|rule| rule.contains("/x/y")), "{rules:?}");
        let rules = written(&with(Precedence::Specific, wide_first)).unwrap();
        assert!(rules.iter().any(|rule| rule.contains("/x/y")), "{rules:?}");
    }

    #[test]
    fn an_order_that_no_rules_have_is_refused() {
        let routes = [route("*", "/x*", "a"), route("a.example", "*", "b")];
        assert!(refused(&with(Precedence::First, routes.to_vec())).contains("comes behind a"));
        assert!(written(&with(Precedence::FirstOfHost, routes.to_vec())).is_ok());
    }

    #[test]
    fn equal_keys_of_two_owners_are_refused_under_two_policies_alone() {
        let mut routes = [route("a.example", "*", "a"), route("a.example", "*", "b")];
        routes[1].scope.owner = "other".to_owned();
        assert!(
            refused(&routes)
                .contains("matches what a (line 97) matches, under another policy; a plugin")
        );
        let mut same = [route("a.example", "*", "a"), route("a.example", "*", "a")];
        same[1].scope.owner = "other".to_owned();
        assert!(written(&same).is_ok());
    }

    #[test]
    fn routes_that_are_served_apart_are_refused_where_they_meet() {
        let mut routes = [route("a.example", "*", "a"), route("a.example", "/x", "b")];
        for (route, gate) in routes.iter_mut().zip(["g/1", "g/2"]) {
            route.scope.gates = vec![gate.to_owned()];
        }
        assert!(refused(&routes).contains("is served apart"));
        routes[1].hosts = vec!["b.example".to_owned()];
        assert!(written(&routes).is_ok());
    }

    #[test]
    fn a_condition_is_kept_unless_the_policy_is_the_same_without_it() {
        let mut routes = [route("a.example", "*", "a"), route("a.example", "/x", "b")];
        routes[1].condition = Some("a header");
        assert!(refused(&routes).contains("matches by a header"));
        routes[1].policy = routes[0].policy.clone();
        assert!(written(&routes).is_ok());
        // Alone on its path, a route of a method governs the path.
        let mut alone = [route("a.example", "/x", "a")];
        alone[0].condition = Some(METHOD);
        assert_eq!(
            written(&alone),
            Ok(vec!["top ".to_owned(), "a.example /x own".to_owned()])
        );
    }

    #[test]
    fn a_route_without_cors_below_one_with_it_is_off() {
        let routes = [route("*", "*", "a"), route("a.example", "/x*", "off")];
        let rules = written(&routes).unwrap();
        assert_eq!(rules, ["top https://a", "a.example /x off"]);
    }

    #[test]
    fn too_many_combinations_are_refused() {
        let mut one = route("*", "*", "a");
        one.hosts = (0..=MAX_KEYS)
            .map(|number| format!("h{number}.example"))
            .collect();
        assert!(refused(&[one]).contains("200001 combinations"));
    }
}
