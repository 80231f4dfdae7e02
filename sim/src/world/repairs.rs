//! What RDS gives an operator whose replication has stopped with an error: procedures that leave something out.
//!
//! Sources: RDS and Aurora user guides, mysql-stored-proc-replicating (`mysql.rds_skip_repl_error`,
//! `mysql.rds_next_source_log`) and mysql-stored-proc-gtid (`mysql.rds_skip_transaction_with_gtid`); the bodies of these
//! procedures on RDS for MySQL 8.0: they stop both threads and start them again, do nothing while neither runs, and the one
//! with a GTID is outside of the binlog. MySQL manual, "CHANGE REPLICATION SOURCE TO": a new position deletes the relay log.
//! That those of Aurora are the same is unverified.

use super::{World, control::no_replication, marks::Skipped, replication::server_of};
use crate::{
    runbook::{Dialect, Host, typed_on},
    units::Micros,
};
use cutover_model::{
    binlog::{event::FIRST_POSITION, log::LogPos},
    gtid::Gtid,
    replica::{Failed, Range, Replica, Start, Status, ThreadError, refusal::is_fatal},
};

/// Something that would be left out, so that replication goes on.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    what: What,
    /// What replication has stopped with.
    pub(crate) error: ThreadError,
    /// What a person types.
    pub(crate) commands: Vec<String>,
    /// How long that sleeps, by the procedures' bodies.
    pub(crate) takes: Micros,
}

#[derive(Clone, Debug)]
enum What {
    /// The next group of the relay log, which is the one that failed or one before it.
    Next(Failed),
    /// The transaction with this GTID, and where it is.
    Gtid(Gtid, Range),
    /// What is left of the file that the receiver reads; the next one has this name and number.
    Rest(String, u64),
}

impl World {
    /// What would make the replication into a host go on, by leaving out what it has stopped at. None while it has not
    /// stopped with an error, after somebody has stopped it, and where no procedure helps: a damaged event, a receiver by
    /// GTID that is refused.
    ///
    /// # Errors
    /// Nothing is configured.
    pub(crate) fn repair_of(&self, on: Host) -> Result<Option<Repair>, String> {
        let status = self.replica_status(on)?;
        let replica = self.channel(on).replica.as_ref();
        let replica = replica.ok_or_else(|| no_replication(on))?;
        if self.marks.replication_of(on).stopped.is_some() || replica.is_stopped() {
            return Ok(None);
        }
        Ok(match (&status.last_sql_error, &status.last_io_error) {
            (Some(error), _) => self.repair_of_group(on, replica, error),
            (None, Some(error)) => self.repair_of_file(on, &status, error),
            (None, None) => None,
        })
    }

    fn repair_of_group(&self, on: Host, replica: &Replica, error: &ThreadError) -> Option<Repair> {
        let failed = replica.failed()?;
        let (what, commands, takes) = match self.server(on)?.config.gtid_mode {
            false => {
                let skip = "CALL mysql.rds_skip_repl_error;".to_string();
                (What::Next(failed), vec![skip], 4)
            }
            true => {
                let gtid = failed.gtid?;
                let commands = vec![
                    format!("CALL mysql.rds_skip_transaction_with_gtid('{gtid}');"),
                    "CALL mysql.rds_stop_replication;".into(),
                    "CALL mysql.rds_start_replication;".into(),
                ];
                (What::Gtid(gtid, failed.range), commands, 3)
            }
        };
        Some(Repair {
            what,
            error: error.clone(),
            commands: typed_on(on, commands),
            takes: Micros::secs(takes),
        })
    }

    fn repair_of_file(&self, on: Host, status: &Status, error: &ThreadError) -> Option<Repair> {
        let binlog = self.server(self.channel(on).from)?.binlog.as_ref()?;
        let number = binlog.number(&status.read_file)?;
        let procedure = Dialect::of(on, &self.environment).next_log();
        let helps = is_fatal(error.errno) && !status.auto_position;
        helps.then(|| Repair {
            what: What::Rest(binlog.name(number + 1), number + 1),
            error: error.clone(),
            commands: typed_on(on, vec![format!("CALL mysql.{procedure}({number});")]),
            takes: Micros::secs(4),
        })
    }

    /// Carries a repair out; false where there is nothing yet to leave out.
    ///
    /// # Errors
    /// Nothing is configured.
    pub(crate) fn repair(&mut self, on: Host, repair: &Repair) -> Result<bool, String> {
        let now = self.now;
        let applied = self.applied_to(on)?;
        self.stop_replication(on)?;
        let left_out = match &repair.what {
            What::Next(failed) => self
                .skip_next_group(on)
                .map(|range| (range.at, range.end(), range.at == failed.range.at)),
            What::Gtid(gtid, range) => {
                self.pass_over(on, *gtid);
                Some((range.at, range.end(), true))
            }
            What::Rest(name, file) => {
                let (file, pos) = (*file, FIRST_POSITION);
                let start = Start::Position {
                    file: name.clone(),
                    pos,
                };
                self.set_external_source(on, start)?;
                Some((applied, LogPos { file, pos }, true))
            }
        };
        if let Some((from, to, stopped_there)) = left_out {
            let marks = self.marks.replication_into(on);
            (marks.failed, marks.refused) = (None, None);
            marks.skipped.push(Skipped {
                at: now,
                from,
                to,
                stopped_there,
                error: repair.error.clone(),
            });
        }
        self.start_replication(on)?;
        Ok(left_out.is_some())
    }

    /// How far the binlog is applied that a host reads.
    fn applied_to(&self, on: Host) -> Result<LogPos, String> {
        let status = self.replica_status(on)?;
        let from = self.server(self.channel(on).from);
        let binlog = from.and_then(|server| server.binlog.as_ref());
        let file = binlog.and_then(|binlog| binlog.number(&status.exec_file));
        Ok(LogPos {
            file: file.unwrap_or_default(),
            pos: status.exec_pos,
        })
    }

    fn skip_next_group(&mut self, on: Host) -> Option<Range> {
        let servers = (
            &self.source,
            self.target.as_ref(),
            self.read_replica.as_ref(),
        );
        let channel = &mut self.channels[on as usize];
        let read = server_of(servers, channel.from)?;
        channel.replica.as_mut()?.skip_group(read)
    }

    fn pass_over(&mut self, on: Host, gtid: Gtid) {
        if let Some(server) = self.server_mut(on) {
            server.pass_over(gtid);
        }
    }
}
