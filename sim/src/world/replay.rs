//! Replays a recording: every transaction at its recorded time, in binlog order.
//!
//! Transactions go out over several connections and reach the server in their order, each whole. One's rows
//! are written after those of the one before it, their commits overlap. What fails (1290 behind a fence,
//! no host yet) is sent again, and with it whatever came after it, oldest first and one at a time, until
//! it is through: what was not yet replayed at cutover goes on against the new endpoint. A transaction
//! that finds its rows gone, or others in its place, is *not replayable*: a predecessor was lost. DDL, and
//! the first transaction on another host, wait for everything before them.

use super::{Due, World};
use crate::{
    history::{Kind, Told},
    operator::until_first_cut,
    plan::Plan,
    recording::{Recording, What},
    runbook::Host,
    workload_spec::Workload,
};
use cutover_model::{
    apply::{ApplyErrorKind, Walker},
    server::{Replaying, Reply, SessionId},
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

/// Neither traffic nor runbook begins before this moment, in µs.
const EARLIEST_US: u64 = 1_000_000;
/// First pause after a failure, in µs; it doubles up to 64 times it.
const PAUSE_US: u64 = 250_000;
const MOST_DOUBLINGS: u32 = 6;

/// The state of a replay.
#[derive(Debug)]
pub(super) struct Replay {
    recording: Arc<Recording>,
    walker: Walker,
    /// The first that was never sent.
    next: u32,
    /// To be sent again.
    again: BTreeSet<u32>,
    in_flight: BTreeSet<u32>,
    given_up: BTreeSet<u32>,
    /// The client whose transaction's rows are being written, and those that have arrived behind it.
    writing: Option<u16>,
    arrived: VecDeque<u16>,
    /// One has failed: what is in flight behind it fails as well.
    broken: bool,
    host: Host,
    failures: u32,
    pause_until: u64,
    /// When the next look is on the agenda: one entry, however often somebody looks before.
    wake: Option<u64>,
    last_arrival: u64,
    start: u32,
    stretch_thousandths: u64,
    /// When the first transaction is due, in µs.
    begin_us: u64,
    /// When the operator starts the runbook, in µs.
    runbook_us: u64,
}

/// When the operator starts a plan's runbook, in µs of the run.
pub(crate) fn runbook_start_us(plan: &Plan, recording: Option<&Recording>) -> u64 {
    recording.map_or(plan.clock.runbook_after.0, |recording| {
        starts_us(recording.start_us(&plan.workload), until_first_cut(plan).0)
    })
}

/// Likewise for a recording of which so much is to be replayed, where it takes so long to come to the first snapshot.
fn starts_us(played_us: u64, lead_us: u64) -> u64 {
    EARLIEST_US + played_us.saturating_sub(lead_us)
}

impl Replay {
    /// `lead_us`: from the start of the runbook to its first snapshot, which is to be cut when
    /// `spec.start_after` of the transactions have been replayed.
    pub(super) fn new(
        recording: Arc<Recording>,
        spec: &Workload,
        lead_us: u64,
        migration_us: u64,
    ) -> Self {
        let start = recording.start_index(spec);
        let played_us = recording.start_us(spec);
        Self {
            walker: Walker::default(),
            next: 0,
            again: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            given_up: BTreeSet::new(),
            writing: None,
            arrived: VecDeque::new(),
            broken: false,
            host: Host::Source,
            failures: 0,
            pause_until: 0,
            wake: None,
            last_arrival: 0,
            start: start as u32,
            stretch_thousandths: recording.stretch_thousandths(spec, migration_us),
            begin_us: EARLIEST_US + lead_us.saturating_sub(played_us),
            runbook_us: starts_us(played_us, lead_us),
            recording,
        }
    }

    /// When a transaction is due, in µs of the run.
    fn due(&self, index: u32) -> u64 {
        let entries = self.recording.entries();
        let at = entries[index as usize].at_us;
        let from = entries[self.start as usize].at_us;
        let late = at.saturating_sub(from);
        let stretched = (u128::from(late) * u128::from(self.stretch_thousandths) / 1_000) as u64;
        self.begin_us + at.min(from) + stretched
    }

    fn is_ddl(&self, index: u32) -> bool {
        matches!(
            self.recording.entries()[index as usize].what,
            What::Ddl { .. }
        )
    }

    /// The transaction that is to go out next.
    fn candidate(&self) -> Option<u32> {
        let next = (self.next < self.recording.entries().len() as u32).then_some(self.next);
        self.again.first().copied().or(next)
    }

    /// Whether it may go out beside what is in flight.
    fn may_go(&self, index: u32) -> bool {
        self.in_flight.is_empty()
            || (self.again.is_empty()
                && !self.is_ddl(index)
                && !self.in_flight.iter().any(|i| self.is_ddl(*i)))
    }
}

impl World {
    pub(super) fn start_replay(&mut self, replay: Replay) {
        self.agenda.push(replay.begin_us, Due::Replay);
        self.clients.replay = Some(replay);
    }

    /// What is replayed, when that is the workload.
    pub fn recording(&self) -> Option<&Arc<Recording>> {
        self.clients.replay.as_ref().map(|r| &r.recording)
    }

    /// When the operator starts the runbook against a recording, in µs; `None` without a recording.
    pub fn runbook_start_us(&self) -> Option<u64> {
        self.clients.replay.as_ref().map(|r| r.runbook_us)
    }

    /// Whether there is something left to replay.
    pub fn replay_is_done(&self) -> bool {
        self.clients
            .replay
            .as_ref()
            .is_none_or(|r| r.candidate().is_none() && r.in_flight.is_empty())
    }

    /// The look that was on the agenda.
    pub(super) fn replay_wakes(&mut self) {
        let now = self.now;
        if let Some(replay) = self.clients.replay.as_mut() {
            replay.wake = replay.wake.filter(|at| *at > now);
        }
        self.replay();
    }

    /// Sends what is due.
    pub(super) fn replay(&mut self) {
        loop {
            let Some(replay) = self.clients.replay.as_mut() else {
                return;
            };
            let Some(index) = replay.candidate() else {
                return;
            };
            if !replay.may_go(index) {
                return;
            }
            let due = replay.due(index).max(replay.pause_until);
            if due > self.now {
                if replay.wake.is_none_or(|at| at > due) {
                    replay.wake = Some(due);
                    self.agenda.push(due, Due::Replay);
                }
                return;
            }
            let Some(client) = self.clients.idle() else {
                return;
            };
            let host = self.connect(client);
            if let Some(replay) = self.clients.replay.as_mut() {
                if host != replay.host && !replay.in_flight.is_empty() {
                    return;
                }
                replay.host = host;
                if !replay.again.remove(&index) {
                    replay.next += 1;
                }
                replay.in_flight.insert(index);
            }
            self.clients.get_mut(client).carries = Some((index, 0));
            self.invoke(client, Kind::Recorded, u64::from(index));
        }
    }

    /// When a recorded transaction that is sent now arrives: behind those sent before it.
    pub(super) fn arrival_in_order(&mut self, arrival: u64) -> u64 {
        match self.clients.replay.as_mut() {
            Some(replay) => {
                replay.last_arrival = arrival.max(replay.last_arrival + 1);
                replay.last_arrival
            }
            None => arrival,
        }
    }

    /// A recorded transaction is at its server, or may go on there: executes it, all rows and COMMIT, and
    /// then those that have arrived behind it.
    pub(super) fn carry(&mut self, client: u16, host: Host, session: SessionId) {
        let Some(replay) = self.clients.replay.as_mut() else {
            return;
        };
        if replay.writing.is_some_and(|writing| writing != client) {
            replay.arrived.push_back(client);
            return;
        }
        replay.writing = Some(client);
        self.write_recorded(client, host, session);
        self.write_arrived();
    }

    /// Goes on with what has arrived, as far as nobody is writing.
    fn write_arrived(&mut self) {
        loop {
            let Some(replay) = self.clients.replay.as_mut().filter(|r| r.writing.is_none()) else {
                return;
            };
            let Some(client) = replay.arrived.pop_front() else {
                return;
            };
            // Its connection may have been killed while it stood in line.
            if let Some((host, session)) = self.connection_of(client) {
                if let Some(replay) = self.clients.replay.as_mut() {
                    replay.writing = Some(client);
                }
                self.write_recorded(client, host, session);
            }
        }
    }

    fn write_recorded(&mut self, client: u16, host: Host, session: SessionId) {
        let Some((index, done)) = self.clients.get(client).carries else {
            self.wrote();
            return;
        };
        if self.clients.replay.as_ref().is_some_and(|r| r.broken) {
            self.roll_back(host, session);
            self.wrote();
            self.answer(client, Told::Fail);
            return;
        }
        let now = self.now;
        let Self {
            clients,
            source,
            target,
            arena,
            ..
        } = self;
        let server = match (host, target) {
            (Host::Target, Some(target)) => &mut target.server,
            _ => source,
        };
        let Some(replay) = clients.replay.as_mut() else {
            return;
        };
        let recording = Arc::clone(&replay.recording);
        let entry = &recording.entries()[index as usize];
        let (result, done) = match &entry.what {
            What::Ddl {
                session: recorded,
                schema,
                sql,
            } => {
                let recorded = recorded.clone();
                let reply = server.execute_ddl_in(arena, now, session, recorded, schema, sql);
                (reply.map_err(ApplyErrorKind::from), done)
            }
            What::Rows { .. } => match recording.group(entry) {
                None => (Ok(Reply::Ok), done),
                Some(group) => {
                    let mut sink = Replaying::new(server, session, now, done);
                    let walked = replay.walker.walk(arena, &mut sink, &group);
                    let done = sink.done();
                    (
                        walked
                            .map(|()| server.commit(arena, now, session))
                            .map_err(|e| e.kind),
                        done,
                    )
                }
            },
        };
        self.clients.get_mut(client).carries = Some((index, done));
        if !matches!(result, Ok(Reply::Waiting) | Err(ApplyErrorKind::Waiting)) {
            self.wrote();
        }
        match result {
            Ok(reply) => {
                if let Reply::Failed(_) = reply {
                    self.replay_breaks();
                }
                self.replied(client, session, host, reply);
            }
            Err(ApplyErrorKind::Waiting) => {}
            Err(ApplyErrorKind::Refused(error)) if matches!(error.code(), 1290 | 1205 | 1213) => {
                self.replay_breaks();
                self.refused(client, host, session, &error);
            }
            Err(error) => self.cannot_replay(client, index, host, session, &error),
        }
    }

    /// The rows of the transaction at hand are written, or never will be.
    fn wrote(&mut self) {
        if let Some(replay) = self.clients.replay.as_mut() {
            replay.writing = None;
        }
    }

    fn replay_breaks(&mut self) {
        if let Some(replay) = self.clients.replay.as_mut() {
            replay.broken = true;
        }
    }

    /// Rows are gone, or others in their place, with everything older written: a predecessor was lost.
    fn cannot_replay(
        &mut self,
        client: u16,
        index: u32,
        host: Host,
        session: SessionId,
        error: &ApplyErrorKind,
    ) {
        self.roll_back(host, session);
        let Some(replay) = self.clients.replay.as_mut() else {
            return;
        };
        replay.given_up.insert(index);
        let place = replay
            .recording
            .place(&replay.recording.entries()[index as usize]);
        let why = format!("recorded transaction {} ({place}): {error}", index + 1);
        self.clients.totals.not_replayable.push((index, why));
        self.answer(client, Told::Fail);
    }

    /// A client knows what became of the recorded transaction that it carried.
    pub(super) fn carried(&mut self, client: u16, told: Told) {
        let Some((index, _)) = self.clients.get_mut(client).carries.take() else {
            return;
        };
        let now = self.now;
        let Some(replay) = self.clients.replay.as_mut() else {
            return;
        };
        replay.in_flight.remove(&index);
        if replay.writing == Some(client) {
            replay.writing = None;
        }
        replay.arrived.retain(|arrived| *arrived != client);
        if told == Told::Fail && !replay.given_up.contains(&index) {
            replay.again.insert(index);
            replay.pause_until = now + (PAUSE_US << replay.failures.min(MOST_DOUBLINGS));
            replay.failures += 1;
            replay.broken = true;
        } else {
            replay.failures = 0;
        }
        replay.broken &= !replay.in_flight.is_empty();
        self.write_arrived();
        self.replay();
    }
}
