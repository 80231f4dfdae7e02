//! Whatever binlog the model writes, a real server replays to the model's tables and GTIDs.
//!
//! A sample of the cases goes over the wire instead: served as their source would serve them, to a replica.
//!
//! A case is a random schema, random transactions of several sessions, rotations and DDL, under random settings. The
//! files of many cases are replayed on one server (`mysqlbinlog … | mysql`), each in a schema of its own and with the
//! GTIDs of a server of its own.

use crate::{
    decoder,
    outcome::Outcome,
    random::{Column, Draw, Table},
    script::Asked,
    servers::{self, NoServer, Server},
};
use cutover_lab::serve::{FileSource, Options};
use cutover_model::{
    Arena,
    binlog::{
        encode::{RowImage, RowMetadata, Writer, WriterOptions},
        log::Binlog,
    },
    database::{Database, TableId},
    gtid::{GtidSet, Uuid},
    mutant::Mutants,
    row::{ImageBuilder, parse},
    schema::ColumnKind,
    server::{Config, Event, Manner, Privilege, Reply, Server as Modelled, SessionId, Version},
    table::RowKey,
};
use mysql::{Conn, Row, prelude::Queryable};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Cases that are replayed together.
const BATCH: u64 = 25;
const SESSIONS: usize = 3;
/// How long a replica may take for a case.
const PATIENCE_S: u64 = 60;
const SECOND: u64 = 1_000_000;

/// Runs so many cases from one on; how many failed.
///
/// # Errors
/// [`NoServer`].
pub fn judge(work: &Path, seed: u64, from: u64, cases: u64) -> Result<u64, NoServer> {
    servers::fetch(Asked::V9_7)?;
    let mut failed = 0;
    let mut first = from;
    while first < from + cases {
        let batch: Vec<Case> = (first..(from + cases).min(first + BATCH))
            .map(|number| Case::run(seed, number))
            .collect();
        let folder = work.join(format!("bytes-{first}"));
        let (wrong, values) = judge_batch(&folder, &batch)?;
        let (groups, files) = batch.iter().fold((0, 0), |(groups, files), case| {
            let binlog = case.binlog();
            (groups + case.gtids().count(), files + binlog.files().len())
        });
        let verdict = if wrong.is_empty() { "PASS" } else { "FAIL" };
        println!(
            "{verdict}  cases {first} to {} of seed {seed}: {groups} transactions in {files} files are replayed or replicated, {values} values as \
             mysql_common reads them",
            first + batch.len() as u64 - 1
        );
        wrong.iter().for_each(|what| println!("      {what}"));
        failed += wrong.len() as u64;
        if wrong.is_empty() {
            let _ = std::fs::remove_dir_all(folder);
        }
        first += BATCH;
    }
    Ok(failed)
}

/// What is wrong, and how many values mysql_common reads as the model does.
fn judge_batch(folder: &Path, batch: &[Case]) -> Result<(Vec<String>, u64), NoServer> {
    let failed = |e: std::io::Error| NoServer::Failed(e.to_string());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut files = Vec::new();
    for (n, case) in batch.iter().enumerate() {
        let of_case = case.write_files(folder).map_err(failed)?;
        // The first one goes over the wire.
        if n > 0 {
            files.extend(of_case);
        }
    }
    let options = [
        "--log-bin=binlog",
        "--gtid-mode=ON",
        "--enforce-gtid-consistency=ON",
        "--event-scheduler=OFF",
    ];
    let options = options.map(str::to_owned).to_vec();
    let server = Server::start(Asked::V9_7, folder.join("server"), options)?;
    let mut wrong = Vec::new();
    let mut conn = server
        .connect("root")
        .map_err(|e| NoServer::Failed(e.to_string()))?;
    if let Some(sample) = batch.first()
        && let Err(what) = sample.replicate(folder, &mut conn)
    {
        wrong.push(format!("case {} on the wire: {what}", sample.number));
    }
    if let Err(what) = replay(&server, &files) {
        wrong.push(format!("the server refuses the files: {what}"));
    }
    let executed = executed(&mut conn);
    let mut values = 0;
    for case in batch {
        let compared = case
            .compare(&mut conn, &executed)
            .and_then(|()| case.values());
        match compared {
            Ok(read) => values += read,
            Err(what) => wrong.push(format!("case {} ({}): {what}", case.number, case.settings)),
        }
    }
    Ok((wrong, values))
}

/// `@@global.gtid_executed`.
pub fn executed(conn: &mut Conn) -> GtidSet {
    let text: Option<String> = conn
        .query_first("SELECT @@global.gtid_executed")
        .ok()
        .flatten();
    text.and_then(|t| t.parse().ok()).unwrap_or_default()
}

/// The name of a case's files without their numbers.
fn base_of(case: u64) -> String {
    format!("case{case}")
}

/// Replicates from a source on 127.0.0.1 until all of a set is there.
fn follow(replica: &mut Conn, port: u16, gtids: &GtidSet) -> Result<(), String> {
    let mut run = |sql: &str| replica.query_drop(sql).map_err(|e| format!("{sql}: {e}"));
    run(&format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port}, SOURCE_USER = 'any', \
         SOURCE_PASSWORD = '', SOURCE_SSL = 0, SOURCE_AUTO_POSITION = 1"
    ))?;
    run("START REPLICA")?;
    let waited = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtids}', {PATIENCE_S})");
    let late: Option<u8> = replica.query_first(waited).map_err(|e| e.to_string())?;
    let status: Option<Row> = replica
        .query_first("SHOW REPLICA STATUS")
        .map_err(|e| e.to_string())?;
    for sql in ["STOP REPLICA", "RESET REPLICA ALL"] {
        replica.query_drop(sql).map_err(|e| format!("{sql}: {e}"))?;
    }
    let error = |name: &str| {
        let text = status.as_ref()?.get::<Option<String>, _>(name)?;
        text.filter(|text| !text.is_empty())
    };
    match (error("Last_IO_Error").or(error("Last_SQL_Error")), late) {
        (None, Some(0)) => Ok(()),
        (Some(error), _) => Err(error),
        (None, _) => Err(format!("not all of {gtids} is there after {PATIENCE_S} s")),
    }
}

fn replay(server: &Server, files: &[PathBuf]) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../servers.sh");
    let pipe = r#". "$1"; set -o pipefail; REAL_PORT=$2; shift 2
        real_mysqlbinlog --verify-binlog-checksum "$@" | real_mysql --binary-mode --skip-comments"#;
    let output = Command::new("bash")
        .args(["-c", pipe, "replay"])
        .arg(script)
        .arg(server.port.to_string())
        .args(files)
        .output()
        .map_err(|e| e.to_string())?;
    match output.status.success() && output.stderr.is_empty() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// A case: the modelled server after its life.
struct Case {
    number: u64,
    settings: String,
    schema: String,
    draw: Draw,
    arena: Arena,
    server: Modelled,
    now: u64,
    tables: Vec<Table>,
    sessions: Vec<SessionId>,
    next_id: u64,
}

impl Case {
    fn run(seed: u64, number: u64) -> Self {
        let mut draw = Draw::new(seed, number);
        let (text, version) = draw.of(&[
            ("9.7.4", 90_704),
            ("8.0.41", 80_041),
            ("8.4.3", 80_403),
            ("5.7.44-log", 50_744),
            ("5.6.24-log", 50_624),
        ]);
        let options = WriterOptions {
            server_version: text.into(),
            server_id: 100 + number as u32,
            checksum: !draw.once_in(3),
            row_image: draw.of(&[RowImage::Full, RowImage::Minimal, RowImage::NoBlob]),
            row_metadata: draw.of(&[RowMetadata::Minimal, RowMetadata::Full]),
            rows_event_max_bytes: draw.of(&[256, 1024, 8192]),
            gtid: true,
        };
        let settings = format!(
            "version {text}, checksum {}, image {:?}, metadata {:?}, rows events of {} bytes",
            options.checksum, options.row_image, options.row_metadata, options.rows_event_max_bytes
        );
        let mut uuid = [0xb7; 16];
        uuid[..8].copy_from_slice(&(number + 1).to_be_bytes());
        let config = Config {
            version: Version(version),
            ddl_version: Version(version),
            uuid: Uuid(uuid),
            epoch_us: 1_795_000_000 * SECOND,
            gtid_mode: true,
            sync_binlog: draw.of(&[0, 1]),
            flush_log_at_commit: 1,
            max_binlog_size: draw.of(&[2_000, 20_000, 1 << 30]),
            flush_us: 100,
            fsync_us: 100,
            engine_commit_us: 100,
            lock_wait_timeout_us: SECOND,
            mutants: Mutants::default(),
        };
        let binlog = Binlog::new(
            Writer::new(options),
            &base_of(number),
            1,
            GtidSet::new(),
            config.epoch_us,
        );
        let server = Modelled::new(config, Database::default(), Some(binlog), GtidSet::new());
        let mut case = Self {
            number,
            settings,
            schema: format!("case_{number}"),
            draw,
            arena: Arena::default(),
            server,
            now: 0,
            tables: Vec::new(),
            sessions: Vec::new(),
            next_id: 1,
        };
        case.live();
        case
    }

    fn binlog(&self) -> &Binlog {
        self.server.binlog.as_ref().expect("it has one")
    }

    fn gtids(&self) -> &GtidSet {
        &self.server.gtid_executed
    }

    fn live(&mut self) {
        self.sessions = (0..SESSIONS)
            .map(|_| self.server.connect(Privilege::Admin))
            .collect();
        self.ddl(&format!("CREATE DATABASE `{}`", self.schema.clone()));
        for n in 0..1 + self.draw.below(3) {
            self.create(&format!("t{n}"));
        }
        for _ in 0..20 + self.draw.below(150) {
            match self.draw.below(30) {
                0 => self.change_schema(),
                1 => self.server.rotate_binlog(self.now),
                2..7 => self.commit_several(),
                _ => self.write(),
            }
        }
        self.commit_several();
        for session in self.sessions.clone() {
            self.server.rollback(&mut self.arena, session);
        }
        self.rest();
    }

    fn rest(&mut self) {
        while let Some(due) = self.server.next_due() {
            self.now = due;
            self.server.step(&mut self.arena, due);
        }
        let mut events: Vec<Event> = Vec::new();
        self.server.events(&mut events);
    }

    fn ddl(&mut self, sql: &str) -> bool {
        let session = self.sessions[0];
        let schema = self.schema.clone();
        let reply = self
            .server
            .execute_ddl(&mut self.arena, self.now, session, &schema, sql);
        self.rest();
        matches!(reply, Ok(Reply::Committing))
    }

    fn create(&mut self, name: &str) {
        let table = Table::draw(&mut self.draw, name, self.server.config.version.0);
        assert!(self.ddl(&table.sql()), "the model refuses {}", table.sql());
        self.tables.push(table);
    }

    /// DDL, with nothing open.
    fn change_schema(&mut self) {
        self.commit_several();
        for session in self.sessions.clone() {
            self.server.rollback(&mut self.arena, session);
        }
        let at = self.draw.below(self.tables.len() as u64) as usize;
        let name = self.tables[at].name.clone();
        match self.draw.below(4) {
            0 => self.create(&format!("u{}", self.next_id)),
            1 => {
                self.ddl(&format!("TRUNCATE TABLE `{name}`"));
            }
            2 => {
                let (added, version) = (format!("a{}", self.next_id), self.server.config.version);
                let mut column = Column::draw(&mut self.draw, &added, version.0);
                column.sql = column.sql.replace(" NOT NULL", " NULL");
                column.nullable = true;
                let sql = format!(
                    "ALTER TABLE `{name}` ADD COLUMN `{}` {}",
                    column.name, column.sql
                );
                assert!(self.ddl(&sql), "the model refuses {sql}");
                self.tables[at].columns.push(column);
            }
            _ => {
                let to = format!("r{}", self.next_id);
                self.ddl(&format!("RENAME TABLE `{name}` TO `{to}`"));
                self.tables[at].name = to;
            }
        }
        self.next_id += 1;
    }

    fn id(&self, table: &Table) -> TableId {
        let id = self.server.database.id(&self.schema, &table.name);
        id.expect("it was created")
    }

    /// One session writes a row or a few.
    fn write(&mut self) {
        let session = self.sessions[self.draw.below(SESSIONS as u64) as usize];
        let at = self.draw.below(self.tables.len() as u64) as usize;
        let table = self.tables[at].clone();
        let id = self.id(&table);
        // Where no key says which row is which, a server applies the rows of an event in the order of its own scan, and
        // stumbles over a value that one row leaves to the next (1062), also in binlogs of its own.
        let rows = if table.has_key() && self.draw.once_in(5) {
            1 + self.draw.below(30)
        } else {
            1
        };
        // A statement inserts, deletes or updates.
        let step = self.draw.below(5).min(2);
        // And it comes to no row twice.
        let mut keys = keys(&self.server, id);
        for row in 0..rows {
            let manner = Manner {
                new_statement: row == 0,
                ..Manner::STATEMENT
            };
            let (arena, now) = (&mut self.arena, self.now);
            let reply = match step {
                0 => {
                    let values = table.row(&mut self.draw, self.next_id);
                    self.next_id += 1;
                    let image = image(&self.server, id, &values, None);
                    self.server.insert(arena, now, session, id, &image, manner)
                }
                _ => {
                    if keys.is_empty() {
                        return;
                    }
                    let key = keys.swap_remove(self.draw.below(keys.len() as u64) as usize);
                    let locked = self.server.lock_row(arena, now, session, id, key);
                    match (locked, step) {
                        (Err(reply), _) => reply,
                        (Ok(_), 1) => self.server.delete(arena, now, session, id, key, manner),
                        (Ok(before), _) => {
                            let before = arena.row(before.row).to_vec();
                            let values = table.row(&mut self.draw, self.next_id);
                            self.next_id += 1;
                            let keeps: Vec<bool> =
                                values.iter().map(|_| !self.draw.once_in(3)).collect();
                            let image = image(&self.server, id, &values, Some((&before, &keeps)));
                            self.server
                                .update(arena, now, session, id, key, &image, manner)
                        }
                    }
                }
            };
            match reply {
                // Another session has it: this one gives up.
                Reply::Waiting => return self.server.rollback(&mut self.arena, session),
                Reply::Failed(_) | Reply::NoRow => return,
                Reply::Ok | Reply::Committing => {}
            }
        }
    }

    /// Commits some sessions at once, so that they come into one group.
    fn commit_several(&mut self) {
        for session in self.sessions.clone() {
            if !self.draw.once_in(3) {
                self.server.commit(&mut self.arena, self.now, session);
            }
        }
        self.rest();
        self.now += self.draw.below(3 * SECOND);
    }

    /// The values of its files as mysql_common reads them, how many. It cannot read every TIME ([`Kind::is_read`]):
    /// cases with such a column are left out.
    fn values(&self) -> Result<u64, String> {
        let mut columns = self.tables.iter().flat_map(|t| &t.columns);
        if !columns.all(|c| c.kind.is_read()) {
            return Ok(0);
        }
        let files = self.binlog().files().iter();
        files
            .map(|file| {
                let bytes = self.binlog().file_bytes(file.number());
                decoder::compare(&bytes.unwrap_or_default())
            })
            .sum()
    }

    /// Serves the files as their source would, and lets a server replicate them.
    fn replicate(&self, folder: &Path, replica: &mut Conn) -> Result<(), String> {
        let options = Options {
            base: Some(base_of(self.number)),
            ..Options::default()
        };
        let source = FileSource::open(folder, options).map_err(|e| e.to_string())?;
        let port = source.address().port();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let serving = scope.spawn(|| source.run(|| over.load(Ordering::SeqCst), &|_| {}));
            let followed = follow(replica, port, self.gtids());
            over.store(true, Ordering::SeqCst);
            let served = serving.join().map_err(|_| "the source panicked")?;
            followed.and(served.map(drop).map_err(|e| e.to_string()))
        })
    }

    fn write_files(&self, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for file in self.binlog().files() {
            let path = folder.join(self.binlog().name(file.number()));
            let bytes = self.binlog().file_bytes(file.number());
            std::fs::write(&path, bytes.unwrap_or_default())?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// Whether a server holds what the model does.
    fn compare(&self, conn: &mut Conn, executed: &GtidSet) -> Result<(), String> {
        let theirs = executed.of_server(self.server.config.uuid);
        if theirs != *self.gtids() {
            return Err(format!(
                "gtid_executed: the model has {}, the server {theirs}",
                self.gtids()
            ));
        }
        compare_tables(&self.arena, &self.server.database, &self.schema, conn)
    }
}

/// Whether the tables of a schema hold the same rows in the model and on a server.
pub fn compare_tables(
    arena: &Arena,
    database: &Database,
    schema: &str,
    conn: &mut Conn,
) -> Result<(), String> {
    let sql = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}' ORDER BY BINARY table_name"
    );
    let theirs: Vec<String> = conn.query(sql).map_err(|e| e.to_string())?;
    let ours: Vec<String> = database
        .tables()
        .filter(|(_, t)| *t.def().schema == *schema)
        .map(|(_, t)| t.def().name.to_string())
        .collect();
    if ours != theirs {
        return Err(format!(
            "tables: the model has {ours:?}, the server {theirs:?}"
        ));
    }
    for name in ours {
        let id = database.id(schema, &name).ok_or("it has gone")?;
        let ours = rows_of_model(arena, database, id)?;
        let theirs = rows_of_server(database, id, conn)?;
        if ours != theirs {
            let only = |a: &[String], b: &[String]| {
                let row = a.iter().find(|row| !b.contains(row));
                row.map_or("nothing".to_owned(), |row| row.chars().take(400).collect())
            };
            return Err(format!(
                "{schema}.{name}: the model has {} rows, the server {}; only in the model: {}; only on the server: {}",
                ours.len(),
                theirs.len(),
                only(&ours, &theirs),
                only(&theirs, &ours)
            ));
        }
    }
    Ok(())
}

/// The rows as texts, sorted.
fn rows_of_model(arena: &Arena, database: &Database, id: TableId) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    let mut first = true;
    database
        .dump_table(arena, id, &mut |line| {
            if !std::mem::take(&mut first) {
                let values: Vec<Option<String>> = serde_json::from_str(line).unwrap_or_default();
                rows.push(format!("{values:?}"));
            }
        })
        .map_err(|e| e.to_string())?;
    rows.sort();
    Ok(rows)
}

fn rows_of_server(
    database: &Database,
    id: TableId,
    conn: &mut Conn,
) -> Result<Vec<String>, String> {
    let def = database.table(id).ok_or("it has gone")?.def();
    let columns: Vec<String> = def
        .columns
        .iter()
        .map(|column| match column.kind {
            ColumnKind::Bit { .. }
            | ColumnKind::Binary { .. }
            | ColumnKind::Varbinary { .. }
            | ColumnKind::Blob { .. }
            | ColumnKind::Geometry { .. }
            | ColumnKind::Vector { .. } => format!("HEX(`{}`)", column.name),
            _ => format!("CAST(`{}` AS CHAR)", column.name),
        })
        .collect();
    let sql = format!(
        "SELECT {} FROM `{}`.`{}`",
        columns.join(", "),
        def.schema,
        def.name
    );
    match servers::run(conn, &sql) {
        Outcome::Rows(rows) => {
            let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            rows.sort();
            Ok(rows)
        }
        // Without a row there is no column either.
        Outcome::Ok => Ok(Vec::new()),
        other => Err(format!("{other:?}")),
    }
}

/// A row image; `keeps` says which columns keep their value of the image before.
fn image(
    server: &Modelled,
    table: TableId,
    values: &[Option<String>],
    before: Option<(&[u8], &[bool])>,
) -> Vec<u8> {
    let def = server.database.table(table).expect("it is there").def();
    let mut builder = ImageBuilder::default();
    builder.start(def.columns.len());
    let old: Vec<Option<&[u8]>> = match before {
        Some((image, _)) => cutover_model::row::fields(&def.columns, image).collect(),
        None => Vec::new(),
    };
    for (i, (column, value)) in def.columns.iter().zip(values).enumerate() {
        let kept = before.filter(|(_, keeps)| keeps[i]).map(|_| old[i]);
        let raw = match (kept, value) {
            (Some(raw), _) => raw.map(<[u8]>::to_vec),
            (None, None) => None,
            (None, Some(text)) => {
                let mut raw = Vec::new();
                parse(column, text, &mut raw)
                    .unwrap_or_else(|e| panic!("`{text}` for {column:?}: {e}"));
                Some(raw)
            }
        };
        match raw {
            Some(raw) => builder.push(&raw),
            None => builder.push_null(),
        }
    }
    builder.image().to_vec()
}

fn keys(server: &Modelled, table: TableId) -> Vec<RowKey> {
    let table = server.database.table(table).expect("it is there");
    let rows = table.touched().filter(|(_, row)| row.is_some());
    rows.map(|(key, _)| key).collect()
}
