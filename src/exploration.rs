//! A sweep as a test of one's own: `cutover::explore(&scenario).seeds(0..1000).assert_safe()`.

use cutover_scenarios::{LoadError, Scenario, recording_files};
use cutover_sim::{
    explore::{Campaign, Choice, ExploreError, Finding, How, Options, Report, Runner, Sweep},
    outcome::Verdict,
    plan::Plan,
    recording::{Recording, RecordingError},
    runbook::Runbook,
};
use std::{fmt::Write, ops::Range, sync::Arc, thread, time::Duration};

/// Seeds when nobody says otherwise.
const SEEDS: Range<u64> = 0..1_000;
/// A seed that takes longer than this is given up.
const SEED_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two looks at whether a seed hangs.
const LOOK: Duration = Duration::from_millis(100);

/// A sweep of a scenario that is yet to be run.
#[derive(Clone, Debug)]
pub struct Exploration {
    base: Plan,
    options: Options,
    how: How,
}

/// Why a sweep cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplorationError {
    /// A file that the scenario names cannot be read.
    #[error(transparent)]
    Load(#[from] Box<LoadError>),
    /// Binlog files cannot be replayed.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The sweep itself.
    #[error(transparent)]
    Explore(#[from] ExploreError),
}

/// A sweep over a scenario with its own strategy: seeds 0 to 999, faults that the strategy promises to survive, all
/// cores.
///
/// ```
/// let scenario = cutover::scenarios::load_scenario("orders-small", &[])?;
/// cutover::explore(&scenario).seeds(0..20).assert_safe();
/// # Ok::<(), cutover::scenarios::LoadError>(())
/// ```
pub fn explore(scenario: &Scenario) -> Exploration {
    let mut options = Options::new(env!("CARGO_PKG_VERSION"), SEEDS);
    options.exempt = scenario.explore.exempt.clone();
    Exploration {
        base: scenario.plan(SEEDS.start, None),
        options,
        how: How {
            jobs: thread::available_parallelism().map_or(1, usize::from),
            seed_timeout: SEED_TIMEOUT,
            folder: None,
        },
    }
}

impl Exploration {
    /// These seeds.
    #[must_use]
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.options.seeds = seeds;
        self
    }

    /// Another strategy.
    #[must_use]
    pub fn strategy(mut self, runbook: &Runbook) -> Self {
        self.base.runbook = runbook.clone();
        self
    }

    /// Other faults than those that the strategy promises to survive.
    #[must_use]
    pub fn faults(mut self, faults: Choice) -> Self {
        self.options.faults = faults;
        self
    }

    /// So many seeds at a time. What is found does not depend on it.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.how.jobs = jobs;
        self
    }

    /// Runs the sweep.
    ///
    /// # Errors
    /// [`ExplorationError`] when the scenario's plans cannot be run.
    pub fn run(&self) -> Result<Report, ExplorationError> {
        Ok(self.campaign()?.report())
    }

    /// Runs the sweep, and panics when a plan failed: with what failed, and the cheapest plan of it as the text of a
    /// file that `cutover replay` runs again.
    ///
    /// # Panics
    /// When a plan violates a property or is not live, when a seed hangs, when the plans cannot be run, and when none of
    /// them is safe: a migration that is always called off has not been tried.
    pub fn assert_safe(&self) {
        match self.campaign() {
            Err(error) => panic!("the sweep cannot be run: {error}"),
            Ok(campaign) => {
                let report = campaign.report();
                let failed = !(report.findings.is_empty() && report.hung.is_empty());
                if failed || !report.verdicts.contains_key(&Verdict::Safe) {
                    panic!("{}", in_short(&report, campaign.sweep()));
                }
            }
        }
    }

    fn campaign(&self) -> Result<Campaign, ExplorationError> {
        let files = recording_files(&self.base.workload).map_err(Box::new)?;
        let recording = match files {
            Some(files) => Some(Arc::new(Recording::load(files.binlogs, files.schema)?)),
            None => None,
        };
        let runner = Runner::new(recording);
        let mut campaign = Campaign::new(&self.base, self.options.clone(), runner, &self.how)?;
        while !campaign.look(LOOK)?.done {}
        Ok(campaign)
    }
}

/// What failed, and the cheapest plan of the first finding.
fn in_short(report: &Report, sweep: &Sweep) -> String {
    let mut text = format!(
        "{} with {}: {} of {} plans failed or hung\n",
        report.scenario,
        report.strategy,
        report.findings.iter().map(|f| f.plans).sum::<u64>() + report.hung.len() as u64,
        report.plans + report.hung.len() as u64
    );
    for finding in &report.findings {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}", line(finding));
    }
    for seed in &report.hung {
        let _ = writeln!(text, "  seed {seed} did not end");
    }
    if !report.verdicts.contains_key(&Verdict::Safe) {
        let verdicts = &report.verdicts;
        let _ = writeln!(text, "  none is safe: {verdicts:?}");
        for off in &report.called_off {
            let (plans, at) = (off.plans, &off.at);
            let _ = writeln!(
                text,
                "  {plans} called off at step {}, \"{}\": {}",
                at.step, at.during, at.because
            );
        }
    }
    if let Some((_, plan)) = report.plans(sweep).first()
        && let Ok(toml) = plan.to_toml()
    {
        let _ = write!(
            text,
            "\nThe cheapest plan of the first; save it, then `cutover replay FILE`:\n\n{toml}"
        );
    }
    text
}

fn line(finding: &Finding) -> String {
    let what = finding.property.as_deref().unwrap_or("not live");
    let mut text = format!(
        "{what}: {} plans, for example seed {}",
        finding.plans, finding.cheapest.seed
    );
    for assumption in finding.broke.values() {
        let _ = write!(text, "; an assumption was broken: {assumption}");
    }
    text
}
