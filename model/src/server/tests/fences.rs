//! `read_only` as a fence.

use super::*;
use crate::server::ServerError;

#[test]
fn set_read_only_returns_only_when_nobody_is_inside_a_commit() {
    let mut rig = Rig::new(|_| {});
    let session = rig.connect();
    rig.insert(session, 1, 10, None);
    rig.commit(session);
    rig.server.set_read_only(false);
    assert!(!rig.server.is_read_only());
    rig.rest();
    assert!(rig.server.is_read_only());
    assert_eq!(rig.read(1), Some(10), "the commit under way went through");
    let effective = rig
        .events()
        .iter()
        .position(|e| *e == Event::ReadOnlyEffective);
    assert!(effective.is_some());
}

#[test]
fn the_commit_of_a_transaction_opened_before_the_fence_is_refused() {
    let mut rig = Rig::new(|_| {});
    let session = rig.connect();
    rig.insert(session, 1, 10, None);
    rig.server.set_read_only(false);
    assert_eq!(rig.commit(session), Reply::Failed(ServerError::ReadOnly));
    assert_eq!(rig.read(1), None, "and it is rolled back");
    assert_eq!(rig.server.open_transactions(), 0);
}

#[test]
fn writers_hang_while_the_fence_closes_and_then_get_1290() {
    let mut rig = Rig::new(|_| {});
    let (first, second) = (rig.connect(), rig.connect());
    rig.insert(first, 1, 10, None);
    rig.commit(first);
    rig.server.set_read_only(false);
    assert_eq!(rig.insert(second, 2, 20, None), Reply::Waiting);
    rig.rest();
    assert!(rig.events().contains(&Event::Resume(second)));
    assert_eq!(
        rig.insert(second, 2, 20, None),
        Reply::Failed(ServerError::ReadOnly)
    );
}

#[test]
fn an_admin_passes_read_only_and_not_super_read_only() {
    let mut rig = Rig::new(|_| {});
    let admin = rig.server.connect(Privilege::Admin);
    rig.server.set_read_only(false);
    rig.insert(admin, 1, 10, None);
    assert_eq!(rig.commit(admin), Reply::Committing);
    rig.rest();
    assert_eq!(rig.read(1), Some(10), "the fence does not hold this one");
    rig.server.set_read_only(true);
    assert_eq!(
        rig.insert(admin, 2, 20, None),
        Reply::Failed(ServerError::SuperReadOnly)
    );
}

#[test]
fn after_the_fence_is_lifted_writes_go_on() {
    let mut rig = Rig::new(|_| {});
    rig.server.set_read_only(false);
    rig.server.clear_read_only();
    rig.put(1, 10);
    assert_eq!(rig.read(1), Some(10));
}

/// Two sessions, the second of which waits for a row of the first, and a SET that waits for the second.
fn behind_a_waiter() -> (Rig, SessionId, SessionId) {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let (owner, waiter) = (rig.connect(), rig.connect());
    rig.update(owner, 1, 11);
    assert_eq!(rig.update(waiter, 1, 12), Reply::Waiting);
    rig.events();
    rig.server.set_read_only(false);
    assert!(rig.server.is_closing() && !rig.server.is_restless());
    (rig, owner, waiter)
}

#[test]
fn set_read_only_waits_for_a_statement_that_waits_for_a_row() {
    let (mut rig, owner, waiter) = behind_a_waiter();
    let admin = rig.server.connect(Privilege::Admin);
    assert_eq!(
        rig.insert(admin, 2, 20, None),
        Reply::Waiting,
        "behind the SET"
    );
    assert_eq!(rig.commit(owner), Reply::Committing, "commits go on");
    while !rig.events().contains(&Event::Resume(waiter)) {
        rig.until(rig.server.next_due().expect("the commit is under way"));
    }
    assert!(
        !rig.server.is_read_only(),
        "the statement has its row and has not ended"
    );
    assert_eq!(rig.update(waiter, 1, 12), Reply::Ok);
    assert!(rig.server.is_restless());
    rig.until(rig.now);
    assert!(rig.server.is_read_only());
    assert_eq!(rig.commit(waiter), Reply::Failed(ServerError::ReadOnly));
    assert_eq!(rig.read(1), Some(11));
    assert!(rig.events().contains(&Event::Resume(admin)));
    assert_eq!(rig.insert(admin, 2, 20, None), Reply::Ok);
}

#[test]
fn a_statement_that_began_before_the_fence_and_commits_by_itself_is_committed() {
    let (mut rig, owner, waiter) = behind_a_waiter();
    rig.server.rollback(&mut rig.arena, owner);
    assert_eq!(rig.update(waiter, 1, 12), Reply::Ok);
    assert_eq!(rig.commit(waiter), Reply::Committing);
    rig.rest();
    assert!(rig.server.is_read_only());
    assert_eq!(rig.read(1), Some(12));
}

#[test]
fn two_that_wait_for_each_other_through_the_fence_wait_for_the_lock_waits_timeout() {
    let (mut rig, owner, waiter) = behind_a_waiter();
    assert_eq!(
        rig.insert(owner, 2, 20, None),
        Reply::Waiting,
        "no deadlock is seen"
    );
    let timeout = rig.server.next_due().expect("the lock wait ends");
    rig.until(timeout - 1);
    assert!(rig.server.is_closing());
    rig.until(timeout);
    assert!(rig.server.is_read_only());
    let failed = Event::Failed(waiter, ServerError::LockWaitTimeout);
    assert!(rig.events().contains(&failed));
    assert_eq!(
        rig.insert(owner, 2, 20, None),
        Reply::Failed(ServerError::ReadOnly)
    );
}

#[test]
fn the_fence_does_not_wait_for_a_session_that_is_gone() {
    let (mut rig, _, waiter) = behind_a_waiter();
    rig.server.disconnect(&mut rig.arena, waiter);
    assert!(rig.server.is_restless());
    rig.until(rig.now);
    assert!(rig.server.is_read_only());
}

#[test]
fn a_set_that_is_withdrawn_lets_writers_go_on() {
    let (mut rig, owner, waiter) = behind_a_waiter();
    assert_eq!(rig.insert(owner, 2, 20, None), Reply::Waiting);
    rig.server.clear_read_only();
    assert_eq!(rig.events(), [Event::Resume(owner)]);
    assert_eq!(rig.insert(owner, 2, 20, None), Reply::Ok);
    rig.commit(owner);
    rig.rest();
    assert_eq!(rig.update(waiter, 1, 12), Reply::Ok);
    assert!(!rig.server.is_read_only());
}

#[test]
fn set_read_only_waits_for_a_statement_that_waits_for_a_metadata_lock() {
    let mut rig = Rig::new(|_| {});
    let (owner, other) = (rig.connect(), rig.connect());
    rig.insert(owner, 1, 10, None);
    assert!(rig.server.waits_for_metadata_lock());
    rig.server.set_read_only(false);
    assert!(
        !rig.server.waits_for_metadata_lock(),
        "it waits behind the SET"
    );
    assert_eq!(rig.insert(other, 3, 30, None), Reply::Waiting);
    // The owner has the table that the statement wants.
    let deadlock = Reply::Failed(ServerError::Deadlock);
    assert_eq!(rig.insert(owner, 2, 20, None), deadlock);
    assert_eq!(rig.server.open_transactions(), 0);
    rig.rest();
    assert!(rig.server.is_closing());
    let alters = rig.connect();
    rig.server.has_metadata_lock(alters);
    let text = "ALTER TABLE t ADD COLUMN w INT";
    let reply = rig
        .server
        .execute_ddl(&mut rig.arena, rig.now, alters, "d", text);
    assert_eq!(reply, Ok(Reply::Committing));
    rig.rest();
    assert!(rig.server.is_read_only());
}

#[test]
fn a_fence_that_is_set_again_stands_meanwhile() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    rig.server.set_read_only(false);
    let (owner, waiter) = (
        rig.server.connect(Privilege::Admin),
        rig.server.connect(Privilege::Admin),
    );
    rig.update(owner, 1, 11);
    assert_eq!(rig.update(waiter, 1, 12), Reply::Waiting);
    assert_eq!(rig.server.set_read_only(false), 0);
    assert!(rig.server.is_read_only());
    let ordinary = rig.connect();
    let refused = Reply::Failed(ServerError::ReadOnly);
    assert_eq!(rig.insert(ordinary, 2, 20, None), refused);
}
