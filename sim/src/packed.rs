//! Lists of records that only grow, packed. A run of a million commits has millions of records; memory is what they cost.
//!
//! A list consists of blocks of 64 records. A block whose records are all final is sealed: of each column it keeps the
//! least value, and for each record what is added to it, in as many bytes as the largest of the block needs. Neighbours
//! are alike (times follow one another, clients are few), so most columns take a byte or two, and what all of a block
//! share takes none. The first thousand records are left as they are: to pack a short list would take time and save little.

use std::{fmt, iter::FusedIterator, ops::Range};

/// Records of a block.
const BLOCK: usize = 64;

/// Records that are never sealed: the first ones.
const PLAIN: usize = 1024;

/// The most bytes that a value takes. They are read at once, so a sealed block ends with as many to spare.
const WORD: usize = 8;

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
    /// [`seal`] knows the layout.
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
        match self.place(number) {
            Place::Plain => None,
            Place::Tail(at) => self.tail.get(at).copied(),
            Place::Block(block, at) => match &self.blocks[block] {
                Block::Open(open) => open.records.get(at).copied(),
                Block::Sealed(bytes) => Some(R::of(columns_of(bytes, at), number as u64)),
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

/// Packs a block, of which `number` is the first record's: the least value of each column (8 bytes each), the bytes that
/// a value of each takes (one each), and column by column what is added to the least values. `like` becomes the last
/// record.
fn seal<R: Record<N>, const N: usize>(
    records: &[R],
    number: usize,
    like: &mut [u64; N],
) -> Box<[u8]> {
    let mut columns = [[0; BLOCK]; N];
    for (i, record) in records.iter().enumerate() {
        *like = record.columns((number + i) as u64, like);
        for (column, value) in columns.iter_mut().zip(*like) {
            column[i] = value;
        }
    }
    let (mut least, mut widths, mut all) = ([0; N], [0; N], 0);
    for (i, column) in columns.iter().enumerate() {
        let most = column.iter().copied().max().unwrap_or(0);
        least[i] = column.iter().copied().min().unwrap_or(0);
        let bits = u64::BITS - (most - least[i]).leading_zeros();
        widths[i] = bits.div_ceil(8) as u8;
        all += usize::from(widths[i]);
    }
    let mut bytes = vec![0; N * (WORD + 1) + BLOCK * all + WORD];
    let (heads, rest) = bytes.split_at_mut(N * WORD);
    for (head, least) in heads.as_chunks_mut::<WORD>().0.iter_mut().zip(least) {
        *head = least.to_le_bytes();
    }
    let (head, mut rest) = rest.split_at_mut(N);
    head.copy_from_slice(&widths);
    for i in 0..N {
        let (column, behind) = rest.split_at_mut(BLOCK * usize::from(widths[i]));
        by_width(widths[i], Write(column, &columns[i], least[i]));
        rest = behind;
    }
    bytes.into()
}

/// The columns of a sealed block.
fn unpack<const N: usize>(bytes: &[u8], columns: &mut [[u64; BLOCK]; N]) {
    let (head, mut rest) = bytes.split_at(N * (WORD + 1));
    let (least, widths) = head.split_at(N * WORD);
    for (i, column) in columns.iter_mut().enumerate() {
        let least = word(least, i * WORD);
        let (packed, behind) = rest.split_at(BLOCK * usize::from(widths[i]));
        by_width(widths[i], Read(packed, column, least));
        rest = behind;
    }
}

/// The columns of one record of a sealed block.
#[inline]
fn columns_of<const N: usize>(bytes: &[u8], i: usize) -> [u64; N] {
    let mut begin = N * (WORD + 1);
    std::array::from_fn(|column| {
        let width = usize::from(bytes[N * WORD + column]);
        let above = u64::BITS - 8 * width as u32;
        let more = word(bytes, begin + i * width) & u64::MAX.checked_shr(above).unwrap_or(0);
        begin += BLOCK * width;
        word(bytes, column * WORD).wrapping_add(more)
    })
}

/// Something that is done to a column whose values take `W` bytes each.
trait ByWidth {
    fn run<const W: usize>(self);

    /// Likewise where they take none.
    fn nothing(self);
}

fn by_width(width: u8, what: impl ByWidth) {
    match width {
        0 => what.nothing(),
        1 => what.run::<1>(),
        2 => what.run::<2>(),
        3 => what.run::<3>(),
        4 => what.run::<4>(),
        5 => what.run::<5>(),
        6 => what.run::<6>(),
        7 => what.run::<7>(),
        _ => what.run::<WORD>(),
    }
}

/// Where to, the column, and its least value.
struct Write<'a>(&'a mut [u8], &'a [u64; BLOCK], u64);

impl ByWidth for Write<'_> {
    #[inline]
    fn run<const W: usize>(self) {
        let Self(bytes, column, least) = self;
        for (bytes, value) in bytes.as_chunks_mut::<W>().0.iter_mut().zip(column) {
            let more = (value - least).to_le_bytes();
            bytes.copy_from_slice(&more[..W]);
        }
    }

    fn nothing(self) {}
}

/// Where from, the column, and its least value.
struct Read<'a>(&'a [u8], &'a mut [u64; BLOCK], u64);

impl ByWidth for Read<'_> {
    #[inline]
    fn run<const W: usize>(self) {
        let Self(bytes, column, least) = self;
        for (bytes, value) in bytes.as_chunks::<W>().0.iter().zip(column) {
            let mut more = [0; WORD];
            more[..W].copy_from_slice(bytes);
            *value = least.wrapping_add(u64::from_le_bytes(more));
        }
    }

    fn nothing(self) {
        self.1.fill(self.2);
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; WORD];
    word.copy_from_slice(&bytes[at..at + WORD]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Three numbers; final unless the first is zero. The second says nothing where the third is odd.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Three([u64; 3]);

    impl Record<3> for Three {
        fn columns(&self, number: u64, like: &[u64; 3]) -> [u64; 3] {
            let [a, b, c] = self.0;
            let b = if c.is_multiple_of(2) { b } else { like[1] };
            [a, b, c.wrapping_sub(number)]
        }

        fn of([a, b, c]: [u64; 3], number: u64) -> Self {
            let c = c.wrapping_add(number);
            Self([a, if c.is_multiple_of(2) { b } else { 0 }, c])
        }

        fn is_final(&self) -> bool {
            self.0[0] != 0
        }
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            4 => 0..4u64,
            4 => 1_000_000_000_000..1_000_000_070_000u64,
            1 => any::<u64>(),
            1 => Just(u64::MAX),
        ]
    }

    fn three() -> impl Strategy<Value = Three> {
        [number(), number(), number()].prop_map(|[a, b, c]| {
            let b = if c.is_multiple_of(2) { b } else { 0 };
            Three([a, b, c])
        })
    }

    /// Records of which each column is the same, or counts up.
    fn alike(Three([a, b, c]): Three, n: u64) -> Vec<Three> {
        let count = |c: u64| (0..n).map(move |i| c.wrapping_add(i));
        let third = |c: u64| Three([a, if c.is_multiple_of(2) { b } else { 0 }, c]);
        count(c).map(third).collect()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<Three>),
        Edit(prop::sample::Index, Three),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            prop::collection::vec(three(), 0..300).prop_map(Step::Push),
            (three(), 0..700u64).prop_map(|(first, n)| Step::Push(alike(first, n))),
            (any::<prop::sample::Index>(), three()).prop_map(|(at, with)| Step::Edit(at, with)),
        ]
    }

    proptest! {
        #[test]
        fn a_packed_list_is_a_list(
            (first, n) in (three(), 900..1100u64),
            steps in prop::collection::vec(step(), 0..12),
            cut: prop::sample::Index,
        ) {
            let mut plain = alike(first, n);
            let mut packed: Packed<Three, 3> = plain.iter().copied().collect();
            for step in steps {
                match step {
                    Step::Push(more) => {
                        packed.extend(more.iter().copied());
                        plain.extend(more);
                    }
                    Step::Edit(at, with) => {
                        let at = at.index(plain.len());
                        let before = packed.edit(at, |record| std::mem::replace(record, with));
                        prop_assert_eq!(before, Some(std::mem::replace(&mut plain[at], with)));
                    }
                }
                let behind = plain.get(PLAIN..).unwrap_or_default();
                for (block, records) in packed.blocks.iter().zip(behind.chunks(BLOCK)) {
                    let done = records.iter().all(Record::is_final);
                    prop_assert_eq!(matches!(block, Block::Sealed(_)), done);
                }
            }
            prop_assert_eq!(packed.len(), plain.len());
            prop_assert_eq!(packed.is_empty(), plain.is_empty());
            prop_assert!(packed.iter().eq(plain.iter().copied()));
            prop_assert!(packed.iter().rev().eq(plain.iter().rev().copied()));
            prop_assert_eq!(packed.first(), plain.first().copied());
            prop_assert_eq!(packed.last(), plain.last().copied());
            prop_assert_eq!(packed.get(plain.len()), None);
            prop_assert_eq!(packed.edit(plain.len(), |_| ()), None);
            prop_assert!((0..plain.len()).all(|i| packed.get(i) == Some(plain[i])));
            let cut = cut.index(plain.len() + 1);
            prop_assert!(packed.range(cut..usize::MAX).eq(plain[cut..].iter().copied()));
            prop_assert!(packed.range(0..cut).eq(plain[..cut].iter().copied()));
            prop_assert_eq!(format!("{packed:?}"), format!("{plain:?}"));
            prop_assert!(packed == plain.iter().copied().collect());
        }

        #[test]
        fn a_place_is_found_as_in_a_list(mut firsts in prop::collection::vec(0..500u64, 0..300), wanted in 0..500u64) {
            firsts.sort_unstable();
            let packed: Packed<Three, 3> = firsts.iter().map(|a| Three([*a, 0, 0])).collect();
            prop_assert_eq!(
                packed.partition_point(|record| record.0[0] < wanted),
                firsts.partition_point(|first| *first < wanted)
            );
        }
    }

    #[test]
    fn what_is_alike_takes_no_room() {
        let sealed = |record: fn(u64) -> Three| {
            let records: Vec<Three> = (0..64).map(record).collect();
            seal(&records, 0, &mut [0; 3]).len()
        };
        let head = 3 * 9 + 8;
        assert_eq!(sealed(|i| Three([7, 8, 10 + i])), head);
        assert_eq!(sealed(|i| Three([900 + 4 * i, 8, 10 + i])), head + 64);
        assert_eq!(sealed(|i| Three([900 + 5 * i, 8, 10 + i])), head + 2 * 64);
        assert_eq!(
            sealed(|i| Three([u64::MAX - i % 2, i << 58, 2 * i])),
            head + (1 + 8 + 1) * 64
        );
    }

    #[test]
    fn a_block_is_two_words() {
        assert_eq!(size_of::<Block<Three>>(), 16);
    }
}
