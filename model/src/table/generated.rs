//! Rows that exist without being stored: row = f(key).
//!
//! A generated base holds the rows 1..=n of a table whose primary key is an integer. Each column is a
//! function of the key, and what a unique or a foreign key stands on can be computed backwards, so that
//! "who has this e-mail address" needs no index. A base of 10¹⁰ rows costs what its declaration costs.

mod cell;

use super::shape::{KeyShape, Shape, integer_to_key, integer_value};
use crate::row::payload;
use crate::schema::{Column, ColumnKind, KeyPart, TableDef};
use cell::{Cell, cell};
use std::{ops::Range, sync::Arc};

/// Bytes that most rows have room in.
const USUAL_LENGTH: usize = 96;

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
        values: Arc<[Vec<u8>]>,
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

    /// The base with other draws: `seed` is mixed into every column's own.
    pub(crate) fn drawn_anew(&self, seed: u64) -> Self {
        let mut base = self.clone();
        for generator in &mut base.generators {
            if let Generator::Int { seed: own, .. }
            | Generator::Pick { seed: own, .. }
            | Generator::Datetime { seed: own, .. } = generator
            {
                *own ^= seed;
            }
        }
        base.cells.iter_mut().for_each(|cell| cell.mix(seed));
        base
    }

    /// The first rows alone.
    pub(crate) fn first(&self, rows: u64) -> Self {
        Self {
            rows: rows.min(self.rows),
            ..self.clone()
        }
    }

    /// How many of its rows have a key up to this one.
    pub(crate) fn rows_up_to(&self, integer_key: u64) -> u64 {
        match self.number(integer_key) {
            Some(n) => n,
            None if self.rows == 0 || integer_key < self.integer_key(1) => 0,
            None => self.rows,
        }
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
        out.reserve(USUAL_LENGTH);
        out.extend_from_slice(&self.bitmap);
        for cell in &self.cells {
            cell.write(n, |bytes| out.extend_from_slice(bytes));
        }
    }

    /// Whether a column has this raw value in the n-th row.
    pub(super) fn has_value(&self, n: u64, column: usize, raw: Option<&[u8]>) -> bool {
        let (Some(cell), Some(mut rest)) = (self.cells.get(column), raw) else {
            return raw.is_none() && self.cells.get(column) == Some(&Cell::Null);
        };
        let mut same = *cell != Cell::Null;
        cell.write(n, |bytes| match rest.strip_prefix(bytes) {
            Some(after) => rest = after,
            None => same = false,
        });
        same && rest.is_empty()
    }

    /// Whether an image is that of the n-th row.
    pub fn is_row(&self, n: u64, image: &[u8]) -> bool {
        let Some((bitmap, mut rest)) = image.split_at_checked(self.bitmap.len()) else {
            return false;
        };
        // Most rows that changed differ at their end: a version, a time.
        let mut ends = true;
        if let Some(last) = self.cells.last() {
            last.write(n, |bytes| ends = image.ends_with(bytes));
        }
        if !ends {
            return false;
        }
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
