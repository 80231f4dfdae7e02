//! The same for programs: one object, its fields described in `docs/json.md`.

use super::summary::{OfStrategy, by_strategy};
use cutover::sim::{
    explore::Report,
    outcome::{
        ByHand, Commits, Explanation, FaultSeen, Finding, Outcome, ProbeSeen, PropertyResult,
        StoryLine, Verdict, WayBack,
    },
    plan::Recorded,
};
use serde::Serialize;
use std::time::Duration;

/// The version of what is printed: major.minor, where a new minor version only adds fields.
pub const SCHEMA: &str = "2.0";

/// One run.
#[derive(Debug, Serialize)]
pub struct RunJson<'a> {
    schema: &'static str,
    scenario: &'a str,
    strategy: &'a str,
    seed: u64,
    verdict: Verdict,
    as_expected: bool,
    violations: Vec<ViolationJson<'a>>,
    commits: Commits,
    lost_writes: u64,
    phantom_writes: u64,
    duplicate_writes: u64,
    downtime_ms: Option<u64>,
    diverged_rows: Option<u64>,
    way_back: WayBack,
    by_hand: ByHand,
    longest_stall_ms: u64,
    final_lag_ms: Option<u64>,
    virtual_ms: u64,
    wall_ms: f64,
    fingerprint: &'a str,
    faults: &'a [FaultSeen],
    probes: &'a [ProbeSeen],
    properties: &'a [PropertyResult],
    explanations: &'a [Explanation],
    story: &'a [StoryLine],
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<ReplayJson<'a>>,
}

#[derive(Debug, Serialize)]
struct ViolationJson<'a> {
    property: &'a str,
    count: u64,
    first: &'a str,
}

/// How a replay compares with what its plan recorded.
#[derive(Debug, Serialize)]
pub struct ReplayJson<'a> {
    /// What the plan recorded.
    pub recorded: Option<&'a Recorded>,
    /// Whether the version is the recorded one.
    pub version_holds: Option<bool>,
    /// Whether the fingerprint is the recorded one.
    pub fingerprint_holds: Option<bool>,
}

impl<'a> RunJson<'a> {
    /// Of a run that took this long.
    pub fn of(outcome: &'a Outcome, wall: Duration) -> Self {
        let violation = |p: &'a PropertyResult| match &p.finding {
            Finding::Violated { count, first } => Some(ViolationJson {
                property: p.id,
                count: *count,
                first,
            }),
            Finding::Holds | Finding::Absent { .. } => None,
        };
        Self {
            schema: SCHEMA,
            scenario: &outcome.scenario,
            strategy: &outcome.strategy,
            seed: outcome.seed,
            verdict: outcome.verdict,
            as_expected: outcome.as_expected,
            violations: outcome.properties.iter().filter_map(violation).collect(),
            commits: outcome.commits,
            lost_writes: outcome.lost_writes,
            phantom_writes: outcome.phantom_writes,
            duplicate_writes: outcome.duplicate_writes,
            downtime_ms: outcome.downtime_ms,
            diverged_rows: outcome.diverged_rows,
            way_back: outcome.way_back,
            by_hand: outcome.by_hand,
            longest_stall_ms: outcome.longest_stall_ms,
            final_lag_ms: outcome.final_lag_ms,
            virtual_ms: outcome.virtual_ms,
            wall_ms: ms(wall),
            fingerprint: &outcome.fingerprint,
            faults: &outcome.faults,
            probes: &outcome.probes,
            properties: &outcome.properties,
            explanations: &outcome.explanations,
            story: &outcome.story,
            notes: &outcome.notes,
            replay: None,
        }
    }

    /// Adds the comparison with what the plan recorded.
    pub fn replayed(mut self, replay: ReplayJson<'a>) -> Self {
        self.replay = Some(replay);
        self
    }
}

/// Several runs.
#[derive(Debug, Serialize)]
pub struct CompareJson<'a> {
    schema: &'static str,
    scenario: &'a str,
    seeds: &'a [u64],
    complete: bool,
    runs: Vec<RunJson<'a>>,
    summary: Vec<OfStrategy<'a>>,
}

impl<'a> CompareJson<'a> {
    /// Of runs in the order of strategies and seeds; not `complete` after Ctrl-C.
    pub fn of(
        scenario: &'a str,
        seeds: &'a [u64],
        runs: &[(&'a Outcome, Duration)],
        complete: bool,
    ) -> Self {
        let outcomes: Vec<_> = runs.iter().map(|(outcome, _)| *outcome).collect();
        Self {
            schema: SCHEMA,
            scenario,
            seeds,
            complete,
            runs: runs
                .iter()
                .map(|(outcome, wall)| RunJson::of(outcome, *wall))
                .collect(),
            summary: by_strategy(&outcomes),
        }
    }
}

/// A sweep.
#[derive(Debug, Serialize)]
pub struct ExploreJson<'a> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a Report,
    wall_ms: f64,
}

impl<'a> ExploreJson<'a> {
    /// Of a sweep that took this long.
    pub fn of(report: &'a Report, wall: Duration) -> Self {
        Self {
            schema: SCHEMA,
            report,
            wall_ms: ms(wall),
        }
    }
}

fn ms(wall: Duration) -> f64 {
    (wall.as_secs_f64() * 1e6).round() / 1e3
}

/// The text of a value, with a line's end.
pub fn text(value: &impl Serialize) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        // Structs with text keys always serialise; should that ever change, JSON still comes out.
        Err(error) => format!(
            "{}\n",
            serde_json::json!({ "schema": SCHEMA, "error": error.to_string() })
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{audited, canned, shrunk};
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn value(of: &impl Serialize) -> Value {
        serde_json::from_str(&text(of)).unwrap()
    }

    fn names(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    into.insert(name.clone());
                    names(value, into);
                }
            }
            Value::Array(values) => values.iter().for_each(|v| names(v, into)),
            _ => {}
        }
    }

    fn replay(outcome: &Outcome) -> Value {
        let recorded = Recorded {
            version: "0.1.0".into(),
            fingerprint: "x".into(),
        };
        value(
            &RunJson::of(outcome, Duration::from_micros(1_234_567)).replayed(ReplayJson {
                recorded: Some(&recorded),
                version_holds: Some(true),
                fingerprint_holds: Some(false),
            }),
        )
    }

    fn compare() -> Value {
        let (lossy, off) = (canned::lossy(), canned::called_off());
        let runs = [(&lossy, Duration::ZERO), (&off, Duration::ZERO)];
        value(&CompareJson::of("orders", &[7], &runs, true))
    }

    /// Of a sweep that has every field.
    fn sweep() -> Value {
        let exempt = "explore.exempt=[{ probe = \"stale-address\", because = \"x\" }]";
        let sets = [exempt.to_string(), "strategy=snapshot-only".to_string()];
        let scenario = cutover::scenarios::load_scenario("orders-small", &sets).unwrap();
        let report = cutover::explore(&scenario).seeds(0..2).run().unwrap();
        value(&ExploreJson::of(&report, Duration::ZERO))
    }

    #[test]
    fn a_run_as_json() {
        insta::assert_snapshot!(text(&RunJson::of(
            &canned::lossy(),
            Duration::from_micros(1_234_567)
        )));
    }

    #[test]
    fn a_comparison_as_json() {
        let mut compare = compare();
        compare["runs"] = serde_json::json!("(two objects as `run` prints them)");
        insta::assert_snapshot!(serde_json::to_string_pretty(&compare).unwrap());
    }

    #[test]
    fn a_run_has_every_field_of_the_contract() {
        let run = value(&RunJson::of(&canned::called_off(), Duration::ZERO));
        for field in [
            "schema",
            "scenario",
            "strategy",
            "seed",
            "verdict",
            "violations",
            "commits",
            "lost_writes",
            "phantom_writes",
            "duplicate_writes",
            "downtime_ms",
            "longest_stall_ms",
            "final_lag_ms",
            "virtual_ms",
            "wall_ms",
            "fingerprint",
        ] {
            assert!(run.get(field).is_some(), "{field}");
        }
        assert_eq!(run["downtime_ms"], Value::Null);
        let violation = &value(&RunJson::of(&canned::lossy(), Duration::ZERO))["violations"][0];
        for field in ["property", "count", "first"] {
            assert!(violation.get(field).is_some(), "{field}");
        }
    }

    #[test]
    fn every_field_is_documented() {
        let doc = include_str!("../../docs/json.md");
        let mut fields = BTreeSet::new();
        names(&replay(&canned::lossy()), &mut fields);
        names(&compare(), &mut fields);
        names(&value(&shrunk::canned_json()), &mut fields);
        names(&value(&audited::canned_json()), &mut fields);
        names(&sweep(), &mut fields);
        names(&value(&crate::list::everything()), &mut fields);
        names(&value(&crate::binlog::inspected_json()), &mut fields);
        names(&value(&crate::binlog::verified_json()), &mut fields);
        names(&value(&crate::binlog::applied_json()), &mut fields);
        #[cfg(feature = "lab")]
        names(&value(&crate::lab::served_json()), &mut fields);
        #[cfg(feature = "lab")]
        names(&value(&crate::lab::lab_json()), &mut fields);
        let verdicts = ["safe", "violated", "aborted", "not-live", "unknown"];
        // Of an assumption that broke, the name is the kind of the fault.
        let is_kind = |f: &String| cutover::sim::faults::Kind::of_key(f).is_some();
        let named = fields.iter().filter(|f| !verdicts.contains(&f.as_str()));
        for field in named.filter(|f| !is_kind(f)) {
            let said = [format!("`{field}`"), format!(".{field}`")];
            assert!(
                said.iter().any(|s| doc.contains(s)),
                "docs/json.md says nothing of `{field}`"
            );
        }
    }
}
