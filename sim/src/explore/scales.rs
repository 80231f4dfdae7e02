//! The time scales of a plan, which the faults that are drawn for it are sized by: a partition of a minute is nothing
//! to a restore of nine hours, and longer than everything that a small scenario does.

use crate::{
    faults::Occasion,
    plan::Plan,
    runbook::{Host, Op, Role, SetReadOnly, Step},
    stream::Stream,
    units::Micros,
    workload_spec::Kind,
};

/// What a migration takes beyond restore and control plane: it catches up, and looks three times.
const CATCH_UP_US: u64 = 40_000_000;
/// The shortest fault that is drawn.
const SHORTEST_US: u64 = 10_000;

/// The time scales of a plan, in µs.
#[derive(Clone, Debug)]
pub struct Scales {
    /// About how long the migration takes without faults, from the beginning of the run.
    pub migration_us: u64,
    /// After this long without a word a replication connection counts as dead.
    pub net_timeout_us: u64,
    /// The longest fault that is drawn: longer than the patience of everybody who waits, and short enough for the
    /// migration to end.
    pub longest_us: u64,
    /// About how many transactions the source commits.
    pub commits: u64,
    /// Steps of the runbook.
    pub steps: u64,
    /// The occasions that can occur in a run of the runbook.
    pub occasions: Vec<Occasion>,
}

impl Scales {
    /// Of a plan.
    pub fn of(plan: &Plan) -> Self {
        let (control, source) = (&plan.environment.control_plane, &plan.environment.source);
        let per_tib = control.snapshot_per_tib.0 + control.restore_per_tib.0;
        let by_size = ((u128::from(per_tib) * u128::from(source.data_size.0)) >> 40) as u64;
        let migration_us = plan.clock.runbook_after.0
            + control.snapshot_start.0
            + control.snapshot_fixed.0
            + control.restore_fixed.0
            + control.create_instance.0
            + control.dns_change.0
            + by_size
            + source.parameter_delay.0
            + CATCH_UP_US;
        let net_timeout_us = plan.environment.target.replica_net_timeout.0;
        let per_s = match plan.workload.kind {
            Kind::Orders => plan.workload.rate_per_s,
            // Nobody knows without the files.
            Kind::Binlog => 1.0,
        };
        let commits = (per_s * (migration_us as f64 / 1e6)) as u64;
        Self {
            migration_us,
            net_timeout_us,
            longest_us: (2 * net_timeout_us).max(migration_us / 8),
            commits: commits.max(1),
            steps: (plan.runbook.steps.len() as u64).max(1),
            occasions: occasions(plan),
        }
    }

    /// A duration. One in four is about as long as a replication connection may be silent; of the others every order
    /// of magnitude up to the longest is as likely as every other.
    pub fn duration(&self, stream: &mut Stream) -> Micros {
        if stream.chance(1, 4) {
            let half = self.net_timeout_us / 2;
            return Micros(half + 1 + stream.below(2 * half + 1));
        }
        self.up_to(stream, self.longest_us)
    }

    /// Likewise, up to a time that has its reason in the kind of fault.
    pub fn up_to(&self, stream: &mut Stream, longest_us: u64) -> Micros {
        Micros(log_uniform(
            stream,
            SHORTEST_US,
            longest_us.max(SHORTEST_US),
        ))
    }
}

/// A number from `low` to `high`, every order of magnitude as likely as every other.
pub fn log_uniform(stream: &mut Stream, low: u64, high: u64) -> u64 {
    let (low, high) = (low.max(1), high.max(1));
    let exponents = u64::from(high.ilog2() - low.min(high).ilog2()) + 1;
    let exponent = u64::from(low.min(high).ilog2()) + stream.below(exponents);
    let number = (1 << exponent) + stream.below(1 << exponent);
    number.clamp(low.min(high), high)
}

/// What can happen in a run of the plan: an occasion that never comes would waste the fault.
fn occasions(plan: &Plan) -> Vec<Occasion> {
    let has = |wanted: &dyn Fn(&Step) -> bool| plan.runbook.steps.iter().any(wanted);
    let does = |wanted: fn(&Op<'_>) -> bool| has(&|step| step.op().is_ok_and(|op| wanted(&op)));
    let replicates = does(|op| matches!(op, Op::StartReplication(_) | Op::CreateAuroraReplica));
    let restores = does(|op| {
        matches!(
            op,
            Op::RestoreSnapshot(_) | Op::MigrateLatestSnapshot | Op::CreateAuroraReplica
        )
    });
    let moves_rows = does(|op| matches!(op, Op::CreateDmsTask(_)));
    let occurs = |occasion: Occasion| match occasion {
        Occasion::StepBegins
        | Occasion::StepEnds
        | Occasion::CommitSent
        | Occasion::SourcePublishes
        | Occasion::SourceCommits
        | Occasion::BinlogRotates => true,
        Occasion::CallTakesEffect => does(|op| {
            matches!(
                op,
                Op::CreateSnapshot(_)
                    | Op::RestoreSnapshot(_)
                    | Op::MigrateLatestSnapshot
                    | Op::CreateAuroraReplica
                    | Op::CreateReadReplica
                    | Op::PromoteCluster
                    | Op::EnableBinlog
                    | Op::Repoint(_)
                    | Op::SetReadOnly(SetReadOnly {
                        on: Host::Source,
                        ..
                    })
            )
        }),
        Occasion::SnapshotCut => {
            does(|op| matches!(op, Op::CreateSnapshot(_) | Op::CreateAuroraReplica))
        }
        Occasion::RestoreBegins | Occasion::Restored => restores,
        Occasion::ReplicationStarts => replicates,
        Occasion::ReceiverConnects
        | Occasion::BinlogSent
        | Occasion::BinlogReceived
        | Occasion::TargetApplies => replicates || moves_rows,
        Occasion::DmsLoadBegins | Occasion::DmsTableLoaded | Occasion::DmsFollows => moves_rows,
        Occasion::LagReadsZero => {
            replicates
                && has(&|step| {
                    let wait = step.wait.as_ref();
                    wait.is_some_and(|w| w.until.seconds_behind_source.is_some())
                })
        }
        Occasion::FenceAsked => {
            does(|op| matches!(op, Op::SetReadOnly(o) if o.on == Host::Source && o.value))
        }
        Occasion::FencePassed => has(&|step| step.role == Some(Role::Fence)),
        Occasion::GatePolled | Occasion::GatePassed => has(&|step| step.role == Some(Role::Gate)),
        Occasion::Repointed | Occasion::FirstWriteOnTarget => {
            does(|op| matches!(op, Op::Repoint(o) if o.to == Host::Target))
        }
    };
    let all = Occasion::ALL.iter().map(|(occasion, _)| *occasion);
    all.filter(|occasion| occurs(*occasion)).collect()
}

impl Scales {
    /// Which occurrence of an occasion: one that a run is likely to come to.
    pub fn nth(&self, stream: &mut Stream, occasion: Occasion) -> u32 {
        let nth = match occasion {
            Occasion::StepBegins | Occasion::StepEnds => 1 + stream.below(self.steps),
            Occasion::CommitSent
            | Occasion::SourcePublishes
            | Occasion::SourceCommits
            | Occasion::BinlogSent
            | Occasion::BinlogReceived
            | Occasion::TargetApplies => log_uniform(stream, 1, self.commits),
            Occasion::LagReadsZero | Occasion::GatePolled | Occasion::ReceiverConnects => {
                1 + stream.below(3)
            }
            // Snapshot, restore, fence, repoint.
            Occasion::CallTakesEffect => 1 + stream.below(4),
            Occasion::BinlogRotates => 1 + stream.below(8),
            Occasion::DmsLoadBegins | Occasion::DmsTableLoaded => 1 + stream.below(4),
            Occasion::SnapshotCut
            | Occasion::RestoreBegins
            | Occasion::Restored
            | Occasion::DmsFollows
            | Occasion::ReplicationStarts
            | Occasion::FenceAsked
            | Occasion::FencePassed
            | Occasion::GatePassed
            | Occasion::Repointed
            | Occasion::FirstWriteOnTarget => 1,
        };
        u32::try_from(nth).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_magnitude_is_drawn_and_nothing_beyond_the_bounds() {
        let mut stream = Stream::new(1);
        let mut decades = [0; 8];
        for _ in 0..10_000 {
            let drawn = log_uniform(&mut stream, 10, 10_000_000);
            assert!((10..=10_000_000).contains(&drawn), "{drawn}");
            decades[drawn.ilog10() as usize] += 1;
        }
        assert_eq!(decades[0], 0);
        assert!(decades[1..7].iter().all(|n| *n > 1_000), "{decades:?}");
        assert_eq!(log_uniform(&mut stream, 5, 5), 5);
        assert_eq!(log_uniform(&mut stream, 0, 0), 1);
    }
}
