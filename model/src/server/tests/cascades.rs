//! What the binlog says of foreign-key cascades. The order is that of 9.7.4, seen in the binlog of these very
//! statements.

use super::*;
use crate::binlog::{
    decode::{RowsEvent, TableMap, rows_flag},
    event::EventType,
    frame::Frames,
};
use std::collections::BTreeMap;

/// A parent, children by two keys, and grandchildren; then the parent is deleted. Returns table and flags of
/// each ROWS event of the last transaction.
fn rows_of_a_cascading_delete(version: Version) -> Vec<(String, u16)> {
    let mut rig = Rig::new(|c| (c.version, c.ddl_version) = (version, version));
    let session = rig.connect();
    for sql in [
        "CREATE TABLE g (id INT UNSIGNED PRIMARY KEY)",
        "CREATE TABLE p (id INT UNSIGNED PRIMARY KEY, up INT UNSIGNED, \
         CONSTRAINT a FOREIGN KEY (up) REFERENCES g (id) ON DELETE CASCADE)",
        "CREATE TABLE c (id INT UNSIGNED PRIMARY KEY, up INT UNSIGNED, \
         CONSTRAINT b FOREIGN KEY (up) REFERENCES p (id) ON DELETE CASCADE)",
        "CREATE TABLE q (id INT UNSIGNED PRIMARY KEY, up INT UNSIGNED, \
         CONSTRAINT c FOREIGN KEY (up) REFERENCES g (id) ON DELETE SET NULL)",
    ] {
        let reply = rig
            .server
            .execute_ddl(&mut rig.arena, rig.now, session, "d", sql);
        assert_eq!(reply, Ok(Reply::Committing), "{sql}");
        rig.rest();
    }
    let table = |rig: &Rig, name| rig.server.database.id("d", name).expect("just created");
    for (name, values) in [
        ("g", &[1u32][..]),
        ("p", &[11, 1]),
        ("p", &[12, 1]),
        ("c", &[111, 11]),
        ("c", &[121, 12]),
        ("q", &[51, 1]),
    ] {
        let mut image = ImageBuilder::default();
        image.start(values.len());
        values.iter().for_each(|v| image.push(&v.to_le_bytes()));
        let (id, image) = (table(&rig, name), image.image());
        let (arena, manner) = (&mut rig.arena, Manner::STATEMENT);
        let reply = rig
            .server
            .insert(arena, rig.now, session, id, image, manner);
        assert_eq!(reply, Reply::Ok, "{name}");
    }
    assert_eq!(rig.commit(session), Reply::Committing);
    rig.rest();
    let from = rig.published_bytes();
    let g = table(&rig, "g");
    let (arena, manner) = (&mut rig.arena, Manner::STATEMENT);
    let reply = rig
        .server
        .delete(arena, rig.now, session, g, RowKey(1), manner);
    assert_eq!(reply, Reply::Ok);
    assert_eq!(rig.commit(session), Reply::Committing);
    rig.rest();
    let left: u64 = rig.server.database.tables().map(|(_, t)| t.len()).sum();
    assert_eq!(left, 1, "the row whose reference was set to NULL");
    rows_from(&rig, from)
}

/// Table and flags of the ROWS events behind a position of the only file.
fn rows_from(rig: &Rig, from: u64) -> Vec<(String, u16)> {
    let binlog = rig.server.binlog.as_ref().expect("has a binlog");
    let file = binlog.file_bytes(1).expect("the only file");
    let mut names = BTreeMap::new();
    let mut found = Vec::new();
    for frame in Frames::of_file(&file).expect("a file") {
        let frame = frame.expect("whole");
        if frame.header.event_type == EventType::TABLE_MAP {
            let map = TableMap::decode(frame.body).expect("whole");
            let name = String::from_utf8_lossy(map.table).into_owned();
            names.insert(map.table_id, name);
        } else if let Ok(rows) = RowsEvent::decode(frame.header.event_type, frame.body)
            && frame.pos >= from
        {
            found.push((
                names[&rows.table_id].clone(),
                rows.flags & !rows_flag::STMT_END,
            ));
        }
    }
    found
}

#[test]
fn from_9_6_on_the_children_are_logged_before_the_row_that_the_statement_deletes() {
    let (by_sql, off) = (
        rows_flag::USE_SQL_FOREIGN_KEY,
        rows_flag::NO_FOREIGN_KEY_CHECKS,
    );
    let child = |name: &str| (name.to_string(), by_sql | off);
    assert_eq!(
        rows_of_a_cascading_delete(Version(90_700)),
        [
            child("p"),
            child("c"),
            child("p"),
            child("c"),
            child("q"),
            ("g".to_string(), by_sql)
        ]
    );
}

#[test]
fn before_9_6_only_the_row_that_the_statement_deletes_is_logged() {
    assert_eq!(
        rows_of_a_cascading_delete(Version::V8_0),
        [("g".to_string(), 0)]
    );
}
