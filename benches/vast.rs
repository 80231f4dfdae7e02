//! Tables that no machine could hold: what a snapshot and the final comparison cost beside ten billion orders,
//! and what they cost when a million rows have been touched.

use crate::{
    measure::{Bench, Entry},
    plans::{ORDERS, rehearsal},
    stages::snapshots,
    transactions,
};
use criterion::Criterion;
use cutover::model::{
    Arena,
    database::{Change, Checks, Database, TableId, diff},
    table::RowKey,
};
use std::cell::LazyCell;

/// Orders that exist; twice as many lines.
const VAST: u64 = 10_000_000_000;
/// Rows that were touched, spread evenly.
const TOUCHED: u64 = 1_000_000;

pub fn measure(criterion: &mut Criterion) {
    let mut bench = Bench::new(criterion, "10^10 rows", 3);
    let untouched = LazyCell::new(|| Sides::new(0));
    measure_sides(
        &mut bench,
        ["snapshot, nothing touched", "final check, nothing touched"],
        untouched,
    );
    let touched = LazyCell::new(|| Sides::new(TOUCHED));
    measure_sides(
        &mut bench,
        [
            "snapshot, a million rows touched",
            "final check, a million rows touched",
        ],
        touched,
    );
    report(&bench.finish());
}

fn measure_sides<F: FnOnce() -> Sides>(
    bench: &mut Bench<'_>,
    [snapshot, check]: [&'static str; 2],
    mut sides: LazyCell<Sides, F>,
) {
    bench.measure(snapshot, "snapshot", || (), |()| snapshots(&sides.source));
    bench.measure(check, "check", || (), |()| (1, sides.compare()));
}

/// Source and target over the same rows, each with changes of its own that came to the same.
struct Sides {
    arena: Arena,
    source: Database,
    target: Database,
}

impl Sides {
    fn new(touched: u64) -> Self {
        let mut plan = rehearsal(ORDERS, 100_000);
        plan.workload.existing_rows = VAST;
        let mut arena = Arena::default();
        let base = transactions::tables(&plan, &mut arena);
        let orders = base.id("shop", "orders").expect("a table of the shop");
        let mut sides = [base.clone(), base];
        for side in &mut sides {
            for n in 0..touched {
                touch(side, &mut arena, orders, RowKey(1 + n * (VAST / touched)));
            }
        }
        let [source, target] = sides;
        Self {
            arena,
            source,
            target,
        }
    }

    fn compare(&mut self) {
        let differences = diff(&self.source, &self.target, &mut self.arena);
        assert!(differences.is_empty(), "both were changed alike");
        let broken = self.target.integrity(&mut self.arena);
        assert!(broken.is_empty(), "the shop's foreign key holds");
    }
}

/// Changes an order's status.
fn touch(side: &mut Database, arena: &mut Arena, orders: TableId, key: RowKey) {
    const STATUS_AT: usize = 1 + 8 + 8 + 4;
    let row = side.get(arena, orders, key).expect("an order that exists");
    let mut image = arena.row(row).to_vec();
    image[STATUS_AT] = 1;
    let mut changes: Vec<Change> = Vec::new();
    side.plan_update(arena, orders, key, &image, Checks::ALL, &mut changes)
        .expect("an order can be changed");
    changes.iter().for_each(|change| side.apply(arena, change));
}

fn report(entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    println!("\n### A table of 10^10 rows\n\n| what | µs |\n| --- | ---: |");
    for entry in entries {
        println!("| {} | {:.1} |", entry.name, entry.ns() / 1e3);
    }
}
