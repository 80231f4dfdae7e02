//! What is left of a plan that was shrunk: for people and for programs.

use super::{
    json::SCHEMA,
    numbers::{count, human_ms, thousands},
    paint::{STRONG, hang, paint, tame},
    story::headline,
};
use cutover::sim::{
    explain::sentence,
    failure::Failure,
    faults::Fault,
    outcome::{Finding, Outcome},
    plan::Plan,
    shrink::{Failing, differences},
};
use serde::Serialize;
use std::{path::Path, time::Duration};

/// Settings that are printed; the plan has all.
const SETTINGS: usize = 12;

/// Everything that is told.
#[derive(Debug)]
pub struct Told<'a> {
    /// The plan that was shrunk.
    pub plan: &'a Path,
    /// Where the small one is.
    pub out: &'a Path,
    /// The small plan and its run.
    pub best: &'a Failing,
    /// What it fails by.
    pub fails: &'a Failure,
    /// How large the plan was.
    pub before: Size,
    /// Whether no smaller one is left that could be tried.
    pub complete: bool,
    /// How many runs it took.
    pub runs: u64,
    /// How long it took.
    pub wall: Duration,
    /// The plan whose settings need no explanation, and what it is called.
    pub reference: &'a Plan,
    /// What it is called.
    pub named: &'a str,
    /// The command that shows the small plan's run.
    pub again: &'a str,
    /// Columns.
    pub width: usize,
}

/// How large a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Faults of its schedule.
    pub faults: u64,
    /// Transactions that its clients do, reads and rollbacks included.
    pub transactions: u64,
    /// Clients.
    pub clients: u64,
    /// Steps of its runbook, the way back included.
    pub steps: u64,
}

impl Size {
    /// Of a plan whose clients do so many transactions.
    pub fn of(plan: &Plan, transactions: usize) -> Self {
        Self {
            faults: plan.faults.len() as u64,
            transactions: transactions as u64,
            clients: plan.workload.clients.into(),
            steps: (plan.runbook.steps.len() + plan.runbook.abort.len()) as u64,
        }
    }
}

/// A shrinking as JSON.
#[derive(Debug, Serialize)]
pub struct ShrinkJson<'a> {
    schema: &'static str,
    plan: String,
    out: String,
    complete: bool,
    runs: u64,
    wall_ms: f64,
    failure: &'a Failure,
    before: Size,
    after: Size,
    settings: Vec<SettingJson>,
    fingerprint: &'a str,
}

#[derive(Debug, Serialize)]
struct SettingJson {
    key: String,
    value: String,
}

impl<'a> ShrinkJson<'a> {
    /// Of a shrinking.
    pub fn of(told: &Told<'a>) -> Self {
        let setting = |(key, value)| SettingJson { key, value };
        Self {
            schema: SCHEMA,
            plan: told.plan.to_string_lossy().into_owned(),
            out: told.out.to_string_lossy().into_owned(),
            complete: told.complete,
            runs: told.runs,
            wall_ms: (told.wall.as_secs_f64() * 1e6).round() / 1e3,
            failure: told.fails,
            before: told.before,
            after: after(told),
            settings: left(told).into_iter().map(setting).collect(),
            fingerprint: &told.best.outcome.fingerprint,
        }
    }
}

fn after(told: &Told<'_>) -> Size {
    let transactions = match told.best.plan.workload.transactions.len() {
        // They could not be written down: those of the run.
        0 => {
            let commits = told.best.outcome.commits;
            (commits.ok + commits.fail + commits.info) as usize
        }
        written => written,
    };
    Size::of(&told.best.plan, transactions)
}

fn left(told: &Told<'_>) -> Vec<(String, String)> {
    differences(&told.best.plan, told.reference)
}

/// A shrinking for people.
pub fn text(told: &Told<'_>) -> String {
    let mut out = String::new();
    let (before, after) = (told.before, after(told));
    let wall_ms = u64::try_from(told.wall.as_millis()).unwrap_or(u64::MAX);
    out.push_str(&format!(
        "{} shrunk in {}, {}\n",
        paint(STRONG, &tame(&told.plan.to_string_lossy())),
        count(told.runs, "run", "runs"),
        human_ms(wall_ms)
    ));
    for (what, before, after) in [
        ("faults", before.faults, after.faults),
        ("transactions", before.transactions, after.transactions),
        ("clients", before.clients, after.clients),
        ("steps", before.steps, after.steps),
    ] {
        let change = match before == after {
            true => thousands(before),
            false => format!("{} → {}", thousands(before), thousands(after)),
        };
        out.push_str(&format!("  {what:<14}{change}\n"));
    }
    if !told.complete {
        let words = "It was stopped before every smaller plan had been tried: with more time (--within) it may get \
                     smaller still.";
        hang(&mut out, "  ", 2, words, told.width);
    }
    what_is_left(&mut out, told);
    violation(&mut out, told);
    out.push_str(&format!(
        "\nThe plan is in {}.\nTo see it run:  {}\n",
        tame(&told.out.to_string_lossy()),
        paint(STRONG, &tame(told.again))
    ));
    out
}

fn what_is_left(out: &mut String, told: &Told<'_>) {
    let plan = &told.best.plan;
    out.push_str(&format!("\n{}\n", paint(STRONG, "WHAT IS LEFT")));
    for fault in &plan.faults {
        hang(
            out,
            "  fault        ",
            15,
            &tame(&fault_in_words(fault)),
            told.width,
        );
    }
    for t in &plan.workload.transactions {
        let words = format!("at {}, client {}: {:?}", t.at, t.client, t.does).to_lowercase();
        hang(out, "  transaction  ", 15, &words, told.width);
    }
    for step in &plan.runbook.steps {
        hang(out, "  step         ", 15, &tame(&step.say), told.width);
    }
    for step in &plan.runbook.abort {
        hang(out, "  way back     ", 15, &tame(&step.say), told.width);
    }
    let settings = left(told);
    for (key, value) in settings.iter().take(SETTINGS) {
        hang(
            out,
            "  setting      ",
            15,
            &tame(&format!("{key} = {value}")),
            told.width,
        );
    }
    match settings.len() {
        0 => {}
        n if n <= SETTINGS => hang(
            out,
            "               ",
            15,
            &format!("(in {}: otherwise)", told.named),
            told.width,
        ),
        n => {
            let more = format!(
                "… and {} more that are not those of {}",
                n - SETTINGS,
                told.named
            );
            hang(out, "               ", 15, &more, told.width);
        }
    }
}

/// When a fault fires and what it does, in a line.
pub fn fault_in_words(fault: &Fault) -> String {
    let does = fault.in_words().unwrap_or_default();
    match (fault.at, fault.on) {
        (Some(at), _) => format!("at {at}: {does}"),
        (None, Some(on)) => {
            let mut when = String::new();
            if on.after.0 > 0 {
                when.push_str(&format!("{} after ", on.after));
            }
            when.push_str(&format!("`{}`", on.event.name()));
            if on.nth > 1 {
                when.push_str(&format!(", number {}", on.nth));
            }
            format!("{when}: {does}")
        }
        (None, None) => does,
    }
}

/// A failure in a line: what is violated, where the first write got lost, during what.
pub fn failure_in_words(failure: &Failure) -> String {
    let mut text = failure.what.to_string();
    if let Some(stage) = failure.stage {
        text.push_str(&format!("; stage: {stage}"));
    }
    if let Some(during) = &failure.during {
        text.push_str(&format!("; during: {}", tame(during)));
    }
    text
}

fn violation(out: &mut String, told: &Told<'_>) {
    let outcome = &told.best.outcome;
    out.push_str(&format!("\n{}\n", paint(STRONG, "HOW IT FAILS")));
    hang(out, "  ", 2, &failure_in_words(told.fails), told.width);
    hang(out, "  ", 2, &tame(&headline(outcome)), told.width);
    match outcome.explanations.first() {
        Some(first) => hang(out, "  ", 2, &tame(&sentence(first)), told.width),
        None => {
            if let Some(first) = first_witness(outcome) {
                hang(out, "  ", 2, &tame(first), told.width);
            }
        }
    }
}

fn first_witness(outcome: &Outcome) -> Option<&str> {
    outcome.properties.iter().find_map(|p| match &p.finding {
        Finding::Violated { first, .. } => Some(first.as_str()),
        _ => None,
    })
}

/// Everything that JSON can have, for the test that each field is documented.
#[cfg(test)]
pub fn canned_json() -> serde_json::Value {
    tests::with_told(|told| serde_json::to_value(ShrinkJson::of(told)).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::canned;
    use cutover::{
        scenarios::load_scenario,
        sim::{
            failure::Broken,
            faults::{AsyncFailover, Harm, Occasion, On},
            outcome::Stage,
            units::Micros,
            workload_spec::{Does, Transaction},
        },
    };

    /// A failover that loses a commit, in a runbook of three steps.
    pub(super) fn with_told<T>(tell: impl FnOnce(&Told<'_>) -> T) -> T {
        let reference = load_scenario("orders-small", &[]).unwrap().plan(1, None);
        let before = Size::of(&reference, 1_824);
        let mut plan = reference.clone();
        plan.environment.source.fsync = Micros::ms(5);
        plan.runbook.steps.truncate(3);
        plan.runbook.abort.clear();
        plan.workload.clients = 1;
        plan.workload.transactions = vec![Transaction {
            at: Micros::secs(20),
            client: 0,
            does: Does::Place,
        }];
        let mut fault = Harm::AsyncFailover(AsyncFailover {
            behind: Micros::secs(1),
        })
        .into_fault();
        fault.lasts = Some(Micros::secs(30));
        fault.on = Some(On {
            event: Occasion::SourceCommits,
            nth: 2,
            after: Micros::ms(10),
        });
        plan.faults = vec![fault];
        let outcome = canned::lossy();
        let best = Failing { plan, outcome };
        tell(&Told {
            plan: Path::new("plan.toml"),
            out: Path::new("plan.min.toml"),
            best: &best,
            fails: &Failure {
                what: Broken::Property(0),
                stage: Some(Stage::Source),
                during: Some("Restore".into()),
            },
            before,
            complete: false,
            runs: 212,
            wall: Duration::from_millis(2_400),
            reference: &reference,
            named: "scenario orders-small",
            again: "cutover replay plan.min.toml",
            width: 100,
        })
    }

    #[test]
    fn what_is_left_is_told_on_one_screen() {
        let told = with_told(text);
        let plain = anstream::adapter::strip_str(&told).to_string();
        assert!(plain.lines().count() <= 40, "{plain}");
        insta::assert_snapshot!(plain);
    }
}
