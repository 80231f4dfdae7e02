//! What a replica's applier does with statements on the source's own tables.

use super::*;
use crate::{
    apply::Mode,
    binlog::{
        QuerySession,
        encode::Head,
        group::{GroupKind, Groups},
    },
    gtid::Gtid,
    mutant::Mutants,
    replica::{
        self, Replica, Start,
        dump::{Request, handshake},
    },
};

const COSTS: replica::Costs = replica::Costs {
    transaction_us: 500,
    row_us: 50,
    first_touch_us: 0,
    scan_row_us: 0,
};

fn statement(rig: &mut Rig, gno: u64, sql: &str) {
    let gtid = Gtid::new(Uuid([7; 16]), gno);
    let head = Head {
        gtid: Some(gtid),
        ..Head::default()
    };
    let binlog = rig.server.binlog.as_mut().expect("a binlog");
    binlog.append(0, Some(gtid), |writer, out, pos| {
        writer.ddl(out, pos, &head, &QuerySession::default(), "mysql", sql)
    });
    binlog.publish();
}

/// An empty replica, with a binlog of its own, that has applied what the source has.
fn replicate(rig: &mut Rig) -> (Server, Replica) {
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
    let mut server = Server::new(config, database, Some(binlog), GtidSet::new());
    let config = replica::Config {
        workers: 1,
        preserve_commit_order: true,
        exec_mode: Mode::Strict,
        mutants: Mutants::NONE,
    };
    let mut replica = Replica::new(Start::AutoPosition, config);
    replica.start();
    let request = Request::Auto {
        known: GtidSet::new(),
    };
    let mut dump = handshake(&rig.server, &request).expect("nothing is purged");
    replica.connected("binlog.000001", dump.at, 0);
    while let Some(sent) = dump.next(&rig.server, 1 << 20).expect("the log goes on") {
        replica.receive(sent.range, &sent.gtids, || "binlog.000001".into());
    }
    let mut now = 0;
    while let Some(due) = replica.next_due() {
        now = due.max(now);
        let (arena, source) = (&mut rig.arena, &rig.server);
        replica.step(arena, now, &mut server, source, COSTS, |_, _, _, _| {});
    }
    (server, replica)
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
    let bytes = own.file_bytes(1).expect("its first file");
    let kinds: Vec<_> = Groups::of_file(&bytes)
        .expect("a binlog")
        .map(|group| group.expect("whole").kind)
        .collect();
    use GroupKind::{Ddl, Empty, Rows};
    assert_eq!(kinds, [Ddl, Ddl, Rows, Empty, Rows, Empty]);
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
