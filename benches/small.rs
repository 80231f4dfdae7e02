//! Small runs on threads that are used again, as in a sweep: seeds a second on one core and on two, without faults and
//! with four, each transaction of one row or the orders mix.

use crate::{
    measure::{Bench, Entry, of_all_threads},
    plans::{ONE_ROW, ORDERS, Traffic, sized},
};
use criterion::Criterion;
use cutover::sim::{
    explore::{Bias, Choice, End, Runner, Swarm},
    plan::Plan,
};
use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// Runs that one measurement does.
const SEEDS: usize = 200;
/// Faults of a plan that has any.
const FAULTS: usize = 4;

/// One row, each statement a transaction by itself: one round trip.
pub const AUTOCOMMIT: Traffic = Traffic {
    name: "one row each, autocommit",
    autocommit: true,
    ..ONE_ROW
};

/// Small runs of one kind: 20 clients, about 500 commits each.
struct Small {
    traffic: Traffic,
    faults: usize,
    /// Transactions that the clients want: fewer where a run lasts longer, because of its faults, and where all of
    /// them write.
    rate_per_s: &'static str,
    /// The measurements: one run at a time, and two.
    names: [&'static str; 2],
}

const SMALL: &[Small] = &[
    Small {
        traffic: ONE_ROW,
        faults: 0,
        rate_per_s: "12.7",
        names: [
            "one row each, without faults, one at a time",
            "one row each, without faults, two at a time",
        ],
    },
    Small {
        traffic: ONE_ROW,
        faults: FAULTS,
        rate_per_s: "9.75",
        names: [
            "one row each, with four faults, one at a time",
            "one row each, with four faults, two at a time",
        ],
    },
    Small {
        traffic: AUTOCOMMIT,
        faults: FAULTS,
        rate_per_s: "9.75",
        names: [
            "one row each, autocommit, with four faults, one at a time",
            "one row each, autocommit, with four faults, two at a time",
        ],
    },
    Small {
        traffic: ORDERS,
        faults: 0,
        rate_per_s: "17",
        names: [
            "the orders mix, without faults, one at a time",
            "the orders mix, without faults, two at a time",
        ],
    },
    Small {
        traffic: ORDERS,
        faults: FAULTS,
        rate_per_s: "13.3",
        names: [
            "the orders mix, with four faults, one at a time",
            "the orders mix, with four faults, two at a time",
        ],
    },
];

/// Commits of the runs, and of each plan the shortest time that its run took by the clock on the wall. Neighbours on the
/// same processor make half of what is measured twice as long: the shortest times are those that nobody disturbed.
#[derive(Clone, Debug)]
struct Seen {
    commits: u64,
    shortest: Vec<Duration>,
}

impl Small {
    /// The plans, the seeds' faults the same for either traffic.
    fn plans(&self) -> Vec<Arc<Plan>> {
        let of = |traffic: Traffic, rate_per_s| {
            sized(&[
                "workload.existing_rows=100".into(),
                "workload.clients=20".into(),
                format!("workload.mix={}", traffic.mix),
                format!("workload.rate_per_s={rate_per_s}"),
                "control_plane.restore_fixed=2s".into(),
            ])
        };
        let swarm = Swarm::new(&of(ORDERS, "17"), &Choice::Contract, FAULTS as u32);
        let workload = of(self.traffic, self.rate_per_s).workload;
        let drawn = (0..).map(|seed| swarm.plan(seed, &Bias::none()));
        let plans = drawn.filter(|plan| plan.faults.len() == self.faults);
        plans
            .map(|mut plan| {
                plan.workload = workload.clone();
                plan.environment.clients.autocommit = self.traffic.autocommit;
                Arc::new(plan)
            })
            .take(SEEDS)
            .collect()
    }
}

pub fn measure(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "small runs", 10).by(of_all_threads);
    let mut seen = Vec::new();
    for small in SMALL {
        let plans = small.plans();
        for (at_a_time, name) in (1..).zip(small.names) {
            let mut this = Seen {
                commits: 0,
                shortest: vec![Duration::MAX; plans.len()],
            };
            bench.measure(
                name,
                "seed",
                || (),
                |()| (SEEDS as u64, sweep(&plans, at_a_time, &mut this)),
            );
            seen.push((name, at_a_time, this));
        }
    }
    report(&bench.finish(), &seen);
}

/// Runs all plans, so many at a time.
#[expect(
    clippy::disallowed_methods,
    reason = "a look at the clock on the wall, as the command takes"
)]
fn sweep(plans: &[Arc<Plan>], at_a_time: usize, seen: &mut Seen) {
    let waiting = Mutex::new(plans.iter().enumerate());
    let runner = Runner::new(None);
    seen.commits = 0;
    let ended = Mutex::new(seen);
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let Some((number, plan)) = waiting.lock().expect("no panic").next() else {
                        return;
                    };
                    let began = Instant::now();
                    let record = runner.seed(plan).expect("a plan of a built-in scenario");
                    let End::Judged(judged) = record.end else {
                        unreachable!("nobody watches the clock");
                    };
                    let took = began.elapsed();
                    let mut seen = ended.lock().expect("no panic");
                    seen.commits += judged.commits;
                    seen.shortest[number] = seen.shortest[number].min(took);
                }
            });
        }
    });
}

fn report(entries: &[Entry], seen: &[(&str, usize, Seen)]) {
    if entries.is_empty() {
        return;
    }
    println!("\n### Small runs\n\n20 clients, {SEEDS} seeds on threads that are used again\n");
    println!(
        "| | commits of a seed | µs of a seed | seeds a second | µs undisturbed | seeds a second |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (name, at_a_time, seen) in seen {
        let entry = entries.iter().find(|entry| entry.name == *name);
        let Some(entry) = entry else {
            continue;
        };
        let shortest: Duration = seen.shortest.iter().sum();
        let undisturbed_us = shortest.as_secs_f64() * 1e6 / SEEDS as f64;
        println!(
            "| {name} | {} | {:.0} | {:.0} | {:.0} | {:.0} |",
            seen.commits / SEEDS as u64,
            entry.ns() / 1e3,
            *at_a_time as f64 * 1e9 / entry.ns(),
            undisturbed_us,
            *at_a_time as f64 * 1e6 / undisturbed_us,
        );
    }
}
