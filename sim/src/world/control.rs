//! What the operator can do to the world, and see of it.

use super::{Due, NO_TARGET, Snapshot, Target, World, setup, side};
use crate::{
    environment::Retention,
    faults::Occasion,
    history::{Operation, SCHEDULER},
    probes::Probe,
    runbook::{CreateSchema, Host},
    units::Micros,
};
use cutover_model::{
    apply::Mode,
    database::Database,
    ddl::collation_by_name,
    gtid::GtidSet,
    mutant::Mutant,
    names::Record,
    replica::{
        Config, Replica, Start, Status,
        refusal::{GtidMode, auto_position_is_off},
    },
    schema::TableDef,
    server::Durability,
};

pub(super) const CLUSTER_EXISTS: &str =
    "DBClusterAlreadyExistsFault: there is a cluster target already";

pub(super) fn no_replication(on: Host) -> String {
    format!("no external source is configured on the {}", side(on))
}

impl World {
    /// `CALL mysql.rds_set_configuration('binlog retention hours', …)`.
    pub fn set_retention(&mut self, time: Micros) {
        self.retention = Retention::For(time);
    }

    /// `aws rds create-db-snapshot` of an instance: it is cut after `start`, and available `copying` later.
    ///
    /// # Errors
    /// There is one of this name already.
    pub fn create_snapshot(
        &mut self,
        id: &str,
        of: Host,
        start: Micros,
        copying: Micros,
    ) -> Result<(), String> {
        if self.server(of).is_none() {
            return Err(format!(
                "DBInstanceNotFound: there is no instance {}",
                of.name()
            ));
        }
        if self.snapshots.contains_key(id) || self.office.is_asked_for(id) {
            return Err(format!(
                "DBSnapshotAlreadyExists: there is a snapshot {id} already"
            ));
        }
        if start.0 == 0 {
            self.cut_snapshot(id, of, copying);
            return Ok(());
        }
        let snapshot = self.office.ask_for_snapshot(id, of, copying);
        self.agenda
            .push(self.now + start.0, Due::SnapshotCut(snapshot));
        Ok(())
    }

    /// Somebody sets it back to NULL.
    pub(super) fn retention_is_lost(&mut self) {
        self.retention = Retention::None;
    }

    /// Cuts a snapshot through an instance's volume, now; it is available after `copying`.
    pub(super) fn cut_snapshot(&mut self, id: &str, of: Host, copying: Micros) {
        if of == Host::Source && !self.environment.source.multi_az {
            self.source_suspended_until =
                self.now + self.environment.control_plane.snapshot_suspends_io.0;
        }
        let (mut cut, own_position) = match of {
            Host::Source | Host::Target => {
                let source = &self.source;
                (
                    source.cut(&mut self.arena, self.now, Durability::Volume),
                    None,
                )
            }
            Host::Replica => match self.cut_of_replica() {
                Some((cut, own)) => (cut, Some(own)),
                None => return,
            },
        };
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
                age_us: 0,
                own_position,
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
            Some(snapshot.cut.end.file),
            self.mutants,
        );
        for prepared in &snapshot.cut.prepared {
            server.adopt(&mut self.arena, prepared.clone());
        }
        self.target = Some(Target {
            server,
            snapshot: Some(snapshot),
        });
        self.target_begins_events();
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
        let mut database = Database::default();
        database.keep_events();
        let server = setup::target_server(
            &self.environment,
            self.epoch_us + self.ahead_us[Host::Target as usize],
            self.source.config.ddl_version,
            database,
            GtidSet::default(),
            None,
            self.mutants,
        );
        self.target = Some(Target {
            server,
            snapshot: None,
        });
        self.target_begins_events();
        Ok(())
    }

    /// `mysqldump --no-data` of the source, into the target.
    ///
    /// # Errors
    /// No cluster, or another table has the place of one.
    pub fn create_schema(&mut self, o: &CreateSchema) -> Result<(), String> {
        let collation = o.collation.as_deref().map(collation_by_name).transpose();
        let collation = collation.map_err(|e| e.to_string())?;
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let source = &self.source.database;
        let declare = |def: &TableDef| {
            let mut def = def.clone();
            if o.without_constraints {
                def.foreign_keys.clear();
                def.indexes.clear();
            }
            let own = std::iter::once(&mut def.collation);
            let texts = def.columns.iter_mut().filter_map(|c| c.collation.as_mut());
            for text in own.chain(texts) {
                let other = collation.as_ref().filter(|c| c.charset == text.charset);
                if let Some(other) = other {
                    *text = other.clone();
                }
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

    /// Creates the triggers of the source on the target, where their tables are, and they are not yet.
    ///
    /// # Errors
    /// No cluster.
    pub fn create_triggers(&mut self) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        target
            .server
            .database
            .create_triggers_like(&self.source.database);
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

    /// `SHOW MASTER STATUS` on a host; none without a binlog, where the statement gives no row.
    pub fn binlog_position(&self, host: Host) -> Option<(String, u64)> {
        let binlog = self.server(host)?.binlog.as_ref()?;
        let at = binlog.published();
        Some((binlog.name(at.file), at.pos))
    }

    /// `SELECT @@global.gtid_executed` on a host; empty when there is no such host.
    pub fn gtid_executed(&self, host: Host) -> GtidSet {
        let host = match self.target.is_some() && self.mutants.has(Mutant::CoordinatesFromTarget) {
            true => Host::Target,
            false => host,
        };
        let server = self.server(host);
        server.map(|s| s.gtid_executed.clone()).unwrap_or_default()
    }

    /// "Binlog position from crash recovery is FILE POS" of the restored instance.
    pub fn recovery_event(&self) -> Option<(String, u64)> {
        let snapshot = self.target.as_ref()?.snapshot.as_ref()?;
        let of_source = || (snapshot.cut.file_name.clone(), snapshot.cut.end.pos);
        Some(snapshot.own_position.clone().unwrap_or_else(of_source))
    }

    /// `mysql.rds_set_external_source…` on a host: it is to replicate from the other one.
    ///
    /// # Errors
    /// No cluster, replication runs, or auto-position with `gtid_mode = OFF`.
    pub fn set_external_source(&mut self, on: Host, start: Start) -> Result<(), String> {
        for host in [on, on.replicates_from()] {
            let there = self.server(host).is_some();
            there.then_some(()).ok_or(NO_TARGET)?;
        }
        let mode = self.server(on).map(|s| GtidMode::of(s.config.gtid_mode));
        if start == Start::AutoPosition
            && let Some((errno, text)) = mode.and_then(auto_position_is_off)
        {
            return Err(format!("error {errno}: {text}"));
        }
        let e = &self.environment.target;
        let config = Config {
            workers: e.replica_parallel_workers,
            preserve_commit_order: e.replica_preserve_commit_order,
            exec_mode: Mode::Strict,
            mutants: self.mutants,
        };
        let replica = &mut self.channels[on as usize].replica;
        if replica.as_ref().is_some_and(|r| !r.is_stopped()) {
            return Err("replication is running: stop it first (error 3081)".into());
        }
        *replica = Some(Replica::new(start, config));
        self.marks.replication_into(on).configured = Some(self.now);
        Ok(())
    }

    /// `mysql.rds_start_replication`. RDS refuses while one of the threads runs; here both are started anew.
    ///
    /// # Errors
    /// Nothing is configured.
    pub fn start_replication(&mut self, on: Host) -> Result<(), String> {
        let replica = self.channel_mut(on).replica.as_mut();
        let replica = replica.ok_or_else(|| no_replication(on))?;
        if replica.runs() {
            // Warning 3084: the threads are running already.
            return Ok(());
        }
        replica.start();
        let now = self.now;
        let marks = self.marks.replication_into(on);
        marks.started.get_or_insert(now);
        marks.stopped = None;
        self.receiver_starts(on);
        self.occurs(Occasion::ReplicationStarts);
        Ok(())
    }

    /// `mysql.rds_stop_replication`.
    ///
    /// # Errors
    /// Nothing is configured.
    pub fn stop_replication(&mut self, on: Host) -> Result<(), String> {
        let replica = self.channel_mut(on).replica.as_mut();
        replica.ok_or_else(|| no_replication(on))?.stop();
        let now = self.now;
        self.marks.replication_into(on).stopped.get_or_insert(now);
        self.receiver_stops(on);
        Ok(())
    }

    /// `mysql.rds_reset_external_source`: relay log and configuration are gone.
    ///
    /// # Errors
    /// Nothing is configured, or replication runs.
    pub fn reset_external_source(&mut self, on: Host) -> Result<(), String> {
        let replica = self.channel(on).replica.as_ref();
        if !replica.ok_or_else(|| no_replication(on))?.is_stopped() {
            return Err("replication is running: stop it first (error 3081)".into());
        }
        let now = self.now;
        if on == Host::Target {
            self.marks.reset = Some(now);
        }
        self.channel_mut(on).replica = None;
        Ok(())
    }

    /// `SHOW REPLICA STATUS` on a host.
    ///
    /// # Errors
    /// Nothing is configured.
    pub fn replica_status(&self, on: Host) -> Result<Status, String> {
        let server = self.server(on).ok_or(NO_TARGET)?;
        let replica = self.channel(on).replica.as_ref();
        let replica = replica.ok_or_else(|| no_replication(on))?;
        Ok(replica.status(
            &server.gtid_executed,
            (server.config.epoch_us + self.now) / 1_000_000,
        ))
    }

    /// What the operator's round trip to a server takes, in µs.
    pub fn operator_round_trip_us(&self) -> u64 {
        2 * self.environment.network.operator_latency.0
    }

    /// The operator has read Seconds_Behind_Source of a host.
    pub(crate) fn lag_was_read(&mut self, on: Host) {
        let lag = self
            .replica_status(on)
            .ok()
            .and_then(|s| s.seconds_behind_source);
        if lag != Some(0) {
            return;
        }
        self.occurs(Occasion::LagReadsZero);
        let channel = self.channel(on);
        let read = channel.replica.as_ref().map(|r| r.read_position());
        let there = self.server(channel.from);
        let published = there.and_then(|s| s.binlog.as_ref()).map(|b| b.published());
        if read < published {
            self.probes.reach(Probe::ZeroLagUnreceived);
        }
    }

    /// Sets or clears `read_only`; setting it takes effect when statements and commits under way are done.
    ///
    /// # Errors
    /// No cluster.
    pub fn set_read_only(&mut self, host: Host, value: bool) -> Result<(), String> {
        let server = self.server_mut(host).ok_or(NO_TARGET)?;
        let waits_for = match value {
            true => server.set_read_only(false),
            false => {
                server.clear_read_only();
                0
            }
        };
        if waits_for > 0 {
            self.probes.reach(Probe::FenceWaitedForStatement);
            let statements = match waits_for {
                1 => "a statement that has begun and waits for a lock".into(),
                n => format!("{n} statements that have begun and wait for locks"),
            };
            let text = format!(
                "has SET GLOBAL read_only = 1 wait for {statements}; who begins to write waits behind it"
            );
            self.tell(side(host), text, Vec::new());
        }
        if host == Host::Source && !value {
            self.source_lets_writes_in();
        }
        self.hear(host);
        Ok(())
    }

    /// Changes whether a host's security group lets clients in. Connections that there are stay.
    ///
    /// # Errors
    /// No cluster.
    pub fn admit_clients(&mut self, host: Host, value: bool) -> Result<(), String> {
        self.server(host).ok_or(NO_TARGET)?;
        let was_closed = std::mem::replace(&mut self.closed[host as usize], !value);
        if value && was_closed && host == Host::Source {
            self.source_lets_writes_in();
        }
        if host == Host::Source && !value {
            self.occurs(Occasion::FenceAsked);
        }
        Ok(())
    }

    /// Whether a host's security group lets no client in.
    pub fn is_closed(&self, host: Host) -> bool {
        self.closed[host as usize]
    }

    /// One of the source's fences is lifted: its clients write again, unless another one stands.
    fn source_lets_writes_in(&mut self) {
        if !self.is_closed(Host::Source) && !self.is_read_only(Host::Source) {
            self.fence_is_lifted();
            self.source_is_opened_again();
        }
    }

    /// The source takes writes again that the fence had stopped.
    pub(super) fn fence_is_lifted(&mut self) {
        if self.marks.fence.is_some() {
            self.marks.fence_lifted.get_or_insert(self.now);
        }
    }

    /// After the cutover the source takes writes again, or may: from here on it goes its own way, and what its clients
    /// commit is written down for the comparison of the final states.
    fn source_is_opened_again(&mut self) {
        if self.marks.repointed.is_some() {
            self.marks.reopened.get_or_insert(self.now);
            self.source.journal.get_or_insert_default();
        }
    }

    /// Changes `read_only` in a host's parameter group; the server has it after a while.
    pub fn deliver_read_only(&mut self, host: Host, value: bool) {
        if !value && host == Host::Source && self.mutants.has(Mutant::AbortNeverArrives) {
            return;
        }
        let arrival = self.now + self.environment.source.parameter_delay.0;
        self.parameter_read_only[host as usize] = value;
        self.agenda.push(arrival, Due::Parameter(host, value));
        if value && host == Host::Source {
            self.occurs(Occasion::FenceAsked);
        }
    }

    pub(super) fn parameter_arrives(&mut self, host: Host, value: bool) {
        // A server that is down reads the parameter group when it starts; one that has started since has read it.
        let current = value == self.parameter_read_only[host as usize];
        if !self.is_up(host) || !current || value && self.is_read_only(host) {
            return;
        }
        if self.set_read_only(host, value).is_ok() && !value {
            self.tell(side(host), "accepts writes again".into(), Vec::new());
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
            self.clients.go_by_the_name(to);
            return Ok(());
        }
        let is_open = to == Host::Target && self.clients.some_moved_to(to);
        self.clients.go_by_the_name(to);
        let effective = self.now + self.environment.control_plane.dns_change.0;
        self.names.change(to, effective);
        match to {
            Host::Target if is_open => {}
            Host::Target => self.target_is_opened(),
            Host::Source | Host::Replica => {
                self.marks.returned = Some(self.now);
                self.source_is_opened_again();
            }
        }
        Ok(())
    }

    /// From now on the application, or a part of it, is to write to the target.
    fn target_is_opened(&mut self) {
        self.marks.repointed = Some(self.now);
        let Some(target) = self.target.as_ref().map(|t| &t.server) else {
            return;
        };
        // Without a binlog an event's transaction has no GTID, and is nobody's errant one.
        let writes_binlog = target.binlog.is_some();
        let operations = &self.history.operations;
        let counts =
            |o: Option<Operation>| writes_binlog || o.is_none_or(|o| o.client != SCHEDULER);
        let commits = self.history.target.iter();
        let commits = commits.filter(|c| counts(operations.get(c.operation as usize)));
        self.marks.target_commits_at_repoint = commits.count();
        let own = target.gtid_executed.of_server(target.config.uuid);
        self.marks.own_gtids_at_repoint = match writes_binlog {
            true => own,
            false => own.subtract(&self.marks.typed_on_target),
        };
        self.occurs(Occasion::Repointed);
    }

    /// Gives so many of a hundred clients a host's own address, and restarts them with it.
    ///
    /// # Errors
    /// No cluster.
    pub fn repoint_share(&mut self, to: Host, percent: u32) -> Result<(), String> {
        self.server(to).ok_or(NO_TARGET)?;
        let told = Record::new(to, self.environment.names.ttl.0);
        if to == Host::Target && !self.clients.some_moved_to(to) {
            self.target_is_opened();
        }
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
        self.rds_writes();
        self.occurs(Occasion::BinlogRotates);
        let keep = match self.retention {
            Retention::None => 0,
            Retention::For(time) => time.0,
        };
        let before = (self.source.config.epoch_us + self.now).saturating_sub(keep);
        let held = [self.file_in_use(), self.managed_file()];
        let in_use = held.into_iter().flatten().min();
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
        let files = [self.stream_in_use(Host::Source), self.dms.file_in_use()];
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
        let replica = self.channel(Host::Target).replica.as_ref();
        match replica.filter(|r| r.is_connected()) {
            Some(replica) => Some(replica.read_position().file),
            None if self.marks.repointed.is_some() => None,
            None => self.snapshots.values().map(|s| s.cut.end.file).min(),
        }
    }
}
