//! `cutover shrink`: the smallest plan with the same violation.

use crate::{
    again,
    args::Format,
    exit::Status,
    failure::Failure,
    files::{self, Batch},
    interrupt::Interrupt,
    output::{
        self, json,
        shrunk::{self, ShrinkJson, Told},
    },
    progress::Progress,
    rehearse,
    trial::SideBySide,
    wall::Stopwatch,
    work::{self, Job},
};
use clap::value_parser;
use cutover::{
    scenarios::{load_plan, load_scenario, scenarios},
    sim::{
        environment::Environment,
        outcome::Outcome,
        plan::{Clock, Plan},
        run::{RunError, run},
        shrink::{Alike, Failing, shrink},
        units::Micros,
        workload_spec::{Transaction, Workload},
    },
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

const EXAMPLES: &str = "\
Examples:
  cutover shrink plan.toml                         writes plan.min.toml beside it
  cutover shrink found/P1-sent.toml --within 5m
  cutover replay plan.min.toml                     the story of what is left";

/// Shrink a plan that fails to the smallest one that fails in the same way.
///
/// The same way means: the same property, the same stage at which the first write got lost, during the same step.
/// Faults, transactions, clients, rows, steps and settings are left out for as long as that holds; what is left is
/// what matters. Exit status 0 means that a plan was written.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The plan, as `cutover run --plan-out` or a sweep wrote it
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Where the small plan goes (`.json`, else TOML); PLAN.min.toml beside the plan otherwise
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace that file when it is there
    #[arg(long)]
    force: bool,
    /// Stop after this long, and keep the smallest plan that was found so far
    #[arg(long, value_name = "TIME", default_value = "60s")]
    within: Micros,
    /// A scenario (a built-in's name or a file) whose settings need no explanation; the built-in that the plan is
    /// of, or else the defaults
    #[arg(long, value_name = "SCENARIO")]
    scenario: Option<String>,
    /// How many runs at a time; as many as there are cores otherwise. The result does not depend on it
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let since = Stopwatch::start();
    let plan = load_plan(&args.plan.to_string_lossy())?;
    let out = args.out.clone().unwrap_or_else(|| beside(&args.plan));
    if out.exists() && !args.force {
        return Err(Failure::Exists(out));
    }
    files::ready_file(&out)?;
    let (reference, named) = args.reference(&plan)?;
    let recording = rehearse::recording(&plan)?;
    let (outcome, transactions) = first_run(&plan, recording.clone(), interrupt)?;
    let Some(fails) = Alike::of(&outcome) else {
        return Err(Failure::NothingToShrink {
            plan: args.plan.clone(),
            verdict: outcome.verdict,
        });
    };
    let before = shrunk::Size::of(&plan, transactions.len());
    let mut trial = SideBySide {
        jobs: args.jobs.map_or_else(work::cores, usize::from),
        recording,
        within: Duration::from_micros(args.within.0),
        since,
        interrupt,
        progress: Progress::endless(format!("shrinking {}", args.plan.display())),
        runs: 1,
    };
    let held = interrupt.hold();
    let shrunk = shrink(
        Failing { plan, outcome },
        &fails,
        transactions,
        &reference,
        &mut trial,
    );
    let runs = trial.runs;
    drop(trial);
    let best = &shrunk.best;
    // What was found is kept, also after Ctrl-C.
    let undisturbed = Interrupt::default();
    let mut batch = Batch::new(&undisturbed);
    let text = rehearse::plan_text(&best.plan, &best.outcome.fingerprint, &out)?;
    batch.stage(&out, text.as_bytes())?;
    batch.commit()?;
    drop(held);
    let told = Told {
        plan: &args.plan,
        out: &out,
        best,
        fails: &fails.failure,
        before,
        complete: shrunk.complete,
        runs,
        wall: since.elapsed(),
        reference: &reference,
        named: &named,
        again: &again::command(["cutover", "replay", &out.to_string_lossy()]),
        width: output::width(),
    };
    output::print(&match format {
        Format::Json => json::text(&ShrinkJson::of(&told)),
        Format::Text => shrunk::text(&told),
    })?;
    match interrupt.asked() {
        true => Err(Failure::Interrupted),
        false => Ok(Status::Holds),
    }
}

impl Args {
    /// The plan whose settings need no explanation, and what it is called.
    fn reference(&self, plan: &Plan) -> Result<(Plan, String), Failure> {
        let built_in = || {
            scenarios()
                .into_iter()
                .any(|listed| listed.name == plan.scenario)
        };
        let name = match &self.scenario {
            Some(name) => Some(name.as_str()),
            None => built_in().then_some(plan.scenario.as_str()),
        };
        if let Some(name) = name {
            let scenario = load_scenario(name, &[])?;
            return Ok((
                scenario.plan(plan.seed, None),
                format!("scenario {}", scenario.name),
            ));
        }
        let reference = Plan {
            clock: Clock::default(),
            environment: Environment::default(),
            workload: Workload {
                kind: plan.workload.kind,
                ..Workload::default()
            },
            ..plan.clone()
        };
        Ok((reference, "the defaults".into()))
    }
}

/// `plan.toml` becomes `plan.min.toml`.
fn beside(plan: &Path) -> PathBuf {
    plan.with_extension("min.toml")
}

/// What the plan comes to as it is, and what its clients did.
fn first_run(
    plan: &Plan,
    recording: Option<Arc<cutover::sim::recording::Recording>>,
    interrupt: &Interrupt,
) -> Result<(Outcome, Vec<Transaction>), Failure> {
    let name = format!("{}, strategy {}", plan.scenario, plan.runbook.name);
    let plan = plan.clone();
    let job = Job {
        name: name.clone(),
        work: Box::new(move || -> Result<_, RunError> {
            let run = run(&plan, recording.as_ref())?;
            let transactions = run.transactions();
            Ok((run.outcome, transactions))
        }),
    };
    let mut ended = work::all([job], interrupt, Progress::of(name, 1))?;
    match ended.pop().flatten() {
        Some(ended) => Ok(ended?),
        None => Err(Failure::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_plan_stands_beside_the_plan() {
        assert_eq!(
            beside(Path::new("a/plan.toml")),
            Path::new("a/plan.min.toml")
        );
        assert_eq!(beside(Path::new("plan")), Path::new("plan.min.toml"));
        assert_eq!(
            beside(Path::new("a.b/plan.json")),
            Path::new("a.b/plan.min.toml")
        );
    }
}
