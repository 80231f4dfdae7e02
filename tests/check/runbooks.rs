//! What is said of the runbooks that there are: the built-in strategies, and those of the hazards and their remedies.

use crate::plans::*;
use cutover::{
    scenarios::{Listed, load_scenario, strategies},
    sim::{
        outcome::Verdict,
        preconditions::{Finding, Status, check},
        run::run,
    },
};
use std::{fs, path::Path};

/// The built-in strategies, and the runbooks of hazards whose name ends so and whose steps name no table that the shop lacks;
/// `naive`: those too that call themselves so.
pub fn runbooks(naive: bool, ends: &str) -> Vec<String> {
    let listed = strategies().into_iter().filter(|l| naive || !l.naive);
    let folder = "scenarios/hazards";
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let files = files.expect("the folder").map(|file| file.expect("a file"));
    let wanted = files.filter(|file| {
        let text = fs::read_to_string(file.path()).expect("a text");
        file.file_name().to_string_lossy().ends_with(ends) && !text.contains("run_sql")
    });
    let mut hazards: Vec<String> = wanted
        .map(|file| format!("{folder}/{}", file.file_name().to_string_lossy()))
        .collect();
    hazards.sort_unstable();
    listed.map(|l| l.name).chain(hazards).collect()
}

/// In the environment that they are tried in, a strategy that calls itself naive, or that loses writes, is told why, and no
/// other is.
#[test]
fn a_strategy_has_something_to_mend_exactly_if_it_is_naive_or_loses_writes() {
    for Listed { name, naive, .. } in strategies() {
        let strategy = name.as_str();
        let looks = check(&plan(strategy, &[]), None);
        let of = |status| -> Vec<&Finding> {
            looks.iter().filter(|f| f.look.status == status).collect()
        };
        let (failed, warned) = (of(Status::Fail), of(Status::Warn));
        match naive {
            // With GTIDs a coordinate that is too early is only luck.
            true if strategy == "naive-early-coordinates" => {
                assert!(warned.iter().any(|f| f.check.name == "start-coordinate"));
            }
            true => assert!(!failed.is_empty(), "{strategy} passes"),
            false => {
                let verdict = run(&plan(strategy, &[]), None)
                    .expect("it can be run")
                    .outcome
                    .verdict;
                let safe = verdict == Verdict::Safe;
                assert_eq!(safe, failed.is_empty(), "{strategy}: {failed:#?}");
            }
        }
    }
}

#[test]
fn no_runbook_of_ours_calls_what_its_target_does_not_have() {
    let looks = runbooks(true, ".runbook.toml")
        .into_iter()
        .filter_map(|runbook| {
            let found = finding("set-read-only", &plan(&runbook, &[]))?;
            Some((runbook, found.look))
        });
    let mut callers = 0;
    for (runbook, look) in looks {
        assert_eq!(look.status, Status::Pass, "{runbook}: {look:?}");
        callers += 1;
    }
    assert!(callers > 3, "{callers}");
}

#[test]
fn nothing_is_certain_of_a_remedy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/hazards");
    let files = fs::read_dir(folder).expect("the hazards");
    let paths = files.map(|file| file.expect("a file").path());
    let remedies = paths.filter(|path| path.to_string_lossy().ends_with(".remedy.toml"));
    let mut seen = 0;
    for path in remedies {
        let path = path.to_str().expect("UTF-8");
        let scenario = load_scenario(path, &[]).unwrap_or_else(|error| panic!("{error}"));
        for found in check(&scenario.plan(1, None), None) {
            assert!(!found.look.certain, "{path}: {:?}", found.look);
        }
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}
