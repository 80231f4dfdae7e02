//! XA: what is prepared, and who decides it.

use super::*;
use crate::{
    binlog::group::GroupKind,
    server::{Durability, ServerError},
};

const ID: &str = "X'78',X'',1";

/// Row 1 settled, and an XA transaction that has inserted row 2 and is being prepared since `now`.
fn preparing(change: impl FnOnce(&mut Config)) -> (Rig, SessionId) {
    let mut rig = Rig::new(change);
    rig.put(1, 10);
    let session = rig.connect();
    assert_eq!(rig.insert(session, 2, 20, None), Reply::Ok);
    rig.events();
    rig.server.xa_prepare(rig.now, session, ID);
    (rig, session)
}

fn prepared(change: impl FnOnce(&mut Config)) -> (Rig, SessionId) {
    let (mut rig, session) = preparing(change);
    rig.rest();
    let events = rig.events();
    let told = |e: &Event| matches!(e, Event::Prepared(s, _) if *s == session);
    assert!(events.iter().any(told), "{events:?}");
    (rig, session)
}

/// Commits what is prepared, from a session of its own.
fn decide(rig: &mut Rig) -> Reply {
    let manager = rig.connect();
    rig.server.xa_commit(rig.now, manager, ID)
}

fn kinds(rig: &Rig) -> Vec<GroupKind> {
    let binlog = rig.server.binlog.as_ref().expect("it has one");
    let groups = binlog.groups(1, 4, binlog.end().pos);
    groups.map(|g| g.expect("a group").kind).collect()
}

fn ids(rig: &Rig) -> Vec<&str> {
    rig.server.prepared().collect()
}

#[test]
fn what_is_prepared_is_unseen_locked_and_open_until_anybody_commits_it() {
    let (mut rig, session) = prepared(|_| {});
    assert_eq!((rig.read(2), ids(&rig)), (None, vec![ID]));
    assert_eq!(rig.server.open_transactions(), 1, "innodb_trx has it");
    let other = rig.connect();
    assert_eq!(rig.insert(other, 2, 99, None), Reply::Waiting, "locked");
    rig.server.disconnect(&mut rig.arena, session);
    assert_eq!(rig.server.open_transactions(), 1, "it is nobody's");
    assert_eq!(decide(&mut rig), Reply::Committing);
    rig.rest();
    assert_eq!((rig.read(2), ids(&rig)), (Some(20), vec![]));
    let duplicate = rig.insert(other, 2, 99, None);
    assert!(
        matches!(duplicate, Reply::Failed(ServerError::Sql(_))),
        "{duplicate:?}"
    );
    assert_eq!(decide(&mut rig), Reply::Failed(ServerError::UnknownXid));
}

#[test]
fn each_of_the_two_phases_is_a_group_with_a_gtid_of_its_own() {
    let (mut rig, _) = prepared(|_| {});
    let before = rig.server.gtid_executed.count();
    decide(&mut rig);
    rig.rest();
    assert_eq!(rig.server.gtid_executed.count(), before + 1);
    let kinds = kinds(&rig);
    let last = &kinds[kinds.len() - 3..];
    assert_eq!(
        last,
        [GroupKind::Rows, GroupKind::XaPrepared, GroupKind::XaDecided]
    );
}

#[test]
fn read_only_stops_neither_the_prepare_of_what_was_begun_before_nor_the_commit() {
    let mut rig = Rig::new(|_| {});
    let session = rig.connect();
    rig.insert(session, 2, 20, None);
    rig.server.set_read_only(true);
    assert!(rig.server.is_read_only());
    assert_eq!(
        rig.server.xa_prepare(rig.now, session, ID),
        Reply::Committing
    );
    rig.rest();
    assert_eq!(decide(&mut rig), Reply::Committing);
    rig.rest();
    assert_eq!(rig.read(2), Some(20));
    let refused = rig.insert(session, 3, 30, None);
    assert_eq!(refused, Reply::Failed(ServerError::ReadOnly));
}

#[test]
fn both_phases_wait_while_read_only_is_being_set() {
    let (mut rig, _) = prepared(|_| {});
    let (busy, second) = (rig.connect(), rig.connect());
    rig.insert(busy, 4, 40, None);
    rig.insert(second, 5, 50, None);
    rig.commit(busy);
    rig.server.set_read_only(false);
    let manager = rig.connect();
    assert_eq!(rig.server.xa_commit(rig.now, manager, ID), Reply::Waiting);
    assert_eq!(
        rig.server.xa_prepare(rig.now, second, "X'79',X'',1"),
        Reply::Waiting
    );
    rig.rest();
    let events = rig.events();
    for waits in [manager, second] {
        assert!(events.contains(&Event::Resume(waits)), "{events:?}");
    }
}

#[test]
fn a_crash_leaves_prepared_what_is_in_the_binlog_and_nothing_else() {
    for after in 0..=(FLUSH_US + FSYNC_US + ENGINE_US + 10) {
        let (mut rig, _) = preparing(|_| {});
        let at = rig.now + after;
        rig.until(at);
        let cut = rig.server.crash(&mut rig.arena, at, Durability::Volume);
        let there = after >= FLUSH_US + FSYNC_US;
        assert_eq!(ids(&rig).len(), usize::from(there), "after {after} µs");
        assert_eq!(cut.prepared.len(), ids(&rig).len());
        assert_eq!(cut.commits, if there { 4 } else { 3 });
        assert_eq!(rig.read(2), None, "after {after} µs: nobody sees it");
        let other = rig.connect();
        let expected = if there { Reply::Waiting } else { Reply::Ok };
        assert_eq!(rig.insert(other, 2, 99, None), expected, "after {after} µs");
        rig.server.disconnect(&mut rig.arena, other);
        if there {
            assert_eq!(decide(&mut rig), Reply::Committing);
            rig.rest();
            assert_eq!(rig.read(2), Some(20), "after {after} µs");
        }
    }
}

#[test]
fn a_crash_in_the_second_phase_leaves_it_committed_or_prepared() {
    for after in 0..=(FLUSH_US + FSYNC_US + ENGINE_US + 10) {
        let (mut rig, _) = prepared(|_| {});
        assert_eq!(decide(&mut rig), Reply::Committing);
        let at = rig.now + after;
        rig.until(at);
        rig.server.crash(&mut rig.arena, at, Durability::Volume);
        let committed = after >= FLUSH_US + FSYNC_US;
        assert_eq!(rig.read(2), committed.then_some(20), "after {after} µs");
        assert_eq!(ids(&rig).is_empty(), committed, "after {after} µs");
        if !committed {
            decide(&mut rig);
            rig.rest();
            assert_eq!(rig.read(2), Some(20), "after {after} µs");
        }
    }
}

#[test]
fn before_5_7_7_what_is_prepared_ends_with_its_session_and_the_commit_is_an_ordinary_one() {
    for stays in [true, false] {
        let (mut rig, session) = preparing(|c| c.version = Version(50_624));
        let before = kinds(&rig).len();
        assert_eq!(rig.server.open_transactions(), 1);
        if !stays {
            rig.server.disconnect(&mut rig.arena, session);
        }
        let reply = rig.server.xa_commit(rig.now, session, ID);
        rig.rest();
        let groups = kinds(&rig);
        if stays {
            assert_eq!(reply, Reply::Committing);
            assert_eq!(
                (rig.read(2), &groups[before..]),
                (Some(20), &[GroupKind::Rows][..])
            );
        } else {
            assert_eq!(reply, Reply::Failed(ServerError::UnknownXid));
            assert_eq!((rig.read(2), groups.len()), (None, before));
        }
    }
}
