//! The model's decoder reads of a binlog file what mysql_common reads.

use cutover_model::{
    binlog::{
        Groups,
        decode::{RowsEvent, TableMap},
        event::EventType,
    },
    row::{Partial, payload, render},
    schema::{Column, ColumnKind},
};
use mysql_common::{
    binlog::{
        BinlogFile, EventStreamReader,
        consts::BinlogVersion,
        events::{Event, EventData, RowsEventData},
        row::BinlogRow,
        value::BinlogValue,
    },
    value::Value,
};

/// Compares every value of every row, those of compressed transactions too; how many there were.
///
/// # Errors
/// What is read in two ways.
pub fn compare(file: &[u8]) -> Result<u64, String> {
    let mut comparison = Comparison {
        ours: ours(file)?.into_iter(),
        values: 0,
    };
    let failed = |e: std::io::Error| e.to_string();
    let mut theirs = BinlogFile::new(BinlogVersion::Version4, file).map_err(failed)?;
    while let Some(event) = theirs.next() {
        let event = event.map_err(failed)?;
        match event.read_data().map_err(failed)? {
            Some(EventData::RowsEvent(rows)) => comparison.rows(theirs.reader(), &event, &rows)?,
            Some(EventData::TransactionPayloadEvent(payload)) => {
                let mut inner = payload.decompressed().map_err(failed)?;
                while let Some(event) = theirs
                    .reader_mut()
                    .read_decompressed(&mut inner)
                    .map_err(failed)?
                {
                    if let Some(EventData::RowsEvent(rows)) = event.read_data().map_err(failed)? {
                        comparison.rows(theirs.reader(), &event, &rows)?;
                    }
                }
            }
            _ => {}
        }
    }
    match comparison.ours.next() {
        None => Ok(comparison.values),
        Some(_) => Err("they read fewer rows".into()),
    }
}

/// How far the two have been read.
struct Comparison {
    ours: std::vec::IntoIter<OurRow>,
    values: u64,
}

impl Comparison {
    fn rows(
        &mut self,
        reader: &EventStreamReader,
        event: &Event,
        rows: &RowsEventData<'_>,
    ) -> Result<(), String> {
        let at = event.header().log_pos();
        let map = reader
            .get_tme(rows.table_id())
            .ok_or("they know no table")?;
        for row in rows.rows(map) {
            let (before, after) = row.map_err(|e| e.to_string())?;
            for row in [before, after].into_iter().flatten() {
                let expected = self.ours.next().ok_or("they read more rows")?;
                self.values +=
                    same(&expected, &row).map_err(|what| format!("before {at}: {what}"))?;
            }
        }
        Ok(())
    }
}

/// A row as the model reads it: columns that are there, with the raw value.
type OurRow = Vec<(Column, Option<Vec<u8>>)>;

fn ours(file: &[u8]) -> Result<Vec<OurRow>, String> {
    let mut maps: Vec<(u64, Vec<Column>)> = Vec::new();
    let mut found = Vec::new();
    for group in Groups::of_file(file).map_err(|e| e.to_string())? {
        let group = group.map_err(|e| e.to_string())?;
        for frame in group.events() {
            let kind = frame.header.event_type;
            if kind == EventType::TABLE_MAP {
                let map = TableMap::decode(frame.body).map_err(|e| e.to_string())?;
                maps.retain(|(id, _)| *id != map.table_id);
                maps.push((map.table_id, map.columns().map_err(|e| e.to_string())?));
            } else if kind.is_rows() {
                let event = RowsEvent::decode(kind, frame.body).map_err(|e| e.to_string())?;
                let columns = maps.iter().find(|(id, _)| *id == event.table_id);
                let columns = &columns.ok_or("no TABLE_MAP")?.1;
                for change in event.rows(columns) {
                    let change = change.map_err(|e| e.to_string())?;
                    for image in [change.before, change.after].into_iter().flatten() {
                        found.push(row(columns, &image));
                    }
                }
            }
        }
    }
    Ok(found)
}

fn row(columns: &[Column], image: &Partial<'_>) -> OurRow {
    let values = image.iter(columns);
    values
        .map(|(at, raw)| (columns[at].clone(), raw.map(<[u8]>::to_vec)))
        .collect()
}

fn same(ours: &OurRow, theirs: &BinlogRow) -> Result<u64, String> {
    if ours.len() != theirs.len() {
        return Err(format!(
            "{} columns, they read {}",
            ours.len(),
            theirs.len()
        ));
    }
    for (i, (column, raw)) in ours.iter().enumerate() {
        let read = theirs.as_ref(i).ok_or("no value")?;
        if !is_same(column, raw.as_deref(), read) {
            return Err(format!("{column:?}: {raw:?}, they read {read:?}"));
        }
    }
    Ok(ours.len() as u64)
}

fn is_same(column: &Column, raw: Option<&[u8]>, read: &BinlogValue<'_>) -> bool {
    let Some(raw) = raw else {
        return matches!(read, BinlogValue::Value(Value::NULL));
    };
    let bytes = payload(&column.kind, raw);
    let mut text = String::new();
    render(column, raw, &mut text);
    match read {
        BinlogValue::Jsonb(value) => {
            let theirs = serde_json::Value::try_from(value.clone()).ok();
            theirs.is_some() && theirs == serde_json::from_str(&text).ok()
        }
        BinlogValue::Value(value) => is_same_value(column, bytes, &text, value),
        BinlogValue::JsonDiff(_) => false,
    }
}

fn is_same_value(column: &Column, bytes: &[u8], text: &str, value: &Value) -> bool {
    match (&column.kind, value) {
        (ColumnKind::Int { bytes: width, .. }, Value::Int(_) | Value::UInt(_)) => {
            let number = match value {
                Value::Int(n) => *n as u64,
                Value::UInt(n) => *n,
                _ => return false,
            };
            number.to_le_bytes()[..usize::from(*width)] == *bytes
        }
        (ColumnKind::Enum { .. }, Value::Int(n)) => n.to_le_bytes()[..bytes.len()] == *bytes,
        (ColumnKind::Float, Value::Float(n)) => n.to_le_bytes() == *bytes,
        (ColumnKind::Double, Value::Double(n)) => n.to_le_bytes() == *bytes,
        (ColumnKind::Decimal { .. }, Value::Bytes(digits)) => {
            plain(&String::from_utf8_lossy(digits)) == plain(text)
        }
        (ColumnKind::Timestamp { .. }, Value::Bytes(unix)) => {
            let (seconds, fraction) = bytes.split_at(4);
            let seconds = seconds.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            let unix = String::from_utf8_lossy(unix);
            let (theirs, digits) = unix.split_once('.').unwrap_or((&unix, ""));
            let ours = fraction.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            let scale = 10u64.pow(6 - 2 * fraction.len() as u32);
            let digits = format!("{digits:0<6}").parse::<u64>();
            theirs.parse() == Ok(seconds) && digits == Ok(ours * scale)
        }
        (_, Value::Date(year, month, day, h, m, s, us)) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            let moment = format!("{date} {h:02}:{m:02}:{s:02}.{us:06}");
            text == date || moment.starts_with(text) && !text.is_empty()
        }
        (_, Value::Time(negative, days, h, m, s, us)) => {
            let sign = if *negative { "-" } else { "" };
            let hours = days * 24 + u32::from(*h);
            let time = format!("{sign}{hours:02}:{m:02}:{s:02}.{us:06}");
            time.starts_with(text) && !text.is_empty()
        }
        (ColumnKind::Year, Value::Bytes(year)) => *year == *text.as_bytes(),
        (_, Value::Bytes(theirs)) => *theirs == *bytes,
        _ => false,
    }
}

/// A decimal number without zeros that say nothing.
fn plain(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let digits = digits.trim_start_matches('0');
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    format!("{sign}{digits}")
}
