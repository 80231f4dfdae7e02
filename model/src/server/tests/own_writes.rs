//! What a server's host writes into its own tables.

use super::*;
use crate::{
    binlog::{event::FIRST_POSITION, group::GroupKind},
    server::{Durability, ServerError},
};

const BEAT: &str =
    "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,2) ON DUPLICATE KEY UPDATE value = 2";

impl Rig {
    fn beat(&mut self, session: SessionId) -> Reply {
        let (arena, now) = (&mut self.arena, self.now);
        self.server
            .execute_own(arena, now, session, BEAT.to_string())
    }

    /// What the groups of the binlog's last file are.
    fn kinds(&self) -> Vec<GroupKind> {
        let binlog = self.server.binlog.as_ref().expect("a binlog");
        let groups = binlog.groups(binlog.end().file, FIRST_POSITION, u64::MAX);
        groups.map(|group| group.expect("whole").kind).collect()
    }

    fn admin(&mut self) -> SessionId {
        self.server.connect(Privilege::Admin)
    }
}

#[test]
fn it_is_a_transaction_with_a_gtid_that_changes_nothing_modelled() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let (before, executed) = (rig.kinds(), rig.server.gtid_executed.count());
    let session = rig.admin();
    assert_eq!(rig.beat(session), Reply::Committing);
    rig.rest();
    let events = rig.events();
    let is_end = |event: &Event| matches!(event, Event::Committed(s, _) if *s == session);
    assert!(events.iter().any(is_end), "{events:?}");
    assert_eq!(rig.server.gtid_executed.count(), executed + 1);
    assert_eq!(rig.kinds(), [before, vec![GroupKind::Internal]].concat());
    assert_eq!(rig.read(1), Some(10));
    assert_eq!(rig.server.open_transactions(), 0);
}

#[test]
fn read_only_does_not_stop_it_and_a_set_that_waits_holds_it_up() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let (owner, waiter, rds) = (rig.connect(), rig.connect(), rig.admin());
    rig.update(owner, 1, 11);
    assert_eq!(rig.update(waiter, 1, 12), Reply::Waiting);
    rig.server.set_read_only(false);
    assert_eq!(rig.beat(rds), Reply::Waiting);
    rig.commit(owner);
    rig.rest();
    rig.update(waiter, 1, 12);
    rig.commit(waiter);
    rig.rest();
    assert!(rig.events().contains(&Event::Resume(rds)));
    assert!(rig.server.is_read_only());
    assert_eq!(rig.beat(rds), Reply::Committing);
    rig.rest();
    assert_eq!(rig.kinds().last(), Some(&GroupKind::Internal));
    let super_read_only = true;
    rig.server.set_read_only(super_read_only);
    rig.rest();
    assert_eq!(rig.beat(rds), Reply::Failed(ServerError::SuperReadOnly));
}

#[test]
fn a_crash_keeps_it_with_its_gtid_or_loses_both() {
    let mut kept = [0, 0];
    for after in (0..=1_300).step_by(50) {
        let mut rig = Rig::new(|_| {});
        let before = rig.server.gtid_executed.count();
        let session = rig.admin();
        rig.beat(session);
        rig.until(rig.now + after);
        let executed = rig.server.gtid_executed.count();
        let (arena, now) = (&mut rig.arena, rig.now);
        rig.server.crash(arena, now, Durability::Volume);
        let binlog = rig.server.binlog.as_ref().expect("a binlog");
        let logged = binlog.files().iter().flat_map(|file| {
            let groups = binlog.groups(file.number(), FIRST_POSITION, u64::MAX);
            groups.filter_map(|group| Some(group.ok()?.kind))
        });
        let logged = logged.filter(|kind| *kind == GroupKind::Internal).count() as u64;
        assert_eq!(
            rig.server.gtid_executed.count() - before,
            logged,
            "after {after}"
        );
        assert!(executed <= rig.server.gtid_executed.count());
        kept[logged as usize] += 1;
    }
    assert!(kept[0] > 0 && kept[1] > 0, "{kept:?}");
}
