//! Settings go back to those of the plan that nobody has to explain.

use super::{Enough, Shrinking};
use crate::plan::{Clock, Plan};
use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

/// Not settings, or made smaller by passes of their own.
const OF_OTHERS: &[&str] = &[
    "workload.kind",
    "workload.paths",
    "workload.schema",
    "workload.transaction",
    "workload.clients",
    "workload.existing_rows",
    "workload.after_cutover",
    "clock.start",
];

/// What transactions are drawn by.
const OF_THE_DRAW: &[&str] = &["workload.rate_per_s", "workload.mix"];

/// A setting that differs from the reference: its path and its value, none where it is not set.
type Difference = (String, Option<Value>);

impl Shrinking<'_> {
    pub(super) fn settings_back(&mut self) -> Result<bool, Enough> {
        let reference = self.reference;
        let (Some(ours), Some(theirs)) = (settings(&self.best.plan), settings(reference)) else {
            return Ok(false);
        };
        let mut differences = Vec::new();
        differ(&ours, &theirs, "", &mut differences);
        if self.best.plan.workload.transactions.is_empty() {
            // The traffic is drawn from these, and was made as thin as it could be.
            differences.retain(|(path, _)| !OF_THE_DRAW.iter().any(|key| path.starts_with(key)));
        }
        self.leave_out(differences.clone(), usize::MAX, |plan, kept| {
            let mut table = settings(plan)?;
            for (path, _) in &differences {
                set(&mut table, path, get(&theirs, path).cloned());
            }
            for (path, value) in kept {
                set(&mut table, path, value.clone());
            }
            let mut plan = plan.clone();
            plan.environment = read(&table, "environment")?;
            plan.workload = read(&table, "workload")?;
            plan.clock = read::<Clock>(&table, "clock")?;
            Some(plan)
        })
    }
}

/// The settings of a plan that are not those of another: their paths and values, `none` where one is not set. What
/// has no effect on a plan whose transactions are written down is left out.
pub fn differences(plan: &Plan, reference: &Plan) -> Vec<(String, String)> {
    let (Some(ours), Some(theirs)) = (settings(plan), settings(reference)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    differ(&ours, &theirs, "", &mut found);
    let in_words = |value: Option<Value>| value.map_or("none".into(), |v| v.to_string());
    found
        .into_iter()
        .map(|(path, value)| (path, in_words(value)))
        .collect()
}

/// The settings of a plan as a table of tables.
fn settings(plan: &Plan) -> Option<Table> {
    fn table<T: Serialize>(of: &T) -> Option<Value> {
        Some(Value::Table(Table::try_from(of).ok()?))
    }
    Some(Table::from_iter([
        ("environment".to_string(), table(&plan.environment)?),
        ("workload".to_string(), table(&plan.workload)?),
        ("clock".to_string(), table(&plan.clock)?),
    ]))
}

fn read<T: DeserializeOwned>(table: &Table, key: &str) -> Option<T> {
    table.get(key)?.clone().try_into().ok()
}

/// Where one table differs from the other, with its own value.
fn differ(ours: &Table, theirs: &Table, prefix: &str, found: &mut Vec<Difference>) {
    let keys: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for key in keys {
        let path = format!("{prefix}{key}");
        match (ours.get(key), theirs.get(key)) {
            (Some(Value::Table(ours)), Some(Value::Table(theirs))) => {
                differ(ours, theirs, &format!("{path}."), found);
            }
            (ours, theirs) if ours != theirs && !OF_OTHERS.contains(&path.as_str()) => {
                found.push((path, ours.cloned()));
            }
            _ => {}
        }
    }
}

fn get<'t>(table: &'t Table, path: &str) -> Option<&'t Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((key, rest)) => get(table.get(key)?.as_table()?, rest),
    }
}

fn set(table: &mut Table, path: &str, value: Option<Value>) {
    match (path.split_once('.'), value) {
        (Some((key, rest)), value) => {
            if let Some(Value::Table(inner)) = table.get_mut(key) {
                set(inner, rest, value);
            }
        }
        (None, Some(value)) => {
            table.insert(path.to_string(), value);
        }
        (None, None) => {
            table.remove(path);
        }
    }
}
