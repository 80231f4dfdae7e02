//! P15, session guarantees: a client reads what it was told that it wrote, across the switch too.

use super::{Property, absent, found};
use crate::{evidence::Evidence, history::Kind, outcome::Finding};
use std::collections::BTreeMap;

pub(super) const PROPERTY: Property = Property {
    id: "P15",
    name: "Session guarantees",
    says: "A client reads its own writes, and nothing older than it has read before, across the switch.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    if e.shop.is_none() {
        return absent("a recording has no reads");
    }
    let mut stale = e
        .stale_reads
        .iter()
        .filter(|s| s.operation != u32::MAX)
        .collect::<Vec<_>>();
    if !stale.is_empty() {
        // An order that another client had cancelled by then is rightly gone.
        let mut cancelled: BTreeMap<u64, u64> = BTreeMap::new();
        for (_, o) in e.writes().filter(|(_, o)| o.kind == Kind::Cancel) {
            let commit = e.history.commits(o.host).get(o.commit as usize);
            if let Some(commit) = commit.filter(|_| e.is_visible(&o)) {
                cancelled.entry(o.subject).or_insert(commit.at);
            }
        }
        stale.retain(|s| {
            let read = e.history.operations.at(s.operation as usize);
            cancelled.get(&s.order).is_none_or(|at| *at > read.returned)
        });
    }
    found(stale.len() as u64, || {
        let read = e.history.operations.at(stale[0].operation as usize);
        format!(
            "at {} client {} read order {} on the {} and did not find what it had been told: the order, or its payment, \
             was not there",
            e.clock(read.returned),
            read.client,
            stale[0].order,
            crate::world::side(read.host)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::{runbook::Host, world::Seen};

    fn with_stale_read() -> Made {
        let mut made = Made::sound();
        let read = made.refuse(Host::Target, 0, 130 * S);
        made.change(read as usize, |o| o.kind = Kind::Read);
        made.stale_reads.push(Seen {
            operation: read,
            order: EXISTING + 4,
        });
        made
    }

    #[test]
    fn an_order_that_its_client_does_not_find_is_a_violation() {
        assert_eq!(Made::sound().violations(&PROPERTY), 0);
        assert_eq!(with_stale_read().violations(&PROPERTY), 1);
    }

    #[test]
    fn an_order_that_somebody_cancelled_before_is_rightly_gone() {
        let mut made = with_stale_read();
        made.operation(Host::Target, 2, Kind::Cancel, EXISTING + 4, 129 * S);
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn a_recording_has_no_reads() {
        let mut made = Made::sound();
        made.shop = None;
        assert!(made.is_absent(&PROPERTY));
    }
}
