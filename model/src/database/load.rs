//! Rows from `.jsonl` text as [`Database::dump_table`] writes it.

use super::{Checks, Database, SqlError, TableId};
use crate::arena::Arena;
use crate::row::{ImageBuilder, ParseError, parse, push_default};

/// What is wrong with the text, and where. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The line is no JSON array of strings and nulls.
    #[error("line {line}, character {character}: {what}")]
    Json {
        /// Line.
        line: usize,
        /// Character in the line, from 1.
        character: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The first line names a column that the table lacks.
    #[error("line 1: table '{table}' has no column '{column}'")]
    NoSuchColumn {
        /// `schema.table`.
        table: String,
        /// The column's name.
        column: String,
    },
    /// The first line names a column twice, or has a null.
    #[error("line 1: the first line must name each column once")]
    Header,
    /// A row has more or fewer values than the first line has names.
    #[error("line {line}: {values} values for {columns} columns")]
    Values {
        /// Line.
        line: usize,
        /// Values in the row.
        values: usize,
        /// Columns in the first line.
        columns: usize,
    },
    /// A NULL in a NOT NULL column.
    #[error("line {line}: column '{column}' cannot be null")]
    Null {
        /// Line.
        line: usize,
        /// The column's name.
        column: String,
    },
    /// A text that is no value of its column.
    #[error("line {line}: column '{column}': {error}")]
    Value {
        /// Line.
        line: usize,
        /// The column's name.
        column: String,
        /// What is wrong with it.
        error: ParseError,
    },
    /// The table refuses the row (1062).
    #[error("line {line}: {error}")]
    Row {
        /// Line.
        line: usize,
        /// Why.
        error: SqlError,
    },
}

impl Database {
    /// Adds the rows of a `.jsonl` text to a table and returns how many. Columns that the first line does
    /// not name get their default. Foreign keys are not checked, because a parent may come later.
    ///
    /// # Errors
    /// [`LoadError`]; the rows of the lines before it stay.
    pub fn load_jsonl(
        &mut self,
        arena: &mut Arena,
        id: TableId,
        text: &str,
    ) -> Result<u64, LoadError> {
        let def = self
            .live(id)
            .map_err(|error| LoadError::Row { line: 1, error })?
            .def()
            .clone();
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let Some((_, header)) = lines.next() else {
            return Ok(0);
        };
        // For each column of the table: where its value stands in a line.
        let mut places: Vec<Option<usize>> = vec![None; def.columns.len()];
        let names = strings(header, 1)?;
        for (place, name) in names.iter().enumerate() {
            let name = name.as_ref().ok_or(LoadError::Header)?;
            let Some(column) = def.column(name) else {
                return Err(LoadError::NoSuchColumn {
                    table: def.full_name(),
                    column: name.clone(),
                });
            };
            if places[column].replace(place).is_some() {
                return Err(LoadError::Header);
            }
        }
        let checks = Checks {
            foreign_keys: false,
            unique: true,
        };
        let (mut image, mut raw, mut plan) = (ImageBuilder::default(), Vec::new(), Vec::new());
        let mut rows = 0;
        for (index, text) in lines {
            let line = index + 1;
            let values = strings(text, line)?;
            if values.len() != names.len() {
                return Err(LoadError::Values {
                    line,
                    values: values.len(),
                    columns: names.len(),
                });
            }
            image.start(def.columns.len());
            for (column, place) in def.columns.iter().zip(&places) {
                let name = || column.name.to_string();
                match place.and_then(|p| values.get(p)) {
                    None => push_default(column, &mut image),
                    Some(None) if column.nullable => image.push_null(),
                    Some(None) => {
                        return Err(LoadError::Null {
                            line,
                            column: name(),
                        });
                    }
                    Some(Some(text)) => {
                        raw.clear();
                        parse(column, text, &mut raw).map_err(|error| LoadError::Value {
                            line,
                            column: name(),
                            error,
                        })?;
                        image.push(&raw);
                    }
                }
            }
            plan.clear();
            self.plan_insert(arena, id, image.image(), checks, &mut plan)
                .map_err(|error| LoadError::Row { line, error })?;
            plan.iter().for_each(|change| self.apply(arena, change));
            rows += 1;
        }
        Ok(rows)
    }
}

/// A JSON array of strings and nulls.
fn strings(text: &str, line: usize) -> Result<Vec<Option<String>>, LoadError> {
    let mut reader = Reader {
        rest: text,
        read: 0,
    };
    let read = reader.array();
    read.map_err(|what| LoadError::Json {
        line,
        character: reader.read + 1,
        what,
    })
}

struct Reader<'a> {
    rest: &'a str,
    /// Characters read.
    read: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.read += 1;
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        while self.rest.starts_with([' ', '\t', '\r']) {
            self.next();
        }
        let found = self.rest.starts_with(wanted);
        if found {
            self.next();
        }
        found
    }

    fn array(&mut self) -> Result<Vec<Option<String>>, &'static str> {
        let mut items = Vec::new();
        if !self.take('[') {
            return Err("expected '[': each line is an array");
        }
        if !self.take(']') {
            loop {
                items.push(self.item()?);
                if self.take(']') {
                    break;
                }
                if !self.take(',') {
                    return Err("expected ',' or ']'");
                }
            }
        }
        if self.take('\0') || !self.rest.is_empty() {
            return Err("expected the end of the line");
        }
        Ok(items)
    }

    fn item(&mut self) -> Result<Option<String>, &'static str> {
        if self.take('"') {
            return self.string().map(Some);
        }
        if self.rest.starts_with("null") {
            for _ in 0..4 {
                self.next();
            }
            return Ok(None);
        }
        Err("expected a string or null: numbers are written as strings")
    }

    fn string(&mut self) -> Result<String, &'static str> {
        let mut text = String::new();
        loop {
            match self.next().ok_or("the string has no end")? {
                '"' => return Ok(text),
                '\\' => text.push(self.escaped()?),
                c if c < ' ' => return Err("control characters must be escaped"),
                c => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, &'static str> {
        const UNKNOWN: &str = "unknown escape";
        Ok(match self.next().ok_or(UNKNOWN)? {
            c @ ('"' | '\\' | '/') => c,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let unit = self.hex()?;
                let code = if (0xd800..0xdc00).contains(&unit) {
                    let low = match (self.next(), self.next()) {
                        (Some('\\'), Some('u')) => self.hex()?,
                        _ => return Err("half of a surrogate pair"),
                    };
                    let low = low.checked_sub(0xdc00).filter(|l| *l < 0x400);
                    0x10000 + ((unit - 0xd800) << 10) + low.ok_or("half of a surrogate pair")?
                } else {
                    unit
                };
                char::from_u32(code).ok_or("half of a surrogate pair")?
            }
            _ => return Err(UNKNOWN),
        })
    }

    fn hex(&mut self) -> Result<u32, &'static str> {
        (0..4).try_fold(0, |code, _| {
            let digit = self.next().and_then(|c| c.to_digit(16));
            digit
                .map(|d| code << 4 | d)
                .ok_or("expected four hexadecimal digits")
        })
    }
}
