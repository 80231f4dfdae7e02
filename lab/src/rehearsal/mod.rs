//! The rehearsal itself, on two real servers: the same runbook and the same workload, and the same properties judge.
//!
//! ```text
//! plan ── source (mysqld) ◄── clients ──► target (mysqld)     the model's clients and their streams, in SQL
//!           │                     ▲            ▲
//!           └── operator: runbook ┴────────────┘              every operation, in SQL; the cloud is played
//!                  │
//!        binlogs of both, their rows, what clients were told ── evidence ── properties, verdict, causes
//! ```
//!
//! Time goes a fixed number of times faster than the plan's, and everything is said in the plan's time. Which
//! transaction meets which moment depends on the machine: what must agree with the model is the verdict, the violated
//! properties and the stage at which writes get lost, not their number.

mod binlogs;
mod clients;
mod clock;
mod fetched;
mod judge;
mod operator;
pub mod servers;
mod shop;
mod tables;

use clients::{Client, Shared, lock};
use clock::Clock;
use cutover_sim::{
    environment::Retry,
    explain::{self, Causes},
    outcome::{Explanation, Finding, PropertyResult, Verdict},
    plan::Plan,
    properties::{check_all, lost, phantoms, repeated},
    runbook::Host,
    verdict::verdict,
    workload::orders::Orders,
    workload_spec::Kind,
    world::{SetupError, World},
};
use judge::End;
use operator::Operator;
use servers::{Servers, given::Pair};
use std::{collections::BTreeSet, io, sync::atomic::Ordering, thread};

/// The most rows of orders that are written into a real server before the run.
const EXISTING_MAX: u64 = 20_000;
/// The most clients, each of which is a thread and a connection.
const CLIENTS_MAX: u32 = 64;

/// What the lab judges. The time without a writable database (P17) is the machine's here, and the plan's times the speed.
pub const JUDGED: [&str; 16] = [
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "P15",
    "P16",
];
/// What is judged and not compared: whether a client happens to read an order that is lost.
pub const BY_CHANCE: [&str; 1] = ["P15"];

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The plan asks for what the lab does not do.
    #[error("the lab cannot do this: {what}; {remedy}")]
    Unsupported {
        /// What it asks for.
        what: String,
        /// What would do.
        remedy: &'static str,
    },
    /// No real server is to be had on this machine.
    #[error("{said}")]
    NotToBeHad {
        /// What is missing.
        said: String,
    },
    /// A server does not do what it is asked.
    #[error("a real server does not start: {said}")]
    Server {
        /// Its last words.
        said: String,
    },
    /// The script cannot be run.
    #[error("cannot run bash, which starts the servers: {source}")]
    Script {
        /// Why.
        source: io::Error,
    },
    /// The system has no thread for a client.
    #[error("no thread for a client: {source}; set workload.clients to fewer")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// A file or folder of the lab.
    #[error("a file of the lab: {source}; is there room in the temporary folder?")]
    Folder {
        /// Why.
        source: io::Error,
    },
    /// A server that was given does not do.
    #[error("the {what} does not do: {why}")]
    Given {
        /// Which, and where.
        what: String,
        /// Everything that speaks against it.
        why: String,
    },
    /// What was made on a server that was given is there still.
    #[error(
        "the {what} may still have what the lab made there: {why}; the next rehearsal there takes it away first"
    )]
    LeftBehind {
        /// Which, and where.
        what: String,
        /// Why.
        why: String,
    },
    /// One thing and another.
    #[error("{first}; and {left}")]
    Both {
        /// Why there is no result.
        first: Box<LabError>,
        /// What is left on a server.
        left: Box<LabError>,
    },
    /// A statement of the lab itself failed.
    #[error("a real server: {0}")]
    Statement(#[from] mysql::Error),
    /// A server's binlog cannot be read.
    #[error("{file}: {why}")]
    Binlog {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// A server acknowledged what its binlog does not have.
    #[error(
        "client {client} was told of a commit that no binlog has: the lab's own files cannot be believed"
    )]
    NotLogged {
        /// The client.
        client: u16,
    },
    /// The target has a transaction of the source that the source does not have.
    #[error("the target has a transaction of the source that no file of the source has")]
    Foreign,
    /// The model makes something else of the servers' binlogs than they did.
    #[error("the model cannot follow the real servers: {what}")]
    Followed {
        /// What.
        what: String,
    },
    /// A set of GTIDs cannot be read.
    #[error("a server's GTID set cannot be read")]
    Gtids,
    /// The model of the same plan cannot be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl LabError {
    fn followed(what: impl ToString) -> Self {
        Self::Followed {
            what: what.to_string(),
        }
    }
}

/// What a rehearsal on real servers came to.
#[derive(Clone, Debug)]
pub struct LabOutcome {
    /// The verdict, of the properties that are judged.
    pub verdict: Verdict,
    /// How those came out.
    pub properties: Vec<PropertyResult>,
    /// Acknowledged writes.
    pub writes: u64,
    /// Transactions that are lost, that nobody committed, that came again.
    pub lost: u64,
    /// See `lost`.
    pub phantoms: u64,
    /// See `lost`.
    pub repeated: u64,
    /// The first of them, explained.
    pub explanations: Vec<Explanation>,
    /// Why it came to that.
    pub causes: Causes,
    /// What the operator did: µs of the plan's time, and what.
    pub story: Vec<(u64, String)>,
}

/// The identifiers of violated properties, of those that the lab judges.
pub fn violated(properties: &[PropertyResult]) -> BTreeSet<&'static str> {
    let broken = |p: &&PropertyResult| {
        JUDGED.contains(&p.id) && matches!(p.finding, Finding::Violated { .. })
    };
    properties.iter().filter(broken).map(|p| p.id).collect()
}

/// Rehearses a plan on two real servers, `speed` times faster than the plan says. Those that are given have nothing of it
/// when it is over, whatever came of it.
///
/// # Errors
/// The plan asks for more than the lab does, no server is to be had, something is left on those that were given, or Ctrl-C.
pub fn rehearse(
    plan: &Plan,
    speed: u32,
    given: Option<&Pair>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<LabOutcome, LabError> {
    supported(plan)?;
    let servers = Servers::new(given)?;
    let outcome = rehearse_on(&servers, plan, speed, stop);
    let cleaned = servers.clean_up();
    match (outcome, cleaned) {
        (outcome, Ok(())) => outcome,
        // That the user wanted to stop is known.
        (Ok(_) | Err(LabError::Interrupted), Err(left)) => Err(left),
        (Err(first), Err(left)) => Err(LabError::Both {
            first: Box::new(first),
            left: Box::new(left),
        }),
    }
}

fn rehearse_on(
    servers: &Servers<'_>,
    plan: &Plan,
    speed: u32,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<LabOutcome, LabError> {
    let mut world = World::new(plan, None)?;
    let database = world.source.database.clone();
    let existing = shop::existing(&database, &mut world.arena);
    let orders = Orders::new(&plan.workload, &database).ok_or_else(|| LabError::Unsupported {
        what: "a workload without the shop's tables".into(),
        remedy: "set workload.kind to orders",
    })?;
    let (source, mut at_source) = servers.fresh(Host::Source, plan)?;
    shop::write(&mut at_source, &existing)?;
    shop::count_on(&mut at_source, &existing)?;
    drop(at_source);
    let shared = Shared::new(&source);
    let clock = Clock::start(speed);
    let mut operator = Operator::new(plan, clock, &shared, servers, &source, stop)?;
    let ended = thread::scope(|scope| {
        let mut clients = (0..plan.workload.clients.max(1)).map(|number| {
            let client = Client::new(number as u16, plan, clock, &shared, &orders);
            let thread = thread::Builder::new().spawn_scoped(scope, || client.work());
            thread.map_err(|source| LabError::Thread { source })
        });
        let started = clients.try_for_each(|client| client.map(drop));
        let ended = started.and_then(|()| operator.carry_out());
        let ended = ended.and_then(|ended| {
            operator.idle(plan.workload.after_cutover)?;
            Ok(ended)
        });
        // Whatever came of it, the clients must end.
        shared.stop.store(true, Ordering::SeqCst);
        ended
    })?;
    operator.come_to_rest()?;
    let done = std::mem::take(&mut *lock(&shared.done));
    let end = End {
        done,
        serving: shared.serving(),
        ended,
    };
    let gathered = judge::gather(&mut operator, end, clock, plan, &existing)?;
    let evidence = gathered.evidence(plan);
    let mut properties = check_all(&evidence);
    properties.retain(|p| JUDGED.contains(&p.id));
    Ok(LabOutcome {
        verdict: verdict(&evidence, &properties),
        writes: [Host::Source, Host::Target]
            .map(|host| evidence.acknowledged(host).count() as u64)
            .iter()
            .sum(),
        lost: lost(&evidence).len() as u64,
        phantoms: phantoms(&evidence).len() as u64,
        repeated: repeated(&evidence).len() as u64,
        causes: explain::causes(&evidence),
        explanations: explain::explanations(&evidence),
        properties,
        story: std::mem::take(&mut operator.story),
    })
}

/// What the lab does not do is said before any server starts.
///
/// # Errors
/// The first thing that it does not do.
pub fn supported(plan: &Plan) -> Result<(), LabError> {
    let no = |what: &str, remedy| {
        Err(LabError::Unsupported {
            what: what.into(),
            remedy,
        })
    };
    if plan.workload.kind != Kind::Orders {
        return no("a recorded workload", "set workload.kind to orders");
    }
    if !plan.workload.tables.is_empty() {
        return no("tables beside the shop's three", "leave workload.table out");
    }
    if !plan.workload.events.is_empty() {
        return no("events of the event scheduler", "leave workload.event out");
    }
    if !plan.workload.rate_by_hour.is_empty() {
        return no(
            "a rate that follows the hours of the day",
            "leave workload.rate_by_hour out",
        );
    }
    if plan.workload.existing_rows > EXISTING_MAX {
        let what = format!("{} existing rows", plan.workload.existing_rows);
        return no(
            &what,
            "at most 20000 are written: --set workload.existing_rows=1000",
        );
    }
    if plan.workload.clients > CLIENTS_MAX {
        return no(
            "so many clients",
            "at most 64 connect: --set workload.clients=20",
        );
    }
    if !plan.faults.is_empty() {
        return no(
            "faults",
            "take them out of the plan: nobody restarts a server, or cuts a wire, for the lab",
        );
    }
    for step in plan.runbook.steps.iter().chain(&plan.runbook.abort) {
        if let Some(why) = step.op().ok().as_ref().and_then(operator::refused) {
            return no(&format!("`{}`: {why}", step.say), "choose another strategy");
        }
    }
    if !plan.environment.target.replicate.is_empty() {
        return no(
            "replication filters",
            "leave target.replicate out: servers that are given might keep them",
        );
    }
    if plan.environment.clients.retry != Retry::None {
        return no("clients that retry", "set clients.retry to none");
    }
    Ok(())
}
