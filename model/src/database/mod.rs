//! What a server stores: schemas, tables, rows, and the changes that transactions make to them.
//!
//! Writing happens in two steps. `plan_*` says what a statement would change, cascades included, or why
//! the server refuses it, and touches nothing; the caller takes the locks that [`Database::lock_ids`]
//! names; [`Database::apply`] then changes rows in place, as InnoDB does, and [`Database::undo`] takes a
//! change back, newest first. So what is uncommitted is in the database, and rollback and recovery undo
//! it.
//!
//! A copy costs the number of tables and shares all rows: that is a snapshot.
//!
//! Names compare by case, as with `lower_case_table_names=0` on Linux.

mod accounts;
mod cascade;
mod catalogue;
mod copy;
mod diff;
mod dump;
mod error;
mod integrity;
mod links;
mod load;
mod plan;
mod rebuild;
mod scheduled;
#[cfg(test)]
mod tests;
mod trigger;

pub use diff::{Difference, diff};
pub use error::{LockId, SqlError};
pub use integrity::Broken;
pub use load::LoadError;
pub use rebuild::ColumnSource;
pub use scheduled::{EventStatus, ScheduledEvent};
pub use trigger::{NewValue, Trigger};

use crate::arena::{Arena, RowRef};
use crate::row::{Partial, same_image};
use crate::table::{RowKey, Table};
use links::Links;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A table, whatever it is renamed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// What a session has the engine check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// `foreign_key_checks`: constraints are checked and the engine cascades. An applier turns it off for
    /// events that carry the cascaded rows.
    pub foreign_keys: bool,
    /// `unique_checks`: secondary unique keys are checked. The primary key always is.
    pub unique: bool,
}

impl Checks {
    /// A session's default.
    pub const ALL: Checks = Checks {
        foreign_keys: true,
        unique: true,
    };
    /// As mysqldump's files set them.
    pub const NONE: Checks = Checks {
        foreign_keys: false,
        unique: false,
    };
}

/// One row's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: TableId,
    /// The row, before the change where there was one.
    pub key: RowKey,
    /// The row after the change: another key when an UPDATE changes the primary key, else the same.
    pub new_key: RowKey,
    /// The image before; `None` for an INSERT.
    pub before: Option<RowRef>,
    /// The image after; `None` for a DELETE.
    pub after: Option<RowRef>,
    /// An UPDATE that leaves the bytes of every key as they are: no index, no lock of a unique value and no other
    /// table has to do with it. False says nothing.
    pub keeps_keys: bool,
}

impl Change {
    /// Before and after are the same row: the server neither writes nor logs it.
    pub fn is_noop(&self) -> bool {
        self.before == self.after
    }
}

/// The tables of a schema by name.
type Names = BTreeMap<Arc<str>, TableId>;

/// Schemas and tables. Copies share what neither has written since.
#[derive(Clone, Debug, Default)]
pub struct Database {
    schemas: Arc<BTreeSet<Arc<str>>>,
    /// Default collations of schemas that said one.
    collations: Arc<BTreeMap<Arc<str>, crate::schema::Collation>>,
    /// By schema, then table.
    names: Arc<BTreeMap<Arc<str>, Names>>,
    /// By id; dropped tables leave a gap.
    tables: Vec<Option<Table>>,
    links: Arc<Links>,
    triggers: Arc<Vec<Trigger>>,
    /// None: events are not kept.
    events: Option<Arc<Vec<ScheduledEvent>>>,
    accounts: Arc<accounts::Accounts>,
}

impl Database {
    /// A table by id; `None` when dropped.
    pub fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(id.0 as usize)?.as_ref()
    }

    fn table_mut(&mut self, id: TableId) -> Option<&mut Table> {
        self.tables.get_mut(id.0 as usize)?.as_mut()
    }

    fn live(&self, id: TableId) -> Result<&Table, SqlError> {
        self.table(id).ok_or_else(|| SqlError::NoSuchTable {
            schema: String::new(),
            table: format!("#{}", id.0),
        })
    }

    /// A row's image, kept in the arena if it was only computed before.
    pub fn get(&self, arena: &mut Arena, table: TableId, key: RowKey) -> Option<RowRef> {
        self.table(table)?.get(arena, key)
    }

    /// The row that a before image means.
    ///
    /// # Errors
    /// [`SqlError::NotFound`] (1032), [`SqlError::NoSuchTable`].
    pub fn find(
        &self,
        arena: &mut Arena,
        table: TableId,
        row: &Partial<'_>,
    ) -> Result<RowKey, SqlError> {
        let table = self.live(table)?;
        let missing = || SqlError::NotFound {
            table: table.def().name.to_string(),
        };
        table.find(arena, row).ok_or_else(missing)
    }

    /// Makes a planned change. The AUTO_INCREMENT counter goes past the row's value, as since 8.0 for
    /// UPDATE too.
    pub fn apply(&mut self, arena: &mut Arena, change: &Change) {
        let Some(table) = self.table_mut(change.table) else {
            return;
        };
        // The counter is past what the row has already.
        let keeps = change.keeps_keys && table.is_identified_by_auto_increment();
        if let Some(after) = change.after.filter(|_| !keeps)
            && let Some(value) = table.auto_value_of(change.new_key, arena.row(after))
            && value >= table.auto_increment()
        {
            table.set_auto_increment(value.saturating_add(1).min(table.auto_limit()));
        }
        if change.keeps_keys {
            table.replace(arena, change.key, change.after);
        } else if change.key == change.new_key {
            table.put(arena, change.key, change.before, change.after);
        } else {
            table.put(arena, change.key, change.before, None);
            table.put(arena, change.new_key, None, change.after);
        }
    }

    /// Takes a change back; changes are undone newest first. The AUTO_INCREMENT counter stays.
    pub fn undo(&mut self, arena: &mut Arena, change: &Change) {
        let Some(table) = self.table_mut(change.table) else {
            return;
        };
        if change.keeps_keys {
            table.replace(arena, change.key, change.before);
        } else if change.key == change.new_key {
            table.put(arena, change.key, change.after, change.before);
        } else {
            table.put(arena, change.new_key, change.after, None);
            table.put(arena, change.key, None, change.before);
        }
    }

    /// Allocates an AUTO_INCREMENT value. At the end of the column's range the last one comes again, and
    /// the INSERT fails with 1062, as on a server.
    pub fn next_auto_increment(&mut self, table: TableId) -> u64 {
        let Some(table) = self.table_mut(table) else {
            return 1;
        };
        let value = table.auto_increment();
        table.set_auto_increment(value.saturating_add(1).min(table.auto_limit()));
        value
    }

    /// Sets the AUTO_INCREMENT counter (`ALTER TABLE … AUTO_INCREMENT = n`); it never goes below what the
    /// table holds.
    pub fn set_auto_increment(&mut self, arena: &Arena, table: TableId, next: u64) {
        let Some(table) = self.table_mut(table) else {
            return;
        };
        let past = table
            .largest_auto_value(arena)
            .map_or(1, |v| v.saturating_add(1));
        table.set_auto_increment(next.max(past).min(table.auto_limit()));
    }

    /// Puts a counter back to an earlier value: a mutant's.
    pub(crate) fn rewind_auto_increment(&mut self, table: TableId, next: Option<u64>) {
        if let (Some(table), Some(next)) = (self.table_mut(table), next) {
            table.set_auto_increment(next);
        }
    }

    /// A table as its own tests change it.
    #[cfg(test)]
    pub(crate) fn table_for_tests(&mut self, id: TableId) -> &mut Table {
        self.table_mut(id).expect("a table of the test")
    }

    /// Takes a table's rows from another database: a mutant's.
    pub fn take_table(&mut self, from: &Self, id: TableId) {
        if let (Some(here), Some(there)) = (self.table_mut(id), from.table(id)) {
            *here = there.clone();
        }
    }

    /// The counters after a restart of a server before 8.0, which computes them anew as the largest value
    /// plus one.
    pub fn forget_auto_increments(&mut self, arena: &Arena) {
        for table in self.tables.iter_mut().flatten() {
            if table.shape().auto_increment.is_some() {
                let past = table
                    .largest_auto_value(arena)
                    .map_or(1, |v| v.saturating_add(1));
                table.set_auto_increment(past.min(table.auto_limit()));
            }
        }
    }

    /// The lock of a change's row, where a transaction needs no other to make it: the row keeps its keys, or no other unique
    /// key is there, and no foreign key.
    #[inline]
    pub fn only_lock(&self, change: &Change) -> Option<LockId> {
        let table = self.table(change.table)?;
        let is_alone = || {
            change.key == change.new_key
                && table.shape().uniques.is_empty()
                && table.def().foreign_keys.is_empty()
        };
        (change.keeps_keys || is_alone()).then(|| lock_id(change.table, 0, change.key.0))
    }

    /// What a transaction must hold alone to make a change: the row, and every value of a unique key that
    /// is freed or taken.
    pub fn lock_ids(&self, arena: &mut Arena, change: &Change, out: &mut Vec<LockId>) {
        let Some(table) = self.table(change.table) else {
            return;
        };
        let columns = &table.def().columns;
        out.push(lock_id(change.table, 0, change.key.0));
        if change.keeps_keys {
            return;
        }
        if change.new_key != change.key {
            out.push(lock_id(change.table, 0, change.new_key.0));
        }
        for (i, unique) in table.shape().uniques.iter().enumerate() {
            if let (Some(before), Some(after)) = (change.before, change.after)
                && change.key == change.new_key
                && unique
                    .key
                    .same_bytes(columns, arena.row(before), arena.row(after))
            {
                continue;
            }
            let mut key = |row: Option<RowRef>| unique.key.of_row(columns, arena, row?);
            let (before, after) = (key(change.before), key(change.after));
            if before != after || change.key != change.new_key {
                let both = [before, after.filter(|_| before != after)];
                out.extend(
                    both.into_iter()
                        .flatten()
                        .map(|k| lock_id(change.table, i + 1, k)),
                );
            }
        }
    }

    /// Whether two stored rows of a table are the same, by handle or by bytes.
    fn same_row(columns: usize, arena: &Arena, a: Option<RowRef>, b: Option<RowRef>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a == b || same_image(columns, arena.row(a), arena.row(b)),
            (a, b) => a == b,
        }
    }
}

impl LockId {
    /// The lock of a row.
    pub fn of_row(table: TableId, key: RowKey) -> Self {
        lock_id(table, 0, key.0)
    }
}

/// The lock of a key's value: key 0 identifies the row, the others are the unique keys.
fn lock_id(table: TableId, index: usize, key: u64) -> LockId {
    LockId {
        space: table.0 << 7 | (index as u32).min(127),
        key,
    }
}
