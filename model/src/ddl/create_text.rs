//! CREATE TABLE and the definitions inside its parentheses (manual, "CREATE TABLE Statement" and
//! "FOREIGN KEY Constraints").

use super::column_text;
use super::cursor::Cursor;
use super::options::table_option;
use super::{
    CreateBody, CreateTable, DdlError, ForeignKeySpec, KeyKind, KeyPartSpec, KeySpec, ParseError,
    Statement, TableSpec,
};
use crate::schema::Referential;
use std::sync::Arc;

/// What follows CREATE [TEMPORARY] TABLE.
pub(super) fn create_table(c: &mut Cursor<'_>, temporary: bool) -> Result<Statement, ParseError> {
    let if_not_exists = c.eat_all(&["IF", "NOT", "EXISTS"]);
    let name = c.table()?;
    if temporary {
        c.skip_rest();
        return Ok(Statement::Ignored {
            what: "CREATE TEMPORARY TABLE".to_owned(),
        });
    }
    let created = |body, c: &Cursor<'_>| {
        let context = c.ctx.clone();
        Statement::CreateTable(Box::new(CreateTable {
            name: name.clone(),
            if_not_exists,
            body,
            context,
        }))
    };
    let in_parentheses = c.is_symbol('(') && c.is_ahead(1, "LIKE");
    if in_parentheses {
        c.skip();
    }
    if c.eat("LIKE") {
        let like = c.table()?;
        if in_parentheses {
            c.expect_symbol(')')?;
        }
        return Ok(created(CreateBody::Like(like), c));
    }
    let mut spec = TableSpec::default();
    let is_select = |c: &Cursor<'_>| {
        c.is_any(&[
            "SELECT", "AS", "IGNORE", "REPLACE", "WITH", "TABLE", "VALUES",
        ])
    };
    if c.is_symbol('(') && !c.is_ahead(1, "SELECT") {
        c.skip();
        loop {
            element(c, &mut spec, &name.schema)?;
            if !c.eat_symbol(',') {
                break;
            }
        }
        if !c.is_symbol(')') {
            return c.expected("`,` or `)` after the definition of a column or key");
        }
        c.skip();
    }
    loop {
        c.eat_symbol(',');
        if !table_option(c, &mut spec.options)? {
            break;
        }
    }
    if c.is("PARTITION") {
        // Partitions say where rows lie, never which.
        if c.rest_has("SELECT") {
            return c.unsupported("CREATE TABLE … SELECT");
        }
        c.skip_rest();
    }
    if is_select(c) || c.is_symbol('(') {
        return c.unsupported("CREATE TABLE … SELECT");
    }
    if spec.columns.is_empty() {
        return c.expected("the table's columns in parentheses");
    }
    Ok(created(CreateBody::Defined(spec), c))
}

/// A column, a key or a constraint.
fn element(c: &mut Cursor<'_>, spec: &mut TableSpec, schema: &Arc<str>) -> Result<(), ParseError> {
    match key_or_constraint(c, schema)? {
        Some(Constraint::Key(key)) => spec.keys.push(key),
        Some(Constraint::Foreign(foreign, key)) => {
            spec.foreign_keys.push(foreign);
            spec.keys.push(key);
        }
        Some(Constraint::Check) => {}
        None => {
            let name = c.column()?;
            let text = column_text::column(c, name, schema)?;
            spec.columns.push(text.column);
            spec.keys.extend(text.keys);
            if let Some(foreign) = text.foreign_key {
                spec.keys.push(key_for(&foreign, None));
                spec.foreign_keys.push(foreign);
            }
        }
    }
    Ok(())
}

/// What a definition that is not a column declares.
#[derive(Debug)]
pub(super) enum Constraint {
    Key(KeySpec),
    Foreign(ForeignKeySpec, KeySpec),
    Check,
}

/// A key or a constraint, if one begins here; `schema` is the table's.
pub(super) fn key_or_constraint(
    c: &mut Cursor<'_>,
    schema: &Arc<str>,
) -> Result<Option<Constraint>, ParseError> {
    let mut constraint = None;
    if c.eat("CONSTRAINT") {
        if !c.is_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]) {
            constraint = Some(c.name("the constraint's name")?);
        }
        if !c.is_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]) {
            return c.expected("PRIMARY KEY, UNIQUE, FOREIGN KEY or CHECK");
        }
    }
    if c.is("CHECK") {
        check(c)?;
        return Ok(Some(Constraint::Check));
    }
    if c.eat_all(&["FOREIGN", "KEY"]) {
        let index = if c.is_symbol('(') {
            None
        } else {
            Some(c.name("the index's name")?)
        };
        let columns = names(c)?;
        // The constraint's name, else the index's, names the key (server: grammar of FOREIGN KEY).
        let key_name = constraint.clone().or(index);
        let Some(foreign) = references(c, constraint, columns, schema)? else {
            return c.expected("REFERENCES");
        };
        let key = key_for(&foreign, key_name);
        return Ok(Some(Constraint::Foreign(foreign, key)));
    }
    let kind = if c.eat_all(&["PRIMARY", "KEY"]) {
        KeyKind::Primary
    } else if c.eat("UNIQUE") {
        c.eat_any(&["KEY", "INDEX"]);
        KeyKind::Unique
    } else if c.eat_any(&["FULLTEXT", "SPATIAL"]).is_some() {
        c.eat_any(&["KEY", "INDEX"]);
        KeyKind::Plain
    } else if c.eat_any(&["KEY", "INDEX"]).is_some() {
        KeyKind::Plain
    } else {
        return Ok(None);
    };
    Ok(Some(Constraint::Key(key(c, kind, constraint)?)))
}

/// What follows the words that say what kind of key: name, type, parts, options.
fn key(
    c: &mut Cursor<'_>,
    kind: KeyKind,
    constraint: Option<Arc<str>>,
) -> Result<KeySpec, ParseError> {
    let mut name = None;
    let is_type = c.is_any(&["USING", "TYPE"]) && c.is_any_ahead(1, &["BTREE", "HASH", "RTREE"]);
    if !is_type && !c.is_symbol('(') {
        name = Some(c.name("the key's name or `(`")?);
    }
    index_options(c)?;
    let parts = key_parts(c, kind)?;
    index_options(c)?;
    Ok(KeySpec {
        kind,
        name: name.or(constraint),
        parts,
        for_foreign_key: false,
    })
}

/// `(a, b(10) DESC, (expression))`.
pub(super) fn key_parts(c: &mut Cursor<'_>, kind: KeyKind) -> Result<Vec<KeyPartSpec>, ParseError> {
    c.expect_symbol('(')?;
    let mut parts = Vec::new();
    loop {
        if c.is_symbol('(') {
            if kind != KeyKind::Plain {
                return c.unsupported("a unique key on an expression");
            }
            c.parenthesised()?;
            parts.push(KeyPartSpec {
                column: None,
                prefix: None,
            });
        } else {
            let column = Some(c.column()?);
            let mut prefix = None;
            if c.eat_symbol('(') {
                let length = c.number("a prefix length")?;
                prefix = u32::try_from(length).ok().filter(|&n| n > 0);
                if prefix.is_none() {
                    return c.expected("a prefix length");
                }
                c.expect_symbol(')')?;
            }
            parts.push(KeyPartSpec { column, prefix });
        }
        c.eat_any(&["ASC", "DESC"]);
        if !c.eat_symbol(',') {
            break;
        }
    }
    c.expect_symbol(')')?;
    Ok(parts)
}

/// USING BTREE, KEY_BLOCK_SIZE, WITH PARSER, COMMENT, VISIBLE …: none changes what a key means.
pub(super) fn index_options(c: &mut Cursor<'_>) -> Result<(), ParseError> {
    loop {
        if c.eat_any(&["USING", "TYPE"]).is_some() || c.eat_all(&["WITH", "PARSER"]) {
            c.name("the index type")?;
        } else if c
            .eat_any(&[
                "KEY_BLOCK_SIZE",
                "COMMENT",
                "ENGINE_ATTRIBUTE",
                "SECONDARY_ENGINE_ATTRIBUTE",
            ])
            .is_some()
        {
            c.eat_symbol('=');
            c.skip_value()?;
        } else if c.eat_any(&["VISIBLE", "INVISIBLE"]).is_none() {
            return Ok(());
        }
    }
}

/// `(a, b)`, where prefix lengths and directions mean nothing.
fn names(c: &mut Cursor<'_>) -> Result<Vec<Arc<str>>, ParseError> {
    let parts = key_parts(c, KeyKind::Unique)?;
    Ok(parts.into_iter().filter_map(|p| p.column).collect())
}

/// REFERENCES parent (columns) ON DELETE … ON UPDATE …, if it stands here.
pub(super) fn references(
    c: &mut Cursor<'_>,
    name: Option<Arc<str>>,
    columns: Vec<Arc<str>>,
    schema: &Arc<str>,
) -> Result<Option<ForeignKeySpec>, ParseError> {
    if !c.eat("REFERENCES") {
        return Ok(None);
    }
    let parent = c.table_in(Some(schema))?;
    let parent_columns = if c.is_symbol('(') {
        names(c)?
    } else {
        columns.clone()
    };
    if parent_columns.len() != columns.len() {
        let name = name
            .as_deref()
            .unwrap_or("foreign key without name")
            .to_owned();
        return c.fail(DdlError::ForeignKeyColumns(name));
    }
    let (mut on_delete, mut on_update) = (Referential::Restrict, Referential::Restrict);
    loop {
        if c.eat("MATCH") {
            c.name("FULL, PARTIAL or SIMPLE")?;
        } else if c.eat_all(&["ON", "DELETE"]) {
            on_delete = action(c)?;
        } else if c.is("ON")
            && c.is_ahead(1, "UPDATE")
            && !c.is_any_ahead(2, &["CURRENT_TIMESTAMP", "NOW"])
        {
            c.eat_all(&["ON", "UPDATE"]);
            on_update = action(c)?;
        } else {
            break;
        }
    }
    Ok(Some(ForeignKeySpec {
        name,
        columns,
        parent,
        parent_columns,
        on_delete,
        on_update,
    }))
}

fn action(c: &mut Cursor<'_>) -> Result<Referential, ParseError> {
    if c.eat("CASCADE") {
        Ok(Referential::Cascade)
    } else if c.eat_all(&["SET", "NULL"]) {
        Ok(Referential::SetNull)
    } else if c.eat("RESTRICT") || c.eat_all(&["NO", "ACTION"]) || c.eat_all(&["SET", "DEFAULT"]) {
        // InnoDB refuses SET DEFAULT; where it was accepted, it does nothing.
        Ok(Referential::Restrict)
    } else {
        c.expected("CASCADE, SET NULL, RESTRICT or NO ACTION")
    }
}

/// The key on the child's columns that every foreign key needs.
pub(super) fn key_for(foreign: &ForeignKeySpec, name: Option<Arc<str>>) -> KeySpec {
    let part = |column: &Arc<str>| KeyPartSpec {
        column: Some(column.clone()),
        prefix: None,
    };
    let parts = foreign.columns.iter().map(part).collect();
    KeySpec {
        kind: KeyKind::Plain,
        name,
        parts,
        for_foreign_key: true,
    }
}

/// CHECK (…) [[NOT] ENFORCED].
pub(super) fn check(c: &mut Cursor<'_>) -> Result<(), ParseError> {
    c.expect("CHECK")?;
    c.parenthesised()?;
    if !c.eat("ENFORCED") {
        c.eat_all(&["NOT", "ENFORCED"]);
    }
    Ok(())
}
