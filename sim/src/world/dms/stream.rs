//! The tasks' binlog streams: the source's dump thread for each, the link, and what becomes of connections.

use super::Tell;
use crate::{
    faults::{Occasion, Way, Wire},
    probes::Probe,
    runbook::Host,
    units::Micros,
    world::{Due, World, replication::why_refused},
};
use cutover_model::{
    dms::Status,
    replica::dump::{Request, handshake},
};

/// Bytes that the dump thread hands to the link at a time.
const MESSAGE_BYTES: usize = 256 << 10;
/// The link takes more while less than this is on the wire, in µs of its bandwidth.
const IN_FLIGHT_US: u64 = 100_000;

impl World {
    /// Connects the tasks that want a binlog stream and have none.
    pub(super) fn dms_streams(&mut self) {
        for index in 0..self.dms.tasks.len() {
            let now = self.now;
            let running = &mut self.dms.tasks[index];
            let wants = running.task.wants_stream_from().is_some();
            if !wants || running.dump.is_some() || running.connecting || running.down_until > now {
                continue;
            }
            running.close();
            running.connecting = true;
            let arrival = running.link.send(now, 64, &mut self.jitter);
            let due = Due::Dms(index as u8, Tell::Connect, running.connection);
            self.agenda.push(arrival, due);
        }
    }

    /// Something is due for a task's stream.
    pub(in crate::world) fn dms_is_told(&mut self, index: u8, what: Tell, connection: u32) {
        let index = usize::from(index);
        let Some(running) = self.dms.tasks.get_mut(index) else {
            return;
        };
        match what {
            Tell::Restart => {
                self.tell_of_restart(index);
                self.dms_streams();
            }
            _ if connection != running.connection => {}
            Tell::Connect => self.dms_connects(index),
            Tell::Pump => {
                running.pump_due = false;
                self.dms_pump(index);
            }
            Tell::Deliver => {
                if let Some(range) = running.wire.pop_front() {
                    running.task.receive(self.now, range, &self.source);
                    self.occurs(Occasion::BinlogReceived);
                }
            }
        }
    }

    fn tell_of_restart(&mut self, index: usize) {
        let running = &self.dms.tasks[index];
        if running.task.status == Status::Running {
            let text = format!("task {} is started again, from what was saved", running.id);
            self.tell("dms", text, Vec::new());
        }
    }

    fn dms_connects(&mut self, index: usize) {
        let up = self.is_up(Host::Source);
        let running = &mut self.dms.tasks[index];
        running.connecting = false;
        let Some(at) = running.task.wants_stream_from() else {
            return;
        };
        if !up {
            return self.dms_reconnects(index, self.environment.dms.retry);
        }
        let file = self.source.binlog.as_ref().map(|b| b.name(at.file));
        let request = Request::Position {
            file: file.unwrap_or_default(),
            pos: at.pos,
        };
        match handshake(&self.source, &request) {
            Ok(dump) => {
                running.task.stream_begins(dump.at);
                running.dump = Some(dump);
                self.occurs(Occasion::ReceiverConnects);
                self.dms_pump(index);
            }
            Err(error) => {
                let text = format!("{} ({})", error.text, error.errno);
                self.probes.reach(why_refused(&self.source, &request));
                self.with_task(index, |task, _, _, _, effects| task.refused(&text, effects));
            }
        }
    }

    fn dms_reconnects(&mut self, index: usize, after: Micros) {
        let running = &mut self.dms.tasks[index];
        running.close();
        running.connecting = true;
        let due = Due::Dms(index as u8, Tell::Connect, running.connection);
        self.agenda.push(self.now + after.0, due);
    }

    /// The source has something new for readers of its binlog.
    pub(in crate::world) fn dms_pumps(&mut self) {
        for index in 0..self.dms.tasks.len() {
            self.dms_pump(index);
        }
    }

    /// Sends what there is to send, as far as the link has room.
    fn dms_pump(&mut self, index: usize) {
        loop {
            let running = &mut self.dms.tasks[index];
            if running.pump_due {
                return;
            }
            let Some(dump) = running.dump.as_mut() else {
                return;
            };
            let (free, connection) = (running.link.free_at(), running.connection);
            if free > self.now + IN_FLIGHT_US {
                running.pump_due = true;
                self.agenda
                    .push(free, Due::Dms(index as u8, Tell::Pump, connection));
                return;
            }
            match dump.next(&self.source, MESSAGE_BYTES) {
                Ok(None) => return,
                Ok(Some(sent)) => {
                    let bytes = sent.range.span.length() as u64;
                    let arrival = running.link.send(self.now, bytes, &mut self.jitter);
                    running.wire.push_back(sent.range);
                    self.agenda
                        .push(arrival, Due::Dms(index as u8, Tell::Deliver, connection));
                    self.occurs(Occasion::BinlogSent);
                }
                Err(error) => {
                    let text = format!("{} ({})", error.text, error.errno);
                    self.with_task(index, |task, _, _, _, effects| task.refused(&text, effects));
                    return;
                }
            }
        }
    }

    /// The link has other settings now, or is cut, or is there again.
    pub(in crate::world) fn dms_links_change(&mut self) {
        let blocked = self.faults.blocked_until(Wire::Replication, Way::Both);
        for running in &mut self.dms.tasks {
            running
                .link
                .change(&self.environment.network.replication, blocked);
        }
    }

    /// Connections over the link break: streams and SELECTs.
    pub(in crate::world) fn dms_connections_break(&mut self, noticed_after: Micros) {
        for index in 0..self.dms.tasks.len() {
            let runs = self.dms.tasks[index].task.status == Status::Running;
            if !runs {
                continue;
            }
            self.dms.tasks[index]
                .task
                .connections_break(self.now + noticed_after.0);
            if self.dms.tasks[index].dump.is_some() {
                let after = Micros(self.environment.dms.retry.0 + noticed_after.0);
                self.dms_reconnects(index, after);
                self.probes.reach(Probe::ReceiverReconnected);
            }
        }
    }

    /// The source is down: its connections are gone.
    /// A server that tasks read or write is not there before `back`: rows are compared no more.
    pub(in crate::world) fn dms_compares_nothing_until(&mut self, back: u64) {
        let now = self.now;
        let tasks = self.dms.tasks.iter_mut();
        tasks.for_each(|running| running.is_blind_until(now, back));
    }

    pub(in crate::world) fn dms_loses_source(&mut self) {
        for index in 0..self.dms.tasks.len() {
            if self.dms.tasks[index].task.status != Status::Running {
                continue;
            }
            self.with_task(index, |task, arena, now, ends, effects| {
                task.source_is_lost(arena, now, ends, effects);
            });
            if self.dms.tasks[index].dump.is_some() {
                self.dms_reconnects(index, self.environment.dms.retry);
            }
        }
    }
}
