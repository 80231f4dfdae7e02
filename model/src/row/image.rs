//! The full row image: where each value starts and ends, and how an image is put together.
//!
//! Layout after the server's `rpl_record.cc` (`pack_row`, `unpack_row`) and `Field::pack`: lengths of
//! CHAR, VARCHAR, BINARY and VARBINARY take 1 byte, or 2 when the column can hold more than 255 bytes;
//! blobs, JSON, GEOMETRY and VECTOR say in the metadata how many bytes their length takes.

use super::decimal::packed_len;
use super::error::RowError;
use super::temporal::fraction_bytes;
use crate::schema::{Column, ColumnKind};
use std::ops::Range;

/// Bytes of the length in front of a value; 0 for types of a fixed length.
#[inline]
pub(super) fn prefix_len(kind: &ColumnKind) -> usize {
    match kind {
        ColumnKind::Char { max_bytes }
        | ColumnKind::Varchar { max_bytes }
        | ColumnKind::Varbinary { max_bytes } => 1 + usize::from(*max_bytes > 255),
        ColumnKind::Binary { bytes } => 1 + usize::from(*bytes > 255),
        ColumnKind::Text { length_bytes }
        | ColumnKind::Blob { length_bytes }
        | ColumnKind::Geometry { length_bytes }
        | ColumnKind::Vector { length_bytes, .. } => usize::from(*length_bytes).clamp(1, 4),
        ColumnKind::Json => 4,
        _ => 0,
    }
}

/// Length of every raw value of the type, where it is the same for all.
#[inline]
pub(crate) fn fixed_len(kind: &ColumnKind) -> Option<usize> {
    Some(match kind {
        ColumnKind::Int { bytes, .. }
        | ColumnKind::Enum { bytes, .. }
        | ColumnKind::Set { bytes, .. } => usize::from(*bytes),
        ColumnKind::Float | ColumnKind::OldTimestamp => 4,
        ColumnKind::Double | ColumnKind::OldDateTime => 8,
        ColumnKind::Decimal {
            precision, scale, ..
        } => packed_len(*precision, *scale),
        ColumnKind::Bit { bits } => usize::from(*bits).div_ceil(8),
        ColumnKind::Year => 1,
        ColumnKind::Date | ColumnKind::OldTime => 3,
        ColumnKind::Time { fsp } => 3 + fraction_bytes(*fsp),
        ColumnKind::DateTime { fsp } => 5 + fraction_bytes(*fsp),
        ColumnKind::Timestamp { fsp } => 4 + fraction_bytes(*fsp),
        _ => return None,
    })
}

/// An unsigned little-endian number of up to 8 bytes.
pub(super) fn le(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .take(8)
        .fold(0, |n, &b| n << 8 | u64::from(b))
}

/// An unsigned big-endian number of up to 8 bytes.
pub(super) fn be(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |n, &b| n << 8 | u64::from(b))
}

/// Length in bytes of the raw value at the start of `bytes`.
///
/// # Errors
/// [`RowError::Truncated`] when `bytes` ends before the value does.
#[inline]
pub fn value_len(kind: &ColumnKind, bytes: &[u8]) -> Result<usize, RowError> {
    let len = match fixed_len(kind) {
        Some(len) => len,
        None => {
            let prefix = prefix_len(kind);
            let len = le(bytes.get(..prefix).ok_or(RowError::Truncated)?);
            prefix + usize::try_from(len).map_err(|_| RowError::Truncated)?
        }
    };
    if len > bytes.len() {
        Err(RowError::Truncated)
    } else {
        Ok(len)
    }
}

/// Length in bytes of the full image at the start of `bytes`.
///
/// # Errors
/// [`RowError::Truncated`] when `bytes` ends before the image does.
pub fn image_len(columns: &[Column], bytes: &[u8]) -> Result<usize, RowError> {
    let mut at = columns.len().div_ceil(8);
    let nulls = bytes.get(..at).ok_or(RowError::Truncated)?;
    for (index, column) in columns.iter().enumerate() {
        if !bit(nulls, index) {
            at += value_len(&column.kind, &bytes[at..])?;
        }
    }
    Ok(at)
}

/// Bit `index` of a bitmap; bits beyond its end are 0.
#[inline]
pub(super) fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap
        .get(index / 8)
        .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// The raw values of a full image in the order of the columns, `None` for NULL. A damaged image ends
/// early.
pub fn fields<'a>(columns: &'a [Column], image: &'a [u8]) -> Fields<'a> {
    let bitmap = columns.len().div_ceil(8);
    // Without a whole bitmap there is no field at all.
    let columns = if image.len() < bitmap { &[] } else { columns };
    Fields {
        columns,
        nulls: image,
        index: 0,
        rest: image.get(bitmap..).unwrap_or_default(),
    }
}

/// Iterator of [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    columns: &'a [Column],
    nulls: &'a [u8],
    index: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let column = self.columns.get(self.index)?;
        let null = bit(self.nulls, self.index);
        self.index += 1;
        if null {
            return Some(None);
        }
        let Ok(len) = value_len(&column.kind, self.rest) else {
            self.columns = &[];
            return None;
        };
        let (raw, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(Some(raw))
    }
}

/// The raw value of one column of a full image; `None` for NULL, and where the image is damaged.
pub fn field<'a>(columns: &[Column], image: &'a [u8], index: usize) -> Option<&'a [u8]> {
    image.get(place(columns, image, index)?)
}

/// Where the raw value of [`field`] is.
pub fn place(columns: &[Column], image: &[u8], index: usize) -> Option<Range<usize>> {
    if bit(image, index) {
        return None;
    }
    let mut at = columns.len().div_ceil(8);
    for (i, column) in columns.iter().enumerate().take(index + 1) {
        if i < index && bit(image, i) {
            continue;
        }
        let rest = image.get(at..)?;
        let len = value_len(&column.kind, rest).ok()?;
        if i == index {
            return Some(at..at + len);
        }
        at += len;
    }
    None
}

/// A raw value without its length prefix, and without what may follow a value of fixed length.
pub fn payload<'a>(kind: &ColumnKind, raw: &'a [u8]) -> &'a [u8] {
    match fixed_len(kind) {
        Some(len) => raw.get(..len).unwrap_or(raw),
        None => raw.get(prefix_len(kind)..).unwrap_or_default(),
    }
}

/// Whether two full images hold the same row, byte for byte.
///
/// The bits of the bitmap that stand for no column are skipped: server versions differ in them.
pub fn same_image(columns: usize, a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    let bitmap = columns.div_ceil(8);
    let used = columns % 8;
    if used == 0 || a.len() != b.len() || a.len() < bitmap {
        return false;
    }
    let last = bitmap - 1;
    let mask = (1u8 << used) - 1;
    a[..last] == b[..last] && a[last] & mask == b[last] & mask && a[bitmap..] == b[bitmap..]
}

/// Appends a length-prefixed value.
pub(super) fn push_prefixed(kind: &ColumnKind, value: &[u8], out: &mut Vec<u8>) {
    let prefix = prefix_len(kind);
    out.extend_from_slice(&(value.len() as u64).to_le_bytes()[..prefix]);
    out.extend_from_slice(value);
}

/// A full image in the making. One is kept and used again for every row.
#[derive(Clone, Debug, Default)]
pub struct ImageBuilder {
    image: Vec<u8>,
    columns: usize,
    next: usize,
}

impl ImageBuilder {
    /// Begins an image of so many columns; the one before is forgotten.
    pub fn start(&mut self, columns: usize) {
        self.image.clear();
        self.image.resize(columns.div_ceil(8), 0);
        self.columns = columns;
        self.next = 0;
    }

    /// The next column is NULL.
    pub fn push_null(&mut self) {
        debug_assert!(self.next < self.columns, "more values than columns");
        if let Some(byte) = self.image.get_mut(self.next / 8) {
            *byte |= 1 << (self.next % 8);
        }
        self.next += 1;
    }

    /// The next column's raw value.
    #[inline]
    pub fn push(&mut self, raw: &[u8]) {
        debug_assert!(self.next < self.columns, "more values than columns");
        self.image.extend_from_slice(raw);
        self.next += 1;
    }

    /// A whole image: this one but for the raw value of one column, which is at this place, or NULL without one.
    pub fn replace(
        &mut self,
        columns: &[Column],
        image: &[u8],
        (column, place): (usize, Option<Range<usize>>),
        raw: &[u8],
    ) {
        let Some(place) = place else {
            self.start(columns.len());
            for (i, field) in fields(columns, image).enumerate() {
                match field {
                    _ if i == column => self.push(raw),
                    Some(as_it_is) => self.push(as_it_is),
                    None => self.push_null(),
                }
            }
            return;
        };
        self.image.clear();
        self.image.extend_from_slice(&image[..place.start]);
        self.image.extend_from_slice(raw);
        self.image.extend_from_slice(&image[place.end..]);
        (self.columns, self.next) = (columns.len(), columns.len());
    }

    /// The next column's raw value, written in place by `write`; what a failed write left is taken back.
    pub(super) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.image.len();
        match write(&mut self.image) {
            Ok(()) => {
                self.next += 1;
                Ok(())
            }
            Err(error) => {
                self.image.truncate(before);
                Err(error)
            }
        }
    }

    /// The image; complete once as many values were pushed as there are columns.
    pub fn image(&self) -> &[u8] {
        debug_assert_eq!(self.next, self.columns, "values are missing");
        &self.image
    }
}
