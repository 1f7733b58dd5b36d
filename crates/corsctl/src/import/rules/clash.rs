//! Which routes hold which keys, and where the rules of one plugin cannot say what the routes say.

use crate::import::changes::Notes;
use crate::import::rules::keys::Key;
use crate::import::rules::policies::Policies;
use crate::import::rules::related::Related;
use crate::import::rules::route::{METHOD, Precedence, Route};
use crate::output::code::Code;

/// A key and the route that holds it.
pub struct Held<'r> {
    pub key: &'r Key,
    /// The policy's number.
    pub policy: Option<usize>,
    pub route: &'r Route,
    /// The route's place in the order of all.
    pub index: usize,
}

impl Held<'_> {
    /// Whether it takes every request of a later one.
    fn hides(&self, other: &Self) -> bool {
        let (key, other_key) = (self.key, other.key);
        let takes_all = match other.route.scope.precedence {
            Precedence::First => key.covers(other_key),
            Precedence::FirstOfHost => {
                key.host == other_key.host && key.path.covers(&other_key.path)
            }
            Precedence::Specific => key == other_key,
        };
        let (scope, other) = (&self.route.scope, &other.route.scope);
        takes_all && scope.is_next_to(other) && scope.has_order_with(other)
    }

    /// Why the rules cannot say which of the two policies a request has that both match, this one
    /// coming first and not hiding the other; none if they can.
    fn clash(&self, other: &Self) -> Option<Clash> {
        if !self.key.meets(other.key) {
            return None;
        }
        let (scope, other_scope) = (&self.route.scope, &other.route.scope);
        if !scope.is_next_to(other_scope) {
            return Some(Clash::Apart);
        }
        let has_order = scope.has_order_with(other_scope);
        // Of two systems both give way to the more specific host, and to nothing else that is known.
        let precedence = if scope.precedence == other_scope.precedence {
            scope.precedence
        } else {
            Precedence::FirstOfHost
        };
        let is_alike = match precedence {
            Precedence::First => !has_order,
            Precedence::FirstOfHost => {
                let is_known = has_order || scope.is_last != other_scope.is_last;
                !is_known && self.key.host == other.key.host
            }
            Precedence::Specific => self.key == other.key,
        };
        if is_alike {
            return Some(Clash::Alike);
        }
        let is_more_specific = self.key.compare(other.key).is_gt();
        (precedence == Precedence::First && !is_more_specific).then_some(Clash::Order)
    }
}

/// Why two routes cannot become rules of one plugin.
enum Clash {
    /// Nothing says which comes first.
    Alike,
    /// They are served apart.
    Apart,
    /// The first would have to come first though the second is more specific.
    Order,
}

/// What each route looks at in addition to host, path and route name. A route that matches by a method keeps no
/// condition if nothing else with another policy takes its requests by other methods.
pub fn conditions(
    routes: &[&Route],
    keys: &[Vec<Key>],
    policies: &Policies,
    notes: &mut Notes,
) -> Vec<Option<&'static str>> {
    let mut conditions: Vec<_> = routes.iter().map(|route| route.condition).collect();
    let is_of_method = |route: &Route| {
        let is_ordered = route.scope.precedence == Precedence::FirstOfHost;
        !is_ordered && route.condition == Some(METHOD) && route.policy.is_some()
    };
    if !routes.iter().any(|route| is_of_method(route)) {
        return conditions;
    }
    let all: Vec<_> = keys
        .iter()
        .enumerate()
        .flat_map(|(index, keys)| keys.iter().map(move |key| (index, key)))
        .collect();
    let mut related = Related::default();
    for (number, (_, key)) in all.iter().enumerate() {
        related.add(key, number);
    }
    for ((route, own), (condition, policy)) in routes
        .iter()
        .zip(keys)
        .zip(conditions.iter_mut().zip(&policies.of_routes))
    {
        let over = |key: &Key| {
            let others = related.to(key).into_iter();
            let others = others.filter_map(|number| all.get(number));
            let over = others.filter(|(_, other)| other.covers(key));
            over.map(|(index, _)| *index).collect::<Vec<_>>()
        };
        let is_plain = |index: &usize| {
            let route = routes.get(*index);
            route.is_some_and(|route| route.condition.is_none())
        };
        let is_free = |key: &Key| {
            let policies = over(key)
                .into_iter()
                .map(|index| policies.of_routes.get(index));
            policies.into_iter().all(|other| other == Some(policy))
        };
        let is_covered = |key: &Key| over(key).iter().any(is_plain);
        let is_method = is_of_method(route) && !own.iter().all(is_covered);
        if is_method && own.iter().all(is_free) {
            *condition = None;
            let text = "matches by a method, and no rule looks at methods: its policy holds for every method of its paths";
            notes.push(Code::MethodIgnored, &route.place, text);
        }
    }
    conditions
}

/// The keys of the routes without further conditions; of two routes with one key the source's
/// precedence decides.
pub fn hold<'r>(
    routes: &[&'r Route],
    keys: &'r [Vec<Key>],
    conditions: &[Option<&str>],
    policies: &Policies,
    notes: &mut Notes,
) -> (Vec<Held<'r>>, Related<'r>) {
    let mut held: Vec<Held> = Vec::new();
    let mut related = Related::default();
    let of_routes = keys.iter().zip(&policies.of_routes).zip(conditions);
    for (index, (route, ((keys, policy), condition))) in routes.iter().zip(of_routes).enumerate() {
        if condition.is_some() {
            continue;
        }
        for key in keys {
            let one = Held {
                key,
                policy: *policy,
                route,
                index,
            };
            let others = related_to(key, &held, &related);
            if let Some(first) = others.iter().find(|first| first.hides(&one)) {
                if first.policy != one.policy {
                    let first = &first.route.place;
                    let message =
                        format!("is never reached: {first} comes first and matches the same");
                    notes.push(Code::UnreachedRoute, &route.place, message);
                }
                continue;
            }
            let others = others.iter().filter(|other| other.policy != one.policy);
            let mut clashes = others.filter_map(|other| Some((other, other.clash(&one)?)));
            if let Some((other, clash)) = clashes.next() {
                let (name, place) = (&other.route.name, &other.route.place);
                let message = match clash {
                    Clash::Alike => format!(
                        "matches what {name} ({place}) matches, under another policy; a plugin has one policy for one host and path"
                    ),
                    Clash::Apart => format!(
                        "matches what {name} ({place}) matches, under another policy, and is served apart from it; import them apart"
                    ),
                    Clash::Order => format!(
                        "comes behind {name} ({place}), which matches some of the same under another policy; here the more specific of the two comes first, and that is this one: split them by host or path"
                    ),
                };
                notes.push(Code::ConflictingRoutes, &route.place, message);
            }
            related.add(key, held.len());
            held.push(one);
        }
    }
    (held, related)
}

/// A route that looks at more than host and path can be left to the rules only if they give its
/// requests its policy, the others included.
pub fn check_conditions(
    routes: &[&Route],
    keys: &[Vec<Key>],
    conditions: &[Option<&str>],
    policies: &Policies,
    held: &[Held],
    related: &Related,
    notes: &mut Notes,
) {
    let of_routes = keys.iter().zip(&policies.of_routes).zip(conditions);
    for (index, (route, ((keys, policy), condition))) in routes.iter().zip(of_routes).enumerate() {
        let Some(condition) = condition else {
            continue;
        };
        let is_said = |key: &Key| {
            let one = Held {
                key,
                policy: *policy,
                route,
                index,
            };
            let others = related_to(key, held, related);
            let mut before = others.iter().filter(|other| other.index < index);
            let is_reached = route.scope.precedence == Precedence::Specific
                || !before.any(|first| first.hides(&one));
            // The most specific of those that take all of its requests, and what comes before that one.
            let over = others.iter().filter(|other| other.key.covers(key));
            let over = over.max_by(|one, other| one.key.compare(other.key));
            let mut before = others.iter().filter(|other| {
                let is_before = |over: &&Held| other.key.compare(over.key).is_gt();
                other.key.meets(key) && over.is_none_or(is_before)
            });
            !is_reached
                || over.and_then(|over| over.policy) == *policy
                    && before.all(|other| other.policy == *policy)
        };
        if !keys.iter().all(is_said) {
            let message = format!(
                "matches by {condition}, and a rule looks at host, path and route name alone: its requests would share the policy of others; give all routes of this host and path one policy, or split them by host or path"
            );
            notes.push(Code::UnsupportedMatch, &route.place, message);
        }
    }
}

/// The held keys that a request may match together with this one.
fn related_to<'h, 'r>(key: &Key, held: &'h [Held<'r>], related: &Related) -> Vec<&'h Held<'r>> {
    let numbers = related.to(key).into_iter();
    numbers.filter_map(|number| held.get(number)).collect()
}

/// Whether some request would have another policy without this key.
pub fn is_needed(one: &Held, held: &[Held], related: &Related) -> bool {
    let key = one.key;
    let mut others = related_to(key, held, related);
    others.retain(|other| other.key != key);
    let over = others.iter().filter(|other| other.key.covers(key));
    let parent = over.max_by(|one, other| one.key.compare(other.key));
    let mut nearer = others.iter().filter(|other| {
        let is_above = parent.is_none_or(|parent| other.key.compare(parent.key).is_gt());
        is_above && other.key.compare(key).is_lt() && other.key.meets(key)
    });
    parent.and_then(|parent| parent.policy) != one.policy
        || nearer.any(|other| other.policy != one.policy)
}
