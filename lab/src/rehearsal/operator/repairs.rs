//! What replication has stopped at is left out, by the SQL that RDS's procedures stand for.

use super::{
    Failure, Operator, POLL,
    replication::{Status, log_pos, quoted},
};
use cutover_model::{
    binlog::{event::FIRST_POSITION, log::LogPos},
    replica::{ThreadError, refusal::is_fatal},
};
use cutover_sim::world::Skipped;
use mysql::prelude::Queryable;

/// ER_REPLICA_WORKER_STOPPED_PREVIOUS_THD_ERROR.
const STOPPED_WITH_IT: u32 = 3_030;

/// A transaction's GTID, its file, and where the event ends that failed.
type Place = (String, String, u64);

impl Operator<'_> {
    /// Leaves out what replication has stopped at, and starts it again. False where it has not stopped with an error, or
    /// where nothing that the operator could leave out helps.
    pub(super) fn skip_error(&mut self) -> Result<bool, Failure> {
        if self.marks.replication.stopped.is_some() {
            return Ok(false);
        }
        let Some(status) = self.stopped_status()? else {
            return Ok(false);
        };
        // RDS's procedures do nothing then.
        if status.io == "No" && status.sql == "No" {
            return Ok(false);
        }
        let skip = match (status.sql_error, status.io_error) {
            (Some(error), _) => self.failed_group(&error)?.and_then(|(gtid, file, end)| {
                // A worker that begins in the middle of a file need not know its name.
                let file = Some(file).filter(|file| !file.is_empty());
                let to = log_pos(&file.unwrap_or(status.applied.0), end)?;
                // The binlog says later where the transaction begins and ends.
                let from = LogPos {
                    pos: to.pos.saturating_sub(1),
                    ..to
                };
                let gtid_mode = self.plan.environment.target_has_gtids();
                Some((group(gtid_mode, &gtid), from, to, error))
            }),
            (None, Some(error)) if is_fatal(error.errno) && !status.auto_position => {
                self.at_target()?.query_drop("STOP REPLICA")?;
                // How far it is applied is known when the applier has stopped.
                let applied = self.status()?.map(|status| status.applied);
                next_file(&status.received.0)
                    .zip(applied)
                    .and_then(|(next, applied)| {
                        let from = log_pos(&applied.0, applied.1)?;
                        Some((file(&next), from, log_pos(&next, FIRST_POSITION)?, error))
                    })
            }
            _ => None,
        };
        let Some((statements, from, to, error)) = skip else {
            return Ok(false);
        };
        for statement in statements.iter().map(String::as_str) {
            self.at_target()?.query_drop(statement)?;
        }
        self.at_target()?.query_drop("START REPLICA")?;
        let (at, errno) = (self.clock.now_us(), error.errno);
        self.marks.replication.skipped.push(Skipped {
            at,
            from,
            to,
            stopped_there: true,
            error,
        });
        self.tell(format!(
            "skips what replication has stopped at: error {errno}"
        ));
        Ok(true)
    }

    /// The transaction that failed. With several workers the status may name one that only waited for it and was stopped with
    /// it ([`STOPPED_WITH_IT`]); the workers' own table has both (measured on 9.7.4).
    fn failed_group(&mut self, error: &ThreadError) -> Result<Option<Place>, Failure> {
        let told: Option<String> = self.at_target()?.query_first(format!(
            "SELECT LAST_ERROR_MESSAGE FROM performance_schema.replication_applier_status_by_worker \
             WHERE LAST_ERROR_NUMBER NOT IN (0, {STOPPED_WITH_IT})"
        ))?;
        Ok(stopped_at(told.as_deref().unwrap_or(&error.text)))
    }

    /// The status, once a thread that has an error has stopped: a worker's error is told before the coordinator is gone,
    /// and until then nothing can be started.
    fn stopped_status(&mut self) -> Result<Option<Status>, Failure> {
        let limit = self.limit();
        loop {
            let status = self.status()?;
            let stops = status.as_ref().is_some_and(|s| {
                let applier = s.sql_error.is_some() && s.sql != "No";
                let refused = s.io_error.as_ref().is_some_and(|e| is_fatal(e.errno));
                applier || refused && s.io != "No"
            });
            if !stops || self.clock.now_us() > limit {
                return Ok(status);
            }
            self.rest(POLL)?;
        }
    }
}

/// What `mysql.rds_skip_repl_error` stands for, and with GTIDs `mysql.rds_skip_transaction_with_gtid`.
fn group(gtid_mode: bool, gtid: &str) -> Vec<String> {
    match gtid_mode {
        false => vec!["SET GLOBAL sql_replica_skip_counter = 1".into()],
        true => vec![
            format!("SET gtid_next = {}", quoted(gtid)),
            "BEGIN".into(),
            "COMMIT".into(),
            "SET gtid_next = 'AUTOMATIC'".into(),
        ],
    }
}

/// What `mysql.rds_next_source_log` stands for.
fn file(next: &str) -> Vec<String> {
    let next = quoted(next);
    vec![format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE = {next}, SOURCE_LOG_POS = {FIRST_POSITION}"
    )]
}

/// The transaction that an error of a worker is about, and where it ends: `Worker 1 failed executing transaction '…' at source
/// log binlog.000003, end_log_pos 65931` (measured on 9.7.4).
fn stopped_at(text: &str) -> Option<Place> {
    let (_, rest) = text.split_once("failed executing transaction '")?;
    let (gtid, rest) = rest.split_once("' at source log ")?;
    let (file, rest) = rest.split_once(", end_log_pos ")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let end = rest[..digits].parse().ok()?;
    Some((gtid.to_owned(), file.to_owned(), end))
}

/// The name of the file behind one.
fn next_file(name: &str) -> Option<String> {
    let (base, number) = name.rsplit_once('.')?;
    let next = number.parse::<u64>().ok()? + 1;
    Some(format!("{base}.{next:06}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_which_transaction_it_is_about() {
        let text = "Coordinator stopped because there were error(s) in the worker(s). The most recent failure being: Worker 1 \
                    failed executing transaction 'a50ce500-0000-4000-8000-000000000001:7' at source log binlog.000003, \
                    end_log_pos 65931. See error log and/or performance_schema.";
        let (gtid, file, end) = stopped_at(text).expect("a worker's error");
        assert_eq!(gtid, "a50ce500-0000-4000-8000-000000000001:7");
        assert_eq!((file.as_str(), end), ("binlog.000003", 65_931));
        assert_eq!(stopped_at("Relay log read failure"), None);
    }

    #[test]
    fn the_next_file_has_the_next_number() {
        assert_eq!(
            next_file("bin.log.000009").as_deref(),
            Some("bin.log.000010")
        );
        assert_eq!(
            next_file("binlog.999999").as_deref(),
            Some("binlog.1000000")
        );
        assert_eq!(next_file(""), None);
    }
}
