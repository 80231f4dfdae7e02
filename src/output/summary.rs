//! Many results in few figures.

use cutover::sim::outcome::{Finding, Outcome, PropertyResult, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// The middle and the ends of a figure over several runs. The median is a value that a run had: of an even
/// number of runs, the lower one of the two in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: u64,
    /// What 99 of 100 runs do not exceed: the value of the run at the rank n × 99 / 100, rounded up.
    pub p99: u64,
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
}

impl Spread {
    /// None of no values.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        Some(Self {
            median: *values.get(values.len().checked_sub(1)? / 2)?,
            p99: *values.get((values.len() * 99).div_ceil(100).checked_sub(1)?)?,
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

/// All runs of one strategy.
#[derive(Clone, Debug, Serialize)]
pub struct OfStrategy<'a> {
    /// The strategy.
    pub strategy: &'a str,
    /// How many runs.
    pub runs: u64,
    /// How many runs had each verdict; verdicts that none had are left out.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// As the run's field of this name.
    pub lost_writes: Option<Spread>,
    /// As the run's field of this name.
    pub phantom_writes: Option<Spread>,
    /// As the run's field of this name.
    pub duplicate_writes: Option<Spread>,
    /// Of the runs that had a cutover.
    pub downtime_ms: Option<Spread>,
    /// Of the runs that had a cutover.
    pub diverged_rows: Option<Spread>,
    /// As the run's field of this name.
    pub longest_stall_ms: Option<Spread>,
    /// Of the runs that had a target.
    pub final_lag_ms: Option<Spread>,
    /// Going back to the source, of the runs that had a cutover.
    pub way_back: WayBackSpreads,
    /// What the operator did by hand.
    pub by_hand: ByHandSpreads,
    /// As the run's field of this name.
    pub commits: CommitSpreads,
}

/// Going back to the source.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct WayBackSpreads {
    /// How many runs went back.
    pub taken: u64,
    /// Writes that the source does not have at the end.
    pub loses: Option<Spread>,
    /// How long after the cutover one could go back and lose nothing; of the runs in which that came to an end.
    pub free_for_ms: Option<Spread>,
}

/// What the operator did by hand.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ByHandSpreads {
    /// Steps that change or note something.
    pub actions: Option<Spread>,
    /// Steps that wait for something.
    pub waits: Option<Spread>,
}

/// Outcomes of the writing transactions.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CommitSpreads {
    /// Acknowledged.
    pub ok: Option<Spread>,
    /// Failed.
    pub fail: Option<Spread>,
    /// Unknown to the client.
    pub info: Option<Spread>,
}

impl<'a> OfStrategy<'a> {
    /// Sums up the runs of one strategy.
    pub fn of(strategy: &'a str, runs: &[&Outcome]) -> Self {
        let spread =
            |figure: fn(&Outcome) -> u64| Spread::of(runs.iter().map(|outcome| figure(outcome)));
        // The states are compared where there was a cutover.
        let cut_over = || runs.iter().filter(|o| o.diverged_rows.is_some());
        let mut verdicts = BTreeMap::new();
        for run in runs {
            *verdicts.entry(verdict_name(run.verdict)).or_insert(0) += 1;
        }
        Self {
            strategy,
            runs: runs.len() as u64,
            verdicts,
            lost_writes: spread(|o| o.lost_writes),
            phantom_writes: spread(|o| o.phantom_writes),
            duplicate_writes: spread(|o| o.duplicate_writes),
            downtime_ms: Spread::of(runs.iter().filter_map(|o| o.downtime_ms)),
            diverged_rows: Spread::of(runs.iter().filter_map(|o| o.diverged_rows)),
            longest_stall_ms: spread(|o| o.longest_stall_ms),
            final_lag_ms: Spread::of(runs.iter().filter_map(|o| o.final_lag_ms)),
            way_back: WayBackSpreads {
                taken: runs.iter().filter(|o| o.way_back.taken).count() as u64,
                loses: Spread::of(cut_over().map(|o| o.way_back.loses)),
                free_for_ms: Spread::of(runs.iter().filter_map(|o| o.way_back.free_for_ms)),
            },
            by_hand: ByHandSpreads {
                actions: spread(|o| o.by_hand.actions.into()),
                waits: spread(|o| o.by_hand.waits.into()),
            },
            commits: CommitSpreads {
                ok: spread(|o| o.commits.ok),
                fail: spread(|o| o.commits.fail),
                info: spread(|o| o.commits.info),
            },
        }
    }
}

/// One [`OfStrategy`] per strategy, in the order in which they first appear.
pub fn by_strategy<'a>(outcomes: &[&'a Outcome]) -> Vec<OfStrategy<'a>> {
    let mut groups: Vec<(&'a str, Vec<&'a Outcome>)> = Vec::new();
    for outcome in outcomes {
        match groups
            .iter_mut()
            .find(|(name, _)| *name == outcome.strategy)
        {
            Some((_, group)) => group.push(outcome),
            None => groups.push((&outcome.strategy, vec![outcome])),
        }
    }
    groups
        .iter()
        .map(|(name, group)| OfStrategy::of(name, group))
        .collect()
}

/// A verdict as JSON has it.
pub const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Safe => "safe",
        Verdict::Violated => "violated",
        Verdict::Aborted => "aborted",
        Verdict::NotLive => "not-live",
        Verdict::Unknown => "unknown",
    }
}

/// `1 violated, 15 held, 1 absent`.
pub fn tally(properties: &[PropertyResult]) -> String {
    let of =
        |wanted: fn(&Finding) -> bool| properties.iter().filter(|p| wanted(&p.finding)).count();
    [
        (of(|f| matches!(f, Finding::Violated { .. })), "violated"),
        (of(|f| matches!(f, Finding::Holds)), "held"),
        (of(|f| matches!(f, Finding::Absent { .. })), "absent"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect::<Vec<_>>()
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::canned;

    #[test]
    fn a_median_is_a_value_that_a_run_had() {
        let spread =
            |values: &[u64]| Spread::of(values.iter().copied()).map(|s| (s.min, s.median, s.max));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[5]), Some((5, 5, 5)));
        assert_eq!(spread(&[9, 1]), Some((1, 1, 9)));
        assert_eq!(spread(&[9, 1, 4]), Some((1, 4, 9)));
    }

    #[test]
    fn the_names_of_verdicts_are_those_of_json() {
        for verdict in [
            Verdict::Safe,
            Verdict::Violated,
            Verdict::Aborted,
            Verdict::NotLive,
            Verdict::Unknown,
        ] {
            assert_eq!(serde_json::json!(verdict), verdict_name(verdict));
        }
    }

    #[test]
    fn runs_without_cutover_do_not_count_as_no_downtime() {
        let (clean, off) = (canned::clean(), canned::called_off());
        let sum = OfStrategy::of("x", &[&clean, &off]);
        assert_eq!(sum.downtime_ms.map(|s| s.min), Some(41_370));
        assert_eq!(sum.verdicts.get("aborted"), Some(&1));
        assert_eq!(sum.runs, 2);
    }
}
