//! Random environments: what checks say of them, and what runs say.

use crate::{plans::*, runbooks::runbooks};
use cutover::sim::{
    explore::{Bias, Choice, Swarm},
    outcome::Verdict,
    preconditions::{Status, check},
    run::run,
    stream::Stream,
};
use std::collections::BTreeSet;

/// Keys of an environment with values that people have, good and bad.
#[rustfmt::skip]
const KEYS: &[(&str, &[&str])] = &[
    ("source.binlog_retention", &["none", "1h", "24h"]),
    ("source.gtid_mode", &["true", "true", "false"]),
    ("target.gtid_mode", &["true", "true", "false"]),
    ("source.parameter_delay", &["1s", "3s", "30s"]),
    ("source.multi_az", &["true", "false"]),
    ("source.binlog_row_image", &["full", "full", "minimal", "noblob"]),
    ("control_plane.restore_fixed", &["20s", "2m", "90m"]),
    ("control_plane.snapshot_start", &["0s", "5s", "30s"]),
    ("control_plane.dns_change", &["2s", "2s", "8m"]),
    ("clients.privileged", &["0", "0", "0", "1", "4"]),
    ("clients.resolver", &["ttl", "ttl", "forever"]),
    ("clients.drop_on_read_only", &["true", "false"]),
    ("clients.autocommit", &["true", "false"]),
    ("clients.max_lifetime", &["30s", "5m", "30m"]),
    ("names.ttl", &["1s", "5s", "1m"]),
    ("target.apply_transaction", &["400us", "20ms", "1s"]),
    ("target.replica_parallel_workers", &["1", "4"]),
    ("workload.rate_per_s", &["2", "10", "20"]),
    ("workload.after_cutover", &["10s", "30s", "4m"]),
    ("workload.table", &["[]", "[]", r#"[{name="s",engine="myisam"}]"#, r#"[{name="k",primary_key=false}]"#]),
    ("clock.limit", &["3h", "3h", "90s"]),
];

fn pick<'a, T: ?Sized>(random: &mut Stream, of: &[&'a T]) -> &'a T {
    of[random.below(of.len() as u64) as usize]
}

/// An environment: one key of so many, but for one that is given, has another value than the scenario's.
fn draw(random: &mut Stream, of: u64, but: &str) -> Vec<String> {
    let mut sets = Vec::new();
    for (key, values) in KEYS.iter().filter(|(key, _)| *key != but) {
        if random.below(of) == 0 {
            sets.push(format!("{key}={}", pick(random, values)));
        }
    }
    sets
}

#[test]
fn in_random_environments_what_a_check_is_certain_of_comes_true() {
    let mut random = Stream::new(20_260_302);
    let (mut certain, mut checks) = (0, BTreeSet::new());
    let strategies = runbooks(true, ".runbook.toml");
    let strategies: Vec<&str> = strategies.iter().map(String::as_str).collect();
    for case in 0..400 {
        let strategy = pick(&mut random, &strategies);
        let sets = draw(&mut random, 4, "");
        let words: Vec<&str> = sets.iter().map(String::as_str).collect();
        let plan = plan(strategy, &words).of_seed(case);
        let sure: Vec<_> = check(&plan, None)
            .into_iter()
            .filter(|f| f.look.certain)
            .collect();
        if sure.is_empty() {
            continue;
        }
        certain += 1;
        checks.extend(sure.iter().map(|f| f.check.name));
        let verdict = run(&plan, None).expect("it can be run").outcome.verdict;
        let why: Vec<_> = sure
            .iter()
            .map(|f| (f.check.name, &f.look.reason))
            .collect();
        assert_ne!(
            verdict,
            Verdict::Safe,
            "{why:#?}\ncutover run orders-small --strategy {strategy} --seed {case} --set {}",
            sets.join(" --set ")
        );
    }
    assert!(
        certain > 40 && checks.len() > 8,
        "{certain} plans, {checks:?}"
    );
}

#[test]
fn a_plan_without_a_fail_is_safe_as_long_as_nothing_goes_wrong() {
    let mut random = Stream::new(7);
    let mut clean = 0;
    let strategies = runbooks(false, ".remedy.runbook.toml");
    let strategies: Vec<&str> = strategies.iter().map(String::as_str).collect();
    for case in 0..150 {
        let strategy = pick(&mut random, &strategies);
        let mut sets = vec!["workload.after_cutover=3m".to_string()];
        sets.extend(draw(&mut random, 8, "workload.after_cutover"));
        let words: Vec<&str> = sets.iter().map(String::as_str).collect();
        let plan = plan(strategy, &words).of_seed(case);
        let looks = check(&plan, None);
        if looks.iter().any(|f| f.look.status == Status::Fail) {
            continue;
        }
        clean += 1;
        let outcome = run(&plan, None).expect("it can be run").outcome;
        // A limit that may not be enough, and an applier that may not keep up, are ones that a run may not end with.
        let may_not_end = looks.iter().any(|f| {
            f.look.status == Status::Warn && ["time-limit", "apply-rate"].contains(&f.check.name)
        });
        if may_not_end && outcome.verdict == Verdict::NotLive {
            continue;
        }
        assert_eq!(
            outcome.verdict,
            Verdict::Safe,
            "cutover run orders-small --strategy {strategy} --seed {case} --set {}",
            sets.join(" --set ")
        );
    }
    assert!(clean > 15, "{clean}");
}

/// The same environments under faults: what a strategy promises to survive it survives wherever no check fails.
#[test]
fn a_plan_without_a_fail_survives_what_its_strategy_promises_to_survive() {
    let mut random = Stream::new(11);
    let (mut clean, mut faults) = (0, 0);
    let strategies = runbooks(false, ".remedy.runbook.toml");
    let strategies: Vec<&str> = strategies.iter().map(String::as_str).collect();
    for case in 0..150 {
        let strategy = pick(&mut random, &strategies);
        let sets = draw(&mut random, 8, "");
        let words: Vec<&str> = sets.iter().map(String::as_str).collect();
        let base = plan(strategy, &words);
        if check(&base, None)
            .iter()
            .any(|f| f.look.status == Status::Fail)
        {
            continue;
        }
        clean += 1;
        let swarm = Swarm::new(&base, &Choice::Contract, 4);
        for seed in 0..4 {
            let plan = swarm.plan(4 * case + seed, &Bias::none());
            let outcome = run(&plan, None).expect("it can be run").outcome;
            faults += outcome.faults.len();
            assert_ne!(
                outcome.verdict,
                Verdict::Violated,
                "{strategy} with {sets:?}, seed {}: {:#?}",
                plan.seed,
                outcome.faults
            );
        }
    }
    assert!(clean > 50 && faults > 100, "{clean} plans, {faults} faults");
}
