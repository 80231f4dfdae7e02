//! Replication into a host: the replica's threads, the receiver's connection, the dump thread on the host that is
//! read from, and the link between them. The target replicates from the source, and on the way back the source from the
//! target; both directions go over the same network.

use super::{Due, NEVER, Target, World, link::Link, side};
use crate::{
    environment::{Checksum, Environment},
    faults::{BadPlace, CorruptEvent, Occasion, Way, Wire},
    probes::Probe,
    runbook::Host,
    units::Micros,
};
use cutover_model::{
    mutant::Mutant,
    replica::{
        Costs, Range, Replica, ThreadError,
        dump::{DumpThread, GtidRuns, Request, handshake},
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
    gtids: GtidRuns,
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

    /// The receiver tries to connect.
    pub(super) fn receiver_starts(&mut self, to: Host) {
        let is_cut = self.faults.cut_until(Wire::Replication) > self.now;
        let (now, channel) = (self.now, &mut self.channels[to as usize]);
        channel.close();
        let arrival = channel.link.send(now, 64, &mut self.jitter);
        // What is sent into a link that is cut arrives nowhere: the attempt ends when its time is over.
        let due = if is_cut { now } else { arrival };
        self.agenda.push(due, Due::Connect(to, channel.connection));
    }

    /// The receiver's connection is closed.
    pub(super) fn receiver_stops(&mut self, to: Host) {
        self.channel_mut(to).close();
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
                self.reset_streams();
                self.dms_connections_break(Micros::ZERO);
            }
            // A command is a connection of its own.
            Wire::Operator => {}
        }
    }

    /// The end of the streams at the host that is read from is gone, and the receivers learn of it only by its silence.
    pub(super) fn streams_are_half_open(&mut self, from: Host) {
        if from == Host::Source {
            self.dms_connections_break(self.environment.target.replica_net_timeout);
        }
        let noticed = self.now + self.environment.target.replica_net_timeout.0;
        for to in self.replicating_from(from) {
            let channel = self.channel_mut(to);
            if channel.dump.is_none() {
                continue;
            }
            channel.close();
            let connection = channel.connection;
            self.agenda.push(noticed, Due::Silence(to, connection));
        }
    }

    /// Nothing was heard on the connection for `replica_net_timeout`.
    pub(super) fn stream_is_silent(&mut self, to: Host, connection: u32) {
        if connection == self.channel(to).connection {
            self.reset_stream(to);
        }
    }

    /// The link of the streams has other settings now, or is cut, or is there again.
    pub(super) fn stream_link_changes(&mut self) {
        let blocked = self.faults.blocked_until(Wire::Replication, Way::Both);
        let settings = &self.environment.network.replication;
        for channel in &mut self.channels {
            channel.link.change(settings, blocked);
        }
        self.dms_links_change();
    }

    /// Every receiver's connection breaks.
    pub(super) fn reset_streams(&mut self) {
        Host::ALL.into_iter().for_each(|to| self.reset_stream(to));
    }

    /// The connections of who reads from a host break.
    pub(super) fn reset_streams_from(&mut self, from: Host) {
        self.replicating_from(from)
            .for_each(|to| self.reset_stream(to));
    }

    /// A receiver's connection breaks; it tries again after `source_connect_retry`.
    fn reset_stream(&mut self, to: Host) {
        let from = self.channel(to).from;
        let binlog = server_of(
            (
                &self.source,
                self.target.as_ref(),
                self.read_replica.as_ref(),
            ),
            from,
        )
        .and_then(|s| s.binlog.as_ref());
        let channel = &mut self.channels[to as usize];
        let Some(replica) = channel.replica.as_mut().filter(|r| r.is_connected()) else {
            return;
        };
        let cut_off = channel.wire.front().zip(binlog);
        let cut_off = cut_off.map(|(message, binlog)| {
            let file = binlog.name(message.range.at.file);
            (
                message.range,
                message.gtids.first().map(|run| run.first),
                file,
            )
        });
        replica.disconnected(cut_off);
        channel.close();
        let again = self.now + self.environment.target.connect_retry.0;
        self.agenda
            .push(again, Due::Connect(to, channel.connection));
        self.tell(
            side(to),
            format!("the receiver has lost its connection to the {}", side(from)),
            Vec::new(),
        );
    }

    /// Now, where a host answers who wants to read its binlog; when it is asked again, where it does not.
    fn answers_at(&self, from: Host) -> u64 {
        let retry = self.environment.target.connect_retry.0;
        let blocked_until = self.faults.blocked_until(Wire::Replication, Way::Both);
        if blocked_until > self.now {
            // An attempt lasts for as long as a connection waits for a sign of life.
            let gives_up = self.now + self.environment.target.replica_net_timeout.0;
            return match self.faults.cut_until(Wire::Replication) <= gives_up {
                true => blocked_until,
                false => gives_up + retry,
            };
        }
        match self.is_up(from) && self.server(from).is_some() {
            true => self.now,
            false => self.now + retry,
        }
    }

    pub(super) fn connect_receiver(&mut self, to: Host, attempt: u32) {
        let from = self.channel(to).from;
        if attempt != self.channel(to).connection {
            return;
        }
        let again = self.answers_at(from);
        let (here, there) = (
            server_of(
                (
                    &self.source,
                    self.target.as_ref(),
                    self.read_replica.as_ref(),
                ),
                to,
            ),
            server_of(
                (
                    &self.source,
                    self.target.as_ref(),
                    self.read_replica.as_ref(),
                ),
                from,
            ),
        );
        let channel = &mut self.channels[to as usize];
        let replica = channel.replica.as_mut().filter(|r| r.wants_connection());
        let (Some(replica), Some(here)) = (replica, here) else {
            return;
        };
        let Some(there) = there.filter(|_| again == self.now) else {
            self.agenda.push(again, Due::Connect(to, attempt));
            return;
        };
        if let Some(error) = Replica::minds_modes(here, there) {
            let text = format!("the receiver stops: {} ({})", error.text, error.errno);
            self.marks.replication_into(to).refused = Some((self.now, error.clone()));
            replica.refused(error);
            channel.close();
            self.tell(side(to), text, Vec::new());
            return;
        }
        let request = replica.request(&here.gtid_executed);
        match handshake(there, &request) {
            Ok(dump) => {
                let binlog = there.binlog.as_ref();
                let file = binlog.map(|b| b.name(dump.at.file)).unwrap_or_default();
                let clock = |host: Host| (self.ahead_us[host as usize] / 1_000_000) as i64;
                replica.connected(&file, dump.at, clock(to) - clock(from));
                let reads = format!(
                    "the receiver is connected and reads from {file}:{}",
                    dump.at.pos
                );
                let marks = self.marks.replication_into(to);
                if marks.from.is_some() {
                    self.probes.reach(Probe::ReceiverReconnected);
                }
                marks.from.get_or_insert(dump.at);
                channel.dump = Some(dump);
                self.tell(side(to), reads, Vec::new());
                self.occurs(Occasion::ReceiverConnects);
                self.pump(to, attempt);
            }
            Err(error) => {
                self.probes.reach(why_refused(there, &request));
                let text = format!("the receiver is refused: {} ({})", error.text, error.errno);
                self.marks.replication_into(to).refused = Some((self.now, error.clone()));
                replica.refused(error);
                channel.close();
                self.tell(side(from), text, Vec::new());
            }
        }
    }

    /// The receiver's thread on the target dies; it is started again after `outage`.
    pub(super) fn receiver_dies(&mut self, outage: Micros) {
        for to in Host::ALL {
            let channel = self.channel_mut(to);
            let Some(replica) = channel.replica.as_mut().filter(|r| r.applier_runs()) else {
                continue;
            };
            replica.stop_receiver();
            channel.close();
            self.agenda
                .push(self.now + outage.0, Due::StartReceiver(to));
        }
    }

    pub(super) fn receiver_starts_again(&mut self, to: Host) {
        // The operator may have stopped replication since, and the replica may be down.
        if self.marks.replication_into(to).stopped.is_some() || !self.is_up(to) {
            return;
        }
        let Some(replica) = self.channel_mut(to).replica.as_mut() else {
            return;
        };
        replica.start_receiver();
        self.receiver_starts(to);
        self.tell(side(to), "the receiver is started again".into(), Vec::new());
    }

    /// The applier's threads die; they are started again after `outage`.
    pub(super) fn applier_dies(&mut self, outage: Micros) {
        for to in Host::ALL {
            let replica = self.channel_mut(to).replica.as_mut();
            let Some(replica) = replica.filter(|r| r.applier_runs()) else {
                continue;
            };
            let at_work = !replica.is_idle();
            replica.stop_applier();
            if at_work {
                self.probes.reach(Probe::ApplierDiedAtWork);
            }
            self.agenda.push(self.now + outage.0, Due::StartApplier(to));
        }
    }

    pub(super) fn applier_starts_again(&mut self, to: Host) {
        if self.marks.replication_into(to).stopped.is_some() || !self.is_up(to) {
            return;
        }
        let replica = self.channel_mut(to).replica.as_mut();
        let Some(replica) = replica.filter(|r| !r.applier_runs()) else {
            return;
        };
        replica.start_applier();
        self.tell(side(to), "the applier is started again".into(), Vec::new());
    }

    /// The relay logs are gone. The server notices when its threads start, so that is what happens to those that run: a
    /// receiver that went on writing would leave a hole.
    pub(super) fn relay_log_is_lost(&mut self) {
        let recovery = self.environment.target.relay_log_recovery;
        for to in Host::ALL {
            let Some(replica) = self.channel_mut(to).replica.as_mut() else {
                continue;
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
                self.receiver_starts(to);
            }
        }
    }

    /// Every page of the replicas' tables is cold again.
    pub(super) fn pages_are_cold(&mut self) {
        let replicas = self.channels.iter_mut().filter_map(|c| c.replica.as_mut());
        replicas.for_each(Replica::cool);
    }

    /// A replica's server goes down: its threads are gone, and of its relay log what `to_relay_log` says. A server starts both threads when
    /// it is started, also those that had died before (`skip_replica_start` is OFF); what the operator has stopped stays
    /// so, as RDS keeps it [K].
    pub(super) fn replica_goes_down(&mut self, to: Host, to_relay_log: fn(&mut Replica, bool)) {
        let recovery = self.environment.target.relay_log_recovery;
        let marks = self.marks.replication_into(to);
        let resumes = marks.started.is_some() && marks.stopped.is_none();
        let channel = self.channel_mut(to);
        channel.resumes = resumes;
        if let Some(replica) = channel.replica.as_mut() {
            replica.stop_receiver();
            to_relay_log(replica, recovery);
        }
        channel.close();
    }

    /// A replica's server is back: it goes on replicating by itself.
    pub(super) fn replica_comes_back(&mut self, to: Host) {
        let channel = self.channel_mut(to);
        if !std::mem::take(&mut channel.resumes) {
            return;
        }
        if let Some(replica) = channel.replica.as_mut() {
            replica.start();
        }
        self.probes.reach(Probe::ReplicationResumed);
        self.receiver_starts(to);
    }

    /// The next binlog events arrive with a changed byte.
    pub(super) fn corrupt_next(&mut self, corruption: &CorruptEvent) {
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
    pub(super) fn published(&mut self, from: Host) {
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
    pub(super) fn pump(&mut self, to: Host, connection: u32) {
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

    pub(super) fn deliver(&mut self, to: Host, connection: u32) {
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

    /// What applying costs. Both ends apply at the target's pace: of the source's as a replica nothing else is known.
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
