//! A task between two servers, step by step.

use super::*;
use crate::{
    apply::Conflict,
    arena::Arena,
    binlog::{
        encode::{Head, Writer, WriterOptions},
        log::Binlog,
    },
    database::{Database, TableId, diff},
    gtid::{Gtid, GtidSet, Uuid},
    mutant::Mutants,
    replica::dump::{Request, handshake},
    row::ImageBuilder,
    server::{Config, Manner, Privilege, Server, Version},
    table::RowKey,
};

const COSTS: Costs = Costs {
    round_trip_us: 1_000,
    // A row takes a millisecond.
    load_1000_rows_us: 1_000_000,
    transaction_us: 500,
    row_us: 50,
    metrics_every_us: 5_000_000,
};

/// A source with a parent and a child table, an empty target, and a task between them.
struct Rig {
    arena: Arena,
    source: Server,
    target: Server,
    task: Task,
    parents: TableId,
    children: TableId,
    now: u64,
    effects: Vec<Effect>,
    source_up: bool,
}

fn server(uuid: u8, binlog: bool) -> Server {
    let config = Config {
        version: Version::V8_0,
        ddl_version: Version::V8_0,
        uuid: Uuid([uuid; 16]),
        epoch_us: 1_772_445_600_000_000,
        gtid_mode: true,
        sync_binlog: 1,
        flush_log_at_commit: 1,
        max_binlog_size: 1 << 30,
        flush_us: 100,
        fsync_us: 1_000,
        engine_commit_us: 50,
        lock_wait_timeout_us: 50_000_000,
        mutants: Mutants::NONE,
    };
    let writer = Writer::new(WriterOptions::default());
    let log = Binlog::new(writer, "binlog", 1, GtidSet::new(), config.epoch_us);
    let binlog = binlog.then_some(log);
    Server::new(config, Database::default(), binlog, GtidSet::new())
}

fn image(values: &[u32]) -> Vec<u8> {
    let mut builder = ImageBuilder::default();
    builder.start(values.len());
    values.iter().for_each(|v| builder.push(&v.to_le_bytes()));
    builder.image().to_vec()
}

impl Rig {
    fn new(settings: Settings) -> Self {
        let mut rig = Self {
            arena: Arena::default(),
            source: server(1, true),
            target: server(2, false),
            task: Task::new(settings, [], Mutants::NONE),
            parents: TableId(0),
            children: TableId(0),
            now: 0,
            effects: Vec::new(),
            source_up: true,
        };
        let session = rig.source.connect(Privilege::Ordinary);
        for sql in [
            "CREATE DATABASE d",
            "CREATE TABLE parents (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT UNSIGNED NOT NULL)",
            "CREATE TABLE children (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, parent INT UNSIGNED NOT NULL, \
             CONSTRAINT c FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE)",
        ] {
            let done = rig.source.execute_ddl(&mut rig.arena, 0, session, "d", sql);
            done.expect("a statement of the rig");
            rig.rest();
        }
        let id = |name| rig.source.database.id("d", name).expect("just created");
        (rig.parents, rig.children) = (id("parents"), id("children"));
        let tables = [(rig.parents, "d.parents"), (rig.children, "d.children")];
        let tables = tables.map(|(id, name)| (id, name.to_string()));
        rig.task = Task::new(settings, tables, Mutants::NONE);
        for n in 1..=20 {
            rig.write(|rig, session| {
                rig.insert(session, rig.parents, &[n, 0]);
                rig.insert(session, rig.children, &[n, n]);
            });
        }
        rig
    }

    /// The source finishes what it is doing.
    fn rest(&mut self) {
        while let Some(due) = self.source.next_due() {
            self.now = self.now.max(due);
            self.source.step(&mut self.arena, due);
        }
    }

    fn write(&mut self, statements: impl FnOnce(&mut Self, crate::server::SessionId)) {
        let session = self.source.connect(Privilege::Ordinary);
        statements(self, session);
        self.source.commit(&mut self.arena, self.now, session);
        self.rest();
        self.source.disconnect(&mut self.arena, session);
    }

    fn insert(&mut self, session: crate::server::SessionId, table: TableId, values: &[u32]) {
        let now = self.now;
        let image = image(values);
        let reply = self.source.insert(
            &mut self.arena,
            now,
            session,
            table,
            &image,
            Manner::STATEMENT,
        );
        assert_eq!(reply, crate::server::Reply::Ok);
    }

    fn update(&mut self, id: u32, v: u32) {
        self.write(|rig, session| {
            let (now, table) = (rig.now, rig.parents);
            let image = image(&[id, v]);
            let key = RowKey(id.into());
            rig.source.update(
                &mut rig.arena,
                now,
                session,
                table,
                key,
                &image,
                Manner::STATEMENT,
            );
        });
    }

    fn delete(&mut self, id: u32) {
        self.write(|rig, session| {
            let (now, table) = (rig.now, rig.parents);
            let key = RowKey(id.into());
            rig.source
                .delete(&mut rig.arena, now, session, table, key, Manner::STATEMENT);
        });
    }

    /// The binlog as far as there is something, straight to the task.
    fn stream(&mut self) {
        let Some(at) = self.task.wants_stream_from() else {
            return;
        };
        let binlog = self.source.binlog.as_ref().expect("a binlog");
        // A stream that begins tells where it is, every time.
        if self.task.received_to() == Some(binlog.published()) && at == binlog.published() {
            return;
        }
        let request = Request::Position {
            file: binlog.name(at.file),
            pos: at.pos,
        };
        let mut dump = handshake(&self.source, &request).expect("the position is there");
        self.task.stream_begins(dump.at);
        while let Some(sent) = dump.next(&self.source, 1 << 20).expect("the log goes on") {
            self.task.receive(self.now, sent.range, &self.source);
        }
    }

    /// Lets the task do what is due up to a moment, with the binlog at hand.
    fn until(&mut self, at: u64) {
        loop {
            self.stream();
            let Some(due) = self.task.next_due().filter(|due| *due <= at) else {
                break;
            };
            self.now = self.now.max(due);
            let mut ends = Ends {
                source: &self.source,
                target: &mut self.target,
                source_up: self.source_up,
                target_up: true,
            };
            let effects = &mut self.effects;
            self.task
                .step(&mut self.arena, self.now, &mut ends, &COSTS, effects);
        }
        self.now = self.now.max(at);
    }

    fn start(&mut self) {
        self.task.start(self.now, None);
    }

    /// The tables' rows that differ, whatever their declarations.
    fn differing(&mut self) -> usize {
        let all = diff(
            &self.source.database,
            &self.target.database,
            &mut self.arena,
        );
        all.len()
    }

    /// The target's foreign keys, as somebody adds them.
    fn complete(&mut self) -> u64 {
        let defs = [self.parents, self.children].map(|id| {
            let table = self.source.database.table(id).expect("a table of the rig");
            (id, (**table.def()).clone())
        });
        let target = &mut self.target.database;
        let mut cleaned = 0;
        for (id, def) in defs {
            cleaned += target
                .complete_declaration(&mut self.arena, id, &def, true)
                .expect("rows that fit");
        }
        cleaned
    }
}

fn careful() -> Settings {
    let usual = Settings::default();
    Settings {
        stop_after_cached: true,
        recovery_table: true,
        manners: crate::apply::Manners {
            insert: Conflict::Stop,
            update: Conflict::Stop,
            delete: Conflict::Stop,
            data: Conflict::Stop,
            ..usual.manners
        },
        ..usual
    }
}

#[test]
fn what_changes_during_the_load_is_there_after_it() {
    let mut rig = Rig::new(careful());
    rig.start();
    rig.until(rig.now + 2_000);
    assert!(rig.effects.contains(&Effect::Read(rig.parents)));
    // The SELECTs are on their way: these come by the binlog alone.
    rig.update(3, 7);
    rig.write(|rig, session| {
        rig.insert(session, rig.parents, &[21, 0]);
        rig.insert(session, rig.children, &[21, 21]);
    });
    rig.delete(5);
    rig.until(rig.now + 60_000_000);
    assert_eq!(
        rig.task.status,
        Status::Stopped(StopReason::CachedChangesApplied)
    );
    assert_eq!(rig.task.is_loaded(), Ok(true));
    // The child of the deleted parent is left: the cascade is not in the binlog.
    assert_eq!(rig.differing(), 1);
    assert_eq!(rig.complete(), 1);
    assert_eq!(rig.differing(), 0);
    rig.start();
    rig.delete(6);
    rig.update(7, 9);
    rig.until(rig.now + 10_000_000);
    assert_eq!(rig.task.status, Status::Running);
    assert_eq!(rig.differing(), 0, "the target cascades itself");
    let end = rig.source.binlog.as_ref().map(|b| b.published());
    assert_eq!(rig.task.checkpoint(), end);
}

/// RDS writes to its own tables, as a statement.
fn heartbeat(rig: &mut Rig) {
    let gtid = Gtid::new(Uuid([1; 16]), 1_000);
    let head = Head {
        gtid: Some(gtid),
        ..Head::default()
    };
    let binlog = rig.source.binlog.as_mut().expect("a binlog");
    let beat = "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,2) ON DUPLICATE KEY UPDATE value = 2";
    binlog.append(0, Some(gtid), |writer, out, pos| {
        writer.statement_transaction(out, pos, &head, "mysql", beat)
    });
    binlog.publish();
}

#[test]
fn a_heartbeat_of_rds_is_captured_and_changes_nothing() {
    for batch in [false, true] {
        let mut rig = Rig::new(Settings {
            batch,
            stop_after_cached: false,
            ..careful()
        });
        rig.start();
        rig.until(rig.now + 2_000);
        // Once among the cached changes and once among the transactions.
        heartbeat(&mut rig);
        rig.until(rig.now + 60_000_000);
        rig.update(3, 7);
        rig.until(rig.now + 120_000_000);
        heartbeat(&mut rig);
        rig.until(rig.now + 60_000_000);
        assert_eq!(
            rig.task.latency(),
            Some(Latency::default()),
            "none of its changes"
        );
        assert_eq!(rig.task.status, Status::Running, "batch: {batch}");
        assert_eq!(rig.differing(), 0);
        let end = rig.source.binlog.as_ref().map(|b| b.published());
        assert_eq!(rig.task.checkpoint(), end, "batch: {batch}");
    }
}

#[test]
fn cached_changes_wait_until_the_task_is_resumed_where_it_is_told_to_stop_before_them() {
    let mut rig = Rig::new(Settings {
        stop_before_cached: true,
        ..careful()
    });
    rig.start();
    rig.until(rig.now + 2_000);
    rig.update(3, 7);
    rig.until(rig.now + 60_000_000);
    assert_eq!(
        rig.task.status,
        Status::Stopped(StopReason::CachedChangesNotApplied)
    );
    assert_eq!(rig.task.is_loaded(), Ok(false));
    assert_eq!(rig.differing(), 1, "the change waits");
    rig.start();
    // Started again from what was saved, it does not stop a second time.
    rig.task.crash();
    rig.start();
    rig.until(rig.now + 60_000_000);
    assert_eq!(
        rig.task.status,
        Status::Stopped(StopReason::CachedChangesApplied)
    );
    assert_eq!(rig.differing(), 0);
}

#[test]
fn a_crash_during_the_load_begins_it_anew_and_a_crash_behind_it_applies_nothing_twice() {
    let mut rig = Rig::new(careful());
    rig.start();
    rig.until(rig.now + 5_000);
    rig.update(3, 7);
    rig.task.crash();
    rig.start();
    rig.until(rig.now + 60_000_000);
    assert_eq!(rig.task.is_loaded(), Ok(true));
    rig.complete();
    rig.start();
    rig.update(3, 8);
    rig.until(rig.now + 1_000_000);
    rig.effects.clear();
    rig.task.crash();
    rig.start();
    rig.until(rig.now + 1_000_000);
    let again = rig
        .effects
        .iter()
        .any(|e| matches!(e, Effect::Written { written, .. } if !written.is_empty()));
    assert!(!again, "{:?}", rig.effects);
    assert_eq!(rig.differing(), 0);
}

#[test]
fn without_the_recovery_table_a_crash_applies_again_what_was_applied_since_the_checkpoint() {
    let settings = Settings {
        recovery_table: false,
        stop_after_cached: false,
        ..Settings::default()
    };
    let mut rig = Rig::new(settings);
    rig.start();
    rig.until(rig.now + 60_000_000);
    rig.update(3, 8);
    rig.until(rig.now + 100_000);
    rig.effects.clear();
    rig.task.crash();
    rig.start();
    rig.until(rig.now + 100_000);
    let again = rig
        .effects
        .iter()
        .any(|e| matches!(e, Effect::Written { written, .. } if !written.is_empty()));
    assert!(again, "{:?}", rig.effects);
}

#[test]
fn an_error_stops_the_task_or_is_passed_over_as_its_policy_says() {
    for (policy, stops) in [(Conflict::Stop, true), (Conflict::Log, false)] {
        let mut settings = careful();
        settings.stop_after_cached = false;
        settings.manners.insert = policy;
        let mut rig = Rig::new(settings);
        rig.start();
        rig.until(rig.now + 60_000_000);
        // Somebody writes to the target.
        let (target, arena) = (&mut rig.target.database, &mut rig.arena);
        let mut plan = Vec::new();
        let stray = image(&[21, 99]);
        let checks = crate::database::Checks::ALL;
        target
            .plan_insert(arena, rig.parents, &stray, checks, &mut plan)
            .expect("a free id");
        plan.iter().for_each(|change| target.apply(arena, change));
        rig.write(|rig, session| rig.insert(session, rig.parents, &[21, 0]));
        rig.until(rig.now + 1_000_000);
        let failed = matches!(rig.task.status, Status::Failed(_));
        assert_eq!(failed, stops, "{policy:?}: {:?}", rig.task.status);
        let refused = rig.effects.iter().any(|e| {
            matches!(e, Effect::Written { written, .. } if written.iter().any(|w| w.refused.is_some()))
        });
        assert_eq!(refused, !stops);
    }
}

#[test]
fn a_load_that_loses_its_source_ends_as_if_it_were_complete() {
    let mut rig = Rig::new(Settings {
        mode: Mode::FullLoad,
        ..Settings::default()
    });
    rig.start();
    rig.until(rig.now + 2_000);
    rig.now += 10_000;
    rig.source_up = false;
    let mut ends = Ends {
        source: &rig.source,
        target: &mut rig.target,
        source_up: false,
        target_up: true,
    };
    let effects = &mut rig.effects;
    rig.task
        .source_is_lost(&mut rig.arena, rig.now, &mut ends, effects);
    rig.until(rig.now + 1);
    assert_eq!(
        rig.task.status,
        Status::Stopped(StopReason::FullLoadFinished)
    );
    let rows = rig
        .target
        .database
        .table(rig.parents)
        .expect("made by the task");
    assert!((5..20).contains(&rows.len()), "{}", rows.len());
    let mut validation = Validation::default();
    let (source, target) = (&rig.source.database, &rig.target.database);
    let tables = [rig.parents, rig.children];
    let look = |validation: &mut Validation, arena: &mut Arena, now| {
        validation.look(arena, now, source, target, &tables, None, u64::MAX)
    };
    let report = look(&mut validation, &mut rig.arena, 0);
    assert!(report.pending > 0 && report.mismatched == 0, "{report:?}");
    let report = look(&mut validation, &mut rig.arena, 61_000_000);
    assert!(report.mismatched > 0 && report.pending == 0, "{report:?}");
    // What nobody has come to is pending, whether it matches or not.
    let all: u64 = tables
        .iter()
        .map(|id| source.table(*id).expect("a table").len())
        .sum();
    for compared in [0, 1] {
        let lobs = None;
        let arena = &mut rig.arena;
        let report = validation.look(arena, 61_000_000, source, target, &tables, lobs, compared);
        assert_eq!((report.pending, report.mismatched), (all - compared, 0));
    }
}

#[test]
fn a_batch_has_the_last_version_of_each_row_and_tells_of_every_change() {
    let mut settings = Settings {
        batch: true,
        ..Settings::default()
    };
    settings.manners.foreign_keys = false;
    let mut rig = Rig::new(settings);
    rig.start();
    rig.until(rig.now + 60_000_000);
    rig.effects.clear();
    (1..=5).for_each(|v| rig.update(3, v));
    rig.update(4, 1);
    rig.write(|rig, session| rig.insert(session, rig.parents, &[30, 0]));
    rig.delete(30);
    rig.until(rig.now + 5_000_000);
    assert_eq!(rig.differing(), 0);
    let written = rig.effects.iter().filter_map(|effect| match effect {
        Effect::Written { written, .. } => Some(written.len()),
        _ => None,
    });
    assert_eq!(written.sum::<usize>(), 8, "{:?}", rig.effects);
}

#[test]
fn a_table_made_by_dms_has_columns_and_a_primary_key_and_nothing_else() {
    let rig = Rig::new(Settings::default());
    let def = rig
        .source
        .database
        .table(rig.children)
        .expect("a table")
        .def();
    let made = created_by_dms(def);
    assert_eq!(made.primary, def.primary);
    assert!(made.foreign_keys.is_empty() && made.indexes.is_empty() && made.uniques.is_empty());
    assert!(made.columns.iter().all(|c| !c.auto_increment));
}
