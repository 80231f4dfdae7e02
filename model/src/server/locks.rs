//! Exclusive row locks, granted in the order of asking.
//!
//! InnoDB locks index records; here a lock is a row of a table or a value of a unique key
//! ([`LockId`]). A lock that is released goes to its first waiter at once.

use super::SessionId;
use crate::database::LockId;
use indexmap::{IndexMap, map::Entry};
use rustc_hash::FxBuildHasher;
use std::collections::VecDeque;

#[derive(Debug)]
struct Held {
    owner: SessionId,
    waiters: VecDeque<SessionId>,
}

/// Who holds what.
#[derive(Debug, Default)]
pub(super) struct LockTable {
    held: IndexMap<LockId, Held, FxBuildHasher>,
}

impl LockTable {
    /// Takes a lock. `Ok(true)` when it is newly held, `Ok(false)` when it was held already.
    pub(super) fn acquire(&mut self, id: LockId, session: SessionId) -> Result<bool, SessionId> {
        match self.held.entry(id) {
            Entry::Occupied(held) if held.get().owner == session => Ok(false),
            Entry::Occupied(held) => Err(held.get().owner),
            Entry::Vacant(free) => {
                free.insert(Held {
                    owner: session,
                    waiters: VecDeque::new(),
                });
                Ok(true)
            }
        }
    }

    /// Who holds a lock.
    pub(super) fn owner(&self, id: LockId) -> Option<SessionId> {
        self.held.get(&id).map(|h| h.owner)
    }

    /// Hands a lock that is held over to another session; the line stays.
    pub(super) fn hand_over(&mut self, id: LockId, to: SessionId) {
        if let Some(held) = self.held.get_mut(&id) {
            held.owner = to;
        }
    }

    /// Stands in line for a lock.
    pub(super) fn enqueue(&mut self, id: LockId, session: SessionId) {
        if let Some(held) = self.held.get_mut(&id) {
            held.waiters.push_back(session);
        }
    }

    /// Leaves the line.
    pub(super) fn leave(&mut self, id: LockId, session: SessionId) {
        if let Some(held) = self.held.get_mut(&id) {
            held.waiters.retain(|w| *w != session);
        }
    }

    /// Gives a lock up; the first waiter has it then.
    pub(super) fn release(&mut self, id: LockId) -> Option<SessionId> {
        let (index, _, held) = self.held.get_full_mut(&id)?;
        match held.waiters.pop_front() {
            Some(next) => {
                held.owner = next;
                Some(next)
            }
            None => {
                self.held.swap_remove_index(index);
                None
            }
        }
    }

    /// Forgets everything: a crash.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }
}
