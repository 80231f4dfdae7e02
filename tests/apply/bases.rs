//! Where the first rows and declarations come from.

use crate::support::*;
use cutover::model::{
    binlog::verify::Input,
    follow::{Ended, Fault, Given, Place, follow},
    gtid::GtidSet,
};
use std::fs;

#[test]
fn a_base_without_the_place_where_it_was_taken_is_refused_at_the_first_create() {
    let files = binlogs("orders-mysql97");
    let base = files_of_snapshot("orders-mysql97");
    let schema = fs::read(folder("orders-mysql97").join("schema.sql")).unwrap();
    let followed = follow(&Given {
        files: &inputs(&files),
        base: Some(&inputs(&base)),
        schema: Some(Input {
            name: "schema.sql",
            bytes: &schema,
        }),
        ..Given::default()
    })
    .unwrap();
    let stopped = stopped(&followed);
    assert_eq!(stopped.code(), Some(1050));
    assert!(
        stopped.message().contains("--start"),
        "{}",
        stopped.message()
    );
}

#[test]
fn a_start_in_mid_life_needs_the_rows_that_were_there() {
    const CAPTURE: &str = "midlife-metafull-mysql97";
    let files = binlogs(CAPTURE);
    let base = self::files(&folder(CAPTURE).join("initial"), ".jsonl");
    let schema = fs::read(folder(CAPTURE).join("schema.sql")).unwrap();
    let schema = Input {
        name: "schema.sql",
        bytes: &schema,
    };
    // The binlog names the columns, so the declarations may be left out.
    for schema in [None, Some(schema)] {
        let followed = follow(&Given {
            files: &inputs(&files),
            schema,
            base: Some(&inputs(&base)),
            ..Given::default()
        })
        .unwrap();
        assert_eq!(followed.report.ended, Ended::End);
        assert_eq!(followed.report.drifted, 0);
        assert_equal(&followed, CAPTURE, "final");
    }
    let followed = follow(&Given {
        files: &inputs(&files),
        ..Given::default()
    })
    .unwrap();
    let stopped = stopped(&followed);
    assert_eq!(stopped.code(), Some(1032));
    assert_eq!(stopped.fault(), Fault::Rows);
    let message = stopped.message();
    for part in ["mid-life", "--base", "shop.customers", "id="] {
        assert!(message.contains(part), "{part} is missing in {message}");
    }
}

#[test]
fn a_gap_between_the_start_and_the_files_is_refused() {
    const CAPTURE: &str = "midlife-metafull-mysql97";
    let files = binlogs(CAPTURE);
    let (_, gtids) = coordinates(CAPTURE, "start");
    let Place::Gtids(held) = &gtids else {
        unreachable!()
    };
    let server = capture_json(CAPTURE)["server_uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let last = format!("{server}:140").parse::<GtidSet>().unwrap();
    let error = follow(&Given {
        files: &inputs(&files),
        start: Some(Place::Gtids(held.subtract(&last))),
        ..Given::default()
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains(&format!("{server}:140")), "{error}");
    assert!(error.contains("earlier files"), "{error}");
}

#[test]
fn without_names_in_the_binlog_the_declarations_are_asked_for() {
    let files: Vec<_> = binlogs("orders-mysql56").split_off(1);
    let followed = follow(&Given {
        files: &inputs(&files),
        ..Given::default()
    })
    .unwrap();
    let stopped = stopped(&followed);
    assert_eq!(
        (stopped.code(), stopped.fault()),
        (Some(1146), Fault::Files)
    );
    let message = stopped.message();
    assert!(
        message.contains("--schema") && message.contains("shop."),
        "{message}"
    );
}
