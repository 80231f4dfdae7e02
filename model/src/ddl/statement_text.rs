//! Which statement a text is, and those that need no more than a few names.

use super::account_text::password;
use super::alter_text::{alter_table, create_index, drop_index};
use super::charset::{by_name, default_of, of_server};
use super::create_text::create_table;
use super::cursor::Cursor;
use super::event_text::event;
use super::lex::{Lexer, What};
use super::options::charset_option;
use super::{CharsetSpec, Context, DdlError, KeyKind, ParseError, Statement};
use crate::schema::Collation;
use std::ops::Range;

/// Statements that change rows in a way that only a server can follow.
const DML: &[&str] = &[
    "BINLOG", "CALL", "DELETE", "DO", "HANDLER", "IMPORT", "INSERT", "LOAD", "REPLACE", "SELECT",
    "TABLE", "UPDATE", "VALUES", "WITH",
];

/// Statements of transactions.
const TRANSACTION: &[&str] = &["BEGIN", "COMMIT", "ROLLBACK", "RELEASE", "SAVEPOINT", "XA"];

/// Statements that leave rows, columns and keys as they are, whatever follows.
const HARMLESS: &[&str] = &[
    "ANALYZE",
    "CACHE",
    "CHANGE",
    "CHECK",
    "CHECKSUM",
    "CLONE",
    "DEALLOCATE",
    "DELIMITER",
    "DESC",
    "DESCRIBE",
    "EXECUTE",
    "EXPLAIN",
    "FLUSH",
    "GET",
    "GRANT",
    "HELP",
    "INSTALL",
    "KILL",
    "LOCK",
    "OPTIMIZE",
    "PREPARE",
    "PURGE",
    "REPAIR",
    "RESET",
    "RESIGNAL",
    "RESTART",
    "REVOKE",
    "SET",
    "SHOW",
    "SHUTDOWN",
    "SIGNAL",
    "STOP",
    "UNINSTALL",
    "UNLOCK",
];

/// Objects whose CREATE, ALTER and DROP leave tables as they are.
const OBJECTS: &[&str] = &[
    "EVENT",
    "FUNCTION",
    "INSTANCE",
    "LIBRARY",
    "LOGFILE",
    "PREPARE",
    "PROCEDURE",
    "RESOURCE",
    "ROLE",
    "SERVER",
    "SPATIAL",
    "TABLESPACE",
    "TRIGGER",
    "UNDO",
    "USER",
    "VIEW",
];

/// One statement, a semicolon behind it allowed.
///
/// # Errors
/// With the place in `sql`: what is not MySQL's grammar, and what cannot be followed
/// ([`DdlError::Unsupported`] names the clause).
pub fn parse(sql: &str, ctx: &Context) -> Result<Statement, ParseError> {
    parse_range(sql, 0..sql.len(), ctx)
}

/// The statement in a range of a text; errors have their place in the whole text.
pub(super) fn parse_range(
    text: &str,
    range: Range<usize>,
    ctx: &Context,
) -> Result<Statement, ParseError> {
    // The first word decides for the most frequent texts, and data is not worth reading any further.
    let first = Lexer::new(text, range.clone(), ctx).next()?;
    if let Some(What::Word(word)) = first.as_ref().map(|t| &t.what) {
        let among = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
        if among(TRANSACTION) {
            return Ok(Statement::Transaction {
                verb: word.to_ascii_uppercase(),
            });
        }
        if among(DML) {
            return Ok(Statement::Dml {
                verb: word.to_ascii_uppercase(),
            });
        }
        if among(HARMLESS) && !is_password(text, range.clone(), ctx)? {
            return Ok(Statement::Ignored {
                what: word.to_ascii_uppercase(),
            });
        }
    }
    let mut c = Cursor::new(text, range, ctx)?;
    let statement = statement(&mut c)?;
    c.end()?;
    Ok(statement)
}

/// Whether a text begins with SET PASSWORD.
fn is_password(text: &str, range: Range<usize>, ctx: &Context) -> Result<bool, ParseError> {
    let mut lexer = Lexer::new(text, range, ctx);
    for word in ["SET", "PASSWORD"] {
        match lexer.next()?.map(|token| token.what) {
            Some(What::Word(w)) if w.eq_ignore_ascii_case(word) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn statement(c: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    if c.is_end() || c.is_symbol(';') {
        return Ok(Statement::Ignored {
            what: "comment".to_owned(),
        });
    }
    if c.is_symbol('(') {
        c.skip_rest();
        return Ok(Statement::Dml {
            verb: "SELECT".to_owned(),
        });
    }
    if c.eat("CREATE") {
        return create(c);
    }
    if c.eat("ALTER") {
        return alter(c);
    }
    if c.eat("DROP") {
        return drop_object(c);
    }
    if c.eat("RENAME") {
        return rename(c);
    }
    if c.eat("TRUNCATE") {
        c.eat("TABLE");
        return Ok(Statement::Truncate(c.table()?));
    }
    if c.eat("SET") {
        return Ok(match password(c) {
            Some(password) => password,
            None => {
                c.skip_rest();
                let what = "SET".to_owned();
                Statement::Ignored { what }
            }
        });
    }
    if c.eat("USE") {
        return Ok(Statement::Use(c.name("a schema's name")?));
    }
    if c.eat("START") {
        let transaction = c.is("TRANSACTION");
        c.skip_rest();
        let word = "START".to_owned();
        return Ok(if transaction {
            Statement::Transaction { verb: word }
        } else {
            Statement::Ignored { what: word }
        });
    }
    c.expected("a statement of MySQL")
}

fn create(c: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let from = c.mark();
    c.eat_all(&["OR", "REPLACE"]);
    let temporary = c.eat("TEMPORARY");
    if c.eat("TABLE") {
        return create_table(c, temporary);
    }
    if c.eat_any(&["DATABASE", "SCHEMA"]).is_some() {
        let if_not_exists = c.eat_all(&["IF", "NOT", "EXISTS"]);
        let name = c.name("a schema's name")?;
        let collation = match schema_collation(c)? {
            Some(collation) => collation,
            None => c.here(of_server(c.ctx))?,
        };
        return Ok(Statement::CreateSchema {
            name,
            if_not_exists,
            collation,
        });
    }
    c.eat_any(&["ONLINE", "OFFLINE"]);
    for (word, kind) in [
        ("UNIQUE", KeyKind::Unique),
        ("FULLTEXT", KeyKind::Plain),
        ("SPATIAL", KeyKind::Plain),
    ] {
        if c.is(word) && c.is_ahead(1, "INDEX") {
            c.eat_all(&[word, "INDEX"]);
            return create_index(c, kind);
        }
    }
    if c.eat("INDEX") {
        return create_index(c, KeyKind::Plain);
    }
    if c.is("EXTERNAL") && c.is_ahead(1, "TABLE") {
        return c.unsupported("CREATE EXTERNAL TABLE");
    }
    c.rewind(from);
    object(c, "CREATE")
}

fn alter(c: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let from = c.mark();
    while c.eat_any(&["ONLINE", "OFFLINE", "IGNORE"]).is_some() {}
    if c.eat("TABLE") {
        return alter_table(c);
    }
    if c.eat_any(&["DATABASE", "SCHEMA"]).is_some() {
        let starts_option = c.is_any(&[
            "DEFAULT",
            "CHARACTER",
            "CHARSET",
            "COLLATE",
            "ENCRYPTION",
            "READ",
        ]);
        let name = match (&c.ctx.default_schema, starts_option) {
            (Some(schema), true) => schema.clone(),
            (None, true) => return c.fail(DdlError::NoSchema),
            (_, false) => c.name("a schema's name")?,
        };
        if c.eat_all(&["UPGRADE", "DATA", "DIRECTORY", "NAME"]) {
            return Ok(Statement::AlterSchema {
                name,
                collation: None,
            });
        }
        let collation = schema_collation(c)?;
        return Ok(Statement::AlterSchema { name, collation });
    }
    c.rewind(from);
    match password(c) {
        Some(password) => Ok(password),
        None => object(c, "ALTER"),
    }
}

fn drop_object(c: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let temporary = c.eat("TEMPORARY");
    if c.eat_any(&["TABLE", "TABLES"]).is_some() {
        let if_exists = c.eat_all(&["IF", "EXISTS"]);
        let mut names = vec![c.table()?];
        while c.eat_symbol(',') {
            names.push(c.table()?);
        }
        c.eat_any(&["RESTRICT", "CASCADE"]);
        if temporary {
            return Ok(Statement::Ignored {
                what: "DROP TEMPORARY TABLE".to_owned(),
            });
        }
        let atomic = c.ctx.version.at_least(80000);
        return Ok(Statement::DropTables {
            names,
            if_exists,
            atomic,
        });
    }
    if c.eat_any(&["DATABASE", "SCHEMA"]).is_some() {
        let if_exists = c.eat_all(&["IF", "EXISTS"]);
        return Ok(Statement::DropSchema {
            name: c.name("a schema's name")?,
            if_exists,
        });
    }
    c.eat_any(&["ONLINE", "OFFLINE"]);
    if c.eat("INDEX") {
        return drop_index(c);
    }
    object(c, "DROP")
}

fn rename(c: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    if c.is("USER") {
        return object(c, "RENAME");
    }
    if c.eat_any(&["TABLE", "TABLES"]).is_none() {
        return c.expected("TABLE or USER");
    }
    let mut pairs = Vec::new();
    loop {
        let from = c.table()?;
        c.expect("TO")?;
        pairs.push((from, c.table()?));
        if !c.eat_symbol(',') {
            return Ok(Statement::RenameTables(pairs));
        }
    }
}

/// A view, a trigger, a user …: past DEFINER and its like, the first word that names a kind of object.
fn object(c: &mut Cursor<'_>, verb: &str) -> Result<Statement, ParseError> {
    let start = c.mark();
    if let Some(event) = event(c, verb) {
        return Ok(event);
    }
    while !c.is_end() {
        if let Some(kind) = c.eat_any(OBJECTS) {
            c.skip_rest();
            return Ok(Statement::Ignored {
                what: format!("{verb} {kind}"),
            });
        }
        let modifier = c
            .eat_any(&[
                "OR",
                "REPLACE",
                "AGGREGATE",
                "IF",
                "NOT",
                "EXISTS",
                "MATERIALIZED",
            ])
            .is_some();
        if modifier {
        } else if c.eat_any(&["ALGORITHM", "DEFINER"]).is_some() {
            c.eat_symbol('=');
            c.skip();
            if c.eat_symbol('@') {
                c.skip();
            } else if c.is_symbol('(') {
                c.parenthesised()?;
            }
        } else if c.eat_all(&["SQL", "SECURITY"]) {
            c.skip();
        } else {
            break;
        }
    }
    c.rewind(start);
    c.expected(&format!("something that {verb} can be used with"))
}

/// [DEFAULT] CHARACTER SET, COLLATE, ENCRYPTION, READ ONLY: the collation, if one is said.
fn schema_collation(c: &mut Cursor<'_>) -> Result<Option<Collation>, ParseError> {
    let mut said = CharsetSpec::default();
    loop {
        let mark = c.mark();
        if charset_option(c, &mut said)? {
            continue;
        }
        c.eat("DEFAULT");
        if c.eat("ENCRYPTION") || c.eat_all(&["READ", "ONLY"]) {
            c.eat_symbol('=');
            c.skip_value()?;
        } else {
            c.rewind(mark);
            break;
        }
    }
    let collation = match (&said.charset, &said.collation) {
        (_, Some(name)) => by_name(name),
        (Some(charset), None) => default_of(charset, c.ctx),
        (None, None) => return Ok(None),
    };
    c.here(collation).map(Some)
}
