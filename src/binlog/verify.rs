//! `cutover binlog verify`: are files whole, and are they one history?

use super::moment;
use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    output::{
        self, json,
        numbers::thousands,
        paint::{BAD, DOUBT, GOOD, STRONG, hang, paint, tame},
    },
};
use cutover::{
    model::binlog::verify::{Ending, FileReport, Input, Problem, ProblemKind, Report, verify},
    scenarios::read_binlogs,
};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cutover binlog verify mysql-bin.0*
  cutover binlog verify /var/backups/binlogs --format json | jq .sound

Exit status: 0 the files are whole and one history; 1 they are whole and not one history (a file is missing, or is of \
another server); 2 a file is damaged or cut.";

/// Check that binlog files are whole and follow one another.
///
/// Looks at every event's bounds and checksum, at every transaction's end, and at what each file says of the
/// files and GTIDs before it; says from where on the files can be replayed, and what must be there before.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Binlog files, or folders of them
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct VerifyJson {
    schema: &'static str,
    sound: bool,
    gtids: String,
    files: Vec<FileJson>,
    problems: Vec<ProblemJson>,
    complete_from: Option<CompleteFromJson>,
}

#[derive(Debug, Serialize)]
struct FileJson {
    file: String,
    server_version: String,
    server_id: u32,
    in_use: bool,
    events: u64,
    transactions: u64,
    internal: u64,
    first_gtid: Option<String>,
    last_gtid: Option<String>,
    first_at: Option<String>,
    last_at: Option<String>,
    good_until: u64,
    ending: String,
}

#[derive(Debug, Serialize)]
struct ProblemJson {
    file: String,
    pos: u64,
    /// `damaged`, `history` or `note`.
    severity: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct CompleteFromJson {
    file: String,
    pos: u64,
    held: Option<String>,
}

/// Does it.
pub fn execute(args: &Args, format: Format) -> Result<Status, Failure> {
    let files = read_binlogs(&args.files)?;
    let inputs: Vec<_> = files
        .iter()
        .map(|file| Input {
            name: &file.name,
            bytes: &file.bytes,
        })
        .collect();
    let report = verify(&inputs);
    output::print(&match format {
        Format::Json => json::text(&as_json(&report)),
        Format::Text => as_text(&report, output::width()),
    })?;
    Ok(status(&report))
}

fn status(report: &Report) -> Status {
    if report.problems.iter().any(is_damage) {
        Status::BadInput
    } else if report.is_sound() {
        Status::Holds
    } else {
        Status::Fails
    }
}

fn is_damage(problem: &Problem) -> bool {
    matches!(problem.kind, ProblemKind::Broken(_) | ProblemKind::Torn(_))
}

fn severity(problem: &Problem) -> &'static str {
    if is_damage(problem) {
        "damaged"
    } else if problem.kind.breaks_history() {
        "history"
    } else {
        "note"
    }
}

fn ending(file: &FileReport) -> String {
    match &file.ending {
        Ending::Rotate(next) => format!("goes on in {next}"),
        Ending::Stop => "the server was stopped".into(),
        Ending::Open => "open: the server was writing, or died, or the copy is not whole".into(),
    }
}

fn as_json(report: &Report) -> VerifyJson {
    let file = |file: &FileReport| FileJson {
        file: file.name.clone(),
        server_version: file.server_version.clone(),
        server_id: file.server_id,
        in_use: file.in_use,
        events: file.events,
        transactions: file.transactions,
        internal: file.internal,
        first_gtid: file.first_gtid.map(|g| g.to_string()),
        last_gtid: file.last_gtid.map(|g| g.to_string()),
        first_at: file.first_time_s.map(moment),
        last_at: file.last_time_s.map(moment),
        good_until: file.good_until,
        ending: ending(file),
    };
    let problem = |problem: &Problem| ProblemJson {
        file: problem.file.clone(),
        pos: problem.pos,
        severity: severity(problem),
        message: problem.kind.to_string(),
    };
    VerifyJson {
        schema: json::SCHEMA,
        sound: status(report) == Status::Holds,
        gtids: report.gtids().to_string(),
        files: report.files.iter().map(file).collect(),
        problems: report.problems.iter().map(problem).collect(),
        complete_from: report.complete_from.as_ref().and_then(|from| {
            Some(CompleteFromJson {
                file: report.files.get(from.file)?.name.clone(),
                pos: from.pos,
                held: from.held.as_ref().map(ToString::to_string),
            })
        }),
    }
}

fn as_text(report: &Report, width: usize) -> String {
    let mut out = String::new();
    for file in &report.files {
        about_file(&mut out, file, width);
    }
    for problem in &report.problems {
        let (style, word) = match severity(problem) {
            "damaged" => (BAD, "DAMAGED"),
            "history" => (BAD, "BROKEN HISTORY"),
            _ => (DOUBT, "NOTE"),
        };
        let mut text = format!("{}:{}: {}", problem.file, problem.pos, problem.kind);
        if let (true, Some(file)) = (
            is_damage(problem),
            report.files.iter().find(|f| f.name == problem.file),
        ) {
            text.push_str(&last_good(file));
        }
        hang(
            &mut out,
            &format!("{}: ", paint(style, word)),
            2,
            &tame(&text),
            width,
        );
    }
    if !report.problems.is_empty() {
        out.push('\n');
    }
    let (style, verdict) = match status(report) {
        Status::Holds => (GOOD, "SOUND: the files are whole and one history."),
        Status::Fails => (
            BAD,
            "NOT ONE HISTORY: every file is whole, together they are not.",
        ),
        _ => (
            BAD,
            "DAMAGED: what the lines above name cannot be replayed, what comes before it can.",
        ),
    };
    out.push_str(&format!("{}\n", paint(style, verdict)));
    if let Some((from, file)) = report
        .complete_from
        .as_ref()
        .and_then(|from| Some((from, report.files.get(from.file)?)))
    {
        let held = match &from.held {
            None => "the file does not say what must be there before".into(),
            Some(held) if held.is_empty() => "nothing needs to be there before".into(),
            Some(held) => format!("these transactions must be there before: {held}"),
        };
        let text = format!("Complete from {}:{} on; {held}.", file.name, from.pos);
        hang(&mut out, "", 2, &tame(&text), width);
    }
    out
}

fn last_good(file: &FileReport) -> String {
    match (&file.last_gtid, file.transactions) {
        (_, 0) => ". No whole transaction comes before it.".into(),
        (Some(gtid), _) => format!(
            ". The last whole transaction is {gtid}, it ends at {}.",
            file.good_until
        ),
        (None, _) => format!(". The last whole transaction ends at {}.", file.good_until),
    }
}

fn about_file(out: &mut String, file: &FileReport, width: usize) {
    out.push_str(&format!("{}\n", paint(STRONG, &tame(&file.name))));
    if file.events == 0 {
        out.push_str("  nothing in it can be used\n\n");
        return;
    }
    let mut about = vec![format!(
        "server {} (id {}), {} events, {} transactions",
        if file.server_version.is_empty() {
            "unknown"
        } else {
            &file.server_version
        },
        file.server_id,
        thousands(file.events),
        thousands(file.transactions)
    )];
    if file.internal > 0 {
        about.push(format!(
            "{} of them on the server's own tables alone, as statements: they are not applied",
            thousands(file.internal)
        ));
    }
    if let (Some(first), Some(last)) = (file.first_time_s, file.last_time_s) {
        about.push(format!("from {} to {}", moment(first), moment(last)));
    }
    if !file.gtids.is_empty() {
        about.push(format!("GTIDs {}", file.gtids));
    }
    about.push(format!(
        "usable up to {}; {}",
        file.good_until,
        ending(file)
    ));
    for line in about {
        hang(out, "  ", 4, &tame(&line), width);
    }
    out.push('\n');
}

/// With every field, for the test that each is documented.
#[cfg(test)]
pub fn canned() -> impl Serialize {
    let mut report = verify(&[Input {
        name: "binlog.000001",
        bytes: b"\xfebin",
    }]);
    report.complete_from = Some(cutover::model::binlog::verify::CompleteFrom {
        file: 0,
        pos: 4,
        held: None,
    });
    let mut json = as_json(&report);
    json.problems.push(ProblemJson {
        file: String::new(),
        pos: 0,
        severity: "note",
        message: String::new(),
    });
    json
}
