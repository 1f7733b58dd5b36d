//! Reads host names and the other lists of what a request is matched by.

use crate::config::json::Json;
use crate::config::reader::{Object, Reader, quote};
use crate::diagnostic::Code;
use crate::routes::host::parse_hostname;
use crate::routes::key::Key;

/// Reads one entry. Behind a pointer, so that there is one `read_keys` for all lists.
type Parse<'p> = &'p dyn Fn(&str) -> Result<Key, (Code, String)>;

impl Reader {
    pub(crate) fn read_host_names(&mut self, object: &Object, name: &str) -> Vec<Key> {
        self.read_keys(object, name, &|text| {
            parse_hostname(text).map_err(|error| (Code::HostnameInvalid, error.to_owned()))
        })
    }

    pub(crate) fn read_keys(&mut self, object: &Object, name: &str, parse: Parse) -> Vec<Key> {
        let texts = self.read_texts(object, name);
        if object.has(name) && matches!(object.get(name), Some(Json::List(list)) if list.is_empty())
        {
            self.diagnostics.error(
                Code::EmptyList,
                object.at(name),
                "",
                "is empty; leave it out, or list what it should match",
            );
        }
        texts
            .into_iter()
            .filter_map(|(index, text)| {
                parse(text)
                    .map_err(|(code, error)| {
                        self.diagnostics.error(
                            code,
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
