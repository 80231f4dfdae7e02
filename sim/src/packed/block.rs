//! A sealed block: of each column the least value, and for each record what is added to it.

use super::Record;

/// Records of a block.
pub(super) const BLOCK: usize = 64;

/// The most bytes that a value takes. They are read at once, so a block ends with as many to spare.
const WORD: usize = 8;

/// Packs a block, of which `number` is the first record's: the least value of each column (8 bytes each), the bytes that
/// a value of each takes (one each), and column by column what is added to the least values. `like` becomes the last
/// record.
pub(super) fn seal<R: Record<N>, const N: usize>(
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
pub(super) fn unpack<const N: usize>(bytes: &[u8], columns: &mut [[u64; BLOCK]; N]) {
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
#[inline(always)]
pub(super) fn columns_of<const N: usize>(bytes: &[u8], i: usize) -> [u64; N] {
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
