//! `read_only` and `super_read_only` as a fence.
//!
//! `SET GLOBAL read_only = 1` first takes the global read lock: it waits for statements that write and have begun (one
//! that waits for a row lock, one that waits for a metadata lock), while new ones wait behind it, whoever sends them, and
//! transactions commit as ever. When no such statement is left, it blocks commits too, waits until nobody is inside one, and
//! returns. From then on ordinary sessions get 1290, the COMMIT of a transaction opened before included. Exempt: replica
//! threads, and sessions with CONNECTION_ADMIN unless `super_read_only`.
//!
//! A statement that waits for a row of a transaction that waits behind the SET is a circle that no server sees: the row
//! lock's timeout ends it. One through a metadata lock is seen, and the transaction is rolled back with 1213.
//!
//! Source: sys_vars.cc `fix_read_only`, lock.cc `Global_read_lock`, handler.cc `ha_commit_trans`; what is said above was
//! measured on 9.7.4 and 5.6.24. Not modelled: that appliers wait behind the SET as well, by the same lock (not
//! measured); and a second SET, to 0, which changes nothing there while the first one waits (measured): here it withdraws
//! the first, as whoever interrupts it does.

use super::{
    Event, Reply, Server, ServerError,
    session::{Privilege, SessionId, State},
};
use crate::{arena::Arena, mutant::Mutant};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReadOnly {
    #[default]
    Off,
    /// The SET waits for statements under way.
    Locking {
        also_admin: bool,
    },
    /// It has the global read lock, and waits for commits under way.
    Closing {
        also_admin: bool,
    },
    On {
        also_admin: bool,
    },
}

impl Server {
    /// `SET GLOBAL read_only = 1` (`also_admin`: `super_read_only`); [`Event::ReadOnlyEffective`] says when it
    /// has returned. Gives the number of statements that it has to wait for.
    pub fn set_read_only(&mut self, also_admin: bool) -> usize {
        // What is the case already is not waited for.
        if self.read_only == (ReadOnly::On { also_admin }) {
            self.events.push(Event::ReadOnlyEffective);
            return 0;
        }
        self.read_only = ReadOnly::Locking { also_admin };
        self.last_session_before_fence = self.sessions.last_serial();
        self.finish_fence();
        self.statements_under_way()
    }

    /// `SET GLOBAL read_only = 0`; a SET to 1 that waits is withdrawn.
    pub fn clear_read_only(&mut self) {
        self.read_only = ReadOnly::Off;
        self.resume_held_back();
    }

    /// `@@global.read_only`.
    pub fn is_read_only(&self) -> bool {
        matches!(self.read_only, ReadOnly::On { .. })
    }

    /// Whether `SET GLOBAL read_only = 1` waits, and statements that begin to write wait behind it.
    #[inline]
    pub fn is_closing(&self) -> bool {
        matches!(
            self.read_only,
            ReadOnly::Locking { .. } | ReadOnly::Closing { .. }
        )
    }

    /// A statement begins that waits for a metadata lock, which is the caller's to give: the SET waits for it, and
    /// [`Server::has_metadata_lock`] ends that. False while a SET waits: the statement waits behind it and has not begun.
    pub fn waits_for_metadata_lock(&mut self) -> bool {
        let begins = !self.is_closing();
        self.waiting_for_metadata += u32::from(begins);
        begins
    }

    /// A statement that has begun has its metadata lock, and goes on in this session.
    pub fn has_metadata_lock(&mut self, session: SessionId) {
        self.waiting_for_metadata = self.waiting_for_metadata.saturating_sub(1);
        self.sessions.statement_begins(session);
    }

    /// A session's statement, which may have had to wait, has ended.
    #[inline]
    pub(super) fn statement_ends(&mut self, id: SessionId) {
        if self.sessions.statements_under_way() > 0 {
            self.sessions.statement_ends(id);
            if matches!(self.read_only, ReadOnly::Locking { .. }) && self.may_finish_fence() {
                self.events.push(Event::StatementsEnded);
            }
        }
    }

    /// Whether a statement of a session may write now; `begun`: others of its rows are written already.
    #[inline]
    pub(super) fn admit_write(
        &mut self,
        arena: &mut Arena,
        id: SessionId,
        begun: bool,
    ) -> Result<(), Reply> {
        match (self.sessions.get(id), self.read_only) {
            (None, _) => Err(Reply::NoRow),
            (Some(_), ReadOnly::Off) => Ok(()),
            _ => self.admit_write_at_the_fence(arena, id, begun),
        }
    }

    fn admit_write_at_the_fence(
        &mut self,
        arena: &mut Arena,
        id: SessionId,
        begun: bool,
    ) -> Result<(), Reply> {
        let used_tables = self.sessions.get(id).is_some_and(|s| !s.changes.is_empty());
        match self.read_only {
            ReadOnly::Off => Ok(()),
            ReadOnly::On { also_admin } => self.admit(id, also_admin),
            _ if begun || self.sessions.is_under_way(id) || self.is_spared(id) => Ok(()),
            // It has used tables that a statement under way wants for itself alone.
            _ if self.waiting_for_metadata > 0 && used_tables => {
                self.rollback(arena, id);
                Err(Reply::Failed(ServerError::Deadlock))
            }
            _ => {
                self.sessions.wait(id, State::WaitingForFence);
                Err(Reply::Waiting)
            }
        }
    }

    /// Whether a session may commit now.
    pub(super) fn admit_commit(&mut self, id: SessionId) -> Result<(), Reply> {
        match self.read_only {
            ReadOnly::Off | ReadOnly::Locking { .. } => Ok(()),
            ReadOnly::On { also_admin } => self.admit(id, also_admin),
            ReadOnly::Closing { .. } if self.is_spared(id) => Ok(()),
            ReadOnly::Closing { .. } => {
                self.sessions.wait(id, State::WaitingForFence);
                Err(Reply::Waiting)
            }
        }
    }

    /// Whether XA PREPARE or COMMIT of a session has to wait: `read_only` itself does not stop them.
    pub(super) fn holds_back_xa(&mut self, id: SessionId) -> bool {
        let holds = matches!(self.read_only, ReadOnly::Closing { .. });
        if holds {
            self.sessions.wait(id, State::WaitingForFence);
        }
        holds
    }

    /// Whether a session may write past `read_only`.
    fn admit(&self, id: SessionId, also_admin: bool) -> Result<(), Reply> {
        let ordinary = |s: &super::session::Session| s.privilege == Privilege::Ordinary;
        match self.sessions.get(id).is_none_or(ordinary) {
            _ if self.is_spared(id) => Ok(()),
            // `read_only` is looked at first, and `super_read_only` sets it too.
            true => Err(Reply::Failed(ServerError::ReadOnly)),
            false if also_admin => Err(Reply::Failed(ServerError::SuperReadOnly)),
            false => Ok(()),
        }
    }

    /// Whether a mutant has the fence overlook a session.
    fn is_spared(&self, id: SessionId) -> bool {
        let mutants = self.config.mutants;
        self.sessions.get(id).is_some_and(|session| {
            mutants.has(Mutant::FenceAdmitsOpenTransactions) && !session.changes.is_empty()
                || mutants.has(Mutant::FenceSparesOldSessions)
                    && session.serial <= self.last_session_before_fence
        })
    }

    /// Whether a SET waits for nothing any more.
    #[inline]
    pub(super) fn may_finish_fence(&self) -> bool {
        self.is_closing()
            && match self.read_only {
                ReadOnly::Locking { .. } => self.statements_under_way() == 0,
                _ => self.pipeline.is_idle(),
            }
    }

    /// Whether a session's statement has begun to write, has had to wait for a lock, and has not ended.
    pub fn is_under_way(&self, session: SessionId) -> bool {
        self.sessions.is_under_way(session)
    }

    /// Whether a transaction is open that has written, or a statement under way that will: a metadata lock is not to be
    /// had.
    pub fn uses_tables(&self) -> bool {
        self.sessions.statements_under_way() > 0 || self.open_transactions() > 0
    }

    /// Statements that have begun to write and wait for a lock, of a row or of a table.
    pub fn statements_under_way(&self) -> usize {
        self.waiting_for_metadata as usize + self.sessions.statements_under_way()
    }

    /// Lets the SET go on behind statements under way, and return once nobody is inside a commit.
    pub(super) fn finish_fence(&mut self) {
        if let ReadOnly::Locking { also_admin } = self.read_only
            && self.statements_under_way() == 0
        {
            self.read_only = ReadOnly::Closing { also_admin };
        }
        if let ReadOnly::Closing { also_admin } = self.read_only
            && (self.pipeline.is_idle() || self.config.mutants.has(Mutant::FenceOvertakesCommits))
        {
            self.read_only = ReadOnly::On { also_admin };
            self.events.push(Event::ReadOnlyEffective);
            self.resume_held_back();
        }
    }

    fn resume_held_back(&mut self) {
        while let Some(id) = self.sessions.held_back() {
            self.sessions.wake(id);
            self.events.push(Event::Resume(id));
        }
    }
}
