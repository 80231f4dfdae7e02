//! INSERT, UPDATE, DELETE and the SELECT of a row as a person types them, read by hand from tokens.
//!
//! What is read: rows of literals, columns set to a literal or to themselves plus or minus a number, conditions that
//! are equalities joined by AND. Everything else is an error that names the clause; nothing is guessed. Grammar:
//! MySQL's manual, "Data Manipulation Statements".

use crate::ddl::{Context, ParseError, TableName, cursor::Cursor};
use std::sync::Arc;

/// A value in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// DEFAULT, or a column that the statement leaves out.
    Default,
    /// A string or a number.
    Text(String),
    /// `NOW()`, `CURRENT_TIMESTAMP`.
    Now,
}

/// What a column is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// A value.
    To(Value),
    /// Itself and a number.
    Plus(i64),
}

/// `column = value` of a WHERE.
pub type Equality = (Arc<str>, Value);

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dml {
    /// INSERT.
    Insert {
        /// Into.
        table: TableName,
        /// The columns; empty: all, in order.
        columns: Vec<Arc<str>>,
        /// The rows.
        rows: Vec<Vec<Value>>,
    },
    /// UPDATE.
    Update {
        /// Of.
        table: TableName,
        /// SET.
        sets: Vec<(Arc<str>, Assigned)>,
        /// WHERE.
        filter: Vec<Equality>,
    },
    /// DELETE.
    Delete {
        /// From.
        table: TableName,
        /// WHERE.
        filter: Vec<Equality>,
    },
}

impl Dml {
    /// The table that it writes to.
    pub fn table(&self) -> &TableName {
        match self {
            Self::Insert { table, .. }
            | Self::Update { table, .. }
            | Self::Delete { table, .. } => table,
        }
    }
}

/// A look for rows of one table: `SELECT … FROM … WHERE …`. What is selected of them is of no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// From.
    pub table: TableName,
    /// WHERE.
    pub filter: Vec<Equality>,
}

/// Whether a text begins as one of these statements does.
pub fn is_dml(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    ["INSERT", "UPDATE", "DELETE"]
        .iter()
        .any(|verb| first.eq_ignore_ascii_case(verb))
}

/// Reads one statement.
///
/// # Errors
/// [`ParseError`] with the place of what is not understood.
pub fn parse(text: &str, context: &Context) -> Result<Dml, ParseError> {
    let mut cursor = Cursor::new(text, 0..text.len(), context)?;
    let dml = match cursor.eat_any(&["INSERT", "UPDATE", "DELETE"]) {
        Some("INSERT") => insert(&mut cursor)?,
        Some("UPDATE") => update(&mut cursor)?,
        Some(_) => {
            cursor.expect("FROM")?;
            let table = cursor.table()?;
            let filter = filter(&mut cursor)?;
            Dml::Delete { table, filter }
        }
        None => return cursor.expected("INSERT, UPDATE or DELETE"),
    };
    cursor.end()?;
    Ok(dml)
}

/// Reads the SELECT of a row.
///
/// # Errors
/// [`ParseError`] with the place of what is not understood.
pub fn parse_select(text: &str, context: &Context) -> Result<Select, ParseError> {
    let mut cursor = Cursor::new(text, 0..text.len(), context)?;
    cursor.expect("SELECT")?;
    loop {
        if !cursor.eat_symbol('*') && cursor.number_text().is_none() {
            cursor.column()?;
        }
        if !cursor.eat_symbol(',') {
            break;
        }
    }
    cursor.expect("FROM")?;
    let table = cursor.table()?;
    let filter = filter(&mut cursor)?;
    cursor.end()?;
    Ok(Select { table, filter })
}

fn insert(cursor: &mut Cursor<'_>) -> Result<Dml, ParseError> {
    cursor.eat("INTO");
    let table = cursor.table()?;
    let columns = match cursor.eat_symbol('(') {
        true => list(cursor, |cursor| cursor.column())?,
        false => Vec::new(),
    };
    if cursor.eat_any(&["VALUES", "VALUE"]).is_none() {
        return cursor.expected("VALUES");
    }
    let mut rows = Vec::new();
    loop {
        cursor.expect_symbol('(')?;
        rows.push(list(cursor, value)?);
        if !cursor.eat_symbol(',') {
            break;
        }
    }
    Ok(Dml::Insert {
        table,
        columns,
        rows,
    })
}

fn update(cursor: &mut Cursor<'_>) -> Result<Dml, ParseError> {
    let table = cursor.table()?;
    cursor.expect("SET")?;
    let mut sets = Vec::new();
    loop {
        let column = cursor.column()?;
        cursor.expect_symbol('=')?;
        let assigned = assigned(cursor, &column)?;
        sets.push((column, assigned));
        if !cursor.eat_symbol(',') {
            break;
        }
    }
    let filter = filter(cursor)?;
    Ok(Dml::Update {
        table,
        sets,
        filter,
    })
}

/// A literal, or the column itself plus or minus a number.
fn assigned(cursor: &mut Cursor<'_>, column: &str) -> Result<Assigned, ParseError> {
    if !cursor.is(column) {
        return value(cursor).map(Assigned::To);
    }
    cursor.skip();
    let sign = match (cursor.eat_symbol('+'), cursor.eat_symbol('-')) {
        (true, _) => 1,
        (_, true) => -1,
        _ => return cursor.expected("`+` or `-` and a number"),
    };
    let number = cursor.number("a whole number")?;
    match i64::try_from(number) {
        Ok(number) => Ok(Assigned::Plus(sign * number)),
        Err(_) => cursor.expected("a smaller number"),
    }
}

/// WHERE, without which a statement would change every row: that is refused.
fn filter(cursor: &mut Cursor<'_>) -> Result<Vec<Equality>, ParseError> {
    cursor.expect("WHERE")?;
    let mut equalities = Vec::new();
    loop {
        let column = cursor.column()?;
        cursor.expect_symbol('=')?;
        equalities.push((column, value(cursor)?));
        if !cursor.eat("AND") {
            return Ok(equalities);
        }
    }
}

fn value(cursor: &mut Cursor<'_>) -> Result<Value, ParseError> {
    if cursor.eat("NULL") {
        return Ok(Value::Null);
    }
    if cursor.eat("DEFAULT") {
        return Ok(Value::Default);
    }
    if cursor.eat_any(&["NOW", "CURRENT_TIMESTAMP"]).is_some() {
        if cursor.is_symbol('(') {
            cursor.parenthesised()?;
        }
        return Ok(Value::Now);
    }
    if let Some(text) = cursor.string() {
        return Ok(Value::Text(text));
    }
    let sign = if cursor.eat_symbol('-') { "-" } else { "" };
    match cursor.number_text() {
        Some(number) => Ok(Value::Text(format!("{sign}{number}"))),
        None => cursor.expected("a number, a string, NULL, DEFAULT or NOW()"),
    }
}

/// What stands behind an opened parenthesis, up to the closing one.
fn list<T>(
    cursor: &mut Cursor<'_>,
    item: impl Fn(&mut Cursor<'_>) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    let mut items = vec![item(cursor)?];
    while cursor.eat_symbol(',') {
        items.push(item(cursor)?);
    }
    cursor.expect_symbol(')')?;
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddl::Version;

    fn read(text: &str) -> Result<Dml, ParseError> {
        parse(text, &Context::new("shop", Version::V8_0))
    }

    #[test]
    fn statements_are_read_with_their_literals() {
        let dml =
            read("UPDATE shop.t SET a = a - 5, b = 'it''s', c = NULL WHERE id = -3 AND d = 1.5;");
        let Dml::Update {
            table,
            sets,
            filter,
        } = dml.unwrap()
        else {
            panic!("an UPDATE");
        };
        assert_eq!(table.to_string(), "shop.t");
        assert_eq!(sets[0], ("a".into(), Assigned::Plus(-5)));
        assert_eq!(
            sets[1],
            ("b".into(), Assigned::To(Value::Text("it's".into())))
        );
        assert_eq!(sets[2], ("c".into(), Assigned::To(Value::Null)));
        assert_eq!(filter[0], ("id".into(), Value::Text("-3".into())));
        assert_eq!(filter[1], ("d".into(), Value::Text("1.5".into())));
        let rows = read("insert into t (a, b) values (1, now()), (default, 'x')");
        assert!(matches!(rows, Ok(Dml::Insert { rows, .. }) if rows.len() == 2));
        assert!(matches!(
            read("DELETE FROM t WHERE a = 1"),
            Ok(Dml::Delete { .. })
        ));
    }

    #[test]
    fn a_look_for_a_row_is_read_and_nothing_else_is_taken_for_one() {
        let context = Context::new("shop", Version::V8_0);
        for text in [
            "SELECT 1 FROM ops.sentinel WHERE id = 1 AND said = 'fenced'",
            "select id, said from ops.sentinel where id = 1 and said = 'fenced';",
            "SELECT * FROM ops.sentinel WHERE id = 1 AND said = 'fenced'",
        ] {
            let select = parse_select(text, &context).expect(text);
            assert_eq!(select.table.to_string(), "ops.sentinel");
            assert_eq!(select.filter.len(), 2, "{text}");
        }
        for (text, near) in [
            ("SELECT 1 FROM t", "WHERE"),
            ("SELECT COUNT(*) FROM t WHERE a = 1", "FROM"),
            ("SELECT 1 FROM t WHERE a > 1", "`=`"),
            ("SELECT 1 FROM t, u WHERE a = 1", "WHERE"),
            ("SELECT 1 FROM t WHERE a = 1 LIMIT 1", "end"),
            ("DELETE FROM t WHERE a = 1", "SELECT"),
        ] {
            let error = parse_select(text, &context).expect_err(text).to_string();
            assert!(error.contains(near), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_not_read_is_an_error_with_its_place() {
        for (text, near) in [
            ("DELETE FROM t", "WHERE"),
            ("UPDATE t SET a = 1", "WHERE"),
            ("DELETE FROM t WHERE a < 1", "`=`"),
            ("UPDATE t SET a = b + 1 WHERE c = 1", "a number"),
            ("INSERT INTO t SELECT * FROM u", "VALUES"),
            (
                "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1",
                "end",
            ),
            ("DELETE FROM t WHERE a = 1 OR b = 2", "end"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(near), "{text}: {error}");
        }
    }
}
