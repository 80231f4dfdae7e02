//! Failures that have their cause in common are one finding, and so are migrations that were called off at one step. Of
//! each the cheapest plan is kept: fewest faults, then fewest commits, then the lowest seed.

use super::record::{Cause, Judged};
use crate::outcome::CalledOff;
use serde::Serialize;
use std::{cmp::Ordering, collections::BTreeMap};

/// What a group has in common: its cause, and the assumptions that were broken in its runs. Without any it is the
/// strategy itself that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// The cause.
    #[serde(flatten)]
    pub cause: Cause,
    /// The assumptions, by the kinds of the faults that broke them.
    pub broke: BTreeMap<String, String>,
}

/// Plans that have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How many plans.
    pub plans: u64,
    /// The cheapest of them.
    pub cheapest: Cheapest,
}

/// A plan that shows a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cheapest {
    /// Its seed.
    pub seed: u64,
    /// Faults in it.
    pub faults: usize,
    /// Transactions that were acknowledged in its run.
    pub commits: u64,
    /// The fingerprint of its run.
    pub fingerprint: String,
    /// The round that it was drawn in, which the bias follows from.
    #[serde(skip)]
    pub round: usize,
}

impl Cheapest {
    fn of(seed: u64, round: usize, judged: &Judged) -> Self {
        Self {
            seed,
            faults: judged.faults,
            commits: judged.commits,
            fingerprint: judged.fingerprint.clone().unwrap_or_default(),
            round,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        let cost = |c: &Self| (c.faults, c.commits, c.seed);
        cost(self).cmp(&cost(other))
    }
}

impl Group {
    /// Of a first plan, which is not counted yet.
    fn of(cheapest: &Cheapest) -> Self {
        Self {
            plans: 0,
            cheapest: cheapest.clone(),
        }
    }

    /// Counts a plan: whether it is the cheapest so far.
    fn add(&mut self, candidate: Cheapest) -> bool {
        self.plans += 1;
        let cheapest = candidate.order(&self.cheapest) != Ordering::Greater;
        if cheapest {
            self.cheapest = candidate;
        }
        cheapest
    }
}

/// All groups of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(BTreeMap<Key, Group>);

impl Groups {
    /// A run of a seed, drawn in this round: counted when it failed.
    pub fn add(&mut self, seed: u64, round: usize, judged: &Judged) {
        let Some(cause) = &judged.failure else { return };
        let key = Key {
            cause: cause.clone(),
            broke: judged.broke.clone(),
        };
        let candidate = Cheapest::of(seed, round, judged);
        let group = self.0.entry(key);
        group
            .or_insert_with(|| Group::of(&candidate))
            .add(candidate);
    }

    /// The groups, those of the strategy itself first, then by the assumptions that were broken, each with its name.
    pub fn all(&self) -> Vec<(String, &Key, &Group)> {
        let mut all: Vec<(&Key, &Group)> = self.0.iter().collect();
        all.sort_by_key(|(key, _)| (&key.broke, &key.cause));
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        let mut named = |key: &Key| {
            let name = key.name();
            let n = taken.entry(name.clone()).or_insert(0);
            *n += 1;
            match *n {
                1 => name,
                n => format!("{name}-{n}"),
            }
        };
        all.into_iter()
            .map(|(key, group)| (named(key), key, group))
            .collect()
    }
}

/// The migrations of a sweep that were called off, by the number of the step that failed; why it did in the cheapest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalledOffs(BTreeMap<u32, (CalledOff, Group)>);

impl CalledOffs {
    /// A run of a seed, drawn in this round: counted when it was called off.
    pub fn add(&mut self, seed: u64, round: usize, judged: &Judged) {
        let Some(called_off) = &judged.called_off else {
            return;
        };
        let candidate = Cheapest::of(seed, round, judged);
        let of_step = self.0.entry(called_off.step);
        let (why, group) =
            of_step.or_insert_with(|| ((**called_off).clone(), Group::of(&candidate)));
        if group.add(candidate) {
            (**called_off).clone_into(why);
        }
    }

    /// In the order of the steps.
    pub fn all(&self) -> impl Iterator<Item = &(CalledOff, Group)> {
        self.0.values()
    }
}

impl Key {
    /// A name that can be a file's: `p1-snapshot-async_failover`.
    fn name(&self) -> String {
        let property = self.cause.property.as_deref().unwrap_or("not-live");
        let parts = [Some(property), self.cause.stage.as_deref()];
        let mut name: Vec<String> = parts.into_iter().flatten().map(str::to_lowercase).collect();
        name.extend(self.broke.keys().cloned());
        name.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Verdict;

    fn judged(property: &str, faults: usize, commits: u64, broke: &[&str]) -> Judged {
        Judged {
            verdict: Verdict::Violated,
            fingerprint: Some(format!("{faults}/{commits}")),
            faults,
            commits,
            as_expected: false,
            fired: Vec::new(),
            broke: broke
                .iter()
                .map(|k| (k.to_string(), "x".to_string()))
                .collect(),
            probes: BTreeMap::new(),
            called_off: None,
            failure: Some(Cause {
                property: Some(property.into()),
                stage: Some("sent".into()),
                during: None,
            }),
        }
    }

    #[test]
    fn the_cheapest_plan_has_the_fewest_faults_then_commits_then_the_lowest_seed() {
        let mut groups = Groups::default();
        for (seed, faults, commits) in [(1, 2, 5), (2, 1, 9), (4, 1, 7), (3, 1, 7)] {
            groups.add(seed, 0, &judged("P1", faults, commits, &[]));
        }
        let all = groups.all();
        assert_eq!(all.len(), 1);
        let (name, _, group) = &all[0];
        assert_eq!((name.as_str(), group.plans), ("p1-sent", 4));
        assert_eq!(group.cheapest.seed, 3);
    }

    #[test]
    fn what_failed_by_itself_is_another_finding_than_what_broke_an_assumption() {
        let mut groups = Groups::default();
        groups.add(1, 0, &judged("P1", 1, 1, &["async_failover"]));
        groups.add(2, 0, &judged("P1", 1, 1, &[]));
        groups.add(
            3,
            0,
            &Judged {
                failure: None,
                ..judged("P1", 1, 1, &[])
            },
        );
        let names: Vec<String> = groups.all().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["p1-sent", "p1-sent-async_failover"]);
    }

    #[test]
    fn migrations_that_were_called_off_at_one_step_are_told_by_the_cheapest_of_them() {
        let mut offs = CalledOffs::default();
        let at = |seed, step, faults, because: &str| {
            let called_off = CalledOff {
                step,
                during: format!("step {step}"),
                because: because.into(),
            };
            let judged = Judged {
                verdict: Verdict::Aborted,
                called_off: Some(Box::new(called_off)),
                failure: None,
                ..judged("P1", faults, 1, &[])
            };
            (seed, judged)
        };
        for (seed, judged) in [
            at(1, 4, 3, "far-fetched"),
            at(2, 4, 1, "plain"),
            at(3, 4, 2, "neither"),
            at(4, 2, 2, "early"),
        ] {
            offs.add(seed, 0, &judged);
        }
        offs.add(5, 0, &judged("P1", 1, 1, &[]));
        let all: Vec<(u32, &str, u64, u64)> = offs
            .all()
            .map(|(off, group)| {
                let because = off.because.as_str();
                (off.step, because, group.plans, group.cheapest.seed)
            })
            .collect();
        assert_eq!(all, [(2, "early", 1, 4), (4, "plain", 3, 2)]);
    }

    #[test]
    fn two_groups_never_have_one_name() {
        let mut groups = Groups::default();
        for (seed, during) in [(1, "Restore"), (2, "Repoint")] {
            let mut judged = judged("P1", 1, 1, &[]);
            judged.failure.as_mut().unwrap().during = Some(during.into());
            groups.add(seed, 0, &judged);
        }
        let names: Vec<String> = groups.all().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["p1-sent", "p1-sent-2"]);
    }
}
