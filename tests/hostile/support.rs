//! The command, and what it said.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A scenario that is right as it is; more may be appended.
pub const SCENARIO: &str =
    "schema = \"1.0\"\nname = \"mine\"\nabout = \"x\"\nstrategy = \"snapshot-only\"\n";

pub fn cutover(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(args).stdin(Stdio::null());
    command
}

pub fn output(args: &[&str]) -> Output {
    cutover(args).output().expect("the command starts")
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Bad input: status 2, nothing on standard output, a short message that says this on standard error.
pub fn refused(args: &[&str], said: &[&str]) {
    is_refusal(&output(args), args, said);
}

pub fn is_refusal(output: &Output, args: &[&str], said: &[&str]) {
    let shown: Vec<String> = args
        .iter()
        .map(|arg| arg.chars().take(80).collect())
        .collect();
    let text = err(output);
    let start: String = text.chars().take(2_000).collect();
    assert_eq!(output.status.code(), Some(2), "{shown:?}: {start}");
    assert_eq!(out(output), "", "{shown:?}");
    assert!(
        text.len() < 2_000,
        "{shown:?}: {} bytes: {start}",
        text.len()
    );
    for part in said {
        assert!(
            text.contains(part),
            "{shown:?} does not say {part}:\n{start}"
        );
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

pub fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures")
        .join(name)
}

/// Everything in a folder by name, hidden files too.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
