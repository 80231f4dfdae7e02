//! Writing one column of a computed row.

use super::Generator;
use crate::row::{parse, payload, value_len};
use crate::schema::{Column, ColumnKind};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a generator writes, prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Raw(Vec<u8>),
    Pick {
        seed: u64,
        values: Arc<[Vec<u8>]>,
    },
    Int {
        source: Source,
        bytes: usize,
    },
    Text {
        prefix: Vec<u8>,
        suffix: Vec<u8>,
        length_bytes: usize,
    },
    DateTime {
        seed: u64,
        start: u32,
        span: u32,
        fraction: usize,
    },
    Timestamp {
        seed: u64,
        start: u32,
        span: u32,
        fraction: usize,
        old: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Key,
    Drawn { seed: u64, low: i64, high: i64 },
    Parent { fanout: u64 },
    Position { fanout: u64 },
}

fn draw(seed: u64, key: u64) -> u64 {
    xxh3_64_with_seed(&key.to_le_bytes(), seed)
}

/// The draw scaled to `0..n` (a multiplication instead of a remainder: no bias worth naming, no division).
fn below(seed: u64, key: u64, n: u64) -> u64 {
    ((u128::from(draw(seed, key)) * u128::from(n)) >> 64) as u64
}

/// Prepares a generator for a column of a table of so many rows.
pub(super) fn cell(
    column: &Column,
    generator: &Generator,
    rows: u64,
) -> Result<Cell, &'static str> {
    let integer = |source: Source, low: i128, high: i128| match column.kind {
        ColumnKind::Int { bytes, unsigned } => {
            let bits = 8 * u32::from(bytes.clamp(1, 8));
            let (min, max) = if unsigned {
                (0, (1 << bits) - 1)
            } else {
                (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
            };
            match low <= high && min <= low && high <= max {
                true => Ok(Cell::Int {
                    source,
                    bytes: usize::from(bytes.clamp(1, 8)),
                }),
                false => Err("the values do not fit the column"),
            }
        }
        _ => Err("an integer column is needed"),
    };
    let raw = |raw: &[u8]| match value_len(&column.kind, raw) {
        Ok(len) if len == raw.len() => Ok(()),
        _ => Err("the bytes are no value of the column's type"),
    };
    match generator {
        Generator::Key => integer(Source::Key, 1, i128::from(rows.max(1))),
        Generator::Null if column.nullable => Ok(Cell::Null),
        Generator::Null => Err("the column is NOT NULL"),
        Generator::Constant(value) => raw(value).map(|()| Cell::Raw(value.clone())),
        Generator::Int { seed, low, high } => integer(
            Source::Drawn {
                seed: *seed,
                low: *low,
                high: *high,
            },
            i128::from(*low),
            i128::from(*high),
        ),
        Generator::Text { prefix, suffix } => text(column, prefix, suffix, rows),
        Generator::Pick { values, .. } if values.is_empty() => Err("there is nothing to pick from"),
        Generator::Pick { seed, values } => {
            values.iter().try_for_each(|v| raw(v))?;
            Ok(Cell::Pick {
                seed: *seed,
                values: Arc::clone(values),
            })
        }
        Generator::ParentOf { fanout: 0 } | Generator::Position { fanout: 0 } => {
            Err("the fan-out is 0")
        }
        Generator::ParentOf { fanout } => integer(
            Source::Parent { fanout: *fanout },
            1,
            i128::from(rows.div_ceil(*fanout).max(1)),
        ),
        Generator::Position { fanout } => integer(
            Source::Position { fanout: *fanout },
            1,
            i128::from((*fanout).min(rows).max(1)),
        ),
        Generator::Datetime { span: 0, .. } => Err("the span is 0 seconds"),
        Generator::Datetime { start, span, .. }
            if start
                .checked_add(*span)
                .is_none_or(|end| end > i32::MAX as u32) =>
        {
            Err("the time ends after 2038-01-19")
        }
        Generator::Datetime { seed, start, span } => {
            let (seed, start, span) = (*seed, *start, *span);
            match column.kind {
                ColumnKind::DateTime { fsp } => Ok(Cell::DateTime {
                    seed,
                    start,
                    span,
                    fraction: usize::from(fsp.min(6)).div_ceil(2),
                }),
                ColumnKind::Timestamp { fsp } => {
                    let fraction = usize::from(fsp.min(6)).div_ceil(2);
                    Ok(Cell::Timestamp {
                        seed,
                        start,
                        span,
                        fraction,
                        old: false,
                    })
                }
                ColumnKind::OldTimestamp => Ok(Cell::Timestamp {
                    seed,
                    start,
                    span,
                    fraction: 0,
                    old: true,
                }),
                _ => Err("a DATETIME or TIMESTAMP column is needed"),
            }
        }
    }
}

/// A text cell: the longest text must fit, and digits must be themselves in the column's character set.
fn text(column: &Column, prefix: &str, suffix: &str, rows: u64) -> Result<Cell, &'static str> {
    let length_bytes = match column.kind {
        ColumnKind::Char { max_bytes } | ColumnKind::Varchar { max_bytes } => {
            1 + usize::from(max_bytes > 255)
        }
        ColumnKind::Text { length_bytes } => usize::from(length_bytes.clamp(1, 4)),
        _ => return Err("a CHAR, VARCHAR or TEXT column is needed"),
    };
    if !(prefix.is_ascii() && suffix.is_ascii()) || suffix.ends_with(' ') {
        return Err("prefix and suffix must be ASCII, without a space at the end");
    }
    let longest = format!("{prefix}{rows}{suffix}");
    let mut raw = Vec::new();
    parse(column, &longest, &mut raw).map_err(|_| "the longest text does not fit the column")?;
    if payload(&column.kind, &raw) != longest.as_bytes() {
        return Err("the column's character set must contain ASCII");
    }
    Ok(Cell::Text {
        prefix: prefix.into(),
        suffix: suffix.into(),
        length_bytes,
    })
}

impl Cell {
    /// Mixes a seed into its own, where it draws.
    pub(super) fn mix(&mut self, seed: u64) {
        if let Cell::Pick { seed: own, .. }
        | Cell::Int {
            source: Source::Drawn { seed: own, .. },
            ..
        }
        | Cell::DateTime { seed: own, .. }
        | Cell::Timestamp { seed: own, .. } = self
        {
            *own ^= seed;
        }
    }

    /// Writes the n-th row's raw value, in pieces.
    pub(super) fn write(&self, n: u64, mut out: impl FnMut(&[u8])) {
        match self {
            Cell::Null => {}
            Cell::Raw(raw) => out(raw),
            Cell::Pick { seed, values } => {
                out(&values[below(*seed, n, values.len() as u64) as usize])
            }
            Cell::Int { source, bytes } => out(&source.value(n).to_le_bytes()[..*bytes]),
            Cell::Text {
                prefix,
                suffix,
                length_bytes,
            } => {
                let mut digits = [0; 20];
                let mut at = digits.len();
                let mut rest = n;
                while at == digits.len() || rest > 0 {
                    at -= 1;
                    digits[at] = b'0' + (rest % 10) as u8;
                    rest /= 10;
                }
                let len = prefix.len() + digits.len() - at + suffix.len();
                out(&(len as u64).to_le_bytes()[..*length_bytes]);
                out(prefix);
                out(&digits[at..]);
                out(suffix);
            }
            Cell::DateTime {
                seed,
                start,
                span,
                fraction,
            } => {
                let packed = datetime(u64::from(*start) + below(*seed, n, u64::from(*span)));
                out(&packed.to_be_bytes()[3..]);
                out(&[0; 3][..*fraction]);
            }
            Cell::Timestamp {
                seed,
                start,
                span,
                fraction,
                old,
            } => {
                let seconds = start.wrapping_add(below(*seed, n, u64::from(*span)) as u32);
                out(&if *old {
                    seconds.to_le_bytes()
                } else {
                    seconds.to_be_bytes()
                });
                out(&[0; 3][..*fraction]);
            }
        }
    }
}

impl Source {
    fn value(self, n: u64) -> u64 {
        match self {
            Source::Key => n,
            Source::Drawn { seed, low, high } => {
                // low..=high may be all of i64: then every draw is a value.
                let offset = match high.abs_diff(low).checked_add(1) {
                    Some(count) => below(seed, n, count),
                    None => draw(seed, n),
                };
                low.wrapping_add_unsigned(offset).cast_unsigned()
            }
            Source::Parent { fanout } => n.wrapping_sub(1) / fanout + 1,
            Source::Position { fanout } => n.wrapping_sub(1) % fanout + 1,
        }
    }
}

/// DATETIME2's 40 bits (server `my_datetime_packed_to_binary`): sign, year × 13 + month, day, h, m, s.
fn datetime(seconds: u64) -> u64 {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // The civil calendar from days since 1970-01-01, counted in years that begin in March.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let date = (year * 13 + month) << 5 | day;
    let time = (second / 3_600) << 12 | (second / 60 % 60) << 6 | (second % 60);
    1 << 39 | date << 17 | time
}
