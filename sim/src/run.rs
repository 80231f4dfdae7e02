//! A run: `plan → outcome`.

use crate::{
    evidence::Evidence,
    explain::{self, Causes},
    fingerprint::fingerprint,
    operator::{Ended, Operator, now_us, sleep},
    outcome::Outcome,
    plan::Plan,
    recording::Recording,
    runbook::Host,
    units::Micros,
    verdict::{self, Brief},
    workload_spec::{Kind, Transaction},
    world::{SetupError, World},
};
use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// A finished run: what is told of it, and what can be written out.
#[derive(Debug)]
pub struct Run {
    /// What is told.
    pub outcome: Outcome,
    ending: Ending,
}

/// The world as a run has left it, to be judged.
#[derive(Debug)]
pub(crate) struct Ending {
    world: Box<World>,
    ended: Ended,
}

/// Why a plan could not be run at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan's workload is a recording, and none was given.
    #[error("the workload is `binlog`, and no binlog files were given: set workload.paths")]
    NoRecording,
    /// The runbook would start when the run is over.
    #[error(
        "the runbook would start {start} after the beginning, with the transaction of the recording that workload.start_after \
         says, and the run ends after {limit} (clock.limit): set the one lower, or the other higher"
    )]
    StartsTooLate {
        /// When it would start.
        start: Micros,
        /// `clock.limit`.
        limit: Micros,
    },
    /// The world cannot be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// A table's rows as text: the first line names the columns, then one JSON array a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// `schema.table`.
    pub table: String,
    /// The `.jsonl` text.
    pub jsonl: String,
}

/// Pause between two looks at whether everything has come to rest.
const QUIET_POLL: Micros = Micros::ms(50);
/// Everything must have come to rest this long after the traffic has ended.
const QUIET_WITHIN: Micros = Micros::mins(30);

/// Runs a plan. The same plan gives the same run, in any process.
///
/// # Errors
/// [`RunError`] when the plan cannot be run at all; everything that goes wrong in the rehearsal itself
/// is the outcome.
pub fn run(plan: &Plan, recording: Option<&Arc<Recording>>) -> Result<Run, RunError> {
    let mut ending = rehearse(&Arc::new(plan.clone()), recording)?;
    let outcome = ending.outcome(plan);
    Ok(Run { outcome, ending })
}

/// Runs a plan, and judges nothing yet.
///
/// # Errors
/// As [`run`].
pub(crate) fn rehearse(
    plan: &Arc<Plan>,
    recording: Option<&Arc<Recording>>,
) -> Result<Ending, RunError> {
    let recording = match plan.workload.kind {
        Kind::Orders => None,
        Kind::Binlog => Some(Arc::clone(recording.ok_or(RunError::NoRecording)?)),
    };
    // It is handed on from here to the operator, back and to the verdict, and is large.
    let world = Box::new(World::new(plan, recording)?);
    let limit = plan.clock.limit;
    match world.runbook_start_us() {
        Some(start) if start >= limit.0 => Err(RunError::StartsTooLate {
            start: Micros(start / 1_000 * 1_000),
            limit,
        }),
        _ => Ok(carry_out(plan, world)),
    }
}

/// Carries the runbook out against the world, on madsim.
fn carry_out(plan: &Arc<Plan>, world: Box<World>) -> Ending {
    let runtime = madsim::runtime::Runtime::with_seed_and_config(
        plan.streams.madsim.0,
        madsim::Config::default(),
    );
    let shared = Arc::new(Mutex::new(world));
    let ended = runtime.block_on(phases(Arc::clone(plan), Arc::clone(&shared)));
    drop(runtime);
    let world =
        Arc::into_inner(shared).expect("the operator's node is gone, and with it its handle");
    let world = world
        .into_inner()
        .expect("a panic would have ended the run");
    Ending { world, ended }
}

/// The phases of a run: traffic, migration, traffic on the new endpoint, rest.
async fn phases(plan: Arc<Plan>, world: Arc<Mutex<Box<World>>>) -> Ended {
    let limit = plan.clock.limit;
    let start = at_now(&world)
        .runbook_start_us()
        .map_or(plan.clock.runbook_after, Micros);
    sleep(start).await;
    let node = madsim::runtime::Handle::current()
        .create_node()
        .name("operator")
        .build();
    let operator = Operator::new(Arc::clone(&world), Arc::clone(&plan));
    let work = node.spawn(operator.carry_out());
    let left = limit.0.saturating_sub(now_us());
    let ended = match tokio::time::timeout(Duration::from_micros(left), work).await {
        Ok(Ok(ended)) => ended,
        _ => Ended::Stuck,
    };
    madsim::runtime::Handle::current().kill(node.id());
    sleep(plan.workload.after_cutover).await;
    let quiet = come_to_rest(&plan, &world).await;
    if quiet { ended } else { Ended::Stuck }
}

/// Ends the traffic and lets everything drain. False when that does not come to an end.
async fn come_to_rest(plan: &Plan, world: &Mutex<Box<World>>) -> bool {
    at_now(world).stop_clients();
    let healed = at_now(world).healed_at().max(now_us());
    let mut until = match plan.workload.kind {
        Kind::Orders => healed + QUIET_WITHIN.0,
        Kind::Binlog => plan.clock.limit.0.max(healed + QUIET_WITHIN.0),
    };
    loop {
        let changes = {
            let world = at_now(world);
            // A table that is gone through, here or by an applier, takes as long as it takes.
            if let Some(works) = world.works_until().filter(|works| *works > until) {
                until = works + QUIET_WITHIN.0;
            }
            if world.is_quiet() && world.replay_is_done() {
                return true;
            }
            world.is_quiet_as_now_until()
        };
        let now = now_us();
        if now > until {
            return false;
        }
        // Of all the looks the first that may see something else: a fault may last for many minutes.
        let wait = changes.min(until + 1).saturating_sub(now);
        let looks = wait.div_ceil(QUIET_POLL.0).max(1);
        sleep(Micros(looks * QUIET_POLL.0)).await;
    }
}

fn at_now(world: &Mutex<Box<World>>) -> MutexGuard<'_, Box<World>> {
    let mut world = world
        .lock()
        .expect("one thread runs everything; a panic has ended the run");
    world.advance_to(now_us());
    world
}

/// A numbered line for each record.
fn lines<T: fmt::Debug>(text: &mut String, what: &str, records: impl IntoIterator<Item = T>) {
    for (number, record) in records.into_iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{what} {number}: {record:?}");
    }
}

impl Ending {
    /// What a sweep asks of it.
    pub(crate) fn brief(&mut self, plan: &Plan) -> Brief {
        verdict::brief(plan, &mut self.world, self.ended)
    }

    /// What it came to.
    pub(crate) fn outcome(&mut self, plan: &Plan) -> Outcome {
        let outcome = verdict::outcome(plan, &mut self.world, self.ended);
        Outcome {
            fingerprint: fingerprint(&self.world),
            ..outcome
        }
    }
}

impl Run {
    /// Judges the finished run again: evidence, properties, figures, explanations, fingerprint. With the plan
    /// that was run, the outcome is the one that is there already.
    pub fn judge(&mut self, plan: &Plan) -> Outcome {
        self.ending.outcome(plan)
    }

    /// Why it came to its outcome.
    pub fn causes(&mut self, plan: &Plan) -> Causes {
        let Ending { world, ended } = &mut self.ending;
        explain::causes(&Evidence::gather(world, plan, *ended))
    }

    /// The trace as text: every operation of a client, every commit, every application, the moments that the
    /// checks know and the story, a line each. To compare two runs, and to see where they part.
    pub fn trace(&self) -> String {
        let World {
            history,
            marks,
            story,
            ..
        } = &*self.ending.world;
        let mut text = String::new();
        lines(&mut text, "operation", &history.operations);
        lines(&mut text, "source commit", &history.source);
        lines(&mut text, "target commit", &history.target);
        lines(&mut text, "applied", history.arrived());
        lines(&mut text, "marks", [marks]);
        lines(&mut text, "story", story);
        text
    }

    /// What the clients did, so that it can be written down in a plan: every transaction that they thought of, with
    /// the time of its first attempt. Empty when they replayed a recording.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.ending.world.written_down()
    }

    /// The tables of a host as they were at the end. Generated rows that nobody touched are left out.
    /// Empty when there is no such host.
    pub fn dump(&self, host: Host) -> Vec<Dump> {
        let Some(server) = self.ending.world.server(host) else {
            return Vec::new();
        };
        let mut dumps = Vec::new();
        for (id, table) in server.database.tables() {
            let mut jsonl = String::new();
            let mut write = |line: &str| {
                jsonl.push_str(line);
                jsonl.push('\n');
            };
            if server
                .database
                .dump_table(&self.ending.world.arena, id, &mut write)
                .is_ok()
            {
                dumps.push(Dump {
                    table: table.def().full_name(),
                    jsonl,
                });
            }
        }
        dumps
    }

    /// The source's binlog files that are still there: name and bytes.
    pub fn binlog_files(&self) -> Vec<(String, Vec<u8>)> {
        let Some(binlog) = &self.ending.world.source.binlog else {
            return Vec::new();
        };
        let files = binlog.files().iter();
        files
            .filter_map(|f| Some((binlog.name(f.number()), binlog.file_bytes(f.number())?)))
            .collect()
    }
}
