//! ALTER TABLE, CREATE INDEX and DROP INDEX (manual, "ALTER TABLE Statement").

use super::column_text::{self, default_value};
use super::create_text::{self, Constraint, index_options, key_or_constraint, key_parts};
use super::cursor::Cursor;
use super::options::{charset_option, table_option};
use super::{
    AlterChange, AlterTable, CharsetSpec, ColumnSpec, KeyKind, KeySpec, ParseError, Position,
    Statement, TableName, TableOptions,
};
use std::sync::Arc;

/// Words that begin a change; after a comma, they end a list of columns in ORDER BY.
const VERBS: &[&str] = &[
    "ADD",
    "ALGORITHM",
    "ALTER",
    "CHANGE",
    "CONVERT",
    "DEFAULT",
    "DISABLE",
    "DROP",
    "ENABLE",
    "ENGINE",
    "FORCE",
    "LOCK",
    "MODIFY",
    "RENAME",
];

/// What follows ALTER TABLE.
pub(super) fn alter_table(c: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let name = c.table()?;
    let mut changes = Vec::new();
    while !c.is_end() && !c.is_symbol(';') {
        let reorders = c.is("REMOVE") || c.is("PARTITION") && c.is_ahead(1, "BY");
        if partitions(c)? {
            changes.extend(reorders.then_some(AlterChange::Reorder));
            break;
        }
        change(c, &name, &mut changes)?;
        if !c.eat_symbol(',')
            && !c.is_end()
            && !c.is_symbol(';')
            && !c.is_any(&["PARTITION", "REMOVE"])
        {
            return c.expected("`,` or the end of the statement");
        }
    }
    Ok(altered(c, name, changes))
}

/// What follows CREATE [UNIQUE|FULLTEXT|SPATIAL] INDEX.
pub(super) fn create_index(c: &mut Cursor<'_>, kind: KeyKind) -> Result<Statement, ParseError> {
    let key = c.name("the index's name")?;
    index_options(c)?;
    c.expect("ON")?;
    let table = c.table()?;
    let parts = key_parts(c, kind)?;
    index_options(c)?;
    while lock_or_algorithm(c)? {}
    let key = KeySpec {
        kind,
        name: Some(key),
        parts,
        for_foreign_key: false,
    };
    Ok(altered(c, table, vec![AlterChange::AddKey(key)]))
}

/// What follows DROP INDEX.
pub(super) fn drop_index(c: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let key = c.name("the index's name")?;
    c.expect("ON")?;
    let table = c.table()?;
    while lock_or_algorithm(c)? {}
    let change = if key.eq_ignore_ascii_case("PRIMARY") {
        AlterChange::DropPrimaryKey
    } else {
        AlterChange::DropKey(key)
    };
    Ok(altered(c, table, vec![change]))
}

fn altered(c: &Cursor<'_>, name: TableName, changes: Vec<AlterChange>) -> Statement {
    Statement::AlterTable(Box::new(AlterTable {
        name,
        changes,
        context: c.ctx.clone(),
    }))
}

fn lock_or_algorithm(c: &mut Cursor<'_>) -> Result<bool, ParseError> {
    if c.eat_any(&["ALGORITHM", "LOCK"]).is_none() {
        return Ok(false);
    }
    c.eat_symbol('=');
    c.name("a value")?;
    Ok(true)
}

/// PARTITION BY and the changes of partitions: true when one stood here (it is the last).
fn partitions(c: &mut Cursor<'_>) -> Result<bool, ParseError> {
    if c.is_any(&["TRUNCATE", "DROP", "EXCHANGE", "DISCARD", "IMPORT"])
        && c.is_ahead(1, "PARTITION")
    {
        let clause = format!("ALTER TABLE … {} PARTITION", c.word().unwrap_or_default());
        return c.unsupported(&clause);
    }
    let harmless = [
        "ADD",
        "COALESCE",
        "REORGANIZE",
        "ANALYZE",
        "CHECK",
        "OPTIMIZE",
        "REBUILD",
        "REPAIR",
    ];
    let here = c.is("PARTITION")
        || (c.is_any(&harmless) && c.is_ahead(1, "PARTITION"))
        || (c.is("REMOVE") && c.is_ahead(1, "PARTITIONING"))
        || (c.is("UPGRADE") && c.is_ahead(1, "PARTITIONING"))
        || (c.is_any(&["SECONDARY_LOAD", "SECONDARY_UNLOAD"]));
    if here {
        c.skip_rest();
    }
    Ok(here)
}

fn change(
    c: &mut Cursor<'_>,
    table: &TableName,
    out: &mut Vec<AlterChange>,
) -> Result<(), ParseError> {
    if c.eat("ADD") {
        return add(c, table, out);
    }
    if c.eat("DROP") {
        out.extend(drop_change(c)?);
        return Ok(());
    }
    if let Some(verb) = c.eat_any(&["MODIFY", "CHANGE"]) {
        c.eat("COLUMN");
        let old = c.column()?;
        let new = if verb == "CHANGE" {
            c.column()?
        } else {
            old.clone()
        };
        return column(c, new, table, out, |spec, position| {
            AlterChange::ChangeColumn(old, spec, position)
        });
    }
    if c.eat("ALTER") {
        out.extend(alter_part(c)?);
        return Ok(());
    }
    if c.eat("RENAME") {
        out.push(rename(c, table)?);
        return Ok(());
    }
    if c.eat_all(&["CONVERT", "TO"]) {
        let mut charset = CharsetSpec::default();
        if !charset_option(c, &mut charset)? {
            return c.expected("CHARACTER SET");
        }
        while c.is("COLLATE") {
            charset_option(c, &mut charset)?;
        }
        out.push(AlterChange::ConvertTo(charset));
        return Ok(());
    }
    if c.eat_all(&["ORDER", "BY"]) {
        out.push(AlterChange::Reorder);
        return order_by(c);
    }
    if c.is_any(&["DISCARD", "IMPORT"]) && c.is_ahead(1, "TABLESPACE") {
        let clause = format!("ALTER TABLE … {} TABLESPACE", c.word().unwrap_or_default());
        return c.unsupported(&clause);
    }
    if c.eat_all(&["DISABLE", "KEYS"])
        || c.eat_all(&["ENABLE", "KEYS"])
        || c.eat_all(&["WITH", "VALIDATION"])
        || c.eat_all(&["WITHOUT", "VALIDATION"])
        || lock_or_algorithm(c)?
    {
        return Ok(());
    }
    if c.eat("FORCE") {
        out.push(AlterChange::Force);
        return Ok(());
    }
    let rebuilds = c.is_any(&["ROW_FORMAT", "KEY_BLOCK_SIZE"]);
    out.extend(rebuilds.then_some(AlterChange::Force));
    let mut options = TableOptions::default();
    let mut any = false;
    while table_option(c, &mut options)? {
        any = true;
    }
    if !any {
        return c.expected("a change that ALTER TABLE knows");
    }
    out.push(AlterChange::Options(options));
    Ok(())
}

/// What follows ADD.
fn add(
    c: &mut Cursor<'_>,
    table: &TableName,
    out: &mut Vec<AlterChange>,
) -> Result<(), ParseError> {
    if !c.is("COLUMN") {
        match key_or_constraint(c, &table.schema)? {
            Some(Constraint::Key(key)) => {
                out.push(AlterChange::AddKey(key));
                return Ok(());
            }
            Some(Constraint::Foreign(foreign, key)) => {
                out.extend([
                    AlterChange::AddForeignKey(foreign),
                    AlterChange::AddKey(key),
                ]);
                return Ok(());
            }
            Some(Constraint::Check) => return Ok(()),
            None => {}
        }
    }
    c.eat("COLUMN");
    if c.eat_symbol('(') {
        loop {
            match key_or_constraint(c, &table.schema)? {
                Some(Constraint::Key(key)) => out.push(AlterChange::AddKey(key)),
                Some(Constraint::Foreign(foreign, key)) => {
                    out.extend([
                        AlterChange::AddForeignKey(foreign),
                        AlterChange::AddKey(key),
                    ]);
                }
                Some(Constraint::Check) => {}
                None => {
                    let name = c.column()?;
                    column(c, name, table, out, AlterChange::AddColumn)?;
                }
            }
            if !c.eat_symbol(',') {
                break;
            }
        }
        return c.expect_symbol(')');
    }
    let name = c.column()?;
    column(c, name, table, out, AlterChange::AddColumn)
}

/// A column's definition and its position, as the change that `make` makes of them.
fn column(
    c: &mut Cursor<'_>,
    name: Arc<str>,
    table: &TableName,
    out: &mut Vec<AlterChange>,
    make: impl FnOnce(ColumnSpec, Option<Position>) -> AlterChange,
) -> Result<(), ParseError> {
    let text = column_text::column(c, name, &table.schema)?;
    let position = if c.eat("FIRST") {
        Some(Position::First)
    } else if c.eat("AFTER") {
        Some(Position::After(c.column()?))
    } else {
        None
    };
    out.push(make(text.column, position));
    out.extend(text.keys.into_iter().map(AlterChange::AddKey));
    if let Some(foreign) = text.foreign_key {
        let key = create_text::key_for(&foreign, None);
        out.extend([
            AlterChange::AddForeignKey(foreign),
            AlterChange::AddKey(key),
        ]);
    }
    Ok(())
}

/// What follows DROP.
fn drop_change(c: &mut Cursor<'_>) -> Result<Option<AlterChange>, ParseError> {
    if c.eat_all(&["PRIMARY", "KEY"]) {
        return Ok(Some(AlterChange::DropPrimaryKey));
    }
    if c.eat_all(&["FOREIGN", "KEY"]) {
        return Ok(Some(AlterChange::DropForeignKey(
            c.name("the foreign key's name")?,
        )));
    }
    if c.eat_any(&["KEY", "INDEX"]).is_some() {
        let name = c.name("the key's name")?;
        let primary = name.eq_ignore_ascii_case("PRIMARY");
        return Ok(Some(if primary {
            AlterChange::DropPrimaryKey
        } else {
            AlterChange::DropKey(name)
        }));
    }
    if c.eat("CHECK") {
        c.name("the constraint's name")?;
        return Ok(None);
    }
    if c.eat("CONSTRAINT") {
        let name = c.name("the constraint's name")?;
        let primary = name.eq_ignore_ascii_case("PRIMARY");
        return Ok(Some(if primary {
            AlterChange::DropPrimaryKey
        } else {
            AlterChange::DropConstraint(name)
        }));
    }
    c.eat("COLUMN");
    let name = c.column()?;
    c.eat_any(&["RESTRICT", "CASCADE"]);
    Ok(Some(AlterChange::DropColumn(name)))
}

/// What follows ALTER inside ALTER TABLE.
fn alter_part(c: &mut Cursor<'_>) -> Result<Option<AlterChange>, ParseError> {
    if c.eat_any(&["INDEX", "KEY"]).is_some() {
        c.name("the key's name")?;
        if c.eat_any(&["VISIBLE", "INVISIBLE"]).is_none() {
            return c.expected("VISIBLE or INVISIBLE");
        }
        return Ok(None);
    }
    if c.eat_any(&["CHECK", "CONSTRAINT"]).is_some() {
        c.name("the constraint's name")?;
        c.eat("NOT");
        c.expect("ENFORCED")?;
        return Ok(None);
    }
    c.eat("COLUMN");
    let name = c.column()?;
    if c.eat_all(&["SET", "DEFAULT"]) {
        return Ok(Some(AlterChange::SetDefault(name, Some(default_value(c)?))));
    }
    if c.eat_all(&["DROP", "DEFAULT"]) {
        return Ok(Some(AlterChange::SetDefault(name, None)));
    }
    if c.eat("SET") && c.eat_any(&["VISIBLE", "INVISIBLE"]).is_some() {
        return Ok(None);
    }
    c.expected("SET DEFAULT or DROP DEFAULT")
}

/// What follows RENAME inside ALTER TABLE.
fn rename(c: &mut Cursor<'_>, table: &TableName) -> Result<AlterChange, ParseError> {
    if c.eat("COLUMN") {
        let from = c.column()?;
        c.expect("TO")?;
        return Ok(AlterChange::RenameColumn(from, c.column()?));
    }
    if c.eat_any(&["INDEX", "KEY"]).is_some() {
        let from = c.name("the key's name")?;
        c.expect("TO")?;
        return Ok(AlterChange::RenameKey(from, c.name("the key's new name")?));
    }
    if c.eat_any(&["TO", "AS"]).is_none() {
        c.eat_symbol('=');
    }
    let schema = c
        .ctx
        .default_schema
        .clone()
        .unwrap_or_else(|| table.schema.clone());
    Ok(AlterChange::Rename(c.table_in(Some(&schema))?))
}

/// The order in which the server writes rows back: no row changes.
fn order_by(c: &mut Cursor<'_>) -> Result<(), ParseError> {
    loop {
        c.column()?;
        c.eat_any(&["ASC", "DESC"]);
        let next_is_change =
            c.is_symbol(',') && c.is_any_ahead(1, VERBS) && !c.is_symbol_ahead(2, ',');
        if next_is_change || !c.eat_symbol(',') {
            return Ok(());
        }
    }
}
