//! Rows that are read once against a walk of the same group, whatever their bytes.

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
