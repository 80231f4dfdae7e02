//! Events and groups under construction.

use super::{Head, Writer, gtid};
use crate::binlog::event::{CHECKSUM_LENGTH, EventType, HEADER_LENGTH, Header, crc32};

/// Events that follow one another at the end of a `Vec`.
#[derive(Debug)]
pub(super) struct Group<'w> {
    pub(super) out: &'w mut Vec<u8>,
    start: usize,
    start_pos: u64,
    timestamp_s: u32,
    server_id: u32,
    /// Room is left for a checksum behind every event.
    checksum: bool,
    /// And it is worked out at the end.
    seals: bool,
    gtid: gtid::Pending,
}

impl<'w> Group<'w> {
    /// Events that are no transaction.
    pub(super) fn bare(
        writer: &Writer,
        out: &'w mut Vec<u8>,
        start_pos: u64,
        timestamp_s: u32,
    ) -> Group<'w> {
        Group {
            start: out.len(),
            out,
            start_pos,
            timestamp_s,
            server_id: writer.options.server_id,
            checksum: writer.options.checksum,
            seals: writer.options.checksum && writer.seals,
            gtid: gtid::Pending::None,
        }
    }

    /// A transaction, its GTID event written.
    pub(super) fn open(
        writer: &Writer,
        out: &'w mut Vec<u8>,
        start_pos: u64,
        head: &Head<'_>,
        statements: bool,
    ) -> Group<'w> {
        let mut group = Group::bare(writer, out, start_pos, head.timestamp_s);
        group.server_id = head.origin_server_id.unwrap_or(group.server_id);
        group.gtid = gtid::write(&mut group, writer.version, head, statements);
        group
    }

    /// Puts checksums behind these events whatever the settings.
    pub(super) fn always_checksum(&mut self) {
        (self.checksum, self.seals) = (true, true);
    }

    /// Starts an event; its body is to be appended to `out`. Returns what [`Group::close`] wants.
    #[inline]
    pub(super) fn event(&mut self, event_type: EventType, flags: u16) -> usize {
        let at = self.out.len();
        let header = Header {
            timestamp_s: self.timestamp_s,
            event_type,
            server_id: self.server_id,
            length: 0,
            end_log_pos: 0,
            flags,
        };
        self.out.extend_from_slice(&header.encode());
        at
    }

    /// Appends a copy of an event, or of the beginning of one, that [`as_event`] made, with its own header.
    #[inline]
    pub(super) fn copy(&mut self, event: &[u8]) -> usize {
        let at = self.out.len();
        self.out.extend_from_slice(event);
        self.stamp(at);
        at
    }

    /// Gives an event that was copied its own time and server.
    #[inline]
    pub(super) fn stamp(&mut self, at: usize) {
        let header = &mut self.out[at..at + HEADER_LENGTH];
        stamp(header, self.timestamp_s, self.server_id);
    }

    /// Ends an event that was copied as a whole.
    #[inline]
    pub(super) fn close_copy(&mut self, at: usize, length: usize) {
        let pos = self.start_pos + (at + length - self.start) as u64;
        set_place(&mut self.out[at..], length, pos);
    }

    /// Ends an event: room for the checksum, its length and its position.
    #[inline]
    pub(super) fn close(&mut self, at: usize) {
        if self.checksum {
            self.out.extend_from_slice(&[0; CHECKSUM_LENGTH]);
        }
        self.close_copy(at, self.out.len() - at);
    }

    /// Makes the events final: the group's length, then every checksum, when all that they cover has long been written.
    pub(super) fn finish(mut self) {
        let pending = std::mem::replace(&mut self.gtid, gtid::Pending::None);
        if pending.resolve(&mut self) {
            self.place();
        }
        if self.seals {
            for_each_whole(&mut self.out[self.start..], seal);
        }
    }

    /// Gives every event its position anew.
    fn place(&mut self) {
        let mut rest = &mut self.out[self.start..];
        let mut pos = self.start_pos;
        while rest.len() >= HEADER_LENGTH {
            let length = length_of(rest);
            pos += length as u64;
            set_place(rest, length, pos);
            rest = &mut rest[length..];
        }
    }

    /// Bytes since the group's start.
    #[inline]
    pub(super) fn length(&self) -> usize {
        self.out.len() - self.start
    }

    /// Where in `out` the group starts.
    pub(super) fn start(&self) -> usize {
        self.start
    }
}

/// An event that is to be copied again and again: its header, its body, and room for a checksum if there will be one.
pub(super) fn as_event(event_type: EventType, flags: u16, body: &[u8], checksum: bool) -> Vec<u8> {
    let header = Header {
        timestamp_s: 0,
        event_type,
        server_id: 0,
        length: 0,
        end_log_pos: 0,
        flags,
    };
    let mut event = header.encode().to_vec();
    event.extend_from_slice(body);
    if checksum {
        event.extend_from_slice(&[0; CHECKSUM_LENGTH]);
    }
    event
}

/// Writes time and server into a header.
#[inline]
pub(super) fn stamp(header: &mut [u8], timestamp_s: u32, server_id: u32) {
    header[..4].copy_from_slice(&timestamp_s.to_le_bytes());
    header[5..9].copy_from_slice(&server_id.to_le_bytes());
}

/// Writes the checksum of an event behind it, over what stands there.
pub(super) fn seal(event: &mut [u8]) {
    if let Some((covered, checksum)) = event.split_last_chunk_mut() {
        *checksum = crc32(covered).to_le_bytes();
    }
}

/// Writes the checksums of events that were written without. A FORMAT_DESCRIPTION has its own from the beginning: when
/// its file is closed it no longer is what the checksum covers.
pub(crate) fn seal_all(events: &mut [u8]) {
    for_each_whole(events, |event| {
        if Header::decode(event).is_some_and(|h| h.event_type != EventType::FORMAT_DESCRIPTION) {
            seal(event);
        }
    });
}

/// Has something done to every event, up to the first that is not whole.
#[inline]
pub(super) fn for_each_whole(mut events: &mut [u8], mut each: impl FnMut(&mut [u8])) {
    while events.len() >= HEADER_LENGTH {
        let length = length_of(events);
        let Some((event, rest)) = events.split_at_mut_checked(length.max(HEADER_LENGTH)) else {
            return;
        };
        each(event);
        events = rest;
    }
}

/// Where a header has the event's length; behind it stands the position.
const LENGTH_AT: usize = 9;

/// The length that an event's header says.
pub(crate) fn length_of(event: &[u8]) -> usize {
    let field = &event[LENGTH_AT..LENGTH_AT + 4];
    field.try_into().map_or(0, u32::from_le_bytes) as usize
}

/// Writes length and end position of the event at the start of `event`.
#[inline]
pub(super) fn set_place(event: &mut [u8], length: usize, pos: u64) {
    // The field has 4 bytes and wraps beyond 4 GiB, as the server's does.
    let both = u64::from(length as u32) | pos << 32;
    event[LENGTH_AT..LENGTH_AT + 8].copy_from_slice(&both.to_le_bytes());
}

/// Appends a length-encoded integer (`net_store_length`).
#[inline]
pub(super) fn push_packed(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=250 => out.push(value as u8),
        251..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&(value as u16).to_le_bytes());
        }
        0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&value.to_le_bytes()[..3]);
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// Bytes that [`push_packed`] appends.
pub(super) fn packed_length(value: u64) -> usize {
    match value {
        0..=250 => 1,
        251..=0xffff => 3,
        0x1_0000..=0xff_ffff => 4,
        _ => 9,
    }
}

/// Appends a text with its length in front.
pub(super) fn push_packed_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_packed(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
