//! What a sweep found, for people: outcomes, findings, probes, and what a clean sweep means.

use super::{
    numbers::{count, human_ms, thousands},
    paint::{BAD, DOUBT, FAINT, GOOD, STRONG, hang, paint, tame},
    summary::verdict_name,
};
use crate::again;
use cutover::sim::{
    explore::{Cheapest, Finding, ProbeReport, Report},
    outcome::Verdict,
};
use std::{path::Path, time::Duration};

/// A sweep to be told.
#[derive(Debug)]
pub struct Told<'a> {
    /// What it found.
    pub report: &'a Report,
    /// How long it took.
    pub wall: Duration,
    /// Where its plans are; none: nowhere.
    pub folder: Option<&'a Path>,
    /// The command that does it again.
    pub again: &'a str,
    /// Columns.
    pub width: usize,
}

/// The report.
pub fn told(told: &Told<'_>) -> String {
    let report = told.report;
    let mut out = String::new();
    head(&mut out, told);
    outcomes(&mut out, report);
    called_off(&mut out, told);
    faults(&mut out, report);
    assumptions(&mut out, report, told.width);
    findings(&mut out, told);
    probes(&mut out, report, told.width);
    meaning(&mut out, report, told.width);
    out.push_str(&format!(
        "\nTo do it again:  {}\n",
        paint(STRONG, &tame(told.again))
    ));
    out
}

fn heading(out: &mut String, text: &str) {
    out.push_str(&format!("\n{}\n", paint(STRONG, text)));
}

fn head(out: &mut String, told: &Told<'_>) {
    let report = told.report;
    let wall = u64::try_from(told.wall.as_millis()).unwrap_or(u64::MAX);
    out.push_str(&format!(
        "{} explored with strategy {}: {}, seeds {} to {}, in {}\n",
        paint(STRONG, &tame(&report.scenario)),
        paint(STRONG, &tame(&report.strategy)),
        count(report.plans, "plan", "plans"),
        report.from,
        report.to.saturating_sub(1),
        human_ms(wall),
    ));
    if !report.complete {
        let hung = report.hung.len() as u64;
        out.push_str(&format!(
            "{}: {} of {} seeds had ended\n",
            paint(DOUBT, "Interrupted"),
            thousands(report.plans + hung),
            thousands(report.to - report.from),
        ));
    }
}

fn outcomes(out: &mut String, report: &Report) {
    heading(out, "OUTCOMES");
    for (verdict, plans) in &report.verdicts {
        let style = match verdict {
            Verdict::Safe => GOOD,
            Verdict::Violated | Verdict::NotLive => BAD,
            Verdict::Aborted | Verdict::Unknown => DOUBT,
        };
        let about = match verdict {
            Verdict::Safe => "",
            Verdict::Violated => "  a property does not hold",
            Verdict::NotLive => "  neither finished nor called off",
            Verdict::Aborted => "  called off; the source is writable and complete",
            Verdict::Unknown => "  nothing was put to the test",
        };
        let name = verdict_name(*verdict).to_uppercase();
        out.push_str(&format!(
            "  {}{:>9}{about}\n",
            paint(style, &format!("{name:<9}")),
            thousands(*plans)
        ));
    }
}

/// Where the operator gave up. What is safe to call off is still no migration.
fn called_off(out: &mut String, told: &Told<'_>) {
    if told.report.called_off.is_empty() {
        return;
    }
    heading(
        out,
        "CALLED OFF  (at which step of the runbook, and why in the cheapest plan)",
    );
    for off in &told.report.called_off {
        let plans = count(off.plans, "plan", "plans");
        let text = format!("{plans} at step {}: \"{}\"", off.at.step, off.at.during);
        hang(out, "  ", 4, &tame(&text), told.width);
        hang(out, "        ", 8, &tame(&off.at.because), told.width);
        cheapest(out, &off.cheapest, &off.name, told);
    }
}

fn faults(out: &mut String, report: &Report) {
    heading(out, "FAULTS  (plans in which they fired)");
    out.push_str(&format!(
        "  {:<24}{:>9}\n",
        "none",
        thousands(report.without_faults)
    ));
    for kind in &report.faults {
        let of_these = [(kind.failed, "failed"), (kind.aborted, "called off")];
        let of_these = of_these.iter().filter(|(n, _)| *n > 0);
        let of_these: Vec<String> = of_these
            .map(|(n, what)| format!("{} {what}", thousands(*n)))
            .collect();
        let of_these = match of_these.is_empty() {
            true => String::new(),
            false => format!("  of these {}", of_these.join(", ")),
        };
        out.push_str(&format!(
            "  {:<24}{:>9}{of_these}\n",
            kind.kind,
            thousands(kind.plans)
        ));
    }
}

/// What the hazards came to: an assumption that did not hold may be noticed in time.
fn assumptions(out: &mut String, report: &Report, width: usize) {
    if report.assumptions.is_empty() {
        return;
    }
    heading(
        out,
        "ASSUMPTIONS THAT DID NOT HOLD  (by the fault that broke them)",
    );
    for a in &report.assumptions {
        let harmless = a.plans - a.failed - a.aborted;
        let text = format!(
            "{}: {}. {}: {} failed, {} called off, {} unharmed",
            a.kind,
            a.assumption,
            count(a.plans, "plan", "plans"),
            thousands(a.failed),
            thousands(a.aborted),
            thousands(harmless)
        );
        hang(out, "  ", 4, &tame(&text), width);
    }
}

fn findings(out: &mut String, told: &Told<'_>) {
    let report = told.report;
    if report.findings.is_empty() && report.hung.is_empty() {
        return;
    }
    heading(out, "FINDINGS");
    for cause in report.findings.chunk_by(|a, b| a.broke == b.broke) {
        because(out, cause, told.width);
        for finding in cause {
            one(out, finding, told);
        }
    }
    for seed in &report.hung {
        let said = format!("seed {seed} did not end within the time that a seed is given");
        out.push_str(&format!("  {} {said}\n", paint(BAD, "HUNG")));
        replay(out, &format!("hung-{seed}"), told);
    }
    if told.folder.is_none() {
        let remark = "No plan was kept; with --out DIR the cheapest plan of each finding is.";
        out.push_str(&format!("  {}\n", paint(FAINT, remark)));
    }
}

/// What the findings that follow have in common.
fn because(out: &mut String, findings: &[Finding], width: usize) {
    let plans = findings.iter().map(|f| f.plans).sum();
    let plans = count(plans, "plan", "plans");
    let broke = findings.first().map(|f| &f.broke).into_iter().flatten();
    let broke: Vec<String> = broke
        .map(|(kind, assumption)| format!("{assumption} ({kind})"))
        .collect();
    let text = match broke.is_empty() {
        true => format!(
            "The strategy itself: every fault that fired is one that it promises to survive. {plans}"
        ),
        false => format!("Did not hold: {}. {plans}", tame(&broke.join("; "))),
    };
    hang(out, "  ", 4, &text, width);
}

fn one(out: &mut String, finding: &Finding, told: &Told<'_>) {
    let what = finding.property.as_deref().unwrap_or("NOT LIVE");
    let plans = count(finding.plans, "plan", "plans");
    out.push_str(&format!("    {}  {plans}\n", paint(BAD, what)));
    let mut line = |text: &str| hang(out, "        ", 8, &tame(text), told.width);
    line(finding.says);
    match (&finding.stage, &finding.during) {
        (Some(stage), Some(step)) => line(&format!(
            "first missing at: {stage}, in a write during \"{step}\""
        )),
        (Some(stage), None) => line(&format!("first missing at: {stage}")),
        (None, Some(step)) => line(&format!("during \"{step}\"")),
        (None, None) => {}
    }
    cheapest(out, &finding.cheapest, &finding.name, told);
}

fn cheapest(out: &mut String, cheapest: &Cheapest, name: &str, told: &Told<'_>) {
    let text = format!(
        "cheapest: seed {}, {}, {} acknowledged",
        cheapest.seed,
        count(cheapest.faults as u64, "fault", "faults"),
        count(cheapest.commits, "write", "writes"),
    );
    hang(out, "        ", 8, &text, told.width);
    replay(out, name, told);
}

fn replay(out: &mut String, name: &str, told: &Told<'_>) {
    if let Some(folder) = told.folder {
        let file = folder.join(format!("{name}.toml")).display().to_string();
        let command = again::command(["cutover", "replay", &file]);
        out.push_str(&format!("        {}\n", paint(STRONG, &tame(&command))));
    }
}

fn probes(out: &mut String, report: &Report, width: usize) {
    heading(
        out,
        "PROBES  (rare paths: plans that went along them, and how often)",
    );
    let is_reached = |p: &&ProbeReport| p.plans > 0;
    for probe in report.probes.iter().filter(is_reached) {
        let (plans, times) = (thousands(probe.plans), thousands(probe.times));
        out.push_str(&format!("  {:<36}{plans:>9}{times:>12}\n", probe.probe));
    }
    let missed = report
        .probes
        .iter()
        .filter(|p| report.missed.contains(&p.probe));
    for probe in missed {
        let about = probe.probe().map_or("", |p| p.about());
        let said = paint(BAD, "NEVER REACHED");
        out.push_str(&format!("  {:<36}{said}\n", probe.probe));
        hang(out, "      ", 6, about, width);
    }
    for probe in report.probes.iter().filter(|p| p.plans == 0) {
        if let Some(because) = &probe.exempt {
            hang(
                out,
                "  ",
                6,
                &format!("{} is exempt: {}", probe.probe, tame(because)),
                width,
            );
        }
    }
    let beyond = report
        .probes
        .iter()
        .filter(|p| p.plans == 0 && !p.reachable);
    let beyond: Vec<&str> = beyond.map(|p| p.probe).collect();
    if !beyond.is_empty() {
        let text = format!(
            "beyond the reach of this strategy under these faults: {}",
            beyond.join(", ")
        );
        hang(out, "  ", 6, &text, width);
    }
    if !report.missed.is_empty() {
        let n = count(report.missed.len() as u64, "probe was", "probes were");
        let text = format!(
            "{n} never reached: more seeds, or an exemption with its reason (`[explore]` in the scenario)"
        );
        hang(out, "  ", 6, &text, width);
    }
}

fn meaning(out: &mut String, report: &Report, width: usize) {
    heading(out, "WHAT IT MEANS");
    let nothing = report.plans - report.tried;
    let tried = count(report.tried, "plan", "plans");
    let text = match report.at_most_percent {
        Some(percent) if report.tried > 0 => format!(
            "0 of {tried} failed; at most {} % fail, at 95 % confidence, under this fault model.",
            two_digits(percent)
        ),
        Some(_) => "Nothing was put to the test.".into(),
        None => format!(
            "{} of {tried} failed.",
            thousands(report.findings.iter().map(|f| f.plans).sum())
        ),
    };
    hang(out, "  ", 2, &text, width);
    if report.tried > 0 && !report.is_carried_out() {
        let text = "No migration came to its end: all that ended were called off. What lies behind the steps at which \
                    they were is not tried.";
        hang(out, "  ", 2, text, width);
    }
    if let Some(expected) = &report.expected {
        let text = format!(
            "The scenario expects failures: {} came to what it expects; {} to another failure.",
            count(expected.plans, "plan", "plans"),
            thousands(expected.other_failures)
        );
        hang(out, "  ", 2, &text, width);
    }
    if nothing > 0 {
        let text = format!(
            "Not counted: {} in which nothing could have gone wrong.",
            count(nothing, "plan", "plans")
        );
        hang(out, "  ", 2, &text, width);
    }
    out.push_str("  It says nothing about:\n");
    for line in &report.not_covered {
        hang(out, "    - ", 6, &tame(line), width);
    }
}

/// To two significant digits, rounded up: a bound must not get smaller by being printed.
fn two_digits(percent: f64) -> String {
    let mut digits = 1;
    let mut unit = 1.0;
    while percent * unit < 10.0 && digits < 12 {
        unit *= 10.0;
        digits += 1;
    }
    let places = digits - 1;
    format!("{:.places$}", (percent * unit).ceil() / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_rounded_up() {
        assert_eq!(two_digits(0.299_124_9), "0.30");
        assert_eq!(two_digits(0.029_952_8), "0.030");
        assert_eq!(two_digits(2.951_3), "3.0");
        assert_eq!(two_digits(95.0), "95");
        assert_eq!(two_digits(25.886_6), "26");
    }
}
