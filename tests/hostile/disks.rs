//! Places that cannot be written, before and after a run.

use crate::support::*;
use std::{fs, path::Path};

const OPTIONS: [&str; 4] = [
    "--plan-out",
    "--dump-source",
    "--dump-target",
    "--binlog-out",
];

#[test]
fn two_dumps_into_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    let same = folder.path().join("tables/../tables");
    refused(
        &[
            "run",
            "orders-small",
            "--dump-source",
            text(&tables),
            "--dump-target",
            text(&same),
        ],
        &[
            "--dump-source and --dump-target are the same folder",
            "name two folders",
        ],
    );
    assert!(names(&tables).is_empty());
}

#[test]
fn a_file_in_the_place_of_a_folder_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    for option in &OPTIONS[1..] {
        refused(
            &["run", "orders-small", option, text(&file)],
            &[text(&file), "not a directory", "help"],
        );
    }
    assert_eq!(fs::read(&file).unwrap(), b"kept");
}

#[test]
fn what_was_there_is_replaced_as_a_whole_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    fs::write(&plan, "x".repeat(1 << 20)).unwrap();
    fs::write(folder.path().join("shop.orders.jsonl"), "old").unwrap();
    fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    let run = output(&[
        "run",
        "orders-small",
        "--plan-out",
        text(&plan),
        "--dump-source",
        text(folder.path()),
    ]);
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    assert!(fs::read_to_string(&plan).unwrap().starts_with("# A plan"));
    assert_eq!(fs::read(folder.path().join("mine.txt")).unwrap(), b"mine");
    let there = names(folder.path());
    assert!(there.contains(&"shop.orders.jsonl".into()));
    assert!(
        !there.iter().any(|name| name.ends_with(".tmp")),
        "{there:?}"
    );
}

#[test]
fn a_table_s_place_taken_by_a_folder_leaves_all_files_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    fs::write(&plan, "old").unwrap();
    fs::create_dir(folder.path().join("shop.orders.jsonl")).unwrap();
    refused(
        &[
            "run",
            "orders-small",
            "--plan-out",
            text(&plan),
            "--dump-source",
            text(folder.path()),
        ],
        &["shop.orders.jsonl", "directory"],
    );
    assert_eq!(fs::read(&plan).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["plan.toml", "shop.orders.jsonl"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_that_is_full_is_an_error_and_no_defect() {
    refused(
        &["run", "orders-small", "--plan-out", "/dev/full"],
        &["cannot write /dev/full", "No space left", "has room"],
    );
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    for args in [
        &["run", "orders-small"][..],
        &["compare", "orders-small", "--format", "json"],
        &["binlog", "inspect", text(&capture("cascade-mysql97"))],
        &["binlog", "verify", text(&capture("cascade-mysql97"))],
    ] {
        let stdout = full.try_clone().unwrap();
        let run = cutover(args).stdout(stdout).output().unwrap();
        is_refusal(&run, args, &["standard output", "No space left"]);
    }
}

#[test]
fn a_reader_that_went_away_ends_long_output_quietly() {
    let capture = capture("cascade-mysql97");
    let files = vec![text(&capture); 20];
    for args in [
        &["run", "orders-small"][..],
        &["run", "orders-small", "--format", "json"],
        &["compare", "orders-small"],
        &[&["binlog", "inspect"][..], &files].concat(),
        &["binlog", "verify", text(&capture)],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = cutover(args).stdout(writer).output().unwrap();
        assert_eq!(err(&run), "", "{args:?}");
        assert_eq!(run.status.code(), Some(0), "{args:?}");
    }
}

/// Runs a shell script with a file system of its own at `$1` (options of mount: `options`) and the command as `$0`;
/// the command's arguments are `$@`. None where none can be mounted, which is said.
#[cfg(target_os = "linux")]
fn on_disk(
    disk: &Path,
    options: &str,
    script: &str,
    args: &[&str],
) -> Option<std::process::Output> {
    let script =
        format!("disk=$1; shift; mount -t tmpfs -o {options} tmpfs \"$disk\" || exit 99; {script}");
    let made = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(env!("CARGO_BIN_EXE_cutover"))
        .arg(disk)
        .args(args)
        .output();
    let why = match made {
        // 1 is that of unshare itself.
        Ok(output) if !matches!(output.status.code(), Some(1 | 99)) => return Some(output),
        Ok(output) => err(&output),
        Err(error) => error.to_string(),
    };
    eprintln!("SKIPPED, NOT PASSED: no file system can be mounted here: {why}");
    None
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_gets_full_keeps_what_was_there_and_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path();
    // The old file takes most of the room: the folder can be written, the new files do not fit.
    let script = "printf kept >\"$disk/old\"; \"$0\" \"$@\"; status=$?; cat \"$disk/old\"; ls -A \"$disk\"; exit $status";
    for option in OPTIONS {
        let place = match option {
            "--plan-out" => disk.join("old"),
            _ => disk.to_path_buf(),
        };
        let args = ["run", "orders-small", option, text(&place)];
        let Some(run) = on_disk(disk, "size=8k", script, &args) else {
            return;
        };
        let said = err(&run);
        assert_eq!(run.status.code(), Some(2), "{option}: {said}");
        assert!(said.contains("No space left"), "{option}: {said}");
        assert_eq!(out(&run), "keptold\n", "{option}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_disk_is_named_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path();
    for option in OPTIONS {
        let place = disk.join("x");
        // A run without an end: it must not be begun.
        let args = [
            "run",
            "orders",
            "--set",
            "workload.rate_per_s=10000",
            option,
            text(&place),
        ];
        let Some(run) = on_disk(disk, "ro", "\"$0\" \"$@\"", &args) else {
            return;
        };
        is_refusal(
            &run,
            &args,
            &[text(disk), "ead-only", "where you may write"],
        );
    }
}
