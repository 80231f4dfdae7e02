//! P4, exactly once: no transaction takes effect twice, no request places two orders, and the counters
//! count every acknowledged order once.

use super::{Property, found, lost, p03_info_atomicity::committed_again};
use crate::{
    evidence::{CommitSet, Evidence, PlacedOrder},
    explain,
    outcome::Finding,
};

pub(super) const PROPERTY: Property = Property {
    id: "P4",
    name: "Exactly once",
    says: "No transaction takes effect twice, and no request places two orders.",
    check,
};

/// Something that took effect again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// A commit of the source that the target had, by the snapshot or from before.
    Commit(u32),
    /// A request that placed an order before: the first order, and this one.
    Request {
        /// The order that was there.
        first: u64,
        /// The order that came again.
        again: u64,
    },
    /// An operation that committed before.
    Operation(u32),
}

/// What took effect again.
pub fn repeated<'e>(e: &'e Evidence<'_>) -> &'e [Repeated] {
    e.found.repeated.get_or_init(|| find(e))
}

fn find(e: &Evidence<'_>) -> Vec<Repeated> {
    let commits = applied_again(e).into_iter().map(Repeated::Commit);
    let operations = committed_again(e)
        .iter()
        .map(|operation| Repeated::Operation(*operation));
    let mut repeated: Vec<Repeated> = commits.chain(operations).collect();
    if let Some(shop) = e.shop.as_ref().filter(|shop| !each_is_newer(&shop.orders)) {
        let mut requests: Vec<(u64, u64)> = shop.orders.iter().map(|o| (o.request, o.id)).collect();
        requests.sort_unstable();
        for same in requests.chunk_by(|a, b| a.0 == b.0) {
            let first = same[0].1;
            let more = same[1..].iter().map(|(_, again)| Repeated::Request {
                first,
                again: *again,
            });
            repeated.extend(more);
        }
    }
    repeated
}

/// The source's commits that were applied although the target had them, ascending.
fn applied_again(e: &Evidence<'_>) -> Vec<u32> {
    if e.sequence().is_in_order {
        return Vec::new();
    }
    let mut had = CommitSet::new(e.history.source.len(), e.cut(), []);
    let again = e.applied.iter().filter(|a| {
        let again = had.has(a.commit);
        had.add(a.commit);
        again && !e.history.is_of_rds(a.commit)
    });
    let mut commits: Vec<u32> = again.map(|a| a.commit).collect();
    commits.sort_unstable();
    commits.dedup();
    commits
}

/// Whether every order is of a newer request than the ones that its client made before: then none repeats another,
/// and nothing has to be sorted to see it.
fn each_is_newer(orders: impl IntoIterator<Item = PlacedOrder>) -> bool {
    let mut newest: Vec<u64> = Vec::new();
    orders.into_iter().all(|order| {
        let Ok(client) = u16::try_from(order.client()) else {
            return false;
        };
        let client = usize::from(client);
        if newest.len() <= client {
            newest.resize(client + 1, 0);
        }
        std::mem::replace(&mut newest[client], order.request) < order.request
    })
}

fn check(e: &Evidence<'_>) -> Finding {
    let repeated = repeated(e);
    if let Some(first) = repeated.first() {
        let explained = explain::repeated_write(e, *first);
        return Finding::Violated {
            count: repeated.len() as u64,
            first: explain::sentence(&explained),
        };
    }
    let Some(shop) = &e.shop else {
        return Finding::Holds;
    };
    let (ok, info) = (e.survey().placed, e.survey().maybe_placed);
    // Where writes were lost the counters of later writes may or may not include them.
    let low = if lost(e).is_empty() { ok } else { 0 };
    let (above, below) = (
        shop.counted.saturating_sub(ok + info),
        low.saturating_sub(shop.counted),
    );
    found(above.max(below), || {
        format!(
            "the customers' counters of orders sum up to {}, and {ok} orders were acknowledged ({info} more with \
             unknown outcome)",
            shop.counted
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::{history::Told, runbook::Host};

    #[test]
    fn what_rds_writes_for_itself_may_be_applied_again() {
        let mut made = Made::sound();
        made.apply(1, 80 * S);
        made.history.of_rds.push(1);
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn a_transaction_that_is_applied_again_is_repeated_once() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.apply(1, 80 * S);
        made.apply(2, 81 * S);
        made.apply(2, 82 * S);
        assert_eq!(
            repeated(&made.evidence()),
            [Repeated::Commit(1), Repeated::Commit(2)]
        );
        assert_eq!(made.violations(&PROPERTY), 2);
    }

    #[test]
    fn a_request_that_was_sent_again_blindly_places_two_orders() {
        let mut made = Made::sound();
        made.change(3, |o| o.told = Told::Info);
        made.place(Host::Target, 0, 7, 130 * S);
        let orders = &mut made.shop.as_mut().unwrap().orders;
        orders.rewrite(|list| list[6].request = list[3].request);
        let again = Repeated::Request {
            first: EXISTING + 4,
            again: EXISTING + 7,
        };
        assert_eq!(repeated(&made.evidence()), [again]);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn counters_are_between_the_acknowledged_and_the_possible() {
        let mut made = Made::sound();
        made.shop.as_mut().unwrap().counted += 1;
        assert_eq!(made.violations(&PROPERTY), 1);
        made.shop.as_mut().unwrap().counted -= 2;
        assert_eq!(made.violations(&PROPERTY), 1);
        made.change(3, |o| o.told = Told::Info);
        assert_eq!(
            made.violations(&PROPERTY),
            0,
            "nobody was promised the sixth"
        );
    }
}
