//! Changes tables as an applier thread does: no locks, no sessions.

use super::{ApplyErrorKind, DdlEvent, RowWork, Sink, is_declared};
use crate::{
    arena::Arena,
    binlog::decode::TableMap,
    database::{Change, Checks, Database, SqlError, TableId},
    ddl,
    mutant::{Mutant, Mutants},
    row::ImageBuilder,
    schema::TableDef,
    table::Table,
};
use std::{collections::BTreeMap, sync::Arc};

/// `replica_exec_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// 1062 and 1032 stop the applier.
    #[default]
    Strict,
    /// An INSERT overwrites, an UPDATE or DELETE of a missing row is passed over.
    Idempotent,
}

/// The table of a database that a TABLE_MAP speaks of.
///
/// # Errors
/// 1146.
pub fn table_of(
    database: &Database,
    map: &TableMap<'_>,
) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
    let (schema, name) = (
        String::from_utf8_lossy(map.schema),
        String::from_utf8_lossy(map.table),
    );
    let id = database.id(&schema, &name);
    id.and_then(|id| Some((id, Arc::clone(database.table(id)?.def()))))
        .ok_or_else(|| ApplyErrorKind::NoTable(map.full_name()))
}

/// An applier's access to tables, and what it has changed since the last commit.
#[derive(Debug, Default)]
pub struct Direct {
    /// See [`Mode`].
    pub mode: Mode,
    /// The changes of the group, for undo and for whoever watches.
    pub changes: Vec<Change>,
    mutants: Mutants,
    prepared: BTreeMap<String, Vec<Change>>,
    builder: ImageBuilder,
}

/// [`Direct`] in front of a database.
#[derive(Debug)]
pub struct DirectOn<'a> {
    direct: &'a mut Direct,
    database: &'a mut Database,
    version: ddl::Version,
}

impl Direct {
    /// In this mode, with no change made, and with known bugs.
    pub fn new(mode: Mode, mutants: Mutants) -> Self {
        Self {
            mode: match mutants.has(Mutant::ApplierIdempotent) {
                true => Mode::Idempotent,
                false => mode,
            },
            mutants,
            ..Self::default()
        }
    }

    /// A sink for one group.
    ///
    /// `version`: whose defaults DDL is read with.
    pub fn on<'a>(&'a mut self, database: &'a mut Database, version: ddl::Version) -> DirectOn<'a> {
        DirectOn {
            direct: self,
            database,
            version,
        }
    }

    /// Undoes the changes since the last commit.
    pub fn roll_back(&mut self, arena: &mut Arena, database: &mut Database) {
        for change in self.changes.drain(..).rev() {
            database.undo(arena, &change);
        }
    }

    /// The XA transactions that are prepared and not decided.
    pub fn prepared(&self) -> impl Iterator<Item = &str> {
        self.prepared.keys().map(String::as_str)
    }

    /// Takes an XA transaction that was prepared before, so that the group that comes can decide it.
    pub(crate) fn hold(&mut self, xid: &str, changes: Vec<Change>) {
        self.prepared.insert(xid.to_string(), changes);
    }

    /// Gives what is prepared and not decided away, by id.
    pub(crate) fn take_prepared(&mut self) -> BTreeMap<String, Vec<Change>> {
        std::mem::take(&mut self.prepared)
    }

    /// Undoes what was prepared and never decided: readers do not see it.
    pub fn undo_prepared(&mut self, arena: &mut Arena, database: &mut Database) {
        for (_, changes) in std::mem::take(&mut self.prepared) {
            changes
                .iter()
                .rev()
                .for_each(|change| database.undo(arena, change));
        }
    }
}

impl DirectOn<'_> {
    fn find(
        &mut self,
        arena: &mut Arena,
        work: &RowWork<'_>,
    ) -> Result<Option<crate::table::RowKey>, ApplyErrorKind> {
        let Some(before) = &work.before else {
            return Ok(None);
        };
        if work.key.is_some() && self.direct.mode == Mode::Strict {
            return Ok(work.key);
        }
        match self.database.find(arena, work.table, before) {
            Ok(key) => Ok(Some(key)),
            Err(SqlError::NotFound { .. }) if self.direct.mode == Mode::Idempotent => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn insert(
        &mut self,
        arena: &mut Arena,
        work: &RowWork<'_>,
        checks: Checks,
        from: usize,
    ) -> Result<(), ApplyErrorKind> {
        let Some(after) = &work.after else {
            return Ok(());
        };
        let columns = &work.def.columns;
        let image = if after.is_full(columns.len()) {
            after.image
        } else {
            after.merge_over(columns, None, &mut self.direct.builder)?;
            self.direct.builder.image()
        };
        let changes = &mut self.direct.changes;
        match self
            .database
            .plan_insert(arena, work.table, image, checks, changes)
        {
            Err(SqlError::Duplicate { existing, .. }) if self.direct.mode == Mode::Idempotent => {
                changes.truncate(from);
                Ok(self
                    .database
                    .plan_update(arena, work.table, existing, image, checks, changes)?)
            }
            other => Ok(other?),
        }
    }
}

impl Sink for DirectOn<'_> {
    fn table(
        &mut self,
        _: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        table_of(self.database, map)
    }

    fn is_declared(&self, table: TableId, def: &Arc<TableDef>) -> bool {
        is_declared(self.database, table, def)
    }

    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        let checks = Checks {
            foreign_keys: work.foreign_keys()
                && !self.direct.mutants.has(Mutant::ForeignKeysIgnored),
            unique: true,
        };
        let from = self.direct.changes.len();
        match (&work.before, &work.after) {
            (None, _) => self.insert(arena, work, checks, from)?,
            (Some(_), Some(after)) => {
                let Some(key) = self.find(arena, work)? else {
                    return Ok(());
                };
                let columns = &work.def.columns;
                let image = if after.is_full(columns.len()) {
                    after.image
                } else {
                    let old = self.database.get(arena, work.table, key);
                    after.merge_over(
                        columns,
                        old.map(|r| arena.row(r)),
                        &mut self.direct.builder,
                    )?;
                    self.direct.builder.image()
                };
                self.database.plan_update(
                    arena,
                    work.table,
                    key,
                    image,
                    checks,
                    &mut self.direct.changes,
                )?;
            }
            (Some(_), None) => {
                let Some(key) = self.find(arena, work)? else {
                    return Ok(());
                };
                self.database.plan_delete(
                    arena,
                    work.table,
                    key,
                    checks,
                    &mut self.direct.changes,
                )?;
            }
        }
        let counter = self.database.table(work.table).map(Table::auto_increment);
        for i in from..self.direct.changes.len() {
            self.database.apply(arena, &self.direct.changes[i]);
        }
        if self.direct.mutants.has(Mutant::AutoIncrementNotApplied) {
            self.database.rewind_auto_increment(work.table, counter);
        }
        Ok(())
    }

    fn ddl(&mut self, arena: &mut Arena, event: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        let statement =
            ddl::parse(&event.sql(), &event.context(self.version)).map_err(ddl::DdlError::from)?;
        let by = match self.direct.mutants.has(Mutant::ReplicaRunsEvents) {
            true => ddl::By::Session { privileged: false },
            false => ddl::By::Replication,
        };
        Ok(ddl::apply_by(self.database, arena, &statement, by)?)
    }

    fn xa_prepared(&mut self, xid: &str) {
        let changes = std::mem::take(&mut self.direct.changes);
        self.direct.prepared.insert(xid.to_string(), changes);
    }

    fn xa_decided(
        &mut self,
        arena: &mut Arena,
        xid: &str,
        commit: bool,
    ) -> Result<(), ApplyErrorKind> {
        let changes = match self.direct.prepared.remove(xid) {
            Some(changes) => changes,
            // The rollback of what is not there leaves nothing out.
            None if !commit => return Ok(()),
            None => return Err(ApplyErrorKind::NotPrepared(xid.to_string())),
        };
        if commit {
            self.direct.changes = changes;
        } else {
            changes
                .iter()
                .rev()
                .for_each(|change| self.database.undo(arena, change));
        }
        Ok(())
    }
}
