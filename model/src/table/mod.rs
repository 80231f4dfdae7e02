//! A table: rows by key, its unique indexes, and who refers to it.
//!
//! Everything here is a map that copies share ([`cow`]), over rows that may be computed instead of
//! stored ([`generated`]). A row of a generated base counts as *touched* once it differs from what is
//! computed; only touched rows are kept, indexed, dumped and compared.
//!
//! A table does what it is told: whether a change is allowed, [`crate::database`] decides.

mod copy;
pub mod cow;
pub mod generated;
mod lookup;
mod shape;

pub use copy::KeyRange;
pub use generated::{Base, BaseError, Generator};
use shape::integer_value;
pub use shape::{KeyShape, Shape, UniqueShape};

use crate::arena::{Arena, RowRef};
use crate::schema::TableDef;
use cow::CowMap;
use std::sync::Arc;

/// The identity of a row in its table: the integer primary key in order, or the interned id of any other
/// key, or a number that nothing else has where the table has no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey(pub u64);

/// A row among those that have the same key: ordered by the key's id, then by the row. One number, because it is
/// compared more than anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member(u128);

impl Member {
    pub(crate) fn new(key_id: u64, row: RowKey) -> Self {
        Self(u128::from(key_id) << 64 | u128::from(row.0))
    }

    pub(crate) fn key_id(self) -> u64 {
        (self.0 >> 64) as u64
    }

    pub(crate) fn row(self) -> RowKey {
        RowKey(self.0 as u64)
    }
}

/// A touched row: its image, or `None` for a row of the base that was deleted.
pub(crate) type Entry = Option<RowRef>;

/// A table with its rows. Copies share what neither has written since.
#[derive(Clone, Debug)]
pub struct Table {
    def: Arc<TableDef>,
    shape: Arc<Shape>,
    base: Option<Arc<Base>>,
    /// The touched rows.
    pub(crate) rows: CowMap<RowKey, Entry>,
    /// For each of [`Shape::uniques`]: the touched rows that have the key, but those to which the base gives it.
    uniques: Vec<CowMap<u64, RowKey>>,
    /// For each of [`Shape::groups`]: likewise.
    groups: Vec<CowMap<Member, ()>>,
    /// Tables whose rows nothing identifies: rows by the id of their whole image.
    pub(crate) content: CowMap<Member, ()>,
    len: u64,
    auto_increment: u64,
}

impl Table {
    /// An empty table. `referenced`: columns that other tables' foreign keys refer to although no unique
    /// key covers them.
    pub fn new(def: Arc<TableDef>, referenced: &[Vec<usize>]) -> Self {
        let shape = Shape::new(&def, referenced);
        Table {
            uniques: vec![CowMap::default(); shape.uniques.len()],
            groups: vec![CowMap::default(); shape.groups.len()],
            shape: Arc::new(shape),
            def,
            base: None,
            rows: CowMap::default(),
            content: CowMap::default(),
            len: 0,
            auto_increment: 1,
        }
    }

    /// A table that holds the rows of a base.
    ///
    /// # Errors
    /// [`BaseError`] when another table refers to columns that the base cannot look up.
    pub fn generated(
        def: Arc<TableDef>,
        referenced: &[Vec<usize>],
        base: Arc<Base>,
    ) -> Result<Self, BaseError> {
        let mut table = Table::new(def, referenced);
        base.check_keys(&table.def.columns, &table.shape)?;
        table.len = base.rows();
        if table.shape.auto_increment.is_some() {
            table.auto_increment = base.rows().saturating_add(1);
        }
        table.base = Some(base);
        Ok(table)
    }

    /// Mixes a seed into those of its generated rows. Nobody has written to it.
    pub(crate) fn draw_anew(&mut self, seed: u64) {
        self.base = (self.base.take()).map(|base| Arc::new(base.drawn_anew(seed)));
    }

    /// The declaration.
    pub fn def(&self) -> &Arc<TableDef> {
        &self.def
    }

    /// The keys.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The rows that nobody stored.
    pub fn base(&self) -> Option<&Arc<Base>> {
        self.base.as_ref()
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// No rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next AUTO_INCREMENT value.
    pub fn auto_increment(&self) -> u64 {
        self.auto_increment
    }

    pub(crate) fn set_auto_increment(&mut self, next: u64) {
        self.auto_increment = next;
    }

    /// Another name or other foreign keys' parents; the keys stay.
    pub(crate) fn set_def(&mut self, def: Arc<TableDef>) {
        self.def = def;
    }

    /// The row of the base that a key stands for.
    fn base_row(&self, key: RowKey) -> Option<(&Base, u64)> {
        let base = self.base.as_deref()?;
        Some((base, base.number(key.0)?))
    }

    /// Whether there is a row.
    pub fn contains(&self, key: RowKey) -> bool {
        match self.rows.get(&key) {
            Some(entry) => entry.is_some(),
            None => self.base_row(key).is_some(),
        }
    }

    /// A row's image, kept in the arena if it was only computed before.
    pub fn get(&self, arena: &mut Arena, key: RowKey) -> Option<RowRef> {
        match self.rows.get(&key) {
            Some(entry) => entry,
            None => {
                let base = self.base.as_ref()?;
                Some(arena.computed(base, base.number(key.0)?))
            }
        }
    }

    /// A row's image, where it has been touched and is there.
    pub(crate) fn stored(&self, key: RowKey) -> Option<RowRef> {
        self.rows.get(&key).flatten()
    }

    /// A row's image, where it stands or computed into `scratch`.
    pub fn image<'a>(
        &self,
        arena: &'a Arena,
        key: RowKey,
        scratch: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        match self.rows.get(&key) {
            Some(entry) => entry.map(|row| arena.row(row)),
            None => {
                let (base, n) = self.base_row(key)?;
                scratch.clear();
                base.row(n, scratch);
                Some(scratch)
            }
        }
    }

    /// The touched rows in the order of their keys: an image, or `None` for a deleted row of the base.
    pub fn touched(&self) -> impl Iterator<Item = (RowKey, Option<RowRef>)> + '_ {
        self.rows.iter()
    }

    /// Number of touched rows.
    pub fn touched_len(&self) -> usize {
        self.rows.len()
    }

    /// All keys in order, those of the base included: for walks that look at every row.
    pub fn keys(&self) -> impl Iterator<Item = RowKey> + '_ {
        self.keys_from(RowKey(0))
    }

    /// The keys from one on, in order: a copier reads a chunk of a table this way.
    pub fn keys_from(&self, from: RowKey) -> impl Iterator<Item = RowKey> + '_ {
        let mut touched = self.rows.iter_from(from).peekable();
        let base = self.base.as_deref().filter(|b| b.rows() > 0);
        let mut generated = base
            .and_then(|b| match b.number(from.0) {
                Some(n) => Some(n..=b.rows()),
                None => (from.0 <= b.integer_key(1)).then(|| 1..=b.rows()),
            })
            .into_iter()
            .flatten()
            .filter_map(move |n| base.map(|b| RowKey(b.integer_key(n))))
            .peekable();
        std::iter::from_fn(move || {
            loop {
                let Some(&(key, entry)) = touched.peek() else {
                    return generated.next();
                };
                if generated.peek().is_some_and(|&g| g < key) {
                    return generated.next();
                }
                touched.next();
                generated.next_if_eq(&key);
                if entry.is_some() {
                    return Some(key);
                }
            }
        })
    }

    /// The largest key.
    pub fn last_key(&self) -> Option<RowKey> {
        let last = self
            .rows
            .last()
            .filter(|(_, entry)| entry.is_some())
            .map(|(key, _)| key);
        match (&self.base, last) {
            (None, last) => last,
            (Some(base), Some(last))
                if base.number(last.0).is_none() && last.0 > base.integer_key(1) =>
            {
                Some(last)
            }
            // Deleted rows at the end of the base: step back over them.
            (Some(base), _) => (1..=base.rows())
                .rev()
                .map(|n| RowKey(base.integer_key(n)))
                .find(|&key| self.contains(key))
                .or(last),
        }
    }

    /// Puts a row in place, or takes it out, in every index too. `before` must be what is there.
    pub(crate) fn put(
        &mut self,
        arena: &mut Arena,
        key: RowKey,
        before: Option<RowRef>,
        after: Option<RowRef>,
    ) {
        match (before, after) {
            (None, Some(_)) => self.len += 1,
            (Some(_), None) => self.len = self.len.saturating_sub(1),
            _ => {}
        }
        self.replace(arena, key, after);
        if self.uniques.is_empty() && self.groups.is_empty() && self.shape.identity.is_some() {
            return;
        }
        if let (Some(before), Some(after)) = (before, after)
            && self.keeps_keys(arena.row(before), arena.row(after))
        {
            return;
        }
        self.index(arena, key, before, false);
        self.index(arena, key, after, true);
    }

    /// Puts the new image of a row in place whose keys all stay as they are.
    pub(crate) fn replace(&mut self, arena: &Arena, key: RowKey, after: Option<RowRef>) {
        let untouched = match (self.base_row(key), after) {
            (Some((base, n)), Some(row)) => base.is_row(n, arena.row(row)),
            (computed, None) => computed.is_none(),
            (None, Some(_)) => false,
        };
        match untouched {
            true => self.rows.remove(&key),
            false => self.rows.insert(key, after),
        };
    }

    /// Whether the AUTO_INCREMENT column alone identifies rows.
    pub(crate) fn is_identified_by_auto_increment(&self) -> bool {
        self.shape.auto_increment_identifies
    }

    /// Changes which columns other tables refer to, and indexes the touched rows anew if that matters.
    ///
    /// # Errors
    /// [`BaseError`] when the base cannot look the columns up; nothing is changed then.
    pub(crate) fn set_referenced(
        &mut self,
        arena: &mut Arena,
        referenced: &[Vec<usize>],
    ) -> Result<(), BaseError> {
        let shape = Shape::new(&self.def, referenced);
        if shape == *self.shape {
            return Ok(());
        }
        if let Some(base) = &self.base {
            base.check_keys(&self.def.columns, &shape)?;
        }
        self.uniques = vec![CowMap::default(); shape.uniques.len()];
        self.groups = vec![CowMap::default(); shape.groups.len()];
        self.content = CowMap::default();
        self.shape = Arc::new(shape);
        for (key, row) in self.rows.clone().iter() {
            self.index(arena, key, row, true);
        }
        Ok(())
    }

    /// Whether every index has the row where it was: the bytes of all keys are the same.
    pub(crate) fn keeps_keys(&self, before: &[u8], after: &[u8]) -> bool {
        let columns = &self.def.columns;
        let uniques = self.shape.uniques.iter().map(|unique| &unique.key);
        self.shape.identity.is_some()
            && uniques
                .chain(&self.shape.groups)
                .all(|key| key.same_bytes(columns, before, after))
    }

    /// Adds a row to every index, or takes it out; but not under a key that the base computes for it, which is
    /// looked up by computing it backwards.
    fn index(&mut self, arena: &mut Arena, key: RowKey, row: Option<RowRef>, add: bool) {
        let Some(row) = row else { return };
        let columns = &self.def.columns;
        let mut computed = Vec::new();
        if let Some((base, n)) = self.base_row(key) {
            base.row(n, &mut computed);
        }
        let differs = |arena: &mut Arena, shape: &KeyShape, id: u64| {
            computed.is_empty() || shape.of(columns, &computed, arena) != Some(id)
        };
        for (unique, map) in self.shape.uniques.iter().zip(&mut self.uniques) {
            let id = unique.key.of_row(columns, arena, row);
            let Some(id) = id.filter(|id| differs(arena, &unique.key, *id)) else {
                continue;
            };
            if add {
                map.insert(id, key);
            } else if map.get(&id) == Some(key) {
                map.remove(&id);
            }
        }
        for (group, map) in self.shape.groups.iter().zip(&mut self.groups) {
            let id = group.of_row(columns, arena, row);
            let Some(id) = id.filter(|id| differs(arena, group, *id)) else {
                continue;
            };
            if add {
                map.insert(Member::new(id, key), ());
            } else {
                map.remove(&Member::new(id, key));
            }
        }
        if self.shape.identity.is_none() {
            let id = content_id(arena, columns.len(), row);
            if add {
                self.content.insert(Member::new(id, key), ());
            } else {
                self.content.remove(&Member::new(id, key));
            }
        }
    }
}

#[cfg(test)]
impl Table {
    /// Whether every index is what indexing the touched rows anew would give, and the length what
    /// counting gives.
    pub(crate) fn check_indexes(&self, arena: &mut Arena) {
        let mut anew = self.clone();
        anew.uniques
            .iter_mut()
            .for_each(|map| *map = CowMap::default());
        anew.groups
            .iter_mut()
            .for_each(|map| *map = CowMap::default());
        anew.content = CowMap::default();
        for (key, row) in self.rows.iter() {
            anew.index(arena, key, row, true);
        }
        for (kept, anew) in self.uniques.iter().zip(&anew.uniques) {
            assert!(kept.iter().eq(anew.iter()));
        }
        for (kept, anew) in self.groups.iter().zip(&anew.groups) {
            assert!(kept.iter().eq(anew.iter()));
        }
        assert!(self.content.iter().eq(anew.content.iter()));
        assert_eq!(self.keys().count() as u64, self.len());
    }
}

/// The id of a whole row, whatever the bits of its bitmap that stand for no column.
pub(crate) fn content_id(arena: &mut Arena, columns: usize, row: RowRef) -> u64 {
    let id = arena.intern_from(row, |image, out| {
        out.extend_from_slice(image);
        lookup::mask_bitmap(columns, out);
        true
    });
    id.map_or(u64::MAX, |id| id.0)
}
