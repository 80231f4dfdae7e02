//! What the steps of a runbook do to events: of each host the events that it has, as its statements and the binlog make
//! them, and whether its scheduler is on.
//!
//! What is switched off counts from the wait that has seen it off; what is switched on, at once.

use super::super::scene::Timed;
use crate::{
    plan::Plan,
    runbook::{CoordinatesFrom, CreateSnapshot, Host, OnFailure, Op, Until},
    workload::orders::SCHEMA_NAME,
    workload_spec::Kind,
};
use cutover_model::{
    Arena,
    database::{Database, EventStatus, ScheduledEvent},
    ddl::{self, By, Context, Statement},
};
use std::collections::BTreeMap;

/// A host, as far as events go.
#[derive(Clone, Debug, Default)]
struct Side {
    database: Database,
    on: bool,
    /// What its parameter group says, which it has sooner or later.
    parameter: bool,
    read_only: bool,
    /// It was asked to be read-only, and nobody has lifted that.
    fenced: bool,
}

impl Side {
    fn runs(&self, event: &ScheduledEvent) -> bool {
        let refused = self.read_only && !event.privileged;
        self.on && event.status == EventStatus::Enabled && !refused
    }

    fn running(&self) -> impl Iterator<Item = String> {
        let running = self.database.events().iter();
        running
            .filter(|event| self.runs(event))
            .map(ScheduledEvent::full_name)
    }
}

/// How it stands with the events.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    source: Side,
    /// Before it is made it has no events, and the scheduler of its parameter group.
    target: Side,
    is_made: bool,
    /// `read_only` of the target would not outlive a restart.
    forgets_read_only: bool,
    replica: Database,
    /// By its name, what is in a snapshot: the events, and how many of the source's statements.
    snapshots: BTreeMap<String, (Database, usize)>,
    newest: String,
    /// The events' statements of the source, and how many of them the target has.
    typed: Vec<Statement>,
    had: usize,
    replicates: bool,
    /// Those that the target's own binlog has, and how many of them the source has; by the names of positions that were read
    /// there, how many there were.
    typed_there: Vec<Statement>,
    had_back: usize,
    noted_there: BTreeMap<String, usize>,
    replicates_back: bool,
    logs_there: bool,
    /// What the source had enabled while its scheduler was on, in the order in which it did; and the target.
    pub ran: Vec<String>,
    ran_there: Vec<String>,
}

/// A statement's effect; others than those of events and schemas have none on events.
fn apply(database: &mut Database, statement: &Statement, by: By) -> Result<(), String> {
    let done = match statement {
        Statement::Event(_) | Statement::CreateSchema { .. } | Statement::DropSchema { .. } => {
            ddl::apply_by(database, &mut Arena::default(), statement, by)
        }
        _ => Ok(()),
    };
    done.map_err(|error| match error.code() {
        Some(code) => format!("error {code}: {error}"),
        None => error.to_string(),
    })
}

/// Applies statements as a replica does.
fn replicate(database: &mut Database, statements: &[Statement]) -> Result<(), String> {
    let mut statements = statements.iter();
    statements.try_for_each(|statement| apply(database, statement, By::Replication))
}

/// An event by its full name.
fn named<'d>(database: &'d Database, name: &str) -> Option<&'d ScheduledEvent> {
    let (schema, name) = name.split_once('.')?;
    database.event(schema, name)
}

fn note_enabled(ran: &mut Vec<String>, side: &Side) {
    let events = side.database.events().iter().filter(|_| side.on);
    for event in events.filter(|event| event.status == EventStatus::Enabled) {
        let name = event.full_name();
        if !ran.contains(&name) {
            ran.push(name);
        }
    }
}

impl Followed {
    /// At the beginning of a plan's runbook.
    pub fn of(plan: &Plan) -> Self {
        let mut database = Database::default();
        database.keep_events();
        // A recording has schemas of its own, and what is typed about them is left to the run.
        let _ = database.create_schema(SCHEMA_NAME);
        if plan.workload.kind == Kind::Orders {
            let events = plan.workload.events.iter();
            let events = events.map(|spec| spec.event(plan.clock.start));
            database.change_events(|list| list.extend(events));
        }
        let side = |host, database| Side {
            database,
            on: plan.environment.runs_events(host),
            parameter: plan.environment.runs_events(host),
            read_only: false,
            fenced: false,
        };
        let mut empty = Database::default();
        empty.keep_events();
        let mut followed = Self {
            source: side(Host::Source, database.clone()),
            target: side(Host::Target, empty.clone()),
            is_made: false,
            forgets_read_only: false,
            replica: empty,
            // *Migrate latest snapshot* takes last night's, if there is none of the runbook's.
            snapshots: BTreeMap::from([(String::new(), (database, 0))]),
            newest: String::new(),
            typed: Vec::new(),
            had: 0,
            replicates: false,
            typed_there: Vec::new(),
            had_back: 0,
            noted_there: BTreeMap::new(),
            replicates_back: false,
            logs_there: plan.environment.target.binlog,
            ran: Vec::new(),
            ran_there: Vec::new(),
        };
        followed.note_running();
        followed
    }

    fn side(&self, host: Host) -> Option<&Side> {
        match host {
            Host::Source => Some(&self.source),
            Host::Target => Some(&self.target).filter(|_| self.is_made),
            Host::Replica => None,
        }
    }

    fn side_mut(&mut self, host: Host) -> Option<&mut Side> {
        match host {
            Host::Source => Some(&mut self.source),
            Host::Target => Some(&mut self.target),
            Host::Replica => None,
        }
    }

    /// The first event that a host runs.
    pub fn runs(&self, host: Host) -> Option<String> {
        self.side(host)?.running().next()
    }

    /// The first that both do.
    pub fn runs_on_both(&self) -> Option<String> {
        let target = self.side(Host::Target)?;
        let both = |name: &String| {
            let there = named(&target.database, name);
            there.is_some_and(|event| target.runs(event))
        };
        self.source.running().find(both)
    }

    /// The first event of those that the source had enabled, and still has, that a host does not run but for `read_only`,
    /// and why. Of the source itself also those that the target had enabled.
    pub fn is_off(&self, host: Host) -> Option<(String, &'static str)> {
        let side = self.side(host)?;
        let ours = self.ran.iter();
        let ours = ours.filter(|name| named(&self.source.database, name).is_some());
        let theirs = self
            .ran_there
            .iter()
            .filter(|name| host == Host::Source && named(&self.target.database, name).is_some());
        ours.chain(theirs).find_map(|name| {
            let why = match named(&side.database, name) {
                None => "it is not there",
                Some(event) if event.status != EventStatus::Enabled => event.status.text(),
                Some(_) if !side.parameter => "event_scheduler is OFF",
                Some(_) => return None,
            };
            Some((name.clone(), why))
        })
    }

    fn note_running(&mut self) {
        note_enabled(&mut self.ran, &self.source);
        if self.is_made {
            note_enabled(&mut self.ran_there, &self.target);
        }
    }

    /// Does what a step does.
    ///
    /// # Errors
    /// A statement that the server refuses.
    pub fn goes_through(&mut self, timed: &Timed<'_>) -> Result<(), String> {
        match timed.op {
            Op::CreateSnapshot(o) => self.cut(o),
            Op::CreateReadReplica => self.replica = self.source.database.clone(),
            Op::RestoreSnapshot(o) => self.restore(&o.id),
            Op::MigrateLatestSnapshot => {
                let newest = self.newest.clone();
                self.restore(&newest);
            }
            Op::CreateAuroraReplica => {
                let now = (self.source.database.clone(), self.typed.len());
                self.snapshots.insert("of the replica".into(), now);
                self.restore("of the replica");
                self.replicates = true;
            }
            Op::CreateCluster => self.is_made = true,
            // The schemas come with the tables, and the events do not.
            Op::CreateSchema(_) | Op::DmsTask(_) => {
                for name in self.source.database.schemas() {
                    let _ = self.target.database.create_schema(name);
                }
            }
            Op::StartReplication(Host::Target) => {
                self.replicates = true;
                self.catches_up()?;
            }
            Op::StopReplication(Host::Target) | Op::PromoteCluster => self.replicates = false,
            Op::ReadCoordinates(o) if o.from == CoordinatesFrom::TargetPosition => {
                self.noted_there
                    .insert(o.name.clone(), self.typed_there.len());
            }
            Op::SetExternalSource(o) if o.on == Host::Source => {
                let noted = o.at.as_ref().and_then(|name| self.noted_there.get(name));
                self.had_back = noted.copied().unwrap_or_default();
            }
            Op::StartReplication(Host::Source) => {
                self.replicates_back = true;
                self.catches_up_back()?;
            }
            Op::StopReplication(Host::Source) => self.replicates_back = false,
            Op::EnableBinlog => {
                self.logs_there = true;
                self.target.read_only &= !self.forgets_read_only;
            }
            Op::SetReadOnly(o) if o.value => {
                let at_once = o.on == Host::Target && !o.lasting;
                if let Some(side) = self.side_mut(o.on) {
                    (side.fenced, side.read_only) = (true, side.read_only || at_once);
                }
                self.forgets_read_only |= at_once;
            }
            // It may be passed over: the scheduler may be on, and may not.
            Op::SetEventScheduler(o) if o.value && timed.step.on_failure == OnFailure::Continue => {
                if let Some(side) = self.side_mut(o.on) {
                    side.on = true;
                }
            }
            Op::Wait(wait) if timed.decides() => self.has_seen(wait.until.kind().ok()),
            _ => return self.takes_back(&timed.op),
        }
        self.note_running();
        Ok(())
    }

    /// Does what an abort step can do, too.
    ///
    /// # Errors
    /// As [`Followed::goes_through`].
    pub fn takes_back(&mut self, op: &Op<'_>) -> Result<(), String> {
        match op {
            Op::SetEventScheduler(o) => {
                let is_made = o.on != Host::Target || self.is_made;
                if let Some(side) = self.side_mut(o.on) {
                    side.parameter = o.value;
                    side.on = o.value || side.on && is_made;
                }
            }
            Op::SetReadOnly(o) if !o.value => {
                if let Some(side) = self.side_mut(o.on) {
                    (side.read_only, side.fenced) = (false, false);
                }
            }
            Op::RunSql(o) => {
                let context = Context::new(SCHEMA_NAME, ddl::Version::V8_0);
                if let Ok(statement) = ddl::parse(&o.sql, &context) {
                    self.is_typed(o.on, statement)?;
                }
            }
            _ => {}
        }
        self.note_running();
        Ok(())
    }

    fn cut(&mut self, o: &CreateSnapshot) {
        let database = match o.of {
            Host::Replica => self.replica.clone(),
            Host::Source | Host::Target => self.source.database.clone(),
        };
        let cut = (database, self.typed.len());
        self.snapshots.insert(o.id.clone(), cut);
        self.newest.clone_from(&o.id);
    }

    fn restore(&mut self, id: &str) {
        self.is_made = true;
        if let Some((database, had)) = self.snapshots.get(id).cloned() {
            (self.target.database, self.had) = (database, had);
        }
    }

    fn has_seen(&mut self, until: Option<Until<'_>>) {
        let (host, event_scheduler) = match until {
            Some(Until::ReadOnly(host)) => (host, None),
            Some(Until::EventScheduler(host, on)) => (host, Some(on)),
            _ => return,
        };
        if let Some(side) = self.side_mut(host) {
            match event_scheduler {
                None => side.read_only = true,
                Some(on) => side.on = on,
            }
        }
    }

    /// Whether what an operator types on a host is refused: on Aurora the master user has CONNECTION_ADMIN.
    pub fn refuses_the_operator(&self, host: Host) -> bool {
        host == Host::Source && self.source.fenced
    }

    /// What the source has typed since comes by the binlog.
    fn catches_up(&mut self) -> Result<(), String> {
        let since = self.typed.get(self.had..).unwrap_or_default();
        self.had = self.typed.len();
        let stops = |why| format!("replication into the target stops: {why}");
        replicate(&mut self.target.database, since).map_err(stops)
    }

    /// The same into the source, on the way back.
    fn catches_up_back(&mut self) -> Result<(), String> {
        let since = self.typed_there.get(self.had_back..).unwrap_or_default();
        self.had_back = self.typed_there.len();
        let stops = |why| format!("replication back into the source stops: {why}");
        replicate(&mut self.source.database, since).map_err(stops)
    }

    fn is_typed(&mut self, on: Host, statement: Statement) -> Result<(), String> {
        match on {
            Host::Source => {
                let by = By::Session { privileged: false };
                apply(&mut self.source.database, &statement, by)?;
                // Where the read replica has none yet, it has it from the source when it is made.
                let _ = apply(&mut self.replica, &statement, By::Replication);
                self.typed.push(statement);
                match self.replicates {
                    true => self.catches_up(),
                    false => Ok(()),
                }
            }
            Host::Target | Host::Replica => {
                // The master user of an Aurora cluster has CONNECTION_ADMIN.
                let by = By::Session { privileged: true };
                apply(&mut self.target.database, &statement, by)?;
                if self.logs_there {
                    self.typed_there.push(statement);
                }
                match self.replicates_back {
                    true => self.catches_up_back(),
                    false => Ok(()),
                }
            }
        }
    }
}
