//! Finds an origin that some patterns allow and others do not, or proves that there is none, within bounds.

use std::collections::HashMap;
use std::rc::Rc;

use crate::compare::origins::{Grants, Pattern, STRANGERS};
use crate::compare::shape::{WITH_DEFAULT_PORT, all_origins, plain_origins};
use crate::discover::automaton::{Dfa, TooLarge, Work, compile, search};

/// What there is to say about a set of origins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// It holds this one.
    Origin(String),
    Nothing,
    /// Deciding takes more steps than there are.
    Undecided,
}

/// The search, and the steps that it may still take.
pub struct Finder {
    work: Work,
    automata: HashMap<String, Option<Rc<Dfa>>>,
}

impl Default for Finder {
    fn default() -> Self {
        Self {
            work: Work::new(MAX_WORK),
            automata: HashMap::new(),
        }
    }
}

impl Finder {
    /// An origin of the pattern that the policy does not allow.
    pub fn outside(&mut self, pattern: &Pattern, policy: &Grants) -> Found {
        if policy.has(pattern) {
            return Found::Nothing;
        }
        let is_outside = |origin: &str| pattern.contains(origin) && !policy.contain(origin);
        if let Some(origin) = first(pattern.examples(), is_outside) {
            return Found::Origin(origin);
        }
        // An exact pattern is its own only example.
        if pattern.is_exact() {
            return Found::Nothing;
        }
        if self.work.take(policy.patterns().count()).is_err() {
            return Found::Undecided;
        }
        if policy.patterns().any(|other| other.covers(pattern)) {
            return Found::Nothing;
        }
        self.search(&[pattern], policy.patterns(), is_outside)
    }

    /// An origin for which this grant holds on one side and that one on the other.
    pub fn shared(&mut self, old: (&Grants, usize), new: (&Grants, usize)) -> Found {
        let is_shared = |origin: &str| {
            old.0.grant_for(origin) == Some(old.1) && new.0.grant_for(origin) == Some(new.1)
        };
        let (Some(olds), Some(news)) = (old.0.grants.get(old.1), new.0.grants.get(new.1)) else {
            return Found::Nothing;
        };
        let patterns = || news.patterns.iter().chain(&olds.patterns);
        for pattern in patterns() {
            if let Some(origin) = first(pattern.examples(), is_shared) {
                return Found::Origin(origin);
            }
        }
        let mut is_decided = true;
        for one in news.patterns.iter().filter(|one| !one.is_exact()) {
            for other in olds.patterns.iter().filter(|other| !other.is_exact()) {
                if self.work.take(1).is_err() {
                    return Found::Undecided;
                }
                if !one.may_meet(other) {
                    continue;
                }
                let earlier = |(grants, index): (&'_ Grants, usize)| index.min(grants.grants.len());
                let before_old = old.0.grants.iter().take(earlier(old));
                let before_new = new.0.grants.iter().take(earlier(new));
                let before = before_old
                    .chain(before_new)
                    .flat_map(|grant| &grant.patterns);
                match self.search(&[one, other], before, is_shared) {
                    Found::Nothing => {}
                    Found::Undecided => is_decided = false,
                    found => return found,
                }
            }
        }
        if is_decided {
            Found::Nothing
        } else {
            Found::Undecided
        }
    }

    /// An origin that neither policy allows.
    pub fn stranger(&mut self, old: &Grants, new: &Grants) -> Found {
        let is_stranger = |origin: &str| !old.contain(origin) && !new.contain(origin);
        if let Some(origin) = first(STRANGERS.map(str::to_owned).to_vec(), is_stranger) {
            return Found::Origin(origin);
        }
        self.search(&[], old.patterns().chain(new.patterns()), is_stranger)
    }

    /// Searches all origins of up to two patterns and none of the others.
    fn search<'p>(
        &mut self,
        within: &[&Pattern],
        without: impl Iterator<Item = &'p Pattern>,
        is_meant: impl Fn(&str) -> bool,
    ) -> Found {
        self.try_search(within, without, is_meant)
            .unwrap_or(Found::Undecided)
    }

    fn try_search<'p>(
        &mut self,
        within: &[&Pattern],
        without: impl Iterator<Item = &'p Pattern>,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Found, TooLarge> {
        let mut others = Vec::new();
        for other in without {
            self.work.take(1)?;
            if within.iter().all(|pattern| pattern.may_meet(other)) {
                others.push(format!("({})", other.regex()));
            }
            if others.len() > MAX_OTHERS {
                return Err(TooLarge);
            }
        }
        let mut automata = vec![(self.automaton(WITH_DEFAULT_PORT)?, false)];
        for pattern in within {
            automata.push((self.automaton(&pattern.regex())?, true));
        }
        if !others.is_empty() {
            automata.push((self.automaton(&others.join("|"))?, false));
        }
        // First what is certainly well-formed; where it holds none, more than what is.
        for all in [plain_origins(), all_origins()] {
            let all = self.automaton(&all)?;
            let all: Vec<(&Dfa, bool)> = std::iter::once((&*all, true))
                .chain(automata.iter().map(|(dfa, accepts)| (&**dfa, *accepts)))
                .collect();
            match search(&all, &mut self.work)? {
                None => {}
                Some(origin) if is_meant(&origin) => return Ok(Found::Origin(origin)),
                Some(_) => return Ok(Found::Undecided),
            }
        }
        Ok(Found::Nothing)
    }

    fn automaton(&mut self, source: &str) -> Result<Rc<Dfa>, TooLarge> {
        if let Some(known) = self.automata.get(source) {
            return known.clone().ok_or(TooLarge);
        }
        let built = compile(source, &mut self.work).ok().map(Rc::new);
        self.automata.insert(source.to_owned(), built.clone());
        built.ok_or(TooLarge)
    }
}

fn first(origins: Vec<String>, is_meant: impl Fn(&str) -> bool) -> Option<String> {
    origins.into_iter().find(|origin| is_meant(origin))
}

/// Some seconds in all.
const MAX_WORK: usize = 60_000_000;
/// As many patterns make one automaton.
const MAX_OTHERS: usize = 500;
