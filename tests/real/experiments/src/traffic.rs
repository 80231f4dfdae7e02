//! Whatever binlog a real server writes under concurrent random traffic, the model reads: from the beginning, and from a
//! snapshot taken in the middle of it, the model's applier ends with the server's tables and GTIDs.

use crate::{
    bytes::{compare_tables, executed},
    decoder,
    random::{Draw, Kind, Table, literal},
    script::Asked,
    servers::{self, NoServer, Server},
};
use cutover_model::{
    binlog::verify::Input,
    follow::{Ended, Followed, Given, Place, follow},
};
use mysql::{Conn, Row, prelude::Queryable};
use std::{fmt::Write as _, path::Path, thread};

const SCHEMA: &str = "app";
const CLIENTS: u64 = 4;
const TRANSACTIONS: u64 = 60;

/// Runs rounds on each version; how many failed.
///
/// # Errors
/// [`NoServer`].
pub fn judge(work: &Path, seed: u64, rounds: u64) -> Result<u64, NoServer> {
    servers::fetch(Asked::V9_7)?;
    let mut failed = 0;
    let mut missing = None;
    for asked in [Asked::V9_7, Asked::V5_6] {
        if let Err(NoServer::NotHad(what) | NoServer::Failed(what)) = servers::fetch(asked) {
            println!("SKIP  {rounds} rounds of traffic: {what}");
            missing = Some(what);
            continue;
        }
        for round in 0..rounds {
            let folder = work.join(format!("traffic-{}-{round}", asked.name()));
            std::fs::create_dir_all(&folder).map_err(|e| NoServer::Failed(e.to_string()))?;
            let name = format!("traffic {round} of seed {seed} on {}", asked.name());
            match Traffic::new(asked, &folder, seed, round)?.judge() {
                Ok(what) => println!("PASS  {name}: {what}"),
                Err(what) => {
                    failed += 1;
                    println!("FAIL  {name}: {what}");
                }
            }
            let _ = std::fs::remove_dir_all(folder);
        }
    }
    match (failed, missing) {
        (0, Some(what)) => Err(NoServer::NotHad(what)),
        _ => Ok(failed),
    }
}

struct Traffic {
    asked: Asked,
    server: Server,
    tables: Vec<Table>,
    draw: Draw,
}

/// A consistent copy of the tables, and where it was taken.
struct Snapshot {
    schema: String,
    /// Names and contents of the `.jsonl` files.
    tables: Vec<(String, String)>,
    place: Place,
}

impl Traffic {
    fn new(asked: Asked, folder: &Path, seed: u64, round: u64) -> Result<Self, NoServer> {
        let mut draw = Draw::new(seed, 1000 * (1 + asked as u64) + round);
        let checksum = draw.of(&["CRC32", "NONE"]);
        let mut options = vec![
            "--log-bin=binlog".to_owned(),
            "--gtid-mode=ON".into(),
            "--enforce-gtid-consistency=ON".into(),
            "--log-slave-updates".into(),
            "--binlog-format=ROW".into(),
            "--event-scheduler=OFF".into(),
            format!("--binlog-checksum={checksum}"),
            "--innodb-lock-wait-timeout=1".into(),
            "--character-set-server=utf8mb4".into(),
        ];
        match asked {
            Asked::V9_7 => options.push(format!(
                "--binlog-row-metadata={}",
                draw.of(&["FULL", "MINIMAL"])
            )),
            Asked::V5_6 => {
                options.push("--sql-mode=STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION".into())
            }
        }
        let version = match asked {
            Asked::V9_7 => 90_704,
            Asked::V5_6 => 50_624,
        };
        let mut tables: Vec<Table> = (0..4)
            .map(|n| Table::draw(&mut draw, &format!("t{n}"), version))
            .collect();
        for column in tables.iter_mut().flat_map(|t| &mut t.columns) {
            if let Kind::Time(fsp) = column.kind
                && !column.kind.is_read()
            {
                column.kind = Kind::Time(3);
                column.sql = column.sql.replace(&format!("({fsp})"), "(3)");
            }
        }
        Ok(Self {
            asked,
            server: Server::start(asked, folder.join("server"), options)?,
            tables,
            draw,
        })
    }

    fn connect(&self) -> Result<Conn, String> {
        self.server.connect("root").map_err(|e| e.to_string())
    }

    fn judge(mut self) -> Result<String, String> {
        let mut conn = self.connect()?;
        let sql =
            |conn: &mut Conn, sql: &str| conn.query_drop(sql).map_err(|e| format!("{sql}: {e}"));
        sql(
            &mut conn,
            &format!("CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4"),
        )?;
        sql(&mut conn, &format!("USE {SCHEMA}"))?;
        for table in &self.tables {
            sql(&mut conn, &table.sql())?;
        }
        let snapshot = self.traffic()?;
        let committed = executed(&mut conn).count();
        let files = self.files()?;
        let inputs: Vec<Input<'_>> = inputs(&files);
        let from_start = Given {
            files: &inputs,
            ..Given::default()
        };
        self.compare("from the beginning", &from_start, &mut conn)?;
        let base = inputs_of(&snapshot.tables);
        let from_snapshot = Given {
            files: &inputs,
            schema: Some(Input {
                name: "schema.sql",
                bytes: snapshot.schema.as_bytes(),
            }),
            base: Some(&base),
            start: Some(snapshot.place.clone()),
            stop: None,
        };
        let skipped = self.compare("from the snapshot", &from_snapshot, &mut conn)?;
        let values = files.iter().try_fold(0, |sum, (_, bytes)| {
            Ok::<_, String>(sum + decoder::compare(bytes)?)
        })?;
        Ok(format!(
            "{committed} transactions in {} files, {skipped} of them in the snapshot at {}, {values} values as \
             mysql_common reads them",
            files.len(),
            snapshot.place
        ))
    }

    /// Clients write at once, and a snapshot is taken meanwhile.
    fn traffic(&mut self) -> Result<Snapshot, String> {
        let seeds: Vec<u64> = (0..CLIENTS).map(|_| self.draw.below(u64::MAX)).collect();
        let this = &*self;
        thread::scope(|scope| {
            let clients: Vec<_> = seeds
                .iter()
                .enumerate()
                .map(|(n, seed)| scope.spawn(move || this.client(n as u64, *seed)))
                .collect();
            let snapshot = this.snapshot();
            for client in clients {
                client.join().map_err(|_| "a client panicked")??;
            }
            snapshot
        })
    }

    fn client(&self, number: u64, seed: u64) -> Result<(), String> {
        let mut draw = Draw::new(seed, number);
        let mut conn = self.connect()?;
        let newer = self.asked == Asked::V9_7;
        conn.query_drop(format!("USE {SCHEMA}"))
            .map_err(|e| e.to_string())?;
        let mut next_id = 1;
        for _ in 0..TRANSACTIONS {
            if newer && draw.once_in(4) {
                let on = draw.of(&["ON", "OFF"]);
                let image = draw.of(&["FULL", "MINIMAL", "NOBLOB"]);
                for sql in [
                    format!("SET SESSION binlog_transaction_compression = {on}"),
                    format!("SET SESSION binlog_row_image = {image}"),
                    format!("SET SESSION binlog_rows_query_log_events = {on}"),
                ] {
                    conn.query_drop(&sql).map_err(|e| format!("{sql}: {e}"))?;
                }
            }
            if draw.once_in(20) {
                conn.query_drop("FLUSH BINARY LOGS")
                    .map_err(|e| e.to_string())?;
            }
            transaction(&mut conn, &mut draw, &self.tables, number, &mut next_id)?;
        }
        Ok(())
    }

    /// As a dump with a consistent read does it: the read and its coordinates under a global lock, the rows after.
    fn snapshot(&self) -> Result<Snapshot, String> {
        let mut conn = self.connect()?;
        let mut watch = self.connect()?;
        // In the middle of it.
        while executed(&mut watch).count() < TRANSACTIONS * CLIENTS / 4 {
            thread::sleep(std::time::Duration::from_millis(20));
        }
        let status = match self.asked {
            Asked::V9_7 => "SHOW BINARY LOG STATUS",
            Asked::V5_6 => "SHOW MASTER STATUS",
        };
        let failed = |e: mysql::Error| e.to_string();
        conn.query_drop("FLUSH TABLES WITH READ LOCK")
            .map_err(failed)?;
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .map_err(failed)?;
        conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            .map_err(failed)?;
        let place: Option<Row> = conn.query_first(status).map_err(failed)?;
        conn.query_drop("UNLOCK TABLES").map_err(failed)?;
        let place = place.ok_or("no binlog")?;
        let place = Place::Position {
            file: place.get(0).ok_or("no file")?,
            pos: place.get(1).ok_or("no position")?,
        };
        let mut schema =
            format!("CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4;\nUSE {SCHEMA};\n");
        let mut tables = Vec::new();
        for table in &self.tables {
            let _ = writeln!(schema, "{};", table.sql());
            tables.push((
                format!("{SCHEMA}.{}.jsonl", table.name),
                dump(&mut conn, table)?,
            ));
        }
        Ok(Snapshot {
            schema,
            tables,
            place,
        })
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.server.datadir()).map_err(|e| e.to_string())? {
            let entry = entry.map_err(|e| e.to_string())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("binlog.0") {
                let bytes = std::fs::read(entry.path()).map_err(|e| e.to_string())?;
                files.push((name, bytes));
            }
        }
        files.sort();
        Ok(files)
    }

    /// Follows, and compares; how many transactions were skipped.
    fn compare(&self, how: &str, given: &Given<'_>, conn: &mut Conn) -> Result<u64, String> {
        let followed: Followed = follow(given).map_err(|e| format!("{how}: {e}"))?;
        if let Ended::Stopped(stopped) = &followed.report.ended {
            return Err(format!("{how}: {stopped:?}"));
        }
        let (arena, database) = followed.database();
        compare_tables(arena, database, SCHEMA, conn).map_err(|what| format!("{how}: {what}"))?;
        let theirs = executed(conn);
        if followed.report.executed != theirs {
            return Err(format!(
                "{how}: the model has executed {}, the server {theirs}",
                followed.report.executed
            ));
        }
        if followed.report.drifted > 0 {
            return Err(format!(
                "{how}: {} rows were not as the binlog says: {:?}",
                followed.report.drifted, followed.report.notes
            ));
        }
        Ok(followed.report.skipped)
    }
}

fn inputs(files: &[(String, Vec<u8>)]) -> Vec<Input<'_>> {
    files
        .iter()
        .map(|(name, bytes)| Input { name, bytes })
        .collect()
}

fn inputs_of(tables: &[(String, String)]) -> Vec<Input<'_>> {
    tables
        .iter()
        .map(|(name, text)| Input {
            name,
            bytes: text.as_bytes(),
        })
        .collect()
}

/// A table as `.jsonl`, from the consistent read of the connection.
fn dump(conn: &mut Conn, table: &Table) -> Result<String, String> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| match c.kind.is_hex() {
            true => format!("HEX(`{}`)", c.name),
            false => format!("CAST(`{}` AS CHAR)", c.name),
        })
        .collect();
    let sql = format!(
        "SELECT {} FROM {SCHEMA}.`{}`",
        columns.join(", "),
        table.name
    );
    let rows: Vec<Row> = conn.query(&sql).map_err(|e| format!("{sql}: {e}"))?;
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let mut text = serde_json::to_string(&names).map_err(|e| e.to_string())?;
    text.push('\n');
    for row in &rows {
        text.push_str(&serde_json::to_string(&servers::texts(row)).map_err(|e| e.to_string())?);
        text.push('\n');
    }
    Ok(text)
}

/// A random transaction; what the server refuses (a duplicate key, a deadlock) ends it.
fn transaction(
    conn: &mut Conn,
    draw: &mut Draw,
    tables: &[Table],
    client: u64,
    next_id: &mut u64,
) -> Result<(), String> {
    let mut run = |sql: &str| match conn.query_drop(sql) {
        Ok(()) => Ok(true),
        Err(mysql::Error::MySqlError(e)) if matches!(e.code, 1062 | 1205 | 1213) => Ok(false),
        Err(e) => Err(format!("{sql}: {e}")),
    };
    run("BEGIN")?;
    for _ in 0..1 + draw.below(6) {
        let table = &tables[draw.below(tables.len() as u64) as usize];
        let some_id = 1 + CLIENTS * draw.below(*next_id) + draw.below(CLIENTS);
        let sql = match draw.below(5) {
            0..3 => {
                let rows: Vec<String> = (0..if draw.once_in(6) { 12 } else { 1 })
                    .map(|_| {
                        *next_id += 1;
                        let row = table.row(draw, 1 + CLIENTS * *next_id + client);
                        values(table, &row).join(", ")
                    })
                    .collect();
                format!(
                    "INSERT INTO `{}` VALUES ({})",
                    table.name,
                    rows.join("), (")
                )
            }
            3 => {
                let row = table.row(draw, some_id);
                let sets: Vec<String> = table
                    .columns
                    .iter()
                    .zip(values(table, &row))
                    .skip(1)
                    .filter(|_| draw.once_in(2))
                    .map(|(column, value)| format!("`{}` = {value}", column.name))
                    .collect();
                if sets.is_empty() {
                    continue;
                }
                format!(
                    "UPDATE `{}` SET {} WHERE id = {some_id}",
                    table.name,
                    sets.join(", ")
                )
            }
            _ => format!("DELETE FROM `{}` WHERE id = {some_id}", table.name),
        };
        if !run(&sql)? {
            run("ROLLBACK")?;
            return Ok(());
        }
        if draw.once_in(15) {
            run("SAVEPOINT s")?;
            let sql = format!("DELETE FROM `{}` WHERE id < {some_id}", table.name);
            // A deadlock has undone the savepoint too.
            if !run(&sql)? {
                run("ROLLBACK")?;
                return Ok(());
            }
            run("ROLLBACK TO s")?;
        }
    }
    run(if draw.once_in(8) {
        "ROLLBACK"
    } else {
        "COMMIT"
    })?;
    Ok(())
}

fn values(table: &Table, row: &[Option<String>]) -> Vec<String> {
    let pairs = table.columns.iter().zip(row);
    pairs
        .map(|(column, value)| literal(&column.kind, value))
        .collect()
}
