//! Where the rows and statements of the files go: an applier, with tables that may have to be declared first.

use super::tables::Tables;
use crate::{
    apply::{ApplyErrorKind, DdlEvent, Direct, RowWork, Sink, is_declared},
    arena::Arena,
    binlog::decode::TableMap,
    database::{Database, TableId},
    ddl::{self, Version},
    row::{Partial, fields, render, same_image},
    schema::TableDef,
};
use std::sync::Arc;

/// An applier on the tables that are followed.
#[derive(Debug)]
pub(super) struct Applying<'a> {
    pub(super) tables: &'a mut Tables,
    pub(super) direct: &'a mut Direct,
    /// Of the server that wrote the file.
    pub(super) version: Version,
    /// The tables before the group's first DDL statement, and how many changes had been made by then.
    pub(super) before_ddl: Option<(Database, usize)>,
    /// What an error is about.
    pub(super) about: About,
    /// Rows that were not as the binlog says they were.
    pub(super) drift: &'a mut Drift,
}

/// Rows that were found by their key and were not as the before image has them.
#[derive(Debug, Default)]
pub(super) struct Drift {
    pub(super) rows: u64,
    /// The first of them: table and row.
    pub(super) first: Option<(String, String)>,
}

/// What an error is about.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) table: Option<String>,
    pub(super) row: Option<String>,
}

impl Applying<'_> {
    /// A replica does not look at more than the key; who wants to know whether the base fits its place does.
    fn compare(&mut self, arena: &mut Arena, work: &RowWork<'_>) {
        let Some(before) = &work.before else { return };
        let database = &self.tables.database;
        let Ok(key) = database.find(arena, work.table, before) else {
            return;
        };
        let Some(row) = database.get(arena, work.table, key) else {
            return;
        };
        let columns = &work.def.columns;
        let same = if before.is_full(columns.len()) {
            same_image(columns.len(), arena.row(row), before.image)
        } else {
            let here: Vec<_> = fields(columns, arena.row(row)).collect();
            before
                .iter(columns)
                .all(|(index, raw)| here.get(index) == Some(&raw))
        };
        if !same {
            self.drift.rows += 1;
            self.drift
                .first
                .get_or_insert_with(|| (work.def.full_name(), described(work.def, before)));
        }
    }

    /// Undoes what was done of the group.
    pub(super) fn roll_back(&mut self, arena: &mut Arena) {
        if let Some((before, changes)) = self.before_ddl.take() {
            self.tables.database = before;
            self.direct.changes.truncate(changes);
        }
        self.direct.roll_back(arena, &mut self.tables.database);
    }
}

impl Sink for Applying<'_> {
    fn table(
        &mut self,
        arena: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        let found = self.tables.of_map(arena, map);
        if found.is_err() {
            self.about.table = Some(map.full_name());
        }
        found
    }

    fn is_declared(&self, table: TableId, def: &Arc<TableDef>) -> bool {
        is_declared(&self.tables.database, table, def)
    }

    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        self.compare(arena, work);
        let applied = self
            .direct
            .on(&mut self.tables.database, self.version)
            .row(arena, work);
        if applied.is_err() {
            self.about.table = Some(work.def.full_name());
            self.about.row = work
                .before
                .as_ref()
                .or(work.after.as_ref())
                .map(|row| described(work.def, row));
        }
        applied
    }

    fn ddl(&mut self, arena: &mut Arena, event: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        let statement =
            ddl::parse(&event.sql(), &event.context(self.version)).map_err(ddl::DdlError::from)?;
        if self.before_ddl.is_none() {
            let changes = self.direct.changes.len();
            self.before_ddl = Some((self.tables.database.clone(), changes));
        }
        self.tables.execute(arena, &statement)
    }

    fn xa_prepared(&mut self, xid: &str) {
        self.direct
            .on(&mut self.tables.database, self.version)
            .xa_prepared(xid);
    }

    fn xa_decided(
        &mut self,
        arena: &mut Arena,
        xid: &str,
        commit: bool,
    ) -> Result<(), ApplyErrorKind> {
        self.direct
            .on(&mut self.tables.database, self.version)
            .xa_decided(arena, xid, commit)
    }
}

/// Columns of a row that a message shows at most, and characters of each value.
const SHOWN: (usize, usize) = (8, 40);

/// A row by its primary key, or by all columns where it has none.
fn described(def: &TableDef, row: &Partial<'_>) -> String {
    let is_key = |index: usize| {
        def.primary
            .as_ref()
            .is_none_or(|key| key.parts.iter().any(|part| part.column == index))
    };
    let mut shown = Vec::new();
    for (index, raw) in row.iter(&def.columns) {
        let Some(column) = def.columns.get(index).filter(|_| is_key(index)) else {
            continue;
        };
        if shown.len() == SHOWN.0 {
            shown.push("…".to_owned());
            break;
        }
        let mut text = String::new();
        match raw {
            Some(raw) => render(column, raw, &mut text),
            None => text.push_str("NULL"),
        }
        if text.chars().count() > SHOWN.1 {
            text = text.chars().take(SHOWN.1).chain(['…']).collect();
        }
        shown.push(format!("{}={text}", column.name));
    }
    shown.join(", ")
}
