//! What a runbook must obey: a step's operation must be possible after the steps before it.
//!
//! What is refused here could not work in any run (a snapshot restored that nobody took). What works and
//! is wrong (a gate before the fence) is for the rehearsal to show.

use super::{Problem, keys};
use crate::document::Part;
use cutover_sim::{
    runbook::{
        CoordinatesFrom, CreateDmsTask, DmsCondition, DmsTask, DmsUntil, Host, Migrates, Op,
        Policy, Repoint, Role, Runbook, SetExternalSource, Step, StepError, TaskAction, Until,
        Wait,
    },
    units::Micros,
    workload_spec::is_of_utf8mb4,
    world::{unreadable_query, unreadable_sql},
};
use std::collections::{BTreeMap, BTreeSet};

/// When a step names no timeout.
const DEFAULT_TIMEOUT: Micros = Micros::hours(24);
/// When a wait names no pause between two polls.
const DEFAULT_EVERY: Micros = Micros::secs(1);
/// Each is a step of the run, and a line of its trace.
const MOST_POLLS: u64 = 10_000_000;
const MOST_STEPS: usize = 1_000;
/// Tasks of one replication instance.
const MOST_TASKS: usize = 100;

/// Checks a runbook.
pub(crate) fn runbook(runbook: &Runbook) -> Result<(), Problem> {
    let name_fits = (1..=64).contains(&runbook.name.len())
        && runbook
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !name_fits {
        return Err(Problem::new(
            keys(&["name"]),
            "a runbook's name has 1 to 64 letters, digits, `-`, `_` or `.`",
            "write a name like `name = \"my-runbook\"`",
        ));
    }
    if runbook.steps.is_empty() {
        return Err(Problem::new(
            keys(&["step"]),
            "the runbook has no step",
            "begin a step with a line `[[step]]`",
        ));
    }
    let mut before = Before::default();
    let lists = [
        ("step", &runbook.steps),
        ("abort", &runbook.abort),
        ("stay", &runbook.stay),
    ];
    for (list, steps) in lists {
        if list != "step" {
            // It may follow any step: what one of them did may be the case.
            before.configured.clone_from(&before.was_configured);
            before.started.clone_from(&before.was_started);
        }
        if steps.len() > MOST_STEPS {
            return Err(Problem::new(
                keys(&[list]),
                format!("{} steps; at most {MOST_STEPS} are allowed", steps.len()),
                "nobody executes a runbook of that length by hand: split it",
            ));
        }
        for (index, step) in steps.iter().enumerate() {
            before.then(step, list != "step").map_err(|mut problem| {
                problem
                    .path
                    .splice(0..0, [Part::Key(list), Part::Index(index)]);
                problem
            })?;
        }
    }
    Ok(())
}

/// What kind of coordinates a name stands for.
#[derive(Clone, Copy, PartialEq)]
enum Noted {
    Position,
    GtidSet,
}

/// What the steps before the one at hand have done.
#[derive(Default)]
struct Before<'a> {
    snapshots: BTreeSet<&'a str>,
    restored: bool,
    has_replica: bool,
    tasks: BTreeMap<&'a str, bool>,
    /// Those that migrate changes alone.
    captures_only: BTreeSet<&'a str>,
    /// RDS looks after the target's replication.
    managed: bool,
    /// Where an external source is configured now, and where one was.
    configured: BTreeSet<Host>,
    was_configured: BTreeSet<Host>,
    /// Where replication was started.
    started: BTreeSet<Host>,
    was_started: BTreeSet<Host>,
    noted: BTreeMap<&'a str, Noted>,
    /// Those of them that are places in the target's binlog.
    of_target: BTreeSet<&'a str>,
    fence: bool,
    gate: bool,
}

impl<'a> Before<'a> {
    fn then(&mut self, step: &'a Step, aborting: bool) -> Result<(), Problem> {
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
            Op::SetBinlogRetention(o) if !(1..=168).contains(&o.hours) => Err(Problem::new(
                keys(&["set_binlog_retention", "hours"]),
                format!("`hours` is {}, and RDS takes 1 to 168", o.hours),
                "write a number of hours between 1 and 168 (a week)",
            )),
            Op::SetBinlogRetention(_) | Op::KillConnections(Host::Source) => Ok(()),
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
                self.managed = true;
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
            Op::DmsTask(o) => {
                let started = self.task(&o.id, &["dms_task", "id"])?;
                if let Some(name) = &o.at {
                    self.cdc_position(o, name)?;
                }
                let begins = matches!(o.action, TaskAction::Start);
                if !started && !begins {
                    return Err(Problem::new(
                        keys(&["dms_task", "action"]),
                        format!("no earlier step starts the task `{}`", o.id),
                        "start it first: `dms_task = { id = \"…\", action = \"start\" }`",
                    ));
                }
                match o.action {
                    TaskAction::Delete => self.tasks.remove(o.id.as_str()),
                    _ => self.tasks.insert(&o.id, true),
                };
                Ok(())
            }
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

    fn create_snapshot(&mut self, id: &'a str) -> Result<(), Problem> {
        let path = || keys(&["create_snapshot", "id"]);
        let well_formed = (1..=255).contains(&id.len())
            && id.starts_with(|c: char| c.is_ascii_alphabetic())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !id.ends_with('-')
            && !id.contains("--");
        if !well_formed {
            return Err(Problem::new(
                path(),
                "RDS does not take this identifier",
                "write letters, digits and single hyphens, a letter first, like \"migration-1\"",
            ));
        }
        if self.snapshots.insert(id) {
            return Ok(());
        }
        Err(Problem::new(
            path(),
            format!("there is a snapshot `{id}` already"),
            "give this one another identifier",
        ))
    }

    fn known_snapshot(&self, id: &str, path: &[&'static str]) -> Result<(), Problem> {
        if self.snapshots.contains(id) {
            return Ok(());
        }
        let help = match join(&self.snapshots) {
            Some(known) => format!("taken so far: {known}"),
            None => "take it in an earlier step: `create_snapshot = { id = \"…\" }`".into(),
        };
        let id = crate::serde_message::clip(id);
        Err(Problem::new(
            keys(path),
            format!("no earlier step takes a snapshot `{id}`"),
            help,
        ))
    }

    fn restore_snapshot(&mut self, id: &str) -> Result<(), Problem> {
        self.known_snapshot(id, &["restore_snapshot", "id"])?;
        self.restored_once(keys(&["restore_snapshot", "id"]))
    }

    fn makes_target(&mut self, op: &'static str) -> Result<(), Problem> {
        self.restored_once(keys(&[op]))
    }

    fn restored_once(&mut self, path: Vec<Part>) -> Result<(), Problem> {
        if std::mem::replace(&mut self.restored, true) {
            return Err(Problem::new(
                path,
                "the target was restored by an earlier step",
                "a runbook has one target: leave this step out",
            ));
        }
        Ok(())
    }

    fn promote_cluster(&mut self) -> Result<(), Problem> {
        if std::mem::replace(&mut self.managed, false) {
            self.configured.remove(&Host::Target);
            return Ok(());
        }
        Err(Problem::new(
            keys(&["promote_cluster"]),
            "the target is no Aurora read replica",
            "add a step with `create_aurora_replica = {}` before this one",
        ))
    }

    fn configure(&mut self, on: Host) {
        self.configured.insert(on);
        self.was_configured.insert(on);
    }

    fn start(&mut self, on: Host) {
        self.started.insert(on);
        self.was_started.insert(on);
    }

    fn create_cluster(&mut self) -> Result<(), Problem> {
        if std::mem::replace(&mut self.restored, true) {
            return Err(Problem::new(
                keys(&["create_cluster"]),
                "there is a target already",
                "a runbook has one target: leave this step out",
            ));
        }
        Ok(())
    }

    fn create_dms_task(&mut self, o: &'a CreateDmsTask) -> Result<(), Problem> {
        let op = "create_dms_task";
        self.needs_host(Host::Target, op)?;
        let named = (1..=64).contains(&o.id.len()) && o.id.is_ascii();
        if !named || self.tasks.insert(&o.id, false).is_some() {
            return Err(Problem::new(
                keys(&[op, "id"]),
                "a task has a name of its own, of 1 to 64 characters",
                "write a name like `id = \"move\"`",
            ));
        }
        if o.migrates == Migrates::Cdc {
            self.captures_only.insert(&o.id);
        }
        if self.tasks.len() > MOST_TASKS {
            return Err(Problem::new(
                keys(&[op]),
                format!("more than {MOST_TASKS} DMS tasks"),
                "an account has room for no more: put tables together",
            ));
        }
        let tables = o.tables.iter().find(|name| name.split('.').count() != 2);
        if let Some(table) = tables {
            let table = crate::serde_message::clip(table);
            return Err(Problem::new(
                keys(&[op, "tables"]),
                format!("`{table}` is not a table's full name"),
                "write `schema.table`, or leave `tables` out for all of them",
            ));
        }
        let upserts = [
            ("delete_errors", o.delete_errors),
            ("data_errors", o.data_errors),
        ];
        let upsert = upserts
            .into_iter()
            .find(|(_, p)| *p == Policy::UpdateRecord);
        if let Some((key, _)) = upsert {
            return Err(Problem::new(
                keys(&[op, key]),
                "`update-record` is a policy for INSERT and UPDATE alone",
                "choose another policy, like `stop-task`",
            ));
        }
        match o.load_tables_at_once {
            Some(0 | 50..) => Err(Problem::new(
                keys(&[op, "load_tables_at_once"]),
                "MaxFullLoadSubTasks is 1 to 49",
                "write a number like 8",
            )),
            _ => Ok(()),
        }
    }

    /// Whether the task was started.
    fn task(&self, id: &str, path: &[&'static str]) -> Result<bool, Problem> {
        self.tasks.get(id).copied().ok_or_else(|| {
            let help = match join(self.tasks.keys()) {
                Some(known) => format!("created so far: {known}"),
                None => "create it in an earlier step: `create_dms_task = { id = \"…\" }`".into(),
            };
            let id = crate::serde_message::clip(id);
            Problem::new(
                keys(path),
                format!("no earlier step creates a DMS task `{id}`"),
                help,
            )
        })
    }

    /// A task that is started at a position has no load: what came before is there.
    fn cdc_position(&self, o: &DmsTask, name: &str) -> Result<(), Problem> {
        let path = ["dms_task", "at"];
        if o.action != TaskAction::Start || !self.captures_only.contains(o.id.as_str()) {
            return Err(Problem::new(
                keys(&path),
                "only a task for changes alone is started at a position",
                "create it with `migrates = \"cdc\"` and write `action = \"start\"`, or leave `at` out",
            ));
        }
        self.position(
            name,
            &path,
            "a task starts at",
            "`source-position` or `recovery-event`",
        )
    }

    /// What is noted under a name must be a file and position, which this is.
    fn position(
        &self,
        name: &str,
        path: &[&'static str],
        this: &str,
        read_from: &str,
    ) -> Result<(), Problem> {
        match self.noted(name, path)? {
            Noted::Position => Ok(()),
            Noted::GtidSet => Err(Problem::new(
                keys(path),
                format!("`{name}` is a GTID set, and {this} a file and position"),
                format!("read it from {read_from}"),
            )),
        }
    }

    fn dms(&self, o: &DmsCondition) -> Result<(), Problem> {
        let path = ["wait", "until", "dms"];
        let until = o.kind().map_err(|error| several(error, &path))?;
        self.task(&o.task, &["wait", "until", "dms", "task"])?;
        let within = |key| ["wait", "until", "dms", key];
        match until {
            DmsUntil::Checkpoint(name) => {
                let path = within("checkpoint");
                self.position(name, &path, "a checkpoint is", "`source-position`")
            }
            DmsUntil::Latency(seconds) => is_a_lag(seconds, &within("latency")),
            DmsUntil::CaughtUp(seconds) => is_a_lag(seconds, &within("caught_up")),
            DmsUntil::Loaded
            | DmsUntil::Stopped
            | DmsUntil::Validated
            | DmsUntil::NothingMismatched => Ok(()),
        }
    }

    fn read_coordinates(&mut self, from: CoordinatesFrom, name: &'a str) -> Result<(), Problem> {
        let noted = match from {
            CoordinatesFrom::SourcePosition => Noted::Position,
            CoordinatesFrom::SourceGtidExecuted => Noted::GtidSet,
            CoordinatesFrom::ReplicaPosition => {
                self.needs_host(Host::Replica, "read_coordinates")?;
                Noted::Position
            }
            CoordinatesFrom::TargetGtidExecuted => {
                self.needs_host(Host::Target, "read_coordinates")?;
                Noted::GtidSet
            }
            CoordinatesFrom::RecoveryEvent | CoordinatesFrom::TargetPosition => {
                self.needs_host(Host::Target, "read_coordinates")?;
                Noted::Position
            }
        };
        if name.trim().is_empty() || name.len() > 64 {
            return Err(Problem::new(
                keys(&["read_coordinates", "as"]),
                "coordinates are noted under a name of 1 to 64 bytes",
                "write a name like `as = \"fence\"`",
            ));
        }
        self.noted.insert(name, noted);
        match from {
            CoordinatesFrom::TargetPosition => self.of_target.insert(name),
            _ => self.of_target.remove(name),
        };
        Ok(())
    }

    fn set_external_source(&mut self, o: &SetExternalSource) -> Result<(), Problem> {
        self.needs_host(Host::Target, "set_external_source")?;
        let op = "set_external_source";
        let auto = o.auto_position;
        match o.at.as_deref() {
            Some(_) if auto => Err(Problem::new(
                keys(&[op, "auto_position"]),
                "`at` and `auto_position` in one place: the target starts at a position or finds it by GTID",
                "leave one of the two out",
            )),
            None if !auto => Err(Problem::new(
                keys(&[op]),
                "nothing says where to start",
                "write `at = \"NAME\"` (a noted position) or `auto_position = true` (by GTID)",
            )),
            None => Ok(()),
            Some(name) => match self.noted(name, &[op, "at"])? {
                Noted::Position => Ok(()),
                Noted::GtidSet => Err(Problem::new(
                    keys(&[op, "at"]),
                    format!("`{name}` is a GTID set, and `at` needs a file and a position"),
                    "read it from `source-position` or `recovery-event`, or write `auto_position = true`",
                )),
            },
        }?;
        self.configure(o.on);
        Ok(())
    }

    fn noted(&self, name: &str, path: &[&'static str]) -> Result<Noted, Problem> {
        self.noted.get(name).copied().ok_or_else(|| {
            let help = match join(self.noted.keys()) {
                Some(known) => format!("noted so far: {known}"),
                None => {
                    "note them in an earlier step: `read_coordinates = { from = \"…\", as = \"…\" }`"
                        .into()
                }
            };
            let name = crate::serde_message::clip(name);
            Problem::new(
                keys(path),
                format!("no earlier step notes coordinates as `{name}`"),
                help,
            )
        })
    }

    /// Coordinates that mean something to the source.
    fn noted_on_source(&self, name: &str, condition: &'static str) -> Result<(), Problem> {
        let path = ["wait", "until", condition];
        self.noted(name, &path)?;
        match self.of_target.contains(name) {
            false => Ok(()),
            true => Err(Problem::new(
                keys(&path),
                format!(
                    "`{name}` is a place in the target's binlog, and `{condition}` looks at the source's"
                ),
                "read it from `source-position` or `source-gtid-executed`",
            )),
        }
    }

    fn wait(&self, wait: &Wait, timeout: Micros) -> Result<(), Problem> {
        let every = wait.every.unwrap_or(DEFAULT_EVERY);
        if every < Micros::ms(10) {
            return Err(Problem::new(
                keys(&["wait", "every"]),
                format!("`every` is {every}: no person or script polls more often than every 10ms"),
                "write a duration of 10ms or more",
            ));
        }
        if timeout.0 / every.0 > MOST_POLLS {
            return Err(Problem::new(
                keys(&["wait", "every"]),
                format!(
                    "a poll every {every} until the timeout of {timeout}: more than {MOST_POLLS} polls"
                ),
                "poll less often, or give the step a shorter `timeout`",
            ));
        }
        if !matches!(wait.polls, None | Some(1..=1_000)) {
            return Err(Problem::new(
                keys(&["wait", "polls"]),
                "`polls` must be between 1 and 1000",
                "write how many polls in a row must agree, like 3",
            ));
        }
        let until = wait.until.kind();
        let until = until.map_err(|error| several(error, &["wait", "until"]))?;
        if let Some(errors) = wait.skip_errors {
            self.skip_errors(errors, until, wait.on)?;
        }
        match until {
            Until::ReplicationRunning => {
                if self.started.contains(&wait.on) {
                    return Ok(());
                }
                Err(Problem::new(
                    keys(&["wait", "until", "replication_running"]),
                    "no earlier step starts replication",
                    "add a step with `start_replication = {}` before this one",
                ))
            }
            Until::SecondsBehindSource(seconds) => {
                self.lag(wait.on, "seconds_behind_source", seconds)
            }
            Until::CaughtUp(seconds) => self.lag(wait.on, "caught_up", seconds),
            Until::Applied(name) => {
                self.needs_host(wait.on, "wait")?;
                self.noted(name, &["wait", "until", "applied"]).map(|_| ())
            }
            Until::ReadOnly(host)
            | Until::Writable(host)
            | Until::EventScheduler(host, _)
            | Until::NoOpenTransactions(host) => self.needs_host(host, "wait"),
            Until::SnapshotAvailable(id) => {
                self.known_snapshot(id, &["wait", "until", "snapshot_available"])
            }
            Until::Row(o) => {
                self.needs_host(o.on, "wait")?;
                match unreadable_query(&o.sql) {
                    None => Ok(()),
                    Some(why) => Err(Problem::new(
                        keys(&["wait", "until", "row", "sql"]),
                        format!("no modelled server answers this question: {why}"),
                        "write SELECT 1 FROM … WHERE with `column = value` conditions joined by AND",
                    )),
                }
            }
            Until::Dms(o) => self.dms(o),
            Until::SourceUnchangedSince(name) => {
                self.noted_on_source(name, "source_unchanged_since")
            }
            Until::NoWritesSince(name) => self.noted_on_source(name, "no_writes_since"),
        }
    }

    fn skip_errors(&self, errors: u32, until: Until<'_>, on: Host) -> Result<(), Problem> {
        let path = || keys(&["wait", "skip_errors"]);
        if !(1..=1_000).contains(&errors) {
            return Err(Problem::new(
                path(),
                format!("`skip_errors` is {errors}, and must be between 1 and 1000"),
                "write how many errors are skipped before the step fails, or leave it out: none is",
            ));
        }
        if !until.is_of_replication() {
            return Err(Problem::new(
                path(),
                "this condition does not look at replication, whose errors would be skipped",
                "write it beside `replication_running`, `caught_up`, `seconds_behind_source` or `applied`",
            ));
        }
        if on == Host::Replica {
            return Err(Problem::new(
                keys(&["wait", "on"]),
                "what is skipped on a read replica would be missing in its snapshots, which is not modelled",
                "leave `skip_errors` out: an error of the read replica calls the migration off",
            ));
        }
        self.needs_source(on, "wait")
    }

    fn lag(&self, on: Host, key: &'static str, seconds: u64) -> Result<(), Problem> {
        self.needs_host(on, "wait")?;
        is_a_lag(seconds, &["wait", "until", key])
    }

    fn needs_host(&self, host: Host, op: &'static str) -> Result<(), Problem> {
        let (there, make) = match host {
            Host::Source => return Ok(()),
            Host::Target => (
                self.restored,
                "restore a snapshot in an earlier step: `restore_snapshot = { id = \"…\" }`",
            ),
            Host::Replica => (
                self.has_replica,
                "make it in an earlier step: `create_read_replica = {}`",
            ),
        };
        if there {
            return Ok(());
        }
        Err(Problem::new(
            keys(&[op]),
            format!("there is no {} yet", host.name()),
            make,
        ))
    }

    fn needs_source(&self, on: Host, op: &'static str) -> Result<(), Problem> {
        if self.configured.contains(&on) {
            return Ok(());
        }
        Err(Problem::new(
            keys(&[op]),
            format!("the {} does not know a source to replicate from", on.name()),
            "add a step with `set_external_source = { … }` before this one",
        ))
    }
}

/// `path` ends in the key whose value the lag is.
fn is_a_lag(seconds: u64, path: &[&'static str]) -> Result<(), Problem> {
    if seconds <= 34_560_000 {
        return Ok(());
    }
    let key = path.last().copied().unwrap_or_default();
    Err(Problem::new(
        keys(path),
        format!("`{key}` is {seconds}: more than 400 days"),
        "write a number of seconds, like 1",
    ))
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

/// The first few names; none when there are none.
fn join<'s>(names: impl IntoIterator<Item = &'s &'s str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().take(10).copied().collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// A step or a condition without a key that says what to do, or with two.
fn several(error: StepError, path: &[&'static str]) -> Problem {
    let mut at = keys(path);
    let what = if path.is_empty() { "step" } else { "condition" };
    match error {
        StepError::Nothing { one_of } => Problem::new(
            at,
            format!("a {what} without anything to do"),
            format!("add one of {one_of}"),
        ),
        StepError::Several { first, second } => {
            at.push(Part::Key(second));
            let help = if path.is_empty() {
                "write a step for each"
            } else {
                "write a step with a wait for each"
            };
            Problem::new(at, format!("`{first}` and `{second}` in one {what}"), help)
        }
    }
}
