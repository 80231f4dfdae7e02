//! Declarations and rows that one database takes over from another: what migration tools do.

use super::{Broken, ColumnSource, Database, SqlError, TableId};
use crate::{
    arena::{Arena, RowRef},
    row::{ImageBuilder, field, shorten_lobs},
    schema::TableDef,
    table::{Base, Generator, KeyRange, RowKey, Table},
};
use std::{collections::BTreeMap, sync::Arc};

impl Database {
    /// Declares the schemas and tables of another database that are not here yet, under the same ids; `declare` says
    /// how, for each of its declarations, or leaves a table out. No rows come.
    ///
    /// # Errors
    /// [`SqlError::TableExists`] when an id is taken by another table.
    pub fn create_like(
        &mut self,
        arena: &mut Arena,
        other: &Self,
        declare: &dyn Fn(&TableDef) -> Option<TableDef>,
    ) -> Result<(), SqlError> {
        for schema in other.schemas() {
            if !self.has_schema(schema) {
                self.create_schema(schema)?;
            }
            if let Some(collation) = other.schema_collation(schema) {
                self.set_schema_collation(schema, collation.clone());
            }
        }
        for (id, table) in other.ids() {
            let Some(def) = declare(table.def()) else {
                continue;
            };
            if self.id(&def.schema, &def.name).is_some() {
                continue;
            }
            if self.table(id).is_some() {
                return Err(SqlError::TableExists(def.name.to_string()));
            }
            let at = id.0 as usize;
            if self.tables.len() <= at {
                self.tables.resize(at + 1, None);
            }
            self.name(&def, id);
            self.tables[at] = Some(Table::new(Arc::new(def), &[]));
        }
        self.relink(arena)
    }

    /// Drops a table and creates it again, empty, under this declaration and its id.
    ///
    /// # Errors
    /// 1146.
    pub fn create_anew(
        &mut self,
        arena: &mut Arena,
        id: TableId,
        def: TableDef,
    ) -> Result<(), SqlError> {
        self.live(id)?;
        self.tables[id.0 as usize] = Some(Table::new(Arc::new(def), &[]));
        self.relink(arena)
    }

    /// Takes over rows of a table of another database with the same columns, by a range of their keys. With `lobs`, of
    /// a TEXT or BLOB only so many bytes come. Returns how many touched rows came and how many of these are shorter.
    ///
    /// # Errors
    /// 1146; [`SqlError::Base`] when shortened generated rows do not fit.
    pub fn copy_rows(
        &mut self,
        arena: &mut Arena,
        id: TableId,
        from: &Table,
        range: KeyRange,
        lobs: Option<u64>,
    ) -> Result<(u64, u64), SqlError> {
        let columns = Arc::clone(from.def());
        let base = match (from.base(), lobs) {
            (Some(base), Some(limit)) => Some(shortened(&columns, base, limit)?),
            (base, _) => base.cloned(),
        };
        self.live(id)?;
        let Some(table) = self.table_mut(id) else {
            return Ok((0, 0));
        };
        let (mut shorter, mut builder) = (0, ImageBuilder::default());
        let mut write = |arena: &mut Arena, row: RowRef| {
            let Some(limit) = lobs else { return row };
            if !shorten_lobs(&columns.columns, arena.row(row), limit, &mut builder) {
                return row;
            }
            shorter += 1;
            arena.store(builder.image())
        };
        let touched = table.take_rows(arena, from, base.as_ref(), range, &mut write);
        Ok((touched, shorter))
    }

    /// `ALTER TABLE … ADD …`: a table that lacks keys, foreign keys, defaults or AUTO_INCREMENT of a declaration with
    /// the same columns gets them. With `clean`, rows without the parent that a new foreign key asks for are deleted
    /// first; returns how many.
    ///
    /// # Errors
    /// 1062 for rows that are equal under a new key; 1452 for rows without a parent.
    pub fn complete_declaration(
        &mut self,
        arena: &mut Arena,
        id: TableId,
        def: &TableDef,
        clean: bool,
    ) -> Result<u64, SqlError> {
        if **self.live(id)?.def() == *def {
            return Ok(0);
        }
        let sources: Vec<_> = (0..def.columns.len()).map(ColumnSource::Copy).collect();
        let mut beside = self.clone();
        beside.rebuild(arena, id, def.clone(), &sources)?;
        let orphans = beside.orphan_rows(arena, id);
        if let (Some((_, constraint)), false) = (orphans.first(), clean) {
            return Err(SqlError::NoReferencedRow {
                constraint: constraint.clone(),
                lock: None,
            });
        }
        beside.drop_orphans(arena, id);
        *self = beside;
        Ok(orphans.len() as u64)
    }

    /// Takes out the rows of a table without the parent that one of its foreign keys asks for; returns how many.
    pub fn drop_orphans(&mut self, arena: &mut Arena, id: TableId) -> u64 {
        let orphans = self.orphan_rows(arena, id);
        for (key, _) in &orphans {
            let before = self.get(arena, id, *key);
            if let Some(table) = self.table_mut(id) {
                table.put(arena, *key, before, None);
            }
        }
        orphans.len() as u64
    }

    /// The rows of a table without the parent that one of its foreign keys asks for, and the constraint: among the
    /// touched rows, and among the generated children of generated parents that were deleted.
    fn orphan_rows(&self, arena: &mut Arena, id: TableId) -> Vec<(RowKey, String)> {
        let mut orphans = BTreeMap::new();
        let mut broken = Vec::new();
        self.orphans(arena, id, &mut broken);
        for broken in broken {
            if let Broken::Orphan {
                key, constraint, ..
            } = broken
            {
                orphans.insert(key, constraint);
            }
        }
        let Some(child) = self.table(id) else {
            return Vec::new();
        };
        for (parent_id, parent) in self.ids() {
            let links = self.links.of(parent_id).map(|l| &l.children[..]);
            let links = links.unwrap_or_default().iter();
            for link in links.filter(|link| link.table == id) {
                let constraint = &child.def().foreign_keys[link.fk].name;
                for key in children_of_deleted(arena, parent, child, link) {
                    orphans.entry(key).or_insert_with(|| constraint.to_string());
                }
            }
        }
        orphans.into_iter().collect()
    }
}

/// The children, by one foreign key, of a table's generated rows that are deleted.
fn children_of_deleted(
    arena: &mut Arena,
    parent: &Table,
    child: &Table,
    link: &super::links::Child,
) -> Vec<RowKey> {
    let mut children = Vec::new();
    let Some(base) = parent.base() else {
        return children;
    };
    let columns = &parent.def().columns;
    let mut image = Vec::new();
    for (key, _) in parent.touched().filter(|(_, row)| row.is_none()) {
        let Some(n) = base.number(key.0) else {
            continue;
        };
        image.clear();
        base.row(n, &mut image);
        let value = |i: usize, _: usize| {
            let column = *link.parent_columns.get(i)?;
            Some((columns.get(column)?, field(columns, &image, column)?))
        };
        child.members(arena, link.fk, value, &mut children);
    }
    children
}

/// A base whose long texts are cut.
fn shortened(def: &TableDef, base: &Arc<Base>, limit: u64) -> Result<Arc<Base>, SqlError> {
    let mut any = false;
    let generators = def.columns.iter().zip(base.generators());
    let mut shorten = |column: &crate::schema::Column, raw: &Vec<u8>| {
        let mut image = ImageBuilder::default();
        image.start(1);
        image.push(raw);
        let mut out = ImageBuilder::default();
        let columns = std::slice::from_ref(column);
        if !shorten_lobs(columns, image.image(), limit, &mut out) {
            return raw.clone();
        }
        any = true;
        out.image()[1..].to_vec()
    };
    let generators = generators.map(|(column, generator)| match generator {
        Generator::Constant(raw) => Generator::Constant(shorten(column, raw)),
        Generator::Pick { seed, values } => Generator::Pick {
            seed: *seed,
            values: values.iter().map(|raw| shorten(column, raw)).collect(),
        },
        other => other.clone(),
    });
    let generators: Vec<Generator> = generators.collect();
    match any {
        false => Ok(Arc::clone(base)),
        true => Ok(Arc::new(Base::new(def, base.rows(), generators)?)),
    }
}
