//! Data validation: rows are read on both sides and compared, table by table, from when they are loaded.
//!
//! That takes its time: what nobody has come to yet is pending, and that it does not match is not known. What is written
//! later is compared as it comes. "AWS DMS begins comparing the source and target data immediately after a full load is
//! performed for a table" [D `CHAP_Tasks.CustomizingTasks.TaskSettings.DataValidation`]; that tables are compared one after
//! the other, and from when the last one is loaded, is [K].
//!
//! What it does not see [D `CHAP_Validating`]: tables without a primary key are not validated; rows that change all the
//! time are suspended; in limited LOB mode only so much of a LOB is compared as was written. What differs and is young
//! is pending.

use crate::{
    arena::{Arena, RowRef},
    database::{Database, TableId},
    row::{ImageBuilder, same_image, shorten_lobs},
    table::Table,
};
use std::collections::BTreeMap;

/// A row that differs may be on its way for so long before it counts as mismatched, in µs [K].
const PENDING_US: u64 = 60_000_000;
/// A row that has differed for so long and never stood still is suspended, in µs [K].
const SUSPENDED_US: u64 = 180_000_000;

/// What `describe-table-statistics` says of validation, all tables together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// `ValidationPendingRecords`.
    pub pending: u64,
    /// `ValidationFailedRecords`.
    pub mismatched: u64,
    /// `ValidationSuspendedRecords`.
    pub suspended: u64,
    /// Tables in the state `No primary key`: nobody has looked at them.
    pub unseen: Vec<String>,
}

/// When a row was first seen to differ, when the source's row last was another one, and what it is.
#[derive(Clone, Copy, Debug)]
struct Differing {
    since_us: u64,
    still_us: u64,
    row: Option<RowRef>,
}

/// What validation remembers from one look to the next.
#[derive(Clone, Debug, Default)]
pub struct Validation {
    differing: BTreeMap<(TableId, u64), Differing>,
}

impl Validation {
    /// Compares the tables, as far as `compared` rows of them go. `lobs`: so many bytes of a LOB are compared.
    pub fn look(
        &mut self,
        arena: &mut Arena,
        now: u64,
        source: &Database,
        target: &Database,
        tables: &[TableId],
        lobs: Option<u64>,
        compared: u64,
    ) -> Report {
        let mut report = Report::default();
        let mut left = compared;
        let mut differing = BTreeMap::new();
        for &id in tables {
            let (Some(a), Some(b)) = (source.table(id), target.table(id)) else {
                report.unseen.push(format!("table {}", id.0));
                continue;
            };
            if a.shape().identity.is_none() {
                report.unseen.push(a.def().full_name());
                continue;
            }
            let rows = a.len();
            if left < rows {
                report.pending += rows - left;
                left = 0;
                continue;
            }
            left -= rows;
            report.mismatched += rows_of_base(a).abs_diff(rows_of_base(b));
            for (key, x, y) in a.differing(arena, b) {
                if same(arena, a, x, y, lobs) {
                    continue;
                }
                let before = self.differing.get(&(id, key.0)).copied();
                let seen = match before {
                    Some(seen) if seen.row == x => seen,
                    Some(seen) => Differing {
                        still_us: now,
                        row: x,
                        ..seen
                    },
                    None => Differing {
                        since_us: now,
                        still_us: now,
                        row: x,
                    },
                };
                differing.insert((id, key.0), seen);
                if now - seen.still_us >= PENDING_US {
                    report.mismatched += 1;
                } else if now - seen.since_us >= SUSPENDED_US {
                    report.suspended += 1;
                } else {
                    report.pending += 1;
                }
            }
        }
        self.differing = differing;
        report
    }
}

fn rows_of_base(table: &Table) -> u64 {
    table.base().map_or(0, |base| base.rows())
}

fn same(
    arena: &Arena,
    table: &Table,
    a: Option<RowRef>,
    b: Option<RowRef>,
    lobs: Option<u64>,
) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return a == b;
    };
    let columns = &table.def().columns;
    let (mut short, mut other) = (ImageBuilder::default(), ImageBuilder::default());
    let limit = lobs.unwrap_or(u64::MAX);
    let cut = |row: RowRef, out: &mut ImageBuilder| match shorten_lobs(
        columns,
        arena.row(row),
        limit,
        out,
    ) {
        true => out.image().to_vec(),
        false => arena.row(row).to_vec(),
    };
    let (a, b) = (cut(a, &mut short), cut(b, &mut other));
    same_image(columns.len(), &a, &b)
}
