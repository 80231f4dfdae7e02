//! P1, no lost write: every acknowledged write is on the database that serves in the end, or was undone
//! by a later operation.
//!
//! Two oracles: the commit is in the snapshot or was applied (by number, whatever later writes did to its
//! rows); and the row of an order that was made is there, unless somebody cancelled it.

use super::{Property, fates::Fates, found};
use crate::{evidence::Evidence, explain, outcome::Finding};

pub(super) const PROPERTY: Property = Property {
    id: "P1",
    name: "No lost write",
    says: "Every write that a client was told is committed is in the database that serves at the end, or was overwritten by a later one.",
    check,
};

/// Acknowledged writes that are not there, by the numbers of their operations, in order.
pub fn lost<'e>(e: &'e Evidence<'_>) -> &'e [u32] {
    &Fates::of(e).lost
}

fn check(e: &Evidence<'_>) -> Finding {
    let lost = lost(e);
    found(lost.len() as u64, || {
        explain::sentence(&explain::lost_write(e, lost[0]))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::{history::Kind, runbook::Host};

    #[test]
    fn a_write_that_was_never_applied_is_lost_even_if_its_row_is_there() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.history.applied.rewrite(|list| list.pop());
        assert_eq!(lost(&made.evidence()), [3]);
    }

    #[test]
    fn an_applied_order_without_its_row_is_lost_unless_it_was_cancelled() {
        let mut made = Made::sound();
        made.drop_row(3);
        assert_eq!(lost(&made.evidence()), [2]);
        made.operation(Host::Target, 2, Kind::Cancel, EXISTING + 3, 130 * S);
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn what_the_source_lost_by_itself_is_lost_where_it_serves_and_where_the_target_never_had_it() {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, S);
        let lost_by_the_source = crate::history::Erased {
            from: 0,
            to: 1,
            at: 2 * S,
        };
        made.history.erased.push(lost_by_the_source);
        assert_eq!(lost(&made.evidence()), [0]);
        let mut made = Made::sound();
        made.history.applied.rewrite(|list| list.pop());
        made.history.erased.push(crate::history::Erased {
            from: 3,
            to: 4,
            at: 80 * S,
        });
        let e = made.evidence();
        assert_eq!(lost(&e), [3]);
        let why = explain::lost_write(&e, 3);
        assert_eq!(why.stage, crate::outcome::Stage::Source);
    }

    #[test]
    fn a_draft_is_an_order_too() {
        let mut made = Made::sound();
        made.change(2, |o| o.kind = Kind::Draft);
        assert_eq!(made.violations(&PROPERTY), 0);
        made.drop_row(3);
        assert_eq!(lost(&made.evidence()), [2]);
    }

    #[test]
    fn an_order_whose_id_another_client_has_now_is_lost() {
        let mut made = Made::sound();
        let orders = &mut made.shop.as_mut().unwrap().orders;
        orders.edit(2, |order| order.request = 77 << 40);
        assert_eq!(lost(&made.evidence()), [2]);
    }

    #[test]
    fn without_cutover_the_source_has_everything_and_what_the_target_took_is_lost() {
        let mut made = Made::empty();
        made.place(Host::Source, 0, 1, S);
        assert_eq!(made.violations(&PROPERTY), 0);
        made.place(Host::Target, 0, 2, 2 * S);
        assert_eq!(lost(&made.evidence()), [1]);
    }
}
