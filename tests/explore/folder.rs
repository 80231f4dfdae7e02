//! The folder of a sweep: killed at any moment it goes on; another sweep, or another process, is refused.

use crate::support::{command, err, out, output, scenario};
use cutover::sim::{
    explore::{Campaign, How, Options, Runner},
    stream::Stream,
};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

const SWEEP: &[&str] = &["--strategy", "naive-lag-gate", "--seeds", "0..700"];

/// Every file of a folder but the journal, whose lines stand in the order in which seeds have ended.
fn found(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| !path.ends_with("journal.jsonl"));
    files
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(&path).expect("a text"))
        })
        .collect()
}

fn into(folder: &Path) -> Vec<String> {
    let mut args: Vec<String> = SWEEP.iter().map(ToString::to_string).collect();
    args.extend(["--out".into(), folder.display().to_string()]);
    args
}

#[test]
fn a_sweep_that_is_killed_at_any_moment_ends_with_the_findings_of_an_undisturbed_one() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let [calm, torn] = ["calm", "torn"].map(|name| temporary.path().join(name));
    let args = into(&calm);
    let calm_output = output(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(calm_output.status.code(), Some(1), "{}", err(&calm_output));
    let args = into(&torn);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut moments = Stream::new(20_260_302);
    let journal = torn.join("journal.jsonl");
    let ended =
        || fs::read(&journal).map_or(0, |text| text.iter().filter(|b| **b == b'\n').count());
    let mut killed: u32 = 0;
    loop {
        let mut child = command(&args)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        // By what it has done, not by time, which is another on every machine. Some hardly begin, some end.
        let moment = ended() as u64 + moments.below(150);
        while (ended() as u64) < moment && child.try_wait().expect("a child").is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        if child.try_wait().expect("a child").is_some() {
            break;
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
        killed += 1;
        if killed.is_multiple_of(2) && journal.exists() {
            // The machine went down in the middle of a line.
            let file = OpenOptions::new().append(true).open(&journal);
            file.and_then(|mut file| file.write_all(b"{\"seed\":3,\"judged\":{\"verd"))
                .expect("a line without an end");
        }
    }
    assert!(killed >= 3, "killed {killed} times only: nothing was shown");
    assert_eq!(found(&calm), found(&torn), "killed {killed} times");
    let lines = fs::read_to_string(&journal).expect("the journal");
    assert_eq!(
        lines.lines().count(),
        701,
        "a header, and a line for each seed"
    );
}

#[test]
fn another_sweep_in_the_folder_is_refused_with_what_to_do() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let path = temporary.path().join("sweep").display().to_string();
    let with = |more: &[&'static str]| {
        let mut args = vec!["--out", path.as_str()];
        args.extend(more);
        output(&args)
    };
    let first = with(&["--seeds", "10"]);
    assert_ne!(first.status.code(), Some(2), "{}", err(&first));
    for (more, differs) in [
        (vec!["--seeds", "11"], "seeds or options"),
        (vec!["--seeds", "10", "--hazards"], "seeds or options"),
        (
            vec!["--seeds", "10", "--strategy", "snapshot-only"],
            "scenario or strategy",
        ),
        (
            vec!["--seeds", "10", "--set", "workload.clients=3"],
            "scenario or strategy",
        ),
    ] {
        let refused = with(&more);
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{more:?}: {}",
            out(&refused)
        );
        let text = err(&refused);
        assert!(
            text.contains(differs) && text.contains("another folder"),
            "{more:?}: {text}"
        );
    }
    let again = with(&["--seeds", "10"]);
    assert_eq!(again.status.code(), first.status.code());
    let body = |text: String| text.split_once('\n').map(|(_, rest)| rest.to_string());
    assert_eq!(
        body(out(&again)),
        body(out(&first)),
        "the same findings from the journal"
    );
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    fs::write(temporary.path().join("thesis.txt"), "years").expect("a file");
    let refused = output(&[
        "--seeds",
        "5",
        "--out",
        &temporary.path().display().to_string(),
    ]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("no journal"), "{}", err(&refused));
    assert_eq!(found(temporary.path()).len(), 1);
}

#[test]
fn one_process_at_a_time_is_at_work_in_a_folder() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = temporary.path().join("sweep");
    let runner = Runner::new(None);
    let how = How {
        jobs: 1,
        seed_timeout: Duration::from_secs(600),
        folder: Some(folder.clone()),
    };
    let campaign = Campaign::new(
        &scenario().plan(0, None),
        Options::new("x", 0..5),
        runner,
        &how,
    );
    let _at_work = campaign.expect("an empty folder");
    let refused = output(&["--seeds", "5", "--out", &folder.display().to_string()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("another process"),
        "{}",
        err(&refused)
    );
}

#[test]
fn a_seed_that_hangs_is_reported_and_the_others_are_judged() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = temporary.path().join("sweep");
    let runner = Runner::telling(None, |plan| {
        while plan.seed == 3 && !plan.faults.is_empty() {
            thread::park();
        }
    });
    let how = How {
        jobs: 1,
        seed_timeout: Duration::from_secs(5),
        folder: Some(folder.clone()),
    };
    let base = scenario().plan(0, None);
    let campaign = Campaign::new(&base, Options::new("x", 0..10), runner, &how);
    let mut campaign = campaign.expect("an empty folder");
    while !campaign
        .look(Duration::from_millis(20))
        .expect("it goes on")
        .done
    {}
    let report = campaign.report();
    assert_eq!((report.hung.as_slice(), report.plans), (&[3][..], 9));
    assert!(report.complete && !report.is_clean());
    assert!(folder.join("hung-3.toml").exists());
}

#[test]
fn ctrl_c_prints_what_was_found_so_far() {
    let mut child = command(&["--strategy", "snapshot-only", "--seeds", "0..100000"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    thread::sleep(Duration::from_secs(3));
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("kill is there").success());
    let mut text = String::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    std::io::Read::read_to_string(&mut stdout, &mut text).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(
        text.contains("Interrupted") && text.contains("P1 No lost write"),
        "{text}"
    );
}
