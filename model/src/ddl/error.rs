//! What goes wrong with DDL: MySQL's own errors with their codes, and what cannot be followed here.

use crate::database::SqlError;
use thiserror::Error;

/// Columns of a table at most (manual, "Limits on Table Column Count and Row Size").
pub(super) const MAX_COLUMNS: usize = 4096;

/// Why a statement was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DdlError {
    /// 1064.
    #[error("expected {expected} at `{near}`")]
    Syntax {
        /// What would have been right.
        expected: String,
        /// The text at the place, 60 characters at most.
        near: String,
    },
    /// MySQL would accept it; its effect on rows, columns or keys cannot be followed here.
    #[error("{clause} is not supported: its effect on the table's rows or keys cannot be followed")]
    Unsupported {
        /// The clause.
        clause: String,
    },
    /// 1046.
    #[error(
        "no database selected: the statement names a table without its schema, and there is no default schema"
    )]
    NoSchema,
    /// 1008 (DROP), 1049 (elsewhere).
    #[error("unknown schema `{schema}`")]
    UnknownSchema {
        /// The schema.
        schema: String,
        /// In DROP DATABASE.
        drop: bool,
    },
    /// 1051 (DROP), 1146 (elsewhere).
    #[error("unknown table `{table}`")]
    UnknownTable {
        /// `schema.table`.
        table: String,
        /// In DROP TABLE.
        drop: bool,
    },
    /// 1537.
    #[error("event `{0}` already exists")]
    EventExists(String),
    /// 1539.
    #[error("unknown event `{0}`")]
    UnknownEvent(String),
    /// 1054.
    #[error("unknown column `{column}` in `{table}`")]
    UnknownColumn {
        /// The column.
        column: String,
        /// `schema.table`.
        table: String,
    },
    /// 1060.
    #[error("duplicate column name `{0}`")]
    DuplicateColumn(String),
    /// 1061.
    #[error("duplicate key name `{0}`")]
    DuplicateKey(String),
    /// 1068.
    #[error("multiple primary keys defined")]
    MultiplePrimaryKeys,
    /// 1072.
    #[error("key column `{0}` does not exist in the table")]
    UnknownKeyColumn(String),
    /// 1117.
    #[error("too many columns (at most {MAX_COLUMNS})")]
    TooManyColumns,
    /// 1069.
    #[error("too many keys")]
    TooManyKeys,
    /// 1090.
    #[error("a table must have at least one column")]
    NoColumns,
    /// 1091.
    #[error("cannot drop `{0}`: no such column, key or constraint")]
    CannotDrop(String),
    /// 1176.
    #[error("key `{0}` does not exist in the table")]
    UnknownKey(String),
    /// 1828.
    #[error("cannot drop column `{column}`: needed in a foreign key constraint `{constraint}`")]
    ColumnInForeignKey {
        /// The column.
        column: String,
        /// The foreign key.
        constraint: String,
    },
    /// 1115.
    #[error("unknown character set `{0}`")]
    UnknownCharset(String),
    /// 1273.
    #[error("unknown collation `{0}`")]
    UnknownCollation(String),
    /// 1253.
    #[error("collation `{collation}` is not valid for character set `{charset}`")]
    CollationMismatch {
        /// The collation.
        collation: String,
        /// The character set.
        charset: String,
    },
    /// 1074.
    #[error("column `{column}` is too long (at most {max})")]
    TooLong {
        /// The column.
        column: String,
        /// The limit, in characters or digits.
        max: u64,
    },
    /// 1067.
    #[error("invalid default value for `{0}`")]
    InvalidDefault(String),
    /// What the tables refuse: rows that become equal under a new key, values that a new type cannot hold.
    #[error(transparent)]
    Rows(#[from] SqlError),
    /// 1239.
    #[error("foreign key `{0}`: the columns and the referenced columns differ in number")]
    ForeignKeyColumns(String),
}

impl DdlError {
    /// MySQL's error number, for errors that MySQL has.
    pub fn code(&self) -> Option<u16> {
        Some(match self {
            DdlError::Syntax { .. } => 1064,
            DdlError::Unsupported { .. } => return None,
            DdlError::NoSchema => 1046,
            DdlError::UnknownSchema { drop, .. } => {
                if *drop {
                    1008
                } else {
                    1049
                }
            }
            DdlError::UnknownTable { drop, .. } => {
                if *drop {
                    1051
                } else {
                    1146
                }
            }
            DdlError::EventExists(_) => 1537,
            DdlError::UnknownEvent(_) => 1539,
            DdlError::UnknownColumn { .. } => 1054,
            DdlError::DuplicateColumn(_) => 1060,
            DdlError::DuplicateKey(_) => 1061,
            DdlError::MultiplePrimaryKeys => 1068,
            DdlError::UnknownKeyColumn(_) => 1072,
            DdlError::TooManyColumns => 1117,
            DdlError::TooManyKeys => 1069,
            DdlError::NoColumns => 1090,
            DdlError::CannotDrop(_) => 1091,
            DdlError::UnknownKey(_) => 1176,
            DdlError::ColumnInForeignKey { .. } => 1828,
            DdlError::UnknownCharset(_) => 1115,
            DdlError::UnknownCollation(_) => 1273,
            DdlError::CollationMismatch { .. } => 1253,
            DdlError::TooLong { .. } => 1074,
            DdlError::InvalidDefault(_) => 1067,
            DdlError::ForeignKeyColumns(_) => 1239,
            DdlError::Rows(error) => error.code(),
        })
    }

    pub(super) fn unsupported(clause: impl Into<String>) -> DdlError {
        DdlError::Unsupported {
            clause: clause.into(),
        }
    }
}

/// An error with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {error}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// What is wrong there.
    #[source]
    pub error: DdlError,
}

impl ParseError {
    /// `offset` in bytes from the start of `text`.
    pub(super) fn at(text: &str, offset: usize, error: DdlError) -> ParseError {
        let (line, column) = place(text, offset);
        ParseError {
            line,
            column,
            error,
        }
    }
}

/// Line and column, from 1, of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or("");
    (line as u32, last.chars().count() as u32 + 1)
}

impl From<ParseError> for DdlError {
    /// Without the place, which means nothing where the statement is a log event.
    fn from(error: ParseError) -> Self {
        error.error
    }
}
