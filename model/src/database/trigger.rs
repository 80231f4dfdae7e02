//! Triggers of one sort: AFTER INSERT on a table, a row into another.
//!
//! They fire for statements of clients. An applier of row events does not fire them, because the binlog carries what
//! they did [D `replication-features-triggers`]; whatever applies changes as a client does fires them again.

use super::{Database, TableId};
use crate::row::{ImageBuilder, field};
use std::sync::Arc;

/// Where a value of the inserted row comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewValue {
    /// `NEW.column`, by its index.
    New(usize),
    /// A constant, as a row image has it.
    Raw(Vec<u8>),
}

/// `CREATE TRIGGER … AFTER INSERT ON a FOR EACH ROW INSERT INTO b VALUES (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The table that it watches.
    pub on: TableId,
    /// The table that it writes to.
    pub into: TableId,
    /// The row's values, in the order of its columns.
    pub values: Vec<NewValue>,
}

impl Database {
    /// Adds a trigger.
    pub fn add_trigger(&mut self, trigger: Trigger) {
        Arc::make_mut(&mut self.triggers).push(trigger);
    }

    /// All triggers.
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    /// Adds the triggers of another database that are not here yet, where their tables are, under the same ids.
    pub fn create_triggers_like(&mut self, other: &Self) {
        for trigger in other.triggers() {
            let tables = [trigger.on, trigger.into].map(|id| self.table(id).is_some());
            if tables == [true, true] && !self.triggers.contains(trigger) {
                self.add_trigger(trigger.clone());
            }
        }
    }

    /// Whether any trigger watches a table.
    #[inline]
    pub fn is_watched(&self, table: TableId) -> bool {
        self.triggers.iter().any(|t| t.on == table)
    }

    /// The rows that triggers insert after the INSERT of a row: table and image.
    pub fn triggered(&self, table: TableId, image: &[u8]) -> Vec<(TableId, Vec<u8>)> {
        let Some(columns) = self.table(table).map(|t| &t.def().columns) else {
            return Vec::new();
        };
        let row = |trigger: &Trigger| {
            let mut builder = ImageBuilder::default();
            builder.start(trigger.values.len());
            for value in &trigger.values {
                match value {
                    NewValue::Raw(raw) => builder.push(raw),
                    NewValue::New(index) => match field(columns, image, *index) {
                        Some(raw) => builder.push(raw),
                        None => builder.push_null(),
                    },
                }
            }
            (trigger.into, builder.image().to_vec())
        };
        let watching = self.triggers.iter().filter(|t| t.on == table);
        watching.map(row).collect()
    }
}
