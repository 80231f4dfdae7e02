//! Memory that only grows: bytes once written are never moved to another address or freed, so whoever
//! keeps a [`Span`] can read it after its file was purged or cut.

/// Bytes in a log's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    chunk: u32,
    offset: u32,
    length: u32,
}

impl Span {
    /// Number of bytes.
    pub fn length(&self) -> usize {
        self.length as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Without its first `from` bytes, and with at most `length` of the rest.
    pub fn slice(&self, from: usize, length: usize) -> Span {
        let from = u32::try_from(from).unwrap_or(u32::MAX).min(self.length);
        let length = u32::try_from(length)
            .unwrap_or(u32::MAX)
            .min(self.length - from);
        Span {
            chunk: self.chunk,
            offset: self.offset + from,
            length,
        }
    }

    /// Whether some byte is in both.
    pub(super) fn overlaps(&self, other: Span) -> bool {
        self.chunk == other.chunk
            && self.offset < other.offset + other.length
            && other.offset < self.offset + self.length
    }

    /// Both together, if `next` lies right behind this one.
    pub fn joined(&self, next: Span) -> Option<Span> {
        let adjacent = self.chunk == next.chunk && self.offset + self.length == next.offset;
        adjacent.then_some(Span {
            length: self.length + next.length,
            ..*self
        })
    }
}

/// Sizes of chunks in bytes: the first, then doubled up to the last.
const SMALLEST: usize = 64 << 10;
const LARGEST: usize = 2 << 20;

/// The memory of one log.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunks {
    chunks: Vec<Vec<u8>>,
}

impl Chunks {
    /// Appends what `write` appends to the `Vec` it gets, as one contiguous span.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        // A chunk is left when an eighth of it remains, so that a group rarely has to grow it; the eighth is given back.
        let full = self
            .chunks
            .last()
            .is_none_or(|c| c.len() > c.capacity() - c.capacity() / 8);
        if full {
            if let Some(left) = self.chunks.last_mut() {
                left.shrink_to_fit();
            }
            let size = (SMALLEST << self.chunks.len().min(5)).min(LARGEST);
            self.chunks.push(Vec::with_capacity(size));
        }
        let index = self.chunks.len() - 1;
        let chunk = &mut self.chunks[index];
        let offset = chunk.len();
        write(chunk);
        let length = chunk.len().saturating_sub(offset);
        // Four gigabytes in one chunk would take one group of that size: beyond any server's limit.
        Span {
            chunk: index as u32,
            offset: offset as u32,
            length: length as u32,
        }
    }

    /// How many there are.
    pub(super) fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    pub(super) fn get(&self, span: Span) -> &[u8] {
        let chunk = self
            .chunks
            .get(span.chunk as usize)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let from = span.offset as usize;
        chunk
            .get(from..from + span.length as usize)
            .unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self, span: Span) -> &mut [u8] {
        let chunk = self
            .chunks
            .get_mut(span.chunk as usize)
            .map(Vec::as_mut_slice)
            .unwrap_or_default();
        let from = span.offset as usize;
        chunk
            .get_mut(from..from + span.length as usize)
            .unwrap_or_default()
    }
}
