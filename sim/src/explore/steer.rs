//! Steering: what the rounds so far have hardly reached decides where the next one looks.
//!
//! A bias is a function of the merged results of whole rounds, in the order of their seeds, so that the plans of a
//! round are the same whatever ran beside what, and after any interruption.

use super::drawer::pick;
use crate::{
    probes::{Lead, Probe},
    stream::Stream,
};

/// So many of the probes that were reached least are looked for.
const SOUGHT: usize = 4;
/// A probe that this share of the plans reaches (one in so many) needs no help.
const OFTEN: u64 = 20;

/// What a round looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bias {
    sought: Vec<Lead>,
}

impl Bias {
    /// For nothing in particular.
    pub fn none() -> Self {
        Self::default()
    }

    /// For the probes that the fewest plans have reached: of each that can be reached, how many of the `plans` did.
    pub fn towards(reached: &[(Probe, u64)], plans: u64) -> Self {
        let rare = |(_, n): &&(Probe, u64)| n.saturating_mul(OFTEN) < plans;
        let mut rare: Vec<&(Probe, u64)> = reached.iter().filter(rare).collect();
        rare.sort_by_key(|(probe, n)| (*n, *probe));
        let leads = rare.iter().map(|(probe, _)| probe.lead());
        let says_something = |lead: &Lead| !(lead.kinds.is_empty() && lead.occasions.is_empty());
        Self {
            sought: leads.filter(says_something).take(SOUGHT).collect(),
        }
    }

    /// What one fault is to lead to; every second one to nothing in particular.
    pub(super) fn lead(&self, stream: &mut Stream) -> Lead {
        if self.sought.is_empty() || stream.chance(1, 2) {
            return Lead::ANYWHERE;
        }
        *pick(stream, &self.sought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reached_least_is_sought_and_what_is_common_is_not() {
        let reached = [
            (Probe::HandshakePurged, 50),
            (Probe::CrashInRestore, 1),
            (Probe::CrashBetweenPublishAndCommit, 0),
        ];
        let bias = Bias::towards(&reached, 100);
        let leads = [Probe::CrashBetweenPublishAndCommit, Probe::CrashInRestore].map(Probe::lead);
        assert_eq!(bias.sought, leads);
        assert_eq!(Bias::towards(&reached[..1], 100), Bias::none());
    }
}
