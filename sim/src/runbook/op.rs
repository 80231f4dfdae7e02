//! The operation of a step: the one of its keys that is set.

use super::{
    AddConstraints, AdmitClients, CreateDmsTask, CreateSchema, CreateSnapshot, DmsTask, Host,
    Pause, RaiseAutoIncrement, ReadCoordinates, Repoint, RestoreSnapshot, RunSql,
    SetBinlogRetention, SetEventScheduler, SetExternalSource, SetReadOnly, Step, StepError, Wait,
    exactly_one,
};

/// A step's operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op<'a> {
    /// See [`Step::set_binlog_retention`].
    SetBinlogRetention(&'a SetBinlogRetention),
    /// See [`Step::create_read_replica`].
    CreateReadReplica,
    /// See [`Step::create_snapshot`].
    CreateSnapshot(&'a CreateSnapshot),
    /// See [`Step::restore_snapshot`].
    RestoreSnapshot(&'a RestoreSnapshot),
    /// See [`Step::migrate_latest_snapshot`].
    MigrateLatestSnapshot,
    /// See [`Step::create_aurora_replica`].
    CreateAuroraReplica,
    /// See [`Step::promote_cluster`].
    PromoteCluster,
    /// See [`Step::enable_binlog`].
    EnableBinlog,
    /// See [`Step::read_coordinates`].
    ReadCoordinates(&'a ReadCoordinates),
    /// See [`Step::set_external_source`].
    SetExternalSource(&'a SetExternalSource),
    /// See [`Step::start_replication`].
    StartReplication(Host),
    /// See [`Step::wait`].
    Wait(&'a Wait),
    /// See [`Step::set_read_only`].
    SetReadOnly(&'a SetReadOnly),
    /// See [`Step::admit_clients`].
    AdmitClients(&'a AdmitClients),
    /// See [`Step::set_event_scheduler`].
    SetEventScheduler(&'a SetEventScheduler),
    /// See [`Step::kill_connections`].
    KillConnections(Host),
    /// See [`Step::stop_replication`].
    StopReplication(Host),
    /// See [`Step::reset_external_source`].
    ResetExternalSource(Host),
    /// See [`Step::raise_auto_increment`].
    RaiseAutoIncrement(&'a RaiseAutoIncrement),
    /// See [`Step::repoint`].
    Repoint(&'a Repoint),
    /// See [`Step::run_sql`].
    RunSql(&'a RunSql),
    /// See [`Step::pause`].
    Pause(&'a Pause),
    /// See [`Step::create_cluster`].
    CreateCluster,
    /// See [`Step::create_schema`].
    CreateSchema(&'a CreateSchema),
    /// See [`Step::add_constraints`].
    AddConstraints(&'a AddConstraints),
    /// See [`Step::create_triggers`].
    CreateTriggers,
    /// See [`Step::copy_users`].
    CopyUsers,
    /// See [`Step::create_dms_task`].
    CreateDmsTask(&'a CreateDmsTask),
    /// See [`Step::dms_task`].
    DmsTask(&'a DmsTask),
}

impl Step {
    /// The one operation of the step.
    pub fn op(&self) -> Result<Op<'_>, StepError> {
        exactly_one(
            [
                self.set_binlog_retention
                    .as_ref()
                    .map(|o| ("set_binlog_retention", Op::SetBinlogRetention(o))),
                self.create_read_replica
                    .map(|_| ("create_read_replica", Op::CreateReadReplica)),
                self.create_snapshot
                    .as_ref()
                    .map(|o| ("create_snapshot", Op::CreateSnapshot(o))),
                self.restore_snapshot
                    .as_ref()
                    .map(|o| ("restore_snapshot", Op::RestoreSnapshot(o))),
                self.migrate_latest_snapshot
                    .map(|_| ("migrate_latest_snapshot", Op::MigrateLatestSnapshot)),
                self.create_aurora_replica
                    .map(|_| ("create_aurora_replica", Op::CreateAuroraReplica)),
                self.promote_cluster
                    .map(|_| ("promote_cluster", Op::PromoteCluster)),
                self.enable_binlog
                    .map(|_| ("enable_binlog", Op::EnableBinlog)),
                self.read_coordinates
                    .as_ref()
                    .map(|o| ("read_coordinates", Op::ReadCoordinates(o))),
                self.set_external_source
                    .as_ref()
                    .map(|o| ("set_external_source", Op::SetExternalSource(o))),
                self.start_replication
                    .as_ref()
                    .map(|o| ("start_replication", Op::StartReplication(o.on))),
                self.wait.as_ref().map(|o| ("wait", Op::Wait(o))),
                self.set_read_only
                    .as_ref()
                    .map(|o| ("set_read_only", Op::SetReadOnly(o))),
                self.admit_clients
                    .as_ref()
                    .map(|o| ("admit_clients", Op::AdmitClients(o))),
                self.set_event_scheduler
                    .as_ref()
                    .map(|o| ("set_event_scheduler", Op::SetEventScheduler(o))),
                self.kill_connections
                    .as_ref()
                    .map(|o| ("kill_connections", Op::KillConnections(o.on))),
                self.stop_replication
                    .as_ref()
                    .map(|o| ("stop_replication", Op::StopReplication(o.on))),
                self.reset_external_source
                    .as_ref()
                    .map(|o| ("reset_external_source", Op::ResetExternalSource(o.on))),
                self.raise_auto_increment
                    .as_ref()
                    .map(|o| ("raise_auto_increment", Op::RaiseAutoIncrement(o))),
                self.repoint.as_ref().map(|o| ("repoint", Op::Repoint(o))),
                self.run_sql.as_ref().map(|o| ("run_sql", Op::RunSql(o))),
                self.pause.as_ref().map(|o| ("pause", Op::Pause(o))),
                self.create_cluster
                    .as_ref()
                    .map(|_| ("create_cluster", Op::CreateCluster)),
                self.create_schema
                    .as_ref()
                    .map(|o| ("create_schema", Op::CreateSchema(o))),
                self.add_constraints
                    .as_ref()
                    .map(|o| ("add_constraints", Op::AddConstraints(o))),
                self.create_triggers
                    .as_ref()
                    .map(|_| ("create_triggers", Op::CreateTriggers)),
                self.copy_users
                    .as_ref()
                    .map(|_| ("copy_users", Op::CopyUsers)),
                self.create_dms_task
                    .as_ref()
                    .map(|o| ("create_dms_task", Op::CreateDmsTask(o))),
                self.dms_task.as_ref().map(|o| ("dms_task", Op::DmsTask(o))),
            ],
            "set_binlog_retention, create_read_replica, create_snapshot, restore_snapshot, migrate_latest_snapshot, create_aurora_replica, \
             promote_cluster, enable_binlog, read_coordinates, set_external_source, \
             start_replication, wait, set_read_only, admit_clients, set_event_scheduler, kill_connections, stop_replication, reset_external_source, \
             raise_auto_increment, repoint, run_sql, pause, create_cluster, create_schema, add_constraints, create_triggers, copy_users, create_dms_task, dms_task",
        )
    }
}
