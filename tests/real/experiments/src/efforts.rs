//! What an ALTER TABLE takes: the least of INSTANT, INPLACE and COPY that a server agrees to, and how often it goes
//! through the rows, against what the model says of the same statement.

use crate::{
    script::Asked,
    servers::{self, NoServer, Server},
};
use cutover_model::{
    Arena,
    database::Database,
    ddl::{Algorithm, Context, apply, effort_of_text, parse_script},
    server,
};
use mysql::{Conn, prelude::Queryable};
use std::{collections::BTreeSet, path::Path};

const TABLES: &str = "CREATE DATABASE app CHARACTER SET utf8mb4; USE app;
CREATE TABLE p (id INT PRIMARY KEY);
CREATE TABLE t (id INT NOT NULL, a VARCHAR(10), b INT NOT NULL, c ENUM('x','y'), PRIMARY KEY (id), KEY (b));
CREATE TABLE m (id INT PRIMARY KEY, a INT) ENGINE=MyISAM;";

/// Rows of each table.
const ROWS: u64 = 2;

/// On both versions.
const STATEMENTS: [&str; 40] = [
    "ALTER TABLE t ALTER b SET DEFAULT 3",
    "ALTER TABLE t RENAME TO u",
    "ALTER TABLE t CHANGE a z VARCHAR(10)",
    "ALTER TABLE t DROP INDEX b",
    "ALTER TABLE t AUTO_INCREMENT=100",
    "ALTER TABLE t COMMENT='x'",
    "ALTER TABLE t DEFAULT CHARACTER SET latin1",
    "ALTER TABLE t MODIFY a VARCHAR(5)",
    "ALTER TABLE t MODIFY a VARCHAR(60)",
    "ALTER TABLE t MODIFY a VARCHAR(100)",
    "ALTER TABLE t MODIFY a VARCHAR(10) FIRST",
    "ALTER TABLE t MODIFY c ENUM('x','y','z')",
    "ALTER TABLE t MODIFY c ENUM('y','x')",
    "ALTER TABLE t ADD x INT",
    "ALTER TABLE t ADD x INT FIRST",
    "ALTER TABLE t ADD x INT NOT NULL DEFAULT 3, ADD INDEX (x)",
    "ALTER TABLE t DROP a",
    "ALTER TABLE t DROP a, ADD INDEX (c)",
    "ALTER TABLE t DROP INDEX b, ADD x INT",
    "ALTER TABLE t ADD INDEX (a)",
    "ALTER TABLE t ADD UNIQUE (a, b)",
    "ALTER TABLE t ADD INDEX (a), ADD UNIQUE (c)",
    "ALTER TABLE t DROP INDEX b, ADD INDEX (b, a)",
    "ALTER TABLE t MODIFY b INT NULL",
    "ALTER TABLE t MODIFY b INT NOT NULL AFTER id",
    "ALTER TABLE t MODIFY b BIGINT NOT NULL",
    "ALTER TABLE t MODIFY b INT UNSIGNED NOT NULL",
    "ALTER TABLE t DROP PRIMARY KEY",
    "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, b)",
    "ALTER TABLE t ADD n INT NOT NULL AUTO_INCREMENT UNIQUE",
    "ALTER TABLE t MODIFY id INT NOT NULL AUTO_INCREMENT",
    "ALTER TABLE t CONVERT TO CHARACTER SET latin1",
    "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p (id)",
    "ALTER TABLE t ENGINE=InnoDB",
    "ALTER TABLE t FORCE",
    "ALTER TABLE t ROW_FORMAT=DYNAMIC",
    "ALTER TABLE t ORDER BY b",
    "ALTER TABLE t ENGINE=MyISAM",
    "ALTER TABLE m ENGINE=InnoDB",
    "ALTER TABLE m ADD x INT",
];

/// What 5.6 cannot read.
const NEWER: [&str; 5] = [
    "ALTER TABLE t RENAME COLUMN a TO z",
    "ALTER TABLE t RENAME INDEX b TO by_b",
    "ALTER TABLE t ALTER INDEX b INVISIBLE",
    "ALTER TABLE t ADD y INT AS (b + 1) VIRTUAL",
    "ALTER TABLE t ADD y INT AS (b + 1) STORED",
];

/// Asks both versions; how many statements the model has another answer to.
///
/// # Errors
/// [`NoServer`].
pub fn judge(work: &Path) -> Result<u64, NoServer> {
    let (mut failed, mut missing) = (0, None);
    for asked in [Asked::V9_7, Asked::V5_6] {
        if let Err(NoServer::NotHad(what) | NoServer::Failed(what)) = servers::fetch(asked) {
            println!("SKIP  what ALTER TABLE takes on {}: {what}", asked.name());
            missing = Some(what);
            continue;
        }
        let folder = work.join(format!("efforts-{}", asked.name()));
        std::fs::create_dir_all(&folder).map_err(|e| NoServer::Failed(e.to_string()))?;
        let server = Server::start(asked, folder.join("server"), Vec::new())?;
        let conn = server.connect("root");
        let mut conn = conn.map_err(|e| NoServer::Failed(e.to_string()))?;
        let newer = NEWER.iter().filter(|_| asked == Asked::V9_7);
        for sql in STATEMENTS.iter().chain(newer) {
            let model = modelled(asked, sql);
            match real(asked, &mut conn, sql) {
                Ok(real) if real == model => println!("PASS  {sql} on {}: {real}", asked.name()),
                Ok(real) => {
                    failed += 1;
                    println!(
                        "FAIL  {sql} on {}\n  model:  {model}\n  server: {real}",
                        asked.name()
                    );
                }
                Err(error) => {
                    failed += 1;
                    println!("FAIL  {sql} on {}: {error}", asked.name());
                }
            }
        }
    }
    match (failed, missing) {
        (0, Some(what)) => Err(NoServer::NotHad(what)),
        _ => Ok(failed),
    }
}

fn told(algorithm: Algorithm, times: u64) -> String {
    match algorithm {
        Algorithm::Instant => "at once".into(),
        Algorithm::InPlace => format!("in place, through the rows {times}×"),
        Algorithm::Copy => format!("by copy, through the rows {times}×"),
    }
}

fn modelled(asked: Asked, sql: &str) -> String {
    let version = match asked {
        Asked::V5_6 => server::Version(50_624),
        Asked::V9_7 => server::Version(90_704),
    };
    let context = Context::new("app", version);
    let (mut database, mut arena) = (Database::default(), Arena::default());
    let script = parse_script(TABLES, &context).expect("a script");
    for placed in script {
        apply(&mut database, &mut arena, &placed.statement).expect("tables");
    }
    for (table, rows) in [
        (
            "t",
            "[\"id\",\"a\",\"b\",\"c\"]\n[\"1\",\"a\",\"1\",\"x\"]\n[\"2\",\"b\",\"2\",\"y\"]\n",
        ),
        ("m", "[\"id\",\"a\"]\n[\"1\",\"1\"]\n[\"2\",\"2\"]\n"),
    ] {
        let id = database.id("app", table).expect("a table");
        database.load_jsonl(&mut arena, id, rows).expect("rows");
    }
    let effort = effort_of_text(&database, sql, &context, version);
    told(effort.algorithm, effort.rows / ROWS)
}

/// The keys of a table but the primary one, and the number that tells a rebuilt one from what it was.
#[derive(Debug, Default)]
struct Seen {
    keys: BTreeSet<(String, u8)>,
    table_id: Option<u64>,
}

impl Seen {
    fn of(asked: Asked, conn: &mut Conn) -> mysql::Result<Self> {
        let tables = match asked {
            Asked::V5_6 => "innodb_sys_tables",
            Asked::V9_7 => "innodb_tables",
        };
        let keys = conn.query(
            "SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index), MAX(non_unique)
             FROM information_schema.statistics
             WHERE table_schema = 'app' AND table_name IN ('t', 'u', 'm') AND index_name <> 'PRIMARY'
             GROUP BY table_name, index_name",
        )?;
        let table_id = conn.query_first(format!(
            "SELECT table_id FROM information_schema.{tables} WHERE name IN ('app/t', 'app/u')"
        ))?;
        Ok(Self {
            keys: keys.into_iter().collect(),
            table_id,
        })
    }
}

/// The least that the server agrees to.
fn real(asked: Asked, conn: &mut Conn, sql: &str) -> mysql::Result<String> {
    let of_version: &[&str] = match asked {
        Asked::V5_6 => &["INPLACE", "COPY"],
        Asked::V9_7 => &["INSTANT", "INPLACE", "COPY"],
    };
    let mut refused = None;
    for name in of_version {
        conn.query_drop("DROP DATABASE IF EXISTS app")?;
        for statement in TABLES.split_inclusive(';') {
            conn.query_drop(statement)?;
        }
        conn.query_drop("INSERT INTO p VALUES (1), (2)")?;
        conn.query_drop("INSERT INTO t VALUES (1, 'a', 1, 'x'), (2, 'b', 2, 'y')")?;
        conn.query_drop("INSERT INTO m VALUES (1, 1), (2, 2)")?;
        let before = Seen::of(asked, conn)?;
        // In front, because nothing follows ORDER BY.
        let (head, changes) = sql.split_at("ALTER TABLE t ".len());
        match conn.query_drop(format!("{head}ALGORITHM={name}, {changes}")) {
            Ok(()) => {
                let after = Seen::of(asked, conn)?;
                let added = after.keys.difference(&before.keys).count() as u64;
                let rebuilt = *name == "COPY" || before.table_id != after.table_id;
                let times = added + u64::from(rebuilt);
                // What goes through no row is done at once, whatever the server calls it.
                let algorithm = match *name {
                    "COPY" => Algorithm::Copy,
                    "INPLACE" if times > 0 => Algorithm::InPlace,
                    _ => Algorithm::Instant,
                };
                return Ok(told(algorithm, times));
            }
            // ER_ALTER_OPERATION_NOT_SUPPORTED, and with a reason.
            Err(mysql::Error::MySqlError(e)) if [1845, 1846].contains(&e.code) => {
                refused = Some(mysql::Error::MySqlError(e));
            }
            Err(error) => return Err(error),
        }
    }
    Err(refused.expect("some way is tried"))
}
