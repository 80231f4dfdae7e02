//! P7, transaction atomicity: no commit of the applier leaves part of a source's transaction visible.
//! Transfers keep the sum of all balances, so a sum that is off is half a transfer.

use super::{NO_REPLICATION, Property, absent, found};
use crate::{evidence::Evidence, outcome::Finding};

pub(super) const PROPERTY: Property = Property {
    id: "P7",
    name: "Whole transactions",
    says: "The target never shows part of a transaction: the sum of all balances is the same after every commit.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    if e.shop.is_none() {
        return absent("a recording has no sum that is known to stay the same");
    }
    if e.fed.is_some() {
        return absent(
            "the target was filled row by row: while tables are loaded, no state of it is one that the source had",
        );
    }
    if e.history.arrived().is_empty() {
        return absent(NO_REPLICATION);
    }
    found(e.marks.torn_commits, || {
        format!(
            "after {} of the commits that the target applied, the sum of all balances was not what it always is on the \
             source (in the end it is off by {} cents)",
            e.marks.torn_commits, e.marks.balance_drift
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};

    #[test]
    fn a_target_that_was_filled_row_by_row_has_no_whole_transactions_to_show() {
        let mut made = Made::sound();
        made.marks.torn_commits = 1;
        assert_eq!(made.violations(&PROPERTY), 1);
        made.feed(2, 7, 61 * S);
        assert!(made.is_absent(&PROPERTY));
    }

    #[test]
    fn a_sum_that_is_off_is_half_a_transfer() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.marks.torn_commits = 2;
        assert_eq!(made.violations(&PROPERTY), 2);
    }

    #[test]
    fn without_a_sum_or_replication_it_is_absent() {
        let mut made = Made::sound();
        made.shop = None;
        assert!(made.is_absent(&PROPERTY));
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
