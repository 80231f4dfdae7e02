//! One step, after those before it: its timeout, its role, and whether its operation is possible.

use super::{Before, Problem, keys, several};
use cutover_sim::{
    runbook::{Host, Op, Repoint, Role, SetBinlogRetention, Step},
    units::Micros,
    workload_spec::is_of_utf8mb4,
    world::unreadable_sql,
};

/// When a step names no timeout.
const DEFAULT_TIMEOUT: Micros = Micros::hours(24);

impl<'a> Before<'a> {
    pub(super) fn then(&mut self, step: &'a Step, aborting: bool) -> Result<(), Problem> {
        if step.say.trim().is_empty() {
            return Err(Problem::new(
                keys(&["say"]),
                "a step says what it is for",
                "write a few words: the story of a run consists of them",
            ));
        }
        let timeout = step.timeout.unwrap_or(DEFAULT_TIMEOUT);
        if timeout == Micros::ZERO {
            return Err(Problem::new(
                keys(&["timeout"]),
                "a step that may take no time at all always fails",
                "write a duration like \"10m\", or leave `timeout` out: it is 24 h then",
            ));
        }
        self.role(step.role, aborting)?;
        match step.op().map_err(|error| several(error, &[]))? {
            Op::SetBinlogRetention(o) => self.set_binlog_retention(o),
            Op::KillConnections(Host::Source) => Ok(()),
            Op::CreateReadReplica => {
                self.has_replica = true;
                self.configure(Host::Replica);
                self.start(Host::Replica);
                Ok(())
            }
            Op::CreateSnapshot(o) => {
                self.needs_host(o.of, "create_snapshot")?;
                if o.of == Host::Target {
                    return Err(not_of_a_replica("create_snapshot", "of", "the target"));
                }
                self.create_snapshot(&o.id)
            }
            Op::RestoreSnapshot(o) => self.restore_snapshot(&o.id),
            Op::MigrateLatestSnapshot => self.makes_target("migrate_latest_snapshot"),
            Op::CreateAuroraReplica => {
                self.makes_target("create_aurora_replica")?;
                (self.managed, self.was_managed) = (true, true);
                self.configure(Host::Target);
                self.start(Host::Target);
                Ok(())
            }
            Op::PromoteCluster => self.promote_cluster(),
            Op::EnableBinlog => self.needs_host(Host::Target, "enable_binlog"),
            Op::ReadCoordinates(o) => self.read_coordinates(o.from, &o.name),
            Op::SetExternalSource(o) => self.set_external_source(o),
            Op::StartReplication(on) => {
                self.needs_source(on, "start_replication")?;
                self.start(on);
                Ok(())
            }
            Op::StopReplication(on) => self.needs_source(on, "stop_replication"),
            Op::ResetExternalSource(on) => {
                self.needs_source(on, "reset_external_source")?;
                if !aborting {
                    self.configured.remove(&on);
                    self.started.remove(&on);
                }
                Ok(())
            }
            Op::Wait(wait) => self.wait(wait, timeout),
            Op::SetReadOnly(o) if o.on == Host::Replica => {
                Err(not_of_a_replica("set_read_only", "on", "the read replica"))
            }
            Op::SetReadOnly(o) => self.needs_host(o.on, "set_read_only"),
            Op::AdmitClients(o) if o.on == Host::Replica => {
                Err(not_of_a_replica("admit_clients", "on", "the read replica"))
            }
            Op::AdmitClients(o) => self.needs_host(o.on, "admit_clients"),
            Op::SetEventScheduler(o) if o.on == Host::Replica => Err(not_of_a_replica(
                "set_event_scheduler",
                "on",
                "the read replica",
            )),
            // A parameter group is there before the cluster that is made with it.
            Op::SetEventScheduler(_) => Ok(()),
            Op::KillConnections(Host::Replica) => Err(not_of_a_replica(
                "kill_connections",
                "on",
                "the read replica",
            )),
            Op::KillConnections(host) => self.needs_host(host, "kill_connections"),
            Op::RaiseAutoIncrement(o) => {
                self.needs_host(Host::Target, "raise_auto_increment")?;
                if (1..=1 << 31).contains(&o.gap) {
                    return Ok(());
                }
                Err(Problem::new(
                    keys(&["raise_auto_increment", "gap"]),
                    format!("`gap` is {}, and must be between 1 and 2147483648", o.gap),
                    "write how many numbers to leave out, like 1000",
                ))
            }
            Op::Repoint(o) if o.to == Host::Replica => {
                Err(not_of_a_replica("repoint", "to", "the read replica"))
            }
            Op::RunSql(o) if o.on == Host::Replica => {
                Err(not_of_a_replica("run_sql", "on", "the read replica"))
            }
            Op::Repoint(o) => {
                self.needs_host(o.to, "repoint")?;
                share(o)
            }
            Op::RunSql(o) => {
                self.needs_host(o.on, "run_sql")?;
                match unreadable_sql(&o.sql) {
                    None => Ok(()),
                    Some(why) => Err(Problem::new(
                        keys(&["run_sql", "sql"]),
                        format!("no modelled server carries this statement out: {why}"),
                        "write one INSERT … VALUES, UPDATE or DELETE with `column = value` conditions, or one CREATE, \
                         ALTER, DROP, RENAME or TRUNCATE TABLE, or CREATE, ALTER or DROP EVENT",
                    )),
                }
            }
            Op::CreateCluster => self.create_cluster(),
            Op::CreateSchema(o) => {
                self.needs_host(Host::Target, "create_schema")?;
                match o.collation.as_deref().is_none_or(is_of_utf8mb4) {
                    true => Ok(()),
                    false => Err(Problem::new(
                        keys(&["create_schema", "collation"]),
                        "MySQL has no such collation of utf8mb4",
                        "write a name like \"utf8mb4_0900_ai_ci\", or leave it out: texts keep their own",
                    )),
                }
            }
            Op::AddConstraints(_) => self.needs_host(Host::Target, "add_constraints"),
            Op::CreateTriggers => self.needs_host(Host::Target, "create_triggers"),
            Op::CopyUsers => self.needs_host(Host::Target, "copy_users"),
            Op::CreateDmsTask(o) => self.create_dms_task(o),
            Op::DmsTask(o) => self.dms_task(o, aborting),
            Op::Pause(o) if o.length == Micros::ZERO => Err(Problem::new(
                keys(&["pause", "for"]),
                "a pause of no time",
                "write a duration like \"5m\", or leave the step out",
            )),
            Op::Pause(o) if o.length > timeout => Err(Problem::new(
                keys(&["pause", "for"]),
                format!(
                    "the pause of {} is longer than the step's timeout of {timeout}",
                    o.length
                ),
                "raise the step's `timeout`",
            )),
            Op::Pause(_) => Ok(()),
        }
    }

    fn set_binlog_retention(&self, o: &SetBinlogRetention) -> Result<(), Problem> {
        self.needs_host(o.on, "set_binlog_retention")?;
        let (server, most, about) = match o.on {
            Host::Replica => {
                return Err(Problem::new(
                    keys(&["set_binlog_retention", "on"]),
                    "nothing reads the binlog of a read replica",
                    "write \"source\" or \"target\"",
                ));
            }
            Host::Source => ("RDS", 168, "a week"),
            Host::Target => ("Aurora MySQL", 2_160, "90 days"),
        };
        match (1..=most).contains(&o.hours) {
            true => Ok(()),
            false => Err(Problem::new(
                keys(&["set_binlog_retention", "hours"]),
                format!("`hours` is {}, and {server} takes 1 to {most}", o.hours),
                format!("write a number of hours between 1 and {most} ({about})"),
            )),
        }
    }

    fn role(&mut self, role: Option<Role>, aborting: bool) -> Result<(), Problem> {
        let (seen, name) = match role {
            None => return Ok(()),
            Some(Role::Fence) => (&mut self.fence, "fence"),
            Some(Role::Gate) => (&mut self.gate, "gate"),
        };
        if aborting {
            return Err(Problem::new(
                keys(&["role"]),
                format!("an abort step is no {name}: nothing is cut over any more"),
                "leave `role` out",
            ));
        }
        if std::mem::replace(seen, true) {
            return Err(Problem::new(
                keys(&["role"]),
                format!("a second step with the role `{name}`"),
                "give it to the one step after which it is to hold",
            ));
        }
        Ok(())
    }
}

/// A part of the application.
fn share(o: &Repoint) -> Result<(), Problem> {
    match o.share {
        None => Ok(()),
        Some(_) if o.restart_clients => Err(Problem::new(
            keys(&["repoint", "restart_clients"]),
            "clients that are moved one by one are started anew as it is",
            "leave `restart_clients` out",
        )
        .with(&["repoint", "share"])),
        Some(1..=99) => Ok(()),
        Some(share) => Err(Problem::new(
            keys(&["repoint", "share"]),
            format!("`share` is {share}, and is a part of the clients: 1 to 99 of a hundred"),
            "write a number like 50, or leave it out to repoint all",
        )),
    }
}

/// What is possible, and of no use in a migration.
fn not_of_a_replica(op: &'static str, key: &'static str, host: &str) -> Problem {
    Problem::new(
        keys(&[op, key]),
        format!("`{op}` is not for {host}: no client uses it, and nothing is migrated from it"),
        "name another host",
    )
}
