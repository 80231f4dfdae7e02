//! A plan on a thread of its own, and the files that are to come of it.

use crate::{
    failure::Failure,
    files::{self, Batch},
    interrupt::Interrupt,
    output,
    progress::Progress,
    wall::Stopwatch,
    work::{self, Job},
};
use cutover::{
    scenarios::{plan_to_toml, recording_files},
    sim::{
        outcome::Outcome,
        plan::{Plan, Recorded},
        preconditions::lobs_held,
        recording::Recording,
        run::{Dump, RunError, run},
        runbook::Host,
    },
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The version that a saved plan remembers.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Files to write after a run.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Files")]
pub struct Outputs {
    /// Write the plan: everything that the run depends on, to be replayed or edited (`.json`, else TOML)
    #[arg(long, value_name = "FILE")]
    pub plan_out: Option<PathBuf>,
    /// Write the source's tables as they were at the end, one schema.table.jsonl each; replaces files of these names
    #[arg(long, value_name = "DIR")]
    pub dump_source: Option<PathBuf>,
    /// Write the target's tables likewise
    #[arg(long, value_name = "DIR")]
    pub dump_target: Option<PathBuf>,
    /// Write the source's binlog files: real ones, which mysqlbinlog reads
    #[arg(long, value_name = "DIR")]
    pub binlog_out: Option<PathBuf>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Rehearsed {
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub wall: Duration,
    source: Vec<Dump>,
    target: Vec<Dump>,
    binlog: Vec<(String, Vec<u8>)>,
}

/// What a thread comes back with.
pub type Ended = Result<Rehearsed, RunError>;

/// Reads the recording that a plan's workload asks for.
///
/// # Errors
/// [`Failure`] names the file.
pub fn recording(plan: &Plan) -> Result<Option<Arc<Recording>>, Failure> {
    let Some(recorded) = recording_files(&plan.workload)? else {
        return Ok(None);
    };
    let recording = Recording::load(recorded.binlogs, recorded.schema)?;
    if let Some(torn) = recording.torn() {
        output::complain(&output::diagnostic::warning(torn));
    }
    Ok(Some(Arc::new(recording)))
}

/// The run of a plan as a job.
pub fn job(plan: Arc<Plan>, recording: Option<Arc<Recording>>, outputs: &Outputs) -> Job<Ended> {
    let outputs = outputs.clone();
    Job {
        name: format!(
            "{}, strategy {}, seed {}",
            plan.scenario, plan.runbook.name, plan.seed
        ),
        work: Box::new(move || {
            let watch = Stopwatch::start();
            let run = run(&plan, recording.as_ref())?;
            let wall = watch.elapsed();
            // What was not asked for is not made: a dump costs more than the run.
            let dump = |wanted: &Option<PathBuf>, host| match wanted {
                Some(_) => run.dump(host),
                None => Vec::new(),
            };
            Ok(Rehearsed {
                source: dump(&outputs.dump_source, Host::Source),
                target: dump(&outputs.dump_target, Host::Target),
                binlog: match outputs.binlog_out {
                    Some(_) => run.binlog_files(),
                    None => Vec::new(),
                },
                outcome: run.outcome,
                wall,
            })
        }),
    }
}

/// Runs one plan.
///
/// # Errors
/// [`Failure`], of which [`Failure::Interrupted`] after Ctrl-C.
pub fn one(
    plan: &Arc<Plan>,
    outputs: &Outputs,
    interrupt: &Interrupt,
) -> Result<Rehearsed, Failure> {
    outputs.ready()?;
    warn_of_memory(plan, 1);
    let job = job(Arc::clone(plan), recording(plan)?, outputs);
    let progress = Progress::of(job.name.clone(), 1);
    let mut ended = work::all([job], interrupt, progress)?;
    match ended.pop().flatten() {
        Some(ended) => Ok(ended?),
        None => Err(Failure::Interrupted),
    }
}

/// Says so where the LOBs of so many runs at a time take more than half of the memory that the machine has left: the
/// figure is a low one, and a kernel that ends a program for want of memory says nothing.
pub fn warn_of_memory(plan: &Plan, at_a_time: usize) {
    let held = lobs_held(plan).0.saturating_mul(at_a_time as u64);
    if let Some(available) = available_memory().filter(|available| held > *available / 2) {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        output::complain(&output::diagnostic::warning(&format!(
            "{at_a_time} at a time will hold {:.1} GiB of LOBs or more, and {:.1} GiB of memory are available: lower \
             `workload.rate_per_s`, the `lob` of a table, or `--jobs` of a sweep",
            gib(held),
            gib(available)
        )));
    }
}

/// What Linux says is available, in bytes; none elsewhere.
fn available_memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

impl Outputs {
    /// Makes sure, before the run, that everything can be written after it.
    fn ready(&self) -> Result<(), Failure> {
        if let Some(file) = &self.plan_out {
            files::ready_file(file)?;
        }
        [&self.dump_source, &self.dump_target, &self.binlog_out]
            .into_iter()
            .flatten()
            .try_for_each(|folder| files::ready_folder(folder))?;
        match (&self.dump_source, &self.dump_target) {
            (Some(source), Some(target)) if files::is_same(source, target) => {
                Err(Failure::OneFolder(target.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Writes what was asked for, and says so in a line each.
    ///
    /// # Errors
    /// [`Failure::Write`], or [`Failure::Interrupted`] after Ctrl-C; nothing is half-written then.
    pub fn write(
        &self,
        plan: &Plan,
        rehearsed: &Rehearsed,
        interrupt: &Interrupt,
    ) -> Result<Vec<String>, Failure> {
        let mut batch = Batch::new(interrupt);
        let mut remarks = Vec::new();
        if let Some(file) = &self.plan_out {
            batch.stage(
                file,
                plan_text(plan, &rehearsed.outcome.fingerprint, file)?.as_bytes(),
            )?;
            remarks.push(format!("The plan is in {}.", file.display()));
        }
        for (folder, dumps, of) in [
            (&self.dump_source, &rehearsed.source, "source"),
            (&self.dump_target, &rehearsed.target, "target"),
        ] {
            let Some(folder) = folder else { continue };
            for dump in dumps {
                let name = format!("{}.jsonl", files::harmless(&dump.table));
                batch.stage(&folder.join(name), dump.jsonl.as_bytes())?;
            }
            remarks.push(format!(
                "The {of}'s tables ({}) are in {}.",
                dumps.len(),
                folder.display()
            ));
        }
        if let Some(folder) = &self.binlog_out {
            for (name, bytes) in &rehearsed.binlog {
                batch.stage(&folder.join(files::harmless(name)), bytes)?;
            }
            remarks.push(format!(
                "The source's binlog files ({}) are in {}.",
                rehearsed.binlog.len(),
                folder.display()
            ));
        }
        batch.commit()?;
        Ok(remarks)
    }
}

/// The plan as a file, with what its run came to.
///
/// # Errors
/// [`Failure`] when the plan names a path that such a file cannot say.
pub fn plan_text(plan: &Plan, fingerprint: &str, file: &Path) -> Result<String, Failure> {
    let plan = Plan {
        recorded: Some(Recorded {
            version: VERSION.into(),
            fingerprint: fingerprint.into(),
        }),
        ..plan.clone()
    };
    if file
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"))
    {
        let text = serde_json::to_string_pretty(&plan);
        return text
            .map(|text| text + "\n")
            .map_err(|error| Failure::write(file, error.into()));
    }
    Ok(plan_to_toml(&plan)?)
}
