//! `cutover binlog inspect`: the events of files, a line each.

use super::{describe::Describer, moment};
use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    output::{
        Printer, json,
        paint::{FAINT, STRONG, paint, tame},
    },
};
use cutover::{
    model::binlog::{
        decode::TransactionPayload,
        event::{Checksum, EventType},
        frame::{BinlogError, Frame, Frames},
    },
    scenarios::read_binlogs,
    sim::recording::NamedFile,
};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cutover binlog inspect mysql-bin.000003
  cutover binlog inspect mysql-bin.000003 --from 4711 --limit 20 --rows
  cutover binlog inspect mysql-bin.0* --format json | jq '.files[].events[] | select(.type == \"QUERY\") | .what'

A line is: position, type, bytes, time at which the statement started, what it is. Events that were compressed into
a TRANSACTION_PAYLOAD are indented below it.";

/// Print the events of binlog files, a line each.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Binlog files, or folders of them
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,
    /// Only events that start at this position or behind it
    #[arg(long, value_name = "POS", default_value_t = 0)]
    from: u64,
    /// Only events that start before this position
    #[arg(long, value_name = "POS", default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    /// No more than this many events
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
    /// The rows, too: - as they were, + as they became
    #[arg(long)]
    rows: bool,
}

#[derive(Debug, Serialize)]
struct InspectJson {
    schema: &'static str,
    files: Vec<FileJson>,
}

#[derive(Debug, Serialize)]
struct FileJson {
    file: String,
    events: Vec<Event>,
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
struct ErrorJson {
    pos: u64,
    message: String,
}

#[derive(Debug, Serialize)]
struct Event {
    pos: u64,
    #[serde(rename = "type")]
    kind: String,
    bytes: u32,
    at: String,
    what: String,
    /// From inside the TRANSACTION_PAYLOAD that starts at the same position.
    compressed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<String>>,
}

/// Does it.
pub fn execute(args: &Args, format: Format) -> Result<Status, Failure> {
    let files = read_binlogs(&args.files)?;
    match format {
        Format::Text => in_lines(args, &files),
        Format::Json => in_json(args, &files),
    }
}

fn in_lines(args: &Args, files: &[NamedFile]) -> Result<Status, Failure> {
    let mut printer = Printer::new();
    let mut left = args.limit;
    for (i, file) in files.iter().enumerate() {
        if files.len() > 1 {
            let gap = if i > 0 { "\n" } else { "" };
            let name = paint(STRONG, &tame(&file.name));
            printer.push(&format!("{gap}{name}\n"))?;
        }
        let mut failed = Ok(());
        let end = walk(args, &file.bytes, &mut left, &mut |event| {
            failed = printer.push(&line(&event));
            failed.is_ok() && !printer.is_closed()
        });
        failed?;
        if let Err(error) = end {
            // What is good is printed before what is wrong with the rest.
            printer.finish()?;
            return Err(Failure::Binlog {
                file: file.name.clone(),
                pos: error.pos,
                message: error.kind.to_string(),
            });
        }
    }
    printer.finish()?;
    Ok(Status::Holds)
}

fn line(event: &Event) -> String {
    let indent = if event.compressed { "  " } else { "" };
    let mut text = format!(
        "{:>10}  {}  {:<24}  {:>8}  {}\n",
        event.pos,
        event.at,
        format!("{indent}{}", event.kind),
        event.bytes,
        tame(&event.what)
    );
    for row in event.rows.iter().flatten() {
        text.push_str(&format!("{:14}{}\n", "", paint(FAINT, &tame(row))));
    }
    text
}

fn in_json(args: &Args, files: &[NamedFile]) -> Result<Status, Failure> {
    let mut left = args.limit;
    let mut failed = None;
    let mut inspected = InspectJson {
        schema: json::SCHEMA,
        files: Vec::new(),
    };
    for file in files {
        let mut events = Vec::new();
        let end = walk(args, &file.bytes, &mut left, &mut |event| {
            events.push(event);
            true
        });
        let error = end.err().map(|error| ErrorJson {
            pos: error.pos,
            message: error.kind.to_string(),
        });
        if let (None, Some(error)) = (&failed, &error) {
            failed = Some(Failure::Binlog {
                file: file.name.clone(),
                pos: error.pos,
                message: error.message.clone(),
            });
        }
        inspected.files.push(FileJson {
            file: file.name.clone(),
            events,
            error,
        });
    }
    crate::output::print(&json::text(&inspected))?;
    failed.map_or(Ok(Status::Holds), Err)
}

/// Goes through a file's events until `each` has seen enough.
fn walk(
    args: &Args,
    bytes: &[u8],
    left: &mut u64,
    each: &mut dyn FnMut(Event) -> bool,
) -> Result<(), BinlogError> {
    let mut describer = Describer::default();
    for frame in Frames::of_file(bytes)? {
        let frame = frame?;
        if frame.pos >= args.to || *left == 0 {
            return Ok(());
        }
        let shown = frame.pos >= args.from;
        // What is not shown is read all the same: a row event needs the TABLE_MAP before it.
        let mut see = |frame: &Frame<'_>, compressed| {
            let event = event(&mut describer, frame, args.rows && shown, compressed);
            if !shown || *left == 0 {
                return true;
            }
            *left -= 1;
            each(event)
        };
        if !see(&frame, false) {
            return Ok(());
        }
        if frame.header.event_type == EventType::TRANSACTION_PAYLOAD {
            let at = |kind| BinlogError {
                pos: frame.pos,
                kind,
            };
            let payload = TransactionPayload::decode(frame.body).map_err(|e| at(e.into()))?;
            let mut inner = Vec::new();
            payload.inflate(&mut inner).map_err(|e| at(e.into()))?;
            for event in Frames::new(&inner, 0, Checksum::None) {
                let event = event.map_err(|error| at(error.kind))?;
                let event = Frame {
                    pos: frame.pos,
                    ..event
                };
                if !see(&event, true) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn event(describer: &mut Describer, frame: &Frame<'_>, rows: bool, compressed: bool) -> Event {
    let mut lines = Vec::new();
    let what = describer.describe(frame, rows.then_some(&mut lines));
    let with_rows = rows && frame.header.event_type.is_rows();
    Event {
        pos: frame.pos,
        kind: frame.header.event_type.to_string(),
        bytes: frame.header.length,
        at: moment(frame.header.timestamp_s),
        what,
        compressed,
        rows: with_rows.then_some(lines),
    }
}

/// With every field, for the test that each is documented.
#[cfg(test)]
pub fn canned() -> impl Serialize {
    InspectJson {
        schema: json::SCHEMA,
        files: vec![FileJson {
            file: "f".into(),
            events: vec![Event {
                pos: 4,
                kind: "XID".into(),
                bytes: 31,
                at: moment(0),
                what: String::new(),
                compressed: false,
                rows: Some(Vec::new()),
            }],
            error: Some(ErrorJson {
                pos: 35,
                message: String::new(),
            }),
        }],
    }
}
