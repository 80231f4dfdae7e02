//! Memory that source, target and snapshots share: row images and interned keys.
//!
//! A table holds 8-byte handles, so copying a page of a table or passing a row from source to target
//! copies no row. Nothing is freed before the run ends: cost grows with writes, never with rows.

use crate::table::Base;
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use std::{num::NonZeroU64, sync::Arc};

const FIRST_CHUNK: usize = 16 << 10;
const CHUNK: usize = 2 << 20;
const OFFSET_BITS: u32 = 32;
/// In front of an image stands its length, a byte. This one says that the length takes four bytes more.
const LONG: u8 = u8::MAX;
const LONG_BYTES: usize = 5;
/// Computed rows that are remembered, a power of two.
const REMEMBERED: usize = 1 << 10;

/// A handle of a row image in the [`Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowRef(NonZeroU64);

/// The identity of a key: equal ids, equal keys (under the key's collation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u64);

/// Row images and interned keys of one run.
#[derive(Debug, Default)]
pub struct Arena {
    chunks: Vec<Vec<u8>>,
    /// What the next image may be the same as.
    expected: Option<RowRef>,
    keys: IndexSet<Box<[u8]>, FxBuildHasher>,
    scratch: Vec<u8>,
    /// The last number that was given to a row.
    numbered: u64,
    /// Rows of bases that were kept lately, by the last bits of their numbers: a statement asks for its row several
    /// times, and the replica's applier asks for it soon after.
    computed: Vec<Option<(Arc<Base>, u64, RowRef)>>,
}

impl Arena {
    /// The image that is stored next may be the same as that of this row: a replica's row is its source's as a
    /// rule. Then it is not stored again.
    pub(crate) fn expect(&mut self, row: Option<RowRef>) {
        self.expected = row;
    }

    /// Keeps a copy of a row image.
    ///
    /// Images are at most 4 GiB (MySQL's packet is 1 GiB at most).
    pub fn store(&mut self, image: &[u8]) -> RowRef {
        if let Some(row) = self.expected.take()
            && self.row(row) == image
        {
            return row;
        }
        self.keep(image)
    }

    fn keep(&mut self, image: &[u8]) -> RowRef {
        let need = image.len() + LONG_BYTES;
        let fits = self
            .chunks
            .last()
            .is_some_and(|c| c.capacity() - c.len() >= need);
        if !fits {
            let size = if self.chunks.is_empty() {
                FIRST_CHUNK
            } else {
                CHUNK
            };
            self.chunks.push(Vec::with_capacity(size.max(need)));
        }
        let index = self.chunks.len() as u64;
        let chunk = self
            .chunks
            .last_mut()
            .expect("a chunk was just made sure of");
        let offset = chunk.len() as u64;
        match u8::try_from(image.len()) {
            Ok(short) if short < LONG => chunk.push(short),
            _ => {
                chunk.push(LONG);
                chunk.extend_from_slice(&(image.len() as u32).to_le_bytes());
            }
        }
        chunk.extend_from_slice(image);
        RowRef(NonZeroU64::new(index << OFFSET_BITS | offset).expect("chunks count from 1"))
    }

    /// The row image behind a handle of this arena.
    #[inline]
    pub fn row(&self, row: RowRef) -> &[u8] {
        let chunk = &self.chunks[(row.0.get() >> OFFSET_BITS) as usize - 1];
        let offset = (row.0.get() & ((1 << OFFSET_BITS) - 1)) as usize;
        let rest = &chunk[offset..];
        match rest[0] {
            LONG => {
                let length = rest[1..LONG_BYTES].try_into().expect("4 bytes");
                &rest[LONG_BYTES..LONG_BYTES + u32::from_le_bytes(length) as usize]
            }
            short => &rest[1..=usize::from(short)],
        }
    }

    /// A number that no other row has: the key of a row that nothing identifies. Later ones are larger.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// The id of a key's bytes, the same for the same bytes for the whole run.
    pub fn intern(&mut self, key: &[u8]) -> KeyId {
        if let Some(id) = self.keys.get_index_of(key) {
            return KeyId(id as u64);
        }
        KeyId(self.keys.insert_full(key.into()).0 as u64)
    }

    /// The id of a key that `build` makes from a row of the arena; `None` when it returns false.
    ///
    /// The bytes are built in a buffer that is used again, so a key that is known costs no allocation.
    pub(crate) fn intern_from(
        &mut self,
        row: RowRef,
        build: impl FnOnce(&[u8], &mut Vec<u8>) -> bool,
    ) -> Option<KeyId> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let id = build(self.row(row), &mut bytes).then(|| self.intern(&bytes));
        self.scratch = bytes;
        id
    }

    /// The same for a key that `build` makes from elsewhere.
    pub(crate) fn intern_with(
        &mut self,
        build: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Option<KeyId> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let id = build(&mut bytes).then(|| self.intern(&bytes));
        self.scratch = bytes;
        id
    }

    /// Keeps the n-th row of a base.
    pub(crate) fn computed(&mut self, base: &Arc<Base>, n: u64) -> RowRef {
        let slot = n as usize % REMEMBERED;
        if let Some(Some((of, number, row))) = self.computed.get(slot)
            && *number == n
            && Arc::ptr_eq(of, base)
        {
            return *row;
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        base.row(n, &mut bytes);
        let row = self.keep(&bytes);
        self.scratch = bytes;
        if self.computed.is_empty() {
            self.computed.resize(REMEMBERED, None);
        }
        self.computed[slot] = Some((Arc::clone(base), n, row));
        row
    }

    /// The id of a key that was interned before.
    pub fn interned(&self, key: &[u8]) -> Option<KeyId> {
        self.keys.get_index_of(key).map(|id| KeyId(id as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_stored_whatever_their_size() {
        let mut arena = Arena::default();
        let images: Vec<Vec<u8>> = [0, 1, 40, 254, 255, 256, 16 << 10, 3 << 20, 7]
            .iter()
            .map(|&n| vec![n as u8; n])
            .collect();
        let refs: Vec<RowRef> = images.iter().map(|i| arena.store(i)).collect();
        for (image, row) in images.iter().zip(refs) {
            assert_eq!(arena.row(row), &image[..]);
        }
    }

    #[test]
    fn equal_keys_have_one_id() {
        let mut arena = Arena::default();
        let a = arena.intern(b"a");
        let b = arena.intern(b"b");
        assert_ne!(a, b);
        assert_eq!(arena.intern(b"a"), a);
        assert_eq!(arena.interned(b"b"), Some(b));
        assert_eq!(arena.interned(b"c"), None);
    }
}
