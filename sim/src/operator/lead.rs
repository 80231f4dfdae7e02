//! How long a runbook takes to come to its first snapshot.
//!
//! A recording may last a second, and the runbook's first calls a few tenths of one. So that the snapshot
//! is cut in mid-traffic, the recording and the runbook are started against each other: this is the time
//! between them. It walks the steps as the operator will, with the same random stream, and takes every
//! wait to hold at its first look.

use super::steps::POLL;
use crate::{
    plan::Plan,
    runbook::{Host, Op, Until},
    stream::Stream,
    units::Micros,
};

/// From the start of the runbook to the first cut, in µs; 0 when it takes no snapshot.
pub fn until_first_cut(plan: &Plan) -> Micros {
    let environment = &plan.environment;
    let mut random = Stream::new(plan.streams.control_plane.0);
    let call = environment.control_plane.api_call.0;
    let mut api_call = || rounded(call + random.below(call / 4 + 1));
    let statement = rounded(2 * environment.network.operator_latency.0);
    let mut at = 0;
    let mut fenced = 0;
    for step in &plan.runbook.steps {
        let Ok(op) = step.op() else { continue };
        at += match op {
            Op::CreateSnapshot(_) | Op::CreateAuroraReplica | Op::CreateReadReplica => {
                return Micros(
                    at + api_call() + rounded(environment.control_plane.snapshot_start.0),
                );
            }
            Op::SetReadOnly(o) if o.on == Host::Source => {
                let call = api_call();
                fenced = at + call + environment.source.parameter_delay.0;
                call
            }
            Op::Wait(o) if o.until.kind() == Ok(Until::ReadOnly(Host::Source)) => {
                let round = statement + rounded(o.every.unwrap_or(POLL).0);
                let looks = fenced.saturating_sub(at + statement).div_ceil(round);
                looks * round + statement
            }
            Op::Repoint(o) if o.share.is_some() => {
                api_call() + rounded(environment.clients.rolling_restart.0)
            }
            Op::Repoint(_) => api_call() + rounded(environment.control_plane.dns_change.0),
            Op::Pause(o) => rounded(o.length.0),
            Op::RestoreSnapshot(_) | Op::MigrateLatestSnapshot | Op::CreateCluster => {
                return Micros(0);
            }
            _ => statement,
        };
    }
    Micros(0)
}

/// madsim's timers have milliseconds, rounded up.
fn rounded(us: u64) -> u64 {
    us.div_ceil(1_000) * 1_000
}
