//! Rows that exist without being stored: row = f(key).
//!
//! A generated base holds the rows 1..=n of a table whose primary key is an integer. Each column is a
//! function of the key, and what a unique or a foreign key stands on can be computed backwards, so that
//! "who has this e-mail address" needs no index. A base of 10¹⁰ rows costs what its declaration costs.

use super::shape::{KeyShape, Shape, integer_to_key, integer_value};
use crate::row::{parse, payload, value_len};
use crate::schema::{Column, ColumnKind, KeyPart, TableDef};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How a column's value follows from the row's key, which counts from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generator {
    /// The key itself.
    Key,
    /// NULL.
    Null,
    /// The same raw value in every row.
    Constant(Vec<u8>),
    /// An integer from `low..=high`, drawn from the seed and the key.
    Int {
        /// Seed of the column.
        seed: u64,
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// The prefix, the key in decimal, the suffix: unique.
    Text {
        /// Before the key.
        prefix: String,
        /// After the key.
        suffix: String,
    },
    /// One of some raw values, drawn from the seed and the key.
    Pick {
        /// Seed of the column.
        seed: u64,
        /// The raw values.
        values: Vec<Vec<u8>>,
    },
    /// The key of the row's parent, each parent having `fanout` children: ⌈key / fanout⌉.
    ParentOf {
        /// Children of each parent.
        fanout: u64,
    },
    /// The row's position among its parent's children, from 1.
    Position {
        /// Children of each parent.
        fanout: u64,
    },
    /// A DATETIME or TIMESTAMP of whole seconds from `start..start + span`, drawn from the seed and
    /// the key.
    Datetime {
        /// Seed of the column.
        seed: u64,
        /// Seconds since 1970-01-01 00:00:00 UTC.
        start: u32,
        /// Seconds.
        span: u32,
    },
}

/// Why a base cannot be generated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// The table's primary key is not one integer column that is generated as the key.
    #[error("generated rows need a primary key of one integer column, generated as the key")]
    Key,
    /// As many generators as columns are needed.
    #[error("{generators} generators for {columns} columns")]
    Columns {
        /// Generators given.
        generators: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// The generator does not fit the column's type.
    #[error("column '{column}': {reason}")]
    Column {
        /// Name of the column.
        column: String,
        /// Why not.
        reason: &'static str,
    },
    /// A unique key's values could repeat, or could not be found again.
    #[error(
        "unique key '{0}' stands on generated values that may repeat; use a text with the key in it"
    )]
    NotUnique(String),
    /// The children of a parent could not be found.
    #[error(
        "a foreign key or a reference stands on column '{0}', whose generated values cannot be found again"
    )]
    NotInvertible(String),
}

/// What a generator writes, prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Null,
    Raw(Vec<u8>),
    Pick {
        seed: u64,
        values: Vec<Vec<u8>>,
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
enum Source {
    Key,
    Drawn { seed: u64, low: i64, high: i64 },
    Parent { fanout: u64 },
    Position { fanout: u64 },
}

/// The rows 1..=`rows` of a table, computed when looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    rows: u64,
    unsigned: bool,
    generators: Vec<Generator>,
    bitmap: Vec<u8>,
    cells: Vec<Cell>,
}

/// A value to be looked up: of an integer column by value, else its bytes without length prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sought<'a> {
    Int(i128),
    Bytes(&'a [u8]),
}

impl<'a> Sought<'a> {
    /// The value in a row of the column's table.
    pub(crate) fn new(column: &Column, raw: &'a [u8]) -> Self {
        match integer_value(&column.kind, raw) {
            Some(value) => Sought::Int(value),
            None => Sought::Bytes(payload(&column.kind, raw)),
        }
    }
}

fn draw(seed: u64, key: u64) -> u64 {
    xxh3_64_with_seed(&key.to_le_bytes(), seed)
}

/// The draw scaled to `0..n` (a multiplication instead of a remainder: no bias worth naming, no division).
fn below(seed: u64, key: u64, n: u64) -> u64 {
    (u128::from(draw(seed, key)) * u128::from(n) >> 64) as u64
}

impl Base {
    /// The base of a table.
    ///
    /// # Errors
    /// [`BaseError`] when a generator does not fit its column, or a key of the table stands on values
    /// that cannot be computed backwards.
    pub fn new(def: &TableDef, rows: u64, generators: Vec<Generator>) -> Result<Self, BaseError> {
        let columns = &def.columns;
        if generators.len() != columns.len() {
            return Err(BaseError::Columns {
                generators: generators.len(),
                columns: columns.len(),
            });
        }
        let identity = match &def.primary {
            Some(primary) => KeyShape::new(columns, &primary.parts).integer_column(),
            None => None,
        };
        let key = identity.ok_or(BaseError::Key)?;
        let ColumnKind::Int { unsigned, .. } = columns[key].kind else {
            return Err(BaseError::Key);
        };
        if generators[key] != Generator::Key {
            return Err(BaseError::Key);
        }
        let mut bitmap = vec![0; columns.len().div_ceil(8)];
        let mut cells = Vec::with_capacity(columns.len());
        for (i, (column, generator)) in columns.iter().zip(&generators).enumerate() {
            let cell = cell(column, generator, rows).map_err(|reason| BaseError::Column {
                column: column.name.to_string(),
                reason,
            })?;
            if cell == Cell::Null {
                bitmap[i / 8] |= 1 << (i % 8);
            }
            cells.push(cell);
        }
        let base = Base {
            rows,
            unsigned,
            generators,
            bitmap,
            cells,
        };
        base.check_keys(columns, &Shape::new(def, &[]))?;
        Ok(base)
    }

    /// Whether every key of a shape can be looked up.
    pub(crate) fn check_keys(&self, columns: &[Column], shape: &Shape) -> Result<(), BaseError> {
        for unique in &shape.uniques {
            let fanout = |wanted: fn(&Generator) -> Option<u64>| {
                unique
                    .key
                    .parts
                    .iter()
                    .find_map(|p| wanted(&self.generators[p.column]))
            };
            let parent = fanout(|g| {
                if let Generator::ParentOf { fanout } = g {
                    Some(*fanout)
                } else {
                    None
                }
            });
            let place = fanout(|g| {
                if let Generator::Position { fanout } = g {
                    Some(*fanout)
                } else {
                    None
                }
            });
            let never = self.any(&unique.key.parts, |g| *g == Generator::Null);
            let single = unique.key.parts.iter().any(|p| {
                p.prefix.is_none()
                    && matches!(
                        self.generators[p.column],
                        Generator::Key | Generator::Text { .. }
                    )
            });
            if !(never || single || parent.is_some() && parent == place) {
                return Err(BaseError::NotUnique(unique.name.to_string()));
            }
        }
        for group in &shape.groups {
            let found = |g: &Generator| {
                matches!(
                    g,
                    Generator::Null
                        | Generator::Key
                        | Generator::Text { .. }
                        | Generator::ParentOf { .. }
                )
            };
            if !self.any(&group.parts, found) {
                let column = group.parts.first().and_then(|p| columns.get(p.column));
                let name = column.map_or_else(String::new, |c| c.name.to_string());
                return Err(BaseError::NotInvertible(name));
            }
        }
        Ok(())
    }

    fn any(&self, parts: &[KeyPart], wanted: impl Fn(&Generator) -> bool) -> bool {
        parts.iter().any(|p| wanted(&self.generators[p.column]))
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The generators, one for each column.
    pub fn generators(&self) -> &[Generator] {
        &self.generators
    }

    /// The order-preserving key of the n-th row, as [`crate::row::integer_key`] gives it.
    pub fn integer_key(&self, n: u64) -> u64 {
        integer_to_key(i128::from(n), self.unsigned).unwrap_or(u64::MAX)
    }

    /// Which row an order-preserving key stands for, if it is one of the base.
    pub fn number(&self, integer_key: u64) -> Option<u64> {
        let n = if self.unsigned {
            integer_key
        } else {
            integer_key ^ 1 << 63
        };
        (1..=self.rows).contains(&n).then_some(n)
    }

    /// Appends the image of the n-th row.
    pub fn row(&self, n: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bitmap);
        for cell in &self.cells {
            cell.write(n, |bytes| out.extend_from_slice(bytes));
        }
    }

    /// Whether an image is that of the n-th row.
    pub fn is_row(&self, n: u64, image: &[u8]) -> bool {
        let Some((bitmap, mut rest)) = image.split_at_checked(self.bitmap.len()) else {
            return false;
        };
        let used = self.cells.len() % 8;
        let mask = if used == 0 { 0xff } else { (1u8 << used) - 1 };
        let last = bitmap.len().saturating_sub(1);
        let nulls = bitmap.iter().zip(&self.bitmap).enumerate();
        let mut same = nulls.fold(true, |same, (i, (x, y))| {
            let mask = if i == last { mask } else { 0xff };
            same && x & mask == y & mask
        });
        for cell in &self.cells {
            if !same {
                return false;
            }
            cell.write(n, |bytes| match rest.strip_prefix(bytes) {
                Some(after) => rest = after,
                None => same = false,
            });
        }
        same && rest.is_empty()
    }

    /// The rows that may have these values in these columns: no other row has them all. `None` when
    /// none of the columns can be computed backwards.
    pub(crate) fn candidates<'a>(
        &self,
        values: impl Iterator<Item = (usize, Sought<'a>)> + Clone,
    ) -> Option<Range<u64>> {
        let mut found: Option<Range<u64>> = None;
        for (column, value) in values.clone() {
            let Some(generator) = self.generators.get(column) else {
                continue;
            };
            let range = match (generator, value) {
                (Generator::Null, _) => 0..0,
                (Generator::Key, Sought::Int(v)) => u64::try_from(v).map_or(0..0, one),
                (Generator::ParentOf { fanout }, Sought::Int(v)) => {
                    let first = u64::try_from(v)
                        .ok()
                        .and_then(|p| p.checked_sub(1)?.checked_mul(*fanout));
                    first.map_or(0..0, |f| {
                        f.saturating_add(1)..f.saturating_add(*fanout).saturating_add(1)
                    })
                }
                (Generator::Text { prefix, suffix }, Sought::Bytes(bytes)) => {
                    number_within(bytes, prefix, suffix).map_or(0..0, one)
                }
                _ => continue,
            };
            found = Some(match found {
                Some(f) => f.start.max(range.start)..f.end.min(range.end),
                None => range,
            });
        }
        let found = found?;
        let mut range = found.start.max(1)..found.end.min(self.rows.saturating_add(1));
        // Of one parent's children, the position tells which.
        for (column, value) in values {
            if let (Some(Generator::Position { fanout }), Sought::Int(v)) =
                (self.generators.get(column), value)
            {
                let aligned = range.start.wrapping_sub(1) % fanout == 0
                    && range.end.saturating_sub(range.start) <= *fanout;
                let offset = u64::try_from(v).ok().and_then(|v| v.checked_sub(1));
                match offset {
                    Some(o) if aligned => {
                        let n = range.start.saturating_add(o);
                        range = if n < range.end { one(n) } else { 0..0 };
                    }
                    Some(_) => {}
                    None => range = 0..0,
                }
            }
        }
        Some(if range.start < range.end { range } else { 0..0 })
    }
}

fn one(n: u64) -> Range<u64> {
    n..n.saturating_add(1)
}

/// The number between as many characters as the prefix and the suffix have. Whether these are equal
/// under the column's collation is for the caller to check.
fn number_within(bytes: &[u8], prefix: &str, suffix: &str) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (mut chars, total) = (text.chars(), text.chars().count());
    let digits = total.checked_sub(prefix.chars().count() + suffix.chars().count())?;
    if let Some(last) = prefix.chars().count().checked_sub(1) {
        chars.nth(last)?;
    }
    let mut n: u64 = 0;
    for (i, c) in chars.take(digits).enumerate() {
        let digit = c.to_digit(10).filter(|d| i > 0 || *d > 0)?;
        n = n.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (digits > 0).then_some(n)
}

/// Prepares a generator for a column of a table of so many rows.
fn cell(column: &Column, generator: &Generator, rows: u64) -> Result<Cell, &'static str> {
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
                values: values.clone(),
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
    /// Writes the n-th row's raw value, in pieces.
    fn write(&self, n: u64, mut out: impl FnMut(&[u8])) {
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
    let time = (second / 3_600) << 12 | (second / 60 % 60) << 6 | second % 60;
    1 << 39 | date << 17 | time
}
