//! A transaction as most are (BEGIN, rows of known tables, XID), read once: what has to be looked up in its events
//! to cost it, to schedule it and to apply it.

use super::{ApplyError, RowWork, Sink, Walker, mapping::Mapping};
use crate::{
    arena::Arena,
    binlog::{
        decode::{Query, RowsEvent, rows_flag},
        event::EventType,
        group::{Group, GroupKind},
    },
    database::{Database, TableId},
    row::Partial,
    schema::TableDef,
    table::RowKey,
};
use std::sync::Arc;

/// The rows of a group, as places in its bytes. One is kept and used again for every group.
#[derive(Debug, Default)]
pub struct Reading {
    count: u64,
    whole: bool,
    tables: Vec<(TableId, Arc<TableDef>)>,
    rows: Vec<RowAt>,
}

/// A row.
#[derive(Clone, Copy, Debug)]
struct RowAt {
    /// Index into [`Reading::tables`].
    table: u32,
    flags: u16,
    new_statement: bool,
    before: Option<ImageAt>,
    after: Option<ImageAt>,
    /// What the before image names, where the table's identity is in it.
    key: Option<RowKey>,
    /// Position of the event.
    pos: u64,
}

/// An image and the bitmap of its columns, counted from the group's first byte.
#[derive(Clone, Copy, Debug)]
struct ImageAt {
    present: u32,
    at: u32,
    length: u32,
}

impl ImageAt {
    fn of(group: &[u8], image: &Partial<'_>) -> Option<Self> {
        let place = |part: &[u8]| {
            let from = (part.as_ptr() as usize).checked_sub(group.as_ptr() as usize)?;
            (from + part.len() <= group.len()).then_some(u32::try_from(from).ok()?)
        };
        Some(Self {
            present: place(image.present)?,
            at: place(image.image)?,
            length: u32::try_from(image.image.len()).ok()?,
        })
    }

    fn partial<'a>(&self, group: &'a [u8], columns: usize) -> Partial<'a> {
        let part = |at: u32, length: usize| {
            let rest = group.get(at as usize..).unwrap_or_default();
            rest.get(..length).unwrap_or_default()
        };
        Partial {
            present: part(self.present, columns.div_ceil(8)),
            image: part(self.at, self.length as usize),
        }
    }
}

impl Reading {
    /// Whether this is all that the group does. Otherwise it has to be walked ([`Walker::walk`]): it has DDL, rows
    /// that are converted, taken back or compressed, or something that will stop an applier.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Forgets the last row of several: a mutant's.
    pub(crate) fn drop_last_of_several(&mut self) {
        if self.rows.len() > 1 {
            self.rows.pop();
        }
    }

    /// Number of rows.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The rows that could be told apart, in order: the table, and the row of it that the before image names.
    pub fn rows(&self) -> impl Iterator<Item = (TableId, Option<RowKey>)> {
        self.rows
            .iter()
            .map(|row| (self.tables[row.table as usize].0, row.key))
    }

    /// Whether the tables are still those of the database that the group was read for.
    pub fn fits(&self, database: &Database) -> bool {
        self.tables
            .iter()
            .all(|(table, def)| is_declared(database, *table, def))
    }

    /// Hands the rows to a sink; `bytes` are the group's. Stops at the first error.
    ///
    /// # Errors
    /// [`ApplyError`] with the position of the event.
    pub fn apply(
        &self,
        arena: &mut Arena,
        sink: &mut dyn Sink,
        bytes: &[u8],
    ) -> Result<(), ApplyError> {
        for row in &self.rows {
            let (table, def) = &self.tables[row.table as usize];
            let image = |at: &ImageAt| at.partial(bytes, def.columns.len());
            let work = RowWork {
                table: *table,
                def,
                before: row.before.as_ref().map(image),
                after: row.after.as_ref().map(image),
                key: row.key,
                flags: row.flags,
                new_statement: row.new_statement,
            };
            let pos = row.pos;
            sink.row(arena, &work)
                .map_err(|kind| ApplyError { pos, kind })?;
        }
        Ok(())
    }
}

/// Whether a table is there and declared just so.
pub fn is_declared(database: &Database, table: TableId, def: &Arc<TableDef>) -> bool {
    database
        .table(table)
        .is_some_and(|t| Arc::ptr_eq(t.def(), def))
}

impl Walker {
    /// Reads a group for a database.
    pub fn read(
        &mut self,
        arena: &mut Arena,
        database: &Database,
        group: &Group<'_>,
        into: &mut Reading,
    ) {
        into.tables.clear();
        into.rows.clear();
        into.count = 0;
        into.whole =
            group.kind == GroupKind::Rows && !group.rolled_back && !group.has_partial_rollback;
        let mut new_statement = true;
        for frame in group.events() {
            let event_type = frame.header.event_type;
            if event_type == EventType::TABLE_MAP {
                into.whole &= self.mappings.learn_from(database, frame.body).is_some();
            } else if event_type == EventType::QUERY {
                into.whole &= Query::decode(frame.body).is_ok_and(|q| q.is("BEGIN"));
            } else if event_type.is_rows() {
                let event = RowsEvent::decode(event_type, frame.body).ok();
                let mapping = event.as_ref().and_then(|e| self.mappings.get(e.table_id));
                let (Some(event), Some(mapping)) = (event, mapping) else {
                    into.whole = false;
                    continue;
                };
                into.rows_of(
                    arena,
                    database,
                    group.bytes,
                    frame.pos,
                    &event,
                    mapping,
                    new_statement,
                );
                new_statement = event.ends_statement();
            }
        }
    }
}

impl Reading {
    fn table(&mut self, table: TableId, def: &Arc<TableDef>) -> u32 {
        let known = self
            .tables
            .iter()
            .position(|(id, known)| *id == table && Arc::ptr_eq(known, def));
        let index = known.unwrap_or_else(|| {
            self.tables.push((table, Arc::clone(def)));
            self.tables.len() - 1
        });
        index as u32
    }

    /// Takes the rows of an event in. An event without rows leaves `new_statement` to the next one.
    fn rows_of(
        &mut self,
        arena: &mut Arena,
        database: &Database,
        bytes: &[u8],
        pos: u64,
        event: &RowsEvent<'_>,
        mapping: &Mapping,
        mut new_statement: bool,
    ) {
        let columns = mapping.columns();
        let index = self.table(mapping.table, &mapping.def);
        let table = database.table(mapping.table);
        let layout = table.map(|t| &t.shape().layout);
        let mut rows = event.rows(columns);
        if mapping.is_plain()
            && let Some(layout) = layout
        {
            rows = rows.by(layout);
        } else {
            self.whole = false;
        }
        for row in rows {
            let Ok(row) = row else {
                self.whole = false;
                return;
            };
            self.count += 1;
            if !self.whole {
                continue;
            }
            let named = |before| table?.named(arena, before);
            let key = row.before.as_ref().and_then(named);
            let image = |partial: Option<Partial<'_>>| match partial {
                Some(partial) => ImageAt::of(bytes, &partial).map(Some),
                None => Some(None),
            };
            let (Some(before), Some(after)) = (image(row.before), image(row.after)) else {
                self.whole = false;
                continue;
            };
            self.rows.push(RowAt {
                table: index,
                flags: event.flags & !rows_flag::STMT_END,
                new_statement: std::mem::take(&mut new_statement),
                before,
                after,
                key,
                pos,
            });
        }
    }
}
