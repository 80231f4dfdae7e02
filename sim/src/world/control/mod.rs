//! What the operator can do to the world, and see of it.

mod cluster;
mod external_source;
mod fence;
mod repoint;
mod retention;
mod schema;
mod snapshots;

pub(super) use cluster::CLUSTER_EXISTS;
pub(super) use external_source::no_replication;
pub(crate) use schema::leave_out_constraints;

use super::World;
use crate::faults::Occasion;

impl World {
    /// What the operator's round trip to a server takes, in µs.
    pub fn operator_round_trip_us(&self) -> u64 {
        2 * self.environment.network.operator_latency.0
    }

    /// The step with the role of fence is done.
    pub fn mark_fence(&mut self) {
        self.marks.fence = Some(self.now);
        self.occurs(Occasion::FencePassed);
    }

    /// The step with the role of gate is done.
    pub fn mark_gate(&mut self) {
        self.marks.gate = Some(self.now);
        self.marks.applied_at_gate = self.history.applied.len();
        self.occurs(Occasion::GatePassed);
    }
}
