//! The binlog codec: files of random tables and transactions under all settings are read back exactly, by our
//! decoder, by mysql_common and by a plain walk over the bytes; and every flipped bit is noticed where it is.

mod plain;
mod values;

use crate::cases::config;
use cutover_model::binlog::decode::{RowsEvent, RowsKind, TableMap};
use cutover_model::binlog::encode::{
    Head, RowImage, RowMetadata, RowWrite, TableTemplate, Writer, WriterOptions,
};
use cutover_model::binlog::group::{Group, GroupKind};
use cutover_model::binlog::{BinlogError, Frames, Groups, QuerySession};
use cutover_model::gtid::{Gtid, Tag, Uuid};
use cutover_model::row::ImageBuilder;
use cutover_model::schema::{Collation, Column, ColumnKind, KeyPart, TableDef, UniqueKey};
use mysql_common::binlog::BinlogFile;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::EventData;
use proptest::prelude::*;
use values::{Draw, Meaning, column, has_collation, is_meant, kind, value};

const FORMAT_DESCRIPTION: u8 = 15;
const TABLE_MAP: u8 = 19;
const TRANSACTION_PAYLOAD: u8 = 40;

/// Which columns are the key, by index.
#[derive(Clone, Copy, Debug)]
enum Key {
    None,
    First,
    FirstTwo,
    UniqueOnly,
}

fn table(name: &'static str) -> impl Strategy<Value = TableDef> {
    let columns = prop::collection::vec((kind(), any::<bool>(), values::collation()), 0..24);
    let key = prop::sample::select(vec![Key::None, Key::First, Key::FirstTwo, Key::UniqueOnly]);
    (columns, key, values::collation()).prop_map(move |(drawn, key, default)| {
        let fixed = ColumnKind::Int {
            bytes: 4,
            unsigned: false,
        };
        let fixed = (0..2).map(|_| (fixed.clone(), false, default.clone()));
        let columns = fixed.chain(drawn).enumerate();
        let columns = columns.map(|(i, (kind, nullable, collation))| {
            column(format!("c{i}"), kind, nullable, collation)
        });
        let unique = |name: &str, parts: &[usize]| UniqueKey {
            name: name.into(),
            parts: parts
                .iter()
                .map(|&column| KeyPart {
                    column,
                    prefix: None,
                })
                .collect(),
        };
        TableDef {
            schema: "app".into(),
            name: name.into(),
            columns: columns.collect(),
            primary: match key {
                Key::First => Some(unique("PRIMARY", &[0])),
                Key::FirstTwo => Some(unique("PRIMARY", &[0, 1])),
                _ => None,
            },
            uniques: match key {
                Key::UniqueOnly => vec![unique("u", &[1])],
                _ => Vec::new(),
            },
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            engine: "innodb".into(),
            collation: default,
        }
    })
}

/// A row's change: in which table, of which kind, what its values are drawn from, whether a statement starts.
#[derive(Clone, Debug)]
struct Drawn {
    second: bool,
    kind: RowsKind,
    draws: [Draw; 2],
    new_statement: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let kind = prop::sample::select(vec![RowsKind::Insert, RowsKind::Update, RowsKind::Delete]);
    let draw = || (any::<u64>(), prop_oneof![4 => 0..40u16, 1 => 0..3000u16]);
    (
        any::<bool>(),
        kind,
        [draw(), draw()],
        prop::bool::weighted(0.3),
    )
        .prop_map(|(second, kind, draws, new_statement)| Drawn {
            second,
            kind,
            draws,
            new_statement,
        })
}

#[derive(Clone, Debug)]
enum Unit {
    Rows {
        changes: Vec<Drawn>,
        compressed: bool,
    },
    Ddl(usize),
}

fn unit() -> impl Strategy<Value = Unit> {
    let changes = prop_oneof![4 => prop::collection::vec(drawn(), 0..8), 1 => prop::collection::vec(drawn(), 20..60)];
    prop_oneof![
        5 => (changes, prop::bool::weighted(0.2)).prop_map(|(changes, compressed)| Unit::Rows { changes, compressed }),
        1 => (0..400usize).prop_map(Unit::Ddl),
    ]
}

#[derive(Clone, Copy, Debug)]
enum End {
    Open,
    Rotate,
    Stop,
}

#[derive(Clone, Debug)]
struct Settings {
    options: WriterOptions,
    tagged: bool,
    relayed: bool,
    end: End,
}

fn settings() -> impl Strategy<Value = Settings> {
    let version = prop::sample::select(vec![
        "5.6.24-log",
        "5.7.44",
        "8.0.11",
        "8.0.41",
        "8.4.3",
        "9.7.4",
    ]);
    let image = prop::sample::select(vec![RowImage::Full, RowImage::Minimal, RowImage::NoBlob]);
    let metadata = prop::sample::select(vec![RowMetadata::Minimal, RowMetadata::Full]);
    let end = prop::sample::select(vec![End::Open, End::Rotate, End::Stop]);
    let size = prop::sample::select(vec![256usize, 1024, 8192]);
    (version, any::<[bool; 4]>(), image, metadata, end, size).prop_map(
        |(version, [checksum, gtid, tagged, relayed], row_image, row_metadata, end, size)| {
            Settings {
                options: WriterOptions {
                    server_version: version.into(),
                    server_id: 0x0102_0304,
                    checksum,
                    row_image,
                    row_metadata,
                    rows_event_max_bytes: size,
                    gtid,
                },
                tagged,
                relayed,
                end,
            }
        },
    )
}

/// A row's image with the meaning of each value.
type Known = (Vec<u8>, Vec<Meaning>);

/// What was written of a row: the table, the kind, both images, and whether a statement starts.
struct Written {
    second: bool,
    kind: RowsKind,
    images: [Option<Known>; 2],
    new_statement: bool,
}

fn known(columns: &[Column], (n, wide): Draw) -> Known {
    let mut builder = ImageBuilder::default();
    builder.start(columns.len());
    let mut meanings = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        let draw = n
            .rotate_left(11 * i as u32)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (raw, meaning) = value(column, (draw, wide));
        match raw {
            Some(raw) => builder.push(&raw),
            None => builder.push_null(),
        }
        meanings.push(meaning);
    }
    (builder.image().to_vec(), meanings)
}

struct Rig {
    settings: Settings,
    writer: Writer,
    defs: [TableDef; 2],
    templates: [TableTemplate; 2],
    file: Vec<u8>,
    /// What each group is, and where it starts.
    groups: Vec<(usize, Option<Gtid>, Option<Vec<Written>>)>,
}

const IDS: [u64; 2] = [90, 0xffff_ffff_fffe];

impl Rig {
    fn new(settings: Settings, defs: [TableDef; 2]) -> Self {
        let writer = Writer::new(settings.options.clone());
        let templates = [0, 1].map(|i| TableTemplate::new(&writer, IDS[i], &defs[i]));
        let mut file = Vec::new();
        let previous = "00000000-0000-0000-0000-000000000001:1-3:7"
            .parse()
            .expect("a set");
        writer.file_head(&mut file, 1_700_000_000, 0, &previous);
        Rig {
            settings,
            writer,
            defs,
            templates,
            file,
            groups: Vec::new(),
        }
    }

    fn head(&self, gno: u64) -> Head<'static> {
        let tag =
            Tag::new("blue").filter(|_| self.settings.tagged && self.writer.version() >= 80_300);
        let us = 1_795_337_309_123_456 + gno;
        Head {
            gtid: self.settings.options.gtid.then_some(Gtid {
                uuid: Uuid([0xa7; 16]),
                tag,
                gno: gno << 33,
            }),
            last_committed: gno - 1,
            sequence_number: gno,
            immediate_commit_us: us,
            original_commit_us: us - u64::from(self.settings.relayed),
            timestamp_s: 1_795_337_308,
            origin_server_id: self.settings.relayed.then_some(77),
            thread_id: 11,
            default_schema: "app",
            xid: 1000 + gno,
        }
    }

    fn append(&mut self, gno: u64, unit: &Unit) {
        let (head, start) = (self.head(gno), self.file.len());
        let rows = match unit {
            Unit::Ddl(length) => {
                let sql = format!(
                    "CREATE TABLE x{gno} (id INT COMMENT '{}')",
                    "y".repeat(*length)
                );
                self.writer.ddl(
                    &mut self.file,
                    start as u64,
                    &head,
                    &QuerySession::default(),
                    "app",
                    &sql,
                );
                None
            }
            Unit::Rows {
                changes,
                compressed,
            } => {
                let written: Vec<Written> = changes.iter().map(|d| self.written(d)).collect();
                let writes: Vec<RowWrite<'_>> = written
                    .iter()
                    .map(|w| RowWrite {
                        template: &self.templates[usize::from(w.second)],
                        columns: &self.defs[usize::from(w.second)].columns,
                        before: w.images[0].as_ref().map(|i| &i.0[..]),
                        after: w.images[1].as_ref().map(|i| &i.0[..]),
                        flags: 0,
                        new_statement: w.new_statement,
                    })
                    .collect();
                let options = &self.settings.options;
                if *compressed
                    && options.checksum
                    && self.writer.version() >= 80_020
                    && !written.is_empty()
                {
                    let plain = Writer::new(WriterOptions {
                        checksum: false,
                        ..options.clone()
                    });
                    let mut events = Vec::new();
                    plain.transaction(&mut events, 0, &head, &writes);
                    compress(&mut self.file, &events);
                } else {
                    self.writer
                        .transaction(&mut self.file, start as u64, &head, &writes);
                }
                Some(written)
            }
        };
        self.groups.push((start, head.gtid, rows));
    }

    fn written(&self, drawn: &Drawn) -> Written {
        let columns = &self.defs[usize::from(drawn.second)].columns;
        let image = |i: usize, there: bool| there.then(|| known(columns, drawn.draws[i]));
        Written {
            second: drawn.second,
            kind: drawn.kind,
            images: [
                image(0, drawn.kind != RowsKind::Insert),
                image(1, drawn.kind != RowsKind::Delete),
            ],
            new_statement: drawn.new_statement,
        }
    }

    fn finish(&mut self) {
        let at = self.file.len() as u64;
        match self.settings.end {
            End::Open => {}
            End::Rotate => self.writer.rotate(&mut self.file, at, 9, "binlog.000002"),
            End::Stop => self.writer.stop(&mut self.file, at, 9),
        }
    }
}

/// Appends a transaction's events without checksums as a server with compression writes them: the first as it is,
/// all others in one payload.
fn compress(file: &mut Vec<u8>, events: &[u8]) {
    let length =
        |at: usize| u32::from_le_bytes(events[at + 9..at + 13].try_into().expect("four")) as usize;
    let first = length(0);
    let word = |at: usize| u32::from_le_bytes(events[at..at + 4].try_into().expect("four"));
    let flags = u16::from_le_bytes([events[17], events[18]]);
    let gtid = plain::seal(
        word(0),
        events[4],
        word(5),
        flags,
        &events[19..first],
        file.len(),
    );
    file.extend(gtid);
    let inner = &events[first..];
    let packed = zstd::bulk::compress(inner, 3).expect("zstd compresses");
    let number = |n: u64| match n {
        0..=250 => vec![n as u8],
        _ => [vec![0xfe], n.to_le_bytes().to_vec()].concat(),
    };
    let mut body = Vec::new();
    for (code, value) in [(2, 0), (3, inner.len() as u64), (1, packed.len() as u64)] {
        let value = number(value);
        body.extend([code, value.len() as u8]);
        body.extend(value);
    }
    body.push(0);
    body.extend(packed);
    let payload = plain::seal(word(0), TRANSACTION_PAYLOAD, word(5), 0, &body, file.len());
    file.extend(payload);
}

/// Our decoder gives back what went in, merged over what was there where images are not full.
fn check_ours(rig: &Rig) {
    let groups = Groups::of_file(&rig.file).expect("a binlog");
    let groups: Vec<Group<'_>> = groups.map(|g| g.expect("whole")).collect();
    assert_eq!(groups.len(), rig.groups.len());
    let ends = rig.groups.iter().skip(1).map(|g| g.0 as u64);
    let starts = groups.iter().map(|g| g.start);
    assert!(
        starts.eq(rig.groups.iter().map(|g| g.0 as u64)),
        "where groups start"
    );
    assert!(
        groups
            .iter()
            .map(|g| g.end)
            .zip(ends)
            .all(|(is, next)| is == next),
        "and end"
    );
    for (n, (group, (_, gtid, rows))) in (1..).zip(groups.iter().zip(&rig.groups)) {
        let event = group.gtid.unwrap_or_default();
        assert_eq!(event.gtid, *gtid);
        if rig.writer.version() >= 50_700 {
            assert_eq!((event.last_committed, event.sequence_number), (n - 1, n));
        }
        if rig.writer.version() >= 80_001 {
            let head = rig.head(n);
            assert_eq!(event.immediate_commit_us, Some(head.immediate_commit_us));
            assert_eq!(event.original_commit_us, Some(head.original_commit_us));
            // The test's own payloads leave it as it was.
            if !group.is_compressed() {
                assert_eq!(event.transaction_length, Some(group.end - group.start));
            }
        }
        assert_eq!(group.timestamp_s, 1_795_337_308);
        let Some(rows) = rows else {
            assert_eq!(group.kind, GroupKind::Ddl);
            let sql = group.statement().expect("a statement").text().into_owned();
            assert!(sql.starts_with(&format!("CREATE TABLE x{n} (")) && sql.ends_with("')"));
            continue;
        };
        let kind = if rows.is_empty() {
            GroupKind::Empty
        } else {
            GroupKind::Rows
        };
        assert_eq!(group.kind, kind);
        check_rows(rig, group, rows);
    }
}

fn check_rows(rig: &Rig, group: &Group<'_>, rows: &[Written]) {
    let (mut written, mut ended) = (rows.iter(), true);
    let mut maps: [Option<TableMap<'_>>; 2] = [None, None];
    let frames: Vec<_> = group.events().collect();
    for frame in &frames {
        if frame.header.event_type.0 == TABLE_MAP {
            let map = TableMap::decode(frame.body).expect("a table");
            let which = usize::from(map.table_id != IDS[0]);
            check_columns(rig, &map, &rig.defs[which]);
            maps[which] = Some(map);
        }
        if !frame.header.event_type.is_rows() {
            continue;
        }
        let event = RowsEvent::decode(frame.header.event_type, frame.body).expect("rows");
        let which = usize::from(event.table_id != IDS[0]);
        let columns = &rig.defs[which].columns;
        assert!(
            maps[which].is_some(),
            "a table is described before its rows"
        );
        let several = event.rows(columns).count() > 1;
        assert!(
            !several || frame.body.len() <= rig.settings.options.rows_event_max_bytes,
            "split by size"
        );
        for (i, change) in event.rows(columns).enumerate() {
            let change = change.expect("a row");
            let expected = written.next().expect("no more rows than were written");
            assert_eq!((event.kind, which == 1), (expected.kind, expected.second));
            assert!(
                !expected.new_statement || (ended && i == 0),
                "a statement starts with its own event"
            );
            let mut merged = ImageBuilder::default();
            let [before, after] = &expected.images;
            for (partial, full) in [(change.before, before), (change.after, after)] {
                assert_eq!(partial.is_some(), full.is_some());
                let (Some(partial), Some(full)) = (partial, full) else {
                    continue;
                };
                let base = before.as_ref().map(|i| &i.0[..]);
                partial
                    .merge_over(columns, base, &mut merged)
                    .expect("an image");
                assert_eq!(merged.image(), &full.0[..]);
                let all = partial.is_full(columns.len());
                assert!(all || rig.settings.options.row_image != RowImage::Full);
            }
        }
        ended = event.ends_statement();
    }
    assert!(
        ended && written.next().is_none(),
        "all rows, and the last ends its statement"
    );
}

/// A TABLE_MAP says what the declaration has, as far as version and settings let it.
fn check_columns(rig: &Rig, map: &TableMap<'_>, def: &TableDef) {
    assert_eq!(map.compatible(def), Ok(()));
    let columns = map.columns().expect("columns");
    assert_eq!(columns.len(), def.columns.len());
    let metadata = rig.writer.version() >= 80_001;
    let full = metadata && rig.settings.options.row_metadata == RowMetadata::Full;
    for (i, (read, column)) in columns.iter().zip(&def.columns).enumerate() {
        assert_eq!(read.nullable, column.nullable);
        let name = if full {
            column.name.to_string()
        } else {
            format!("@{}", i + 1)
        };
        assert_eq!(*read.name, *name);
        let listed = matches!(
            column.kind,
            ColumnKind::Enum { .. } | ColumnKind::Set { .. }
        );
        if metadata && (full || !listed) {
            assert_eq!(read.kind, column.kind);
            if has_collation(&column.kind) {
                assert_eq!(read.collation, column.collation);
            }
        }
    }
    let key = map.primary_key().expect("a key");
    let parts = def
        .primary
        .as_ref()
        .filter(|_| full)
        .map(|k| k.parts.clone());
    assert_eq!(key, parts);
}

/// mysql_common reads every value that was meant.
fn check_theirs(rig: &Rig) {
    let mut theirs = BinlogFile::new(BinlogVersion::Version4, &rig.file[..]).expect("a binlog");
    let compressed = |rows: &&Vec<Written>, at: usize| {
        let events = plain::events(&rig.file, rig.settings.options.checksum);
        let second = events.iter().filter(|e| e.at >= at).nth(1);
        !rows.is_empty() && second.is_some_and(|e| e.event_type == TRANSACTION_PAYLOAD)
    };
    let groups = rig
        .groups
        .iter()
        .filter_map(|(at, _, rows)| Some((*at, rows.as_ref()?)));
    let groups = groups.filter(|(at, rows)| !compressed(rows, *at));
    let mut written = groups.flat_map(|(_, rows)| rows);
    while let Some(event) = theirs.next() {
        let event = event.expect("they read it");
        let Some(EventData::RowsEvent(rows)) = event.read_data().expect("they read its data")
        else {
            continue;
        };
        let map = theirs.reader().get_tme(rows.table_id()).expect("its table");
        for row in rows.rows(map) {
            let (before, after) = row.expect("they read a row");
            let expected = written.next().expect("no more rows than were written");
            let columns = &rig.defs[usize::from(expected.second)].columns;
            for (read, meant) in [before, after].into_iter().zip(&expected.images) {
                assert_eq!(read.is_some(), meant.is_some());
                let (Some(read), Some((_, meanings))) = (read, meant) else {
                    continue;
                };
                for (i, described) in read.columns_ref().iter().enumerate() {
                    // Of images that are not full: which column this is, by its name `@n`.
                    let name = described.name_str();
                    let column = name
                        .trim_start_matches(['@', 'c'])
                        .parse::<usize>()
                        .expect("a number");
                    let value = read.as_ref(i).expect("a value");
                    assert!(
                        is_meant(&meanings[column], value),
                        "{:?}: {:?}, read as {value:?}",
                        columns[column],
                        meanings[column]
                    );
                }
            }
        }
    }
    assert!(written.next().is_none(), "they read all rows");
}

/// The bytes by the manual's layout: positions, checksums, who wrote what.
fn check_bytes(rig: &Rig) {
    let events = plain::events(&rig.file, rig.settings.options.checksum);
    assert_eq!(
        (events[0].event_type, events[0].flags),
        (FORMAT_DESCRIPTION, 1),
        "in use"
    );
    let frames: Vec<_> = Frames::of_file(&rig.file)
        .expect("a binlog")
        .map(|f| f.expect("whole"))
        .collect();
    assert_eq!(frames.len(), events.len());
    let first = rig.groups.first().map_or(usize::MAX, |g| g.0);
    for (event, frame) in events.iter().zip(&frames).skip(1) {
        assert_eq!(
            (frame.pos, frame.end()),
            (event.at as u64, u64::from(event.end))
        );
        assert_eq!(
            (frame.header.timestamp_s, frame.header.flags),
            (event.timestamp, event.flags)
        );
        assert_eq!(
            (frame.header.event_type.0, frame.body),
            (event.event_type, &event.body[..])
        );
        let control = event.at < first || event.timestamp == 9;
        let own = control || !rig.settings.relayed;
        assert_eq!(
            event.server_id,
            if own { 0x0102_0304 } else { 77 },
            "at {}",
            event.at
        );
    }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn a_file_is_read_back_as_it_was_meant(
        one in table("one"),
        other in table("other"),
        units in prop::collection::vec(unit(), 0..6),
        settings in settings(),
    ) {
        let mut rig = Rig::new(settings, [one, other]);
        for (gno, unit) in (1..).zip(&units) {
            rig.append(gno, unit);
        }
        rig.finish();
        check_bytes(&rig);
        check_ours(&rig);
        check_theirs(&rig);
    }
}

/// A small file of every kind of event that the writer has.
fn small_file() -> Vec<u8> {
    let collation = Collation {
        charset: "utf8mb4".into(),
        name: "utf8mb4_0900_ai_ci".into(),
    };
    let column = |name: &str, kind| column(name.into(), kind, true, collation.clone());
    let def = |name: &str| TableDef {
        schema: "a".into(),
        name: name.into(),
        columns: vec![
            column(
                "id",
                ColumnKind::Int {
                    bytes: 4,
                    unsigned: true,
                },
            ),
            column("t", ColumnKind::Varchar { max_bytes: 40 }),
        ],
        primary: None,
        uniques: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        engine: "innodb".into(),
        collation: collation.clone(),
    };
    let settings = Settings {
        options: WriterOptions {
            server_id: 0x0102_0304,
            ..WriterOptions::default()
        },
        tagged: false,
        relayed: false,
        end: End::Rotate,
    };
    let mut rig = Rig::new(settings, [def("x"), def("y")]);
    let change = |second, kind, n| Drawn {
        second,
        kind,
        draws: [(n, 3), (n + 1, 4)],
        new_statement: n == 3,
    };
    let compressed = |compressed| Unit::Rows {
        changes: vec![
            change(false, RowsKind::Insert, 1),
            change(true, RowsKind::Update, 3),
            change(false, RowsKind::Delete, 4),
        ],
        compressed,
    };
    for (gno, unit) in (1..).zip([compressed(false), Unit::Ddl(3), compressed(true)]) {
        rig.append(gno, &unit);
    }
    rig.finish();
    rig.file
}

/// What can still be read: events and groups up to the first error, and the error.
fn kept(file: &[u8]) -> (Vec<Vec<u8>>, Vec<u64>, Option<BinlogError>) {
    let Ok(frames) = Frames::of_file(file) else {
        let error = Frames::of_file(file).err();
        return (Vec::new(), Vec::new(), error);
    };
    let (mut events, mut error) = (Vec::new(), None);
    for frame in frames {
        match frame {
            Ok(frame) => events.push(frame.bytes.to_vec()),
            Err(found) => {
                error = Some(found);
                break;
            }
        }
    }
    let groups = Groups::of_file(file).map(|g| g.map_while(Result::ok).map(|g| g.end).collect());
    (events, groups.unwrap_or_default(), error)
}

#[test]
fn every_flipped_bit_of_a_file_is_noticed_at_its_event_and_what_is_before_it_is_kept() {
    let file = small_file();
    let (events, groups, error) = kept(&file);
    assert_eq!((error, groups.len()), (None, 3));
    let whole = plain::events(&file, true);
    let in_use = 4 + 17;
    for byte in 0..file.len() {
        // The event that has the byte; the magic before the first is its own.
        let at = whole
            .iter()
            .rev()
            .find(|e| e.at <= byte)
            .map_or(0, |e| e.at);
        let before = whole.iter().filter(|e| e.at < at).count();
        for bit in 0..8 {
            if (byte, bit) == (in_use, 0) {
                continue;
            }
            let mut damaged = file.clone();
            damaged[byte] ^= 1 << bit;
            let (left, groups_left, error) = kept(&damaged);
            let error = error.unwrap_or_else(|| panic!("byte {byte}, bit {bit}: nobody noticed"));
            assert_eq!(error.pos, at as u64, "byte {byte}, bit {bit}: {error}");
            assert_eq!(left, events[..before], "byte {byte}, bit {bit}");
            let whole_before = groups.iter().copied().filter(|end| *end <= at as u64);
            assert_eq!(
                groups_left,
                whole_before.collect::<Vec<_>>(),
                "byte {byte}, bit {bit}"
            );
        }
    }
}
