//! Plans that a swarm draws.

use crate::support::{scenario, strategy};
use cutover::{
    scenarios::{catalogue, parse_plan, plan_to_toml},
    sim::{
        explore::{Bias, Choice, Swarm},
        faults::{CATALOGUE, Class, class},
        plan::Plan,
        units::Micros,
        workload_spec::Mix,
    },
};
use std::collections::BTreeSet;

fn drawn(base: &Plan, choice: &Choice, seeds: u64) -> Vec<Plan> {
    let swarm = Swarm::new(base, choice, 4);
    let plans = (0..seeds).map(|seed| swarm.plan(seed, &Bias::none()));
    plans.collect()
}

#[test]
fn every_plan_of_a_swarm_is_a_file_that_the_loader_takes() {
    for builtin in catalogue::RUNBOOKS {
        let base = scenario().plan(0, Some(&strategy(builtin.name)));
        for plan in drawn(&base, &Choice::Hazards, 100) {
            let text = plan_to_toml(&plan).expect("a plan is a TOML file");
            let read = parse_plan("drawn", &text);
            let read = read.unwrap_or_else(|error| panic!("seed {}: {error}\n{text}", plan.seed));
            assert_eq!(read, plan);
        }
    }
}

#[test]
fn every_kind_of_fault_is_drawn_and_some_plans_have_none() {
    // A runbook with a DMS task, that there is one to be lost.
    let base = scenario().plan(0, Some(&strategy("dms-full-load-cdc")));
    let plans = drawn(&base, &Choice::Hazards, 2_000);
    let kinds = plans.iter().flat_map(|plan| &plan.faults);
    let kinds: BTreeSet<_> = kinds.filter_map(|f| Some(f.harm().ok()?.kind())).collect();
    let missing = CATALOGUE
        .iter()
        .filter(|facts| !kinds.contains(&facts.kind));
    let missing: Vec<_> = missing.map(|facts| facts.key).collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
    let none = plans.iter().filter(|plan| plan.faults.is_empty()).count();
    assert!((150..400).contains(&none), "one in eight: {none}");
}

#[test]
fn a_swarm_of_contract_faults_draws_nothing_that_breaks_an_assumption() {
    for name in ["snapshot-binlog-gtid", "snapshot-binlog-position"] {
        let mut base = scenario().plan(0, Some(&strategy(name)));
        // Crashes of this source are no contract.
        base.environment.source.sync_binlog = 0;
        for plan in drawn(&base, &Choice::Contract, 1_000) {
            for fault in &plan.faults {
                assert_eq!(class(fault, &plan), Some(Class::Contract), "{fault:?}");
            }
        }
    }
}

#[test]
fn a_plan_depends_on_its_seed_and_its_faults_move_nothing_else() {
    let base = scenario().plan(0, None);
    let (some, none) = (
        Swarm::new(&base, &Choice::Contract, 4),
        Swarm::new(&base, &Choice::Contract, 0),
    );
    let plan = some.plan(17, &Bias::none());
    assert_eq!(plan, some.plan(17, &Bias::none()));
    assert_ne!(plan.faults, some.plan(18, &Bias::none()).faults);
    let calm = none.plan(17, &Bias::none());
    assert_eq!(
        (calm.streams, &calm.workload),
        (plan.streams, &plan.workload)
    );
    assert_eq!(calm.streams, scenario().plan(17, None).streams);
}

/// That a migration does not end because nobody could apply so much says nothing of its strategy; but a scenario that asks
/// that much itself is taken at its word.
#[test]
fn no_traffic_is_drawn_that_the_targets_applier_cannot_take() {
    // Seconds of a worker that a second's transactions take, their rows aside.
    let load = |plan: &Plan| {
        let weights = plan.workload.mix.weights();
        let sum = |of: &dyn Fn(&str) -> bool| -> u32 {
            let counted = weights.iter().filter(|(name, _)| of(name));
            counted.map(|(_, weight)| weight).sum()
        };
        let writing = sum(&|name| !["read", "rollback"].contains(&name));
        let share = f64::from(writing) / f64::from(sum(&|_| true));
        plan.workload.rate_per_s * share * plan.environment.target.apply_transaction.0 as f64 / 1e6
    };
    let most = |base: &Plan| {
        let plans = drawn(base, &Choice::Contract, 300);
        plans.iter().map(load).fold(0.0, f64::max)
    };
    let base = |apply_ms| {
        let mut base = scenario().plan(0, None);
        base.environment.target.apply_transaction = Micros::ms(apply_ms);
        base
    };
    let idle = base(1);
    assert!(
        most(&idle) > 1.5 * load(&idle),
        "little to do: more is drawn"
    );
    let busy = base(120);
    assert!((0.4..0.7).contains(&load(&busy)), "{}", load(&busy));
    assert!((0.65..0.7).contains(&most(&busy)), "{}", most(&busy));
    let mut by_hour = busy.clone();
    by_hour.workload.rate_by_hour = [&[0.0; 12][..], &[2.0; 12]].concat();
    assert!(most(&by_hour) < most(&busy), "the busiest hour counts");
    let overwhelmed = base(1_000);
    let ratio = most(&overwhelmed) / load(&overwhelmed);
    assert!((0.9..1.01).contains(&ratio), "{ratio}");
}

fn all_off() -> Mix {
    Mix {
        place: 0,
        pay: 0,
        transfer: 0,
        cancel: 0,
        read: 0,
        rollback: 0,
        draft: 0,
        amend: 0,
    }
}

#[test]
fn something_always_writes() {
    let base = scenario().plan(0, None);
    let mut off = 0;
    for plan in drawn(&base, &Choice::Contract, 1_000) {
        let mix = plan.workload.mix;
        assert!(
            mix.place + mix.transfer + mix.draft > 0,
            "seed {}",
            plan.seed
        );
        off += u32::from(mix.weights().iter().filter(|(_, w)| *w == 0).count() > 3);
    }
    assert!(off > 300, "a swarm leaves things out: {off}");
    let mut base = base;
    base.workload.mix = Mix {
        amend: 7,
        ..all_off()
    };
    for plan in drawn(&base, &Choice::Contract, 100) {
        assert!(plan.workload.mix.amend > 0, "there is nothing else");
    }
}
