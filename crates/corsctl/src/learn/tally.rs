//! Counts of what was seen, in bounded memory: the origins with the most requests are kept whatever else a
//! log holds, for anybody can send any Origin.

use std::collections::{BTreeMap, HashMap};

use cors::http::token::is_token;
use serde::Serialize;

use crate::learn::entry::{Entry, Sender, Unread};
use crate::learn::fields::{Field, MAX_ASKED_HEADERS};
use crate::learn::judge::Judged;

/// How many lines of which kind there are.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// All lines.
    pub lines: u64,
    /// Lines that were cut off, are too long, or are not text.
    pub torn: u64,
    /// Lines without anything called origin.
    pub other_format: u64,
    pub without_origin: u64,
    pub malformed_origin: u64,
    pub null_origin: u64,
    pub same_origin: u64,
    pub other_origin: u64,
    /// Preflights among the requests of other origins.
    pub preflights: u64,
    /// Preflights whose header names the log does not hold, or not all of them.
    pub unknown_headers: u64,
    /// Origins that were dropped to bound the memory; each had at most `dropped_below` requests by then.
    pub dropped_origins: u64,
    pub dropped_below: u64,
}

/// What was seen of one origin.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    pub requests: u64,
    pub preflights: u64,
    /// Requests that the running policy refused, where the log says so.
    pub refused: u64,
    /// Methods of requests, and those that preflights ask for.
    pub methods: BTreeMap<String, u64>,
    /// The header names that preflights ask for.
    pub headers: BTreeMap<String, u64>,
    /// What a policy makes of the requests, except of those that it allows: the reason and how many.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub judged: BTreeMap<String, u64>,
    /// Host and path of one request.
    pub example: String,
}

#[derive(Debug)]
pub struct Tally {
    pub counts: Counts,
    pub origins: HashMap<String, Seen>,
    /// What is not counted as an origin.
    pub specials: BTreeMap<&'static str, Seen>,
    /// Where the first line is that has no entry.
    pub first_unread: Option<String>,
    pub max_origins: usize,
}

impl Tally {
    pub fn new(max_origins: usize) -> Self {
        Self {
            counts: Counts::default(),
            origins: HashMap::new(),
            specials: BTreeMap::new(),
            first_unread: None,
            max_origins,
        }
    }

    /// Counts a line, with what a policy makes of it if it is asked.
    pub fn add(&mut self, entry: &Result<Entry, Unread>, judged: Option<Judged>) {
        self.counts.lines += 1;
        match entry {
            Ok(entry) => self.add_entry(entry, judged),
            Err(Unread::Torn) => self.counts.torn += 1,
            Err(Unread::OtherFormat) => self.counts.other_format += 1,
        }
    }

    /// Counts what was read of a line.
    pub fn add_entry(&mut self, entry: &Entry, judged: Option<Judged>) {
        let counts = &mut self.counts;
        match entry.sender() {
            Sender::None => counts.without_origin += 1,
            Sender::Malformed => {
                counts.malformed_origin += 1;
                self.add_special("malformed", entry, judged);
            }
            Sender::Null => {
                counts.null_origin += 1;
                self.add_special("null", entry, judged);
            }
            Sender::Same => counts.same_origin += 1,
            Sender::Other(origin) => {
                counts.other_origin += 1;
                self.add_request(origin.as_str(), entry, judged);
            }
        }
    }

    fn add_special(&mut self, name: &'static str, entry: &Entry, judged: Option<Judged>) {
        let seen = self.specials.entry(name);
        seen.or_insert_with(|| Seen::new(entry))
            .add_request(entry, judged);
    }

    /// Whether any line is one that the format string writes.
    pub fn has_entries(&self) -> bool {
        self.counts.lines > self.counts.torn + self.counts.other_format
    }

    /// The origins, those with the most requests first.
    pub fn by_count(&self) -> Vec<(&str, &Seen)> {
        let origins = self.origins.iter();
        let mut origins: Vec<_> = origins
            .map(|(origin, seen)| (origin.as_str(), seen))
            .collect();
        origins.sort_by_key(|(origin, seen)| (std::cmp::Reverse(seen.requests), *origin));
        origins
    }

    /// The origins that lose requests by the policy, most first.
    pub fn by_loss(&self) -> Vec<(&str, &Seen)> {
        let specials = self.specials.iter().map(|(name, seen)| (*name, seen));
        let all = self.by_count().into_iter().chain(specials);
        let mut losing: Vec<_> = all.filter(|(_, seen)| !seen.judged.is_empty()).collect();
        losing.sort_by_key(|(origin, seen)| (std::cmp::Reverse(seen.lost()), *origin));
        losing
    }

    fn add_request(&mut self, origin: &str, entry: &Entry, judged: Option<Judged>) {
        if !self.origins.contains_key(origin) {
            if self.origins.len() >= self.max_origins {
                self.drop_rare();
            }
            self.origins.insert(origin.to_owned(), Seen::new(entry));
        }
        let Some(seen) = self.origins.get_mut(origin) else {
            return;
        };
        seen.add_request(entry, judged);
        let Some(method) = entry.asked_method() else {
            if let Some(method) = entry
                .get(Field::Method)
                .filter(|method| *method != "OPTIONS")
            {
                count(&mut seen.methods, method, MAX_METHODS);
            }
            return;
        };
        self.counts.preflights += 1;
        seen.preflights += 1;
        count(&mut seen.methods, method, MAX_METHODS);
        let names = entry.get(Field::AskedHeaders).unwrap_or_default();
        let is_cut = names.len() >= MAX_ASKED_HEADERS;
        self.counts.unknown_headers += u64::from(is_cut);
        let mut names = names.split(',');
        if is_cut {
            names.next_back();
        }
        for name in names {
            let name = name.trim().to_ascii_lowercase();
            count(&mut seen.headers, &name, MAX_HEADERS);
        }
    }

    /// Drops the half of the origins with the fewest requests.
    fn drop_rare(&mut self) {
        let mut requests: Vec<u64> = self.origins.values().map(|seen| seen.requests).collect();
        let middle = requests.len() / 2;
        let (_, median, _) = requests.select_nth_unstable(middle);
        let least = *median;
        let before = self.origins.len();
        let mut of_least = 0;
        self.origins.retain(|_, seen| {
            // Of those with as many as the middle one, as many as fit.
            of_least += usize::from(seen.requests == least);
            seen.requests > least || seen.requests == least && of_least <= middle / 2
        });
        self.counts.dropped_origins += (before - self.origins.len()) as u64;
        // One that was dropped and came again can have been dropped each time.
        self.counts.dropped_below += least;
    }
}

impl Seen {
    fn new(entry: &Entry) -> Self {
        let host = entry.get(Field::Host).unwrap_or_default();
        let path = entry.path().unwrap_or_default();
        Self {
            example: format!("{host}{path}").chars().take(MAX_EXAMPLE).collect(),
            ..Self::default()
        }
    }

    fn add_request(&mut self, entry: &Entry, judged: Option<Judged>) {
        self.requests += 1;
        self.refused += u64::from(entry.get(Field::Verdict).is_some());
        let reason = match judged {
            None | Some(Judged::Allowed | Judged::NotCors) => return,
            Some(Judged::Ungoverned) => UNGOVERNED.to_owned(),
            Some(Judged::Refused(reason)) => format!("refused: {reason}"),
            Some(Judged::Blocked(because)) => format!("the browser blocks it: {because}"),
        };
        if self.judged.contains_key(&reason) || self.judged.len() < MAX_REASONS {
            *self.judged.entry(reason).or_default() += 1;
        } else {
            *self.judged.entry(OTHER_REASONS.to_owned()).or_default() += 1;
        }
    }

    /// Requests that the policy does not let a script use.
    pub fn lost(&self) -> u64 {
        let lost = self
            .judged
            .iter()
            .filter(|(reason, _)| *reason != UNGOVERNED);
        lost.map(|(_, requests)| requests).sum()
    }
}

/// Counts a name, if it is one and there are not too many others.
fn count(names: &mut BTreeMap<String, u64>, name: &str, most: usize) {
    if let Some(count) = names.get_mut(name) {
        *count += 1;
    } else if names.len() < most && name.len() <= MAX_NAME && is_token(name.as_bytes()) {
        names.insert(name.to_owned(), 1);
    }
}

/// Where no policy governs a request.
pub const UNGOVERNED: &str = "no policy";
const OTHER_REASONS: &str = "other reasons";

const MAX_EXAMPLE: usize = 100;
const MAX_HEADERS: usize = 64;
const MAX_METHODS: usize = 16;
const MAX_NAME: usize = 64;
const MAX_REASONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(origin: &str) -> String {
        format!(r#"{{"method":"GET","host":"api.example","path":"/","origin":"{origin}"}}"#)
    }

    #[test]
    fn a_flood_of_names_drops_no_origin_that_is_used() {
        let mut tally = Tally::new(100);
        for number in 0..10_000 {
            tally.add(
                &Entry::parse(&line(&format!("https://n{number}.example"))),
                None,
            );
            if number % 10 == 0 {
                tally.add(&Entry::parse(&line("https://app.example")), None);
            }
        }
        assert!(tally.origins.len() <= 100);
        let (first, seen) = tally.by_count()[0];
        assert_eq!((first, seen.requests), ("https://app.example", 1_000));
        assert_eq!(tally.counts.other_origin, 11_000);
        let dropped = tally.counts.dropped_origins as usize;
        assert!(dropped >= 9_900, "{dropped}");
    }

    #[test]
    fn names_are_counted_if_they_are_names_and_few() {
        let mut tally = Tally::new(10);
        for number in 0..100 {
            let line = format!(
                r#"{{"method":"OPTIONS","asked_method":"PU T","asked_headers":"x-{number}, Content-Type,(bad)","origin":"https://a.example"}}"#
            );
            tally.add(&Entry::parse(&line), None);
        }
        let (_, seen) = tally.by_count()[0];
        assert_eq!(seen.headers.len(), MAX_HEADERS);
        assert_eq!(seen.headers.get("content-type"), Some(&100));
        assert!(seen.methods.is_empty());
    }

    #[test]
    fn the_last_name_of_a_list_that_was_cut_is_not_counted() {
        let mut tally = Tally::new(10);
        let names = format!("x-a,{}", "y".repeat(MAX_ASKED_HEADERS - 4));
        let line = format!(
            r#"{{"method":"OPTIONS","asked_method":"PUT","asked_headers":"{names}","origin":"https://a.example"}}"#
        );
        tally.add(&Entry::parse(&line), None);
        let (_, seen) = tally.by_count()[0];
        assert_eq!(seen.headers.keys().collect::<Vec<_>>(), ["x-a"]);
        assert_eq!(tally.counts.unknown_headers, 1);
    }
}
