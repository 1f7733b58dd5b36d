//! What trusted origins asked for, by the host of the service and the first segment of the path: a rule for
//! each.

use std::collections::{BTreeMap, HashMap};

use cors::config::json::Json;
use cors::routes::host::{host_of, parse_hostname};

use crate::learn::entry::{Entry, Sender};
use crate::learn::fields::Field;
use crate::learn::propose::propose;
use crate::learn::tally::Tally;
use crate::learn::trust::Trust;

/// What distinguishes the rules.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum By {
    /// The host
    Host,
    /// The host and the first segment of the path
    Path,
}

/// Tallies by host and path; those with the most requests are kept, for anybody can ask for any.
#[derive(Debug)]
pub struct Groups {
    by: By,
    tallies: HashMap<Key, Tally>,
    max_origins: usize,
    /// Requests of groups that were dropped.
    pub dropped: u64,
}

type Key = (String, Option<String>);

impl Groups {
    pub fn new(by: By, max_origins: usize) -> Self {
        Self {
            by,
            tallies: HashMap::new(),
            max_origins: (max_origins / 10).max(10),
            dropped: 0,
        }
    }

    /// Counts a request if its origin is trusted.
    pub fn add(&mut self, entry: &Entry, trusted: &[Trust]) {
        let Sender::Other(origin) = entry.sender() else {
            return;
        };
        if !trusted.iter().any(|trust| trust.covers(origin.as_str())) {
            return;
        }
        let Some(key) = self.key_of(entry) else {
            self.dropped += 1;
            return;
        };
        if !self.tallies.contains_key(&key) && self.tallies.len() >= MAX_GROUPS {
            self.drop_rare();
        }
        let tally = self.tallies.entry(key);
        tally
            .or_insert_with(|| Tally::new(self.max_origins))
            .add_entry(entry, None);
    }

    /// The configuration: a rule for each host and policy, and no origin elsewhere.
    pub fn propose(&self, trusted: &[Trust], wildcards: bool) -> Json {
        let mut rules: BTreeMap<(&str, String), (Json, Vec<&str>)> = BTreeMap::new();
        let mut keys: Vec<&Key> = self.tallies.keys().collect();
        keys.sort();
        for key in keys {
            let tally = self.tallies.get(key);
            let Some(proposal) = tally.and_then(|tally| propose(tally, trusted, wildcards)) else {
                continue;
            };
            let (host, prefix) = key;
            // The policy without a path has a separate rule: next to the paths of others it would apply to them alone.
            let text = format!("{} {}", prefix.is_some(), proposal.policy);
            let rule = rules.entry((host, text));
            let (_, prefixes) = rule.or_insert((proposal.policy, Vec::new()));
            prefixes.extend(prefix.as_deref());
        }
        let rules = rules.into_iter().map(|((host, _), (policy, prefixes))| {
            let mut matched = vec![("hostnames".to_owned(), texts(&[host]))];
            if !prefixes.is_empty() {
                matched.push(("pathPrefixes".to_owned(), texts(&prefixes)));
            }
            Json::Object(vec![
                ("match".to_owned(), Json::Object(matched)),
                ("policy".to_owned(), policy),
            ])
        });
        Json::Object(vec![
            ("allowOrigins".to_owned(), Json::List(Vec::new())),
            ("rules".to_owned(), Json::List(rules.collect())),
        ])
    }

    fn key_of(&self, entry: &Entry) -> Option<Key> {
        let host = host_of(entry.get(Field::Host)?);
        parse_hostname(&host).ok().filter(|_| !host.contains('*'))?;
        let prefix = match self.by {
            By::Host => None,
            By::Path => first_segment(entry.path()?),
        };
        Some((host, prefix))
    }

    /// Drops the half with the fewest requests.
    fn drop_rare(&mut self) {
        let mut counts: Vec<u64> = self.tallies.values().map(requests_of).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let (median, mut of_median) = (*median, 0);
        let dropped = &mut self.dropped;
        self.tallies.retain(|_, tally| {
            let requests = requests_of(tally);
            of_median += usize::from(requests == median);
            // Groups with the median number of requests fill the rest of the half that is kept.
            let stays = requests > median || requests == median && of_median <= middle / 2;
            *dropped += if stays { 0 } else { requests };
            stays
        });
    }
}

fn requests_of(tally: &Tally) -> u64 {
    tally.counts.other_origin
}

/// The first segment as a prefix, if no server can read it otherwise and there is more than the slash.
fn first_segment(path: &str) -> Option<String> {
    let segment = path.strip_prefix('/')?.split('/').next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    let is_clean = !path.contains("//") && !path.contains("/.") && !path.contains(['%', ';', '\\']);
    let is_usable = !segment.is_empty() && segment.bytes().all(is_plain) && is_clean;
    is_usable.then(|| format!("/{segment}"))
}

fn texts(texts: &[&str]) -> Json {
    let texts = texts.iter().map(|text| Json::String((*text).to_owned()));
    Json::List(texts.collect())
}

const MAX_GROUPS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(by: By, requests: &[(&str, &str, &str)]) -> Groups {
        let trusted = trusted();
        let mut groups = Groups::new(by, 1_000);
        for (host, path, origin) in requests {
            let line = format!(
                r#"{{"method":"GET","host":"{host}","path":"{path}","origin":"{origin}"}}"#
            );
            groups.add(&Entry::parse(&line).expect("an entry"), &trusted);
        }
        groups
    }

    fn trusted() -> Vec<Trust> {
        vec![Trust::parse("example.com").expect("a domain")]
    }

    const SEEN: &[(&str, &str, &str)] = &[
        (
            "API.example.net:443",
            "/v1/a?x=1",
            "https://app.example.com",
        ),
        ("api.example.net", "/v2/a", "https://app.example.com"),
        ("api.example.net", "/admin", "https://admin.example.com"),
        ("api.example.net", "/v1/../admin", "https://app.example.com"),
        ("www.example.net", "/", "https://app.example.com"),
        ("www.example.net", "/v1", "https://evil.test"),
        ("bad host", "/v1", "https://app.example.com"),
        ("*", "/v1", "https://app.example.com"),
    ];

    #[test]
    fn each_host_and_path_has_the_origins_that_were_seen_there() {
        let groups = groups(By::Path, SEEN);
        assert_eq!(
            groups.propose(&trusted(), false).to_string(),
            concat!(
                r#"{"allowOrigins": [], "rules": ["#,
                r#"{"match": {"hostnames": ["api.example.net"]}, "policy": {"allowOrigins": ["https://app.example.com"]}}, "#,
                r#"{"match": {"hostnames": ["api.example.net"], "pathPrefixes": ["/admin"]}, "policy": {"allowOrigins": ["https://admin.example.com"]}}, "#,
                r#"{"match": {"hostnames": ["api.example.net"], "pathPrefixes": ["/v1", "/v2"]}, "policy": {"allowOrigins": ["https://app.example.com"]}}, "#,
                r#"{"match": {"hostnames": ["www.example.net"]}, "policy": {"allowOrigins": ["https://app.example.com"]}}]}"#,
            )
        );
        assert_eq!(groups.dropped, 2);
    }

    #[test]
    fn each_host_has_a_rule() {
        let policy = groups(By::Host, SEEN)
            .propose(&trusted(), false)
            .to_string();
        assert!(!policy.contains("pathPrefixes"), "{policy}");
        assert_eq!(policy.matches("hostnames").count(), 2, "{policy}");
    }

    #[test]
    fn a_flood_of_hosts_drops_none_that_is_used() {
        let names: Vec<String> = (0..5_000).map(|number| format!("h{number}.test")).collect();
        let mut requests = Vec::new();
        for (index, name) in names.iter().enumerate() {
            requests.push((name.as_str(), "/", "https://app.example.com"));
            if index % 10 == 0 {
                requests.push(("api.example.net", "/", "https://app.example.com"));
            }
        }
        let groups = groups(By::Host, &requests);
        assert!(groups.tallies.len() <= MAX_GROUPS);
        let key = ("api.example.net".to_owned(), None);
        assert_eq!(groups.tallies.get(&key).map(requests_of), Some(500));
        assert!(groups.dropped > 4_000);
    }
}
