//! What each step of a runbook is for: a table for people, and the same for programs.

use super::{
    json::SCHEMA,
    numbers::human_ms,
    paint::{BAD, DOUBT, FAINT, STRONG, hang, paint, tame},
    shrunk::failure_in_words,
};
use cutover::sim::{
    audit::{Breaks, Change, Judgement},
    runbook::Runbook,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Columns of what is done to a step.
const CHANGE_COLUMNS: usize = 30;

/// Everything that is told.
#[derive(Debug)]
pub struct Audited<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The whole runbook.
    pub runbook: &'a Runbook,
    /// How many plans each variant was rehearsed with.
    pub seeds: u64,
    /// In how many of them the whole runbook is safe.
    pub safe: u64,
    /// False after Ctrl-C: variants are missing.
    pub complete: bool,
    /// The variants, in the order of the steps.
    pub rows: &'a [Row],
    /// Where proofs were written.
    pub out: Option<&'a Path>,
    /// Columns.
    pub width: usize,
}

/// A variant and what it showed.
#[derive(Debug)]
pub struct Row {
    /// The step's number, from 0.
    pub step: usize,
    /// What was done to it.
    pub change: Change,
    /// What that showed.
    pub shown: Shown,
}

/// What a variant showed.
#[derive(Debug)]
pub enum Shown {
    /// The loader refuses it, for this reason.
    CannotRun(String),
    /// Its runs were judged.
    Judged {
        /// What they come to.
        judged: Judgement,
        /// The file with the plan that proves it.
        proof: Option<PathBuf>,
    },
}

/// An audit as JSON.
#[derive(Debug, Serialize)]
pub struct AuditJson<'a> {
    schema: &'static str,
    scenario: &'a str,
    strategy: &'a str,
    plans: u64,
    safe: u64,
    complete: bool,
    variants: Vec<VariantJson<'a>>,
}

#[derive(Debug, Serialize)]
struct VariantJson<'a> {
    step: usize,
    say: &'a str,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weaker: Option<&'a str>,
    #[serde(flatten)]
    shown: ShownJson<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ShownJson<'a> {
    CannotRun {
        result: &'static str,
        because: &'a str,
    },
    Judged {
        #[serde(flatten)]
        breaks: &'a Breaks,
        in_plans: u64,
        of: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        proof: Option<&'a Path>,
    },
}

impl<'a> AuditJson<'a> {
    /// Of an audit.
    pub fn of(audited: &Audited<'a>) -> Self {
        let variant = |row: &'a Row| VariantJson {
            step: row.step + 1,
            say: say(audited.runbook, row.step),
            change: match row.change {
                Change::Without => "without",
                Change::Earlier => "earlier",
                Change::Later => "later",
                Change::Weaker(_) => "weaker",
            },
            weaker: match &row.change {
                Change::Weaker(words) => Some(words),
                _ => None,
            },
            shown: match &row.shown {
                Shown::CannotRun(because) => ShownJson::CannotRun {
                    result: "cannot-be-run",
                    because,
                },
                Shown::Judged { judged, proof } => ShownJson::Judged {
                    breaks: &judged.breaks,
                    in_plans: judged.in_plans,
                    of: judged.of,
                    proof: proof.as_deref(),
                },
            },
        };
        Self {
            schema: SCHEMA,
            scenario: audited.scenario,
            strategy: &audited.runbook.name,
            plans: audited.seeds,
            safe: audited.safe,
            complete: audited.complete,
            variants: audited.rows.iter().map(variant).collect(),
        }
    }
}

fn say(runbook: &Runbook, step: usize) -> &str {
    runbook.steps.get(step).map_or("", |step| &step.say)
}

/// An audit for people.
pub fn text(audited: &Audited<'_>) -> String {
    let mut out = format!(
        "{}: what each step of {} is for\n",
        paint(STRONG, &tame(audited.scenario)),
        paint(STRONG, &tame(&audited.runbook.name))
    );
    let whole = format!(
        "Each variant is rehearsed with the same {} plans. The whole runbook is safe in {} of them{}",
        audited.seeds,
        audited.safe,
        match audited.safe {
            0 => ": there is nothing to compare a variant with.",
            n if n == audited.seeds => ".",
            _ => "; the others say nothing of a step.",
        }
    );
    hang(&mut out, "", 0, &whole, audited.width);
    for (number, step) in audited.runbook.steps.iter().enumerate() {
        out.push('\n');
        let lead = format!("{:>3}  ", number + 1);
        hang(&mut out, &lead, 5, &tame(&step.say), audited.width);
        for row in audited.rows.iter().filter(|row| row.step == number) {
            one(&mut out, row, audited.width);
        }
    }
    if !audited.complete {
        out.push_str("\nInterrupted: the variants that are missing had not ended.\n");
    }
    match audited.out {
        Some(folder) => {
            let folder = tame(&folder.to_string_lossy());
            out.push_str(&format!(
                "\nTo see why:  cutover replay {folder}/NN-CHANGE.toml\n"
            ));
        }
        None => out.push_str("\nTo keep a plan that proves each finding:  --out DIR\n"),
    }
    out
}

fn one(out: &mut String, row: &Row, width: usize) {
    let change = match &row.change {
        Change::Without => "without it".to_string(),
        Change::Earlier => "one place earlier".to_string(),
        Change::Later => "one place later".to_string(),
        Change::Weaker(words) => words.clone(),
    };
    let (style, result) = match &row.shown {
        Shown::CannotRun(why) => (FAINT, format!("cannot be run: {why}")),
        Shown::Judged { judged, .. } => in_words(judged),
    };
    let change = super::paint::wrap(&change, CHANGE_COLUMNS);
    let room = width.saturating_sub(7 + CHANGE_COLUMNS).max(20);
    let result = super::paint::wrap(&tame(&result), room);
    for i in 0..change.len().max(result.len()) {
        let left = change.get(i).map_or("", String::as_str);
        let right = result.get(i).map_or(String::new(), |r| paint(style, r));
        let line = format!("     {left:<CHANGE_COLUMNS$}  {right}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn in_words(judged: &Judgement) -> (clap::builder::styling::Style, String) {
    let Judgement { in_plans, of, .. } = judged;
    match &judged.breaks {
        Breaks::Failure { failure } => (
            BAD,
            format!(
                "{} (in {in_plans} of {of} plans)",
                failure_in_words(failure)
            ),
        ),
        Breaks::CalledOff { because } => (
            DOUBT,
            format!("called off in {in_plans} of {of} plans: {because}"),
        ),
        Breaks::Slower {
            downtime_ms,
            instead_ms,
        } => (
            DOUBT,
            format!(
                "downtime of {} instead of {} (median of {of} plans)",
                human_ms(*instead_ms),
                human_ms(*downtime_ms)
            ),
        ),
        Breaks::NothingFound => (FAINT, format!("nothing found in {of} plans")),
    }
}

/// Everything that JSON can have, for the test that each field is documented.
#[cfg(test)]
pub fn canned_json() -> serde_json::Value {
    tests::with_audited(|audited| serde_json::to_value(AuditJson::of(audited)).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover::{
        scenarios::load_runbook,
        sim::{
            failure::{Broken, Failure},
            outcome::Stage,
        },
    };

    /// One row of every sort.
    pub(super) fn with_audited<T>(tell: impl FnOnce(&Audited<'_>) -> T) -> T {
        let mut runbook = load_runbook("snapshot-only").unwrap();
        runbook.steps.truncate(2);
        let judged = |breaks, in_plans| Shown::Judged {
            judged: Judgement {
                breaks,
                in_plans,
                of: 50,
                proof: (in_plans > 0).then_some(0),
            },
            proof: (in_plans > 0).then(|| "audit/01-without.toml".into()),
        };
        let failure = Failure {
            what: Broken::Property(0),
            stage: Some(Stage::Sent),
            during: Some("Point the application at the target".into()),
        };
        let row = |step, change, shown| Row {
            step,
            change,
            shown,
        };
        let because = "error 1236".to_string();
        let slower = Breaks::Slower {
            downtime_ms: 2_700,
            instead_ms: 41_000,
        };
        let rows = [
            row(0, Change::Without, judged(Breaks::Failure { failure }, 14)),
            row(0, Change::Later, judged(Breaks::CalledOff { because }, 50)),
            row(
                1,
                Change::Without,
                Shown::CannotRun("there is no target yet".into()),
            ),
            row(1, Change::Earlier, judged(slower, 25)),
            row(
                1,
                Change::Weaker("one look, and on, whatever it shows".into()),
                judged(Breaks::NothingFound, 0),
            ),
        ];
        tell(&Audited {
            scenario: "orders-small",
            runbook: &runbook,
            seeds: 52,
            safe: 50,
            complete: false,
            rows: &rows,
            out: Some(Path::new("audit")),
            width: 100,
        })
    }

    #[test]
    fn an_audit_as_text() {
        let told = with_audited(text);
        insta::assert_snapshot!(anstream::adapter::strip_str(&told).to_string());
    }

    #[test]
    fn an_audit_as_json() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&canned_json()).unwrap());
    }
}
