//! Sessions and their transactions.

use super::{commit::Text, locks::LockTable, redo::Record};
use crate::{
    database::{Change, LockId},
    ddl::By,
};
use std::sync::Arc;

/// A connection to the server. Ids are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    index: u32,
    serial: u32,
}

impl SessionId {
    /// A small number that no other open session of the server has.
    pub fn slot(self) -> usize {
        self.index as usize
    }
}

/// What `read_only` means to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// Stopped by `read_only`.
    Ordinary,
    /// SUPER or CONNECTION_ADMIN: stopped by `super_read_only` alone.
    Admin,
}

/// A change with what the binlog says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logged {
    pub(super) change: Change,
    /// Flags of its ROWS event besides STMT_END.
    pub(super) flags: u16,
    /// The first of its statement.
    pub(super) new_statement: bool,
    /// False for a child's change that the engine makes by cascade and the binlog does not carry.
    pub(super) logged: bool,
}

/// A transaction's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Between statements, or without a transaction.
    Active,
    /// In line for a lock, until the timeout in µs.
    WaitingForLock(LockId, u64),
    /// Held back while `SET GLOBAL read_only` waits.
    WaitingForFence,
    /// In the commit queue or a group.
    Committing,
}

/// How far a session's transaction is as an XA transaction; the id as the binlog has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Xa {
    /// It is none, or not prepared.
    #[default]
    No,
    /// Its PREPARE is in the commit queue or a group.
    Preparing(Arc<str>),
    /// It waits for whoever decides it.
    Prepared(Arc<str>),
    /// Its COMMIT, sent by that session, is in the commit queue or a group.
    Deciding(Arc<str>, SessionId),
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) serial: u32,
    pub(super) privilege: Privilege,
    pub(super) state: State,
    /// The client is gone; only a commit under way keeps the session, or a prepared transaction that is its own.
    pub(super) gone: bool,
    pub(super) changes: Vec<Logged>,
    pub(super) text: Option<Box<Text>>,
    pub(super) xa: Xa,
    pub(super) locks: Vec<LockId>,
    /// When the transaction's first statement started; the header timestamp of its events.
    pub(super) started_us: u64,
    /// Logical clock at prepare.
    pub(super) last_committed: u64,
    /// Its PREPARE in the redo log; without a binlog its COMMIT.
    pub(super) prepared: Record,
}

impl Session {
    /// As whom its statement makes or alters an event.
    pub(super) fn changes_events_as(&self) -> By {
        By::Session {
            privileged: self.privilege == Privilege::Admin,
        }
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    slots: Vec<Option<Session>>,
    free: Vec<u32>,
    next_serial: u32,
    waiting: Vec<SessionId>,
    /// Those whose statement has had to wait for a lock and has not ended: they have the global lock's intention lock.
    under_way: Vec<SessionId>,
}

impl Sessions {
    pub(super) fn open(&mut self, privilege: Privilege) -> SessionId {
        self.next_serial += 1;
        let session = Session {
            serial: self.next_serial,
            privilege,
            state: State::Active,
            gone: false,
            changes: Vec::new(),
            text: None,
            xa: Xa::No,
            locks: Vec::new(),
            started_us: 0,
            last_committed: 0,
            prepared: Record::default(),
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(None);
                self.slots.len() as u32 - 1
            }
        };
        self.slots[index as usize] = Some(session);
        SessionId {
            index,
            serial: self.next_serial,
        }
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.slots
            .get(id.index as usize)?
            .as_ref()
            .filter(|s| s.serial == id.serial)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.slots
            .get_mut(id.index as usize)?
            .as_mut()
            .filter(|s| s.serial == id.serial)
    }

    pub(super) fn close(&mut self, id: SessionId) {
        if self.get(id).is_some() {
            self.slots[id.index as usize] = None;
            self.free.push(id.index);
        }
    }

    /// All sessions with their ids, in the order of their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            slot.as_ref().map(|s| {
                (
                    SessionId {
                        index: index as u32,
                        serial: s.serial,
                    },
                    s,
                )
            })
        })
    }

    /// The serial of the session that was opened last.
    pub(super) fn last_serial(&self) -> u32 {
        self.next_serial
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
        self.waiting.clear();
        self.under_way.clear();
    }

    /// A session's statement has begun and goes on later.
    pub(super) fn statement_begins(&mut self, id: SessionId) {
        if !self.under_way.contains(&id) {
            self.under_way.push(id);
        }
    }

    /// A session's statement has ended.
    pub(super) fn statement_ends(&mut self, id: SessionId) {
        self.under_way.retain(|u| *u != id);
    }

    pub(super) fn is_under_way(&self, id: SessionId) -> bool {
        self.under_way.contains(&id)
    }

    #[inline]
    pub(super) fn statements_under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Puts a session in line.
    pub(super) fn wait(&mut self, id: SessionId, state: State) {
        if let Some(session) = self.get_mut(id) {
            session.state = state;
            self.waiting.push(id);
        }
    }

    /// Takes a session out of the line.
    pub(super) fn wake(&mut self, id: SessionId) {
        if !self.waiting.is_empty() {
            self.waiting.retain(|w| *w != id);
        }
        if let Some(session) = self.get_mut(id) {
            session.state = State::Active;
        }
    }

    /// When the first wait for a lock is over, in µs; `u64::MAX` when nobody waits.
    #[inline]
    pub(super) fn lock_timeout_us(&self) -> u64 {
        match self.waiting.is_empty() {
            true => u64::MAX,
            false => self.first_lock_timeout_us(),
        }
    }

    fn first_lock_timeout_us(&self) -> u64 {
        let waits = self.waiting.iter().filter_map(|id| self.lock_wait(*id));
        waits.map(|(_, until)| until).min().unwrap_or(u64::MAX)
    }

    pub(super) fn lock_wait(&self, id: SessionId) -> Option<(LockId, u64)> {
        match self.get(id)?.state {
            State::WaitingForLock(lock, until) => Some((lock, until)),
            _ => None,
        }
    }

    /// The first session whose wait for a lock has timed out.
    pub(super) fn timed_out(&self, now: u64) -> Option<SessionId> {
        let is_over = |id: &SessionId| self.lock_wait(*id).is_some_and(|(_, until)| until <= now);
        self.waiting.iter().copied().find(is_over)
    }

    /// A session that `SET GLOBAL read_only` held back.
    pub(super) fn held_back(&self) -> Option<SessionId> {
        self.waiting.iter().copied().find(|id| {
            self.get(*id)
                .is_some_and(|s| s.state == State::WaitingForFence)
        })
    }

    /// Would `waiter`, in line for a lock, wait for itself?
    pub(super) fn closes_cycle(&self, locks: &LockTable, waiter: SessionId, lock: LockId) -> bool {
        let in_the_way = |lock, waiter| locks.owners(lock).filter(move |owner| *owner != waiter);
        let mut ahead: Vec<SessionId> = in_the_way(lock, waiter).collect();
        // Those whose own wait has been followed are at the front.
        let mut followed = 0;
        while let Some(&at) = ahead.get(followed) {
            if at == waiter {
                return true;
            }
            followed += 1;
            if let Some((lock, _)) = self.lock_wait(at) {
                for owner in in_the_way(lock, at) {
                    if !ahead.contains(&owner) {
                        ahead.push(owner);
                    }
                }
            }
        }
        false
    }

    pub(super) fn open_transactions(&self) -> usize {
        self.slots
            .iter()
            .flatten()
            .filter(|s| !s.changes.is_empty() || s.text.is_some() || s.state == State::Committing)
            .count()
    }
}
