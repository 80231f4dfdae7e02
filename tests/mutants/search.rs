//! Explores a mutant: plan after plan until its property catches it.

use crate::bases::Plans;
use cutover::{
    model::mutant::{Mutant, MutantFacts},
    scenarios::{RecordingFiles, recording_files},
    sim::{
        outcome::{Finding, Outcome},
        plan::Plan,
        recording::Recording,
        run::{Run, run},
    },
};
use std::sync::{Arc, Mutex};

/// Runs a plan on a thread of its own: what a run leaves behind in a thread must not reach the next one.
pub fn rehearse(plan: &Plan) -> Run {
    let recording = recording(plan);
    let work = || run(plan, recording.as_ref()).expect("a plan that can be run");
    std::thread::scope(|scope| scope.spawn(work).join()).expect("no panic")
}

fn recording(plan: &Plan) -> Option<Arc<Recording>> {
    let files = recording_files(&plan.workload).expect("files that can be read");
    let load = |f: RecordingFiles| Recording::load(f.binlogs, f.schema).expect("a good recording");
    files.map(load).map(Arc::new)
}

/// Whether a property is violated.
pub fn violates(outcome: &Outcome, property: &str) -> bool {
    let violated = |f: &Finding| matches!(f, Finding::Violated { .. });
    outcome
        .properties
        .iter()
        .any(|p| p.id == property && violated(&p.finding))
}

/// The properties that a run violates.
pub fn violated(outcome: &Outcome) -> Vec<&'static str> {
    let of = outcome.properties.iter();
    of.filter(|p| matches!(p.finding, Finding::Violated { .. }))
        .map(|p| p.id)
        .collect()
}

/// A mutant that was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Plans until then, this one included.
    pub plans: u64,
    /// The plan that was caught.
    pub plan: Plan,
}

/// Plans from a seed on until the mutant's own property catches it; none within the budget.
pub fn catch(mutant: Mutant, from: u64, budget: u64) -> Option<Caught> {
    let MutantFacts { caught_by, .. } = mutant.facts();
    let of = Plans::of(mutant);
    (1..=budget).find_map(|plans| {
        let plan = of.plan(from + plans);
        let outcome = rehearse(&plan).outcome;
        violates(&outcome, caught_by).then_some(Caught { plans, plan })
    })
}

/// Does something for each item, on as many threads as there are cores; results in the order of the items.
pub fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(0..items.len());
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(i) = next.lock().expect("no panic").next() else {
                        return;
                    };
                    *results[i].lock().expect("no panic") = Some(work(&items[i]));
                }
            });
        }
    });
    let done = |r: Mutex<Option<R>>| r.into_inner().expect("no panic").expect("a result");
    results.into_iter().map(done).collect()
}
