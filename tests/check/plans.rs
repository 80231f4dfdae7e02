//! Plans of the small shop, and what a check finds in one.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        plan::Plan,
        preconditions::{Finding, check},
    },
};

pub const GTID: &str = "snapshot-binlog-gtid";
pub const GTID_AND_BACK: &str = "snapshot-binlog-gtid-rollback";
pub const CANARY_BEHIND: &str = "scenarios/hazards/half-of-the-fleet-first.remedy.runbook.toml";
pub const KEYLESS: &str = r#"workload.table=[{name="s",primary_key=false}]"#;

/// A plan of the small shop.
pub fn plan(strategy: &str, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(&runbook))
}

pub fn finding(name: &str, plan: &Plan) -> Option<Finding> {
    check(plan, None).into_iter().find(|f| f.check.name == name)
}
