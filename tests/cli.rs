//! The command as scripts and people meet it: exit statuses, streams, closed pipes, mistakes.
//!
//! Nothing here needs a run to end in a particular way; what runs come to is tested beside the engine.

use std::{
    fs,
    io::pipe,
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
    ] {
        let text = output(&["list", what]);
        assert_eq!(text.status.code(), Some(0));
        assert!(out(&text).contains(one), "{what}");
        let json = output(&["list", what, "--format", "json"]);
        assert_eq!(json.status.code(), Some(0));
        let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(value["schema"], "1.0");
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
    let expected: Vec<_> = (1..=17).map(|n| format!("P{n}")).collect();
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
    refused(&["run", "orders", "--seed", "-1"], &["--seed"]);
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

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
