//! Lengths and framing at the edges; what random files mean is in `../references/codec`.

use cutover_model::binlog::QuerySession;
use cutover_model::binlog::encode::{Head, Writer, WriterOptions};
use cutover_model::binlog::{Frames, Groups};
use cutover_model::gtid::{Gtid, GtidSet, Uuid};

/// The group's length is part of the group, so its own size matters at 251, 64 KiB and 16 MiB.
#[test]
fn the_length_of_a_group_is_right_at_the_bounds_of_its_encoding() {
    let writer = Writer::new(WriterOptions::default());
    let head = Head {
        gtid: Some(Gtid::new(Uuid([1; 16]), 1)),
        ..Head::default()
    };
    let around = |size: usize| size.saturating_sub(220)..size.saturating_sub(140);
    let sizes = (1..200)
        .chain(around(1 << 16))
        .chain(around(1 << 24).step_by(3));
    for size in sizes {
        let mut out = Vec::new();
        writer.ddl(
            &mut out,
            4,
            &head,
            &QuerySession::default(),
            "",
            &"x".repeat(size),
        );
        let group = Groups::new(&out, 4, cutover_model::binlog::Checksum::Crc32)
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(
            group.gtid.unwrap().transaction_length,
            Some(out.len() as u64),
            "sql of {size} bytes"
        );
        let ends: Vec<_> = group
            .events()
            .map(|f| (u64::from(f.header.end_log_pos), f.end()))
            .collect();
        assert!(
            ends.iter().all(|(said, is)| said == is),
            "sql of {size} bytes"
        );
    }
}

/// Settings change what is written, never what it means: frames of a file without checksums are read too.
#[test]
fn a_file_without_checksums_says_so_once() {
    let writer = Writer::new(WriterOptions {
        checksum: false,
        ..WriterOptions::default()
    });
    let mut file = Vec::new();
    writer.file_head(&mut file, 1, 0, &GtidSet::new());
    let pos = file.len() as u64;
    writer.rotate(&mut file, pos, 2, "binlog.000002");
    let frames: Vec<_> = Frames::of_file(&file)
        .unwrap()
        .map(|f| f.expect("whole"))
        .collect();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[2].body.len() + 19, frames[2].bytes.len());
}
