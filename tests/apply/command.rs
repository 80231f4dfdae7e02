//! `cutover binlog apply`: what scripts see of it.

use crate::support::*;
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Output},
};

fn apply(capture: &str, out: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(["binlog", "apply", "--format", "json"])
        .args(
            binlogs(capture)
                .iter()
                .map(|file| folder(capture).join(&file.name)),
        )
        .arg("--out")
        .arg(out)
        .args(more)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_tables_are_written_and_can_be_a_base_again() {
    const CAPTURE: &str = "orders-mysql97";
    let out = tempfile::tempdir().unwrap();
    let (half, whole) = (out.path().join("half"), out.path().join("whole"));
    let (position, gtids) = coordinates(CAPTURE, "snapshot");
    let first = apply(CAPTURE, &half, &["--stop", &position.to_string()]);
    assert_eq!(first.status.code(), Some(0));
    let second = apply(
        CAPTURE,
        &whole,
        &[
            "--base",
            half.to_str().unwrap(),
            "--start",
            &gtids.to_string(),
        ],
    );
    assert_eq!(second.status.code(), Some(0));
    let said = json(&second);
    assert_eq!(
        (&said["complete"], &said["notes"]),
        (&true.into(), &Value::Array(Vec::new()))
    );
    let written = files(&whole, ".jsonl").into_iter().map(|file| {
        let text = String::from_utf8(file.bytes).unwrap();
        (file.name.replace(".jsonl", ""), table(&text))
    });
    assert!(written.eq(expected(CAPTURE, "final")));
}

#[test]
fn a_stop_as_a_replica_s_is_1_and_names_table_and_error() {
    const CAPTURE: &str = "orders-mysql97";
    let out = tempfile::tempdir().unwrap();
    let snapshot = folder(CAPTURE).join("snapshot");
    let early = format!("{}:4", binlogs(CAPTURE)[2].name);
    let output = apply(
        CAPTURE,
        out.path(),
        &["--base", snapshot.to_str().unwrap(), "--start", &early],
    );
    assert_eq!(output.status.code(), Some(1));
    let stopped = &json(&output)["stopped"];
    assert_eq!(stopped["error"], 1062);
    assert_eq!(stopped["table"], "shop.orders");
}

#[test]
fn what_cannot_be_followed_is_2() {
    let out = tempfile::tempdir().unwrap();
    let statements = apply("statement-mysql97", out.path(), &[]);
    assert_eq!(statements.status.code(), Some(2));
    assert_eq!(json(&statements)["transactions"], 3);
    let inside = apply("ddl-mysql97", out.path(), &["--start", "binlog.000001:5"]);
    assert_eq!(inside.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&inside.stderr).contains("inside an event"));
}
