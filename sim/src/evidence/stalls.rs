//! Times in which somebody wanted to write, and no write succeeded anywhere.

use super::Evidence;
use crate::{
    history::{Operation, Told},
    metrics::is_waited_for,
    runbook::Host,
};

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
    /// The longest in undisturbed times in which somebody wanted to write in vain, from the beginning of the runbook on. Where nobody waited any more and the next
    /// attempt succeeded, it ended with the last refusal: from when on a write would have succeeded nobody knows.
    pub in_vain: Stall,
}

impl Stalls {
    #[inline]
    fn met_in_vain(&mut self, e: &Evidence<'_>, from: u64, until: u64, ended: bool) {
        let least_us = self.in_vain.undisturbed_us();
        // What was before the migration began is not its doing.
        let from = from.max(e.begun_us);
        if until.saturating_sub(from) > least_us {
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

/// The source's refusal, once the target is open, of whoever kept a connection or an address says nothing of the database
/// for longer than that before it, in µs, when nobody else has tried.
const LONG_IDLE_US: u64 = 60_000_000;

/// What an attempt is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    No,
    /// By the source, when the target was open already.
    LateNo,
    Yes,
}

/// Who waits, while the writes of a run are gone through in the order of their invocation.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    found: Stalls,
    /// Of the attempts that are under way: when each will be answered, and how; the first at the end. They are as few as
    /// there are clients.
    answers: Vec<(u64, Answer)>,
    /// Attempts under way.
    open: u32,
    /// The first attempt after the last acknowledgement.
    since: Option<u64>,
    /// The same, without what a late refusal by the source says nothing of.
    in_vain_since: Option<u64>,
    /// From when on nobody has waited, where the last answer was a refusal.
    idle: Option<u64>,
    /// From when to when nobody waited, where nothing was refused since.
    gap: Option<(u64, u64)>,
}

impl Waiting {
    /// The next write.
    pub(crate) fn see(&mut self, e: &Evidence<'_>, o: &Operation) {
        if !is_waited_for(o) {
            return;
        }
        while let Some((at, answer)) = self.answers.pop_if(|(at, _)| *at <= o.invoked) {
            self.ends(e, at, answer);
        }
        self.begins(o.invoked);
        if o.returned != u64::MAX {
            let stale = || o.host == Host::Source && e.cutover().is_some_and(|at| at <= o.invoked);
            let answer = match o.told {
                Told::Ok | Told::Empty => Answer::Yes,
                _ if stale() => Answer::LateNo,
                _ => Answer::No,
            };
            let answer = (o.returned, answer);
            let place = self.answers.partition_point(|a| *a > answer);
            self.answers.insert(place, answer);
        }
    }

    /// What there was, once all were seen.
    pub(crate) fn stalls(mut self, e: &Evidence<'_>) -> Stalls {
        while let Some((at, answer)) = self.answers.pop() {
            self.ends(e, at, answer);
        }
        if let Some(since) = self.since {
            let until = match self.open {
                0 => self.idle.unwrap_or(since),
                _ => e.end_us.max(since),
            };
            self.stall_ends(e, until, false);
        }
        self.found
    }

    #[inline]
    fn begins(&mut self, at: u64) {
        self.open += 1;
        self.since.get_or_insert(at);
        self.in_vain_since.get_or_insert(at);
        if let Some(idle) = self.idle.take() {
            self.gap = Some((idle, at));
        }
    }

    #[inline]
    fn ends(&mut self, e: &Evidence<'_>, at: u64, answer: Answer) {
        self.open -= 1;
        if answer == Answer::Yes {
            self.stall_ends(e, at, true);
            self.since = (self.open > 0).then_some(at);
            self.in_vain_since = self.since;
            (self.idle, self.gap) = (None, None);
            return;
        }
        if let (Answer::LateNo, Some((gap, over))) = (answer, self.gap)
            && over - gap > LONG_IDLE_US
        {
            let from = self.in_vain_since.replace(over).unwrap_or(gap).min(gap);
            self.found.met_in_vain(e, from, gap, true);
        }
        self.gap = None;
        self.idle = (self.open == 0).then_some(at);
    }

    #[inline]
    fn stall_ends(&mut self, e: &Evidence<'_>, until: u64, ended: bool) {
        let from = self.since.unwrap_or(until).min(until);
        self.found.longest_us = self.found.longest_us.max(until - from);
        let from = self.in_vain_since.unwrap_or(until).min(until);
        match self.gap.filter(|_| ended) {
            None => self.found.met_in_vain(e, from, until, ended),
            Some((gap, over)) => {
                self.found.met_in_vain(e, from, gap.max(from), true);
                self.found.met_in_vain(e, over, until, ended);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metrics, properties::made::*};

    fn stalls(made: &Made) -> Stalls {
        metrics::stalls(&made.evidence())
    }

    #[test]
    fn a_stall_begins_with_an_attempt_and_ends_with_an_answer() {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, 10 * S);
        made.place(Host::Source, 0, 2, 50 * S);
        assert_eq!(
            stalls(&made).longest_us,
            3_000,
            "nobody wanted to write between the two"
        );
        made.refuse(Host::Source, 0, 60 * S);
        made.refuse(Host::Source, 0, 65 * S);
        assert_eq!(stalls(&made).longest_us, 5 * S + 1_000);
        made.place(Host::Target, 0, 3, 70 * S);
        assert_eq!(stalls(&made).longest_us, 10 * S + 1_000);
    }

    #[test]
    fn what_was_in_vain_before_the_runbook_began_is_no_matter_of_the_migration() {
        let mut made = Made::empty();
        made.refuse(Host::Source, 0, 20 * S);
        made.refuse(Host::Source, 0, 49 * S);
        made.place(Host::Source, 0, 1, 50 * S);
        for (begun, in_vain) in [(0, 29), (30, 19), (51, 0)] {
            made.begun_us = begun * S;
            let found = stalls(&made);
            assert_eq!(found.in_vain.undisturbed_us() / S, in_vain);
            assert_eq!(found.longest_us, 30 * S + 1_000);
        }
    }

    #[test]
    fn who_waits_at_the_end_waits_until_then() {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, 10 * S);
        let hangs = made.refuse(Host::Source, 0, 60 * S);
        made.change(hangs as usize, |o| {
            (o.returned, o.told) = (u64::MAX, Told::Pending);
        });
        let found = stalls(&made);
        let from_60_s = made.end_us - 60 * S;
        assert_eq!(found.longest_us, from_60_s);
        assert_eq!(found.in_vain.undisturbed_us(), from_60_s);
        assert!(!found.in_vain.ended);
    }

    #[test]
    fn late_refusals_by_the_source_minutes_apart_are_each_its_own() {
        // The target is open from 120 s on, and its first write is at 125 s.
        let mut made = Made::sound();
        made.history
            .operations
            .rewrite(|list| list.retain(|o| o.host == Host::Source));
        made.refuse(Host::Source, 1, 100 * S);
        made.refuse(Host::Source, 1, 110 * S);
        made.refuse(Host::Source, 1, 150 * S);
        assert_eq!(stalls(&made).in_vain.undisturbed_us(), 50 * S + 1_000);
        made.refuse(Host::Source, 1, 150 * S + LONG_IDLE_US + 2_000);
        assert_eq!(stalls(&made).in_vain.undisturbed_us(), 50 * S + 1_000);
        made.refuse(Host::Target, 1, 400 * S);
        let found = stalls(&made).in_vain;
        assert_eq!(
            (found.from, found.until),
            (150 * S + LONG_IDLE_US + 2_000, 400 * S + 1_000)
        );
    }

    #[test]
    fn between_a_refusal_and_a_success_with_nobody_waiting_nothing_was_wanted_in_vain() {
        let mut made = Made::empty();
        made.refuse(Host::Source, 0, 60 * S);
        made.place(Host::Source, 0, 1, 90 * S);
        let found = stalls(&made);
        assert_eq!(found.longest_us, 30 * S + 1_000);
        assert_eq!(
            found.in_vain.undisturbed_us(),
            3_000,
            "the success took longer"
        );
        made.refuse(Host::Source, 0, 100 * S);
        made.refuse(Host::Source, 0, 120 * S);
        made.place(Host::Source, 0, 2, 150 * S);
        let found = stalls(&made).in_vain;
        assert_eq!((found.from, found.until), (100 * S, 120 * S + 1_000));
    }
}
