//! Outcomes as a run gives them, for tests of what is made of them.

use cutover::sim::{
    outcome::{
        ByHand, Commits, Explanation, FaultSeen, Finding, Outcome, ProbeSeen, PropertyResult,
        Stage, StoryLine, Verdict, WayBack,
    },
    runbook::Host,
    units::Moment,
};

/// 2026-03-02T10:00:00Z.
const TEN: u64 = 1_772_445_600_000_000;

fn at(seconds: u64) -> Moment {
    Moment(TEN + seconds * 1_000_000)
}

fn line(seconds: u64, who: &'static str, what: &str, commands: &[&str]) -> StoryLine {
    StoryLine {
        at: at(seconds),
        who,
        what: what.into(),
        commands: commands.iter().map(ToString::to_string).collect(),
    }
}

fn lost(order: u64, seconds: u64) -> Explanation {
    Explanation {
        what: format!("order {order}, placed by client {}", order % 20),
        at: Moment(TEN + seconds * 1_000_000 + 345_000),
        gtid: Some(format!(
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:{}",
            order - 999_000
        )),
        position: Some(format!("mysql-bin-changelog.000012:{}", order * 3)),
        stage: Stage::Sent,
        because: "It was committed after the snapshot was cut and before the position was read from which \
                  replication started, so it is neither in the snapshot nor in what the target asked the \
                  source for."
            .into(),
    }
}

fn property(id: &'static str, name: &'static str, finding: Finding) -> PropertyResult {
    PropertyResult { id, name, finding }
}

/// A run that lost writes.
pub fn lossy() -> Outcome {
    Outcome {
        scenario: "orders".into(),
        strategy: "position-read-late".into(),
        seed: 7,
        verdict: Verdict::Violated,
        as_expected: false,
        properties: vec![
            property(
                "P1",
                "No lost acked write",
                Finding::Violated {
                    count: 5_432,
                    first: "order 1000001, placed by client 1, acknowledged at 10:03:12.345, is not on the target"
                        .into(),
                },
            ),
            property("P2", "No phantom", Finding::Holds),
            property(
                "P10",
                "Gate soundness",
                Finding::Absent {
                    why: "the runbook has no gate".into(),
                },
            ),
        ],
        commits: Commits {
            ok: 812_331,
            fail: 12,
            info: 3,
        },
        lost_writes: 5_432,
        phantom_writes: 0,
        duplicate_writes: 0,
        downtime_ms: Some(41_370),
        diverged_rows: Some(5_432),
        way_back: WayBack {
            taken: false,
            loses: 1_204,
            free_for_ms: Some(40_120),
        },
        serving: Host::Target,
        by_hand: ByHand {
            actions: 9,
            waits: 4,
        },
        longest_stall_ms: 43_002,
        final_lag_ms: Some(0),
        virtual_ms: 16_000_000,
        fingerprint: "5f1d3c0a9b8e7d6c5f1d3c0a9b8e7d6c".into(),
        faults: vec![FaultSeen {
            fault: 0,
            kind: "async_failover",
            at: at(900),
            breaks: Some("the source's standby has every acknowledged commit"),
        }],
        probes: vec![ProbeSeen {
            probe: "commit-outcome-unknown",
            count: 3,
        }],
        story: vec![
            line(0, "clients", "start to write: 20 clients, 8 transactions a second", &[]),
            line(
                60,
                "operator",
                "Copy the data as it is now",
                &[
                    "aws rds create-db-snapshot --db-instance-identifier source --db-snapshot-identifier before",
                    "aws rds wait db-snapshot-available --db-snapshot-identifier before",
                ],
            ),
            line(61, "rds", "the snapshot is cut", &[]),
            line(
                1_460,
                "operator",
                "Make an Aurora cluster of the copy",
                &["aws rds restore-db-cluster-from-snapshot --snapshot-identifier before"],
            ),
            line(12_980, "rds", "the cluster is available", &[]),
            line(
                12_981,
                "operator",
                "Read where the source's journal stands",
                &["SHOW MASTER STATUS;  -- on the source"],
            ),
            line(15_960, "clients", "the first write on the target", &[]),
        ],
        explanations: (0..4).map(|i| lost(1_000_001 + i, 192 + i)).collect(),
        notes: vec!["2 of 812,346 transactions could not be replayed.".into()],
    }
}

/// A run in which all went well.
pub fn clean() -> Outcome {
    let lossy = lossy();
    Outcome {
        strategy: "position-from-recovery".into(),
        verdict: Verdict::Safe,
        as_expected: true,
        properties: lossy
            .properties
            .iter()
            .map(|p| property(p.id, p.name, Finding::Holds))
            .collect(),
        lost_writes: 0,
        diverged_rows: Some(0),
        explanations: Vec::new(),
        notes: Vec::new(),
        ..lossy
    }
}

/// A run that was called off.
pub fn called_off() -> Outcome {
    Outcome {
        strategy: "gtid".into(),
        verdict: Verdict::Aborted,
        downtime_ms: None,
        diverged_rows: None,
        way_back: WayBack::default(),
        serving: Host::Target,
        ..clean()
    }
}
