//! `read_only` and `super_read_only` as a fence.
//!
//! `SET GLOBAL read_only = 1` takes the global read lock, waits until nobody is inside a commit, and
//! returns. From its start writers hang; after it returned they get 1290, the COMMIT of a transaction
//! opened before included. Exempt: replica threads, and sessions with CONNECTION_ADMIN unless
//! `super_read_only`. Source: sys_vars.cc `fix_read_only`, handler.cc `ha_commit_trans`, measured on 9.7.4.

use super::{
    Event, Reply, Server, ServerError,
    session::{Privilege, SessionId, State},
};
use crate::mutant::Mutant;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReadOnly {
    #[default]
    Off,
    /// The SET waits for commits under way.
    Closing {
        also_admin: bool,
    },
    On {
        also_admin: bool,
    },
}

impl Server {
    /// `SET GLOBAL read_only = 1` (`also_admin`: `super_read_only`); [`Event::ReadOnlyEffective`] says when it
    /// has returned.
    pub fn set_read_only(&mut self, also_admin: bool) {
        self.read_only = ReadOnly::Closing { also_admin };
        self.last_session_before_fence = self.sessions.last_serial();
        self.finish_fence();
    }

    /// `SET GLOBAL read_only = 0`.
    pub fn clear_read_only(&mut self) {
        self.read_only = ReadOnly::Off;
        self.resume_held_back();
    }

    /// `@@global.read_only`.
    pub fn is_read_only(&self) -> bool {
        matches!(self.read_only, ReadOnly::On { .. })
    }

    /// Whether a session may write or commit now.
    pub(super) fn admit_write(&mut self, id: SessionId, _now: u64) -> Result<(), Reply> {
        let Some(session) = self.sessions.get(id) else {
            return Err(Reply::NoRow);
        };
        let mutants = self.config.mutants;
        let spared = mutants.has(Mutant::FenceAdmitsOpenTransactions)
            && !session.changes.is_empty()
            || mutants.has(Mutant::FenceSparesOldSessions)
                && session.serial <= self.last_session_before_fence;
        if spared {
            return Ok(());
        }
        let stopped = |also_admin: bool| also_admin || session.privilege == Privilege::Ordinary;
        match self.read_only {
            ReadOnly::Closing { also_admin } if stopped(also_admin) => {
                self.sessions.wait(id, State::WaitingForFence);
                Err(Reply::Waiting)
            }
            // `read_only` is looked at first, and `super_read_only` sets it too.
            ReadOnly::On { .. } if stopped(false) => Err(Reply::Failed(ServerError::ReadOnly)),
            ReadOnly::On { also_admin: true } => Err(Reply::Failed(ServerError::SuperReadOnly)),
            _ => Ok(()),
        }
    }

    /// Whether a SET waits for commits under way, and there are none any more.
    #[inline]
    pub(super) fn may_finish_fence(&self) -> bool {
        matches!(self.read_only, ReadOnly::Closing { .. }) && self.pipeline.is_idle()
    }

    /// Lets the SET return once nobody is inside a commit.
    pub(super) fn finish_fence(&mut self) {
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
