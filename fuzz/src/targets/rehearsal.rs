//! A file as the traffic of a run: the whole run.

use super::recording;
use crate::corpus;
use cutover_scenarios::parse_scenario;
use cutover_sim::{plan::Plan, run::run as rehearse, runbook::Host};
use std::{
    panic::resume_unwind,
    sync::{Arc, LazyLock},
    thread,
};

/// A run costs more than reading its traffic, so the small captures have to do.
const SMALL_BYTES: usize = 6_000;

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let text = r#"
        schema = "1.0"
        name = "fuzz"
        about = "A recording, and a migration as short as it gets."
        strategy = "snapshot-binlog-position"
        clock.limit = "2h"
        source.data_size = "1GiB"
        workload.kind = "binlog"
        workload.paths = ["binlog.000007"]
        workload.after_cutover = "1s"
    "#;
    parse_scenario("fuzz", text, &[])
        .expect("the scenario")
        .plan(1, None)
});

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = corpus::binlogs();
    seeds.retain(|seed| seed.len() < SMALL_BYTES);
    seeds
}

pub(super) fn run(input: &[u8]) {
    let Some(recording) = recording::load(input) else {
        return;
    };
    // madsim gives the thread of a run its virtual clock, and the engine's patience goes by its own thread's.
    let worked = thread::Builder::new()
        .spawn(move || {
            if let Ok(run) = rehearse(&PLAN, Some(&Arc::new(recording))) {
                for host in [Host::Source, Host::Target] {
                    let _ = run.dump(host);
                }
                let _ = run.binlog_files();
            }
        })
        .expect("a thread")
        .join();
    if let Err(panic) = worked {
        resume_unwind(panic);
    }
}
