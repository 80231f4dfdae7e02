//! A binlog file: framing, groups, every decoder that a body may meet, and what `binlog verify` says.

use super::event;
use crate::corpus;
use cutover_model::binlog::{
    Frames, Groups,
    verify::{Input, verify},
};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    corpus::binlogs()
}

pub(super) fn run(input: &[u8]) {
    let length = input.len() as u64;
    if let Ok(frames) = Frames::of_file(input) {
        let mut end = 4;
        for frame in frames {
            match frame {
                Ok(frame) => {
                    assert_eq!(frame.pos, end, "frames lie side by side");
                    end = frame.end();
                    event::decode_all(frame.header.event_type, frame.body);
                }
                Err(error) => assert_eq!(error.pos, end, "an error names the first bad event"),
            }
        }
        assert!(end <= length);
    }
    if let Ok(groups) = Groups::of_file(input) {
        let mut end = 0;
        for group in groups.map_while(Result::ok) {
            assert!(group.start >= end && group.end > group.start && group.end <= length);
            end = group.end;
            let _ = group.statement();
            assert!(group.events().count() > 0);
        }
    }
    let report = verify(&[Input {
        name: "binlog.000001",
        bytes: input,
    }]);
    let good = report.files[0].good_until;
    assert!(good <= length.max(4), "good until {good} of {length}");
    for problem in &report.problems {
        assert!(problem.pos <= length, "{problem}");
    }
}
