//! P18, abort safety: when the migration is given up, the source takes writes again soon, has every acknowledged write,
//! and the target takes none.
//!
//! *Soon* is ten minutes: what a parameter group and a handful of calls take, with time for a person to read. Time in
//! which a fault is in force does not count, as with the downtime.

use super::{Property, absent};
use crate::{
    evidence::Evidence,
    explain::operation,
    history::{SCHEDULER, Told},
    operator::Ended,
    outcome::Finding,
    runbook::Host,
    units::Micros,
};

pub(super) const PROPERTY: Property = Property {
    id: "P18",
    name: "Abort safety",
    says: "When the migration is given up, the source is soon writable, has every acknowledged write, runs its events, and the target takes none.",
    check,
};

/// Longest time from giving up to a source that takes writes.
const SOON: Micros = Micros::mins(10);

fn check(e: &Evidence<'_>) -> Finding {
    let given_up = e.marks.given_up.as_ref().map(|given_up| given_up.at);
    let Some(given_up) = given_up.filter(|_| e.ended != Ended::Finished) else {
        return absent("the migration was not given up");
    };
    let violated = |count: u64, first: String| Finding::Violated { count, first };
    if e.source_read_only {
        return violated(
            1,
            format!(
                "the migration was given up at {}, and the source takes no writes to the end",
                e.clock(given_up)
            ),
        );
    }
    if let Some(lifted) = e.marks.fence_lifted.filter(|at| *at > given_up) {
        let took = lifted - given_up - e.disturbed_us(given_up, lifted);
        if took > SOON.0 {
            return violated(
                1,
                format!(
                    "the migration was given up at {}, and the source took writes again only at {}",
                    e.clock(given_up),
                    e.clock(lifted)
                ),
            );
        }
    }
    if let Some(event) = e.events_left_off.first() {
        return violated(
            e.events_left_off.len() as u64,
            format!("the migration was given up, and {event}"),
        );
    }
    let gone = |o: &crate::history::Operation| match o.host {
        Host::Source => e.erased(o.commit).is_some(),
        // What an event does on a target that was given up is no part of the database.
        Host::Target => o.client != SCHEDULER && !e.back_on_source.has(o.commit),
        Host::Replica => false,
    };
    let mut lacks = e
        .writes()
        .filter(|(_, o)| o.told == Told::Ok && gone(o))
        .map(|(n, _)| n)
        .peekable();
    if let Some(first) = lacks.peek().copied() {
        return violated(
            lacks.count() as u64,
            format!(
                "the migration was given up, and the source does not have {}, which was confirmed",
                operation(e, first)
            ),
        );
    }
    let mut taken = e
        .acknowledged(Host::Target)
        .filter(|(_, o)| o.client != SCHEDULER)
        .filter(|(_, o)| o.invoked > e.marks.fence_lifted.unwrap_or(u64::MAX))
        .map(|(n, _)| n)
        .peekable();
    match taken.peek().copied() {
        None => Finding::Holds,
        Some(first) => violated(
            taken.count() as u64,
            format!(
                "the migration was given up, and the target still took {}",
                operation(e, first)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::world::GivenUp;

    fn given_up(at: u64) -> Option<GivenUp> {
        Some(GivenUp {
            at,
            ..GivenUp::default()
        })
    }

    /// Given up at 105 s, the fence lifted at 110 s, an order on the source afterwards.
    fn aborted() -> Made {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, S);
        made.marks.fence = Some(100 * S);
        made.marks.given_up = given_up(105 * S);
        made.marks.fence_lifted = Some(110 * S);
        made.ended = Ended::Aborted;
        made.end_us = 2_000 * S;
        made.place(Host::Source, 0, 2, 111 * S);
        made
    }

    #[test]
    fn a_source_whose_events_stay_off_is_not_given_back() {
        let mut made = aborted();
        let event = "the event shop.purge, which ran on the source, does not run on the source";
        made.events_left_off.push(event.into());
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_source_that_stays_fenced_is_not_given_back() {
        let mut made = aborted();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.source_read_only = true;
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_source_that_comes_back_late_is_a_violation_unless_a_fault_was_in_force() {
        let mut made = aborted();
        made.marks.fence_lifted = Some(706 * S);
        assert_eq!(made.violations(&PROPERTY), 1, "601 s");
        made.disturbed = vec![(200 * S, 202 * S)];
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn what_the_target_had_confirmed_and_the_source_lacks_is_a_violation() {
        let mut made = aborted();
        made.place(Host::Target, 1, 3, 104 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
        made.history.applied_back.push(crate::history::Applied {
            commit: 0,
            at: 106 * S,
        });
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn what_the_source_lost_by_itself_is_not_there_either() {
        let mut made = aborted();
        made.history.erased.push(crate::history::Erased {
            from: 0,
            to: 1,
            at: 2 * S,
        });
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_target_that_goes_on_taking_writes_is_a_violation() {
        let mut made = aborted();
        made.place(Host::Target, 1, 3, 120 * S);
        made.history.applied_back.push(crate::history::Applied {
            commit: 0,
            at: 121 * S,
        });
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn without_an_abort_it_is_absent() {
        assert!(Made::sound().is_absent(&PROPERTY));
        let mut made = Made::rolled_back();
        made.marks.given_up = given_up(150 * S);
        assert!(made.is_absent(&PROPERTY), "the way back alone was given up");
    }
}
