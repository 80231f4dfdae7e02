//! Candidates of shrinking, several at a time: the first in their order that fails wins, whichever ends first.

use crate::{
    defect,
    interrupt::Interrupt,
    progress::Progress,
    wall::Stopwatch,
    work::{LOOK_UP, STACK_BYTES},
};
use cutover::{
    scenarios::check_made,
    sim::{
        outcome::Outcome,
        plan::Plan,
        recording::Recording,
        run::run,
        shrink::{Alike, Enough, Failing, Trial},
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

/// Runs candidates on threads of their own until the time is over or somebody presses Ctrl-C.
#[derive(Debug)]
pub struct SideBySide<'a> {
    /// How many at a time.
    pub jobs: usize,
    /// The recording that all of them replay.
    pub recording: Option<Arc<Recording>>,
    /// How long all may take.
    pub within: Duration,
    /// Since when.
    pub since: Stopwatch,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// Counts the runs.
    pub progress: Progress,
    /// Candidates that were run; those behind the first that failed are not counted.
    pub runs: u64,
}

/// What a thread comes back with: the candidate's number and its run, none for one that cannot be run.
type Answer = (usize, Plan, Option<Outcome>);

impl Trial for SideBySide<'_> {
    fn first(
        &mut self,
        wanted: &Alike,
        from: usize,
        to: usize,
        candidate: &dyn Fn(usize) -> Option<Plan>,
    ) -> Result<Option<(usize, Failing)>, Enough> {
        let (report, reports) = mpsc::channel::<Answer>();
        let (mut next, mut at_work) = (from, 0);
        // Candidates that fail; the one with the lowest number is the answer once all before it have ended.
        let mut failing: BTreeMap<usize, Failing> = BTreeMap::new();
        let mut running = std::collections::BTreeSet::new();
        loop {
            while failing.is_empty() && at_work < self.jobs && next < to {
                let number = next;
                next += 1;
                let valid = |plan: &Plan| check_made(plan).is_ok();
                let Some(plan) = candidate(number).filter(valid) else {
                    continue;
                };
                self.start(number, plan, report.clone())?;
                running.insert(number);
                at_work += 1;
            }
            if let Some((number, _)) = failing.first_key_value()
                && running.range(..number).next().is_none()
            {
                return Ok(failing.pop_first());
            }
            if at_work == 0 {
                return Ok(None);
            }
            if self.interrupt.asked() || self.since.elapsed() >= self.within {
                return Err(Enough);
            }
            match reports.recv_timeout(LOOK_UP) {
                Ok((number, plan, outcome)) => {
                    at_work -= 1;
                    running.remove(&number);
                    self.runs += 1;
                    self.progress.done_one();
                    if let Some(outcome) = outcome
                        && Alike::of(&outcome).as_ref() == Some(wanted)
                    {
                        failing.insert(number, Failing { plan, outcome });
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The report of a defect ends the process.
                Err(RecvTimeoutError::Disconnected) => return Err(Enough),
            }
            self.progress.look();
        }
    }
}

impl SideBySide<'_> {
    fn start(&self, number: usize, plan: Plan, report: mpsc::Sender<Answer>) -> Result<(), Enough> {
        let recording = self.recording.clone();
        let work = move || {
            defect::doing(&format!("{}, a candidate of shrinking", plan.scenario));
            let outcome = run(&plan, recording.as_ref()).ok().map(|run| run.outcome);
            // Nobody listens any more once there is an answer.
            let _ = report.send((number, plan, outcome));
        };
        let started = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
        started.map(drop).map_err(|_| Enough)
    }
}
