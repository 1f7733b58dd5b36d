//! On which lines of a file differences are written.

use std::collections::HashMap;

use crate::compare::policies::Change;
use crate::compare::rows::Row;
use crate::compare::side::By;
use crate::input::cursor::Value;

/// Notes the lines of rows, and of what makes their differences, in a configuration; `side` is 0 if it is
/// the one before. `start` is the line of the whole.
pub fn locate(rows: &mut [Row], side: usize, root: Option<&Value>, start: Option<usize>) {
    let policies = root.map(Policies::of);
    for row in rows {
        let by = row.by.get(side).unwrap_or(&By::Nothing);
        let policy = policies.as_ref().map(|policies| policies.get(by));
        let own = policy.and_then(|policy| policy.line_of(""));
        row.line = own.or(start);
        for change in &mut row.changes {
            let line = policy.and_then(|policy| line_of(policy, change));
            change.line = line.or(row.line);
        }
    }
}

/// The policies of a configuration.
struct Policies<'v> {
    root: Value<'v>,
    /// Of each rule, if it has one.
    rules: Vec<Option<Value<'v>>>,
    named: HashMap<&'v str, Value<'v>>,
}

impl<'v> Policies<'v> {
    fn of(root: &Value<'v>) -> Self {
        let named = root.field("policies").entries().into_iter();
        let named: HashMap<_, _> = named.collect();
        let rules = root.get("rules");
        let rules = rules.iter().flat_map(Value::each_item).map(|rule| {
            let policy = rule.get("policy");
            policy.or_else(|| named.get(rule.text_of("policyRef")?).cloned())
        });
        Self {
            root: root.clone(),
            rules: rules.collect(),
            named,
        }
    }

    /// The policy that a row is about; the whole configuration if none is written there.
    fn get(&self, by: &By) -> &Value<'v> {
        let found = match by {
            By::Rule(index) => self.rules.get(*index).and_then(Option::as_ref),
            By::Metadata(name) => self.named.get(name.as_str()),
            By::TopLevel | By::Nothing => None,
        };
        found.unwrap_or(&self.root)
    }
}

/// The line of the entry in the field, or of the field; of the policy or one of its grants.
fn line_of(policy: &Value, change: &Change) -> Option<usize> {
    let objects = std::iter::once(policy.clone()).chain(policy.list("grants"));
    let fields: Vec<Value> = objects
        .filter_map(|object| object.get(change.field))
        .collect();
    let is_listed = |item: &Value| {
        let text = item.text();
        text.is_some_and(|text| change.values.iter().any(|value| value == text))
    };
    let mut entries = fields.iter().flat_map(Value::items);
    let entry = entries.find(is_listed);
    entry.as_ref().or(fields.first())?.line_of("")
}
