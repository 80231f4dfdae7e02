//! How a sweep runs a plan.

use super::Record;
use crate::{
    plan::Plan,
    recording::Recording,
    run::{RunError, rehearse, run},
};
use std::{fmt, sync::Arc};

/// Runs plans, for a sweep.
pub struct Runner {
    recording: Option<Arc<Recording>>,
    begins: Box<dyn Fn(&Plan) + Send + Sync>,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl Runner {
    /// Of plans that replay this recording, or none.
    pub fn new(recording: Option<Arc<Recording>>) -> Self {
        Self::telling(recording, |_| {})
    }

    /// One that tells of every plan before it is run, on the thread that runs it.
    pub fn telling(
        recording: Option<Arc<Recording>>,
        begins: impl Fn(&Plan) + Send + Sync + 'static,
    ) -> Self {
        let begins = Box::new(begins);
        Self { recording, begins }
    }

    /// Runs the plan of a seed, and keeps what a sweep needs of it. Only what failed, or was called off, is told in full
    /// and has a fingerprint, by which it is found again: that is as much work as the verdict.
    ///
    /// # Errors
    /// As [`run`].
    pub fn seed(&self, plan: &Arc<Plan>) -> Result<Record, RunError> {
        (self.begins)(plan);
        let mut ending = rehearse(plan, self.recording.as_ref())?;
        let brief = ending.brief(plan);
        let kept = brief.verdict.is_failure() || brief.called_off.is_some();
        let told = kept.then(|| ending.outcome(plan));
        Ok(Record::of(plan, brief, told.as_ref()))
    }

    /// The fingerprint of a plan's run.
    pub(super) fn fingerprint(&self, plan: &Plan) -> Result<String, RunError> {
        (self.begins)(plan);
        Ok(run(plan, self.recording.as_ref())?.outcome.fingerprint)
    }
}
