//! A transaction of one row with all its columns, as most are: a copy of one that was written event by event when the
//! table's template was made, with what differs in its place.

use super::event::{for_each_whole, length_of, seal, set_place, stamp};
use super::rows::FLAGS_AT;
use super::{Head, RowImage, RowWrite, TableTemplate, Writer, gtid};
use crate::binlog::decode::{RowsKind, rows_flag};
use crate::binlog::event::{CHECKSUM_LENGTH, HEADER_LENGTH};
use crate::gtid::{Gtid, Uuid};
use crate::schema::Column;

/// GTID, BEGIN, TABLE_MAP, ROWS, XID.
const EVENTS: usize = 5;
const BEGIN: usize = 1;
const ROWS: usize = 3;
const XID: usize = 4;

/// A transaction with a GTID, whose row has images of no length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lone {
    bytes: Vec<u8>,
    /// Where its events start.
    starts: [usize; EVENTS],
    images_at: usize,
}

impl Lone {
    /// What `writer` writes for a row of a table; none where the length of another event depends on that of the row.
    pub(super) fn of(
        writer: &Writer,
        template: &TableTemplate,
        columns: &[Column],
        kind: RowsKind,
    ) -> Option<Self> {
        let head = Head {
            gtid: Some(Gtid::new(Uuid::default(), 1)),
            ..Head::default()
        };
        let row = RowWrite {
            template,
            columns,
            before: (kind != RowsKind::Insert).then_some(&[]),
            after: (kind != RowsKind::Delete).then_some(&[]),
            flags: 0,
            new_statement: true,
        };
        let mut bytes = Vec::new();
        let writer = writer.clone().without_seals();
        writer.event_by_event(&mut bytes, 0, &head, &[row]);
        let mut starts = [0; EVENTS];
        for event in 1..EVENTS {
            let last = starts[event - 1];
            starts[event] = last + length_of(&bytes[last..]);
        }
        let checksum = match writer.options.checksum {
            true => CHECKSUM_LENGTH,
            false => 0,
        };
        gtid::has_usual_form(writer.version, bytes.len()).then_some(Self {
            images_at: starts[XID] - checksum,
            starts,
            bytes,
        })
    }
}

impl Writer {
    /// Appends a transaction of one row as [`Writer::event_by_event`] does; false, and nothing is appended, for one that is
    /// not as most are.
    #[inline]
    pub(super) fn lone_transaction(
        &self,
        out: &mut Vec<u8>,
        start_pos: u64,
        head: &Head<'_>,
        row: &RowWrite<'_>,
    ) -> bool {
        let lone = row
            .kind()
            .and_then(|kind| row.template.transactions[kind as usize].as_ref());
        let (Some(lone), Some(id)) = (lone, head.gtid) else {
            return false;
        };
        let (before, after) = (
            row.before.unwrap_or_default(),
            row.after.unwrap_or_default(),
        );
        let length = lone.bytes.len() + before.len() + after.len();
        if id.tag.is_some()
            || head.original_commit_us != head.immediate_commit_us
            || !head.default_schema.is_empty()
            || self.options.row_image != RowImage::Full
            || !gtid::has_usual_form(self.version, length)
        {
            return false;
        }
        let from = out.len();
        let (front, back) = lone.bytes.split_at(lone.images_at);
        for part in [front, before, after, back] {
            out.extend_from_slice(part);
        }
        let bytes = &mut out[from..];
        let server_id = head.origin_server_id.unwrap_or(self.options.server_id);
        let mut starts = lone.starts;
        starts[XID] += before.len() + after.len();
        let ends = [starts[1], starts[2], starts[3], starts[4], length];
        for (start, end) in starts.into_iter().zip(ends) {
            let header = &mut bytes[start..start + HEADER_LENGTH];
            stamp(header, head.timestamp_s, server_id);
            set_place(header, end - start, start_pos + end as u64);
        }
        gtid::overwrite(&mut bytes[HEADER_LENGTH..starts[BEGIN]], head, &id, length);
        let mut put = |event: usize, at: usize, number: &[u8]| {
            let at = starts[event] + HEADER_LENGTH + at;
            bytes[at..at + number.len()].copy_from_slice(number);
        };
        put(BEGIN, 0, &head.thread_id.to_le_bytes());
        put(
            ROWS,
            FLAGS_AT,
            &(row.flags | rows_flag::STMT_END).to_le_bytes(),
        );
        put(XID, 0, &head.xid.to_le_bytes());
        if self.options.checksum && self.seals {
            for_each_whole(bytes, seal);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arena::Arena,
        binlog::encode::WriterOptions,
        database::{Database, TableId},
        ddl,
        gtid::Tag,
    };
    use proptest::prelude::*;

    fn database() -> Database {
        let (mut database, mut arena) = (Database::default(), Arena::default());
        let context = ddl::Context::new("s", ddl::Version::V8_0);
        for sql in [
            "CREATE DATABASE s",
            "CREATE TABLE t (id INT PRIMARY KEY, note TEXT)",
        ] {
            let statement = ddl::parse(sql, &context).unwrap();
            ddl::apply(&mut database, &mut arena, &statement).unwrap();
        }
        database
    }

    proptest! {
        #![proptest_config(crate::cases::config(512))]

        #[test]
        fn a_copied_transaction_is_what_is_written_event_by_event(
            version in proptest::sample::select(&["5.6.24", "5.7.44", "8.0.1", "8.0.13", "8.0.41", "8.4.5"]),
            (checksum, seals) in any::<(bool, bool)>(),
            row_image in proptest::sample::select(&[RowImage::Full, RowImage::Full, RowImage::Minimal]),
            gtid in proptest::option::weighted(0.9, (any::<[u8; 16]>(), 1u64..1 << 40)),
            is_tagged in proptest::bool::weighted(0.1),
            numbers in any::<[u64; 4]>(),
            (immediate, relayed) in (0u64..1 << 55, proptest::bool::weighted(0.2)),
            (timestamp_s, thread_id, origin_server_id) in any::<(u32, u32, Option<u32>)>(),
            default_schema in proptest::sample::select(&["", "", "", "s"]),
            lengths in prop_oneof![9 => (0usize..40, 0usize..40), 1 => (0usize..40_000, 0usize..40_000)],
            kind in proptest::sample::select(&RowsKind::ALL),
            flags in 0u16..32,
            before in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let writer = Writer::new(WriterOptions {
                server_version: version.into(),
                checksum,
                row_image,
                ..WriterOptions::default()
            });
            let writer = if seals { writer } else { writer.without_seals() };
            let database = database();
            let def = database.table(TableId(0)).unwrap().def();
            let template = TableTemplate::new(&writer, 90, def);
            let tag = Tag::new("tag").filter(|_| is_tagged);
            let [last_committed, sequence_number, start_pos, xid] = numbers;
            let head = Head {
                gtid: gtid.map(|(uuid, gno)| Gtid { uuid: Uuid(uuid), tag, gno }),
                last_committed,
                sequence_number,
                immediate_commit_us: immediate,
                original_commit_us: immediate - u64::from(relayed && immediate > 0),
                timestamp_s,
                origin_server_id,
                thread_id,
                default_schema,
                xid,
            };
            // A row as a server has it: no NULL, a number, a text.
            let image = |length: usize, id: u8| {
                let mut image = vec![0, id, 0, 0, 0];
                image.extend((length as u16).to_le_bytes());
                image.extend((0..length).map(|i| i as u8));
                image
            };
            let images = (image(lengths.0, 1), image(lengths.1, 2));
            let row = RowWrite {
                template: &template,
                columns: &def.columns,
                before: (kind != RowsKind::Insert).then_some(&images.0),
                after: (kind != RowsKind::Delete).then_some(&images.1),
                flags,
                new_statement: true,
            };
            let start_pos = start_pos >> 8;
            let (mut copied, mut written) = (before.clone(), before);
            writer.transaction(&mut copied, start_pos, &head, &[row]);
            writer.event_by_event(&mut written, start_pos, &head, &[row]);
            prop_assert_eq!(copied, written);
        }
    }
}
