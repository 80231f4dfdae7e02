//! Which scenario: the arguments that `run` and `compare` share.

use crate::failure::Failure;
use cutover::{
    scenarios::{Scenario, WorkloadArg, load_scenario_with},
    sim::{explore::Exemption, plan::Plan, runbook::Runbook},
};

/// The scenario, and what differs from its file.
#[derive(Debug, clap::Args)]
pub struct ScenarioArgs {
    /// A built-in scenario's name (see `cutover list scenarios`) or a file
    #[arg(value_name = "SCENARIO")]
    name: String,
    /// The traffic: a generator's name (orders), or `binlog:` and a folder or files with commas between them
    #[arg(long, value_name = "SPEC")]
    workload: Option<String>,
    /// Override a key of the scenario; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

/// A scenario that has been read, overrides and all.
#[derive(Debug)]
pub struct Loaded(Scenario);

impl ScenarioArgs {
    /// Reads the scenario.
    ///
    /// # Errors
    /// [`Failure::Load`] names the file or the argument.
    pub fn load(&self) -> Result<Loaded, Failure> {
        let workload = self.workload.as_deref().map(str::parse::<WorkloadArg>);
        let workload = workload.transpose()?;
        let scenario = load_scenario_with(&self.name, &self.sets, workload.as_ref())?;
        Ok(Loaded(scenario))
    }

    /// The arguments again.
    pub fn words(&self) -> Vec<&str> {
        let mut words = vec![self.name.as_str()];
        if let Some(workload) = &self.workload {
            words.extend(["--workload", workload]);
        }
        for set in &self.sets {
            words.extend(["--set", set]);
        }
        words
    }
}

impl Loaded {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is about.
    pub fn about(&self) -> &str {
        &self.0.about
    }

    /// The probes that its author exempts.
    pub fn exemptions(&self) -> &[Exemption] {
        &self.0.explore.exempt
    }

    /// The plan of a seed, with the scenario's own strategy or this one.
    pub fn plan(&self, seed: u64, strategy: Option<&Runbook>) -> Plan {
        self.0.plan(seed, strategy)
    }
}
