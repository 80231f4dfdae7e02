//! Schemas and tables by name, and what DDL does to whole tables. Whether a statement is allowed (a
//! parent that is dropped, IF EXISTS) is for the reader of DDL; here names must only be free or taken.

use super::{Database, SqlError, TableId};
use crate::arena::Arena;
use crate::schema::{Collation, TableDef};
use crate::table::{Base, Generator, Table};
use std::sync::Arc;

impl Database {
    /// Creates a schema.
    ///
    /// # Errors
    /// 1007.
    pub fn create_schema(&mut self, name: &str) -> Result<(), SqlError> {
        match Arc::make_mut(&mut self.schemas).insert(name.into()) {
            true => Ok(()),
            false => Err(SqlError::SchemaExists(name.into())),
        }
    }

    /// Drops a schema with its tables.
    ///
    /// # Errors
    /// 1049.
    pub fn drop_schema(&mut self, arena: &mut Arena, name: &str) -> Result<(), SqlError> {
        if !Arc::make_mut(&mut self.schemas).remove(name) {
            return Err(SqlError::UnknownSchema(name.into()));
        }
        Arc::make_mut(&mut self.collations).remove(name);
        self.change_events(|events| events.retain(|event| &*event.schema != name));
        for id in Arc::make_mut(&mut self.names)
            .remove(name)
            .unwrap_or_default()
            .into_values()
        {
            self.tables[id.0 as usize] = None;
        }
        self.relink(arena)
    }

    /// A schema's default collation, where one was said.
    pub fn schema_collation(&self, schema: &str) -> Option<&Collation> {
        self.collations.get(schema)
    }

    /// Says a schema's default collation, for tables that say none.
    pub fn set_schema_collation(&mut self, schema: &str, collation: Collation) {
        Arc::make_mut(&mut self.collations).insert(schema.into(), collation);
    }

    /// Whether a schema exists, tables or not.
    pub fn has_schema(&self, name: &str) -> bool {
        self.schemas.contains(name)
    }

    /// The schemas in the order of their names.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<str>> {
        self.schemas.iter()
    }

    /// The table of a name.
    pub fn id(&self, schema: &str, table: &str) -> Option<TableId> {
        self.names.get(schema)?.get(table).copied()
    }

    /// The tables in the order of their names (schema, then table).
    pub fn tables(&self) -> impl Iterator<Item = (TableId, &Table)> {
        self.names
            .values()
            .flat_map(|tables| tables.values())
            .filter_map(|&id| Some((id, self.table(id)?)))
    }

    /// The tables in the order of their ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = (TableId, &Table)> {
        let tables = self.tables.iter().enumerate();
        tables.filter_map(|(i, table)| Some((TableId(i as u32), table.as_ref()?)))
    }

    /// Creates an empty table.
    ///
    /// # Errors
    /// 1049, 1050.
    pub fn create_table(&mut self, arena: &mut Arena, def: TableDef) -> Result<TableId, SqlError> {
        self.add(arena, Table::new(Arc::new(def), &[]))
    }

    /// Creates a table that holds `rows` generated rows, at no cost.
    ///
    /// # Errors
    /// 1049, 1050; [`SqlError::Base`] when the generators do not fit the declaration.
    pub fn create_generated(
        &mut self,
        arena: &mut Arena,
        def: TableDef,
        rows: u64,
        generators: Vec<Generator>,
    ) -> Result<TableId, SqlError> {
        let base = Base::new(&def, rows, generators)?;
        self.add(arena, Table::generated(Arc::new(def), &[], Arc::new(base))?)
    }

    /// The generated rows of all tables drawn anew: `seed` is mixed into that of every column. For a database that
    /// nobody has written to.
    #[must_use]
    pub fn drawn_anew(mut self, seed: u64) -> Self {
        for table in self.tables.iter_mut().flatten() {
            table.draw_anew(seed);
        }
        self
    }

    fn add(&mut self, arena: &mut Arena, table: Table) -> Result<TableId, SqlError> {
        let def = table.def().clone();
        self.check_free(&def.schema, &def.name)?;
        let id = TableId(self.tables.len() as u32);
        self.tables.push(Some(table));
        self.name(&def, id);
        let linked = self.relink(arena);
        if linked.is_err() {
            self.drop_table(arena, id);
        }
        linked.map(|()| id)
    }

    fn check_free(&self, schema: &str, table: &str) -> Result<(), SqlError> {
        if !self.has_schema(schema) {
            return Err(SqlError::UnknownSchema(schema.into()));
        }
        match self.id(schema, table) {
            Some(_) => Err(SqlError::TableExists(table.into())),
            None => Ok(()),
        }
    }

    pub(super) fn name(&mut self, def: &TableDef, id: TableId) {
        let names = Arc::make_mut(&mut self.names);
        names
            .entry(def.schema.clone())
            .or_default()
            .insert(def.name.clone(), id);
    }

    fn unname(&mut self, def: &TableDef) {
        let names = Arc::make_mut(&mut self.names);
        if let Some(tables) = names.get_mut(&def.schema) {
            tables.remove(&def.name);
        }
    }

    /// Drops a table.
    pub fn drop_table(&mut self, arena: &mut Arena, id: TableId) {
        let Some(table) = self.tables.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        self.unname(table.def());
        // With fewer tables every key that was looked up before still is.
        let _ = self.relink(arena);
    }

    /// Renames a table, into another schema too. Foreign keys follow, its own and those that refer to it.
    ///
    /// # Errors
    /// 1049, 1050, 1146.
    pub fn rename_table(
        &mut self,
        arena: &mut Arena,
        id: TableId,
        schema: &str,
        name: &str,
    ) -> Result<(), SqlError> {
        let old = self.live(id)?.def().clone();
        self.check_free(schema, name)?;
        self.unname(&old);
        for table in self.tables.iter_mut().flatten() {
            let refers = |def: &TableDef| {
                let to = |f: &crate::schema::ForeignKey| {
                    f.parent_schema == old.schema && f.parent_table == old.name
                };
                def.foreign_keys.iter().any(to)
            };
            if refers(table.def()) {
                let mut def = (**table.def()).clone();
                for key in &mut def.foreign_keys {
                    if key.parent_schema == old.schema && key.parent_table == old.name {
                        key.parent_schema = schema.into();
                        key.parent_table = name.into();
                    }
                }
                table.set_def(Arc::new(def));
            }
        }
        if let Some(table) = self.table_mut(id) {
            let mut def = (**table.def()).clone();
            def.schema = schema.into();
            def.name = name.into();
            table.set_def(Arc::new(def));
        }
        let def = self.live(id)?.def().clone();
        self.name(&def, id);
        self.relink(arena)
    }

    /// Removes all rows at once, those of a base included; the AUTO_INCREMENT counter starts again.
    ///
    /// # Errors
    /// 1146.
    pub fn truncate(&mut self, arena: &mut Arena, id: TableId) -> Result<(), SqlError> {
        let empty = Table::new(self.live(id)?.def().clone(), &[]);
        self.tables[id.0 as usize] = Some(empty);
        self.relink(arena)
    }
}
