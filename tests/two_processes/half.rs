//! One of the two processes: runs every plan of a folder, and writes what came of each.

use cutover::{
    scenarios::{load_plan, recording_files},
    sim::{
        recording::Recording,
        run::{Run, run},
        runbook::Host,
    },
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex},
    thread,
};

/// The first argument of a process that is one of the two.
pub const HALF: &str = "half";
/// Plans that are run at a time on threads that are used again.
const AT_A_TIME: usize = 3;

/// In which order the plans are run, and on which threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One after the other, each on a fresh thread.
    Ascending,
    /// From the last to the first, [`AT_A_TIME`] at a time, on threads that are used again.
    Descending,
}

impl Order {
    /// As an argument.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }
}

/// The file of a plan in the folder of plans.
pub fn plan_file(number: usize) -> String {
    format!("{number:05}.toml")
}

/// `PLANS OUT ORDER`.
pub fn main(arguments: &[String]) -> ExitCode {
    let [plans, out, order] = arguments else {
        eprintln!("{HALF} needs PLANS OUT ORDER");
        return ExitCode::FAILURE;
    };
    let (plans, out) = (Path::new(plans), Path::new(out));
    let count = fs::read_dir(plans).expect("the folder of plans").count();
    let one = |number: usize| {
        let written = produce(&plans.join(plan_file(number)));
        write(&out.join(number.to_string()), &written);
    };
    if order == Order::Ascending.name() {
        for number in 0..count {
            thread::scope(|scope| scope.spawn(|| one(number)).join().expect("a run ends"));
        }
    } else {
        let waiting = Mutex::new((0..count).collect::<Vec<usize>>());
        let next = || waiting.lock().expect("no run panics").pop();
        thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(|| std::iter::from_fn(next).for_each(one));
            }
        });
    }
    ExitCode::SUCCESS
}

/// Everything that the run of a plan can be compared by, by name.
fn produce(plan: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut plan = load_plan(&plan.display().to_string()).unwrap_or_else(|e| panic!("{e}"));
    for path in &mut plan.workload.paths {
        // This process may be in another folder than the checkout.
        *path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&*path);
    }
    let files = recording_files(&plan.workload).unwrap_or_else(|e| panic!("{e}"));
    let recording =
        files.map(|r| Arc::new(Recording::load(r.binlogs, r.schema).expect("a good recording")));
    let run = run(&plan, recording.as_ref()).unwrap_or_else(|e| panic!("{e}"));
    // The first difference is told in the order of the names: the trace says most.
    let mut files = BTreeMap::new();
    let outcome = serde_json::to_vec_pretty(&run.outcome).expect("JSON is text");
    files.insert("2-outcome.json".into(), outcome);
    files.insert("1-trace.txt".into(), run.trace().into_bytes());
    tables(&run, Host::Source, "3-source", &mut files);
    tables(&run, Host::Target, "3-target", &mut files);
    let binlog = run.binlog_files().into_iter();
    files.extend(binlog.map(|(name, bytes)| (format!("4-binlog/{name}"), bytes)));
    files
}

fn tables(run: &Run, host: Host, folder: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let dumps = run.dump(host).into_iter();
    files.extend(dumps.map(|d| (format!("{folder}/{}.jsonl", d.table), d.jsonl.into_bytes())));
}

/// One file for each plan: for each entry a line with its length and its name, and then its bytes.
fn write(file: &Path, entries: &BTreeMap<String, Vec<u8>>) {
    let mut bundle = Vec::new();
    for (name, bytes) in entries {
        bundle.extend(format!("{} {name}\n", bytes.len()).into_bytes());
        bundle.extend(bytes);
    }
    fs::write(file, bundle).expect("a folder of ours");
}

/// What a process wrote of a plan.
pub fn read(out: &Path, number: usize) -> BTreeMap<String, Vec<u8>> {
    let file: PathBuf = out.join(number.to_string());
    let bundle = fs::read(&file).expect("the process wrote it");
    let mut entries = BTreeMap::new();
    let mut rest = &bundle[..];
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).expect("a name is text");
        let (length, name) = head.split_once(' ').expect("a length and a name");
        let length: usize = length.parse().expect("a number");
        let (bytes, after) = rest[end + 1..].split_at(length);
        entries.insert(name.to_owned(), bytes.to_vec());
        rest = after;
    }
    entries
}

/// The verdict in an outcome.
pub fn verdict(entries: &BTreeMap<String, Vec<u8>>) -> String {
    let outcome: serde_json::Value =
        serde_json::from_slice(&entries["2-outcome.json"]).expect("it was JSON before");
    outcome["verdict"].to_string()
}
