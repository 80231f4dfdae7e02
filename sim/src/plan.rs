//! A plan: a scenario made concrete. `plan → outcome` is a function.
//!
//! A plan replays without the seed it was drawn from, can be edited by hand, and names the fingerprint
//! that its run had when it was saved.

use crate::{
    environment::Environment,
    faults::Fault,
    runbook::Runbook,
    stream::stream_seed,
    units::{Micros, Moment},
    workload_spec::Workload,
};
use serde::{Deserialize, Serialize};

/// The version of the plan file's format.
pub const PLAN_SCHEMA: &str = "1.1";

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// Name of the scenario it was made of.
    pub scenario: String,
    /// The seed that the streams were drawn from; for the reader only.
    pub seed: u64,
    /// What the run had when the plan was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// The clock and the bounds of the run.
    pub clock: Clock,
    /// Seeds of the random streams.
    pub streams: Streams,
    /// What the scenario's author expects.
    #[serde(default)]
    pub expect: Expect,
    /// The environment.
    pub environment: Environment,
    /// The traffic.
    pub workload: Workload,
    /// What goes wrong.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Known bugs that are switched on, by their names: for a build with the feature `mutants` alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mutants: Vec<String>,
    /// The operator's steps.
    pub runbook: Runbook,
}

impl Plan {
    /// The plan of another seed: the same scenario, other random streams.
    pub fn of_seed(&self, seed: u64) -> Self {
        Self {
            seed,
            recorded: None,
            streams: Streams::of(seed),
            ..self.clone()
        }
    }

    /// The text of a file that `cutover replay` runs again.
    ///
    /// # Errors
    /// When the plan names a path that is not UTF-8, which TOML cannot say.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(format!(
            "# A plan of cutover: everything that the run depends on. `cutover replay FILE` runs it again.\n{}",
            toml::to_string(self)?
        ))
    }
}

/// When things begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clock {
    /// The calendar at the beginning of the run.
    pub start: Moment,
    /// The operator starts the runbook this long after the beginning (the orders workload; a recording
    /// says `workload.start_after` instead).
    pub runbook_after: Micros,
    /// The migration must have ended by then; otherwise it is *not live*.
    pub limit: Micros,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Moment(1_772_445_480_000_000),
            runbook_after: Micros::secs(60),
            limit: Micros::hours(72),
        }
    }
}

/// One seed for each purpose, so that a draw added in one place moves nothing elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Streams {
    /// What clients do.
    pub workload: Hex,
    /// The rows that exist before the run.
    pub base: Hex,
    /// Jitter of the links.
    pub links: Hex,
    /// The order of what happens at one instant.
    pub ties: Hex,
    /// How long the control plane takes.
    pub control_plane: Hex,
    /// madsim's own seed.
    pub madsim: Hex,
}

impl Streams {
    /// The streams that a seed expands to.
    pub fn of(seed: u64) -> Self {
        let stream = |purpose| Hex(stream_seed(seed, purpose));
        Self {
            workload: stream("workload"),
            base: stream("base"),
            links: stream("links"),
            ties: stream("ties"),
            control_plane: stream("control_plane"),
            madsim: stream("madsim"),
        }
    }
}

/// A 64-bit number as 16 hexadecimal digits (TOML's integers are signed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hex(pub u64);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(|_| {
            serde::de::Error::custom(format!(
                "`{text}` is not a stream's seed; write up to 16 hexadecimal digits"
            ))
        })
    }
}

/// What a saved plan remembers of its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The version of cutover that ran it.
    pub version: String,
    /// The fingerprint.
    pub fingerprint: String,
}

/// What the scenario's author expects; without any, the verdict is to be *safe*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<crate::outcome::Verdict>,
    /// Properties that must be among the violated ones (`P1`…).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violates: Vec<String>,
}
