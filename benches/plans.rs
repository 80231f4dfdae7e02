//! The rehearsals that are measured: fault-free migrations by snapshot and GTID, sized by their commits.

use cutover::{
    scenarios::load_scenario,
    sim::{
        outcome::Verdict,
        plan::Plan,
        run::{Run, run},
    },
};

/// What a workload consists of.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// For the tables.
    pub name: &'static str,
    /// `workload.mix`.
    pub mix: &'static str,
    /// `clients.autocommit`.
    pub autocommit: bool,
    /// Commits of a run whose restore takes no time, and for each second that it takes. The seconds after a
    /// restore in which the target catches up are in both.
    pub commits: (u64, u64),
}

/// Inserts, updates and deletes of one row in one table that has no key but its primary one.
pub const ONE_ROW: Traffic = Traffic {
    name: "one row each",
    mix: "{draft=60,amend=35,cancel=5,place=0,pay=0,transfer=0,read=0,rollback=0}",
    autocommit: false,
    commits: (59_500, 2_590),
};

/// The shop as its users know it: three rows on average, in three tables with a unique and a foreign key.
pub const ORDERS: Traffic = Traffic {
    name: "the orders mix",
    mix: "{}",
    autocommit: false,
    commits: (55_150, 2_020),
};

/// A rehearsal of about `commits` commits by a hundred clients, beside a million orders that were there before.
/// The restore lasts as long as that takes.
pub fn rehearsal(traffic: Traffic, commits: u64) -> Plan {
    let (at_least, per_second) = traffic.commits;
    let restore_s = commits.saturating_sub(at_least).div_ceil(per_second);
    sized(&[
        "workload.existing_rows=1000000".into(),
        "workload.clients=100".into(),
        "workload.rate_per_s=2000".into(),
        format!("workload.mix={}", traffic.mix),
        format!("clients.autocommit={}", traffic.autocommit),
        format!("control_plane.restore_fixed={restore_s}s"),
    ])
}

/// A plan of the small shop with a quick control plane and these settings.
pub fn sized(sets: &[String]) -> Plan {
    let quick = [
        "clock.runbook_after=2s",
        "source.binlog_retention=24h",
        "source.parameter_delay=1s",
        "control_plane.snapshot_fixed=2s",
        "control_plane.create_instance=2s",
        "workload.after_cutover=1s",
        // What a page costs after a restore is virtual time; the applier is to keep up.
        "target.first_touch=0s",
    ];
    let sets: Vec<String> = quick
        .iter()
        .map(ToString::to_string)
        .chain(sets.iter().cloned())
        .collect();
    load_scenario("orders-small", &sets)
        .expect("a built-in scenario")
        .plan(1, None)
}

/// Runs a plan, which must come out *safe*.
pub fn rehearse(plan: &Plan) -> Run {
    let run = run(plan, None).expect("a plan of a built-in scenario");
    assert_eq!(
        run.outcome.verdict,
        Verdict::Safe,
        "the rehearsal is fault-free"
    );
    run
}
