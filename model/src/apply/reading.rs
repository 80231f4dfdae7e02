//! A transaction as most are (BEGIN, rows of known tables, XID), read once: what has to be looked up in its events
//! to cost it, to schedule it and to apply it.

use super::{
    ApplyError, RowWork, Sink, Walker,
    mapping::{Mapping, Mappings},
};
use crate::{
    arena::Arena,
    binlog::{
        decode::{Query, RowsEvent, rows_flag},
        event::EventType,
        frame::{BinlogError, Frame},
        group::{Group, GroupKind, Groups, Plain},
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

/// A group that was taken up, beside its rows.
#[derive(Debug)]
pub(crate) enum Taken<'a> {
    /// A plain one.
    Plain(Plain),
    /// Any other.
    Other(Box<Group<'a>>),
}

impl Taken<'_> {
    /// The positions of its first byte and behind its last one.
    pub(crate) fn place(&self) -> (u64, u64) {
        match self {
            Self::Plain(plain) => (plain.start, plain.end),
            Self::Other(group) => (group.start, group.end),
        }
    }

    /// `last_committed` and `sequence_number`; 0 where there is no such number.
    pub(crate) fn clock(&self) -> (u64, u64) {
        match self {
            Self::Plain(plain) => (plain.gtid.last_committed, plain.gtid.sequence_number),
            Self::Other(group) => {
                let event = group.gtid.as_ref();
                event.map_or((0, 0), |g| (g.last_committed, g.sequence_number))
            }
        }
    }

    /// Whether it is a statement that commits by itself.
    pub(crate) fn is_ddl(&self) -> bool {
        matches!(self, Self::Other(group) if group.kind == GroupKind::Ddl)
    }
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
    /// Takes the next group of a stream up and reads it for a database, in one pass.
    pub(crate) fn read_next<'a>(
        &mut self,
        arena: &mut Arena,
        database: &Database,
        groups: &mut Groups<'a>,
        into: &mut Reading,
    ) -> Option<Result<Taken<'a>, BinlogError>> {
        into.begin();
        let mappings = &mut self.mappings;
        let plain =
            groups.next_plain(|start, frame| into.see(arena, database, mappings, frame, start));
        match plain {
            Some(plain) => Some(Ok(Taken::Plain(plain))),
            None => {
                let next = self.read_any(arena, database, groups, into)?;
                Some(next.map(|group| Taken::Other(Box::new(group))))
            }
        }
    }

    /// The same of a group of any form.
    fn read_any<'a>(
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
        self.new_statement = true;
    }

    /// Takes the next event of the group in that starts at `start`.
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
            let event = RowsEvent::decode(event_type, frame.body).ok();
            let mapping = event.as_ref().and_then(|e| mappings.get(e.table_id));
            match (event, mapping) {
                (Some(event), Some(mapping)) => {
                    self.rows_of(arena, database, frame, &event, mapping, start);
                    self.new_statement |= event.ends_statement();
                }
                _ => self.whole = false,
            }
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
        frame: &Frame<'_>,
        event: &RowsEvent<'_>,
        mapping: &Mapping,
        start: u64,
    ) {
        let columns = mapping.columns();
        let index = self.table(mapping.table, &mapping.def);
        let table = database.table(mapping.table);
        let layout = table.map(|t| &t.shape().layout);
        let before_event = frame.pos - start;
        let keyless = table.is_some_and(|t| t.shape().identity.is_none());
        let layout = layout.filter(|_| mapping.is_plain());
        self.whole &= layout.is_some();
        for row in event.rows_by(columns, layout) {
            let Ok(row) = row else {
                self.whole = false;
                return;
            };
            self.count += 1;
            if keyless && row.before.is_some() {
                self.sought.push(mapping.table);
            }
            if !self.whole {
                continue;
            }
            let named = |before| table?.named(arena, before);
            let key = row.before.as_ref().and_then(named);
            let image = |partial: Option<Partial<'_>>| match partial {
                Some(partial) => ImageAt::of(frame.bytes, before_event, &partial).map(Some),
                None => Some(None),
            };
            let (Some(before), Some(after)) = (image(row.before), image(row.after)) else {
                self.whole = false;
                continue;
            };
            self.rows.push(RowAt {
                table: index,
                flags: event.flags & !rows_flag::STMT_END,
                new_statement: std::mem::take(&mut self.new_statement),
                before,
                after,
                key,
                pos: frame.pos,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apply::{Direct, OnRows},
        binlog::{
            encode::{Head, RowWrite, TableTemplate, Writer, WriterOptions},
            event::{Checksum, HEADER_LENGTH},
        },
        ddl,
    };

    fn database(arena: &mut Arena) -> Database {
        let mut database = Database::default();
        let context = ddl::Context::new("app", ddl::Version::V8_0);
        for sql in [
            "CREATE DATABASE app",
            "CREATE TABLE t (id INT NOT NULL PRIMARY KEY)",
        ] {
            let statement = ddl::parse(sql, &context).unwrap();
            ddl::apply(&mut database, arena, &statement).unwrap();
        }
        database
    }

    /// Three statements of one row each.
    fn three_inserts(def: &TableDef) -> Vec<u8> {
        let writer = Writer::new(WriterOptions {
            checksum: false,
            ..WriterOptions::default()
        });
        let template = TableTemplate::new(&writer, 90, def);
        let images: Vec<Vec<u8>> = (1u8..=3).map(|id| vec![0, id, 0, 0, 0]).collect();
        let row = |image| RowWrite {
            template: &template,
            columns: &def.columns,
            before: None,
            after: Some(image),
            flags: 0,
            new_statement: true,
        };
        let rows: Vec<RowWrite<'_>> = images.iter().map(|image| row(&image[..])).collect();
        let mut bytes = Vec::new();
        writer.transaction(&mut bytes, 4, &Head::default(), &rows);
        bytes
    }

    /// Takes the rows out of the first ROWS event, and with them its mark that the statement ends.
    fn without_the_first_row(group: &[u8]) -> Vec<u8> {
        const FLAGS: usize = HEADER_LENGTH + 6;
        const ROW_BYTES: usize = 5;
        let mut left = Vec::new();
        let mut cut = false;
        let whole = Groups::new(group, 4, Checksum::None)
            .next()
            .unwrap()
            .unwrap();
        for frame in whole.events() {
            let mut event = frame.bytes.to_vec();
            if frame.header.event_type.is_rows() && !std::mem::replace(&mut cut, true) {
                event.truncate(event.len() - ROW_BYTES);
                event[FLAGS] &= !(rows_flag::STMT_END as u8);
            }
            let (length, end) = (event.len() as u32, (4 + left.len() + event.len()) as u32);
            event[9..13].copy_from_slice(&length.to_le_bytes());
            event[13..17].copy_from_slice(&end.to_le_bytes());
            left.extend(event);
        }
        left
    }

    #[test]
    fn a_statement_begins_with_its_first_row_though_an_event_without_rows_comes_before() {
        let arena = &mut Arena::default();
        let database = database(arena);
        let id = database.id("app", "t").unwrap();
        let bytes = three_inserts(database.table(id).unwrap().def());
        let cut = without_the_first_row(&bytes);
        for (bytes, firsts) in [(bytes, vec![true; 3]), (cut, vec![true; 2])] {
            let mut groups = Groups::new(&bytes, 4, Checksum::None);
            let (mut walker, mut reading) = (Walker::default(), Reading::default());
            let group = walker.read_next(arena, &database, &mut groups, &mut reading);
            assert!(matches!(group, Some(Ok(Taken::Plain(_)))), "{group:?}");
            assert!(reading.is_whole());
            let mut groups = Groups::new(&bytes, 4, Checksum::None);
            let group = groups.next().unwrap().unwrap();
            let mut seen = Vec::new();
            let mut sink = OnRows {
                database: &database,
                row: |_: &mut Arena, work: &RowWork<'_>| {
                    seen.push(work.new_statement);
                    Ok(())
                },
            };
            walker.walk(arena, &mut sink, &group).unwrap();
            reading.apply(arena, &mut sink, &bytes, &database).unwrap();
            assert_eq!(seen, firsts.repeat(2), "walked, and read once");
        }
    }

    /// Reads the first group of some bytes on both roads; whether the straight one was taken.
    fn is_read_alike(arena: &mut Arena, database: &Database, bytes: &[u8]) -> bool {
        let groups = || Groups::new(bytes, 4, Checksum::None);
        let (mut straight, mut other) = (Reading::default(), Reading::default());
        let (mut walker, mut groups_left) = (Walker::default(), groups());
        let taken = walker.read_next(arena, database, &mut groups_left, &mut straight);
        let Some(Ok(Taken::Plain(plain))) = taken else {
            return false;
        };
        let mut all = groups();
        let any = Walker::default().read_any(arena, database, &mut all, &mut other);
        let group = any.expect("a group").expect("a good one");
        assert_eq!((plain.start, plain.end), (group.start, group.end));
        assert_eq!(groups_left.good_until(), all.good_until());
        let event = group.gtid.expect("a GTID event");
        assert_eq!(plain.gtid.gtid, event.gtid);
        assert_eq!(plain.timestamp_s, group.timestamp_s);
        assert!(matches!(group.kind, GroupKind::Rows | GroupKind::Empty));
        assert!(!group.rolled_back && !group.has_partial_rollback && !group.is_rest);
        assert!(straight.whole == other.whole || group.kind == GroupKind::Empty);
        if straight.whole {
            assert_eq!(format!("{:?}", straight.rows), format!("{:?}", other.rows));
        }
        assert_eq!(
            (straight.count, straight.sought),
            (other.count, other.sought)
        );
        true
    }

    #[test]
    fn a_group_that_is_read_in_a_straight_line_is_read_as_any_other_is_whatever_its_bytes() {
        let arena = &mut Arena::default();
        let database = database(arena);
        let id = database.id("app", "t").unwrap();
        let bytes = three_inserts(database.table(id).unwrap().def());
        assert!(is_read_alike(arena, &database, &bytes));
        let (mut straight, mut damaged) = (0, 0);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                damaged += 1;
                straight += usize::from(is_read_alike(arena, &database, &bytes));
            }
        }
        assert!(
            straight > 0 && straight < damaged,
            "{straight} of {damaged}"
        );
    }

    #[test]
    fn a_row_that_the_source_holds_is_not_stored_again() {
        let arena = &mut Arena::default();
        let before = database(arena);
        let id = before.id("app", "t").unwrap();
        let bytes = three_inserts(before.table(id).unwrap().def());
        let mut groups = Groups::new(&bytes, 4, Checksum::None);
        let (mut walker, mut reading) = (Walker::default(), Reading::default());
        let group = walker.read_next(arena, &before, &mut groups, &mut reading);
        assert!(group.is_some_and(|group| group.is_ok()) && reading.is_whole());
        let mut applied_beside = |source: &Database| {
            let (mut direct, mut database) = (Direct::default(), before.clone());
            let mut sink = direct.on(&mut database, ddl::Version::V8_0);
            reading.apply(arena, &mut sink, &bytes, source).unwrap();
            database
        };
        let source = applied_beside(&before);
        let handles =
            |database: &Database| -> Vec<_> { database.table(id).unwrap().touched().collect() };
        assert_eq!(handles(&applied_beside(&source)), handles(&source));
        assert_ne!(handles(&applied_beside(&before)), handles(&source));
    }
}
