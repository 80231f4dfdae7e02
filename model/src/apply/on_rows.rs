//! A sink for those who only look: at each row of a group, in the columns of the tables of a database as they are.

use super::{ApplyErrorKind, DdlEvent, RowWork, Sink, is_declared, table_of};
use crate::{
    arena::Arena,
    binlog::decode::TableMap,
    database::{Database, TableId},
    schema::TableDef,
};
use std::{fmt, sync::Arc};

/// Hands each row to a function. DDL and the decisions of XA transactions have none, and pass by.
pub struct OnRows<'a, F> {
    /// The tables.
    pub database: &'a Database,
    /// What is done with a row.
    pub row: F,
}

impl<F> fmt::Debug for OnRows<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnRows").finish_non_exhaustive()
    }
}

impl<F> Sink for OnRows<'_, F>
where
    F: FnMut(&mut Arena, &RowWork<'_>) -> Result<(), ApplyErrorKind>,
{
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
        (self.row)(arena, work)
    }

    fn ddl(&mut self, _: &mut Arena, _: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        Ok(())
    }

    fn xa_prepared(&mut self, _: &str) {}

    fn xa_decided(&mut self, _: &mut Arena, _: &str, _: bool) -> Result<(), ApplyErrorKind> {
        Ok(())
    }
}
