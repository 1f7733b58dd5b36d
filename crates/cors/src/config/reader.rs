//! Reads JSON values with their paths and reports what is wrong with each.

use crate::byte_map::ByteMap;
use crate::config::fields::{
    FOREIGN_FIELDS, Field, MATCH_FIELDS, PLUGIN_FIELDS, POLICY_FIELDS, RULE_FIELDS, find_in,
    is_comment, suggest,
};
use crate::config::json::Json;
use crate::config::other_names::{Meant, meaning};
use crate::config::remedy;
use crate::diagnostic::{Code, Diagnostics, Severity, join};
use crate::escape::Quoted;

#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) diagnostics: Diagnostics,
    pub(crate) regexes: usize,
    /// What they take in memory.
    pub(crate) regex_size: usize,
    /// The patterns of a policy that has `grants`, each with the number of its grant.
    pub(crate) patterns: Option<ByteMap>,
    /// Whether the policy may be a rule's, whose match binds names.
    pub(crate) may_bind: bool,
}

/// The fields of one object that are present, and its path.
pub(crate) struct Object<'n> {
    pub(crate) path: String,
    pub(crate) fields: Vec<(&'static str, &'n Json)>,
    /// Fields that were present but invalid. An error has already been reported for each.
    pub(crate) unreadable: Vec<&'static str>,
}

impl<'n> Object<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<&'n Json> {
        self.fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, node)| *node)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the field is there, readable or not.
    pub(crate) fn writes(&self, name: &str) -> bool {
        self.has(name) || self.unreadable.contains(&name)
    }

    /// The path of a field of this object.
    pub(crate) fn at(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

impl Reader {
    pub(crate) fn read_choice<T: Copy + Default>(
        &mut self,
        object: &Object,
        name: &str,
        choices: &[(&str, T)],
    ) -> T {
        let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
        let choice = self.choose(object, name, &names);
        let choice = choice.and_then(|index| choices.get(index));
        choice.map(|(_, value)| *value).unwrap_or_default()
    }

    /// The index of the choice that a field names.
    fn choose(&mut self, object: &Object, name: &str, names: &[&str]) -> Option<usize> {
        let text = self.read_text(object, name)?;
        let index = names
            .iter()
            .position(|choice| choice.eq_ignore_ascii_case(text));
        if index.is_none() {
            let text = (quote(text), one_of("is not known", names, text));
            self.diagnostics
                .error(Code::UnknownChoice, object.at(name), &text.0, text.1);
        }
        index
    }

    pub(crate) fn read_bool(&mut self, object: &Object, name: &str) -> bool {
        match object.get(name) {
            None => false,
            Some(Json::Bool(value)) => *value,
            Some(node) => {
                let meant = match node {
                    Json::String(text) if text.eq_ignore_ascii_case("true") => "true",
                    Json::String(text) if text.eq_ignore_ascii_case("false") => "false",
                    _ => "true or false",
                };
                self.wrong_type(&object.at(name), node, meant);
                false
            }
        }
    }

    pub(crate) fn read_text<'n>(&mut self, object: &Object<'n>, name: &str) -> Option<&'n str> {
        match object.get(name)? {
            Json::String(text) => Some(text),
            node => {
                self.wrong_type(&object.at(name), node, "a string");
                None
            }
        }
    }

    /// Reads a list of strings, each with its index.
    pub(crate) fn read_texts<'n>(
        &mut self,
        object: &Object<'n>,
        name: &str,
    ) -> Vec<(usize, &'n str)> {
        let items = match object.get(name) {
            None => return Vec::new(),
            Some(Json::List(items)) => items,
            Some(node) => {
                let list = match node {
                    // A regular expression may contain a comma.
                    Json::String(text) if name != "allowOriginRegexes" => remedy::list(text),
                    _ => None,
                };
                let expected = list.as_deref().unwrap_or("a list of strings");
                self.wrong_type(&object.at(name), node, expected);
                return Vec::new();
            }
        };
        let limit = if name == "allowOrigins" {
            MAX_ORIGINS
        } else {
            MAX_NAMES
        };
        if items.len() > limit {
            let text = format!("has {} entries; the limit is {limit}", items.len());
            self.diagnostics
                .error(Code::TooManyEntries, object.at(name), "", text);
            return Vec::new();
        }
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Json::String(text) => texts.push((index, text.as_str())),
                Json::Null if name == "allowOrigins" => self.diagnostics.error(
                    Code::UnquotedNull,
                    format!("{}[{index}]", object.at(name)),
                    "null",
                    "is null; write \"null\" in quotes for the origin of that name",
                ),
                node => self.wrong_type(&format!("{}[{index}]", object.at(name)), node, "a string"),
            }
        }
        texts
    }

    /// Sorts the keys of an object into known fields, comments and errors.
    pub(crate) fn read_object<'n>(
        &mut self,
        path: &str,
        node: &'n Json,
        tables: &[&'static [Field]],
    ) -> Option<Object<'n>> {
        let mut object = Object {
            path: path.to_owned(),
            fields: Vec::new(),
            unreadable: Vec::new(),
        };
        let Json::Object(pairs) = node else {
            self.wrong_type(path, node, "an object");
            return None;
        };
        for (key, value) in pairs {
            let path = join(path, key);
            if is_comment(key) {
                let name = key.trim_start_matches(['@', '$', '_', '#']);
                if find_in(tables, name).is_some() {
                    self.diagnostics.note(
                        Code::FieldInComment,
                        &path,
                        "",
                        "is a comment because of its first character, though named like a field",
                    );
                }
                continue;
            }
            let Some(field) = find_in(tables, key) else {
                object
                    .unreadable
                    .extend(self.unknown_field(&path, key, value, tables));
                continue;
            };
            if object.has(field.name) {
                self.diagnostics.error(
                    Code::DuplicateField,
                    &path,
                    "",
                    "appears twice; write it once, in one spelling",
                );
            } else if *value == Json::Null {
                self.diagnostics.error(
                    Code::NullValue,
                    &path,
                    "null",
                    "has no meaning; leave the field out for its default",
                );
                object.unreadable.push(field.name);
            } else {
                object.fields.push((field.name, value));
            }
        }
        Some(object)
    }

    /// Reports an unknown field; returns the known one that was probably meant.
    fn unknown_field(
        &mut self,
        path: &str,
        key: &str,
        value: &Json,
        tables: &[&'static [Field]],
    ) -> Option<&'static str> {
        if *value == Json::Bool(false) && find_in(&[FOREIGN_FIELDS], key).is_some() {
            return None;
        }
        for (table, text) in [
            (
                PLUGIN_FIELDS,
                "belongs to the plugin; write it at the top level",
            ),
            (
                POLICY_FIELDS,
                if find_in(tables, "allowOrigins").is_some() {
                    "belongs to the policy, not to a grant; write it next to grants"
                } else {
                    "belongs to a policy; write it in one"
                },
            ),
            (RULE_FIELDS, "belongs to a rule; write it in one of rules"),
            (MATCH_FIELDS, "belongs to a rule; write it in its match"),
        ] {
            // In a match, `hosts` is another name for `hostnames`, and not the field of a policy.
            let is_other_name = key == "hosts" && find_in(tables, "hostnames").is_some();
            if !is_other_name && find_in(&[table], key).is_some() {
                self.diagnostics.error(Code::MisplacedField, path, "", text);
                return None;
            }
        }
        // An error that is only counted needs no remedy.
        let meant = (self.diagnostics.more(Severity::Error) == 0)
            .then(|| meaning(tables, key))
            .flatten();
        let (suggestion, remedy) = match meant {
            Some(Meant::Field(name)) => (Some(name), format!("did you mean `{name}`?")),
            // Their lists hold what ours do not.
            Some(Meant::Other(name)) => (
                Some(name),
                format!("did you mean `{name}`? corsctl import reads other gateways' files"),
            ),
            Some(Meant::Remedy(text)) => (None, text.to_owned()),
            // Without it a rule would match more.
            None if find_in(tables, "exactPaths").is_some() => (
                None,
                "a match has hostnames, exactPaths, pathPrefixes and routeNames".to_owned(),
            ),
            None => (None, "leave it out".to_owned()),
        };
        let text = format!("is not a known field; {remedy}");
        self.diagnostics.error(Code::UnknownField, path, "", text);
        suggestion
    }

    pub(crate) fn wrong_type(&mut self, path: &str, node: &Json, expected: &str) {
        let text = format!("is {}; write {expected}", node.kind());
        self.diagnostics
            .error(Code::WrongType, path, &node.to_string(), text);
    }
}

pub(crate) fn one_of(what: &str, names: &[&str], written: &str) -> String {
    let list = names.iter().map(|name| quote(name)).collect::<Vec<_>>();
    let list = list.join(", ");
    match suggest(names.iter().copied(), written) {
        Some(name) => format!("{what}; did you mean {}? write one of {list}", quote(name)),
        None => format!("{what}; write one of {list}"),
    }
}

pub(crate) fn quote(text: &str) -> String {
    Quoted(text).to_string()
}

const MAX_NAMES: usize = 1_000;

const MAX_ORIGINS: usize = 100_000;
