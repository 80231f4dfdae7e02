//! P5, prefix consistency: at any time before promotion the target equals the source after some commit;
//! or what weaker the strategy promises: nothing before what it depends on, or each row by itself.

use super::{NO_REPLICATION, Property, absent, found, p11_per_key_order};
use crate::{
    evidence::{CommitSet, Evidence, RowId},
    explain::commit,
    outcome::Finding,
    runbook::PrefixStrength,
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

pub(super) const PROPERTY: Property = Property {
    id: "P5",
    name: "Prefix consistency",
    says: "Before promotion the target follows the source's commits without gaps, in the strength that the strategy promises.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    if e.applied.is_empty() {
        return absent(NO_REPLICATION);
    }
    // Who carries rows keeps each row by itself in order, whatever the runbook promises.
    if e.fed.is_some() {
        return p11_per_key_order::check(e);
    }
    match e.promises.prefix {
        PrefixStrength::Prefix => prefix(e),
        PrefixStrength::DependencyClosed => dependency_closed(e),
        PrefixStrength::PerRow => p11_per_key_order::check(e),
    }
}

/// Every application is of the commit after the one before; what the source lost before anybody had it is passed over,
/// and what RDS writes for itself may be missing, or come again.
fn prefix(e: &Evidence<'_>) -> Finding {
    if e.sequence().is_whole {
        return Finding::Holds;
    }
    let (mut count, mut first) = (0, None);
    let mut next = e.cut();
    for applied in e.applied.iter() {
        let is_of_rds = |commit| e.history.is_of_rds(commit);
        while next < applied.commit && (e.erased(next).is_some() || is_of_rds(next)) {
            next += 1;
        }
        if applied.commit != next && is_of_rds(applied.commit) {
            continue;
        }
        if applied.commit != next {
            count += 1;
            first.get_or_insert((next, applied.commit));
        }
        next = applied.commit.saturating_add(1);
    }
    found(count, || {
        let (expected, applied) = first.unwrap_or_default();
        format!(
            "the target applied {} where {} was next",
            commit(e, applied),
            commit(e, expected)
        )
    })
}

/// No transaction is applied before an earlier one that wrote one of its rows.
fn dependency_closed(e: &Evidence<'_>) -> Finding {
    let mut writers: IndexMap<RowId, Vec<u32>, FxBuildHasher> = IndexMap::default();
    for (number, rows) in &e.rows_of {
        for row in rows {
            writers.entry(*row).or_default().push(*number);
        }
    }
    let mut had = CommitSet::new(e.history.source.len(), e.cut(), []);
    let (mut count, mut first) = (0, None);
    for applied in e.applied.iter() {
        let rows = e.rows_of.get(&applied.commit).into_iter().flatten();
        // The nearest earlier writer is enough: for the ones before it, it answers itself. One that the source has
        // lost is nobody's to wait for.
        let before = rows.filter_map(|row| {
            let of_row = writers.get(row)?;
            let at = of_row.partition_point(|w| *w < applied.commit);
            let earlier = of_row[..at].iter().rev();
            earlier.copied().find(|w| e.erased(*w).is_none())
        });
        if let Some(missing) = before.filter(|w| !had.has(*w)).min() {
            count += 1;
            first.get_or_insert((applied.commit, missing));
        }
        had.add(applied.commit);
    }
    found(count, || {
        let (applied, missing) = first.unwrap_or_default();
        format!(
            "the target applied {} without {}, which wrote the same row before",
            commit(e, applied),
            commit(e, missing)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::runbook::Host;

    fn row(key: u64) -> RowId {
        RowId { table: 1, key }
    }

    #[test]
    fn a_target_that_was_filled_row_by_row_keeps_each_row_in_order_whatever_is_promised() {
        let mut made = Made::sound();
        // Commit 3 has arrived before commit 2, with other rows.
        made.history.applied.rewrite(|list| list.swap(0, 1));
        assert_eq!(made.violations(&PROPERTY), 2);
        made.feed(3, 8, 61 * S);
        made.feed(2, 7, 62 * S);
        assert_eq!(made.violations(&PROPERTY), 0);
        made.feed(2, 8, 63 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_gap_or_a_swap_breaks_the_prefix() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.history.applied.rewrite(|list| list.swap(0, 1));
        assert_eq!(made.violations(&PROPERTY), 2);
        let mut made = Made::sound();
        made.history.applied.rewrite(|list| list.remove(0));
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn what_rds_writes_for_itself_is_nobodys_to_wait_for_either() {
        let mut made = Made::sound();
        made.history.applied.rewrite(|list| list.remove(0));
        assert_eq!(made.violations(&PROPERTY), 1);
        made.history.of_rds.push(2);
        assert_eq!(made.violations(&PROPERTY), 0, "it is missing");
        made.apply(2, 90 * S);
        assert_eq!(made.violations(&PROPERTY), 0, "it comes late");
    }

    #[test]
    fn what_the_source_lost_is_nobodys_to_wait_for() {
        for prefix in [PrefixStrength::Prefix, PrefixStrength::DependencyClosed] {
            let mut made = Made::sound();
            made.promises.prefix = prefix;
            made.history.applied.rewrite(|list| list.remove(0));
            made.rows_of = [(2, vec![row(1)]), (3, vec![row(1)])].into();
            assert_eq!(made.violations(&PROPERTY), 1);
            made.history.erased.push(crate::history::Erased {
                from: 2,
                to: 3,
                at: 60 * S,
            });
            assert_eq!(made.violations(&PROPERTY), 0);
        }
    }

    #[test]
    fn dependencies_may_not_be_overtaken_and_others_may() {
        let mut made = Made::sound();
        made.promises.prefix = PrefixStrength::DependencyClosed;
        made.history.applied.rewrite(|list| list.swap(0, 1));
        made.rows_of = [(2, vec![row(1), row(2)]), (3, vec![row(3)])].into();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.rows_of = [(2, vec![row(1), row(2)]), (3, vec![row(2)])].into();
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_dependency_that_is_never_applied_is_missed() {
        let mut made = Made::sound();
        made.promises.prefix = PrefixStrength::DependencyClosed;
        made.history.applied.rewrite(|list| list.remove(0));
        made.rows_of = [(2, vec![row(1)]), (3, vec![row(1)])].into();
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_row_by_itself_is_followed_in_order() {
        let mut made = Made::sound();
        made.promises.prefix = PrefixStrength::PerRow;
        made.history.applied.rewrite(|list| list.swap(0, 1));
        made.rows_of = [(2, vec![row(1)]), (3, vec![row(2)])].into();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.rows_of = [(2, vec![row(1)]), (3, vec![row(1)])].into();
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn without_replication_there_is_no_prefix_to_follow() {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, S);
        assert!(made.is_absent(&PROPERTY));
    }
}
