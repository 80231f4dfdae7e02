//! The pair on real servers.

mod replication;
mod scheduler;

use crate::{
    modelled::{LOCK_WAIT_S, PATIENCE_S, SCHEMA},
    outcome::{Names, Outcome},
    proxy::Proxy,
    script::{Act, Asked, Host, Line, Settings},
    servers::{self, NoServer, Server, Session},
};
use cutover_model::{
    apply::filter::Rules,
    gtid::{GtidSet, Uuid},
};
use mysql::{Conn, prelude::Queryable};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long to wait for replication.
const REPLICATION: Duration = Duration::from_secs(20);

struct Side {
    server: Server,
    /// For what the harness itself asks.
    conn: Option<Conn>,
    sessions: BTreeMap<String, Session>,
    /// Holds a row, so that the applier waits.
    busy: Option<Session>,
}

/// The pair.
pub struct Real {
    asked: Asked,
    source: Side,
    replica: Side,
    proxy: Proxy,
    settings: Settings,
    marks: BTreeMap<String, (String, u64)>,
    names: Names,
    /// The replica has been given another UUID, or the pair is otherwise not to be used again.
    pub spoilt: bool,
}

/// The settings that only a start can change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    gtid: bool,
    relay_log_recovery: bool,
}

impl Start {
    /// Of an experiment.
    pub fn of(settings: &Settings) -> Self {
        Self {
            gtid: settings.gtid,
            relay_log_recovery: settings.relay_log_recovery,
        }
    }
}

impl Side {
    fn start(asked: Asked, folder: &Path, host: Host, start: &Start) -> Result<Self, NoServer> {
        let (name, id) = match host {
            Host::Source => ("source", 1),
            Host::Replica => ("replica", 2),
        };
        let on = |yes: bool| if yes { "ON" } else { "OFF" };
        let mut options = vec![
            format!("--server-id={id}"),
            "--log-bin=binlog".into(),
            format!("--gtid-mode={}", on(start.gtid)),
            format!("--enforce-gtid-consistency={}", on(start.gtid)),
            "--log-slave-updates".into(),
            "--binlog-format=ROW".into(),
            "--event-scheduler=OFF".into(),
            "--innodb-flush-log-at-trx-commit=1".into(),
            format!("--innodb-lock-wait-timeout={LOCK_WAIT_S}"),
            format!("--relay-log-recovery={}", on(start.relay_log_recovery)),
            "--relay-log=relay".into(),
            "--report-host=replica".into(),
        ];
        match asked {
            Asked::V9_7 => options.push("--loose-rpl-semi-sync-source-wait-no-replica=ON".into()),
            Asked::V5_6 => options.extend([
                "--skip-slave-start".into(),
                "--character-set-server=utf8mb4".into(),
                "--relay-log-info-repository=TABLE".into(),
                "--master-info-repository=TABLE".into(),
                "--sql-mode=STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION".into(),
            ]),
        }
        let folder = folder.join(format!("{name}-{}", asked.name()));
        let mut side = Self {
            server: Server::start(asked, folder, options)?,
            conn: None,
            sessions: BTreeMap::new(),
            busy: None,
        };
        side.open()?;
        Ok(side)
    }

    fn open(&mut self) -> Result<(), NoServer> {
        let conn = self.server.connect("root");
        self.conn = Some(conn.map_err(|e| NoServer::Failed(e.to_string()))?);
        Ok(())
    }

    fn conn(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("the server runs")
    }

    fn try_sql(&mut self, sql: &str) -> Outcome {
        match &mut self.conn {
            Some(conn) => servers::run(conn, sql),
            None => Outcome::Error(2006, "MySQL server has gone away".into()),
        }
    }

    fn kill(&mut self) {
        self.server.kill();
        self.conn = None;
        self.sessions.clear();
        self.busy = None;
    }

    fn uuid(&mut self) -> Uuid {
        let text: Option<String> = self
            .conn()
            .query_first("SELECT @@server_uuid")
            .ok()
            .flatten();
        text.and_then(|t| t.parse().ok())
            .expect("a server has a UUID")
    }

    fn gtids(&mut self, variable: &str) -> GtidSet {
        let sql = format!("SELECT @@global.{variable}");
        let text: Option<String> = self.conn().query_first(sql).ok().flatten();
        text.and_then(|t| t.parse().ok()).expect("a GTID set")
    }

    fn end(&mut self, asked: Asked) -> (String, u64) {
        let sql = match asked {
            Asked::V5_6 => "SHOW MASTER STATUS",
            Asked::V9_7 => "SHOW BINARY LOG STATUS",
        };
        let row: Option<mysql::Row> = self.conn().query_first(sql).ok().flatten();
        row.and_then(|row| Some((row.get(0)?, row.get(1)?)))
            .expect("it has a binlog")
    }
}

impl Real {
    /// Starts a pair.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn new(asked: Asked, folder: &Path, start: &Start) -> Result<Self, NoServer> {
        let source = Side::start(asked, folder, Host::Source, start)?;
        let replica = Side::start(asked, folder, Host::Replica, start)?;
        let proxy = Proxy::new().map_err(|e| NoServer::Failed(e.to_string()))?;
        proxy.lead_to(source.server.port);
        let mut pair = Self {
            asked,
            source,
            replica,
            proxy,
            settings: Settings::default(),
            marks: BTreeMap::new(),
            names: Names::default(),
            spoilt: false,
        };
        for host in [Host::Source, Host::Replica] {
            pair.prepare(host);
        }
        pair.names.uuids = vec![
            (pair.source.uuid(), "SOURCE"),
            (pair.replica.uuid(), "REPLICA"),
        ];
        Ok(pair)
    }

    /// The version as the server says it.
    pub fn version(&mut self) -> String {
        let text: Option<String> = self
            .source
            .conn()
            .query_first("SELECT @@version")
            .ok()
            .flatten();
        // Without what a distribution adds.
        let text = text.unwrap_or_default();
        text.split('-').next().unwrap_or_default().to_owned()
    }

    fn prepare(&mut self, host: Host) {
        let asked = self.asked;
        let side = self.side(host);
        for sql in [
            "SET sql_log_bin = 0",
            "CREATE USER user@'127.0.0.1'",
            "GRANT ALL ON app.* TO user@'127.0.0.1'",
            "GRANT SELECT, INSERT ON *.* TO user@'127.0.0.1'",
            "SET sql_log_bin = 1",
        ] {
            side.try_sql(sql);
        }
        if asked == Asked::V9_7 && host == Host::Source {
            side.try_sql("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'");
        }
    }

    fn side(&mut self, host: Host) -> &mut Side {
        match host {
            Host::Source => &mut self.source,
            Host::Replica => &mut self.replica,
        }
    }

    fn both(&mut self, sql: &str) {
        for host in [Host::Source, Host::Replica] {
            self.sql(host, sql);
        }
    }

    fn sql(&mut self, host: Host, sql: &str) -> Outcome {
        let sql = self.in_version(sql);
        self.side(host).try_sql(&sql)
    }

    /// A statement in the words of the server's version.
    fn in_version(&self, sql: &str) -> String {
        if self.asked == Asked::V9_7 {
            return sql.to_owned();
        }
        let words = [
            ("RESET BINARY LOGS AND GTIDS", "RESET MASTER"),
            ("CHANGE REPLICATION SOURCE", "CHANGE MASTER"),
            ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS"),
            ("sql_replica_skip_counter", "sql_slave_skip_counter"),
            ("START REPLICA", "START SLAVE"),
            ("STOP REPLICA", "STOP SLAVE"),
            ("RESET REPLICA", "RESET SLAVE"),
            ("SOURCE_", "MASTER_"),
            ("replica_", "slave_"),
        ];
        words
            .iter()
            .fold(sql.to_owned(), |sql, (new, old)| sql.replace(new, old))
    }

    /// Makes the pair as if it had just been started, with these settings.
    ///
    /// # Errors
    /// A server that is down does not start.
    pub fn reset(&mut self, settings: &Settings) -> Result<(), NoServer> {
        for host in [Host::Source, Host::Replica] {
            if !self.side(host).server.runs() {
                self.restart(host)?;
            }
            let side = self.side(host);
            side.sessions.clear();
            side.busy = None;
        }
        self.proxy.set(crate::script::Link::Up);
        self.settings = settings.clone();
        self.marks.clear();
        self.names.ends.clear();
        let newer = self.asked == Asked::V9_7;
        if newer {
            self.both("SET GLOBAL super_read_only = 0");
            self.sql(Host::Source, "SET GLOBAL rpl_semi_sync_source_enabled = 0");
        }
        self.both("SET GLOBAL event_scheduler = OFF");
        for host in [Host::Source, Host::Replica] {
            self.end_fences(host);
        }
        self.both("SET GLOBAL read_only = 0");
        for sql in ["STOP REPLICA", "RESET REPLICA ALL"] {
            self.sql(Host::Replica, sql);
        }
        for host in [Host::Source, Host::Replica] {
            self.drop_schemas(host);
        }
        self.both("RESET BINARY LOGS AND GTIDS");
        let on = |yes: bool| if yes { "ON" } else { "OFF" };
        let workers = match (settings.workers, newer) {
            (0, true) => 4,
            (workers, _) => workers,
        };
        let mode = if settings.idempotent {
            "IDEMPOTENT"
        } else {
            "STRICT"
        };
        self.both(&format!(
            "SET GLOBAL binlog_row_image = '{}'",
            settings.row_image
        ));
        self.both(&format!(
            "SET GLOBAL sync_binlog = {}",
            settings.sync_binlog
        ));
        let checksum = if settings.checksum { "CRC32" } else { "NONE" };
        self.sql(
            Host::Source,
            &format!("SET GLOBAL binlog_checksum = {checksum}"),
        );
        let replica = [
            format!("SET GLOBAL replica_exec_mode = '{mode}'"),
            format!("SET GLOBAL replica_parallel_workers = {workers}"),
            format!(
                "SET GLOBAL replica_preserve_commit_order = {}",
                on(settings.commit_order)
            ),
            "SET GLOBAL replica_checkpoint_period = 20".to_owned(),
            "SET GLOBAL replica_max_allowed_packet = 1073741824".to_owned(),
            "SET GLOBAL time_zone = 'SYSTEM'".to_owned(),
        ];
        for sql in replica {
            self.sql(Host::Replica, &sql);
        }
        if newer {
            self.sql(Host::Replica, &filters(&settings.filters));
        }
        // Changing the checksum has rotated the log.
        self.sql(Host::Source, "RESET BINARY LOGS AND GTIDS");
        let create = format!("CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4");
        for sql in ["SET sql_log_bin = 0", &create, "SET sql_log_bin = 1"] {
            self.both(sql);
        }
        self.note_end();
        Ok(())
    }

    /// Ends each SET of `read_only` that still waits: one to 0 would change nothing, and the first take effect behind it.
    fn end_fences(&mut self, host: Host) {
        let waiting = "SELECT id FROM information_schema.processlist
            WHERE info LIKE 'SET GLOBAL %read_only = 1%' AND id <> CONNECTION_ID()";
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ids: Vec<u64> = self.side(host).conn().query(waiting).unwrap_or_default();
            if ids.is_empty() || Instant::now() > deadline {
                return;
            }
            for id in ids {
                self.sql(host, &format!("KILL {id}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn drop_schemas(&mut self, host: Host) {
        let sql = "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN
            ('mysql', 'information_schema', 'performance_schema', 'sys', 'test')";
        let schemas: Vec<String> = self.side(host).conn().query(sql).unwrap_or_default();
        for schema in schemas {
            self.sql(host, &format!("DROP DATABASE `{schema}`"));
        }
    }

    fn restart(&mut self, host: Host) -> Result<(), NoServer> {
        let side = self.side(host);
        side.server.restart()?;
        side.open()?;
        if host == Host::Source {
            self.proxy.lead_to(self.source.server.port);
        }
        Ok(())
    }

    fn note_end(&mut self) {
        if self.source.conn.is_some() {
            let (file, pos) = self.source.end(self.asked);
            self.names.ended(&file, pos);
        }
    }

    /// Runs a line; what came of it.
    ///
    /// # Errors
    /// A server that was killed does not start again.
    pub fn run(&mut self, line: &Line) -> Result<String, NoServer> {
        let outcome = match &line.act {
            Act::Sql(sql) => self.statement(line, sql),
            act => self.act(line, act)?,
        };
        if line.host == Host::Source {
            self.note_end();
        }
        Ok(outcome.text(&self.names))
    }

    fn statement(&mut self, line: &Line, sql: &str) -> Outcome {
        if let Some(name) = sql.strip_prefix("SELECT @@global.gtid_") {
            let set = self.side(line.host).gtids(&format!("gtid_{name}"));
            return Outcome::Text(self.names.gtids(&set));
        }
        let sql = self.in_version(sql);
        let patience = match line.may_wait {
            true => Duration::from_secs(PATIENCE_S),
            false => DEADLINE,
        };
        match self.session(line) {
            Ok(session) => session.run(&sql, patience),
            Err(outcome) => outcome,
        }
    }

    fn session(&mut self, line: &Line) -> Result<&Session, Outcome> {
        let side = self.side(line.host);
        if !side.server.runs() {
            return Err(Outcome::Error(2006, "MySQL server has gone away".into()));
        }
        if !side.sessions.contains_key(&line.session) {
            let user = match line.session.starts_with("user") {
                true => "user",
                false => "root",
            };
            let opened = Session::open(&side.server, user, SCHEMA);
            let session = opened.map_err(|e| Outcome::Text(e.to_string()))?;
            side.sessions.insert(line.session.clone(), session);
        }
        Ok(&side.sessions[&line.session])
    }

    fn act(&mut self, line: &Line, act: &Act) -> Result<Outcome, NoServer> {
        match act {
            Act::Sql(_) => {}
            Act::Mark(name) => {
                let end = self.source.end(self.asked);
                self.marks.insert(name.clone(), end);
            }
            Act::Snapshot => self.snapshot(),
            Act::Replicate(from) => return Ok(self.replicate(from)),
            Act::Wait(until) => return Ok(self.wait(*until)),
            Act::Status(wanted) => return Ok(self.status(wanted)),
            Act::Kill => self.side(line.host).kill(),
            Act::Lose(mark) => self.lose(mark),
            Act::Start => {
                self.restart(line.host)?;
                if line.host == Host::Replica && self.asked == Asked::V5_6 {
                    self.sql(Host::Replica, "START REPLICA");
                }
            }
            Act::Twin => self.twin()?,
            Act::Sleep(seconds) => thread::sleep(Duration::from_secs(*seconds)),
            Act::Link(link) => self.proxy.set(*link),
            Act::Busy(table, id) => return Ok(self.busy(table, *id)),
            Act::Free => self.replica.busy = None,
            Act::Gap => self.gap(line.host),
            Act::NoGap => {
                self.sql(line.host, "SET GLOBAL rpl_semi_sync_source_enabled = 0");
            }
            Act::Same(table) => {
                let sql = format!("SELECT * FROM {SCHEMA}.{table}");
                let rows = [Host::Source, Host::Replica]
                    .map(|host| self.side(host).try_sql(&sql).text(&Names::default()));
                return Ok(Outcome::same(&rows[0], &rows[1]));
            }
            Act::Quit => {
                self.side(line.host).sessions.remove(&line.session);
                // The server hears of it in a moment.
                thread::sleep(Duration::from_millis(300));
            }
            Act::Result => {
                return Ok(match self.session(line) {
                    Ok(session) => session.result(DEADLINE),
                    Err(Outcome::Error(..)) => {
                        Outcome::Error(2013, "Lost connection to MySQL server during query".into())
                    }
                    Err(outcome) => outcome,
                });
            }
            Act::Gtid(set) => return Ok(self.empty_transactions(line.host, set)),
            Act::Events => return Ok(self.events()),
            Act::Scheduled => return Ok(self.scheduled(line.host)),
            Act::Run => self.run_events(line.host),
        }
        Ok(Outcome::Ok)
    }

    fn snapshot(&mut self) {
        let gtids = self.source.gtids("gtid_executed");
        let tables: Vec<String> = self
            .source
            .conn()
            .query(format!("SHOW TABLES FROM {SCHEMA}"))
            .unwrap_or_default();
        let mut statements = vec![
            "SET sql_log_bin = 0".to_owned(),
            "SET foreign_key_checks = 0".into(),
            format!("USE {SCHEMA}"),
        ];
        for table in &tables {
            let sql = format!("SHOW CREATE TABLE {SCHEMA}.{table}");
            let created: Option<(String, String)> =
                self.source.conn().query_first(sql).ok().flatten();
            statements.extend(created.map(|(_, sql)| sql));
            let rows = self
                .source
                .conn()
                .query::<mysql::Row, _>(format!("SELECT * FROM {SCHEMA}.{table}"));
            for row in rows.unwrap_or_default() {
                let values: Vec<String> = row.unwrap().iter().map(|v| v.as_sql(true)).collect();
                statements.push(format!(
                    "INSERT INTO {table} VALUES ({})",
                    values.join(", ")
                ));
            }
        }
        statements.extend(self.event_declarations());
        statements.push("SET foreign_key_checks = 1".into());
        statements.push("SET sql_log_bin = 1".into());
        if self.settings.gtid && !gtids.is_empty() {
            statements.push(format!("SET GLOBAL gtid_purged = '{gtids}'"));
        }
        for sql in statements {
            self.replica.try_sql(&sql);
        }
    }

    fn empty_transactions(&mut self, host: Host, set: &str) -> Outcome {
        let set: GtidSet = self.names.with_uuids(set).parse().expect("a GTID set");
        for (uuid, _, interval) in set.intervals() {
            for gno in interval.first..=interval.last {
                for sql in [
                    &format!("SET gtid_next = '{uuid}:{gno}'"),
                    "BEGIN",
                    "COMMIT",
                ] {
                    if let Outcome::Error(code, text) = self.side(host).try_sql(sql) {
                        return Outcome::Error(code, text);
                    }
                }
            }
        }
        self.side(host).try_sql("SET gtid_next = 'AUTOMATIC'")
    }

    /// Commits wait for a replica that never acknowledges, behind the publication of the binlog (AFTER_SYNC).
    fn gap(&mut self, host: Host) {
        for sql in [
            "SET GLOBAL rpl_semi_sync_source_timeout = 1000000",
            "SET GLOBAL rpl_semi_sync_source_enabled = 1",
        ] {
            self.sql(host, sql);
        }
    }

    fn lose(&mut self, mark: &str) {
        self.source.kill();
        let Some((file, pos)) = self.marks.get(mark) else {
            return;
        };
        let path: PathBuf = self.source.server.datadir().join(file);
        let cut = std::fs::OpenOptions::new().write(true).open(path);
        let _ = cut.and_then(|file| file.set_len(*pos));
    }

    fn twin(&mut self) -> Result<(), NoServer> {
        self.spoilt = true;
        let uuid = self.source.uuid();
        self.replica.kill();
        let path = self.replica.server.datadir().join("auto.cnf");
        let text = format!("[auto]\nserver-uuid={uuid}\n");
        std::fs::write(path, text).map_err(|e| NoServer::Failed(e.to_string()))?;
        self.restart(Host::Replica)
    }
}

/// The statement that sets these filters, and takes all others back.
fn filters(rules: &Rules) -> String {
    let name = |names: &[String]| format!("({})", names.join(", "));
    let pattern = |patterns: &[String]| {
        let quoted = patterns.iter();
        let quoted = quoted.map(|text| format!("'{}'", text.replace('\\', "\\\\")));
        name(&quoted.collect::<Vec<_>>())
    };
    format!(
        "CHANGE REPLICATION FILTER REPLICATE_DO_DB = {}, REPLICATE_IGNORE_DB = {}, REPLICATE_DO_TABLE = {}, \
         REPLICATE_IGNORE_TABLE = {}, REPLICATE_WILD_DO_TABLE = {}, REPLICATE_WILD_IGNORE_TABLE = {}",
        name(&rules.do_db),
        name(&rules.ignore_db),
        name(&rules.do_table),
        name(&rules.ignore_table),
        pattern(&rules.wild_do_table),
        pattern(&rules.wild_ignore_table),
    )
}
