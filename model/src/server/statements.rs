//! Statements: lock, check, change in place; rollback.

use super::{
    Event, Reply, Server, ServerError,
    locks::{Grant, Mode},
    session::{Logged, Privilege, SessionId, State},
};
use crate::{
    arena::{Arena, RowRef},
    binlog::decode::rows_flag,
    database::{Change, Checks, LockId, SqlError, TableId},
    table::RowKey,
};

/// What a statement does to one row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write<'a> {
    Insert(&'a [u8]),
    Update(RowKey, &'a [u8]),
    UpdateLocked(Locked, &'a [u8]),
    Delete(RowKey),
}

/// A row that a session has locked with `SELECT … FOR UPDATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    table: TableId,
    key: RowKey,
    /// The row as the session sees it.
    pub row: RowRef,
}

/// How rows of a statement are written.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The first row of its statement.
    pub new_statement: bool,
    /// The engine checks foreign keys and cascades.
    pub foreign_keys: bool,
    /// Flags of the ROWS event besides STMT_END, as a recording has them; the server's own without.
    pub flags: Option<u16>,
}

impl Manner {
    /// A client's own statement of one row.
    pub const STATEMENT: Self = Self {
        new_statement: true,
        foreign_keys: true,
        flags: None,
    };
}

impl Server {
    /// Opens a connection.
    pub fn connect(&mut self, privilege: Privilege) -> SessionId {
        self.sessions.open(privilege)
    }

    /// Whether the connection is there.
    pub fn is_connected(&self, session: SessionId) -> bool {
        self.sessions.get(session).is_some_and(|s| !s.gone)
    }

    /// Whether the session's statement waits, for a lock or behind a SET of `read_only`.
    pub fn waits(&self, session: SessionId) -> bool {
        let state = self.sessions.get(session).map(|s| s.state);
        matches!(
            state,
            Some(State::WaitingForLock(..) | State::WaitingForFence)
        )
    }

    /// Closes a connection, from either side: an open transaction is rolled back; a commit under way
    /// goes on, and nobody hears of it.
    pub fn disconnect(&mut self, arena: &mut Arena, id: SessionId) {
        match self.sessions.get_mut(id) {
            Some(session) if session.state == State::Committing => session.gone = true,
            Some(_) => {
                self.rollback(arena, id);
                self.sessions.close(id);
            }
            None => {}
        }
    }

    /// Sessions of clients, for a `KILL` of all of them.
    pub fn client_sessions(&self) -> Vec<SessionId> {
        self.sessions
            .iter()
            .filter(|(_, s)| !s.gone)
            .map(|(id, _)| id)
            .collect()
    }

    /// INSERT of one row.
    pub fn insert(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        image: &[u8],
        manner: Manner,
    ) -> Reply {
        let reply = self.write(arena, now, id, table, Write::Insert(image), manner);
        self.ended(id, &reply);
        reply
    }

    /// UPDATE of the row with this key to this image. Lock it first ([`Server::lock_row`]) to compute the
    /// image from the row as it is, and then say [`Server::update_locked`].
    pub fn update(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        key: RowKey,
        image: &[u8],
        manner: Manner,
    ) -> Reply {
        let reply = self.write(arena, now, id, table, Write::Update(key, image), manner);
        self.ended(id, &reply);
        reply
    }

    /// UPDATE of a row to this image, in the statement that has just locked it: it need be neither locked nor looked
    /// up again.
    pub fn update_locked(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        locked: Locked,
        image: &[u8],
        manner: Manner,
    ) -> Reply {
        debug_assert!(
            self.locks
                .owners(row_lock(locked.table, locked.key))
                .any(|o| o == id)
        );
        let write = Write::UpdateLocked(locked, image);
        let reply = self.write(arena, now, id, locked.table, write, manner);
        self.ended(id, &reply);
        reply
    }

    /// DELETE of the row with this key.
    pub fn delete(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        key: RowKey,
        manner: Manner,
    ) -> Reply {
        let reply = self.write(arena, now, id, table, Write::Delete(key), manner);
        self.ended(id, &reply);
        reply
    }

    /// `SELECT … FOR UPDATE` of one row: locks it, and gives it as the session sees it.
    ///
    /// # Errors
    /// Any other reply than [`Reply::Ok`].
    pub fn lock_row(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        key: RowKey,
    ) -> Result<Locked, Reply> {
        let locked = self.lock_row_within(arena, now, id, table, key, false);
        if !matches!(locked, Err(Reply::Waiting)) {
            self.statement_ends(id);
        }
        locked
    }

    /// As [`Server::lock_row`], within a statement that goes on; `begun`: it has written rows.
    #[inline]
    pub(super) fn lock_row_within(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        key: RowKey,
        begun: bool,
    ) -> Result<Locked, Reply> {
        self.admit_write(arena, id, begun)?;
        self.lock(arena, now, id, row_lock(table, key), Mode::Exclusive)?;
        let row = self.database.get(arena, table, key).ok_or(Reply::NoRow)?;
        Ok(Locked { table, key, row })
    }

    /// Unless it waits, the session's statement is over with this reply.
    #[inline]
    pub(super) fn ended(&mut self, id: SessionId, reply: &Reply) {
        if !matches!(reply, Reply::Waiting) {
            self.statement_ends(id);
        }
    }

    /// A consistent read of one row: the committed version, or the session's own.
    pub fn select(
        &self,
        arena: &mut Arena,
        id: SessionId,
        table: TableId,
        key: RowKey,
    ) -> Option<RowRef> {
        match self.locks.owner(row_lock(table, key)) {
            Some(owner) if owner != id => {
                let undo = self.sessions.get(owner).and_then(|s| {
                    s.changes
                        .iter()
                        .map(|l| l.change)
                        .find(|c| c.table == table && (c.key == key || c.new_key == key))
                });
                match undo {
                    Some(change) if change.key == key => change.before,
                    Some(_) => None,
                    None => self.database.get(arena, table, key),
                }
            }
            _ => self.database.get(arena, table, key),
        }
    }

    /// Hands out the next AUTO_INCREMENT value of a table; it is never given back.
    pub fn next_auto_increment(&mut self, table: TableId) -> u64 {
        self.database.next_auto_increment(table)
    }

    /// Rolls a transaction back.
    pub fn rollback(&mut self, arena: &mut Arena, id: SessionId) {
        self.stop_waiting(id);
        self.statement_ends(id);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let changes = std::mem::take(&mut session.changes);
        for logged in changes.iter().rev() {
            self.database.undo(arena, &logged.change);
        }
        self.release_locks(id);
    }

    /// A row of a statement, which goes on behind it.
    pub(super) fn write(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        write: Write<'_>,
        manner: Manner,
    ) -> Reply {
        let admitted = match write {
            Write::UpdateLocked(..) => Ok(()),
            _ => self.admit_write(arena, id, !manner.new_statement),
        };
        if let Err(reply) = admitted {
            return reply;
        }
        if let Write::Update(key, _) | Write::Delete(key) = write
            && let Err(reply) = self.lock(arena, now, id, row_lock(table, key), Mode::Exclusive)
        {
            return reply;
        }
        let mut plan = std::mem::take(&mut self.plan);
        plan.clear();
        let planned = self.plan_write(arena, table, write, manner.foreign_keys, &mut plan);
        let reply = match planned {
            Err(error) => self.refuse(arena, now, id, error),
            Ok(()) => match self.lock_changes(arena, now, id, write, &plan, manner) {
                Err(reply) => reply,
                Ok(()) => {
                    self.apply_changes(arena, now, id, table, write, &plan, manner);
                    Reply::Ok
                }
            },
        };
        self.plan = plan;
        match (write, &reply) {
            (Write::Insert(image), Reply::Ok) if self.database.is_watched(table) => {
                self.fire(arena, now, id, table, image, manner)
            }
            _ => reply,
        }
    }

    /// The triggers of an INSERT write in the same statement. When one cannot, the statement has not been.
    fn fire(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        image: &[u8],
        manner: Manner,
    ) -> Reply {
        let done = self.sessions.get(id).map_or(0, |s| s.changes.len());
        let within = Manner {
            new_statement: false,
            ..manner
        };
        for (into, row) in self.database.triggered(table, image) {
            let reply = self.write(arena, now, id, into, Write::Insert(&row), within);
            if reply != Reply::Ok {
                self.undo_statement(arena, id, done - 1);
                return reply;
            }
        }
        Reply::Ok
    }

    /// Takes a session's last changes back, down to as many as there were before.
    fn undo_statement(&mut self, arena: &mut Arena, id: SessionId, before: usize) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let undone = session.changes.split_off(before.min(session.changes.len()));
        for logged in undone.iter().rev() {
            self.database.undo(arena, &logged.change);
        }
    }

    fn plan_write(
        &self,
        arena: &mut Arena,
        table: TableId,
        write: Write<'_>,
        foreign_keys: bool,
        plan: &mut Vec<Change>,
    ) -> Result<(), SqlError> {
        let checks = Checks {
            foreign_keys,
            unique: true,
        };
        match write {
            Write::Insert(image) => self.database.plan_insert(arena, table, image, checks, plan),
            Write::Update(key, image) => self
                .database
                .plan_update(arena, table, key, image, checks, plan),
            Write::UpdateLocked(Locked { key, row, .. }, image) => {
                self.database
                    .plan_update_of(arena, table, (key, row), image, checks, plan)
            }
            Write::Delete(key) => self.database.plan_delete(arena, table, key, checks, plan),
        }
    }

    /// A constraint says no. When the row that stands in the way belongs to an open transaction, that
    /// transaction decides first.
    fn refuse(&mut self, arena: &mut Arena, now: u64, id: SessionId, error: SqlError) -> Reply {
        if let Some(lock) = error.lock()
            && self.locks.owner(lock).is_some_and(|owner| owner != id)
            && let Err(reply) = self.lock(arena, now, id, lock, Mode::Exclusive)
        {
            return reply;
        }
        match error {
            SqlError::NotFound { .. } => Reply::NoRow,
            error => Reply::Failed(error.into()),
        }
    }

    fn lock_changes(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        write: Write<'_>,
        plan: &[Change],
        manner: Manner,
    ) -> Result<(), Reply> {
        // The row's own lock is there already.
        if let (Write::Update(key, _) | Write::UpdateLocked(Locked { key, .. }, _), [only]) =
            (write, plan)
            && only.keeps_keys
            && only.key == key
        {
            return Ok(());
        }
        if let [only] = plan
            && let Some(lock) = self.database.only_lock(only)
        {
            return self.lock(arena, now, id, lock, Mode::Exclusive);
        }
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        for change in plan {
            self.database.lock_ids(arena, change, &mut wanted);
        }
        let alone = wanted.len();
        if manner.foreign_keys {
            for change in plan {
                self.database.parent_locks(arena, change, &mut wanted);
            }
        }
        let result = wanted.iter().enumerate().try_for_each(|(n, lock)| {
            let mode = match n < alone {
                true => Mode::Exclusive,
                false => Mode::Shared,
            };
            self.lock(arena, now, id, *lock, mode)
        });
        self.wanted = wanted;
        result
    }

    fn apply_changes(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        table: TableId,
        write: Write<'_>,
        plan: &[Change],
        manner: Manner,
    ) {
        let by_sql = self.config.version.logs_cascades();
        let own = |change: &Change| {
            change.table == table
                && match write {
                    Write::Insert(_) => true,
                    Write::Update(key, _)
                    | Write::UpdateLocked(Locked { key, .. }, _)
                    | Write::Delete(key) => change.key == key,
                }
        };
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if session.changes.is_empty() {
            session.started_us = now;
        }
        let mut new_statement = manner.new_statement;
        // The plan has the statement's own row first. A binlog that carries cascades has it last: an applier
        // runs the rows one by one, and its engine would delete the children with the parent.
        let (first, rest) = plan.split_at(usize::from(by_sql).min(plan.len()));
        let base = if by_sql {
            rows_flag::USE_SQL_FOREIGN_KEY
        } else {
            0
        };
        let mut make = |change: &Change| {
            // An UPDATE to the same values is neither written nor logged.
            if change.is_noop() {
                return;
            }
            let parent = own(change);
            let child = if parent {
                0
            } else {
                rows_flag::NO_FOREIGN_KEY_CHECKS
            };
            session.changes.push(Logged {
                change: *change,
                flags: manner.flags.unwrap_or(base | child),
                new_statement,
                logged: parent || by_sql,
            });
            new_statement = false;
            self.database.apply(arena, change);
        };
        rest.iter().for_each(&mut make);
        first.iter().for_each(&mut make);
    }

    /// Takes a lock for a session, or says what follows from not getting it.
    fn lock(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        lock: LockId,
        mode: Mode,
    ) -> Result<(), Reply> {
        if let Ok(newly) = self.locks.acquire(lock, id, mode) {
            if newly && let Some(session) = self.sessions.get_mut(id) {
                session.locks.push(lock);
            }
            return Ok(());
        }
        if self.sessions.closes_cycle(&self.locks, id, lock) {
            self.rollback(arena, id);
            return Err(Reply::Failed(ServerError::Deadlock));
        }
        self.locks.enqueue(lock, id, mode);
        let until = now + self.config.lock_wait_timeout_us;
        self.sessions.statement_begins(id);
        self.sessions.wait(id, State::WaitingForLock(lock, until));
        Err(Reply::Waiting)
    }

    pub(super) fn release_locks(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let mut locks = std::mem::take(&mut session.locks);
        let mut granted = Vec::new();
        for lock in &locks {
            self.locks.release(*lock, id, &mut granted);
            if !granted.is_empty() {
                self.let_go_on(*lock, &mut granted);
            }
        }
        locks.clear();
        if let Some(session) = self.sessions.get_mut(id) {
            session.locks = locks;
        }
    }

    /// Sessions that waited for a lock have it.
    fn let_go_on(&mut self, lock: LockId, granted: &mut Vec<Grant>) {
        for Grant { session: id, newly } in granted.drain(..) {
            if newly && let Some(session) = self.sessions.get_mut(id) {
                session.locks.push(lock);
            }
            self.sessions.wake(id);
            self.events.push(Event::Resume(id));
        }
    }

    /// A session waits for nothing any more.
    fn stop_waiting(&mut self, id: SessionId) {
        let waited = self.sessions.lock_wait(id);
        self.sessions.wake(id);
        if let Some((lock, _)) = waited {
            let mut granted = Vec::new();
            self.locks.leave(lock, id, &mut granted);
            self.let_go_on(lock, &mut granted);
        }
    }

    pub(super) fn expire_lock_waits(&mut self, now: u64) {
        while let Some(id) = self.sessions.timed_out(now) {
            self.stop_waiting(id);
            self.statement_ends(id);
            self.events
                .push(Event::Failed(id, ServerError::LockWaitTimeout));
        }
    }
}

/// The lock of a row.
fn row_lock(table: TableId, key: RowKey) -> LockId {
    LockId::of_row(table, key)
}
