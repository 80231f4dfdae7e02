//! What a rehearsal holds in memory, by an allocator that counts. A process of its own: counting costs time.
//!
//! `cargo bench --bench memory` prints bytes a commit beyond the binlog that the source retains; bytes are those
//! that the program asked for, without what the system's allocator adds.

mod plans;

use cutover::sim::plan::Plan;
use peak_alloc::PeakAlloc;
use plans::{ONE_ROW, ORDERS, Traffic, rehearsal, rehearse};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes beyond the binlog.
struct Held {
    commits: u64,
    /// At most, while the run went on or was judged.
    at_most: u64,
    /// With the finished run.
    at_the_end: u64,
}

fn main() {
    println!("\nbytes a commit beyond the retained binlog\n");
    println!("| transactions | commits | at most | at the end | each further commit |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for traffic in [ONE_ROW, ORDERS] {
        report(traffic);
    }
}

fn report(traffic: Traffic) {
    let mut smaller: Option<Held> = None;
    for commits in [100_000, 1_000_000] {
        let held = held(&rehearsal(traffic, commits));
        let each = |bytes: u64| bytes / held.commits;
        // The fixed cost of a run falls out of the difference of two.
        let further = smaller.map_or("–".into(), |s| {
            let more = held.at_most.saturating_sub(s.at_most) / (held.commits - s.commits);
            more.to_string()
        });
        println!(
            "| {} | {} | {} | {} | {further} |",
            traffic.name,
            held.commits,
            each(held.at_most),
            each(held.at_the_end)
        );
        smaller = Some(held);
    }
}

fn held(plan: &Plan) -> Held {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let run = rehearse(plan);
    let (at_most, now) = (HEAP.peak_usage(), HEAP.current_usage());
    let binlog: usize = run
        .binlog_files()
        .iter()
        .map(|(_, bytes)| bytes.len())
        .sum();
    let beyond = |bytes: usize| bytes.saturating_sub(before + binlog) as u64;
    Held {
        commits: run.outcome.commits.ok,
        at_most: beyond(at_most),
        at_the_end: beyond(now),
    }
}
