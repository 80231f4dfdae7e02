//! Shrinking: what is left of a plan that fails, and that it still fails as it did.

use cutover::{
    scenarios::{check_made, load_runbook, load_scenario, parse_plan, plan_to_toml, strategies},
    sim::{
        explore::{Bias, Choice, MOST_FAULTS, Swarm},
        faults::{
            AsyncFailover, Fault, Harm, Jitter, Latency, Occasion, On, SlowFsync, Stall, Wire,
        },
        outcome::Verdict,
        plan::Plan,
        run::run,
        shrink::{Alike, Failing, OneByOne, Shrunk, shrink},
        units::Micros,
    },
};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// For each strategy that shows a mistake: where it shows.
const NAIVE: &[(&str, &str, &[&str])] = &[
    (
        "naive-early-coordinates",
        "orders-small",
        &["source.gtid_mode=false"],
    ),
    ("naive-lag-gate", "orders-small", &[]),
    ("naive-no-fence", "orders-small", &[]),
    ("naive-no-retention", "orders-small", &[]),
    ("naive-show-master-status", "orders-append", &[]),
    ("naive-dms-live-load", "orders-small", &[]),
    ("naive-dms-defaults", "orders-small", &[]),
    ("snapshot-only", "orders-small", &[]),
    ("naive-coordinates-from-target", "orders-append", &[]),
    (
        "naive-wizard-lag-gate",
        "orders-small",
        &["network.replication.latency=3s"],
    ),
    (
        "naive-wizard-promote-early",
        "orders-small",
        &["network.replication.latency=3s"],
    ),
    ("naive-rollback-late-coordinates", "orders-append", &[]),
    ("naive-rollback-without-replication", "orders-small", &[]),
];

/// They fail loudly: the migration is called off, nothing is lost, and there is nothing to shrink.
const ABORTED: &[(&str, &[&str])] = &[("snapshot-binlog-gtid-no-retention", &[])];

fn plan(scenario: &str, strategy: &str, sets: &[&str]) -> Plan {
    let mut sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    sets.extend(["workload.rate_per_s=10".into(), "clock.limit=20m".into()]);
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    let scenario = load_scenario(scenario, &sets).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(&runbook))
}

/// `snapshot-binlog-gtid` with a failover that loses commits, among faults that it survives.
fn hazard_among_others() -> Plan {
    let mut plan = plan("orders-small", "snapshot-binlog-gtid", &[]);
    let at = |harm: Harm, at, lasts| Fault {
        at: Some(Micros::secs(at)),
        lasts: Some(Micros::secs(lasts)),
        ..harm.into_fault()
    };
    let link = Wire::Replication;
    plan.faults = vec![
        at(
            Harm::Latency(Latency {
                link,
                add: Micros::ms(80),
            }),
            12,
            40,
        ),
        at(
            Harm::Jitter(Jitter {
                link,
                add: Micros::ms(30),
            }),
            20,
            10,
        ),
        Fault {
            on: Some(On {
                event: Occasion::SourceCommits,
                nth: 151,
                after: Micros::ms(123),
            }),
            lasts: Some(Micros::secs(37)),
            ..Harm::AsyncFailover(AsyncFailover {
                behind: Micros::ms(2_345),
            })
            .into_fault()
        },
        at(Harm::SlowFsync(SlowFsync { times: 20 }), 5, 50),
        at(Harm::Stall(Stall { link }), 45, 3),
    ];
    plan
}

fn failing(plan: &Plan) -> (Alike, Shrunk) {
    shrunk_within(plan, 10_000)
}

fn shrunk_within(plan: &Plan, runs: u64) -> (Alike, Shrunk) {
    let run = run(plan, None).unwrap();
    let wanted = Alike::of(&run.outcome)
        .unwrap_or_else(|| panic!("{:?}\n{}", run.outcome.verdict, text(plan)));
    let reference = load_scenario(&plan.scenario, &[]).unwrap().plan(1, None);
    let transactions = run.transactions();
    let failing = Failing {
        plan: plan.clone(),
        outcome: run.outcome,
    };
    let mut trial = OneByOne {
        recording: None,
        runs_left: runs,
        is_valid: |plan| check_made(plan).is_ok(),
    };
    let shrunk = shrink(failing, &wanted, transactions, &reference, &mut trial);
    (wanted, shrunk)
}

fn text(plan: &Plan) -> String {
    plan_to_toml(plan).unwrap()
}

/// Whether a plan fails in this way, when it is one at all.
fn fails(plan: &Plan, wanted: &Alike) -> bool {
    check_made(plan).is_ok()
        && Alike::of(&run(plan, None).unwrap().outcome).as_ref() == Some(wanted)
}

#[test]
fn a_run_whose_transactions_are_written_down_is_the_same_run() {
    let drawn = plan(
        "orders-small",
        "snapshot-binlog-gtid",
        &["clients.retry=definite"],
    );
    let run_of_drawn = run(&drawn, None).unwrap();
    let mut written = drawn.clone();
    written.workload.transactions = run_of_drawn.transactions();
    assert!(written.workload.transactions.len() > 500);
    let run_of_written = run(&written, None).unwrap();
    assert_eq!(
        run_of_drawn.outcome.fingerprint,
        run_of_written.outcome.fingerprint
    );
    written.workload.transactions.pop();
    let one_less = run(&written, None).unwrap();
    assert_ne!(
        run_of_drawn.outcome.fingerprint,
        one_less.outcome.fingerprint
    );
}

#[test]
fn every_naive_strategy_is_here() {
    let shown = NAIVE.iter().map(|(strategy, ..)| *strategy);
    let aborted = ABORTED.iter().map(|(strategy, _)| *strategy);
    let here: BTreeSet<&str> = shown.chain(aborted).collect();
    for listed in strategies().into_iter().filter(|listed| listed.naive) {
        assert!(here.contains(listed.name.as_str()), "{}", listed.name);
    }
}

#[test]
fn each_naive_strategy_shrinks_to_at_most_three_transactions_of_one_client() {
    for (strategy, scenario, sets) in NAIVE {
        let plan = plan(scenario, strategy, sets);
        let (wanted, shrunk) = failing(&plan);
        let small = &shrunk.best.plan;
        assert!(shrunk.complete, "{strategy}");
        let transactions = small.workload.transactions.len();
        assert!(
            (1..=3).contains(&transactions),
            "{strategy}: {}",
            text(small)
        );
        assert_eq!(small.workload.clients, 1, "{strategy}");
        assert!(
            small.runbook.steps.len() < plan.runbook.steps.len() || *strategy == "snapshot-only"
        );
        assert!(fails(small, &wanted), "{strategy}: {}", text(small));
    }
}

/// The first of a swarm's plans from a seed on that ends with a verdict, and how many it took.
fn caught(swarm: &Swarm, from: u64, verdict: Verdict) -> Option<(u64, Plan)> {
    (1..=1_000).find_map(|plans| {
        let plan = swarm.plan(from + plans, &Bias::none());
        let ended = run(&plan, None).unwrap().outcome.verdict;
        (ended == verdict).then_some((plans, plan))
    })
}

/// What sweeps from different seeds on come upon, in their order.
fn caught_by_sweeps(plan: &Plan, verdict: Verdict) -> Vec<(u64, Plan)> {
    let swarm = Swarm::new(plan, &Choice::Contract, MOST_FAULTS);
    let name = &plan.runbook.name;
    let caught = [0, 10_000, 20_000].map(|from| {
        let caught = caught(&swarm, from, verdict);
        caught.unwrap_or_else(|| panic!("{name} survived a thousand plans from {from} on"))
    });
    let mut took = caught.each_ref().map(|(plans, _)| *plans);
    took.sort_unstable();
    assert!(took[1] < 100, "{name}: {took:?} plans");
    caught.into()
}

#[test]
fn each_naive_strategy_that_a_sweep_catches_among_faults_shrinks_to_what_fits_on_a_screen() {
    for (strategy, scenario, sets) in NAIVE {
        let plan = plan(scenario, strategy, sets);
        for (_, plan) in caught_by_sweeps(&plan, Verdict::Violated) {
            let (wanted, shrunk) = failing(&plan);
            let small = &shrunk.best.plan;
            assert!(shrunk.complete, "{strategy}");
            assert!(fails(small, &wanted), "{strategy}: {}", text(small));
            let (events, transactions) = (small.faults.len(), small.workload.transactions.len());
            assert!(
                events <= 5 && (1..=3).contains(&transactions),
                "{strategy}, seed {}: {}",
                plan.seed,
                text(small)
            );
        }
    }
    for (strategy, sets) in ABORTED {
        caught_by_sweeps(&plan("orders-small", strategy, sets), Verdict::Aborted);
    }
}

#[test]
fn the_naive_strategies_that_are_not_shrunk_are_called_off() {
    for (strategy, sets) in ABORTED {
        let plan = plan("orders-small", strategy, sets);
        let verdict = run(&plan, None).unwrap().outcome.verdict;
        assert_eq!(verdict, Verdict::Aborted, "{strategy}");
    }
}

#[test]
fn of_five_faults_the_one_that_matters_is_left_and_is_simple() {
    let plan = hazard_among_others();
    let (wanted, shrunk) = failing(&plan);
    let small = &shrunk.best.plan;
    assert!(shrunk.complete);
    assert!(fails(small, &wanted));
    let [fault] = &small.faults[..] else {
        panic!("{}", text(small));
    };
    assert!(fault.async_failover.is_some(), "{fault:?}");
    assert!(fault.lasts < Some(Micros::secs(37)), "{fault:?}");
    let early = fault.on.is_some_and(|on| on.nth <= 3);
    let round = fault.at.is_some_and(|at| at.0.is_multiple_of(100_000));
    assert!(early || round, "{fault:?}");
    assert!(small.workload.transactions.len() <= 3, "{}", text(small));
    let without = Plan {
        faults: Vec::new(),
        ..small.clone()
    };
    assert!(
        !fails(&without, &wanted),
        "the steps that are left are not to blame: {}",
        text(small)
    );
}

#[test]
fn nothing_is_left_that_could_be_left_out_alone() {
    for plan in [
        plan("orders-small", "naive-lag-gate", &[]),
        hazard_among_others(),
    ] {
        let (wanted, shrunk) = failing(&plan);
        let small = shrunk.best.plan;
        for i in 0..small.faults.len() {
            let mut without = small.clone();
            without.faults.remove(i);
            assert!(!fails(&without, &wanted), "fault {i} of {}", text(&small));
        }
        for i in
            (0..small.workload.transactions.len()).filter(|_| small.workload.transactions.len() > 1)
        {
            let mut without = small.clone();
            without.workload.transactions.remove(i);
            assert!(
                !fails(&without, &wanted),
                "transaction {i} of {}",
                text(&small)
            );
        }
        for i in (0..small.runbook.steps.len()).filter(|_| small.faults.is_empty()) {
            let mut without = small.clone();
            without.runbook.steps.remove(i);
            assert!(!fails(&without, &wanted), "step {i} of {}", text(&small));
        }
        let (_, again) = failing(&small);
        assert_eq!(text(&again.best.plan), text(&small), "no move is left");
    }
}

#[test]
fn shrinking_that_is_cut_short_keeps_a_plan_that_fails() {
    let plan = plan("orders-small", "naive-lag-gate", &[]);
    for runs in [0, 1, 10, 40] {
        let (wanted, shrunk) = shrunk_within(&plan, runs);
        assert!(!shrunk.complete, "{runs}");
        assert!(fails(&shrunk.best.plan, &wanted), "{runs}");
    }
}

fn cutover(folder: &Path, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_cutover"))
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn the_command_finds_the_same_plan_with_any_number_of_jobs_and_it_replays_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan("orders-small", "naive-lag-gate", &[]);
    fs::write(folder.path().join("plan.toml"), text(&plan)).unwrap();
    let mut found = Vec::new();
    for jobs in ["1", "2", "5"] {
        let out = format!("small-{jobs}.toml");
        let args = [
            "shrink",
            "plan.toml",
            "--jobs",
            jobs,
            "--out",
            &out,
            "--within",
            "10m",
        ];
        let output = cutover(folder.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        found.push(fs::read_to_string(folder.path().join(out)).unwrap());
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
    let mut small = parse_plan("small", &found[0]).unwrap();
    let (_, shrunk) = failing(&plan);
    assert!(small.recorded.take().is_some());
    assert_eq!(text(&small), text(&shrunk.best.plan));
    let replayed = cutover(
        folder.path(),
        &["replay", "small-1.toml", "--format", "json"],
    );
    let replayed: serde_json::Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(replayed["replay"]["fingerprint_holds"], true);
    assert_eq!(replayed["verdict"], "violated");
}

#[test]
fn the_command_replaces_no_file_unless_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut failing = plan("orders-small", "snapshot-only", &[]);
    failing.workload.rate_per_s = 1.0;
    fs::write(at("plan.toml"), text(&failing)).unwrap();
    fs::write(at("plan.min.toml"), "mine").unwrap();
    let refused = cutover(folder.path(), &["shrink", "plan.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("plan.min.toml is there already") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(at("plan.min.toml")).unwrap(), "mine");
    let forced = cutover(folder.path(), &["shrink", "plan.toml", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{forced:?}");
    assert!(parse_plan("small", &fs::read_to_string(at("plan.min.toml")).unwrap()).is_ok());
}

#[test]
fn a_plan_that_does_not_fail_is_not_shrunk() {
    let folder = tempfile::tempdir().unwrap();
    let sound = plan("orders-small", "snapshot-binlog-gtid", &[]);
    assert_eq!(run(&sound, None).unwrap().outcome.verdict, Verdict::Safe);
    fs::write(folder.path().join("plan.toml"), text(&sound)).unwrap();
    let output = cutover(folder.path(), &["shrink", "plan.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("nothing to shrink"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn time_that_is_over_leaves_the_smallest_plan_so_far_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan("orders-small", "naive-lag-gate", &[]);
    fs::write(folder.path().join("plan.toml"), text(&plan)).unwrap();
    let args = ["shrink", "plan.toml", "--within", "0s", "--format", "json"];
    let output = cutover(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["complete"], false);
    assert_eq!(told["failure"]["what"]["property"], "P1");
    assert!(folder.path().join("plan.min.toml").exists());
}
