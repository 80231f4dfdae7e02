//! A small shop, so that a sweep of some hundred plans takes seconds.

use cutover::{
    Exploration, explore,
    scenarios::{Scenario, load_runbook, load_scenario},
    sim::runbook::Runbook,
};
use std::process::{Command, Output, Stdio};

/// What makes the small shop smaller still.
pub const SMALLER: &[&str] = &[
    "workload.rate_per_s=6",
    "workload.existing_rows=40",
    "workload.after_cutover=5s",
];

pub fn scenario() -> Scenario {
    let sets: Vec<String> = SMALLER.iter().map(ToString::to_string).collect();
    load_scenario("orders-small", &sets).expect("a built-in scenario")
}

pub fn strategy(name: &str) -> Runbook {
    load_runbook(name).expect("a built-in runbook")
}

/// A sweep of the small shop with a strategy.
pub fn sweep(name: &str) -> Exploration {
    explore(&scenario()).strategy(&strategy(name))
}

/// `cutover explore` of the small shop.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(["explore", "orders-small"]);
    for set in SMALLER {
        command.args(["--set", set]);
    }
    command.args(args).stdin(Stdio::null());
    command
}

pub fn output(args: &[&str]) -> Output {
    command(args).output().expect("the command runs")
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
