//! The yardstick: the least that replicating transactions through a binlog can cost.
//!
//! One commit is encoded as GTID, BEGIN, TABLE_MAP, ROWS and XID (one TABLE_MAP and one ROWS event more for each
//! further table or kind), each with a checksum; applied to a `BTreeMap`; decoded, checksums verified; applied
//! to a second `BTreeMap`. No clock, no tasks, no clients, no locks, no history.
//!
//! Written for this purpose alone, without the model's code, so that the model cannot make its own yardstick
//! longer.

use std::{collections::BTreeMap, ops::Range};

const HEADER_BYTES: usize = 19;
const CHECKSUM_BYTES: usize = 4;

mod event {
    pub const QUERY: u8 = 2;
    pub const XID: u8 = 16;
    pub const TABLE_MAP: u8 = 19;
    pub const WRITE_ROWS: u8 = 30;
    pub const UPDATE_ROWS: u8 = 31;
    pub const DELETE_ROWS: u8 = 32;
    pub const GTID: u8 = 33;
}

/// How long a column's value is.
#[derive(Clone, Copy, Debug)]
pub enum Width {
    Fixed(usize),
    /// A length of so many bytes stands in front.
    Counted(usize),
}

#[derive(Clone, Debug)]
pub struct Table {
    /// Body of TABLE_MAP; its first six bytes are the table's number.
    pub map: Vec<u8>,
    pub columns: Vec<Width>,
    /// The first column is the key: so many bytes, little-endian.
    pub key_bytes: usize,
}

/// A change of a row: where its full images are in [`Stream::images`].
#[derive(Clone, Debug)]
pub struct Row {
    pub table: usize,
    pub before: Option<Range<usize>>,
    pub after: Option<Range<usize>>,
}

/// Transactions to be replicated.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub tables: Vec<Table>,
    pub images: Vec<u8>,
    pub rows: Vec<Row>,
    pub commits: Vec<Range<usize>>,
}

/// A side's tables.
pub type Tables = Vec<BTreeMap<u64, Vec<u8>>>;

/// Replicates a stream: what both sides hold, and the bytes of binlog that it took.
pub fn bare_loop(stream: &Stream) -> (Tables, Tables, u64) {
    let mut source: Tables = vec![BTreeMap::new(); stream.tables.len()];
    let mut target = source.clone();
    let (mut bytes, mut pos) = (Vec::with_capacity(1 << 12), 4);
    for (rows, gno) in stream.commits.iter().zip(1..) {
        let rows = &stream.rows[rows.clone()];
        for row in rows {
            let table = &stream.tables[row.table];
            let image =
                |range: &Option<Range<usize>>| range.clone().map(|range| &stream.images[range]);
            apply(
                &mut source[row.table],
                table,
                image(&row.before),
                image(&row.after),
            );
        }
        bytes.clear();
        encode(stream, rows, gno, pos, &mut bytes);
        decode(stream, &bytes, &mut target);
        pos += bytes.len() as u64;
    }
    (source, target, pos)
}

impl Table {
    fn bitmap_bytes(&self) -> usize {
        self.columns.len().div_ceil(8)
    }

    pub fn key(&self, image: &[u8]) -> u64 {
        number(&image[self.bitmap_bytes()..][..self.key_bytes])
    }

    /// Length of the full image at the start of `bytes`.
    fn image_bytes(&self, bytes: &[u8]) -> usize {
        let mut at = self.bitmap_bytes();
        for (i, width) in self.columns.iter().enumerate() {
            if bytes[i / 8] >> (i % 8) & 1 == 0 {
                at += match *width {
                    Width::Fixed(length) => length,
                    Width::Counted(prefix) => prefix + number(&bytes[at..at + prefix]) as usize,
                };
            }
        }
        at
    }
}

fn number(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(whole)
}

fn apply(
    rows: &mut BTreeMap<u64, Vec<u8>>,
    table: &Table,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
) {
    match (before, after) {
        (_, Some(image)) => match rows.get_mut(&table.key(image)) {
            Some(stored) => {
                stored.clear();
                stored.extend_from_slice(image);
            }
            None => {
                rows.insert(table.key(image), image.to_vec());
            }
        },
        (Some(image), None) => {
            rows.remove(&table.key(image));
        }
        (None, None) => {}
    }
}

fn code(row: &Row) -> u8 {
    match (&row.before, &row.after) {
        (None, _) => event::WRITE_ROWS,
        (_, Some(_)) => event::UPDATE_ROWS,
        (_, None) => event::DELETE_ROWS,
    }
}

fn encode(stream: &Stream, rows: &[Row], gno: u64, pos: u64, out: &mut Vec<u8>) {
    event(out, pos, event::GTID, |out| {
        out.push(1);
        out.extend_from_slice(&[0xa5; 16]);
        for value in [gno, 2, gno - 1, gno] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&[0; 14]);
    });
    event(out, pos, event::QUERY, |out| {
        out.extend_from_slice(&[0; 13]);
        out.extend_from_slice(&[0; 18]);
        out.extend_from_slice(b"shop\0BEGIN");
    });
    for (i, row) in rows.iter().enumerate() {
        if !rows[..i].iter().any(|earlier| earlier.table == row.table) {
            event(out, pos, event::TABLE_MAP, |out| {
                out.extend_from_slice(&stream.tables[row.table].map);
            });
        }
    }
    for rows in rows.chunk_by(|a, b| a.table == b.table && code(a) == code(b)) {
        let (table, code) = (&stream.tables[rows[0].table], code(&rows[0]));
        event(out, pos, code, |out| {
            out.extend_from_slice(&table.map[..6]);
            out.extend_from_slice(&[0, 0, 2, 0, table.columns.len() as u8]);
            let bitmaps = if code == event::UPDATE_ROWS { 2 } else { 1 };
            for _ in 0..bitmaps * table.bitmap_bytes() {
                out.push(0xff);
            }
            for image in rows
                .iter()
                .flat_map(|row| [&row.before, &row.after])
                .flatten()
            {
                out.extend_from_slice(&stream.images[image.clone()]);
            }
        });
    }
    event(out, pos, event::XID, |out| {
        out.extend_from_slice(&gno.to_le_bytes())
    });
}

fn event(out: &mut Vec<u8>, pos: u64, code: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let from = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    body(out);
    let length = (out.len() - from + CHECKSUM_BYTES) as u32;
    let end = pos as u32 + from as u32 + length;
    let header = &mut out[from..from + HEADER_BYTES];
    header[..4].copy_from_slice(&1_772_445_480u32.to_le_bytes());
    header[4] = code;
    header[5..9].copy_from_slice(&1u32.to_le_bytes());
    header[9..13].copy_from_slice(&length.to_le_bytes());
    header[13..17].copy_from_slice(&end.to_le_bytes());
    let checksum = crc32fast::hash(&out[from..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

fn decode(stream: &Stream, mut bytes: &[u8], target: &mut Tables) {
    while !bytes.is_empty() {
        let length = number(&bytes[9..13]) as usize;
        let (event, rest) = bytes.split_at(length);
        bytes = rest;
        let (checked, checksum) = event.split_at(length - CHECKSUM_BYTES);
        assert_eq!(
            u64::from(crc32fast::hash(checked)),
            number(checksum),
            "the checksum"
        );
        let (code, body) = (event[4], &checked[HEADER_BYTES..]);
        match code {
            event::TABLE_MAP => {
                let known = stream.tables.iter().any(|table| table.map == body);
                assert!(known, "a table of the stream");
            }
            event::WRITE_ROWS | event::UPDATE_ROWS | event::DELETE_ROWS => {
                decode_rows(stream, code, body, target);
            }
            _ => {}
        }
    }
}

fn decode_rows(stream: &Stream, code: u8, body: &[u8], target: &mut Tables) {
    let number = stream
        .tables
        .iter()
        .position(|table| table.map[..6] == body[..6]);
    let number = number.expect("a TABLE_MAP came before");
    let (table, rows) = (&stream.tables[number], &mut target[number]);
    let bitmaps = if code == event::UPDATE_ROWS { 2 } else { 1 };
    let mut images = &body[11 + bitmaps * table.bitmap_bytes()..];
    while !images.is_empty() {
        let mut next = |wanted: bool| {
            wanted.then(|| {
                let (image, rest) = images.split_at(table.image_bytes(images));
                images = rest;
                image
            })
        };
        let before = next(code != event::WRITE_ROWS);
        let after = next(code != event::DELETE_ROWS);
        apply(rows, table, before, after);
    }
}
