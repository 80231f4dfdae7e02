//! `cutover compare`: strategies side by side.

use crate::{
    again,
    args::Format,
    exit::Status,
    failure::Failure,
    interrupt::Interrupt,
    output::{
        self,
        json::{self, CompareJson},
        summary::by_strategy,
        table,
    },
    progress::Progress,
    rehearse::{self, Outputs},
    scenario_args::ScenarioArgs,
    strategies, work,
};
use clap::value_parser;
use cutover::{scenarios::load_runbook, sim::runbook::Runbook};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  cutover compare orders                              the strategies that one would choose between
  cutover compare orders --all                        and those that are there to fail
  cutover compare orders --seeds 20                   medians, and from where to where
  cutover compare orders --strategy snapshot-only --strategy mine.toml
  cutover compare orders --format json | jq '.summary[] | {strategy, verdicts}'";

/// Rehearse with every strategy and put the results side by side.
///
/// It shows differences, so it exits with 0 once all runs have ended, whatever their verdicts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// How many seeds each strategy is rehearsed with: 1 to N
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// Only these: built-ins' names or files; may be given several times
    #[arg(long = "strategy", value_name = "NAME|FILE", conflicts_with = "all")]
    strategies: Vec<String>,
    /// Every built-in strategy, also those that only show a mistake
    #[arg(long)]
    all: bool,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let scenario = args.scenario.load()?;
    let chosen = match (args.strategies.as_slice(), args.all) {
        ([], true) => strategies::all(),
        ([], false) => strategies::compared(),
        (named, _) => named.to_vec(),
    };
    let runbooks = apart(&chosen)?;
    let seeds: Vec<u64> = (1..=args.seeds).collect();
    // One for all: the traffic is the scenario's, whatever the strategy.
    let recording = rehearse::recording(&scenario.plan(1, None))?;
    let jobs = runbooks.iter().flat_map(|runbook| {
        seeds.iter().map(|seed| {
            let plan = Arc::new(scenario.plan(*seed, Some(runbook)));
            rehearse::job(plan, recording.clone(), &Outputs::default())
        })
    });
    let total = runbooks.len() * seeds.len();
    let progress = Progress::of(format!("{}: {} runs", scenario.name(), total), total);
    let mut ended = Vec::new();
    for run in work::all(jobs, interrupt, progress)?.into_iter().flatten() {
        ended.push(run?);
    }
    let complete = ended.len() == total;
    let runs: Vec<_> = ended.iter().map(|run| (&run.outcome, run.wall)).collect();
    output::print(&match format {
        Format::Json => json::text(&CompareJson::of(scenario.name(), &seeds, &runs, complete)),
        Format::Text => {
            let outcomes: Vec<_> = ended.iter().map(|run| &run.outcome).collect();
            let mut text = format!("{}: {}\n\n", scenario.name(), scenario.about());
            text.push_str(&table::comparison(
                &by_strategy(&outcomes),
                output::width().max(table::COLUMNS),
            ));
            text.push_str(&legend(
                seeds.len(),
                ended.len(),
                total,
                &args.scenario.words(),
            ));
            text
        }
    })?;
    if complete {
        Ok(Status::Holds)
    } else {
        Err(Failure::Interrupted)
    }
}

/// The runbooks, each once, and no two with one name: a file whose runbook has the name of another, as a copy has, goes by its
/// path.
fn apart(chosen: &[String]) -> Result<Vec<Runbook>, Failure> {
    let mut runbooks: Vec<Runbook> = Vec::new();
    for (i, strategy) in chosen.iter().enumerate() {
        if chosen[..i].contains(strategy) {
            continue;
        }
        let mut runbook = load_runbook(strategy)?;
        if runbooks.iter().any(|other| other.name == runbook.name) {
            runbook.name.clone_from(strategy);
        }
        runbooks.push(runbook);
    }
    Ok(runbooks)
}

fn legend(seeds: usize, ended: usize, total: usize, scenario: &[&str]) -> String {
    let mut text = String::new();
    if ended < total {
        text.push_str(&table::remark(&format!(
            "Interrupted: {ended} of {total} runs had ended."
        )));
    }
    if seeds > 1 {
        text.push_str(&table::remark(&format!(
            "Seeds 1 to {seeds}: the median, and in brackets the smallest and the largest."
        )));
    }
    for line in [
        "lost: committed for the application, missing on what serves. twice: took effect more than once. rows off:",
        "that differ from what they should be. back loses: writes of the target that the source does not have at the end,",
        "so that going back loses them; free for: how long after the cutover there was none. by hand: steps that act and",
        "steps that wait. –: no cutover.",
    ] {
        text.push_str(&table::remark(line));
    }
    text.push_str(&format!(
        "\nWhy a strategy fails:  {} --strategy NAME\n",
        again::command(["cutover", "run"].iter().chain(scenario).copied())
    ));
    text
}
