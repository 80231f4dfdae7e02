//! The smallest plan of each mutant, in `tests/mutants/plans/`: a run of a few events in which the bug, and nothing
//! else, breaks its property.

use crate::search::{Caught, rehearse, violated, violates};
use cutover::{
    model::mutant::Mutant,
    scenarios::{check_made, load_plan, plan_to_toml},
    sim::{
        outcome::Outcome,
        plan::Plan,
        shrink::{Alike, Enough, Failing, Trial, shrink},
    },
};
use std::{fs, path::PathBuf};

/// What is left of a plan has no more events besides the runbook, and no more transactions.
const EVENTS: usize = 5;
const TRANSACTIONS: usize = 3;
/// Runs of candidates, at most.
const RUNS: u32 = 10_000;

fn file(mutant: Mutant) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mutants/plans");
    folder.join(format!("{}.toml", mutant.facts().name))
}

/// A mutant's plan as it was saved.
pub fn saved(mutant: Mutant) -> Result<Plan, String> {
    let plan = load_plan(&file(mutant).to_string_lossy());
    plan.map_err(|error| format!("CUTOVER_WRITE=mutants writes the plan that is missing: {error}"))
}

/// How large a plan is, when it is larger than what is to be left of one.
pub fn is_large(plan: &Plan) -> Option<String> {
    let (events, transactions) = (plan.faults.len(), transactions(plan));
    let large = events > EVENTS || transactions.is_none_or(|count| count > TRANSACTIONS);
    large.then(|| format!("{events} faults, {transactions:?} transactions"))
}

/// Whether a mutant's plan is there, small enough, and shows its bug.
pub fn is_good(mutant: Mutant) -> bool {
    let good = |plan: &Plan| is_large(plan).is_none() && by_its_bug(mutant, plan).is_some();
    saved(mutant).as_ref().is_ok_and(good)
}

/// Shrinks the plans that were caught, and saves the smallest of what comes out.
pub fn write(mutant: Mutant, caught: &[Caught], reference: &Plan) {
    let small = caught.iter().map(|c| shrunk(mutant, &c.plan, reference));
    let size = |plan: &Plan| (transactions(plan).unwrap_or(usize::MAX), plan.faults.len());
    let smallest = small.min_by_key(size).expect("some plan was caught");
    let text = plan_to_toml(&smallest).expect("a plan as text");
    fs::write(file(mutant), text).expect("a file to write");
}

fn shrunk(mutant: Mutant, plan: &Plan, reference: &Plan) -> Plan {
    let run = rehearse(plan);
    let transactions = run.transactions();
    let outcome = run.outcome;
    let wanted = Alike::of(&outcome).expect("a failure");
    let plan = plan.clone();
    let mut trial = ByItsBug { mutant, left: RUNS };
    let failing = Failing { plan, outcome };
    shrink(failing, &wanted, transactions, reference, &mut trial)
        .best
        .plan
}

/// A run with the mutant, when it is caught by its property, and the run without it violates nothing.
pub fn by_its_bug(mutant: Mutant, plan: &Plan) -> Option<Outcome> {
    let mut without = plan.clone();
    without.mutants.clear();
    let outcome = rehearse(plan).outcome;
    let caught = violates(&outcome, mutant.facts().caught_by);
    (caught && violated(&rehearse(&without).outcome).is_empty()).then_some(outcome)
}

/// Keeps what fails by its bug alone, whatever else it violates.
struct ByItsBug {
    mutant: Mutant,
    left: u32,
}

impl Trial for ByItsBug {
    fn first(
        &mut self,
        _: &Alike,
        from: usize,
        to: usize,
        candidate: &dyn Fn(usize) -> Option<Plan>,
    ) -> Result<Option<(usize, Failing)>, Enough> {
        for number in from..to {
            let valid = |plan: &Plan| check_made(plan).is_ok();
            let Some(plan) = candidate(number).filter(valid) else {
                continue;
            };
            self.left = self.left.checked_sub(1).ok_or(Enough)?;
            if let Some(outcome) = by_its_bug(self.mutant, &plan) {
                return Ok(Some((number, Failing { plan, outcome })));
            }
        }
        Ok(None)
    }
}

/// Transactions that a plan writes down; none where they are drawn, or replayed from a recording.
pub fn transactions(plan: &Plan) -> Option<usize> {
    Some(plan.workload.transactions.len()).filter(|count| *count > 0)
}
