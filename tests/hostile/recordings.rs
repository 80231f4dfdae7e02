//! Recordings whose files are torn, damaged, or tell of sessions with settings of their own.

use crate::support::*;
use std::{fs, path::Path};

/// A copy of a capture's binlog files.
fn copy(name: &str, to: &Path) {
    for file in names(&capture(name)) {
        if file.starts_with("binlog.0") {
            fs::copy(capture(name).join(&file), to.join(&file)).unwrap();
        }
    }
}

fn run(folder: &Path) -> std::process::Output {
    let workload = format!("binlog:{}", text(folder));
    output(&[
        "run",
        "orders-small",
        "--workload",
        &workload,
        "--set",
        "workload.stretch=true",
        "--format",
        "json",
    ])
}

fn commits(output: &std::process::Output) -> u64 {
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    json["commits"]["ok"].as_u64().unwrap()
}

#[test]
fn a_torn_last_file_is_replayed_up_to_the_tear_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("binlog.000001");
    let whole = fs::read(capture("cascade-mysql97").join("binlog.000001")).unwrap();
    fs::write(&file, &whole).unwrap();
    let all = commits(&run(folder.path()));
    let mut flipped = whole.clone();
    flipped[9_000] ^= 1;
    for (damaged, said) in [
        (whole[..9_000].to_vec(), "ends inside an event"),
        (flipped, "fails its checksum"),
    ] {
        fs::write(&file, damaged).unwrap();
        let torn = run(folder.path());
        assert_eq!(torn.status.code(), Some(0), "{}", err(&torn));
        let json: serde_json::Value = serde_json::from_slice(&torn.stdout).unwrap();
        let notes = json["notes"].to_string();
        for part in [
            "binlog.000001: at position ",
            said,
            "the last good transaction is cbb7df2a-e650-11f1-b43f-02fc00000001:",
            "the recording ends there",
        ] {
            assert!(err(&torn).contains(part), "{part}: {}", err(&torn));
            assert!(notes.contains(part), "{part}: {notes}");
        }
        assert!(err(&torn).starts_with("warning: "), "{}", err(&torn));
        assert!(commits(&torn) > 0 && commits(&torn) < all);
    }
}

#[test]
fn damage_before_the_last_file_is_refused_for_what_would_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    copy("misc-mysql97", folder.path());
    let file = folder.path().join("binlog.000001");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let workload = format!("binlog:{}", text(folder.path()));
    refused(
        &["run", "orders-small", "--workload", &workload],
        &[
            "binlog.000001: at position ",
            "fails its checksum",
            "binlog.000002",
            "copy this file again",
        ],
    );
}

#[test]
fn a_recording_without_a_whole_transaction_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("binlog.000001");
    let whole = fs::read(capture("cascade-mysql97").join("binlog.000001")).unwrap();
    let workload = format!("binlog:{}", text(&file));
    for (bytes, said) in [
        (&whole[..300], "no whole transaction"),
        (&whole[..3], "no whole transaction"),
        (b"".as_slice(), "it is empty"),
        (
            b"#220101 mysqlbinlog".as_slice(),
            "binlog files of MySQL only",
        ),
    ] {
        fs::write(&file, bytes).unwrap();
        refused(
            &["run", "orders-small", "--workload", &workload],
            &["binlog.000001", said],
        );
    }
}

#[test]
fn a_migration_that_would_start_when_the_run_is_over_is_refused() {
    let workload = format!("binlog:{}", text(&capture("orders-mysql56")));
    let asked_with_limit = |command, limit| {
        let given = [command, "orders-small", "--workload", &workload];
        let settings = ["--set", "workload.start_after=1", "--set", limit];
        [given.as_slice(), &settings].concat()
    };
    // Its last transaction is of 53 seconds after the first.
    refused(
        &asked_with_limit("run", "clock.limit=54s"),
        &[
            "the runbook would start 54s 656ms after the beginning",
            "(clock.limit): set the one lower, or the other higher",
        ],
    );
    let in_time = output(&asked_with_limit("run", "clock.limit=55s"));
    assert_ne!(in_time.status.code(), Some(2), "{}", err(&in_time));
    let checked = output(&asked_with_limit("check", "clock.limit=55s"));
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(
        said.contains("the runbook begins after 54s 656ms"),
        "{said}"
    );
}

#[test]
fn recorded_ddl_is_read_in_its_session_on_source_and_target() {
    // An ALTER TABLE of this recording adds a TIMESTAMP with a literal default in another time zone.
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    let workload = format!("binlog:{}", text(&capture("misc-mysql97")));
    let run = output(&[
        "run",
        "orders-small",
        "--workload",
        &workload,
        "--set",
        "workload.start_after=1",
        "--dump-source",
        text(&source),
        "--dump-target",
        text(&target),
    ]);
    // The recording is over by then: the tables are there, and the run proves nothing.
    assert_eq!(run.status.code(), Some(4), "{}", err(&run));
    let rows = |folder: &Path| {
        let file = fs::read_to_string(folder.join("shop.tz.jsonl")).unwrap();
        let mut rows: Vec<_> = file.lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let recorded = rows(&capture("misc-mysql97").join("final"));
    assert!(recorded[0].contains("2020-01-01 08:00:00"), "{recorded:?}");
    assert_eq!(rows(&source), recorded);
    assert_eq!(rows(&target), recorded);
}

#[test]
fn a_recording_that_lasts_longer_than_a_run_may_is_refused_where_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("binlog.000001");
    // The fuzzer's: a damaged timestamp, for which the source would rotate its binlog through eight centuries.
    let found = "fuzz/regressions/rehearsal/a-timestamp-of-another-century";
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(found), &file).unwrap();
    let workload = format!("binlog:{}", text(folder.path()));
    refused(
        &["run", "orders-small", "--workload", &workload],
        &[
            "binlog.000001",
            "position 1801",
            "days behind the first",
            "400 days at most",
        ],
    );
}
