//! The target's declarations: tables, constraints and triggers after the source's, and where AUTO_INCREMENT goes on.

use crate::{
    runbook::{CreateSchema, Host},
    units::Micros,
    world::{NO_TARGET, World},
};
use cutover_model::{
    ddl::{collation_by_name, effort_to_complete},
    schema::TableDef,
};

impl World {
    /// `mysqldump --no-data` of the source, into the target.
    ///
    /// # Errors
    /// No cluster, or another table has the place of one.
    pub fn create_schema(&mut self, o: &CreateSchema) -> Result<(), String> {
        let collation = o.collation.as_deref().map(collation_by_name).transpose();
        let collation = collation.map_err(|e| e.to_string())?;
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let source = &self.source.database;
        let declare = |def: &TableDef| {
            let mut def = def.clone();
            if o.without_constraints {
                leave_out_constraints(&mut def);
            }
            let own = std::iter::once(&mut def.collation);
            let texts = def.columns.iter_mut().filter_map(|c| c.collation.as_mut());
            for text in own.chain(texts) {
                let other = collation.as_ref().filter(|c| c.charset == text.charset);
                if let Some(other) = other {
                    *text = other.clone();
                }
            }
            Some(def)
        };
        let target = &mut target.server.database;
        let made = target.create_like(&mut self.arena, source, &declare);
        made.map_err(|e| e.to_string())?;
        let counters: Vec<_> = source
            .tables()
            .map(|(id, t)| (id, t.auto_increment()))
            .collect();
        for (id, next) in counters {
            target.set_auto_increment(&self.arena, id, next);
        }
        Ok(())
    }

    /// Creates the triggers of the source on the target, where their tables are, and they are not yet.
    ///
    /// # Errors
    /// No cluster.
    pub fn create_triggers(&mut self) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        target
            .server
            .database
            .create_triggers_like(&self.source.database);
        Ok(())
    }

    /// `ALTER TABLE … ADD …` for all that the target's declarations lack of the source's. Returns how many rows had no
    /// parent and were deleted.
    ///
    /// # Errors
    /// No cluster; rows that the constraints do not allow.
    pub fn add_constraints(&mut self, delete_orphans: bool) -> Result<u64, String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let tables: Vec<_> = self.source.database.tables().collect();
        let mut deleted = 0;
        for (id, table) in tables {
            if target.server.database.table(id).is_none() {
                continue;
            }
            let database = &mut target.server.database;
            let def = table.def();
            let done = database.complete_declaration(&mut self.arena, id, def, delete_orphans);
            deleted += done.map_err(|e| format!("{e} ({})", e.code()))?;
        }
        Ok(deleted)
    }

    /// How long that takes, one table after the other: an index goes through all rows of its table, and so does the copy by
    /// which a foreign key is added. The DELETE of rows without a parent is not counted.
    ///
    /// # Errors
    /// No cluster.
    pub fn constraints_take(&self) -> Result<Micros, String> {
        let target = &self.target.as_ref().ok_or(NO_TARGET)?.server;
        let row_us = self.environment.alter_row(Host::Target).0;
        let tables = self.source.database.tables();
        let us = tables.filter_map(|(id, table)| {
            let (as_is, version) = (target.database.table(id)?, target.config.version);
            let effort = effort_to_complete(as_is.def(), table.def(), as_is.len(), version);
            Some(effort.us(row_us))
        });
        Ok(Micros(us.sum()))
    }

    /// Raises AUTO_INCREMENT of every table of the target.
    ///
    /// # Errors
    /// No cluster.
    pub fn raise_auto_increment(&mut self, gap: u64) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        let tables: Vec<_> = target
            .server
            .database
            .tables()
            .map(|(id, t)| (id, t.auto_increment()))
            .collect();
        for (id, next) in tables {
            // `ALTER TABLE … AUTO_INCREMENT` of a table without such a column changes nothing.
            target
                .server
                .database
                .set_auto_increment(&self.arena, id, next.saturating_add(gap));
        }
        Ok(())
    }
}

/// Leaves out of a declaration what [`World::add_constraints`] adds.
pub(crate) fn leave_out_constraints(def: &mut TableDef) {
    def.foreign_keys.clear();
    def.indexes.clear();
}
