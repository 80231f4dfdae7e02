//! Fewer steps of the runbook. A runbook without one of its steps may be unsound by itself; then the faults would be
//! blamed for nothing. So a step goes only when every fault is needed as before.

use super::{Enough, Failing, Shrinking};
use crate::{plan::Plan, runbook::Step, units::Micros, workload_spec::Kind};

/// Steps that only make sense together stand so close to each other (a change, and the wait for it).
const REACH: usize = 3;

impl Shrinking<'_> {
    pub(super) fn fewer_steps(&mut self) -> Result<bool, Enough> {
        let mut smaller = false;
        while self.without_steps()? {
            smaller = true;
        }
        Ok(smaller)
    }

    fn without_steps(&mut self) -> Result<bool, Enough> {
        let candidates = candidates(&self.best);
        let mut from = 0;
        loop {
            let candidate = |i: usize| candidates.get(i).cloned();
            let Some((i, failing)) =
                self.trial
                    .first(self.wanted, from, candidates.len(), &candidate)?
            else {
                return Ok(false);
            };
            if self.needs_every_fault(&failing.plan)? {
                self.best = failing;
                return Ok(true);
            }
            from = i + 1;
        }
    }

    /// Whether the plan fails no more when any one of its faults is left out.
    fn needs_every_fault(&mut self, plan: &Plan) -> Result<bool, Enough> {
        let without = |i: usize| {
            let mut plan = plan.clone();
            plan.faults.remove(i);
            Some(plan)
        };
        let found = self
            .trial
            .first(self.wanted, 0, plan.faults.len(), &without)?;
        Ok(found.is_none())
    }
}

/// The plan without each step, then without each two that stand close to each other, with what follows as early as
/// it is then, or at its time; then without each of the steps back.
fn candidates(best: &Failing) -> Vec<Plan> {
    let plan = &best.plan;
    let steps = plan.runbook.steps.len();
    let begun = begun(best);
    let alone = (0..steps).map(|i| vec![i]);
    let pairs = (0..steps).flat_map(|i| (i + 1..steps.min(i + 1 + REACH)).map(move |j| vec![i, j]));
    let mut all = Vec::new();
    for without in alone.chain(pairs) {
        if without.len() == steps {
            continue;
        }
        let mut shorter = plan.clone();
        // From the last on, so that the numbers of the others stay.
        for step in without.iter().rev() {
            shorter.runbook.steps.remove(*step);
        }
        let mut earlier = shorter.clone();
        for step in without.iter().rev() {
            if let (Some(Some(from)), Some(Some(to))) = (begun.get(*step), begun.get(step + 1)) {
                take_time_out(&mut earlier, *from, *to);
            }
        }
        if earlier != shorter {
            all.push(earlier);
        }
        all.push(shorter);
    }
    for i in 0..plan.runbook.abort.len() {
        let mut shorter = plan.clone();
        shorter.runbook.abort.remove(i);
        all.push(shorter);
    }
    all
}

/// When each step began, in µs of the run; none for one that was never reached. Empty for a recording, whose clock
/// is another.
fn begun(best: &Failing) -> Vec<Option<u64>> {
    let plan = &best.plan;
    if plan.workload.kind == Kind::Binlog {
        return Vec::new();
    }
    let mut lines = best
        .outcome
        .story
        .iter()
        .filter(|line| line.who == "operator" && !line.commands.is_empty());
    let began = |step: &Step| {
        let line = lines.find(|line| line.what == step.say)?;
        line.at.0.checked_sub(plan.clock.start.0)
    };
    plan.runbook.steps.iter().map(began).collect()
}

/// What is to happen from `to` on happens as much earlier as it is after `from`.
fn take_time_out(plan: &mut Plan, from: u64, to: u64) {
    let earlier = |at: &mut Micros| {
        if at.0 >= to {
            at.0 -= to - from;
        }
    };
    plan.workload
        .transactions
        .iter_mut()
        .for_each(|t| earlier(&mut t.at));
    plan.faults
        .iter_mut()
        .filter_map(|f| f.at.as_mut())
        .for_each(earlier);
}
