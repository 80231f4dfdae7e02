//! Why the server refuses a statement, with its error numbers and texts (`share/messages_to_clients.txt`).

use crate::row::ConvertError;
use crate::table::{BaseError, RowKey};

/// What a transaction locks: a row, or a value of a unique key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockId {
    /// The table and its key.
    pub space: u32,
    /// The value of the key.
    pub key: u64,
}

/// An error of the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// 1062, with the key's name as 8.0.19 and later print it (see [`SqlError::message`]).
    #[error("Duplicate entry '{entry}' for key '{table}.{index}'")]
    Duplicate {
        /// The table's name without schema.
        table: String,
        /// `PRIMARY` or the index's name.
        index: String,
        /// The key's values, joined by `-`.
        entry: String,
        /// The row that has the key.
        existing: RowKey,
        /// What the statement would wait for, should another transaction hold it.
        lock: LockId,
    },
    /// 1032.
    #[error("Can't find record in '{table}'")]
    NotFound {
        /// The table's name without schema.
        table: String,
    },
    /// 1452.
    #[error("Cannot add or update a child row: a foreign key constraint fails ({constraint})")]
    NoReferencedRow {
        /// The child table and its foreign key as the server prints them.
        constraint: String,
        /// The parent's key: what the statement would wait for, should another transaction hold it.
        lock: Option<LockId>,
    },
    /// 1451.
    #[error("Cannot delete or update a parent row: a foreign key constraint fails ({constraint})")]
    RowIsReferenced {
        /// The child table and its foreign key as the server prints them.
        constraint: String,
        /// The child row: what the statement would wait for, should another transaction hold it.
        lock: Option<LockId>,
    },
    /// 3008.
    #[error("Foreign key cascade delete/update exceeds max depth of {0}.")]
    CascadeTooDeep(u32),
    /// 1146.
    #[error("Table '{schema}.{table}' doesn't exist")]
    NoSuchTable {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
    },
    /// 1050.
    #[error("Table '{0}' already exists")]
    TableExists(String),
    /// 1049.
    #[error("Unknown database '{0}'")]
    UnknownSchema(String),
    /// 1007.
    #[error("Can't create database '{0}'; database exists")]
    SchemaExists(String),
    /// 1138: a NULL in a column that becomes NOT NULL.
    #[error("Invalid use of NULL value")]
    NullValue,
    /// 1610: the row is damaged.
    #[error("Corrupted replication event was detected")]
    BadRow,
    /// A value that the new column type cannot hold.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// Generated rows that do not fit the declaration. No error of a server: it has no such rows.
    #[error(transparent)]
    Base(#[from] BaseError),
}

impl SqlError {
    /// MySQL's error number; 1105 (unknown error) for what no server reports.
    pub fn code(&self) -> u16 {
        match self {
            SqlError::Duplicate { .. } => 1062,
            SqlError::NotFound { .. } => 1032,
            SqlError::NoReferencedRow { .. } => 1452,
            SqlError::RowIsReferenced { .. } => 1451,
            SqlError::CascadeTooDeep(_) => 3008,
            SqlError::NoSuchTable { .. } => 1146,
            SqlError::TableExists(_) => 1050,
            SqlError::UnknownSchema(_) => 1049,
            SqlError::SchemaExists(_) => 1007,
            SqlError::NullValue => 1138,
            SqlError::BadRow => 1610,
            SqlError::Convert(error) => error.code(),
            SqlError::Base(_) => 1105,
        }
    }

    /// The text as a server prints it; before 8.0.19 an index stood without its table.
    pub fn message(&self, before_8_0_19: bool) -> String {
        match self {
            SqlError::Duplicate { index, entry, .. } if before_8_0_19 => {
                format!("Duplicate entry '{entry}' for key '{index}'")
            }
            _ => self.to_string(),
        }
    }

    /// The lock whose holder may yet make the statement succeed: with in-place writes an uncommitted
    /// change of another transaction is what the statement ran into.
    pub fn lock(&self) -> Option<LockId> {
        match self {
            SqlError::Duplicate { lock, .. } => Some(*lock),
            SqlError::NoReferencedRow { lock, .. } | SqlError::RowIsReferenced { lock, .. } => {
                *lock
            }
            _ => None,
        }
    }
}
