//! What the replica is told, what it is waited for, and what it says.

use super::{DEADLINE, REPLICATION, Real};
use crate::{
    experiments::lag,
    modelled::SCHEMA,
    outcome::Outcome,
    script::{Asked, From, Host, Until},
    servers::{self, Session},
};
use mysql::prelude::Queryable;
use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

impl Real {
    pub(super) fn replicate(&mut self, from: &From) -> Outcome {
        let place = match from {
            From::Auto => "SOURCE_AUTO_POSITION = 1".to_owned(),
            From::File(file, pos) => {
                format!(
                    "SOURCE_AUTO_POSITION = 0, SOURCE_LOG_FILE = '{file}', SOURCE_LOG_POS = {pos}"
                )
            }
            From::Mark { mark, event, bytes } => {
                let Some((file, pos)) = self.marks.get(mark).cloned() else {
                    return Outcome::Text(format!("no mark {mark}"));
                };
                let pos = match event {
                    None => Some(pos + bytes),
                    Some(event) => self.event_from(&file, pos, event),
                };
                let Some(pos) = pos else {
                    return Outcome::Text("there is no such event".into());
                };
                format!(
                    "SOURCE_AUTO_POSITION = 0, SOURCE_LOG_FILE = '{file}', SOURCE_LOG_POS = {pos}"
                )
            }
        };
        let key = match self.asked {
            Asked::V5_6 => "",
            Asked::V9_7 => ", GET_SOURCE_PUBLIC_KEY = 1, SOURCE_RETRY_COUNT = 1000",
        };
        let change = format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {}, SOURCE_USER = 'root', \
             SOURCE_CONNECT_RETRY = 1, SOURCE_HEARTBEAT_PERIOD = 1, {place}{key}",
            self.proxy.port
        );
        match self.sql(Host::Replica, &change) {
            Outcome::Ok => self.sql(Host::Replica, "START REPLICA"),
            other => other,
        }
    }

    pub(super) fn binlog_events(&mut self, file: &str, from: u64) -> Vec<(u64, String)> {
        let sql = format!("SHOW BINLOG EVENTS IN '{file}' FROM {from}");
        let rows: Vec<mysql::Row> = self.source.conn().query(sql).unwrap_or_default();
        rows.iter()
            .filter_map(|row| Some((row.get(1)?, row.get(2)?)))
            .collect()
    }

    pub(super) fn event_from(&mut self, file: &str, pos: u64, name: &str) -> Option<u64> {
        let events = self.binlog_events(file, pos);
        let found = events.iter().find(|(_, is)| is.eq_ignore_ascii_case(name));
        found.map(|(pos, _)| *pos)
    }

    pub(super) fn events(&mut self) -> Outcome {
        let mut types = Vec::new();
        let files: Vec<mysql::Row> = self
            .source
            .conn()
            .query("SHOW BINARY LOGS")
            .unwrap_or_default();
        for file in files.iter().filter_map(|row| row.get::<String, _>(0)) {
            let events = self.binlog_events(&file, 4);
            let inside = |kind: &String| !matches!(kind.as_str(), "Format_desc" | "Previous_gtids");
            types.extend(
                events
                    .into_iter()
                    .map(|(_, kind)| kind)
                    .filter(inside)
                    .map(|kind| kind.to_uppercase()),
            );
        }
        Outcome::Text(types.join(" "))
    }

    pub(super) fn replica_status(&mut self) -> BTreeMap<String, String> {
        let sql = self.in_version("SHOW REPLICA STATUS");
        let row: Option<mysql::Row> = match &mut self.replica.conn {
            Some(conn) => conn.query_first(sql).ok().flatten(),
            None => None,
        };
        let Some(row) = row else {
            return BTreeMap::new();
        };
        let columns = row.columns();
        let names = columns.iter().map(|c| {
            let name = c.name_str();
            name.replace("Master", "Source").replace("Slave", "Replica")
        });
        let values = servers::texts(&row);
        names
            .zip(values)
            .map(|(name, value)| (name, value.unwrap_or_else(|| "NULL".into())))
            .collect()
    }

    pub(super) fn wait(&mut self, until: Until) -> Outcome {
        let deadline = Instant::now() + REPLICATION;
        while Instant::now() < deadline {
            if self.is_reached(until) {
                if self.asked == Asked::V5_6 {
                    // Its gtid_executed is ahead of what readers see.
                    thread::sleep(Duration::from_millis(200));
                }
                return Outcome::Ok;
            }
            thread::sleep(Duration::from_millis(50));
        }
        Outcome::Text("not within 20 s".into())
    }

    pub(super) fn is_reached(&mut self, until: Until) -> bool {
        let status = self.replica_status();
        let is = |field: &str, value: &str| status.get(field).is_some_and(|v| v == value);
        let at = |file: &str, pos: &str, end: &(String, u64)| {
            is(file, &end.0) && is(pos, &end.1.to_string())
        };
        match until {
            Until::Applied => {
                let end = self.source.end(self.asked);
                let applied = match self.settings.gtid && is("Auto_Position", "1") {
                    true => {
                        let wanted = self.source.gtids("gtid_executed");
                        wanted.is_subset_of(&self.replica.gtids("gtid_executed"))
                    }
                    false => at("Relay_Source_Log_File", "Exec_Source_Log_Pos", &end),
                };
                applied && at("Source_Log_File", "Read_Source_Log_Pos", &end)
            }
            Until::Received => {
                let end = self.source.end(self.asked);
                at("Source_Log_File", "Read_Source_Log_Pos", &end)
            }
            Until::Stopped => is("Replica_SQL_Running", "No"),
            Until::Refused => is("Replica_IO_Running", "No"),
            Until::Connected => is("Replica_IO_Running", "Yes"),
            Until::Disconnected => !is("Replica_IO_Running", "Yes"),
        }
    }

    pub(super) fn status(&mut self, wanted: &[String]) -> Outcome {
        // The coordinator writes down how far the workers are every 20 ms (see `reset`).
        thread::sleep(Duration::from_millis(200));
        let status = self.replica_status();
        if status.is_empty() {
            return Outcome::Rows(Vec::new());
        }
        let field = |name: &str| status.get(name).cloned().unwrap_or_default();
        let number = |name: &str| field(name).parse().unwrap_or(0);
        let cause = match wanted.iter().any(|f| f == "Cause") {
            true => self.cause(&field("Last_SQL_Error")),
            false => String::new(),
        };
        let names = &self.names;
        let value = |name: &str| match name {
            "Read_Source_Log_Pos" => names.position(&field("Source_Log_File"), number(name)),
            "Exec_Source_Log_Pos" => names.position(&field("Relay_Source_Log_File"), number(name)),
            "Retrieved_Gtid_Set" | "Executed_Gtid_Set" => {
                names.gtids(&field(name).parse().unwrap_or_default())
            }
            "Seconds_Behind_Source" => lag(field(name).parse().ok()),
            "Cause" => names.message(&cause),
            "Last_IO_Error" | "Last_SQL_Error" => names.message(&field(name)),
            _ => field(name),
        };
        Outcome::Fields(wanted.iter().map(|f| (f.clone(), value(f))).collect())
    }

    /// What the worker says, without where.
    pub(super) fn cause(&mut self, coordinator: &str) -> String {
        let sql =
            "SELECT last_error_message FROM performance_schema.replication_applier_status_by_worker
            WHERE last_error_number <> 0";
        let worker: Option<String> = match self.asked {
            Asked::V5_6 => None,
            Asked::V9_7 => self.replica.conn().query_first(sql).ok().flatten(),
        };
        let text = worker.unwrap_or_else(|| coordinator.to_owned());
        let at = text.find("Could not execute").unwrap_or(0);
        let text = text[at..]
            .split_once("; ")
            .map_or(&*text, |(_, cause)| cause);
        text.split(", Error_code")
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    pub(super) fn busy(&mut self, table: &str, id: u64) -> Outcome {
        let session = match Session::open(&self.replica.server, "root", SCHEMA) {
            Ok(session) => session,
            Err(error) => return Outcome::Text(error.to_string()),
        };
        session.run("BEGIN", DEADLINE);
        // With a gap lock on a row that is not there yet, its INSERT waits likewise.
        session.run(
            "SET SESSION transaction_isolation = 'REPEATABLE-READ'",
            DEADLINE,
        );
        session.run(
            &format!("SELECT * FROM {table} WHERE id = {id} FOR UPDATE"),
            DEADLINE,
        );
        self.replica.busy = Some(session);
        self.sql(Host::Replica, "SET GLOBAL innodb_lock_wait_timeout = 1000");
        Outcome::Ok
    }
}
