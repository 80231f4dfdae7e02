//! What the operator can do to the world, and see of it.

use super::{Due, NO_TARGET, Snapshot, Target, World, setup};
use crate::{
    environment::Retention, faults::Occasion, probes::Probe, runbook::Host, units::Micros,
};
use cutover_model::{
    apply::Mode,
    gtid::GtidSet,
    mutant::Mutant,
    names::Record,
    replica::{Config, Replica, Start, Status},
    schema::TableDef,
    server::Durability,
};

const CLUSTER_EXISTS: &str = "DBClusterAlreadyExistsFault: there is a cluster target already";
const NO_REPLICATION: &str = "no external source is configured on the target";

impl World {
    /// `CALL mysql.rds_set_configuration('binlog retention hours', …)`.
    pub fn set_retention(&mut self, time: Micros) {
        self.retention = Retention::For(time);
    }

    /// `aws rds create-db-snapshot`: it is cut after `start`, and available `copying` later.
    ///
    /// # Errors
    /// There is one of this name already.
    pub fn create_snapshot(
        &mut self,
        id: &str,
        start: Micros,
        copying: Micros,
    ) -> Result<(), String> {
        if self.snapshots.contains_key(id) || self.office.is_asked_for(id) {
            return Err(format!(
                "DBSnapshotAlreadyExists: there is a snapshot {id} already"
            ));
        }
        if start.0 == 0 {
            self.cut_snapshot(id, copying);
            return Ok(());
        }
        let snapshot = self.office.ask_for_snapshot(id, copying);
        self.agenda
            .push(self.now + start.0, Due::SnapshotCut(snapshot));
        Ok(())
    }

    /// Somebody sets it back to NULL.
    pub(super) fn retention_is_lost(&mut self) {
        self.retention = Retention::None;
    }

    /// Cuts a snapshot through the source's volume, now; it is available after `copying`.
    pub(super) fn cut_snapshot(&mut self, id: &str, copying: Micros) {
        if !self.environment.source.multi_az {
            self.source_suspended_until =
                self.now + self.environment.control_plane.snapshot_suspends_io.0;
        }
        let mut cut = self
            .source
            .cut(&mut self.arena, self.now, Durability::Volume);
        self.tear(&mut cut);
        self.cut_myisam(&mut cut);
        self.tell(
            "rds",
            format!("the snapshot {id} is cut at {}: everything committed up to {}:{} is in it, nothing later", self.moment(self.now).time_of_day(), cut.file_name, cut.end.pos),
            Vec::new(),
        );
        self.occurs(Occasion::SnapshotCut);
        self.snapshots.insert(
            id.to_string(),
            Snapshot {
                cut,
                at: self.now,
                available: self.now + copying.0,
            },
        );
    }

    /// Whether a snapshot can be restored.
    ///
    /// # Errors
    /// There is no such snapshot.
    pub fn snapshot_is_available(&self, id: &str) -> Result<bool, String> {
        match self.snapshot(id) {
            Some(snapshot) => Ok(snapshot.available <= self.now),
            None if self.office.is_asked_for(id) => Ok(false),
            None => Err(format!("DBSnapshotNotFound: there is no snapshot {id}")),
        }
    }

    /// `aws rds restore-db-cluster-from-snapshot` is accepted; the cluster is there after `takes`.
    ///
    /// # Errors
    /// There is no such snapshot, it is not available, or there is a cluster already.
    pub fn restore_begins(&mut self, id: &str, takes: Micros) -> Result<(), String> {
        if !self.snapshot_is_available(id)? {
            return Err(format!(
                "InvalidDBSnapshotState: snapshot {id} is not available yet"
            ));
        }
        if self.target.is_some() || self.marks.restoring {
            return Err(CLUSTER_EXISTS.into());
        }
        self.office.restoring_until(self.now + takes.0);
        self.marks.restoring = true;
        self.occurs(Occasion::RestoreBegins);
        Ok(())
    }

    /// Makes the Aurora cluster of a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, or a cluster already.
    pub fn restore_snapshot(&mut self, id: &str) -> Result<(), String> {
        let mut snapshot = self
            .snapshot(id)
            .ok_or_else(|| format!("there is no snapshot {id}"))?
            .clone();
        if self.target.is_some() {
            return Err(CLUSTER_EXISTS.into());
        }
        self.misread(&mut snapshot.cut);
        self.marks.snapshot = Some(snapshot.at);
        self.marks.restoring = false;
        self.occurs(Occasion::Restored);
        let mut server = setup::target_server(
            &self.environment,
            self.epoch_us + self.ahead_us[Host::Target as usize],
            self.source.config.ddl_version,
            snapshot.cut.database.clone(),
            snapshot.cut.gtid_executed.clone(),
            self.mutants,
        );
        for prepared in &snapshot.cut.prepared {
            server.adopt(&mut self.arena, prepared.clone());
        }
        self.target = Some(Target {
            server,
            replica: None,
            snapshot: Some(snapshot),
        });
        Ok(())
    }

    /// `aws rds create-db-cluster` is accepted; the cluster is there after `takes`.
    ///
    /// # Errors
    /// There is a cluster already.
    pub fn cluster_begins(&mut self, takes: Micros) -> Result<(), String> {
        if self.target.is_some() || self.marks.restoring {
            return Err(CLUSTER_EXISTS.into());
        }
        self.office.restoring_until(self.now + takes.0);
        Ok(())
    }

    /// An Aurora cluster with nothing in it.
    ///
    /// # Errors
    /// There is a cluster already.
    pub fn create_cluster(&mut self) -> Result<(), String> {
        if self.target.is_some() {
            return Err(CLUSTER_EXISTS.into());
        }
        self.occurs(Occasion::Restored);
        let server = setup::target_server(
            &self.environment,
            self.epoch_us + self.ahead_us[Host::Target as usize],
            self.source.config.ddl_version,
            Default::default(),
            GtidSet::default(),
            self.mutants,
        );
        self.target = Some(Target {
            server,
            replica: None,
            snapshot: None,
        });
        Ok(())
    }

    /// `mysqldump --no-data` of the source, into the target.
    ///
    /// # Errors
    /// No cluster, or another table has the place of one.
    pub fn create_schema(&mut self, without_constraints: bool) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let source = &self.source.database;
        let declare = |def: &TableDef| {
            let mut def = def.clone();
            if without_constraints {
                def.foreign_keys.clear();
                def.indexes.clear();
            }
            Some(def)
        };
        let target = &mut target.server.database;
        let made = target.create_like(&mut self.arena, source, &declare);
        made.map_err(|e| e.to_string())?;
        let counters: Vec<_> = source
            .tables()
            .map(|(id, t)| (id, t.auto_increment()))
            .collect();
        for (id, next) in counters {
            target.set_auto_increment(&self.arena, id, next);
        }
        Ok(())
    }

    /// `ALTER TABLE … ADD …` for all that the target's declarations lack of the source's. Returns how many rows had no
    /// parent and were deleted.
    ///
    /// # Errors
    /// No cluster; rows that the constraints do not allow.
    pub fn add_constraints(&mut self, delete_orphans: bool) -> Result<u64, String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let tables: Vec<_> = self.source.database.tables().collect();
        let mut deleted = 0;
        for (id, table) in tables {
            if target.server.database.table(id).is_none() {
                continue;
            }
            let database = &mut target.server.database;
            let def = table.def();
            let done = database.complete_declaration(&mut self.arena, id, def, delete_orphans);
            deleted += done.map_err(|e| format!("{e} ({})", e.code()))?;
        }
        Ok(deleted)
    }

    /// `SHOW MASTER STATUS` on the source.
    pub fn source_position(&self) -> (String, u64) {
        self.source
            .binlog
            .as_ref()
            .map_or_else(Default::default, |b| {
                let at = b.published();
                (b.name(at.file), at.pos)
            })
    }

    /// `SELECT @@global.gtid_executed` on the source.
    pub fn source_gtid_executed(&self) -> GtidSet {
        let wrong = self.mutants.has(Mutant::CoordinatesFromTarget);
        let server = self.target.as_ref().filter(|_| wrong);
        let server = server.map_or(&self.source, |target| &target.server);
        server.gtid_executed.clone()
    }

    /// "Binlog position from crash recovery is FILE POS" of the restored instance.
    pub fn recovery_event(&self) -> Option<(String, u64)> {
        let snapshot = self.target.as_ref()?.snapshot.as_ref()?;
        Some((snapshot.cut.file_name.clone(), snapshot.cut.end.pos))
    }

    /// `mysql.rds_set_external_source…` on the target.
    ///
    /// # Errors
    /// No cluster, or replication runs.
    pub fn set_external_source(&mut self, start: Start) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        if target.replica.as_ref().is_some_and(|r| !r.is_stopped()) {
            return Err("replication is running: stop it first (error 3081)".into());
        }
        let e = &self.environment.target;
        let config = Config {
            workers: e.replica_parallel_workers,
            preserve_commit_order: e.replica_preserve_commit_order,
            exec_mode: Mode::Strict,
            mutants: self.mutants,
        };
        target.replica = Some(Replica::new(start, config));
        self.marks.replication.configured = Some(self.now);
        Ok(())
    }

    /// `mysql.rds_start_replication`.
    ///
    /// # Errors
    /// Nothing is configured.
    pub fn start_replication(&mut self) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let replica = target.replica.as_mut().ok_or(NO_REPLICATION)?;
        if replica.runs() {
            // Warning 3084: the threads are running already.
            return Ok(());
        }
        replica.start();
        let marks = &mut self.marks.replication;
        marks.started.get_or_insert(self.now);
        marks.stopped = None;
        self.receiver_starts();
        self.occurs(Occasion::ReplicationStarts);
        Ok(())
    }

    /// `mysql.rds_stop_replication`.
    ///
    /// # Errors
    /// Nothing is configured.
    pub fn stop_replication(&mut self) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        target.replica.as_mut().ok_or(NO_REPLICATION)?.stop();
        self.marks.replication.stopped.get_or_insert(self.now);
        self.receiver_stops();
        Ok(())
    }

    /// `mysql.rds_reset_external_source`: relay log and configuration are gone.
    ///
    /// # Errors
    /// Nothing is configured, or replication runs.
    pub fn reset_external_source(&mut self) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let replica = target.replica.as_ref().ok_or(NO_REPLICATION)?;
        if !replica.is_stopped() {
            return Err("replication is running: stop it first (error 3081)".into());
        }
        self.marks.reset = Some(self.now);
        target.replica = None;
        Ok(())
    }

    /// `SHOW REPLICA STATUS` on the target.
    ///
    /// # Errors
    /// Nothing is configured.
    pub fn replica_status(&self) -> Result<Status, String> {
        let target = self.target.as_ref().ok_or(NO_TARGET)?;
        let replica = target.replica.as_ref().ok_or(NO_REPLICATION)?;
        Ok(replica.status(
            &target.server.gtid_executed,
            (target.server.config.epoch_us + self.now) / 1_000_000,
        ))
    }

    /// What the operator's round trip to a server takes, in µs.
    pub fn operator_round_trip_us(&self) -> u64 {
        2 * self.environment.network.operator_latency.0
    }

    /// The operator has read Seconds_Behind_Source.
    pub(crate) fn lag_was_read(&mut self) {
        let lag = self
            .replica_status()
            .ok()
            .and_then(|s| s.seconds_behind_source);
        if lag != Some(0) {
            return;
        }
        self.occurs(Occasion::LagReadsZero);
        let read = self
            .target
            .as_ref()
            .and_then(|t| Some(t.replica.as_ref()?.read_position()));
        let published = self.source.binlog.as_ref().map(|b| b.published());
        if read < published {
            self.probes.reach(Probe::ZeroLagUnreceived);
        }
    }

    /// Sets or clears `read_only`; setting it takes effect when commits under way are done.
    ///
    /// # Errors
    /// No cluster.
    pub fn set_read_only(&mut self, host: Host, value: bool) -> Result<(), String> {
        let server = self.server_mut(host).ok_or(NO_TARGET)?;
        if value {
            server.set_read_only(false);
        } else {
            server.clear_read_only();
        }
        if host == Host::Source && !value {
            self.fence_is_lifted();
        }
        self.hear(host);
        Ok(())
    }

    /// The source takes writes again that the fence had stopped.
    pub(super) fn fence_is_lifted(&mut self) {
        if self.marks.fence.is_some() {
            self.marks.fence_lifted.get_or_insert(self.now);
        }
    }

    /// Changes `read_only` in the source's parameter group; the server has it after a while.
    pub fn deliver_read_only(&mut self, value: bool) {
        let arrival = self.now + self.environment.source.parameter_delay.0;
        self.source_parameter_read_only = value;
        self.agenda.push(arrival, Due::Parameter(value));
        if value {
            self.occurs(Occasion::FenceAsked);
        }
    }

    pub(super) fn parameter_arrives(&mut self, value: bool) {
        // A server that is down reads the parameter group when it starts; one that has started since has read it.
        let current = value == self.source_parameter_read_only;
        if !self.is_up(Host::Source) || !current || value && self.is_read_only(Host::Source) {
            return;
        }
        // The source is always there.
        let _ = self.set_read_only(Host::Source, value);
        if !value {
            self.tell("source", "accepts writes again".into(), Vec::new());
        }
    }

    /// `@@global.read_only`.
    pub fn is_read_only(&self, host: Host) -> bool {
        self.server(host).is_some_and(|s| s.is_read_only())
    }

    /// `SELECT COUNT(*) FROM information_schema.innodb_trx`.
    pub fn open_transactions(&self, host: Host) -> usize {
        self.server(host).map_or(0, |s| s.open_transactions())
    }

    /// Raises AUTO_INCREMENT of every table of the target.
    ///
    /// # Errors
    /// No cluster.
    pub fn raise_auto_increment(&mut self, gap: u64) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let tables: Vec<_> = target
            .server
            .database
            .tables()
            .map(|(id, t)| (id, t.auto_increment()))
            .collect();
        for (id, next) in tables {
            // `ALTER TABLE … AUTO_INCREMENT` of a table without such a column changes nothing.
            target
                .server
                .database
                .set_auto_increment(&self.arena, id, next.saturating_add(gap));
        }
        Ok(())
    }

    /// Points the application's name at a host.
    ///
    /// # Errors
    /// No cluster.
    pub fn repoint(&mut self, to: Host) -> Result<(), String> {
        self.server(to).ok_or(NO_TARGET)?;
        if self.names.target() == to {
            self.clients.go_by_the_name();
            return Ok(());
        }
        self.clients.go_by_the_name();
        let effective = self.now + self.environment.control_plane.dns_change.0;
        self.names.change(to, effective);
        if to == Host::Target {
            self.marks.repointed = Some(self.now);
            self.marks.target_commits_at_repoint = self.history.target.len();
            self.occurs(Occasion::Repointed);
        }
        Ok(())
    }

    /// Gives so many of a hundred clients a host's own address, and restarts them with it.
    ///
    /// # Errors
    /// No cluster.
    pub fn repoint_share(&mut self, to: Host, percent: u32) -> Result<(), String> {
        self.server(to).ok_or(NO_TARGET)?;
        let told = Record::new(to, self.environment.names.ttl.0);
        let moved = self.clients.move_share(told, percent);
        self.restart_first(moved);
        let host = super::side(to);
        let what = format!("{moved} clients are started anew, with the address of the {host}");
        self.tell("clients", what, Vec::new());
        Ok(())
    }

    /// Where the application's name points.
    pub fn serving(&self) -> Host {
        self.names.query(self.now)
    }

    /// Where the application's name is to point, whether or not the zone's servers have it yet.
    pub fn points_at(&self) -> Host {
        self.names.target()
    }

    /// The step with the role of fence is done.
    pub fn mark_fence(&mut self) {
        self.marks.fence = Some(self.now);
        self.occurs(Occasion::FencePassed);
    }

    /// The step with the role of gate is done.
    pub fn mark_gate(&mut self) {
        self.marks.gate = Some(self.now);
        self.marks.applied_at_gate = self.history.applied.len();
        self.occurs(Occasion::GatePassed);
    }

    /// RDS rotates the binlog, uploads what is closed, and purges what the retention no longer holds.
    pub(super) fn upload(&mut self) {
        self.agenda.push(
            self.now + self.environment.source.binlog_upload_every.0,
            Due::Upload,
        );
        // A standby is what its storage was; nothing more is taken from it.
        if !self.is_up(Host::Source) || self.faults.standby.is_some() {
            return;
        }
        self.source.rotate_binlog(self.now);
        self.occurs(Occasion::BinlogRotates);
        let keep = match self.retention {
            Retention::None => 0,
            Retention::For(time) => time.0,
        };
        let before = (self.source.config.epoch_us + self.now).saturating_sub(keep);
        let in_use = self.file_in_use();
        let why = match self.retention {
            Retention::None => "binlog retention hours is NULL".to_string(),
            Retention::For(time) => format!("binlog retention is {time}"),
        };
        self.purge(before, in_use, "rds", &why);
    }

    /// `PURGE BINARY LOGS TO` the file that is `keep` - 1 before the last: what a dump thread reads stays.
    pub(super) fn somebody_purges(&mut self, keep: u32) {
        if !self.is_up(Host::Source) || self.faults.standby.is_some() {
            return;
        }
        let Some(binlog) = self.source.binlog.as_ref() else {
            return;
        };
        let first_kept = (binlog.end().file + 1).saturating_sub(u64::from(keep.max(1)));
        let in_use = self.file_in_use().unwrap_or(u64::MAX);
        self.purge(
            u64::MAX,
            Some(first_kept.min(in_use)),
            "source",
            "PURGE BINARY LOGS",
        );
    }

    /// The first file that a dump thread reads.
    fn file_in_use(&self) -> Option<u64> {
        let files = [self.stream.file_in_use(), self.dms.file_in_use()];
        files.into_iter().flatten().min()
    }

    fn purge(&mut self, before_us: u64, in_use: Option<u64>, who: &'static str, why: &str) {
        let read_to = self.stream_needs();
        let Some(binlog) = self.source.binlog.as_mut() else {
            return;
        };
        let purged = binlog.purge_before(before_us, in_use);
        let needed = |name: &&String| {
            read_to
                .zip(binlog.number(name))
                .is_some_and(|(needed, n)| n >= needed)
        };
        let unread: Vec<String> = purged.iter().filter(needed).cloned().collect();
        let first_unread = self.marks.purged_unread.is_empty();
        self.marks.purged_unread.extend(unread);
        if let (true, Some(name)) = (first_unread, self.marks.purged_unread.first().cloned()) {
            self.tell(
                who,
                format!("purges {name}, which the target has not read yet ({why})"),
                Vec::new(),
            );
        }
    }

    /// The first file that the target still needs: the one that the oldest snapshot's coordinates are in,
    /// or that the receiver is at.
    fn stream_needs(&self) -> Option<u64> {
        let replica = self.target.as_ref().and_then(|t| t.replica.as_ref());
        match replica.filter(|r| r.is_connected()) {
            Some(replica) => Some(replica.read_position().file),
            None if self.marks.repointed.is_some() => None,
            None => self.snapshots.values().map(|s| s.cut.end.file).min(),
        }
    }
}
