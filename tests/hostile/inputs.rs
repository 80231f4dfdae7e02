//! Files that are something else than they are named for.

use crate::support::*;
use std::{fs, path::Path};

fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    text(&path).to_owned()
}

/// A file that has this length and takes no room.
fn sparse(folder: &Path, name: &str, bytes: u64) -> String {
    let path = folder.join(name);
    fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    text(&path).to_owned()
}

#[test]
fn what_is_no_scenario_is_refused_whatever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let elf = fs::read(env!("CARGO_BIN_EXE_cutover")).unwrap()[..100_000].to_vec();
    for (name, bytes, said) in [
        ("empty.toml", Vec::new(), "`schema` is missing"),
        ("binary.toml", elf, "not UTF-8"),
        ("utf16.toml", b"\xff\xfes\0c\0h\0".to_vec(), "not UTF-8"),
        ("zeros.toml", vec![0; 1000], "zeros.toml:1:"),
        (
            "twice.toml",
            [SCENARIO, "name = \"other\"\n"].concat().into_bytes(),
            "twice.toml:5:1",
        ),
        (
            "crlf.toml",
            [SCENARIO, "[workload]\nclents = 5\n"]
                .concat()
                .replace('\n', "\r\n")
                .into_bytes(),
            "crlf.toml:6:1",
        ),
    ] {
        let file = written(at, name, bytes);
        refused(&["run", &file], &[name, said]);
        if !said.contains(':') {
            refused(&["replay", &file], &[name, said]);
            refused(&["run", "orders", "--strategy", &file], &[name, said]);
        }
    }
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let plain = [
        SCENARIO,
        "clock.limit = \"1s\"\nclock.runbook_after = \"2s\"\n",
    ]
    .concat();
    // It is read up to what is wrong with it.
    for (name, file) in [
        ("bom.toml", format!("\u{feff}{plain}")),
        ("crlf.toml", plain.replace('\n', "\r\n")),
    ] {
        let file = written(folder.path(), name, file);
        refused(&["run", &file], &["runbook would start after 2s"]);
    }
}

#[test]
fn a_text_that_nests_for_ever_is_refused_and_overflows_no_stack() {
    let folder = tempfile::tempdir().unwrap();
    let deep = |open: &str| open.repeat(200_000);
    for (name, rest) in [
        ("lists.toml", format!("x = {}", deep("["))),
        ("tables.toml", format!("x = {}", deep("{ a = "))),
        ("dotted.toml", format!("{}b = 1", deep("a."))),
        ("heads.toml", format!("[{}b]", deep("a."))),
    ] {
        let file = written(folder.path(), name, format!("{SCENARIO}{rest}"));
        refused(&["run", &file], &[name, "deeper"]);
    }
    let set = format!("{}b=1", "a.".repeat(20_000));
    refused(&["run", "orders", "--set", &set], &["--set:1:1", "deeper"]);
    for open in ["[", "{\"a\":"] {
        let json = format!("{{\"schema\": \"1.0\", \"clock\": {}", deep(open));
        let file = written(folder.path(), "deep.json", json);
        refused(&["replay", &file], &["deep.json:1:"]);
    }
}

#[test]
fn a_value_of_megabytes_is_refused_in_a_few_lines() {
    let folder = tempfile::tempdir().unwrap();
    let long = "a".repeat(3 << 20);
    for (name, text, said) in [
        (
            "schema.toml",
            format!("schema = \"{long}\""),
            "version of the format",
        ),
        ("key.toml", format!("{SCENARIO}{long} = 1"), "unknown key"),
        (
            "kind.toml",
            format!("{SCENARIO}workload.kind = \"{long}\""),
            "unknown value",
        ),
        (
            "strategy.toml",
            SCENARIO.replace("snapshot-only", &long),
            "strategy",
        ),
    ] {
        let file = written(folder.path(), name, text);
        refused(&["run", &file], &[name, said]);
    }
}

#[test]
fn a_file_of_gigabytes_is_refused_by_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let capture = capture("orders-mysql56");
    let capture = text(&capture);
    let (out, huge) = (folder.path().join("out"), 1 << 30);
    let toml = sparse(folder.path(), "huge.toml", huge);
    refused(&["run", &toml], &["huge.toml", "1073741824", "right file"]);
    refused(&["replay", &toml], &["huge.toml", "1073741824"]);
    let sql = sparse(folder.path(), "huge.sql", huge);
    refused(
        &[
            "binlog",
            "apply",
            capture,
            "--out",
            text(&out),
            "--schema",
            &sql,
        ],
        &["huge.sql", "1073741824"],
    );
    assert!(!out.exists());
    let binlog = sparse(folder.path(), "binlog.000001", 6 << 30);
    for args in [
        &["binlog", "verify", &binlog][..],
        &["run", "orders", "--workload", &format!("binlog:{binlog}")],
    ] {
        refused(args, &["binlog.000001", "4294967296", "fewer files"]);
    }
}

#[test]
fn a_plan_in_json_is_refused_with_its_place_or_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    let run = output(&["run", "orders-small", "--plan-out", text(&plan)]);
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let whole = fs::read_to_string(&plan).unwrap();
    for (from, to, said) in [
        (
            "\"rate_per_s\": ",
            "\"rate_per_s\": -",
            "workload.rate_per_s: ",
        ),
        (
            "\"schema\": \"1.1\"",
            "\"schema\": \"9.0\"",
            "\"schema\": \"1.1\"",
        ),
        (
            "\"rate_per_s\"",
            "\"rate_per_z\"",
            "did you mean `rate_per_s`",
        ),
        ("\"rate_per_s\": ", "\"rate_per_s\": x", "plan.json:"),
    ] {
        assert!(whole.contains(from), "{from}");
        fs::write(&plan, whole.replace(from, to)).unwrap();
        refused(&["replay", text(&plan)], &["plan.json", said]);
    }
    fs::write(&plan, &whole[..whole.len() / 2]).unwrap();
    refused(&["replay", text(&plan)], &["plan.json:"]);
    fs::write(&plan, "{}").unwrap();
    refused(
        &["replay", text(&plan)],
        &["plan.json:1:", "`schema` is missing"],
    );
}

#[cfg(unix)]
#[test]
fn what_may_never_end_is_not_read() {
    use std::{os::unix::fs::symlink, process::Command};
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.toml");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let (one, other) = (
        folder.path().join("one.toml"),
        folder.path().join("other.toml"),
    );
    symlink(&one, &other).unwrap();
    symlink(&other, &one).unwrap();
    let (tables, out) = (folder.path().join("tables"), folder.path().join("out"));
    fs::create_dir(&tables).unwrap();
    symlink("/dev/zero", tables.join("shop.orders.jsonl")).unwrap();
    let capture = capture("orders-mysql56");
    for (file, said) in [
        ("/dev/zero", "not a regular file"),
        (text(&pipe), "not a regular file"),
        (text(folder.path()), "this is a folder"),
        (text(&one), "symbolic links"),
    ] {
        refused(&["run", file], &[file, said, "help"]);
        refused(&["replay", file], &[file, said]);
        refused(&["run", "orders", "--strategy", file], &[file, said]);
        let schema = format!("workload.schema={file}");
        let workload = format!("binlog:{}", text(&capture));
        refused(
            &["run", "orders", "--workload", &workload, "--set", &schema],
            &[file, said],
        );
        let apply = ["binlog", "apply", text(&capture), "--out", text(&out)];
        refused(&[&apply[..], &["--schema", file]].concat(), &[file, said]);
        if !said.contains("folder") {
            refused(&["binlog", "verify", file], &[file, said]);
            refused(&["binlog", "inspect", file], &[file, said]);
        }
    }
    refused(
        &[
            "binlog",
            "apply",
            text(&capture),
            "--out",
            text(&out),
            "--base",
            text(&tables),
        ],
        &["shop.orders.jsonl", "not a regular file"],
    );
    assert!(!out.exists(), "nothing was made for what was refused");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_read_where_it_can_be_and_refused_elsewhere() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(OsStr::from_bytes(b"bin\xff.000001"));
    fs::copy(capture("cascade-mysql97").join("binlog.000001"), &file).unwrap();
    let verified = cutover(&["binlog", "verify"]).arg(&file).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", err(&verified));
    let run = cutover(&["run"]).arg(&file).output().unwrap();
    is_refusal(&run, &["run"], &["UTF-8"]);
}
