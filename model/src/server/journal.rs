//! What clients committed on a server, kept for a comparison of states at the end of a run.
//!
//! A replica that was opened for writes goes its own way: to say what it *should* hold, its clients' changes
//! are folded into its source's final state. No part of MySQL; a server keeps no journal unless asked.

use crate::{
    arena::{Arena, RowRef},
    database::{Change, Database},
    ddl::{self, Statement},
    row::Partial,
    table::RowKey,
};

/// Something that a client committed.
#[derive(Clone, Debug)]
pub enum Own {
    /// A row's change.
    Row(Change),
    /// A DDL statement.
    Statement(Statement),
}

impl Own {
    /// Does the same to another database that may have gone another way: a row that is there already is
    /// replaced, one that is not there is written.
    pub fn fold(&self, arena: &mut Arena, into: &mut Database) {
        match self {
            // A statement that fails there leaves a difference, which the comparison tells.
            Self::Statement(statement) => drop(ddl::apply(into, arena, statement)),
            Self::Row(change) => fold_row(change, arena, into),
        }
    }
}

fn fold_row(change: &Change, arena: &mut Arena, into: &mut Database) {
    let Some(table) = into.table(change.table) else {
        return;
    };
    if table.shape().identity.is_none() {
        return fold_bag(change, arena, into);
    }
    let at = |key| into.get(arena, change.table, key);
    if change.key == change.new_key {
        let mut at = at;
        let before = at(change.key);
        let there = Change { before, ..*change };
        into.apply(arena, &there);
        return;
    }
    let mut at = at;
    let (old, new) = (at(change.key), at(change.new_key));
    put(arena, into, change, change.key, old, None);
    put(arena, into, change, change.new_key, new, change.after);
}

/// A table whose rows nothing identifies: any row with the same content is the one.
fn fold_bag(change: &Change, arena: &mut Arena, into: &mut Database) {
    if let Some(before) = change.before {
        let columns = into
            .table(change.table)
            .map_or(0, |t| t.def().columns.len());
        let present = vec![0xff; columns.div_ceil(8)];
        let image = arena.row(before).to_vec();
        let partial = Partial {
            present: &present,
            image: &image,
        };
        if let Ok(key) = into.find(arena, change.table, &partial) {
            let row = into.get(arena, change.table, key);
            put(arena, into, change, key, row, None);
        }
    }
    if change.after.is_some() {
        let last = into.table(change.table).and_then(|t| t.last_key());
        let key = RowKey(last.map_or(1, |k| k.0 + 1));
        put(arena, into, change, key, None, change.after);
    }
}

fn put(
    arena: &mut Arena,
    into: &mut Database,
    change: &Change,
    key: RowKey,
    before: Option<RowRef>,
    after: Option<RowRef>,
) {
    let change = Change {
        table: change.table,
        key,
        new_key: key,
        before,
        after,
    };
    into.apply(arena, &change);
}
