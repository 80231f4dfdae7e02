//! Applying a transaction of a binlog to tables: what a replica's applier does, whatever the binlog is
//! from (the modelled source, or files of a real server).
//!
//! The rows of a group are handed to a [`Sink`] one by one, in the columns of the table as it is declared
//! *there*; three sinks exist: [`Direct`] changes a [`Database`] as an applier thread does, [`Client`] as a tool does
//! that sends statements and has a policy for each error, and a client session of a modelled server replays a recording
//! through locks and commit.
//!
//! Facts (sql/log_event.cc, `Rows_log_event`): a row is found by the primary key when the before image
//! has it, else by a unique key without NULLs, else by the columns that the image has; other columns are
//! not compared. Columns that an image lacks keep their value, or take the default in an INSERT. With
//! `NO_FOREIGN_KEY_CHECKS` nothing is checked and nothing cascades: such are the children's changes that the
//! binlog has. With `USE_SQL_FOREIGN_KEY` alone a server checks and cascades above the engine, to rows that the
//! source did not have too (measured on 9.7.4): it makes no difference here.
//!
//! Statements on the server's own tables are not applied ([`is_internal`]). Nor does Aurora apply them: "direct changes
//! to mysql tables on the source cluster aren't replicated" (Aurora user guide, AuroraMySQL.Compare-80-v3).

mod client;
mod ddl_event;
mod direct;
mod error;
pub mod filter;
mod mapping;
mod on_rows;
mod reading;
mod undone;

pub use client::{Client, ClientOn, Conflict, Manners, Written, rows_of};
pub use ddl_event::{DdlEvent, session_context};
pub use direct::{Direct, DirectOn, Mode, table_of};
pub use error::{ApplyError, ApplyErrorKind};
pub use on_rows::OnRows;
pub use reading::is_declared;

use crate::{
    arena::Arena,
    binlog::{
        decode::{Query, RowsEvent, RowsKind, TableMap, rows_flag},
        event::EventType,
        group::{Group, GroupKind, is_internal},
    },
    database::TableId,
    row::Partial,
    schema::TableDef,
    table::RowKey,
};
use filter::{Filter, Rules};
use mapping::Mappings;
pub(crate) use reading::Reading;
use std::sync::Arc;

/// One row to change, in the columns of the table that it is for.
#[derive(Clone, Debug)]
pub struct RowWork<'a> {
    /// The table.
    pub table: TableId,
    /// Its declaration.
    pub def: &'a Arc<TableDef>,
    /// Before image; none for INSERT.
    pub before: Option<Partial<'a>>,
    /// After image; none for DELETE.
    pub after: Option<Partial<'a>>,
    /// The row that the before image names, where that has been worked out; whether there is such a row has not.
    pub key: Option<RowKey>,
    /// Flags of the ROWS event.
    pub flags: u16,
    /// The first row of its statement.
    pub new_statement: bool,
}

impl RowWork<'_> {
    /// Whether foreign keys are to be checked and to cascade.
    pub fn foreign_keys(&self) -> bool {
        self.flags & rows_flag::NO_FOREIGN_KEY_CHECKS == 0
    }
}

/// Where rows and statements go.
pub trait Sink {
    /// The table that a TABLE_MAP speaks of.
    ///
    /// # Errors
    /// 1146: there is none.
    fn table(
        &mut self,
        arena: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind>;

    /// Whether what [`Sink::table`] said of a table still holds.
    fn is_declared(&self, table: TableId, def: &Arc<TableDef>) -> bool;

    /// Changes one row.
    ///
    /// # Errors
    /// What stops an applier: 1062, 1032, 1452, …
    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind>;

    /// Executes a DDL statement.
    ///
    /// # Errors
    /// What the server would answer, or what cannot be followed.
    fn ddl(&mut self, arena: &mut Arena, event: &DdlEvent<'_>) -> Result<(), ApplyErrorKind>;

    /// The changes since the last commit are held until [`Sink::xa_decided`] with this id.
    fn xa_prepared(&mut self, xid: &str);

    /// Commits or rolls back what was prepared.
    ///
    /// # Errors
    /// It commits what was never prepared here (1397).
    fn xa_decided(
        &mut self,
        arena: &mut Arena,
        xid: &str,
        commit: bool,
    ) -> Result<(), ApplyErrorKind>;
}

/// Walks through groups and hands their rows to a sink.
#[derive(Debug, Default)]
pub struct Walker {
    mappings: Mappings,
}

impl Walker {
    /// One that leaves out what the rules of a channel say.
    pub(crate) fn filtered(rules: Arc<Rules>) -> Self {
        Self {
            mappings: Mappings::filtered(Filter::new(rules)),
        }
    }

    /// The statement of a group, where the rules leave it out.
    pub(crate) fn left_out_statement(&self, group: &Group<'_>) -> Option<String> {
        let query = group.statement()?;
        let event = DdlEvent {
            query: &query,
            timestamp_s: group.timestamp_s,
        };
        let takes = self.mappings.filter.takes_statement(&event);
        (!takes).then(|| event.sql())
    }

    /// Hands a group to a sink, row by row. Stops at the first error; undoing what was done of the
    /// group is the sink's affair.
    ///
    /// # Errors
    /// [`ApplyError`] with the position of the event.
    pub fn walk(
        &mut self,
        arena: &mut Arena,
        sink: &mut dyn Sink,
        group: &Group<'_>,
    ) -> Result<(), ApplyError> {
        let fail = |pos, kind| Err(ApplyError { pos, kind });
        match group.kind {
            GroupKind::Statement { pos } => {
                let statement = group
                    .statement()
                    .map(|q| q.text().into_owned())
                    .unwrap_or_default();
                fail(pos, ApplyErrorKind::StatementFormat { statement })
            }
            GroupKind::Incident { pos } => fail(pos, ApplyErrorKind::Incident),
            GroupKind::Unsupported { pos, event_type } => {
                fail(pos, ApplyErrorKind::Unsupported(event_type))
            }
            // RDS's heartbeat, which no replica's tables need.
            GroupKind::Internal => Ok(()),
            GroupKind::Empty
            | GroupKind::Rows
            | GroupKind::XaPrepared
            | GroupKind::Ddl
            | GroupKind::XaDecided => self.events(arena, sink, group),
        }
    }

    fn events(
        &mut self,
        arena: &mut Arena,
        sink: &mut dyn Sink,
        group: &Group<'_>,
    ) -> Result<(), ApplyError> {
        let mut new_statement = true;
        let mut xid = String::new();
        let undone = undone::ranges(group);
        for (index, frame) in group.events().enumerate() {
            let at = |kind| ApplyError {
                pos: frame.pos,
                kind,
            };
            let event_type = frame.header.event_type;
            if event_type == EventType::TABLE_MAP {
                self.mappings.learn(arena, sink, frame.body).map_err(at)?;
            } else if event_type.is_rows() {
                let event = RowsEvent::decode(event_type, frame.body).map_err(|e| at(e.into()))?;
                let undone = undone.iter().any(|range| range.contains(&index));
                // The TABLE_MAP was before the place where reading began: a server passes its rows over.
                if group.is_rest && self.mappings.get(event.table_id).is_none() {
                    continue;
                }
                self.rows(arena, sink, &event, undone, &mut new_statement)
                    .map_err(at)?;
                if event.ends_statement() {
                    new_statement = true;
                }
            } else if event_type == EventType::QUERY {
                let query = Query::decode(frame.body).map_err(|e| at(e.into()))?;
                if query.is("BEGIN") || is_internal(&query) {
                    continue;
                }
                if let Some(id) = xa_id(&query.text(), "START") {
                    xid = id;
                }
                let event = DdlEvent {
                    query: &query,
                    timestamp_s: frame.header.timestamp_s,
                };
                if self.mappings.filter.takes_statement(&event) {
                    Self::query(arena, sink, &event).map_err(at)?;
                }
            }
        }
        if group.kind == GroupKind::XaPrepared {
            sink.xa_prepared(&xid);
        }
        Ok(())
    }

    fn query(
        arena: &mut Arena,
        sink: &mut dyn Sink,
        event: &DdlEvent<'_>,
    ) -> Result<(), ApplyErrorKind> {
        let query = event.query;
        const CONTROL: [&str; 7] = [
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT",
            "RELEASE",
            "XA START",
            "XA END",
            "XA PREPARE",
        ];
        let control = CONTROL.iter().any(|words| {
            let words: Vec<&str> = words.split(' ').collect();
            query.starts_with(&words)
        });
        for (verb, commit) in [("COMMIT", true), ("ROLLBACK", false)] {
            if let Some(id) = xa_id(&query.text(), verb) {
                return sink.xa_decided(arena, &id, commit);
            }
        }
        if control {
            return Ok(());
        }
        match sink.ddl(arena, event) {
            // It failed in the same way where it ran first, having done a part of its work (before 8.0).
            Err(error) if query.error_code != 0 && error.code() == Some(query.error_code) => Ok(()),
            other => other,
        }
    }

    fn rows(
        &mut self,
        arena: &mut Arena,
        sink: &mut dyn Sink,
        event: &RowsEvent<'_>,
        undone: bool,
        new_statement: &mut bool,
    ) -> Result<(), ApplyErrorKind> {
        if self.mappings.filter.leaves_out(event.table_id).is_some() {
            return Ok(());
        }
        let Some(mapping) = self.mappings.get(event.table_id) else {
            // The dummy event that ends a statement without rows refers to no table.
            return if event.rows.is_empty() {
                Ok(())
            } else {
                Err(ApplyErrorKind::NoTableMap {
                    table_id: event.table_id,
                })
            };
        };
        if undone && undone::is_transactional(&mapping.def.engine) {
            return Ok(());
        }
        mapping.each(event, |before, after| {
            let work = RowWork {
                table: mapping.table,
                def: &mapping.def,
                before,
                after,
                key: None,
                flags: event.flags & !rows_flag::STMT_END,
                new_statement: std::mem::take(new_statement),
            };
            debug_assert!(work.after.is_some() || event.kind == RowsKind::Delete);
            sink.row(arena, &work)
        })
    }
}

/// The id in `XA <verb> <id>`, as the binlog writes it: `X'..',X'..',1`; `None` for any other statement.
pub fn xa_id(sql: &str, verb: &str) -> Option<String> {
    let mut words = sql.trim_start().splitn(3, char::is_whitespace);
    let xa = words.next()?.eq_ignore_ascii_case("XA") && words.next()?.eq_ignore_ascii_case(verb);
    let id = words.next()?.trim();
    xa.then(|| {
        id.strip_suffix("ONE PHASE")
            .unwrap_or(id)
            .trim()
            .to_string()
    })
}
