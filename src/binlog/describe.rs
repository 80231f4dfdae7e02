//! An event in a few words.

use cutover::model::{
    binlog::{
        decode::{
            FormatDescription, GtidEvent, Incident, IntVar, Query, Rand, Rotate, RowChange,
            RowsEvent, RowsKind, TableMap, TransactionPayload, UserVar, XaPrepare, previous_gtids,
            rows_query, xid,
        },
        event::{Checksum, EventType},
        frame::Frame,
        group::is_internal,
    },
    row::{Partial, render},
    schema::Column,
};
use std::collections::BTreeMap;

/// Statements are cut at this many characters.
const STATEMENT_CHARACTERS: usize = 200;

/// Tables that may be announced before their entry is replaced: a server gives out a handful at a time.
const TABLES: usize = 10_000;

/// What was said earlier and is needed to read what follows.
#[derive(Debug, Default)]
pub struct Describer {
    tables: BTreeMap<u64, Table>,
}

#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<Column>,
}

impl Describer {
    /// Says what an event is, and pushes a line per row to `rows` when they are wanted.
    pub fn describe(&mut self, frame: &Frame<'_>, rows: Option<&mut Vec<String>>) -> String {
        self.read(frame, rows)
            .unwrap_or_else(|error| format!("unreadable: {error}"))
    }

    fn read(
        &mut self,
        frame: &Frame<'_>,
        rows: Option<&mut Vec<String>>,
    ) -> Result<String, String> {
        let (event_type, body) = (frame.header.event_type, frame.body);
        let text = |bytes: &[u8]| one_line(&String::from_utf8_lossy(bytes));
        Ok(match event_type {
            EventType::FORMAT_DESCRIPTION => {
                let format = said(FormatDescription::decode(body))?;
                // Position numbers and table numbers start anew with every file.
                self.tables.clear();
                let checksum = match format.checksum {
                    Checksum::None => "none",
                    Checksum::Crc32 => "CRC32",
                };
                format!(
                    "server {}, checksums: {checksum}",
                    one_line(format.server_version)
                )
            }
            EventType::PREVIOUS_GTIDS => {
                let gtids = said(previous_gtids(body))?;
                if gtids.is_empty() {
                    "nothing before".into()
                } else {
                    format!("before: {gtids}")
                }
            }
            EventType::ROTATE => {
                let rotate = said(Rotate::decode(body))?;
                format!("next: {}:{}", text(rotate.file), rotate.position)
            }
            EventType::STOP => "the server was stopped".into(),
            _ if event_type.is_gtid() => match said(GtidEvent::decode(event_type, body))?.gtid {
                Some(gtid) => gtid.to_string(),
                None => "anonymous".into(),
            },
            EventType::QUERY => {
                let query = said(Query::decode(body))?;
                let what = match query.schema {
                    [] => one_line(&query.text()),
                    schema => format!("[{}] {}", text(schema), one_line(&query.text())),
                };
                match is_internal(&query) {
                    true => format!("{what} (the server's own table: not applied)"),
                    false => what,
                }
            }
            EventType::ROWS_QUERY => text(said(rows_query(body))?),
            EventType::XID => format!("COMMIT (xid {})", said(xid(body))?),
            EventType::XA_PREPARE => match said(XaPrepare::decode(body))?.one_phase {
                true => "XA COMMIT … ONE PHASE".into(),
                false => "XA PREPARE".into(),
            },
            EventType::TABLE_MAP => self.table(&said(TableMap::decode(body))?),
            _ if event_type.is_rows() => {
                self.rows(&said(RowsEvent::decode(event_type, body))?, rows)?
            }
            EventType::TRANSACTION_PAYLOAD => {
                let payload = said(TransactionPayload::decode(body))?;
                format!(
                    "{} bytes, unpacked {}",
                    payload.payload.len(),
                    payload.uncompressed_bytes
                )
            }
            EventType::INTVAR => {
                let intvar = said(IntVar::decode(body))?;
                let name = match intvar.kind {
                    1 => "LAST_INSERT_ID",
                    2 => "INSERT_ID",
                    _ => "unknown",
                };
                format!("{name} = {}", intvar.value)
            }
            EventType::RAND => {
                let (a, b) = said(Rand::decode(body))?.seeds;
                format!("seeds {a} and {b}")
            }
            EventType::USER_VAR => format!("@{}", text(said(UserVar::decode(body))?.name)),
            EventType::INCIDENT => {
                let incident = said(Incident::decode(body))?;
                format!("something is missing: {}", text(incident.message))
            }
            _ => String::new(),
        })
    }

    fn table(&mut self, map: &TableMap<'_>) -> String {
        let name = one_line(&map.full_name());
        let about = format!(
            "{name} is table {}, {} columns",
            map.table_id,
            map.types.len()
        );
        match map.columns() {
            Ok(columns) => {
                if self.tables.len() >= TABLES {
                    self.tables.clear();
                }
                self.tables.insert(map.table_id, Table { name, columns });
                about
            }
            Err(error) => {
                self.tables.remove(&map.table_id);
                format!("{about}; unreadable: {error}")
            }
        }
    }

    fn rows(
        &self,
        event: &RowsEvent<'_>,
        mut lines: Option<&mut Vec<String>>,
    ) -> Result<String, String> {
        let Some(table) = self.tables.get(&event.table_id) else {
            return Ok(format!(
                "table {}, which no TABLE_MAP has named",
                event.table_id
            ));
        };
        let mut count = 0u64;
        for change in event.rows(&table.columns) {
            let change = change.map_err(|error| format!("row {}: {error}", count + 1))?;
            count += 1;
            if let Some(lines) = &mut lines {
                lines.push(row(&change, &table.columns));
            }
        }
        let verb = match event.kind {
            RowsKind::Insert => "inserted into",
            RowsKind::Update => "updated in",
            RowsKind::Delete => "deleted from",
        };
        let noun = if count == 1 { "row" } else { "rows" };
        Ok(format!("{count} {noun} {verb} {}", table.name))
    }
}

fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn row(change: &RowChange<'_>, columns: &[Column]) -> String {
    let images = [(&change.before, "-"), (&change.after, "+")];
    let sides = images
        .into_iter()
        .filter_map(|(image, sign)| Some(format!("{sign} {}", values(image.as_ref()?, columns))));
    sides.collect::<Vec<_>>().join("  ")
}

fn values(image: &Partial<'_>, columns: &[Column]) -> String {
    let value = |(index, raw): (usize, Option<&[u8]>)| {
        let column = columns.get(index)?;
        let mut text = format!("{}=", column.name);
        match raw {
            Some(raw) => render(column, raw, &mut text),
            None => text.push_str("NULL"),
        }
        Some(one_line(&text))
    };
    image
        .iter(columns)
        .filter_map(value)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Blanks for line breaks, and no more than a line has room for.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == STATEMENT_CHARACTERS {
            line.push('…');
            break;
        }
        line.push(if c.is_whitespace() { ' ' } else { c });
    }
    line
}
