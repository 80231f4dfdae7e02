//! Files that real servers wrote, through our decoders and through mysql_common's: the same events, the
//! same tables, the same rows.

use crate::support::captures;
use cutover_model::binlog::decode::{
    FormatDescription, GtidEvent, Query, RowsEvent, TableMap, TransactionPayload, previous_gtids,
    xid,
};
use cutover_model::binlog::verify::{Input, verify};
use cutover_model::binlog::{EventType, Frames, Groups, group::Hop};
use cutover_model::schema::ColumnKind;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::EventData;
use mysql_common::binlog::value::BinlogValue;
use mysql_common::binlog::{BinlogFile, events};
use mysql_common::value::Value;
use std::collections::BTreeMap;

#[test]
fn every_event_is_what_mysql_common_reads() {
    for capture in captures() {
        for (name, bytes) in &capture.files {
            let mut theirs =
                BinlogFile::new(BinlogVersion::Version4, &bytes[..]).expect("a binlog");
            let mut ours = Frames::of_file(bytes).expect("a binlog");
            let mut tables = BTreeMap::new();
            for frame in &mut ours {
                let frame = frame.unwrap_or_else(|e| panic!("{name}: {e}"));
                let at = format!("{name}:{}", frame.pos);
                let event = theirs
                    .next()
                    .expect("an event")
                    .unwrap_or_else(|e| panic!("{at}: {e}"));
                assert_eq!(
                    event.header().event_type_raw(),
                    frame.header.event_type.0,
                    "{at}"
                );
                assert_eq!(event.header().log_pos(), frame.header.end_log_pos, "{at}");
                assert_eq!(event.header().timestamp(), frame.header.timestamp_s, "{at}");
                // mysql_common counts FORMAT_DESCRIPTION's checksum algorithm with the checksum.
                assert!(frame.body.starts_with(event.data()), "{at}");
                compare(
                    &at,
                    frame.header.event_type,
                    frame.body,
                    &event,
                    &mut tables,
                    theirs.reader(),
                );
            }
            assert!(theirs.next().is_none(), "{name}: mysql_common reads on");
            assert_eq!(ours.pos(), bytes.len() as u64, "{name}");
        }
    }
}

#[test]
fn hopping_from_group_to_group_meets_those_that_reading_meets() {
    let mut hopped = 0;
    for capture in captures() {
        for (name, bytes) in &capture.files {
            let mut hops = Groups::of_file(bytes).expect("a binlog");
            for group in Groups::of_file(bytes).expect("a binlog") {
                let group = group.unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(hops.hop(), Some(Ok(Hop::of(&group))), "{name}");
                hopped += 1;
            }
            assert_eq!(hops.hop(), None, "{name}");
            assert_eq!(hops.good_until(), bytes.len() as u64, "{name}");
        }
    }
    assert!(hopped > 1_000, "{hopped} groups");
}

type Reader = mysql_common::binlog::EventStreamReader;

fn compare(
    at: &str,
    event_type: EventType,
    body: &[u8],
    theirs: &events::Event,
    tables: &mut BTreeMap<u64, Vec<u8>>,
    reader: &Reader,
) {
    let Some(data) = theirs.read_data().unwrap_or_else(|e| panic!("{at}: {e}")) else {
        return;
    };
    match data {
        EventData::FormatDescriptionEvent(fde) => {
            let ours = FormatDescription::decode(body).expect(at);
            assert_eq!(
                ours.server_version,
                fde.server_version().trim_end_matches('\0'),
                "{at}"
            );
            assert_eq!(ours.created_s, fde.create_timestamp(), "{at}");
        }
        EventData::GtidEvent(gtid) => {
            let ours = GtidEvent::decode(event_type, body).expect(at);
            let id = ours.gtid.expect("a GTID");
            assert_eq!((id.uuid.0, id.gno), (gtid.sid(), gtid.gno()), "{at}");
            assert_eq!(
                id.tag.map(|t| t.to_string()),
                gtid.tag().map(|t| t.as_str().to_owned()),
                "{at}"
            );
            assert_eq!(ours.last_committed, gtid.last_committed(), "{at}");
            assert_eq!(ours.sequence_number, gtid.sequence_number(), "{at}");
            assert_eq!(
                ours.immediate_commit_us.unwrap_or(0),
                gtid.immediate_commit_timestamp(),
                "{at}"
            );
            assert_eq!(
                ours.original_commit_us.unwrap_or(0),
                gtid.original_commit_timestamp(),
                "{at}"
            );
            assert_eq!(
                ours.transaction_length.unwrap_or(0),
                gtid.tx_length(),
                "{at}"
            );
        }
        EventData::QueryEvent(query) => {
            let ours = Query::decode(body).expect(at);
            assert_eq!(ours.sql, query.query_raw(), "{at}");
            assert_eq!(ours.schema, query.schema_raw(), "{at}");
            assert_eq!(ours.thread_id, query.thread_id(), "{at}");
        }
        EventData::XidEvent(event) => assert_eq!(xid(body), Ok(event.xid), "{at}"),
        EventData::PreviousGtidsEvent(event) => {
            let ours = previous_gtids(body).expect(at);
            let theirs: u64 = event
                .sids()
                .iter()
                .flat_map(|sid| sid.intervals())
                .map(|interval| interval.end() - interval.start())
                .sum();
            assert_eq!(ours.count(), theirs, "{at}");
        }
        EventData::TableMapEvent(map) => {
            let ours = TableMap::decode(body).expect(at);
            assert_eq!(ours.table_id, map.table_id(), "{at}");
            assert_eq!(ours.schema, map.database_name_raw(), "{at}");
            assert_eq!(ours.table, map.table_name_raw(), "{at}");
            assert_eq!(ours.types.len() as u64, map.columns_count(), "{at}");
            tables.insert(ours.table_id, body.to_vec());
        }
        // JSON documents as differences are not read.
        EventData::RowsEvent(_) if event_type == EventType::PARTIAL_UPDATE_ROWS => {}
        EventData::RowsEvent(rows) => {
            let ours = RowsEvent::decode(event_type, body).expect(at);
            let map = TableMap::decode(&tables[&ours.table_id]).expect(at);
            let columns = map.columns().expect(at);
            let table = reader.get_tme(ours.table_id).expect("their table map");
            let mut theirs = rows.rows(table);
            // The row of no bytes (every column takes its default) they do not see.
            let seen = usize::from(ours.rows.is_empty());
            for change in ours.rows(&columns).skip(seen) {
                let change = change.unwrap_or_else(|e| panic!("{at}: {e}"));
                let row = theirs
                    .next()
                    .expect("a row")
                    .unwrap_or_else(|e| panic!("{at}: {e}"));
                for (image, values) in [(change.before, row.0), (change.after, row.1)] {
                    assert_eq!(image.is_some(), values.is_some(), "{at}");
                    let (Some(image), Some(values)) = (image, values) else {
                        continue;
                    };
                    let mine: Vec<_> = image.iter(&columns).collect();
                    assert_eq!(mine.len(), values.columns_ref().len(), "{at}");
                    for (i, (column, raw)) in mine.into_iter().enumerate() {
                        let value = values.as_ref(i).expect("a value");
                        let null = matches!(value, BinlogValue::Value(Value::NULL));
                        assert_eq!(raw.is_none(), null, "{at}");
                        let number = match value {
                            BinlogValue::Value(Value::Int(n)) => Some(*n as u64),
                            BinlogValue::Value(Value::UInt(n)) => Some(*n),
                            _ => None,
                        };
                        if let (ColumnKind::Int { bytes, .. }, Some(raw), Some(n)) =
                            (&columns[column].kind, raw, number)
                        {
                            assert_eq!(raw, &n.to_le_bytes()[..usize::from(*bytes)], "{at}");
                        }
                    }
                }
            }
            assert!(
                theirs.next().is_none(),
                "{at}: fewer rows than mysql_common has"
            );
        }
        EventData::TransactionPayloadEvent(event) => {
            let ours = TransactionPayload::decode(body).expect(at);
            let mut bytes = Vec::new();
            ours.inflate(&mut bytes).expect(at);
            assert_eq!(ours.payload, event.payload_raw(), "{at}");
        }
        _ => {}
    }
}

#[test]
fn every_capture_is_one_sound_history_that_ends_at_its_recorded_gtid_set() {
    for capture in captures() {
        let inputs: Vec<Input<'_>> = capture
            .files
            .iter()
            .map(|(name, bytes)| Input { name, bytes })
            .collect();
        let report = verify(&inputs);
        assert!(
            report.is_sound(),
            "{}: {:#?}",
            capture.name,
            report.problems
        );
        if let Some(executed) = &capture.executed {
            let held = report
                .complete_from
                .as_ref()
                .and_then(|c| c.held.clone())
                .unwrap_or_default();
            assert_eq!(&report.gtids().union(&held), executed, "{}", capture.name);
        }
        let mut given = inputs.clone();
        given.reverse();
        let again = verify(&given);
        assert_eq!(
            again.files, report.files,
            "{}: the order is mended",
            capture.name
        );
    }
}

#[test]
fn groups_cover_the_files_and_say_how_long_they_are() {
    for capture in captures() {
        for (name, bytes) in &capture.files {
            let mut groups = Groups::of_file(bytes).expect("a binlog");
            let mut sequence = 0;
            for group in &mut groups {
                let group = group.unwrap_or_else(|e| panic!("{name}: {e}"));
                let at = format!("{name}:{}", group.start);
                if let Some(event) = group.gtid {
                    let length = event.transaction_length.unwrap_or(group.end - group.start);
                    assert_eq!(group.end - group.start, length, "{at}");
                    assert!(
                        event.sequence_number == 0 || event.sequence_number == sequence + 1,
                        "{at}"
                    );
                    sequence = event.sequence_number;
                }
                assert!(group.events().count() > 0, "{at}");
            }
            assert_eq!(groups.good_until(), bytes.len() as u64, "{name}");
        }
    }
}
