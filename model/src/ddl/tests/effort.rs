//! Which changes go through the rows of their table, and beside whom.

use super::*;
use crate::arena::Arena;
use crate::database::Database;
use crate::ddl::effort::{Between, effort};
use Algorithm::{Copy, InPlace, Instant};

const TABLES: &str = "CREATE DATABASE app; USE app;
    CREATE TABLE p (id INT PRIMARY KEY);
    CREATE TABLE t (id INT NOT NULL, a VARCHAR(10), b INT NOT NULL, c ENUM('x','y'), PRIMARY KEY (id), KEY (b));
    CREATE TABLE m (id INT PRIMARY KEY, a INT) ENGINE=MyISAM;";

/// What a statement takes, in times that all rows are gone through.
fn times(version: u32, sql: &str) -> (Algorithm, u64) {
    let ctx = session(version);
    let (mut db, mut arena) = (Database::default(), Arena::default());
    for placed in parse_script(TABLES, &ctx).unwrap() {
        apply(&mut db, &mut arena, &placed.statement).unwrap();
    }
    let statement = parse(sql, &ctx).unwrap();
    let Statement::AlterTable(change) = &statement else {
        panic!("{sql}")
    };
    let table = db.table(db.id("app", &change.name.name).unwrap()).unwrap();
    assert!(table.is_empty());
    assert_eq!(effort(&db, &statement, Version(version)).rows, 0);
    let altered = altered(table.def(), sql, &ctx).unwrap();
    let rebuilds = sql.ends_with("ENGINE=InnoDB") && !sql.contains(" m ");
    let between = Between::new(table.def(), &altered, Version(version));
    let effort = between.effort(1_000, rebuilds);
    (effort.algorithm, effort.rows / 1_000)
}

#[test]
fn what_changes_the_declaration_alone_goes_through_no_row() {
    for sql in [
        "ALTER TABLE t RENAME COLUMN a TO z",
        "ALTER TABLE t ALTER b SET DEFAULT 3",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t RENAME INDEX b TO by_b",
        "ALTER TABLE t DROP INDEX b",
        "DROP INDEX b ON t",
        "ALTER TABLE t AUTO_INCREMENT=100",
        "ALTER TABLE t MODIFY a VARCHAR(60)",
        "ALTER TABLE t MODIFY c ENUM('x','y','z')",
    ] {
        for version in [50_744, 80_036] {
            assert_eq!(times(version, sql), (Instant, 0), "{sql} on {version}");
        }
    }
}

#[test]
fn columns_are_added_and_dropped_at_once_by_version() {
    let end = "ALTER TABLE t ADD x INT";
    let front = "ALTER TABLE t ADD x INT FIRST";
    let dropped = "ALTER TABLE t DROP a";
    for (sql, since) in [(end, 80_012), (front, 80_029), (dropped, 80_029)] {
        assert_eq!(times(since, sql), (Instant, 0), "{sql}");
        assert_eq!(times(since - 1, sql), (InPlace, 1), "{sql}");
    }
}

#[test]
fn an_index_goes_through_all_rows_and_each_further_one_again() {
    for (sql, expected) in [
        ("ALTER TABLE t ADD INDEX (a)", 1),
        ("CREATE UNIQUE INDEX u ON t (a, b)", 1),
        ("ALTER TABLE t ADD INDEX (a), ADD UNIQUE (c)", 2),
        ("ALTER TABLE t DROP INDEX b, ADD INDEX (b, a)", 1),
        ("ALTER TABLE t MODIFY b INT NULL", 1),
        ("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, b)", 1),
        ("ALTER TABLE t MODIFY b INT NOT NULL AFTER id", 1),
        ("ALTER TABLE t ENGINE=InnoDB", 1),
        ("ALTER TABLE t ADD n INT NOT NULL AUTO_INCREMENT UNIQUE", 2),
    ] {
        assert_eq!(times(80_036, sql), (InPlace, expected), "{sql}");
    }
}

#[test]
fn what_writes_values_anew_copies() {
    for (sql, expected) in [
        ("ALTER TABLE t MODIFY b BIGINT NOT NULL", 1),
        ("ALTER TABLE t MODIFY a VARCHAR(100)", 1),
        ("ALTER TABLE t MODIFY c ENUM('y','x')", 1),
        ("ALTER TABLE t CONVERT TO CHARACTER SET latin1", 1),
        ("ALTER TABLE t DROP PRIMARY KEY", 1),
        ("ALTER TABLE t MODIFY id INT NOT NULL AUTO_INCREMENT", 1),
        ("ALTER TABLE t ENGINE=MyISAM", 1),
        ("ALTER TABLE m ENGINE=InnoDB", 1),
        ("ALTER TABLE m ADD x INT", 1),
        ("ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p (id)", 1),
        // And the index that the key asks for; there is one of b.
        ("ALTER TABLE t MODIFY a BIGINT, ADD INDEX (a, b)", 2),
    ] {
        assert_eq!(times(80_036, sql), (Copy, expected), "{sql}");
    }
}

#[test]
fn what_a_server_refuses_takes_nothing() {
    let ctx = session(80_036);
    let db = Database::default();
    for sql in [
        "ALTER TABLE gone ADD INDEX (a)",
        "ALTER TABLE",
        "DROP TABLE t",
    ] {
        let effort = effort_of_text(&db, sql, &ctx, ctx.version);
        assert_eq!(effort, Effort::NONE, "{sql}");
    }
}
