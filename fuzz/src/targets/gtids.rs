//! GTID sets, as text and as PREVIOUS_GTIDS carries them: what was read is written and read again.

use super::text;
use crate::corpus;
use cutover_model::{
    binlog::{EventType, Frames},
    follow::Place,
    gtid::GtidSet,
};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::owned(&[
        "",
        "binlog.000003:4711",
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77:80:99-100",
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:tag_1:5:7-9,\n cbb7df2ae65011f1b43f02fc00000001:1",
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:9223372036854775806",
    ]);
    for file in corpus::binlogs() {
        for frame in Frames::of_file(&file).into_iter().flatten().flatten() {
            if frame.header.event_type == EventType::PREVIOUS_GTIDS && !frame.body.is_empty() {
                seeds.push(frame.body.to_vec());
            }
        }
    }
    seeds
}

pub(super) fn run(input: &[u8]) {
    if let Ok(set) = GtidSet::decode(input) {
        survives(&set);
    }
    let Some(text) = text(input) else { return };
    if let Ok(set) = text.parse::<GtidSet>() {
        survives(&set);
    }
    if let Ok(place) = text.parse::<Place>() {
        let again: Place = place.to_string().parse().expect("a place's own text");
        assert_eq!(again, place);
    }
}

fn survives(set: &GtidSet) {
    let mut bytes = Vec::new();
    set.encode(&mut bytes);
    assert_eq!(GtidSet::decode(&bytes).as_ref(), Ok(set));
    assert_eq!(set.to_string().parse::<GtidSet>().as_ref(), Ok(set));
    assert_eq!(set.subtract(set).count(), 0);
    assert_eq!(&set.union(set), set);
    assert_eq!(&set.intersect(set), set);
    let _ = set.count();
}
