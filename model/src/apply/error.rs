//! What stops an applier.

use crate::{
    binlog::{DecodeError, decode::Mismatch, event::EventType},
    database::SqlError,
    ddl::DdlError,
    row::{ConvertError, RowError},
    server::Version,
};

/// An error while a group is applied, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at position {pos}: {kind}")]
pub struct ApplyError {
    /// Position of the event in its file.
    pub pos: u64,
    /// What is wrong.
    pub kind: ApplyErrorKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyErrorKind {
    /// A constraint: 1062, 1452, …
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// 1146.
    #[error("Table '{0}' doesn't exist")]
    NoTable(String),
    /// The declaration that the binlog was written with does not fit the table.
    #[error("table {table}: {mismatch}")]
    Mismatch {
        /// The table's name.
        table: String,
        /// What does not fit.
        mismatch: Mismatch,
    },
    /// 1677: a value does not fit the column here.
    #[error("table {table}: {error}")]
    Convert {
        /// The table's name.
        table: String,
        /// What does not fit.
        error: ConvertError,
    },
    /// A data change as a statement.
    #[error(
        "a data change in statement format, whose outcome the binlog does not say: {statement} — \
         record with binlog_format = ROW"
    )]
    StatementFormat {
        /// The statement.
        statement: String,
    },
    /// 1590.
    #[error("the server says that events are missing here (incident)")]
    Incident,
    /// 1397.
    #[error(
        "XAER_NOTA: Unknown XID {0}: it was prepared before the place where applying started; start before its XA START"
    )]
    NotPrepared(String),
    /// An event that is not read.
    #[error(
        "{0:?} events are not read (JSON documents as differences): record with binlog_row_value_options = ''"
    )]
    Unsupported(EventType),
    /// Rows of a table that no TABLE_MAP announced: the start position is inside a transaction.
    #[error(
        "rows of table id {table_id} without the event that describes the table: the start position is inside a transaction"
    )]
    NoTableMap {
        /// The id.
        table_id: u64,
    },
    /// The event does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A row does not decode.
    #[error(transparent)]
    Row(#[from] RowError),
    /// DDL that failed or cannot be followed.
    #[error(transparent)]
    Ddl(#[from] DdlError),
    /// The session that replays has to wait for a lock; its server says when to go on.
    #[error("waits for a lock")]
    Waiting,
    /// The server refused (1290, 1205, 1213).
    #[error(transparent)]
    Refused(crate::server::ServerError),
}

impl ApplyErrorKind {
    /// `Last_SQL_Errno` of a replica of this version: 13146 for 1677 from 8.0 on (measured on 9.7.4), 13121 (relay log
    /// read failure) for what no server meets in a sound log.
    pub fn applier_errno(&self, version: Version) -> u32 {
        match self.code() {
            Some(1677) if version.at_least(80_000) => 13_146,
            Some(code) => code.into(),
            None => 13_121,
        }
    }

    /// What a replica of this version says of it.
    pub fn applier_text(&self, version: Version) -> String {
        match self {
            Self::Sql(error) => error.message(!version.at_least(80_019)),
            Self::NoTable(_) => format!("Error executing row event: '{self}'"),
            _ => self.to_string(),
        }
    }

    /// MySQL's error number, where it has one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Sql(e) => Some(e.code()),
            Self::NoTable(_) => Some(1146),
            Self::Mismatch { .. } | Self::Convert { .. } => Some(1677),
            Self::Incident => Some(1590),
            Self::NotPrepared(_) => Some(1397),
            Self::Ddl(e) => e.code(),
            Self::Refused(e) => Some(e.code()),
            _ => None,
        }
    }
}
