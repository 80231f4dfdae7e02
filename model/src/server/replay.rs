//! A session that replays a recorded transaction: its rows go through locks, constraints and commit like
//! any client's.

use super::{Manner, Reply, Server, SessionId};
use crate::{
    apply::{ApplyErrorKind, DdlEvent, RowWork, Sink, is_declared, table_of},
    arena::Arena,
    binlog::decode::TableMap,
    database::{SqlError, TableId},
    row::ImageBuilder,
    schema::TableDef,
};
use std::sync::Arc;

/// A sink that writes as a session of a server.
#[derive(Debug)]
pub struct Replaying<'a> {
    server: &'a mut Server,
    session: SessionId,
    now: u64,
    /// Rows that were written before the session had to wait.
    done: usize,
    at: usize,
    builder: ImageBuilder,
}

impl<'a> Replaying<'a> {
    /// Goes on after `done` rows.
    pub fn new(server: &'a mut Server, session: SessionId, now: u64, done: usize) -> Self {
        Self {
            server,
            session,
            now,
            done,
            at: 0,
            builder: ImageBuilder::default(),
        }
    }

    /// How many rows are written.
    pub fn done(&self) -> usize {
        self.done
    }

    fn write(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<Reply, ApplyErrorKind> {
        let columns = &work.def.columns;
        let manner = Manner {
            new_statement: work.new_statement,
            foreign_keys: work.foreign_keys(),
            flags: Some(work.flags),
        };
        let Self {
            server,
            session,
            now,
            builder,
            ..
        } = self;
        let (now, session, table) = (*now, *session, work.table);
        let Some(before) = &work.before else {
            let Some(after) = &work.after else {
                return Ok(Reply::Ok);
            };
            after.merge_over(columns, None, builder)?;
            return Ok(server.insert(arena, now, session, table, builder.image(), manner));
        };
        let key = server.database.find(arena, table, before)?;
        match &work.after {
            None => Ok(server.delete(arena, now, session, table, key, manner)),
            Some(after) => {
                match server.lock_row_within(arena, now, session, table, key, !manner.new_statement)
                {
                    Ok(locked) => {
                        after.merge_over(columns, Some(arena.row(locked.row)), builder)?;
                        Ok(server.update_locked(
                            arena,
                            now,
                            session,
                            locked,
                            builder.image(),
                            manner,
                        ))
                    }
                    Err(reply) => {
                        server.ended(session, &reply);
                        Ok(reply)
                    }
                }
            }
        }
    }
}

impl Sink for Replaying<'_> {
    fn table(
        &mut self,
        _: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        table_of(&self.server.database, map)
    }

    fn is_declared(&self, table: TableId, def: &Arc<TableDef>) -> bool {
        is_declared(&self.server.database, table, def)
    }

    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        self.at += 1;
        if self.at <= self.done {
            return Ok(());
        }
        match self.write(arena, work)? {
            Reply::Ok | Reply::Committing => {
                self.done = self.at;
                Ok(())
            }
            Reply::NoRow => Err(SqlError::NotFound {
                table: work.def.name.to_string(),
            }
            .into()),
            Reply::Waiting => Err(ApplyErrorKind::Waiting),
            Reply::Failed(error) => Err(ApplyErrorKind::Refused(error)),
        }
    }

    /// A recording has DDL as transactions of their own ([`Server::execute_ddl`]); the CREATE TABLE in front of
    /// a CREATE … SELECT's rows has been executed before them.
    fn ddl(&mut self, _: &mut Arena, _: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        Ok(())
    }

    /// A recording has an XA transaction where it was decided, as an ordinary one.
    fn xa_prepared(&mut self, _: &str) {}

    fn xa_decided(&mut self, _: &mut Arena, _: &str, _: bool) -> Result<(), ApplyErrorKind> {
        Ok(())
    }
}
