//! ROWS events: the rows that a statement inserted, updated or deleted.
//!
//! MySQL source: `Rows_event` (rows_event.h). Version 1 (before 5.6) lacks the extra data; version 2 has it.

use crate::binlog::cursor::{Cursor, DecodeError};
use crate::binlog::event::EventType;
use crate::row::{Layout, Partial, RowError};
use crate::schema::Column;

/// Flags of a ROWS event.
pub mod rows_flag {
    /// The last event of its statement: table ids are void behind it.
    pub const STMT_END: u16 = 0x1;
    /// `foreign_key_checks` was off, or the rows are those of a cascade that 9.x logged.
    pub const NO_FOREIGN_KEY_CHECKS: u16 = 0x2;
    /// `unique_checks` was off.
    pub const RELAXED_UNIQUE_CHECKS: u16 = 0x4;
    /// The rows have all columns of the table.
    pub const COMPLETE_ROWS: u16 = 0x8;
    /// The cascades of the statement are in the binlog (9.x): an applier must not run them again.
    pub const USE_SQL_FOREIGN_KEY: u16 = 0x10;
}

/// What a ROWS event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowsKind {
    /// INSERT: after images.
    Insert,
    /// UPDATE: before and after images in turn.
    Update,
    /// DELETE: before images.
    Delete,
}

impl RowsKind {
    /// All of them, in order.
    pub(crate) const ALL: [RowsKind; 3] = [RowsKind::Insert, RowsKind::Update, RowsKind::Delete];

    /// The event that servers write since 5.6.
    pub(crate) fn event_type(self) -> EventType {
        match self {
            RowsKind::Insert => EventType::WRITE_ROWS,
            RowsKind::Update => EventType::UPDATE_ROWS,
            RowsKind::Delete => EventType::DELETE_ROWS,
        }
    }
}

/// Rows of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsEvent<'a> {
    /// Of the TABLE_MAP that describes the rows.
    pub table_id: u64,
    /// See [`rows_flag`].
    pub flags: u16,
    /// What it does.
    pub kind: RowsKind,
    /// Columns of the table.
    pub columns: usize,
    /// Bit per column, lowest first: in the before images. For INSERT: in the after images.
    pub present_before: &'a [u8],
    /// Bit per column: in the after images. The same as `present_before` save for UPDATE.
    pub present_after: &'a [u8],
    /// The images, one behind another.
    pub rows: &'a [u8],
}

impl<'a> RowsEvent<'a> {
    /// Reads the body of one of the six types.
    #[inline(always)]
    pub fn decode(event_type: EventType, body: &'a [u8]) -> Result<RowsEvent<'a>, DecodeError> {
        let (kind, second) = match event_type {
            EventType::WRITE_ROWS => (RowsKind::Insert, true),
            EventType::UPDATE_ROWS => (RowsKind::Update, true),
            EventType::DELETE_ROWS => (RowsKind::Delete, true),
            EventType::WRITE_ROWS_V1 => (RowsKind::Insert, false),
            EventType::UPDATE_ROWS_V1 => (RowsKind::Update, false),
            EventType::DELETE_ROWS_V1 => (RowsKind::Delete, false),
            _ => {
                return Err(DecodeError::Malformed {
                    event: "ROWS",
                    field: "type",
                });
            }
        };
        let mut c = Cursor::new("ROWS", body);
        let table_id = c.fixed::<6>("table id")?;
        let flags = c.u16("flags")?;
        if second {
            // The length counts itself.
            let length = usize::from(c.u16("extra data's length")?);
            let extra = length
                .checked_sub(2)
                .ok_or_else(|| c.malformed("extra data's length"))?;
            c.take(extra, "extra data")?;
        }
        let columns = usize::try_from(c.packed("number of columns")?)
            .ok()
            .filter(|n| (1..=4096).contains(n));
        let columns = columns.ok_or_else(|| c.malformed("number of columns"))?;
        let present_before = c.take(columns.div_ceil(8), "bitmap of columns")?;
        let present_after = match kind {
            RowsKind::Update => c.take(columns.div_ceil(8), "bitmap of columns")?,
            _ => present_before,
        };
        Ok(RowsEvent {
            table_id,
            flags,
            kind,
            columns,
            present_before,
            present_after,
            rows: c.rest(),
        })
    }

    /// Whether this is the last event of its statement.
    pub fn ends_statement(&self) -> bool {
        self.flags & rows_flag::STMT_END != 0
    }

    /// Whether all images have all columns of a table that has so many.
    #[inline]
    pub(crate) fn is_full(&self, columns: usize) -> bool {
        self.columns == columns && self.full() == (true, true)
    }

    /// Whether before images, and whether after images, have all columns.
    fn full(&self) -> (bool, bool) {
        let full = |present| {
            let image = &[];
            Partial { present, image }.is_full(self.columns)
        };
        let before = full(self.present_before);
        let after = match self.kind {
            RowsKind::Update => full(self.present_after),
            _ => before,
        };
        (before, after)
    }

    /// The rows, given the columns that TABLE_MAP (or the table) has; as many as [`RowsEvent::columns`], or
    /// the first row is an error.
    pub fn rows<'c>(&self, columns: &'c [Column]) -> RowChanges<'a, 'c> {
        self.rows_by(columns, None)
    }

    /// The rows; full images are taken by the layout that the columns have.
    pub(crate) fn rows_by<'c>(
        &self,
        columns: &'c [Column],
        layout: Option<&'c Layout>,
    ) -> RowChanges<'a, 'c> {
        let (before, after) = self.full();
        RowChanges {
            event: *self,
            columns,
            layouts: (layout.filter(|_| before), layout.filter(|_| after)),
            rest: self.rows,
            lone: self.rows.is_empty() && self.present_after.iter().all(|byte| *byte == 0),
            failed: false,
        }
    }
}

/// One row of a ROWS event.
#[derive(Clone, Debug)]
pub struct RowChange<'a> {
    /// The row as it was; `None` for INSERT.
    pub before: Option<Partial<'a>>,
    /// The row as it became; `None` for DELETE.
    pub after: Option<Partial<'a>>,
}

/// Iterates over the rows of an event; ends after the first error.
#[derive(Clone, Debug)]
pub struct RowChanges<'a, 'c> {
    event: RowsEvent<'a>,
    columns: &'c [Column],
    /// What before images and after images are taken by, where they are full.
    layouts: (Option<&'c Layout>, Option<&'c Layout>),
    rest: &'a [u8],
    /// `INSERT … VALUES ()` with MINIMAL images has no column at all: the event is one row of no bytes.
    lone: bool,
    failed: bool,
}

impl<'a> RowChanges<'a, '_> {
    fn image(
        &mut self,
        present: &'a [u8],
        layout: Option<&Layout>,
    ) -> Result<Partial<'a>, RowError> {
        let length = match layout {
            Some(layout) => layout.image_len(self.columns, self.rest)?,
            None => Partial::len(self.columns, present, self.rest)?,
        };
        let (image, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(RowError::Truncated)?;
        self.rest = rest;
        Ok(Partial { present, image })
    }

    fn change(&mut self) -> Result<RowChange<'a>, RowError> {
        if self.columns.len() != self.event.columns {
            return Err(RowError::Malformed(
                "another number of columns than its table",
            ));
        }
        let RowsEvent {
            kind,
            present_before,
            present_after,
            ..
        } = self.event;
        let (of_before, of_after) = self.layouts;
        let before = match kind {
            RowsKind::Insert => None,
            RowsKind::Update | RowsKind::Delete => Some(self.image(present_before, of_before)?),
        };
        let after = match kind {
            RowsKind::Delete => None,
            RowsKind::Insert | RowsKind::Update => Some(self.image(present_after, of_after)?),
        };
        Ok(RowChange { before, after })
    }
}

impl<'a> Iterator for RowChanges<'a, '_> {
    type Item = Result<RowChange<'a>, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let lone = std::mem::take(&mut self.lone);
        if self.failed || (self.rest.is_empty() && !lone) {
            return None;
        }
        let left = self.rest.len();
        let change = self.change();
        // An event with no column in its images has rows of no bytes: they would never end.
        let change = match change {
            Ok(_) if self.rest.len() == left && !lone => {
                Err(RowError::Malformed("rows without any column"))
            }
            other => other,
        };
        self.failed = change.is_err();
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ColumnKind, Default};

    #[test]
    fn an_insert_of_defaults_only_is_one_row_of_no_bytes() {
        let column = Column {
            name: "a".into(),
            kind: ColumnKind::Int {
                bytes: 4,
                unsigned: false,
            },
            nullable: true,
            collation: None,
            default: Default::Implicit,
            auto_increment: false,
            generated: None,
            display: crate::schema::Display::default(),
        };
        // As 5.6 and 9.7 write `INSERT INTO t VALUES ()` with MINIMAL images: bitmap 0, no rows' bytes.
        let body = [9, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 0];
        let event = RowsEvent::decode(EventType::WRITE_ROWS, &body).expect("rows");
        let rows: Vec<_> = event
            .rows(&[column])
            .map(|row| row.expect("a row"))
            .collect();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].after.is_some_and(|after| after.image.is_empty()));
    }
}
