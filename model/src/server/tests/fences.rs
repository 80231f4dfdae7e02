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
