//! ALTER TABLE as a pure function: the new declaration, and where each of its columns comes from.
//!
//! All changes of a statement are made against the table as it was (server: `prepare_fields_and_keys`):
//! columns are dropped and changed in place, then moved and added in order of writing, keys follow their
//! columns, and a key that has lost all of them is gone.

use super::column::{collation, converted, define, promote_first_timestamp};
use super::create::no_duplicates;
use super::default::{in_utc, resolve as resolve_default};
use super::error::MAX_COLUMNS;
use super::keys::{Key, add_foreign_keys, effective_prefix, settle};
use super::{AlterChange, ColumnSpec, Context, DdlError, DefaultSpec, Position, TableName};
use crate::database::ColumnSource;
use crate::schema::{Collation, Column, Default, TableDef};

/// What ALTER TABLE makes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Altered {
    /// The new declaration, under the new name if there is one.
    pub def: TableDef,
    /// One for each column of `def`.
    pub sources: Vec<ColumnSource>,
    /// AUTO_INCREMENT=n.
    pub auto_increment: Option<u64>,
}

/// Applies changes to a declaration; `schema` is the schema's default collation.
///
/// # Errors
/// MySQL's own: unknown columns and keys, names that are there twice, a column that a foreign key needs.
pub fn alter(
    def: &TableDef,
    changes: &[AlterChange],
    schema: &Collation,
    ctx: &Context,
) -> Result<Altered, DdlError> {
    let added = changes
        .iter()
        .filter(|c| matches!(c, AlterChange::AddColumn(..)))
        .count();
    if def.columns.len() + added > MAX_COLUMNS || changes.len() > 16 * MAX_COLUMNS {
        return Err(DdlError::TooManyColumns);
    }
    let mut new = TableDef {
        columns: Vec::new(),
        ..def.clone()
    };
    let mut auto_increment = None;
    let mut convert = None;
    for change in changes {
        match change {
            AlterChange::ConvertTo(charset) => {
                new.collation = collation(charset, schema, ctx)?;
                convert = Some(new.collation.clone());
            }
            AlterChange::Options(options) => {
                if let Some(engine) = &options.engine {
                    new.engine = engine.clone();
                }
                if !options.charset.is_empty() {
                    new.collation = collation(&options.charset, &new.collation, ctx)?;
                }
                auto_increment = options.auto_increment.or(auto_increment);
            }
            _ => {}
        }
    }
    let mut slots = columns(def, changes, &new.collation, ctx)?;
    if let Some(to) = &convert {
        for slot in &mut slots {
            slot.column = converted(&slot.column, to)?;
        }
    }
    new.columns = slots.iter().map(|s| s.column.clone()).collect();
    no_duplicates(&new)?;
    let moved = |old: usize| slots.iter().position(|s| s.old == Some(old));

    foreign_keys(def, &mut new, changes, moved)?;
    let keys = keys(def, &new, changes, moved)?;
    settle(&mut new, keys)?;
    let added = changes.iter().filter_map(|c| match c {
        AlterChange::AddForeignKey(key) => Some(key),
        _ => None,
    });
    add_foreign_keys(&mut new, added)?;

    let renamed_columns: Vec<_> = slots
        .iter()
        .filter_map(|slot| {
            Some((
                def.columns.get(slot.old?)?.name.clone(),
                slot.column.name.clone(),
            ))
        })
        .filter(|(old, new)| old != new)
        .collect();
    for key in &mut new.foreign_keys {
        if key.parent_schema == def.schema && key.parent_table == def.name {
            for column in &mut key.parent_columns {
                if let Some((_, new)) = renamed_columns.iter().find(|(old, _)| same(old, column)) {
                    *column = new.clone();
                }
            }
        }
    }
    for change in changes {
        if let AlterChange::Rename(to) = change {
            rename(&mut new, to);
        }
    }
    let sources = slots
        .iter()
        .map(|s| s.old.map_or(ColumnSource::Default, ColumnSource::Copy))
        .collect();
    Ok(Altered {
        def: new,
        sources,
        auto_increment,
    })
}

/// Gives a table its new name, and the foreign keys whose names MySQL made up from the old one theirs.
pub(super) fn rename(def: &mut TableDef, to: &TableName) {
    let stem = format!("{}_ibfk_", def.name);
    for key in &mut def.foreign_keys {
        if let Some(number) = key.name.strip_prefix(stem.as_str()) {
            key.name = format!("{}_ibfk_{number}", to.name).into();
        }
        if key.parent_schema == def.schema && key.parent_table == def.name {
            key.parent_schema = to.schema.clone();
            key.parent_table = to.name.clone();
        }
    }
    def.schema = to.schema.clone();
    def.name = to.name.clone();
}

/// A column of the new table; `old` is its position in the old one.
#[derive(Debug)]
struct Slot {
    column: Column,
    old: Option<usize>,
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn columns(
    def: &TableDef,
    changes: &[AlterChange],
    table: &Collation,
    ctx: &Context,
) -> Result<Vec<Slot>, DdlError> {
    let unknown = |column: &str| DdlError::UnknownColumn {
        column: column.to_owned(),
        table: def.full_name(),
    };
    // What the statement writes out, in its order.
    let mut written: Vec<(&ColumnSpec, Column, Option<usize>, &Option<Position>)> = Vec::new();
    let mut dropped = vec![false; def.columns.len()];
    let mut kept: Vec<Column> = def.columns.clone();
    for change in changes {
        match change {
            AlterChange::AddColumn(spec, position) => {
                written.push((spec, define(spec, table, ctx)?, None, position));
            }
            AlterChange::ChangeColumn(name, spec, position) => {
                let old = def.column(name).ok_or_else(|| unknown(name))?;
                let twice = written.iter().any(|(_, _, other, _)| *other == Some(old));
                if twice || dropped[old] {
                    return Err(unknown(name));
                }
                written.push((spec, define(spec, table, ctx)?, Some(old), position));
            }
            AlterChange::DropColumn(name) => match def.column(name) {
                Some(old) if !dropped[old] => dropped[old] = true,
                _ => return Err(DdlError::CannotDrop(name.to_string())),
            },
            AlterChange::RenameColumn(from, to) => {
                let old = def.column(from).ok_or_else(|| unknown(from))?;
                kept[old].name = to.clone();
            }
            AlterChange::SetDefault(name, default) => {
                let old = def.column(name).ok_or_else(|| unknown(name))?;
                kept[old].default =
                    new_default(&def.columns[old], default.as_ref(), &def.collation)?;
                in_utc(&mut kept[old], &ctx.time_zone)?;
            }
            _ => {}
        }
    }
    promote_first_timestamp(
        written.iter_mut().map(|(spec, column, ..)| (*spec, column)),
        ctx,
    );

    let mut slots = Vec::with_capacity(kept.len() + written.len());
    for (old, column) in kept
        .into_iter()
        .enumerate()
        .filter(|&(old, _)| !dropped[old])
    {
        match written
            .iter()
            .find(|(_, _, changed, _)| *changed == Some(old))
        {
            Some((_, new, _, None)) => slots.push(Slot {
                column: new.clone(),
                old: Some(old),
            }),
            Some((_, _, _, Some(_))) => {}
            None => slots.push(Slot {
                column,
                old: Some(old),
            }),
        }
    }
    for (_, column, old, position) in written {
        let at = match position {
            None if old.is_some() => continue,
            None => slots.len(),
            Some(Position::First) => 0,
            Some(Position::After(name)) => {
                let found = slots.iter().position(|s| same(&s.column.name, name));
                found.ok_or_else(|| unknown(name))? + 1
            }
        };
        slots.insert(at, Slot { column, old });
    }
    if slots.is_empty() {
        return Err(DdlError::NoColumns);
    }
    Ok(slots)
}

fn new_default(
    column: &Column,
    said: Option<&DefaultSpec>,
    table: &Collation,
) -> Result<Default, DdlError> {
    match said {
        None => Ok(Default::Implicit),
        Some(said) => {
            let collation = column.collation.as_ref().unwrap_or(table);
            resolve_default(said, &column.kind, collation, &column.name)
        }
    }
}

fn keys(
    def: &TableDef,
    new: &TableDef,
    changes: &[AlterChange],
    moved: impl Fn(usize) -> Option<usize>,
) -> Result<Vec<Key>, DdlError> {
    let is_named = |key: &Key, name: &str| key.name.as_ref().is_some_and(|n| same(n, name));
    let mut keys = Key::of_table(def);
    let mut renames = Vec::new();
    for change in changes {
        let name = match change {
            AlterChange::DropPrimaryKey => "PRIMARY",
            AlterChange::DropKey(name) => name,
            AlterChange::DropConstraint(name) => {
                // What is neither a foreign nor a unique key is a check.
                let is_unique = def.uniques.iter().any(|key| same(&key.name, name));
                if !is_unique || def.foreign_keys.iter().any(|key| same(&key.name, name)) {
                    continue;
                }
                name
            }
            AlterChange::RenameKey(from, to) => {
                let found = keys.iter().position(|key| is_named(key, from));
                renames.push((
                    found.ok_or_else(|| DdlError::UnknownKey(from.to_string()))?,
                    to,
                ));
                continue;
            }
            _ => continue,
        };
        // The place stays, so that the renames keep their meaning.
        match keys.iter().position(|key| is_named(key, name)) {
            Some(found) => keys[found].name = None,
            None => return Err(DdlError::CannotDrop(name.to_owned())),
        }
    }
    for (key, to) in renames {
        keys[key].name = Some(to.clone());
    }
    keys.retain(|key| key.name.is_some());
    keys.retain_mut(|key| {
        let had_columns = !key.parts.is_empty();
        key.parts.retain_mut(|part| match part {
            None => true,
            Some(part) => match moved(part.column) {
                Some(column) => {
                    part.column = column;
                    part.prefix = effective_prefix(&new.columns[column], part.prefix);
                    true
                }
                None => false,
            },
        });
        !had_columns || !key.parts.is_empty()
    });
    for change in changes {
        if let AlterChange::AddKey(spec) = change {
            keys.push(Key::resolve(spec, &new.columns)?);
        }
    }
    Ok(keys)
}

fn foreign_keys(
    def: &TableDef,
    new: &mut TableDef,
    changes: &[AlterChange],
    moved: impl Fn(usize) -> Option<usize>,
) -> Result<(), DdlError> {
    for change in changes {
        let (name, needed) = match change {
            AlterChange::DropForeignKey(name) => (name, true),
            AlterChange::DropConstraint(name) => (name, false),
            _ => continue,
        };
        match new
            .foreign_keys
            .iter()
            .position(|key| same(&key.name, name))
        {
            Some(found) => drop(new.foreign_keys.remove(found)),
            None if needed => return Err(DdlError::CannotDrop(name.to_string())),
            None => {}
        }
    }
    for key in &mut new.foreign_keys {
        for column in &mut key.columns {
            match moved(*column) {
                Some(position) => *column = position,
                None => {
                    let name = def
                        .columns
                        .get(*column)
                        .map_or(String::new(), |c| c.name.to_string());
                    return Err(DdlError::ColumnInForeignKey {
                        column: name,
                        constraint: key.name.to_string(),
                    });
                }
            }
        }
    }
    Ok(())
}
