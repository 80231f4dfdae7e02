//! P11, order by key: the versions that a row takes on the target come in the source's order; what the
//! snapshot held came first.

use super::{NO_REPLICATION, Property, absent, found};
use crate::{
    evidence::{Evidence, RowId},
    explain::commit,
    outcome::Finding,
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

pub(super) const PROPERTY: Property = Property {
    id: "P11",
    name: "Order per key",
    says: "The versions of a row that the target goes through are a subsequence of the source's.",
    check,
};

pub(super) fn check(e: &Evidence<'_>) -> Finding {
    if e.applied.is_empty() {
        return absent(NO_REPLICATION);
    }
    if e.fed.is_some() {
        return by_row(e);
    }
    if e.rows_of.is_empty() {
        return Finding::Holds;
    }
    // The snapshot's own commits matter where one of them is applied again.
    let from = e.applied.iter().map(|a| a.commit).min().unwrap_or(0);
    let sequence = (from..e.cut()).chain(e.applied.iter().map(|a| a.commit));
    let mut latest: IndexMap<RowId, u32, FxBuildHasher> = IndexMap::default();
    let (mut count, mut first) = (0, None);
    for number in sequence {
        let mut newer = None;
        for row in e.rows_of.get(&number).into_iter().flatten() {
            let before = latest.insert(*row, number);
            newer = newer.max(before.filter(|b| *b > number));
        }
        if let Some(newer) = newer {
            count += 1;
            first.get_or_insert((number, newer));
        }
    }
    found(count, || {
        let (older, newer) = first.unwrap_or_default();
        format!(
            "the target applied {} after {}, which writes the same row later",
            commit(e, older),
            commit(e, newer)
        )
    })
}

/// The changes that were applied to each row, as they came. What a table held when it was read is left out: the changes
/// that were captured before come again on top of it, until the row has caught up.
fn by_row(e: &Evidence<'_>) -> Finding {
    let mut latest: IndexMap<RowId, u32, FxBuildHasher> = IndexMap::default();
    let (mut count, mut first) = (0, None);
    let rows = e.history.fed.rows.iter();
    for row in rows.filter(|row| row.identified && row.refused.is_none()) {
        let id = RowId {
            table: row.table,
            key: row.row,
        };
        let before = latest.insert(id, row.commit);
        if let Some(newer) = before.filter(|before| *before > row.commit) {
            count += 1;
            first.get_or_insert((row.commit, newer));
        }
    }
    found(count, || {
        let (older, newer) = first.unwrap_or_default();
        format!(
            "the target applied {} after {}, which writes the same row later",
            commit(e, older),
            commit(e, newer)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};

    fn row(key: u64) -> RowId {
        RowId { table: 1, key }
    }

    #[test]
    fn a_change_that_a_tool_applies_to_a_row_after_a_newer_one_is_a_violation() {
        let mut made = Made::sound();
        made.feed(2, 7, 61 * S);
        made.feed(3, 7, 62 * S);
        made.feed(2, 8, 63 * S);
        assert_eq!(made.violations(&PROPERTY), 0);
        made.feed(2, 7, 64 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
        // What nothing identifies has no versions, and what was refused is none.
        let again = made.history.fed.rows.last_mut().unwrap();
        again.identified = false;
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn a_row_that_goes_back_is_a_violation_and_another_order_of_others_is_not() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.history.applied.rewrite(|list| list.swap(0, 1));
        made.rows_of = [(2, vec![row(1)]), (3, vec![row(2)])].into();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.rows_of = [(2, vec![row(1)]), (3, vec![row(1)])].into();
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn what_the_snapshot_held_and_comes_again_goes_back() {
        let mut made = Made::sound();
        let again = crate::history::Applied {
            commit: 0,
            at: 60 * S,
        };
        made.history.applied.rewrite(|list| list.insert(0, again));
        made.rows_of = [(0, vec![row(1)]), (1, vec![row(1)])].into();
        assert_eq!(made.violations(&PROPERTY), 1);
        made.rows_of = [(0, vec![row(1)]), (1, vec![row(2)])].into();
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn without_replication_it_is_absent() {
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
