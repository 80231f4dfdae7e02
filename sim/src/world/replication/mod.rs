//! Replication into a host: the replica's threads, the receiver's connection, the dump thread on the host that is
//! read from, and the link between them. The target replicates from the source, and on the way back the source from the
//! target; both directions go over the same network.

mod connect;
mod resets;
mod stream;
mod threads;

pub(super) use connect::why_refused;

use super::{NEVER, Target, World, link::Link};
use crate::{environment::Environment, runbook::Host};
use cutover_model::{
    replica::{
        Costs, Range, Replica,
        dump::{DumpThread, GtidRuns},
    },
    server::Server,
};
use std::collections::VecDeque;

/// A message on the wire.
#[derive(Debug)]
struct Message {
    range: Range,
    gtids: GtidRuns,
}

/// Replication into a host.
#[derive(Debug)]
pub(super) struct Channel {
    /// Whose binlog is read.
    pub(super) from: Host,
    /// Receiver and applier, once configured.
    pub(super) replica: Option<Replica>,
    /// Replication was running when the replica's server went down: it starts with it.
    pub(super) resumes: bool,
    link: Link,
    dump: Option<DumpThread>,
    wire: VecDeque<Message>,
    connection: u32,
    pump_due: bool,
}

impl Channel {
    pub(super) fn new(from: Host, environment: &Environment) -> Self {
        Self {
            from,
            replica: None,
            resumes: false,
            link: Link::new(&environment.network.replication),
            dump: None,
            wire: VecDeque::new(),
            connection: 0,
            pump_due: false,
        }
    }

    /// When its applier has something to do, in µs; [`NEVER`] without anything.
    #[inline]
    pub(super) fn next_due(&self) -> u64 {
        let due = self.replica.as_ref().and_then(Replica::next_due);
        due.unwrap_or(NEVER)
    }

    /// Nothing is on the wire, and nothing received waits for an applier that runs.
    pub(super) fn is_quiet(&self) -> bool {
        let applied = self
            .replica
            .as_ref()
            .is_none_or(|r| !r.applier_runs() || r.is_idle());
        self.wire.is_empty() && !self.pump_due && applied
    }

    /// Which file is being read: purge stops there.
    fn file_in_use(&self) -> Option<u64> {
        self.dump.as_ref().map(|d| d.at.file)
    }

    fn close(&mut self) {
        self.connection += 1;
        self.dump = None;
        self.wire.clear();
        self.pump_due = false;
    }
}

impl World {
    pub(super) fn channel(&self, to: Host) -> &Channel {
        &self.channels[to as usize]
    }

    pub(super) fn channel_mut(&mut self, to: Host) -> &mut Channel {
        &mut self.channels[to as usize]
    }

    /// The hosts that replicate from another.
    fn replicating_from(&self, from: Host) -> impl Iterator<Item = Host> + use<> {
        let reads = Host::ALL.map(|to| self.channel(to).from == from);
        Host::ALL
            .into_iter()
            .zip(reads)
            .filter_map(|(to, reads)| reads.then_some(to))
    }

    /// The first file of a host that a dump thread reads.
    pub(super) fn stream_in_use(&self, from: Host) -> Option<u64> {
        let channels = self.channels.iter().filter(|c| c.from == from);
        channels.filter_map(Channel::file_in_use).min()
    }

    /// What applying costs on a host. Both ends apply rows at the target's pace: of the source's as a replica nothing else is
    /// known.
    pub(super) fn costs(&self, on: Host) -> Costs {
        let target = &self.environment.target;
        Costs {
            transaction_us: target.apply_transaction.0,
            row_us: target.apply_row.0,
            first_touch_us: target.first_touch.0,
            scan_row_us: target.scan_row.0,
            alter_row_us: self.environment.alter_row(on).0,
        }
    }
}

/// A host's server, of a world that is borrowed in parts: source, target, read replica.
pub(super) fn server_of<'w>(
    (source, target, replica): (&'w Server, Option<&'w Target>, Option<&'w Server>),
    host: Host,
) -> Option<&'w Server> {
    match host {
        Host::Source => Some(source),
        Host::Target => target.map(|t| &t.server),
        Host::Replica => replica,
    }
}
