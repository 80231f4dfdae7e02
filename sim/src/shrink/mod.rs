//! Shrinking: from a plan that fails to a smaller one that fails in the same way ([`Alike`]).
//!
//! Delta debugging over what a plan is made of: transactions, faults, steps of the runbook, settings; then each
//! of what is left is made simpler. A candidate is kept when its run fails as the first one did. What comes out is
//! minimal under these moves: no single one of them is left that would keep the failure. The order is fixed, and
//! the first candidate that fails wins, so the result does not depend on how many are tried at a time.

mod alike;
mod faults;
mod ladder;
mod one_by_one;
mod runbook;
mod settings;
mod trade;
mod traffic;

pub use alike::Alike;
pub use one_by_one::OneByOne;
pub use settings::differences;

use crate::{faults::Occasion, outcome::Outcome, plan::Plan, workload_spec::Transaction};

/// A plan that fails, and its run.
#[derive(Clone, Debug)]
pub struct Failing {
    /// The plan.
    pub plan: Plan,
    /// What it came to.
    pub outcome: Outcome,
}

/// Shrinking is called off: its time is over, or somebody pressed Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enough;

/// Runs candidates.
pub trait Trial {
    /// Of the candidates `from..to`, the first in their order that is a valid plan and fails as is wanted; none when
    /// no one does.
    ///
    /// # Errors
    /// [`Enough`] when no more candidates are to be run.
    fn first(
        &mut self,
        wanted: &Alike,
        from: usize,
        to: usize,
        candidate: &dyn Fn(usize) -> Option<Plan>,
    ) -> Result<Option<(usize, Failing)>, Enough>;
}

/// What came of shrinking.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest plan that was found.
    pub best: Failing,
    /// False when it was called off: there may be a smaller one.
    pub complete: bool,
}

/// Shrinks a plan that fails. `transactions` is what its clients did ([`crate::run::Run::transactions`]);
/// `reference` is the plan that nobody has to explain, a scenario's own or one of defaults: settings that need not
/// differ from it go back to it.
pub fn shrink(
    failing: Failing,
    wanted: &Alike,
    transactions: Vec<Transaction>,
    reference: &Plan,
    trial: &mut dyn Trial,
) -> Shrunk {
    let mut shrinking = Shrinking {
        occasions: occasions(&failing.plan),
        cut: CUTS[0],
        best: failing,
        wanted,
        reference,
        trial,
    };
    let complete = shrinking.make_smallest(transactions).is_ok();
    let mut best = shrinking.best;
    best.plan.recorded = None;
    Shrunk { best, complete }
}

/// A shrinking under way.
struct Shrinking<'a> {
    best: Failing,
    wanted: &'a Alike,
    reference: &'a Plan,
    trial: &'a mut dyn Trial,
    /// What faults of the first plan were tied to.
    occasions: Vec<Occasion>,
    cut: Cut,
}

/// Into how many parts, at most, a list of transactions is cut to leave one of them out.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Where nothing else changes.
    alone: usize,
    /// Where something else changes with it: each part is tried with many changes.
    traded: usize,
}

/// From coarse to fine. While there are hundreds of transactions, to try each of them takes thousands of runs, and
/// another move may make most of them needless.
const CUTS: [Cut; 3] = [
    Cut {
        alone: 8,
        traded: 4,
    },
    Cut {
        alone: 64,
        traded: 16,
    },
    Cut {
        alone: usize::MAX,
        traded: 16,
    },
];

fn occasions(plan: &Plan) -> Vec<Occasion> {
    let tied = plan.faults.iter().filter_map(|fault| fault.on);
    let tied: std::collections::BTreeSet<Occasion> = tied.map(|on| on.event).collect();
    tied.into_iter().collect()
}

impl Shrinking<'_> {
    fn make_smallest(&mut self, transactions: Vec<Transaction>) -> Result<(), Enough> {
        self.write_down(transactions)?;
        self.untie_faults()?;
        loop {
            for cut in CUTS {
                self.cut = cut;
                while self.make_smaller()? {}
                if self.best.plan.workload.transactions.len() <= cut.alone.min(cut.traded) {
                    break;
                }
            }
            // What is left is made simpler, each of it by itself.
            let simpler = [self.simpler_transactions()?, self.simpler_faults()?];
            if !simpler.contains(&true) {
                return Ok(());
            }
        }
    }

    fn make_smaller(&mut self) -> Result<bool, Enough> {
        // The coarse ones first: they make all later runs shorter. Faults go before the time after the cutover
        // does, which a fault that is still to heal would take the place of.
        let smaller = [
            self.fewer_transactions()?,
            self.fewer_faults()?,
            self.less_traffic()?,
            self.fewer_steps()?,
            self.settings_back()?,
            self.fewer_clients()?,
            self.fewer_rows()?,
        ];
        Ok(smaller.contains(&true) || self.fewer_transactions_for_another_change()?)
    }

    /// Tries the candidates in their order, and takes the first that still fails.
    fn take_first(
        &mut self,
        count: usize,
        candidate: impl Fn(&Plan, usize) -> Option<Plan>,
    ) -> Result<Option<usize>, Enough> {
        let Self {
            best,
            wanted,
            trial,
            ..
        } = self;
        let of = |i: usize| candidate(&best.plan, i).filter(|plan| *plan != best.plan);
        let found = trial.first(wanted, 0, count, &of)?;
        Ok(found.map(|(i, failing)| {
            self.best = failing;
            i
        }))
    }

    /// As [`Self::take_first`], again and again until no candidate is left that fails. The candidates are those of
    /// the plan as it is then.
    fn take_all(&mut self, candidates: impl Fn(&Plan) -> Vec<Plan>) -> Result<bool, Enough> {
        let mut smaller = false;
        loop {
            let those = candidates(&self.best.plan);
            if self
                .take_first(those.len(), |_, i| those.get(i).cloned())?
                .is_none()
            {
                return Ok(smaller);
            }
            smaller = true;
        }
    }

    /// Leaves out as many items of a plan as it can: none at all, then ever smaller parts (Zeller's ddmin). No item
    /// that is left can be left out alone, unless `most` parts are too few for that. `with` makes the plan that has
    /// only these items.
    fn leave_out<T: Clone>(
        &mut self,
        mut items: Vec<T>,
        most: usize,
        with: impl Fn(&Plan, &[T]) -> Option<Plan>,
    ) -> Result<bool, Enough> {
        let before = items.len();
        if before == 0 {
            return Ok(false);
        }
        if self.take_first(1, |plan, _| with(plan, &[]))?.is_some() {
            return Ok(true);
        }
        let mut parts = 2;
        while items.len() > 1 {
            let finest = items.len().min(most);
            parts = parts.min(finest);
            // With two parts, all but the one is the other.
            let count = if parts == 2 { 2 } else { 2 * parts };
            let chosen = |i: usize| part(&items, parts, i);
            match self.take_first(count, |plan, i| with(plan, &chosen(i)))? {
                Some(i) => {
                    items = chosen(i);
                    parts = if i < parts { 2 } else { parts - 1 };
                }
                None if parts == finest => break,
                None => parts *= 2,
            }
        }
        Ok(items.len() < before)
    }
}

/// The `i`-th of so many parts, and behind these all but the `i`-th.
fn part<T: Clone>(items: &[T], parts: usize, i: usize) -> Vec<T> {
    let (number, alone) = (i % parts, i < parts);
    let (from, to) = (
        number * items.len() / parts,
        (number + 1) * items.len() / parts,
    );
    match alone {
        true => items[from..to].to_vec(),
        false => [&items[..from], &items[to..]].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn the_parts_are_the_whole_and_what_is_beside_a_part_is_the_rest() {
        let items: Vec<u32> = (0..10).collect();
        for parts in 2..=10 {
            let joined: Vec<u32> = (0..parts).flat_map(|i| part(&items, parts, i)).collect();
            assert_eq!(joined, items);
            for i in 0..parts {
                let mut both = [part(&items, parts, i), part(&items, parts, parts + i)].concat();
                both.sort_unstable();
                assert_eq!(both, items, "part {i} of {parts}");
            }
        }
    }
}
