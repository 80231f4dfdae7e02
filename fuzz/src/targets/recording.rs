//! A file as the traffic of a run: what is learnt from it before the run.

use cutover_model::Arena;
use cutover_sim::recording::{NamedFile, Recording};

pub(super) fn load(input: &[u8]) -> Option<Recording> {
    let file = NamedFile {
        name: "binlog.000007".into(),
        bytes: input.to_vec(),
    };
    Recording::load(vec![file], None).ok()
}

pub(super) fn run(input: &[u8]) {
    let Some(recording) = load(input) else { return };
    let _ = recording.initial_tables(&mut Arena::default());
    for pair in recording.entries().windows(2) {
        assert!(pair[0].at_us <= pair[1].at_us, "time goes on");
    }
    for entry in recording.entries() {
        let _ = recording.place(entry);
        let _ = recording.group(entry);
    }
}
