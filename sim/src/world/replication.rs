//! The binlog stream: the receiver's connection, the source's dump thread, and the link between them.

use super::{Due, World, link::Link};
use crate::{
    environment::{Checksum, Environment},
    faults::{BadPlace, CorruptEvent, Occasion, Way, Wire},
    probes::Probe,
    runbook::Host,
    units::Micros,
};
use cutover_model::{
    gtid::Gtid,
    mutant::Mutant,
    replica::{
        Costs, Range, Replica, ThreadError,
        dump::{DumpThread, Request, handshake},
    },
    server::Server,
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

/// Which of the refusals it is.
pub(super) fn why_refused(source: &Server, request: &Request) -> Probe {
    let Some(binlog) = &source.binlog else {
        return Probe::HandshakeRefused;
    };
    match request {
        Request::Auto { known }
            if !known
                .of_server(source.config.uuid)
                .is_subset_of(&source.gtid_executed) =>
        {
            Probe::HandshakeTooNew
        }
        Request::Auto { known } if !binlog.purged().is_subset_of(known) => Probe::HandshakePurged,
        Request::Position { file, .. }
            if binlog.number(file).is_none_or(|n| binlog.file(n).is_none()) =>
        {
            Probe::HandshakePurged
        }
        Request::Position { .. } => Probe::HandshakePastEnd,
        Request::Auto { .. } => Probe::HandshakeRefused,
    }
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
        for wire in [Wire::ClientsSource, Wire::ClientsTarget, Wire::Replication] {
            self.schedule_reset(wire);
        }
    }

    pub(super) fn schedule_reset(&mut self, wire: Wire) {
        let network = &self.environment.network;
        let every = match wire {
            Wire::ClientsSource => network.clients_source.reset_every.0,
            Wire::ClientsTarget => network.clients_target.reset_every.0,
            Wire::Replication => network.replication.reset_every.0,
            Wire::Operator => 0,
        };
        if every > 0 {
            self.agenda.push(self.now + every, Due::Reset(wire));
        }
    }

    /// A link's connections break, and what was on the wire is lost.
    pub(super) fn reset(&mut self, wire: Wire) {
        match wire {
            Wire::ClientsSource => {
                self.kill_connections(Host::Source);
            }
            Wire::ClientsTarget => {
                self.kill_connections(Host::Target);
            }
            Wire::Replication => {
                self.reset_stream();
                self.dms_connections_break(Micros::ZERO);
            }
            // A command is a connection of its own.
            Wire::Operator => {}
        }
    }

    /// The source's end of the stream is gone, and the receiver learns of it only by its silence.
    pub(super) fn stream_is_half_open(&mut self) {
        self.dms_connections_break(self.environment.target.replica_net_timeout);
        if self.stream.dump.is_none() {
            return;
        }
        self.stream.close();
        let noticed = self.now + self.environment.target.replica_net_timeout.0;
        self.agenda
            .push(noticed, Due::Silence(self.stream.connection));
    }

    /// Nothing was heard on the connection for `replica_net_timeout`.
    pub(super) fn stream_is_silent(&mut self, connection: u32) {
        if connection == self.stream.connection {
            self.reset_stream();
        }
    }

    /// The link of the stream has other settings now, or is cut, or is there again.
    pub(super) fn stream_link_changes(&mut self) {
        let blocked = self.faults.blocked_until(Wire::Replication, Way::Both);
        self.stream
            .link
            .change(&self.environment.network.replication, blocked);
        self.dms_links_change();
    }

    /// The receiver's connection breaks; it tries again after `source_connect_retry`.
    pub(super) fn reset_stream(&mut self) {
        let replica = self.target.as_mut().and_then(|t| t.replica.as_mut());
        let Some(replica) = replica.filter(|r| r.is_connected()) else {
            return;
        };
        let binlog = self.source.binlog.as_ref();
        let cut_off = self.stream.wire.front().zip(binlog);
        let cut_off = cut_off.map(|(message, binlog)| {
            let file = binlog.name(message.range.at.file);
            (message.range, message.gtids.first().copied(), file)
        });
        replica.disconnected(cut_off);
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
        let source_is_up = self.is_up(Host::Source);
        let Some(target) = self.target.as_mut() else {
            return;
        };
        let Some(replica) = target.replica.as_mut().filter(|r| r.wants_connection()) else {
            return;
        };
        if !source_is_up {
            let again = self.now + self.environment.target.connect_retry.0;
            self.agenda.push(again, Due::Connect(attempt));
            return;
        }
        let request = replica.request(&target.server.gtid_executed);
        match handshake(&self.source, &request) {
            Ok(dump) => {
                let file = self
                    .source
                    .binlog
                    .as_ref()
                    .map(|b| b.name(dump.at.file))
                    .unwrap_or_default();
                let [source, target] = self.ahead_us.map(|us| (us / 1_000_000) as i64);
                replica.connected(&file, dump.at, target - source);
                if self.marks.replication.from.is_some() {
                    self.probes.reach(Probe::ReceiverReconnected);
                }
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
                self.occurs(Occasion::ReceiverConnects);
                self.pump(attempt);
            }
            Err(error) => {
                self.probes.reach(why_refused(&self.source, &request));
                let text = format!("the receiver is refused: {} ({})", error.text, error.errno);
                self.marks.replication.refused = Some((self.now, error.clone()));
                replica.refused(error);
                self.stream.close();
                self.tell("source", text, Vec::new());
            }
        }
    }

    /// The receiver's thread dies; it is started again after `outage`.
    pub(super) fn receiver_dies(&mut self, outage: Micros) {
        let Some(replica) = self.replica_mut().filter(|r| r.applier_runs()) else {
            return;
        };
        replica.stop_receiver();
        self.stream.close();
        self.agenda.push(self.now + outage.0, Due::StartReceiver);
    }

    pub(super) fn receiver_starts_again(&mut self) {
        // The operator may have stopped replication since, and the target may be down.
        if self.marks.replication.stopped.is_some() || !self.is_up(Host::Target) {
            return;
        }
        let Some(replica) = self.replica_mut() else {
            return;
        };
        replica.start_receiver();
        self.receiver_starts();
        self.tell("target", "the receiver is started again".into(), Vec::new());
    }

    /// The applier's threads die; they are started again after `outage`.
    pub(super) fn applier_dies(&mut self, outage: Micros) {
        let Some(replica) = self.replica_mut().filter(|r| r.applier_runs()) else {
            return;
        };
        let at_work = !replica.is_idle();
        replica.stop_applier();
        if at_work {
            self.probes.reach(Probe::ApplierDiedAtWork);
        }
        self.agenda.push(self.now + outage.0, Due::StartApplier);
    }

    pub(super) fn applier_starts_again(&mut self) {
        if self.marks.replication.stopped.is_some() || !self.is_up(Host::Target) {
            return;
        }
        let Some(replica) = self.replica_mut().filter(|r| !r.applier_runs()) else {
            return;
        };
        replica.start_applier();
        self.tell("target", "the applier is started again".into(), Vec::new());
    }

    /// The relay log is gone. The server notices when its threads start, so that is what happens to those that run: a
    /// receiver that went on writing would leave a hole.
    pub(super) fn relay_log_is_lost(&mut self) {
        let recovery = self.environment.target.relay_log_recovery;
        let Some(replica) = self.replica_mut() else {
            return;
        };
        let (receives, applies) = (replica.receiver_is_on(), replica.applier_runs());
        let unapplied = !replica.is_idle();
        replica.lose_relay_log(recovery);
        if receives {
            replica.start_receiver();
        }
        if applies {
            replica.start_applier();
        }
        if unapplied {
            self.probes.reach(Probe::RelayLogLostUnapplied);
        }
        if receives {
            self.receiver_starts();
        }
    }

    fn replica_mut(&mut self) -> Option<&mut Replica> {
        self.target.as_mut().and_then(|t| t.replica.as_mut())
    }

    /// The next binlog events arrive with a changed byte.
    pub(super) fn corrupt_next(&mut self, corruption: &CorruptEvent) {
        self.corruption = Some(*corruption);
    }

    /// A message as it arrives when a byte of it was changed. False when the receiver has noticed.
    fn corrupted(&mut self, range: &mut Range, corruption: CorruptEvent) -> bool {
        let checksums = self.environment.source.binlog_checksum == Checksum::Crc32
            && !self.mutants.has(Mutant::ChecksumsNotVerified);
        let Some(binlog) = self.source.binlog.as_mut() else {
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
            "target",
            format!("the receiver stops: {} (1743)", error.text),
            Vec::new(),
        );
        if let Some(replica) = self.replica_mut() {
            replica.refused(error);
        }
        self.stream.close();
        false
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
                    self.occurs(Occasion::BinlogSent);
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
        let Some(mut message) = self.stream.wire.pop_front() else {
            return;
        };
        if let Some(corruption) = self.corruption.take_if(|_| !message.range.span.is_empty())
            && !self.corrupted(&mut message.range, corruption)
        {
            return;
        }
        let binlog = self.source.binlog.as_ref();
        if let Some(replica) = self.target.as_mut().and_then(|t| t.replica.as_mut()) {
            self.marks.replication.received_to = Some(message.range.end());
            let file = message.range.at.file;
            replica.receive(message.range, message.gtids.into_iter(), || {
                binlog.map(|b| b.name(file)).unwrap_or_default()
            });
            self.occurs(Occasion::BinlogReceived);
        }
    }

    pub(super) fn costs(&self) -> Costs {
        let target = &self.environment.target;
        Costs {
            transaction_us: target.apply_transaction.0,
            row_us: target.apply_row.0,
            first_touch_us: target.first_touch.0,
            scan_row_us: target.scan_row.0,
        }
    }
}
