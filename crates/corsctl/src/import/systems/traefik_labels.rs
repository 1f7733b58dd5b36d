//! Traefik's configuration in the labels of containers, written out as one of its files.

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::input::cursor::Value;
use crate::input::document::{Document, Lines};
use crate::output::code::Code;

/// Whether this is a compose file whose containers configure Traefik.
pub fn has_labels(file: &Value) -> bool {
    file.kind().is_none() && !labels_of(file).is_empty()
}

/// The labels of all containers as one document.
pub fn unwrap(file: &Value, notes: &mut Notes) -> Option<Vec<(String, Document)>> {
    if !has_labels(file) {
        return None;
    }
    report_merged(file, notes);
    let mut tree = Tree::default();
    tree.set(&[PROVIDER], Json::String(DOCKER.to_owned()), &Lines::none());
    for label in labels_of(file) {
        let text = label.text.replace("$$", "$");
        if text.contains("${") {
            let words = "has a variable: fill it first, as docker compose config does";
            notes.push(Code::SourceTemplate, &label.at.place(), words);
        }
        let name = label.name.strip_prefix(PREFIX).unwrap_or_default();
        let Some(path) = path_of(name) else {
            continue;
        };
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let field = path.last().copied().unwrap_or_default();
        tree.set(&path, value_of(field, &text), label.at.lines);
    }
    let document = Document {
        node: tree.node(),
        lines: tree.lines,
    };
    Some(vec![("labels of containers".to_owned(), document)])
}

/// A label of a container, and where it is.
struct Label<'s> {
    name: &'s str,
    text: String,
    at: Value<'s>,
}

/// The labels of Traefik: a map, or texts such as `a=b`, of a service or of its deployment.
fn labels_of<'s>(file: &Value<'s>) -> Vec<Label<'s>> {
    let services = file.field("services").entries().into_iter();
    let mut found = Vec::new();
    for (_, service) in services {
        let lists = [service.get("labels"), service.at(&["deploy", "labels"])];
        let mut own = Vec::new();
        for list in lists.into_iter().flatten() {
            own.extend(list.entries().into_iter().map(|(name, at)| Label {
                name,
                text: text_of(at.node),
                at,
            }));
            own.extend(list.items().into_iter().filter_map(|at| {
                let (name, text) = at.text()?.split_once('=')?;
                let text = text.to_owned();
                Some(Label { name, text, at })
            }));
        }
        own.retain(|label| label.name.to_ascii_lowercase().starts_with("traefik."));
        let is_off = |label: &Label| label.name == "traefik.enable" && label.text == "false";
        if !own.iter().any(is_off) {
            found.extend(own);
        }
    }
    found
}

fn text_of(node: &Json) -> String {
    match node {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// Labels that a merge key brings would be lost.
fn report_merged(file: &Value, notes: &mut Notes) {
    for (_, service) in file.field("services").entries() {
        let merged = [Some(service.clone()), service.get("labels")];
        for value in merged.into_iter().flatten() {
            let keys = value.entries().into_iter();
            let mut merges = keys.filter(|(key, _)| *key == "<<");
            if let Some((_, merge)) = merges.next()
                && merge.node.to_string().contains("traefik.")
            {
                let text = "is a merge key, which import does not read; write out the labels that it brings";
                notes.push(Code::SourceMergeKey, &merge.place(), text);
            }
        }
    }
}

/// The path of a label in a file: the names of routers and middlewares as they are, the fields as
/// Traefik's files spell them; none of what import does not read.
fn path_of(name: &str) -> Option<Vec<String>> {
    let mut parts = name.split('.');
    let (kind, name) = (parts.next()?, parts.next()?);
    let kind = ["routers", "middlewares"]
        .into_iter()
        .find(|known| kind.eq_ignore_ascii_case(known))?;
    let rest: Vec<_> = parts.map(spelled).collect();
    if rest.is_empty() {
        return None;
    }
    let mut path = vec!["http".to_owned(), kind.to_owned(), name.to_owned()];
    path.extend(rest);
    Some(path)
}

fn spelled(part: &str) -> String {
    let (name, index) = part
        .split_once('[')
        .map_or((part, ""), |(name, index)| (name, index));
    let known = FIELDS.iter().find(|known| known.eq_ignore_ascii_case(name));
    let name = known.copied().unwrap_or(name);
    if index.is_empty() {
        name.to_owned()
    } else {
        format!("{name}[{index}")
    }
}

/// A value as a file has it: lists are joined by commas in labels.
fn value_of(field: &str, text: &str) -> Json {
    let is_list = LISTS.contains(&field);
    match text {
        _ if is_list => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Json::List(items.map(|item| Json::String(item.to_owned())).collect())
        }
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => match text.parse::<u32>() {
            Ok(number) if NUMBERS.contains(&field) => Json::Number(number.into()),
            _ => Json::String(text.to_owned()),
        },
    }
}

/// An object that grows by paths, with the lines of what is in it.
#[derive(Default)]
struct Tree {
    pairs: Vec<(String, Child)>,
    lines: Lines,
}

enum Child {
    Leaf(Json),
    Within(Tree),
}

impl Tree {
    fn set(&mut self, path: &[&str], node: Json, lines: &Lines) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        // A list may be written item by item: `name[0]`.
        let (first, is_item) = match first.split_once('[') {
            Some((name, _)) if rest.is_empty() => (name, true),
            _ => (*first, false),
        };
        if self.lines.line == 0 {
            self.lines.line = lines.line;
        }
        let found = self.pairs.iter().position(|(key, _)| key == first);
        let index = found.unwrap_or(self.pairs.len());
        if found.is_none() {
            let child = match rest {
                [] if is_item => Child::Leaf(Json::List(Vec::new())),
                [] => Child::Leaf(Json::Null),
                _ => Child::Within(Self::default()),
            };
            self.pairs.push((first.to_owned(), child));
            self.lines.within.push(Lines {
                line: lines.line,
                ..Lines::none()
            });
        }
        match self.pairs.get_mut(index).map(|(_, child)| child) {
            Some(Child::Leaf(Json::List(items))) if is_item => items.push(node),
            Some(Child::Leaf(leaf)) if rest.is_empty() => *leaf = node,
            Some(Child::Within(tree)) if !rest.is_empty() => {
                tree.set(rest, node, lines);
                if let Some(within) = self.lines.within.get_mut(index) {
                    *within = tree.lines.clone();
                }
            }
            _ => {}
        }
    }

    fn node(&self) -> Json {
        let pairs = self.pairs.iter().map(|(key, child)| {
            let node = match child {
                Child::Leaf(node) => node.clone(),
                Child::Within(tree) => tree.node(),
            };
            (key.clone(), node)
        });
        Json::Object(pairs.collect())
    }
}

/// The provider of what a document holds, if it is not a file: `@docker`.
pub const PROVIDER: &str = "@provider";
pub const DOCKER: &str = "@docker";
const PREFIX: &str = "traefik.http.";
const LISTS: [&str; 8] = [
    "accessControlAllowHeaders",
    "accessControlAllowMethods",
    "accessControlAllowOriginList",
    "accessControlAllowOriginListRegex",
    "accessControlExposeHeaders",
    "entryPoints",
    "middlewares",
    "hostsProxyHeaders",
];
const NUMBERS: [&str; 2] = ["accessControlMaxAge", "priority"];
const FIELDS: [&str; 17] = [
    "accessControlAllowCredentials",
    "accessControlAllowHeaders",
    "accessControlAllowMethods",
    "accessControlAllowOriginList",
    "accessControlAllowOriginListRegex",
    "accessControlExposeHeaders",
    "accessControlMaxAge",
    "addVaryHeader",
    "chain",
    "customRequestHeaders",
    "customResponseHeaders",
    "entryPoints",
    "headers",
    "middlewares",
    "priority",
    "rule",
    "service",
];
