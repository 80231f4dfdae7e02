//! One statement of a binlog, in sessions of several servers, on a server that has tables.

use super::text;
use crate::corpus;
use cutover_model::{
    Arena,
    binlog::{EventType, Frames, decode::Query},
    database::Database,
    ddl::{self, Context, SqlMode, Version},
};
use std::collections::BTreeSet;

const TABLES: &str = "CREATE DATABASE app; USE app;
    CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20) DEFAULT 'x', KEY (name)) ENGINE = InnoDB;
    CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, parent_id INT, t TIMESTAMP NULL, e ENUM('a','b'),
      CONSTRAINT c FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE) ENGINE = InnoDB;";

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    for file in corpus::binlogs() {
        for frame in Frames::of_file(&file).into_iter().flatten().flatten() {
            if frame.header.event_type == EventType::QUERY
                && let Ok(query) = Query::decode(frame.body)
            {
                seeds.insert(query.sql.to_vec());
            }
        }
    }
    seeds.extend(super::owned(&[
        "ALTER TABLE parent ADD COLUMN (a INT, b DECIMAL(65,30) DEFAULT '1.5' NOT NULL), DROP KEY name",
        "ALTER TABLE child DROP FOREIGN KEY c, CHANGE t u DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) FIRST",
        "RENAME TABLE parent TO other, child TO app.parent",
        "CREATE TABLE p LIKE parent",
        "DROP TABLE IF EXISTS child, parent",
    ]));
    seeds.into_iter().collect()
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    for (version, ansi_quotes) in [
        (Version(50624), false),
        (Version::V8_0, true),
        (Version(90704), false),
    ] {
        let context = Context {
            sql_mode: SqlMode {
                ansi_quotes,
                no_backslash_escapes: ansi_quotes,
                real_as_float: false,
            },
            now_us: Some(1_700_000_000_000_000),
            ..Context::new("app", version)
        };
        let Ok(statement) = ddl::parse(text, &context) else {
            continue;
        };
        let (mut arena, mut database) = (Arena::default(), Database::default());
        let tables = ddl::parse_script(TABLES, &Context::new("", version)).expect("the tables");
        for placed in &tables {
            ddl::apply(&mut database, &mut arena, &placed.statement).expect("the tables");
        }
        let _ = ddl::apply(&mut database, &mut arena, &statement);
    }
}
