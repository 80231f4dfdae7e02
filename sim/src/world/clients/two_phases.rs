//! A client whose transactions commit in two phases (XA): PREPARE, and later COMMIT, whatever happened meanwhile.
//!
//! It is a transaction manager: what was prepared is committed, over another connection when the first one is gone, and
//! as often as it takes. XAER_NOTA (1397) tells it that nothing is prepared: that it was committed before, when it had
//! sent a COMMIT whose answer was lost; that it never was prepared, when it has not sent any.

use super::Phase;
use crate::{
    history::Told,
    probes::Probe,
    runbook::Host,
    units::Micros,
    world::{Due, World, writers::Errand},
};
use cutover_model::{
    binlog::encode::xid,
    server::{Reply, ServerError, SessionId},
};

/// Pause before the manager tries again, in µs.
const AGAIN_US: u64 = Micros::secs(1).0;

/// How far a transaction in two phases is, as its client knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TwoPhases {
    /// PREPARE has gone out.
    asked: bool,
    /// It was confirmed.
    prepared: bool,
    /// COMMIT has gone out.
    decided: bool,
}

impl World {
    /// Whether a client's transaction may be prepared: only its COMMIT says how it ends.
    pub(in crate::world) fn in_two_phases(&self, client: u16) -> bool {
        let c = self.clients.get(client);
        c.phase != Phase::Idle && c.two_phases.asked
    }

    /// Whether a client's next statement is one of the two phases.
    pub(super) fn is_at_a_phase(&self, client: u16) -> bool {
        let c = self.clients.get(client);
        let two_phases = c.errand.is_some_and(|e| e.two_phases);
        two_phases && c.step >= self.clients.commit_step(client)
    }

    /// PREPARE or COMMIT reaches the server.
    pub(super) fn phase_arrives(&mut self, client: u16, host: Host, session: SessionId) {
        let now = self.now;
        let commit = self.clients.commit_step(client);
        let c = self.clients.get_mut(client);
        let id = xid(format!("{}", c.operation).as_bytes());
        let decides = c.step > commit;
        c.two_phases.asked = true;
        c.two_phases.decided |= decides;
        let Some(server) = self.server_mut(host) else {
            return;
        };
        let reply = match decides {
            true => server.xa_commit(now, session, &id),
            false => server.xa_prepare(now, session, &id),
        };
        match (reply, decides) {
            (Reply::Committing, true) => {
                if self.is_read_only(host) {
                    self.probes.reach(Probe::TwoPhasesBehindFence);
                }
                self.clients.get_mut(client).phase = Phase::Committing;
            }
            (Reply::Committing, false) | (Reply::Waiting, _) => {}
            (Reply::Ok, _) => self.is_prepared(host, session),
            (Reply::Failed(ServerError::UnknownXid), _) => self.nothing_is_prepared(client),
            (Reply::Failed(ServerError::LockWaitTimeout), _) => self.asks_again(client),
            (Reply::Failed(error), _) => self.refused(client, host, session, &error),
            (Reply::NoRow, _) => self.answer(client, Told::Fail),
        }
    }

    /// A server has prepared a session's transaction: its client sends COMMIT when its time has come.
    pub(in crate::world) fn is_prepared(&mut self, host: Host, session: SessionId) {
        let Some(client) = self.clients.index_of(host, session) else {
            return;
        };
        let there_and_back = self.way_from(host) + self.way_to(host);
        let c = self.clients.get_mut(client);
        c.two_phases.prepared = true;
        c.step += 1;
        let (number, until) = (c.number, c.errand.map_or(0, |e| e.until));
        let at = (self.now + there_and_back).max(until);
        self.agenda.push(at, Due::Request(client, number));
    }

    /// XAER_NOTA.
    fn nothing_is_prepared(&mut self, client: u16) {
        let known = self.clients.get(client).two_phases;
        let told = match (known.prepared, known.decided) {
            (true, _) => Told::Ok,
            (false, true) => Told::Info,
            (false, false) => Told::Fail,
        };
        self.answer(client, told);
    }

    /// The manager has no answer: it will ask again.
    pub(super) fn asks_again(&mut self, client: u16) {
        self.clients.get_mut(client).phase = Phase::Running;
        self.agenda.push(self.now + AGAIN_US, Due::Wake(client));
    }

    /// The manager connects to where it has prepared, and decides.
    pub(in crate::world) fn decides_again(&mut self, client: u16, errand: Errand) {
        let operation = self.clients.get(client).operation as usize;
        let straight = self.history.operations.get(operation).map(|o| o.host);
        if let Some(errand) = self.clients.get_mut(client).errand.as_mut() {
            errand.straight = straight;
        }
        let host = self.connect(client);
        if self.connection_of(client).is_none() {
            self.asks_again(client);
            return;
        }
        let arrival = (self.now + self.way_to(host)).max(errand.until);
        let decision = self.clients.commit_step(client).saturating_add(1);
        let c = self.clients.get_mut(client);
        c.step = decision;
        let number = c.number;
        self.agenda.push(arrival, Due::Request(client, number));
    }
}
