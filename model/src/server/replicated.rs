//! Transactions that arrive by replication: applied as a replica thread does, past `read_only`, with the
//! GTID that they have.

use super::{Prepared, Server};
use crate::{
    apply::{ApplyError, Direct, DirectOn, session_context, xa_id},
    arena::Arena,
    binlog::{
        QuerySession,
        decode::Query,
        encode::{Head, RowWrite, RowWrites},
        event::Header as EventHeader,
        group::{Group, GroupKind, Plain},
    },
    database::Change,
    ddl::{Effort, effort_of_text},
    gtid::Gtid,
    mutant::Mutant,
};
use std::collections::BTreeMap;

/// What a replica's own binlog keeps of a group, besides its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heading {
    /// Its GTID.
    pub gtid: Option<Gtid>,
    /// When its first statement started, in seconds since 1970.
    pub timestamp_s: u32,
    original_commit_us: Option<u64>,
    /// `server_id` of the server where it was committed first.
    server_id: u32,
    /// What else than rows there is to say. Most groups have nothing, so they do not carry the room.
    statement: Option<Box<Statement>>,
}

/// What a group says beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Statement {
    /// Session, default schema and text of a DDL statement.
    Ddl(QuerySession, String, String),
    /// It prepares the XA transaction of this id.
    XaPrepare(String),
    /// It decides the XA transaction of this id, with this text.
    XaDecide(String, String),
}

impl Statement {
    fn of(group: &Group<'_>) -> Option<Self> {
        match group.kind {
            GroupKind::Ddl => group.statement().map(|q| {
                let schema = String::from_utf8_lossy(q.schema).into_owned();
                Self::Ddl(QuerySession::of(&q), schema, q.text().into_owned())
            }),
            GroupKind::XaPrepared => {
                let queries = group.events().filter_map(|f| Query::decode(f.body).ok());
                let mut ids = queries.filter_map(|q| xa_id(&q.text(), "START"));
                ids.next().map(Self::XaPrepare)
            }
            GroupKind::XaDecided => {
                let text = group.statement()?.text().into_owned();
                let id = xa_id(&text, "COMMIT").or_else(|| xa_id(&text, "ROLLBACK"))?;
                Some(Self::XaDecide(id, text))
            }
            _ => None,
        }
    }
}

impl Heading {
    /// Becomes that of a plain group, where it is: it goes to a worker and comes back for every group.
    #[inline]
    pub(crate) fn be_of(&mut self, plain: &Plain) {
        self.gtid = plain.gtid.gtid;
        self.timestamp_s = plain.timestamp_s;
        self.original_commit_us = Some(plain.gtid.original_commit_us);
        self.server_id = plain.server_id;
        self.statement = None;
    }

    /// Of a statement that is left out: there is its GTID, and nothing to say.
    pub(crate) fn leave_out_statement(&mut self) {
        self.statement = None;
    }

    /// Of a group that has been read.
    pub(crate) fn of(group: &Group<'_>) -> Self {
        let event = group.gtid.as_ref();
        Self {
            gtid: event.and_then(|g| g.gtid),
            timestamp_s: group.timestamp_s,
            original_commit_us: event.and_then(|g| g.original_commit_us),
            server_id: EventHeader::decode(group.bytes).map_or(0, |h| h.server_id),
            statement: Statement::of(group).map(Box::new),
        }
    }
}

impl Server {
    /// What carrying out the statement of a group takes, as the tables are now; nothing where it is passed over.
    pub(crate) fn effort_of_group(&self, heading: &Heading) -> Effort {
        match heading.statement.as_deref() {
            Some(Statement::Ddl(session, schema, text)) if !self.passes_over(heading) => {
                let version = self.config.ddl_version;
                let context = session_context(session, schema, version, heading.timestamp_s);
                effort_of_text(&self.database, text, &context, self.config.version)
            }
            _ => Effort::NONE,
        }
    }

    /// Whether a group is skipped: its GTID is there already, or it was committed here and comes back.
    fn passes_over(&self, heading: &Heading) -> bool {
        let is_known = |g: &Gtid| self.gtid_executed.contains(g);
        heading.gtid.as_ref().is_some_and(is_known) || self.server_id() == Some(heading.server_id)
    }

    /// A tool has committed these changes at `at`: the server's own binlog has them, with a GTID of its own.
    pub fn log_written(&mut self, arena: &Arena, at: u64, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let gtid = (self.config.gtid_mode && self.binlog.is_some()).then(|| {
            self.next_gno += 1;
            Gtid::new(self.config.uuid, self.next_gno - 1)
        });
        if let Some(gtid) = gtid {
            self.gtid_executed.add(gtid);
        }
        let heading = Heading {
            gtid,
            timestamp_s: ((self.config.epoch_us + at) / 1_000_000) as u32,
            original_commit_us: None,
            server_id: self.server_id().unwrap_or_default(),
            statement: None,
        };
        self.log_changes(arena, at, changes, &heading);
    }

    /// A GTID of another server counts as committed, with nothing behind it: a replica passes over what has it. That is an empty
    /// transaction with this GTID, outside of the server's own binlog.
    pub fn pass_over(&mut self, gtid: Gtid) {
        self.gtid_executed.add(gtid);
    }

    /// Applies and commits one group at `at`; what it changed is left in `direct`. A transaction whose GTID
    /// is in `gtid_executed` already is skipped silently, as servers do, and so is one that was committed here and comes
    /// back (`replicate_same_server_id = OFF`, `queue_event` in sql/rpl_replica.cc): false then.
    ///
    /// # Errors
    /// What stops the applier, as `apply` tells it; the group is rolled back.
    pub fn apply_replicated(
        &mut self,
        arena: &mut Arena,
        at: u64,
        direct: &mut Direct,
        heading: &Heading,
        apply: impl FnOnce(&mut Arena, &mut DirectOn<'_>) -> Result<(), ApplyError>,
    ) -> Result<bool, ApplyError> {
        direct.changes.clear();
        if self.passes_over(heading) {
            return Ok(false);
        }
        let version = self.config.ddl_version;
        if let Some(Statement::XaDecide(xid, _)) = heading.statement.as_deref()
            && let Some(changes) = self.hand_out(xid)
        {
            direct.hold(xid, changes);
        }
        if let Err(error) = apply(arena, &mut direct.on(&mut self.database, version)) {
            direct.roll_back(arena, &mut self.database);
            self.hold_prepared(arena, direct.take_prepared());
            return Err(error);
        }
        if let Some(gtid) = heading.gtid {
            self.gtid_executed.add(gtid);
        }
        if self.config.mutants.has(Mutant::ErrantGtids) {
            self.gtid_executed
                .add(Gtid::new(self.config.uuid, self.next_gno));
            self.next_gno += 1;
        }
        if direct.prepared().next().is_none() {
            self.log_changes(arena, at, &direct.changes, heading);
            return Ok(true);
        }
        let prepared = direct.take_prepared();
        if let Some(changes) = prepared.values().next() {
            self.log_changes(arena, at, changes, heading);
        }
        self.hold_prepared(arena, prepared);
        Ok(true)
    }

    /// `server_id`, of a server that writes a binlog.
    fn server_id(&self) -> Option<u32> {
        let binlog = self.binlog.as_ref()?;
        Some(binlog.writer().options().server_id)
    }

    /// What a group has prepared waits for its decision on the server, not at the applier: it survives the applier.
    fn hold_prepared(&mut self, arena: &mut Arena, prepared: BTreeMap<String, Vec<Change>>) {
        for (xid, changes) in prepared {
            let xid = xid.into();
            self.adopt(arena, Prepared { xid, changes });
        }
    }

    /// `log_replica_updates = ON`: the replica's own binlog has the transaction too, with its GTID.
    fn log_changes(&mut self, arena: &Arena, at: u64, changes: &[Change], heading: &Heading) {
        let number = self.replicated_number();
        let Some(binlog) = self.binlog.as_mut() else {
            return;
        };
        let us = self.config.epoch_us + at;
        let head = Head {
            gtid: heading.gtid,
            last_committed: number.0,
            sequence_number: number.1,
            immediate_commit_us: us,
            original_commit_us: heading.original_commit_us.unwrap_or(us),
            timestamp_s: heading.timestamp_s,
            origin_server_id: Some(heading.server_id),
            thread_id: 0,
            default_schema: "",
            xid: number.1,
        };
        match heading.statement.as_deref() {
            Some(Statement::Ddl(session, schema, sql)) => {
                binlog.append(us, head.gtid, |writer, out, pos| {
                    writer.ddl(out, pos, &head, session, schema, sql)
                });
            }
            Some(Statement::XaDecide(_, text)) => {
                binlog.append(us, head.gtid, |writer, out, pos| {
                    writer.xa_decide(out, pos, &head, text)
                });
            }
            rows_of => {
                let database = &self.database;
                for change in changes {
                    self.templates
                        .renew(database, binlog.writer(), change.table);
                }
                let templates = &self.templates;
                let changes = changes.iter().enumerate();
                let rows = changes.filter_map(|(i, change)| {
                    Some(RowWrite {
                        template: templates.of(change.table)?,
                        columns: &database.table(change.table)?.def().columns,
                        before: change.before.map(|r| arena.row(r)),
                        after: change.after.map(|r| arena.row(r)),
                        flags: 0,
                        new_statement: i == 0,
                    })
                });
                let rows: RowWrites<'_> = rows.collect();
                binlog.append(us, head.gtid, |writer, out, pos| match rows_of {
                    Some(Statement::XaPrepare(xid)) => {
                        writer.xa_prepare(out, pos, &head, &rows, xid)
                    }
                    _ => writer.transaction(out, pos, &head, &rows),
                });
            }
        }
        binlog.sync();
        binlog.publish();
    }
}
