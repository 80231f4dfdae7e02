//! The stages of a commit.

use super::*;

#[test]
fn a_commit_is_sendable_before_it_is_visible() {
    let mut rig = Rig::new(|_| {});
    let session = rig.connect();
    let before = rig.published_bytes();
    rig.insert(session, 1, 10, None);
    rig.commit(session);
    rig.rest_until_published(before);
    assert_eq!(
        rig.read(1),
        None,
        "the gap: a dump reader has it, a SELECT does not"
    );
    rig.rest();
    assert_eq!(rig.read(1), Some(10));
}

#[test]
fn a_read_view_has_what_the_engine_has_committed_and_nothing_else() {
    let mut rig = Rig::new(|_| {});
    let (done, open) = (rig.connect(), rig.connect());
    rig.insert(done, 1, 10, None);
    rig.commit(done);
    rig.rest();
    rig.insert(open, 2, 20, None);
    assert_eq!(rig.server.oldest_transaction_us(), Some(rig.now));
    let sees = |rig: &mut Rig| {
        let view = rig.server.read_view(&mut rig.arena);
        let table = view.table(rig.table).expect("the rig's table");
        [1, 2].map(|id| table.contains(RowKey(id)))
    };
    assert_eq!(sees(&mut rig), [true, false]);
    let before = rig.published_bytes();
    rig.commit(open);
    rig.rest_until_published(before);
    assert_eq!(sees(&mut rig), [true, false], "sent already, and not seen");
    rig.rest();
    assert_eq!(sees(&mut rig), [true, true]);
    assert_eq!(rig.server.oldest_transaction_us(), None);
}

impl Rig {
    /// Up to the moment at which the published end moves.
    fn rest_until_published(&mut self, before: u64) {
        while self.published_bytes() == before {
            let due = self.server.next_due().expect("a commit is under way");
            self.until(due);
        }
    }
}

#[test]
fn with_sync_binlog_1_nothing_unsynced_is_sendable() {
    let mut rig = Rig::new(|_| {});
    let before = rig.published_bytes();
    let session = rig.connect();
    rig.insert(session, 1, 10, None);
    rig.commit(session);
    rig.rest_until_published(before);
    let binlog = rig.server.binlog.as_ref().expect("has a binlog");
    assert_eq!(binlog.synced(), binlog.published());
}

#[test]
fn with_sync_binlog_0_a_reader_gets_what_was_never_synced() {
    let mut rig = Rig::new(|c| c.sync_binlog = 0);
    let before = rig.published_bytes();
    let session = rig.connect();
    rig.insert(session, 1, 10, None);
    rig.commit(session);
    rig.rest_until_published(before);
    let binlog = rig.server.binlog.as_ref().expect("has a binlog");
    assert!(binlog.synced() < binlog.published());
}

#[test]
fn transactions_that_wait_together_share_a_sync_and_a_logical_clock() {
    let mut rig = Rig::new(|_| {});
    let sessions: Vec<SessionId> = (0..5).map(|_| rig.connect()).collect();
    let start = rig.now;
    for (i, session) in sessions.iter().enumerate() {
        rig.insert(*session, i as u32 + 1, 0, None);
        assert_eq!(rig.commit(*session), Reply::Committing);
    }
    rig.rest();
    // The first went alone, the four that queued behind it went as one group: two syncs, not five.
    assert_eq!(rig.now - start, 2 * (FLUSH_US + FSYNC_US + ENGINE_US));
    let binlog = rig.server.binlog.as_ref().expect("has a binlog");
    let file = binlog.file_bytes(1).expect("the first file");
    let groups = crate::binlog::group::Groups::of_file(&file).expect("a binlog");
    let clocks: Vec<(u64, u64)> = groups
        .map(|g| g.expect("whole").gtid.expect("GTIDs are on"))
        .map(|g| (g.last_committed, g.sequence_number))
        .collect();
    assert_eq!(
        clocks[2..],
        [(2, 3), (2, 4), (2, 5), (2, 6), (2, 7)],
        "all prepared before any of them committed"
    );
}

#[test]
fn acknowledgements_come_in_binlog_order_with_gtids_without_gaps() {
    let mut rig = Rig::new(|_| {});
    for id in 1..=3 {
        rig.put(id, 0);
    }
    let numbers: Vec<(u64, u64)> = rig
        .events()
        .into_iter()
        .filter_map(|e| match e {
            Event::Committed(_, done) => Some((done.number.0, done.gno)),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [(2, 3), (3, 4), (4, 5)]);
    assert_eq!(rig.server.gtid_executed.count(), 5);
}

#[test]
fn a_file_over_the_limit_is_rotated_after_the_group_that_filled_it() {
    let mut rig = Rig::new(|c| c.max_binlog_size = 4_096);
    for id in 1..=40 {
        rig.put(id, 0);
    }
    let binlog = rig.server.binlog.as_ref().expect("has a binlog");
    assert!(binlog.files().len() > 2);
    for file in &binlog.files()[..binlog.files().len() - 1] {
        assert!(
            file.length() >= 4_096,
            "a transaction is never split, so a closed file is over the limit"
        );
    }
}

#[test]
fn a_commit_whose_client_is_gone_goes_on() {
    let mut rig = Rig::new(|_| {});
    let session = rig.connect();
    rig.insert(session, 1, 10, None);
    rig.commit(session);
    rig.server.disconnect(&mut rig.arena, session);
    rig.rest();
    assert_eq!(rig.read(1), Some(10));
    assert!(!rig.server.is_connected(session));
}
