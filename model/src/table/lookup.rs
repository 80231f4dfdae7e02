//! Finding rows: by identity, by unique key, by what refers to a parent, by content.
//!
//! The order in which a before image finds its row is the server's (`log_event.cc`,
//! `Rows_log_event::decide_row_lookup_algorithm_and_key`): by the primary key alone if its columns are
//! there (the image's other columns are *not* compared), else by a unique key without NULLs, else by
//! comparing every present column.

use super::generated::Sought;
use super::shape::Place;
use super::{KeyShape, Member, RowKey, Table, UniqueShape};
use crate::arena::Arena;
use crate::row::{self, Partial, field};
use crate::schema::{Column, ColumnKind, KeyPart};
use std::ops::Range;

/// Clears the bits of a full image's bitmap that stand for no column.
pub(super) fn mask_bitmap(columns: usize, image: &mut [u8]) {
    let used = columns % 8;
    if used > 0
        && let Some(last) = image.get_mut(columns / 8)
    {
        *last &= (1 << used) - 1;
    }
}

/// A column's value in an image of some columns; `None` for NULL and where it is not in it.
fn value_of<'a>(
    columns: &'a [Column],
    row: &Partial<'a>,
    column: usize,
) -> Option<(&'a Column, &'a [u8])> {
    let (_, raw) = row.iter(columns).find(|(index, _)| *index == column)?;
    Some((columns.get(column)?, raw?))
}

impl Table {
    /// Where the value of a column is in a full image; `None` where it is NULL.
    pub fn place(&self, image: &[u8], column: usize) -> Option<Range<usize>> {
        match self.shape.fields.get(column)?.and_then(Place::fixed) {
            Some((from, to)) => Some(from..to),
            None => row::place(&self.def.columns, image, column),
        }
    }

    /// The key that a full image has or would have; `None` in a table without a key, and for a damaged
    /// image.
    pub fn key_of(&self, arena: &mut Arena, image: &[u8]) -> Option<RowKey> {
        let identity = self.shape.identity.as_ref()?;
        identity.key.of(&self.def.columns, image, arena).map(RowKey)
    }

    /// The key that a before image names, where the columns that identify a row are in it; there may be no such
    /// row.
    pub fn named(&self, arena: &mut Arena, row: &Partial<'_>) -> Option<RowKey> {
        let columns = &self.def.columns[..];
        let key = &self.shape.identity.as_ref()?.key;
        if row.is_full(columns.len()) {
            return key.of(columns, row.image, arena).map(RowKey);
        }
        key.of_values(arena, |_, c| value_of(columns, row, c))
            .map(RowKey)
    }

    /// The row that a before image means, as the server's applier looks for it.
    pub fn find(&self, arena: &mut Arena, row: &Partial<'_>) -> Option<RowKey> {
        let columns = &self.def.columns[..];
        let wide = columns.len();
        let present = |shape: &KeyShape| shape.parts.iter().all(|p| row.has(p.column));
        let value = |_: usize, c: usize| value_of(columns, row, c);
        if self
            .shape
            .identity
            .as_ref()
            .is_some_and(|i| present(&i.key))
        {
            return self.named(arena, row).filter(|key| self.contains(*key));
        }
        let never_null = |shape: &KeyShape| {
            let solid = |p: &KeyPart| {
                p.prefix.is_none() && columns.get(p.column).is_some_and(|c| !c.nullable)
            };
            shape.parts.iter().all(solid)
        };
        let usable = |u: &UniqueShape| present(&u.key) && never_null(&u.key);
        if let Some(i) = self.shape.uniques.iter().position(usable) {
            return self.owner_of(arena, i, value);
        }
        if self.shape.identity.is_none() && row.is_full(wide) {
            let id = arena.intern_with(|out| {
                out.extend_from_slice(row.image);
                mask_bitmap(wide, out);
                true
            })?;
            let from = Member::new(id.0, RowKey(0));
            let (first, ()) = self.content.iter_from(from).next()?;
            return (first.key_id() == id.0).then(|| first.row());
        }
        let mut values = vec![None; wide];
        for (column, raw) in row.iter(columns) {
            if let Some(slot) = values.get_mut(column) {
                *slot = Some(raw);
            }
        }
        self.scan(arena, &values)
    }

    /// The first row whose present columns are the same bytes.
    fn scan(&self, arena: &Arena, values: &[Option<Option<&[u8]>>]) -> Option<RowKey> {
        let columns = &self.def.columns[..];
        let same = |image: &[u8]| {
            let fields = crate::row::fields(columns, image);
            values
                .iter()
                .zip(fields)
                .all(|(wanted, found)| wanted.is_none_or(|w| w == found))
        };
        let stored = self
            .rows
            .iter()
            .find(|(_, entry)| entry.is_some_and(|row| same(arena.row(row))))
            .map(|(key, _)| key);
        if stored.is_some() {
            return stored;
        }
        // Of a base only what can be computed backwards: walking 10¹⁰ rows would never end.
        let base = self.base.as_deref()?;
        let sought = values.iter().enumerate().filter_map(|(i, v)| {
            let raw = (*v)??;
            Some((i, Sought::new(columns.get(i)?, raw)))
        });
        let mut image = Vec::new();
        base.candidates(sought)?.find_map(|n| {
            let key = RowKey(base.integer_key(n));
            image.clear();
            base.row(n, &mut image);
            (!self.rows.contains(&key) && same(&image)).then_some(key)
        })
    }

    /// The row that has a unique key: `value(position in the key, column)` as in
    /// [`KeyShape::of_values`]. NULL has no owner.
    pub fn owner_of<'a>(
        &self,
        arena: &mut Arena,
        unique: usize,
        value: impl Fn(usize, usize) -> Option<(&'a Column, &'a [u8])>,
    ) -> Option<RowKey> {
        let shape = &self.shape.uniques.get(unique)?.key;
        let id = shape.of_values(arena, &value)?;
        self.uniques[unique].get(&id).or_else(|| {
            let mut found = None;
            self.computed_with(arena, shape, id, value, |key| {
                found = Some(key);
                false
            });
            found
        })
    }

    /// The rows whose unique key another row has too, of each pair the one that a look-up does not find.
    pub fn duplicates(&self, arena: &mut Arena, unique: usize) -> Vec<RowKey> {
        let mut found = Vec::new();
        let Some(shape) = self.shape.uniques.get(unique).map(|u| &u.key) else {
            return found;
        };
        let columns = &self.def.columns[..];
        let mut image = Vec::new();
        for (key, row) in self.touched() {
            let Some(row) = row else { continue };
            // The base gives a key to one row; one that takes it is met itself.
            let computed = self.base_row(key);
            if computed.is_some_and(|(base, n)| shape.is_computed(base, n, columns, arena.row(row)))
            {
                continue;
            }
            let Some(id) = shape.of_row(columns, arena, row) else {
                continue;
            };
            let owner = self.uniques[unique].get(&id);
            if owner.is_some_and(|owner| owner != key) {
                found.push(key);
                continue;
            }
            image.clear();
            image.extend_from_slice(arena.row(row));
            let value =
                |i: usize, c: usize| Some((columns.get(c)?, shape.part(columns, &image, i)?));
            self.computed_with(arena, shape, id, value, |other| {
                found.extend((other != key).then_some(other));
                true
            });
        }
        found
    }

    /// The rows that have the key of a group, in the order of their keys.
    pub fn members<'a>(
        &self,
        arena: &mut Arena,
        group: usize,
        value: impl Fn(usize, usize) -> Option<(&'a Column, &'a [u8])>,
        out: &mut Vec<RowKey>,
    ) {
        let Some(shape) = self.shape.groups.get(group) else {
            return;
        };
        let Some(id) = shape.of_values(arena, &value) else {
            return;
        };
        let from = out.len();
        let entries = self.groups[group].iter_from(Member::new(id, RowKey(0)));
        out.extend(
            entries
                .map(|(member, ())| member)
                .take_while(|member| member.key_id() == id)
                .map(Member::row),
        );
        self.computed_with(arena, shape, id, value, |key| {
            out.push(key);
            true
        });
        out[from..].sort_unstable();
    }

    /// Whether some row has the key of a group.
    pub fn has_member<'a>(
        &self,
        arena: &mut Arena,
        group: usize,
        value: impl Fn(usize, usize) -> Option<(&'a Column, &'a [u8])>,
    ) -> bool {
        let Some(shape) = self.shape.groups.get(group) else {
            return false;
        };
        let Some(id) = shape.of_values(arena, &value) else {
            return false;
        };
        let from = Member::new(id, RowKey(0));
        let first = self.groups[group].iter_from(from).next();
        let mut found = first.is_some_and(|(member, ())| member.key_id() == id);
        if !found {
            self.computed_with(arena, shape, id, value, |_| {
                found = true;
                false
            });
        }
        found
    }

    /// Gives the rows whose key has this id and is what the base computes for them (the indexes have the others),
    /// until `each` returns false.
    fn computed_with<'a>(
        &self,
        arena: &mut Arena,
        shape: &KeyShape,
        id: u64,
        value: impl Fn(usize, usize) -> Option<(&'a Column, &'a [u8])>,
        mut each: impl FnMut(RowKey) -> bool,
    ) {
        let Some(base) = self.base.as_deref() else {
            return;
        };
        let columns = &self.def.columns[..];
        // By a whole column only: a prefix of a value does not lead back to it.
        let whole = shape
            .parts
            .iter()
            .enumerate()
            .filter(|(_, p)| p.prefix.is_none());
        let sought = whole.filter_map(|(i, p)| {
            let (column, raw) = value(i, p.column)?;
            Some((p.column, Sought::new(column, raw)))
        });
        let range: Range<u64> = base.candidates(sought).unwrap_or(0..0);
        let mut image = Vec::new();
        for n in range {
            let key = RowKey(base.integer_key(n));
            let entry = self.rows.get(&key);
            if entry == Some(None) {
                continue;
            }
            image.clear();
            base.row(n, &mut image);
            if shape.of(columns, &image, arena) != Some(id) {
                continue;
            }
            let keeps = match entry.flatten() {
                Some(row) => shape.of_row(columns, arena, row) == Some(id),
                None => true,
            };
            if keeps && !each(key) {
                return;
            }
        }
    }

    /// As [`Table::auto_value`], of a row whose key is known: mostly the key is that value.
    pub(crate) fn auto_value_of(&self, key: RowKey, image: &[u8]) -> Option<u64> {
        let identity = self.shape.identity.as_ref();
        match identity.filter(|_| self.is_identified_by_auto_increment()) {
            Some(identity) => identity.key.positive(key.0),
            None => self.auto_value(image),
        }
    }

    /// The raw value of the AUTO_INCREMENT column as a number, if the column is an integer and the value
    /// positive.
    pub(crate) fn auto_value(&self, image: &[u8]) -> Option<u64> {
        let index = self.shape.auto_increment?;
        let column = self.def.columns.get(index)?;
        let value = super::integer_value(&column.kind, field(&self.def.columns, image, index)?)?;
        u64::try_from(value).ok()
    }

    /// The largest value in the AUTO_INCREMENT column.
    pub fn largest_auto_value(&self, arena: &Arena) -> Option<u64> {
        let index = self.shape.auto_increment?;
        let mut scratch = Vec::new();
        let identity = self
            .shape
            .identity
            .as_ref()
            .and_then(|i| i.key.integer_column());
        if identity == Some(index) {
            return self.auto_value(self.image(arena, self.last_key()?, &mut scratch)?);
        }
        let stored = self
            .rows
            .iter()
            .filter_map(|(_, row)| self.auto_value(arena.row(row?)))
            .max();
        stored.max(self.base.as_ref().map(|b| b.rows()))
    }

    /// The largest value that the AUTO_INCREMENT column can hold.
    pub(crate) fn auto_limit(&self) -> u64 {
        let kind = self
            .shape
            .auto_increment
            .and_then(|i| self.def.columns.get(i))
            .map(|c| &c.kind);
        match kind {
            Some(ColumnKind::Int { bytes, unsigned }) => {
                u64::MAX >> (64 - 8 * u32::from(*bytes).clamp(1, 8) + u32::from(!unsigned))
            }
            _ => u64::MAX,
        }
    }
}
