//! The figures of a run: outcomes counted, downtime, the longest stall, the lag at cutover.

use crate::{
    evidence::{Evidence, Stalls, writes},
    history::{OPERATOR, Operation, SCHEDULER, Told},
    outcome::WayBack,
    properties::Writes,
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

/// Whether an operation writes and a client waits for its answer: nobody does for an event's, and what the operator types
/// is not the application's.
pub(crate) fn is_waited_for(operation: &Operation) -> bool {
    writes(operation) && !matches!(operation.client, SCHEDULER | OPERATOR)
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

/// The longest times in which nobody's write succeeded; worked out once.
pub fn stalls(e: &Evidence<'_>) -> Stalls {
    Writes::of(e).stalls
}

/// The age, in µs, of the oldest transaction of the source that the target lacked when it was opened; in the
/// end, without cutover. 0 when it lacked none; none without a target.
pub fn final_lag_us(e: &Evidence<'_>) -> Option<u64> {
    if e.snapshot.is_none() && e.fed.is_none() {
        return None;
    }
    let at = e.cutover().unwrap_or(e.end_us);
    let (_, oldest) = e.lacked(e.source_commits_by(at), at);
    let oldest = oldest.and_then(|c| e.history.source.get(c as usize));
    Some(oldest.map_or(0, |c| at.saturating_sub(c.at)))
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
    fn lag_is_the_age_of_the_oldest_transaction_that_is_missing() {
        let mut made = Made::sound();
        assert_eq!(final_lag_us(&made.evidence()), Some(0));
        made.history.applied.rewrite(|list| list.clear());
        assert_eq!(
            final_lag_us(&made.evidence()),
            Some(60 * S),
            "from 60 s to 120 s"
        );
        assert_eq!(final_lag_us(&Made::empty().evidence()), None, "no target");
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
