//! A seed expands to a plan, and a plan is a file.

use cutover_scenarios::{
    catalogue, load_runbook, load_scenario, parse_plan, plan_to_toml, stream_seed,
};
use cutover_sim::plan::Recorded;
use std::collections::BTreeSet;

#[test]
fn a_seed_expands_to_this_very_plan() {
    // A saved plan replays without the seed; but a seed in somebody's notes must mean the same plan too.
    let plan = load_scenario("orders", &[]).unwrap().plan(42, None);
    insta::assert_snapshot!(plan_to_toml(&plan).unwrap());
}

#[test]
fn every_plan_is_read_back_as_the_same_plan() {
    for scenario in catalogue::SCENARIOS {
        let scenario = load_scenario(scenario.name, &[]).unwrap();
        for (runbook, seed) in catalogue::RUNBOOKS
            .iter()
            .zip([0, 1, u64::MAX].into_iter().cycle())
        {
            let mut plan = scenario.plan(seed, Some(&load_runbook(runbook.name).unwrap()));
            plan.recorded = Some(Recorded {
                version: "0.1.0".into(),
                fingerprint: "00ff".into(),
            });
            plan.workload.rate_per_s = 0.1 + 0.2;
            let text = plan_to_toml(&plan).unwrap();
            assert_eq!(parse_plan("plan", &text).unwrap(), plan);
            assert_eq!(
                plan_to_toml(&parse_plan("plan", &text).unwrap()).unwrap(),
                text
            );
        }
    }
}

#[test]
fn a_strategy_takes_the_place_of_the_scenarios_own_and_moves_no_stream() {
    let scenario = load_scenario("orders-small", &[]).unwrap();
    let other = load_runbook("snapshot-only").unwrap();
    let plan = scenario.plan(7, Some(&other));
    assert_eq!(plan.runbook, other);
    assert_eq!(plan.streams, scenario.plan(7, None).streams);
}

#[test]
fn a_stream_depends_on_its_seed_and_its_purpose_alone() {
    // Pinned one by one: a purpose that is added, renamed or moved leaves the others as they are.
    assert_eq!(stream_seed(42, "workload"), 0x6ac8_c11e_be04_b8e7);
    assert_eq!(stream_seed(42, "ties"), 0x462c_b436_7b68_b1d7);
    // No two of the streams of neighbouring seeds are the same.
    let purposes = [
        "workload",
        "base",
        "links",
        "ties",
        "control_plane",
        "madsim",
    ];
    let seeds: BTreeSet<u64> = (0..1_000)
        .flat_map(|seed| purposes.map(|purpose| stream_seed(seed, purpose)))
        .collect();
    assert_eq!(seeds.len(), 6_000);
}

#[test]
fn a_set_lies_over_the_file_whatever_its_type() {
    let sets = [
        "workload.existing_rows=0",
        "workload.clients=5",
        "workload.clients=6",
        "workload.rate_per_s=2",
        "source.binlog_retention=24h",
        "source.engine_version=8.4",
        "source.max_binlog_size=8192",
        "source.multi_az=false",
        "clock.start=2026-03-03T00:00:00Z",
        "clients.resolver = forever",
        "network.replication={latency=\"7ms\"}",
        "expect.violates=[\"P1\"]",
        "strategy=snapshot-only",
        "name=mine",
    ];
    let scenario = load_scenario("orders", &sets.map(String::from)).unwrap();
    let plain = load_scenario("orders", &[]).unwrap();
    assert_eq!(
        (scenario.workload.existing_rows, scenario.workload.clients),
        (0, 6)
    );
    assert_eq!(scenario.workload.mix, plain.workload.mix);
    assert_eq!(scenario.environment.source.binlog_retention.to_owned(), {
        use cutover_sim::{environment::Retention, units::Micros};
        Retention::For(Micros::hours(24))
    });
    assert_eq!(scenario.environment.source.engine_version, "8.4");
    assert_eq!(scenario.environment.source.max_binlog_size.0, 8_192);
    assert_eq!(scenario.clock.start.to_string(), "2026-03-03T00:00:00Z");
    assert_eq!(scenario.environment.network.replication.latency.0, 7_000);
    // A table is laid over key by key: what it does not say stays.
    assert_eq!(
        scenario.environment.network.operator_latency,
        plain.environment.network.operator_latency
    );
    assert_eq!(scenario.runbook.name, "snapshot-only");
    assert_eq!(scenario.name, "mine");
}

#[test]
fn the_orders_story_is_as_it_is_told() {
    let scenario = load_scenario("orders", &[]).unwrap();
    let at = |after: cutover_sim::units::Micros| {
        cutover_sim::units::Moment(scenario.clock.start.0 + after.0).time_of_day()
    };
    assert_eq!(at(scenario.clock.runbook_after), "09:59:59.700");
    assert_eq!(
        at(scenario.workload.first_order_after.unwrap()),
        "10:01:00.000"
    );
    assert_eq!(scenario.workload.existing_rows, 1_000_000);
}
