//! What a rehearsal costs, whole and in parts, beside the bare loop fed with the same transactions.
//!
//! `cargo bench --bench rehearsal` measures with criterion and prints the tables of docs/performance.md, which says
//! what they mean. Absolute times depend on the machine and its other work, ratios hardly do.

mod bare_loop;
mod measure;
mod plans;
mod small;
mod stages;
mod transactions;
mod vast;

use bare_loop::bare_loop;
use criterion::Criterion;
use measure::{Bench, Entry};
use plans::{ONE_ROW, ORDERS, Traffic, rehearsal, rehearse};
use small::AUTOCOMMIT;
use stages::{Lazy, Rehearsed};
use std::cell::Cell;

const BARE: &str = "bare loop";
const WHOLE: &str = "whole rehearsal";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for commits in [100_000, 1_000_000] {
        for traffic in [ONE_ROW, AUTOCOMMIT, ORDERS] {
            measure(&mut criterion, traffic, commits);
        }
    }
    small::measure(&mut criterion);
    vast::measure(&mut criterion);
    criterion.final_summary();
}

/// The bare loop and the whole, and of the smaller rehearsals the stages too.
fn measure(criterion: &mut Criterion, traffic: Traffic, commits: u64) {
    let plan = rehearsal(traffic, commits);
    let name = format!("{}, {commits} commits", traffic.name);
    let mut bench = Bench::new(criterion, &name, 2);
    let done = Cell::new(0);
    bench.measure(
        WHOLE,
        "commit",
        || (),
        |()| {
            let run = rehearse(&plan);
            done.set(run.outcome.commits.ok);
            (done.get(), run)
        },
    );
    let rehearsed = Lazy::new(Box::new(|| Rehearsed::of(plan.clone())));
    bench.measure(
        BARE,
        "commit",
        || (),
        |()| {
            let (source, target, _) = bare_loop(&rehearsed.transactions.stream);
            (rehearsed.commits(), (source, target))
        },
    );
    // Behind the clients all stages are the same.
    if commits <= 100_000 && !traffic.autocommit {
        stages::measure(&mut bench, rehearsed);
    }
    report(&name, &bench.finish(), done.get());
}

fn report(name: &str, entries: &[Entry], commits: u64) {
    if entries.is_empty() {
        return;
    }
    let bare = entries.iter().find(|entry| entry.name == BARE);
    println!("\n### {name}\n");
    if commits > 0 {
        println!("exactly {commits} commits\n");
    }
    println!("| what | for one | ns, median | × bare loop | ns, shortest | × bare loop |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for entry in entries {
        let columns = [Entry::ns, Entry::least_ns].map(|of| {
            // A snapshot is no part of a commit's cost.
            let ratio = bare.filter(|_| entry.unit == "commit");
            let ratio = ratio.map_or("–".into(), |bare| format!("{:.2}", of(entry) / of(bare)));
            format!("{:.0} | {ratio}", of(entry))
        });
        println!(
            "| {} | {} | {} |",
            entry.name,
            entry.unit,
            columns.join(" | ")
        );
    }
}
