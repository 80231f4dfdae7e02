//! Changes tables as a tool does that reads a binlog and sends statements: an INSERT, UPDATE or DELETE for each row, by
//! the primary key, with a policy for each error that the target answers.
//!
//! Facts [D `CHAP_Tasks.CustomizingTasks.TaskSettings.ErrorHandling`]: a conflict of an INSERT (1062), an UPDATE (no row
//! is changed) or a DELETE (likewise) is ignored, logged, makes an upsert, takes the table out or stops the tool; other
//! errors (1452, 1406) follow the policy for data errors. A row that has no primary key is found by all its columns.
//! What the tool changes is undone as one transaction by who commits it.

use super::{ApplyErrorKind, DdlEvent, RowWork, Sink, is_declared, table_of};
use crate::{
    arena::Arena,
    binlog::decode::TableMap,
    database::{Change, Checks, Database, SqlError, TableId},
    ddl,
    mutant::{Mutant, Mutants},
    row::{ImageBuilder, Partial, is_lob, shorten, shorten_lobs},
    schema::{ColumnKind, TableDef},
    table::{RowKey, Table},
};
use std::{collections::BTreeSet, sync::Arc};

/// What [`Mutant::ValueTruncated`] leaves of a text, in bytes.
const TRUNCATED_TO: u64 = 7;

/// What follows an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// The record is left out, and nobody hears of it.
    Ignore,
    /// The record is left out and written to the exceptions.
    #[default]
    Log,
    /// An INSERT of a row that is there updates it; an UPDATE of a row that is not there inserts it.
    Upsert,
    /// The table is taken out of the task.
    Suspend,
    /// The task stops.
    Stop,
}

/// How a tool writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// A row that is inserted is there.
    pub insert: Conflict,
    /// A row that is updated is not there.
    pub update: Conflict,
    /// A row that is deleted is not there.
    pub delete: Conflict,
    /// Any other error.
    pub data: Conflict,
    /// `foreign_key_checks` of its session.
    pub foreign_keys: bool,
    /// Of a TEXT or BLOB only so many bytes are written; none: all of them.
    pub lobs: Option<u64>,
    /// Known bugs that are switched on.
    pub mutants: Mutants,
}

impl Manners {
    /// What follows 1062 on another key than the row's own.
    fn of_duplicates(&self) -> Conflict {
        match self.insert {
            Conflict::Upsert => self.data,
            policy => policy,
        }
    }
}

/// What became of one row's change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The table.
    pub table: TableId,
    /// The rows that the change is about: before and after; in a table without a key, the ids of their contents.
    pub rows: [Option<u64>; 2],
    /// Something identifies the table's rows.
    pub identified: bool,
    /// The error that left it out, and whether it was written to the exceptions; none: it was written.
    pub refused: Option<(SqlError, bool)>,
}

/// A tool's session, and what it has done since it was asked last.
#[derive(Debug, Default)]
pub struct Client {
    /// Changes of the transaction, for undo and for the log.
    pub changes: Vec<Change>,
    /// What became of each row.
    pub written: Vec<Written>,
    /// Tables that a policy took out, and why.
    pub suspended: Vec<(TableId, SqlError)>,
    builder: ImageBuilder,
    shortened: ImageBuilder,
}

/// [`Client`] in front of a database.
#[derive(Debug)]
pub struct ClientOn<'a> {
    client: &'a mut Client,
    database: &'a mut Database,
    /// Where tables are looked up that are not on the target.
    source: &'a Database,
    /// The source as a SELECT sees it, when LOBs are looked up there instead of taken from the event.
    lookup: Option<&'a Database>,
    manners: &'a Manners,
    /// The tables whose rows are written.
    tables: &'a BTreeSet<TableId>,
    version: ddl::Version,
}

impl Client {
    /// A sink for one transaction. `source` knows the tables of the stream; `lookup` is where LOBs are read, if they
    /// are; `tables` are the ones that are written to; `version`: whose defaults DDL is read with.
    pub fn on<'a>(
        &'a mut self,
        database: &'a mut Database,
        source: &'a Database,
        lookup: Option<&'a Database>,
        manners: &'a Manners,
        tables: &'a BTreeSet<TableId>,
        version: ddl::Version,
    ) -> ClientOn<'a> {
        self.changes.clear();
        self.written.clear();
        self.suspended.clear();
        ClientOn {
            client: self,
            database,
            source,
            lookup,
            manners,
            tables,
            version,
        }
    }

    /// Undoes the changes of the transaction.
    pub fn roll_back(&mut self, arena: &mut Arena, database: &mut Database) {
        for change in self.changes.drain(..).rev() {
            database.undo(arena, &change);
        }
    }
}

/// The rows that a change is about, before and after, and whether something identifies them: keys of the table, or the
/// ids of their contents.
pub fn rows_of(
    arena: &mut Arena,
    table: &Table,
    before: Option<&Partial<'_>>,
    after: Option<&Partial<'_>>,
) -> ([Option<u64>; 2], bool) {
    let identified = table.shape().identity.is_some();
    let mut row = |image: Option<&Partial<'_>>| match identified {
        true => table.named(arena, image?).map(|key| key.0),
        false => Some(arena.intern(image?.image).0),
    };
    ([row(before), row(after)], identified)
}

impl ClientOn<'_> {
    /// The full image to write, with what the event lacks taken from `old` and LOBs as the manners say.
    fn image(
        &mut self,
        arena: &mut Arena,
        work: &RowWork<'_>,
        after: &Partial<'_>,
        old: Option<RowKey>,
    ) -> Result<Vec<u8>, ApplyErrorKind> {
        let columns = &work.def.columns;
        let old = old.and_then(|key| self.database.get(arena, work.table, key));
        let builder = &mut self.client.builder;
        after.merge_over(columns, old.map(|row| arena.row(row)), builder)?;
        let mut image = builder.image().to_vec();
        if let Some(source) = self.lookup
            && columns.iter().any(|c| is_lob(&c.kind))
        {
            image = look_up(arena, source, work, &image, builder);
        }
        let out = &mut self.client.shortened;
        if let Some(limit) = self.manners.lobs
            && shorten_lobs(columns, &image, limit, out)
        {
            image = out.image().to_vec();
        }
        let text = |kind: &ColumnKind| matches!(kind, ColumnKind::Char { .. });
        if self.manners.mutants.has(Mutant::ValueTruncated)
            && shorten(columns, &image, text, TRUNCATED_TO, out)
        {
            image = out.image().to_vec();
        }
        Ok(image)
    }

    /// Plans a row's change; the error says what was in the way, and the policy for it.
    fn plan(
        &mut self,
        arena: &mut Arena,
        work: &RowWork<'_>,
    ) -> Result<Result<(), (SqlError, Conflict)>, ApplyErrorKind> {
        let checks = self.checks();
        let (table, manners) = (work.table, *self.manners);
        let missing = || SqlError::NotFound {
            table: work.def.name.to_string(),
        };
        let found = match &work.before {
            Some(before) => self.database.find(arena, table, before).ok(),
            None => None,
        };
        let Some(after) = &work.after else {
            let Some(key) = found else {
                return Ok(Err((missing(), manners.delete)));
            };
            let changes = &mut self.client.changes;
            let planned = self
                .database
                .plan_delete(arena, table, key, checks, changes);
            return Ok(planned.map_err(|e| (e, manners.data)));
        };
        let image = self.image(arena, work, after, found)?;
        let changes = &mut self.client.changes;
        let database = &mut *self.database;
        if let Some(key) = found {
            let planned = database.plan_update(arena, table, key, &image, checks, changes);
            return Ok(planned.map_err(|e| (e, manners.data)));
        }
        if work.before.is_some() && manners.update != Conflict::Upsert {
            return Ok(Err((missing(), manners.update)));
        }
        match database.plan_insert(arena, table, &image, checks, changes) {
            Err(error @ SqlError::Duplicate { existing, .. }) => {
                let own = database.table(table).and_then(|t| t.key_of(arena, &image));
                if manners.insert != Conflict::Upsert || own != Some(existing) {
                    return Ok(Err((error, manners.of_duplicates())));
                }
                let planned = database.plan_update(arena, table, existing, &image, checks, changes);
                Ok(planned.map_err(|e| (e, manners.data)))
            }
            other => Ok(other.map_err(|e| (e, manners.data))),
        }
    }

    /// Makes the changes that were planned from `from` on, and what the triggers of an INSERT add: all of it, or nothing.
    fn write(
        &mut self,
        arena: &mut Arena,
        table: TableId,
        from: usize,
    ) -> Result<(), (SqlError, Conflict)> {
        for change in &self.client.changes[from..] {
            self.database.apply(arena, change);
        }
        let fired = self.fire(arena, table, from);
        if fired.is_err() {
            for change in self.client.changes.drain(from..).rev() {
                self.database.undo(arena, &change);
            }
        }
        fired
    }

    fn fire(
        &mut self,
        arena: &mut Arena,
        table: TableId,
        from: usize,
    ) -> Result<(), (SqlError, Conflict)> {
        let changes = &mut self.client.changes;
        let inserts = |change: &&Change| change.table == table && change.before.is_none();
        let Some(row) = changes[from..].iter().find(inserts).and_then(|c| c.after) else {
            return Ok(());
        };
        if !self.database.is_watched(table) {
            return Ok(());
        }
        let (checks, manners) = (self.checks(), self.manners);
        let changes = &mut self.client.changes;
        let image = arena.row(row).to_vec();
        for (into, row) in self.database.triggered(table, &image) {
            let at = changes.len();
            let planned = self
                .database
                .plan_insert(arena, into, &row, checks, changes);
            planned.map_err(|error| {
                let policy = match &error {
                    SqlError::Duplicate { .. } => manners.of_duplicates(),
                    _ => manners.data,
                };
                (error, policy)
            })?;
            for change in &changes[at..] {
                self.database.apply(arena, change);
            }
        }
        Ok(())
    }

    fn checks(&self) -> Checks {
        Checks {
            foreign_keys: self.manners.foreign_keys,
            unique: true,
        }
    }
}

/// An image whose LOBs are those that the source's row has now; NULL, or empty, when the row is gone [D: a change
/// record carries the LOB's locator only].
fn look_up(
    arena: &mut Arena,
    source: &Database,
    work: &RowWork<'_>,
    image: &[u8],
    builder: &mut ImageBuilder,
) -> Vec<u8> {
    let columns = &work.def.columns;
    let row = source.table(work.table).and_then(|table| {
        let key = table.key_of(arena, image)?;
        table.get(arena, key)
    });
    let now = row.map(|row| arena.row(row).to_vec());
    let mut now = now.as_ref().map(|row| crate::row::fields(columns, row));
    builder.start(columns.len());
    for (column, own) in columns.iter().zip(crate::row::fields(columns, image)) {
        let there = now.as_mut().and_then(Iterator::next);
        match (is_lob(&column.kind), there, own) {
            (true, Some(Some(raw)), _) | (false, _, Some(raw)) => builder.push(raw),
            (true, None, _) if !column.nullable => crate::row::push_default(column, builder),
            _ => builder.push_null(),
        }
    }
    builder.image().to_vec()
}

impl Sink for ClientOn<'_> {
    /// What is not on the target is known from the source, and not written.
    fn table(
        &mut self,
        _: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        let there = table_of(self.database, map);
        there.or_else(|_| {
            let (_, def) = table_of(self.source, map)?;
            Ok((TableId(u32::MAX), def))
        })
    }

    fn is_declared(&self, table: TableId, def: &Arc<TableDef>) -> bool {
        is_declared(self.database, table, def)
    }

    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        let out = self.client.suspended.iter().any(|(t, _)| *t == work.table);
        if out || !self.tables.contains(&work.table) {
            return Ok(());
        }
        let Some(table) = self.database.table(work.table) else {
            return Ok(());
        };
        let (before, after) = (work.before.as_ref(), work.after.as_ref());
        let (rows, identified) = rows_of(arena, table, before, after);
        let from = self.client.changes.len();
        let done = match self.plan(arena, work)? {
            Ok(()) => self.write(arena, work.table, from),
            Err(refused) => Err(refused),
        };
        let refused = match done {
            Ok(()) => None,
            Err((error, Conflict::Stop)) => return Err(error.into()),
            Err((error, Conflict::Suspend)) => {
                self.client.suspended.push((work.table, error.clone()));
                Some((error, true))
            }
            Err((error, policy)) => Some((error, policy == Conflict::Log)),
        };
        self.client.written.push(Written {
            table: work.table,
            rows,
            identified,
            refused,
        });
        Ok(())
    }

    /// Only what adds a column is carried over; the rest is left to people [D `CHAP_Source.MySQL`, limitations].
    fn ddl(&mut self, arena: &mut Arena, event: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        let sql = event.sql();
        let words = sql.to_ascii_uppercase();
        if !words.starts_with("ALTER TABLE") || !words.contains("ADD COLUMN") {
            return Ok(());
        }
        let parsed = ddl::parse(&sql, &event.context(self.version));
        let Ok(statement) = parsed else { return Ok(()) };
        Ok(ddl::apply(self.database, arena, &statement)?)
    }

    fn xa_prepared(&mut self, _: &str) {}

    fn xa_decided(&mut self, _: &mut Arena, _: &str, _: bool) -> Result<(), ApplyErrorKind> {
        Ok(())
    }
}
