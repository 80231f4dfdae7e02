//! Waits and gates: a look at a server, until it says what the runbook wants.

use super::{Failure, NOT_HERE, Operator, POLL, failed};
use cutover_sim::{
    operator::Noted,
    runbook::{Host, Until, Wait},
    units::Micros,
};
use mysql::{Row, prelude::Queryable};

/// However fast the clock goes, servers are not asked more often than this.
pub(super) const POLL_AT_LEAST_MS: u64 = 20;
/// A wait of the runbook may take so long in real time.
const REAL_LIMIT_US: u64 = 180_000_000;

impl Operator<'_> {
    /// A timeout of days is hours here, and one of seconds is too short for a real server: a wait has some minutes of
    /// real time, whatever the runbook gives it. When one ends that begins now.
    pub(super) fn limit(&self) -> u64 {
        self.clock.now_us() + self.clock.of(self.clock.began_us() + REAL_LIMIT_US)
    }

    pub(super) fn wait(
        &mut self,
        until: Until<'_>,
        wait: &Wait,
        timeout: Micros,
    ) -> Result<(), Failure> {
        let (every, polls) = (wait.every.unwrap_or(POLL), wait.polls.unwrap_or(1).max(1));
        let limit = self.limit();
        let (mut agreed, mut skipped) = (0, 0);
        loop {
            if skipped < wait.skip_errors.unwrap_or(0) && self.skip_error()? {
                (skipped, agreed) = (skipped + 1, 0);
            } else {
                agreed = if self.holds(until)? { agreed + 1 } else { 0 };
            }
            if agreed >= polls {
                return Ok(());
            }
            if self.clock.now_us() > limit {
                return failed(format!("it did not come to an end within {timeout}"));
            }
            let least = self
                .clock
                .of(self.clock.began_us() + POLL_AT_LEAST_MS * 1_000);
            self.rest(Micros(every.0.max(least)))?;
        }
    }

    fn read_only(&mut self, host: Host) -> Result<bool, Failure> {
        let value: Option<u8> = self.at(host)?.query_first("SELECT @@global.read_only")?;
        Ok(value == Some(1))
    }

    /// Looks once.
    fn holds(&mut self, until: Until<'_>) -> Result<bool, Failure> {
        match until {
            Until::ReplicationRunning => {
                let status = self.running()?;
                Ok(status.io == "Yes" && status.sql == "Yes")
            }
            Until::SecondsBehindSource(most) => {
                let status = self.status()?;
                Ok(status.and_then(|s| s.lag).is_some_and(|lag| lag <= most))
            }
            Until::CaughtUp(most) => {
                let status = self.running()?;
                let runs = status.io == "Yes" && status.sql == "Yes";
                Ok(runs && status.lag.is_some_and(|lag| lag <= most))
            }
            Until::Applied(name) => {
                let status = self.running()?;
                match self.noted.get(name) {
                    Some(Noted::Position { file, pos }) => {
                        Ok(status.applied >= (file.clone(), *pos))
                    }
                    Some(Noted::Gtids(set)) => Ok(set.is_subset_of(&status.executed)),
                    None => failed(format!("nothing was noted as `{name}`")),
                }
            }
            Until::ReadOnly(host) => Ok(self.read_only(host)?),
            Until::Writable(host) => Ok(!self.read_only(host)?),
            Until::NoOpenTransactions(host) => {
                let connection = self.at(host)?;
                let open: Option<u64> =
                    connection.query_first("SELECT COUNT(*) FROM information_schema.innodb_trx")?;
                Ok(open == Some(0))
            }
            Until::SnapshotAvailable(id) => self.is_available(id),
            Until::Row(o) => {
                let found: Option<Row> = self.at(o.on)?.query_first(&o.sql)?;
                Ok(found.is_some())
            }
            Until::EventScheduler(..) | Until::Dms(_) => failed(NOT_HERE),
            Until::SourceUnchangedSince(name) => {
                let noted = self.noted.get(name).cloned();
                let same = match noted {
                    Some(Noted::Gtids(set)) => self.executed(Host::Source)? == set,
                    Some(Noted::Position { file, pos }) => {
                        self.position(Host::Source)? == (file, pos)
                    }
                    None => return failed(format!("nothing was noted as `{name}`")),
                };
                unwritten(same, name)
            }
            Until::NoWritesSince(name) => {
                let none = match self.noted.get(name).cloned() {
                    // There is no RDS here that would write anything itself.
                    Some(Noted::Gtids(set)) => self.executed(Host::Source)? == set,
                    Some(Noted::Position { file, pos }) => !self.has_writes_behind(&file, pos)?,
                    None => return failed(format!("nothing was noted as `{name}`")),
                };
                unwritten(none, name)
            }
        }
    }

    /// Whether the source's binlog has a statement or rows behind a position.
    fn has_writes_behind(&mut self, file: &str, pos: u64) -> Result<bool, Failure> {
        let connection = self.at(Host::Source)?;
        let files: Vec<Row> = connection.query("SHOW BINARY LOGS")?;
        let names = files.iter().filter_map(|row| row.get::<String, _>(0));
        let names: Vec<String> = names.skip_while(|name| name != file).collect();
        if names.is_empty() {
            return failed(format!(
                "{file} is purged: what was written nobody can tell"
            ));
        }
        for name in names {
            let from = if name == file { pos } else { 4 };
            let events: Vec<Row> =
                connection.query(format!("SHOW BINLOG EVENTS IN '{name}' FROM {from}"))?;
            let writes = |row: &Row| {
                let kind = row.get::<String, _>(2).unwrap_or_default();
                matches!(&*kind, "Query" | "XA_prepare") || kind.contains("_rows")
            };
            if events.iter().any(writes) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn unwritten(holds: bool, since: &str) -> Result<bool, Failure> {
    match holds {
        true => Ok(true),
        false => failed(format!(
            "the source was written to since `{since}` was noted"
        )),
    }
}
