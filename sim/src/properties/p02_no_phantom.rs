//! P2, no phantom: whatever is on the database that serves was written by some operation that did not
//! fail, and every transaction that was applied is one of the source's.

use super::{Property, fates::Fates, found};
use crate::{evidence::Evidence, explain, outcome::Finding, runbook::Host};

pub(super) const PROPERTY: Property = Property {
    id: "P2",
    name: "No phantom",
    says: "Everything on the database that serves was written by an operation that did not fail.",
    check,
};

/// Something that should not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phantom {
    /// An operation whose client was told that it failed.
    Failed(u32),
    /// An order that no transaction that is there has made.
    Order(u64),
    /// A transaction that was applied and that the source does not have, or has no more: how manieth application.
    Unknown(usize),
}

/// What should not be there.
pub fn phantoms<'e>(e: &'e Evidence<'_>) -> &'e [Phantom] {
    e.found.phantoms.get_or_init(|| find(e))
}

fn find(e: &Evidence<'_>) -> Vec<Phantom> {
    let fates = Fates::of(e);
    let source = e.history.source.len();
    let erased = e.serving == Host::Target && !e.history.erased.is_empty();
    let is_foreign = |commit: u32| commit as usize >= source;
    let unknown = match erased || e.sequence().latest.is_some_and(is_foreign) {
        true => e.applied.iter(),
        false => e.applied.range(0..0),
    };
    let unknown = unknown.enumerate().filter(|(_, a)| {
        let is_lost = || e.erased(a.commit).is_some() && !e.history.is_of_rds(a.commit);
        is_foreign(a.commit) || erased && is_lost()
    });
    let failed = fates.failed.iter().copied().map(Phantom::Failed);
    let unmade = fates.unmade.iter().copied().map(Phantom::Order);
    failed
        .chain(unknown.map(|(i, _)| Phantom::Unknown(i)))
        .chain(unmade)
        .collect()
}

fn check(e: &Evidence<'_>) -> Finding {
    let phantoms = phantoms(e);
    found(phantoms.len() as u64, || {
        explain::sentence(&explain::phantom(e, phantoms[0]))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::{evidence::PlacedOrder, history::Told};

    #[test]
    fn an_order_that_nobody_placed_is_a_phantom() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        let shop = made.shop.as_mut().unwrap();
        shop.orders.push(PlacedOrder {
            id: EXISTING + 9,
            request: 1 << 40 | 9,
        });
        assert_eq!(phantoms(&made.evidence()), [Phantom::Order(EXISTING + 9)]);
    }

    #[test]
    fn an_order_of_a_transaction_that_was_not_applied_is_a_phantom() {
        let mut made = Made::sound();
        made.history.applied.rewrite(|list| list.pop());
        assert_eq!(phantoms(&made.evidence()), [Phantom::Order(EXISTING + 4)]);
    }

    #[test]
    fn a_write_that_its_client_was_told_failed_is_a_phantom_when_it_is_there() {
        let mut made = Made::sound();
        made.change(3, |o| o.told = Told::Fail);
        assert_eq!(phantoms(&made.evidence()), [Phantom::Failed(3)]);
    }

    #[test]
    fn an_applied_transaction_that_the_source_has_lost_is_a_phantom() {
        let mut made = Made::sound();
        made.history.erased.push(crate::history::Erased {
            from: 3,
            to: 4,
            at: 80 * S,
        });
        assert_eq!(phantoms(&made.evidence()), [Phantom::Unknown(1)]);
    }

    #[test]
    fn an_applied_transaction_that_the_source_does_not_have_is_a_phantom() {
        let mut made = Made::sound();
        made.apply(99, 80 * S);
        assert_eq!(phantoms(&made.evidence()), [Phantom::Unknown(2)]);
    }
}
