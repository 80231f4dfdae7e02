//! A transaction as most are (BEGIN, rows of known tables, XID), read once: what has to be looked up in its events
//! to cost it, to schedule it and to apply it.

use super::{ApplyError, RowWork, Sink, Walker, filter::LeftOut, mapping::Mappings};
use crate::{
    arena::Arena,
    binlog::{
        decode::{Query, RowsEvent, RowsKind, rows_flag},
        event::{EventType, HEADER_LENGTH},
        frame::{BinlogError, Frame, Frames},
        group::{Group, GroupKind, Groups, Plain},
    },
    database::{Database, TableId},
    row::Partial,
    schema::{Column, TableDef},
    table::{RowKey, Table},
};
use std::sync::Arc;

/// The rows of a group, as places in its bytes. One is kept and used again for every group.
#[derive(Debug, Default)]
pub struct Reading {
    count: u64,
    whole: bool,
    /// What the rules of the channel leave out of it.
    pub(crate) left_out: LeftOut,
    /// The next row is the first of its statement.
    new_statement: bool,
    /// Tables that rows of this group or of earlier ones are of.
    tables: Vec<(TableId, Arc<TableDef>)>,
    rows: Vec<RowAt>,
    /// For each row that has to be looked for in a table without a key: the table.
    sought: Vec<TableId>,
}

/// Tables that are remembered from one group to the next.
const REMEMBERED: usize = 16;

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
    /// Of an image in an event `before` bytes behind the group's first byte.
    fn of(event: &[u8], before: u64, image: &Partial<'_>) -> Option<Self> {
        let before = u32::try_from(before).ok()?;
        let place = |part: &[u8]| {
            let from = (part.as_ptr() as usize).checked_sub(event.as_ptr() as usize)?;
            let from = (from + part.len() <= event.len()).then_some(u32::try_from(from).ok()?)?;
            before.checked_add(from)
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

    /// The tables without a key in which a row has to be looked for, one for each such row.
    pub fn sought(&self) -> &[TableId] {
        &self.sought
    }

    /// The rows that could be told apart, in order: the table, and the row of it that the before image names.
    pub fn rows(&self) -> impl Iterator<Item = (TableId, Option<RowKey>)> {
        self.rows
            .iter()
            .map(|row| (self.tables[row.table as usize].0, row.key))
    }

    /// Whether the tables are still those of the database that the group was read for.
    pub fn fits(&self, database: &Database) -> bool {
        self.rows.iter().all(|row| {
            let (table, def) = &self.tables[row.table as usize];
            is_declared(database, *table, def)
        })
    }

    /// Hands the rows to a sink; `bytes` are the group's. Where the source's tables hold a row as it becomes here,
    /// its image is not stored again. Stops at the first error.
    ///
    /// # Errors
    /// [`ApplyError`] with the position of the event.
    pub fn apply(
        &self,
        arena: &mut Arena,
        sink: &mut dyn Sink,
        bytes: &[u8],
        source: &Database,
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
            let same = work.after.as_ref().and_then(|after| {
                let table = source.table(*table)?;
                let key = row.key.or_else(|| table.named(arena, after))?;
                table.stored(key)
            });
            arena.expect(same);
            let done = sink.row(arena, &work);
            arena.expect(None);
            done.map_err(|kind| ApplyError { pos, kind })?;
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
    /// Reads the group at the start of some events for a database, in one pass, if it is a plain one; after `None`,
    /// [`Walker::read_any`] reads what there is.
    #[inline]
    pub(crate) fn read_plain(
        &mut self,
        arena: &mut Arena,
        database: &Database,
        frames: Frames<'_>,
        into: &mut Reading,
    ) -> Option<Plain> {
        into.begin();
        let mappings = &mut self.mappings;
        Plain::read(frames, |start, frame| {
            into.see(arena, database, mappings, frame, start);
        })
    }

    /// Reads the next group of a stream for a database, whatever its form.
    pub(crate) fn read_any<'a>(
        &mut self,
        arena: &mut Arena,
        database: &Database,
        groups: &mut Groups<'a>,
        into: &mut Reading,
    ) -> Option<Result<Group<'a>, BinlogError>> {
        into.begin();
        let (mappings, mut start) = (&mut self.mappings, None);
        let next = groups.next_seen(|frame| {
            let start = *start.get_or_insert(frame.pos);
            into.see(arena, database, mappings, frame, start);
        });
        if let Some(Ok(group)) = &next {
            if group.is_compressed() {
                into.begin();
                into.whole = false;
                for frame in group.events() {
                    into.see(arena, database, mappings, &frame, group.start);
                }
            }
            if group.kind != GroupKind::Rows || group.rolled_back || group.has_partial_rollback {
                into.whole = false;
                into.rows.clear();
            }
        }
        next
    }
}

impl Reading {
    fn begin(&mut self) {
        if self.tables.len() > REMEMBERED {
            self.tables.clear();
        }
        self.rows.clear();
        self.sought.clear();
        self.count = 0;
        self.whole = true;
        self.left_out.clear();
        self.new_statement = true;
    }

    /// Takes the next event of the group in that starts at `start`.
    #[inline]
    fn see(
        &mut self,
        arena: &mut Arena,
        database: &Database,
        mappings: &mut Mappings,
        frame: &Frame<'_>,
        start: u64,
    ) {
        let event_type = frame.header.event_type;
        if event_type == EventType::TABLE_MAP {
            self.whole &= mappings.learn_from(database, frame.body).is_some();
        } else if event_type == EventType::QUERY {
            self.whole &= Query::decode(frame.body).is_ok_and(|q| q.is("BEGIN"));
        } else if event_type.is_rows() {
            self.rows_of(arena, database, mappings, frame, start);
        }
    }

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

    /// Takes the rows of an event in. One without rows leaves the mark of the first row to the next one.
    fn rows_of(
        &mut self,
        arena: &mut Arena,
        database: &Database,
        mappings: &Mappings,
        frame: &Frame<'_>,
        start: u64,
    ) {
        let Ok(event) = RowsEvent::decode(frame.header.event_type, frame.body) else {
            self.whole = false;
            return;
        };
        if let Some(table) = mappings.filter.leaves_out(event.table_id) {
            self.left_out.add(table);
            self.new_statement |= event.ends_statement();
            return;
        }
        let Some(mapping) = mappings.get(event.table_id) else {
            self.whole = false;
            return;
        };
        let table = database.table(mapping.table);
        let of = Rows {
            frame,
            event: &event,
            columns: mapping.columns(),
            table: mapping.table,
            index: self.table(mapping.table, &mapping.def),
            before: frame.pos - start,
            keyless: table.is_some_and(|t| t.shape().identity.is_none()),
        };
        let table = table.filter(|_| mapping.is_plain());
        self.whole &= table.is_some();
        let read = match table {
            Some(table) if self.whole && event.is_full(of.columns.len()) => {
                self.full_rows(arena, table, &of)
            }
            _ => self.any_rows(arena, table, &of),
        };
        self.whole &= read.is_some();
        self.new_statement |= event.ends_statement();
    }

    /// Takes rows in that have all columns of the table. None where the event is damaged.
    fn full_rows(&mut self, arena: &mut Arena, table: &Table, of: &Rows<'_>) -> Option<()> {
        let (kind, rows) = (of.event.kind, of.event.rows);
        let layout = &table.shape().layout;
        let images_at = HEADER_LENGTH + of.frame.body.len() - rows.len();
        let images_at = u32::try_from(of.before)
            .ok()?
            .checked_add(images_at as u32)?;
        images_at.checked_add(u32::try_from(rows.len()).ok()?)?;
        // The bitmaps stand in front of the images, that of the images after last.
        let width = of.columns.len().div_ceil(8) as u32;
        let present_after = images_at - width;
        let present_before = match kind {
            RowsKind::Update => present_after - width,
            _ => present_after,
        };
        let mut at = 0;
        while at < rows.len() {
            let mut image = |present| {
                let rest = &rows[at..];
                let length = layout.image_len(of.columns, rest).ok()?;
                let place = ImageAt {
                    present,
                    at: images_at + at as u32,
                    length: length as u32,
                };
                at += length;
                Some((place, &rest[..length]))
            };
            let before = match kind {
                RowsKind::Insert => None,
                _ => Some(image(present_before)?),
            };
            let after = match kind {
                RowsKind::Delete => None,
                _ => Some(image(present_after)?.0),
            };
            let key = before.and_then(|(_, image)| table.key_of(arena, image));
            self.count += 1;
            self.push(of, before.map(|(place, _)| place), after, key);
        }
        Some(())
    }

    /// Takes rows in of any form. None where the event is damaged.
    fn any_rows(&mut self, arena: &mut Arena, table: Option<&Table>, of: &Rows<'_>) -> Option<()> {
        let layout = table.map(|t| &t.shape().layout);
        for row in of.event.rows_by(of.columns, layout) {
            let row = row.ok()?;
            self.count += 1;
            if !self.whole {
                if of.keyless && row.before.is_some() {
                    self.sought.push(of.table);
                }
                continue;
            }
            let named = |before| table?.named(arena, before);
            let key = row.before.as_ref().and_then(named);
            let image = |partial: Option<Partial<'_>>| match partial {
                Some(partial) => ImageAt::of(of.frame.bytes, of.before, &partial).map(Some),
                None => Some(None),
            };
            self.push(of, image(row.before)?, image(row.after)?, key);
        }
        Some(())
    }

    #[inline]
    fn push(
        &mut self,
        of: &Rows<'_>,
        before: Option<ImageAt>,
        after: Option<ImageAt>,
        key: Option<RowKey>,
    ) {
        if of.keyless && before.is_some() {
            self.sought.push(of.table);
        }
        self.rows.push(RowAt {
            table: of.index,
            flags: of.event.flags & !rows_flag::STMT_END,
            new_statement: std::mem::take(&mut self.new_statement),
            before,
            after,
            key,
            pos: of.frame.pos,
        });
    }
}

/// A ROWS event, and what its rows are of.
struct Rows<'a> {
    frame: &'a Frame<'a>,
    event: &'a RowsEvent<'a>,
    columns: &'a [Column],
    table: TableId,
    /// Index into [`Reading::tables`].
    index: u32,
    /// Bytes of the group before the event.
    before: u64,
    /// Nothing identifies the rows of the table.
    keyless: bool,
}

#[cfg(test)]
mod tests;
