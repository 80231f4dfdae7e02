//! Small runs on threads that are used again, as in a sweep: seeds a second on one core and on two, without faults and
//! with four.

use crate::{
    measure::{Bench, Entry, of_all_threads},
    plans::sized,
};
use criterion::Criterion;
use cutover::sim::{
    explore::{Bias, Choice, Swarm},
    plan::Plan,
    run::run,
};
use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// Runs that one measurement does.
const SEEDS: usize = 200;
/// Faults of a plan that has any.
const FAULTS: usize = 4;

/// What is measured: its name, how many runs at a time, and whether there are faults.
const ROWS: &[(&str, usize, bool)] = &[
    ("small run, one at a time", 1, false),
    ("small run, two at a time", 2, false),
    ("with four faults, one at a time", 1, true),
    ("with four faults, two at a time", 2, true),
];

/// Commits of the runs, and how long they took by the clock on the wall, the shortest time of all.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    commits: u64,
    wall: Option<Duration>,
}

/// Small runs: 20 clients, about 500 commits each.
fn small(faults: bool) -> Vec<Plan> {
    let base = sized(&[
        "workload.existing_rows=100".into(),
        "workload.clients=20".into(),
        "workload.rate_per_s=17".into(),
        "control_plane.restore_fixed=2s".into(),
    ]);
    let swarm = Swarm::new(&base, &Choice::Contract, FAULTS as u32);
    let wanted = if faults { FAULTS } else { 0 };
    let drawn = (0..).map(|seed| swarm.plan(seed, &Bias::none()));
    let plans = drawn.filter(|plan| plan.faults.len() == wanted);
    plans
        .map(|plan| Plan {
            workload: base.workload.clone(),
            ..plan
        })
        .take(SEEDS)
        .collect()
}

pub fn measure(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "small runs", 3).by(of_all_threads);
    let plans = [small(false), small(true)];
    let mut seen = vec![Seen::default(); ROWS.len()];
    for ((name, at_a_time, faults), seen) in ROWS.iter().zip(&mut seen) {
        let plans = &plans[usize::from(*faults)];
        bench.measure(
            name,
            "seed",
            || (),
            |()| (SEEDS as u64, sweep(plans, *at_a_time, seen)),
        );
    }
    report(&bench.finish(), &seen);
}

/// Runs all plans, so many at a time.
#[expect(
    clippy::disallowed_methods,
    reason = "a look at the clock on the wall, as the command takes"
)]
fn sweep(plans: &[Plan], at_a_time: usize, seen: &mut Seen) {
    let (waiting, commits) = (Mutex::new(plans.iter()), Mutex::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let Some(plan) = waiting.lock().expect("no panic").next() else {
                        return;
                    };
                    let run = run(plan, None).expect("a plan of a built-in scenario");
                    *commits.lock().expect("no panic") += run.outcome.commits.ok;
                }
            });
        }
    });
    let took = began.elapsed();
    seen.wall = Some(seen.wall.map_or(took, |least| least.min(took)));
    seen.commits = commits.into_inner().expect("no panic") / SEEDS as u64;
}

fn report(entries: &[Entry], seen: &[Seen]) {
    if entries.is_empty() {
        return;
    }
    println!("\n### Small runs\n\n20 clients, {SEEDS} seeds on threads that are used again\n");
    println!(
        "| | commits of a seed | processor time of a seed, µs | seeds a second, by that | by the clock, at best |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut rates = Vec::new();
    for ((name, at_a_time, _), seen) in ROWS.iter().zip(seen) {
        let entry = entries.iter().find(|entry| entry.name == *name);
        let (Some(entry), Some(wall)) = (entry, seen.wall) else {
            continue;
        };
        let by_processor = *at_a_time as f64 * 1e9 / entry.ns();
        let by_clock = SEEDS as f64 / wall.as_secs_f64();
        println!(
            "| {name} | {} | {:.0} | {by_processor:.0} | {by_clock:.0} |",
            seen.commits,
            entry.ns() / 1e3,
        );
        rates.push((by_processor, by_clock));
    }
    for (pair, what) in rates.chunks_exact(2).zip(["without faults", "with four"]) {
        println!(
            "\n{what}, two cores give {:.2} times one by processor time, {:.2} times by the clock",
            pair[1].0 / pair[0].0,
            pair[1].1 / pair[0].1
        );
    }
}
