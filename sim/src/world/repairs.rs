//! What RDS gives an operator whose replication has stopped with an error: procedures that leave something out.
//!
//! Sources: RDS and Aurora user guides, mysql-stored-proc-replicating (`mysql.rds_skip_repl_error`,
//! `mysql.rds_next_source_log`) and mysql-stored-proc-gtid (`mysql.rds_skip_transaction_with_gtid`); MySQL manual, "Skipping
//! Transactions", and "CHANGE REPLICATION SOURCE TO", which deletes the relay log when it is given a position.

use super::{World, control::no_replication, marks::Skipped, replication::server_of};
use crate::runbook::{Dialect, Host};
use cutover_model::{
    binlog::log::LogPos,
    gtid::Gtid,
    replica::{Start, Status, ThreadError},
};

/// Something that would be left out, so that replication goes on.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    what: What,
    /// What replication has stopped with.
    pub(crate) error: ThreadError,
    /// What a person types.
    pub(crate) commands: Vec<String>,
}

#[derive(Clone, Debug)]
enum What {
    /// The next group of the relay log.
    Next,
    /// The transaction with this GTID, which lies between these places.
    Gtid(Gtid, LogPos, LogPos),
    /// What is left of the file that the receiver reads; the next one has this name and number.
    Rest(String, u64),
}

/// Where a binlog's first event begins.
const HEAD: u64 = 4;

impl World {
    /// What would make the replication into a host go on, by leaving out what it has stopped at. None while it has not
    /// stopped with an error, or where no procedure helps: a damaged event, a receiver by GTID that is refused.
    ///
    /// # Errors
    /// Nothing is configured.
    pub(crate) fn repair_of(&self, on: Host) -> Result<Option<Repair>, String> {
        let status = self.replica_status(on)?;
        Ok(match (&status.last_sql_error, &status.last_io_error) {
            (Some(error), _) => self.skips_group(on, error),
            (None, Some(error)) => self.skips_file(on, &status, error),
            (None, None) => None,
        })
    }

    fn skips_group(&self, on: Host, error: &ThreadError) -> Option<Repair> {
        let failed = self.channel(on).replica.as_ref()?.failed()?;
        let (what, commands) = match self.server(on)?.config.gtid_mode {
            false => (What::Next, vec!["CALL mysql.rds_skip_repl_error;".into()]),
            true => {
                let (gtid, range) = (failed.gtid?, failed.range);
                let skip = format!("CALL mysql.rds_skip_transaction_with_gtid('{gtid}');");
                let start = "CALL mysql.rds_start_replication;".into();
                (What::Gtid(gtid, range.at, range.end()), vec![skip, start])
            }
        };
        Some(Repair {
            what,
            error: error.clone(),
            commands,
        })
    }

    fn skips_file(&self, on: Host, status: &Status, error: &ThreadError) -> Option<Repair> {
        let version = self.server(on)?.config.version;
        let binlog = self.server(self.channel(on).from)?.binlog.as_ref()?;
        let number = binlog.number(&status.read_file)?;
        let helps = error.errno == version.fatal_dump_errno() && !status.auto_position;
        let procedure = Dialect::of(on, &self.environment).next_log();
        helps.then(|| Repair {
            what: What::Rest(binlog.name(number + 1), number + 1),
            error: error.clone(),
            commands: vec![format!("CALL mysql.{procedure}({number});")],
        })
    }

    /// Carries a repair out.
    ///
    /// # Errors
    /// Nothing is configured, or there is nothing to leave out.
    pub(crate) fn repair(&mut self, on: Host, repair: &Repair) -> Result<(), String> {
        let now = self.now;
        let (from, to) = match &repair.what {
            What::Next => self.skip_next_group(on)?,
            What::Gtid(gtid, from, to) => {
                self.commit_empty(on, *gtid);
                (*from, *to)
            }
            What::Rest(name, file) => {
                let (from, pos) = (self.read_from(on, name)?, HEAD);
                (from, LogPos { file: *file, pos })
            }
        };
        let marks = self.marks.replication_into(on);
        (marks.failed, marks.refused) = (None, None);
        marks.skipped.push(Skipped {
            at: now,
            from,
            to,
            error: repair.error.clone(),
        });
        self.start_replication(on)
    }

    fn skip_next_group(&mut self, on: Host) -> Result<(LogPos, LogPos), String> {
        let servers = (
            &self.source,
            self.target.as_ref(),
            self.read_replica.as_ref(),
        );
        let channel = &mut self.channels[on as usize];
        let read = server_of(servers, channel.from);
        let (read, replica) = read
            .zip(channel.replica.as_mut())
            .ok_or_else(|| no_replication(on))?;
        let skipped = replica.skip_group(read);
        let skipped = skipped.ok_or("the relay log has nothing that could be skipped")?;
        Ok((skipped.at, skipped.end()))
    }

    fn commit_empty(&mut self, on: Host, gtid: Gtid) {
        let now = self.now;
        let server = match on {
            Host::Source => Some(&mut self.source),
            Host::Target => self.target.as_mut().map(|t| &mut t.server),
            Host::Replica => self.read_replica.as_mut(),
        };
        if let Some(server) = server {
            server.commit_empty(&self.arena, now, gtid);
        }
        self.published(on);
    }

    /// The receiver goes on with another file. What was received and not applied is deleted with the relay log. Returns how
    /// far it was applied.
    fn read_from(&mut self, on: Host, name: &str) -> Result<LogPos, String> {
        let applied = self.replica_status(on)?;
        self.stop_replication(on)?;
        let start = Start::Position {
            file: name.to_owned(),
            pos: HEAD,
        };
        self.set_external_source(on, start)?;
        let from = self.server(self.channel(on).from);
        let binlog = from.and_then(|server| server.binlog.as_ref());
        Ok(LogPos {
            file: binlog
                .and_then(|b| b.number(&applied.exec_file))
                .unwrap_or_default(),
            pos: applied.exec_pos,
        })
    }
}
