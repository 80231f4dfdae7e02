//! Connections that break: links that are reset, ends that fall silent, and a link that is changed.

use super::server_of;
use crate::{
    faults::{Way, Wire},
    runbook::Host,
    units::Micros,
    world::{Due, World, side},
};

impl World {
    /// The links whose connections are reset now and then, at the beginning of a run.
    pub(in crate::world) fn schedule_resets(&mut self) {
        for wire in [Wire::ClientsSource, Wire::ClientsTarget, Wire::Replication] {
            self.schedule_reset(wire);
        }
    }

    pub(in crate::world) fn schedule_reset(&mut self, wire: Wire) {
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
    pub(in crate::world) fn reset(&mut self, wire: Wire) {
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
    pub(in crate::world) fn streams_are_half_open(&mut self, from: Host) {
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
    pub(in crate::world) fn stream_is_silent(&mut self, to: Host, connection: u32) {
        if connection == self.channel(to).connection {
            self.reset_stream(to);
        }
    }

    /// The link of the streams has other settings now, or is cut, or is there again.
    pub(in crate::world) fn stream_link_changes(&mut self) {
        let blocked = self.faults.blocked_until(Wire::Replication, Way::Both);
        let settings = &self.environment.network.replication;
        for channel in &mut self.channels {
            channel.link.change(settings, blocked);
        }
        self.dms_links_change();
    }

    /// Every receiver's connection breaks.
    pub(in crate::world) fn reset_streams(&mut self) {
        Host::ALL.into_iter().for_each(|to| self.reset_stream(to));
    }

    /// The connections of who reads from a host break.
    pub(in crate::world) fn reset_streams_from(&mut self, from: Host) {
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
}
