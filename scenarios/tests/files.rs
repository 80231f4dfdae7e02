//! Files as people name them.

use cutover_scenarios::{load_runbook, load_scenario, read_binlogs, recording_files};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

const MAGIC: &[u8] = b"\xfebin";

fn names(files: &[cutover_sim::recording::NamedFile]) -> Vec<String> {
    files
        .iter()
        .map(|file| {
            let path = Path::new(&file.name);
            path.file_name().unwrap().to_str().unwrap().to_string()
        })
        .collect()
}

#[test]
fn a_folder_stands_for_its_binlog_files_in_order() {
    let folder = folder("binlogs");
    for name in [
        "binlog.000002",
        "binlog.1000000",
        "binlog.000001",
        "binlog.999999",
    ] {
        fs::write(folder.join(name), MAGIC).unwrap();
    }
    fs::write(folder.join("binlog.index"), "binlog.000001\n").unwrap();
    fs::write(folder.join("capture.json"), "{}").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::create_dir(folder.join("final")).unwrap();
    let files = read_binlogs(&[folder]).unwrap();
    assert_eq!(
        names(&files),
        [
            "binlog.000001",
            "binlog.000002",
            "binlog.999999",
            "binlog.1000000"
        ]
    );
    assert_eq!(files[0].bytes, MAGIC);
}

#[test]
fn a_named_file_is_read_whatever_it_holds() {
    // Whether it is a binlog is for its reader to say, with the position.
    let file = folder("named").join("x");
    fs::write(&file, "no binlog").unwrap();
    assert_eq!(read_binlogs(&[file]).unwrap()[0].bytes, b"no binlog");
}

#[test]
fn a_folder_without_binlogs_a_missing_path_and_a_device_are_told_apart() {
    let empty = folder("empty");
    let message = |path: PathBuf| read_binlogs(&[path]).unwrap_err().message().to_string();
    assert!(message(empty.clone()).contains("no binlog file in this folder"));
    assert!(message(empty.join("none")).contains("there is no such file"));
    if cfg!(unix) {
        // It never ends: reading it would hang.
        assert!(message("/dev/zero".into()).contains("not a regular file"));
    }
}

#[test]
fn a_file_beyond_the_limit_is_refused_unread() {
    let folder = folder("long");
    let text = folder.join("long.toml");
    // Sparse: a length without contents.
    fs::File::create(&text).unwrap().set_len(1 << 30).unwrap();
    let error = load_scenario(text.to_str().unwrap(), &[]).unwrap_err();
    assert!(error.message().contains("at most 4194304"), "{error}");
    let binlog = folder.join("binlog.000001");
    fs::File::create(&binlog).unwrap().set_len(5 << 30).unwrap();
    let error = read_binlogs(&[binlog]).unwrap_err();
    assert!(
        error
            .help_text()
            .is_some_and(|help| help.contains("fewer files")),
        "{error}"
    );
}

#[test]
fn a_text_that_is_not_utf8_is_placed() {
    let file = folder("latin1").join("s.toml");
    fs::write(&file, b"schema = \"1.0\"\nname = \"caf\xe9\"\n").unwrap();
    let error = load_scenario(file.to_str().unwrap(), &[]).unwrap_err();
    assert_eq!(error.message(), "this is not UTF-8 text");
    assert_eq!((error.line(), error.column()), (Some(2), Some(12)));
}

#[test]
fn paths_in_a_file_start_at_its_folder_and_those_of_a_set_at_the_current_one() {
    let folder = folder("relative");
    let runbook = include_str!("../runbooks/snapshot-only.toml").replace("snapshot-only", "mine");
    fs::write(folder.join("mine.toml"), runbook).unwrap();
    fs::create_dir(folder.join("logs")).unwrap();
    fs::write(folder.join("logs/binlog.000001"), MAGIC).unwrap();
    fs::write(folder.join("schema.sql"), "CREATE TABLE t (a INT)").unwrap();
    let scenario = "schema = \"1.0\"\nname = \"s\"\nabout = \"a\"\nstrategy = \"mine.toml\"\n\
                    [workload]\nkind = \"binlog\"\npaths = [\"logs\"]\nschema = \"schema.sql\"\n";
    let file = folder.join("s.toml");
    fs::write(&file, scenario).unwrap();
    let file = file.to_str().unwrap();

    let loaded = load_scenario(file, &[]).unwrap();
    assert_eq!(loaded.runbook.name, "mine");
    let files = recording_files(&loaded.workload).unwrap().unwrap();
    assert_eq!(
        (names(&files.binlogs), files.schema.is_some()),
        (vec!["binlog.000001".to_string()], true)
    );

    let elsewhere = load_scenario(file, &["workload.paths=[\"else\"]".into()]).unwrap();
    assert_eq!(elsewhere.workload.paths, [PathBuf::from("else")]);
    let error = load_scenario(file, &["strategy=mine.toml".into()]).unwrap_err();
    assert_eq!(error.name(), "--set");
    assert!(load_runbook(folder.join("mine.toml").to_str().unwrap()).is_ok());
    let orders = load_scenario("orders", &[]).unwrap();
    assert!(recording_files(&orders.workload).unwrap().is_none());
}

#[test]
fn an_error_inside_of_a_scenarios_runbook_is_placed_in_the_runbook() {
    let folder = folder("inside");
    fs::write(
        folder.join("r.toml"),
        "schema = \"1.0\"\nname = \"r\"\nabaut = \"a\"\n",
    )
    .unwrap();
    let scenario = "schema = \"1.0\"\nname = \"s\"\nabout = \"a\"\nstrategy = \"r.toml\"\n";
    let file = folder.join("s.toml");
    fs::write(&file, scenario).unwrap();
    let error = load_scenario(file.to_str().unwrap(), &[]).unwrap_err();
    assert!(error.name().ends_with("r.toml"), "{error}");
    assert_eq!(error.line(), Some(3));
}
