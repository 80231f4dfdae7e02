//! `--set KEY=VALUE` over a built-in scenario.

use super::{owned, scenario::placed, text};
use cutover_scenarios::load_scenario;

pub(super) fn seeds() -> Vec<Vec<u8>> {
    owned(&[
        "workload.clients=5",
        "source.binlog_retention=24h",
        "workload.mix={ place = 1, pay = 2 }",
        "clock.start=2026-03-02T09:58:00Z",
        "strategy=snapshot-only",
        "expect.violates=[\"P1\"]",
        "workload.kind=binlog",
        "source.\"gtid_mode\"=false",
        "network.replication.latency = '500us'",
    ])
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    // A path would be read, and the fuzzer must not read files.
    if text.contains(['/', '\\']) {
        return;
    }
    if let Err(error) = load_scenario("orders", &[text.to_owned()]) {
        placed(&error, text);
    }
}
