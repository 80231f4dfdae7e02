//! The operator: carries out the runbook, step by step, as async code on madsim.
//!
//! The operator knows only what a person at the keyboard knows: what commands answered and what was
//! noted down. Before it looks at anything it brings the world up to now.

mod lead;
mod steps;

pub use lead::until_first_cut;

use crate::{
    plan::Plan,
    runbook::{OnFailure, Role, Step, command},
    stream::Stream,
    units::Micros,
    world::World,
};
use cutover_model::gtid::GtidSet;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// How often a step whose `on_failure` is `retry` is tried in all.
const ATTEMPTS: u32 = 3;
/// How long a step may take when it says nothing.
const STEP_TIMEOUT: Micros = Micros::hours(24);

/// Coordinates that a step noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// File and position.
    Position {
        /// The file's name.
        file: String,
        /// The position.
        pos: u64,
    },
    /// A GTID set.
    Gtids(GtidSet),
}

impl Noted {
    /// As one reads it aloud.
    pub fn text(&self) -> String {
        match self {
            Self::Position { file, pos } => format!("{file}:{pos}"),
            Self::Gtids(set) => set.to_string(),
        }
    }
}

/// How the runbook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every step was done.
    Finished,
    /// A step failed; the abort steps were done.
    Aborted,
    /// An abort step failed as well.
    Stuck,
}

/// Why a step failed, in words for the story.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

/// The operator.
#[derive(Debug)]
pub struct Operator {
    world: Arc<Mutex<World>>,
    plan: Arc<Plan>,
    random: Stream,
    noted: BTreeMap<String, Noted>,
}

impl Operator {
    /// An operator in front of a world.
    pub fn new(world: Arc<Mutex<World>>, plan: Arc<Plan>) -> Self {
        let random = Stream::new(plan.streams.control_plane.0);
        Self {
            world,
            plan,
            random,
            noted: BTreeMap::new(),
        }
    }

    /// Carries out the runbook.
    pub async fn carry_out(mut self) -> Ended {
        let plan = Arc::clone(&self.plan);
        for step in &plan.runbook.steps {
            if let Err(failure) = self.take(step).await {
                self.tell(format!("cannot go on: {failure}"), Vec::new());
                return self.abort().await;
            }
        }
        Ended::Finished
    }

    async fn abort(&mut self) -> Ended {
        let plan = Arc::clone(&self.plan);
        self.tell(
            "aborts the migration and goes back to the source".into(),
            Vec::new(),
        );
        for step in &plan.runbook.abort {
            if let Err(failure) = self.take(step).await {
                self.tell(format!("the way back fails as well: {failure}"), Vec::new());
                return Ended::Stuck;
            }
        }
        Ended::Aborted
    }

    /// One step, with its timeout and what follows a failure.
    async fn take(&mut self, step: &Step) -> Result<(), Failure> {
        let timeout = step.timeout.unwrap_or(STEP_TIMEOUT);
        let attempts = if step.on_failure == OnFailure::Retry {
            ATTEMPTS
        } else {
            1
        };
        let mut result = Ok(());
        for attempt in 1..=attempts {
            self.announce(step, attempt);
            let limit = Duration::from_micros(timeout.0);
            result = match tokio::time::timeout(limit, self.carry(step)).await {
                Ok(result) => result,
                Err(_) => Err(Failure(format!(
                    "\"{}\" did not come to an end within {timeout}",
                    step.say
                ))),
            };
            if result.is_ok() {
                break;
            }
        }
        match (result, step.on_failure) {
            (Err(failure), OnFailure::Continue) => {
                self.tell(format!("goes on all the same: {failure}"), Vec::new())
            }
            (Err(failure), _) => return Err(failure),
            (Ok(()), _) => {}
        }
        match step.role {
            Some(Role::Fence) => self.now_in_world().mark_fence(),
            Some(Role::Gate) => self.now_in_world().mark_gate(),
            None => {}
        }
        Ok(())
    }

    fn announce(&mut self, step: &Step, attempt: u32) {
        let commands = match step.op() {
            Ok(op) => command(&op, &self.plan.environment, &|name| {
                self.noted.get(name).map(Noted::text)
            }),
            Err(_) => Vec::new(),
        };
        let again = if attempt > 1 { " (again)" } else { "" };
        self.tell(format!("{}{again}", step.say), commands);
    }

    fn tell(&self, what: String, commands: Vec<String>) {
        self.now_in_world().tell("operator", what, commands);
    }

    /// The world, brought up to now.
    fn now_in_world(&self) -> MutexGuard<'_, World> {
        let mut world = self
            .world
            .lock()
            .expect("one thread runs everything; a panic has ended the run");
        world.advance_to(now_us());
        world
    }

    async fn sleep(&self, time: Micros) {
        sleep(time).await;
    }

    /// The time that a call to the control plane takes: what the environment says, and up to a quarter more.
    async fn api_call(&mut self) {
        let call = self.plan.environment.control_plane.api_call.0;
        let time = call + self.random.below(call / 4 + 1);
        self.sleep(Micros(time)).await;
    }

    /// The time that a statement on a server takes.
    async fn statement(&self) {
        self.sleep(Micros(2 * self.plan.environment.network.operator_latency.0))
            .await;
    }

    fn position_noted(&self, name: &str) -> Result<(String, u64), Failure> {
        match self.noted.get(name) {
            Some(Noted::Position { file, pos }) => Ok((file.clone(), *pos)),
            Some(Noted::Gtids(_)) => Err(Failure(format!(
                "`{name}` is a GTID set, and a file and position are needed"
            ))),
            None => Err(Failure(format!("nothing was noted as `{name}`"))),
        }
    }
}

/// Virtual time of the run in µs.
pub fn now_us() -> u64 {
    madsim::time::TimeHandle::current().elapsed().as_micros() as u64
}

/// Sleeps in virtual time.
pub async fn sleep(time: Micros) {
    if time.0 > 0 {
        tokio::time::sleep(Duration::from_micros(time.0)).await;
    }
}
