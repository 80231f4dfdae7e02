//! P19, rollback safety: the way back is a migration too. The source follows the target's own commits without gaps and
//! none twice (P5 the other way round), and it has all of them when it takes its first write again (P6). That nothing
//! is lost of the union of both histories is P1's, which looks at the source once the application is back there.

use super::{Property, absent, found};
use crate::{
    evidence::Evidence,
    explain,
    history::{Commit, NO_COMMIT},
    outcome::Finding,
};

pub(super) const PROPERTY: Property = Property {
    id: "P19",
    name: "Rollback safety",
    says: "The way back carries the target's own commits to the source in order, each once, and all of them before the source takes a write again.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let back = &e.history.applied_back;
    let mut foreign = back.iter().filter(|a| a.commit == NO_COMMIT);
    if let Some(first) = foreign.next() {
        return found(1 + foreign.count() as u64, || {
            format!(
                "at {} the source applied what a tool had written on the target: rows that it had itself, as they were \
                 earlier",
                e.clock(first.at)
            )
        });
    }
    let (mut next, mut out_of_order) = (0, None);
    let mut jumps = 0;
    for applied in back {
        if applied.commit != next {
            jumps += 1;
            out_of_order.get_or_insert((next, applied));
        }
        next = applied.commit.saturating_add(1);
    }
    if let Some((expected, applied)) = out_of_order {
        return found(jumps, || {
            format!(
                "at {} the source applied the target's commit {} where {} was next",
                e.clock(applied.at),
                applied.commit + 1,
                expected + 1
            )
        });
    }
    let Some(reopened) = e.way_back() else {
        return match back.is_empty() {
            true => absent("the application never went back"),
            false => Finding::Holds,
        };
    };
    let first = first_after(e, reopened).map_or(e.end_us, |c| c.at);
    let had = back.partition_point(|a| a.at <= first);
    let own = e.history.target.len();
    found(own.saturating_sub(had) as u64, || {
        let stranded = e.history.target.at(had);
        let what = match e.history.operations.get(stranded.operation as usize) {
            Some(_) => explain::operation(e, stranded.operation),
            None => "a commit of the target's own".to_string(),
        };
        format!(
            "{what}, committed on the target at {}, was not on the source when that took writes again at {}",
            e.clock(stranded.at),
            e.clock(first)
        )
    })
}

/// The source's first commit behind a moment that is not RDS's own.
fn first_after(e: &Evidence<'_>, at: u64) -> Option<Commit> {
    let behind = e.source_commits_by(at)..e.history.source.len() as u32;
    let mut not_own = behind.filter(|number| !e.history.is_of_rds(*number));
    e.history.source.get(not_own.next()? as usize)
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::runbook::Host;

    #[test]
    fn a_gap_on_the_way_back_or_a_commit_twice_is_a_violation() {
        let mut made = Made::rolled_back();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.history.applied_back.rewrite(|list| list.remove(0));
        assert_eq!(made.violations(&PROPERTY), 1);
        let mut made = Made::rolled_back();
        let back = &mut made.history.applied_back;
        back.rewrite(|list| list.push(list[1]));
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn what_comes_back_and_was_no_commit_of_the_target_is_a_violation() {
        let mut made = Made::rolled_back();
        let own = crate::history::Applied {
            commit: NO_COMMIT,
            at: 150 * S,
        };
        made.history
            .applied_back
            .rewrite(|list| list.insert(0, own));
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn what_the_source_lacks_when_it_takes_writes_again_is_stranded() {
        let mut made = Made::rolled_back();
        made.history.applied_back.rewrite(|list| list.pop());
        assert_eq!(made.violations(&PROPERTY), 1);
        let mut made = Made::rolled_back();
        let back = &mut made.history.applied_back;
        back.edit(1, |applied| applied.at = 175 * S);
        assert_eq!(made.violations(&PROPERTY), 1, "it came too late");
    }

    #[test]
    fn a_write_on_the_target_behind_the_way_back_is_stranded() {
        let mut made = Made::rolled_back();
        made.place(Host::Target, 1, 9, 172 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn who_never_went_back_has_nothing_to_check() {
        assert!(Made::sound().is_absent(&PROPERTY));
    }
}
