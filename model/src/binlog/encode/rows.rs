//! ROWS events: statements of row changes, grouped and split as a server does it.
//!
//! MySQL source: `THD::binlog_prepare_pending_rows_event` (a new event for another table, kind, set of
//! columns, or when the size would exceed `binlog_row_event_max_size`), `pack_row`.

use super::event::{Group, push_packed};
use super::{RowImage, TableTemplate, Writer};
use crate::binlog::decode::{RowsKind, rows_flag};
use crate::binlog::event::{EventType, HEADER_LENGTH};
use crate::row::fields;
use crate::schema::Column;
use smallvec::SmallVec;

/// A row to write.
#[derive(Clone, Copy, Debug)]
pub struct RowWrite<'a> {
    /// Its table.
    pub template: &'a TableTemplate,
    /// Its table's columns (read for images that are not full).
    pub columns: &'a [Column],
    /// Full image before; `None` for INSERT.
    pub before: Option<&'a [u8]>,
    /// Full image after; `None` for DELETE.
    pub after: Option<&'a [u8]>,
    /// Flags of its ROWS event beside STMT_END, see [`rows_flag`].
    pub flags: u16,
    /// The first row of a statement. The first row of all is one anyway.
    pub new_statement: bool,
}

/// The rows of a transaction; most have few.
pub(crate) type RowWrites<'a> = SmallVec<[RowWrite<'a>; 4]>;

impl RowWrite<'_> {
    /// What it is; a row without images is none.
    #[inline]
    pub(super) fn kind(&self) -> Option<RowsKind> {
        match (self.before, self.after) {
            (None, None) => None,
            (None, Some(_)) => Some(RowsKind::Insert),
            (Some(_), None) => Some(RowsKind::Delete),
            (Some(_), Some(_)) => Some(RowsKind::Update),
        }
    }

    fn has_image(&self) -> bool {
        self.kind().is_some()
    }
}

/// Bytes of a bitmap over the most columns that a table may have.
const BITMAP: usize = 4096 / 8;

/// Which columns the images before and after have, for images that are not full.
type Masks = [[u8; BITMAP]; 2];

/// An event that may take more rows.
struct Pending<'a> {
    at: usize,
    bitmaps_at: usize,
    template: &'a TableTemplate,
    kind: RowsKind,
    flags: u16,
}

impl Writer {
    /// Appends the statements; says whether there were any.
    pub(super) fn statements(&self, group: &mut Group<'_>, rows: &[RowWrite<'_>]) -> bool {
        let mut any = false;
        for statement in rows.chunk_by(|_, next| !next.new_statement) {
            if let [row] = statement
                && self.options.row_image == RowImage::Full
            {
                any |= lone_row(group, row);
            } else if statement.iter().any(RowWrite::has_image) {
                any = true;
                table_maps(group, statement);
                self.rows_events(group, statement);
            }
        }
        any
    }

    fn rows_events<'a>(&self, group: &mut Group<'_>, statement: &[RowWrite<'a>]) {
        let mut pending: Option<Pending<'a>> = None;
        for row in statement {
            let Some(kind) = row.kind() else {
                continue;
            };
            let width = row.template.all.len().min(BITMAP);
            let masks: Masks;
            let [before, after] = if self.options.row_image == RowImage::Full {
                [row.template.all.as_slice(); 2]
            } else {
                masks = self.masks(row);
                [&masks[0][..width], &masks[1][..width]]
            };
            // An upper bound where images are not full.
            let needed = row.before.map_or(0, <[u8]>::len) + row.after.map_or(0, <[u8]>::len);
            let fits = |p: &Pending<'_>| {
                let bitmaps = group.out.get(p.bitmaps_at..).unwrap_or_default();
                let same_columns = match kind {
                    RowsKind::Insert => bitmaps.starts_with(after),
                    RowsKind::Delete => bitmaps.starts_with(before),
                    RowsKind::Update => {
                        bitmaps.starts_with(before)
                            && bitmaps.get(width..).is_some_and(|b| b.starts_with(after))
                    }
                };
                p.template.table_id == row.template.table_id
                    && p.kind == kind
                    && p.flags == row.flags
                    && same_columns
                    && group.out.len() - p.at - HEADER_LENGTH + needed
                        <= self.options.rows_event_max_bytes
            };
            if !pending.as_ref().is_some_and(fits) {
                if let Some(full) = pending.take() {
                    group.close(full.at);
                }
                pending = Some(start(group, row, kind, before, after));
            }
            for (image, present) in [(row.before, before), (row.after, after)] {
                if let Some(image) = image {
                    push_image(group.out, row, image, present);
                }
            }
        }
        if let Some(last) = pending {
            group.out[last.at + HEADER_LENGTH + FLAGS_AT] |= rows_flag::STMT_END as u8;
            group.close(last.at);
        }
    }

    /// Which columns the images of a row have, where they are not full.
    fn masks(&self, row: &RowWrite<'_>) -> Masks {
        let mut masks = [[0; BITMAP]; 2];
        let [before, after] = &mut masks;
        let template = row.template;
        let minimal = self.options.row_image == RowImage::Minimal;
        if row.before.is_some() {
            fill(
                before,
                if minimal {
                    &template.key
                } else {
                    &template.all
                },
            );
            if !minimal {
                before
                    .iter_mut()
                    .zip(&template.blobs)
                    .for_each(|(to, blob)| *to &= !blob);
            }
        }
        match (row.before, row.after) {
            (Some(old), Some(new)) => {
                let pairs = fields(row.columns, old).zip(fields(row.columns, new));
                for (i, (old, new)) in pairs.enumerate().take(BITMAP * 8) {
                    let mask = 1 << (i % 8);
                    let optional = minimal
                        || template
                            .blobs
                            .get(i / 8)
                            .is_some_and(|byte| byte & mask != 0);
                    if !optional || old != new {
                        after[i / 8] |= mask;
                    }
                }
                // A row that did not change is not logged by a server; the key keeps the image readable.
                if after.iter().all(|byte| *byte == 0) {
                    fill(after, &template.key);
                }
            }
            _ => fill(after, &template.all),
        }
        masks
    }
}

/// A statement of one row with all columns, as most are; false when the row has no image.
fn lone_row(group: &mut Group<'_>, row: &RowWrite<'_>) -> bool {
    let Some(kind) = row.kind() else {
        return false;
    };
    let template = row.template;
    let map = group.copy(&template.lone[kind as usize]);
    group.close_copy(map, template.map_length);
    let at = map + template.map_length;
    group.stamp(at);
    let flags_at = at + HEADER_LENGTH + FLAGS_AT;
    let flags = row.flags | rows_flag::STMT_END;
    group.out[flags_at..flags_at + 2].copy_from_slice(&flags.to_le_bytes());
    if let Some(image) = row.before {
        group.out.extend_from_slice(image);
    }
    if let Some(image) = row.after {
        group.out.extend_from_slice(image);
    }
    group.close(at);
    true
}

/// Where a ROWS event's body has its flags.
pub(super) const FLAGS_AT: usize = 6;

/// Appends what a ROWS event has in front of its bitmaps.
pub(super) fn rows_head(out: &mut Vec<u8>, table_id: u64, flags: u16, columns: usize) {
    out.extend_from_slice(&table_id.to_le_bytes()[..FLAGS_AT]);
    out.extend_from_slice(&flags.to_le_bytes());
    // Extra data: none but its own length.
    out.extend_from_slice(&2u16.to_le_bytes());
    push_packed(out, columns as u64);
}

/// A TABLE_MAP for each table, in the order in which the rows first need it.
fn table_maps(group: &mut Group<'_>, statement: &[RowWrite<'_>]) {
    let mut last = None;
    for (i, row) in statement.iter().enumerate() {
        let id = row.template.table_id;
        // Most rows have the table of the row before; the search stops at a table's first row.
        let seen = last == Some(id)
            || statement[..i]
                .iter()
                .any(|earlier| earlier.template.table_id == id);
        last = Some(id);
        if !seen {
            let event = group.event(EventType::TABLE_MAP, 0);
            group.out.extend_from_slice(&row.template.body);
            group.close(event);
        }
    }
}

fn fill(to: &mut [u8; BITMAP], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Starts an event for a row and those like it.
fn start<'a>(
    group: &mut Group<'_>,
    row: &RowWrite<'a>,
    kind: RowsKind,
    before: &[u8],
    after: &[u8],
) -> Pending<'a> {
    let at = group.event(kind.event_type(), 0);
    let out = &mut *group.out;
    let flags = row.flags & !rows_flag::STMT_END;
    rows_head(out, row.template.table_id, flags, row.template.columns);
    let bitmaps_at = out.len();
    if kind != RowsKind::Insert {
        out.extend_from_slice(before);
    }
    if kind != RowsKind::Delete {
        out.extend_from_slice(after);
    }
    Pending {
        at,
        bitmaps_at,
        template: row.template,
        kind,
        flags: row.flags,
    }
}

/// Appends an image of the present columns.
fn push_image(out: &mut Vec<u8>, row: &RowWrite<'_>, image: &[u8], present: &[u8]) {
    if present == row.template.all {
        out.extend_from_slice(image);
        return;
    }
    let wanted = |i: usize| {
        present
            .get(i / 8)
            .is_some_and(|byte| byte >> (i % 8) & 1 == 1)
    };
    let nulls_at = out.len();
    // Not by counting bits: those behind the last column may be set.
    let count = (0..row.template.columns).filter(|i| wanted(*i)).count();
    out.resize(nulls_at + count.div_ceil(8), 0);
    let mut nth = 0;
    for (i, value) in fields(row.columns, image).enumerate() {
        if !wanted(i) {
            continue;
        }
        match value {
            Some(raw) => out.extend_from_slice(raw),
            None => out[nulls_at + nth / 8] |= 1 << (nth % 8),
        }
        nth += 1;
    }
}
