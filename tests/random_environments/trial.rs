//! Many plans through one claim. The plan that breaks it is shrunk, saved and named.

use crate::random::{self, Rehearsal};
use cutover::{
    scenarios::{load_runbook, parse_plan, plan_to_toml, recording_files},
    sim::{outcome::Outcome, plan::Plan, recording::Recording, run::run, runbook::Runbook},
};
use proptest::{
    strategy::{BoxedStrategy, Strategy, ValueTree},
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};
use std::{fs, path::Path, sync::Arc};

/// Plans for each claim.
const CASES: u32 = 200;
/// Runs that may go into finding a smaller plan.
const SHRINK_RUNS: u32 = 400;

fn runbook(name: &str) -> Runbook {
    load_runbook(name).expect("a built-in runbook")
}

fn runner() -> TestRunner {
    TestRunner::new(Config {
        max_shrink_iters: SHRINK_RUNS,
        ..random::config(CASES)
    })
}

/// Runs a plan. It goes through the form of its file first: what fails is to be replayed from there.
fn outcome(plan: &Plan) -> Outcome {
    let text = plan_to_toml(plan).expect("a plan is a TOML file");
    let plan = parse_plan("a random plan", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let files = recording_files(&plan.workload).unwrap_or_else(|e| panic!("{e}"));
    let recording =
        files.map(|r| Arc::new(Recording::load(r.binlogs, r.schema).expect("a good recording")));
    match run(&plan, recording.as_ref()) {
        Ok(run) => run.outcome,
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// Insists that a claim holds for a strategy in all rehearsals.
pub fn in_all(
    strategy: &str,
    rehearsals: &BoxedStrategy<Rehearsal>,
    claim: impl Fn(&Outcome) -> Result<(), String>,
) {
    let runbook = runbook(strategy);
    let mut runner = runner();
    let seed = runner.config().rng_seed;
    let ran = runner.run(rehearsals, |rehearsal| {
        claim(&outcome(&rehearsal.plan(&runbook))).map_err(TestCaseError::fail)
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(reason, rehearsal)) => {
            let file = save(strategy, &rehearsal.plan(&runbook));
            panic!(
                "{strategy}: {reason}\nThe smallest plan that was found is saved (PROPTEST_RNG_SEED={seed}):\n  \
                 cutover replay {file}"
            )
        }
        Err(TestError::Abort(reason)) => panic!("{strategy}: {reason}"),
    }
}

/// Insists that one of the rehearsals comes to what is looked for.
pub fn first_of(
    strategy: &str,
    rehearsals: &BoxedStrategy<Rehearsal>,
    looked_for: impl Fn(&Outcome) -> bool,
) {
    let runbook = runbook(strategy);
    let mut runner = runner();
    let (cases, seed) = (runner.config().cases, runner.config().rng_seed);
    let mut verdicts = Vec::new();
    for _ in 0..cases {
        let drawn = rehearsals
            .new_tree(&mut runner)
            .expect("nothing is filtered");
        let outcome = outcome(&drawn.current().plan(&runbook));
        if looked_for(&outcome) {
            return;
        }
        verdicts.push(outcome.verdict);
    }
    panic!(
        "{strategy} was not caught in {cases} plans (PROPTEST_RNG_SEED={seed}); they came to {verdicts:?}"
    );
}

/// Saves a plan that broke a claim: where `cargo clean` finds it, and nothing else that is not the user's.
fn save(strategy: &str, plan: &Plan) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!(
        "{}-{:016x}.toml",
        strategy.replace('/', "-"),
        plan.seed
    ));
    let text = plan_to_toml(plan).expect("it was written before");
    fs::write(&file, text).expect("cargo's folder for tests can be written to");
    file.display().to_string()
}
