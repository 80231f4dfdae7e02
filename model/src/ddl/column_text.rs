//! A column definition: type, attributes, inline keys (manual, "CREATE TABLE Statement").

use super::create_text::{check, references};
use super::cursor::Cursor;
use super::options::{charset_name, name_or_string};
use super::types::data_type;
use super::{ColumnSpec, DefaultSpec, ForeignKeySpec, KeyKind, KeyPartSpec, KeySpec, ParseError};
use crate::schema::Generated;
use std::sync::Arc;

/// A column with what its definition declares beside it.
#[derive(Debug)]
pub(super) struct ColumnText {
    pub column: ColumnSpec,
    /// In order of writing.
    pub keys: Vec<KeySpec>,
    pub foreign_key: Option<ForeignKeySpec>,
}

/// What follows the column's name; `schema` is the table's.
pub(super) fn column(
    c: &mut Cursor<'_>,
    name: Arc<str>,
    schema: &Arc<str>,
) -> Result<ColumnText, ParseError> {
    let ty = data_type(c, &name)?;
    let mut out = ColumnText {
        column: ColumnSpec {
            name: name.clone(),
            kind: ty.kind,
            display: ty.display,
            charset: ty.charset,
            nullable: ty.serial.then_some(false),
            default: None,
            on_update_now: false,
            auto_increment: ty.serial,
            generated: None,
        },
        keys: Vec::new(),
        foreign_key: None,
    };
    if ty.serial {
        out.keys.push(key_on(&name, KeyKind::Unique));
    }
    while attribute(c, &mut out, schema)? {}
    Ok(out)
}

fn attribute(
    c: &mut Cursor<'_>,
    out: &mut ColumnText,
    schema: &Arc<str>,
) -> Result<bool, ParseError> {
    let name = out.column.name.clone();
    let column = &mut out.column;
    if c.eat_all(&["NOT", "SECONDARY"]) {
    } else if c.eat_all(&["NOT", "NULL"]) {
        column.nullable = Some(false);
    } else if c.eat("NULL") {
        column.nullable = Some(true);
    } else if c.eat("DEFAULT") {
        column.default = Some(default_value(c)?);
    } else if c.eat_all(&["ON", "UPDATE"]) {
        if !now(c)? {
            return c.expected("CURRENT_TIMESTAMP");
        }
        column.on_update_now = true;
    } else if c.eat("AUTO_INCREMENT") {
        column.auto_increment = true;
    } else if c.eat_all(&["SERIAL", "DEFAULT", "VALUE"]) {
        column.auto_increment = true;
        column.nullable = Some(false);
        out.keys.push(key_on(&name, KeyKind::Unique));
    } else if c.eat("UNIQUE") {
        c.eat("KEY");
        out.keys.push(key_on(&name, KeyKind::Unique));
    } else if c.eat_all(&["PRIMARY", "KEY"]) || c.eat_all(&["PRIMARY"]) || c.eat("KEY") {
        out.keys.push(key_on(&name, KeyKind::Primary));
    } else if c.eat("COMMENT") {
        if c.string().is_none() {
            return c.expected("the comment, quoted");
        }
    } else if c.eat("COLLATE") {
        c.eat_symbol('=');
        column.charset.collation = Some(name_or_string(c, "a collation")?);
    } else if let Some(charset) = charset_name(c)? {
        column.charset.charset = Some(charset);
    } else if c
        .eat_any(&["COLUMN_FORMAT", "STORAGE", "SRID", "REF_SYSTEM_ID"])
        .is_some()
        || c.eat_any(&["ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"])
            .is_some()
    {
        c.eat_symbol('=');
        c.skip_value()?;
    } else if c.eat_any(&["VISIBLE", "INVISIBLE"]).is_some() {
    } else if c.eat_all(&["GENERATED", "ALWAYS", "AS"]) || c.eat("AS") {
        c.parenthesised()?;
        column.generated = Some(match c.eat_any(&["VIRTUAL", "STORED", "PERSISTENT"]) {
            Some("STORED" | "PERSISTENT") => Generated::Stored,
            _ => Generated::Virtual,
        });
    } else if c.is("REFERENCES") {
        // Before 9.0, REFERENCES in a column's definition was read and forgotten.
        out.foreign_key =
            references(c, None, vec![name], schema)?.filter(|_| c.ctx.version.at_least(90000));
    } else if c.is("CHECK") || c.is("CONSTRAINT") {
        if c.eat("CONSTRAINT") && !c.is("CHECK") {
            c.name("the constraint's name")?;
        }
        check(c)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn key_on(column: &Arc<str>, kind: KeyKind) -> KeySpec {
    let part = KeyPartSpec {
        column: Some(column.clone()),
        prefix: None,
    };
    KeySpec {
        kind,
        name: None,
        parts: vec![part],
        for_foreign_key: false,
    }
}

/// CURRENT_TIMESTAMP and its synonyms, with `(n)` or `()`.
fn now(c: &mut Cursor<'_>) -> Result<bool, ParseError> {
    if c.eat_any(&["CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"])
        .is_none()
    {
        return Ok(false);
    }
    if c.is_symbol('(') {
        c.parenthesised()?;
    }
    Ok(true)
}

/// What follows DEFAULT.
pub(super) fn default_value(c: &mut Cursor<'_>) -> Result<DefaultSpec, ParseError> {
    if now(c)? {
        return Ok(DefaultSpec::Now);
    }
    if c.is_symbol('(') {
        let mark = c.mark();
        let text = c.parenthesised()?.to_owned();
        let after = c.mark();
        c.rewind(mark);
        c.skip();
        // A literal in parentheses is as good as one without.
        if let Ok(Some(literal)) = literal(c)
            && c.eat_symbol(')')
            && c.mark() == after
        {
            return Ok(literal);
        }
        c.rewind(after);
        return Ok(DefaultSpec::Expression(text));
    }
    match literal(c)? {
        Some(literal) => Ok(literal),
        None => c.expected("a default value"),
    }
}

fn literal(c: &mut Cursor<'_>) -> Result<Option<DefaultSpec>, ParseError> {
    if c.eat("NULL") {
        return Ok(Some(DefaultSpec::Null));
    }
    match c.eat_any(&["TRUE", "FALSE"]) {
        Some("TRUE") => return Ok(Some(DefaultSpec::Number("1".to_owned()))),
        Some(_) => return Ok(Some(DefaultSpec::Number("0".to_owned()))),
        None => {}
    }
    // DATE '2020-01-01'.
    let mark = c.mark();
    if c.eat_any(&["DATE", "TIME", "TIMESTAMP"]).is_some() {
        match c.string() {
            Some(text) => return Ok(Some(DefaultSpec::Text(text))),
            None => c.rewind(mark),
        }
    }
    if let Some(text) = c.string() {
        return Ok(Some(DefaultSpec::Text(text)));
    }
    if let Some(bytes) = c.bytes() {
        return Ok(Some(DefaultSpec::Bytes(bytes)));
    }
    let negative = c.eat_symbol('-');
    if !negative {
        c.eat_symbol('+');
    }
    match c.number_text() {
        Some(number) => Ok(Some(DefaultSpec::Number(format!(
            "{}{number}",
            if negative { "-" } else { "" }
        )))),
        None if negative => c.expected("a number"),
        None => Ok(None),
    }
}
