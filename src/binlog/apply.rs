//! `cutover binlog apply`: files replayed on tables, as a replica would.

use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    files::{self, Batch},
    interrupt::Interrupt,
    output::{
        self, json,
        numbers::{count, thousands},
        paint::{BAD, GOOD, hang, paint, tame},
    },
};
use cutover::{
    model::{
        binlog::verify::Input,
        follow::{self, Ended, Fault, Given, Place, follow},
    },
    scenarios::{read_binlogs, read_schema, read_tables},
    sim::{recording::NamedFile, run::Dump},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  cutover binlog apply mysql-bin.0* --out tables/
  cutover binlog apply binlogs/ --base snapshot/ --start mysql-bin.000003:4711 --out tables/
  cutover binlog apply binlogs/ --base snapshot/ --start 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77 --out tables/

Exit status: 0 everything was applied; 1 it stopped where a replica would (1062: the row is there already, 1032: it is \
not there), with the tables as they were then; 2 bad input.";

/// Replay binlog files on tables, as a replica would.
///
/// Writes one schema.table.jsonl per table: the column names, then one array of texts or nulls per row.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Binlog files, or folders of them
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,
    /// Where to write the tables; replaces files of their names
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The tables to start with: a folder of schema.table.jsonl
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Declarations (CREATE TABLE) of tables that the binlog does not declare
    #[arg(long, value_name = "FILE.sql")]
    schema: Option<PathBuf>,
    /// Where the base was taken: FILE:POS, or the GTIDs that it holds; the beginning otherwise
    #[arg(long, value_name = "FILE:POS|GTIDSET")]
    start: Option<Place>,
    /// Stop there: FILE:POS, or when these GTIDs are applied; the end otherwise
    #[arg(long, value_name = "FILE:POS|GTIDSET")]
    stop: Option<Place>,
}

/// Everything that is replayed, read.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The binlog files.
    pub files: Vec<NamedFile>,
    /// The base's tables.
    pub base: Option<Vec<NamedFile>>,
    /// The declarations.
    pub schema: Option<NamedFile>,
    /// Where the base was taken.
    pub start: Option<&'a Place>,
    /// Where to stop.
    pub stop: Option<&'a Place>,
}

/// What came of it.
#[derive(Debug)]
pub struct Applied {
    /// The tables at the end.
    pub tables: Vec<Dump>,
    /// Transactions that were applied.
    pub transactions: u64,
    /// Transactions that were there already.
    pub skipped: u64,
    /// The last one that was applied.
    pub last_good: Option<LastGood>,
    /// The GTIDs of all that is there now.
    pub executed: String,
    /// Why it ended before the end.
    pub stopped: Option<Stopped>,
    /// What limits the result.
    pub notes: Vec<String>,
}

/// The last transaction that was applied.
#[derive(Clone, Debug, Serialize)]
pub struct LastGood {
    /// The file.
    pub file: String,
    /// The position behind it.
    pub pos: u64,
    /// Its GTID.
    pub gtid: Option<String>,
}

/// Why and where applying ended before the end.
#[derive(Clone, Debug, Serialize)]
pub struct Stopped {
    /// The file.
    pub file: String,
    /// The position of the event.
    pub pos: u64,
    /// Of its transaction.
    pub gtid: Option<String>,
    /// The table that it is about.
    pub table: Option<String>,
    /// The server's error (1062, 1032, …); none when the file is damaged or cut.
    pub error: Option<u32>,
    /// What happened.
    pub message: String,
    /// The rows contradict those that are there: the files are well.
    #[serde(skip)]
    pub rows: bool,
}

#[derive(Debug, Serialize)]
struct ApplyJson<'a> {
    schema: &'static str,
    complete: bool,
    transactions: u64,
    skipped: u64,
    last_good: Option<&'a LastGood>,
    executed: &'a str,
    tables: Vec<TableJson<'a>>,
    stopped: Option<&'a Stopped>,
    notes: &'a [String],
}

#[derive(Debug, Serialize)]
struct TableJson<'a> {
    table: &'a str,
    rows: usize,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let inputs = Inputs {
        files: read_binlogs(&args.files)?,
        base: args.base.as_deref().map(read_tables).transpose()?,
        schema: args.schema.as_deref().map(read_schema).transpose()?,
        start: args.start.as_ref(),
        stop: args.stop.as_ref(),
    };
    files::ready_folder(&args.out)?;
    let applied = replay(&inputs)?;
    let mut batch = Batch::new(interrupt);
    for table in &applied.tables {
        let name = format!("{}.jsonl", files::harmless(&table.table));
        batch.stage(&args.out.join(name), table.jsonl.as_bytes())?;
    }
    batch.commit()?;
    output::print(&match format {
        Format::Json => json::text(&as_json(&applied)),
        Format::Text => as_text(&applied, &args.out, output::width()),
    })?;
    Ok(status(&applied))
}

/// The replay itself.
fn replay(inputs: &Inputs<'_>) -> Result<Applied, Failure> {
    let files = borrowed(&inputs.files);
    let base = inputs.base.as_deref().map(borrowed);
    let followed = follow(&Given {
        files: &files,
        schema: inputs.schema.as_ref().map(input),
        base: base.as_deref(),
        start: inputs.start.cloned(),
        stop: inputs.stop.cloned(),
    })?;
    let tables = followed.dump().into_iter();
    let report = &followed.report;
    Ok(Applied {
        tables: tables.map(|(table, jsonl)| Dump { table, jsonl }).collect(),
        transactions: report.applied,
        skipped: report.skipped,
        last_good: report.last_good.as_ref().map(|good| LastGood {
            file: good.file.clone(),
            pos: good.pos,
            gtid: good.gtid.map(|gtid| gtid.to_string()),
        }),
        executed: report.executed.to_string(),
        stopped: match &report.ended {
            Ended::Stopped(stopped) => Some(Stopped::of(stopped)),
            Ended::End | Ended::Stop(_) => None,
        },
        notes: report.notes.clone(),
    })
}

impl Stopped {
    fn of(stopped: &follow::Stopped) -> Self {
        Self {
            file: stopped.file.clone(),
            pos: stopped.pos,
            gtid: stopped.gtid.map(|gtid| gtid.to_string()),
            table: stopped.table.clone(),
            error: stopped.code().map(u32::from),
            message: stopped.message(),
            rows: stopped.fault() == Fault::Rows,
        }
    }
}

fn input(file: &NamedFile) -> Input<'_> {
    Input {
        name: &file.name,
        bytes: &file.bytes,
    }
}

fn borrowed(files: &[NamedFile]) -> Vec<Input<'_>> {
    files.iter().map(input).collect()
}

fn status(applied: &Applied) -> Status {
    match &applied.stopped {
        None => Status::Holds,
        Some(Stopped { rows: true, .. }) => Status::Fails,
        Some(Stopped { rows: false, .. }) => Status::BadInput,
    }
}

fn rows(table: &Dump) -> usize {
    table.jsonl.lines().count().saturating_sub(1)
}

fn as_json(applied: &Applied) -> ApplyJson<'_> {
    let tables = applied.tables.iter().map(|table| TableJson {
        table: &table.table,
        rows: rows(table),
    });
    ApplyJson {
        schema: json::SCHEMA,
        complete: applied.stopped.is_none(),
        transactions: applied.transactions,
        skipped: applied.skipped,
        last_good: applied.last_good.as_ref(),
        executed: &applied.executed,
        tables: tables.collect(),
        stopped: applied.stopped.as_ref(),
        notes: &applied.notes,
    }
}

fn as_text(applied: &Applied, out: &Path, width: usize) -> String {
    let transactions = count(applied.transactions, "transaction", "transactions");
    let transactions = match applied.skipped {
        0 => transactions,
        skipped => format!("{} were there already, {transactions}", thousands(skipped)),
    };
    let mut text = match &applied.stopped {
        None => format!("{}: {transactions} applied.\n", paint(GOOD, "COMPLETE")),
        Some(stopped) => {
            let code = stopped
                .error
                .map_or(String::new(), |code| format!("error {code}, "));
            let gtid = stopped
                .gtid
                .as_ref()
                .map_or(String::new(), |gtid| format!(" ({gtid})"));
            let why = format!(
                "{transactions} applied, then {code}{}:{}{gtid}: {}",
                stopped.file, stopped.pos, stopped.message
            );
            let mut text = String::new();
            hang(
                &mut text,
                &format!("{}: ", paint(BAD, "STOPPED")),
                2,
                &tame(&why),
                width,
            );
            text
        }
    };
    for table in &applied.tables {
        let rows = thousands(rows(table) as u64);
        text.push_str(&format!("  {:>12} rows  {}\n", rows, tame(&table.table)));
    }
    for note in &applied.notes {
        hang(&mut text, "  • ", 4, &tame(note), width);
    }
    text.push_str(&format!(
        "The tables are in {}.\n",
        tame(&out.display().to_string())
    ));
    text
}

/// With every field, for the test that each is documented.
#[cfg(test)]
pub fn canned() -> impl Serialize {
    let applied = Applied {
        tables: vec![Dump {
            table: "shop.orders".into(),
            jsonl: "[\"id\"]\n[\"1\"]\n".into(),
        }],
        transactions: 1,
        skipped: 0,
        last_good: Some(LastGood {
            file: "binlog.000001".into(),
            pos: 4,
            gtid: None,
        }),
        executed: String::new(),
        stopped: Some(Stopped {
            file: "binlog.000001".into(),
            pos: 4,
            gtid: None,
            table: Some("shop.orders".into()),
            rows: true,
            error: Some(1062),
            message: "the row is there already".into(),
        }),
        notes: Vec::new(),
    };
    serde_json::json!(as_json(&applied))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(error: Option<Option<u32>>) -> Applied {
        Applied {
            tables: vec![Dump {
                table: "shop.orders".into(),
                jsonl: "[\"id\"]\n[\"1\"]\n[\"2\"]\n".into(),
            }],
            transactions: 1_234,
            skipped: 0,
            last_good: None,
            executed: String::new(),
            stopped: error.map(|error| Stopped {
                file: "binlog.000001".into(),
                pos: 4711,
                gtid: None,
                table: None,
                rows: error.is_some(),
                error,
                message: "the row is there already".into(),
            }),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_stop_as_a_replica_stops_is_not_bad_input_and_damage_is() {
        assert_eq!(status(&applied(None)).code(), 0);
        assert_eq!(status(&applied(Some(Some(1062)))).code(), 1);
        assert_eq!(status(&applied(Some(None))).code(), 2);
    }

    #[test]
    fn what_was_applied_is_told() {
        let text = as_text(&applied(Some(Some(1062))), Path::new("out"), 100);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            text,
            "STOPPED: 1,234 transactions applied, then error 1062, binlog.000001:4711: the row is there already\n  \
             \u{20}          2 rows  shop.orders\nThe tables are in out.\n"
        );
    }
}
