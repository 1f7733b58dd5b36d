//! Reads host names and the other lists of what a request is matched by.

use crate::config::json::Node;
use crate::config::reader::{Object, Reader, quote};
use crate::routes::host::parse_hostname;
use crate::routes::key::Key;

impl Reader {
    pub(crate) fn read_host_names(&mut self, object: &Object, name: &str) -> Vec<Key> {
        self.read_keys(object, name, |text| {
            parse_hostname(text).map_err(str::to_owned)
        })
    }

    pub(crate) fn read_keys(
        &mut self,
        object: &Object,
        name: &str,
        parse: impl Fn(&str) -> Result<Key, String>,
    ) -> Vec<Key> {
        let texts = self.read_texts(object, name);
        if object.has(name) && matches!(object.get(name), Some(Node::List(list)) if list.is_empty())
        {
            self.report.error(
                object.at(name),
                "",
                "is empty; leave it out, or list what it should match",
            );
        }
        texts
            .into_iter()
            .filter_map(|(index, text)| {
                parse(text)
                    .map_err(|error| {
                        self.report.error(
                            format!("{}[{index}]", object.at(name)),
                            &quote(text),
                            error,
                        );
                    })
                    .ok()
            })
            .collect()
    }
}
