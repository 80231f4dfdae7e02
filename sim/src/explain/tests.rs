use super::*;
use crate::{
    properties::made::*,
    world::{LeftOut, Skipped},
};
use cutover_model::{apply::filter, replica::ThreadError};

/// The sound migration, in which the last order of the source (70 s) never arrives.
fn without_the_last() -> Made {
    let mut made = Made::sound();
    made.history.applied.rewrite(|list| list.pop());
    made
}

fn cause(made: &Made) -> (Stage, String) {
    let e = made.evidence();
    let explanation = lost_write(&e, 3);
    (explanation.stage, sentence(&explanation))
}

#[test]
fn an_explanation_says_who_what_when_and_where() {
    let (_, text) = cause(&without_the_last());
    let head = "Order 1000004, placed by client 0 and confirmed at 10:01:10.001 (GTID \
                01010101-0101-0101-0101-010101010101:4, mysql-bin-changelog.000215:4000). ";
    assert!(text.starts_with(head), "{text}");
}

#[test]
fn without_replication_the_snapshot_is_the_cause() {
    let mut made = without_the_last();
    made.marks.replication = Default::default();
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Snapshot);
    assert!(
        text.contains("cut at 10:00:10.000, 60.0 s earlier"),
        "{text}"
    );
}

#[test]
fn a_snapshot_lacks_what_was_not_durable_and_one_of_a_replica_what_that_had_not_applied() {
    let mut made = without_the_last();
    made.marks.replication = Default::default();
    let snapshot = made.snapshot.as_mut().unwrap();
    snapshot.at = 80 * S;
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Snapshot);
    let ending = "The snapshot, cut at 10:01:20.000, 10.0 s after it, does not have it: it was not yet durable on the \
                  source's storage, because innodb_flush_log_at_trx_commit or sync_binlog is not 1. Nothing carried it \
                  over later: no replication was ever configured.";
    assert!(text.ends_with(ending), "{text}");
    made.snapshot.as_mut().unwrap().of_replica = true;
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Snapshot);
    let ending = "The snapshot of the read replica, cut at 10:01:20.000, does not have it: the replica had not applied \
                  it yet, and nothing carried later writes to the target: no replication was ever configured.";
    assert!(text.ends_with(ending), "{text}");
}

#[test]
fn what_a_filter_leaves_out_was_applied_and_is_not_there() {
    let mut made = Made::sound();
    made.marks.left_out = vec![LeftOut {
        at: 71 * S,
        commit: 3,
        what: filter::LeftOut {
            tables: vec!["shop.invoices".into()],
            statement: None,
        },
    }];
    assert_eq!(made.violations(&crate::properties::CATALOGUE[0]), 1);
    assert_eq!(made.violations(&crate::properties::CATALOGUE[1]), 0);
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Applied);
    let because = "It counts as applied on the target since 10:01:11.000, and its rows in shop.invoices are not there";
    assert!(text.contains(because), "{text}");
}

#[test]
fn a_purged_binlog_and_the_refusal_are_named() {
    let mut made = without_the_last();
    made.gate_on_lag = true;
    made.marks.purged_unread = vec!["mysql-bin-changelog.000215".into()];
    let r = &mut made.marks.replication;
    (r.from, r.received_to) = (None, None);
    let error = ThreadError {
        errno: 13_114,
        text: "Got fatal error 1236".into(),
    };
    r.refused = Some((90 * S, error));
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Binlog);
    for words in [
        "deleted mysql-bin-changelog.000215",
        "fatal error 1236 (13114)",
        "Seconds_Behind_Source was 0",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_receiver_that_stops_by_itself_was_not_refused_and_no_purge_is_the_cause() {
    let mut made = without_the_last();
    made.marks.purged_unread = vec!["mysql-bin-changelog.000215".into()];
    let r = &mut made.marks.replication;
    (r.from, r.received_to) = (None, None);
    let error = ThreadError {
        errno: 13_117,
        text: "The replication receiver thread cannot start".into(),
    };
    r.refused = Some((90 * S, error));
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Sent);
    assert!(
        text.contains("the receiver stopped: The replication receiver"),
        "{text}"
    );
    assert!(!text.contains("deleted"), "{text}");
}

#[test]
fn a_start_behind_the_write_is_the_cause_when_nobody_asked_for_it() {
    let mut made = without_the_last();
    made.marks.replication.from = Some(LogPos {
        file: 215,
        pos: 9_000,
    });
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Sent);
    assert!(
        text.contains("start at mysql-bin-changelog.000215:9000"),
        "{text}"
    );
}

#[test]
fn a_write_after_replication_had_been_stopped_was_not_sent_and_the_missing_fence_is_named() {
    let mut made = without_the_last();
    made.marks.replication.stopped = Some(65 * S);
    made.marks.replication.sent_to = Some(made.committed(2).end);
    made.marks.fence = None;
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Sent);
    assert!(
        text.contains("5.0 s before it was committed, and no fence"),
        "{text}"
    );
    made.marks.fence = Some(68 * S);
    made.marks.source_read_only = Some(72 * S);
    let (_, text) = cause(&made);
    assert!(
        text.contains("taken for effective at 10:01:08.000, reached the server only at 10:01:12.000, 2.0 s after"),
        "{text}"
    );
}

#[test]
fn unsent_on_the_wire_and_in_the_relay_log_are_told_apart() {
    let mut made = without_the_last();
    let before = made.committed(2).end;
    assert_eq!(cause(&made).0, Stage::Applied);
    assert!(
        cause(&made)
            .1
            .contains("in the relay log, unapplied, when replication was stopped at 10:01:55.000")
    );
    made.marks.replication.received_to = Some(before);
    assert_eq!(cause(&made).0, Stage::RelayLog);
    made.marks.replication.sent_to = Some(before);
    made.gate_on_lag = true;
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Sent);
    assert!(
        text.contains("still unsent") && text.contains("not that everything was received"),
        "{text}"
    );
}

#[test]
fn an_applier_that_stopped_is_named_with_its_error() {
    let mut made = without_the_last();
    let error = ThreadError {
        errno: 1062,
        text: "Duplicate entry".into(),
    };
    made.marks.replication.failed = Some((69 * S, error));
    assert!(cause(&made).1.contains("error 1062: Duplicate entry"));
}

/// Everything between two places, left out at 75 s.
fn skipped(from: LogPos, to: LogPos, errno: u32) -> Skipped {
    let text = "what it says.".into();
    Skipped {
        at: 75 * S,
        from,
        to,
        stopped_there: true,
        error: ThreadError { errno, text },
    }
}

#[test]
fn what_the_operator_has_skipped_is_told_as_that_and_nothing_beside_it() {
    let mut made = without_the_last();
    let (before, end) = (made.committed(2).end, made.committed(3).end);
    let skips = &mut made.marks.replication.skipped;
    skips.push(skipped(LogPos::default(), before, 1));
    skips.push(skipped(before, end, 1062));
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Applied);
    let words = "error 1062: what it says. At 10:01:15.000 the operator skipped it";
    assert!(text.contains(words), "{text}");
    made.marks.replication.skipped[1].stopped_there = false;
    let (stage, text) = cause(&made);
    assert_eq!(stage, Stage::Applied);
    assert!(text.contains("stopped elsewhere with error 1062"), "{text}");
    // One that begins behind it is not the cause.
    made.marks.replication.skipped = vec![skipped(end, LogPos { pos: 9_999, ..end }, 1062)];
    assert!(!cause(&made).1.contains("skipped"));
}

#[test]
fn what_is_left_of_a_file_is_told_whether_or_not_the_receiver_ever_came_to_it() {
    let mut made = without_the_last();
    let from = made.committed(2).end;
    let next = LogPos {
        file: from.file + 1,
        pos: 4,
    };
    made.marks.replication.skipped = vec![skipped(from, next, 13_114)];
    for first in [None, Some(next), Some(from)] {
        made.marks.replication.from = first;
        let (stage, text) = cause(&made);
        assert_eq!(stage, Stage::Sent);
        let words = "10:01:15.000 the operator had it go on with the next file, and everything from \
                     mysql-bin-changelog.000215:";
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_write_to_the_target_is_lost_when_the_name_goes_back() {
    let mut made = Made::sound();
    made.serving = Host::Source;
    made.marks.returned = Some(150 * S);
    let explanation = lost_write(&made.evidence(), 4);
    assert_eq!(explanation.stage, Stage::Visible);
    assert!(explanation.because.contains("pointed back at the source"));
    assert_eq!(explanation.gtid, None, "it is no commit of the source");
    // A part of the clients had the target's address.
    made.marks.returned = None;
    let because = lost_write(&made.evidence(), 4).because;
    assert!(because.contains("stayed with the source"), "{because}");
}

#[test]
fn what_was_skipped_on_the_way_back_is_told_whether_or_not_the_source_ever_read_there() {
    let mut made = Made::sound();
    made.serving = Host::Source;
    let end = made
        .history
        .target
        .get(0)
        .expect("a commit of the target")
        .end;
    let back = &mut made.marks.replication_back;
    back.configured = Some(90 * S);
    let (before, next) = (
        LogPos { pos: 4, ..end },
        LogPos {
            file: end.file + 1,
            pos: 4,
        },
    );
    back.skipped = vec![skipped(before, next, 13_114)];
    for from in [None, Some(next)] {
        made.marks.replication_back.from = from;
        let explanation = lost_write(&made.evidence(), 4);
        assert_eq!(explanation.stage, Stage::Sent);
        let because = explanation.because;
        assert!(because.contains("go on with the next file"), "{because}");
    }
}

#[test]
fn phantoms_and_repetitions_are_explained() {
    let mut made = Made::sound();
    made.apply(0, 80 * S);
    made.marks.replication.from = Some(LogPos { file: 215, pos: 4 });
    let e = made.evidence();
    let again = repeated_write(&e, Repeated::Commit(0));
    assert!(
        again.because.contains("had it already") && again.because.contains("000215:4, before"),
        "{again:?}"
    );
    let unknown = phantom(&e, Phantom::Unknown(2));
    assert!(unknown.what.contains("10:01:20.000"));
}

#[test]
fn only_the_first_are_explained() {
    let mut made = Made::sound();
    for i in 0..20 {
        made.place(Host::Source, 1, 100 + i, (80 + i) * S);
    }
    let explanations = explanations(&made.evidence());
    assert_eq!(
        explanations.len(),
        2 * EXPLAINED,
        "lost ones, and their rows that are there"
    );
}

#[test]
fn spans_are_told_as_people_do() {
    let told = [0, 999_999, 60_100_000, 723_000_000, 11_520_000_000].map(span);
    assert_eq!(
        told,
        [
            "less than 1 ms",
            "999 ms",
            "60.1 s",
            "12 min 3 s",
            "3 h 12 min"
        ]
    );
}

/// The sound migration by a tool that carries rows, in which a row (table 1, key 7) of the last order never arrives.
fn without_the_last_row() -> Made {
    use crate::evidence::{FedFacts, FedTable, MissingRow};
    let mut made = without_the_last();
    made.snapshot = None;
    made.history.fed.reads.push(crate::fed::Read {
        loaded: Some(20 * S),
        ..crate::fed::Read::new(1, 2, 10 * S)
    });
    let start = made.committed(1).end;
    let end = made.committed(3).end;
    made.fed = Some(FedFacts {
        tables: vec![FedTable {
            table: 1,
            name: "shop.orders".into(),
            captured_from: Some(start),
            received_to: Some(end),
            suspended: None,
            stopped: Some(115 * S),
        }],
        missing: [(3, MissingRow { table: 1, row: 7 })].into(),
    });
    made
}

#[test]
fn a_row_that_a_tool_lost_is_explained_by_the_stage_that_does_not_have_it() {
    let table = |made: &mut Made| {
        let fed = made.fed.as_mut().expect("fed by a tool");
        fed.tables.pop().expect("one table")
    };
    type Change = fn(&mut Made, crate::evidence::FedTable) -> Option<crate::evidence::FedTable>;
    let cases: [(Change, Stage, &str); 7] = [
        (|_, _| None, Stage::Copied, "no task was told to migrate"),
        (
            |_, t| {
                Some(crate::evidence::FedTable {
                    captured_from: None,
                    ..t
                })
            },
            Stage::Copied,
            "had been read at 10:00:10.000, 60.0 s earlier",
        ),
        (
            |_, t| {
                let received_to = t.captured_from;
                Some(crate::evidence::FedTable { received_to, ..t })
            },
            Stage::Captured,
            "had not captured it when the task stopped at 10:01:55.000",
        ),
        (
            |_, t| Some(t),
            Stage::Applied,
            "had captured it and not applied it",
        ),
        (
            |_, t| {
                let captured_from = t.received_to;
                Some(crate::evidence::FedTable { captured_from, ..t })
            },
            Stage::Captured,
            "the rows that were read do not have it",
        ),
        (
            |_, t| {
                let suspended = Some((60 * S, "error 1452".into()));
                Some(crate::evidence::FedTable { suspended, ..t })
            },
            Stage::Accepted,
            "took shop.orders out at 10:01:00.000: error 1452",
        ),
        (
            |made, t| {
                made.feed(3, 7, 71 * S);
                let refused = made.history.fed.refusal("error 1062".into(), true);
                let row = made.history.fed.rows.last_mut();
                row.expect("just fed").refused = Some(refused);
                Some(t)
            },
            Stage::Accepted,
            "error 1062. By its error policy the task left the record out",
        ),
    ];
    for (change, wanted, words) in cases {
        let mut made = without_the_last_row();
        let before = table(&mut made);
        let after = change(&mut made, before);
        made.fed
            .as_mut()
            .expect("fed by a tool")
            .tables
            .extend(after);
        let (stage, text) = cause(&made);
        assert_eq!(stage, wanted, "{text}");
        assert!(text.contains(words), "{text}");
    }
}
