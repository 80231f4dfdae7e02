//! 200 random plans, each run in two processes: what both write is equal to the byte.
//!
//! One process runs the plans one after the other, each on a thread of its own as the command does; the other one
//! runs them from the last to the first, three at a time on threads that are used again, in another folder and
//! environment, beside a process that keeps all cores busy. Compared are, for every plan, the whole trace, the
//! outcome with its fingerprint, the tables of both servers and the source's binlog files. The first difference is
//! shown with its plan, its file and its place.
//!
//! A test without libtest's harness, because it is three programs: this one draws the plans, and starts itself again
//! as each of the two processes. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` choose other plans.

#[path = "../determinism/difference.rs"]
mod difference;
mod half;
#[path = "../random/mod.rs"]
mod random;
#[path = "../determinism/surroundings.rs"]
mod surroundings;

use cutover::{
    model::mutant::{CATALOGUE, Mutants},
    scenarios::{catalogue, load_runbook, plan_to_toml},
    sim::{
        explore::{Bias, Choice, MOST_FAULTS, Swarm},
        plan::Plan,
        units::Micros,
        workload_spec::{EventSpec, Kind},
    },
};
use half::{HALF, Order};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use random::{recorded_rehearsals, rehearsals};
use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
};
use surroundings::{Neighbour, Surroundings};

/// The claim, as libtest would name it.
const CLAIM: &str = "random_plans_give_the_same_bytes_in_two_processes";
const PLANS: u32 = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == HALF) {
        return half::main(&arguments[1..]);
    }
    // What `cargo test NAME`, `cargo test -- --skip NAME` and editors pass on.
    let skipped = |pair: &[String]| pair[0] == "--skip" && CLAIM.contains(pair[1].as_str());
    if arguments.windows(2).any(skipped) {
        return ExitCode::SUCCESS;
    }
    let asked_for = |name: &&String| !name.starts_with('-') && !CLAIM.contains(name.as_str());
    if arguments.iter().any(|a| a == "--list") {
        println!("{CLAIM}: test");
    } else if arguments.iter().find(asked_for).is_none() {
        return compared();
    }
    ExitCode::SUCCESS
}

/// Draws the plans, has them run twice, and compares.
fn compared() -> ExitCode {
    let config = random::config(PLANS);
    let (count, seed) = (config.cases, config.rng_seed);
    println!("{CLAIM}: {count} plans, drawn with PROPTEST_RNG_SEED={seed}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["plans", "first", "second"] {
        fs::create_dir(path(name)).expect("an empty folder");
    }
    let plans = draw(config);
    for (number, plan) in plans.iter().enumerate() {
        let text = plan_to_toml(plan).expect("a plan is a TOML file");
        fs::write(path("plans").join(half::plan_file(number)), text).expect("a folder of ours");
    }
    run_half(
        &path("plans"),
        &path("first"),
        Order::Ascending,
        Surroundings::Bare,
    );
    {
        let _neighbour = Neighbour::busy();
        run_half(
            &path("plans"),
            &path("second"),
            Order::Descending,
            Surroundings::Strange,
        );
    }
    let mut verdicts = BTreeMap::new();
    let mut differ = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        let [first, second] = ["first", "second"].map(|which| half::read(&path(which), number));
        if let Some(difference) = difference::first_difference(&first, &second) {
            differ.push((number, plan, difference));
        }
        *verdicts.entry(half::verdict(&first)).or_insert(0) += 1;
    }
    if let Some((number, plan, difference)) = differ.first() {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differs.toml");
        let text = plan_to_toml(plan).expect("it was written before");
        fs::write(&kept, text).expect("cargo's folder for tests can be written to");
        println!(
            "{CLAIM}: FAILED\n{} of {count} plans differ, the first of them is plan {number}: {difference}\n\
             The plan is saved:\n  cutover replay {}",
            differ.len(),
            kept.display()
        );
        return ExitCode::FAILURE;
    }
    println!("the verdicts are {verdicts:?}");
    // Equal and empty would prove nothing.
    let kinds = ["\"safe\"", "\"violated\"", "\"aborted\""];
    if count >= PLANS && !kinds.iter().all(|kind| verdicts.contains_key(*kind)) {
        println!("{CLAIM}: FAILED\nthe plans do not come to all of {kinds:?}");
        return ExitCode::FAILURE;
    }
    println!("{CLAIM}: ok");
    ExitCode::SUCCESS
}

/// Every strategy in turn, in environments of all kinds, half of them with a swarm of faults, hazards among them; one
/// in five replays a recording, and one in four of the others has an event, on one side or on both. A build that has mutants switches one on in every other plan, each in turn.
fn draw(config: Config) -> Vec<Plan> {
    let runbooks: Vec<_> = catalogue::RUNBOOKS
        .iter()
        .map(|builtin| load_runbook(builtin.name).expect("a built-in runbook"))
        .collect();
    let either = prop_oneof![4 => rehearsals(), 1 => recorded_rehearsals()];
    let drawn = (either, any::<bool>());
    let cases = config.cases as usize;
    let mut runner = TestRunner::new(config);
    let mut plan = |number: usize| {
        let drawn = drawn.new_tree(&mut runner).expect("nothing is filtered");
        let (rehearsal, faults) = drawn.current();
        let mut plan = rehearsal.plan(&runbooks[number % runbooks.len()]);
        if faults {
            let swarm = Swarm::new(&plan, &Choice::Hazards, MOST_FAULTS);
            plan = swarm.plan(plan.seed, &Bias::none());
        }
        if plan.workload.kind == Kind::Orders && number % 4 == 3 {
            plan.workload.events.push(EventSpec {
                name: "job".into(),
                every: Micros::secs(7),
                starts: None,
                sql: None,
                privileged: number.is_multiple_of(3),
            });
            plan.environment.source.event_scheduler = Some(true);
            plan.environment.target.event_scheduler = Some(number % 8 == 3);
        }
        if Mutants::BUILT && number % 2 == 1 {
            plan.mutants = vec![CATALOGUE[number / 2 % CATALOGUE.len()].name.into()];
        }
        plan
    };
    (0..cases).map(&mut plan).collect()
}

fn run_half(plans: &Path, out: &Path, order: Order, surroundings: Surroundings) {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command
        .arg(HALF)
        .args([plans, out])
        .arg(order.name())
        .stdin(Stdio::null());
    surroundings.around(&mut command, out);
    let status = command.status().expect("this program starts");
    assert!(
        status.success(),
        "a process could not run its plans: {status}"
    );
}
