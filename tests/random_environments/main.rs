//! Strategies in random environments: sound ones keep what they promise, naive ones are caught.
//!
//! Each claim is tried with 200 plans (`PROPTEST_CASES`), the same ones on every machine (`PROPTEST_RNG_SEED`); the
//! environments are those of [`random`]; [`random::limits`] and [`limits`] say what sound strategies cannot do. A plan that
//! breaks a claim is made smaller, saved and named: replay it, mend what is wrong, and keep it in `tests/plans/`.

mod limits;
#[path = "../random/mod.rs"]
mod random;
mod trial;

use cutover::sim::outcome::{Finding, Outcome, Verdict};
use limits::{
    snapshots_have_counters, snapshots_have_what_was_acknowledged, snapshots_know_their_gtids,
};
use proptest::prelude::*;
use random::{Rehearsal, recorded_rehearsals, rehearsals};
use std::cell::Cell;
use trial::{first_of, in_all};

/// The properties that are violated, with their witnesses.
fn violated(outcome: &Outcome) -> Vec<String> {
    let violated = outcome.properties.iter().filter_map(|p| match &p.finding {
        Finding::Violated { count, first } => Some(format!("{} ({count}): {first}", p.id)),
        _ => None,
    });
    violated.collect()
}

fn violates(outcome: &Outcome, id: &str) -> bool {
    let of_id = outcome.properties.iter().find(|p| p.id == id);
    of_id.is_some_and(|p| matches!(p.finding, Finding::Violated { .. }))
}

/// What a sound strategy comes to: cutover, and every property holds.
fn safe(outcome: &Outcome) -> Result<(), String> {
    if outcome.verdict == Verdict::Safe {
        return Ok(());
    }
    let last = outcome.story.iter().rev().find(|l| l.who == "operator");
    Err(format!(
        "{:?} instead of safe; {} commits, {} lost.\n{}\nThe operator's last word: {}",
        outcome.verdict,
        outcome.commits.ok,
        outcome.lost_writes,
        violated(outcome).join("\n"),
        last.map_or("none", |l| &l.what)
    ))
}

/// Replication from the position of the cut.
fn by_position() -> BoxedStrategy<Rehearsal> {
    rehearsals()
        .prop_map(snapshots_have_what_was_acknowledged)
        .boxed()
}

/// Replication by GTID.
fn by_gtid() -> BoxedStrategy<Rehearsal> {
    rehearsals().prop_map(snapshots_know_their_gtids).boxed()
}

#[test]
fn replication_by_gtid_is_safe_in_every_environment() {
    in_all("snapshot-binlog-gtid", &by_gtid(), safe);
}

#[test]
fn replication_by_position_is_safe_in_every_environment() {
    in_all("snapshot-binlog-position", &by_position(), safe);
}

#[test]
fn a_snapshot_behind_a_freeze_is_safe_in_every_environment() {
    // A restore of seconds may meet no client that tries to write.
    let kept = by_position().prop_map(snapshots_have_counters).boxed();
    is_safe("snapshot-freeze", &kept, 10);
    // Raised counters need no limit.
    let raised = "scenarios/hazards/auto-increment-rewound.remedy.runbook.toml";
    is_safe(raised, &by_position(), 10);
}

/// A run that meets no write proves nothing, and says so. At most so many of a hundred may be of that kind.
fn is_safe(strategy: &str, rehearsals: &BoxedStrategy<Rehearsal>, most_percent: u32) {
    let (tried, unknown) = (Cell::new(0), Cell::new(0));
    in_all(strategy, rehearsals, |outcome| {
        tried.set(tried.get() + 1);
        if outcome.verdict == Verdict::Unknown {
            unknown.set(unknown.get() + 1);
            return Ok(());
        }
        safe(outcome)
    });
    let (tried, unknown): (u32, u32) = (tried.get(), unknown.get());
    let most = tried * most_percent / 100;
    assert!(
        unknown <= most,
        "{strategy}: {unknown} of {tried} prove nothing"
    );
}

#[test]
fn sound_strategies_are_safe_under_recorded_traffic_in_every_environment() {
    // A recording that is not stretched is over before the cutover; no property may be violated all the same.
    for (stretched, most_percent) in [(true, 20), (false, 100)] {
        let recorded = recorded_rehearsals().prop_map(move |mut rehearsal| {
            rehearsal.workload.stretch = stretched;
            rehearsal
        });
        let exact = recorded
            .clone()
            .prop_map(snapshots_have_what_was_acknowledged);
        let known = recorded.prop_map(snapshots_know_their_gtids).boxed();
        let exact = exact.boxed();
        for (strategy, rehearsals) in [
            ("snapshot-binlog-position", &exact),
            ("snapshot-freeze", &exact),
            ("snapshot-binlog-gtid", &known),
        ] {
            is_safe(strategy, rehearsals, most_percent);
        }
    }
}

#[test]
fn without_gtids_the_gtid_strategy_ends_where_it_began() {
    let without = rehearsals().prop_map(|mut r| {
        r.environment.source.gtid_mode = false;
        r
    });
    in_all(
        "snapshot-binlog-gtid",
        &without.boxed(),
        |outcome| match outcome.verdict {
            Verdict::Aborted => Ok(()),
            other => Err(format!("{other:?} instead of aborted")),
        },
    );
}

/// Naive strategies that lose writes, and a property beside P1 that says what is wrong with each.
#[test]
fn naive_strategies_are_caught_losing_writes() {
    for (runbook, other) in [
        ("snapshot-only", "P6"),
        ("naive-lag-gate", "P10"),
        ("naive-no-fence", "P9"),
        ("naive-no-retention", "P10"),
    ] {
        first_of(runbook, &by_gtid(), |outcome| {
            violates(outcome, "P1") && violates(outcome, other)
        });
    }
}

#[test]
fn a_position_that_was_read_too_late_is_caught_silent_and_loud() {
    first_of("naive-show-master-status", &by_position(), |outcome| {
        violates(outcome, "P1") && violates(outcome, "P10")
    });
    first_of("naive-show-master-status", &by_position(), |outcome| {
        outcome.verdict == Verdict::Aborted
    });
}

#[test]
fn a_position_that_was_read_too_early_stops_the_applier_unless_gtids_tell_it_what_it_has() {
    let gtids = |on| {
        by_position().prop_map(move |mut r| {
            r.environment.source.gtid_mode = on;
            r
        })
    };
    first_of(
        "naive-early-coordinates",
        &gtids(false).boxed(),
        |outcome| outcome.verdict == Verdict::Aborted,
    );
    // A transaction whose GTID the target has is skipped (MySQL manual, "GTID Life Cycle"): the mistake is none.
    in_all("naive-early-coordinates", &gtids(true).boxed(), safe);
}

#[test]
fn a_receiver_that_was_refused_calls_the_migration_off_when_somebody_looks() {
    first_of("snapshot-binlog-gtid-no-retention", &by_gtid(), |outcome| {
        outcome.verdict == Verdict::Aborted
    });
    in_all(
        "snapshot-binlog-gtid-no-retention",
        &by_gtid(),
        |outcome| match outcome.verdict {
            Verdict::Aborted | Verdict::Safe => Ok(()),
            _ => safe(outcome),
        },
    );
}
