//! Table options (manual, "CREATE TABLE Statement"), in any order, with or without commas and `=`.
//!
//! The engine, the character set and AUTO_INCREMENT are kept; the others change no row and no column.

use super::cursor::Cursor;
use super::{CharsetSpec, ParseError, TableOptions};
use std::sync::Arc;

/// Options whose value is stepped over.
const WITHOUT_EFFECT: &[&str] = &[
    "AUTOEXTEND_SIZE",
    "AVG_ROW_LENGTH",
    "CHECKSUM",
    "COMMENT",
    "COMPRESSION",
    "CONNECTION",
    "DELAY_KEY_WRITE",
    "ENCRYPTION",
    "ENGINE_ATTRIBUTE",
    "INSERT_METHOD",
    "KEY_BLOCK_SIZE",
    "MAX_ROWS",
    "MIN_ROWS",
    "PACK_KEYS",
    "PASSWORD",
    "ROW_FORMAT",
    "SECONDARY_ENGINE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "STATS_AUTO_RECALC",
    "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES",
    "STORAGE",
    "TABLESPACE",
    "TABLE_CHECKSUM",
    "UNION",
];

/// CHARACTER SET [=] x or CHARSET [=] x, if it stands here.
pub(super) fn charset_name(c: &mut Cursor<'_>) -> Result<Option<Arc<str>>, ParseError> {
    if !(c.eat("CHARSET") || c.eat_all(&["CHARACTER", "SET"]) || c.eat_all(&["CHAR", "SET"])) {
        return Ok(None);
    }
    c.eat_symbol('=');
    name_or_string(c, "a character set").map(Some)
}

/// A name that may be written as a string.
pub(super) fn name_or_string(c: &mut Cursor<'_>, what: &str) -> Result<Arc<str>, ParseError> {
    match c.string() {
        Some(text) => Ok(text.into()),
        None => c.name(what),
    }
}

/// [DEFAULT] CHARACTER SET, [DEFAULT] COLLATE: false when none stands here.
pub(super) fn charset_option(
    c: &mut Cursor<'_>,
    out: &mut CharsetSpec,
) -> Result<bool, ParseError> {
    let mark = c.mark();
    c.eat("DEFAULT");
    if let Some(charset) = charset_name(c)? {
        // CHARACTER SET DEFAULT is what holds without the option.
        out.charset = (!charset.eq_ignore_ascii_case("DEFAULT")).then_some(charset);
        return Ok(true);
    }
    if c.eat("COLLATE") {
        c.eat_symbol('=');
        let collation = name_or_string(c, "a collation")?;
        out.collation = (!collation.eq_ignore_ascii_case("DEFAULT")).then_some(collation);
        return Ok(true);
    }
    c.rewind(mark);
    Ok(false)
}

/// One option: false when none stands here.
pub(super) fn table_option(c: &mut Cursor<'_>, out: &mut TableOptions) -> Result<bool, ParseError> {
    if charset_option(c, &mut out.charset)? {
        return Ok(true);
    }
    if c.eat_any(&["ENGINE", "TYPE"]).is_some() {
        c.eat_symbol('=');
        let engine = name_or_string(c, "a storage engine")?;
        out.engine = Some(engine.to_ascii_lowercase().into());
        return Ok(true);
    }
    if c.eat("AUTO_INCREMENT") {
        c.eat_symbol('=');
        out.auto_increment = Some(c.number("the next AUTO_INCREMENT value")?);
        return Ok(true);
    }
    // CREATE TABLE … START TRANSACTION: how 8.0.21 and later log CREATE TABLE … SELECT.
    if c.eat_all(&["START", "TRANSACTION"]) {
        return Ok(true);
    }
    if c.eat_all(&["DATA", "DIRECTORY"]) || c.eat_all(&["INDEX", "DIRECTORY"]) {
        c.eat_symbol('=');
        c.skip_value()?;
        return Ok(true);
    }
    if c.eat_any(WITHOUT_EFFECT).is_some() {
        c.eat_symbol('=');
        c.skip_value()?;
        return Ok(true);
    }
    Ok(false)
}
