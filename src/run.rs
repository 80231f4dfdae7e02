//! `cutover run`: one rehearsal, told.

use crate::{
    again,
    args::Format,
    exit::Status,
    failure::Failure,
    interrupt::Interrupt,
    output::{
        self, json,
        story::{Telling, story},
    },
    rehearse::{self, Outputs},
    scenario_args::ScenarioArgs,
};
use cutover::{
    scenarios::{check_mutants, load_runbook},
    sim::runbook::Runbook,
};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  cutover run orders
  cutover run orders --strategy snapshot-only --seed 7
  cutover run orders --set workload.clients=50 --set source.binlog_retention=24h
  cutover run orders --workload binlog:/var/backups/binlogs
  cutover run my-migration.toml --format json | jq .verdict";

/// Rehearse one migration and tell its story.
///
/// The same scenario, strategy and seed give the same run, on any machine. Exit status 0 means that the
/// scenario's expectations hold (without any: the verdict is safe).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Which of the possible courses of events: any number
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Whose runbook: a built-in's name (see `cutover list strategies`) or a file; the scenario's own otherwise
    #[arg(long, value_name = "NAME|FILE")]
    strategy: Option<String>,
    /// Switch a known bug on, in a build that has them (see `cutover list mutants`); may be given several times
    #[arg(long = "mutant", value_name = "NAME")]
    mutants: Vec<String>,
    #[command(flatten)]
    outputs: Outputs,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let scenario = args.scenario.load()?;
    let strategy = args.strategy.as_deref().map(load_runbook).transpose()?;
    check_mutants(&args.mutants)?;
    let mut plan = scenario.plan(args.seed, strategy.as_ref());
    plan.mutants.clone_from(&args.mutants);
    let plan = Arc::new(plan);
    let rehearsed = rehearse::one(&plan, &args.outputs, interrupt)?;
    let remarks = args.outputs.write(&plan, &rehearsed, interrupt)?;
    output::print(&match format {
        Format::Json => json::text(&json::RunJson::of(&rehearsed.outcome, rehearsed.wall)),
        Format::Text => story(&Telling {
            outcome: &rehearsed.outcome,
            runbook: &plan.runbook,
            about: Some(scenario.about()),
            wall: rehearsed.wall,
            again: &args.again(&plan.runbook),
            remarks: &remarks,
            width: output::width(),
        }),
    })?;
    Ok(Status::of(&rehearsed.outcome))
}

impl Args {
    /// The same run again, whatever the defaults may be by then. A runbook in a file of the scenario's own has no name
    /// to be called by.
    fn again(&self, runbook: &Runbook) -> String {
        let seed = self.seed.to_string();
        let mut words = vec!["cutover", "run"];
        words.extend(self.scenario.words());
        let is_called = |name: &str| load_runbook(name).is_ok_and(|known| known == *runbook);
        let strategy = match &self.strategy {
            Some(chosen) => Some(chosen.as_str()),
            None => Some(&*runbook.name).filter(|name| is_called(name)),
        };
        words.extend(strategy.into_iter().flat_map(|name| ["--strategy", name]));
        words.extend(["--seed", &seed]);
        words.extend(self.mutants.iter().flat_map(|name| ["--mutant", name]));
        again::command(words)
    }
}
