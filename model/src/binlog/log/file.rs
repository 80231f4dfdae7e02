//! One file of a log: where its bytes are, and what an index and a purge need to know of it.

use super::{LogPos, Span};
use crate::binlog::encode::length_of;
use crate::binlog::event::{FIRST_POSITION, HEADER_LENGTH};
use crate::gtid::GtidSet;

/// A file of a [`super::Binlog`].
#[derive(Clone, Debug)]
pub struct LogFile {
    number: u64,
    created_us: u64,
    modified_us: u64,
    length: u64,
    previous: GtidSet,
    /// Where each stretch of bytes starts in the file, and where it is.
    extents: Vec<(u64, Span)>,
}

impl LogFile {
    pub(super) fn new(number: u64, now_us: u64, previous: GtidSet) -> LogFile {
        LogFile {
            number,
            created_us: now_us,
            modified_us: now_us,
            length: 0,
            previous,
            extents: Vec::new(),
        }
    }

    /// 142 for `base.000142`.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was begun, µs since 1970.
    pub fn created_us(&self) -> u64 {
        self.created_us
    }

    /// When it was written last, µs since 1970.
    pub fn modified_us(&self) -> u64 {
        self.modified_us
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its end.
    pub fn end(&self) -> LogPos {
        LogPos {
            file: self.number,
            pos: self.length,
        }
    }

    /// All GTIDs of the files before it, purged ones included.
    pub fn previous(&self) -> &GtidSet {
        &self.previous
    }

    pub(super) fn extents(&self) -> &[(u64, Span)] {
        &self.extents
    }

    pub(super) fn extend(&mut self, span: Span, now_us: u64) {
        let joined = self.extents.last().and_then(|(_, last)| last.joined(span));
        match (self.extents.last_mut(), joined) {
            (Some((_, last)), Some(joined)) => *last = joined,
            _ => self.extents.push((self.length, span)),
        }
        self.length += span.length() as u64;
        self.modified_us = now_us;
    }

    /// The event that a position is inside of; none where one begins or the file ends. `bytes` has the bytes of a span.
    pub(super) fn event_around<'b>(
        &self,
        pos: u64,
        bytes: impl Fn(Span) -> &'b [u8],
    ) -> Option<Span> {
        let (start, span) = self.extents.get(self.extent_at(pos)?)?;
        // Magic is no event.
        let mut from = FIRST_POSITION.saturating_sub(*start) as usize;
        while start + (from as u64) < pos {
            let event = span.slice(from, usize::MAX);
            let head = bytes(event).first_chunk::<HEADER_LENGTH>()?;
            let length = length_of(head).max(HEADER_LENGTH);
            if start + (from + length) as u64 > pos {
                return Some(event.slice(0, length));
            }
            from += length;
        }
        None
    }

    fn extent_at(&self, pos: u64) -> Option<usize> {
        let behind = self.extents.partition_point(|(start, _)| *start <= pos);
        behind.checked_sub(1)
    }

    pub(super) fn truncate(&mut self, length: u64) {
        self.length = self.length.min(length);
        self.extents.retain(|(pos, _)| *pos < length);
        if let Some((pos, span)) = self.extents.last_mut() {
            *span = span.slice(0, usize::try_from(length - *pos).unwrap_or(usize::MAX));
        }
    }

    /// At most `length` bytes from a position on, as far as they lie together.
    pub(super) fn span_at(&self, pos: u64, length: u64) -> Option<Span> {
        let (start, span) = self.extents.get(self.extent_at(pos)?)?;
        let usize = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        (pos <= self.length).then(|| span.slice(usize(pos - start), usize(length)))
    }
}
