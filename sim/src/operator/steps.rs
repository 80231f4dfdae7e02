//! What each operation of a runbook does.

use super::{Failure, Line, Noted, Operator, now_us, since::write_since};
use crate::{
    faults::Occasion,
    probes::Probe,
    runbook::{
        CoordinatesFrom, CreateSnapshot, Host, Op, Repoint, Role, RunSql, SetExternalSource,
        SetReadOnly, Step, Until, Wait,
    },
    units::Micros,
    world::World,
};
use cutover_model::replica::Start;

/// Pause between two polls when a wait says nothing.
pub(super) const POLL: Micros = Micros::secs(1);
/// How often somebody at a prompt looks whether a statement was answered.
const LOOK_FOR_ANSWER: Micros = Micros::ms(10);

/// How far the cluster is.
pub(super) enum Cluster {
    /// Nobody has asked for it.
    None,
    /// It will be there at this moment, in µs.
    UnderWay(u64),
    /// It is there.
    There,
}

impl Operator {
    /// Carries out a step's operation. `again`: it was begun before, and nobody knows what came of it.
    pub(super) async fn carry(&mut self, step: &Step, again: bool) -> Result<(), Failure> {
        match step.op().map_err(|e| Failure::Final(e.to_string()))? {
            Op::SetBinlogRetention(o) => {
                self.statement(o.on).await;
                let time = Micros::hours(o.hours.into());
                self.on_world(|world| world.set_retention(o.on, time))
            }
            Op::CreateSnapshot(o) => self.create_snapshot(o, again).await,
            Op::RestoreSnapshot(o) => self.restore_snapshot(&o.id, again).await,
            Op::CreateReadReplica => self.create_read_replica(again).await,
            Op::MigrateLatestSnapshot => self.migrate_latest_snapshot(again).await,
            Op::CreateAuroraReplica => self.create_aurora_replica(again).await,
            Op::PromoteCluster => self.promote_cluster(again).await,
            Op::EnableBinlog => self.enable_binlog(again).await,
            Op::ReadCoordinates(o) => {
                self.statement(place_of(o.from)).await;
                let noted = self.read_coordinates(o.from)?;
                let text = format!("notes {} = {}", o.name, noted.text());
                self.journal.write(Line::Noted(o.name.clone(), noted));
                self.tell(text, Vec::new());
                Ok(())
            }
            Op::SetExternalSource(o) => self.set_external_source(o, again).await,
            Op::StartReplication(on) => {
                self.statement(on).await;
                self.on_world(|world| world.start_replication(on))
            }
            Op::Wait(o) => self.wait(o, step.role == Some(Role::Gate)).await,
            Op::SetReadOnly(o) => self.set_read_only(o).await,
            Op::AdmitClients(o) => self.call(|world| world.admit_clients(o.on, o.value)).await,
            Op::SetEventScheduler(o) => {
                self.call(|world| {
                    world.deliver_event_scheduler(o.on, o.value);
                    Ok(())
                })
                .await
            }
            Op::KillConnections(host) => {
                self.statement(host).await;
                let killed = self.now_in_world().kill_connections(host);
                self.tell(format!("killed {killed} connections"), Vec::new());
                Ok(())
            }
            Op::StopReplication(on) => {
                self.statement(on).await;
                self.on_world(|world| world.stop_replication(on))
            }
            Op::ResetExternalSource(on) => {
                self.statement(on).await;
                if again && self.now_in_world().replica_status(on).is_err() {
                    return self.is_done("no external source is configured any more");
                }
                self.on_world(|world| world.reset_external_source(on))
            }
            Op::RaiseAutoIncrement(o) => {
                self.on_target(|world| world.raise_auto_increment(o.gap))
                    .await
            }
            Op::Repoint(o) => self.repoint(o, again).await,
            Op::RunSql(o) => self.run_sql(o).await,
            Op::Pause(o) => {
                self.sleep(o.length).await;
                Ok(())
            }
            Op::CreateCluster => self.create_cluster(again).await,
            Op::CreateSchema(o) => self.on_target(|world| world.create_schema(o)).await,
            Op::AddConstraints(o) => self.add_constraints(o).await,
            Op::CreateTriggers => self.on_target(World::create_triggers).await,
            Op::CopyUsers => self.on_target(World::copy_users).await,
            Op::CreateDmsTask(o) => self.create_dms_task(o, again).await,
            Op::DmsTask(o) => self.dms_task(o, again).await,
        }
    }

    /// A statement on the target.
    async fn on_target(
        &self,
        effect: impl FnOnce(&mut World) -> Result<(), String>,
    ) -> Result<(), Failure> {
        self.statement(Host::Target).await;
        self.on_world(effect)
    }

    pub(super) fn on_world(
        &self,
        effect: impl FnOnce(&mut World) -> Result<(), String>,
    ) -> Result<(), Failure> {
        effect(&mut self.now_in_world()).map_err(Failure::Final)
    }

    /// The operator has looked, and finds that a step that was begun before is done.
    pub(super) fn is_done(&self, found: &str) -> Result<(), Failure> {
        self.now_in_world().probes.reach(Probe::FoundDone);
        self.tell(format!("finds it done: {found}"), Vec::new());
        Ok(())
    }

    async fn create_snapshot(&mut self, o: &CreateSnapshot, again: bool) -> Result<(), Failure> {
        self.now_in_world().snapshot_begins();
        let control = self.now_in_world().control_plane().clone();
        let copying = Micros(control.snapshot_fixed.0 + self.for_data(control.snapshot_per_tib).0);
        let mut there = false;
        if again {
            // aws rds describe-db-snapshots
            self.api_time().await;
            there = self.now_in_world().snapshot_is_available(&o.id).is_ok();
        }
        if there {
            self.is_done(&format!("there is a snapshot {} already", o.id))?;
        } else {
            self.call(|world| world.create_snapshot(&o.id, o.of, control.snapshot_start, copying))
                .await?;
            self.sleep(control.snapshot_start).await;
        }
        if o.wait {
            if !there {
                self.sleep(copying).await;
            }
            while !self.snapshot_is_available(&o.id)? {
                self.sleep(POLL).await;
            }
            self.tell(format!("snapshot {} is available", o.id), Vec::new());
        }
        Ok(())
    }

    fn snapshot_is_available(&self, id: &str) -> Result<bool, Failure> {
        self.now_in_world()
            .snapshot_is_available(id)
            .map_err(Failure::Final)
    }

    pub(super) async fn restore_snapshot(&mut self, id: &str, again: bool) -> Result<(), Failure> {
        let control = self.now_in_world().control_plane().clone();
        let parts = [
            control.restore_fixed,
            self.for_data(control.restore_per_tib),
            control.create_instance,
        ];
        match self.cluster_so_far(again).await? {
            Cluster::There => return Ok(()),
            Cluster::UnderWay(ready) => self.sleep(Micros(ready.saturating_sub(now_us()))).await,
            Cluster::None => {
                let takes = Micros(parts.iter().map(|p| p.0).sum());
                self.call(|world| world.restore_begins(id, takes)).await?;
                for part in parts {
                    self.sleep(part).await;
                }
            }
        }
        self.on_world(|world| world.restore_snapshot(id))?;
        self.tell(
            "the Aurora cluster is available, with what the snapshot held".into(),
            Vec::new(),
        );
        Ok(())
    }

    /// Whoever comes back to a step that makes the cluster looks first how far it is: `aws rds describe-db-clusters`.
    pub(super) async fn cluster_so_far(&mut self, again: bool) -> Result<Cluster, Failure> {
        if !again {
            return Ok(Cluster::None);
        }
        self.api_time().await;
        if self.now_in_world().server(Host::Target).is_some() {
            self.is_done("there is a cluster target already")?;
            return Ok(Cluster::There);
        }
        let Some(ready) = self.now_in_world().restore_ready_us() else {
            return Ok(Cluster::None);
        };
        self.is_done("the cluster target is being created")?;
        Ok(Cluster::UnderWay(ready))
    }

    /// A time per TiB, for this environment's volume.
    pub(super) fn for_data(&self, per_tib: Micros) -> Micros {
        let bytes = self.plan.environment.source.data_size.0;
        Micros(((u128::from(per_tib.0) * u128::from(bytes)) >> 40) as u64)
    }

    fn read_coordinates(&self, from: CoordinatesFrom) -> Result<Noted, Failure> {
        let world = self.now_in_world();
        let position = |host: Host| {
            let (file, pos) = world.binlog_position(host).ok_or_else(|| {
                Failure::Final(format!(
                    "the {} writes no binlog: the statement gives no row",
                    host.name()
                ))
            })?;
            Ok(Noted::Position { file, pos })
        };
        match from {
            CoordinatesFrom::SourcePosition => position(Host::Source),
            CoordinatesFrom::TargetPosition => position(Host::Target),
            CoordinatesFrom::ReplicaPosition => {
                let status = world
                    .replica_status(Host::Replica)
                    .map_err(Failure::Final)?;
                Ok(Noted::Position {
                    file: status.exec_file,
                    pos: status.exec_pos,
                })
            }
            CoordinatesFrom::SourceGtidExecuted => {
                Ok(Noted::Gtids(world.gtid_executed(Host::Source)))
            }
            CoordinatesFrom::TargetGtidExecuted => {
                Ok(Noted::Gtids(world.gtid_executed(Host::Target)))
            }
            CoordinatesFrom::RecoveryEvent => {
                let (file, pos) = world
                    .recovery_event()
                    .ok_or_else(|| Failure::Final("no instance was restored yet".into()))?;
                Ok(Noted::Position { file, pos })
            }
        }
    }

    async fn set_external_source(
        &mut self,
        o: &SetExternalSource,
        again: bool,
    ) -> Result<(), Failure> {
        self.statement(o.on).await;
        if again && self.now_in_world().replica_status(o.on).is_ok() {
            return self.is_done("the external source is configured");
        }
        let start = match &o.at {
            Some(name) => {
                let (file, pos) = self.position_noted(name)?;
                Start::Position { file, pos }
            }
            None => Start::AutoPosition,
        };
        self.on_world(|world| world.set_external_source(o.on, start))
    }

    async fn wait(&mut self, wait: &Wait, is_gate: bool) -> Result<(), Failure> {
        let kind = wait.until.kind();
        let until = kind.map_err(|e| Failure::Final(e.to_string()))?;
        let (every, wanted) = (wait.every.unwrap_or(POLL), wait.polls.unwrap_or(1).max(1));
        let started = now_us();
        let (mut agreed, mut first, mut skipped) = (0, true, 0);
        loop {
            match looks_at(until, wait.on) {
                Some(host) => self.statement(host).await,
                None => self.round_trip().await,
            }
            self.polled(until, wait.on);
            if is_gate {
                self.now_in_world().occurs(Occasion::GatePolled);
            }
            let most = wait.skip_errors.unwrap_or(0);
            if skipped < most && self.skip_error(wait.on, (skipped + 1, most)).await? {
                (skipped, agreed) = (skipped + 1, 0);
                self.sleep(every).await;
                continue;
            }
            agreed = if self.holds(until, wait.on)? {
                agreed + 1
            } else {
                0
            };
            if agreed >= wanted {
                self.tell_of_wait(until, wait.on, started);
                return Ok(());
            }
            if std::mem::take(&mut first) {
                self.tell_of_lag(until, wait.on, (agreed, wanted));
            }
            if self.now_in_world().operator_is_hurried() {
                self.tell("does not wait until it holds".into(), Vec::new());
                return Ok(());
            }
            self.sleep(every).await;
        }
    }

    /// Leaves out what replication has stopped at, and starts it again. False where it has not stopped with an error, or where
    /// no procedure helps.
    async fn skip_error(&self, on: Host, (number, most): (u32, u32)) -> Result<bool, Failure> {
        let look = |world: &World| world.repair_of(on).map_err(Failure::Final);
        if look(&self.now_in_world())?.is_none() {
            return Ok(false);
        }
        self.statement(on).await;
        // Its server may have started it again meanwhile.
        let repair = {
            let mut world = self.now_in_world();
            let Some(repair) = look(&world)? else {
                return Ok(false);
            };
            match world.repair(on, &repair).map_err(Failure::Final)? {
                true => repair,
                false => return Ok(false),
            }
        };
        let errno = repair.error.errno;
        let what = format!(
            "skips what replication has stopped at: error {errno}, number {number} of at most {most}"
        );
        self.tell(what, repair.commands);
        self.sleep(repair.takes).await;
        Ok(true)
    }

    /// What a poll has seen that faults and probes are interested in.
    fn polled(&self, until: Until<'_>, on: Host) {
        if let Until::SecondsBehindSource(_) | Until::CaughtUp(_) = until {
            self.now_in_world().lag_was_read(on);
        }
    }

    /// How far behind the replica is when a wait for it begins, with the number of looks that have agreed, of those that
    /// must.
    fn tell_of_lag(&self, until: Until<'_>, on: Host, (agreed, wanted): (u32, u32)) {
        if !matches!(
            until,
            Until::SecondsBehindSource(_) | Until::CaughtUp(_) | Until::Applied(_)
        ) {
            return;
        }
        let status = self.now_in_world().replica_status(on);
        if let Ok(status) = status {
            let lag = status
                .seconds_behind_source
                .map_or_else(|| "NULL".to_string(), |s| Micros::secs(s).to_string());
            let goes_on = match agreed {
                0 => "waits".to_string(),
                _ => format!("{agreed} of {wanted} looks, waits for the others"),
            };
            self.tell(
                format!("Seconds_Behind_Source is {lag}; {goes_on}"),
                Vec::new(),
            );
        }
    }

    /// What a wait that took a while ended with.
    fn tell_of_wait(&self, until: Until<'_>, on: Host, started: u64) {
        let took = Micros((now_us() - started) / 1_000_000 * 1_000_000);
        if took.0 == 0 {
            return;
        }
        let what = match until {
            Until::SecondsBehindSource(_) | Until::CaughtUp(_) => {
                let lag = self
                    .now_in_world()
                    .replica_status(on)
                    .ok()
                    .and_then(|s| s.seconds_behind_source);
                format!(
                    "Seconds_Behind_Source is {} now, after {took}",
                    lag.unwrap_or(0)
                )
            }
            Until::SnapshotAvailable(id) => format!("snapshot {id} is available"),
            _ => format!("it holds, after {took}"),
        };
        self.tell(what, Vec::new());
    }

    /// Looks once.
    fn holds(&self, until: Until<'_>, on: Host) -> Result<bool, Failure> {
        let mut world = self.now_in_world();
        if let Until::Row(o) = until {
            return world.finds_row(o.on, &o.sql).map_err(Failure::Final);
        }
        let replica_status = || world.replica_status(on).map_err(Failure::Final);
        Ok(match until {
            Until::ReplicationRunning => {
                let status = replica_status()?;
                status.error().map_or(Ok(()), |e| Err(Failure::Final(e)))?;
                status.io_running_text() == "Yes" && status.sql_running
            }
            Until::CaughtUp(most) => {
                let status = replica_status()?;
                status.error().map_or(Ok(()), |e| Err(Failure::Final(e)))?;
                status.io_running_text() == "Yes"
                    && status.seconds_behind_source.is_some_and(|s| s <= most)
            }
            Until::SecondsBehindSource(most) => {
                let status = replica_status()?;
                status.seconds_behind_source.is_some_and(|s| s <= most)
            }
            Until::Applied(name) => {
                let status = replica_status()?;
                status.error().map_or(Ok(()), |e| Err(Failure::Final(e)))?;
                match self.journal.noted(name) {
                    Some(Noted::Position { file, pos }) => {
                        (status.exec_file.as_str(), status.exec_pos) >= (file.as_str(), *pos)
                    }
                    Some(Noted::Gtids(set)) => set.is_subset_of(&status.executed),
                    None => return Err(Failure::Final(format!("nothing was noted as `{name}`"))),
                }
            }
            Until::ReadOnly(host) => world.is_read_only(host),
            Until::Writable(host) => !world.is_read_only(host),
            Until::EventScheduler(host, on) => world.event_scheduler_is_on(host) == on,
            Until::NoOpenTransactions(host) => world.open_transactions(host) == 0,
            Until::SnapshotAvailable(id) => {
                world.snapshot_is_available(id).map_err(Failure::Final)?
            }
            Until::Row(_) => false,
            Until::Dms(o) => {
                drop(world);
                self.dms_holds(o)?
            }
            Until::SourceUnchangedSince(name) => {
                let same = match self.journal.noted(name) {
                    Some(Noted::Gtids(set)) => world.gtid_executed(Host::Source) == *set,
                    Some(Noted::Position { file, pos }) => {
                        world.binlog_position(Host::Source) == Some((file.clone(), *pos))
                    }
                    None => return Err(Failure::Final(format!("nothing was noted as `{name}`"))),
                };
                if !same {
                    return Err(Failure::Final(format!(
                        "the source was written to since `{name}` was noted"
                    )));
                }
                true
            }
            Until::NoWritesSince(name) => self.no_writes_since(&world, name)?,
        })
    }

    /// Who reads the source's binlog on from noted coordinates finds nothing but what RDS writes itself.
    fn no_writes_since(&self, world: &World, name: &str) -> Result<bool, Failure> {
        let Some(noted) = self.journal.noted(name) else {
            return Err(Failure::Final(format!("nothing was noted as `{name}`")));
        };
        match write_since(&world.source, noted).map_err(Failure::Final)? {
            None => Ok(true),
            Some(found) => Err(Failure::Final(format!(
                "the source was written to since `{name}` was noted: {found}"
            ))),
        }
    }

    /// Through the parameter group, which comes back at once and delivers later; on Aurora also by a call.
    async fn set_read_only(&mut self, o: &SetReadOnly) -> Result<(), Failure> {
        let value = o.value;
        match o.on {
            on if on == Host::Source || o.lasting => {
                self.call(|world| {
                    world.deliver_read_only(on, value);
                    Ok(())
                })
                .await
            }
            _ => {
                self.on_target(|world| world.set_read_only(Host::Target, value))
                    .await
            }
        }
    }

    /// Types a statement and waits for its answer. Nothing tells whether it was typed before: it is typed again.
    async fn run_sql(&mut self, o: &RunSql) -> Result<(), Failure> {
        self.statement(o.on).await;
        self.on_world(|world| world.type_sql(o.on, &o.sql))?;
        loop {
            let answer = self.now_in_world().sql_answer();
            match answer {
                Some(Ok(said)) => {
                    self.tell(said, Vec::new());
                    return Ok(());
                }
                Some(Err(why)) => return Err(Failure::Passing(why)),
                None => self.sleep(self.until_next_look()).await,
            }
        }
    }

    /// Until somebody at a prompt looks again: at once, or, while a table is gone through, when that is done or a second is
    /// over.
    fn until_next_look(&self) -> Micros {
        let world = self.now_in_world();
        let done = world.sql_works_until().unwrap_or(0);
        let works = Micros(done.saturating_sub(world.now()));
        works.clamp(LOOK_FOR_ANSWER, Micros::secs(1))
    }

    async fn repoint(&mut self, o: &Repoint, again: bool) -> Result<(), Failure> {
        if let Some(share) = o.share {
            self.call(|world| world.repoint_share(o.to, share)).await?;
            self.sleep(self.plan.environment.clients.rolling_restart)
                .await;
            return Ok(());
        }
        let mut there = false;
        if again {
            // aws route53 list-resource-record-sets
            self.api_time().await;
            there = self.now_in_world().points_at() == o.to;
        }
        if there {
            self.is_done("the name has the new address already")?;
        } else {
            self.call(|world| world.repoint(o.to)).await?;
        }
        self.sleep(self.plan.environment.control_plane.dns_change)
            .await;
        if o.restart_clients {
            self.now_in_world().restart_clients();
            self.sleep(self.plan.environment.clients.rolling_restart)
                .await;
        }
        Ok(())
    }
}

/// The server where coordinates are read; the recovery event is the target's.
fn place_of(from: CoordinatesFrom) -> Host {
    match from {
        CoordinatesFrom::SourcePosition | CoordinatesFrom::SourceGtidExecuted => Host::Source,
        CoordinatesFrom::ReplicaPosition => Host::Replica,
        CoordinatesFrom::TargetPosition
        | CoordinatesFrom::TargetGtidExecuted
        | CoordinatesFrom::RecoveryEvent => Host::Target,
    }
}

/// The server that a condition is looked at on; none for the control plane.
fn looks_at(until: Until<'_>, replica: Host) -> Option<Host> {
    match until {
        _ if until.is_of_replication() => Some(replica),
        Until::ReadOnly(host)
        | Until::Writable(host)
        | Until::EventScheduler(host, _)
        | Until::NoOpenTransactions(host) => Some(host),
        Until::Row(o) => Some(o.on),
        Until::SourceUnchangedSince(_) | Until::NoWritesSince(_) => Some(Host::Source),
        _ => None,
    }
}
