//! Captures as inputs, and tables as the captures have them.

use cutover::model::{
    binlog::{Groups, verify::Input},
    follow::{Ended, Followed, Place, Stopped},
    gtid::GtidSet,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A table: columns, and rows sorted.
pub type Table = (Vec<String>, Vec<Vec<Option<String>>>);

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct Named {
    pub name: String,
    pub bytes: Vec<u8>,
}

pub fn folder(capture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures")
        .join(capture)
}

/// The files of a folder whose names contain this, by name.
pub fn files(folder: &Path, part: &str) -> Vec<Named> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().contains(part))
        .map(|path| Named {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            bytes: fs::read(&path).unwrap(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

pub fn binlogs(capture: &str) -> Vec<Named> {
    files(&folder(capture), "binlog.")
}

pub fn files_of_snapshot(capture: &str) -> Vec<Named> {
    files(&folder(capture).join("snapshot"), ".jsonl")
}

pub fn inputs(files: &[Named]) -> Vec<Input<'_>> {
    files
        .iter()
        .map(|file| Input {
            name: &file.name,
            bytes: &file.bytes,
        })
        .collect()
}

pub fn table(jsonl: &str) -> Table {
    let mut lines = jsonl.lines();
    let columns = serde_json::from_str(lines.next().expect("column names")).expect("names");
    let mut rows: Vec<_> = lines
        .map(|line| serde_json::from_str(line).expect("a row"))
        .collect();
    rows.sort();
    (columns, rows)
}

/// The tables that a folder of a capture has.
pub fn expected(capture: &str, part: &str) -> BTreeMap<String, Table> {
    files(&folder(capture).join(part), ".jsonl")
        .iter()
        .map(|file| {
            let name = file.name.trim_end_matches(".jsonl").to_owned();
            (name, table(std::str::from_utf8(&file.bytes).unwrap()))
        })
        .collect()
}

pub fn tables(followed: &Followed) -> BTreeMap<String, Table> {
    let dump = followed.dump().into_iter();
    dump.map(|(name, jsonl)| (name, table(&jsonl))).collect()
}

/// Holds tables against a folder, and says which row differs.
pub fn assert_equal(followed: &Followed, capture: &str, part: &str) {
    let (got, want) = (tables(followed), expected(capture, part));
    let names = |tables: &BTreeMap<String, Table>| tables.keys().cloned().collect::<Vec<_>>();
    let report = &followed.report;
    assert_eq!(names(&got), names(&want), "{capture}: {report:?}");
    for (name, (columns, rows)) in &want {
        assert_eq!(&got[name].0, columns, "{capture}, {name}");
        for (got, want) in got[name].1.iter().zip(rows) {
            assert_eq!(got, want, "{capture}, {name}, columns {columns:?}");
        }
        assert_eq!(got[name].1.len(), rows.len(), "{capture}, {name}: rows");
    }
}

pub fn capture_json(capture: &str) -> Value {
    serde_json::from_slice(&fs::read(folder(capture).join("capture.json")).unwrap()).unwrap()
}

/// The coordinates under a key of `capture.json`: position, and GTID set.
pub fn coordinates(capture: &str, key: &str) -> (Place, Place) {
    let at = &capture_json(capture)[key];
    let position = Place::Position {
        file: at["file"].as_str().unwrap().into(),
        pos: at["pos"].as_u64().unwrap(),
    };
    (position, at["gtid"].as_str().unwrap().parse().unwrap())
}

/// What the server had executed at the end.
pub fn executed_at_end(capture: &str) -> GtidSet {
    let gtids = &capture_json(capture)["end"]["gtid"];
    gtids.as_str().unwrap().parse().unwrap()
}

pub fn stopped(followed: &Followed) -> &Stopped {
    match &followed.report.ended {
        Ended::Stopped(stopped) => stopped,
        other => panic!("it ended with {other:?}"),
    }
}

/// Start and end of the groups of a file.
pub fn groups(file: &Named) -> Vec<(u64, u64)> {
    Groups::of_file(&file.bytes)
        .unwrap()
        .map(|group| group.map(|group| (group.start, group.end)).unwrap())
        .collect()
}
