//! P8, fence soundness: once the fence is taken for effective, nothing commits on the source, whoever
//! the client is, until the fence is lifted on the way back. What the operator types there is meant to be there, a
//! sentinel: the target must have it as everything else (P1, P6).

use super::{Property, absent, found};
use crate::{evidence::Evidence, explain::commit, history::OPERATOR, outcome::Finding};

pub(super) const PROPERTY: Property = Property {
    id: "P8",
    name: "Fence soundness",
    says: "After the fence nothing commits on the source, whoever tries.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let Some(fence) = e.marks.fence else {
        return absent(match e.has_fence {
            true => "the runbook never came to its fence",
            false => "the runbook has no fence",
        });
    };
    let before = e.source_commits_by(fence);
    let until = match e.marks.fence_lifted {
        Some(lifted) => e.source_commits_by(lifted),
        None => e.history.source.len() as u32,
    };
    let is_typed = |number: &u32| {
        let operation = e.history.source.at(*number as usize).operation;
        let operation = e.history.operations.get(operation as usize);
        operation.is_some_and(|o| o.client == OPERATOR) || e.history.altered.contains(number)
    };
    let is_of_rds = |number: &u32| e.history.is_of_rds(*number);
    let mut through = (before..until).filter(|number| !is_typed(number) && !is_of_rds(number));
    let Some(first) = through.next() else {
        return Finding::Holds;
    };
    found(1 + through.count() as u64, || {
        format!(
            "{} came through the fence, which was taken for effective at {}",
            commit(e, first),
            e.clock(fence)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::runbook::Host;

    #[test]
    fn a_commit_behind_the_fence_came_through_it() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.place(Host::Source, 3, 9, 101 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn what_the_operator_types_behind_the_fence_did_not_come_through_it() {
        let mut made = Made::sound();
        made.place(Host::Source, OPERATOR, 9, 101 * S);
        assert_eq!(made.violations(&PROPERTY), 0);
        made.place(Host::Source, 3, 10, 102 * S);
        assert_eq!(made.violations(&PROPERTY), 1, "the client's alone");
        let number = made.history.source.len() as u32 - 1;
        made.history.altered.push(number);
        assert_eq!(made.violations(&PROPERTY), 0, "a change of a table");
    }

    #[test]
    fn what_rds_writes_behind_the_fence_did_not_come_through_it() {
        let mut made = Made::sound();
        made.place(Host::Source, 3, 9, 101 * S);
        let number = made.history.source.len() as u32 - 1;
        made.history.of_rds.push(number);
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn a_fence_that_was_lifted_stops_nothing_any_more() {
        let mut made = Made::sound();
        made.marks.fence_lifted = Some(105 * S);
        made.place(Host::Source, 3, 9, 104 * S);
        made.place(Host::Source, 3, 10, 106 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn without_a_fence_it_is_absent() {
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
