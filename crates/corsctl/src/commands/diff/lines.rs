//! On which lines of a file differences are written.

use crate::compare::policies::Change;
use crate::compare::rows::Row;
use crate::compare::side::By;
use crate::input::cursor::Value;

/// Notes the lines of rows, and of what makes their differences, in a configuration; `side` is 0 if it is
/// the one before. `start` is the line of the whole.
pub fn locate(rows: &mut [Row], side: usize, root: Option<&Value>, start: Option<usize>) {
    for row in rows {
        let by = row.by.get(side).unwrap_or(&By::Nothing);
        let policy = root.map(|root| policy_of(root, by).unwrap_or_else(|| root.clone()));
        let own = policy.as_ref().and_then(|policy| policy.line_of(""));
        row.line = own.or(start);
        for change in &mut row.changes {
            let line = policy.as_ref().and_then(|policy| line_of(policy, change));
            change.line = line.or(row.line);
        }
    }
}

fn policy_of<'v>(root: &Value<'v>, by: &By) -> Option<Value<'v>> {
    let named = |name: &str| {
        let policies = root.get("policies")?.entries().into_iter();
        let mut policies = policies.filter(|(known, _)| *known == name);
        policies.next().map(|(_, policy)| policy)
    };
    match by {
        By::Rule(index) => {
            let rule = root.get("rules")?.each_item().nth(*index)?;
            let policy = rule.get("policy");
            policy.or_else(|| named(rule.text_of("policyRef")?))
        }
        By::Metadata(name) => named(name),
        By::TopLevel | By::Nothing => None,
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
