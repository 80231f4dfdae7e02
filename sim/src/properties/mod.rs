//! The properties, one file each. A property is a function of the evidence: it holds, it is violated (how
//! often, and the first witness), or the runbook has nothing that it could be about.
//!
//! Oracles are equalities: what was acknowledged is what is there, and the other way round. The final state
//! alone is a weak oracle (what was lost may have been written over since), so the set of applied
//! transactions is compared too.

mod fates;
#[cfg(test)]
pub(crate) mod made;
mod p01_no_lost_write;
mod p02_no_phantom;
mod p03_info_atomicity;
mod p04_exactly_once;
mod p05_prefix_consistency;
mod p06_full_prefix_at_cutover;
mod p07_transaction_atomicity;
mod p08_fence_soundness;
mod p09_single_writer;
mod p10_gate_soundness;
mod p11_per_key_order;
mod p12_convergence;
mod p13_gtid_hygiene;
mod p14_id_freshness;
mod p15_session_guarantees;
mod p16_integrity;
mod p17_bounded_unavailability;
mod p18_abort_safety;
mod p19_rollback_safety;
mod writes;

pub use p01_no_lost_write::lost;
pub use p02_no_phantom::{Phantom, phantoms};
pub use p04_exactly_once::{Repeated, repeated};
pub(crate) use writes::Writes;

use crate::{
    evidence::{Evidence, Sequence},
    outcome::{Finding, PropertyResult},
};
use std::cell::OnceCell;

/// What several properties and the figures ask for; each is worked out once.
#[derive(Clone, Debug, Default)]
pub struct Found {
    writes: OnceCell<Writes>,
    pub(crate) sequence: OnceCell<Sequence>,
    /// When a write was wanted in vain first: see [`crate::metrics::write_missed_from`].
    pub(crate) missed_from: OnceCell<Option<u64>>,
    phantoms: OnceCell<Vec<Phantom>>,
    repeated: OnceCell<Vec<Repeated>>,
    /// See [`p03_info_atomicity::committed_again`].
    again: OnceCell<Vec<u32>>,
}

impl Found {
    /// Nothing yet but this.
    pub(crate) fn with(sequence: Sequence) -> Self {
        Self {
            sequence: OnceCell::from(sequence),
            ..Self::default()
        }
    }
}

/// A property.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// `P1` to `P19`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub says: &'static str,
    /// The check.
    pub check: fn(&Evidence<'_>) -> Finding,
}

/// All properties, in the order of their numbers.
pub const CATALOGUE: &[Property] = &[
    p01_no_lost_write::PROPERTY,
    p02_no_phantom::PROPERTY,
    p03_info_atomicity::PROPERTY,
    p04_exactly_once::PROPERTY,
    p05_prefix_consistency::PROPERTY,
    p06_full_prefix_at_cutover::PROPERTY,
    p07_transaction_atomicity::PROPERTY,
    p08_fence_soundness::PROPERTY,
    p09_single_writer::PROPERTY,
    p10_gate_soundness::PROPERTY,
    p11_per_key_order::PROPERTY,
    p12_convergence::PROPERTY,
    p13_gtid_hygiene::PROPERTY,
    p14_id_freshness::PROPERTY,
    p15_session_guarantees::PROPERTY,
    p16_integrity::PROPERTY,
    p17_bounded_unavailability::PROPERTY,
    p18_abort_safety::PROPERTY,
    p19_rollback_safety::PROPERTY,
];

/// Checks all properties.
pub fn check_all(evidence: &Evidence<'_>) -> Vec<PropertyResult> {
    let check = |property: &Property| PropertyResult {
        id: property.id,
        name: property.name,
        finding: (property.check)(evidence),
    };
    CATALOGUE.iter().map(check).collect()
}

/// Nothing found: it holds.
fn found(count: u64, first: impl FnOnce() -> String) -> Finding {
    match count {
        0 => Finding::Holds,
        _ => Finding::Violated {
            count,
            first: first(),
        },
    }
}

fn absent(why: &str) -> Finding {
    Finding::Absent { why: why.into() }
}

const NO_CUTOVER: &str = "no cutover happened: the application's name points at the source";
const NO_REPLICATION: &str = "nothing was replicated: the target has what the snapshot held";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_complete_and_in_order() {
        assert_eq!(CATALOGUE.len(), 19);
        for (i, property) in CATALOGUE.iter().enumerate() {
            assert_eq!(property.id, format!("P{}", i + 1));
            assert!(property.says.ends_with('.'), "{}", property.id);
        }
    }

    #[test]
    fn a_sound_migration_violates_nothing() {
        let made = made::Made::sound();
        for result in check_all(&made.evidence()) {
            assert!(
                !matches!(result.finding, Finding::Violated { .. }),
                "{result:?}"
            );
        }
    }
}
