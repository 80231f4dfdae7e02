//! Whole histories: DDL, rows, XA and all, file by file.

use crate::support::*;
use cutover::model::follow::{Ended, Given, Place, follow};

#[test]
fn a_whole_history_ends_with_the_tables_of_its_server() {
    for capture in [
        "anonymous-mysql56",
        "anonymous-mysql97",
        "cascade-mysql56",
        "cascade-mysql97",
        "compressed-mysql97",
        "ddl-mysql56",
        "ddl-mysql97",
        "ddl2anon-mysql56",
        "emptyimage-mysql56",
        "emptyimage-mysql97",
        "gtidswitch-mysql97",
        "minimal-metafull-mysql97",
        "minimal-metamin-mysql97",
        "minimal-mysql56",
        "misc-mysql97",
        "mixed-mysql56",
        "mixed-mysql97",
        "noblob-mysql56",
        "nochecksum-mysql56",
        "nochecksum-mysql97",
        "orders-mysql56",
        "orders-mysql97",
        "tagged-mysql97",
        "types-mysql56",
    ] {
        let files = binlogs(capture);
        let followed = follow(&Given {
            files: &inputs(&files),
            ..Given::default()
        })
        .unwrap_or_else(|e| panic!("{capture}: {e}"));
        let report = &followed.report;
        assert_eq!(report.ended, Ended::End, "{capture}");
        assert_equal(&followed, capture, "final");
        // Every before image was met as it is: what the tables held on the way was right as well.
        assert_eq!(report.drifted, 0, "{capture}");
        assert_eq!(report.executed, executed_at_end(capture), "{capture}");
    }
}

#[test]
fn xa_that_is_prepared_and_not_decided_is_left_out_and_said() {
    let files = binlogs("misc-mysql97");
    let followed = follow(&Given {
        files: &inputs(&files),
        ..Given::default()
    })
    .unwrap();
    assert_equal(&followed, "misc-mysql97", "final");
    let open = |note: &String| note.contains("XA X'6f70656e'");
    assert!(
        followed.report.notes.iter().any(open),
        "{:?}",
        followed.report.notes
    );
}

#[test]
fn xa_that_was_prepared_before_the_start_stops_at_its_commit() {
    let files = binlogs("misc-mysql97");
    let (pos, _) = groups(&files[2])[0];
    let followed = follow(&Given {
        files: &inputs(&files),
        start: Some(Place::Position {
            file: files[2].name.clone(),
            pos,
        }),
        ..Given::default()
    })
    .unwrap();
    let stopped = stopped(&followed);
    assert_eq!(stopped.code(), Some(1397), "{}", stopped.message());
    assert!(
        stopped.message().contains("XA START"),
        "{}",
        stopped.message()
    );
}

#[test]
fn files_are_taken_in_their_order_whatever_order_they_are_given_in() {
    let mut files = binlogs("nochecksum-mysql97");
    files.reverse();
    files.swap(0, 2);
    let followed = follow(&Given {
        files: &inputs(&files),
        ..Given::default()
    })
    .unwrap();
    assert_equal(&followed, "nochecksum-mysql97", "final");
}

#[test]
fn files_that_are_not_one_history_are_refused() {
    let refused = |files: &[Named]| {
        let given = Given {
            files: &inputs(files),
            ..Given::default()
        };
        follow(&given).map(|f| f.report).unwrap_err().to_string()
    };
    let orders = binlogs("orders-mysql97");
    let first = orders[0].clone();
    let without = [std::slice::from_ref(&first), &orders[2..]].concat();
    assert!(
        refused(&without).contains("without a gap"),
        "{}",
        refused(&without)
    );
    assert!(!refused(&[first.clone(), first.clone()]).is_empty());
    // The captures of one server version share its UUID, and their GTIDs overlap.
    for other in [
        "compressed-mysql97",
        "ddl-mysql97",
        "orders-mysql56",
        "anonymous-mysql97",
        "mixed-mysql97",
    ] {
        let mixed = [vec![first.clone()], binlogs(other).split_off(1)].concat();
        assert!(
            refused(&mixed).contains("one server"),
            "{other}: {}",
            refused(&mixed)
        );
    }
    // Without GTIDs, the time tells.
    let anonymous = [
        vec![binlogs("anonymous-mysql56").swap_remove(0)],
        binlogs("mixed-mysql56").split_off(1),
    ];
    assert!(refused(&anonymous.concat()).contains("one server"));
}
