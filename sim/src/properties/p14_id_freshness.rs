//! P14, fresh ids: no id is handed to two things. The target's counters are beyond every id that the
//! source acknowledged, those of rows included that are gone.

use super::{NO_CUTOVER, Property, absent, found, writes::Writes};
use crate::{
    evidence::Evidence,
    history::{Operation, Told},
    outcome::Finding,
    workload::orders::makes_order,
};

pub(super) const PROPERTY: Property = Property {
    id: "P14",
    name: "Fresh ids",
    says: "No id is handed out twice, and the target counts on from beyond every id that the source acknowledged.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let (Some(_), Some(states)) = (e.cutover(), &e.states) else {
        return absent(NO_CUTOVER);
    };
    let twice = match Writes::of(e).ids.may_be_twice {
        true => twice(e),
        false => Vec::new(),
    };
    let largest = e.survey().largest_on_source;
    let stale: Vec<(&str, u64, u64)> = states
        .counters
        .iter()
        .map(|c| (c.table.as_str(), c.next_on_target, c.largest_on_source))
        .chain(
            e.shop
                .as_ref()
                .zip(largest)
                .map(|(s, l)| ("shop.orders", s.next_order_on_target, l)),
        )
        .filter(|(_, next, largest)| next <= largest)
        .collect();
    found((twice.len() + stale.len()) as u64, || {
        match (twice.first(), stale.first()) {
            (Some(id), _) => format!(
                "order id {id} was acknowledged for two orders, one placed on the source and one on the target"
            ),
            (None, Some((table, next, largest))) => {
                format!(
                    "the target's next id of {table} is {next}, and the source has handed out {largest}"
                )
            }
            (None, None) => String::new(),
        }
    })
}

fn is_acknowledged_order(o: &Operation) -> bool {
    makes_order(o.kind) && o.told == Told::Ok
}

/// The ids of the orders that were acknowledged, as far as a bit for each of them tells: that is less work than putting
/// them in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    /// False where every id was acknowledged for one order.
    may_be_twice: bool,
    /// The id of the first bit.
    least: Option<u64>,
    seen: Vec<u64>,
    /// How many there were.
    count: usize,
}

impl Ids {
    /// How far below the first id another may lie.
    const BELOW: u64 = 1 << 12;
    /// How many words more than ids there may be.
    const SPARE: usize = 1 << 8;

    pub fn see(&mut self, o: &Operation) {
        if self.may_be_twice || !is_acknowledged_order(o) {
            return;
        }
        let id = o.subject;
        self.count += 1;
        let least = *self.least.get_or_insert(id.saturating_sub(Self::BELOW));
        let at = id.checked_sub(least);
        let word = at.and_then(|at| usize::try_from(at / 64).ok());
        match at.zip(word) {
            Some((at, word)) if word < self.count + Self::SPARE => {
                if word >= self.seen.len() {
                    self.seen.resize(word + 1, 0);
                }
                let bit = 1 << (at % 64);
                self.may_be_twice = self.seen[word] & bit != 0;
                self.seen[word] |= bit;
            }
            _ => self.may_be_twice = true,
        }
    }

    /// The answer alone.
    pub fn told(self) -> Self {
        Self {
            seen: Vec::new(),
            ..self
        }
    }
}

/// The ids that were acknowledged for two orders, ascending.
fn twice(e: &Evidence<'_>) -> Vec<u64> {
    let orders = e.writes().filter(|(_, o)| is_acknowledged_order(o));
    let mut ids: Vec<u64> = orders.map(|(_, o)| o.subject).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).filter(|w| w[0] == w[1]);
    twice.map(|w| w[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::{evidence::Counter, runbook::Host};

    #[test]
    fn an_id_for_two_orders_is_a_violation() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.change(5, |o| o.subject = EXISTING + 4);
        assert_eq!(made.violations(&PROPERTY), 1);
        // However far away another one lies.
        made.place(Host::Target, 3, 1 << 60, 140 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
        made.change(5, |o| o.subject = EXISTING + 90);
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn ids_may_come_in_any_order() {
        let placed = |ids: &[u64]| {
            let mut made = Made::sound();
            for (order, at) in ids.iter().zip(130..) {
                made.place(Host::Target, 3, *order, at * S);
            }
            made.shop.as_mut().unwrap().next_order_on_target = u64::MAX;
            made.violations(&PROPERTY)
        };
        let far = 1_u64 << 40;
        for ids in [
            &[far, far + 1, 900, far + 20_000, 901][..],
            &[20_000, 8_000, 9],
        ] {
            assert_eq!(placed(ids), 0, "{ids:?}");
            for again in ids {
                assert_eq!(placed(&[ids, &[*again]].concat()), 1, "{ids:?} and {again}");
            }
        }
    }

    #[test]
    fn a_counter_that_will_hand_out_an_id_again_is_a_violation() {
        let mut made = Made::sound();
        made.shop.as_mut().unwrap().next_order_on_target = EXISTING + 4;
        assert_eq!(made.violations(&PROPERTY), 1);
        made.states.as_mut().unwrap().counters.push(Counter {
            table: "shop.order_lines".into(),
            next_on_target: 9,
            largest_on_source: 9,
        });
        assert_eq!(made.violations(&PROPERTY), 2);
    }

    #[test]
    fn without_cutover_it_is_absent() {
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
