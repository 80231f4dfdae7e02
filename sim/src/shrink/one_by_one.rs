//! Candidates one after the other, and no more of them than is said: the same result everywhere, for tests.

use super::{Alike, Enough, Failing, Trial};
use crate::{plan::Plan, recording::Recording, run::run};
use std::{panic::resume_unwind, sync::Arc, thread};

/// Runs one candidate at a time.
#[derive(Clone, Debug)]
pub struct OneByOne {
    /// The recording that all of them replay.
    pub recording: Option<Arc<Recording>>,
    /// How many may still be run.
    pub runs_left: u64,
    /// Whether a plan may be run at all: what nobody could write into a file is no smaller plan.
    pub is_valid: fn(&Plan) -> bool,
}

impl Trial for OneByOne {
    fn first(
        &mut self,
        wanted: &Alike,
        from: usize,
        to: usize,
        candidate: &dyn Fn(usize) -> Option<Plan>,
    ) -> Result<Option<(usize, Failing)>, Enough> {
        for number in from..to {
            let Some(plan) = candidate(number).filter(self.is_valid) else {
                continue;
            };
            self.runs_left = self.runs_left.checked_sub(1).ok_or(Enough)?;
            let recording = self.recording.as_ref();
            // What a run leaves behind in a thread must not reach the next one.
            let run = thread::scope(|scope| scope.spawn(|| run(&plan, recording)).join());
            let Ok(run) = run.unwrap_or_else(|panic| resume_unwind(panic)) else {
                continue;
            };
            if Alike::of(&run.outcome).as_ref() == Some(wanted) {
                let outcome = run.outcome;
                return Ok(Some((number, Failing { plan, outcome })));
            }
        }
        Ok(None)
    }
}
