//! Links that stall and are reset: a sound strategy loses nothing to them, and they are felt.

use std::process::Command;

/// The JSON of a run of `orders-small`, without its wall time.
fn run(strategy: &str, sets: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args([
        "run",
        "orders-small",
        "--strategy",
        strategy,
        "--format",
        "json",
    ]);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the command runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

const ROUGH: [&str; 6] = [
    "network.replication.stall_every=10s",
    "network.replication.stall_for=4s",
    "network.replication.reset_every=17s",
    "network.clients_source.reset_every=7s",
    "network.clients_target.stall_every=5s",
    "network.clients_target.stall_for=1s",
];

#[test]
fn sound_strategies_lose_nothing_over_links_that_stall_and_are_reset() {
    for strategy in ["snapshot-binlog-gtid", "snapshot-binlog-position"] {
        let sets: Vec<&str> = ROUGH
            .into_iter()
            .chain(["target.connect_retry=2s"])
            .collect();
        let rough = run(strategy, &sets);
        assert!(
            rough.contains("\"verdict\": \"safe\""),
            "{strategy}: {rough}"
        );
        assert!(rough.contains("\"lost_writes\": 0,"), "{strategy}: {rough}");
        assert!(
            rough.contains("the receiver has lost its connection"),
            "{strategy}: a reset is felt"
        );
    }
}

#[test]
fn clients_fail_when_their_connections_are_reset_in_mid_transaction() {
    let fails = |json: &str| {
        json.lines()
            .find(|l| l.trim_start().starts_with("\"fail\""))
            .map(str::to_owned)
    };
    let steady = run("snapshot-only", &[]);
    let rough = run(
        "snapshot-only",
        &["network.clients_source.reset_every=100ms"],
    );
    assert_ne!(fails(&steady), fails(&rough));
}
