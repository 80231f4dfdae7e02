//! What a replica's applier does with statements on the source's own tables.

use super::*;
use crate::{
    apply::{
        Mode,
        filter::{LeftOut, Rules},
    },
    binlog::{
        QuerySession,
        encode::Head,
        group::{GroupKind, Groups},
        log::LogPos,
    },
    gtid::Gtid,
    mutant::Mutants,
    replica::{
        self, Replica, Start,
        dump::{Request, handshake},
    },
};

use std::sync::Arc;

const COSTS: replica::Costs = replica::Costs {
    transaction_us: 500,
    row_us: 50,
    first_touch_us: 0,
    scan_row_us: 0,
    alter_row_us: 0,
};

fn statement(rig: &mut Rig, gno: u64, sql: &str) {
    let gtid = rig.server.config.gtid_mode;
    let gtid = gtid.then(|| Gtid::new(Uuid([7; 16]), gno));
    let head = Head {
        gtid,
        ..Head::default()
    };
    let binlog = rig.server.binlog.as_mut().expect("a binlog");
    binlog.append(0, gtid, |writer, out, pos| {
        writer.ddl(out, pos, &head, &QuerySession::default(), "mysql", sql)
    });
    binlog.publish();
}

/// An empty replica, with a binlog of its own, that has applied what the source has.
fn replicate(rig: &mut Rig) -> (Server, Replica) {
    let (mut server, mut replica) = received(rig, 1);
    apply(rig, &mut server, &mut replica);
    (server, replica)
}

/// An empty replica that has received what the source has, with so many workers that keep no order among themselves.
fn received(rig: &Rig, workers: u32) -> (Server, Replica) {
    received_by(rig, workers, Rules::default())
}

/// The same with rules of what its applier leaves out.
fn received_by(rig: &Rig, workers: u32, rules: Rules) -> (Server, Replica) {
    let config = Config {
        uuid: Uuid([8; 16]),
        ..rig.server.config.clone()
    };
    let writer = Writer::new(WriterOptions {
        server_id: 2,
        ..WriterOptions::default()
    });
    let binlog = Binlog::new(writer, "binlog", 1, GtidSet::new(), config.epoch_us);
    let database = Database::default();
    let server = Server::new(config, database, Some(binlog), GtidSet::new());
    let config = replica::Config {
        workers,
        preserve_commit_order: false,
        exec_mode: Mode::Strict,
        mutants: Mutants::NONE,
    };
    let (file, pos) = ("binlog.000001".to_string(), 4);
    let (start, request) = match rig.server.config.gtid_mode {
        true => {
            let known = GtidSet::new();
            (Start::AutoPosition, Request::Auto { known })
        }
        false => {
            let request = Request::Position {
                file: file.clone(),
                pos,
            };
            (Start::Position { file, pos }, request)
        }
    };
    let mut replica = Replica::new(start, config).filtered(Arc::new(rules));
    replica.start();
    let mut dump = handshake(&rig.server, &request).expect("nothing is purged");
    replica.connected("binlog.000001", dump.at, 0);
    while let Some(sent) = dump.next(&rig.server, 1 << 20).expect("the log goes on") {
        replica.receive(sent.range, &sent.gtids, || "binlog.000001".into());
    }
    (server, replica)
}

/// The applier goes on as far as it can; what rules have left out of groups.
fn apply(rig: &mut Rig, server: &mut Server, replica: &mut Replica) -> Vec<LeftOut> {
    let (mut now, mut left_out) = (0, Vec::new());
    while let Some(due) = replica.next_due() {
        now = due.max(now);
        let (arena, source) = (&mut rig.arena, &rig.server);
        replica.step(arena, now, server, source, COSTS, |_, _, _, left, _| {
            left_out.extend((!left.is_empty()).then(|| left.clone()));
        });
    }
    left_out
}

#[test]
fn a_replica_takes_the_gtid_and_the_position_of_a_heartbeat_and_goes_on() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let beat = "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,2) ON DUPLICATE KEY UPDATE value = 2";
    statement(&mut rig, 1_000, beat);
    rig.put(2, 20);
    statement(&mut rig, 1_001, beat);
    let (server, replica) = replicate(&mut rig);
    assert!(replica.runs());
    for id in [1, 2] {
        assert!(rig.stored(&server.database, id).is_some(), "row {id}");
    }
    let source = rig.server.binlog.as_ref().expect("a binlog");
    assert_eq!(replica.exec_position(), source.published());
    assert_eq!(&server.gtid_executed, source.logged());
    // Its own binlog has them as transactions that change nothing.
    let own = server.binlog.as_ref().expect("a binlog");
    assert_eq!(own.logged(), source.logged());
    use GroupKind::{Ddl, Empty, Rows};
    assert_eq!(kinds(&server), [Ddl, Ddl, Rows, Empty, Rows, Empty]);
}

#[test]
fn a_replica_of_the_model_stops_at_any_other_statement() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let before = rig.server.binlog.as_ref().map(|b| b.published());
    statement(&mut rig, 1_000, "INSERT INTO d.t VALUES (2, 20, NULL)");
    let (server, replica) = replicate(&mut rig);
    assert!(!replica.applier_runs());
    assert_eq!(Some(replica.exec_position()), before);
    assert!(rig.stored(&server.database, 2).is_none());
}

/// Two rows, what no replica of the model can apply, and two more: where that begins and ends, and a replica that has
/// stopped there.
fn stopped(gtid_mode: bool) -> (Rig, Server, Replica, [LogPos; 2]) {
    let mut rig = Rig::new(|config| config.gtid_mode = gtid_mode);
    let end = |rig: &Rig| rig.server.binlog.as_ref().expect("a binlog").published();
    rig.put(1, 10);
    rig.put(2, 20);
    let from = end(&rig);
    statement(&mut rig, 1_000, "INSERT INTO d.t VALUES (9, 90, NULL)");
    let to = end(&rig);
    rig.put(3, 30);
    rig.put(4, 40);
    let (server, replica) = replicate(&mut rig);
    assert_eq!(replica.exec_position(), from);
    (rig, server, replica, [from, to])
}

fn rows(rig: &mut Rig, server: &Server) -> Vec<u32> {
    let stored = |id: &u32| rig.stored(&server.database, *id).is_some();
    (1..10).filter(stored).collect()
}

#[test]
fn the_counter_passes_over_what_has_stopped_the_applier_and_nothing_else() {
    let (mut rig, mut server, mut replica, [from, to]) = stopped(false);
    let failed = replica.failed().expect("a group");
    assert_eq!((failed.range.at, failed.range.end()), (from, to));
    assert_eq!(failed.gtid, None);
    let skipped = replica.skip_group(&rig.server).expect("it is received");
    assert_eq!((skipped.at, skipped.end()), (from, to));
    assert_eq!(replica.exec_position(), to);
    replica.start_applier();
    assert_eq!(replica.failed(), None, "it runs");
    apply(&mut rig, &mut server, &mut replica);
    assert!(replica.applier_runs() && replica.is_idle());
    assert_eq!(rows(&mut rig, &server), [1, 2, 3, 4]);
    replica.stop_applier(0);
    assert_eq!(replica.skip_group(&rig.server), None, "nothing is left");
}

#[test]
fn a_transaction_is_passed_over_whose_gtid_counts_as_committed() {
    let (mut rig, mut server, mut replica, [from, to]) = stopped(true);
    let failed = replica.failed().expect("a group");
    assert_eq!((failed.range.at, failed.range.end()), (from, to));
    let gtid = failed.gtid.expect("its GTID");
    assert!(!server.gtid_executed.contains(&gtid));
    server.pass_over(gtid);
    replica.start_applier();
    apply(&mut rig, &mut server, &mut replica);
    assert!(replica.applier_runs() && replica.is_idle());
    assert_eq!(rows(&mut rig, &server), [1, 2, 3, 4]);
    let source = rig.server.binlog.as_ref().expect("a binlog");
    assert_eq!(&server.gtid_executed, source.logged());
    // It is not in the binlog of the replica itself.
    let own = server.binlog.as_ref().expect("a binlog");
    assert!(!own.logged().contains(&gtid));
}

/// Three transactions that were committed together, of which workers commit the second first; and where on the source the
/// first two of them begin and end.
fn second_is_first() -> (Rig, Server, Replica, [LogPos; 2]) {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let sessions = [2..=2, 3..=5, 6..=6, 7..=9].map(|ids| {
        let session = rig.connect();
        ids.for_each(|id| assert_eq!(rig.insert(session, id, 0, None), Reply::Ok));
        session
    });
    // What comes while the first is written goes as one group.
    for session in sessions {
        assert_eq!(rig.commit(session), Reply::Committing);
    }
    rig.rest();
    let source = rig.server.binlog.as_ref().expect("a binlog");
    let file = source.file_bytes(1).expect("the first file");
    let groups = Groups::of_file(&file).expect("a binlog").skip(4);
    let groups: Vec<_> = groups.map(|group| group.expect("whole")).collect();
    let at = |pos| LogPos { file: 1, pos };
    let [a, b, _] = &groups[..] else {
        panic!("{} groups", groups.len());
    };
    let places = [at(a.start), at(b.end)];
    let (mut server, mut replica) = received(&rig, 4);
    let mut now = 0;
    while !rows(&mut rig, &server).contains(&6) {
        now = replica.next_due().expect("more to apply").max(now);
        let (arena, source) = (&mut rig.arena, &rig.server);
        replica.step(arena, now, &mut server, source, COSTS, |_, _, _, _, _| {});
    }
    assert_eq!(rows(&mut rig, &server), [1, 2, 6]);
    (rig, server, replica, places)
}

#[test]
fn a_stop_waits_for_what_is_missing_before_what_is_committed() {
    let (mut rig, mut server, mut replica, [_, end]) = second_is_first();
    let now = replica.next_due().expect("workers have the others");
    replica.stop(now - 1);
    apply(&mut rig, &mut server, &mut replica);
    assert!(replica.is_stopped() && !replica.applier_failed());
    assert_eq!(rows(&mut rig, &server), [1, 2, 3, 4, 5, 6]);
    assert_eq!(replica.exec_position(), end);
    replica.start_applier();
    apply(&mut rig, &mut server, &mut replica);
    assert_eq!(rows(&mut rig, &server), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_kill_leaves_what_is_missing() {
    let (mut rig, mut server, mut replica, [begin, _]) = second_is_first();
    replica.stop_receiver();
    replica.applier_killed();
    apply(&mut rig, &mut server, &mut replica);
    assert!(replica.is_stopped());
    assert_eq!(rows(&mut rig, &server), [1, 2, 6]);
    assert_eq!(replica.exec_position(), begin);
}

/// What the groups of a server's own first file are.
fn kinds(server: &Server) -> Vec<GroupKind> {
    let own = server.binlog.as_ref().expect("a binlog");
    let bytes = own.file_bytes(1).expect("its first file");
    let groups = Groups::of_file(&bytes).expect("a binlog");
    groups.map(|group| group.expect("whole").kind).collect()
}

#[test]
fn what_rules_leave_out_counts_as_applied() {
    use GroupKind::{Ddl, Empty, Rows};
    let named = |name: &str| vec![format!("d.{name}")];
    let ignoring = |name: &str| Rules {
        ignore_table: named(name),
        ..Rules::default()
    };
    let only = |name: &str| Rules {
        do_table: named(name),
        ..Rules::default()
    };
    for (rules, applied, of_own) in [
        (Rules::default(), true, [Ddl, Ddl, Rows, Rows]),
        (ignoring("other"), true, [Ddl, Ddl, Rows, Rows]),
        (only("t"), true, [Ddl, Ddl, Rows, Rows]),
        // The table is not even made; nothing asks for it (1146).
        (ignoring("t"), false, [Ddl, Empty, Empty, Empty]),
        (only("other"), false, [Ddl, Empty, Empty, Empty]),
    ] {
        let mut rig = Rig::new(|_| {});
        rig.put(1, 10);
        rig.put(2, 20);
        let (mut server, mut replica) = received_by(&rig, 1, rules);
        let left_out = apply(&mut rig, &mut server, &mut replica);
        assert!(replica.runs() && !replica.applier_failed());
        assert_eq!(server.database.id("d", "t").is_some(), applied);
        if applied {
            assert_eq!(rows(&mut rig, &server), [1, 2]);
        }
        let source = rig.server.binlog.as_ref().expect("a binlog");
        assert_eq!(replica.exec_position(), source.published());
        assert_eq!(&server.gtid_executed, source.logged());
        assert_eq!(kinds(&server), of_own);
        let statements = left_out.iter().filter_map(|left| left.statement.as_deref());
        let tables = left_out.iter().flat_map(|left| &left.tables);
        assert_eq!(tables.count(), if applied { 0 } else { 2 });
        let creates = statements.filter(|sql| sql.starts_with("CREATE TABLE t"));
        assert_eq!(creates.count(), usize::from(!applied));
    }
}

#[test]
fn a_change_of_a_table_goes_through_the_replicas_rows_and_nothing_behind_it_is_applied_meanwhile() {
    const ALTER_US: u64 = 1_000_000;
    const INSTANT: &str = "ALTER TABLE t RENAME COLUMN v TO w";
    const INDEX: &str = "ALTER TABLE t ADD INDEX (v)";
    for (sql, goes_through) in [(INDEX, 3), (INSTANT, 0)] {
        let mut rig = Rig::new(|_| {});
        (1..4).for_each(|id| rig.put(id, 10));
        let session = rig.connect();
        assert_eq!(rig.server.ddl_effort("d", sql).rows, goes_through);
        let reply = rig
            .server
            .execute_ddl(&mut rig.arena, rig.now, session, "d", sql);
        assert_eq!(reply, Ok(Reply::Committing));
        rig.rest();
        rig.put(4, 10);
        let (mut server, mut replica) = received(&rig, 1);
        let costs = replica::Costs {
            alter_row_us: ALTER_US,
            ..COSTS
        };
        let (mut now, mut came) = (0, Vec::new());
        while let Some(due) = replica.next_due() {
            now = due.max(now);
            let (arena, source) = (&mut rig.arena, &rig.server);
            replica.step(arena, now, &mut server, source, costs, |_, at, _, _, _| {
                came.push(at);
            });
        }
        // Schema, table, three rows; the change; the row behind it.
        let [.., before, altered, behind] = came[..] else {
            panic!("{came:?}")
        };
        assert_eq!(
            altered - before,
            COSTS.transaction_us + goes_through * ALTER_US
        );
        assert!(behind > altered, "{came:?}");
        assert!(rig.stored(&server.database, 4).is_some());
    }
}

#[test]
fn a_change_of_a_table_that_is_there_already_takes_nothing() {
    let mut rig = Rig::new(|_| {});
    rig.put(1, 10);
    let (mut server, mut replica) = received(&rig, 1);
    apply(&mut rig, &mut server, &mut replica);
    let session = rig.connect();
    let sql = "ALTER TABLE t ADD INDEX (v)";
    let reply = rig
        .server
        .execute_ddl(&mut rig.arena, rig.now, session, "d", sql);
    assert_eq!(reply, Ok(Reply::Committing));
    rig.rest();
    server.gtid_executed = rig.server.gtid_executed.clone();
    let (_, mut again) = received(&rig, 1);
    let costs = replica::Costs {
        alter_row_us: 1_000_000,
        ..COSTS
    };
    let mut now = 0;
    while let Some(due) = again.next_due() {
        now = due.max(now);
        let (arena, source) = (&mut rig.arena, &rig.server);
        again.step(arena, now, &mut server, source, costs, |_, _, _, _, _| {});
    }
    assert!(again.applier_runs());
    assert!(now < 1_000_000, "{now}");
}
