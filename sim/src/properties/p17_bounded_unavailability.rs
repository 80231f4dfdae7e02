//! P17, bounded unavailability: nobody wants to write in vain for longer than the strategy promises, be it from the last
//! write that the source takes to the first that the target takes, or at any other time of the migration: a late write that
//! the source still takes divides a hang in two, and a way back is a downtime of its own. The promise is for undisturbed
//! times: those in which a fault is in force do not count.

use super::{NO_CUTOVER, Property, absent};
use crate::{evidence::Evidence, metrics, outcome::Finding, units::Micros};

pub(super) const PROPERTY: Property = Property {
    id: "P17",
    name: "Bounded downtime",
    says: "The time without a writable database stays within what the strategy promises.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let Some(promised) = e.promises.downtime else {
        return absent("the runbook promises no downtime");
    };
    let Some(opened) = e.cutover() else {
        return absent(NO_CUTOVER);
    };
    // The latest first: those of after the cutover, if any.
    let mut tries = e.history.operations.iter().rev();
    if !tries.any(|o| metrics::is_waited_for(&o) && o.returned >= opened) {
        return absent("no client wanted to write after the cutover");
    }
    let stall = metrics::stalls(e).in_vain;
    let took = stall.undisturbed_us();
    if took <= promised.0 {
        return Finding::Holds;
    }
    let whole_ms = |us| Micros(us / 1_000 * 1_000);
    let until = match stall.ended {
        true => "",
        false => ", and none was acknowledged by the end of the run",
    };
    let beside = match stall.disturbed_us {
        0 => String::new(),
        us => format!(", {} with a fault in force left out", whole_ms(us)),
    };
    Finding::Violated {
        count: 1,
        first: format!(
            "from {} to {} no write succeeded that a client wanted{until}: {}{beside}; {promised} are promised",
            e.clock(stall.from),
            e.clock(stall.until),
            whole_ms(took)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::{history::Told, runbook::Host};

    fn in_order(made: &mut Made) {
        let operations = &mut made.history.operations;
        operations.rewrite(|list| list.sort_by_key(|o| o.invoked));
    }

    /// The last write on the source is acknowledged at 70.001 s, the first on the target at 125.001 s, and somebody is
    /// refused from the one to the other.
    fn promising(seconds: u64) -> Made {
        let mut made = Made::sound();
        made.refuse(Host::Source, 1, 70 * S + 1_000);
        made.refuse(Host::Target, 2, 125 * S - 1_000);
        in_order(&mut made);
        made.promises.downtime = Some(Micros::secs(seconds));
        made
    }

    #[test]
    fn time_in_which_nobody_wants_to_write_does_not_count() {
        let mut made = Made::sound();
        made.promises.downtime = Some(Micros::secs(1));
        assert_eq!(made.violations(&PROPERTY), 0);
        made.refuse(Host::Source, 1, 100 * S);
        in_order(&mut made);
        assert_eq!(made.violations(&PROPERTY), 0, "the next one succeeds");
        made.refuse(Host::Source, 1, 102 * S);
        in_order(&mut made);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn the_time_of_a_fault_does_not_count() {
        let mut made = promising(50);
        assert_eq!(made.violations(&PROPERTY), 1);
        // Overlapping, and beyond the downtime on either side.
        made.disturbed = vec![(60 * S, 72 * S), (71 * S, 74 * S), (124 * S, 200 * S)];
        assert_eq!(made.violations(&PROPERTY), 0);
        made.disturbed.remove(1);
        made.promises.downtime = Some(Micros::secs(51));
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_longer_downtime_than_promised_is_a_violation() {
        assert_eq!(promising(55).violations(&PROPERTY), 0);
        assert_eq!(promising(54).violations(&PROPERTY), 1);
    }

    #[test]
    fn a_hang_that_a_late_write_divides_is_told_by_its_longer_part() {
        let mut made = promising(50);
        made.refuse(Host::Source, 1, 123 * S - 1_500);
        made.place(Host::Source, 2, 9, 123 * S);
        in_order(&mut made);
        assert_eq!(
            crate::metrics::downtime_us(&made.evidence()),
            Some(3_000),
            "since the last write that the source took"
        );
        assert_eq!(made.violations(&PROPERTY), 1, "53 s");
        made.disturbed = vec![(80 * S, 83 * S)];
        assert_eq!(made.violations(&PROPERTY), 0);
        made.disturbed.clear();
        made.promises.downtime = Some(Micros::secs(53));
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn clients_that_never_get_through_wait_until_the_last_refusal_or_the_end() {
        let mut made = promising(79);
        let operations = &mut made.history.operations;
        operations.rewrite(|list| list.retain(|o| o.host == Host::Source && o.told == Told::Ok));
        made.history.target.rewrite(|list| list.clear());
        made.marks.first_on_target = None;
        assert!(made.is_absent(&PROPERTY), "nobody wanted to write");
        made.refuse(Host::Source, 1, 70 * S + 2_000);
        let last = made.refuse(Host::Target, 1, 150 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
        made.promises.downtime = Some(Micros::secs(80));
        assert_eq!(made.violations(&PROPERTY), 0);
        made.change(last as usize, |o| {
            (o.returned, o.told) = (u64::MAX, Told::Pending);
        });
        made.promises.downtime = Some(Micros::secs(129));
        assert_eq!(made.violations(&PROPERTY), 1, "until the end, at 200 s");
    }

    #[test]
    fn without_a_promise_or_a_cutover_it_is_absent() {
        assert!(Made::sound().is_absent(&PROPERTY));
        let mut made = Made::empty();
        made.promises.downtime = Some(Micros::secs(1));
        assert!(made.is_absent(&PROPERTY));
    }
}
