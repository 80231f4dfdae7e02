//! ALTER TABLE: every row in a new declaration. Generated rows are not written out: their generators are
//! carried over, so that altering a table of 10¹⁰ rows costs its touched rows.

use super::{Checks, Database, SqlError, TableId};
use crate::arena::Arena;
use crate::row::{ImageBuilder, convert, field, fields, push_default};
use crate::schema::{Column, ColumnKind, TableDef};
use crate::table::{Base, BaseError, Generator, Table};
use std::sync::Arc;

/// Where a column of the new declaration gets its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnSource {
    /// The old column of this index, converted to the new type.
    Copy(usize),
    /// The new column's default; an AUTO_INCREMENT column counts from 1.
    Default,
}

/// The reusable parts of copying rows.
struct Copier<'a> {
    old: &'a [Column],
    new: &'a [Column],
    sources: &'a [ColumnSource],
    value: Vec<u8>,
    image: ImageBuilder,
    count: u64,
}

impl Copier<'_> {
    /// The new image of an old row.
    fn row(&mut self, image: &[u8]) -> Result<&[u8], SqlError> {
        let raws: Vec<Option<&[u8]>> = fields(self.old, image).collect();
        self.image.start(self.new.len());
        self.count += 1;
        for (column, source) in self.new.iter().zip(self.sources) {
            let from = match *source {
                ColumnSource::Copy(index) => self.old.get(index).zip(raws.get(index).copied()),
                ColumnSource::Default => None,
            };
            match (from, &column.kind) {
                (Some((old, Some(raw))), _) => {
                    self.value.clear();
                    convert(old, raw, column, &mut self.value)?;
                    self.image.push(&self.value);
                }
                (Some((_, None)), _) if column.nullable => self.image.push_null(),
                (Some((_, None)), _) => return Err(SqlError::NullValue),
                (None, ColumnKind::Int { bytes, .. }) if column.auto_increment => {
                    self.image
                        .push(&self.count.to_le_bytes()[..usize::from((*bytes).clamp(1, 8))]);
                }
                (None, _) => push_default(column, &mut self.image),
            }
        }
        Ok(self.image.image())
    }
}

impl Database {
    /// Gives a table a new declaration; its name may change too. The rows follow column by column:
    /// `sources` has one entry for each new column.
    ///
    /// # Errors
    /// 1062 when rows become equal under a new key, 1138, 1264 and the other errors of conversions, 1146,
    /// 1050, 1049; [`SqlError::Base`] when generated rows cannot follow. The table is then as before.
    pub fn rebuild(
        &mut self,
        arena: &mut Arena,
        id: TableId,
        def: TableDef,
        sources: &[ColumnSource],
    ) -> Result<(), SqlError> {
        let old = self.live(id)?.clone();
        let def = Arc::new(def);
        let renamed = (&def.schema, &def.name) != (&old.def().schema, &old.def().name);
        // Built beside the database, so that an error leaves everything as it was.
        let mut beside = self.clone();
        let base = match old.base() {
            None => None,
            Some(base) => Some(Arc::new(carry(base, old.def(), &def, sources)?)),
        };
        let table = match &base {
            None => Table::new(def.clone(), &[]),
            Some(base) => Table::generated(def.clone(), &[], base.clone())?,
        };
        if renamed {
            beside.rename_table(arena, id, &def.schema, &def.name)?;
        }
        beside.rename_columns(old.def(), &def, sources);
        beside.tables[id.0 as usize] = Some(table);
        beside.relink(arena)?;
        let mut copier = Copier {
            old: &old.def().columns,
            new: &def.columns,
            sources,
            value: Vec::new(),
            image: ImageBuilder::default(),
            count: base.as_ref().map_or(0, |b| b.rows()),
        };
        let checks = Checks {
            foreign_keys: false,
            unique: true,
        };
        let mut plan = Vec::new();
        // The base's own rows first: what is deleted frees its keys.
        for deleted in [true, false] {
            for (key, row) in old.touched() {
                let number = old.base().and_then(|b| b.number(key.0));
                let new_key =
                    number.and_then(|n| Some(crate::table::RowKey(base.as_ref()?.integer_key(n))));
                plan.clear();
                match (row, new_key) {
                    (_, Some(new_key)) if deleted => {
                        beside.plan_delete(arena, id, new_key, checks, &mut plan)?;
                    }
                    (Some(row), _) if !deleted => {
                        let image = copier.row(arena.row(row))?;
                        beside.plan_insert(arena, id, image, checks, &mut plan)?;
                    }
                    _ => continue,
                }
                plan.iter().for_each(|change| beside.apply(arena, change));
            }
        }
        if let Some(table) = beside.table_mut(id) {
            let kept = old.shape().auto_increment.and(table.shape().auto_increment);
            if kept.is_some() {
                let next = table
                    .auto_increment()
                    .max(old.auto_increment())
                    .min(table.auto_limit());
                table.set_auto_increment(next);
            }
        }
        *self = beside;
        Ok(())
    }

    /// Foreign keys that refer to a table follow its columns' new names, as InnoDB's do.
    fn rename_columns(&mut self, old: &TableDef, new: &TableDef, sources: &[ColumnSource]) {
        let renamed = |name: &str| {
            let index = old.column(name)?;
            let now = sources
                .iter()
                .position(|s| *s == ColumnSource::Copy(index))?;
            let now = &new.columns.get(now)?.name;
            (**now != *name).then(|| now.clone())
        };
        for table in self.tables.iter_mut().flatten() {
            let mut def = (**table.def()).clone();
            let keys = def.foreign_keys.iter_mut();
            let ours = keys.filter(|k| k.parent_schema == new.schema && k.parent_table == new.name);
            let mut changed = false;
            for name in ours.flat_map(|k| &mut k.parent_columns) {
                if let Some(now) = renamed(name) {
                    *name = now;
                    changed = true;
                }
            }
            if changed {
                table.set_def(Arc::new(def));
            }
        }
    }
}

/// The base under the new declaration.
fn carry(
    base: &Base,
    old: &TableDef,
    new: &TableDef,
    sources: &[ColumnSource],
) -> Result<Base, SqlError> {
    let mut generators = Vec::with_capacity(new.columns.len());
    for (column, source) in new.columns.iter().zip(sources) {
        generators.push(match *source {
            ColumnSource::Copy(index) => {
                match (old.columns.get(index), base.generators().get(index)) {
                    (Some(from), Some(generator)) => convert_generator(from, generator, column)?,
                    _ => Generator::Null,
                }
            }
            ColumnSource::Default => constant_default(column),
        });
    }
    Ok(Base::new(new, base.rows(), generators)?)
}

fn constant_default(column: &Column) -> Generator {
    let mut image = ImageBuilder::default();
    image.start(1);
    push_default(column, &mut image);
    match field(std::slice::from_ref(column), image.image(), 0) {
        Some(raw) => Generator::Constant(raw.to_vec()),
        None => Generator::Null,
    }
}

fn convert_generator(
    from: &Column,
    generator: &Generator,
    to: &Column,
) -> Result<Generator, SqlError> {
    let converted = |raw: &[u8]| -> Result<Vec<u8>, SqlError> {
        let mut out = Vec::new();
        convert(from, raw, to, &mut out)?;
        Ok(out)
    };
    let unfit = |reason| {
        SqlError::Base(BaseError::Column {
            column: to.name.to_string(),
            reason,
        })
    };
    Ok(match generator {
        _ if from.kind == to.kind => generator.clone(),
        Generator::Constant(raw) => Generator::Constant(converted(raw)?),
        Generator::Pick { seed, values } => Generator::Pick {
            seed: *seed,
            values: values
                .iter()
                .map(|v| converted(v))
                .collect::<Result<_, _>>()?,
        },
        // The others are written as the column's type asks, if it is one of their family.
        Generator::Datetime { .. }
            if std::mem::discriminant(&from.kind) != std::mem::discriminant(&to.kind) =>
        {
            return Err(unfit("generated times cannot change their type"));
        }
        other => other.clone(),
    })
}
