//! Starting and stopping in the middle: a snapshot and its coordinates.

use crate::support::*;
use cutover::model::follow::{Ended, Fault, Followed, Given, Place, follow};

#[test]
fn a_snapshot_and_the_binlog_from_its_coordinates_are_the_whole() {
    for capture in ["orders-mysql56", "orders-mysql97"] {
        let files = binlogs(capture);
        let base = files_of_snapshot(capture);
        let (position, gtids) = coordinates(capture, "snapshot");
        for start in [position, gtids] {
            let followed = follow(&Given {
                files: &inputs(&files),
                base: Some(&inputs(&base)),
                start: Some(start.clone()),
                ..Given::default()
            })
            .unwrap();
            let report = &followed.report;
            assert_eq!(report.ended, Ended::End, "{capture} from {start}");
            assert!(report.skipped > 0 && report.applied > 0, "{capture}");
            assert_equal(&followed, capture, "final");
            assert_eq!(report.drifted, 0, "{capture} from {start}");
            assert_eq!(report.executed, executed_at_end(capture), "{capture}");
        }
    }
}

#[test]
fn the_binlog_up_to_a_snapshot_s_coordinates_is_the_snapshot() {
    for capture in ["orders-mysql56", "orders-mysql97"] {
        let files = binlogs(capture);
        let (position, gtids) = coordinates(capture, "snapshot");
        for stop in [position, gtids] {
            let followed = follow(&Given {
                files: &inputs(&files),
                stop: Some(stop.clone()),
                ..Given::default()
            })
            .unwrap();
            assert_eq!(followed.report.ended, Ended::Stop(stop), "{capture}");
            assert_equal(&followed, capture, "snapshot");
        }
    }
}

/// Follows from `shift` transactions behind the snapshot's coordinates, by position.
fn shifted(capture: &str, shift: isize) -> Followed {
    let files = binlogs(capture);
    let base = files_of_snapshot(capture);
    let (Place::Position { file, pos }, _) = coordinates(capture, "snapshot") else {
        unreachable!()
    };
    let at = files.iter().find(|f| f.name == file).unwrap();
    let ends: Vec<u64> = groups(at).iter().map(|(_, end)| *end).collect();
    let here = ends.iter().position(|end| *end == pos).expect("a boundary");
    let pos = ends[here.checked_add_signed(shift).unwrap()];
    follow(&Given {
        files: &inputs(&files),
        base: Some(&inputs(&base)),
        start: Some(Place::Position { file, pos }),
        ..Given::default()
    })
    .unwrap()
}

#[test]
fn one_transaction_too_early_is_noticed() {
    for capture in ["orders-mysql56", "orders-mysql97"] {
        let followed = shifted(capture, -1);
        let stopped = stopped(&followed);
        assert_eq!(stopped.code(), Some(1062), "{capture}");
        assert_eq!(stopped.fault(), Fault::Rows);
        let message = stopped.message();
        assert!(message.contains("start later"), "{message}");
        assert_eq!(followed.report.applied, 0, "{capture}");
    }
}

/// How a replay that left transactions out turned out.
#[derive(Debug, Default, PartialEq, Eq)]
struct TooLate {
    /// It stopped with 1032.
    stopped: usize,
    /// It reached the end, with other tables, and said that rows were not as they should have been.
    noted: usize,
    /// It reached the end, with other tables, and said nothing.
    silent: usize,
    /// It reached the end with the right tables: later transactions overwrote all that the missing ones did.
    overwritten: usize,
}

/// Row events carry whole rows and are found by their key, so a missing UPDATE stops no replica, and shows
/// only until the row is written again.
#[test]
fn transactions_too_late_stop_it_or_are_noted() {
    let outcomes = ["orders-mysql56", "orders-mysql97"].map(|capture| {
        let want = expected(capture, "final");
        let mut outcomes = TooLate::default();
        for shift in 1..=24 {
            let followed = shifted(capture, shift);
            let report = &followed.report;
            match &report.ended {
                Ended::Stopped(stopped) => {
                    assert_eq!(stopped.code(), Some(1032), "{}", stopped.message());
                    assert!(stopped.message().contains("start earlier"));
                    outcomes.stopped += 1;
                }
                _ if tables(&followed) == want => outcomes.overwritten += 1,
                _ if report.drifted > 0 => {
                    let told = |note: &String| note.contains("not as the binlog says");
                    assert!(report.notes.iter().any(told), "{:?}", report.notes);
                    outcomes.noted += 1;
                }
                _ => outcomes.silent += 1,
            }
        }
        outcomes
    });
    // In 5.6's history the same few rows are inserted soon after; in 9.7's they are updated, or never met again.
    let expected = [
        TooLate {
            stopped: 23,
            overwritten: 1,
            ..TooLate::default()
        },
        TooLate {
            noted: 18,
            silent: 6,
            ..TooLate::default()
        },
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_place_must_be_between_two_transactions() {
    let files = binlogs("ddl-mysql97");
    let (start, end) = groups(&files[0])
        .into_iter()
        .find(|(start, end)| end - start > 300)
        .unwrap();
    let refused = |file: &str, pos: u64| {
        let place = Place::Position {
            file: file.into(),
            pos,
        };
        let given = Given {
            files: &inputs(&files),
            start: Some(place),
            ..Given::default()
        };
        follow(&given).unwrap_err().to_string()
    };
    let inside = refused("binlog.000001", start + 1);
    assert!(
        inside.contains(&format!("from {start} to {end}")),
        "{inside}"
    );
    assert!(refused("binlog.000001", 10).contains("inside an event"));
    assert!(refused("binlog.000001", 1 << 40).contains("bytes only"));
    let unknown = refused("binlog.000007", 4);
    assert!(
        unknown.contains("binlog.000001, binlog.000002"),
        "{unknown}"
    );
}

#[test]
fn transactions_without_gtids_cannot_be_chosen_by_gtids() {
    let files = binlogs("anonymous-mysql97");
    let error = follow(&Given {
        files: &inputs(&files),
        stop: Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77".parse().unwrap()),
        ..Given::default()
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("FILE:POS"), "{error}");
}
