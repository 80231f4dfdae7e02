//! How long the values of a full row image are, worked out once for a table.
//!
//! Columns of one length that stand side by side are one step: an image of integers is as long as their sum.

use super::error::RowError;
use super::image::{fixed_len, image_len, le, prefix_len};
use crate::schema::Column;

/// The steps through a full image without NULLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    bitmap: usize,
    /// Bits of the bitmap's last byte that stand for a column.
    last_mask: u8,
    steps: Vec<Step>,
}

/// Columns of one length, and behind them one that says its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    fixed: usize,
    /// Bytes of the length; 0 at the end of the image.
    prefix: usize,
}

impl Layout {
    /// Of these columns.
    pub fn of(columns: &[Column]) -> Self {
        let mut steps = vec![Step {
            fixed: 0,
            prefix: 0,
        }];
        for column in columns {
            match (steps.last_mut(), fixed_len(&column.kind)) {
                (Some(step), Some(length)) if step.prefix == 0 => step.fixed += length,
                (Some(step), None) if step.prefix == 0 => step.prefix = prefix_len(&column.kind),
                (_, length) => steps.push(Step {
                    fixed: length.unwrap_or(0),
                    prefix: if length.is_none() {
                        prefix_len(&column.kind)
                    } else {
                        0
                    },
                }),
            }
        }
        let used = columns.len() % 8;
        Self {
            bitmap: columns.len().div_ceil(8),
            last_mask: if used == 0 { 0xff } else { (1 << used) - 1 },
            steps,
        }
    }

    /// As [`image_len`]: length in bytes of the full image at the start of `bytes`.
    ///
    /// # Errors
    /// [`RowError::Truncated`] when `bytes` ends before the image does.
    #[inline]
    pub fn image_len(&self, columns: &[Column], bytes: &[u8]) -> Result<usize, RowError> {
        match self.without_nulls(bytes) {
            Some(length) => Ok(length),
            None => image_len(columns, bytes),
        }
    }

    /// The same of an image without NULLs; none for another, and where `bytes` ends before it does.
    #[inline]
    fn without_nulls(&self, bytes: &[u8]) -> Option<usize> {
        let (last, rest) = bytes.get(..self.bitmap)?.split_last()?;
        if last & self.last_mask != 0 || rest.iter().any(|b| *b != 0) {
            return None;
        }
        let mut at = self.bitmap;
        for step in &self.steps {
            at += step.fixed;
            at += step.prefix
                + match step.prefix {
                    0 => 0,
                    1 => usize::from(*bytes.get(at)?),
                    length => usize::try_from(le(bytes.get(at..at + length)?)).ok()?,
                };
        }
        (at <= bytes.len()).then_some(at)
    }
}
