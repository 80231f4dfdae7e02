//! The stream itself: what the dump thread sends, as far as the link has room, and how it arrives.

use super::{Message, server_of};
use crate::{
    environment::Checksum,
    faults::{BadPlace, CorruptEvent, Occasion},
    probes::Probe,
    runbook::Host,
    world::{Due, World, side},
};
use cutover_model::{
    mutant::Mutant,
    replica::{Range, ThreadError},
};

/// Bytes that the dump thread hands to the link at a time.
const MESSAGE_BYTES: usize = 256 << 10;
/// The link takes more while less than this is on the wire, in µs of its bandwidth.
const IN_FLIGHT_US: u64 = 100_000;

impl World {
    /// The next binlog events arrive with a changed byte.
    pub(in crate::world) fn corrupt_next(&mut self, corruption: &CorruptEvent) {
        self.corruption = Some(*corruption);
    }

    /// A message as it arrives when a byte of it was changed. False when the receiver has noticed.
    fn corrupted(&mut self, to: Host, range: &mut Range, corruption: CorruptEvent) -> bool {
        let checksums = self.environment.source.binlog_checksum == Checksum::Crc32
            && !self.mutants.has(Mutant::ChecksumsNotVerified);
        let from = self.channel(to).from;
        let Some(binlog) = self.server_mut(from).and_then(|s| s.binlog.as_mut()) else {
            return true;
        };
        range.span = binlog.damaged(range.span, corruption.byte as usize, corruption.flip);
        if !checksums || corruption.place == BadPlace::RelayLog {
            return true;
        }
        self.probes.reach(Probe::CorruptEventRefused);
        let error = ThreadError {
            errno: 1743,
            text: "Replication event checksum verification failed while reading from network."
                .into(),
        };
        self.tell(
            side(to),
            format!("the receiver stops: {} (1743)", error.text),
            Vec::new(),
        );
        let channel = self.channel_mut(to);
        if let Some(replica) = channel.replica.as_mut() {
            replica.refused(error);
        }
        channel.close();
        false
    }

    /// A host has published a new end of its binlog.
    pub(in crate::world) fn published(&mut self, from: Host) {
        for to in Host::ALL {
            let channel = self.channel(to);
            // Without a dump thread there is nothing to send; a busy link is asked again when it is free.
            let busy = channel.link.free_at() > self.now + IN_FLIGHT_US;
            if channel.from == from && (busy || channel.dump.is_some()) {
                self.pump(to, channel.connection);
            }
        }
    }

    /// Sends what there is to send, as far as the link has room.
    pub(in crate::world) fn pump(&mut self, to: Host, connection: u32) {
        let channel = self.channel_mut(to);
        if connection != channel.connection {
            return;
        }
        channel.pump_due = false;
        let from = channel.from;
        loop {
            let channel = &mut self.channels[to as usize];
            if channel.link.free_at() > self.now + IN_FLIGHT_US {
                channel.pump_due = true;
                self.agenda
                    .push(channel.link.free_at(), Due::Pump(to, connection));
                return;
            }
            let Some(dump) = channel.dump.as_mut() else {
                return;
            };
            let Some(there) = server_of(
                (
                    &self.source,
                    self.target.as_ref(),
                    self.read_replica.as_ref(),
                ),
                from,
            ) else {
                return;
            };
            match dump.next(there, MESSAGE_BYTES) {
                Ok(None) => return,
                Ok(Some(sent)) => {
                    let bytes = sent.range.span.length() as u64;
                    self.marks.replication_into(to).sent_to = Some(sent.range.end());
                    let arrival = channel.link.send(self.now, bytes, &mut self.jitter);
                    channel.wire.push_back(Message {
                        range: sent.range,
                        gtids: sent.gtids,
                    });
                    self.agenda.push(arrival, Due::Deliver(to, connection));
                    self.occurs(Occasion::BinlogSent);
                }
                Err(error) => {
                    let text = format!("ends the binlog stream: {} ({})", error.text, error.errno);
                    self.marks.replication_into(to).refused = Some((self.now, error.clone()));
                    if let Some(replica) = channel.replica.as_mut() {
                        replica.refused(error);
                    }
                    channel.dump = None;
                    self.tell(side(from), text, Vec::new());
                    return;
                }
            }
        }
    }

    pub(in crate::world) fn deliver(&mut self, to: Host, connection: u32) {
        let channel = self.channel_mut(to);
        if connection != channel.connection {
            return;
        }
        let Some(mut message) = channel.wire.pop_front() else {
            return;
        };
        let from = channel.from;
        if let Some(corruption) = self.corruption.take_if(|_| !message.range.span.is_empty())
            && !self.corrupted(to, &mut message.range, corruption)
        {
            return;
        }
        let binlog = server_of(
            (
                &self.source,
                self.target.as_ref(),
                self.read_replica.as_ref(),
            ),
            from,
        )
        .and_then(|s| s.binlog.as_ref());
        if let Some(replica) = self.channels[to as usize].replica.as_mut() {
            self.marks.replication_into(to).received_to = Some(message.range.end());
            let file = message.range.at.file;
            replica.receive(message.range, &message.gtids, || {
                binlog.map(|b| b.name(file)).unwrap_or_default()
            });
            self.occurs(Occasion::BinlogReceived);
        }
    }
}
