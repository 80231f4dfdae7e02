//! The application: clients with pooled connections, a cached name, and a driver that retries or does not.
//!
//! Clients are records, not tasks. Each has a random stream of its own, so what one does moves nothing
//! for another. Every attempt is an operation of the history with its outcome: *ok* (acknowledged), *fail*
//! (refused, or never sent), *info* (the connection broke after COMMIT was sent).

mod attempts;
mod connections;
mod outcomes;
mod two_phases;

use super::{
    World,
    by_hour::ByHour,
    habits::Habit,
    script::Script,
    writers::{Errand, writer_of},
};
use crate::{
    environment::Environment,
    faults::Fault,
    history::{NO_COMMIT, Told},
    runbook::Host,
    stream::Stream,
    workload::orders::{Intent, Memory, Orders},
    workload_spec::Workload,
};
use cutover_model::{
    RowRef,
    database::TableId,
    mutant::Mutants,
    names::{Record, Resolver},
    server::{Privilege, SessionId},
};
use two_phases::TwoPhases;

/// The streams of faults come after those of clients in their family.
const STREAMS_OF_FAULTS: u64 = 1 << 32;

/// A back-off doubles up to this many times.
const MOST_DOUBLINGS: u32 = 5;

/// A pooled connection.
#[derive(Clone, Copy, Debug)]
struct Connection {
    host: Host,
    session: SessionId,
    /// The pool replaces it then.
    until: u64,
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing.
    Idle,
    /// Statements on their way, executing, or answered.
    Running,
    /// COMMIT has been sent and is not answered.
    Committing,
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    privilege: Privilege,
    habit: Habit,
    /// What it is there for when it is no part of the application.
    errand: Option<Errand>,
    random: Stream,
    memory: Memory,
    resolver: Resolver<Host>,
    connection: Option<Connection>,
    /// When its COMMIT goes out, in µs; `u64::MAX` before that is known.
    commit_sent_us: u64,
    /// How far it is with a transaction in two phases.
    two_phases: TwoPhases,
    /// Tells answers to this connection from answers to the ones before.
    pub(super) number: u32,
    pub(super) phase: Phase,
    intent: Option<Intent>,
    step: u32,
    /// What is told when the answer arrives.
    answer: Told,
    seen: Option<RowRef>,
    failures: u32,
    /// The operation under way.
    pub(super) operation: u32,
    /// A recorded transaction that it carries, and how many of its rows are done.
    pub(super) carries: Option<(u32, usize)>,
}

/// A read that contradicts what the client knows (property P15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The read.
    pub operation: u32,
    /// The client had been told that it placed this order (and paid it), and it is gone (or unpaid).
    pub order: u64,
}

/// What clients came across.
#[derive(Clone, Debug, Default)]
pub struct ClientTotals {
    /// Reads that contradict what the client knows.
    pub stale_reads: Vec<Seen>,
    /// Recorded transactions that could not be replayed: index and why.
    pub not_replayable: Vec<(u32, String)>,
}

/// All clients.
#[derive(Debug)]
pub(super) struct Clients {
    /// The application's, then those of faults.
    all: Vec<Client>,
    /// The faults that bring a writer, in the order of these.
    writers: Vec<u16>,
    seed: u64,
    /// For each host, by a session's slot: the client that opened it last.
    by_slot: [Vec<u16>; Host::ALL.len()],
    pub(super) workload: Option<Orders>,
    pub(super) replay: Option<super::replay::Replay>,
    script: Option<Script>,
    pub(super) settings: crate::environment::Clients,
    /// A pause of the application's clients, on average: as a rule, and now.
    usual_think_us: u64,
    think_us: u64,
    by_hour: ByHour,
    stopped: bool,
    /// So many of the first clients have an address of their own, and do not ask for the name.
    moved: Option<(Record<Host>, usize)>,
    /// Commits under way whose client has lost the connection: host, session, operation.
    unheard: Vec<(Host, SessionId, u32)>,
    pub(super) totals: ClientTotals,
}

/// How many statements of a transaction, whose COMMIT is number `commit_step`, go out together.
fn at_once(errand: Option<Errand>, autocommit: bool, commit_step: u32) -> u32 {
    match errand {
        Some(errand) => errand.at_once,
        // The statement and the COMMIT that it is itself.
        None if autocommit && commit_step == 1 => 2,
        None => 1,
    }
}

/// Whether the statements that a client sends next, from number `step` on, have the COMMIT among them, which is number
/// `commit_step`.
fn sends_commit(errand: Option<Errand>, autocommit: bool, step: u32, commit_step: u32) -> bool {
    let two_phases = errand.is_some_and(|errand| errand.two_phases);
    !two_phases && step + at_once(errand, autocommit, commit_step) > commit_step
}

impl Clients {
    pub(super) fn new(
        environment: &Environment,
        spec: &Workload,
        seed: u64,
        count: u32,
        faults: &[Fault],
        mutants: Mutants,
    ) -> Self {
        let settings = environment.clients.clone();
        let habit = Habit::of(&settings, mutants);
        let client = |i: u32, privilege| Client {
            privilege,
            habit,
            errand: None,
            random: Stream::member(seed, u64::from(i)),
            memory: Memory::default(),
            resolver: Resolver::new(habit.forever),
            connection: None,
            commit_sent_us: u64::MAX,
            two_phases: TwoPhases::default(),
            number: 0,
            phase: Phase::Idle,
            intent: None,
            step: 0,
            answer: Told::Pending,
            seen: None,
            failures: 0,
            operation: NO_COMMIT,
            carries: None,
        };
        let privilege = |i| match i < settings.privileged {
            true => Privilege::Admin,
            false => Privilege::Ordinary,
        };
        let mut all: Vec<Client> = (0..count).map(|i| client(i, privilege(i))).collect();
        let mut writers = Vec::new();
        for (number, fault) in (0u16..).zip(faults) {
            if let Some(privilege) = writer_of(fault) {
                all.push(client(all.len() as u32, privilege));
                writers.push(number);
            }
        }
        let script = Script::new(&spec.transactions, count);
        let think_us = match script {
            Some(_) => 0,
            None => (f64::from(count) / spec.rate_per_s * 1e6) as u64,
        };
        Self {
            all,
            writers,
            seed,
            usual_think_us: think_us,
            by_slot: Default::default(),
            workload: None,
            replay: None,
            script,
            settings,
            think_us,
            by_hour: ByHour(spec.rate_by_hour.clone()),
            stopped: false,
            moved: None,
            unheard: Vec::new(),
            totals: ClientTotals::default(),
        }
    }

    pub(super) fn len(&self) -> u16 {
        self.all.len() as u16
    }

    /// How many are the application's: the first ones.
    pub(super) fn in_application(&self) -> usize {
        self.all.len() - self.writers.len()
    }

    /// The stream of a fault of the schedule.
    pub(super) fn stream_of_fault(&self, fault: u16) -> Stream {
        Stream::member(self.seed, STREAMS_OF_FAULTS + u64::from(fault))
    }

    /// The application's clients behave like this from now on.
    pub(super) fn behave(&mut self, habits: &[Habit], hurry: u64) {
        self.think_us = self.usual_think_us / hurry.max(1);
        for (client, habit) in self.all.iter_mut().zip(habits) {
            client.habit = *habit;
            client.resolver.forever = habit.forever;
        }
    }

    /// Gives so many of a hundred of the application's clients an address of their own: how many they are.
    pub(super) fn move_share(&mut self, to: Record<Host>, percent: u32) -> usize {
        let moved = (self.in_application() * percent as usize).div_ceil(100);
        self.moved = Some((to, moved));
        moved
    }

    /// Whether some clients have the address of a host.
    pub(super) fn some_moved_to(&self, host: Host) -> bool {
        self.moved
            .as_ref()
            .is_some_and(|(own, _)| own.target() == host)
    }

    /// The name is to point at a host: who has that host's own address keeps it, all others ask for the name.
    pub(super) fn go_by_the_name(&mut self, to: Host) {
        self.moved.take_if(|(own, _)| own.target() != to);
    }

    /// Whether clients begin nothing any more.
    pub(super) fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Sends the writer of a fault on its errand; none when there is no shop to write to.
    pub(super) fn send_writer(&mut self, fault: u16, errand: Errand) -> Option<u16> {
        self.workload.as_ref()?;
        let writer = self.writers.iter().position(|f| *f == fault)?;
        let client = self.in_application() + writer;
        self.all[client].errand = Some(errand);
        Some(client as u16)
    }

    /// What a writer wants, of a customer and a request of its own.
    pub(super) fn intent_of_writer(
        &mut self,
        client: u16,
        intent: impl FnOnce(u64, u64) -> Intent,
    ) -> Option<Intent> {
        let customers = self.workload.as_ref()?.customers;
        let c = &mut self.all[usize::from(client)];
        let request = u64::from(client + 1) << 40 | c.memory.next_request();
        c.intent = Some(intent(1 + c.random.below(customers), request));
        c.intent
    }

    pub(super) fn get(&self, client: u16) -> &Client {
        &self.all[usize::from(client)]
    }

    pub(super) fn get_mut(&mut self, client: u16) -> &mut Client {
        &mut self.all[usize::from(client)]
    }

    /// The operation that a session is committing, whether or not its client still listens; [`NO_COMMIT`]
    /// for a session that is no client's.
    pub(super) fn operation_of(&mut self, host: Host, session: SessionId) -> u32 {
        match self.index_of(host, session) {
            Some(client) => self.get(client).operation,
            None => self.unheard_operation(host, session),
        }
    }

    /// The operation that a session is committing whose client no longer listens; [`NO_COMMIT`] without any.
    pub(super) fn unheard_operation(&mut self, host: Host, session: SessionId) -> u32 {
        let unheard = |u: &(Host, SessionId, u32)| (u.0, u.1) == (host, session);
        match self.unheard.iter().position(unheard) {
            Some(i) => self.unheard.swap_remove(i).2,
            None => NO_COMMIT,
        }
    }

    /// The number of the statement that is the COMMIT of what a client is about; the highest there is without any.
    fn commit_step(&self, client: u16) -> u32 {
        let intent = self.get(client).intent.as_ref();
        let orders = self.workload.as_ref().zip(intent);
        orders.map_or(u32::MAX, |(orders, intent)| orders.commit_step(intent))
    }

    /// The client of a session.
    pub(super) fn index_of(&self, host: Host, session: SessionId) -> Option<u16> {
        let client = *self.by_slot[host as usize].get(session.slot())?;
        let connection = self.all.get(usize::from(client))?.connection?;
        ((connection.host, connection.session) == (host, session)).then_some(client)
    }

    fn connected(&mut self, client: u16, connection: Connection) {
        let by_slot = &mut self.by_slot[connection.host as usize];
        let slot = connection.session.slot();
        if by_slot.len() <= slot {
            by_slot.resize(slot + 1, u16::MAX);
        }
        by_slot[slot] = client;
        self.get_mut(client).connection = Some(connection);
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.all.iter().all(|c| c.phase == Phase::Idle)
    }

    /// The first client that has nothing to do.
    pub(super) fn idle(&self) -> Option<u16> {
        self.all
            .iter()
            .position(|c| c.phase == Phase::Idle)
            .map(|i| i as u16)
    }

    /// The table whose balances are watched.
    pub(super) fn watched_table(&self) -> Option<TableId> {
        self.workload.as_ref().map(|w| w.customers_table)
    }
}

impl World {
    /// Clients stop thinking of new things; what is under way comes to its end.
    pub fn stop_clients(&mut self) {
        self.clients.stopped = true;
    }

    /// What clients came across.
    pub fn client_totals(&self) -> &ClientTotals {
        &self.clients.totals
    }

    /// The shop, when that is the workload.
    pub fn orders(&self) -> Option<&Orders> {
        self.clients.workload.as_ref()
    }
}
