//! What a file holds that import may read: documents, resources, files within ConfigMaps.

use std::collections::HashMap;

use cors::config::json::Json;

use crate::input::cursor::Value;
use crate::input::document::Document;
use crate::input::source::Source;

/// Something in a file that may be read: a document, a resource, or a file within a ConfigMap.
pub struct Object<'s> {
    pub value: Value<'s>,
    /// Of a file within a ConfigMap: its place in words.
    within: Option<&'s str>,
}

impl Object<'_> {
    pub fn kind(&self) -> &str {
        match self.within {
            Some(_) => "ConfigMap",
            None => self.value.kind().unwrap_or("document"),
        }
    }

    /// The object in words, as in `the Service "a/b"`.
    pub fn name(&self) -> String {
        let name = self.value.resource_name().unwrap_or_default();
        let namespace = self.value.resource_namespace();
        let namespace = namespace.map_or_else(String::new, |name| format!("{name}/"));
        match (self.within, self.value.kind().is_some()) {
            (Some(place), _) => format!("the {place}"),
            (None, true) => format!("the {} \"{namespace}{name}\"", self.kind()),
            (None, false) => "this document".to_owned(),
        }
    }

    /// The name of the ConfigMap that holds this file.
    pub fn config_map(&self) -> Option<&str> {
        let rest = self.within?.strip_prefix("ConfigMap \"")?;
        rest.split_once("\",").map(|(name, _)| name)
    }
}

/// All that a file holds, lists and the files within ConfigMaps included.
pub fn objects_of(source: &Source) -> Vec<Object<'_>> {
    let documents = source.documents.iter();
    let mut objects: Vec<_> = documents
        .flat_map(|document| objects_in(None, document))
        .collect();
    objects.extend(inner_of(&source.inner));
    objects
}

/// All that documents within other objects hold, each with its place in words.
pub fn inner_of(documents: &[(String, Document)]) -> Vec<Object<'_>> {
    let documents = documents.iter();
    documents
        .flat_map(|(place, document)| objects_in(Some(place), document))
        .collect()
}

fn objects_in<'s>(within: Option<&'s str>, document: &'s Document) -> Vec<Object<'s>> {
    let mut values = Vec::new();
    flatten(Value::of(document), &mut values);
    let objects = values.into_iter().map(|value| Object { value, within });
    objects.collect()
}

/// A value, or what it lists if it is a list: of Kubernetes, or one of objects.
fn flatten<'s>(value: Value<'s>, values: &mut Vec<Value<'s>>) {
    let items = if matches!(value.node, Json::List(_)) {
        value.items()
    } else if let Some(items) = value.resources() {
        items
    } else {
        return values.push(value);
    };
    for item in items {
        flatten(item, values);
    }
}

/// How often each text occurs, in the order of the first ones.
pub fn counted<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<(&'t str, usize)> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut places = HashMap::new();
    for text in texts {
        let next = counts.len();
        let place = *places.entry(text).or_insert(next);
        match counts.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    counts
}
