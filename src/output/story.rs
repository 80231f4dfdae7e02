//! The story of a run, for people: what was rehearsed, what happened when, the verdict, its reasons.

use super::{
    numbers::{count, human_ms, thousands},
    paint::{ACTOR, BAD, DOUBT, FAINT, GOOD, STRONG, hang, paint, tame},
    summary,
};
use cutover::sim::{
    outcome::{Explanation, Finding, Outcome, PropertyResult, StoryLine, Verdict},
    runbook::{Host, Runbook},
};
use std::time::Duration;

/// Quiet for longer than this is marked in the timeline.
const QUIET_MS: u64 = 10 * 60_000;

/// Explanations that are printed; JSON has all.
const EXPLAINED: usize = 5;

/// A run to be told.
#[derive(Debug)]
pub struct Telling<'a> {
    /// What came of it.
    pub outcome: &'a Outcome,
    /// What was done.
    pub runbook: &'a Runbook,
    /// What the scenario is about, when it is known.
    pub about: Option<&'a str>,
    /// How long it took.
    pub wall: Duration,
    /// The command that does it again.
    pub again: &'a str,
    /// Lines about what else the command did (files written, a fingerprint compared).
    pub remarks: &'a [String],
    /// Columns.
    pub width: usize,
}

/// The story.
pub fn story(telling: &Telling<'_>) -> String {
    let mut out = String::new();
    head(&mut out, telling);
    timeline(&mut out, &telling.outcome.story, telling.width);
    verdict(&mut out, telling);
    explanations(&mut out, telling.outcome, telling.width);
    properties(&mut out, &telling.outcome.properties, telling.width);
    assumptions(&mut out, telling);
    notes(&mut out, telling);
    out.push_str(&format!(
        "\nTo see this run again:  {}\n",
        paint(STRONG, &tame(telling.again))
    ));
    out
}

fn head(out: &mut String, telling: &Telling<'_>) {
    let outcome = telling.outcome;
    out.push_str(&format!(
        "{} rehearsed with strategy {}, seed {}\n",
        paint(STRONG, &tame(&outcome.scenario)),
        paint(STRONG, &tame(&outcome.strategy)),
        outcome.seed
    ));
    if let Some(about) = telling.about {
        hang(out, "  Scenario: ", 12, &tame(about), telling.width);
    }
    hang(
        out,
        "  Strategy: ",
        12,
        &tame(&telling.runbook.about),
        telling.width,
    );
    let words = "The source is today's database (RDS for MySQL), the target the Aurora cluster that is to take over. \
                 The binlog is the source's journal of committed changes; the target catches up by replaying it. \
                 All times are virtual.";
    for line in super::paint::wrap(words, telling.width.saturating_sub(2)) {
        out.push_str(&format!("  {}\n", paint(FAINT, &line)));
    }
}

fn heading(out: &mut String, text: &str) {
    out.push_str(&format!("\n{}\n", paint(STRONG, text)));
}

fn timeline(out: &mut String, lines: &[StoryLine], width: usize) {
    let Some(first) = lines.first() else {
        return;
    };
    let day_of = |line: &StoryLine| line.at.to_string().chars().take(10).collect::<String>();
    let mut day = day_of(first);
    heading(out, &format!("WHAT HAPPENED  ({day}, UTC)"));
    let actors = lines.iter().map(|l| l.who.len()).max().unwrap_or(0);
    let indent = 8 + 2 + actors + 2;
    let mut before: Option<&StoryLine> = None;
    for line in lines {
        if let Some(before) = before {
            quiet(out, before, line, indent, width);
        }
        let today = day_of(line);
        if today != day {
            out.push_str(&format!("{}\n", paint(STRONG, &today)));
            day = today;
        }
        let clock: String = line.at.time_of_day().chars().take(8).collect();
        let lead = format!(
            "{clock}  {}  ",
            paint(ACTOR, &format!("{:actors$}", line.who))
        );
        hang(out, &lead, indent, &tame(&line.what), width);
        for command in &line.commands {
            // Never broken: people copy it.
            let command = tame(command).replace('\n', " ");
            out.push_str(&format!(
                "{:indent$}{}\n",
                "",
                paint(FAINT, &format!("$ {command}"))
            ));
        }
        before = Some(line);
    }
}

fn quiet(out: &mut String, before: &StoryLine, line: &StoryLine, indent: usize, width: usize) {
    let ms = line.at.0.saturating_sub(before.at.0) / 1_000;
    if ms < QUIET_MS {
        return;
    }
    let text = if before.commands.is_empty() {
        format!("… {} …", human_ms(ms))
    } else {
        let what = tame(before.what.trim_end_matches('.'));
        format!("… {}: {} …", human_ms(ms), lower_first(&what))
    };
    for line in super::paint::wrap(&text, width.saturating_sub(indent)) {
        out.push_str(&format!("{:indent$}{}\n", "", paint(FAINT, &line)));
    }
}

/// `Restore it` becomes `restore it`; `GTIDs are…` and `I/O…` stay.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_string(),
    }
}

fn verdict(out: &mut String, telling: &Telling<'_>) {
    let outcome = telling.outcome;
    let (style, word) = match outcome.verdict {
        Verdict::Safe => (GOOD, "VERDICT: SAFE"),
        Verdict::Violated => (BAD, "VERDICT: VIOLATED"),
        Verdict::Aborted => (DOUBT, "VERDICT: ABORTED"),
        Verdict::NotLive => (BAD, "VERDICT: NOT LIVE"),
        Verdict::Unknown => (DOUBT, "VERDICT: UNKNOWN"),
    };
    out.push('\n');
    let lead = format!("{} — ", paint(style, word));
    hang(
        out,
        &lead,
        2,
        &tame(&headline(outcome)),
        telling.width.saturating_sub(word.len()),
    );
    let expected = match (outcome.as_expected, outcome.verdict) {
        (true, Verdict::Safe) => None,
        (true, _) => Some("This is what the scenario expects."),
        (false, Verdict::Safe) => Some("The scenario expects something else: see its `expect`."),
        (false, _) => None,
    };
    if let Some(expected) = expected {
        out.push_str(&format!("  {expected}\n"));
    }
    out.push('\n');
    for (name, value) in figures(telling) {
        hang(out, &format!("  {name:<26}"), 28, &value, telling.width);
    }
}

/// The verdict in plain words.
pub fn headline(outcome: &Outcome) -> String {
    match outcome.verdict {
        Verdict::Safe if outcome.way_back.taken => {
            "the application went over and back, every write that it was told is committed is on the \
                          source, once, and nothing else is."
                .into()
        }
        Verdict::Safe => {
            "every write that the application was told is committed is on the target, once, and \
                          nothing else is."
                .into()
        }
        Verdict::Aborted => {
            "the migration was called off before the cutover. The source goes on, writable and \
                             complete; nothing is lost."
                .into()
        }
        Verdict::NotLive => format!(
            "the migration is neither finished nor called off when the run ends, after {}.",
            human_ms(outcome.virtual_ms)
        ),
        Verdict::Unknown => {
            "nothing was put to the test: no write was in danger when the application was moved, so \
                             this run says nothing about the strategy."
                .into()
        }
        Verdict::Violated => violated(outcome),
    }
}

fn violated(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    if outcome.lost_writes > 0 {
        parts.push(format!(
            "{} lost: the application was told that they are committed, and the {} does not have them.",
            count(outcome.lost_writes, "committed write is", "committed writes are"),
            outcome.serving.name()
        ));
    }
    if outcome.phantom_writes > 0 {
        parts.push(format!(
            "{} on the target that the source never committed.",
            count(outcome.phantom_writes, "write stands", "writes stand")
        ));
    }
    if outcome.duplicate_writes > 0 {
        parts.push(format!(
            "{} effect more than once.",
            count(outcome.duplicate_writes, "write took", "writes took")
        ));
    }
    if parts.is_empty() {
        let broken: Vec<_> = outcome
            .properties
            .iter()
            .filter(|p| matches!(p.finding, Finding::Violated { .. }))
            .map(|p| format!("{} ({})", p.name, p.id))
            .collect();
        parts.push(format!(
            "no write is lost, repeated or made up, but this does not hold: {}.",
            broken.join(", ")
        ));
    }
    parts.join(" ")
}

fn figures(telling: &Telling<'_>) -> Vec<(&'static str, String)> {
    let outcome = telling.outcome;
    let commits = outcome.commits;
    let wall_ms = u64::try_from(telling.wall.as_millis()).unwrap_or(u64::MAX);
    vec![
        (
            "Writing transactions",
            format!(
                "{} acknowledged, {} failed, {} with an outcome that the client never learnt",
                thousands(commits.ok),
                thousands(commits.fail),
                thousands(commits.info)
            ),
        ),
        ("Downtime", downtime(outcome)),
        (
            "Longest stall",
            format!(
                "{} in which no write succeeded anywhere",
                human_ms(outcome.longest_stall_ms)
            ),
        ),
        (
            "Lag at the end",
            match (outcome.final_lag_ms, outcome.downtime_ms) {
                (None, _) => "no target, so none".into(),
                (Some(0), _) => "0 s".into(),
                (Some(lag), Some(_)) => format!(
                    "{}: so old was the oldest write that the target lacked at the cutover",
                    human_ms(lag)
                ),
                (Some(lag), None) => format!(
                    "{}: so old is the oldest write that the target lacks",
                    human_ms(lag)
                ),
            },
        ),
        (
            "Rehearsed",
            format!(
                "{} of migration in {}",
                human_ms(outcome.virtual_ms),
                human_ms(wall_ms)
            ),
        ),
        ("Fingerprint", outcome.fingerprint.clone()),
    ]
}

fn downtime(outcome: &Outcome) -> String {
    match outcome.downtime_ms {
        None if outcome.serving == Host::Source && !outcome.way_back.taken => {
            "no cutover, so none".into()
        }
        None => "no write on the target, so none".into(),
        Some(0) => "none: both databases accepted writes at the same time".into(),
        Some(ms) => format!(
            "{} between the first write that the source did not take any more and the first that the target took",
            human_ms(ms)
        ),
    }
}

fn explanations(out: &mut String, outcome: &Outcome, width: usize) {
    let all = outcome
        .lost_writes
        .saturating_add(outcome.phantom_writes)
        .saturating_add(outcome.duplicate_writes);
    if outcome.explanations.is_empty() {
        return;
    }
    heading(out, "WHY");
    let shown = outcome.explanations.len().min(EXPLAINED);
    let mut reason_before = None;
    for explanation in outcome.explanations.iter().take(EXPLAINED) {
        hang(out, "  • ", 4, &tame(&what_and_where(explanation)), width);
        // The same reason ten times teaches no more than once.
        if reason_before == Some(&explanation.because) {
            out.push_str("    For the same reason.\n");
        } else {
            hang(out, "    ", 4, &tame(&explanation.because), width);
        }
        reason_before = Some(&explanation.because);
    }
    let more = all.saturating_sub(shown as u64);
    if more > 0 {
        out.push_str(&format!("  … and {} more\n", thousands(more)));
    }
}

fn what_and_where(explanation: &Explanation) -> String {
    let mut text = format!(
        "{}: committed at {}",
        explanation.what,
        explanation.at.time_of_day()
    );
    if let Some(gtid) = &explanation.gtid {
        text.push_str(&format!(", GTID {gtid}"));
    }
    if let Some(position) = &explanation.position {
        text.push_str(&format!(", ends at {position} of the binlog"));
    }
    text
}

fn properties(out: &mut String, properties: &[PropertyResult], width: usize) {
    if properties.is_empty() {
        return;
    }
    heading(
        out,
        &format!("WHAT WAS CHECKED  {}", summary::tally(properties)),
    );
    let names = properties
        .iter()
        .map(|p| p.name.chars().count())
        .max()
        .unwrap_or(0);
    for property in properties {
        let (style, result, text) = match &property.finding {
            Finding::Holds => (GOOD, "✓ holds", String::new()),
            Finding::Violated { count, first } => (
                BAD,
                "✗ violated",
                format!("{}×; first: {first}", thousands(*count)),
            ),
            Finding::Absent { why } => (FAINT, "– absent", why.clone()),
        };
        let lead = format!("  {:<4}{:<names$}  ", property.id, property.name);
        if text.is_empty() {
            out.push_str(&format!("{lead}{}\n", paint(style, result)));
        } else {
            let lead = format!("{lead}{}  ", paint(style, &format!("{result:<10}")));
            hang(out, &lead, 2 + 4 + names + 2 + 10 + 2, &tame(&text), width);
        }
    }
}

/// The hazards that fired: what the strategy rests on, and did not have.
fn assumptions(out: &mut String, telling: &Telling<'_>) {
    let broken = telling.outcome.faults.iter();
    let broken: Vec<_> = broken.filter_map(|f| Some((f, f.breaks?))).collect();
    if broken.is_empty() {
        return;
    }
    heading(out, "ASSUMPTIONS THAT DID NOT HOLD");
    for (fault, assumption) in broken {
        let clock: String = fault.at.time_of_day().chars().take(8).collect();
        let text = format!("{clock}  {assumption} ({})", fault.kind);
        hang(out, "  ", 2, &text, telling.width);
    }
}

fn notes(out: &mut String, telling: &Telling<'_>) {
    let mut notes = telling
        .outcome
        .notes
        .iter()
        .chain(telling.remarks)
        .peekable();
    if notes.peek().is_none() {
        return;
    }
    heading(out, "NOTES");
    for note in notes {
        hang(out, "  • ", 4, &tame(note), telling.width);
    }
}

#[cfg(test)]
mod tests {
    use super::super::canned;
    use super::*;

    fn told(outcome: &Outcome, width: usize) -> String {
        let runbook = Runbook {
            name: outcome.strategy.clone(),
            about: "Copy the data, make a cluster of the copy, replay what happened since from the place where the \
                    journal stands when the cluster is ready."
                .into(),
            promises: Default::default(),
            steps: Vec::new(),
            abort: Vec::new(),
            stay: Vec::new(),
        };
        story(&Telling {
            outcome,
            runbook: &runbook,
            about: Some("A shop takes orders while its database moves."),
            wall: Duration::from_millis(1_234),
            again: "cutover run orders --strategy position-read-late --seed 7",
            remarks: &["The plan is in plan.toml.".into()],
            width,
        })
    }

    fn plain(painted: &str) -> String {
        anstream::adapter::strip_str(painted).to_string()
    }

    #[test]
    fn a_loss_is_told_so_that_anyone_understands_it() {
        insta::assert_snapshot!(plain(&told(&canned::lossy(), 100)));
    }

    #[test]
    fn a_safe_run_is_told() {
        insta::assert_snapshot!(plain(&told(&canned::clean(), 100)));
    }

    #[test]
    fn a_run_that_was_called_off_is_told() {
        insta::assert_snapshot!(plain(&told(&canned::called_off(), 100)));
    }

    #[test]
    fn no_line_but_a_command_is_wider_than_the_terminal() {
        for width in [60, 100] {
            for line in plain(&told(&canned::lossy(), width)).lines() {
                let copied = line.contains("$ ") || line.starts_with("To see");
                assert!(copied || line.chars().count() <= width, "{line}");
            }
        }
    }

    #[test]
    fn what_a_file_says_cannot_drive_the_terminal() {
        let mut outcome = canned::lossy();
        outcome.story[0].what = "\u{1b}]0;owned\u{7}".into();
        outcome.explanations[0].what = "\u{1b}[2J".into();
        let told = told(&outcome, 100);
        assert!(told.contains("\\u{1b}]0;owned") && told.contains("\\u{1b}[2J"));
        assert!(!told.contains("\u{7}"));
    }

    #[test]
    fn the_headline_names_what_is_broken_when_no_write_is_lost() {
        let mut outcome = canned::lossy();
        outcome.lost_writes = 0;
        assert!(headline(&outcome).contains("No lost acked write (P1)"));
    }
}
