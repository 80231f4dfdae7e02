//! The operator: carries out the runbook, step by step, as async code on madsim.
//!
//! The operator knows only what a person at the keyboard knows: what commands answered and what is in the
//! journal. Before it looks at anything it brings the world up to now. Its machine may be lost at any moment; who
//! comes back has the journal alone. A step that was under way is done again, and the operator looks first what has
//! become of it.

mod calls;
mod crash;
mod dms;
mod journal;
mod lead;
mod since;
mod steps;
mod wizards;

pub use journal::{Journal, Line, Noted};
pub use lead::until_first_cut;

use crate::{
    faults::Occasion,
    outcome::CalledOff,
    plan::Plan,
    runbook::{Host, OnFailure, Role, Step, command},
    stream::Stream,
    units::Micros,
    world::{GivenUp, World},
};
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// How often a step whose `on_failure` is `retry`, or that got no answer, is tried in all.
const ATTEMPTS: u32 = 3;
/// Pause before a step of the way back is tried again.
const BACK_AGAIN: Micros = Micros::secs(30);

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
enum Failure {
    /// What was asked for cannot be.
    #[error("{0}")]
    Final(String),
    /// It may go better later.
    #[error("{0}")]
    Passing(String),
    /// Nobody knows what became of it.
    #[error("{0}")]
    Unanswered(String),
}

/// The operator.
#[derive(Debug)]
pub struct Operator {
    world: Arc<Mutex<Box<World>>>,
    plan: Arc<Plan>,
    random: Stream,
    journal: Journal,
    /// How often the operator's machine was lost before this life of it.
    losses: u32,
}

impl Operator {
    /// An operator in front of a world.
    pub fn new(world: Arc<Mutex<Box<World>>>, plan: Arc<Plan>) -> Self {
        let random = Stream::new(plan.streams.control_plane.0);
        Self {
            world,
            plan,
            random,
            journal: Journal::default(),
            losses: 0,
        }
    }

    /// What the operator does when a step fails: the steps of the way back, or, once the application was pointed at
    /// the target, those by which the migration stands.
    fn way_out<'p>(&self, plan: &'p Plan) -> (&'p [Step], Ended) {
        let runbook = &plan.runbook;
        let opened = self.journal.steps_before_giving_up();
        let opens = |step: &Step| step.repoint.is_some_and(|r| r.to == Host::Target);
        match runbook.steps.iter().take(opened).any(opens) && !runbook.stay.is_empty() {
            true => (&runbook.stay, Ended::Finished),
            false => (&runbook.abort, Ended::Aborted),
        }
    }

    /// Carries out the runbook. Where it goes on is said by the journal alone.
    pub async fn carry_out(mut self) -> Ended {
        let losses = self.now_in_world().operator_losses();
        self.losses = losses;
        let plan = Arc::clone(&self.plan);
        loop {
            let given_up = self.journal.is_given_up();
            let (steps, ended) = match given_up {
                false => (&plan.runbook.steps[..], Ended::Finished),
                true => self.way_out(&plan),
            };
            let Some(step) = steps.get(self.journal.next_step()) else {
                return ended;
            };
            let failure = match self.take_unless_lost(step).await {
                Ok(Ok(())) => continue,
                Ok(Err(failure)) => failure,
                Err(crash::Lost) => {
                    self.come_back().await;
                    continue;
                }
            };
            let insists = step.on_failure == OnFailure::Insist;
            match failure {
                failure if insists && !given_up => {
                    self.tell(
                        format!("tries again in {BACK_AGAIN}: there is no way but on: {failure}"),
                        Vec::new(),
                    );
                    self.sleep(BACK_AGAIN).await;
                }
                failure if !given_up => self.give_up(step, &failure),
                Failure::Final(why) => {
                    self.tell(format!("the way back fails as well: {why}"), Vec::new());
                    return Ended::Stuck;
                }
                failure => {
                    let why = match ended {
                        Ended::Finished => "the target must be given back",
                        _ => "the source must be given back",
                    };
                    self.tell(
                        format!("tries again in {BACK_AGAIN}: {why}: {failure}"),
                        Vec::new(),
                    );
                    self.sleep(BACK_AGAIN).await;
                }
            }
        }
    }

    fn give_up(&mut self, step: &Step, failure: &Failure) {
        self.tell(format!("cannot go on: {failure}"), Vec::new());
        let number = self.journal.next_step() as u32 + 1;
        self.journal.write(Line::GivenUp);
        let (what, aborts) = match self.way_out(&self.plan).1 {
            Ended::Finished => ("gives the way back up: the migration stands", false),
            _ => ("aborts the migration and goes back to the source", true),
        };
        self.tell(what.into(), Vec::new());
        if aborts {
            let mut world = self.now_in_world();
            let at = world.now();
            let called_off = CalledOff {
                step: number,
                during: step.say.clone(),
                because: failure.to_string(),
            };
            world.marks.gave_up(GivenUp { at, called_off });
        }
    }

    /// One step, with its timeout and what follows a failure.
    async fn take(&mut self, step: &Step) -> Result<(), Failure> {
        let number = self.journal.next_step() as u32 + 1;
        self.now_in_world().step_begins(number, &step.say);
        let mut again = self.journal.is_under_way();
        self.journal.write(Line::Started);
        let mut attempt = 1;
        let result = loop {
            self.announce(step, again);
            let result = self.try_once(step, again).await;
            let retries = match &result {
                Ok(()) => break result,
                Err(Failure::Unanswered(_)) => true,
                Err(_) => step.on_failure == OnFailure::Retry,
            };
            if !retries || attempt == ATTEMPTS {
                break result;
            }
            if let Err(failure @ Failure::Unanswered(_)) = &result {
                self.tell(
                    format!("{failure}; looks what has become of it"),
                    Vec::new(),
                );
            }
            attempt += 1;
            again = true;
        };
        self.now_in_world().marks.under_way = None;
        match (result, step.on_failure) {
            (Err(failure), OnFailure::Continue) => {
                self.tell(format!("goes on all the same: {failure}"), Vec::new())
            }
            (Err(failure), _) => return Err(failure),
            (Ok(()), _) => {}
        }
        self.now_in_world().done_by_hand(step);
        if !self.journal.is_given_up() {
            self.now_in_world().step_is_done();
        }
        self.journal.write(Line::Finished);
        match step.role {
            Some(Role::Fence) => self.now_in_world().mark_fence(),
            Some(Role::Gate) => self.now_in_world().mark_gate(),
            None => {}
        }
        self.now_in_world().occurs(Occasion::StepEnds);
        Ok(())
    }

    /// The step's operation, within its time. Once it was tried, and nobody knows what came of it, the operator looks
    /// before doing it.
    async fn try_once(&mut self, step: &Step, again: bool) -> Result<(), Failure> {
        let timeout = step.limit();
        let limit = Duration::from_micros(timeout.0);
        match tokio::time::timeout(limit, self.carry(step, again)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Final(format!(
                "\"{}\" did not come to an end within {timeout}",
                step.say
            ))),
        }
    }

    fn announce(&mut self, step: &Step, again: bool) {
        let commands = match step.op() {
            Ok(op) => command(&op, &self.plan.environment, &|name| {
                self.journal.noted(name).map(Noted::text)
            }),
            Err(_) => Vec::new(),
        };
        let again = if again { " (again)" } else { "" };
        self.tell(format!("{}{again}", step.say), commands);
    }

    fn tell(&self, what: String, commands: Vec<String>) {
        self.now_in_world().tell("operator", what, commands);
    }

    /// The world, brought up to now.
    fn now_in_world(&self) -> MutexGuard<'_, Box<World>> {
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

    fn position_noted(&self, name: &str) -> Result<(String, u64), Failure> {
        match self.journal.noted(name) {
            Some(Noted::Position { file, pos }) => Ok((file.clone(), *pos)),
            Some(Noted::Gtids(_)) => Err(Failure::Final(format!(
                "`{name}` is a GTID set, and a file and position are needed"
            ))),
            None => Err(Failure::Final(format!("nothing was noted as `{name}`"))),
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
