//! What became of each write: P1, P2 and P3 are about it.

use super::writes::Writes;
use crate::{
    evidence::{Evidence, Finder, Shop},
    history::{Kind, Operation, SCHEDULER, Told},
    runbook::Host,
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
        &Writes::of(e).fates
    }

    /// Whether an order's cancellation is there.
    pub fn is_cancelled(&self, order: u64) -> bool {
        self.cancelled.binary_search(&order).is_ok()
    }
}

/// Whether an event has run on a target that the application never came to: nobody was told of it, and the source has run
/// its own.
fn is_of_a_target_given_up(e: &Evidence<'_>, o: &Operation) -> bool {
    o.client == SCHEDULER && o.host == Host::Target && e.cutover().is_none()
}

/// Fates that are being told, write by write.
pub(super) struct FatesSoFar<'e, 'w> {
    e: &'e Evidence<'w>,
    fates: Fates,
    finder: Option<Finder<'e>>,
    /// For each order of the shop, whether a write that is there has made it.
    made: Vec<bool>,
}

impl<'e, 'w> FatesSoFar<'e, 'w> {
    pub fn new(e: &'e Evidence<'w>) -> Self {
        let orders = e.shop.as_ref().map_or(0, |shop| shop.orders.len());
        Self {
            e,
            fates: Fates::default(),
            finder: e.shop.as_ref().map(Shop::finder),
            made: vec![false; orders],
        }
    }

    pub fn see(&mut self, number: u32, o: &Operation) {
        let fates = &mut self.fates;
        if !self.e.is_visible(o) {
            if o.told == Told::Ok && !is_of_a_target_given_up(self.e, o) {
                fates.lost.push(number);
            }
            return;
        }
        if o.told == Told::Fail {
            fates.failed.push(number);
        }
        let is_lost = o.told == Told::Ok && self.e.is_incomplete(o);
        if is_lost {
            fates.lost.push(number);
        }
        if o.kind == Kind::Cancel {
            fates.cancelled.push(o.subject);
        }
        let Some(finder) = self.finder.as_ref().filter(|_| makes_order(o.kind)) else {
            return;
        };
        match finder.find(o.subject) {
            Some((at, order)) if order.client() == u64::from(o.client) => self.made[at] = true,
            // Unless it was cancelled, which the whole pass tells.
            _ if o.told == Told::Ok && !is_lost => fates.lost.push(number),
            _ => {}
        }
    }

    pub fn fates(self) -> Fates {
        let Self {
            e, mut fates, made, ..
        } = self;
        fates.cancelled.sort_unstable();
        let mut lost = std::mem::take(&mut fates.lost);
        lost.retain(|number| {
            let o = e.history.operations.get(*number as usize);
            !o.is_some_and(|o| e.is_visible(&o) && fates.is_cancelled(o.subject))
        });
        fates.lost = lost;
        if let Some(shop) = e.shop.as_ref().filter(|_| made.contains(&false)) {
            let unmade = shop.orders.iter().zip(made).filter(|(_, made)| !made);
            fates.unmade = unmade.map(|(order, _)| order.id).collect();
        }
        fates
    }
}
