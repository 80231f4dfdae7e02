//! The world: hosts with their model components, links, names and clients, as one pure state machine.
//!
//! `next_due`, `step`, `advance_to`: its outcomes depend on no scheduler. Async code (the operator) brings
//! it up to now before it looks. Time is in µs since the run's clock started.

mod accounts;
pub mod agenda;
mod by_hour;
mod clients;
mod control;
mod ddl;
mod dms;
mod faults;
mod habits;
mod hearing;
mod hosts;
pub mod link;
mod marks;
mod memory;
mod mutants;
mod myisam;
mod operator;
mod own_writes;
mod repairs;
mod replay;
mod replication;
mod scheduler;
mod script;
mod setup;
mod sql;
mod wizards;
pub(crate) mod words;
mod writers;

pub use clients::{ClientTotals, Seen};
pub(crate) use control::leave_out_constraints;
pub(crate) use ddl::altered_by_fault;
pub use faults::Fired;
pub use marks::{GivenUp, LeftOut, Marks, Replication, Skipped, UnderWay};
pub use operator::Answers;
pub(crate) use replay::runbook_start_us;
pub(crate) use setup::tables_before;
pub use setup::{SetupError, refused_event};
pub use sql::{types_an_event, unreadable_event, unreadable_query, unreadable_sql, writes_to_shop};

use crate::{
    environment::{Environment, Retention},
    faults::{CorruptEvent, Occasion, Wire},
    history::{Applications, Applied, CommitList, History, NO_COMMIT},
    outcome::StoryLine,
    probes::Probes,
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
    server::{Cut, Event, Server, SessionId},
};
use replication::Channel;
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
    /// A replica's connection attempt reaches the host that it reads from.
    Connect(Host, u32),
    /// Binlog bytes reach a replica.
    Deliver(Host, u32),
    /// The link to a replica has room for more.
    Pump(Host, u32),
    /// A link's connections are reset, as they are now and then.
    Reset(Wire),
    /// Nothing was heard on a binlog stream's connection for too long.
    Silence(Host, u32),
    /// A fault of the schedule fires.
    Fault(u16),
    /// A fault of the schedule heals.
    Heal(u16),
    /// Who still waits for something over a link that is cut gives up.
    Impatience(Wire),
    /// The source's host is lost, and a standby takes over after this time.
    HostLost(Micros),
    /// The rows are gone through that a change of a table on a host goes through.
    Altered(Host),
    /// A host serves again.
    Back(Host),
    /// A snapshot that was asked for is cut.
    SnapshotCut(u16),
    /// The next `FLUSH BINARY LOGS` of a fault.
    FlushLogs(u16),
    /// A replica's receiver is started again.
    StartReceiver(Host),
    /// A replica's applier is started again.
    StartApplier(Host),
    /// RDS rotates and uploads the binlog, and purges.
    Upload,
    /// RDS writes into the source, as soon as that takes writes.
    RdsWrites,
    /// The application's password is changed, as soon as there is a server.
    Password,
    /// RDS takes its daily snapshot.
    Backup,
    /// The Aurora read replica that RDS makes is there.
    AuroraReplica,
    /// The RDS read replica is there.
    ReadReplica,
    /// `read_only` of a host's parameter group reaches it.
    Parameter(Host, bool),
    /// `event_scheduler` of a host's parameter group reaches it.
    EventScheduler(Host, bool),
    /// An event's moment on a host. The number tells the wake-up that counts.
    Events(Host, u32),
    /// Something of a DMS task: which, what, and the number of its connection.
    Dms(u8, dms::Tell, u32),
    /// The source's operating system writes back what MyISAM tables left in its cache.
    WriteBack,
}

/// A snapshot.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What is in it.
    pub cut: Cut,
    /// When it was cut, in µs.
    pub at: u64,
    /// How long before the run, where it is from before: nothing is modelled between then and the beginning.
    pub age_us: u64,
    /// Where the binlog of the instance that it is of ends, where that is not the source.
    pub own_position: Option<(String, u64)>,
    /// When it can be restored, in µs.
    pub available: u64,
}

/// The Aurora cluster.
#[derive(Debug)]
pub struct Target {
    /// Its writer.
    pub server: Server,
    /// What it was restored from; none for a cluster that was created empty.
    pub snapshot: Option<Snapshot>,
}

/// Later than any moment of a run, in µs.
const NEVER: u64 = u64::MAX;

/// Why something cannot be done to the target.
const NO_TARGET: &str = "there is no Aurora cluster yet";

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
    /// The RDS read replica, once it was made.
    pub read_replica: Option<Server>,
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
    growth: memory::Growth,
    alter: ddl::Alter,
    prompt: sql::Prompt,
    scheduler: scheduler::Scheduler,
    /// The session in which RDS is writing.
    rds_session: Option<SessionId>,
    password: accounts::Password,
    /// For each host, how far its clock is ahead, in µs.
    ahead_us: [u64; Host::ALL.len()],
    mutants: Mutants,
    /// The tables when the snapshot was asked for: what [`cutover_model::mutant::Mutant::SnapshotTorn`] takes a part from.
    snapshot_begun: Option<Database>,
    /// The source's tables when MyISAM's were last written back; none without such tables.
    written_back: Option<Database>,
    epoch_us: u64,
    /// `binlog retention hours` of each host.
    retention: [Retention; Host::ALL.len()],
    snapshots: BTreeMap<String, Snapshot>,
    agenda: Agenda<Due>,
    jitter: Stream,
    names: Record<Host>,
    clients: Clients,
    /// For each host, what replicates into it.
    channels: [Channel; Host::ALL.len()],
    /// When the first of their appliers has something to do, as long as the world steps; [`NEVER`] without anything.
    appliers_due: u64,
    dms: dms::Dms,
    /// The source answers nothing before this moment: I/O is suspended.
    source_suspended_until: u64,
    /// For each host, when it serves again.
    down_until: [u64; Host::ALL.len()],
    /// For each host, until when nobody is there even to refuse a connection.
    silent_until: [u64; Host::ALL.len()],
    /// `read_only` in each host's parameter group: what a restart makes of it.
    parameter_read_only: [bool; Host::ALL.len()],
    /// Its security group lets no client in.
    closed: [bool; Host::ALL.len()],
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
        let due = self.due();
        (due < NEVER).then(|| due.max(self.now))
    }

    /// When something is due next; it may be in the past, and is [`NEVER`] without anything.
    fn due(&self) -> u64 {
        self.agenda.due().min(self.hosts_due(self.first_applier()))
    }

    /// When a server, an applier or a DMS task has something to do, likewise.
    #[inline(always)]
    fn hosts_due(&self, appliers: u64) -> u64 {
        let mut due = self.source.due_us().min(appliers);
        if let Some(target) = &self.target {
            due = due.min(target.server.due_us());
        }
        if !self.dms.tasks.is_empty() {
            due = due.min(self.dms.next_due().unwrap_or(NEVER));
        }
        due
    }

    /// When the first applier has something to do, in µs; [`NEVER`] without anything.
    fn first_applier(&self) -> u64 {
        let due = self.channels.iter().map(Channel::next_due);
        due.fold(NEVER, u64::min)
    }

    /// Lets everything happen that is due up to `at`, in order.
    pub fn advance_to(&mut self, at: u64) {
        self.appliers_due = self.first_applier();
        loop {
            let hosts = self.hosts_due(self.appliers_due);
            let due = self.agenda.due().min(hosts).max(self.now);
            if due == NEVER || due > at {
                break;
            }
            self.now = due;
            if hosts <= due || self.source.is_restless() || self.target_is_restless() {
                self.step_hosts();
            }
            if self.agenda.due() <= due {
                let event = self.agenda.pop();
                self.happens(&event);
                self.hear_source();
                self.hear_target();
            }
            if self.alter.waits(due) {
                self.ddl_goes_on();
            }
            debug_assert_eq!(self.appliers_due, self.first_applier());
        }
        self.now = self.now.max(at);
    }

    /// Nothing is under way: no operation open, links drained, appliers idle, no fault in force.
    pub fn is_quiet(&self) -> bool {
        self.healed_at() <= self.now
            && self.clients.is_quiet()
            && self.channels.iter().all(Channel::is_quiet)
            && self.dms.is_quiet(self.now)
            && self.scheduler.is_quiet()
            && self.open_transactions(Host::Source) == 0
    }

    /// Until when [`World::is_quiet`] says what it says now, in µs: something is due then, or a fault heals.
    pub fn is_quiet_as_now_until(&self) -> u64 {
        let heal = [self.healed_at()].into_iter().chain(self.dms.back_at());
        let heal = heal.filter(|at| *at > self.now).min();
        heal.unwrap_or(NEVER).min(self.due())
    }

    /// Until when somebody at a prompt, or an applier, has something in hand that is sure to end, in µs.
    pub fn works_until(&self) -> Option<u64> {
        let applier = Some(self.first_applier()).filter(|at| *at < NEVER);
        let works = [self.source_works_until(), self.sql_works_until(), applier];
        works.into_iter().flatten().max()
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

    #[inline]
    fn target_is_restless(&self) -> bool {
        self.target.as_ref().is_some_and(|t| t.server.is_restless())
    }

    /// What is due now in servers, appliers and DMS tasks.
    fn step_hosts(&mut self) {
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
        }
        if self.appliers_due <= now {
            self.step_replicas();
        }
        if !self.dms.tasks.is_empty() {
            self.step_dms();
        }
    }

    /// A server does now what nothing holds up any more.
    fn step_server(&mut self, host: Host) {
        let now = self.now;
        match (host, self.target.as_mut()) {
            (Host::Source, _) => self.source.step(&mut self.arena, now),
            (_, Some(target)) => target.server.step(&mut self.arena, now),
            (_, None) => {}
        }
    }

    fn happens(&mut self, due: &Due) {
        match *due {
            // What clients do is nothing to appliers.
            Due::Wake(client) => return self.wake(client),
            Due::Request(client, connection) => return self.request(client, connection),
            Due::Returned(client, connection) => return self.returned(client, connection),
            Due::Replay => self.replay_wakes(),
            Due::Connect(to, attempt) => self.connect_receiver(to, attempt),
            Due::Deliver(to, connection) => self.deliver(to, connection),
            Due::Pump(to, connection) => self.pump(to, connection),
            Due::Reset(wire) => {
                self.schedule_reset(wire);
                self.reset(wire);
            }
            Due::Silence(to, connection) => self.stream_is_silent(to, connection),
            Due::Fault(fault) => self.fault_fires(fault),
            Due::Heal(fault) => self.fault_heals(fault),
            Due::Impatience(wire) => self.impatience(wire),
            Due::HostLost(outage) => self.host_is_lost(outage),
            Due::Altered(host) => self.rows_are_altered(host),
            Due::Back(host) => self.host_is_back(host),
            Due::SnapshotCut(snapshot) => self.cut_asked_for(snapshot),
            Due::FlushLogs(fault) => self.flush_logs(fault),
            Due::StartReceiver(to) => self.receiver_starts_again(to),
            Due::StartApplier(to) => self.applier_starts_again(to),
            Due::Upload => self.upload(),
            Due::RdsWrites => self.rds_writes(),
            Due::Password => self.password_goes_on(),
            Due::Backup => self.backup(),
            Due::AuroraReplica => self.aurora_replica_is_ready(),
            Due::ReadReplica => self.read_replica_is_ready(),
            Due::Parameter(host, value) => self.parameter_arrives(host, value),
            Due::EventScheduler(host, value) => self.event_scheduler_arrives(host, value),
            Due::Events(host, number) => self.events_are_due(host, number),
            Due::Dms(task, what, connection) => self.dms_is_told(task, what, connection),
            Due::WriteBack => self.write_back(),
        }
        self.appliers_due = self.first_applier();
    }

    fn step_replicas(&mut self) {
        for to in Host::ALL {
            if self.channels[to as usize].next_due() <= self.now {
                self.step_replica(to);
            }
        }
        self.appliers_due = self.first_applier();
    }

    /// A host's applier does what is due.
    fn step_replica(&mut self, to: Host) {
        let (now, costs) = (self.now, self.costs(to));
        let Some(replica) = self.channels[to as usize].replica.as_mut() else {
            return;
        };
        let (server, from) = match (to, self.target.as_mut(), self.read_replica.as_mut()) {
            (Host::Target, Some(target), _) => (&mut target.server, &self.source),
            (Host::Source, Some(target), _) => (&mut self.source, &target.server),
            (Host::Replica, _, Some(replica)) => (replica, &self.source),
            _ => return,
        };
        // Which of them the read replica has is read off its position, and nobody asks when.
        let mut unasked = Applications::default();
        let ran = replica.applier_runs();
        let (history, clients, marks) = (&mut self.history, &self.clients, &mut self.marks);
        let (applied, commits) = match to {
            Host::Target => (&mut history.applied, &history.source),
            Host::Source => (&mut history.applied_back, &history.target),
            Host::Replica => (&mut unasked, &history.source),
        };
        let before = applied.len();
        // Mostly the last has one, and to go through them backwards unpacks a block.
        let last = applied.last().filter(|a| a.commit != NO_COMMIT);
        let numbered = last.or_else(|| applied.iter().rev().find(|a| a.commit != NO_COMMIT));
        let mut next = numbered.map_or(0, |a| a.commit as usize + 1);
        replica.step(
            &mut self.arena,
            now,
            server,
            from,
            costs,
            |end, at, changes, left_out, arena| {
                // What was published and is not yet in the engine has its number already: it comes behind what is.
                let commit = match (to, from.in_commit(end)) {
                    (Host::Target | Host::Replica, Some(number)) => number.0 as u32,
                    (Host::Source, Some(_)) => {
                        let ahead = from.undecided().take_while(|(_, done)| done.end != end);
                        (commits.len() + ahead.count()) as u32
                    }
                    (_, None) => match commit_that_ends(commits, end, next) {
                        Ok(number) => number as u32,
                        Err(number) if to != Host::Source => number as u32,
                        // The target's binlog has what no client of its own has committed: a change of a table, which is
                        // no write, and what a tool has written there, which the source has already.
                        Err(_) if changes.is_empty() => return,
                        Err(_) => NO_COMMIT,
                    },
                };
                if commit != NO_COMMIT {
                    next = commit as usize + 1;
                }
                if to == Host::Target && !left_out.is_empty() {
                    let what = left_out.clone();
                    marks.left_out.push(LeftOut { at, commit, what });
                    if changes.is_empty() {
                        // What had no effect is no application.
                        return;
                    }
                }
                applied.push(Applied { commit, at });
                if to == Host::Target {
                    marks.target_changed(clients.watched_table(), changes, arena);
                }
            },
        );
        let stopped = ran && replica.applier_failed();
        let came = applied.len() - before;
        if to == Host::Target {
            (0..came).for_each(|_| self.occurs(Occasion::TargetApplies));
        }
        if came > 0 {
            self.published(to);
        }
        self.look_at_events(to);
        if stopped {
            self.applier_has_stopped(to);
        }
    }

    fn applier_has_stopped(&mut self, to: Host) {
        let Ok(status) = self.replica_status(to) else {
            return;
        };
        let now = self.now;
        let error = status.last_sql_error;
        self.marks.replication_into(to).failed = error.clone().map(|e| (now, e));
        let why = error
            .map(|e| format!("{} ({})", e.text, e.errno))
            .unwrap_or_default();
        self.tell(
            side(to),
            format!("the applier has stopped: {why}"),
            Vec::new(),
        );
    }

    /// A host's server.
    pub fn server(&self, host: Host) -> Option<&Server> {
        match host {
            Host::Source => Some(&self.source),
            Host::Target => self.target.as_ref().map(|t| &t.server),
            Host::Replica => self.read_replica.as_ref(),
        }
    }

    fn server_mut(&mut self, host: Host) -> Option<&mut Server> {
        match host {
            Host::Source => Some(&mut self.source),
            Host::Target => self.target.as_mut().map(|t| &mut t.server),
            Host::Replica => self.read_replica.as_mut(),
        }
    }
}

/// The number of the commit that ends at a place in the binlog; mostly that is the `likely` one.
///
/// # Errors
/// None ends there: the number of the next one.
fn commit_that_ends(commits: &CommitList, end: LogPos, likely: usize) -> Result<usize, usize> {
    let ends = |number: usize| commits.look(number, |c| c.end == end) == Some(true);
    if ends(likely) {
        return Ok(likely);
    }
    let number = commits.partition_point(|c| c.end < end);
    if ends(number) {
        Ok(number)
    } else {
        Err(number)
    }
}

/// A host's name in the story.
pub(crate) fn side(host: Host) -> &'static str {
    match host {
        Host::Source => "source",
        Host::Target => "target",
        Host::Replica => "replica",
    }
}
