//! Counters of AUTO_INCREMENT: a server before 8.0 has them in memory, and no snapshot of it has them.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        outcome::{Finding, Verdict},
        run::run,
    },
};

const HAZARD: &str = "scenarios/hazards/auto-increment-rewound.toml";
const FREEZE: &str = "snapshot-freeze";
const AURORA_2: &str = "5.7.mysql_aurora.2.11.3";
const AURORA_3: &str = "8.0.mysql_aurora.3.08.0";
/// An order that is placed and cancelled before it, and none behind.
const BEFORE_THE_CUT: &str =
    r#"workload.transaction=[{at="1s",does="place"},{at="2s",does="cancel"}]"#;
/// An order that is placed and cancelled once the snapshot is cut: it comes by replication.
const BEHIND_THE_CUT: &str = r#"workload.transaction=[
    {at="30s",does="place"},{at="31s",does="cancel"},{at="32s",client=1,does="transfer"},{at="73s",client=1,does="transfer"},
    {at="74s",client=1,does="transfer"},{at="2m",does="transfer"},{at="2m",client=1,does="transfer"}]"#;
const CRASH: &str = r#"fault=[{on={event="gate-passed"},lasts="5s",target_crash={}}]"#;

/// Whether ids are given twice, or will be; nothing else may be wrong.
fn gives_ids_again(strategy: &str, source: &str, target: &str, sets: &[&str]) -> bool {
    let versions = [
        format!("source.engine_version={source}"),
        format!("target.engine_version={target}"),
    ];
    let sets = sets.iter().map(|set| set.replace('\n', ""));
    let sets: Vec<String> = sets.chain(versions).collect();
    let scenario = load_scenario(HAZARD, &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    let plan = scenario.plan(1, Some(&runbook));
    let outcome = run(&plan, None).expect("a plan that can be run").outcome;
    let violated = outcome.properties.iter();
    let violated = violated.filter(|p| matches!(p.finding, Finding::Violated { .. }));
    let violated: Vec<&str> = violated.map(|p| p.id).collect();
    assert!(
        matches!(violated[..], [] | ["P14"]),
        "{strategy}: {violated:?}"
    );
    assert_ne!(outcome.verdict, Verdict::Aborted, "{strategy}");
    !violated.is_empty()
}

#[test]
fn the_snapshot_of_a_server_before_8_0_gives_the_id_of_a_cancelled_order_again() {
    for strategy in [FREEZE, "wizard-migrate-snapshot-frozen"] {
        assert!(gives_ids_again(strategy, "5.6.51", AURORA_2, &[]));
        assert!(gives_ids_again(strategy, "5.7.44", AURORA_2, &[]));
        // The upgrade finds no counters on the volume.
        assert!(gives_ids_again(strategy, "5.7.44", AURORA_3, &[]));
        assert!(!gives_ids_again(strategy, "8.0.36", AURORA_3, &[]));
    }
}

#[test]
fn rows_that_come_by_replication_move_the_counters_on() {
    for strategy in [
        "snapshot-binlog-gtid",
        "wizard-read-replica",
        "replica-binlog-position",
    ] {
        let before = [BEFORE_THE_CUT];
        assert!(gives_ids_again(strategy, "5.7.44", AURORA_2, &before));
        assert!(!gives_ids_again(strategy, "8.0.36", AURORA_3, &before));
        assert!(!gives_ids_again(
            strategy,
            "5.7.44",
            AURORA_2,
            &[BEHIND_THE_CUT]
        ));
    }
}

#[test]
fn an_aurora_2_that_is_restarted_forgets_its_counters() {
    let sets = [BEHIND_THE_CUT, CRASH];
    let strategy = "snapshot-binlog-gtid";
    assert!(gives_ids_again(strategy, "5.7.44", AURORA_2, &sets));
    assert!(!gives_ids_again(strategy, "5.7.44", AURORA_3, &sets));
}
