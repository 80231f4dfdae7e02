//! CREATE TABLE, from what is written to the table's declaration.

use super::column::{collation, define, promote_first_timestamp};
use super::error::MAX_COLUMNS;
use super::keys::{Key, add_foreign_keys, settle};
use super::{CreateBody, CreateTable, DdlError, TableName, TableSpec};
use crate::schema::{Collation, TableDef};

impl CreateTable {
    /// The table that a statement with columns creates in a schema with this default collation; `None`
    /// for CREATE TABLE … LIKE, whose columns are another table's.
    ///
    /// # Errors
    /// MySQL's own: unknown collations, names that are there twice, keys on missing columns.
    pub fn define(&self, schema: &Collation) -> Result<Option<TableDef>, DdlError> {
        match &self.body {
            CreateBody::Like(_) => Ok(None),
            CreateBody::Defined(spec) => self.define_columns(spec, schema).map(Some),
        }
    }

    /// AUTO_INCREMENT=n: the next value that the table gives.
    pub fn auto_increment(&self) -> Option<u64> {
        match &self.body {
            CreateBody::Like(_) => None,
            CreateBody::Defined(spec) => spec.options.auto_increment,
        }
    }

    fn define_columns(&self, spec: &TableSpec, schema: &Collation) -> Result<TableDef, DdlError> {
        let ctx = &self.context;
        let collation = collation(&spec.options.charset, schema, ctx)?;
        let mut def = TableDef {
            schema: self.name.schema.clone(),
            name: self.name.name.clone(),
            columns: Vec::with_capacity(spec.columns.len()),
            primary: None,
            uniques: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            engine: spec
                .options
                .engine
                .clone()
                .unwrap_or_else(|| ctx.engine.clone()),
            collation,
        };
        if spec.columns.len() > MAX_COLUMNS {
            return Err(DdlError::TooManyColumns);
        }
        for column in &spec.columns {
            def.columns.push(define(column, &def.collation, ctx)?);
        }
        no_duplicates(&def)?;
        promote_first_timestamp(spec.columns.iter().zip(&mut def.columns), ctx);
        let keys = spec
            .keys
            .iter()
            .map(|key| Key::resolve(key, &def.columns))
            .collect::<Result<_, _>>()?;
        settle(&mut def, keys)?;
        add_foreign_keys(&mut def, spec.foreign_keys.iter())?;
        Ok(def)
    }
}

/// The table that CREATE TABLE … LIKE makes: everything but the foreign keys.
pub(super) fn like(original: &TableDef, name: &TableName) -> TableDef {
    TableDef {
        schema: name.schema.clone(),
        name: name.name.clone(),
        foreign_keys: Vec::new(),
        ..original.clone()
    }
}

/// # Errors
/// 1060.
pub(super) fn no_duplicates(def: &TableDef) -> Result<(), DdlError> {
    let mut seen = std::collections::BTreeSet::new();
    for column in &def.columns {
        if !seen.insert(column.name.to_lowercase()) {
            return Err(DdlError::DuplicateColumn(column.name.to_string()));
        }
    }
    Ok(())
}
