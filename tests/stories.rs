//! The product's face: stories and JSON of real runs, pinned.

use std::process::Command;

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(arguments)
        .output()
        .expect("the command runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        !text.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The wall clock is the one thing that differs.
    text.lines()
        .map(|line| match line.split_once(" of migration in ") {
            Some((before, _)) => format!("{before} of migration in [wall]\n"),
            None if line.trim_start().starts_with("\"wall_ms\"") => {
                "  \"wall_ms\": [wall],\n".into()
            }
            None => format!("{line}\n"),
        })
        .collect()
}

fn story(strategy: &str) -> String {
    run(&["run", "orders-small", "--strategy", strategy])
}

#[test]
fn the_story_of_a_snapshot_alone() {
    insta::assert_snapshot!(story("snapshot-only"));
}

#[test]
fn the_story_of_a_freeze() {
    insta::assert_snapshot!(story("snapshot-freeze"));
}

#[test]
fn the_story_of_replication_by_gtid() {
    insta::assert_snapshot!(story("snapshot-binlog-gtid"));
}

#[test]
fn the_story_of_a_gate_that_looks_at_the_lag() {
    insta::assert_snapshot!(story("naive-lag-gate"));
}

#[test]
fn the_story_of_a_purged_binlog_behind_a_lag_gate() {
    insta::assert_snapshot!(story("naive-no-retention"));
}

#[test]
fn the_json_of_replication_by_position() {
    insta::assert_snapshot!(run(&[
        "run",
        "orders-small",
        "--strategy",
        "snapshot-binlog-position",
        "--format",
        "json"
    ]));
}
