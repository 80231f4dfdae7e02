//! A statement's effect on a database: tables appear, vanish, change their names and their columns.
//!
//! Each statement happens as a whole or not at all, as since 8.0 (manual, "Atomic Data Definition
//! Statement Support").

use super::alter::{self, alter};
use super::charset::of_server;
use super::column;
use super::create::like;
use super::event::{self, By};
use super::{AlterTable, Context, CreateBody, CreateTable, DdlError, Statement, TableName};
use crate::arena::Arena;
use crate::database::{ColumnSource, Database, SqlError, TableId};
use crate::row::{ImageBuilder, field, push_default_at, render};
use crate::schema::{Collation, Column, Default as ColumnDefault, TableDef};
use std::sync::Arc;

/// A schema's default collation: the server's where nothing was said.
pub(super) fn schema_collation(
    db: &Database,
    schema: &str,
    ctx: &Context,
) -> Result<Collation, DdlError> {
    db.schema_collation(schema)
        .cloned()
        .map_or_else(|| of_server(ctx), Ok)
}

/// Makes a statement's change. USE, transactions and what leaves tables as they are change nothing.
///
/// # Errors
/// MySQL's own, with their numbers, and [`DdlError::Unsupported`] for data that a statement changes and
/// for new columns whose values in existing rows only a server can compute. The database is then as
/// before, but for a DROP TABLE that is not atomic.
pub fn apply(db: &mut Database, arena: &mut Arena, statement: &Statement) -> Result<(), DdlError> {
    match statement {
        Statement::CreateSchema {
            name,
            if_not_exists,
            collation,
        } => {
            if *if_not_exists && db.has_schema(name) {
                return Ok(());
            }
            db.create_schema(name)?;
            db.set_schema_collation(name, collation.clone());
        }
        Statement::AlterSchema { name, collation } => {
            if !db.has_schema(name) {
                return Err(DdlError::UnknownSchema {
                    schema: name.to_string(),
                    drop: false,
                });
            }
            if let Some(collation) = collation {
                db.set_schema_collation(name, collation.clone());
            }
        }
        Statement::DropSchema { name, if_exists } => {
            if db.has_schema(name) {
                db.drop_schema(arena, name)?;
            } else if !if_exists {
                return Err(DdlError::UnknownSchema {
                    schema: name.to_string(),
                    drop: true,
                });
            }
        }
        Statement::CreateTable(create) => return create_table(db, arena, create),
        Statement::DropTables {
            names,
            if_exists,
            atomic,
        } => {
            let missing = names
                .iter()
                .find(|name| db.id(&name.schema, &name.name).is_none());
            let error = missing
                .filter(|_| !if_exists)
                .map(|name| DdlError::UnknownTable {
                    table: name.to_string(),
                    drop: true,
                });
            if let (Some(error), true) = (&error, atomic) {
                return Err(error.clone());
            }
            for name in names {
                if let Some(id) = db.id(&name.schema, &name.name) {
                    db.drop_table(arena, id);
                }
            }
            return error.map_or(Ok(()), Err);
        }
        Statement::RenameTables(pairs) => {
            let mut renamed = db.clone();
            for (from, to) in pairs {
                rename(&mut renamed, arena, from, to)?;
            }
            *db = renamed;
        }
        Statement::Truncate(name) => {
            let id = existing(db, name)?;
            db.truncate(arena, id)?;
        }
        Statement::AlterTable(change) => return alter_table(db, arena, change),
        Statement::Event(statement) => {
            return event::apply(db, statement, By::Session { privileged: false });
        }
        Statement::Password {
            account,
            authentication,
        } => db.set_password(account, authentication, false),
        Statement::Dml { verb } => {
            return Err(DdlError::unsupported(format!("{verb} in STATEMENT format")));
        }
        Statement::Use(_) | Statement::Ignored { .. } | Statement::Transaction { .. } => {}
    }
    Ok(())
}

/// As [`apply`], and says by whom, which decides about events and accounts.
///
/// # Errors
/// As there.
pub fn apply_by(
    db: &mut Database,
    arena: &mut Arena,
    statement: &Statement,
    by: By,
) -> Result<(), DdlError> {
    match statement {
        Statement::Event(statement) => event::apply(db, statement, by),
        Statement::Password {
            account,
            authentication,
        } => {
            db.set_password(account, authentication, by == By::Replication);
            Ok(())
        }
        _ => apply(db, arena, statement),
    }
}

fn existing(db: &Database, name: &TableName) -> Result<TableId, DdlError> {
    let unknown = || DdlError::UnknownTable {
        table: name.to_string(),
        drop: false,
    };
    db.id(&name.schema, &name.name).ok_or_else(unknown)
}

fn create_table(
    db: &mut Database,
    arena: &mut Arena,
    create: &CreateTable,
) -> Result<(), DdlError> {
    let name = &create.name;
    if create.if_not_exists && db.id(&name.schema, &name.name).is_some() {
        return Ok(());
    }
    let collation = schema_collation(db, &name.schema, &create.context)?;
    let def = match (create.define(&collation)?, &create.body) {
        (Some(def), _) => def,
        (None, CreateBody::Like(other)) => like(def_of(db, existing(db, other)?)?, name),
        (None, CreateBody::Defined(_)) => return Ok(()),
    };
    let id = db.create_table(arena, def)?;
    if let Some(next) = create.auto_increment() {
        db.set_auto_increment(arena, id, next);
    }
    Ok(())
}

fn def_of(db: &Database, id: TableId) -> Result<&Arc<TableDef>, DdlError> {
    let gone = || SqlError::NoSuchTable {
        schema: String::new(),
        table: format!("#{}", id.0),
    };
    Ok(db.table(id).ok_or_else(gone)?.def())
}

fn rename(
    db: &mut Database,
    arena: &mut Arena,
    from: &TableName,
    to: &TableName,
) -> Result<(), DdlError> {
    let id = existing(db, from)?;
    let old = def_of(db, id)?.clone();
    let mut new = (*old).clone();
    alter::rename(&mut new, to);
    let names = |def: &TableDef| {
        def.foreign_keys
            .iter()
            .map(|key| key.name.clone())
            .collect::<Vec<_>>()
    };
    if names(&old) == names(&new) {
        db.rename_table(arena, id, &to.schema, &to.name)?;
    } else {
        db.rebuild(arena, id, new, &in_place(&old))?;
    }
    Ok(())
}

fn in_place(def: &TableDef) -> Vec<ColumnSource> {
    (0..def.columns.len()).map(ColumnSource::Copy).collect()
}

fn alter_table(db: &mut Database, arena: &mut Arena, change: &AlterTable) -> Result<(), DdlError> {
    let id = existing(db, &change.name)?;
    let old = def_of(db, id)?.clone();
    let collation = schema_collation(db, &old.schema, &change.context)?;
    let altered = alter(&old, &change.changes, &collation, &change.context)?;
    let has_rows = db.table(id).is_some_and(|table| !table.is_empty());
    let mut filling = altered.def.clone();
    if has_rows {
        for (column, source) in filling.columns.iter_mut().zip(&altered.sources) {
            fill(column, *source, &old, &change.context)?;
        }
    }
    if altered.def != *old || altered.sources != in_place(&old) {
        let mut rebuilt = db.clone();
        // The rows are written with the values of now; the declaration stays as it was said.
        let differs = filling != altered.def;
        rebuilt.rebuild(arena, id, filling, &altered.sources)?;
        if differs {
            let sources = in_place(&altered.def);
            rebuilt.rebuild(arena, id, altered.def, &sources)?;
        }
        *db = rebuilt;
    }
    if let Some(next) = altered.auto_increment {
        db.set_auto_increment(arena, id, next);
    }
    Ok(())
}

/// The time of now as a column takes it: TIMESTAMP in UTC, DATETIME in the session's time zone.
fn now_in(column: &Column, now_us: u64, ctx: &Context) -> Result<u64, DdlError> {
    if column::is_timestamp(&column.kind) {
        return Ok(now_us);
    }
    match ctx.time_zone.offset_s() {
        Some(offset_s) => Ok(now_us.saturating_add_signed(i64::from(offset_s) * 1_000_000)),
        None => Err(DdlError::unsupported(format!(
            "ADD COLUMN `{}` DEFAULT CURRENT_TIMESTAMP in a time zone that is no offset",
            column.name
        ))),
    }
}

/// Makes a new column's default a literal, so that existing rows can be given it.
fn fill(
    column: &mut Column,
    source: ColumnSource,
    old: &TableDef,
    ctx: &Context,
) -> Result<(), DdlError> {
    let was_generated = match source {
        ColumnSource::Copy(index) => old
            .columns
            .get(index)
            .is_some_and(|c| c.generated.is_some()),
        ColumnSource::Default => false,
    };
    if column.generated.is_some() && !was_generated {
        return Err(DdlError::unsupported(format!(
            "a new generated column (`{}`) in a table with rows",
            column.name
        )));
    }
    match (&column.default, source, ctx.now_us) {
        (ColumnDefault::Expression(_), ColumnSource::Default, _) => {
            let clause = format!(
                "ADD COLUMN `{}` with an expression as DEFAULT, in a table with rows,",
                column.name
            );
            Err(DdlError::unsupported(clause))
        }
        (ColumnDefault::Now, ColumnSource::Default, Some(now_us)) => {
            let mut image = ImageBuilder::default();
            image.start(1);
            push_default_at(column, now_in(column, now_us, ctx)?, &mut image);
            let raw = field(std::slice::from_ref(column), image.image(), 0);
            column.default = ColumnDefault::Literal(raw.map(|raw| {
                let mut text = String::new();
                render(column, raw, &mut text);
                text
            }));
            Ok(())
        }
        (ColumnDefault::Now, ColumnSource::Default, None) => {
            let clause = format!(
                "ADD COLUMN `{}` DEFAULT CURRENT_TIMESTAMP without the statement's time",
                column.name
            );
            Err(DdlError::unsupported(clause))
        }
        _ => Ok(()),
    }
}
