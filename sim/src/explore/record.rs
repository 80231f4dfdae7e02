//! What a sweep keeps of a seed: enough to count and to group it. Its plan is drawn again when it is needed.

use crate::{
    failure::Failure,
    outcome::{CalledOff, FaultSeen, Outcome, Verdict},
    plan::Plan,
    verdict::Brief,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The seed.
    pub seed: u64,
    /// How its run ended.
    #[serde(flatten)]
    pub end: End,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It was judged.
    Judged(Judged),
    /// It did not end within the time that a seed is given on the wall's clock.
    Hung,
}

/// A run that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The run's fingerprint, where it failed or was called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Faults of the plan.
    pub faults: usize,
    /// Transactions that were acknowledged.
    pub commits: u64,
    /// Whether it is what the scenario expects.
    pub as_expected: bool,
    /// The kinds of the faults that fired, by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<String>,
    /// The assumptions that those faults break, by the key of the kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub broke: BTreeMap<String, String>,
    /// The probes that were reached, and how often.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<String, u32>,
    /// Where a migration that is *aborted* was called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_off: Option<Box<CalledOff>>,
    /// What failed; none of a run that is safe, aborted or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Cause>,
}

/// What two failures have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// The first property that is violated, by its id; none of a run that is not live.
    pub property: Option<String>,
    /// Where the first write that is explained got lost.
    pub stage: Option<String>,
    /// The runbook's step that was under way.
    pub during: Option<String>,
}

impl Record {
    /// Of a run, which is told in full where its plan may be kept.
    pub(super) fn of(plan: &Plan, brief: Brief, told: Option<&Outcome>) -> Self {
        let kinds = |faults: &[FaultSeen]| {
            let mut kinds: Vec<String> = faults.iter().map(|f| f.kind.to_string()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds
        };
        let broke = brief.faults.iter().filter_map(|fault| {
            let assumption = fault.breaks?;
            Some((fault.kind.to_string(), assumption.to_string()))
        });
        let probes = brief.probes.iter().map(|p| (p.probe.to_string(), p.count));
        Self {
            seed: plan.seed,
            end: End::Judged(Judged {
                verdict: brief.verdict,
                fingerprint: told.map(|outcome| outcome.fingerprint.clone()),
                faults: plan.faults.len(),
                commits: brief.acknowledged,
                as_expected: brief.as_expected,
                fired: kinds(&brief.faults),
                broke: broke.collect(),
                probes: probes.collect(),
                called_off: brief.called_off.map(Box::new),
                failure: told.and_then(Failure::of).map(Cause::of),
            }),
        }
    }
}

impl Cause {
    fn of(failure: Failure) -> Self {
        Self {
            property: failure.what.property().map(|p| p.id.to_string()),
            stage: failure.stage.map(|stage| stage.to_string()),
            during: failure.during,
        }
    }
}
