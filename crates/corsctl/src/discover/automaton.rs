//! Automata of regular expressions over the characters of origins: built within bounds, and searched for
//! the shortest text that some accept and others do not.

use std::collections::HashSet;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, Look};

pub type Dfa = dense::DFA<Vec<u32>>;

/// The bound on automata or on steps is reached, or the syntax is one that only the module knows.
#[derive(Debug)]
pub struct TooLarge;

/// The steps that a run may still take.
pub struct Work {
    left: usize,
}

impl Default for Work {
    /// Some tenths of a second in all.
    fn default() -> Self {
        Self::new(4_000_000)
    }
}

impl Work {
    pub fn new(steps: usize) -> Self {
        Self { left: steps }
    }

    pub fn is_used_up(&self) -> bool {
        self.left == 0
    }

    pub fn take(&mut self, steps: usize) -> Result<(), TooLarge> {
        self.left = self.left.saturating_sub(steps);
        if self.left == 0 {
            Err(TooLarge)
        } else {
            Ok(())
        }
    }
}

/// The expression that matches this text alone.
pub fn literal(text: &str) -> String {
    text.replace('.', "\\.").replace('+', "\\+")
}

/// The automaton of all texts that match as a whole.
pub fn compile(source: &str, work: &mut Work) -> Result<Dfa, TooLarge> {
    work.take(1)?;
    let parsed = ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(source);
    let hir = parsed.map_err(|_| TooLarge)?;
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let built = NFA::compiler()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(MAX_SIZE)),
        )
        .build_from_hir(&whole)
        .ok()
        .and_then(|nfa| {
            dense::Builder::new()
                .configure(
                    dense::Config::new()
                        .accelerate(false)
                        .match_kind(MatchKind::All)
                        .start_kind(StartKind::Anchored)
                        .dfa_size_limit(Some(MAX_SIZE))
                        .determinize_size_limit(Some(MAX_SIZE)),
                )
                .build_from_nfa(&nfa)
                .ok()
        });
    // As much work as a step of the search for each byte, or what a hopeless attempt takes.
    let cost = built
        .as_ref()
        .map_or(4 * MAX_SIZE, |dfa| dfa.memory_usage());
    work.take(cost)?;
    built.ok_or(TooLarge)
}

/// Finds the shortest text that each of up to five automata accepts, or refuses where that is asked for.
pub fn search(automata: &[(&Dfa, bool)], work: &mut Work) -> Result<Option<String>, TooLarge> {
    let config = start::Config::new().anchored(Anchored::Yes);
    let mut first = [StateID::ZERO; MAX_AUTOMATA];
    for (state, (dfa, _)) in first.iter_mut().zip(automata) {
        *state = dfa.start_state(&config).map_err(|_| TooLarge)?;
    }
    let letters = letters(automata);
    // Where each state was reached from, and by which letter.
    let mut seen = HashSet::from([first]);
    let mut steps = vec![(first, 0, 0)];
    let mut at = 0;
    while let Some((states, ..)) = steps.get(at).copied() {
        let mut ends = automata.iter().zip(states);
        if ends.all(|((dfa, accepts), state)| {
            dfa.is_match_state(dfa.next_eoi_state(state)) == *accepts
        }) {
            return Ok(Some(text_of(&steps, at)));
        }
        work.take(letters.len())?;
        for letter in &letters {
            let mut next = states;
            let mut is_hopeless = false;
            for (state, (dfa, accepts)) in next.iter_mut().zip(automata) {
                *state = dfa.next_state(*state, *letter);
                is_hopeless |= *accepts && dfa.is_dead_state(*state);
            }
            if !is_hopeless && seen.insert(next) {
                steps.push((next, at, *letter));
            }
        }
        at += 1;
    }
    Ok(None)
}

/// One character of an origin for each that all automata treat alike, the plainest first.
fn letters(automata: &[(&Dfa, bool)]) -> Vec<u8> {
    let mut classes = HashSet::new();
    CHARACTERS
        .bytes()
        .filter(|byte| {
            let class: Vec<u8> = automata
                .iter()
                .map(|(dfa, _)| dfa.byte_classes().get(*byte))
                .collect();
            classes.insert(class)
        })
        .collect()
}

/// The letters that lead to a step.
fn text_of(steps: &[([StateID; MAX_AUTOMATA], usize, u8)], end: usize) -> String {
    let mut text = Vec::new();
    let mut at = end;
    while let Some((_, before, letter)) = steps.get(at).filter(|_| at > 0) {
        text.push(char::from(*letter));
        at = *before;
    }
    text.iter().rev().collect()
}

/// All characters of well-formed origins.
const CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789-._:/[]+";
const MAX_AUTOMATA: usize = 5;
/// The bytes of an automaton.
const MAX_SIZE: usize = 512 * 1024;
