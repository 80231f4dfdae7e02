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

/// A server with `c (id INT UNSIGNED PRIMARY KEY, parent INT UNSIGNED)`, whose `parent` refers to `t (id)` or, by
/// another column, to `t (u)`.
struct Family {
    rig: Rig,
    children: TableId,
}

impl Family {
    fn new(parent: &str) -> Self {
        let mut rig = Rig::new(|_| {});
        let session = rig.connect();
        let sql = format!("CREATE TABLE c (id INT UNSIGNED NOT NULL PRIMARY KEY, parent {parent}");
        let reply = rig
            .server
            .execute_ddl(&mut rig.arena, rig.now, session, "d", &sql);
        assert_eq!(reply, Ok(Reply::Committing), "{sql}");
        rig.rest();
        let children = rig.server.database.id("d", "c").expect("just created");
        rig.put(1, 10);
        rig.events();
        Self { rig, children }
    }

    fn of_id() -> Self {
        Self::new("INT UNSIGNED, FOREIGN KEY (parent) REFERENCES t (id))")
    }

    fn child(&mut self, session: SessionId, id: u32, parent: u32) -> Reply {
        let mut builder = ImageBuilder::default();
        builder.start(2);
        builder.push(&id.to_le_bytes());
        builder.push(&parent.to_le_bytes());
        let (now, manner) = (self.rig.now, Manner::STATEMENT);
        self.rig.server.insert(
            &mut self.rig.arena,
            now,
            session,
            self.children,
            builder.image(),
            manner,
        )
    }

    fn delete_parent(&mut self, session: SessionId, id: u32) -> Reply {
        let (now, table, manner) = (self.rig.now, self.rig.table, Manner::STATEMENT);
        self.rig.server.delete(
            &mut self.rig.arena,
            now,
            session,
            table,
            RowKey(id.into()),
            manner,
        )
    }
}

fn code(reply: Reply) -> u16 {
    match reply {
        Reply::Failed(error) => error.code(),
        reply => panic!("refused, not {reply:?}"),
    }
}

#[test]
fn a_child_waits_for_a_parent_that_is_not_committed() {
    for (commits, expected) in [(true, None), (false, Some(1452))] {
        let mut family = Family::of_id();
        let (first, second) = (family.rig.connect(), family.rig.connect());
        assert_eq!(family.rig.insert(first, 2, 0, None), Reply::Ok);
        assert_eq!(family.child(second, 1, 2), Reply::Waiting);
        match commits {
            true => {
                family.rig.commit(first);
                family.rig.rest();
            }
            false => family.rig.server.rollback(&mut family.rig.arena, first),
        }
        assert!(family.rig.events().contains(&Event::Resume(second)));
        let reply = family.child(second, 1, 2);
        assert_eq!((reply != Reply::Ok).then(|| code(reply)), expected);
    }
}

#[test]
fn children_share_their_parent_and_whoever_changes_it_waits_for_all_of_them() {
    let mut family = Family::of_id();
    let [first, second, third] = [(); 3].map(|()| family.rig.connect());
    assert_eq!(family.child(first, 1, 1), Reply::Ok);
    assert_eq!(family.child(second, 2, 1), Reply::Ok);
    assert_eq!(family.delete_parent(third, 1), Reply::Waiting);
    family.rig.server.rollback(&mut family.rig.arena, first);
    assert_eq!(family.rig.events(), [], "the second one holds it still");
    let fourth = family.rig.connect();
    assert_eq!(
        family.child(fourth, 4, 1),
        Reply::Waiting,
        "behind the one who waits"
    );
    family.rig.commit(second);
    family
        .rig
        .until(family.rig.now + FLUSH_US + FSYNC_US + ENGINE_US);
    assert!(family.rig.events().contains(&Event::Resume(third)));
    assert_eq!(code(family.delete_parent(third, 1)), 1451);
    family.rig.server.rollback(&mut family.rig.arena, third);
    assert_eq!(family.rig.events(), [Event::Resume(fourth)]);
    assert_eq!(family.child(fourth, 4, 1), Reply::Ok);
}

#[test]
fn who_gives_up_waiting_lets_those_behind_go_on() {
    let mut family = Family::of_id();
    let [first, second, third] = [(); 3].map(|()| family.rig.connect());
    family.child(first, 1, 1);
    assert_eq!(family.delete_parent(second, 1), Reply::Waiting);
    assert_eq!(family.child(third, 3, 1), Reply::Waiting);
    family.rig.server.disconnect(&mut family.rig.arena, second);
    assert_eq!(family.rig.events(), [Event::Resume(third)]);
    assert_eq!(family.child(third, 3, 1), Reply::Ok);
}

#[test]
fn of_two_who_share_a_row_and_want_it_alone_one_gets_1213() {
    let mut family = Family::of_id();
    let (first, second) = (family.rig.connect(), family.rig.connect());
    family.child(first, 1, 1);
    family.child(second, 2, 1);
    assert_eq!(family.rig.update(first, 1, 11), Reply::Waiting);
    assert_eq!(
        family.rig.update(second, 1, 12),
        Reply::Failed(ServerError::Deadlock)
    );
    assert_eq!(family.rig.events(), [Event::Resume(first)]);
    assert_eq!(family.rig.update(first, 1, 11), Reply::Ok);
    family.rig.commit(first);
    family.rig.rest();
    assert_eq!(family.rig.update(second, 1, 13), Reply::Ok, "it is free");
}

#[test]
fn a_parent_named_by_a_unique_key_is_shared_there_and_its_row_is_free() {
    let mut family = Family::new("INT, FOREIGN KEY (parent) REFERENCES t (u))");
    let [first, second, third] = [(); 3].map(|()| family.rig.connect());
    assert_eq!(family.rig.insert(first, 7, 0, Some(5)), Reply::Ok);
    family.rig.commit(first);
    family.rig.rest();
    assert_eq!(family.child(first, 1, 5), Reply::Ok);
    assert!(
        family
            .rig
            .server
            .lock_row(
                &mut family.rig.arena,
                0,
                second,
                family.rig.table,
                RowKey(7)
            )
            .is_ok()
    );
    assert_eq!(family.delete_parent(second, 7), Reply::Waiting);
    assert_eq!(family.delete_parent(third, 7), Reply::Waiting);
}
