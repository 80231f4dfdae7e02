//! `cutover check`: what a runbook takes for granted of its environment, without a run.

use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    output::{
        self, json,
        paint::{BAD, DOUBT, FAINT, GOOD, STRONG, hang, paint, tame},
    },
    rehearse,
    scenario_args::ScenarioArgs,
};
use cutover::{
    scenarios::load_runbook,
    sim::preconditions::{self, Finding},
};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  cutover check orders
  cutover check my-shop.toml --strategy snapshot-binlog-position
  cutover check orders --set source.binlog_retention=24h --set source.data_size=8TiB
  cutover check my-shop.toml --format json | jq '.checks[] | select(.status == \"fail\")'";

/// Check the strategy's preconditions against the environment, without a run.
///
/// Exit status 1 when a check fails. A check that passes proves nothing about faults: rehearse it as well.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Whose runbook: a built-in's name (see `cutover list strategies`) or a file; the scenario's own otherwise
    #[arg(long, value_name = "NAME|FILE")]
    strategy: Option<String>,
}

/// The checks, as JSON has them.
#[derive(Debug, Serialize)]
pub struct Checked<'a> {
    schema: &'static str,
    scenario: &'a str,
    strategy: &'a str,
    status: preconditions::Status,
    checks: Vec<CheckJson<'a>>,
}

#[derive(Debug, Serialize)]
struct CheckJson<'a> {
    check: &'static str,
    status: preconditions::Status,
    certain: bool,
    asks: &'static str,
    reason: &'a str,
    statement: &'a str,
    codes: &'static str,
    source: &'static str,
}

impl<'a> Checked<'a> {
    fn of(scenario: &'a str, strategy: &'a str, findings: &'a [Finding]) -> Self {
        let one = |finding: &'a Finding| CheckJson {
            check: finding.check.name,
            status: finding.look.status,
            certain: finding.look.certain,
            asks: finding.check.asks,
            reason: &finding.look.reason,
            statement: &finding.look.statement,
            codes: finding.check.codes,
            source: finding.check.source,
        };
        Self {
            schema: json::SCHEMA,
            scenario,
            strategy,
            status: worst(findings),
            checks: findings.iter().map(one).collect(),
        }
    }
}

fn worst(findings: &[Finding]) -> preconditions::Status {
    let all = findings.iter().map(|finding| finding.look.status);
    all.max().unwrap_or(preconditions::Status::Pass)
}

/// Does it.
pub fn execute(args: &Args, format: Format) -> Result<Status, Failure> {
    let scenario = args.scenario.load()?;
    let strategy = args.strategy.as_deref().map(load_runbook).transpose()?;
    let plan = scenario.plan(1, strategy.as_ref());
    let recording = rehearse::recording(&plan)?;
    let findings = preconditions::check(&plan, recording.as_deref());
    let checked = Checked::of(scenario.name(), &plan.runbook.name, &findings);
    output::print(&match format {
        Format::Json => json::text(&checked),
        Format::Text => text(&checked, output::width()),
    })?;
    Ok(match checked.status {
        preconditions::Status::Fail => Status::Fails,
        preconditions::Status::Warn | preconditions::Status::Pass => Status::Holds,
    })
}

fn text(checked: &Checked<'_>, width: usize) -> String {
    let mut out = format!(
        "{} with {}: what the runbook takes for granted\n\n",
        paint(STRONG, &tame(checked.scenario)),
        paint(STRONG, &tame(checked.strategy))
    );
    for check in &checked.checks {
        let (style, word) = match check.status {
            preconditions::Status::Pass => (GOOD, "pass"),
            preconditions::Status::Warn => (DOUBT, "warn"),
            preconditions::Status::Fail => (BAD, "FAIL"),
        };
        let head = format!("{}  {}\n", paint(style, word), paint(STRONG, check.check));
        out.push_str(&head);
        hang(&mut out, "      ", 6, &tame(check.reason), width);
        if check.status != preconditions::Status::Pass {
            let codes = format!("{}; {}", check.codes, check.source);
            hang(&mut out, "      ", 6, &paint(FAINT, &codes), width);
            hang(&mut out, "      > ", 8, &tame(check.statement), width);
        }
    }
    let count = |status| checked.checks.iter().filter(|c| c.status == status).count();
    let certain = checked.checks.iter().filter(|c| c.certain).count();
    out.push_str(&format!(
        "\n{} pass, {} warn, {} fail",
        count(preconditions::Status::Pass),
        count(preconditions::Status::Warn),
        count(preconditions::Status::Fail)
    ));
    if certain > 0 {
        out.push_str(&format!(
            "; with {certain} of the failed ones no run is safe"
        ));
    }
    out.push_str(".\nRehearse it:  cutover run SCENARIO, with faults: cutover explore SCENARIO\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover::scenarios::load_scenario;

    #[test]
    fn every_field_is_in_the_documentation() {
        let plan = load_scenario("orders-small", &[])
            .expect("a built-in scenario")
            .plan(1, None);
        let findings = preconditions::check(&plan, None);
        let checked = Checked::of("orders-small", "x", &findings);
        let value = serde_json::to_value(&checked).expect("plain data");
        let doc = include_str!("../docs/json.md");
        let section = doc.split("## `cutover check`").nth(1).expect("a section");
        let fields = value.as_object().expect("an object").keys();
        for field in fields {
            assert!(section.contains(&format!("`{field}`")), "{field}");
        }
        let first = value["checks"][0].as_object().expect("a check");
        for field in first.keys() {
            assert!(section.contains(&format!("`checks[].{field}`")), "{field}");
        }
    }
}
