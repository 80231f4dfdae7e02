//! Property: whatever rows are written, with whatever settings, our decoder and mysql_common's read back the
//! same rows, at the positions and with the lengths and checksums that a server would have.

use cutover_model::binlog::QuerySession;
use cutover_model::binlog::decode::{RowsEvent, RowsKind, TableMap};
use cutover_model::binlog::encode::{
    Head, RowImage, RowMetadata, RowWrite, TableTemplate, Writer, WriterOptions,
};
use cutover_model::binlog::group::GroupKind;
use cutover_model::binlog::{EventType, Frames, Groups};
use cutover_model::gtid::{Gtid, GtidSet, Tag, Uuid};
use cutover_model::row::ImageBuilder;
use cutover_model::schema::{Collation, Column, ColumnKind, Default, KeyPart, TableDef, UniqueKey};
use mysql_common::binlog::BinlogFile;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::EventData;
use proptest::prelude::*;

/// A value of a column's type, from 16 random bytes.
fn raw(kind: &ColumnKind, seed: &[u8; 16], wide: usize) -> Vec<u8> {
    let text = |prefix: usize, max: usize| {
        let length = wide.min(max);
        let mut bytes = length.to_le_bytes()[..prefix].to_vec();
        bytes.extend((0..length).map(|i| b'a' + seed[i % 16] % 26));
        bytes
    };
    match kind {
        ColumnKind::Int { bytes, .. } => seed[..usize::from(*bytes)].to_vec(),
        ColumnKind::Varchar { max_bytes } | ColumnKind::Char { max_bytes } => {
            text(1 + usize::from(*max_bytes > 255), *max_bytes as usize)
        }
        ColumnKind::Text { length_bytes } | ColumnKind::Blob { length_bytes } => {
            text(usize::from(*length_bytes), 20_000)
        }
        ColumnKind::Bit { bits } => seed[..usize::from(*bits).div_ceil(8)].to_vec(),
        ColumnKind::Date => vec![33, 200, 15],
        ColumnKind::Year => vec![seed[0]],
        other => unreachable!("{other:?} is not among the test's columns"),
    }
}

fn kind() -> impl Strategy<Value = ColumnKind> {
    prop_oneof![
        prop_oneof![Just(1u8), Just(2), Just(3), Just(4), Just(8)].prop_flat_map(|bytes| {
            any::<bool>().prop_map(move |unsigned| ColumnKind::Int { bytes, unsigned })
        }),
        prop_oneof![Just(40u32), Just(300), Just(1000)]
            .prop_map(|max_bytes| ColumnKind::Varchar { max_bytes }),
        prop_oneof![Just(10u32), Just(400)].prop_map(|max_bytes| ColumnKind::Char { max_bytes }),
        Just(ColumnKind::Text { length_bytes: 2 }),
        Just(ColumnKind::Blob { length_bytes: 3 }),
        (1u8..=64).prop_map(|bits| ColumnKind::Bit { bits }),
        Just(ColumnKind::Date),
        Just(ColumnKind::Year),
    ]
}

fn table(name: &'static str) -> impl Strategy<Value = TableDef> {
    let column = (kind(), any::<bool>());
    (proptest::collection::vec(column, 0..20), any::<bool>()).prop_map(move |(others, keyed)| {
        let utf8 = Collation {
            charset: "utf8mb4".into(),
            name: "utf8mb4_0900_ai_ci".into(),
        };
        let id = (
            ColumnKind::Int {
                bytes: 8,
                unsigned: true,
            },
            false,
        );
        let columns = std::iter::once(id)
            .chain(others)
            .enumerate()
            .map(|(i, (kind, nullable))| {
                let text = matches!(
                    kind,
                    ColumnKind::Varchar { .. } | ColumnKind::Char { .. } | ColumnKind::Text { .. }
                );
                Column {
                    name: format!("c{i}").into(),
                    kind,
                    nullable,
                    collation: text.then(|| utf8.clone()),
                    default: Default::Implicit,
                    auto_increment: false,
                    generated: None,
                    display: cutover_model::schema::Display::default(),
                }
            });
        TableDef {
            schema: "app".into(),
            name: name.into(),
            columns: columns.collect(),
            primary: keyed.then(|| UniqueKey {
                name: "PRIMARY".into(),
                parts: vec![KeyPart {
                    column: 0,
                    prefix: None,
                }],
            }),
            uniques: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            engine: "innodb".into(),
            collation: utf8.clone(),
        }
    })
}

/// A row change: table, kind, seeds before and after, how long texts are, whether a statement starts.
type Change = (bool, RowsKind, [u8; 16], [u8; 16], usize, bool);

fn change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![
        Just(RowsKind::Insert),
        Just(RowsKind::Update),
        Just(RowsKind::Delete)
    ];
    (
        any::<bool>(),
        kind,
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
        prop_oneof![0usize..60, 0usize..6000],
        any::<bool>(),
    )
}

fn options() -> impl Strategy<Value = WriterOptions> {
    let version = prop_oneof![
        Just("5.6.24-log"),
        Just("5.7.44"),
        Just("8.0.11"),
        Just("8.0.41"),
        Just("9.7.4")
    ];
    let image = prop_oneof![
        Just(RowImage::Full),
        Just(RowImage::Minimal),
        Just(RowImage::NoBlob)
    ];
    (version, any::<bool>(), image, any::<bool>(), any::<bool>()).prop_map(
        |(version, checksum, row_image, full, gtid)| WriterOptions {
            server_version: version.into(),
            server_id: 7,
            checksum,
            row_image,
            row_metadata: if full {
                RowMetadata::Full
            } else {
                RowMetadata::Minimal
            },
            gtid,
            ..WriterOptions::default()
        },
    )
}

fn image(def: &TableDef, seed: &[u8; 16], wide: usize) -> Vec<u8> {
    let mut builder = ImageBuilder::default();
    builder.start(def.columns.len());
    for (i, column) in def.columns.iter().enumerate() {
        if column.nullable && seed[i % 16] & 1 == 1 {
            builder.push_null();
        } else {
            builder.push(&raw(&column.kind, seed, wide));
        }
    }
    builder.image().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        one in table("one"),
        other in table("other"),
        changes in proptest::collection::vec(change(), 0..30),
        options in options(),
        tag in any::<bool>(),
        relayed in any::<bool>(),
    ) {
        let writer = Writer::new(options.clone());
        let (defs, templates) = ([&one, &other], [
            TableTemplate::new(&writer, 90, &one),
            TableTemplate::new(&writer, 0xffff_ffff_ffff, &other),
        ]);
        let images: Vec<_> = changes
            .iter()
            .map(|(second, kind, before, after, wide, _)| {
                let def = defs[usize::from(*second)];
                let before = (*kind != RowsKind::Insert).then(|| image(def, before, *wide));
                let after = (*kind != RowsKind::Delete).then(|| image(def, after, *wide));
                (before, after)
            })
            .collect();
        let writes: Vec<_> = changes
            .iter()
            .zip(&images)
            .map(|((second, .., new_statement), (before, after))| RowWrite {
                template: &templates[usize::from(*second)],
                columns: &defs[usize::from(*second)].columns,
                before: before.as_deref(),
                after: after.as_deref(),
                flags: 0,
                new_statement: *new_statement,
            })
            .collect();
        let tag = if tag && writer.version() >= 80_300 { Tag::new("blue") } else { None };
        let gtid = options.gtid.then_some(Gtid { uuid: Uuid([0xa7; 16]), tag, gno: 1 << 40 });
        let head = Head {
            gtid,
            last_committed: 3,
            sequence_number: 300,
            immediate_commit_us: 1_795_337_309_123_456,
            original_commit_us: 1_795_337_309_123_456 - u64::from(relayed),
            timestamp_s: 1_795_337_308,
            thread_id: 11,
            default_schema: "app",
            xid: 77,
            ..Head::default()
        };
        let mut file = Vec::new();
        writer.file_head(&mut file, 1, 1, &GtidSet::new());
        let start = file.len();
        writer.transaction(&mut file, start as u64, &head, writes.iter().copied());

        // One group, that says how long it is, and events that say where they end.
        let groups: Vec<_> = Groups::of_file(&file).unwrap().map(|g| g.expect("whole")).collect();
        prop_assert_eq!(groups.len(), 1);
        let group = &groups[0];
        prop_assert_eq!((group.start, group.end), (start as u64, file.len() as u64));
        prop_assert_eq!(group.kind, if writes.is_empty() { GroupKind::Empty } else { GroupKind::Rows });
        let event = group.gtid.unwrap_or_default();
        prop_assert_eq!(event.gtid, gtid);
        if let Some(length) = event.transaction_length {
            prop_assert_eq!(length, group.end - group.start);
            prop_assert_eq!(event.original_commit_us, Some(head.original_commit_us));
            prop_assert_eq!(event.immediate_commit_us, Some(head.immediate_commit_us));
        }
        prop_assert_eq!(event.transaction_length.is_some(), writer.version() >= 80_001);

        // The same rows, merged over what was there where images are not full.
        let mut read = Vec::new();
        let mut ended = true;
        let mut tables = std::collections::BTreeMap::new();
        for frame in group.events() {
            prop_assert_eq!(u64::from(frame.header.end_log_pos), frame.end());
            if frame.header.event_type == EventType::TABLE_MAP {
                let map = TableMap::decode(frame.body).unwrap();
                tables.insert(map.table_id, map);
            }
            if !frame.header.event_type.is_rows() {
                continue;
            }
            let rows = RowsEvent::decode(frame.header.event_type, frame.body).unwrap();
            let def = defs[usize::from(rows.table_id != 90)];
            prop_assert_eq!(tables[&rows.table_id].compatible(def), Ok(()));
            let one_row = rows.rows(&def.columns).count() == 1;
            prop_assert!(one_row || frame.body.len() <= options.rows_event_max_bytes);
            for (i, change) in rows.rows(&def.columns).enumerate() {
                let change = change.unwrap();
                read.push((rows.kind, ended && i == 0, change.before, change.after));
            }
            ended = rows.ends_statement();
        }
        prop_assert!(ended, "the last rows event ends its statement");
        prop_assert_eq!(read.len(), changes.len());
        for ((found, change), (before, after)) in read.iter().zip(&changes).zip(&images) {
            let def = defs[usize::from(change.0)];
            prop_assert_eq!(found.0, change.1);
            // Our first row starts a statement whatever it says.
            prop_assert!(found.1 || !change.5);
            let mut merged = ImageBuilder::default();
            for (partial, base, full) in [(&found.2, before, before), (&found.3, before, after)] {
                prop_assert_eq!(partial.is_some(), full.is_some());
                if let (Some(partial), Some(full)) = (partial, full) {
                    partial.merge_over(&def.columns, base.as_deref(), &mut merged).unwrap();
                    prop_assert_eq!(merged.image(), full.as_slice());
                    prop_assert!(options.row_image != RowImage::Full || partial.is_full(def.columns.len()));
                }
            }
        }

        // mysql_common reads the same number of rows, and computes the same checksums.
        let mut theirs = BinlogFile::new(BinlogVersion::Version4, &file[..]).unwrap();
        let mut count = 0;
        while let Some(event) = theirs.next() {
            let event = event.unwrap();
            if options.checksum {
                let alg = event.footer().get_checksum_alg().unwrap().unwrap();
                let sum = event.calc_checksum(alg).to_le_bytes();
                // It does not know that IN_USE is not covered.
                if event.header().event_type_raw() != 15 {
                    prop_assert_eq!(event.checksum(), Some(sum));
                }
            }
            if let Some(EventData::RowsEvent(rows)) = event.read_data().unwrap() {
                let map = theirs.reader().get_tme(rows.table_id()).unwrap();
                for row in rows.rows(map) {
 row.unwrap();
 count += 1;
 }
            }
        }
        prop_assert_eq!(count, changes.len());
    }
}

/// The group's length is part of the group, so its own size matters at 251, 64 KiB and 16 MiB.
#[test]
fn the_length_of_a_group_is_right_at_the_bounds_of_its_encoding() {
    let writer = Writer::new(WriterOptions::default());
    let head = Head {
        gtid: Some(Gtid::new(Uuid([1; 16]), 1)),
        ..Head::default()
    };
    let around = |size: usize| size.saturating_sub(220)..size.saturating_sub(140);
    let sizes = (1..200)
        .chain(around(1 << 16))
        .chain(around(1 << 24).step_by(3));
    for size in sizes {
        let mut out = Vec::new();
        writer.ddl(
            &mut out,
            4,
            &head,
            &QuerySession::default(),
            "",
            &"x".repeat(size),
        );
        let group = Groups::new(&out, 4, cutover_model::binlog::Checksum::Crc32)
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(
            group.gtid.unwrap().transaction_length,
            Some(out.len() as u64),
            "sql of {size} bytes"
        );
        let ends: Vec<_> = group
            .events()
            .map(|f| (u64::from(f.header.end_log_pos), f.end()))
            .collect();
        assert!(
            ends.iter().all(|(said, is)| said == is),
            "sql of {size} bytes"
        );
    }
}

/// Settings change what is written, never what it means: frames of a file without checksums are read too.
#[test]
fn a_file_without_checksums_says_so_once() {
    let writer = Writer::new(WriterOptions {
        checksum: false,
        ..WriterOptions::default()
    });
    let mut file = Vec::new();
    writer.file_head(&mut file, 1, 0, &GtidSet::new());
    let pos = file.len() as u64;
    writer.rotate(&mut file, pos, 2, "binlog.000002");
    let frames: Vec<_> = Frames::of_file(&file)
        .unwrap()
        .map(|f| f.expect("whole"))
        .collect();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[2].body.len() + 19, frames[2].bytes.len());
}
