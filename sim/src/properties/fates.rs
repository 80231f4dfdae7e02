//! What became of each write, worked out for all of them in one pass: P1, P2 and P3 are about it.

use crate::{
    evidence::Evidence,
    history::{Kind, Told},
    workload::orders::makes_order,
};

/// What became of the writes, by the numbers of their operations.
#[derive(Clone, Debug, Default)]
pub(super) struct Fates {
    /// Acknowledged, and not there, in order.
    pub lost: Vec<u32>,
    /// There, although their clients were told that they failed.
    pub failed: Vec<u32>,
    /// The shop's orders that no write that is there has made, by id.
    pub unmade: Vec<u64>,
    /// The orders whose cancellation is there, ascending.
    cancelled: Vec<u64>,
}

impl Fates {
    /// Of a run's writes; worked out once.
    pub fn of<'e>(e: &'e Evidence<'_>) -> &'e Self {
        e.found.fates.get_or_init(|| Self::find(e))
    }

    /// Whether an order's cancellation is there.
    pub fn is_cancelled(&self, order: u64) -> bool {
        self.cancelled.binary_search(&order).is_ok()
    }

    fn find(e: &Evidence<'_>) -> Self {
        let mut fates = Self::default();
        let orders = e.shop.as_ref().map_or(&[][..], |shop| &shop.orders);
        let (mut made, mut hint) = (vec![false; orders.len()], 0);
        for (number, o) in e.writes() {
            if !e.is_visible(o) {
                if o.told == Told::Ok {
                    fates.lost.push(number);
                }
                continue;
            }
            if o.told == Told::Fail {
                fates.failed.push(number);
            }
            if o.kind == Kind::Cancel {
                fates.cancelled.push(o.subject);
            }
            let Some(shop) = e.shop.as_ref().filter(|_| makes_order(o.kind)) else {
                continue;
            };
            match shop.place_of(o.subject, &mut hint) {
                Some(at) if orders[at].client() == u64::from(o.client) => made[at] = true,
                // Unless it was cancelled, which the whole pass tells.
                _ if o.told == Told::Ok => fates.lost.push(number),
                _ => {}
            }
        }
        fates.cancelled.sort_unstable();
        let mut lost = std::mem::take(&mut fates.lost);
        lost.retain(|number| {
            let o = &e.history.operations[*number as usize];
            !(e.is_visible(o) && fates.is_cancelled(o.subject))
        });
        fates.lost = lost;
        let unmade = orders.iter().zip(made).filter(|(_, made)| !made);
        fates.unmade = unmade.map(|(order, _)| order.id).collect();
        fates
    }
}
