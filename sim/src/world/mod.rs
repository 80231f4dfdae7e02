//! The world: hosts with their model components, links, names and clients, as one pure state machine.
//!
//! `next_due`, `step`, `advance_to`: its outcomes depend on no scheduler. Async code (the operator) brings
//! it up to now before it looks. Time is in µs since the run's clock started.

pub mod agenda;
mod clients;
mod control;
mod ddl;
mod faults;
mod habits;
mod hosts;
pub mod link;
mod marks;
mod mutants;
mod operator;
mod replay;
mod replication;
mod script;
mod setup;
pub(crate) mod words;
mod writers;

pub use clients::{ClientTotals, Seen};
pub use faults::Fired;
pub use marks::{Marks, Replication};
pub use operator::Answers;
pub use setup::SetupError;

use crate::{
    environment::{Environment, Retention},
    faults::{CorruptEvent, Occasion, Wire},
    history::{Applied, Commit, History, add},
    outcome::StoryLine,
    probes::{Probe, Probes},
    runbook::Host,
    stream::Stream,
    units::{Micros, Moment},
};
use agenda::Agenda;
use clients::Clients;
use cutover_model::{
    Arena,
    binlog::log::LogPos,
    database::Database,
    mutant::Mutants,
    names::Record,
    replica::Replica,
    server::{Cut, Event, Server},
};
use replication::Stream as BinlogStream;
use std::collections::BTreeMap;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A client thinks of something to do.
    Wake(u16),
    /// A client's statement reaches the server. The number tells a connection from the ones before it.
    Request(u16, u32),
    /// An answer reaches the client.
    Returned(u16, u32),
    /// The next recorded transaction may go out.
    Replay,
    /// The receiver's connection attempt reaches the source.
    Connect(u32),
    /// Binlog bytes reach the target.
    Deliver(u32),
    /// The link has room for more.
    Pump(u32),
    /// A link's connections are reset, as they are now and then.
    Reset(Wire),
    /// Nothing was heard on the binlog stream's connection for too long.
    Silence(u32),
    /// A fault of the schedule fires.
    Fault(u16),
    /// A fault of the schedule heals.
    Heal(u16),
    /// Who still waits for something over a link that is cut gives up.
    Impatience(Wire),
    /// The source's host is lost, and a standby takes over after this time.
    HostLost(Micros),
    /// A host serves again.
    Back(Host),
    /// A snapshot that was asked for is cut.
    SnapshotCut(u16),
    /// The next `FLUSH BINARY LOGS` of a fault.
    FlushLogs(u16),
    /// The receiver is started again.
    StartReceiver,
    /// The applier is started again.
    StartApplier,
    /// RDS rotates and uploads the binlog, and purges.
    Upload,
    /// `read_only` of the parameter group reaches the source.
    Parameter(bool),
}

/// A snapshot.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What is in it.
    pub cut: Cut,
    /// When it was cut, in µs.
    pub at: u64,
    /// When it can be restored, in µs.
    pub available: u64,
}

/// The Aurora cluster.
#[derive(Debug)]
pub struct Target {
    /// Its writer.
    pub server: Server,
    /// Replication, once configured.
    pub replica: Option<Replica>,
    /// What it was restored from.
    pub snapshot: Snapshot,
}

/// The world.
#[derive(Debug)]
pub struct World {
    now: u64,
    /// Row images and keys of all tables.
    pub arena: Arena,
    /// The RDS instance.
    pub source: Server,
    /// The Aurora cluster, once restored.
    pub target: Option<Target>,
    /// What clients asked and were told.
    pub history: History,
    /// Who did what.
    pub story: Vec<StoryLine>,
    /// Moments that the checks need.
    pub marks: Marks,
    /// Rare paths that the run went along.
    pub probes: Probes,
    /// As the plan has it.
    plan_environment: Environment,
    /// As it is now, with the faults in force.
    environment: Environment,
    faults: faults::Faults,
    office: operator::Office,
    lagging: habits::Lagging,
    alter: ddl::Alter,
    /// For each host, how far its clock is ahead, in µs.
    ahead_us: [u64; 2],
    mutants: Mutants,
    /// The tables when the snapshot was asked for: what [`cutover_model::mutant::Mutant::SnapshotTorn`] takes a part from.
    snapshot_begun: Option<Database>,
    epoch_us: u64,
    retention: Retention,
    snapshots: BTreeMap<String, Snapshot>,
    agenda: Agenda<Due>,
    jitter: Stream,
    names: Record<Host>,
    clients: Clients,
    stream: BinlogStream,
    /// The source answers nothing before this moment: I/O is suspended.
    source_suspended_until: u64,
    /// For each host, when it serves again.
    down_until: [u64; 2],
    /// For each host, until when nobody is there even to refuse a connection.
    silent_until: [u64; 2],
    /// `read_only` in the source's parameter group: what a restart makes of it.
    source_parameter_read_only: bool,
    /// Replication was running when the target's server went down: it starts with it.
    replication_resumes: bool,
    /// What happens to the next binlog events on their way.
    corruption: Option<CorruptEvent>,
    events: Vec<Event>,
}

impl World {
    /// Now, in µs.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The calendar.
    pub fn moment(&self, at: u64) -> Moment {
        Moment(self.epoch_us + at)
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<u64> {
        const NEVER: u64 = u64::MAX;
        let at = |due: Option<u64>| due.unwrap_or(NEVER);
        let mut due = at(self.agenda.next_due()).min(at(self.source.next_due()));
        if let Some(target) = &self.target {
            due = due.min(at(target.server.next_due()));
            if let Some(replica) = &target.replica {
                due = due.min(at(replica.next_due()));
            }
        }
        (due < NEVER).then(|| due.max(self.now))
    }

    /// Lets everything happen that is due up to `at`, in order.
    pub fn advance_to(&mut self, at: u64) {
        while let Some(due) = self.next_due().filter(|due| *due <= at) {
            self.now = due;
            self.step();
        }
        self.now = self.now.max(at);
    }

    /// Nothing is under way: no operation open, links drained, appliers idle, no fault in force.
    pub fn is_quiet(&self) -> bool {
        let replication = self.target.as_ref().and_then(|t| t.replica.as_ref());
        let applied = replication.is_none_or(|r| !r.applier_runs() || r.is_idle());
        self.healed_at() <= self.now
            && self.clients.is_quiet()
            && self.stream.is_quiet()
            && applied
            && self.source.open_transactions() == 0
    }

    /// Adds a line to the story.
    pub fn tell(&mut self, who: &'static str, what: String, commands: Vec<String>) {
        let at = self.moment(self.now);
        self.story.push(StoryLine {
            at,
            who,
            what,
            commands,
        });
    }

    fn step(&mut self) {
        let now = self.now;
        if self.source.is_due(now) {
            self.source.step(&mut self.arena, now);
        }
        self.hear_source();
        if let Some(target) = self.target.as_mut() {
            if target.server.is_due(now) {
                target.server.step(&mut self.arena, now);
            }
            self.hear_target();
            self.step_replica();
        }
        if let Some(due) = self.agenda.pop_due(now) {
            match due {
                Due::Wake(client) => self.wake(client),
                Due::Request(client, connection) => self.request(client, connection),
                Due::Returned(client, connection) => self.returned(client, connection),
                Due::Replay => self.replay_wakes(),
                Due::Connect(attempt) => self.connect_receiver(attempt),
                Due::Deliver(connection) => self.deliver(connection),
                Due::Pump(connection) => self.pump(connection),
                Due::Reset(wire) => {
                    self.schedule_reset(wire);
                    self.reset(wire);
                }
                Due::Silence(connection) => self.stream_is_silent(connection),
                Due::Fault(fault) => self.fault_fires(fault),
                Due::Heal(fault) => self.fault_heals(fault),
                Due::Impatience(wire) => self.impatience(wire),
                Due::HostLost(outage) => self.host_is_lost(outage),
                Due::Back(host) => self.host_is_back(host),
                Due::SnapshotCut(snapshot) => self.cut_asked_for(snapshot),
                Due::FlushLogs(fault) => self.flush_logs(fault),
                Due::StartReceiver => self.receiver_starts_again(),
                Due::StartApplier => self.applier_starts_again(),
                Due::Upload => self.upload(),
                Due::Parameter(value) => self.parameter_arrives(value),
            }
            self.hear_source();
            self.hear_target();
        }
        if self.alter.waits() {
            self.ddl_goes_on();
        }
    }

    fn hear_source(&mut self) {
        if self.source.has_events() {
            self.hear(Host::Source);
        }
    }

    fn hear_target(&mut self) {
        if self.target.as_ref().is_some_and(|t| t.server.has_events()) {
            self.hear(Host::Target);
        }
    }

    /// Takes what happened inside a server.
    fn hear(&mut self, host: Host) {
        while self.server(host).is_some_and(Server::has_events) {
            let mut events = std::mem::take(&mut self.events);
            if let Some(server) = self.server_mut(host) {
                server.events(&mut events);
            }
            for event in events.drain(..) {
                match event {
                    Event::Resume(session) => self.resume(host, session),
                    Event::Failed(session, error) => {
                        self.failed_while_waiting(host, session, &error)
                    }
                    Event::Committed(session, done) => {
                        let operation = self.clients.operation_of(host, session);
                        let commit = Commit {
                            at: self.now,
                            end: done.end,
                            gno: done.gno,
                            operation,
                        };
                        match host {
                            Host::Source => {
                                add(&mut self.history.source, commit);
                                self.occurs(Occasion::SourceCommits);
                            }
                            Host::Target => add(&mut self.history.target, commit),
                        }
                        // Its place in the history. The server's own number is another one on a target that has
                        // crashed: what it had numbered and lost before anybody heard of it is in no history.
                        let number = self.history.commits(host).len() - 1;
                        self.committed(host, session, operation, number as u32);
                        if host == Host::Source {
                            self.ddl_is_committed(session);
                        }
                    }
                    Event::Published if host == Host::Source => {
                        self.pump(self.stream.connection());
                        self.occurs(Occasion::SourcePublishes);
                    }
                    Event::Published => {}
                    Event::ReadOnlyEffective => {
                        if host == Host::Source {
                            self.marks.source_read_only.get_or_insert(self.now);
                            if self.source.open_transactions() > 0 {
                                self.probes.reach(Probe::OpenAtFence);
                            }
                        }
                        self.tell(
                            side(host),
                            "is read-only now: no ordinary client can commit any more".into(),
                            Vec::new(),
                        );
                    }
                }
            }
            self.events = events;
        }
    }

    fn step_replica(&mut self) {
        let (now, costs) = (self.now, self.costs());
        let Some(target) = self.target.as_mut() else {
            return;
        };
        let Some(replica) = target.replica.as_mut() else {
            return;
        };
        if replica.next_due().is_none_or(|due| due > now) {
            return;
        }
        let ran = replica.applier_runs();
        let before = self.history.applied.len();
        let (history, clients, marks) = (&mut self.history, &self.clients, &mut self.marks);
        let (source, source_commits) = (&self.source, &history.source);
        let applied = &mut history.applied;
        let mut next = applied.last().map_or(0, |a| a.commit as usize + 1);
        replica.step(
            &mut self.arena,
            now,
            &mut target.server,
            source,
            costs,
            |end, at, changes, arena| {
                // What was published and is not yet in the source's engine has its number already.
                let commit = match source.in_commit(end) {
                    Some(number) => number.0 as u32,
                    None => commit_that_ends(source_commits, end, next) as u32,
                };
                next = commit as usize + 1;
                add(applied, Applied { commit, at });
                marks.target_changed(clients.watched_table(), changes, arena);
            },
        );
        let stopped = ran && !replica.applier_runs();
        for _ in before..self.history.applied.len() {
            self.occurs(Occasion::TargetApplies);
        }
        if stopped {
            self.applier_has_stopped();
        }
    }

    fn applier_has_stopped(&mut self) {
        let replica = self
            .target
            .as_ref()
            .and_then(|t| Some((t, t.replica.as_ref()?)));
        if let Some((target, replica)) = replica {
            let status = replica.status(&target.server.gtid_executed, self.epoch_us / 1_000_000);
            let now = self.now;
            self.marks.replication.failed = status.last_sql_error.clone().map(|e| (now, e));
            let why = status
                .last_sql_error
                .map(|e| format!("{} ({})", e.text, e.errno))
                .unwrap_or_default();
            self.tell(
                "target",
                format!("the applier has stopped: {why}"),
                Vec::new(),
            );
        }
    }

    /// A host's server.
    pub fn server(&self, host: Host) -> Option<&Server> {
        match host {
            Host::Source => Some(&self.source),
            Host::Target => self.target.as_ref().map(|t| &t.server),
        }
    }

    fn server_mut(&mut self, host: Host) -> Option<&mut Server> {
        match host {
            Host::Source => Some(&mut self.source),
            Host::Target => self.target.as_mut().map(|t| &mut t.server),
        }
    }
}

/// The number of the commit that ends at a place in the binlog; mostly that is the `likely` one.
fn commit_that_ends(commits: &[Commit], end: LogPos, likely: usize) -> usize {
    let place = |commit: &Commit| commit.end;
    match commits.get(likely).map(place) {
        Some(at) if at == end => likely,
        _ => commits.partition_point(|c| place(c) < end),
    }
}

/// A host's name in the story.
pub(crate) fn side(host: Host) -> &'static str {
    match host {
        Host::Source => "source",
        Host::Target => "target",
    }
}
