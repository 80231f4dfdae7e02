//! The binlog stream: the receiver's connection, the source's dump thread, and the link between them.

use super::{Due, Wire, World, link::Link};
use crate::{environment::Environment, runbook::Host};
use cutover_model::{
    gtid::Gtid,
    replica::{
        Costs, Range,
        dump::{DumpThread, handshake},
    },
};
use std::collections::VecDeque;

/// Bytes that the dump thread hands to the link at a time.
const MESSAGE_BYTES: usize = 256 << 10;
/// The link takes more while less than this is on the wire, in µs of its bandwidth.
const IN_FLIGHT_US: u64 = 100_000;

/// A message on the wire.
#[derive(Debug)]
struct Message {
    range: Range,
    gtids: Vec<Gtid>,
}

/// The connection between source and target.
#[derive(Debug)]
pub(super) struct Stream {
    link: Link,
    dump: Option<DumpThread>,
    wire: VecDeque<Message>,
    connection: u32,
    pump_due: bool,
}

impl Stream {
    pub(super) fn new(environment: &Environment) -> Self {
        Self {
            link: Link::new(&environment.network.replication),
            dump: None,
            wire: VecDeque::new(),
            connection: 0,
            pump_due: false,
        }
    }

    /// The present connection's number.
    pub(super) fn connection(&self) -> u32 {
        self.connection
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.wire.is_empty() && !self.pump_due
    }

    /// Which file of the source is being read: purge stops there.
    pub(super) fn file_in_use(&self) -> Option<u64> {
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
    /// The receiver tries to connect.
    pub(super) fn receiver_starts(&mut self) {
        self.stream.close();
        let arrival = self.stream.link.send(self.now, 64, &mut self.jitter);
        self.agenda
            .push(arrival, Due::Connect(self.stream.connection));
    }

    /// The receiver's connection is closed.
    pub(super) fn receiver_stops(&mut self) {
        self.stream.close();
    }

    /// The links whose connections are reset now and then, at the beginning of a run.
    pub(super) fn schedule_resets(&mut self) {
        for wire in [
            Wire::Clients(Host::Source),
            Wire::Clients(Host::Target),
            Wire::Replication,
        ] {
            self.schedule_reset(wire);
        }
    }

    fn schedule_reset(&mut self, wire: Wire) {
        let network = &self.environment.network;
        let every = match wire {
            Wire::Clients(Host::Source) => network.clients_source.reset_every.0,
            Wire::Clients(Host::Target) => network.clients_target.reset_every.0,
            Wire::Replication => network.replication.reset_every.0,
        };
        if every > 0 {
            self.agenda.push(self.now + every, Due::Reset(wire));
        }
    }

    /// A link's connections break, and what was on the wire is lost.
    pub(super) fn reset(&mut self, wire: Wire) {
        self.schedule_reset(wire);
        match wire {
            Wire::Clients(host) => {
                self.kill_connections(host);
            }
            Wire::Replication => self.reset_stream(),
        }
    }

    /// The receiver's connection breaks; it tries again after `source_connect_retry`.
    fn reset_stream(&mut self) {
        let replica = self.target.as_mut().and_then(|t| t.replica.as_mut());
        let Some(replica) = replica.filter(|r| r.is_connected()) else {
            return;
        };
        replica.disconnected();
        self.stream.close();
        let again = self.now + self.environment.target.connect_retry.0;
        self.agenda
            .push(again, Due::Connect(self.stream.connection));
        self.tell(
            "target",
            "the receiver has lost its connection to the source".into(),
            Vec::new(),
        );
    }

    pub(super) fn connect_receiver(&mut self, attempt: u32) {
        if attempt != self.stream.connection {
            return;
        }
        let Some(target) = self.target.as_mut() else {
            return;
        };
        let Some(replica) = target.replica.as_mut().filter(|r| r.wants_connection()) else {
            return;
        };
        match handshake(&self.source, &replica.request(&target.server.gtid_executed)) {
            Ok(dump) => {
                let file = self
                    .source
                    .binlog
                    .as_ref()
                    .map(|b| b.name(dump.at.file))
                    .unwrap_or_default();
                replica.connected(&file, dump.at, 0);
                self.marks.replication.from.get_or_insert(dump.at);
                self.tell(
                    "target",
                    format!(
                        "the receiver is connected and reads from {file}:{}",
                        dump.at.pos
                    ),
                    Vec::new(),
                );
                self.stream.dump = Some(dump);
                self.pump(attempt);
            }
            Err(error) => {
                let text = format!("the receiver is refused: {} ({})", error.text, error.errno);
                self.marks.replication.refused = Some((self.now, error.clone()));
                replica.refused(error);
                self.stream.close();
                self.tell("source", text, Vec::new());
            }
        }
    }

    /// Sends what there is to send, as far as the link has room.
    pub(super) fn pump(&mut self, connection: u32) {
        if connection != self.stream.connection {
            return;
        }
        self.stream.pump_due = false;
        loop {
            if self.stream.link.free_at() > self.now + IN_FLIGHT_US {
                self.stream.pump_due = true;
                self.agenda
                    .push(self.stream.link.free_at(), Due::Pump(connection));
                return;
            }
            let Some(dump) = self.stream.dump.as_mut() else {
                return;
            };
            match dump.next(&self.source, MESSAGE_BYTES) {
                Ok(None) => return,
                Ok(Some(sent)) => {
                    let bytes = sent.range.span.length() as u64;
                    self.marks.sent_to = Some(sent.range.end());
                    let arrival = self.stream.link.send(self.now, bytes, &mut self.jitter);
                    self.stream.wire.push_back(Message {
                        range: sent.range,
                        gtids: sent.gtids,
                    });
                    self.agenda.push(arrival, Due::Deliver(connection));
                }
                Err(error) => {
                    let text = format!("ends the binlog stream: {} ({})", error.text, error.errno);
                    self.marks.replication.refused = Some((self.now, error.clone()));
                    if let Some(replica) = self.target.as_mut().and_then(|t| t.replica.as_mut()) {
                        replica.refused(error);
                    }
                    self.stream.dump = None;
                    self.tell("source", text, Vec::new());
                    return;
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, connection: u32) {
        if connection != self.stream.connection {
            return;
        }
        let Some(message) = self.stream.wire.pop_front() else {
            return;
        };
        let binlog = self.source.binlog.as_ref();
        if let Some(replica) = self.target.as_mut().and_then(|t| t.replica.as_mut()) {
            self.marks.replication.received_to = Some(message.range.end());
            let file = message.range.at.file;
            replica.receive(message.range, message.gtids.into_iter(), || {
                binlog.map(|b| b.name(file)).unwrap_or_default()
            });
        }
    }

    pub(super) fn costs(&self) -> Costs {
        let target = &self.environment.target;
        Costs {
            transaction_us: target.apply_transaction.0,
            row_us: target.apply_row.0,
            first_touch_us: target.first_touch.0,
        }
    }
}
