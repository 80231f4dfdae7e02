//! What cannot be followed, or is damaged: named, with everything before it kept.

use crate::support::*;
use cutover::model::follow::{Cause, Ended, Fault, Given, Place, follow};

#[test]
fn statements_that_change_data_are_refused_with_their_text() {
    for capture in ["statement-mysql56", "statement-mysql97"] {
        let files = binlogs(capture);
        let followed = follow(&Given {
            files: &inputs(&files),
            ..Given::default()
        })
        .unwrap();
        let stopped = stopped(&followed);
        assert_eq!((&*stopped.file, stopped.code()), ("binlog.000001", None));
        assert_eq!(stopped.fault(), Fault::Files);
        let message = stopped.message();
        for part in [
            "insert into counter",
            "binlog_format = ROW",
            "everything up to",
        ] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
        // The position is that of the statement: its text is there.
        let at = &files[0].bytes[stopped.pos as usize..];
        assert!(String::from_utf8_lossy(&at[..400]).contains("insert into counter"));
        assert_eq!(followed.report.applied, 3, "{capture}");
    }
}

#[test]
fn json_as_differences_is_refused() {
    let files = binlogs("partialjson-minimal-mysql97");
    let followed = follow(&Given {
        files: &inputs(&files),
        ..Given::default()
    })
    .unwrap();
    let message = stopped(&followed).message();
    assert!(message.contains("binlog_row_value_options"), "{message}");
    assert_eq!(stopped(&followed).fault(), Fault::Files);
}

#[test]
fn wherever_a_file_is_cut_what_comes_before_is_kept_and_the_place_is_named() {
    for capture in ["cascade-mysql97", "ddl2anon-mysql56"] {
        let whole = binlogs(capture).swap_remove(0);
        let ends: Vec<u64> = groups(&whole).iter().map(|(_, end)| *end).collect();
        let follow_all = |file: &Named, stop: Option<u64>| {
            let place = stop.map(|pos| Place::Position {
                file: file.name.clone(),
                pos,
            });
            follow(&Given {
                files: &inputs(std::slice::from_ref(file)),
                stop: place,
                ..Given::default()
            })
        };
        // A prime, so that cuts fall into every part of events.
        for cut in (150..whole.bytes.len()).step_by(397) {
            let mut file = whole.clone();
            file.bytes.truncate(cut);
            let followed = follow_all(&file, None).unwrap();
            let good = ends.iter().filter(|end| **end <= cut as u64).max();
            let report = &followed.report;
            let last = report.last_good.as_ref().map(|good| good.pos);
            assert_eq!(last.as_ref(), good, "{capture} cut at {cut}");
            if let Some(good) = good {
                let stopped_there = follow_all(&whole, Some(*good)).unwrap();
                assert_eq!(
                    tables(&followed),
                    tables(&stopped_there),
                    "{capture} cut at {cut}"
                );
            }
            if let Ended::Stopped(stopped) = &report.ended {
                assert!(matches!(stopped.cause, Cause::Damage(_)));
                assert!(stopped.pos <= cut as u64 && good.is_none_or(|good| stopped.pos >= *good));
                assert_eq!(stopped.fault(), Fault::Files);
            }
        }
    }
}

#[test]
fn a_flipped_byte_is_found_by_its_checksum_and_what_comes_before_is_kept() {
    let whole = binlogs("cascade-mysql97").swap_remove(0);
    let ends: Vec<u64> = groups(&whole).iter().map(|(_, end)| *end).collect();
    let middle = ends[ends.len() / 2] as usize + 60;
    let mut file = whole.clone();
    file.bytes[middle] ^= 0x10;
    let followed = follow(&Given {
        files: &inputs(&[file]),
        ..Given::default()
    })
    .unwrap();
    let stopped = stopped(&followed);
    assert!(
        stopped.message().contains("checksum"),
        "{}",
        stopped.message()
    );
    assert_eq!(followed.report.applied as usize, ends.len() / 2 + 1);
}
