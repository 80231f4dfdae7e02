//! Whole statements, from text to declarations.

mod alterations;
mod applied;
mod effort;
mod events;
mod mutations;
mod real_world;
mod statements;

use super::*;
use crate::database::ColumnSource;
use crate::schema::{
    Collation, Column, ColumnKind, Default as ColumnDefault, Generated, Referential, TableDef,
};
use std::fmt::Write;

fn session(version: u32) -> Context {
    Context {
        version: Version(version),
        default_schema: Some("app".into()),
        ..Context::default()
    }
}

fn utf8mb4(ctx: &Context) -> Collation {
    charset::default_of("utf8mb4", ctx).unwrap()
}

/// The table that a CREATE TABLE makes in a schema of utf8mb4.
fn table_of(sql: &str, ctx: &Context) -> TableDef {
    match parse(sql, ctx) {
        Ok(Statement::CreateTable(create)) => {
            create.define(&utf8mb4(ctx)).unwrap().expect("columns")
        }
        other => panic!("{sql}: {other:?}"),
    }
}

fn altered(def: &TableDef, sql: &str, ctx: &Context) -> Result<Altered, DdlError> {
    match parse(sql, ctx) {
        Ok(Statement::AlterTable(change)) => alter(def, &change.changes, &utf8mb4(ctx), ctx),
        other => panic!("{sql}: {other:?}"),
    }
}

fn kind(column: &Column) -> String {
    let sign = |unsigned: bool| if unsigned { " unsigned" } else { "" };
    let members = |members: &[String]| members.join("|");
    match &column.kind {
        ColumnKind::Int { bytes, unsigned } => format!("int{bytes}{}", sign(*unsigned)),
        ColumnKind::Float => "float".into(),
        ColumnKind::Double => "double".into(),
        ColumnKind::Decimal {
            precision,
            scale,
            unsigned,
        } => format!("decimal({precision},{scale}){}", sign(*unsigned)),
        ColumnKind::Bit { bits } => format!("bit({bits})"),
        ColumnKind::Year => "year".into(),
        ColumnKind::Date => "date".into(),
        ColumnKind::Time { fsp } => format!("time({fsp})"),
        ColumnKind::DateTime { fsp } => format!("datetime({fsp})"),
        ColumnKind::Timestamp { fsp } => format!("timestamp({fsp})"),
        ColumnKind::OldTime => "old time".into(),
        ColumnKind::OldDateTime => "old datetime".into(),
        ColumnKind::OldTimestamp => "old timestamp".into(),
        ColumnKind::Char { max_bytes } => format!("char({max_bytes})"),
        ColumnKind::Varchar { max_bytes } => format!("varchar({max_bytes})"),
        ColumnKind::Binary { bytes } => format!("binary({bytes})"),
        ColumnKind::Varbinary { max_bytes } => format!("varbinary({max_bytes})"),
        ColumnKind::Text { length_bytes } => format!("text{length_bytes}"),
        ColumnKind::Blob { length_bytes } => format!("blob{length_bytes}"),
        ColumnKind::Enum { members: m, bytes } => format!("enum{bytes}({})", members(m)),
        ColumnKind::Set { members: m, bytes } => format!("set{bytes}({})", members(m)),
        ColumnKind::Json => "json".into(),
        ColumnKind::Geometry { length_bytes } => format!("geometry{length_bytes}"),
        ColumnKind::Vector {
            length_bytes,
            dimension,
        } => format!("vector{length_bytes}({dimension})"),
    }
}

fn column(column: &Column) -> String {
    let mut out = format!("{} {}", column.name, kind(column));
    if let Some(collation) = &column.collation {
        write!(out, " {}", collation.name).unwrap();
    }
    if !column.nullable {
        out.push_str(" !");
    }
    match &column.default {
        ColumnDefault::Implicit => {}
        ColumnDefault::Literal(None) => out.push_str(" =NULL"),
        ColumnDefault::Literal(Some(text)) => write!(out, " ='{text}'").unwrap(),
        ColumnDefault::Now => out.push_str(" =now"),
        ColumnDefault::Expression(text) => write!(out, " =({text})").unwrap(),
    }
    if column.auto_increment {
        out.push_str(" auto");
    }
    match column.generated {
        Some(Generated::Virtual) => out.push_str(" virtual"),
        Some(Generated::Stored) => out.push_str(" stored"),
        None => {}
    }
    out
}

/// A table in one line: `schema.table engine collation: columns; keys; foreign keys`. `!` is NOT NULL.
fn show(def: &TableDef) -> String {
    let columns: Vec<String> = def.columns.iter().map(column).collect();
    let mut out = format!(
        "{} {} {}: {}",
        def.full_name(),
        def.engine,
        def.collation.name,
        columns.join(", ")
    );
    let name = |c: &usize| def.columns[*c].name.to_string();
    for key in def.primary.iter().chain(&def.uniques) {
        let part = |p: &crate::schema::KeyPart| {
            name(&p.column) + &p.prefix.map_or(String::new(), |n| format!("({n})"))
        };
        let parts: Vec<String> = key.parts.iter().map(part).collect();
        write!(out, "; {}={}", key.name, parts.join("+")).unwrap();
    }
    for key in &def.indexes {
        let parts: Vec<String> = key.columns.iter().map(name).collect();
        write!(out, "; [{}={}]", key.name, parts.join("+")).unwrap();
    }
    for key in &def.foreign_keys {
        let columns: Vec<String> = key.columns.iter().map(name).collect();
        let action = |a| match a {
            Referential::Restrict => "restrict",
            Referential::Cascade => "cascade",
            Referential::SetNull => "set null",
        };
        let parent = format!(
            "{}.{}({})",
            key.parent_schema,
            key.parent_table,
            key.parent_columns.join("+")
        );
        let (delete, update) = (action(key.on_delete), action(key.on_update));
        write!(
            out,
            "; {}: {} -> {parent} {delete}/{update}",
            key.name,
            columns.join("+")
        )
        .unwrap();
    }
    out
}
