//! A crash at every stage, under every durability.

use super::*;
use crate::server::Durability;

/// A rig with row 1 settled, and row 2 in the commit queue since `now`.
fn with_commit_under_way(change: impl FnOnce(&mut Config)) -> (Rig, u64) {
    let mut rig = Rig::new(change);
    rig.put(1, 10);
    let session = rig.connect();
    rig.insert(session, 2, 20, None);
    rig.commit(session);
    let start = rig.now;
    (rig, start)
}

#[test]
fn fully_durable_what_is_acknowledged_is_in_the_binlog_and_what_is_in_the_binlog_is_in_the_engine()
{
    for after in 0..=(FLUSH_US + FSYNC_US + ENGINE_US) {
        let (mut rig, start) = with_commit_under_way(|_| {});
        rig.until(start + after);
        let acknowledged = rig
            .events()
            .iter()
            .filter(|e| matches!(e, Event::Committed(..)))
            .count();
        let cut = rig
            .server
            .crash(&mut rig.arena, start + after, Durability::Volume);
        let has = rig.stored(&cut.database, 2).is_some();
        let logged = cut.gtid_executed.count() == 4;
        assert_eq!(has, logged, "after {after} µs: engine and binlog agree");
        assert!(
            acknowledged < 2 || has,
            "after {after} µs: an acknowledged commit is there"
        );
        assert_eq!(
            has,
            after >= FLUSH_US + FSYNC_US,
            "synced decides, not acknowledged"
        );
        assert_eq!(cut.commits, if has { 4 } else { 3 });
        assert_eq!(rig.read(1), Some(10));
    }
}

#[test]
fn a_killed_process_keeps_what_was_written_and_not_synced() {
    let (mut rig, start) = with_commit_under_way(|c| c.sync_binlog = 0);
    rig.until(start + FLUSH_US);
    let cut = rig
        .server
        .crash(&mut rig.arena, start + FLUSH_US, Durability::Process);
    assert_eq!(rig.stored(&cut.database, 2), Some(20));
}

#[test]
fn without_sync_a_lost_host_takes_the_last_commit_from_both_logs_and_all_others_from_the_binlog() {
    // Before 8.0.17 GTIDs stand in the binlog alone, so the numbers of rows that are still there are given again.
    for (version, executed, next) in [(Version(50_744), 0, 1), (Version::V8_0, 3, 4)] {
        let (mut rig, _) = with_commit_under_way(|c| {
            c.sync_binlog = 0;
            c.version = version;
        });
        rig.rest();
        assert_eq!(rig.read(2), Some(20), "acknowledged and visible");
        let now = rig.now;
        let cut = rig.server.crash(&mut rig.arena, now, Durability::Volume);
        assert_eq!(rig.read(2), None, "no later group has flushed its COMMIT");
        assert_eq!(rig.read(1), Some(10), "the next group had");
        assert_eq!((cut.commits, cut.logged), (3, 0));
        assert_eq!(cut.gtid_executed.count(), executed);
        assert_eq!(rig.server.gtid_purged.count(), executed, "in no file");
        let session = rig.connect();
        rig.insert(session, 3, 30, None);
        rig.commit(session);
        rig.rest();
        let given = rig.events().into_iter().find_map(|e| match e {
            Event::Committed(_, done) => Some(done.gno),
            _ => None,
        });
        assert_eq!(given, Some(next));
    }
}

#[test]
fn a_journal_has_after_a_crash_what_recovery_kept() {
    let settings = [(1, 1), (0, 1), (1, 0)];
    for (sync_binlog, flush_log_at_commit) in settings {
        let mut rig = Rig::new(|c| {
            c.sync_binlog = sync_binlog;
            c.flush_log_at_commit = flush_log_at_commit;
        });
        rig.server.journal = Some(Vec::new());
        let mut copy = rig.server.database.clone();
        rig.put(1, 10);
        rig.put(2, 20);
        let session = rig.connect();
        rig.insert(session, 3, 30, None);
        rig.commit(session);
        // Published, and synced where that is done.
        rig.until(rig.now + FLUSH_US + u64::from(sync_binlog) * FSYNC_US);
        let now = rig.now;
        let cut = rig.server.crash(&mut rig.arena, now, Durability::Volume);
        for entry in rig.server.journal.take().expect("it keeps one") {
            entry.own.fold(&mut rig.arena, &mut copy, false);
        }
        let left = crate::database::diff(&copy, &cut.database, &mut rig.arena);
        assert_eq!(
            left,
            [],
            "sync_binlog = {sync_binlog}, flush = {flush_log_at_commit}"
        );
    }
}

#[test]
fn a_lazy_redo_log_loses_from_the_engine_what_the_binlog_has() {
    let (mut rig, _) = with_commit_under_way(|c| c.flush_log_at_commit = 2);
    rig.rest();
    let now = rig.now;
    let cut = rig.server.crash(&mut rig.arena, now, Durability::Volume);
    assert_eq!(
        rig.stored(&cut.database, 2),
        None,
        "the engine's log was not flushed yet"
    );
    assert_eq!(
        cut.gtid_executed.count(),
        4,
        "the binlog has it: replicas will"
    );
}

#[test]
fn a_cut_leaves_the_server_as_it_is() {
    let (mut rig, start) = with_commit_under_way(|_| {});
    rig.until(start + FLUSH_US);
    let now = rig.now;
    let cut = rig.server.cut(&mut rig.arena, now, Durability::Volume);
    assert_eq!(rig.stored(&cut.database, 2), None);
    rig.rest();
    assert_eq!(rig.read(2), Some(20));
    assert_eq!(
        rig.stored(&cut.database, 2),
        None,
        "what is written later is not in the snapshot"
    );
}

#[test]
fn open_transactions_are_rolled_back_by_recovery() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let session = rig.connect();
    rig.update(session, 1, 99);
    let now = rig.now;
    let cut = rig.server.cut(&mut rig.arena, now, Durability::Volume);
    assert_eq!(rig.stored(&cut.database, 1), Some(10));
}

#[test]
fn auto_increment_rewinds_at_a_restart_before_8_0_and_not_since() {
    for (version, expected) in [(Version(50_624), 2), (Version::V8_0, 3)] {
        let mut rig = Rig::new(|c| c.version = version);
        rig.put(1, 0);
        let session = rig.connect();
        rig.insert(session, 2, 0, None);
        rig.server.rollback(&mut rig.arena, session);
        let now = rig.now;
        rig.server.crash(&mut rig.arena, now, Durability::Process);
        let table = rig.table;
        assert_eq!(
            rig.server.next_auto_increment(table),
            expected,
            "{version:?}"
        );
    }
}
