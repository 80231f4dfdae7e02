//! Many plans through one claim. The plan that breaks it is shrunk, saved and named.

use cutover::{
    scenarios::{load_runbook, parse_plan, plan_to_toml, recording_files},
    sim::{
        outcome::Outcome,
        plan::Plan,
        recording::Recording,
        run::run,
        runbook::Runbook,
    },
};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};
use std::{fs, path::Path, sync::Arc};

/// Plans for each claim, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 200;
/// Runs that go into finding a smaller plan.
const SHRINK_RUNS: u32 = 400;

/// A built-in runbook.
pub fn runbook(name: &str) -> Runbook {
    load_runbook(name).expect("a built-in runbook")
}

/// Runs a plan. It goes through its file's form first, so that whatever fails can be replayed from there.
pub fn outcome(plan: &Plan) -> Outcome {
    let text = plan_to_toml(plan).expect("a plan is a TOML file");
    let plan = parse_plan("a random plan", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let recording = recording_files(&plan.workload)
        .unwrap_or_else(|e| panic!("{e}"))
        .map(|r| Arc::new(Recording::load(r.binlogs, r.schema).expect("a recording")));
    run(&plan, recording.as_ref()).unwrap_or_else(|e| panic!("{e}\n{text}")).outcome
}

/// How plans are drawn: from a fixed seed, so that every machine tries the same ones.
pub fn config() -> Config {
    Config {
        cases: CASES,
        max_shrink_iters: SHRINK_RUNS,
        failure_persistence: None,
        ..Config::default()
    }
}

/// Insists that a claim holds for all plans.
pub fn try_all<S: Strategy>(
    name: &str,
    strategy: S,
    plan: impl Fn(&S::Value) -> Plan,
    claim: impl Fn(&Outcome) -> Result<(), String>,
) {
    let config = config();
    let seed = config.rng_seed;
    let mut runner = TestRunner::new(config);
    let ran = runner.run(&strategy, |drawn| {
        claim(&outcome(&plan(&drawn))).map_err(TestCaseError::fail)
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(reason, drawn)) => {
            let path = save(name, &plan(&drawn));
            panic!("{reason}\nThe plan is saved (drawn with PROPTEST_RNG_SEED={seed}):\n  cutover replay {path}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// Saves a plan that broke a claim.
fn save(name: &str, plan: &Plan) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).expect("the target folder can be written to");
    let path = folder.join(format!("{name}.toml"));
    fs::write(&path, plan_to_toml(plan).expect("a plan is a TOML file")).expect("likewise");
    path.display().to_string()
}
