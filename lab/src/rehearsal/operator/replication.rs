//! Replication, in SQL: coordinates, the external source, the status.

use super::{
    super::{LabError, servers::place::Address},
    Failure, NO_REPLICA, Operator, POLL, failed,
};
use cutover_model::{binlog::log::LogPos, gtid::GtidSet, replica::ThreadError};
use cutover_sim::{
    operator::Noted,
    runbook::{CoordinatesFrom, Host},
};
use mysql::{Row, Value, prelude::Queryable};

/// What a replica says of itself.
pub(super) struct Status {
    pub(super) io: String,
    pub(super) sql: String,
    pub(super) lag: Option<u64>,
    error: Option<String>,
    pub(super) io_error: Option<ThreadError>,
    pub(super) sql_error: Option<ThreadError>,
    pub(super) auto_position: bool,
    pub(super) applied: (String, u64),
    pub(super) received: (String, u64),
    pub(super) executed: GtidSet,
}

impl Operator<'_> {
    pub(super) fn position(&mut self, host: Host) -> Result<(String, u64), Failure> {
        let row: Option<Row> = self.at(host)?.query_first("SHOW BINARY LOG STATUS")?;
        match row.and_then(|row| Some((row.get(0)?, row.get(1)?))) {
            Some(found) => Ok(found),
            None => failed("it has no binlog"),
        }
    }

    pub(super) fn executed(&mut self, host: Host) -> Result<GtidSet, Failure> {
        gtids(
            self.at(host)?
                .query_first("SELECT @@global.gtid_executed")?,
        )
    }

    pub(super) fn read_coordinates(&mut self, from: CoordinatesFrom) -> Result<Noted, Failure> {
        Ok(match from {
            CoordinatesFrom::SourcePosition => {
                let (file, pos) = self.position(Host::Source)?;
                Noted::Position { file, pos }
            }
            CoordinatesFrom::TargetPosition => {
                let (file, pos) = self.position(Host::Target)?;
                Noted::Position { file, pos }
            }
            CoordinatesFrom::SourceGtidExecuted => Noted::Gtids(self.executed(Host::Source)?),
            CoordinatesFrom::TargetGtidExecuted => Noted::Gtids(self.executed(Host::Target)?),
            CoordinatesFrom::ReplicaPosition => return failed(NO_REPLICA),
            CoordinatesFrom::RecoveryEvent => {
                let restored = self.restored.as_ref().and_then(|id| self.snapshots.get(id));
                match restored {
                    Some(snapshot) => Noted::Position {
                        file: snapshot.file.clone(),
                        pos: snapshot.pos,
                    },
                    None => return failed("no instance was restored yet"),
                }
            }
        })
    }

    pub(super) fn set_external_source(&mut self, at: Option<&str>) -> Result<(), Failure> {
        let place = match at {
            None => "SOURCE_AUTO_POSITION = 1".to_string(),
            Some(name) => match self.noted.get(name) {
                Some(Noted::Position { file, pos }) => {
                    self.marks.replication.from = log_pos(file, *pos);
                    format!(
                        "SOURCE_LOG_FILE = '{file}', SOURCE_LOG_POS = {pos}, SOURCE_AUTO_POSITION = 0"
                    )
                }
                _ => return failed(format!("no position was noted as `{name}`")),
            },
        };
        let Address { host, port } = self.servers.source_for_target(self.source);
        let (user, password) = (&self.source.repl.user, quoted(&self.source.repl.password));
        self.at_target()?.query_drop(format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = {host}, SOURCE_PORT = {port}, SOURCE_USER = '{user}', \
             SOURCE_PASSWORD = {password}, SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, {place}",
            host = quoted(&host)
        ))?;
        self.marks.replication.configured = Some(self.clock.now_us());
        Ok(())
    }

    pub(super) fn stop_replication(&mut self) -> Result<(), Failure> {
        if let Some(status) = self.status()? {
            self.marks.replication.received_to = log_pos(&status.received.0, status.received.1);
            self.marks.replication.sent_to = self.marks.replication.received_to;
            let now = self.clock.now_us();
            let replication = &mut self.marks.replication;
            replication.refused = status.io_error.map(|e| (now, e));
            replication.failed = status.sql_error.map(|e| (now, e));
            replication.stopped.get_or_insert(now);
        }
        self.at_target()?.query_drop("STOP REPLICA")?;
        Ok(())
    }

    /// Lets the applier finish what nothing has stopped, notes how replication stands, and stops it: what is read after
    /// this stays as it is.
    ///
    /// # Errors
    /// A server that does not answer.
    pub fn come_to_rest(&mut self) -> Result<(), LabError> {
        let stands = self.marks.replication.clone();
        if self.target.is_none() || stands.started.is_none() || stands.stopped.is_some() {
            return Ok(());
        }
        let (end, limit) = (self.position(Host::Source), self.limit());
        // A thread that has stopped is told by the status that is noted.
        while let (Ok(end), Ok(status)) = (&end, self.running()) {
            if status.applied >= *end || self.clock.now_us() > limit {
                break;
            }
            self.rest(POLL)?;
        }
        if let Ok(Some(status)) = self.status() {
            let now = self.clock.now_us();
            let replication = &mut self.marks.replication;
            replication.received_to = log_pos(&status.received.0, status.received.1);
            self.marks.replication.sent_to = self.marks.replication.received_to;
            self.marks.replication.refused = status.io_error.map(|e| (now, e));
            self.marks.replication.failed = status.sql_error.map(|e| (now, e));
        }
        if let Some((_, connection)) = &mut self.target {
            connection.query_drop("STOP REPLICA")?;
        }
        Ok(())
    }

    pub(super) fn status(&mut self) -> Result<Option<Status>, Failure> {
        let row: Option<Row> = self.at_target()?.query_first("SHOW REPLICA STATUS")?;
        let Some(row) = row else { return Ok(None) };
        let text = |name: &str| -> String {
            row.get::<Option<String>, _>(name)
                .flatten()
                .unwrap_or_default()
        };
        let number = |name: &str| text(name).parse::<u64>().ok();
        let error = |errno: &str, name: &str| {
            let errno = number(errno).filter(|n| *n != 0)?;
            Some(ThreadError {
                errno: errno as u32,
                text: text(name),
            })
        };
        let io_error = error("Last_IO_Errno", "Last_IO_Error");
        let sql_error = error("Last_SQL_Errno", "Last_SQL_Error");
        let first = sql_error.as_ref().or(io_error.as_ref());
        Ok(Some(Status {
            io: text("Replica_IO_Running"),
            sql: text("Replica_SQL_Running"),
            lag: number("Seconds_Behind_Source"),
            error: first.map(|e| format!("{} ({})", e.text, e.errno)),
            io_error,
            sql_error,
            auto_position: number("Auto_Position") == Some(1),
            applied: (
                text("Relay_Source_Log_File"),
                number("Exec_Source_Log_Pos").unwrap_or(0),
            ),
            received: (
                text("Source_Log_File"),
                number("Read_Source_Log_Pos").unwrap_or(0),
            ),
            executed: gtids(Some(text("Executed_Gtid_Set")))?,
        }))
    }

    /// The replica's status; a thread that stopped with an error is a failure.
    pub(super) fn running(&mut self) -> Result<Status, Failure> {
        let status = self.status()?;
        let connected = status.as_ref().is_some_and(|s| s.io == "Yes");
        if connected && self.marks.replication.from.is_none() {
            // By GTID, it reads from where the snapshot ends.
            self.marks.replication.from = self.snapshot().map(|(facts, _)| facts.end);
        }
        match status {
            None => failed("no external source was configured"),
            Some(Status {
                error: Some(error), ..
            }) => failed(error),
            Some(status) => Ok(status),
        }
    }
}

/// As a text of SQL.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).as_sql(false)
}

fn gtids(text: Option<String>) -> Result<GtidSet, Failure> {
    let text = text.unwrap_or_default().replace(['\n', ' '], "");
    text.parse()
        .or_else(|error| failed(format!("a GTID set that cannot be read: {error}")))
}

/// `mysql-bin-changelog.000214` and a position.
pub(super) fn log_pos(file: &str, pos: u64) -> Option<LogPos> {
    let (_, number) = file.rsplit_once('.')?;
    Some(LogPos {
        file: number.parse().ok()?,
        pos,
    })
}
