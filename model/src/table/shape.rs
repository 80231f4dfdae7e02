//! How a table's keys become numbers.
//!
//! Every index here maps one `u64` to a row. A key of a single integer column is that integer, mapped so
//! that order is kept ([`crate::row::integer_key`]); any other key is the id under which its bytes are
//! interned. Integers inside such bytes are written by value, so that an INT UNSIGNED child finds its
//! BIGINT parent.
//!
//! Which key identifies a row is what the server's `open_table_from_share` decides: the primary key,
//! else the first unique key whose columns are all NOT NULL and whole (no prefixes), else none.

use super::generated::Base;
use crate::arena::{Arena, RowRef};
use crate::row::{Layout, append_key, field, fixed_len, value_len};
use crate::schema::{Column, ColumnKind, KeyPart, TableDef, UniqueKey};
use std::sync::Arc;

/// The columns of a key, and how their values become one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShape {
    /// Columns in order.
    pub parts: Vec<KeyPart>,
    /// The key is one integer column: whether it is UNSIGNED.
    integer: Option<bool>,
    /// For each part: where its value is in every full image, if that is one place for all.
    places: Vec<Option<Place>>,
    /// The key is one unsigned integer that is at the same place in every full image: where.
    number: Option<(usize, usize)>,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    start: usize,
    /// `None` where the value says it.
    length: Option<usize>,
}

impl Place {
    /// Where it is in every full image, its length included.
    pub(super) fn fixed(self) -> Option<(usize, usize)> {
        Some((self.start, self.start + self.length?))
    }
}

/// An unsigned number, of at most 8 bytes.
#[inline]
fn little_endian(raw: &[u8]) -> u64 {
    match *raw {
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => raw
            .iter()
            .take(8)
            .rev()
            .fold(0, |n, byte| n << 8 | u64::from(*byte)),
    }
}

/// The value of an integer column.
pub(crate) fn integer_value(kind: &ColumnKind, raw: &[u8]) -> Option<i128> {
    let ColumnKind::Int { unsigned, .. } = *kind else {
        return None;
    };
    let mut wide = [0; 16];
    wide.get_mut(..raw.len().min(8))?
        .copy_from_slice(raw.get(..raw.len().min(8))?);
    let value = i128::from_le_bytes(wide);
    let bits = 8 * raw.len().min(8);
    let negative = !unsigned && bits > 0 && value >> (bits - 1) == 1;
    Some(if negative { value - (1 << bits) } else { value })
}

/// The order-preserving key of an integer; `None` when no column of that signedness can hold it.
pub(crate) fn integer_to_key(value: i128, unsigned: bool) -> Option<u64> {
    if unsigned {
        u64::try_from(value).ok()
    } else {
        i64::try_from(value)
            .ok()
            .map(|v| v.cast_unsigned() ^ 1 << 63)
    }
}

/// Where a column's value is in every full image: all columns before it and itself are NOT NULL, those before it of
/// one length.
fn place_of(columns: &[Column], column: usize) -> Option<Place> {
    let (before, own) = (columns.get(..column)?, columns.get(column)?);
    if own.nullable || before.iter().any(|c| c.nullable) {
        return None;
    }
    let bitmap = columns.len().div_ceil(8);
    let start = before
        .iter()
        .try_fold(bitmap, |at, c| Some(at + fixed_len(&c.kind)?))?;
    Some(Place {
        start,
        length: fixed_len(&own.kind),
    })
}

fn append_part(column: &Column, prefix: Option<u32>, raw: &[u8], out: &mut Vec<u8>) {
    match integer_value(&column.kind, raw) {
        Some(value) => out.extend_from_slice(&value.to_be_bytes()[7..]),
        None => append_key(column, prefix, Some(raw), out),
    }
}

impl KeyShape {
    /// The shape of a key over some columns of a table.
    pub fn new(columns: &[Column], parts: &[KeyPart]) -> Self {
        let integer = match parts {
            [
                KeyPart {
                    column,
                    prefix: None,
                },
            ] => match columns.get(*column).map(|c| &c.kind) {
                Some(ColumnKind::Int { unsigned, .. }) => Some(*unsigned),
                _ => None,
            },
            _ => None,
        };
        let places: Vec<Option<Place>> =
            parts.iter().map(|p| place_of(columns, p.column)).collect();
        let only = places.first().copied().flatten();
        KeyShape {
            parts: parts.to_vec(),
            integer,
            number: only
                .filter(|_| integer == Some(true))
                .and_then(Place::fixed),
            places,
        }
    }

    /// The shape of a key over whole columns.
    pub fn of_columns(columns: &[Column], key: &[usize]) -> Self {
        let parts: Vec<KeyPart> = key
            .iter()
            .map(|&column| KeyPart {
                column,
                prefix: None,
            })
            .collect();
        KeyShape::new(columns, &parts)
    }

    /// Whether the key covers just these columns, whole, in any order.
    pub fn covers(&self, columns: &[usize]) -> bool {
        self.parts.len() == columns.len()
            && self
                .parts
                .iter()
                .all(|p| p.prefix.is_none() && columns.contains(&p.column))
    }

    /// Whether two full images of the table have the same bytes in the key's columns. False says nothing:
    /// other bytes may be an equal key.
    pub fn same_bytes(&self, columns: &[Column], a: &[u8], b: &[u8]) -> bool {
        (0..self.parts.len()).all(|i| self.part(columns, a, i) == self.part(columns, b, i))
    }

    /// Whether an image has the bytes that a base computes for its n-th row in the key's columns.
    pub(super) fn is_computed(
        &self,
        base: &Base,
        n: u64,
        columns: &[Column],
        image: &[u8],
    ) -> bool {
        let mut parts = self.parts.iter().enumerate();
        parts.all(|(i, part)| base.has_value(n, part.column, self.part(columns, image, i)))
    }

    /// The value of a part in a full image of the table; `None` for NULL.
    pub(crate) fn part<'i>(
        &self,
        columns: &[Column],
        image: &'i [u8],
        i: usize,
    ) -> Option<&'i [u8]> {
        let column = self.parts[i].column;
        let Some(place) = self.places[i] else {
            return field(columns, image, column);
        };
        let rest = image.get(place.start..)?;
        match place.length {
            Some(length) => rest.get(..length),
            None => rest.get(..value_len(&columns.get(column)?.kind, rest).ok()?),
        }
    }

    /// The key of a row of the table; `None` when one of its columns is NULL.
    pub fn of_row(&self, columns: &[Column], arena: &mut Arena, row: RowRef) -> Option<u64> {
        if let Some((from, to)) = self.number {
            return arena.row(row).get(from..to).map(little_endian);
        }
        self.of_row_with(arena, row, |image, i, column| {
            Some((columns.get(column)?, self.part(columns, image, i)?))
        })
    }

    /// The key of a full image; `None` when one of its columns is NULL.
    #[inline]
    pub fn of(&self, columns: &[Column], image: &[u8], arena: &mut Arena) -> Option<u64> {
        match self.number {
            Some((from, to)) => image.get(from..to).map(little_endian),
            None => self.of_other(columns, image, arena),
        }
    }

    fn of_other(&self, columns: &[Column], image: &[u8], arena: &mut Arena) -> Option<u64> {
        self.of_values(arena, |i, column| {
            Some((columns.get(column)?, self.part(columns, image, i)?))
        })
    }

    /// The key of a row that may be of another table: `value(image, position in the key, column)` gives
    /// a value with the column that it was stored in. `None` when one is `None` (NULL or absent), or is an
    /// integer that this key's column cannot hold.
    pub fn of_row_with<'c>(
        &self,
        arena: &mut Arena,
        row: RowRef,
        value: impl for<'i> Fn(&'i [u8], usize, usize) -> Option<(&'c Column, &'i [u8])>,
    ) -> Option<u64> {
        if let Some(unsigned) = self.integer {
            return self.integer(unsigned, |i, c| value(arena.row(row), i, c));
        }
        arena
            .intern_from(row, |image, out| {
                self.append(out, |i, c| value(image, i, c))
            })
            .map(|id| id.0)
    }

    /// The same for values from anywhere: `value(position in the key, column)`.
    pub fn of_values<'a>(
        &self,
        arena: &mut Arena,
        value: impl Fn(usize, usize) -> Option<(&'a Column, &'a [u8])>,
    ) -> Option<u64> {
        match self.integer {
            Some(unsigned) => self.integer(unsigned, value),
            None => arena
                .intern_with(|out| self.append(out, value))
                .map(|id| id.0),
        }
    }

    fn integer<'a>(
        &self,
        unsigned: bool,
        value: impl Fn(usize, usize) -> Option<(&'a Column, &'a [u8])>,
    ) -> Option<u64> {
        let (column, raw) = value(0, self.parts.first()?.column)?;
        match column.kind {
            ColumnKind::Int { unsigned: true, .. } if unsigned => Some(little_endian(raw)),
            _ => integer_to_key(integer_value(&column.kind, raw)?, unsigned),
        }
    }

    /// Appends all parts' bytes; false when one is absent.
    fn append<'a>(
        &self,
        out: &mut Vec<u8>,
        value: impl Fn(usize, usize) -> Option<(&'a Column, &'a [u8])>,
    ) -> bool {
        self.parts
            .iter()
            .enumerate()
            .all(|(i, part)| match value(i, part.column) {
                Some((column, raw)) => {
                    append_part(column, part.prefix, raw, out);
                    true
                }
                None => false,
            })
    }

    /// Whether a value has the same number under both keys: they are of one integer column each, of one signedness.
    pub(crate) fn numbers_as(&self, other: &Self) -> bool {
        self.integer.is_some() && self.integer == other.integer
    }

    /// The value of a single integer key, from its number; `None` for any other key and for a negative one.
    pub(crate) fn positive(&self, number: u64) -> Option<u64> {
        match self.integer? {
            true => Some(number),
            false => u64::try_from((number ^ 1 << 63).cast_signed()).ok(),
        }
    }

    /// The number of a single integer key's column.
    pub(crate) fn integer_column(&self) -> Option<usize> {
        self.integer.and(self.parts.first()).map(|p| p.column)
    }
}

/// A unique key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueShape {
    /// `PRIMARY` or the index's name.
    pub name: Arc<str>,
    /// Its columns.
    pub key: KeyShape,
}

/// The keys of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What identifies a row; `None` when nothing does.
    pub identity: Option<UniqueShape>,
    /// The other unique keys.
    pub uniques: Vec<UniqueShape>,
    /// Keys under which several rows may stand: the foreign keys' columns, in the order of
    /// [`TableDef::foreign_keys`], then whatever other tables refer to.
    pub groups: Vec<KeyShape>,
    /// The AUTO_INCREMENT column.
    pub auto_increment: Option<usize>,
    /// It alone identifies a row.
    pub auto_increment_identifies: bool,
    /// How long a full image is.
    pub layout: Layout,
    /// For each column: where its value is in every full image, if that is one place for all.
    pub(super) fields: Vec<Option<Place>>,
}

impl Shape {
    /// The keys that a declaration asks for, and groups over further columns.
    pub fn new(def: &TableDef, referenced: &[Vec<usize>]) -> Self {
        let shape = |u: &UniqueKey| UniqueShape {
            name: u.name.clone(),
            key: KeyShape::new(&def.columns, &u.parts),
        };
        let whole = |u: &&UniqueKey| {
            u.parts.iter().all(|p| {
                p.prefix.is_none() && def.columns.get(p.column).is_some_and(|c| !c.nullable)
            })
        };
        let identity = def
            .primary
            .as_ref()
            .or_else(|| def.uniques.iter().find(whole));
        let others = def
            .uniques
            .iter()
            .filter(|u| !identity.is_some_and(|i| std::ptr::eq(i, *u)));
        let own = def.foreign_keys.iter().map(|f| &f.columns);
        let identity = identity.map(shape);
        let auto_increment = def.columns.iter().position(|c| c.auto_increment);
        let integer = identity.as_ref().and_then(|i| i.key.integer_column());
        Shape {
            auto_increment_identifies: auto_increment.is_some() && integer == auto_increment,
            identity,
            uniques: others.map(shape).collect(),
            groups: own
                .chain(referenced)
                .map(|c| KeyShape::of_columns(&def.columns, c))
                .collect(),
            auto_increment,
            layout: Layout::of(&def.columns),
            fields: (0..def.columns.len())
                .map(|column| place_of(&def.columns, column))
                .collect(),
        }
    }
}
