//! What each kind of fault looks like when a swarm draws it: parameters in the range in which they can matter. A kind
//! without a drawer does not compile.

use super::scales::Scales;
use crate::{
    faults::{
        AsyncFailover, Bandwidth, Fault, HalfOpen, Harm, Jitter, Kind, Lasting, Latency, Partition,
        Reset, SlowFsync, SourceCrash, SourceFailover, Stall, Way, Wire,
    },
    stream::Stream,
    units::{Bytes, Micros},
};

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
                scales.up_to(stream, 60_000_000),
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
    };
    (harm, lasts)
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
