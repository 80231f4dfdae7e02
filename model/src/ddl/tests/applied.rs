//! Statements against a database with rows.

use super::*;
use crate::arena::Arena;
use crate::database::{Checks, Database};
use crate::row;

struct Server {
    db: Database,
    arena: Arena,
    ctx: Context,
}

impl Server {
    /// A server of that version on which a script ran.
    fn new(version: u32, script: &str) -> Server {
        let ctx = Context {
            default_schema: None,
            ..session(version)
        };
        let mut server = Server {
            db: Database::default(),
            arena: Arena::default(),
            ctx,
        };
        server.run(script).unwrap();
        server.ctx.default_schema = Some("app".into());
        server
    }

    fn run(&mut self, script: &str) -> Result<(), DdlError> {
        for placed in parse_script(script, &self.ctx).unwrap() {
            apply(&mut self.db, &mut self.arena, &placed.statement)?;
        }
        Ok(())
    }

    fn insert(&mut self, table: &str, values: &[Option<&str>]) {
        let id = self.db.id("app", table).unwrap();
        let def = self.db.table(id).unwrap().def().clone();
        let mut image = row::ImageBuilder::default();
        image.start(values.len());
        for (column, value) in def.columns.iter().zip(values) {
            match value {
                None => image.push_null(),
                Some(text) => {
                    let mut raw = Vec::new();
                    row::parse(column, text, &mut raw).unwrap();
                    image.push(&raw);
                }
            }
        }
        let mut plan = Vec::new();
        self.db
            .plan_insert(&mut self.arena, id, image.image(), Checks::ALL, &mut plan)
            .unwrap();
        plan.iter()
            .for_each(|change| self.db.apply(&mut self.arena, change));
    }

    fn rows(&mut self, schema: &str, table: &str) -> Vec<String> {
        let id = self.db.id(schema, table).unwrap();
        let def = self.db.table(id).unwrap().def().clone();
        let keys: Vec<_> = self.db.table(id).unwrap().keys().collect();
        let mut out = Vec::new();
        for key in keys {
            let row = self.db.get(&mut self.arena, id, key).unwrap();
            let mut text = String::new();
            for (column, raw) in def
                .columns
                .iter()
                .zip(row::fields(&def.columns, self.arena.row(row)))
            {
                if !text.is_empty() {
                    text.push(' ');
                }
                match raw {
                    None => text.push_str("NULL"),
                    Some(raw) => row::render(column, raw, &mut text),
                }
            }
            out.push(text);
        }
        out
    }

    fn tables(&self) -> Vec<String> {
        self.db
            .tables()
            .map(|(_, table)| table.def().full_name())
            .collect()
    }
}

const START: &str = "CREATE DATABASE app CHARACTER SET latin1; USE app;
    CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(10), n INT UNIQUE) AUTO_INCREMENT=100;";

#[test]
fn rows_follow_their_columns() {
    let mut server = Server::new(80400, START);
    server.insert("t", &[Some("1"), Some("7"), Some("1")]);
    server.insert("t", &[Some("2"), None, None]);
    server.run("ALTER TABLE t ADD a INT NOT NULL DEFAULT 5 FIRST, MODIFY v BIGINT, DROP n, ADD d DATE NOT NULL").unwrap();
    assert_eq!(
        server.rows("app", "t"),
        ["5 1 7 0000-00-00", "5 2 NULL 0000-00-00"]
    );
}

#[test]
fn a_new_timestamp_column_holds_the_time_of_the_statement() {
    let mut server = Server::new(80400, START);
    server.insert("t", &[Some("1"), None, None]);
    let sql = "ALTER TABLE t ADD c DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)";
    assert!(matches!(server.run(sql), Err(DdlError::Unsupported { .. })));
    server.ctx.now_us = Some(1_700_000_000_123_456);
    server.run(sql).unwrap();
    assert_eq!(
        server.rows("app", "t"),
        ["1 NULL NULL 2023-11-14 22:13:20.123"]
    );
    let id = server.db.id("app", "t").unwrap();
    assert_eq!(
        server.db.table(id).unwrap().def().columns[3].default,
        ColumnDefault::Now
    );
}

#[test]
fn values_that_only_a_server_can_compute_are_refused_and_nothing_changes() {
    let mut server = Server::new(80400, START);
    server
        .run("ALTER TABLE t ADD g INT AS (n + 1) STORED, DROP COLUMN g")
        .unwrap_err();
    server
        .run("ALTER TABLE t ADD g INT AS (n + 1) STORED")
        .unwrap();
    server.run("ALTER TABLE t DROP g").unwrap();
    server.insert("t", &[Some("1"), Some("x"), Some("1")]);
    server.insert("t", &[Some("2"), Some("x"), Some("2")]);
    for sql in [
        "ALTER TABLE t ADD g INT AS (n + 1) VIRTUAL",
        "ALTER TABLE t ADD u CHAR(36) DEFAULT (uuid())",
        "ALTER TABLE t MODIFY v INT",
        "ALTER TABLE t ADD UNIQUE (v)",
        "INSERT INTO t VALUES (1)",
    ] {
        assert!(server.run(sql).is_err(), "{sql}");
        assert_eq!(server.rows("app", "t"), ["1 x 1", "2 x 2"], "{sql}");
    }
    assert_eq!(
        server
            .run("ALTER TABLE t ADD UNIQUE (v)")
            .unwrap_err()
            .code(),
        Some(1062)
    );
}

#[test]
fn tables_are_created_copied_renamed_and_dropped() {
    let mut server = Server::new(80400, START);
    server.insert("t", &[Some("1"), None, None]);
    server
        .run("CREATE DATABASE other; CREATE TABLE u LIKE t; CREATE TABLE IF NOT EXISTS t (x INT)")
        .unwrap();
    server
        .run("RENAME TABLE t TO tmp, u TO t, tmp TO other.old")
        .unwrap();
    assert_eq!(server.tables(), ["app.t", "other.old"]);
    assert_eq!(server.rows("other", "old"), ["1 NULL NULL"]);
    assert!(server.rows("app", "t").is_empty());
    // Half of a rename does not happen.
    assert_eq!(
        server
            .run("RENAME TABLE t TO x, y TO z")
            .unwrap_err()
            .code(),
        Some(1146)
    );
    assert_eq!(server.tables(), ["app.t", "other.old"]);
    server
        .run("ALTER TABLE other.old RENAME app.back, ADD k INT")
        .unwrap();
    assert_eq!(server.rows("app", "back"), ["1 NULL NULL NULL"]);
    server.run("TRUNCATE back; DROP DATABASE other").unwrap();
    assert!(server.rows("app", "back").is_empty());
    assert_eq!(
        server.run("DROP TABLE back, gone").unwrap_err().code(),
        Some(1051)
    );
    assert_eq!(server.tables(), ["app.back", "app.t"]);
    server.run("DROP TABLE IF EXISTS back, gone").unwrap();
    assert_eq!(server.tables(), ["app.t"]);
}

#[test]
fn before_8_0_a_drop_takes_what_is_there() {
    let mut server = Server::new(50744, START);
    assert_eq!(
        server.run("DROP TABLE gone, t").unwrap_err().code(),
        Some(1051)
    );
    assert!(server.tables().is_empty());
}

#[test]
fn mistakes_with_schemas_and_tables_have_mysqls_numbers() {
    let mut server = Server::new(80400, START);
    for (sql, code) in [
        ("CREATE DATABASE app", 1007),
        ("DROP DATABASE gone", 1008),
        ("ALTER DATABASE gone CHARACTER SET utf8mb4", 1049),
        ("CREATE TABLE gone.t (a INT)", 1049),
        ("CREATE TABLE t (a INT)", 1050),
        ("CREATE TABLE u LIKE gone", 1146),
        ("ALTER TABLE gone ADD a INT", 1146),
        ("TRUNCATE gone", 1146),
    ] {
        assert_eq!(server.run(sql).unwrap_err().code(), Some(code), "{sql}");
    }
    server
        .run(
            "CREATE DATABASE IF NOT EXISTS app; DROP DATABASE IF EXISTS gone; CREATE DATABASE gone",
        )
        .unwrap();
}

#[test]
fn a_schemas_collation_is_inherited_until_it_is_altered() {
    let mut server = Server::new(80400, START);
    server.run("CREATE TABLE a (c CHAR(1)); ALTER DATABASE app COLLATE utf8mb4_bin; CREATE TABLE b (c CHAR(1))").unwrap();
    let collation = |table: &str| {
        let id = server.db.id("app", table).unwrap();
        server
            .db
            .table(id)
            .unwrap()
            .def()
            .collation
            .name
            .to_string()
    };
    assert_eq!(
        (collation("a"), collation("b")),
        ("latin1_swedish_ci".to_owned(), "utf8mb4_bin".to_owned())
    );
}

#[test]
fn auto_increment_counts_from_what_is_said() {
    let mut server = Server::new(80400, START);
    let id = server.db.id("app", "t").unwrap();
    assert_eq!(server.db.next_auto_increment(id), 100);
    server.run("ALTER TABLE t AUTO_INCREMENT = 500").unwrap();
    assert_eq!(server.db.next_auto_increment(id), 500);
}

#[test]
fn foreign_keys_follow_renames() {
    let mut server = Server::new(80400, START);
    server
        .run("CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES t (id))")
        .unwrap();
    server
        .run("RENAME TABLE c TO d, t TO parent; ALTER TABLE parent RENAME COLUMN id TO pk")
        .unwrap();
    let id = server.db.id("app", "d").unwrap();
    let shown = show(server.db.table(id).unwrap().def());
    assert!(
        shown.ends_with("; d_ibfk_1: p -> app.parent(pk) restrict/restrict"),
        "{shown}"
    );
    server
        .run("ALTER TABLE d DROP FOREIGN KEY d_ibfk_1")
        .unwrap();
}
