//! The hazards in `scenarios/hazards/`: each crosses one limit of a strategy and is caught, and its remedy, under the
//! same faults, is safe. A pair of files each: `NAME.toml` says in `[expect]` what it violates, `NAME.remedy.toml` is
//! the same scenario with what an operator would change.

use cutover::{
    explore,
    scenarios::{Scenario, load_scenario, recording_files},
    sim::{outcome::Verdict, recording::Recording, run::run},
};
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

const FOLDER: &str = "scenarios/hazards";

/// A hazard that depends on luck shows little; a remedy that does is none.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

fn names() -> BTreeSet<String> {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER));
    let files = files.expect("the folder").map(|file| file.expect("a file"));
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names
        .filter_map(|name| {
            name.strip_suffix(".toml")
                .filter(|n| !n.ends_with(".runbook"))
                .map(str::to_owned)
        })
        .collect()
}

fn load(name: &str) -> Scenario {
    load_scenario(&format!("{FOLDER}/{name}.toml"), &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// The names without `.remedy`.
fn hazards() -> Vec<String> {
    let is_remedy = |name: &String| name.ends_with(".remedy");
    names().into_iter().filter(|n| !is_remedy(n)).collect()
}

/// What went otherwise than the file says, for each seed.
fn surprises(name: &str) -> Vec<String> {
    let scenario = load(name);
    let files = recording_files(&scenario.workload).unwrap_or_else(|error| panic!("{error}"));
    let recording =
        files.map(|r| Arc::new(Recording::load(r.binlogs, r.schema).expect("a recording")));
    let mut surprises = Vec::new();
    for seed in SEEDS {
        let plan = scenario.plan(seed, None);
        let outcome = run(&plan, recording.as_ref())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .outcome;
        if !outcome.as_expected {
            surprises.push(format!(
                "{name}: {:?}, and the file expects {:?}\n  cutover run {FOLDER}/{name}.toml --seed {seed}",
                outcome.verdict, plan.expect
            ));
        }
    }
    surprises
}

#[test]
fn every_hazard_is_caught() {
    let wrong: Vec<String> = hazards().iter().flat_map(|name| surprises(name)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_remedy_is_safe_under_the_same_faults() {
    let hazards = hazards();
    assert!(!hazards.is_empty());
    let remedy = |name: &String| format!("{name}.remedy");
    let wrong: Vec<String> = hazards
        .iter()
        .flat_map(|name| surprises(&remedy(name)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in &hazards {
        let (hazard, remedy) = (load(name), load(&remedy(name)));
        assert_eq!(hazard.faults, remedy.faults, "{name}: other faults");
        assert_eq!(hazard.workload, remedy.workload, "{name}: other traffic");
    }
}

#[test]
fn a_hazard_says_what_it_violates_and_a_remedy_expects_to_be_safe() {
    for name in names() {
        let expect = load(&name).expect;
        let hazard = !name.ends_with(".remedy");
        let safe = expect.verdict.is_none_or(|v| v == Verdict::Safe) && expect.violates.is_empty();
        match hazard {
            true => assert!(
                !safe,
                "{name} does not say in [expect] what it is caught by"
            ),
            false => assert!(safe, "{name} is a remedy and expects something else"),
        }
        let other = match name.strip_suffix(".remedy") {
            Some(hazard) => hazard.to_owned(),
            None => format!("{name}.remedy"),
        };
        assert!(names().contains(&other), "{name}.toml has no {other}.toml");
        assert_eq!(load(&name).name, name, "named after its file");
    }
}

/// A remedy of one hazard is a runbook that people copy: in the environment that strategies are tried in, with its own
/// traffic, it survives what strategies promise to survive.
#[test]
fn runbooks_of_remedies_survive_the_faults_of_the_contract() {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER));
    let files = files.expect("the folder").map(|file| file.expect("a file"));
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    let runbooks: BTreeSet<String> = names
        .filter(|name| name.ends_with(".remedy.runbook.toml"))
        .collect();
    assert!(runbooks.len() > 5, "{runbooks:?}");
    for runbook in runbooks {
        let strategy = format!("strategy={FOLDER}/{runbook}");
        let scenario = load_scenario("orders-small", &[strategy]);
        let mut scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        let own = runbook.strip_suffix(".runbook.toml").expect("as they end");
        scenario.workload = load(own).workload;
        explore(&scenario).seeds(0..200).assert_safe();
    }
}
