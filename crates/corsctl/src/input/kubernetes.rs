//! Resources of Kubernetes: lists, kinds, names.

use crate::input::cursor::Value;
use crate::input::document::Document;

impl Document {
    /// The document, or what it lists if it is a list of Kubernetes.
    pub fn resources(&self) -> Vec<Value<'_>> {
        let value = Value::of(self);
        let kind = value.text_of("kind");
        if kind.is_some_and(|kind| kind.ends_with("List")) {
            value.list("items")
        } else {
            vec![value]
        }
    }
}

impl<'s> Value<'s> {
    /// The kind of a resource of Kubernetes: its own, or that of the list that contains it.
    pub fn kind(&self) -> Option<&'s str> {
        self.text_of("kind").or(self.kind)
    }

    /// The items of a list of Kubernetes, such as a VirtualServiceList; none of anything else.
    pub fn resources(&self) -> Option<Vec<Self>> {
        let kind = self.text_of("kind")?.strip_suffix("List")?;
        let mut items = self.get("items")?.items();
        if !kind.is_empty() {
            for item in &mut items {
                item.kind = Some(kind);
            }
        }
        Some(items)
    }

    /// The name of a resource of Kubernetes.
    pub fn resource_name(&self) -> Option<&'s str> {
        self.at(&["metadata", "name"])?.text()
    }

    /// The namespace of a resource of Kubernetes.
    pub fn resource_namespace(&self) -> Option<&'s str> {
        self.at(&["metadata", "namespace"])?.text()
    }

    /// Whether this is a resource of a kind, and of a group if it says of which.
    pub fn is_resource(&self, kind: &str, group: &str) -> bool {
        let version = self.text_of("apiVersion");
        let is_of_group = |version: &str| version.split('/').next().is_some_and(|own| own == group);
        self.kind() == Some(kind) && version.is_none_or(is_of_group)
    }
}
