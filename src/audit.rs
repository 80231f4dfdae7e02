//! `cutover audit`: what each step of a runbook is for.

use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    files::{self, Batch},
    interrupt::Interrupt,
    output::{
        self,
        audited::{self, AuditJson, Audited, Row, Shown},
        json,
    },
    progress::Progress,
    rehearse,
    scenario_args::ScenarioArgs,
    work::{self, Job},
};
use clap::value_parser;
use cutover::{
    scenarios::{check_made, load_runbook},
    sim::{
        audit::{Change, Effect, Seen, Variant, judge, variants},
        explore::{Bias, Choice, MOST_FAULTS, Swarm},
        plan::Plan,
        recording::Recording,
        run::{RunError, run},
        runbook::Runbook,
    },
};
use std::{path::PathBuf, sync::Arc};

const EXAMPLES: &str = "\
Examples:
  cutover audit orders-small
  cutover audit orders-small --strategy my-runbook.toml --seeds 200
  cutover audit orders-small --hazards                with faults that break an assumption
  cutover audit orders-small --out audit/             and keep a plan for each finding
  cutover replay audit/01-without.toml                the story of one of them";

/// What each step of a runbook is for: the runbook without it, with it earlier, later or weakened.
///
/// Every variant is rehearsed with the same plans as the whole runbook, each with its own faults, as `cutover explore`
/// draws them. The table says what breaks, or that nothing
/// was found in so many plans. It shows differences, so it exits with 0 once all runs have ended.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Whose runbook: a built-in's name or a file; the scenario's own otherwise
    #[arg(long, value_name = "NAME|FILE")]
    strategy: Option<String>,
    /// How many plans each variant is rehearsed with: seeds 1 to N
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// Draw faults that break an assumption too, at most one kind in each plan: what a step guards against may be one
    #[arg(long)]
    hazards: bool,
    /// Faults of a plan, at most, all of them such as the strategy promises to survive (see --hazards); 0: none
    #[arg(long, value_name = "N", default_value_t = MOST_FAULTS, value_parser = value_parser!(u32).range(0..=100))]
    most_faults: u32,
    /// Write a plan for each finding into this folder: the one with the fewest faults
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A run, as far as the audit looks at it.
type Ran = Result<(Seen, String), RunError>;

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let scenario = args.scenario.load()?;
    let strategy = args.strategy.as_deref().map(load_runbook).transpose()?;
    if let Some(folder) = &args.out {
        files::ready_folder(folder)?;
    }
    let first = scenario.plan(1, strategy.as_ref());
    let choice = match args.hazards {
        true => Choice::Hazards,
        false => Choice::Contract,
    };
    let swarm = Swarm::new(&first, &choice, args.most_faults);
    let recording = rehearse::recording(&first)?;
    let variants = variants(&first.runbook);
    let refused: Vec<Option<String>> = variants.iter().map(|v| refusal(&first, v)).collect();
    let runbooks = distinct(&first.runbook, &variants, &refused);
    let seeds: Vec<u64> = (1..=args.seeds).collect();
    let with = |runbook: &Runbook, seed| Plan {
        runbook: runbook.clone(),
        ..swarm.plan(seed, &Bias::none())
    };
    let jobs = runbooks.iter().flat_map(|runbook| {
        seeds
            .iter()
            .map(|seed| job(with(runbook, *seed), &recording))
    });
    let total = runbooks.len() * seeds.len();
    let progress = Progress::of(format!("{}: {} runs", scenario.name(), total), total);
    let mut ran = work::all(jobs, interrupt, progress)?;
    ran.resize_with(total, || None);
    // What each runbook came to, seed by seed; none for one that Ctrl-C cut short.
    let mut seen: Vec<Option<Vec<(Seen, String)>>> = Vec::new();
    let mut ran = ran.into_iter();
    for _ in &runbooks {
        let those: Option<Vec<Ran>> = ran.by_ref().take(seeds.len()).collect();
        seen.push(those.map(|those| those.into_iter().collect()).transpose()?);
    }
    let seen_of = |runbook: &Runbook| {
        let number = runbooks.iter().position(|r| r == runbook)?;
        seen.get(number)?.as_ref()
    };
    let Some(whole) = seen_of(&first.runbook) else {
        return Err(Failure::Interrupted);
    };
    let effects =
        |of: &[(Seen, String)]| -> Vec<Seen> { of.iter().map(|(s, _)| s.clone()).collect() };
    let safe = whole
        .iter()
        .filter(|(s, _)| matches!(s.effect, Effect::Safe(_)));
    let safe = safe.count() as u64;
    let mut rows = Vec::new();
    let mut proofs = Vec::new();
    for (variant, refused) in variants.iter().zip(refused) {
        let shown = match (refused, seen_of(&variant.runbook)) {
            (Some(why), _) => Shown::CannotRun(why),
            (None, None) => continue,
            (None, Some(seen)) => {
                let judged = judge(&effects(whole), &effects(seen));
                let proof = judged.proof.and_then(|number| {
                    let file = args.out.as_ref()?.join(file_name(variant, &rows));
                    let plan = with(&variant.runbook, *seeds.get(number)?);
                    proofs.push((file.clone(), plan, seen.get(number)?.1.clone()));
                    Some(file)
                });
                Shown::Judged { judged, proof }
            }
        };
        rows.push(Row {
            step: variant.step,
            change: variant.change.clone(),
            shown,
        });
    }
    let undisturbed = Interrupt::default();
    let mut batch = Batch::new(&undisturbed);
    for (file, plan, fingerprint) in &proofs {
        let text = rehearse::plan_text(plan, fingerprint, file)?;
        batch.stage(file, text.as_bytes())?;
    }
    batch.commit()?;
    let complete = seen.iter().all(Option::is_some);
    let audited = Audited {
        scenario: scenario.name(),
        runbook: &first.runbook,
        seeds: args.seeds,
        safe,
        complete,
        rows: &rows,
        out: args.out.as_deref(),
        width: output::width(),
    };
    output::print(&match format {
        Format::Json => json::text(&AuditJson::of(&audited)),
        Format::Text => audited::text(&audited),
    })?;
    match complete {
        true => Ok(Status::Holds),
        false => Err(Failure::Interrupted),
    }
}

fn job(plan: Plan, recording: &Option<Arc<Recording>>) -> Job<Ran> {
    let recording = recording.clone();
    Job {
        name: format!(
            "{}, a variant of strategy {}, seed {}",
            plan.scenario, plan.runbook.name, plan.seed
        ),
        work: Box::new(move || {
            let outcome = run(&plan, recording.as_ref())?.outcome;
            let seen = Seen {
                effect: Effect::of(&outcome),
                faults: plan.faults.len(),
            };
            Ok((seen, outcome.fingerprint))
        }),
    }
}

/// Why a variant cannot be run at all; none when it can.
fn refusal(plan: &Plan, variant: &Variant) -> Option<String> {
    let plan = Plan {
        runbook: variant.runbook.clone(),
        ..plan.clone()
    };
    let error = check_made(&plan).err()?;
    Some(error.message().to_string())
}

/// The runbook and its variants that can be run, each once: one step later is the next one earlier.
fn distinct(whole: &Runbook, variants: &[Variant], refused: &[Option<String>]) -> Vec<Runbook> {
    let mut runbooks = vec![whole.clone()];
    for (variant, refused) in variants.iter().zip(refused) {
        if refused.is_none() && !runbooks.contains(&variant.runbook) {
            runbooks.push(variant.runbook.clone());
        }
    }
    runbooks
}

/// `07-without.toml`; ways to weaken a step are numbered.
fn file_name(variant: &Variant, before: &[Row]) -> String {
    let step = variant.step + 1;
    let change = match variant.change {
        Change::Without => "without".to_string(),
        Change::Earlier => "earlier".to_string(),
        Change::Later => "later".to_string(),
        Change::Weaker(_) => {
            let others = before
                .iter()
                .filter(|row| row.step == variant.step && matches!(row.change, Change::Weaker(_)));
            format!("weaker-{}", others.count() + 1)
        }
    };
    format!("{step:02}-{change}.toml")
}
