//! What each kind of fault looks like when a swarm draws it: parameters in the range in which they can matter. A kind
//! without a drawer does not compile.

use super::scales::Scales;
use crate::{
    faults::{
        ActsEarly, Added, AnswerLost, ApplierCrash, AsyncFailover, AuroraFailover, BadPlace,
        Bandwidth, BlindRetry, Burst, CachedForever, ClockSkew, ColdPages, ControlPlaneFails,
        ControlPlaneSlow, ControlPlaneThrottles, CorruptEvent, Cron, Ddl, DiskFull,
        DmsInstanceFailover, DmsTaskCrash, Fault, HalfOpen, Harm, Held, HugeTransaction, Jitter,
        Kind, Lasting, Latency, LongTransaction, OperatorCrash, Partition, PasswordChanged,
        PinnedPool, PrivilegedWriter, PurgeBinlogs, ReceiverCrash, RelayLogLoss, Reset,
        RetentionLost, RotationStorm, SlowApply, SlowFsync, SourceCrash, SourceFailover, StaleDns,
        Stall, StepAgain, StrayWriter, TargetCrash, Way, Wire, XaTransaction,
    },
    runbook::Host,
    stream::Stream,
    units::{Bytes, Micros},
};

/// A server that is killed is back after this long at most, recovery included.
const RESTART_US: u64 = 60_000_000;
/// A clock is off by no more, or somebody notices.
const HOUR_US: u64 = 3_600_000_000;

/// A fault of the kind that does something and heals; when it fires is still to be said.
pub fn draw(kind: Kind, stream: &mut Stream, scales: &Scales) -> Fault {
    let (harm, lasts) = harm(kind, stream, scales);
    Fault {
        lasts: (kind.facts().lasting == Lasting::Lasts).then_some(lasts),
        ..harm.into_fault()
    }
}

/// What it does, and for how long where that has a meaning.
fn harm(kind: Kind, stream: &mut Stream, scales: &Scales) -> (Harm, Micros) {
    let lasts = scales.duration(stream);
    let harm = match kind {
        Kind::Latency => Harm::Latency(Latency {
            link: wire(stream),
            add: scales.up_to(stream, 2_000_000),
        }),
        Kind::Jitter => Harm::Jitter(Jitter {
            link: link(stream),
            add: scales.up_to(stream, 2_000_000),
        }),
        Kind::Bandwidth => Harm::Bandwidth(Bandwidth {
            link: link(stream),
            limit: Bytes(1 << (10 + stream.below(10))),
        }),
        Kind::Stall => Harm::Stall(Stall { link: wire(stream) }),
        Kind::Reset => Harm::Reset(Reset { link: link(stream) }),
        Kind::Partition => Harm::Partition(Partition {
            link: wire(stream),
            way: *pick(stream, &[Way::Both, Way::Requests, Way::Answers]),
        }),
        Kind::HalfOpen => Harm::HalfOpen(HalfOpen {}),
        Kind::SourceCrash => {
            // A restart, with recovery.
            return (
                Harm::SourceCrash(SourceCrash {}),
                scales.up_to(stream, RESTART_US),
            );
        }
        Kind::SourceFailover => {
            return (Harm::SourceFailover(SourceFailover {}), failover(stream));
        }
        Kind::AsyncFailover => {
            let behind = scales.up_to(stream, 5_000_000);
            return (
                Harm::AsyncFailover(AsyncFailover { behind }),
                failover(stream),
            );
        }
        Kind::SlowFsync => Harm::SlowFsync(SlowFsync {
            times: 1 << (1 + stream.below(8)),
        }),
        Kind::DiskFull => Harm::DiskFull(DiskFull {}),
        Kind::PurgeBinlogs => Harm::PurgeBinlogs(PurgeBinlogs {
            keep: 1 + stream.below(3) as u32,
        }),
        Kind::RetentionLost => Harm::RetentionLost(RetentionLost {}),
        Kind::PasswordChanged => Harm::PasswordChanged(PasswordChanged {}),
        Kind::RotationStorm => Harm::RotationStorm(RotationStorm {
            every: storm(stream, lasts),
        }),
        Kind::CorruptEvent => Harm::CorruptEvent(CorruptEvent {
            place: *pick(stream, &[BadPlace::Wire, BadPlace::RelayLog]),
            byte: stream.below(4_096) as u32,
            flip: 1 + stream.below(255) as u8,
        }),
        Kind::ReceiverCrash => Harm::ReceiverCrash(ReceiverCrash {}),
        Kind::ApplierCrash => Harm::ApplierCrash(ApplierCrash {}),
        Kind::TargetCrash => {
            return (
                Harm::TargetCrash(TargetCrash {}),
                scales.up_to(stream, RESTART_US),
            );
        }
        // "Typically less than 60 s, often less than 30 s" with another instance in the cluster.
        Kind::AuroraFailover => {
            return (
                Harm::AuroraFailover(AuroraFailover {}),
                Micros(10_000_000 + stream.below(50_000_001)),
            );
        }
        Kind::DmsTaskCrash => {
            return (
                Harm::DmsTaskCrash(DmsTaskCrash {}),
                scales.up_to(stream, RESTART_US),
            );
        }
        Kind::DmsInstanceFailover => {
            return (
                Harm::DmsInstanceFailover(DmsInstanceFailover {}),
                failover(stream),
            );
        }
        Kind::RelayLogLoss => Harm::RelayLogLoss(RelayLogLoss {}),
        Kind::SlowApply => Harm::SlowApply(SlowApply {
            times: 1 << (1 + stream.below(8)),
        }),
        Kind::ColdPages => Harm::ColdPages(ColdPages {}),
        Kind::ControlPlaneSlow => Harm::ControlPlaneSlow(ControlPlaneSlow {
            times: 1 << (1 + stream.below(6)),
        }),
        Kind::ControlPlaneThrottles => Harm::ControlPlaneThrottles(ControlPlaneThrottles {}),
        Kind::ControlPlaneFails => Harm::ControlPlaneFails(ControlPlaneFails {}),
        Kind::AnswerLost => Harm::AnswerLost(AnswerLost {}),
        Kind::OperatorCrash => Harm::OperatorCrash(OperatorCrash {}),
        Kind::StepAgain => Harm::StepAgain(StepAgain {
            step: 1 + stream.below(scales.steps) as u32,
        }),
        Kind::ActsEarly => Harm::ActsEarly(ActsEarly {}),
        Kind::StaleDns => Harm::StaleDns(StaleDns {
            percent: percent(stream),
        }),
        Kind::CachedForever => Harm::CachedForever(CachedForever {
            percent: percent(stream),
        }),
        Kind::PinnedPool => Harm::PinnedPool(PinnedPool {
            percent: percent(stream),
        }),
        Kind::BlindRetry => Harm::BlindRetry(BlindRetry {
            percent: percent(stream),
        }),
        Kind::Cron => Harm::Cron(Cron {
            every: writes(stream, lasts),
        }),
        Kind::PrivilegedWriter => Harm::PrivilegedWriter(PrivilegedWriter {
            every: writes(stream, lasts),
        }),
        Kind::StrayWriter => Harm::StrayWriter(StrayWriter {
            every: writes(stream, lasts),
        }),
        Kind::ClockSkew => Harm::ClockSkew(ClockSkew {
            host: *pick(stream, &[Host::Source, Host::Target]),
            ahead: Micros(1_000_000 + scales.up_to(stream, HOUR_US).0),
        }),
        Kind::Burst => Harm::Burst(Burst {
            times: 1 << (1 + stream.below(4)),
        }),
        Kind::LongTransaction => Harm::LongTransaction(LongTransaction {
            writes: Held::Draft,
        }),
        Kind::XaTransaction => Harm::XaTransaction(XaTransaction {}),
        Kind::HugeTransaction => Harm::HugeTransaction(HugeTransaction {
            rows: 3 << stream.below(10),
        }),
        Kind::Ddl => Harm::Ddl(Ddl {
            add: *pick(stream, &[Added::Column, Added::Index]),
        }),
    };
    (harm, lasts)
}

/// Pause between two rotations of a storm: some hundred files at most, as many as a fault's time has room for.
fn storm(stream: &mut Stream, lasts: Micros) -> Micros {
    let files = 2 + stream.below(200);
    Micros((lasts.0 / files).max(10_000))
}

/// A part of the clients, all of them included.
fn percent(stream: &mut Stream) -> u32 {
    *pick(stream, &[25, 50, 75, 100])
}

/// Pause between two writes of a job: some dozen writes at most.
fn writes(stream: &mut Stream, lasts: Micros) -> Micros {
    let writes = 1 + stream.below(50);
    Micros((lasts.0 / writes).max(10_000))
}

/// How long an RDS Multi-AZ failover takes: 60 to 120 s.
fn failover(stream: &mut Stream) -> Micros {
    Micros(60_000_000 + stream.below(60_000_001))
}

/// Any link.
fn wire(stream: &mut Stream) -> Wire {
    *pick(
        stream,
        &[
            Wire::Replication,
            Wire::ClientsSource,
            Wire::ClientsTarget,
            Wire::Operator,
        ],
    )
}

/// A link that has connections and a bandwidth, as the operator's has not.
fn link(stream: &mut Stream) -> Wire {
    *pick(
        stream,
        &[Wire::Replication, Wire::ClientsSource, Wire::ClientsTarget],
    )
}

/// One of several; they must not be none.
pub fn pick<'a, T>(stream: &mut Stream, of: &'a [T]) -> &'a T {
    &of[stream.below(of.len() as u64) as usize]
}
