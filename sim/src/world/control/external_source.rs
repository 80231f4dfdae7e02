//! Coordinates, and the replication that begins at them: configured, started, stopped, forgotten, and its status.

use crate::{
    faults::Occasion,
    probes::Probe,
    runbook::Host,
    world::{NO_TARGET, World, side},
};
use cutover_model::{
    apply::{Mode, filter::Rules},
    gtid::GtidSet,
    mutant::Mutant,
    replica::{
        Config, Replica, Start, Status,
        refusal::{GtidMode, auto_position_is_off},
    },
};
use std::sync::Arc;

pub(in crate::world) fn no_replication(on: Host) -> String {
    format!("no external source is configured on the {}", side(on))
}

impl World {
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
        let environment = &self.environment;
        let config = Config {
            workers: environment.parallel_workers(),
            preserve_commit_order: environment.target.replica_preserve_commit_order,
            exec_mode: Mode::Strict,
            mutants: self.mutants,
        };
        let rules = Arc::new(self.replication_rules(on));
        let replica = &mut self.channels[on as usize].replica;
        if replica.as_ref().is_some_and(|r| !r.is_stopped()) {
            return Err("replication is running: stop it first (error 3081)".into());
        }
        *replica = Some(Replica::new(start, config).filtered(rules));
        self.marks.replication_into(on).configured = Some(self.now);
        Ok(())
    }

    /// What the replication into a host leaves out.
    pub fn replication_rules(&self, on: Host) -> Rules {
        match on {
            Host::Target => self.environment.target.replicate.rules(),
            Host::Source | Host::Replica => Rules::default(),
        }
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
        let now = self.now;
        let replica = self.channel_mut(on).replica.as_mut();
        let replica = replica.ok_or_else(|| no_replication(on))?;
        replica.stop(now);
        if replica.applier_runs() {
            // It commits what is missing before it stops.
            self.step_replica(on);
        }
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
}
