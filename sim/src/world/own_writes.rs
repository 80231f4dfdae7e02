//! What RDS writes into the source itself.
//!
//! Behind each rotation `rdsadmin` writes the time to `mysql.rds_heartbeat2`: a transaction with a GTID, in the binlog as a
//! statement. It is the first event of its file, "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,…) ON DUPLICATE
//! KEY UPDATE value = …" (seen in RDS's files: a reader of dba.stackexchange.com/q/59360, zendesk/maxwell#523), it has a
//! GTID like any other (PeerDB-io/peerdb#4524), and `rdsadmin` is stopped by no fence but by a SET of `read_only` that
//! waits. The table is in the schema `mysql`, nobody's data, and not modelled. What else RDS writes is not either.

use super::{Due, World};
use crate::{faults::Occasion, history::NO_COMMIT, runbook::Host};
use cutover_model::server::{Committed, Privilege, Reply, SessionId};

impl World {
    /// The binlog was rotated: RDS writes, as soon as the volume takes writes.
    pub(super) fn rds_writes(&mut self) {
        if !self.environment.source.rds_heartbeat || !self.is_up(Host::Source) {
            return;
        }
        if self.now < self.source_suspended_until {
            self.agenda
                .push(self.source_suspended_until, Due::RdsWrites);
            return;
        }
        // One that waits is not joined by another.
        if self.rds_session.is_none() {
            let session = self.source.connect(Privilege::Admin);
            self.rds_session = Some(session);
            self.rds_write_goes_on(session);
        }
    }

    /// The statement begins, or goes on behind what it waited for.
    pub(super) fn rds_write_goes_on(&mut self, session: SessionId) {
        let ms = (self.source.config.epoch_us + self.now) / 1_000;
        let sql = format!(
            "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,{ms}) ON DUPLICATE KEY UPDATE value = {ms}"
        );
        let now = self.now;
        match self.source.execute_own(&mut self.arena, now, session, sql) {
            Reply::Waiting | Reply::Committing => {}
            // `super_read_only`: nothing is written this time.
            Reply::Ok | Reply::NoRow | Reply::Failed(_) => self.rds_write_ends(),
        }
    }

    /// Whether a session of the source is RDS's own.
    #[inline]
    pub(super) fn is_of_rds(&self, host: Host, session: SessionId) -> bool {
        host == Host::Source && self.rds_session == Some(session)
    }

    /// The source has committed what RDS wrote.
    pub(super) fn rds_write_is_committed(&mut self, done: Committed) {
        self.note_commit(Host::Source, NO_COMMIT, done);
        self.last_commit_is_rds();
        self.rds_write_ends();
        self.occurs(Occasion::SourceCommits);
    }

    /// The source's last commit is one of RDS's own.
    pub(super) fn last_commit_is_rds(&mut self) {
        let number = self.history.source.len() - 1;
        self.history.of_rds.push(number as u32);
    }

    /// The source has lost its sessions.
    pub(super) fn rds_write_is_lost(&mut self) {
        self.rds_session = None;
    }

    /// Its session is closed, whether or not anything was written.
    pub(super) fn rds_write_ends(&mut self) {
        if let Some(session) = self.rds_session.take() {
            self.source.disconnect(&mut self.arena, session);
        }
    }
}
