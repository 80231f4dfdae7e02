//! The application: the model's clients, with real connections.
//!
//! The same streams decide what each client wants, in the same order; how often depends on the machine, as what
//! comes of it does. A client has one connection at a time, looks the name up when it connects, and drops a
//! connection that broke or that answered 1290.

use super::{
    clock::Clock,
    servers::{Door, Server},
    shop::{Body, body},
};
use cutover_sim::{
    environment::Resolver,
    history::{Kind, NO_COMMIT, Operation, Told},
    plan::Plan,
    runbook::Host,
    stream::Stream,
    workload::orders::{Intent, Memory, Orders},
};
use mysql::{Conn, prelude::Queryable};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

/// ER_OPTION_PREVENTS_STATEMENT: `read_only`.
const READ_ONLY: u16 = 1290;

/// An operation, and the connection on which it was.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// What is known of it; its commit is found in the binlog.
    pub operation: Operation,
    /// `CONNECTION_ID()`.
    pub connection: u32,
    /// It was refused by `read_only`.
    pub read_only: bool,
    /// It read an order that is not as the client had been told.
    pub stale: Option<u64>,
}

/// What clients and operator share.
#[derive(Debug)]
pub struct Shared {
    /// Into source and target, for ordinary clients and for privileged ones.
    doors: Mutex<[Option<[Door; 2]>; 2]>,
    /// Where the name points, and since when.
    name: Mutex<(Host, u64)>,
    /// Counts restarts of the application.
    restarts: AtomicU32,
    /// The traffic is to end.
    pub stop: AtomicBool,
    /// Everything that was done.
    pub done: Mutex<Vec<Done>>,
}

impl Shared {
    /// Everything points at the source.
    pub fn new(source: &Server) -> Self {
        Self {
            doors: Mutex::new([Some(doors(source)), None]),
            name: Mutex::new((Host::Source, 0)),
            restarts: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            done: Mutex::new(Vec::new()),
        }
    }

    /// The target is there.
    pub fn target(&self, target: &Server) {
        lock(&self.doors)[1] = Some(doors(target));
    }

    fn door(&self, host: Host, privileged: bool) -> Option<Door> {
        let doors = lock(&self.doors);
        let of_host = doors[usize::from(host == Host::Target)].as_ref()?;
        Some(of_host[usize::from(privileged)].clone())
    }

    /// The name points elsewhere from now on.
    pub fn repoint(&self, to: Host, now: u64) {
        *lock(&self.name) = (to, now);
    }

    /// Where the name points.
    pub fn serving(&self) -> Host {
        lock(&self.name).0
    }

    /// The application is restarted: every client connects anew, and looks the name up.
    pub fn restart(&self) {
        self.restarts.fetch_add(1, Ordering::SeqCst);
    }
}

fn doors(server: &Server) -> [Door; 2] {
    [server.app.clone(), server.admin.clone()]
}

/// Nothing that is locked is left half-changed by a panic.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One client.
#[derive(Debug)]
pub struct Client<'a> {
    number: u16,
    plan: &'a Plan,
    clock: Clock,
    shared: &'a Shared,
    orders: &'a Orders,
    random: Stream,
    memory: Memory,
    connection: Option<Open>,
    /// What it looked up, and when.
    looked_up: Option<(Host, u64)>,
    restarts: u32,
}

#[derive(Debug)]
struct Open {
    conn: Conn,
    host: Host,
    since: u64,
}

impl<'a> Client<'a> {
    /// Client `number` of a plan.
    pub fn new(
        number: u16,
        plan: &'a Plan,
        clock: Clock,
        shared: &'a Shared,
        orders: &'a Orders,
    ) -> Self {
        Self {
            number,
            plan,
            clock,
            shared,
            orders,
            random: Stream::member(plan.streams.workload.0, u64::from(number)),
            memory: Memory::default(),
            connection: None,
            looked_up: None,
            restarts: 0,
        }
    }

    /// Works until the traffic ends.
    pub fn work(mut self) {
        let clients = f64::from(self.plan.workload.clients.max(1));
        let pause_s = clients / self.plan.workload.rate_per_s.max(0.001);
        let pause = self
            .clock
            .scaled(Duration::from_secs_f64(pause_s.min(3_600.0)));
        while !self.shared.stop.load(Ordering::SeqCst) {
            let now = self.clock.now_us();
            let intent = self
                .orders
                .intend(now, self.number, &mut self.random, &mut self.memory);
            let done = self.attempt(intent, now);
            lock(&self.shared.done).push(done);
            // Between half and three halves of the pause.
            let jitter = 500 + self.random.below(1_000) as u32;
            std::thread::sleep(pause * jitter / 1_000);
        }
    }

    fn attempt(&mut self, mut intent: Intent, invoked: u64) -> Done {
        self.renew(invoked);
        let mut done = Done {
            operation: Operation {
                invoked,
                returned: u64::MAX,
                subject: 0,
                commit: NO_COMMIT,
                client: self.number,
                kind: intent.kind,
                told: Told::Fail,
                host: self.connection.as_ref().map_or(Host::Source, |c| c.host),
            },
            connection: 0,
            read_only: false,
            stale: None,
        };
        if let Some(open) = &mut self.connection {
            done.connection = open.conn.connection_id();
            let alone =
                self.plan.environment.clients.autocommit && self.orders.commit_step(&intent) == 1;
            let (told, error) = match alone {
                true => commit_alone(&mut open.conn, &mut intent),
                false => transact(&mut open.conn, &mut intent),
            };
            done.operation.told = told.told();
            done.stale = self.learn(&intent, told);
            if let Some(error) = error {
                done.read_only = is_read_only(&error);
                let server_said = matches!(error, mysql::Error::MySqlError(_));
                if !server_said || done.read_only {
                    self.connection = None;
                }
            }
        }
        done.operation.subject = match intent.kind {
            Kind::Transfer => intent.customer,
            _ => intent.order,
        };
        done.operation.returned = self.clock.now_us();
        done
    }

    /// Remembers what came of it; the order, when a read contradicts what the client knows (property P15).
    fn learn(&mut self, intent: &Intent, outcome: Outcome) -> Option<u64> {
        match outcome {
            Outcome::Committed => Orders::acknowledged(intent, &mut self.memory),
            Outcome::Empty if intent.kind == Kind::Cancel => {
                Orders::missing(intent, &mut self.memory);
            }
            Outcome::Read(paid) => {
                let known = self.memory.of(intent.order)?;
                let stale = paid.is_none_or(|paid| known.paid && !paid);
                return stale.then_some(intent.order);
            }
            _ => {}
        }
        None
    }

    /// Drops a connection that is too old or of before a restart, and opens one where there is none.
    fn renew(&mut self, now: u64) {
        let restarts = self.shared.restarts.load(Ordering::SeqCst);
        if restarts != self.restarts {
            (self.restarts, self.connection, self.looked_up) = (restarts, None, None);
        }
        let lifetime = self.plan.environment.clients.max_lifetime.0;
        let is_young = |open: &Open| now < open.since.saturating_add(lifetime);
        self.connection = self.connection.take().filter(is_young);
        if self.connection.is_some() {
            return;
        }
        let host = self.look_up(now);
        let privileged = u32::from(self.number) < self.plan.environment.clients.privileged;
        let door = self.shared.door(host, privileged);
        if let Some(Ok(conn)) = door.map(|door| door.connect()) {
            self.connection = Some(Open {
                conn,
                host,
                since: now,
            });
        }
    }

    fn look_up(&mut self, now: u64) -> Host {
        let environment = &self.plan.environment;
        let fresh = |at: u64| match environment.clients.resolver {
            Resolver::Ttl => now < at.saturating_add(environment.names.ttl.0),
            Resolver::Forever => true,
        };
        match self.looked_up {
            Some((host, at)) if fresh(at) => host,
            _ => {
                let host = self.shared.serving();
                self.looked_up = Some((host, now));
                host
            }
        }
    }
}

fn is_read_only(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::MySqlError(e) if e.code == READ_ONLY)
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Committed,
    Empty,
    /// An order was read; whether it is paid, where there is one.
    Read(Option<bool>),
    Failed,
    Unknown,
}

impl Outcome {
    fn told(self) -> Told {
        match self {
            Self::Committed => Told::Ok,
            Self::Empty | Self::Read(_) => Told::Empty,
            Self::Failed => Told::Fail,
            Self::Unknown => Told::Info,
        }
    }
}

/// A statement that commits by itself: who does not hear of it does not know what became of it.
fn commit_alone(conn: &mut Conn, intent: &mut Intent) -> (Outcome, Option<mysql::Error>) {
    match body(conn, intent) {
        Ok(Body::Commit) => (Outcome::Committed, None),
        Ok(Body::Empty) => (Outcome::Empty, None),
        Ok(Body::Read(paid)) => (Outcome::Read(paid), None),
        Err(error @ mysql::Error::MySqlError(_)) => (Outcome::Failed, Some(error)),
        Err(error) => (Outcome::Unknown, Some(error)),
    }
}

fn transact(conn: &mut Conn, intent: &mut Intent) -> (Outcome, Option<mysql::Error>) {
    let before = conn
        .query_drop("START TRANSACTION")
        .and_then(|()| body(conn, intent));
    match before {
        Ok(Body::Commit) => match conn.query_drop("COMMIT") {
            Ok(()) => (Outcome::Committed, None),
            // The server says that it did not.
            Err(error @ mysql::Error::MySqlError(_)) => (Outcome::Failed, Some(error)),
            Err(error) => (Outcome::Unknown, Some(error)),
        },
        Ok(Body::Empty) => (Outcome::Empty, conn.query_drop("ROLLBACK").err()),
        Ok(Body::Read(paid)) => (Outcome::Read(paid), conn.query_drop("ROLLBACK").err()),
        Err(error) => {
            // Nothing was committed, whether or not the server hears this.
            let _ = conn.query_drop("ROLLBACK");
            (Outcome::Failed, Some(error))
        }
    }
}
