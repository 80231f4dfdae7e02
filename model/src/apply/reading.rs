//! A transaction as most are (BEGIN, rows of known tables, XID), read once: what has to be looked up in its events
//! to cost it, to schedule it and to apply it.

use super::{ApplyError, RowWork, Sink, Walker, mapping::Mappings};
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
mod tests {
    use super::*;
    use crate::{
        apply::{Direct, OnRows},
        binlog::{
            encode::{Head, RowWrite, TableTemplate, Writer, WriterOptions},
            event::Checksum,
        },
        ddl,
    };

    fn database(arena: &mut Arena) -> Database {
        let mut database = Database::default();
        let context = ddl::Context::new("app", ddl::Version::V8_0);
        for sql in [
            "CREATE DATABASE app",
            "CREATE TABLE t (id INT NOT NULL PRIMARY KEY)",
            "CREATE TABLE u (id INT NOT NULL PRIMARY KEY, note VARCHAR(9), n SMALLINT)",
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
            let frames = Frames::new(&bytes, 4, Checksum::None);
            let (mut walker, mut reading) = (Walker::default(), Reading::default());
            let plain = walker.read_plain(arena, &database, frames, &mut reading);
            assert!(plain.is_some() && reading.is_whole());
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
        let frames = || Frames::new(bytes, 4, Checksum::None);
        let (mut straight, mut other) = (Reading::default(), Reading::default());
        let plain = Walker::default().read_plain(arena, database, frames(), &mut straight);
        let Some(plain) = plain else {
            return false;
        };
        let mut all = Groups::of(frames());
        let any = Walker::default().read_any(arena, database, &mut all, &mut other);
        let group = any.expect("a group").expect("a good one");
        assert_eq!((plain.start, plain.end), (group.start, group.end));
        assert_eq!(plain.end, all.good_until());
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

    /// An INSERT of two rows, an UPDATE and a DELETE of one each; values and NULLs.
    fn changes(def: &TableDef) -> Vec<u8> {
        let writer = Writer::new(WriterOptions {
            checksum: false,
            ..WriterOptions::default()
        });
        let template = TableTemplate::new(&writer, 90, def);
        let one: &[u8] = &[0, 1, 0, 0, 0, 2, b'a', b'b', 7, 0];
        let (two, three): (&[u8], &[u8]) = (&[2, 2, 0, 0, 0, 7, 0], &[6, 3, 0, 0, 0]);
        let row = |before, after, new_statement| RowWrite {
            template: &template,
            columns: &def.columns,
            before,
            after,
            flags: 0,
            new_statement,
        };
        let rows = [
            row(None, Some(one), true),
            row(None, Some(two), false),
            row(Some(two), Some(three), true),
            row(Some(one), None, true),
        ];
        let mut bytes = Vec::new();
        writer.transaction(&mut bytes, 4, &Head::default(), &rows);
        bytes
    }

    #[test]
    fn rows_that_are_read_once_are_those_of_a_walk_whatever_their_bytes() {
        let arena = &mut Arena::default();
        let database = database(arena);
        let id = database.id("app", "u").unwrap();
        let bytes = changes(database.table(id).unwrap().def());
        let mut compared = 0;
        for at in 0..=bytes.len() * 8 {
            let mut bytes = bytes.clone();
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte ^= 1 << (at % 8);
            }
            let (mut walker, mut reading) = (Walker::default(), Reading::default());
            let frames = Frames::new(&bytes, 4, Checksum::None);
            let plain = walker.read_plain(arena, &database, frames.clone(), &mut reading);
            if plain.is_none() || !reading.is_whole() {
                assert_ne!(at, bytes.len() * 8, "without damage it is read");
                continue;
            }
            let mut seen = Vec::new();
            let mut sink = OnRows {
                database: &database,
                row: |_: &mut Arena, work: &RowWork<'_>| {
                    let images = [work.before, work.after];
                    let images = images.map(|i| i.map(|i| (i.present.to_vec(), i.image.to_vec())));
                    seen.push((work.table, work.flags, work.new_statement, images));
                    Ok(())
                },
            };
            let group = Groups::of(frames).next().unwrap().unwrap();
            walker.walk(arena, &mut sink, &group).unwrap();
            reading.apply(arena, &mut sink, &bytes, &database).unwrap();
            let (walked, read) = seen.split_at(seen.len() / 2);
            assert_eq!(walked, read, "bit {at}");
            assert_eq!(reading.count(), read.len() as u64);
            compared += 1;
        }
        assert!(compared > 100, "only {compared} were compared");
    }

    #[test]
    fn a_row_that_the_source_holds_is_not_stored_again() {
        let arena = &mut Arena::default();
        let before = database(arena);
        let id = before.id("app", "t").unwrap();
        let bytes = three_inserts(before.table(id).unwrap().def());
        let frames = Frames::new(&bytes, 4, Checksum::None);
        let (mut walker, mut reading) = (Walker::default(), Reading::default());
        let plain = walker.read_plain(arena, &before, frames, &mut reading);
        assert!(plain.is_some() && reading.is_whole());
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
