//! The figures of a run: outcomes counted, downtime, the longest stall, the lag at cutover.

use crate::{
    evidence::{Evidence, writes},
    history::{Operation, SCHEDULER, Told},
    outcome::WayBack,
};

/// How long somebody wanted to write and no write succeeded, from the last acknowledged write on the source to the first
/// on the target, in µs; 0 where they overlap. None without cutover, or where one side acknowledged nothing.
pub fn downtime_us(e: &Evidence<'_>) -> Option<u64> {
    e.cutover()?;
    let from = write_missed_from(e)?;
    let first = e.survey().first_on_target?;
    Some(first.saturating_sub(from))
}

/// From when on a write was wanted that did not succeed on the source any more, in µs: from the last that did, or from the
/// first attempt behind it when nobody wanted anything for a while. None where the source acknowledged nothing.
pub fn write_missed_from(e: &Evidence<'_>) -> Option<u64> {
    *e.found.missed_from.get_or_init(|| {
        let last = e.survey().last_on_source?;
        // One that finds nothing to change is answered all the same.
        let in_vain = |o: &Operation| o.returned > last && o.told != Told::Empty;
        let mut missed = None;
        // The latest first: mostly somebody wanted something when the last succeeded, and that is the earliest there is.
        for operation in e.history.operations.iter().rev() {
            if in_vain(&operation) && is_waited_for(&operation) {
                let wanted = operation.invoked.max(last);
                missed = Some(missed.map_or(wanted, |missed: u64| missed.min(wanted)));
            }
            if missed == Some(last) {
                break;
            }
        }
        Some(missed.unwrap_or(last))
    })
}

/// Whether an operation writes and somebody waits for its answer: nobody does for an event's.
pub(crate) fn is_waited_for(operation: &Operation) -> bool {
    writes(operation) && operation.client != SCHEDULER
}

/// What going back to the source loses, or has lost, and from when on.
pub fn way_back(e: &Evidence<'_>) -> WayBack {
    let survey = e.survey();
    let free = survey.first_lost_by_going_back.zip(e.cutover());
    WayBack {
        taken: e.way_back().is_some(),
        loses: survey.lost_by_going_back,
        free_for_ms: free.map(|(first, cutover)| first.saturating_sub(cutover) / 1_000),
    }
}

/// A time in which no write was acknowledged anywhere while some client wanted to write, in µs of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stall {
    /// The first attempt after an acknowledgement, anybody's.
    pub from: u64,
    /// The next acknowledgement. Without one, the end of the run for who still waits then, and the last refusal for who
    /// does not.
    pub until: u64,
    /// An acknowledgement ends it.
    pub ended: bool,
    /// How long of that a fault was in force.
    pub disturbed_us: u64,
}

impl Stall {
    /// How long it lasted without what a fault was in force, in µs.
    pub fn undisturbed_us(&self) -> u64 {
        (self.until - self.from).saturating_sub(self.disturbed_us)
    }
}

/// The longest of a run's stalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    /// How long the longest lasted, in µs.
    pub longest_us: u64,
    /// The longest in undisturbed times in which somebody wanted to write in vain. Where nobody waited any more and the next
    /// attempt succeeded, it ended with the last refusal: from when on a write would have succeeded nobody knows.
    pub in_vain: Stall,
}

impl Stalls {
    #[inline]
    fn met_in_vain(&mut self, e: &Evidence<'_>, from: u64, until: u64, ended: bool) {
        let least_us = self.in_vain.undisturbed_us();
        if until - from > least_us {
            let stall = Stall {
                from,
                until,
                ended,
                disturbed_us: e.disturbed_us(from, until),
            };
            if stall.undisturbed_us() > least_us {
                self.in_vain = stall;
            }
        }
    }
}

/// Who waits, while a run is gone through.
#[derive(Debug, Default)]
struct Waiting {
    found: Stalls,
    /// Attempts under way.
    open: u32,
    /// The first attempt after the last acknowledgement.
    since: Option<u64>,
    /// From when on nobody has waited, where the last answer was a refusal.
    idle: Option<u64>,
    /// From when to when nobody waited, where nothing was refused since.
    gap: Option<(u64, u64)>,
}

impl Waiting {
    #[inline]
    fn begins(&mut self, at: u64) {
        self.open += 1;
        self.since.get_or_insert(at);
        if let Some(idle) = self.idle.take() {
            self.gap = Some((idle, at));
        }
    }

    #[inline]
    fn ends(&mut self, e: &Evidence<'_>, at: u64, good: bool) {
        self.open -= 1;
        if good {
            self.stall_ends(e, at, true);
            self.since = (self.open > 0).then_some(at);
            (self.idle, self.gap) = (None, None);
        } else {
            self.gap = None;
            self.idle = (self.open == 0).then_some(at);
        }
    }

    #[inline]
    fn stall_ends(&mut self, e: &Evidence<'_>, until: u64, ended: bool) {
        let from = self.since.unwrap_or(until).min(until);
        self.found.longest_us = self.found.longest_us.max(until - from);
        match self.gap.filter(|_| ended) {
            None => self.found.met_in_vain(e, from, until, ended),
            Some((gap, over)) => {
                self.found.met_in_vain(e, from, gap, true);
                self.found.met_in_vain(e, over, until, ended);
            }
        }
    }
}

/// The longest stalls; worked out once.
pub fn stalls(e: &Evidence<'_>) -> Stalls {
    *e.found.stalls.get_or_init(|| longest_stalls(e))
}

fn longest_stalls(e: &Evidence<'_>) -> Stalls {
    // Of the attempts that are under way: when each will be answered, and whether with yes; the first at the end. They
    // are as few as there are clients.
    let mut answers: Vec<(u64, bool)> = Vec::new();
    let mut waiting = Waiting::default();
    for operation in &e.history.operations {
        if !is_waited_for(&operation) {
            continue;
        }
        while let Some((at, good)) = answers.pop_if(|(at, _)| *at <= operation.invoked) {
            waiting.ends(e, at, good);
        }
        waiting.begins(operation.invoked);
        if operation.returned != u64::MAX {
            let good = matches!(operation.told, Told::Ok | Told::Empty);
            let answer = (operation.returned, good);
            answers.insert(answers.partition_point(|a| *a > answer), answer);
        }
    }
    while let Some((at, good)) = answers.pop() {
        waiting.ends(e, at, good);
    }
    if let Some(since) = waiting.since {
        let until = match waiting.open {
            0 => waiting.idle.unwrap_or(since),
            _ => e.end_us.max(since),
        };
        waiting.stall_ends(e, until, false);
    }
    waiting.found
}

/// The age, in µs, of the oldest transaction of the source that the target lacked when it was opened; in the
/// end, without cutover. 0 when it lacked none, and without a target.
pub fn final_lag_us(e: &Evidence<'_>) -> u64 {
    if e.snapshot.is_none() && e.fed.is_none() {
        return 0;
    }
    let at = e.cutover().unwrap_or(e.end_us);
    let (_, oldest) = e.lacked(e.source_commits_by(at), at);
    let oldest = oldest.and_then(|c| e.history.source.get(c as usize));
    oldest.map_or(0, |c| at.saturating_sub(c.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{properties::made::*, runbook::Host};

    #[test]
    fn downtime_is_from_the_first_write_that_is_wanted_in_vain() {
        let mut made = Made::sound();
        let own = 3_000;
        assert_eq!(
            downtime_us(&made.evidence()),
            Some(own),
            "nobody wanted to write before the first on the target"
        );
        made.refuse(Host::Source, 1, 90 * S);
        assert_eq!(downtime_us(&made.evidence()), Some(35 * S + 1_000));
        // Under way when the last one was acknowledged: it waits from then on.
        let early = made.refuse(Host::Source, 2, 60 * S);
        made.change(early as usize, |o| o.returned = 80 * S);
        assert_eq!(downtime_us(&made.evidence()), Some(55 * S));
        made.place(Host::Source, 3, 9, 140 * S);
        assert_eq!(downtime_us(&made.evidence()), Some(0), "they overlap");
        assert_eq!(downtime_us(&Made::empty().evidence()), None);
    }

    #[test]
    fn a_stall_begins_with_an_attempt_and_ends_with_an_answer() {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, 10 * S);
        made.place(Host::Source, 0, 2, 50 * S);
        assert_eq!(
            stalls(&made.evidence()).longest_us,
            3_000,
            "nobody wanted to write between the two"
        );
        made.refuse(Host::Source, 0, 60 * S);
        made.refuse(Host::Source, 0, 65 * S);
        assert_eq!(stalls(&made.evidence()).longest_us, 5 * S + 1_000);
        made.place(Host::Target, 0, 3, 70 * S);
        assert_eq!(stalls(&made.evidence()).longest_us, 10 * S + 1_000);
    }

    #[test]
    fn who_waits_at_the_end_waits_until_then() {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, 10 * S);
        let hangs = made.refuse(Host::Source, 0, 60 * S);
        made.change(hangs as usize, |o| {
            (o.returned, o.told) = (u64::MAX, Told::Pending);
        });
        let found = stalls(&made.evidence());
        let from_60_s = made.end_us - 60 * S;
        assert_eq!(found.longest_us, from_60_s);
        assert_eq!(found.in_vain.undisturbed_us(), from_60_s);
        assert!(!found.in_vain.ended);
    }

    #[test]
    fn between_a_refusal_and_a_success_with_nobody_waiting_nothing_was_wanted_in_vain() {
        let mut made = Made::empty();
        made.refuse(Host::Source, 0, 60 * S);
        made.place(Host::Source, 0, 1, 90 * S);
        let found = stalls(&made.evidence());
        assert_eq!(found.longest_us, 30 * S + 1_000);
        assert_eq!(
            found.in_vain.undisturbed_us(),
            3_000,
            "the success took longer"
        );
        made.refuse(Host::Source, 0, 100 * S);
        made.refuse(Host::Source, 0, 120 * S);
        made.place(Host::Source, 0, 2, 150 * S);
        let found = stalls(&made.evidence()).in_vain;
        assert_eq!((found.from, found.until), (100 * S, 120 * S + 1_000));
    }

    #[test]
    fn lag_is_the_age_of_the_oldest_transaction_that_is_missing() {
        let mut made = Made::sound();
        assert_eq!(final_lag_us(&made.evidence()), 0);
        made.history.applied.rewrite(|list| list.clear());
        assert_eq!(final_lag_us(&made.evidence()), 60 * S, "from 60 s to 120 s");
    }

    #[test]
    fn going_back_loses_what_was_confirmed_on_the_target_and_never_came_to_the_source() {
        let mut made = Made::sound();
        let lost = way_back(&made.evidence());
        assert_eq!((lost.taken, lost.loses), (false, 2));
        assert_eq!(lost.free_for_ms, Some(5_001), "from 120 s to 125.001 s");
        made.history.applied_back.push(crate::history::Applied {
            commit: 0,
            at: 130 * S,
        });
        let lost = way_back(&made.evidence());
        assert_eq!((lost.loses, lost.free_for_ms), (1, Some(6_001)));
        let back = way_back(&Made::rolled_back().evidence());
        assert_eq!((back.taken, back.loses, back.free_for_ms), (true, 0, None));
    }

    #[test]
    fn outcomes_are_counted_of_writes_alone() {
        let mut made = Made::sound();
        made.refuse(Host::Source, 0, 130 * S);
        made.change(0, |o| o.told = Told::Info);
        made.change(1, |o| o.kind = crate::history::Kind::Read);
        let counted = made.evidence().survey().commits;
        assert_eq!((counted.ok, counted.fail, counted.info), (4, 1, 1));
    }
}
