//! Small runs, each on a fresh thread as in a sweep: seeds a second on one core and on two.

use crate::{
    measure::{Bench, Entry, of_all_threads},
    plans::{rehearse, sized},
};
use criterion::Criterion;
use cutover::sim::plan::Plan;
use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// Runs that one measurement does.
const SEEDS: u64 = 200;
const ONE: &str = "small run, one at a time";
const TWO: &str = "small run, two at a time";

/// Commits of the runs, and how long they took by the clock on the wall, the shortest time of all.
#[derive(Debug, Default)]
struct Seen {
    commits: u64,
    wall: Option<Duration>,
}

/// A small run: 20 clients, about 500 commits.
fn small() -> Plan {
    sized(&[
        "workload.existing_rows=100".into(),
        "workload.clients=20".into(),
        "workload.rate_per_s=17".into(),
        "control_plane.restore_fixed=2s".into(),
    ])
}

pub fn measure(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "small runs", 3).by(of_all_threads);
    let [mut one, mut two] = [Seen::default(), Seen::default()];
    // A sweep reads its scenario once.
    let plan = small();
    bench.measure(ONE, "seed", || (), |()| (SEEDS, sweep(&plan, 1, &mut one)));
    bench.measure(TWO, "seed", || (), |()| (SEEDS, sweep(&plan, 2, &mut two)));
    report(&bench.finish(), &one, &two);
}

/// Runs all seeds, so many at a time.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread for each run and a look at the clock, as the command has them"
)]
fn sweep(plan: &Plan, at_a_time: usize, seen: &mut Seen) {
    let (seeds, commits) = (Mutex::new(0..SEEDS), Mutex::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let Some(seed) = seeds.lock().expect("no panic").next() else {
                        return;
                    };
                    let mut plan = plan.clone();
                    plan.streams.workload.0 = seed;
                    let run = thread::spawn(move || rehearse(&plan).outcome.commits.ok);
                    *commits.lock().expect("no panic") += run.join().expect("no panic");
                }
            });
        }
    });
    let took = began.elapsed();
    seen.wall = Some(seen.wall.map_or(took, |least| least.min(took)));
    seen.commits = commits.into_inner().expect("no panic") / SEEDS;
}

fn report(entries: &[Entry], one: &Seen, two: &Seen) {
    if entries.is_empty() {
        return;
    }
    println!(
        "\n### Small runs\n\n20 clients, {} commits on average, a fresh thread for each of {SEEDS} seeds\n",
        one.commits.max(two.commits)
    );
    println!(
        "| | processor time of a seed, µs | seeds a second, by that | by the clock, at best |"
    );
    println!("| --- | ---: | ---: | ---: |");
    let per_second = |wall: Option<Duration>| wall.map_or(0.0, |w| SEEDS as f64 / w.as_secs_f64());
    let mut by_processor = Vec::new();
    for entry in entries {
        let (cores, seen) = match entry.name {
            ONE => (1.0, one),
            _ => (2.0, two),
        };
        by_processor.push(cores * 1e9 / entry.ns());
        println!(
            "| {} | {:.0} | {:.0} | {:.0} |",
            entry.name,
            entry.ns() / 1e3,
            cores * 1e9 / entry.ns(),
            per_second(seen.wall)
        );
    }
    if let ([first, second], Some(_), Some(_)) = (&by_processor[..], one.wall, two.wall) {
        println!(
            "\ntwo cores give {:.2} times one by processor time, {:.2} times by the clock",
            second / first,
            per_second(two.wall) / per_second(one.wall)
        );
    }
}
