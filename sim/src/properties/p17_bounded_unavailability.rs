//! P17, bounded unavailability: from the last acknowledged write on the source to the first on the target
//! nobody wants to write in vain for longer than the strategy promises, nor at any other time of the migration: a write
//! that the source takes in the middle of a hang divides it in two, and ends none of it for anybody else. The promise is
//! for undisturbed times: those in which a fault is in force do not count.

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
    let from = metrics::write_missed_from(e);
    // The latest first: those of after the cutover, if any.
    let tries = || e.history.operations.iter().rev();
    let wanted = || tries().any(|o| metrics::is_waited_for(&o) && o.invoked >= opened);
    let (took, until) = match (metrics::downtime_us(e), from) {
        (Some(took), _) => (took, "until the first on the target"),
        // Nobody got through: it lasted to the end at least.
        (None, Some(from)) if wanted() => (
            e.end_us - from,
            "and none on the target was acknowledged by the end of the run",
        ),
        _ => return absent("no client wanted to write after the cutover"),
    };
    let from = from.unwrap_or_default();
    let disturbed = e.disturbed_us(from, from + took);
    let took = took - disturbed.min(took);
    if took <= promised.0 {
        return in_between(e, promised);
    }
    let (ms, beside) = (whole_ms(took), left_out(disturbed));
    Finding::Violated {
        count: 1,
        first: format!(
            "{ms} from the first write that the source did not take any more (at {}) {until}{beside}; {promised} are promised",
            e.clock(from)
        ),
    }
}

/// The longest time without an acknowledged write, be it before the last on the source or after the first on the target.
fn in_between(e: &Evidence<'_>, promised: Micros) -> Finding {
    let stall = metrics::stalls(e).undisturbed;
    if stall.undisturbed_us() <= promised.0 {
        return Finding::Holds;
    }
    Finding::Violated {
        count: 1,
        first: format!(
            "{} in which no write succeeded that somebody wanted (from {} on){}; {promised} are promised",
            whole_ms(stall.undisturbed_us()),
            e.clock(stall.from),
            left_out(stall.disturbed_us)
        ),
    }
}

fn whole_ms(us: u64) -> Micros {
    Micros(us / 1_000 * 1_000)
}

fn left_out(disturbed_us: u64) -> String {
    match disturbed_us {
        0 => String::new(),
        us => format!(", {} with a fault in force left out", whole_ms(us)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::{history::Told, runbook::Host};

    fn promising(seconds: u64) -> Made {
        let mut made = Made::sound();
        // The last write on the source is acknowledged at 70.001 s.
        made.refuse(Host::Source, 1, 70 * S + 1_000);
        made.promises.downtime = Some(Micros::secs(seconds));
        made
    }

    #[test]
    fn time_in_which_nobody_wants_to_write_does_not_count() {
        let mut made = promising(1);
        made.history.operations.rewrite(|list| list.pop());
        assert_eq!(made.violations(&PROPERTY), 0);
        made.refuse(Host::Source, 1, 100 * S);
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
        // The first on the target is acknowledged at 125.001 s.
        assert_eq!(promising(55).violations(&PROPERTY), 0);
        assert_eq!(promising(54).violations(&PROPERTY), 1);
    }

    #[test]
    fn a_hang_that_a_late_write_divides_is_told_by_its_longer_part() {
        let mut made = promising(50);
        made.refuse(Host::Source, 1, 71 * S);
        made.place(Host::Source, 2, 9, 123 * S);
        let operations = &mut made.history.operations;
        operations.rewrite(|list| list.sort_by_key(|o| o.invoked));
        assert_eq!(
            crate::metrics::downtime_us(&made.evidence()),
            Some(3_000),
            "since the last write that the source took"
        );
        assert_eq!(made.violations(&PROPERTY), 1, "52 s and 3 ms");
        made.disturbed = vec![(80 * S, 83 * S)];
        assert_eq!(made.violations(&PROPERTY), 0);
        made.disturbed.clear();
        made.promises.downtime = Some(Micros::secs(54));
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn clients_that_never_get_through_wait_until_the_end() {
        let mut made = promising(129);
        let operations = &mut made.history.operations;
        operations.rewrite(|list| list.retain(|o| o.host == Host::Source && o.told == Told::Ok));
        made.history.target.rewrite(|list| list.clear());
        made.marks.first_on_target = None;
        assert!(made.is_absent(&PROPERTY), "nobody wanted to write");
        made.refuse(Host::Source, 1, 70 * S + 2_000);
        made.refuse(Host::Source, 1, 150 * S);
        assert_eq!(made.violations(&PROPERTY), 1, "130 s have passed");
    }

    #[test]
    fn without_a_promise_or_a_cutover_it_is_absent() {
        assert!(Made::sound().is_absent(&PROPERTY));
        let mut made = Made::empty();
        made.promises.downtime = Some(Micros::secs(1));
        assert!(made.is_absent(&PROPERTY));
    }
}
