//! One value of a row: its length, text, keys, and what it becomes in a column of another type. The first two bytes
//! choose the columns, the rest is the value.

use crate::corpus;
use cutover_model::{
    Arena,
    binlog::{EventType, Frames},
    database::{Database, TableId},
    ddl::{self, Context, Version},
    row,
    schema::Column,
};
use std::sync::LazyLock;

const EVERY_TYPE: &str = "CREATE DATABASE d; CREATE TABLE d.t (
    i BIGINT PRIMARY KEY, ti TINYINT, su SMALLINT UNSIGNED, mi MEDIUMINT, z INT(8) ZEROFILL, bu BIGINT UNSIGNED,
    f FLOAT, d DOUBLE, fd FLOAT(7,3), dd DOUBLE(10,2), dc DECIMAL(65,30), dn DECIMAL(10,0), du DECIMAL(9,9) UNSIGNED,
    b1 BIT(1), b64 BIT(64), y YEAR, da DATE, t0 TIME, t6 TIME(6), d0 DATETIME, dt DATETIME(6), s0 TIMESTAMP NULL,
    s3 TIMESTAMP(3) NULL, c CHAR(10), cb CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, vc VARCHAR(300),
    vl VARCHAR(20) CHARACTER SET latin1, vg VARCHAR(20) CHARACTER SET gbk, v0 VARCHAR(20) COLLATE utf8mb4_0900_as_cs,
    vu VARCHAR(20) CHARACTER SET utf16, bi BINARY(4), vb VARBINARY(300), tt TINYTEXT, tx TEXT, mt MEDIUMTEXT, lt LONGTEXT,
    tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB, e ENUM('a','b''c',''), st SET('x','y','z'), js JSON, g GEOMETRY,
    k POINT) CHARACTER SET utf8mb4;";

static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let (database, _, id) = database();
    database.table(id).expect("the table").def().columns.clone()
});

/// A database with one empty table that has columns of every type.
pub(super) fn database() -> (Database, Arena, TableId) {
    let (mut arena, mut database) = (Arena::default(), Database::default());
    let script = ddl::parse_script(EVERY_TYPE, &Context::new("", Version::V8_0));
    for placed in &script.expect("the table") {
        ddl::apply(&mut database, &mut arena, &placed.statement).expect("the table");
    }
    let id = database.id("d", "t").expect("the table");
    (database, arena, id)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, column) in COLUMNS.iter().enumerate() {
        let index = index as u8;
        for text in [
            "1",
            "-1.5",
            "2024-02-29 12:30:45.678901",
            "a",
            "x,y",
            "00FF",
            "{\"k\": [1, null, \"v\", 2.5]}",
        ] {
            let mut raw = Vec::new();
            if row::parse(column, text, &mut raw).is_ok() {
                for to in [0, index, index.wrapping_add(7)] {
                    seeds.push([&[index, to], &raw[..]].concat());
                }
            }
        }
    }
    // Real rows, from their first value on.
    for file in corpus::binlogs() {
        let frames = Frames::of_file(&file).into_iter().flatten().flatten();
        for frame in frames
            .filter(|f| f.header.event_type == EventType::WRITE_ROWS)
            .take(2)
        {
            seeds.push(frame.body.to_vec());
        }
    }
    seeds
}

pub(super) fn run(input: &[u8]) {
    let [from, to, value @ ..] = input else {
        return;
    };
    let from = &COLUMNS[usize::from(*from) % COLUMNS.len()];
    let to = &COLUMNS[usize::from(*to) % COLUMNS.len()];
    if let Ok(length) = row::value_len(&from.kind, value) {
        use_value(from, to, &value[..length]);
    }
    let _ = row::image_len(&COLUMNS, value);
    if let Some(text) = super::text(value) {
        let mut raw = Vec::new();
        if row::parse(from, text, &mut raw).is_ok() {
            assert_eq!(
                row::value_len(&from.kind, &raw),
                Ok(raw.len()),
                "{text:?} as {:?}",
                from.kind
            );
            use_value(from, to, &raw);
            stable(from, &raw);
        }
    }
}

fn use_value(from: &Column, to: &Column, raw: &[u8]) {
    let mut text = String::new();
    row::render(from, raw, &mut text);
    let _ = row::integer_key(&from.kind, raw);
    let mut key = Vec::new();
    row::append_key(from, None, Some(raw), &mut key);
    row::append_key(from, Some(3), Some(raw), &mut key);
    row::append_sort_key(from, Some(raw), &mut key);
    let mut converted = Vec::new();
    if row::convert(from, raw, to, &mut converted).is_ok() {
        assert_eq!(
            row::value_len(&to.kind, &converted),
            Ok(converted.len()),
            "{:?} of {text:?} as {:?}",
            from.kind,
            to.kind
        );
        row::render(to, &converted, &mut text);
    } else {
        assert!(converted.is_empty(), "what fails leaves nothing");
    }
}

/// The text of a value that was read from text is read as the same value.
fn stable(column: &Column, raw: &[u8]) {
    let (mut text, mut again) = (String::new(), Vec::new());
    row::render(column, raw, &mut text);
    row::parse(column, &text, &mut again)
        .unwrap_or_else(|error| panic!("{:?}: its own text {text:?}: {error}", column.kind));
    let mut second = String::new();
    row::render(column, &again, &mut second);
    assert_eq!(text, second, "{:?}", column.kind);
}
