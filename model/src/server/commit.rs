//! Commit in its real stages, by groups.
//!
//! ```text
//! COMMIT ─► queue ─► FLUSH ────────► SYNC ──────────► COMMIT ─────────► acknowledged
//!                    GTIDs, bytes    fsync; the end    engine, in queue
//!                    into the file   is published to   order; locks free;
//!                                    dump readers      gtid_executed
//! ```
//!
//! With `sync_binlog ≠ 1` the end is published after FLUSH already, so a reader may have what a crash
//! takes away. Between publication and COMMIT lies the gap: in the binlog, sent, not yet visible.
//! Source: `MYSQL_BIN_LOG::ordered_commit` (sql/binlog.cc). One group is under way at a time; a real
//! server may flush the next group while this one syncs, which changes throughput, not order.

use super::{
    Event, Journaled, Own, Reply, Server,
    session::{SessionId, State, Xa},
};
use crate::{
    apply::session_context,
    arena::Arena,
    binlog::{
        QuerySession,
        encode::{Head, RowWrite, RowWrites, TableTemplate, Writer},
        log::LogPos,
    },
    database::{Database, TableId},
    ddl::{self as sql, Context, DdlError, Effort},
    gtid::Gtid,
    mutant::Mutant,
    schema::TableDef,
};
use std::{collections::VecDeque, sync::Arc};

/// The ordinal of a transaction in a server's binlog, counted from 0 over all its life in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitNumber(pub u64);

/// A transaction that the engine has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its place in the server's history.
    pub number: CommitNumber,
    /// Its GTID's number; 0 with `gtid_mode = OFF`.
    pub gno: u64,
    /// Where it ends in the binlog; position 0 without a binlog.
    pub end: LogPos,
}

/// What a transaction has in the binlog as a text, on its way through the pipeline.
#[derive(Debug)]
pub(super) enum Text {
    Ddl(Ddl),
    /// A data change of the server's own tables, in the schema `mysql`, which is not modelled.
    Own(String),
}

impl Text {
    /// The DDL statement, if it is one.
    pub(super) fn ddl(&self) -> Option<&sql::Statement> {
        match self {
            Self::Ddl(ddl) => Some(&ddl.statement),
            Self::Own(_) => None,
        }
    }
}

/// A DDL statement.
#[derive(Debug)]
pub(super) struct Ddl {
    session: QuerySession,
    schema: String,
    sql: String,
    statement: sql::Statement,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Idle,
    Flush,
    Sync,
    Commit,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) session: SessionId,
    /// Where it starts in the binlog.
    pub(super) start: LogPos,
    pub(super) done: Committed,
    pub(super) sequence: u64,
}

/// The commit queue and the group under way.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) queue: VecDeque<SessionId>,
    pub(super) group: Vec<Member>,
    pub(super) stage: Stage,
    /// When the stage ends, in µs; `u64::MAX` while no group is under way.
    ends_us: u64,
    groups_since_sync: u32,
    next_number: u64,
    /// Logical clock over all files; a file's own numbers count from `file_clock`.
    clock: u64,
    file_clock: u64,
    committed_clock: u64,
    rotate: bool,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            group: Vec::new(),
            stage: Stage::Idle,
            ends_us: u64::MAX,
            groups_since_sync: 0,
            next_number: 0,
            clock: 0,
            file_clock: 0,
            committed_clock: 0,
            rotate: false,
        }
    }
}

impl Pipeline {
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.stage == Stage::Idle && self.queue.is_empty()
    }

    /// When the group under way has something to do next, in µs; `u64::MAX` without one.
    #[inline]
    pub(super) fn due_us(&self) -> u64 {
        self.ends_us
    }

    fn enter(&mut self, stage: Stage, ends_us: u64) {
        (self.stage, self.ends_us) = (stage, ends_us);
    }

    /// How many of the group and of what came before it are in the binlog.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Forgets what is under way. Numbers go on: none is given twice.
    pub(super) fn crash(&mut self) {
        *self = Self {
            next_number: self.next_number,
            ..Self::default()
        };
    }
}

impl Server {
    /// COMMIT. A transaction that changed nothing is done at once.
    pub fn commit(&mut self, arena: &mut Arena, now: u64, id: SessionId) -> Reply {
        match self.sessions.get(id) {
            None => return Reply::NoRow,
            Some(session) if session.changes.is_empty() && session.text.is_none() => {
                self.release_locks(id);
                return Reply::Ok;
            }
            Some(_) => {}
        }
        match self.admit_commit(id) {
            Ok(()) => {}
            Err(Reply::Failed(error)) => {
                self.rollback(arena, id);
                return Reply::Failed(error);
            }
            Err(reply) => return reply,
        }
        self.stand_in_line(now, id);
        Reply::Committing
    }

    /// A session's transaction joins the commit queue.
    pub(super) fn stand_in_line(&mut self, now: u64, id: SessionId) {
        let clock = self.pipeline.committed_clock;
        let prepared = self.redo.write(now);
        if let Some(session) = self.sessions.get_mut(id) {
            session.state = State::Committing;
            session.prepared = prepared;
            session.last_committed = clock;
        }
        self.pipeline.queue.push_back(id);
        self.start_group(now);
    }

    /// What a DDL statement takes before [`Server::execute_ddl`] can carry it out: whoever calls that waits so long.
    pub fn ddl_effort(&self, schema: &str, text: &str) -> Effort {
        let context = Context::new(schema, self.config.ddl_version);
        sql::effort_of_text(&self.database, text, &context, self.config.version)
    }

    /// A DDL statement: it is its own transaction and commits at once. Its event has the time of its end: a real one has that
    /// of its start and, as `exec_time`, how long it took, whose sum the lag is computed from.
    ///
    /// # Errors
    /// What the server would answer; nothing is changed then.
    pub fn execute_ddl(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        schema: &str,
        text: &str,
    ) -> Result<Reply, DdlError> {
        self.execute_ddl_in(arena, now, id, QuerySession::default(), schema, text)
    }

    /// As [`Server::execute_ddl`], in a session that has set something.
    ///
    /// # Errors
    /// As there.
    pub fn execute_ddl_in(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        mut in_session: QuerySession,
        schema: &str,
        text: &str,
    ) -> Result<Reply, DdlError> {
        // Where a statement used the fraction of its start, the event says it: a replica must use the same.
        let start_us = self.config.epoch_us + now;
        let (second, fraction) = ((start_us / 1_000_000) as u32, (start_us % 1_000_000) as u32);
        in_session.microseconds = in_session.microseconds.map(|_| fraction);
        // What the statement means on the server that it is of; this one may be of a version with another default,
        // which its event would have instead.
        let utf8mb4 = self.config.ddl_version.utf8mb4_collation();
        in_session.utf8mb4_collation.get_or_insert(utf8mb4);
        let context = session_context(&in_session, schema, self.config.ddl_version, second);
        let statement = sql::parse(text, &context)?;
        sql::apply(&mut self.database.clone(), arena, &statement)?;
        if let Err(reply) = self.admit_write(arena, id, false) {
            return Ok(reply);
        }
        // CREATE, ALTER and DROP DATABASE have the schema that they are about (seen in 5.6.24 and 9.7.4's binlogs).
        let schema = statement.schema().map_or(schema, |name| name);
        let ddl = Ddl {
            session: in_session,
            schema: schema.to_string(),
            sql: text.to_string(),
            statement,
        };
        Ok(self.commit_text(arena, now, id, Text::Ddl(ddl)))
    }

    /// A data change of the server's own tables, in the schema `mysql`: a transaction of its own, which is in the binlog as
    /// a statement ([`crate::binlog::group::is_internal`]) and changes nothing that is modelled.
    pub fn execute_own(
        &mut self,
        arena: &mut Arena,
        now: u64,
        id: SessionId,
        sql: String,
    ) -> Reply {
        if let Err(reply) = self.admit_write(arena, id, false) {
            return reply;
        }
        self.commit_text(arena, now, id, Text::Own(sql))
    }

    fn commit_text(&mut self, arena: &mut Arena, now: u64, id: SessionId, text: Text) -> Reply {
        if let Some(session) = self.sessions.get_mut(id) {
            session.started_us = now;
            session.text = Some(Box::new(text));
        }
        let reply = self.commit(arena, now, id);
        self.statement_ends(id);
        reply
    }

    /// `FLUSH BINARY LOGS`: as soon as no group is under way.
    pub fn rotate_binlog(&mut self, now: u64) {
        self.pipeline.rotate = true;
        if self.pipeline.stage == Stage::Idle {
            self.rotate_if_due(now);
        }
    }

    /// The transaction of the group under way that ends there in the binlog: readers of the binlog may have
    /// it before the engine does.
    pub fn in_commit(&self, end: LogPos) -> Option<CommitNumber> {
        let group = self.pipeline.group.iter();
        group
            .map(|m| m.done)
            .find(|done| done.end == end)
            .map(|done| done.number)
    }

    pub(super) fn step_commits(&mut self, arena: &mut Arena, now: u64) {
        while self.pipeline.ends_us <= now {
            let at = self.pipeline.ends_us;
            match self.pipeline.stage {
                Stage::Flush => self.end_flush(arena, at),
                Stage::Sync => self.end_sync(at),
                Stage::Commit => self.end_commit(arena, at),
                Stage::Idle => return,
            }
        }
    }

    fn start_group(&mut self, now: u64) {
        if self.pipeline.stage == Stage::Idle && !self.pipeline.queue.is_empty() {
            let starts = now.max(self.full_until_us);
            let pipeline = &mut self.pipeline;
            pipeline.enter(Stage::Flush, starts + self.config.flush_us);
            pipeline.group.clear();
            let joins = |session| Member {
                session,
                start: LogPos::default(),
                done: Committed {
                    number: CommitNumber(0),
                    gno: 0,
                    end: LogPos::default(),
                },
                sequence: 0,
            };
            pipeline.group.extend(pipeline.queue.drain(..).map(joins));
        }
    }

    fn end_flush(&mut self, arena: &Arena, at: u64) {
        if self.binlog.is_some() {
            self.redo.flush(self.config.flush_log_at_commit);
        }
        let mut group = std::mem::take(&mut self.pipeline.group);
        for member in &mut group {
            self.flush_member(arena, at, member);
        }
        self.pipeline.group = group;
        let Some(binlog) = self.binlog.as_mut() else {
            // Without a binlog the group waits for the redo log alone.
            let synced = at + self.config.fsync_us;
            self.pipeline.enter(Stage::Sync, synced);
            return;
        };
        let every = self.config.sync_binlog;
        self.pipeline.groups_since_sync += 1;
        if every != 1 || self.config.mutants.has(Mutant::PublishBeforeSync) {
            binlog.publish();
            self.events.push(Event::Published);
        }
        if every != 0 && self.pipeline.groups_since_sync >= every {
            self.pipeline.groups_since_sync = 0;
            self.pipeline.enter(Stage::Sync, at + self.config.fsync_us);
        } else {
            self.commits_in_engine(at);
        }
    }

    fn flush_member(&mut self, arena: &Arena, at: u64, member: &mut Member) {
        let number = CommitNumber(self.pipeline.next_number);
        self.pipeline.next_number += 1;
        self.pipeline.clock += 1;
        member.sequence = self.pipeline.clock;
        let gno = if self.config.gtid_mode {
            self.next_gno += 1;
            self.next_gno - 1
        } else {
            0
        };
        member.done = Committed {
            number,
            gno,
            end: LogPos::default(),
        };
        let Some(session) = self.sessions.get(member.session) else {
            return;
        };
        let Some(binlog) = self.binlog.as_mut() else {
            return;
        };
        let us = self.config.epoch_us + at;
        let depends_on = match self.config.mutants.has(Mutant::DependencyLost) {
            true => 0,
            false => session.last_committed,
        };
        let head = Head {
            gtid: (gno > 0).then(|| Gtid::new(self.config.uuid, gno)),
            last_committed: depends_on.saturating_sub(self.pipeline.file_clock),
            sequence_number: member.sequence - self.pipeline.file_clock,
            immediate_commit_us: us,
            original_commit_us: us,
            timestamp_s: ((self.config.epoch_us + session.started_us) / 1_000_000) as u32,
            origin_server_id: None,
            thread_id: session.serial,
            default_schema: "",
            xid: number.0 + 1,
        };
        let logs_prepared = self.config.version.logs_prepared();
        let written = match (session.text.as_deref(), &session.xa) {
            (Some(Text::Ddl(ddl)), _) => binlog.append(us, head.gtid, |writer, out, pos| {
                writer.ddl(out, pos, &head, &ddl.session, &ddl.schema, &ddl.sql)
            }),
            (Some(Text::Own(sql)), _) => binlog.append(us, head.gtid, |writer, out, pos| {
                writer.statement_transaction(out, pos, &head, "mysql", sql)
            }),
            (None, Xa::Deciding(xid, _)) if logs_prepared => {
                let statement = format!("XA COMMIT {xid}");
                binlog.append(us, head.gtid, |writer, out, pos| {
                    writer.xa_decide(out, pos, &head, &statement)
                })
            }
            (None, xa) => {
                let database = &self.database;
                for logged in &session.changes {
                    self.templates
                        .renew(database, binlog.writer(), logged.change.table);
                }
                let templates = &self.templates;
                let logged = session.changes.iter().filter(|l| l.logged);
                // Filled where it is: collecting would move it, with all its room.
                let mut rows = RowWrites::new();
                rows.extend(logged.filter_map(|l| {
                    Some(RowWrite {
                        template: templates.of(l.change.table)?,
                        columns: &database.table(l.change.table)?.def().columns,
                        before: l.change.before.map(|r| arena.row(r)),
                        after: l.change.after.map(|r| arena.row(r)),
                        flags: l.flags,
                        new_statement: l.new_statement,
                    })
                }));
                binlog.append(us, head.gtid, |writer, out, pos| match xa {
                    Xa::Preparing(xid) => writer.xa_prepare(out, pos, &head, &rows, xid),
                    _ => writer.transaction(out, pos, &head, &rows),
                })
            }
        };
        member.start = written.start;
        member.done.end = written.end;
    }

    fn end_sync(&mut self, at: u64) {
        if let Some(binlog) = self.binlog.as_mut() {
            binlog.sync();
            if self.config.sync_binlog == 1 {
                binlog.publish();
                self.events.push(Event::Published);
            }
        } else {
            self.flush_without_binlog(at);
        }
        self.commits_in_engine(at);
    }

    /// The engine's stage of the group begins.
    fn commits_in_engine(&mut self, at: u64) {
        let ends = at + self.config.engine_commit_us;
        self.pipeline.enter(Stage::Commit, ends);
    }

    fn end_commit(&mut self, arena: &mut Arena, at: u64) {
        let mut group = std::mem::take(&mut self.pipeline.group);
        for member in group.drain(..) {
            self.pipeline.committed_clock = member.sequence;
            if member.done.gno > 0 {
                self.gtid_executed
                    .add(Gtid::new(self.config.uuid, member.done.gno));
            }
            self.finish_member(arena, at, &member);
        }
        self.pipeline.group = group;
        self.pipeline.enter(Stage::Idle, u64::MAX);
        self.rotate_if_due(at);
        self.start_group(at);
    }

    fn finish_member(&mut self, arena: &mut Arena, at: u64, member: &Member) {
        let id = member.session;
        self.engine_commit(at, member);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let hears = match std::mem::take(&mut session.xa) {
            Xa::Preparing(xid) => {
                self.detach(id, xid);
                self.events.push(Event::Prepared(id, member.done));
                return;
            }
            Xa::Deciding(_, by) => by,
            _ => id,
        };
        if let Some(journal) = self.journal.as_mut() {
            let end = member.done.end;
            let own = session.changes.iter().map(|l| Own::Row(l.change));
            journal.extend(own.map(|own| Journaled { own, end }));
        }
        session.changes.clear();
        session.state = State::Active;
        let (gone, text) = (session.gone, session.text.take());
        let by = session.changes_events_as();
        if let Some(Text::Ddl(ddl)) = text.map(|text| *text) {
            // It was checked against this very catalogue before it was queued.
            let _ = sql::apply_by(&mut self.database, arena, &ddl.statement, by);
            if let Some(journal) = self.journal.as_mut() {
                journal.push(Journaled {
                    own: Own::Statement(ddl.statement),
                    end: member.done.end,
                });
            }
        }
        self.release_locks(id);
        if gone {
            self.sessions.close(id);
        }
        self.events.push(Event::Committed(hears, member.done));
    }

    fn rotate_if_due(&mut self, now: u64) {
        let Some(binlog) = self.binlog.as_mut() else {
            return;
        };
        if self.pipeline.rotate || binlog.end().pos >= self.config.max_binlog_size {
            self.pipeline.rotate = false;
            self.redo.sync();
            self.pipeline.file_clock = self.pipeline.clock;
            binlog.rotate(self.config.epoch_us + now);
            self.events.push(Event::Published);
        }
    }
}

/// The TABLE_MAPs of tables, by the declarations that they were made of.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<Option<(Arc<TableDef>, TableTemplate)>>);

impl Templates {
    /// Makes a table's TABLE_MAP anew when its declaration has changed.
    pub(super) fn renew(&mut self, database: &Database, writer: &Writer, id: TableId) {
        let index = id.0 as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        let Some(table) = database.table(id) else {
            return;
        };
        if !self.0[index]
            .as_ref()
            .is_some_and(|(def, _)| Arc::ptr_eq(def, table.def()))
        {
            let template =
                TableTemplate::new(writer, u64::from(id.0) + FIRST_TABLE_ID, table.def());
            self.0[index] = Some((Arc::clone(table.def()), template));
        }
    }

    pub(super) fn of(&self, id: TableId) -> Option<&TableTemplate> {
        self.0
            .get(id.0 as usize)?
            .as_ref()
            .map(|(_, template)| template)
    }
}

/// A server numbers its own tables first.
const FIRST_TABLE_ID: u64 = 90;

impl Server {
    /// The logical clock of a replicated transaction: one after the other.
    pub(super) fn replicated_number(&mut self) -> (u64, u64) {
        self.pipeline.clock += 1;
        self.pipeline.committed_clock = self.pipeline.clock;
        let sequence = self.pipeline.clock - self.pipeline.file_clock;
        (sequence - 1, sequence)
    }
}
