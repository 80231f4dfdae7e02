//! Two runs of one plan give the same bytes, on any machine, in any process, beside any number of other runs.
//!
//! Everything here goes through the command, for a process is what differs: its addresses, its threads, its
//! environment, its neighbours. Each claim runs a rehearsal twice, the second time in another environment and
//! folder and beside a process that keeps every core busy, and compares whatever the command writes, byte for
//! byte, but for `wall_ms`.

#[path = "determinism/difference.rs"]
mod difference;
#[path = "determinism/process.rs"]
mod process;
#[path = "determinism/surroundings.rs"]
mod surroundings;

use difference::first_difference;
use process::{Produced, json, without_wall};
use std::path::{Path, PathBuf};
use surroundings::{Neighbour, Surroundings};

/// Runs the command in both surroundings and insists on the same bytes; returns them.
fn the_same_twice(args: &[&str]) -> Produced {
    let first = Produced::by(args, Surroundings::Bare);
    let second = {
        let _neighbour = Neighbour::busy();
        Produced::by(args, Surroundings::Strange)
    };
    if let Some(difference) = first_difference(&first.files, &second.files) {
        panic!(
            "two processes ran `cutover {}` and differ: {difference}",
            args.join(" ")
        );
    }
    first
}

fn strategies() -> Vec<String> {
    let list = json(&["list", "strategies"]);
    let strategies = list["strategies"].as_array().expect("a list of strategies");
    strategies
        .iter()
        .map(|s| s["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures")
        .join(name)
}

#[test]
fn every_strategy_writes_the_same_bytes_in_another_process() {
    let strategies = strategies();
    assert!(
        strategies.iter().any(|s| s.starts_with("naive-")),
        "{strategies:?}"
    );
    for (strategy, seed) in strategies.iter().zip(1u64..) {
        the_same_twice(&[
            "run",
            "orders-small",
            "--strategy",
            strategy,
            "--seed",
            &seed.to_string(),
        ]);
    }
}

#[test]
fn every_seed_writes_the_same_bytes_in_another_process() {
    for seed in ["0", "2", "4294967296", "9223372036854775807"] {
        the_same_twice(&["run", "orders-small", "--seed", seed]);
    }
}

#[test]
fn the_options_of_a_scenario_change_nothing_about_it() {
    // The paths that little else takes: a fresh source (its DDL is in the binlog), minimal images, full
    // metadata, no GTIDs, many clients.
    for sets in [
        &[
            "workload.existing_rows=0",
            "source.binlog_row_image=minimal",
        ][..],
        &["workload.clients=64", "source.binlog_row_metadata=full"],
        &["source.gtid_mode=false", "source.sync_binlog=0"],
    ] {
        let mut args = vec![
            "run",
            "orders-small",
            "--strategy",
            "snapshot-binlog-position",
            "--seed",
            "3",
        ];
        args.extend(sets.iter().flat_map(|set| ["--set", set]));
        the_same_twice(&args);
    }
}

#[test]
fn a_recording_writes_the_same_bytes_in_another_process() {
    for name in ["cascade-mysql56", "compressed-mysql97", "ddl-mysql97"] {
        let spec = format!("binlog:{}", capture(name).display());
        let produced = the_same_twice(&["run", "orders-small", "--workload", &spec, "--seed", "5"]);
        // What was compared is the recording's, not two empty runs.
        let dumps = produced
            .files
            .keys()
            .filter(|file| file.starts_with("source/"))
            .count();
        assert!(dumps > 0, "{name}: {:?}", produced.files.keys());
    }
}

#[test]
fn a_run_among_others_in_one_process_is_the_run_alone() {
    let compared = json(&["compare", "orders-small", "--all", "--seeds", "2"]);
    let runs = compared["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 2 * strategies().len());
    for run in runs {
        let (strategy, seed) = (
            run["strategy"].as_str().expect("a name"),
            run["seed"].to_string(),
        );
        let alone = json(&[
            "run",
            "orders-small",
            "--strategy",
            strategy,
            "--seed",
            &seed,
        ]);
        assert_eq!(
            without_wall(run.clone()),
            without_wall(alone),
            "{strategy}, seed {seed}: left among others, right alone"
        );
    }
}

#[test]
fn a_saved_plan_replays_to_the_byte() {
    let spec = format!("binlog:{}", capture("cascade-mysql97").display());
    for args in [
        &["run", "orders-small", "--seed", "7"][..],
        &[
            "run",
            "orders-small",
            "--strategy",
            "naive-no-fence",
            "--seed",
            "8",
        ],
        &["run", "orders-small", "--workload", &spec],
    ] {
        let ran = Produced::by(args, Surroundings::Bare);
        let plan = ran.folder.path().join("plan.toml");
        let plan = plan.to_str().expect("a folder of ours has a plain name");
        let replayed = Produced::by(&["replay", plan], Surroundings::Strange);
        let mut told: serde_json::Value =
            serde_json::from_slice(&replayed.files["stdout.json"]).expect("JSON");
        let holds = told
            .as_object_mut()
            .and_then(|o| o.remove("replay"))
            .expect("replay's field");
        assert_eq!(holds["fingerprint_holds"], true, "{args:?}: {holds}");
        assert_eq!(holds["version_holds"], true, "{args:?}: {holds}");
        let mut files = replayed.files;
        files.insert("stdout.json".into(), process::pretty(&told));
        if let Some(difference) = first_difference(&ran.files, &files) {
            panic!("{args:?} and the replay of its plan differ: {difference}");
        }
    }
}

#[test]
fn another_seed_is_another_run() {
    // A comparison that cannot fail proves nothing: seeds must show in the fingerprint, in the rows, and in
    // the binlog's bytes.
    let of = |seed| Produced::by(&["run", "orders-small", "--seed", seed], Surroundings::Bare);
    let (one, two) = (of("1"), of("2"));
    assert_ne!(one.told()["fingerprint"], two.told()["fingerprint"]);
    for file in ["source/shop.orders.jsonl", "target/shop.orders.jsonl"] {
        assert_ne!(one.files[file], two.files[file], "{file}");
    }
    let binlog = |produced: &Produced| {
        let files = produced
            .files
            .iter()
            .filter(|(name, _)| name.starts_with("binlog/"));
        files
            .flat_map(|(_, bytes)| bytes.clone())
            .collect::<Vec<u8>>()
    };
    assert_ne!(binlog(&one), binlog(&two));
    assert!(first_difference(&one.files, &two.files).is_some());
}

#[test]
fn the_first_difference_is_shown_with_its_place() {
    let files = |entries: &[(&str, &str)]| {
        let owned = entries
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        owned.collect()
    };
    let one = files(&[("a", "same"), ("b", "x\none two\nz"), ("c", "0")]);
    assert_eq!(first_difference(&one, &one), None);
    let other = first_difference(
        &one,
        &files(&[("a", "same"), ("b", "x\none too\nz"), ("c", "1")]),
    );
    let other = other.expect("they differ");
    for part in ["b, byte 7", "line 2", "one two", "one too"] {
        assert!(other.contains(part), "{other}");
    }
    let fewer = first_difference(&one, &files(&[("a", "same"), ("c", "0")])).expect("they differ");
    assert!(fewer.contains("b was written by the first only"), "{fewer}");
    let shorter = first_difference(&one, &files(&[("a", "same"), ("b", "x\n"), ("c", "0")]));
    assert!(shorter.expect("they differ").contains("b, byte 2"));
}
