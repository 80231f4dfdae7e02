//! A row as a ROWS event carries it: with `binlog_row_image` MINIMAL or NOBLOB, some columns only.
//!
//! The image's null bitmap then counts the present columns, not all of them (server `rpl_record.cc`).

use super::default::push_default;
use super::error::RowError;
use super::image::{Fields, ImageBuilder, bit, fields, value_len};
use crate::schema::Column;

/// A row image of some columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial<'a> {
    /// Bitmap over all columns: bit set = the column is in the image.
    pub present: &'a [u8],
    /// Null bits of the present columns, then their values.
    pub image: &'a [u8],
}

fn count_present(present: &[u8], columns: usize) -> usize {
    let whole = columns / 8;
    let count: usize = present
        .iter()
        .take(whole)
        .map(|byte| byte.count_ones() as usize)
        .sum();
    let mask = (1u8 << (columns % 8)) - 1;
    count
        + present
            .get(whole)
            .map_or(0, |byte| (byte & mask).count_ones() as usize)
}

impl<'a> Partial<'a> {
    /// Whether all columns are there: the image is then a full one.
    pub fn is_full(&self, columns: usize) -> bool {
        let (whole, rest) = (columns / 8, columns % 8);
        let bytes = self.present.get(..whole);
        let mask = (1u8 << rest) - 1;
        bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == u8::MAX))
            && (rest == 0 || self.present.get(whole).is_some_and(|b| b & mask == mask))
    }

    /// Whether a column is in the image.
    pub fn has(&self, column: usize) -> bool {
        bit(self.present, column)
    }

    /// The present columns: index and raw value, `None` for NULL. A damaged image ends early.
    pub fn iter(
        &self,
        columns: &'a [Column],
    ) -> impl Iterator<Item = (usize, Option<&'a [u8]>)> + use<'a> {
        let (present, image) = (self.present, self.image);
        let bitmap = count_present(present, columns.len()).div_ceil(8);
        let mut rest = image.get(bitmap..);
        let indexes = (0..columns.len()).filter(move |&index| bit(present, index));
        indexes.enumerate().map_while(move |(nth, index)| {
            let bytes = rest?;
            if bit(image, nth) {
                return Some((index, None));
            }
            let len = value_len(&columns[index].kind, bytes).ok()?;
            let (raw, after) = bytes.split_at(len);
            rest = Some(after);
            Some((index, Some(raw)))
        })
    }

    /// Bytes that the partial image at the start of `bytes` takes.
    ///
    /// # Errors
    /// [`RowError`] when `present` is shorter than the columns or `bytes` than the image.
    pub fn len(columns: &[Column], present: &[u8], bytes: &[u8]) -> Result<usize, RowError> {
        if present.len() < columns.len().div_ceil(8) {
            return Err(RowError::Malformed(
                "the bitmap of present columns is shorter than the columns",
            ));
        }
        let mut at = count_present(present, columns.len()).div_ceil(8);
        let nulls = bytes.get(..at).ok_or(RowError::Truncated)?;
        let indexes = (0..columns.len()).filter(|&index| bit(present, index));
        for (nth, index) in indexes.enumerate() {
            if !bit(nulls, nth) {
                at += value_len(&columns[index].kind, &bytes[at..])?;
            }
        }
        Ok(at)
    }

    /// The full image: the present columns from here, the others from `base` (a full image), or from
    /// the columns' defaults where there is none.
    ///
    /// # Errors
    /// [`RowError::Truncated`] when this image or `base` is damaged.
    pub fn merge_over(
        &self,
        columns: &[Column],
        base: Option<&[u8]>,
        out: &mut ImageBuilder,
    ) -> Result<(), RowError> {
        out.start(columns.len());
        let bitmap = count_present(self.present, columns.len()).div_ceil(8);
        let mut rest = self.image.get(bitmap..).ok_or(RowError::Truncated)?;
        let mut base: Option<Fields<'_>> = base.map(|image| fields(columns, image));
        let mut nth = 0;
        for (index, column) in columns.iter().enumerate() {
            let old = match &mut base {
                Some(fields) => Some(fields.next().ok_or(RowError::Truncated)?),
                None => None,
            };
            if bit(self.present, index) {
                let null = bit(self.image, nth);
                nth += 1;
                if null {
                    out.push_null();
                } else {
                    let (raw, after) = rest.split_at(value_len(&column.kind, rest)?);
                    rest = after;
                    out.push(raw);
                }
                continue;
            }
            match old {
                Some(Some(raw)) => out.push(raw),
                Some(None) => out.push_null(),
                None => push_default(column, out),
            }
        }
        Ok(())
    }
}
