//! What RDS does behind the console's buttons: automated snapshots, the Aurora read replica that it makes and looks
//! after, its promotion, and a cluster's own binlog.
//!
//! *Create Aurora read replica* takes a private snapshot, restores it and starts replication: by GTID where the source
//! has them, silently by file and position where not; RDS keeps the binlog files that the replica needs [D
//! `AuroraMySQL.Migrating.RDSMySQL.Replica.md`, `mysql-replication-gtid.md`]. Until its promotion the cluster can be
//! written to: nothing but good manners keeps clients off it.

use super::{Due, NO_TARGET, Snapshot, World, setup};
use crate::{
    faults::Occasion,
    history::Commit,
    runbook::{Host, Op, Step},
    units::Micros,
};
use cutover_model::{
    gtid::Gtid,
    replica::Start,
    server::{Cut, Durability},
};

/// The snapshot that RDS takes for itself.
const PRIVATE: &str = "rds:for-the-aurora-replica";
/// And the one that a read replica is made of.
const OF_REPLICA: &str = "rds:for-the-read-replica";

impl World {
    /// Automated snapshots, for a runbook that looks for the newest: nobody else would see them. The newest is from
    /// before the run. What was written between it and the beginning of the run is not modelled; that it lacks what is
    /// written in the run is.
    pub(super) fn automated_snapshots(&mut self, steps: &[Step]) {
        let looks = |step: &Step| matches!(step.op(), Ok(Op::MigrateLatestSnapshot));
        if !steps.iter().any(looks) {
            return;
        }
        let source = &self.environment.source;
        let (age, every) = (source.last_backup.0, source.backup_every.0);
        let cut = self
            .source
            .cut(&mut self.arena, self.now, Durability::Volume);
        let id = self.automated_id(-(age as i64));
        let snapshot = Snapshot {
            cut,
            at: 0,
            age_us: age,
            own_position: None,
            available: 0,
        };
        self.snapshots.insert(id, snapshot);
        let next = every.saturating_sub(age % every.max(1)).max(1);
        self.agenda.push(next, Due::Backup);
    }

    /// `rds:source-2026-03-02-03-07`, of a moment of the run.
    fn automated_id(&self, at: i64) -> String {
        let moment = self.moment(0).0.saturating_add_signed(at);
        let text = crate::units::Moment(moment).to_string();
        let minutes: String = text.chars().take(16).collect();
        format!("rds:source-{}", minutes.replace([':', ' ', 'T'], "-"))
    }

    /// The backup window has come.
    pub(super) fn backup(&mut self) {
        let every = self.environment.source.backup_every.0.max(1);
        self.agenda.push(self.now + every, Due::Backup);
        let id = self.automated_id(self.now as i64);
        if self.is_up(Host::Source) && !self.snapshots.contains_key(&id) {
            let copying = self.environment.control_plane.snapshot_fixed;
            self.cut_snapshot(&id, Host::Source, copying);
        }
    }

    /// The newest snapshot that can be restored, and its age.
    pub fn newest_snapshot(&self) -> Option<(String, Micros)> {
        let available = self
            .snapshots
            .iter()
            .filter(|(_, s)| s.available <= self.now);
        let age = |s: &Snapshot| self.now - s.at + s.age_us;
        let (id, newest) = available.min_by_key(|(_, s)| age(s))?;
        Some((id.clone(), Micros(age(newest) / 1_000_000 * 1_000_000)))
    }

    /// `aws rds create-db-cluster --replication-source-identifier …` is accepted: a private snapshot is cut after
    /// `start`, copied and restored, and then the cluster replicates.
    ///
    /// # Errors
    /// There is a cluster already.
    pub fn create_aurora_replica(
        &mut self,
        start: Micros,
        copying: Micros,
        restoring: Micros,
    ) -> Result<(), String> {
        if self.target.is_some() || self.marks.restoring {
            return Err(super::control::CLUSTER_EXISTS.into());
        }
        self.create_snapshot(PRIVATE, Host::Source, start, copying)?;
        self.marks.restoring = true;
        self.office.is_managed = true;
        let ready = self.now + start.0 + copying.0 + restoring.0;
        self.office.restoring_until(ready);
        self.occurs(Occasion::RestoreBegins);
        self.agenda.push(ready, Due::AuroraReplica);
        Ok(())
    }

    /// The cluster is there, and RDS starts its replication.
    pub(super) fn aurora_replica_is_ready(&mut self) {
        if self.restore_snapshot(PRIVATE).is_err() {
            return;
        }
        let gtids = self.environment.source.gtid_mode && self.environment.target_has_gtids();
        let start = match (gtids, self.recovery_event()) {
            (false, Some((file, pos))) => Start::Position { file, pos },
            _ => Start::AutoPosition,
        };
        self.tell(
            "rds",
            "the Aurora read replica is available: a private snapshot was restored, and it replicates from the source"
                .into(),
            Vec::new(),
        );
        // There is a cluster, and nothing was configured on it.
        let configured = self.set_external_source(Host::Target, start);
        let _ = configured.and_then(|()| self.start_replication(Host::Target));
    }

    /// Whether RDS looks after the target's replication.
    pub fn is_aurora_replica(&self) -> bool {
        self.office.is_managed
    }

    /// `aws rds promote-read-replica-db-cluster` is accepted: replication ends, and what was received and not applied is
    /// discarded.
    ///
    /// # Errors
    /// The target is no Aurora read replica.
    pub fn promote_cluster(&mut self) -> Result<(), String> {
        if self.target.is_none() || !self.office.is_managed {
            return Err("InvalidDBClusterStateFault: target is not a read replica".into());
        }
        self.office.is_managed = false;
        // An early write may have ended replication, and somebody may have reset it: then there is nothing to end.
        if self.stop_replication(Host::Target).is_ok() {
            let _ = self.reset_external_source(Host::Target);
        }
        Ok(())
    }

    /// The first file of the source that RDS keeps for the replicas that it looks after.
    pub(super) fn managed_file(&self) -> Option<u64> {
        let needed = |to: Host, made_of: &str| {
            let replica = self.channel(to).replica.as_ref();
            let read = replica.map(|r| r.read_position().file).filter(|f| *f > 0);
            read.or(self.snapshots.get(made_of).map(|s| s.cut.end.file))
        };
        let aurora = self
            .office
            .is_managed
            .then(|| needed(Host::Target, PRIVATE));
        let of_rds = self
            .office
            .replica_ready
            .map(|_| needed(Host::Replica, OF_REPLICA));
        [aurora, of_rds].into_iter().flatten().flatten().min()
    }

    /// `aws rds create-db-instance-read-replica` is accepted: a snapshot of the source is cut after `start`, copied and
    /// restored, and then the instance replicates.
    ///
    /// # Errors
    /// There is one already.
    pub fn create_read_replica(
        &mut self,
        start: Micros,
        copying: Micros,
        restoring: Micros,
    ) -> Result<(), String> {
        if self.office.replica_ready.is_some() {
            return Err("DBInstanceAlreadyExists: there is an instance replica already".into());
        }
        self.create_snapshot(OF_REPLICA, Host::Source, start, copying)?;
        let ready = self.now + start.0 + copying.0 + restoring.0;
        self.office.replica_ready = Some(ready);
        self.agenda.push(ready, Due::ReadReplica);
        Ok(())
    }

    /// When the read replica is available, in µs; none when nobody has asked for one.
    pub fn read_replica_ready_us(&self) -> Option<u64> {
        self.office.replica_ready
    }

    /// The read replica is there, and RDS starts its replication.
    pub(super) fn read_replica_is_ready(&mut self) {
        let Some(cut) = self.snapshots.get(OF_REPLICA).map(|s| s.cut.clone()) else {
            return;
        };
        let epoch_us = self.epoch_us + self.ahead_us[Host::Replica as usize];
        let replica = setup::read_replica(
            &self.environment,
            &self.arena,
            epoch_us,
            &self.source.config,
            &cut,
        );
        self.read_replica = Some(replica);
        let start = match self.environment.source.gtid_mode {
            true => Start::AutoPosition,
            false => Start::Position {
                file: cut.file_name,
                pos: cut.end.pos,
            },
        };
        self.tell(
            "rds",
            "the read replica is available, and replicates from the source".into(),
            Vec::new(),
        );
        // There is an instance, and nothing was configured on it.
        let configured = self.set_external_source(Host::Replica, start);
        let _ = configured.and_then(|()| self.start_replication(Host::Replica));
    }

    /// A cut through the read replica's volume, in the source's terms: where it stands in the source's binlog, and how many
    /// of the source's commits it has. With it, where its own binlog ends: that is what its restored copy believes.
    pub(super) fn cut_of_replica(&mut self) -> Option<(Cut, (String, u64))> {
        let status = self.replica_status(Host::Replica).ok()?;
        let exec = self
            .channel(Host::Replica)
            .replica
            .as_ref()?
            .exec_position();
        let server = self.read_replica.as_ref()?;
        let mut cut = server.cut(&mut self.arena, self.now, Durability::Volume);
        let own = (cut.file_name, cut.end.pos);
        let uuid = self.source.config.uuid;
        let has = |commit: &Commit| match (commit.gno, commit.end) {
            (0, end) => end <= exec,
            (gno, _) => cut.gtid_executed.contains(&Gtid::new(uuid, gno)),
        };
        // Behind the first that is missing there may be others: it is not the number of those that it has.
        let commits = &self.history.source;
        let missing = commits.iter().position(|commit| !has(&commit));
        cut.commits = missing.unwrap_or(commits.len()) as u64;
        (cut.end, cut.file_name) = (exec, status.exec_file);
        Some((cut, own))
    }

    /// `binlog_format = ROW` in the cluster's parameter group, and a restart that takes `outage`. The binlog goes on
    /// behind the source's last file that the restored volume knows: its names and positions are the cluster's own [B
    /// Pythian 2016].
    ///
    /// # Errors
    /// There is no cluster.
    pub fn enable_binlog(&mut self, outage: Micros) -> Result<(), String> {
        if self.target.is_none() {
            return Err(NO_TARGET.into());
        }
        self.target_crashes(outage);
        let epoch_us = self.epoch_us + self.now;
        if let Some(target) = self.target.as_mut()
            && target.server.binlog.is_none()
        {
            let binlog = setup::target_binlog(
                &self.environment,
                target.snapshot.as_ref().map(|s| s.cut.end.file),
                target.server.gtid_executed.clone(),
                epoch_us,
                self.mutants,
            );
            target.server.binlog = Some(binlog);
        }
        Ok(())
    }
}
