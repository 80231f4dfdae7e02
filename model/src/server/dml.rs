//! A statement of a person on a server: which rows it means, and writing them one after the other.
//!
//! An UPDATE or DELETE whose WHERE has the whole primary key finds its row by it; any other looks at every row of the
//! table, which is refused for tables of more than a million. Values compare by their bytes, not by a collation.

use super::{Manner, Reply, Server, SessionId, statements::Write};
use crate::{
    arena::Arena,
    database::{Database, TableId},
    ddl::TableName,
    dml::{Assigned, Dml, Equality, Select, Value},
    row::{ImageBuilder, ParseError, fields, parse, push_default_at, render},
    schema::{Column, ColumnKind},
    table::{RowKey, Table},
};

/// Rows that a statement may look at to find its own.
const MOST_LOOKED_AT: u64 = 1_000_000;

/// Why a statement cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DmlError {
    /// 1146.
    #[error("Table '{0}' doesn't exist")]
    NoSuchTable(String),
    /// 1054.
    #[error("Unknown column '{0}' in the statement")]
    NoSuchColumn(String),
    /// 1136.
    #[error("Column count doesn't match value count at row {0}")]
    Count(usize),
    /// 1048.
    #[error("Column '{0}' cannot be null")]
    Null(String),
    /// 1366 and the like.
    #[error("column '{column}': {error}")]
    Value {
        /// The column's name.
        column: String,
        /// What is wrong with the value.
        error: ParseError,
    },
    /// A number is added to something else than a whole number.
    #[error("column '{0}' is no integer: only `column = column + n` of integers is modelled")]
    NotInteger(String),
    /// It would have to look at too many rows.
    #[error(
        "the statement looks at all {0} rows of the table; name its primary key in the WHERE to find a row at once"
    )]
    Scan(u64),
}

/// A column's new value.
#[derive(Clone, Debug)]
enum New {
    To(Option<Vec<u8>>),
    Plus(i64),
}

#[derive(Clone, Debug)]
enum Row {
    Insert(Vec<Option<Value>>),
    Update(RowKey),
    Delete(RowKey),
}

/// A column and the raw value that it must have.
type Wanted = (usize, Option<Vec<u8>>);

/// A statement on its way.
#[derive(Clone, Debug)]
pub struct Statement {
    table: TableId,
    rows: Vec<Row>,
    next: usize,
    sets: Vec<(usize, New)>,
    wanted: Vec<Wanted>,
    /// Rows that it has written.
    pub written: u64,
}

fn column_of(table: &Table, name: &str) -> Result<usize, DmlError> {
    let missing = || DmlError::NoSuchColumn(name.to_string());
    table.def().column(name).ok_or_else(missing)
}

/// A value as a row has it; none for NULL.
fn raw(column: &Column, value: &Value, now_us: u64) -> Result<Option<Vec<u8>>, DmlError> {
    let failed = |error| DmlError::Value {
        column: column.name.to_string(),
        error,
    };
    let mut raw = Vec::new();
    match value {
        Value::Null if !column.nullable => return Err(DmlError::Null(column.name.to_string())),
        Value::Null => return Ok(None),
        Value::Text(text) => parse(column, text, &mut raw).map_err(failed)?,
        Value::Now => {
            let now = Column {
                default: crate::schema::Default::Now,
                ..column.clone()
            };
            return Ok(default_of(&now, now_us));
        }
        Value::Default => return Ok(default_of(column, now_us)),
    }
    Ok(Some(raw))
}

/// What DEFAULT is; none for NULL.
fn default_of(column: &Column, now_us: u64) -> Option<Vec<u8>> {
    let mut builder = ImageBuilder::default();
    builder.start(1);
    push_default_at(column, now_us, &mut builder);
    fields(std::slice::from_ref(column), builder.image())
        .next()
        .flatten()
        .map(<[u8]>::to_vec)
}

/// The raw value of an integer column and a number.
fn plus(column: &Column, old: Option<&[u8]>, number: i64) -> Option<Vec<u8>> {
    let mut text = String::new();
    render(column, old?, &mut text);
    let sum = text.parse::<i128>().ok()? + i128::from(number);
    let mut raw = Vec::new();
    parse(column, &sum.to_string(), &mut raw).ok()?;
    Some(raw)
}

impl Server {
    /// Finds out what a statement means on this server, now.
    ///
    /// # Errors
    /// [`DmlError`]; nothing is changed.
    pub fn prepare_dml(
        &self,
        arena: &mut Arena,
        now: u64,
        dml: &Dml,
    ) -> Result<Statement, DmlError> {
        let (id, table) = named(&self.database, dml.table())?;
        let mut statement = Statement {
            table: id,
            rows: Vec::new(),
            next: 0,
            sets: Vec::new(),
            wanted: Vec::new(),
            written: 0,
        };
        let now_us = self.config.epoch_us + now;
        match dml {
            Dml::Insert { columns, rows, .. } => {
                statement.rows = insert_rows(table, columns, rows, now_us)?;
                return Ok(statement);
            }
            Dml::Update { sets, .. } => statement.sets = new_values(table, sets, now_us)?,
            Dml::Delete { .. } => {}
        }
        let (Dml::Update { filter, .. } | Dml::Delete { filter, .. }) = dml else {
            return Ok(statement);
        };
        statement.wanted = wanted(table, filter, now_us)?;
        let keys = matching(table, arena, &statement.wanted)?;
        let row = |key| match dml {
            Dml::Delete { .. } => Row::Delete(key),
            _ => Row::Update(key),
        };
        statement.rows = keys.into_iter().map(row).collect();
        Ok(statement)
    }

    /// Whether a SELECT that begins now finds a row.
    ///
    /// # Errors
    /// [`DmlError`]: there is no such table or column, or the table is too large to be looked through.
    pub fn finds(&self, arena: &mut Arena, now: u64, select: &Select) -> Result<bool, DmlError> {
        let view = self.read_view(arena);
        let (_, table) = named(&view, &select.table)?;
        let wanted = wanted(table, &select.filter, self.config.epoch_us + now)?;
        let keys = matching(table, arena, &wanted)?;
        let mut scratch = Vec::new();
        let fits_whole = |key: RowKey| {
            let image = table.image(arena, key, &mut scratch);
            image.is_some_and(|image| fits(&table.def().columns, image, &wanted))
        };
        Ok(keys.into_iter().any(fits_whole))
    }

    /// Writes the statement's rows and commits, from where it had to wait; call again when the session is resumed.
    pub fn run_dml(
        &mut self,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        statement: &mut Statement,
    ) -> Reply {
        let reply = self.go_on_with(arena, now, session, statement);
        self.ended(session, &reply);
        reply
    }

    fn go_on_with(
        &mut self,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        statement: &mut Statement,
    ) -> Reply {
        while let Some(row) = statement.rows.get(statement.next).cloned() {
            let manner = Manner {
                new_statement: statement.written == 0,
                ..Manner::STATEMENT
            };
            let reply = self.write_row(arena, now, session, statement, &row, manner);
            match reply {
                Reply::Ok => statement.written += 1,
                Reply::NoRow => {}
                other => return other,
            }
            statement.next += 1;
        }
        match statement.written {
            0 => Reply::Ok,
            _ => self.commit(arena, now, session),
        }
    }

    fn write_row(
        &mut self,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        statement: &Statement,
        row: &Row,
        manner: Manner,
    ) -> Reply {
        let table = statement.table;
        match row {
            Row::Insert(values) => {
                let Some(image) = self.image_of(table, values, now) else {
                    return Reply::NoRow;
                };
                self.write(arena, now, session, table, Write::Insert(&image), manner)
            }
            Row::Delete(key) => match self.still_wanted(arena, now, session, statement, *key) {
                Ok(_) => self.write(arena, now, session, table, Write::Delete(*key), manner),
                Err(reply) => reply,
            },
            Row::Update(key) => {
                let old = match self.still_wanted(arena, now, session, statement, *key) {
                    Ok(old) => old,
                    Err(reply) => return reply,
                };
                let Some(def) = self.database.table(table).map(|t| t.def().clone()) else {
                    return Reply::NoRow;
                };
                let mut builder = ImageBuilder::default();
                builder.start(def.columns.len());
                for (i, value) in fields(&def.columns, &old).enumerate() {
                    let new = statement.sets.iter().rev().find(|(column, _)| *column == i);
                    let new = match new {
                        None => value.map(<[u8]>::to_vec),
                        Some((_, New::To(raw))) => raw.clone(),
                        Some((_, New::Plus(number))) => plus(&def.columns[i], value, *number),
                    };
                    match new {
                        Some(raw) => builder.push(&raw),
                        None => builder.push_null(),
                    }
                }
                let write = Write::Update(*key, builder.image());
                self.write(arena, now, session, table, write, manner)
            }
        }
    }

    /// Locks a row and looks again: another transaction may have changed it.
    fn still_wanted(
        &mut self,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        statement: &Statement,
        key: RowKey,
    ) -> Result<Vec<u8>, Reply> {
        let begun = statement.written > 0;
        let locked = self.lock_row_within(arena, now, session, statement.table, key, begun)?;
        let columns = self
            .database
            .table(statement.table)
            .map(|t| &t.def().columns);
        let image = arena.row(locked.row).to_vec();
        match columns.is_some_and(|columns| fits(columns, &image, &statement.wanted)) {
            true => Ok(image),
            false => Err(Reply::NoRow),
        }
    }

    /// A new row's image; AUTO_INCREMENT is handed out where the statement says no value.
    fn image_of(&mut self, table: TableId, values: &[Option<Value>], now: u64) -> Option<Vec<u8>> {
        let now_us = self.config.epoch_us + now;
        let def = self.database.table(table)?.def().clone();
        let mut builder = ImageBuilder::default();
        builder.start(def.columns.len());
        for (column, value) in def.columns.iter().zip(values) {
            let handed_out =
                column.auto_increment && matches!(value, None | Some(Value::Null | Value::Default));
            let value = match (value, handed_out) {
                (_, true) => &Value::Text(self.next_auto_increment(table).to_string()),
                (Some(value), _) => value,
                (None, _) => &Value::Default,
            };
            match raw(column, value, now_us).ok()? {
                Some(raw) => builder.push(&raw),
                None => builder.push_null(),
            }
        }
        Some(builder.image().to_vec())
    }
}

fn named<'d>(database: &'d Database, name: &TableName) -> Result<(TableId, &'d Table), DmlError> {
    let found = database.id(&name.schema, &name.name);
    let found = found.and_then(|id| Some((id, database.table(id)?)));
    found.ok_or_else(|| DmlError::NoSuchTable(name.to_string()))
}

/// The rows of an INSERT: for each column of the table its value, none where the statement leaves it out.
fn insert_rows(
    table: &Table,
    names: &[std::sync::Arc<str>],
    rows: &[Vec<Value>],
    now_us: u64,
) -> Result<Vec<Row>, DmlError> {
    let columns = &table.def().columns;
    let places = match names {
        [] => (0..columns.len()).collect(),
        names => names
            .iter()
            .map(|name| column_of(table, name))
            .collect::<Result<Vec<_>, _>>()?,
    };
    let row = |(number, values): (usize, &Vec<Value>)| {
        if values.len() != places.len() {
            return Err(DmlError::Count(number + 1));
        }
        let mut all = vec![None; columns.len()];
        for (place, value) in places.iter().zip(values) {
            let column = &columns[*place];
            if !(column.auto_increment && *value == Value::Null) {
                raw(column, value, now_us)?;
            }
            all[*place] = Some(value.clone());
        }
        Ok(Row::Insert(all))
    };
    rows.iter().enumerate().map(row).collect()
}

fn new_values(
    table: &Table,
    sets: &[(std::sync::Arc<str>, Assigned)],
    now_us: u64,
) -> Result<Vec<(usize, New)>, DmlError> {
    let columns = &table.def().columns;
    let new = |(name, assigned): &(std::sync::Arc<str>, Assigned)| {
        let place = column_of(table, name)?;
        let column = &columns[place];
        let new = match assigned {
            Assigned::To(value) => New::To(raw(column, value, now_us)?),
            Assigned::Plus(number) if matches!(column.kind, ColumnKind::Int { .. }) => {
                New::Plus(*number)
            }
            Assigned::Plus(_) => return Err(DmlError::NotInteger(name.to_string())),
        };
        Ok((place, new))
    };
    sets.iter().map(new).collect()
}

fn wanted(table: &Table, filter: &[Equality], now_us: u64) -> Result<Vec<Wanted>, DmlError> {
    let columns = &table.def().columns;
    let one = |(name, value): &Equality| {
        let place = column_of(table, name)?;
        Ok((place, raw(&columns[place], value, now_us)?))
    };
    filter.iter().map(one).collect()
}

fn fits(columns: &[Column], image: &[u8], wanted: &[Wanted]) -> bool {
    let values: Vec<Option<&[u8]>> = fields(columns, image).collect();
    // NULL equals nothing.
    let fits = |(place, value): &Wanted| {
        value.is_some() && values.get(*place).copied().flatten() == value.as_deref()
    };
    wanted.iter().all(fits)
}

/// The rows that a WHERE means: by the primary key, or by looking at all of them.
fn matching(table: &Table, arena: &mut Arena, wanted: &[Wanted]) -> Result<Vec<RowKey>, DmlError> {
    let columns = &table.def().columns;
    if let Some(identity) = &table.shape().identity {
        let value = |_: usize, column: usize| {
            let (_, raw) = wanted.iter().find(|(place, _)| *place == column)?;
            Some((columns.get(column)?, raw.as_deref()?))
        };
        let whole = identity.key.parts.iter().all(|part| {
            part.prefix.is_none() && wanted.iter().any(|(place, _)| *place == part.column)
        });
        if whole {
            let key = identity.key.of_values(arena, value).map(RowKey);
            return Ok(key.filter(|key| table.contains(*key)).into_iter().collect());
        }
    }
    if table.len() > MOST_LOOKED_AT {
        return Err(DmlError::Scan(table.len()));
    }
    let mut scratch = Vec::new();
    let is_wanted = |key: &RowKey| {
        let image = table.image(arena, *key, &mut scratch);
        image.is_some_and(|image| fits(columns, image, wanted))
    };
    Ok(table.keys().filter(is_wanted).collect())
}
