//! What each step of a runbook is for: the runbook without it, with it earlier or later, or with less of it.
//!
//! A [`Variant`] is a runbook that differs in one step. Run with the plans that the whole runbook survives, it shows
//! what breaks ([`Effect`]); where nothing breaks, the step is redundant in this environment, or what would show it
//! was not among the faults.

use crate::{
    failure::Failure,
    outcome::{Outcome, Verdict},
    runbook::{
        Condition, CoordinatesFrom, Host, OnFailure, Op, ReadCoordinates, Repoint, Runbook,
        SetBinlogRetention, Step, Until, Wait,
    },
    units::Micros,
};
use serde::Serialize;

/// A single look takes less than this, and a second one comes after it.
const ONE_LOOK: Micros = Micros::secs(1);

/// What is done to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is left out.
    Without,
    /// It changes places with the one before.
    Earlier,
    /// It changes places with the one behind.
    Later,
    /// There is less of it: in words.
    Weaker(String),
}

/// A runbook that differs from another in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The step's number, from 0.
    pub step: usize,
    /// What is done to it.
    pub change: Change,
    /// The runbook.
    pub runbook: Runbook,
}

/// All variants, in the order of the steps. Whether a variant can be run at all is for the loader to say.
pub fn variants(runbook: &Runbook) -> Vec<Variant> {
    let mut all = Vec::new();
    for (step, of) in runbook.steps.iter().enumerate() {
        let mut push = |change, runbook| {
            all.push(Variant {
                step,
                change,
                runbook,
            });
        };
        push(Change::Without, without(runbook, step));
        if step > 0 {
            push(Change::Earlier, swapped(runbook, step - 1));
        }
        if step + 1 < runbook.steps.len() {
            push(Change::Later, swapped(runbook, step));
        }
        for (words, weaker) in weaker(runbook, step, of) {
            push(Change::Weaker(words), weaker);
        }
    }
    all
}

fn without(runbook: &Runbook, step: usize) -> Runbook {
    let mut runbook = runbook.clone();
    runbook.steps.remove(step);
    runbook
}

fn swapped(runbook: &Runbook, first: usize) -> Runbook {
    let mut runbook = runbook.clone();
    runbook.steps.swap(first, first + 1);
    runbook
}

/// Less of a step, in all the ways that people choose.
fn weaker(runbook: &Runbook, number: usize, step: &Step) -> Vec<(String, Runbook)> {
    let with = |step: Step| {
        let mut runbook = runbook.clone();
        runbook.steps[number] = step;
        runbook
    };
    let mut all = match step.op() {
        Ok(Op::SetBinlogRetention(o)) if o.hours > 1 => vec![(
            format!("1 hour instead of {}", o.hours),
            with(Step {
                set_binlog_retention: Some(SetBinlogRetention { hours: 1, ..*o }),
                ..step.clone()
            }),
        )],
        Ok(Op::ReadCoordinates(o)) if o.from == CoordinatesFrom::RecoveryEvent => vec![(
            "SHOW MASTER STATUS instead of the recovery event".into(),
            with(Step {
                read_coordinates: Some(ReadCoordinates {
                    from: CoordinatesFrom::SourcePosition,
                    name: o.name.clone(),
                }),
                ..step.clone()
            }),
        )],
        Ok(Op::SetReadOnly(o)) if o.value => vec![(
            "a fence by routing alone: nothing is read-only, and the name moves".into(),
            fenced_by_routing(runbook, o.on),
        )],
        Ok(Op::Repoint(o)) if o.share.is_some() => vec![(
            "all of the application at once".into(),
            with(Step {
                repoint: Some(Repoint { share: None, ..*o }),
                ..step.clone()
            }),
        )],
        Ok(Op::Repoint(o)) if o.restart_clients => vec![(
            "the application is not restarted".into(),
            with(Step {
                repoint: Some(Repoint {
                    restart_clients: false,
                    ..*o
                }),
                ..step.clone()
            }),
        )],
        Ok(Op::Wait(wait)) => {
            return weaker_waits(step, wait)
                .map(|(s, w)| (s, with(w)))
                .collect();
        }
        _ => Vec::new(),
    };
    if step.on_failure != OnFailure::Continue {
        let heedless = Step {
            on_failure: OnFailure::Continue,
            ..step.clone()
        };
        all.push(("goes on when it fails".into(), with(heedless)));
    }
    all
}

fn weaker_waits<'a>(step: &'a Step, wait: &'a Wait) -> impl Iterator<Item = (String, Step)> + 'a {
    let lag = |seconds| Condition {
        seconds_behind_source: Some(seconds),
        ..Condition::default()
    };
    let until = |until| Step {
        wait: Some(Wait {
            until,
            ..wait.clone()
        }),
        ..step.clone()
    };
    let condition = match wait.until.kind() {
        Ok(Until::Applied(_)) => Some((
            "a gate on the lag: Seconds_Behind_Source = 0".to_string(),
            until(lag(0)),
        )),
        Ok(Until::CaughtUp(seconds)) => Some((
            "looks at the lag alone, not at the threads".into(),
            until(lag(seconds)),
        )),
        _ => None,
    };
    let polls = wait.polls.filter(|polls| *polls > 1).map(|polls| {
        let once = Step {
            wait: Some(Wait {
                polls: None,
                ..wait.clone()
            }),
            ..step.clone()
        };
        (format!("one look in favour is enough, not {polls}"), once)
    });
    let look = Step {
        timeout: Some(ONE_LOOK),
        on_failure: OnFailure::Continue,
        wait: Some(Wait {
            every: Some(ONE_LOOK),
            polls: None,
            ..wait.clone()
        }),
        ..step.clone()
    };
    let look = ("one look, and on, whatever it shows".to_string(), look);
    [condition, polls, Some(look)].into_iter().flatten()
}

/// Without `read_only` on a host, and without the waits for it.
fn fenced_by_routing(runbook: &Runbook, host: Host) -> Runbook {
    let mut runbook = runbook.clone();
    runbook.steps.retain(|step| match step.op() {
        Ok(Op::SetReadOnly(o)) => !(o.on == host && o.value),
        Ok(Op::Wait(wait)) => wait.until.kind() != Ok(Until::ReadOnly(host)),
        _ => true,
    });
    runbook
}

/// What a variant does to one plan that the whole runbook survives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It fails.
    Fails(Failure),
    /// It is called off, for this reason.
    CalledOff(String),
    /// It proves nothing: no write was put to the test.
    Unknown,
    /// It is safe, with this downtime in ms.
    Safe(Option<u64>),
}

impl Effect {
    /// Of a run.
    pub fn of(outcome: &Outcome) -> Self {
        match (outcome.verdict, Failure::of(outcome)) {
            (_, Some(failure)) => Self::Fails(failure),
            (Verdict::Aborted, None) => Self::CalledOff(called_off(outcome)),
            (Verdict::Safe, None) => Self::Safe(outcome.downtime_ms),
            (_, None) => Self::Unknown,
        }
    }
}

/// Why the operator called a migration off, in the words of the story.
fn called_off(outcome: &Outcome) -> String {
    const LEAD: &str = "cannot go on: ";
    let mut said = outcome.story.iter().filter(|line| line.who == "operator");
    let why = said.find_map(|line| line.what.strip_prefix(LEAD));
    why.unwrap_or("nobody goes to the target").to_string()
}

/// What a variant does to all of its plans.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What it comes to.
    pub breaks: Breaks,
    /// In how many of the plans.
    pub in_plans: u64,
    /// Of how many that the whole runbook survives and that put the variant to the test.
    pub of: u64,
    /// The plan that shows it best: the number of the first of those with the fewest faults.
    pub proof: Option<usize>,
}

/// What breaks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Breaks {
    /// A property, or liveness.
    Failure {
        /// Which.
        failure: Failure,
    },
    /// The migration is called off.
    CalledOff {
        /// Why, in one of the plans.
        because: String,
    },
    /// Nobody can write for longer.
    Slower {
        /// The median downtime of the whole runbook, in ms.
        downtime_ms: u64,
        /// The variant's.
        instead_ms: u64,
    },
    /// Nothing.
    NothingFound,
}

/// A run of a plan, of the whole runbook or of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What it came to.
    pub effect: Effect,
    /// How many faults the plan has.
    pub faults: usize,
}

/// A downtime counts as longer when it is this many times as long, and so much longer.
const SLOWER: (u64, u64) = (2, 1_000);

/// Judges a variant by its runs beside those of the whole runbook, plan by plan. A plan that the whole runbook does
/// not survive says nothing of a step.
pub fn judge(whole: &[Seen], variant: &[Seen]) -> Judgement {
    let telling = |(_, (whole, variant)): &(usize, (&Seen, &Seen))| {
        matches!(whole.effect, Effect::Safe(_)) && variant.effect != Effect::Unknown
    };
    let plans: Vec<(usize, &Seen)> = whole
        .iter()
        .zip(variant)
        .enumerate()
        .filter(telling)
        .map(|(number, (_, seen))| (number, seen))
        .collect();
    let of = plans.len() as u64;
    let judged = |breaks, those: &[(usize, &Seen)]| Judgement {
        breaks,
        in_plans: those.len() as u64,
        of,
        proof: those
            .iter()
            .min_by_key(|(number, seen)| (seen.faults, *number))
            .map(|(number, _)| *number),
    };
    let some = |is: &dyn Fn(&Effect) -> bool| -> Vec<(usize, &Seen)> {
        plans
            .iter()
            .copied()
            .filter(|(_, seen)| is(&seen.effect))
            .collect()
    };
    let failed = some(&|effect| matches!(effect, Effect::Fails(_)));
    if let Some(failure) = most_frequent(&failed) {
        let those = some(&|effect| matches!(effect, Effect::Fails(f) if f.what == failure.what));
        return judged(Breaks::Failure { failure }, &those);
    }
    let off = some(&|effect| matches!(effect, Effect::CalledOff(_)));
    if let Some((
        _,
        Seen {
            effect: Effect::CalledOff(because),
            ..
        },
    )) = off.first()
    {
        let because = because.clone();
        return judged(Breaks::CalledOff { because }, &off);
    }
    let downtimes =
        |of: &mut dyn Iterator<Item = &Effect>| median(of.filter_map(downtime).collect());
    let before = downtimes(&mut plans.iter().map(|(number, _)| &whole[*number].effect));
    let now = downtimes(&mut plans.iter().map(|(_, seen)| &seen.effect));
    if let (Some(downtime_ms), Some(instead_ms)) = (before, now)
        && instead_ms >= (downtime_ms * SLOWER.0).max(downtime_ms + SLOWER.1)
    {
        let slower = some(&|effect| downtime(effect).is_some_and(|ms| ms >= instead_ms));
        let breaks = Breaks::Slower {
            downtime_ms,
            instead_ms,
        };
        return judged(breaks, &slower);
    }
    judged(Breaks::NothingFound, &[])
}

fn downtime(effect: &Effect) -> Option<u64> {
    match effect {
        Effect::Safe(downtime) => *downtime,
        _ => None,
    }
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// The failure that most of the runs have; of several the first in their order: lost writes come first.
fn most_frequent(failed: &[(usize, &Seen)]) -> Option<Failure> {
    let mut counts = std::collections::BTreeMap::new();
    for (_, seen) in failed {
        if let Effect::Fails(failure) = &seen.effect {
            *counts.entry(failure).or_insert(0u64) += 1;
        }
    }
    let most = counts.values().max().copied()?;
    let first = counts.into_iter().find(|(_, count)| *count == most)?;
    Some(first.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Broken;

    fn failure(property: usize) -> Failure {
        Failure {
            what: Broken::Property(property),
            stage: None,
            during: None,
        }
    }

    fn seen(effect: Effect, faults: usize) -> Seen {
        Seen { effect, faults }
    }

    fn safe(ms: u64) -> Seen {
        seen(Effect::Safe(Some(ms)), 0)
    }

    #[test]
    fn what_the_whole_runbook_does_not_survive_says_nothing_of_a_step() {
        let whole = [seen(Effect::Fails(failure(0)), 1), safe(10)];
        let variant = [seen(Effect::Fails(failure(0)), 1), safe(10)];
        let judged = judge(&whole, &variant);
        assert_eq!((judged.breaks, judged.of), (Breaks::NothingFound, 1));
    }

    #[test]
    fn the_proof_is_the_first_plan_with_the_fewest_faults() {
        let whole = [safe(1), safe(1), safe(1)];
        let variant = [
            seen(Effect::Fails(failure(0)), 3),
            seen(Effect::Fails(failure(0)), 1),
            seen(Effect::Fails(failure(0)), 1),
        ];
        let judged = judge(&whole, &variant);
        assert_eq!((judged.in_plans, judged.of, judged.proof), (3, 3, Some(1)));
    }

    #[test]
    fn a_failure_counts_more_than_a_migration_called_off_and_that_more_than_a_downtime() {
        let whole = [safe(500), safe(500), safe(500)];
        let off = || seen(Effect::CalledOff("x".into()), 0);
        let variant = [off(), off(), seen(Effect::Fails(failure(5)), 0)];
        assert_eq!(
            judge(&whole, &variant).breaks,
            Breaks::Failure {
                failure: failure(5)
            }
        );
        let variant = [safe(90_000), off(), safe(90_000)];
        let because = "x".into();
        assert_eq!(
            judge(&whole, &variant).breaks,
            Breaks::CalledOff { because }
        );
        let variant = [safe(1_500), safe(1_500), safe(90_000)];
        let slower = judge(&whole, &variant);
        assert_eq!(
            slower.breaks,
            Breaks::Slower {
                downtime_ms: 500,
                instead_ms: 1_500
            }
        );
        assert_eq!(slower.in_plans, 3);
        let variant = [safe(1_499), safe(1_499), safe(1_499)];
        assert_eq!(judge(&whole, &variant).breaks, Breaks::NothingFound);
    }
}
