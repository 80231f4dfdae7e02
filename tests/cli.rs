//! The command as scripts and people meet it: exit statuses, streams, closed pipes, mistakes.
//!
//! Nothing here needs a run to end in a particular way; what runs come to is tested beside the engine.

use std::{
    fs,
    io::{Read, pipe},
    path::Path,
    process::{Command, Output, Stdio},
};

fn cutover(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(args).stdin(Stdio::null());
    command
}

fn output(args: &[&str]) -> Output {
    cutover(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Bad input: status 2, nothing on standard output, everything that helps on standard error.
fn refused(args: &[&str], said: &[&str]) {
    let output = output(args);
    let text = err(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert_eq!(out(&output), "", "{args:?}");
    for part in said {
        assert!(text.contains(part), "{args:?} does not say {part}:\n{text}");
    }
}

#[test]
fn lists_come_as_text_and_as_json() {
    for (what, one) in [
        ("strategies", "snapshot-only"),
        ("scenarios", "orders"),
        ("properties", "P10"),
        ("mutants", "gtid-hull"),
    ] {
        let text = output(&["list", what]);
        assert_eq!(text.status.code(), Some(0));
        assert!(out(&text).contains(one), "{what}");
        let json = output(&["list", what, "--format", "json"]);
        assert_eq!(json.status.code(), Some(0));
        let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(value["schema"], "2.0");
        assert!(!value[what].as_array().unwrap().is_empty());
    }
}

#[test]
fn all_properties_of_the_catalogue_are_listed_in_order() {
    let json = output(&["list", "properties", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let ids: Vec<_> = value["properties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["id"].clone())
        .collect();
    let expected: Vec<_> = (1..=19).map(|n| format!("P{n}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn help_can_be_learnt_from() {
    let help = output(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for part in ["Examples:", "Exit status:", "cutover run orders", "130"] {
        assert!(out(&help).contains(part), "{part}");
    }
    for command in [
        &["run"][..],
        &["compare"],
        &["replay"],
        &["list"],
        &["binlog", "inspect"],
        &["binlog", "verify"],
        &["binlog", "apply"],
    ] {
        let help = output(&[command, &["--help"]].concat());
        assert_eq!(help.status.code(), Some(0), "{command:?}");
        assert!(out(&help).contains("Examples:"), "{command:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    for args in [
        &["list", "properties"][..],
        &["list", "strategies", "--format", "json"],
        &["--help"],
        &["--version"],
    ] {
        // The reading end is closed before the first byte, so that every write fails.
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = cutover(args).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(err(&output), "", "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_an_error_and_not_a_defect() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = cutover(&["list", "properties"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("standard output"), "{}", err(&output));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    refused(&[], &["Usage"]);
    refused(&["frobnicate"], &["frobnicate"]);
    refused(&["list", "strategys"], &["strategies"]);
    refused(&["run", "orders", "--seed", "-1"], &["-1"]);
    refused(&["run", "orders", "--seed", "x"], &["--seed"]);
    refused(&["compare", "orders", "--seeds", "0"], &["--seeds"]);
    refused(
        &["compare", "orders", "--all", "--strategy", "snapshot-only"],
        &["--all"],
    );
    refused(&["run", "orders", "--format", "xml"], &["json"]);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_one() {
    refused(&["run", "ordrs"], &["ordrs", "orders"]);
    refused(
        &["run", "orders", "--strategy", "snapshot-onyl"],
        &["snapshot-onyl", "snapshot-only"],
    );
    refused(
        &["run", "orders", "--workload", "orderz"],
        &["orders", "binlog:"],
    );
    refused(
        &["run", "orders", "--set", "workload.clents=5"],
        &["clents", "clients"],
    );
    refused(&["compare", "orders", "--strategy", "nope"], &["nope"]);
    refused(&["replay", "/no/such/plan.toml"], &["/no/such/plan.toml"]);
    refused(
        &["run", "orders", "--workload", "binlog:/no/such/folder"],
        &["/no/such/folder"],
    );
}

#[test]
fn a_mistake_in_a_file_is_shown_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(
        &file,
        "schema = \"1.0\"\nname = \"mine\"\nabout = \"x\"\nstrategy = \"snapshot-only\"\n\n[workload]\nclents = 5\n",
    )
    .unwrap();
    refused(
        &["run", text(&file)],
        &["mine.toml:7:1", "clents = 5", "^^^^^^", "clients"],
    );
}

#[test]
fn files_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("noise.toml");
    fs::write(&file, [0xff, 0xfe, 0, 1, 2]).unwrap();
    refused(&["run", text(&file)], &["noise.toml"]);
    refused(&["replay", text(&file)], &["noise.toml"]);
    refused(&["run", text(folder.path())], &[]);
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    let below = file.join("below");
    for option in [
        "--plan-out",
        "--dump-source",
        "--dump-target",
        "--binlog-out",
    ] {
        refused(&["run", "orders", option, text(&below)], &[text(&file)]);
    }
    refused(
        &["run", "orders", "--plan-out", text(folder.path())],
        &[text(folder.path())],
    );
    assert_eq!(fs::read(&file).unwrap(), b"kept");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else was left behind"
    );
}

#[test]
fn colours_are_for_terminals_unless_one_insists() {
    let args = ["run", "ordrs"];
    assert!(!err(&output(&args)).contains('\u{1b}'));
    assert!(err(&output(&[&args[..], &["--color", "always"]].concat())).contains('\u{1b}'));
    assert!(!err(&output(&[&args[..], &["--color", "never"]].concat())).contains('\u{1b}'));
}

const CAPTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/captures/cascade-mysql97"
);

#[test]
fn whole_binlog_files_are_sound_and_a_cut_one_names_the_last_whole_transaction() {
    let sound = output(&["binlog", "verify", CAPTURE, "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&sound.stdout).unwrap();
    assert_eq!(
        (sound.status.code(), &value["sound"]),
        (Some(0), &true.into())
    );
    let transactions = value["files"][0]["transactions"].as_u64().unwrap();
    assert_eq!(transactions, 37);

    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("binlog.000001");
    let whole = fs::read(Path::new(CAPTURE).join("binlog.000001")).unwrap();
    fs::write(&cut, &whole[..3_000]).unwrap();
    let verified = output(&["binlog", "verify", text(&cut)]);
    assert_eq!(verified.status.code(), Some(2));
    for part in [
        "DAMAGED",
        "binlog.000001:2863",
        "cbb7df2a-e650-11f1-b43f-02fc00000001:6",
    ] {
        assert!(out(&verified).contains(part), "{part}: {}", out(&verified));
    }
    // What comes before the cut is printed all the same.
    let inspected = output(&["binlog", "inspect", text(&cut)]);
    assert_eq!(inspected.status.code(), Some(2));
    assert!(out(&inspected).contains("COMMIT (xid 21263)"));
    assert!(
        err(&inspected).contains("binlog.000001:2942"),
        "{}",
        err(&inspected)
    );
}

#[test]
fn a_missing_file_breaks_the_history_without_being_damage() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Path::new(CAPTURE);
    fs::copy(
        capture.join("binlog.000001"),
        folder.path().join("binlog.000001"),
    )
    .unwrap();
    fs::copy(
        capture.join("binlog.000002"),
        folder.path().join("binlog.000003"),
    )
    .unwrap();
    let verified = output(&["binlog", "verify", text(folder.path())]);
    assert_eq!(verified.status.code(), Some(1), "{}", out(&verified));
    assert!(out(&verified).contains("BROKEN HISTORY"));
}

#[test]
fn events_are_a_line_each_and_rows_are_shown_when_asked_for() {
    let file = format!("{CAPTURE}/binlog.000001");
    let all = output(&["binlog", "inspect", &file]);
    assert_eq!(out(&all).lines().count(), 327, "as many as verify counts");
    let some = output(&[
        "binlog", "inspect", &file, "--from", "1089", "--to", "1198", "--rows",
    ]);
    assert_eq!(out(&some).lines().count(), 3);
    assert!(out(&some).contains("+ id=0, v=0"), "{}", out(&some));
    let one = output(&[
        "binlog", "inspect", &file, "--limit", "1", "--format", "json",
    ]);
    let value: serde_json::Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(value["files"][0]["events"].as_array().unwrap().len(), 1);
    assert_eq!(value["files"][0]["events"][0]["type"], "FORMAT_DESCRIPTION");
}

#[test]
fn events_out_of_a_compressed_transaction_are_shown() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/compressed-mysql97"
    );
    let all = output(&["binlog", "inspect", folder, "--rows"]);
    assert_eq!(all.status.code(), Some(0));
    assert!(out(&all).contains("1 row inserted into app.composite"));
    assert!(!out(&all).contains("unreadable"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_130() {
    // Standard output is a pipe that nobody reads, so that inspect is still at it when the signal comes.
    let files = vec![CAPTURE; 40];
    let mut child = cutover(&[&["binlog", "inspect"][..], &files].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    let mut reader = child.stdout.take().unwrap();
    reader.read_exact(&mut first).unwrap();
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_is_no_binlog_is_refused() {
    refused(
        &["binlog", "inspect", file!()],
        &["cli.rs:0", "not a binlog file"],
    );
    refused(&["binlog", "inspect", "/no/such/file"], &["/no/such/file"]);
    refused(&["binlog", "inspect"], &["FILES"]);
    let folder = tempfile::tempdir().unwrap();
    let apply = ["binlog", "apply", CAPTURE, "--out", text(folder.path())];
    refused(
        &[&apply[..], &["--start", "binlog.000009:4"]].concat(),
        &["binlog.000009", "binlog.000001"],
    );
    refused(&[&apply[..], &["--start", "here"]].concat(), &["FILE:POS"]);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_mutant_is_refused_by_a_build_without_them_and_a_wrong_name_gets_the_nearest() {
    if !cfg!(feature = "mutants") {
        let named = ["run", "orders-small", "--mutant", "gtid-hull"];
        refused(
            &named,
            &["--mutant", "built without mutants", "--features mutants"],
        );
    }
    let misspelt = ["run", "orders-small", "--mutant", "gtid-hul"];
    refused(
        &misspelt,
        &["did you mean `gtid-hull`?", "cutover list mutants"],
    );
}

#[test]
fn runbooks_of_one_name_are_compared_under_two() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("mine.toml");
    let runbook = fs::read_to_string("scenarios/runbooks/snapshot-binlog-gtid.toml").unwrap();
    let waits = runbook
        .find("[[step]]\nsay = \"Wait until the server itself")
        .unwrap();
    let noted = runbook
        .find("[[step]]\nsay = \"Note, behind the fence")
        .unwrap();
    fs::write(&copy, runbook[..waits].to_string() + &runbook[noted..]).unwrap();
    let copy = copy.to_str().unwrap();
    let strategies = [
        "--strategy",
        "snapshot-binlog-gtid",
        "--strategy",
        copy,
        "--strategy",
        copy,
    ];
    let compare = [&["compare", "orders-small"], &strategies[..]].concat();
    let json = output(&[&compare[..], &["--format", "json"]].concat());
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let rows = value["summary"].as_array().unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| row["strategy"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["snapshot-binlog-gtid", copy]);
    assert_eq!(rows[0]["verdicts"], serde_json::json!({ "safe": 1 }));
    assert_ne!(rows[1]["verdicts"], serde_json::json!({ "safe": 1 }));
    let file = "scenarios/scenarios/orders-small.toml";
    let text = out(&output(&["compare", file, "--strategy", "snapshot-only"]));
    assert!(
        text.contains(&format!("cutover run {file} --strategy NAME")),
        "{text}"
    );
}

#[test]
fn what_did_not_come_is_told() {
    let told = |sets: &[&str]| {
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let args: Vec<&str> = ["run", "orders-small"].into_iter().chain(sets).collect();
        out(&output(&args))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let never =
        r#"fault=[{at="9000h",reset={link="replication"}},{at="1m",reset={link="replication"}}]"#;
    let text = told(&[never, "clock.limit=2h"]);
    assert!(
        text.contains("1 of 2 faults never fired, and the run says nothing of them: reset."),
        "{text}"
    );
    let text = told(&["clock.limit=40s"]);
    assert!(
        text.contains("VERDICT: NOT LIVE") && text.contains("Lag at the end no target, so none"),
        "{text}"
    );
    assert!(
        text.contains(
            "The run's limit (40s, `clock.limit`) came during step 3, \"Restore the snapshot"
        ),
        "{text}"
    );
}
