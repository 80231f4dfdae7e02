//! The application: clients with pooled connections, a cached name, and a driver that retries or does not.
//!
//! Clients are records, not tasks. Each has a random stream of its own, so what one does moves nothing
//! for another. Every attempt is an operation of the history with its outcome: *ok* (acknowledged), *fail*
//! (refused, or never sent), *info* (the connection broke after COMMIT was sent).

mod connections;
mod two_phases;

use super::{
    Due, World,
    by_hour::ByHour,
    habits::Habit,
    script::{Next, Script, retries},
    writers::{Errand, writer_of},
};
use crate::{
    environment::Environment,
    faults::{Fault, Occasion, Way},
    history::{Kind, NO_COMMIT, Operation, Told},
    probes::Probe,
    runbook::Host,
    stream::Stream,
    units::Micros,
    workload::orders::{Intent, Memory, Orders, Step, makes_order, order},
    workload_spec::Workload,
};
use cutover_model::{
    RowRef,
    database::TableId,
    mutant::{Mutant, Mutants},
    names::{Record, Resolver},
    server::{Privilege, Reply, ServerError, SessionId},
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

    /// Schedules every client's first thought.
    pub(super) fn start_clients(&mut self) {
        for client in 0..self.clients.in_application() as u16 {
            let think = self.clients.think_us;
            let first = self.clients.get_mut(client).random.below(2 * think + 1);
            let first = self
                .clients
                .by_hour
                .stretch(self.epoch_us + self.now, first);
            self.agenda.push(self.now + first, Due::Wake(client));
        }
    }

    /// A client thinks of something to do, or tries again.
    pub(super) fn wake(&mut self, client: u16) {
        let now = self.now;
        if let Some(errand) = self.clients.get(client).errand {
            self.writer_wakes(client, errand);
            return;
        }
        let clients = &mut self.clients;
        let Some(orders) = clients.workload.as_ref() else {
            return;
        };
        let c = &mut clients.all[usize::from(client)];
        if c.phase != Phase::Idle || (clients.stopped && c.intent.is_none()) {
            return;
        }
        let retries = c.intent.is_some();
        if !retries {
            let (random, memory) = (&mut c.random, &mut c.memory);
            c.intent = match &mut clients.script {
                None => Some(orders.intend(now, client, random, memory)),
                Some(script) => match script.next(client, now) {
                    Next::Now(kind) => {
                        // In the place of the draw from the mix: when all that was drawn is written down, the run
                        // is the same.
                        random.bits();
                        Some(orders.intend_to(kind, client, random, memory))
                    }
                    Next::At(at) => return self.agenda.push(at, Due::Wake(client)),
                    Next::Never => return,
                },
            };
        }
        let Some(intent) = c.intent else { return };
        if retries && c.failures > 0 {
            let before = self.history.operations.get(c.operation as usize);
            if before.is_some_and(|o| o.told == Told::Info && o.commit != NO_COMMIT) {
                self.probes.reach(Probe::RetryAfterSuccess);
            }
        }
        let subject = match intent.kind {
            Kind::Transfer => intent.customer,
            _ => intent.order,
        };
        self.invoke(client, intent.kind, subject);
    }

    /// A client begins an attempt: it takes a connection and sends its first statement.
    pub(super) fn invoke(&mut self, client: u16, kind: Kind, subject: u64) {
        let now = self.now;
        let host = self.connect(client);
        let c = self.clients.get_mut(client);
        c.phase = Phase::Running;
        c.step = 0;
        c.answer = Told::Pending;
        c.seen = None;
        c.two_phases = TwoPhases::default();
        c.commit_sent_us = u64::MAX;
        c.operation = self.history.operations.len() as u32;
        let (number, connected) = (c.number, c.connection.is_some());
        let errand = c.errand;
        let (commit_step, autocommit) = (
            self.clients.commit_step(client),
            self.clients.settings.autocommit,
        );
        if connected && sends_commit(errand, autocommit, 0, commit_step) {
            self.clients.get_mut(client).commit_sent_us = now;
        }
        let operation = Operation {
            invoked: now,
            returned: u64::MAX,
            subject,
            commit: NO_COMMIT,
            client,
            kind,
            told: Told::Pending,
            host,
        };
        self.history.operations.push(operation);
        if connected {
            let arrival = now + self.way_to(host);
            let arrival = self.arrival_in_order(arrival);
            self.agenda.push(arrival, Due::Request(client, number));
        } else {
            self.clients.get_mut(client).answer = Told::Fail;
            let refused = now + self.time_to_refusal(host);
            self.agenda.push(refused, Due::Returned(client, number));
        }
    }

    /// A statement reaches its server.
    pub(super) fn request(&mut self, client: u16, number: u32) {
        let now = self.now;
        let c = self.clients.get(client);
        if c.number != number || c.phase == Phase::Idle {
            return;
        }
        let Some(connection) = c.connection else {
            return;
        };
        let (begins, carries) = (c.step == 0, c.carries.is_some());
        if !self.is_up(connection.host) {
            return;
        }
        if connection.host == Host::Source && now < self.source_suspended_until {
            self.agenda
                .push(self.source_suspended_until, Due::Request(client, number));
            return;
        }
        let begins = begins && !carries && connection.host == Host::Source;
        if begins && self.waits_for_ddl(client, number) {
            return;
        }
        if carries {
            self.carry(client, connection.host, connection.session);
            return;
        }
        if self.is_at_a_phase(client) {
            self.phase_arrives(client, connection.host, connection.session);
            return;
        }
        let Self {
            clients,
            source,
            target,
            arena,
            channels,
            ..
        } = self;
        let Some(orders) = clients.workload.as_mut() else {
            return;
        };
        let c = &mut clients.all[usize::from(client)];
        let Some(intent) = c.intent.as_mut() else {
            return;
        };
        let split = self.mutants.has(Mutant::ReadsFromReplica) && intent.kind == Kind::Read;
        let server = match (connection.host, target) {
            (Host::Target, Some(target)) => &mut target.server,
            (_, Some(target)) if split && channels[Host::Target as usize].replica.is_some() => {
                &mut target.server
            }
            _ => source,
        };
        let commit_step = orders.commit_step(intent);
        let autocommit = clients.settings.autocommit;
        let mut left = at_once(c.errand, autocommit, commit_step);
        let session = connection.session;
        let mut step = orders.execute(server, arena, now, session, c.step, intent);
        while step == Step::Next && left > 1 {
            left -= 1;
            c.step += 1;
            step = orders.execute(server, arena, now, session, c.step, intent);
        }
        match step {
            Step::Next => {
                c.step += 1;
                let commits = sends_commit(c.errand, autocommit, c.step, commit_step);
                let holds = c.errand.filter(|e| e.holds).map_or(0, |e| e.until);
                let back = now + self.way_from(connection.host);
                let way = self.one_way(connection.host, Way::Requests, back);
                let next = (back + way).max(holds);
                if commits {
                    self.clients.get_mut(client).commit_sent_us = next - way;
                }
                self.agenda.push(next, Due::Request(client, number));
            }
            Step::Reply(Reply::Failed(error)) if error.code() == 1290 && c.step >= commit_step => {
                self.probes.reach(Probe::CommitRefusedByFence);
                self.refused(client, connection.host, connection.session, &error);
            }
            Step::Finished { seen } => {
                c.seen = seen;
                self.answer(client, Told::Empty);
            }
            Step::Reply(reply) => self.replied(client, connection.session, connection.host, reply),
        }
    }

    /// What follows from a server's reply.
    pub(super) fn replied(&mut self, client: u16, session: SessionId, host: Host, reply: Reply) {
        match reply {
            Reply::Ok => self.answer(client, Told::Empty),
            Reply::NoRow => {
                self.roll_back(host, session);
                let c = self.clients.get_mut(client);
                if let Some(intent) = c.intent {
                    Orders::missing(&intent, &mut c.memory);
                }
                self.answer(client, Told::Empty);
            }
            Reply::Waiting => {}
            Reply::Committing => {
                self.clients.get_mut(client).phase = Phase::Committing;
                self.occurs(Occasion::CommitSent);
            }
            Reply::Failed(error) => self.refused(client, host, session, &error),
        }
    }

    pub(super) fn roll_back(&mut self, host: Host, session: SessionId) {
        match host {
            Host::Source => self.source.rollback(&mut self.arena, session),
            Host::Target | Host::Replica => {
                if let Some(target) = self.target.as_mut() {
                    target.server.rollback(&mut self.arena, session);
                }
            }
        }
    }

    /// A definite error: the driver rolls back.
    pub(super) fn refused(
        &mut self,
        client: u16,
        host: Host,
        session: SessionId,
        error: &ServerError,
    ) {
        self.roll_back(host, session);
        if error.code() == 1290 {
            self.marks.refused += 1;
            self.probes.reach(Probe::WriteRefusedByFence);
        }
        self.answer(client, Told::Fail);
        let drops = self.clients.settings.drop_on_read_only;
        if error.code() == 1290 && drops && !self.clients.get(client).habit.pinned {
            // The answer still arrives; the pool opens a new connection for the next attempt.
            if let Some(connection) = self.clients.get_mut(client).connection.as_mut() {
                connection.until = 0;
            }
        }
    }

    /// Sends the final answer on its way.
    pub(super) fn answer(&mut self, client: u16, told: Told) {
        let host = self
            .clients
            .get(client)
            .connection
            .map_or(Host::Source, |n| n.host);
        let way = self.way_from(host);
        let c = self.clients.get_mut(client);
        c.answer = told;
        let number = c.number;
        self.agenda
            .push(self.now + way, Due::Returned(client, number));
    }

    /// The final answer reaches the client.
    pub(super) fn returned(&mut self, client: u16, number: u32) {
        if self.clients.get(client).number != number {
            return;
        }
        let told = self.clients.get(client).answer;
        self.conclude(client, told);
    }

    /// The client knows the outcome, or that it will never know.
    fn conclude(&mut self, client: u16, told: Told) {
        let now = self.now;
        let c = self.clients.get(client);
        if c.phase == Phase::Idle {
            return;
        }
        let (operation, seen, carries) = (c.operation as usize, c.seen, c.carries);
        let concluded = self.history.operations.edit(operation, |record| {
            record.returned = now;
            record.told = told;
            *record
        });
        let Some(Operation {
            host,
            kind,
            subject,
            ..
        }) = concluded
        else {
            return;
        };
        if told == Told::Ok {
            self.tell_of_write(client, kind, subject, host);
            if self.marks.acknowledged(host, now) {
                self.occurs(Occasion::FirstWriteOnTarget);
            }
        }
        self.clients.get_mut(client).phase = Phase::Idle;
        if carries.is_some() {
            self.carried(client, told);
            return;
        }
        // A read that was cut off has seen nothing, and does not say that nothing is there.
        if kind == Kind::Read && told == Told::Empty {
            self.check_read(client, operation as u32, seen);
        }
        if told == Told::Info {
            self.unknown_had_succeeded(operation as u32);
        }
        let retry = retries(self.clients.get(client).habit.retry, told)
            || told == Told::Info && self.mutants.has(Mutant::BlindRetry);
        let settings = &self.clients.settings;
        let backoff = settings.backoff.0;
        let (stopped, think) = (self.clients.stopped, self.clients.think_us);
        let c = self.clients.get_mut(client);
        match told {
            Told::Fail | Told::Info => c.failures += 1,
            _ => c.failures = 0,
        }
        if told == Told::Ok
            && let Some(mut intent) = c.intent
        {
            if makes_order(intent.kind) {
                intent.order = subject;
            }
            Orders::acknowledged(&intent, &mut c.memory);
        }
        if let Some(errand) = c.errand {
            c.intent = None;
            if errand.every > 0 {
                self.agenda.push(now + errand.every, Due::Wake(client));
            }
            return;
        }
        let pause = match c.failures {
            0 => {
                let pause = c.random.below(2 * think + 1);
                self.clients.by_hour.stretch(self.epoch_us + now, pause)
            }
            n => backoff << (n - 1).min(MOST_DOUBLINGS),
        };
        if !retry || stopped {
            self.clients.get_mut(client).intent = None;
        }
        self.agenda.push(now + pause, Due::Wake(client));
    }

    /// The writes that a story is about: the first new order, the first write on the target, and the first one back on the
    /// source.
    fn tell_of_write(&mut self, client: u16, kind: Kind, subject: u64, host: Host) {
        let first_new = self
            .clients
            .workload
            .as_ref()
            .map(|w| w.existing_orders + 1);
        if makes_order(kind) && first_new == Some(subject) && host == Host::Source {
            self.tell(
                "clients",
                format!(
                    "order {subject} is placed and confirmed to client {client}: the first new one"
                ),
                Vec::new(),
            );
        }
        if host == Host::Source && self.marks.is_first_back(self.now) {
            self.tell(
                "clients",
                "the first write back on the source is confirmed".into(),
                Vec::new(),
            );
        }
        if host == Host::Target && self.marks.first_on_target.is_none() {
            let now = self.now;
            let last = self.history.source.last().map_or(now, |c| c.at);
            let pause = Micros((now - last) / 1_000 * 1_000);
            self.tell("clients", format!("the first write on the target is confirmed, {pause} after the last commit on the source"), Vec::new());
        }
    }

    /// A read of an order that the client was told of.
    fn check_read(&mut self, client: u16, operation: u32, seen: Option<RowRef>) {
        let Some(orders) = self.clients.workload.as_ref() else {
            return;
        };
        let c = self.clients.get(client);
        let Some(intent) = c.intent else { return };
        let Some(known) = c.memory.of(intent.order) else {
            return;
        };
        let columns = self
            .source
            .database
            .table(orders.orders_table)
            .map(|t| t.def().clone());
        let paid = seen.zip(columns).and_then(|(row, def)| {
            cutover_model::row::field(&def.columns, self.arena.row(row), order::STATUS)
                .map(|status| status == [2])
        });
        let stale = match paid {
            None => true,
            Some(paid) => known.paid && !paid,
        };
        if stale {
            self.clients.totals.stale_reads.push(Seen {
                operation,
                order: intent.order,
            });
        }
    }

    /// A server has committed the transaction of an operation, and of a client if it still listens.
    pub(super) fn committed(&mut self, client: Option<u16>, operation: u32, number: u32) {
        let intent = client.and_then(|client| self.clients.get(client).intent);
        let told = self.history.operations.edit(operation as usize, |record| {
            record.commit = number;
            if let Some(intent) = intent
                && makes_order(record.kind)
            {
                record.subject = intent.order;
            }
            record.told
        });
        if told == Some(Told::Info) {
            self.unknown_had_succeeded(operation);
        }
        if let Some(client) = client.filter(|_| told.is_some()) {
            self.answer(client, Told::Ok);
        }
    }

    /// Notes whether a transaction is committed whose client will never know.
    fn unknown_had_succeeded(&mut self, operation: u32) {
        let Some(record) = self.history.operations.get(operation as usize) else {
            return;
        };
        let there = record.commit != NO_COMMIT
            && (record.host == Host::Target || self.history.erased_at(record.commit).is_none());
        if there {
            self.probes.reach(Probe::UnknownHadSucceeded);
        }
    }

    /// A lock was granted, or the fence has decided: the statement is executed again.
    pub(super) fn resume(&mut self, host: Host, session: SessionId) {
        let Some(client) = self.clients.index_of(host, session) else {
            if self.operation_of_sql(host, session).is_some() {
                self.sql_goes_on();
            }
            return;
        };
        let number = self.clients.get(client).number;
        self.request(client, number);
    }

    pub(super) fn failed_while_waiting(
        &mut self,
        host: Host,
        session: SessionId,
        error: &ServerError,
    ) {
        if let Some(client) = self.clients.index_of(host, session) {
            self.refused(client, host, session, error);
        } else if self.operation_of_sql(host, session).is_some() {
            self.sql_has_failed(error);
        }
    }
}
