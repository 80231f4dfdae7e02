//! Row locks.

use super::*;
use crate::server::ServerError;

#[test]
fn a_second_writer_waits_for_the_first_ones_commit() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    rig.events();
    let (first, second) = (rig.connect(), rig.connect());
    assert_eq!(rig.update(first, 1, 11), Reply::Ok);
    assert_eq!(rig.update(second, 1, 12), Reply::Waiting);
    assert_eq!(rig.read(1), Some(10), "a reader sees the committed version");
    rig.commit(first);
    rig.rest();
    assert!(rig.events().contains(&Event::Resume(second)));
    assert_eq!(rig.update(second, 1, 12), Reply::Ok);
    assert_eq!(rig.read(1), Some(11));
}

#[test]
fn a_wait_that_takes_too_long_ends_with_1205() {
    let mut rig = Rig::new(|c| c.lock_wait_timeout_us = 1_000_000);
    rig.put(1, 10);
    rig.events();
    let (first, second) = (rig.connect(), rig.connect());
    rig.update(first, 1, 11);
    rig.update(second, 1, 12);
    let start = rig.now;
    rig.until(start + 999_999);
    assert_eq!(rig.events(), []);
    rig.until(start + 1_000_000);
    assert_eq!(
        rig.events(),
        [Event::Failed(second, ServerError::LockWaitTimeout)]
    );
}

#[test]
fn the_one_who_closes_a_cycle_gets_1213_and_the_other_goes_on() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    rig.put(2, 20);
    rig.events();
    let (first, second) = (rig.connect(), rig.connect());
    rig.update(first, 1, 11);
    rig.update(second, 2, 21);
    assert_eq!(rig.update(first, 2, 22), Reply::Waiting);
    assert_eq!(
        rig.update(second, 1, 12),
        Reply::Failed(ServerError::Deadlock)
    );
    assert_eq!(
        rig.events(),
        [Event::Resume(first)],
        "the victim's locks are free"
    );
    assert_eq!(rig.update(first, 2, 22), Reply::Ok);
    assert_eq!(rig.server.open_transactions(), 1);
}

#[test]
fn a_duplicate_of_an_uncommitted_row_waits_for_its_fate() {
    for (commits, expected) in [(true, 1062), (false, 0)] {
        let mut rig = Rig::new(|_| {});
        let (first, second) = (rig.connect(), rig.connect());
        assert_eq!(rig.insert(first, 1, 0, Some(5)), Reply::Ok);
        assert_eq!(
            rig.insert(second, 2, 0, Some(5)),
            Reply::Waiting,
            "1062 would be premature"
        );
        if commits {
            rig.commit(first);
            rig.rest();
        } else {
            rig.server.rollback(&mut rig.arena, first);
        }
        let code = match rig.insert(second, 2, 0, Some(5)) {
            Reply::Failed(error) => error.code(),
            reply => {
                assert_eq!(reply, Reply::Ok);
                0
            }
        };
        assert_eq!(code, expected);
    }
}

#[test]
fn a_rollback_leaves_no_trace_but_the_auto_increment() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let end = rig.published_bytes();
    let session = rig.connect();
    let table = rig.table;
    let id = rig.server.next_auto_increment(table) as u32;
    rig.insert(session, id, 1, Some(9));
    rig.update(session, 1, 99);
    rig.server.rollback(&mut rig.arena, session);
    rig.rest();
    assert_eq!((rig.read(1), rig.read(id)), (Some(10), None));
    assert_eq!(rig.published_bytes(), end, "the binlog holds commits only");
    assert_eq!(rig.server.next_auto_increment(table) as u32, id + 1);
}
