//! The command in a process of its own, and everything that it writes.

use crate::surroundings::Surroundings;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// What one process wrote: standard output (without `wall_ms`), the exit status, and every file.
#[derive(Debug)]
pub struct Produced {
    /// By name: `stdout.json`, `status`, `plan.toml`, `source/…`, `target/…`, `binlog/…`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Where the files are.
    pub folder: TempDir,
}

impl Produced {
    /// Runs `cutover ARGS` and asks it for everything that it can write.
    pub fn by(args: &[&str], surroundings: Surroundings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let mut command = cutover(args);
        command
            .args(["--format", "json", "--plan-out"])
            .arg(path("plan.toml"));
        for (option, name) in [
            ("--dump-source", "source"),
            ("--dump-target", "target"),
            ("--binlog-out", "binlog"),
        ] {
            command.arg(option).arg(path(name));
        }
        surroundings.around(&mut command, folder.path());
        let output = command.output().expect("the command starts");
        let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let text = String::from_utf8_lossy(&output.stderr);
            panic!("cutover {args:?} does not print JSON: {error}\n{text}")
        });
        let mut files = BTreeMap::new();
        collect(folder.path(), "", &mut files);
        files.insert("stdout.json".into(), pretty(&without_wall(told)));
        files.insert("status".into(), format!("{:?}", output.status).into_bytes());
        Self { files, folder }
    }

    /// Standard output.
    pub fn told(&self) -> serde_json::Value {
        serde_json::from_slice(&self.files["stdout.json"]).expect("it was JSON before")
    }
}

/// The command with its arguments.
fn cutover(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(args).stdin(Stdio::null());
    command
}

/// What `cutover ARGS --format json` prints.
pub fn json(args: &[&str]) -> serde_json::Value {
    let output = cutover(args)
        .args(["--format", "json"])
        .output()
        .expect("the command starts");
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// As text, one field a line, so that a difference can be seen.
pub fn pretty(value: &serde_json::Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("JSON is text")
}

/// Without the one field that is outside of determinism; it must be there.
pub fn without_wall(mut told: serde_json::Value) -> serde_json::Value {
    let wall = told
        .as_object_mut()
        .and_then(|fields| fields.remove("wall_ms"));
    assert!(wall.is_some(), "no wall_ms in {told}");
    told
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder of ours") {
        let entry = entry.expect("a folder of ours");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).expect("a file of ours"));
        }
    }
}
