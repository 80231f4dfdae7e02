//! A runbook that somebody wrote from the documentation alone is run, explored and audited like a built-in one.

use cutover::{
    scenarios::{load_scenario, parse_runbook},
    sim::{
        outcome::{Outcome, Verdict},
        run::{Run, run},
        runbook::{Host, Runbook},
    },
};
use std::{fs, process::Command};

/// The example of the page that looks like no built-in one.
fn text() -> &'static str {
    let page = include_str!("../docs/runbooks.md");
    let mut examples = page.split("```toml\n").skip(1);
    let example = examples.find(|example| example.contains("name = \"our-migration\""));
    example
        .and_then(|e| e.split("```").next())
        .expect("its end")
}

fn runbook() -> Runbook {
    parse_runbook("our-migration", text()).unwrap_or_else(|error| panic!("{error}"))
}

fn rehearse(sets: &[&str], runbook: &Runbook) -> Run {
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    run(&scenario.plan(1, Some(runbook)), None).expect("it can be run")
}

fn rows(run: &Run, host: Host, table: &str) -> Vec<String> {
    let dumps = run.dump(host);
    let dump = dumps.iter().find(|d| d.table == table).expect("the table");
    dump.jsonl.lines().skip(1).map(str::to_string).collect()
}

/// Text of the story's lines.
fn told(outcome: &Outcome) -> String {
    outcome
        .story
        .iter()
        .map(|line| line.what.clone())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn it_runs_and_its_statements_are_carried_out_by_the_servers() {
    let run = rehearse(&[], &runbook());
    assert_eq!(
        run.outcome.verdict,
        Verdict::Safe,
        "{:?}",
        run.outcome.properties
    );
    assert_eq!(
        rows(&run, Host::Source, "shop.migration_log"),
        [r#"["1", "approved"]"#]
    );
    assert_eq!(
        rows(&run, Host::Target, "shop.migration_log"),
        [r#"["1", "done"]"#]
    );
    let told = told(&run.outcome);
    assert!(told.contains("2 clients are started anew"), "{told}");
    assert!(told.contains("1 row affected"), "{told}");
}

#[test]
fn a_statement_that_the_server_refuses_fails_its_step_and_the_migration_is_called_off() {
    for (from, to, error) in [
        (
            "INSERT INTO migration_log VALUES (1, 'approved')",
            "INSERT INTO nowhere VALUES (1)",
            "Table 'shop.nowhere' doesn't exist",
        ),
        (
            "INSERT INTO migration_log VALUES (1, 'approved')",
            "UPDATE orders SET colour = 1 WHERE id = 1",
            "Unknown column 'colour'",
        ),
    ] {
        let text = text().replace(from, to);
        let runbook = parse_runbook("x", &text).unwrap_or_else(|e| panic!("{e}"));
        let run = rehearse(&[], &runbook);
        assert_eq!(run.outcome.verdict, Verdict::Aborted, "{to}");
        let told = told(&run.outcome);
        assert!(told.contains(error), "{told}");
    }
}

#[test]
fn behind_the_fence_the_source_refuses_the_operator_as_well() {
    let fenced = r#"say = "Note where it stands""#;
    let late = format!(
        "say = \"Too late\"\nrun_sql = {{ on = \"source\", sql = \"DELETE FROM migration_log WHERE id = 1\" }}\n\n[[step]]\n{fenced}"
    );
    let runbook =
        parse_runbook("x", &text().replace(fenced, &late)).unwrap_or_else(|e| panic!("{e}"));
    let run = rehearse(&[], &runbook);
    assert_eq!(run.outcome.verdict, Verdict::Aborted);
    assert!(told(&run.outcome).contains("error 1290"));
}

#[test]
fn a_row_that_the_operator_writes_before_the_cut_over_and_that_is_lost_is_told() {
    // Behind the snapshot, and nothing replicates.
    let text = r#"
schema = "1.0"
name = "x"
about = "Snapshot only, and a note behind it."
[[step]]
say = "Snapshot"
create_snapshot = { id = "a" }
[[step]]
say = "Note"
run_sql = { on = "source", sql = "UPDATE orders SET total_cents = total_cents + 7 WHERE id = 1" }
[[step]]
say = "Restore"
restore_snapshot = { id = "a" }
[[step]]
say = "Repoint"
repoint = { to = "target", restart_clients = true }
"#;
    let runbook = parse_runbook("x", text).unwrap_or_else(|e| panic!("{e}"));
    // Nobody else writes.
    let run = rehearse(
        &["workload.mix={read=1,place=0,pay=0,transfer=0,cancel=0,rollback=0}"],
        &runbook,
    );
    assert_eq!(run.outcome.lost_writes, 1);
    let said: Vec<_> = run
        .outcome
        .explanations
        .iter()
        .map(|e| e.what.as_str())
        .collect();
    assert!(
        said[0].contains("a statement of the operator's"),
        "{said:?}"
    );
}

#[test]
fn it_is_explored_and_audited_like_a_built_in_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("our-migration.toml"), text()).unwrap();
    let cutover = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .current_dir(folder.path())
            .args(args)
            .args(["--strategy", "our-migration.toml", "--format", "json"])
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{complaint}"));
        (output.status.code(), json)
    };
    let (_, explored) = cutover(&[
        "explore",
        "orders-small",
        "--seeds",
        "0..40",
        "--out",
        "sweep",
    ]);
    assert_eq!(
        explored["findings"].as_array().map(Vec::len),
        Some(0),
        "{explored:#}"
    );
    let (_, audited) = cutover(&[
        "audit",
        "orders-small",
        "--seeds",
        "1",
        "--most-faults",
        "0",
    ]);
    let variants = audited["variants"].as_array().expect("variants");
    let of_share = variants
        .iter()
        .any(|v| v["weaker"] == "all of the application at once");
    assert!(of_share, "{audited:#}");
    let (status, checked) = cutover(&["check", "orders-small"]);
    assert_eq!(status, Some(0), "{checked:#}");
}

#[test]
fn a_run_says_how_to_see_it_again_with_a_runbook_in_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ours.toml"), text()).unwrap();
    let scenario = include_str!("../scenarios/scenarios/orders-small.toml");
    let built_in = "strategy = \"snapshot-binlog-gtid\"";
    assert!(scenario.contains(built_in));
    let with_file = scenario.replace(built_in, "strategy = \"ours.toml\"");
    fs::write(folder.path().join("shop.toml"), with_file).unwrap();
    let again = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .current_dir(folder.path())
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, command) = text.rsplit_once("To see this run again:  ").expect(&text);
        command.trim().to_string()
    };
    for (args, expected) in [
        (&["run", "shop.toml"][..], "cutover run shop.toml --seed 1"),
        (
            &["run", "shop.toml", "--strategy", "ours.toml"],
            "cutover run shop.toml --strategy ours.toml --seed 1",
        ),
        (
            &["run", "orders-small"],
            "cutover run orders-small --strategy snapshot-binlog-gtid --seed 1",
        ),
    ] {
        let said = again(args);
        assert_eq!(said, expected);
        let words: Vec<&str> = said.split(' ').skip(1).collect();
        assert_eq!(again(&words), expected);
    }
}
