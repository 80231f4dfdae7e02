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
    checksum: bool,
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
        self.checksum = true;
    }

    /// Starts an event; its body is to be appended to `out`. Returns what [`Group::close`] wants.
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

    /// Ends an event: room for the checksum, and its length.
    pub(super) fn close(&mut self, at: usize) {
        if self.checksum {
            self.out.extend_from_slice(&[0; CHECKSUM_LENGTH]);
        }
        let length = (self.out.len() - at) as u32;
        self.out[at + 9..at + 13].copy_from_slice(&length.to_le_bytes());
    }

    /// Makes the events final: the group's length, then every position and checksum.
    pub(super) fn finish(mut self) {
        let pending = std::mem::replace(&mut self.gtid, gtid::Pending::None);
        pending.resolve(&mut self);
        let mut rest = self.out.get_mut(self.start..).unwrap_or_default();
        let mut pos = self.start_pos;
        while rest.len() >= HEADER_LENGTH {
            let length = u32::from_le_bytes([rest[9], rest[10], rest[11], rest[12]]) as usize;
            let (event, after) = std::mem::take(&mut rest).split_at_mut(length);
            pos += length as u64;
            // The field has 4 bytes and wraps beyond 4 GiB, as the server's does.
            event[13..17].copy_from_slice(&(pos as u32).to_le_bytes());
            if self.checksum {
                let (covered, checksum) = event.split_at_mut(length - CHECKSUM_LENGTH);
                checksum.copy_from_slice(&crc32(covered).to_le_bytes());
            }
            rest = after;
        }
    }

    /// Bytes since the group's start.
    pub(super) fn length(&self) -> usize {
        self.out.len() - self.start
    }

    /// Where in `out` the group starts.
    pub(super) fn start(&self) -> usize {
        self.start
    }
}

/// Appends a length-encoded integer (`net_store_length`).
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
