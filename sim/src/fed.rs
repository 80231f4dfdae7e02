//! What tools that copy and apply rows have carried to the target, row by row.
//!
//! A replica applies transactions; a tool reads tables and writes rows, so whether the target has a transaction is
//! worked out of its rows: each of them was in a table when that was read, or was applied later.

use crate::history::Applications;
use cutover_model::apply::Written;

/// A table was read, as it was at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The table's id.
    pub table: u32,
    /// How many of the source's commits the read saw: the first ones.
    pub visible: u32,
    /// When, in µs.
    pub at: u64,
    /// When what was read had been written to the target, in µs; none: it never was.
    pub loaded: Option<u64>,
    /// The last key that came, where the rest did not.
    pub upto: Option<u64>,
}

impl Read {
    /// A read that is not written yet.
    pub fn new(table: u32, visible: u32, at: u64) -> Self {
        Self {
            table,
            visible,
            at,
            loaded: None,
            upto: None,
        }
    }
}

/// A change of a row that a tool applied, or tried to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FedRow {
    /// The source's commit that the change is of.
    pub commit: u32,
    /// The table's id.
    pub table: u32,
    /// The row's key in its table; where nothing identifies rows, the id of its content.
    pub row: u64,
    /// Something identifies the rows of the table.
    pub identified: bool,
    /// When, in µs.
    pub at: u64,
    /// The target refused it: which of [`Fed::refusals`].
    pub refused: Option<u32>,
}

/// Why rows were refused: the error, and whether it was written to the exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error.
    pub error: String,
    /// It is in `awsdms_apply_exceptions`.
    pub logged: bool,
}

/// Everything that was carried.
#[derive(Clone, Debug, Default)]
pub struct Fed {
    /// Reads of tables, in order.
    pub reads: Vec<Read>,
    /// Changes, in the order in which they were applied.
    pub rows: Vec<FedRow>,
    /// Reasons.
    pub refusals: Vec<Refusal>,
    /// The source's commits that have arrived whole, worked out of the above when the run is judged.
    pub arrived: Option<Applications>,
}

impl Fed {
    /// What was read of a table last is on the target now.
    pub fn loaded(&mut self, table: u32, at: u64, upto: Option<u64>) {
        let last = self.reads.iter_mut().rev().find(|r| r.table == table);
        if let Some(read) = last {
            (read.loaded, read.upto) = (Some(at), upto);
        }
    }

    /// The number of a reason.
    pub fn refusal(&mut self, error: String, logged: bool) -> u32 {
        let refusal = Refusal { error, logged };
        let known = self.refusals.iter().position(|r| *r == refusal);
        let at = known.unwrap_or_else(|| {
            self.refusals.push(refusal);
            self.refusals.len() - 1
        });
        at as u32
    }

    /// Whether some row of a transaction was written.
    pub fn applied_somewhere(&self, written: &[Written]) -> bool {
        written.iter().any(|row| row.refused.is_none())
    }

    /// The read that what is on the target of a table comes from: the last one that was written there.
    pub fn read_of(&self, table: u32) -> Option<&Read> {
        let of_table = self.reads.iter().rev().filter(|r| r.table == table);
        of_table.clone().find(|r| r.loaded.is_some())
    }
}
