//! `cutover explore`: a sweep over many plans of a scenario, each with its own faults.

use crate::{
    again,
    args::Format,
    defect,
    exit::Status,
    failure::Failure,
    interrupt::Interrupt,
    output::{
        self,
        json::{self, ExploreJson},
        sweep::{Told, told},
    },
    progress::Progress,
    rehearse::{self, VERSION},
    scenario_args::ScenarioArgs,
    wall::Stopwatch,
};
use clap::value_parser;
use cutover::{
    scenarios::load_runbook,
    sim::{
        explore::{Campaign, Choice, Finding, How, MOST_FAULTS, Options, Report, Runner},
        faults::Kind,
    },
};
use std::{ops::Range, path::PathBuf, str::FromStr, thread, time::Duration};

const EXAMPLES: &str = "\
Examples:
  cutover explore orders-small                           a thousand plans
  cutover explore orders-small --seeds 0..10000 --out sweep
  cutover explore orders-small --hazards --out hazards   what happens when an assumption breaks
  cutover explore my-migration.toml --strategy mine.toml --faults partition,source_failover
  cutover replay sweep/p1-sent.toml                      what was found, told as a story

The same findings come out with any number of jobs, and after any interruption: with --out, a sweep that was killed \
goes on where it was when it is started again.";

/// How often the command looks up from waiting: for Ctrl-C and the progress display.
const LOOK_UP: Duration = Duration::from_millis(50);

/// Try many plans of a scenario, each with its own faults, and group what fails.
///
/// Each seed draws some kinds of faults and some operations of the workload; the rest is off. Exit status: 0 nothing
/// failed and every rare path (probe) that the strategy could reach was reached; 1 something failed, or such a path
/// was missed; 3 all that failed was not live; 70 a seed did not end in the time that it is given.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Whose runbook: a built-in's name (see `cutover list strategies`) or a file; the scenario's own otherwise
    #[arg(long, value_name = "NAME|FILE")]
    strategy: Option<String>,
    /// The seeds, from A up to but without B
    #[arg(long, value_name = "A..B", default_value = "0..1000")]
    seeds: Seeds,
    /// Draw hazards as well: faults that break an assumption of the strategy
    #[arg(long, conflicts_with = "faults")]
    hazards: bool,
    /// Draw these kinds of faults only (see `cutover list faults`), hazards among them or not
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = kind)]
    faults: Vec<String>,
    /// Faults of a plan, at most; 0: none
    #[arg(long, value_name = "N", default_value_t = MOST_FAULTS, value_parser = value_parser!(u32).range(0..=100))]
    most_faults: u32,
    /// Draw every round as the first, instead of looking for what the rounds before hardly reached
    #[arg(long)]
    no_steering: bool,
    /// Seeds that run at a time; all cores when absent
    #[arg(long, value_name = "J", value_parser = value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Give up a seed that takes longer than this, in seconds of the clock on the wall
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = value_parser!(u64).range(1..=1_000_000))]
    seed_timeout: u64,
    /// Keep the journal, the plans that fail and the report here; a sweep in it goes on
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    out: Option<PathBuf>,
}

/// Seeds from A up to but without B.
#[derive(Clone, Debug)]
struct Seeds(Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (from, to) = match text.split_once("..") {
            Some((from, to)) => (number(from), number(to)),
            None => (Some(0), number(text)),
        };
        match (from, to) {
            (Some(from), Some(to)) if from < to => Ok(Self(from..to)),
            _ => Err("write like 0..1000, or 1000 for the same; B must be above A".into()),
        }
    }
}

/// The key of a kind of fault.
fn kind(text: &str) -> Result<String, String> {
    match Kind::of_key(text) {
        Some(kind) => Ok(kind.facts().key.to_string()),
        None => Err("there is no such kind of fault; `cutover list faults` has them all".into()),
    }
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let scenario = args.scenario.load()?;
    let strategy = args.strategy.as_deref().map(load_runbook).transpose()?;
    let base = scenario.plan(args.seeds.0.start, strategy.as_ref());
    let options = Options {
        faults: args.choice(),
        most_faults: args.most_faults,
        steer: !args.no_steering,
        exempt: scenario.exemptions().to_vec(),
        ..Options::new(VERSION, args.seeds.0.clone())
    };
    let recording = rehearse::recording(&base)?;
    let runner = Runner::telling(recording, |plan| {
        defect::doing(&format!(
            "{}, strategy {}, seed {} of a sweep",
            plan.scenario, plan.runbook.name, plan.seed
        ));
    });
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let how = How {
        jobs: args.jobs.map_or(cores, usize::from),
        seed_timeout: Duration::from_secs(args.seed_timeout),
        folder: args.out.clone(),
    };
    rehearse::warn_of_memory(&base, how.jobs);
    let watch = Stopwatch::start();
    let (report, done) = sweep(Campaign::new(&base, options, runner, &how)?, interrupt)?;
    output::print(&match format {
        Format::Json => json::text(&ExploreJson::of(&report, watch.elapsed())),
        Format::Text => told(&Told {
            report: &report,
            wall: watch.elapsed(),
            folder: args.out.as_deref(),
            again: &args.again(),
            width: output::width(),
        }),
    })?;
    match done {
        true => Ok(status(&report)),
        false => Err(Failure::Interrupted),
    }
}

/// Runs the sweep; says whether it came to its end.
fn sweep(mut campaign: Campaign, interrupt: &Interrupt) -> Result<(Report, bool), Failure> {
    let _held = interrupt.hold();
    let seeds = campaign.sweep().options().seeds.clone();
    let total = usize::try_from(seeds.end - seeds.start).unwrap_or(usize::MAX);
    let base = campaign.sweep().swarm().base();
    let what = format!("{} with {}", base.scenario, base.runbook.name);
    let mut progress = Progress::of(what, total);
    loop {
        let seen = campaign.look(LOOK_UP)?;
        progress.done(usize::try_from(seen.ended).unwrap_or(usize::MAX));
        progress.look();
        if seen.done || interrupt.asked() {
            return Ok((campaign.report(), seen.done));
        }
    }
}

/// The exit status of a sweep that came to its end.
fn status(report: &Report) -> Status {
    let not_live = |f: &Finding| f.property.is_none();
    if !report.hung.is_empty() {
        Status::Defect
    } else if let Some(expected) = &report.expected {
        match expected.holds() && report.missed.is_empty() {
            true => Status::Holds,
            false => Status::Fails,
        }
    } else if report.is_clean() {
        match report.tried {
            0 => Status::Unknown,
            _ => Status::Holds,
        }
    } else if !report.findings.is_empty() && report.findings.iter().all(not_live) {
        Status::NotLive
    } else {
        Status::Fails
    }
}

impl Args {
    fn choice(&self) -> Choice {
        if self.hazards {
            return Choice::Hazards;
        }
        match self.faults.is_empty() {
            true => Choice::Contract,
            false => Choice::These(self.faults.clone()),
        }
    }

    /// The same sweep again.
    fn again(&self) -> String {
        let Seeds(seeds) = &self.seeds;
        let (seeds, most) = (
            format!("{}..{}", seeds.start, seeds.end),
            self.most_faults.to_string(),
        );
        let kinds = self.faults.join(",");
        let mut words = vec!["cutover", "explore"];
        words.extend(self.scenario.words());
        if let Some(strategy) = &self.strategy {
            words.extend(["--strategy", strategy]);
        }
        words.extend(["--seeds", &seeds]);
        if self.hazards {
            words.push("--hazards");
        }
        if !kinds.is_empty() {
            words.extend(["--faults", &kinds]);
        }
        if self.most_faults != MOST_FAULTS {
            words.extend(["--most-faults", &most]);
        }
        if self.no_steering {
            words.push("--no-steering");
        }
        again::command(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_and_never_none() {
        let read = |text: &str| text.parse::<Seeds>().map(|s| s.0).ok();
        assert_eq!(read("5..7"), Some(5..7));
        assert_eq!(read("100"), Some(0..100));
        for nothing in ["", "..", "7..7", "9..3", "-1..4", "0", "a..b"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
