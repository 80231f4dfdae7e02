//! What a rehearsal costs, whole and in parts, beside the bare loop in the same process.
//!
//! `cargo bench --bench rehearsal` measures with criterion and ends with a table of ratios; docs/performance.md
//! says what they mean. Absolute times depend on the machine and its other work, ratios hardly do.

mod bare_loop;
mod measure;
mod shop;

use bare_loop::{Stream, bare_loop};
use criterion::Criterion;
use cutover::{
    model::{
        Arena,
        apply::{Direct, Walker},
        binlog::{
            Binlog, Groups,
            encode::{Head, RowWrite, TableTemplate, Writer, WriterOptions},
        },
        database::{Database, diff},
        gtid::{Gtid, GtidSet, Uuid},
        schema::TableDef,
        server::Version,
        table::cow::CowMap,
    },
    sim::{
        plan::Plan,
        run::{Run, run},
    },
};
use measure::{Bench, Entry, resident_bytes};
use std::sync::Arc;

/// Rows of a table that no machine could hold.
const VAST: u64 = 10_000_000_000;
/// Changes made to the copy-on-write map.
const MAP_CHANGES: u64 = 100_000;
const BARE: &str = "bare loop, the same transactions";
const BARE_ONE_ROW: &str = "bare loop, one row each";
const WHOLE: &str = "whole rehearsal";

type Files = Vec<(String, Vec<u8>)>;

fn main() {
    let plan = shop::plan();
    let memory = memory(&plan);
    let rehearsed = rehearse(&plan);
    let commits = rehearsed.outcome.commits.ok;
    let files = rehearsed.binlog_files();
    let same = shop::transactions(&plan, &files);
    let one_row = Stream::of_one_row_each(same.stream.commits.len());
    drop(rehearsed);

    let mut criterion = Criterion::default().configure_from_args();
    let mut bench = Bench::new(&mut criterion, "rehearsal");
    measure_bare_loop(&mut bench, BARE, &same.stream);
    measure_bare_loop(&mut bench, BARE_ONE_ROW, &one_row);
    bench.measure(WHOLE, (commits, "commit"), || (), |()| rehearse(&plan));
    measure_encode(&mut bench, &same);
    measure_apply(&mut bench, &plan, &files, &same);
    measure_map(&mut bench);
    measure_snapshot(&mut bench, &plan);
    measure_diff(&mut bench, &plan, &files, &same);
    let entries = bench.finish();
    criterion.final_summary();
    report(&entries, &same, commits, memory);
}

fn rehearse(plan: &Plan) -> Run {
    let run = run(plan, None).expect("a plan of a built-in scenario");
    assert_eq!(run.outcome.lost_writes, 0, "the rehearsal is fault-free");
    run
}

/// Bytes in use for each commit, beyond the binlog that is kept: to be asked before anything else has
/// grown the process.
fn memory(plan: &Plan) -> Option<f64> {
    let before = resident_bytes()?;
    let run = rehearse(plan);
    let after = resident_bytes()?;
    let binlog: usize = run
        .binlog_files()
        .iter()
        .map(|(_, bytes)| bytes.len())
        .sum();
    let grown = after.saturating_sub(before).saturating_sub(binlog as u64);
    Some(grown as f64 / run.outcome.commits.ok as f64)
}

fn measure_bare_loop(bench: &mut Bench<'_>, name: &'static str, stream: &Stream) {
    let (source, target, _) = bare_loop(stream);
    assert!(source == target, "the bare loop replicates");
    bench.measure(
        name,
        (stream.commits.len() as u64, "commit"),
        || (),
        |()| bare_loop(stream),
    );
}

fn binlog() -> Binlog {
    Binlog::new(
        Writer::new(WriterOptions::default()),
        "mysql-bin",
        1,
        GtidSet::default(),
        0,
    )
}

fn measure_encode(bench: &mut Bench<'_>, same: &shop::Transactions) {
    let writer = Writer::new(WriterOptions::default());
    let tables: Vec<(TableTemplate, Arc<TableDef>)> = (1..)
        .zip(&same.defs)
        .map(|(id, def)| (TableTemplate::new(&writer, id, def), Arc::clone(def)))
        .collect();
    let stream = &same.stream;
    let routine = |mut log: Binlog| {
        for (commit, gno) in stream.commits.iter().zip(1..) {
            let gtid = Gtid {
                uuid: Uuid([7; 16]),
                tag: None,
                gno,
            };
            let head = Head {
                gtid: Some(gtid),
                last_committed: gno - 1,
                sequence_number: gno,
                xid: gno,
                default_schema: "shop",
                ..Head::default()
            };
            let rows = stream.rows[commit.clone()].iter().map(|row| RowWrite {
                template: &tables[row.table].0,
                columns: &tables[row.table].1.columns,
                before: row.before.clone().map(|range| &stream.images[range]),
                after: row.after.clone().map(|range| &stream.images[range]),
                flags: 0,
                new_statement: true,
            });
            log.append(gno, Some(gtid), |writer, out, pos| {
                writer.transaction(out, pos, &head, rows)
            });
        }
        log
    };
    let commits = stream.commits.len() as u64;
    bench.measure(
        "encode into the binlog",
        (commits, "commit"),
        binlog,
        routine,
    );
}

/// Applies binlog files to tables as the applier does.
fn apply(files: &Files, arena: &mut Arena, database: &mut Database) {
    let (mut walker, mut direct) = (Walker::default(), Direct::default());
    for (_, bytes) in files {
        for group in Groups::of_file(bytes).expect("a file of ours") {
            let group = group.expect("a file of ours");
            let mut sink = direct.on(database, Version::V8_0);
            walker
                .walk(arena, &mut sink, &group)
                .expect("what the source did can be done again");
            direct.changes.clear();
        }
    }
}

fn measure_apply(bench: &mut Bench<'_>, plan: &Plan, files: &Files, same: &shop::Transactions) {
    let commits = same.stream.commits.len() as u64;
    let unread = || {
        files
            .iter()
            .map(|(_, bytes)| Groups::of_file(bytes).expect("ours"))
    };
    bench.measure(
        "read and check the binlog",
        (commits, "commit"),
        unread,
        |groups| groups.flatten().filter(Result::is_ok).count(),
    );
    let fresh = || {
        let mut arena = Arena::default();
        let database = shop::tables(plan, &mut arena);
        (arena, database)
    };
    bench.measure(
        "read, decode and apply",
        (commits, "commit"),
        fresh,
        |(mut arena, mut database)| {
            apply(files, &mut arena, &mut database);
            (arena, database)
        },
    );
}

fn measure_map(bench: &mut Bench<'_>) {
    let routine = |mut map: CowMap<u64, u64>| {
        for n in 1..=MAP_CHANGES {
            // Of a hundred changes 60 insert behind the last key, 35 update one of the last thousand, 5 delete.
            let recent = n.saturating_sub(1 + n * 7_919 % 1_000);
            match n % 20 {
                0..12 => drop(map.insert(n, n)),
                12..19 => drop(map.insert(recent, n)),
                _ => drop(map.remove(&recent)),
            }
        }
        map
    };
    bench.measure(
        "change a table's map",
        (MAP_CHANGES, "change"),
        CowMap::default,
        routine,
    );
}

fn measure_snapshot(bench: &mut Bench<'_>, plan: &Plan) {
    let mut vast = plan.clone();
    vast.workload.existing_rows = VAST;
    let mut arena = Arena::default();
    let mut database = shop::tables(&vast, &mut arena);
    apply(&rehearse(&vast).binlog_files(), &mut arena, &mut database);
    bench.measure(
        "snapshot of 10^10 rows",
        (1_000, "snapshot"),
        || (),
        |()| {
            (0..1_000)
                .map(|_| database.clone())
                .fold(0, |sum, copy| sum + copy.tables().count())
        },
    );
}

fn measure_diff(bench: &mut Bench<'_>, plan: &Plan, files: &Files, same: &shop::Transactions) {
    let mut arena = Arena::default();
    let base = shop::tables(plan, &mut arena);
    let (mut source, mut target) = (base.clone(), base);
    apply(files, &mut arena, &mut source);
    apply(files, &mut arena, &mut target);
    assert!(
        diff(&source, &target, &mut arena).is_empty(),
        "both applied the same"
    );
    let commits = same.stream.commits.len() as u64;
    let mut compare = |()| diff(&source, &target, &mut arena);
    bench.measure(
        "compare source and target",
        (commits, "commit"),
        || (),
        &mut compare,
    );
}

fn report(entries: &[Entry], same: &shop::Transactions, commits: u64, memory: Option<f64>) {
    let of = |name: &str| {
        entries
            .iter()
            .find(|entry| entry.name == name)
            .map(Entry::ns)
    };
    let (bare, one_row) = (of(BARE), of(BARE_ONE_ROW));
    let rows = same.stream.rows.len() as f64 / same.stream.commits.len() as f64;
    let ratio = |ns: f64, to: Option<f64>| to.map_or("–".into(), |to| format!("{:.2}", ns / to));
    println!("\n{commits} commits, {rows:.1} rows each; medians of this thread's processor time\n");
    println!(
        "| what | ns | for one | × bare loop, same transactions | × bare loop, one row each |"
    );
    println!("| --- | ---: | --- | ---: | ---: |");
    for entry in entries {
        let ns = entry.ns();
        let (to_same, to_one) = (ratio(ns, bare), ratio(ns, one_row));
        println!(
            "| {} | {ns:.0} | {} | {to_same} | {to_one} |",
            entry.name, entry.unit
        );
    }
    if let Some(bytes) = memory {
        println!("\nmemory beyond the retained binlog: {bytes:.0} bytes a commit");
    }
    if let (Some(whole), Some(bare)) = (of(WHOLE), bare) {
        println!(
            "the whole rehearsal costs {:.1} times the bare loop; the target is 1",
            whole / bare
        );
    }
}
