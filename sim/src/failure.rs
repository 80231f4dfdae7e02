//! What makes two failures the same: the property that broke, the stage at which the first write got lost, and
//! the step that was under way then. A sweep groups by it, and shrinking keeps it.

use crate::{
    outcome::{Finding, Outcome, PropertyResult, Stage, StoryLine, Verdict},
    properties::{CATALOGUE, Property},
    units::Moment,
};
use serde::Serialize;
use std::fmt;

/// What went wrong in a run, as far as two runs can have it in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Failure {
    /// What broke.
    pub what: Broken,
    /// Where the first explained write got lost; none where nothing is explained write by write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// What the step is for that was under way when that write was committed, or, in a run that is not live, the
    /// last one that began; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub during: Option<String>,
}

/// What broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broken {
    /// The first property, in the order of their numbers, that is violated: its place in the catalogue.
    #[serde(serialize_with = "as_id")]
    Property(usize),
    /// The run neither finished nor aborted.
    NotLive,
}

fn as_id<S: serde::Serializer>(index: &usize, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(CATALOGUE[*index].id)
}

impl Failure {
    /// The failure of a run; none for one that is safe, aborted or unknown.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        match outcome.verdict {
            Verdict::Violated => {
                let violated = |p: &PropertyResult| matches!(p.finding, Finding::Violated { .. });
                let property = outcome.properties.iter().position(violated)?;
                let first = outcome.explanations.first();
                Some(Self {
                    what: Broken::Property(property),
                    stage: first.map(|e| e.stage),
                    during: first.and_then(|e| under_way(&outcome.story, Some(e.at))),
                })
            }
            Verdict::NotLive => Some(Self {
                what: Broken::NotLive,
                stage: None,
                during: under_way(&outcome.story, None),
            }),
            Verdict::Safe | Verdict::Aborted | Verdict::Unknown => None,
        }
    }
}

/// The step that the operator had begun last, at a moment or at the end. Only steps have commands in a story.
fn under_way(story: &[StoryLine], at: Option<Moment>) -> Option<String> {
    let began = |line: &&StoryLine| !line.commands.is_empty() && at.is_none_or(|at| line.at <= at);
    let step = story.iter().rev().find(began)?;
    let again = step.what.strip_suffix(" (again)");
    Some(again.unwrap_or(&step.what).to_string())
}

impl Broken {
    /// The property; none when the run was not live.
    pub fn property(self) -> Option<&'static Property> {
        match self {
            Self::Property(index) => CATALOGUE.get(index),
            Self::NotLive => None,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property(index) => {
                let property = &CATALOGUE[*index];
                write!(f, "{} {}", property.id, property.name)
            }
            Self::NotLive => f.write_str("not live"),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Snapshot => "snapshot",
            Self::Copied => "copied",
            Self::Captured => "captured",
            Self::Accepted => "accepted",
            Self::Binlog => "binlog",
            Self::Sent => "sent",
            Self::RelayLog => "relay-log",
            Self::Applied => "applied",
            Self::Visible => "visible",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::Explanation, runbook::Host};

    fn finding(violated: bool) -> Finding {
        match violated {
            true => Finding::Violated {
                count: 1,
                first: String::new(),
            },
            false => Finding::Holds,
        }
    }

    fn line(at: u64, what: &str, commands: &[&str]) -> StoryLine {
        StoryLine {
            at: Moment(at),
            who: "operator",
            what: what.into(),
            commands: commands.iter().map(|c| c.to_string()).collect(),
        }
    }

    fn outcome(verdict: Verdict, violated: &[usize]) -> Outcome {
        let properties = CATALOGUE.iter().enumerate();
        Outcome {
            scenario: String::new(),
            strategy: String::new(),
            seed: 1,
            verdict,
            as_expected: false,
            properties: properties
                .map(|(i, p)| PropertyResult {
                    id: p.id,
                    name: p.name,
                    finding: finding(violated.contains(&i)),
                })
                .collect(),
            commits: Default::default(),
            lost_writes: 1,
            phantom_writes: 0,
            duplicate_writes: 0,
            downtime_ms: None,
            diverged_rows: None,
            way_back: Default::default(),
            serving: Host::Target,
            by_hand: Default::default(),
            longest_stall_ms: 0,
            final_lag_ms: None,
            virtual_ms: 0,
            fingerprint: String::new(),
            faults: Vec::new(),
            probes: Vec::new(),
            story: vec![
                line(10, "Restore", &["aws …"]),
                line(20, "says something", &[]),
                line(30, "Repoint (again)", &["aws …"]),
            ],
            explanations: vec![Explanation {
                what: String::new(),
                at: Moment(25),
                gtid: None,
                position: None,
                stage: Stage::Sent,
                because: String::new(),
            }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_violation_is_known_by_its_first_property_the_first_stage_and_the_step_of_that_write() {
        let failure = Failure::of(&outcome(Verdict::Violated, &[11, 5])).unwrap();
        let expected = Failure {
            what: Broken::Property(5),
            stage: Some(Stage::Sent),
            during: Some("Restore".into()),
        };
        assert_eq!(failure, expected);
        assert_eq!(failure.what.to_string(), "P6 Full prefix at cutover");
    }

    #[test]
    fn a_run_that_is_not_live_is_known_by_the_last_step_that_began() {
        let failure = Failure::of(&outcome(Verdict::NotLive, &[])).unwrap();
        assert_eq!(failure.what, Broken::NotLive);
        assert_eq!(failure.during.as_deref(), Some("Repoint"));
    }

    #[test]
    fn safe_aborted_and_unknown_are_no_failures() {
        for verdict in [Verdict::Safe, Verdict::Aborted, Verdict::Unknown] {
            assert_eq!(Failure::of(&outcome(verdict, &[])), None, "{verdict:?}");
        }
    }
}
