//! The plans in `tests/plans/`, each of which says in `[expect]` what it comes to: the limits of sound strategies,
//! and plans that showed a mistake once.

use cutover::{
    scenarios::{load_plan, recording_files},
    sim::{recording::Recording, run::run},
};
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

/// Paths in plans start here, as for somebody who replays them from the top of the checkout.
const FOLDER: &str = "tests/plans";

fn names() -> BTreeSet<String> {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER));
    let names = files
        .expect("the folder")
        .map(|file| file.expect("a file").file_name());
    names.map(|n| n.to_string_lossy().into_owned()).collect()
}

#[test]
fn every_saved_plan_comes_to_what_it_says() {
    let names = names();
    assert!(!names.is_empty());
    let mut wrong = Vec::new();
    for name in &names {
        let path = format!("{FOLDER}/{name}");
        let plan = load_plan(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            plan.expect.verdict.is_some(),
            "{path} does not say what it comes to: add [expect] with a verdict"
        );
        let files = recording_files(&plan.workload).unwrap_or_else(|error| panic!("{error}"));
        let recording =
            files.map(|r| Arc::new(Recording::load(r.binlogs, r.schema).expect("a recording")));
        let outcome = run(&plan, recording.as_ref())
            .unwrap_or_else(|error| panic!("{path}: {error}"))
            .outcome;
        if !outcome.as_expected {
            let (expected, came) = (&plan.expect, outcome.verdict);
            wrong.push(format!(
                "{path}: {came:?}, and {expected:?}\n  cutover replay {path}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_limit_has_its_plan_and_every_such_plan_its_limit() {
    let named: BTreeSet<String> = [
        include_str!("random/limits.rs"),
        include_str!("random_environments/limits.rs"),
    ]
    .iter()
    .flat_map(|text| text.split('`'))
    .filter(|word| word.starts_with("limit-"))
    .map(str::to_owned)
    .collect();
    let there: BTreeSet<String> = names()
        .into_iter()
        .filter(|n| n.starts_with("limit-"))
        .collect();
    assert_eq!(named, there);
}
