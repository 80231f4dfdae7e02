//! Each stage of a rehearsal alone, fed with the rehearsal's own transactions.

use crate::{
    measure::Bench,
    plans::rehearse,
    transactions::{self, Transactions},
};
use cutover::{
    model::{
        Arena,
        apply::{Direct, Walker},
        binlog::{
            Binlog, Groups,
            encode::{Head, RowWrite, TableTemplate, Writer, WriterOptions},
        },
        database::{Change, Checks, Database, TableId, diff},
        gtid::{Gtid, GtidSet, Uuid},
        schema::TableDef,
        server::{Config, Manner, Privilege, Reply, Server, SessionId, Version},
        table::RowKey,
    },
    sim::{plan::Plan, run::Run},
};
use std::{cell::LazyCell, sync::Arc};

/// The source's `server_uuid`.
const UUID: Uuid = Uuid([7; 16]);
/// Snapshots that one measurement takes.
pub const SNAPSHOTS: u64 = 1_000;

pub type Files = Vec<(String, Vec<u8>)>;

/// A finished rehearsal and what it consists of.
#[derive(Debug)]
pub struct Rehearsed {
    pub plan: Plan,
    pub run: Run,
    pub files: Files,
    pub transactions: Transactions,
}

impl Rehearsed {
    pub fn of(plan: Plan) -> Self {
        let run = rehearse(&plan);
        let files = run.binlog_files();
        let transactions = transactions::transactions(&plan, &files);
        Self {
            plan,
            run,
            files,
            transactions,
        }
    }

    /// Transactions in the binlog.
    pub fn commits(&self) -> u64 {
        self.transactions.stream.commits.len() as u64
    }

    /// The tables before them.
    fn tables(&self) -> (Arena, Database) {
        let mut arena = Arena::default();
        let database = transactions::tables(&self.plan, &mut arena);
        (arena, database)
    }
}

/// What is made when the first measurement asks for it.
pub type Lazy<'a> = LazyCell<Rehearsed, Box<dyn FnOnce() -> Rehearsed + 'a>>;

/// Measures all of them.
pub fn measure(bench: &mut Bench<'_>, mut rehearsed: Lazy<'_>) {
    measure_source(bench, &rehearsed);
    measure_encode(bench, &rehearsed);
    measure_read(bench, &rehearsed);
    measure_apply(bench, &rehearsed);
    measure_tables(bench, &rehearsed);
    measure_snapshot(bench, &rehearsed);
    measure_diff(bench, &rehearsed);
    let judge = |()| {
        let Rehearsed { plan, run, .. } = &mut *rehearsed;
        let outcome = run.judge(plan);
        assert_eq!(outcome.fingerprint, run.outcome.fingerprint);
        (outcome.commits.ok, outcome)
    };
    bench.measure("history and check", "commit", || (), judge);
}

/// A row to be changed: the key, and the image unless it is to go.
struct Wanted<'a> {
    table: TableId,
    /// None for a new row.
    key: Option<RowKey>,
    after: Option<&'a [u8]>,
}

/// The changes of a transaction. The shop's keys are integers.
fn wanted(
    transactions: &Transactions,
    commit: std::ops::Range<usize>,
) -> impl Iterator<Item = Wanted<'_>> {
    let stream = &transactions.stream;
    stream.rows[commit].iter().map(move |row| {
        let image = |range: std::ops::Range<usize>| &stream.images[range];
        Wanted {
            table: transactions.tables[row.table].0,
            key: row
                .before
                .clone()
                .map(|range| RowKey(stream.tables[row.table].key(image(range)))),
            after: row.after.clone().map(image),
        }
    })
}

fn source(database: Database) -> Server {
    let config = Config {
        version: Version::V8_0,
        ddl_version: Version::V8_0,
        uuid: UUID,
        epoch_us: 0,
        gtid_mode: true,
        sync_binlog: 1,
        flush_log_at_commit: 1,
        max_binlog_size: 128 << 20,
        flush_us: 1,
        fsync_us: 1,
        engine_commit_us: 1,
        lock_wait_timeout_us: 50_000_000,
        mutants: cutover_model::mutant::Mutants::NONE,
    };
    Server::new(config, database, Some(binlog()), GtidSet::default())
}

fn binlog() -> Binlog {
    let writer = Writer::new(WriterOptions::default());
    Binlog::new(writer, "mysql-bin", 1, GtidSet::default(), 0)
}

fn measure_source(bench: &mut Bench<'_>, rehearsed: &Lazy<'_>) {
    let fresh = || {
        let (arena, database) = rehearsed.tables();
        let mut server = source(database);
        let session = server.connect(Privilege::Ordinary);
        (arena, server, session)
    };
    bench.measure(
        "statements, commit and encode",
        "commit",
        fresh,
        |(mut arena, mut server, session)| {
            commit_all(&mut server, &mut arena, session, &rehearsed.transactions);
            (rehearsed.commits(), (arena, server))
        },
    );
}

/// Executes the transactions one after the other, as one client's statements.
fn commit_all(
    server: &mut Server,
    arena: &mut Arena,
    session: SessionId,
    transactions: &Transactions,
) {
    let (mut now, mut events) = (0, Vec::new());
    // RDS's heartbeats have no rows, and no client commits them.
    let commits = transactions.stream.commits.iter();
    for commit in commits.filter(|rows| !rows.is_empty()) {
        for Wanted { table, key, after } in wanted(transactions, commit.clone()) {
            let how = Manner::STATEMENT;
            let reply = match (key, after) {
                (None, Some(image)) => server.insert(arena, now, session, table, image, how),
                (Some(key), Some(image)) => {
                    let row = server.lock_row(arena, now, session, table, key);
                    assert!(row.is_ok(), "one client alone waits for nobody");
                    server.update(arena, now, session, table, key, image, how)
                }
                (Some(key), None) => server.delete(arena, now, session, table, key, how),
                (None, None) => Reply::NoRow,
            };
            assert_eq!(reply, Reply::Ok, "what the source did can be done again");
        }
        assert_eq!(server.commit(arena, now, session), Reply::Committing);
        while let Some(due) = server.next_due() {
            now = due;
            server.step(arena, now);
        }
        events.clear();
        server.events(&mut events);
    }
}

fn measure_encode(bench: &mut Bench<'_>, rehearsed: &Lazy<'_>) {
    let fresh = || {
        let writer = Writer::new(WriterOptions::default());
        let tables: Vec<(TableTemplate, Arc<TableDef>)> = (1..)
            .zip(&rehearsed.transactions.tables)
            .map(|(id, (_, def))| (TableTemplate::new(&writer, id, def), Arc::clone(def)))
            .collect();
        (binlog(), tables)
    };
    bench.measure("encode alone", "commit", fresh, |(mut log, tables)| {
        let stream = &rehearsed.transactions.stream;
        for (commit, gno) in stream.commits.iter().zip(1..) {
            let gtid = Gtid::new(UUID, gno);
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
            let rows: Vec<RowWrite<'_>> = rows.collect();
            log.append(gno, Some(gtid), |writer, out, pos| {
                writer.transaction(out, pos, &head, &rows)
            });
        }
        (rehearsed.commits(), log)
    });
}

fn measure_read(bench: &mut Bench<'_>, rehearsed: &Lazy<'_>) {
    bench.measure(
        "read and verify the binlog",
        "commit",
        || (),
        |()| {
            let files = rehearsed.files.iter();
            let groups = files.flat_map(|(_, bytes)| Groups::of_file(bytes).expect("ours"));
            (groups.filter(Result::is_ok).count() as u64, ())
        },
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

fn measure_apply(bench: &mut Bench<'_>, rehearsed: &Lazy<'_>) {
    bench.measure(
        "read, decode and apply",
        "commit",
        || rehearsed.tables(),
        |(mut arena, mut database)| {
            apply(&rehearsed.files, &mut arena, &mut database);
            (rehearsed.commits(), (arena, database))
        },
    );
}

fn measure_tables(bench: &mut Bench<'_>, rehearsed: &Lazy<'_>) {
    bench.measure(
        "table operations",
        "commit",
        || rehearsed.tables(),
        |(mut arena, mut database)| {
            let mut changes: Vec<Change> = Vec::new();
            for commit in &rehearsed.transactions.stream.commits {
                for wanted in wanted(&rehearsed.transactions, commit.clone()) {
                    plan_change(&database, &mut arena, &wanted, &mut changes);
                    for change in changes.drain(..) {
                        database.apply(&mut arena, &change);
                    }
                }
            }
            (rehearsed.commits(), (arena, database))
        },
    );
}

fn plan_change(
    database: &Database,
    arena: &mut Arena,
    wanted: &Wanted<'_>,
    changes: &mut Vec<Change>,
) {
    let (table, checks) = (wanted.table, Checks::ALL);
    let planned = match (wanted.key, wanted.after) {
        (None, Some(image)) => database.plan_insert(arena, table, image, checks, changes),
        (Some(key), Some(image)) => database.plan_update(arena, table, key, image, checks, changes),
        (Some(key), None) => database.plan_delete(arena, table, key, checks, changes),
        (None, None) => Ok(()),
    };
    planned.expect("what the source did can be done again");
}

/// Snapshots of a database.
pub fn snapshots(database: &Database) -> (u64, usize) {
    let copies = (0..SNAPSHOTS).map(|_| database.clone());
    (
        SNAPSHOTS,
        copies.fold(0, |sum, copy| sum + copy.tables().count()),
    )
}

fn measure_snapshot(bench: &mut Bench<'_>, rehearsed: &Lazy<'_>) {
    let written = LazyCell::new(|| {
        let (mut arena, mut database) = rehearsed.tables();
        apply(&rehearsed.files, &mut arena, &mut database);
        database
    });
    bench.measure("snapshot", "snapshot", || (), |()| snapshots(&written));
}

fn measure_diff(bench: &mut Bench<'_>, rehearsed: &Lazy<'_>) {
    let mut sides = LazyCell::new(|| {
        let (mut arena, base) = rehearsed.tables();
        let (mut source, mut target) = (base.clone(), base);
        apply(&rehearsed.files, &mut arena, &mut source);
        apply(&rehearsed.files, &mut arena, &mut target);
        (arena, source, target)
    });
    bench.measure(
        "compare source and target",
        "commit",
        || (),
        |()| {
            let (arena, source, target) = &mut *sides;
            let differences = diff(source, target, arena);
            assert!(differences.is_empty(), "both applied the same");
            (rehearsed.commits(), differences)
        },
    );
}
