//! What came of following files.

use super::Place;
use crate::{
    apply::{ApplyError, ApplyErrorKind},
    binlog::{frame::BinlogError, history::file_name},
    database::LoadError,
    ddl::ParseError,
    gtid::{Gtid, GtidSet},
};
use std::fmt;

/// Why nothing could be applied at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The files are not one history.
    #[error(transparent)]
    History(#[from] crate::binlog::HistoryError),
    /// The start or the stop.
    #[error(transparent)]
    Place(#[from] Box<super::BadPlace>),
    /// The schema file.
    #[error("{file}: {error}")]
    Schema {
        /// The file.
        file: String,
        /// What is wrong, with line and column.
        error: Box<ParseError>,
    },
    /// A table of the base.
    #[error("{file}: {error}")]
    Base {
        /// The file.
        file: String,
        /// What is wrong, with the line.
        error: Box<LoadError>,
    },
    /// A file of the base that is no UTF-8.
    #[error("{file}: byte {at} is no UTF-8: `.jsonl` tables and schema files are text")]
    NoText {
        /// The file.
        file: String,
        /// Offset in bytes.
        at: usize,
    },
    /// A transaction before the start declares tables in a way that cannot be followed.
    #[error(
        "{file}: {error}; the declarations at the start are taken from the DDL before it: give them with --schema instead"
    )]
    Declarations {
        /// The file.
        file: String,
        /// What is wrong, and where.
        error: Box<ApplyError>,
    },
}

/// The last transaction that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastGood {
    /// Its file, as given.
    pub file: String,
    /// The position behind it.
    pub pos: u64,
    /// Its GTID, where it has one.
    pub gtid: Option<Gtid>,
}

impl fmt::Display for LastGood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", file_name(&self.file), self.pos)?;
        self.gtid.map_or(Ok(()), |gtid| write!(f, " ({gtid})"))
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// At the end of the last file.
    End,
    /// At the place to stop at.
    Stop(Place),
    /// Before that.
    Stopped(Box<Stopped>),
}

/// Whose fault it is that applying stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The rows contradict those that are there (1062, 1032 and the like): wrong base or wrong start.
    Rows,
    /// A file is damaged, or has what cannot be followed.
    Files,
}

/// Where and why applying stopped; everything before it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The file, as given.
    pub file: String,
    /// Position of the event.
    pub pos: u64,
    /// The transaction's GTID, where it has one.
    pub gtid: Option<Gtid>,
    /// `schema.table`, where it is about one.
    pub table: Option<String>,
    /// The row, as `column=value` of its key (or all columns), where it is about one.
    pub row: Option<String>,
    /// The last transaction that was applied before it.
    pub last_good: Option<LastGood>,
    /// What is wrong.
    pub cause: Cause,
    /// What would be right.
    pub remedy: Option<&'static str>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The file is damaged or cut.
    #[error("{}", .0.kind)]
    Damage(BinlogError),
    /// A replica would stop here as well, or the binlog cannot be followed.
    #[error("{0}")]
    Apply(ApplyErrorKind),
}

impl Stopped {
    /// MySQL's error number, where it has one.
    pub fn code(&self) -> Option<u16> {
        match &self.cause {
            Cause::Damage(_) => None,
            Cause::Apply(kind) => kind.code(),
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match &self.cause {
            Cause::Apply(
                ApplyErrorKind::Sql(_)
                | ApplyErrorKind::Mismatch { .. }
                | ApplyErrorKind::Convert { .. },
            ) => Fault::Rows,
            _ => Fault::Files,
        }
    }

    /// What is wrong and what would be right, without the place.
    pub fn message(&self) -> String {
        let mut text = self.cause.to_string();
        match (&self.table, &self.row) {
            (Some(table), Some(row)) => text.push_str(&format!(" (table {table}, row {row})")),
            (Some(table), None) => text.push_str(&format!(" (table {table})")),
            _ => {}
        }
        if let Some(remedy) = self.remedy {
            text.push_str("; ");
            text.push_str(remedy);
        }
        match &self.last_good {
            None => text.push_str("; nothing was applied before it"),
            Some(good) => text.push_str(&format!("; everything up to {good} is applied")),
        }
        text
    }
}

/// What came of it, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Transactions (and statements that commit by themselves) that were applied.
    pub applied: u64,
    /// Those that were there already.
    pub skipped: u64,
    /// Those before the stop that are not in its GTID set.
    pub left_out: u64,
    /// Changed rows that were not as the binlog's before image has them; a replica goes by the key alone.
    pub drifted: u64,
    /// The last one that was applied.
    pub last_good: Option<LastGood>,
    /// What is there now, as far as the files have GTIDs.
    pub executed: GtidSet,
    /// How it ended.
    pub ended: Ended,
    /// What limits the result, for people.
    pub notes: Vec<String>,
}

impl From<super::BadPlace> for FollowError {
    fn from(error: super::BadPlace) -> Self {
        Self::Place(Box::new(error))
    }
}
