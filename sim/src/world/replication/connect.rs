//! The receiver's connection: how it is made, and how it is refused.

use super::server_of;
use crate::{
    faults::{Occasion, Way, Wire},
    probes::Probe,
    runbook::Host,
    world::{Due, World, side},
};
use cutover_model::{
    replica::{
        Replica,
        dump::{Request, handshake},
    },
    server::Server,
};

/// Which of the refusals it is.
pub(in crate::world) fn why_refused(source: &Server, request: &Request) -> Probe {
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

impl World {
    /// The receiver tries to connect.
    pub(in crate::world) fn receiver_starts(&mut self, to: Host) {
        let is_cut = self.faults.cut_until(Wire::Replication) > self.now;
        let (now, channel) = (self.now, &mut self.channels[to as usize]);
        channel.close();
        let arrival = channel.link.send(now, 64, &mut self.jitter);
        // What is sent into a link that is cut arrives nowhere: the attempt ends when its time is over.
        let due = if is_cut { now } else { arrival };
        self.agenda.push(due, Due::Connect(to, channel.connection));
    }

    /// The receiver's connection is closed.
    pub(in crate::world) fn receiver_stops(&mut self, to: Host) {
        self.channel_mut(to).close();
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

    pub(in crate::world) fn connect_receiver(&mut self, to: Host, attempt: u32) {
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
}
