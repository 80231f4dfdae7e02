//! The body of one event: the first byte is its type.

use crate::corpus;
use cutover_model::binlog::{
    Checksum, EventType, Frames,
    decode::{
        FormatDescription, GtidEvent, Heartbeat, Incident, IntVar, Query, Rand, Rotate, RowsEvent,
        TableMap, TransactionPayload, UserVar, XaPrepare, previous_gtids, rows_query, xid,
    },
};

/// As many of each type as are enough to start from.
const OF_A_KIND: usize = 30;

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seen = [0usize; 256];
    let mut seeds = Vec::new();
    for file in corpus::binlogs() {
        for frame in Frames::of_file(&file).into_iter().flatten().flatten() {
            let code = frame.header.event_type.0;
            seen[usize::from(code)] += 1;
            if seen[usize::from(code)] <= OF_A_KIND && frame.body.len() < 4_000 {
                seeds.push([&[code], frame.body].concat());
            }
        }
    }
    seeds
}

pub(super) fn run(input: &[u8]) {
    if let Some((code, body)) = input.split_first() {
        decode_all(EventType(*code), body);
    }
}

/// Every decoder that a body may meet; what it says does not matter here, only that it says something.
pub(super) fn decode_all(event_type: EventType, body: &[u8]) {
    let _ = FormatDescription::decode(body);
    let _ = Rotate::decode(body);
    let _ = GtidEvent::decode(event_type, body);
    let _ = previous_gtids(body);
    let _ = XaPrepare::decode(body);
    let _ = Incident::decode(body);
    let _ = UserVar::decode(body);
    let _ = IntVar::decode(body);
    let _ = Rand::decode(body);
    let _ = xid(body);
    let _ = rows_query(body);
    let _ = Heartbeat::decode(event_type, body);
    if let Ok(query) = Query::decode(body) {
        assert!(query.status_vars().count() <= query.status.len());
        let _ = query.text();
    }
    if let Ok(payload) = TransactionPayload::decode(body) {
        let mut out = Vec::new();
        let inflated = payload.inflate(&mut out);
        assert!(out.len() as u64 <= payload.uncompressed_bytes.saturating_add(1));
        if inflated.is_ok() {
            for frame in Frames::new(&out, 0, Checksum::None).flatten() {
                let _ = Query::decode(frame.body);
            }
        }
    }
    let columns = TableMap::decode(body).ok().and_then(|map| {
        let _ = map.primary_key();
        let _ = map.full_name();
        map.columns().ok()
    });
    for columns in columns.into_iter().chain([Vec::new()]) {
        if let Ok(rows) = RowsEvent::decode(event_type, body) {
            assert!(rows.rows(&columns).count() <= rows.rows.len() + 1);
        }
    }
}
