//! Lists of records that only grow, packed. A run of a million commits has millions of records; memory is what they cost.
//!
//! A list consists of blocks of 64 records. A block whose records are all final is sealed: of each column it keeps the
//! least value, and for each record what is added to it, in as many bytes as the largest of the block needs. Neighbours
//! are alike (times follow one another, clients are few), so most columns take a byte or two, and what all of a block
//! share takes none. The first thousand records are left as they are: to pack a short list would take time and save little.

mod block;

use block::{BLOCK, columns_of, seal, unpack};
use std::{fmt, iter::FusedIterator, ops::Range};

/// Records that are never sealed: the first ones.
const PLAIN: usize = 1024;

/// What can be packed: a record as `N` numbers.
pub trait Record<const N: usize>: Copy {
    /// Its columns. `number` is its place in the list, for columns that nearly count up with it. A column that says
    /// nothing of it is that of `like`, another record, and so takes little room.
    fn columns(&self, number: u64, like: &[u64; N]) -> [u64; N];

    /// The record of these columns.
    fn of(columns: [u64; N], number: u64) -> Self;

    /// Nothing of it will change. What changes all the same is packed anew, which costs as much as 64 records.
    #[inline]
    fn is_final(&self) -> bool {
        true
    }
}

/// A list of records.
#[derive(Clone)]
pub struct Packed<R, const N: usize> {
    /// The first ones.
    plain: Vec<R>,
    /// Those behind them.
    blocks: Vec<Block<R>>,
    /// The last ones, which do not make up a block yet.
    tail: Vec<R>,
    /// The last record that was sealed.
    like: [u64; N],
}

#[derive(Clone)]
enum Block<R> {
    Open(Box<Open<R>>),
    /// [`block`] knows the layout.
    Sealed(Box<[u8]>),
}

#[derive(Clone)]
struct Open<R> {
    records: Vec<R>,
    /// How many of its records are final.
    finals: usize,
}

/// Where a record is.
enum Place {
    Plain,
    /// Its block, and its place there.
    Block(usize, usize),
    Tail(usize),
}

impl<R, const N: usize> Default for Packed<R, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R, const N: usize> Packed<R, N> {
    /// Without records.
    pub const fn new() -> Self {
        Self {
            plain: Vec::new(),
            blocks: Vec::new(),
            tail: Vec::new(),
            like: [0; N],
        }
    }

    /// How many records it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.plain.len() + self.blocks.len() * BLOCK + self.tail.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }

    #[inline]
    fn place(&self, number: usize) -> Place {
        match number.checked_sub(PLAIN) {
            None => Place::Plain,
            Some(behind) if behind / BLOCK < self.blocks.len() => {
                Place::Block(behind / BLOCK, behind % BLOCK)
            }
            Some(behind) => Place::Tail(behind - self.blocks.len() * BLOCK),
        }
    }
}

impl<R: Record<N>, const N: usize> Packed<R, N> {
    /// Adds a record.
    #[inline]
    pub fn push(&mut self, record: R) {
        if self.plain.len() < PLAIN {
            if self.plain.capacity() == 0 {
                self.begin();
            }
            self.plain.push(record);
            return;
        }
        self.tail.push(record);
        if self.tail.len() == BLOCK {
            self.end_block();
        }
    }

    #[cold]
    fn begin(&mut self) {
        self.plain.reserve_exact(PLAIN);
    }

    #[inline(never)]
    fn end_block(&mut self) {
        let finals = self.tail.iter().filter(|record| record.is_final()).count();
        if finals == BLOCK {
            let number = PLAIN + self.blocks.len() * BLOCK;
            let sealed = seal(&self.tail, number, &mut self.like);
            self.blocks.push(Block::Sealed(sealed));
            self.tail.clear();
        } else {
            let records = std::mem::replace(&mut self.tail, Vec::with_capacity(BLOCK));
            let open = Open { records, finals };
            self.blocks.push(Block::Open(Box::new(open)));
        }
    }

    /// A record.
    #[inline]
    pub fn get(&self, number: usize) -> Option<R> {
        match self.plain.get(number) {
            Some(record) => Some(*record),
            None => self.get_behind(number),
        }
    }

    #[inline(never)]
    fn get_behind(&self, number: usize) -> Option<R> {
        self.look_behind(number, |record| *record)
    }

    /// What `look` makes of a record; only what that takes is unpacked.
    #[inline(always)]
    pub fn look<T>(&self, number: usize, look: impl FnOnce(&R) -> T) -> Option<T> {
        match self.plain.get(number) {
            Some(record) => Some(look(record)),
            None => self.look_behind(number, look),
        }
    }

    #[inline(always)]
    fn look_behind<T>(&self, number: usize, look: impl FnOnce(&R) -> T) -> Option<T> {
        match self.place(number) {
            Place::Plain => None,
            Place::Tail(at) => self.tail.get(at).map(look),
            Place::Block(block, at) => match &self.blocks[block] {
                Block::Open(open) => open.records.get(at).map(look),
                Block::Sealed(bytes) => {
                    let record = R::of(columns_of(bytes, at), number as u64);
                    Some(look(&record))
                }
            },
        }
    }

    /// A record that there is.
    ///
    /// # Panics
    /// When there is none.
    pub fn at(&self, number: usize) -> R {
        self.get(number).expect("a number of the list")
    }

    /// The first record.
    pub fn first(&self) -> Option<R> {
        self.get(0)
    }

    /// The last record.
    #[inline]
    pub fn last(&self) -> Option<R> {
        match self.tail.last() {
            Some(record) => Some(*record),
            None => self.get(self.len().checked_sub(1)?),
        }
    }

    /// Changes a record, and returns what `change` does; none where there is no such record.
    #[inline]
    pub fn edit<T>(&mut self, number: usize, change: impl FnOnce(&mut R) -> T) -> Option<T> {
        match self.plain.get_mut(number) {
            Some(record) => Some(change(record)),
            None => self.edit_behind(number, change),
        }
    }

    #[inline(never)]
    fn edit_behind<T>(&mut self, number: usize, change: impl FnOnce(&mut R) -> T) -> Option<T> {
        match self.place(number) {
            Place::Plain => None,
            Place::Tail(at) => self.tail.get_mut(at).map(change),
            Place::Block(block, at) => {
                if let Block::Sealed(_) = self.blocks[block] {
                    self.open(block);
                }
                let Block::Open(open) = &mut self.blocks[block] else {
                    return None;
                };
                let record = open.records.get_mut(at)?;
                let was_final = record.is_final();
                let changed = change(record);
                open.finals = open.finals + usize::from(record.is_final()) - usize::from(was_final);
                if open.finals == BLOCK {
                    self.seal(block);
                }
                Some(changed)
            }
        }
    }

    /// Changes the list in ways that no run does.
    #[cfg(test)]
    pub(crate) fn rewrite<T>(&mut self, change: impl FnOnce(&mut Vec<R>) -> T) -> T {
        let mut records = self.iter().collect();
        let changed = change(&mut records);
        *self = records.into_iter().collect();
        changed
    }

    #[inline(never)]
    fn seal(&mut self, block: usize) {
        if let Block::Open(open) = &self.blocks[block] {
            let number = PLAIN + block * BLOCK;
            self.blocks[block] = Block::Sealed(seal(&open.records, number, &mut self.like));
        }
    }

    #[cold]
    fn open(&mut self, block: usize) {
        let first = PLAIN + block * BLOCK;
        let records: Vec<R> = self.range(first..first + BLOCK).collect();
        let finals = records.len();
        self.blocks[block] = Block::Open(Box::new(Open { records, finals }));
    }

    /// All records, in order.
    pub fn iter(&self) -> Iter<'_, R, N> {
        self.range(0..self.len())
    }

    /// The records of these numbers that there are, in order.
    pub fn range(&self, numbers: Range<usize>) -> Iter<'_, R, N> {
        Iter {
            list: self,
            numbers: numbers.start..numbers.end.min(self.len()),
            first: 0,
            records: &self.plain,
            columns: None,
            is_sealed: false,
        }
    }

    /// How many records there are in front of the first that a predicate does not hold of. It holds of no record behind
    /// that one.
    pub fn partition_point(&self, mut holds: impl FnMut(&R) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle) {
                Some(record) if holds(&record) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}

impl<R: Record<N>, const N: usize> FromIterator<R> for Packed<R, N> {
    fn from_iter<I: IntoIterator<Item = R>>(records: I) -> Self {
        let mut list = Self::default();
        list.extend(records);
        list
    }
}

impl<R: Record<N>, const N: usize> Extend<R> for Packed<R, N> {
    fn extend<I: IntoIterator<Item = R>>(&mut self, records: I) {
        records.into_iter().for_each(|record| self.push(record));
    }
}

impl<'a, R: Record<N>, const N: usize> IntoIterator for &'a Packed<R, N> {
    type Item = R;
    type IntoIter = Iter<'a, R, N>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<R: Record<N> + fmt::Debug, const N: usize> fmt::Debug for Packed<R, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<R: Record<N> + PartialEq, const N: usize> PartialEq for Packed<R, N> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl<R: Record<N> + Eq, const N: usize> Eq for Packed<R, N> {}

/// Records of a list, in order.
#[derive(Clone)]
pub struct Iter<'a, R, const N: usize> {
    list: &'a Packed<R, N>,
    numbers: Range<usize>,
    /// The number of the first record of what is read: the plain ones, a block, or the tail.
    first: usize,
    /// Its records, unless it is sealed.
    records: &'a [R],
    /// Its columns, when it is sealed.
    columns: Option<Box<[[u64; BLOCK]; N]>>,
    is_sealed: bool,
}

// In line always: who goes through millions of records asks for a few columns of each, and pays for those alone where the
// compiler sees which.
impl<'a, R: Record<N>, const N: usize> Iter<'a, R, N> {
    #[inline(always)]
    fn get(&mut self, number: usize) -> Option<R> {
        let place = number.wrapping_sub(self.first);
        if let Some(record) = self.records.get(place) {
            return Some(*record);
        }
        if !self.is_sealed || place >= BLOCK {
            return self.elsewhere(number);
        }
        self.of_columns(number)
    }

    #[inline(always)]
    fn of_columns(&self, number: usize) -> Option<R> {
        let columns = self.columns.as_ref()?;
        let place = number - self.first;
        let columns = std::array::from_fn(|column| columns[column][place]);
        Some(R::of(columns, number as u64))
    }

    #[inline(never)]
    fn elsewhere(&mut self, number: usize) -> Option<R> {
        let list = self.list;
        (self.records, self.is_sealed) = (&[], false);
        match list.place(number) {
            Place::Plain => (self.first, self.records) = (0, &list.plain),
            Place::Tail(at) => (self.first, self.records) = (number - at, &list.tail),
            Place::Block(block, at) => {
                self.first = number - at;
                match &list.blocks[block] {
                    Block::Open(open) => self.records = &open.records,
                    Block::Sealed(bytes) => {
                        let columns = &mut self.columns;
                        unpack(
                            bytes,
                            columns.get_or_insert_with(|| Box::new([[0; BLOCK]; N])),
                        );
                        self.is_sealed = true;
                    }
                }
            }
        }
        match self.is_sealed {
            true => self.of_columns(number),
            false => self.records.get(number - self.first).copied(),
        }
    }
}

impl<R: Record<N>, const N: usize> Iterator for Iter<'_, R, N> {
    type Item = R;

    #[inline(always)]
    fn next(&mut self) -> Option<R> {
        let number = self.numbers.next()?;
        self.get(number)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.numbers.size_hint()
    }
}

impl<R: Record<N>, const N: usize> DoubleEndedIterator for Iter<'_, R, N> {
    #[inline(always)]
    fn next_back(&mut self) -> Option<R> {
        let number = self.numbers.next_back()?;
        self.get(number)
    }
}

impl<R: Record<N>, const N: usize> ExactSizeIterator for Iter<'_, R, N> {}
impl<R: Record<N>, const N: usize> FusedIterator for Iter<'_, R, N> {}

impl<R, const N: usize> fmt::Debug for Iter<'_, R, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Iter").field(&self.numbers).finish()
    }
}

#[cfg(test)]
mod tests;
