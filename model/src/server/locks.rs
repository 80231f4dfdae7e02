//! Row locks, shared and exclusive, granted in the order of asking.
//!
//! InnoDB locks index records; here a lock is a row of a table or a value of a unique key ([`LockId`]). Writes take
//! them alone. A foreign key's check shares the record of the parent that it found, so that no one changes or deletes
//! the parent before the child is committed, and the child waits for a parent that is not committed yet (MySQL manual,
//! "Locks Set by Different SQL Statements in InnoDB"). What is released goes to the first in line at once.

use super::SessionId;
use crate::database::LockId;
use rustc_hash::FxBuildHasher;
use std::collections::{VecDeque, hash_map::Entry};

/// Whether others may hold a lock too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Exclusive,
}

/// A lock that somebody holds.
#[derive(Debug)]
struct Held {
    owner: SessionId,
    mode: Mode,
    /// Most locks have one owner and no line.
    crowd: Option<Box<Crowd>>,
}

/// Who else has to do with a lock.
#[derive(Debug, Default)]
struct Crowd {
    /// Who shares it with its owner.
    others: Vec<SessionId>,
    line: VecDeque<(SessionId, Mode)>,
}

impl Held {
    fn others(&self) -> &[SessionId] {
        self.crowd.as_ref().map_or(&[], |crowd| &crowd.others)
    }

    fn owners(&self) -> impl Iterator<Item = SessionId> {
        std::iter::once(self.owner).chain(self.others().iter().copied())
    }

    fn has_line(&self) -> bool {
        self.crowd.as_ref().is_some_and(|c| !c.line.is_empty())
    }

    /// Takes an owner away; false when nobody is left.
    fn remove(&mut self, session: SessionId) -> bool {
        let crowd = self.crowd.as_mut();
        let Some(others) = crowd.map(|c| &mut c.others).filter(|o| !o.is_empty()) else {
            return self.owner != session;
        };
        if self.owner == session {
            self.owner = others.remove(0);
        } else {
            others.retain(|other| *other != session);
        }
        true
    }

    /// Lets in whoever has come to the front of the line.
    fn admit(&mut self, granted: &mut Vec<Grant>) {
        while let Some(crowd) = self.crowd.as_mut()
            && let Some(&(first, mode)) = crowd.line.front()
        {
            let alone = crowd.others.is_empty() && self.owner == first;
            match mode {
                Mode::Shared if self.mode == Mode::Shared => crowd.others.push(first),
                Mode::Exclusive if alone => self.mode = Mode::Exclusive,
                _ => return,
            }
            crowd.line.pop_front();
            granted.push(Grant {
                session: first,
                newly: !alone,
            });
        }
    }
}

/// A session that waited for a lock has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) session: SessionId,
    /// It had not shared it before.
    pub(super) newly: bool,
}

#[expect(
    clippy::disallowed_types,
    reason = "with a fixed hasher, and only looked up: nobody walks through it"
)]
type ByLock = std::collections::HashMap<LockId, Held, FxBuildHasher>;

/// Who holds what.
#[derive(Debug, Default)]
pub(super) struct LockTable {
    held: ByLock,
}

impl LockTable {
    /// Takes a lock. `Ok(true)` when it is newly held, `Ok(false)` when it was held already; `Err` when others stand in
    /// the way.
    pub(super) fn acquire(
        &mut self,
        id: LockId,
        session: SessionId,
        mode: Mode,
    ) -> Result<bool, ()> {
        let held = match self.held.entry(id) {
            Entry::Vacant(free) => {
                free.insert(Held {
                    owner: session,
                    mode,
                    crowd: None,
                });
                return Ok(true);
            }
            Entry::Occupied(held) => held.into_mut(),
        };
        let owns = held.owners().any(|owner| owner == session);
        match (held.mode, mode) {
            (Mode::Exclusive, _) | (Mode::Shared, Mode::Shared) if owns => Ok(false),
            // Whoever waits for it alone is not overtaken.
            (Mode::Shared, Mode::Shared) if !held.has_line() => {
                held.crowd.get_or_insert_default().others.push(session);
                Ok(true)
            }
            (Mode::Shared, Mode::Exclusive) if owns && held.others().is_empty() => {
                held.mode = Mode::Exclusive;
                Ok(false)
            }
            _ => Err(()),
        }
    }

    /// Who holds a lock alone.
    pub(super) fn owner(&self, id: LockId) -> Option<SessionId> {
        let held = self.held.get(&id)?;
        (held.mode == Mode::Exclusive).then_some(held.owner)
    }

    /// All who hold a lock.
    pub(super) fn owners(&self, id: LockId) -> impl Iterator<Item = SessionId> {
        self.held.get(&id).into_iter().flat_map(Held::owners)
    }

    /// Hands a lock that is held over to another session; the line stays.
    pub(super) fn hand_over(&mut self, id: LockId, from: SessionId, to: SessionId) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        if held.owner == from {
            held.owner = to;
        } else if let Some(crowd) = &mut held.crowd {
            let others = crowd.others.iter_mut();
            others.filter(|o| **o == from).for_each(|o| *o = to);
        }
    }

    /// Stands in line for a lock.
    pub(super) fn enqueue(&mut self, id: LockId, session: SessionId, mode: Mode) {
        if let Some(held) = self.held.get_mut(&id) {
            let crowd = held.crowd.get_or_insert_default();
            crowd.line.push_back((session, mode));
        }
    }

    /// Leaves the line, in which others may come to the front.
    pub(super) fn leave(&mut self, id: LockId, session: SessionId, granted: &mut Vec<Grant>) {
        if let Some(held) = self.held.get_mut(&id) {
            if let Some(crowd) = &mut held.crowd {
                crowd.line.retain(|(waiter, _)| *waiter != session);
            }
            held.admit(granted);
        }
    }

    /// Gives a lock up; whoever is first in line has it then.
    pub(super) fn release(&mut self, id: LockId, session: SessionId, granted: &mut Vec<Grant>) {
        let Entry::Occupied(mut entry) = self.held.entry(id) else {
            return;
        };
        let held = entry.get_mut();
        if !held.remove(session) {
            let first = held.crowd.as_mut().and_then(|c| c.line.pop_front());
            let Some((first, mode)) = first else {
                entry.remove();
                return;
            };
            (held.owner, held.mode) = (first, mode);
            granted.push(Grant {
                session: first,
                newly: true,
            });
        }
        held.admit(granted);
    }

    /// Forgets everything: a crash.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }
}
