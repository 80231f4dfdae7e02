//! How clients behave while some faults are in force: what they cache, keep, try again, and how hurried they are.
//!
//! Which clients a fault is on is drawn from a stream of the fault's own. Whoever has a habit by itself (the
//! environment says so) keeps it when the fault heals.

use super::World;
use crate::{
    environment::{Clients as Settings, Resolver, Retry},
    faults::Harm,
    runbook::Host,
    stream::Stream,
};
use cutover_model::mutant::{Mutant, Mutants};
use std::collections::BTreeMap;

/// What a client does as long as nothing changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habit {
    /// Never looks the name up again.
    pub(super) forever: bool,
    /// Keeps a connection whatever its age and whatever it answers.
    pub(super) pinned: bool,
    /// What follows a transaction that failed.
    pub(super) retry: Retry,
    /// What the server of the zone that it asks answers, when that one lags.
    pub(super) told: Option<Host>,
}

impl Habit {
    /// As the environment says.
    pub(super) fn of(settings: &Settings, mutants: Mutants) -> Self {
        Self {
            forever: settings.resolver == Resolver::Forever
                || mutants.has(Mutant::ResolverIgnoresTtl),
            pinned: false,
            retry: settings.retry,
            told: None,
        }
    }
}

/// What the lagging servers of the zone answered when they began to lag, by the fault.
pub(super) type Lagging = BTreeMap<u16, Host>;

/// So many of a hundred clients: at least one, and of several never all unless it is a hundred.
fn part_of(clients: usize, percent: u32, random: &mut Stream) -> Vec<usize> {
    let wanted = (clients * percent as usize / 100).max(usize::from(clients > 1));
    let mut all: Vec<usize> = (0..clients).collect();
    for i in 0..wanted.min(clients) {
        let other = i + random.below((clients - i) as u64) as usize;
        all.swap(i, other);
    }
    all.truncate(wanted);
    all
}

impl World {
    /// Works out anew how clients behave.
    pub(super) fn habits_change(&mut self) {
        let usual = Habit::of(&self.clients.settings, self.mutants);
        let clients = self.clients.in_application();
        let mut habits = vec![usual; clients];
        let mut hurry = 1;
        for (index, harm) in self.faults.numbered_harms() {
            let mut random = self.clients.stream_of_fault(index);
            let mut part = |percent| part_of(clients, percent, &mut random);
            match harm {
                Harm::StaleDns(fault) => {
                    let told = self.lagging.get(&index).copied();
                    let part = part(fault.percent).into_iter();
                    part.for_each(|client| habits[client].told = told);
                }
                Harm::CachedForever(fault) => {
                    let part = part(fault.percent).into_iter();
                    part.for_each(|client| habits[client].forever = true);
                }
                Harm::PinnedPool(fault) => {
                    let part = part(fault.percent).into_iter();
                    part.for_each(|client| habits[client].pinned = true);
                }
                Harm::BlindRetry(fault) => {
                    let part = part(fault.percent).into_iter();
                    part.for_each(|client| habits[client].retry = Retry::Blind);
                }
                Harm::Burst(fault) => hurry *= u64::from(fault.times),
                _ => {}
            }
        }
        self.clients.behave(&habits, hurry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_never_all_of_several_and_has_one_at_least() {
        for clients in 2..30 {
            for percent in 1..100 {
                let part = part_of(clients, percent, &mut Stream::new(u64::from(percent)));
                assert!(
                    !part.is_empty() && part.len() < clients,
                    "{clients}, {percent} %"
                );
                let mut once = part.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), part.len(), "nobody twice");
            }
            assert_eq!(part_of(clients, 100, &mut Stream::new(1)).len(), clients);
        }
        assert!(part_of(1, 99, &mut Stream::new(1)).is_empty());
    }
}
