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
fn without_sync_a_lost_host_takes_the_last_acknowledged_commits_and_their_gtids() {
    let (mut rig, _) = with_commit_under_way(|c| c.sync_binlog = 0);
    rig.rest();
    assert_eq!(rig.read(2), Some(20), "acknowledged and visible");
    let now = rig.now;
    let cut = rig.server.crash(&mut rig.arena, now, Durability::Volume);
    assert_eq!(
        rig.stored(&cut.database, 2),
        None,
        "prepared, and not in the binlog"
    );
    assert_eq!(
        rig.stored(&cut.database, 1),
        Some(10),
        "its commit became durable with the prepare of the next"
    );
    assert_eq!(cut.commits, 3);
    assert_eq!(cut.gtid_executed.count(), 3);
}

#[test]
fn without_sync_the_engine_keeps_what_the_binlog_loses_and_its_gtids_from_8_0_17_on() {
    for (version, gtids) in [(Version(50_744), 0), (Version::V8_0, 4)] {
        let (mut rig, _) = with_commit_under_way(|c| {
            c.version = version;
            c.sync_binlog = 0;
        });
        rig.rest();
        let a_second_later = rig.now + 1_000_000;
        let cut = rig
            .server
            .crash(&mut rig.arena, a_second_later, Durability::Volume);
        assert_eq!(rig.stored(&cut.database, 2), Some(20));
        assert_eq!(cut.commits, 4);
        let binlog = rig.server.binlog.as_ref().expect("the rig has one");
        assert_eq!(binlog.name(cut.end.file), "binlog.000001");
        assert!(
            cut.end.pos < 300,
            "the binlog was cut back to its head: {:?}",
            cut.end
        );
        assert_eq!(cut.gtid_executed.count(), gtids, "{version:?}");
    }
}

#[test]
fn a_lazy_redo_log_loses_a_commit_under_way_although_the_binlog_has_it() {
    let (mut rig, start) = with_commit_under_way(|c| c.flush_log_at_commit = 0);
    let synced = start + FLUSH_US + FSYNC_US;
    rig.until(synced);
    let cut = rig.server.cut(&mut rig.arena, synced, Durability::Volume);
    assert_eq!(rig.stored(&cut.database, 1), None);
    assert_eq!(rig.stored(&cut.database, 2), None);
    assert_eq!(cut.gtid_executed.count(), 4);
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
