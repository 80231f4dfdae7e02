//! Ctrl-C and its like, at every stage.
#![cfg(unix)]

use crate::support::*;
use cutover::scenarios::strategies;
use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

fn send(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success());
}

/// A run that takes longer than anyone waits.
const LONG: [&str; 8] = [
    "run",
    "orders",
    "--set",
    "workload.rate_per_s=2000",
    "--set",
    "clock.limit=30d",
    "--strategy",
    "snapshot-freeze",
];

/// Waits until the command is at work: it has used up some of a processor's time.
fn at_work(child: &Child) {
    let stat = format!("/proc/{}/stat", child.id());
    for _ in 0..600 {
        let ticks = std::fs::read_to_string(&stat).ok().and_then(|text| {
            let behind = text.rsplit_once(')')?.1;
            behind.split_whitespace().nth(11)?.parse::<u64>().ok()
        });
        match ticks {
            Some(ticks) if ticks < 20 => thread::sleep(Duration::from_millis(50)),
            _ => return,
        }
    }
}

fn interrupted(args: &[&str], signal: &str) -> (Option<i32>, String, String) {
    let mut child = cutover(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    at_work(&child);
    send(&child, signal);
    let (mut out, mut err) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    (child.wait().unwrap().code(), out, err)
}

fn empty(folder: &Path) {
    assert_eq!(names(folder), Vec::<String>::new());
}

#[test]
fn a_run_that_is_interrupted_ends_with_130_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    for signal in ["-INT", "-TERM", "-HUP"] {
        let args = [&LONG[..], &["--plan-out", text(&plan)]].concat();
        let (status, out, err) = interrupted(&args, signal);
        assert_eq!(status, Some(130), "{signal}: {err}");
        assert_eq!((&*out, &*err), ("", ""), "{signal}");
        empty(folder.path());
    }
}

#[test]
fn a_comparison_that_is_interrupted_shows_what_has_ended() {
    let (status, out, err) = interrupted(&["compare", "orders", "--seeds", "1000000"], "-INT");
    assert_eq!((status, &*err), (Some(130), ""));
    assert!(out.contains("Interrupted: "), "{out}");
    let compared = strategies().iter().filter(|s| !s.naive).count();
    let runs = format!(" of {compared}000000 runs had ended");
    assert!(out.contains(&runs), "{out}");
}
