//! Exploration: many plans of one scenario, each with its own faults, and what they have found.
//!
//! A [`Swarm`] makes a plan of a seed. A [`Sweep`] hands out seeds in rounds and merges what came of them in the order
//! of the seeds; what a round hardly reached decides where the next one looks ([`Bias`]). A [`Campaign`] runs a sweep
//! on all cores, writes down what has ended, and takes up what a killed one had written down. Findings depend on the
//! scenario, the options and the version alone: not on the number of cores, nor on interruptions.

mod campaign;
mod confidence;
mod drawer;
mod groups;
mod journal;
mod record;
mod report;
mod runner;
mod scales;
mod steer;
mod swarm;
mod sweep;
mod workers;

pub use campaign::{Campaign, ExploreError, How, Seen};
pub use confidence::at_most;
pub use groups::Cheapest;
pub use journal::JournalError;
pub use record::{Cause, End, Judged, Record};
pub use report::{Assumption, CalledOffAt, Expected, Finding, KindReport, ProbeReport, Report};
pub use runner::Runner;
pub use steer::Bias;
pub use swarm::{Choice, Swarm};
pub use sweep::{ROUND, Sweep};

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Faults of a plan, at most, when nobody says otherwise.
pub const MOST_FAULTS: u32 = 4;

/// What a sweep is to do. Everything that its findings depend on, beside the base plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The version of cutover, for the plans that are kept.
    pub version: String,
    /// The seeds.
    pub seeds: Range<u64>,
    /// Which faults are drawn.
    pub faults: Choice,
    /// Faults of a plan, at most; beside the scenario's own.
    pub most_faults: u32,
    /// Whether later rounds look for what earlier ones hardly reached.
    pub steer: bool,
    /// Probes that need not be reached.
    pub exempt: Vec<Exemption>,
}

impl Options {
    /// Contract faults, steered.
    pub fn new(version: &str, seeds: Range<u64>) -> Self {
        Self {
            version: version.into(),
            seeds,
            faults: Choice::Contract,
            most_faults: MOST_FAULTS,
            steer: true,
            exempt: Vec::new(),
        }
    }
}

/// What a scenario says of its sweeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exploring {
    /// Probes that need not be reached.
    pub exempt: Vec<Exemption>,
}

/// A probe that a sweep of the scenario need not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// Its name.
    pub probe: String,
    /// Why not.
    pub because: String,
}
