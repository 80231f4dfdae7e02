//! One pass over the writes, for all that is asked of each of them. There are millions, and each takes unpacking.

use super::{
    fates::{Fates, FatesSoFar},
    p14_id_freshness::Ids,
};
use crate::evidence::{Evidence, Stalls, Survey, Surveyor, Waiting, writes};

/// What the pass tells.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    /// Counts, firsts and lasts.
    pub survey: Survey,
    /// The longest times without a success.
    pub stalls: Stalls,
    /// What became of each.
    pub(super) fates: Fates,
    /// Which ids were acknowledged.
    pub(super) ids: Ids,
}

impl Writes {
    /// Of a run's writes; worked out once.
    pub fn of<'e>(e: &'e Evidence<'_>) -> &'e Self {
        e.found.writes.get_or_init(|| {
            let (mut surveyor, mut fates) = (Surveyor::new(e), FatesSoFar::new(e));
            let (mut waiting, mut ids) = (Waiting::default(), Ids::default());
            for (number, o) in (0..).zip(&e.history.operations) {
                if writes(&o) {
                    surveyor.see(&o);
                    waiting.see(e, &o);
                    fates.see(number, &o);
                    ids.see(&o);
                }
            }
            Self {
                survey: surveyor.survey(),
                stalls: waiting.stalls(e),
                fates: fates.fates(),
                ids: ids.told(),
            }
        })
    }
}
