//! XA: a transaction in two phases, the second of which anybody may carry out, and much later.
//!
//! XA PREPARE writes the changes into the binlog, as a transaction with a GTID of its own, and leaves them locked and
//! unseen; XA COMMIT is another one, without rows. In between the transaction is nobody's: it survives its session, a
//! crash and a restart, it is in a snapshot of the volume, and a replica has it prepared too.
//! `information_schema.innodb_trx` has it all the time (measured on 9.7.4 and 5.6.24).
//!
//! `read_only` stops neither of the two, whoever sends them: not the PREPARE of a transaction that was begun before, not
//! the COMMIT (measured on 9.7.4 and 5.6.24). While `SET GLOBAL read_only` blocks commits both wait.
//!
//! Before 5.7.7 the PREPARE is in the engine alone and its session's: it ends with it, and the COMMIT writes an ordinary
//! transaction (measured on 5.6.24). Not modelled: such a server's crash, which leaves it prepared (here it is rolled
//! back), XA ROLLBACK of a client, ONE PHASE.

use super::{
    Reply, Server, ServerError,
    locks::Mode,
    session::{Logged, Privilege, SessionId, State, Xa},
};
use crate::{arena::Arena, database::Change};
use std::sync::Arc;

/// An XA transaction that is prepared and not decided.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its id, as the binlog has it.
    pub xid: Arc<str>,
    /// What it has changed.
    pub changes: Vec<Change>,
}

impl Server {
    /// XA PREPARE of the session's transaction: [`Prepared`](super::Event::Prepared) follows. One that changed nothing is done at once.
    pub fn xa_prepare(&mut self, now: u64, id: SessionId, xid: &str) -> Reply {
        let logged = self.config.version.logs_prepared();
        let Some(session) = self.sessions.get_mut(id) else {
            return Reply::NoRow;
        };
        if session.changes.is_empty() {
            self.release_locks(id);
            return Reply::Ok;
        }
        if !logged {
            session.xa = Xa::Prepared(xid.into());
            return Reply::Ok;
        }
        if self.holds_back_xa(id) {
            return Reply::Waiting;
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.xa = Xa::Preparing(xid.into());
        }
        self.stand_in_line(now, id);
        Reply::Committing
    }

    /// XA COMMIT of a transaction that is prepared, by any session: [`Committed`](super::Event::Committed) follows.
    pub fn xa_commit(&mut self, now: u64, id: SessionId, xid: &str) -> Reply {
        let of = |xa: &Xa| match xa {
            Xa::Prepared(known) | Xa::Deciding(known, _) => **known == *xid,
            Xa::No | Xa::Preparing(_) => false,
        };
        let found = self.sessions.iter().find(|(_, s)| of(&s.xa));
        let Some((prepared, decided)) = found.map(|(id, s)| (id, matches!(s.xa, Xa::Deciding(..))))
        else {
            return Reply::Failed(ServerError::UnknownXid);
        };
        // Two decisions wait for each other's lock on the id; the second one's wait is taken to be over at once.
        if decided {
            return Reply::Failed(ServerError::LockWaitTimeout);
        }
        if self.holds_back_xa(id) {
            return Reply::Waiting;
        }
        if let Some(session) = self.sessions.get_mut(prepared) {
            session.xa = Xa::Deciding(xid.into(), id);
        }
        self.stand_in_line(now, prepared);
        Reply::Committing
    }

    /// `XA RECOVER`: the ids of the transactions that are prepared and not decided.
    pub fn prepared(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().filter_map(|(_, s)| match &s.xa {
            Xa::Prepared(xid) | Xa::Deciding(xid, _) => Some(&**xid),
            Xa::No | Xa::Preparing(_) => None,
        })
    }

    /// What a session has prepared is nobody's from now on.
    pub(super) fn detach(&mut self, id: SessionId, xid: Arc<str>) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let changes = std::mem::take(&mut session.changes);
        let locks = std::mem::take(&mut session.locks);
        session.state = State::Active;
        let (started_us, gone) = (session.started_us, session.gone);
        let nobody = self.sessions.open(Privilege::Admin);
        for lock in &locks {
            self.locks.hand_over(*lock, id, nobody);
        }
        if let Some(session) = self.sessions.get_mut(nobody) {
            session.gone = true;
            session.changes = changes;
            session.locks = locks;
            session.started_us = started_us;
            session.xa = Xa::Prepared(xid);
        }
        if gone {
            self.sessions.close(id);
        }
    }

    /// Holds a prepared transaction whose changes are in the tables: recovery found it, or replication brought it. A
    /// row that a client has locked meanwhile stays the client's.
    pub fn adopt(&mut self, arena: &mut Arena, prepared: Prepared) {
        let nobody = self.sessions.open(Privilege::Admin);
        let mut locks = Vec::new();
        for change in &prepared.changes {
            self.database.lock_ids(arena, change, &mut locks);
        }
        locks.retain(|lock| self.locks.acquire(*lock, nobody, Mode::Exclusive) == Ok(true));
        if let Some(session) = self.sessions.get_mut(nobody) {
            session.gone = true;
            session.locks = locks;
            session.xa = Xa::Prepared(prepared.xid);
            session
                .changes
                .extend(prepared.changes.iter().map(|change| Logged {
                    change: *change,
                    flags: 0,
                    new_statement: false,
                    logged: true,
                }));
        }
    }

    /// Gives a prepared transaction to an applier that decides it: its locks are free, its changes in the tables.
    pub(super) fn hand_out(&mut self, xid: &str) -> Option<Vec<Change>> {
        let is = |xa: &Xa| matches!(xa, Xa::Prepared(known) if **known == *xid);
        let (id, _) = self.sessions.iter().find(|(_, s)| is(&s.xa))?;
        let session = self.sessions.get_mut(id)?;
        let changes = std::mem::take(&mut session.changes);
        self.release_locks(id);
        self.sessions.close(id);
        Some(changes.iter().map(|l| l.change).collect())
    }
}
