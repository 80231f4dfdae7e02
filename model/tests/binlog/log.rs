//! A server's binlog over its life: rotation, purge, crash and restart.

use cutover_model::binlog::encode::{Head, Writer, WriterOptions};
use cutover_model::binlog::log::{Binlog, LogPos, Written};
use cutover_model::binlog::verify::{Ending, Input, verify};
use cutover_model::binlog::{Checksum, Frames, QuerySession};
use cutover_model::gtid::{Gtid, GtidSet, Uuid};

const SERVER: Uuid = Uuid([0x5a; 16]);
const SECOND: u64 = 1_000_000;

fn log() -> Binlog {
    Binlog::new(
        Writer::new(WriterOptions::default()),
        "mysql-bin-changelog",
        1,
        GtidSet::new(),
        SECOND,
    )
}

fn commit(log: &mut Binlog, gno: u64, now_us: u64) -> Written {
    let gtid = Gtid::new(SERVER, gno);
    log.append(now_us, Some(gtid), |writer, out, pos| {
        let head = Head {
            gtid: Some(gtid),
            timestamp_s: (now_us / SECOND) as u32,
            ..Head::default()
        };
        writer.ddl(
            out,
            pos,
            &head,
            &QuerySession::default(),
            "app",
            &"x".repeat(900),
        );
    })
}

fn sound(log: &Binlog) -> GtidSet {
    let files: Vec<_> = log
        .files()
        .iter()
        .map(|f| {
            (
                log.name(f.number()),
                log.file_bytes(f.number()).expect("a file"),
            )
        })
        .collect();
    let inputs: Vec<_> = files
        .iter()
        .map(|(name, bytes)| Input { name, bytes })
        .collect();
    let report = verify(&inputs);
    assert!(report.is_sound(), "{:?}", report.problems);
    report.gtids()
}

fn range(first: u64, last: u64) -> GtidSet {
    let mut set = GtidSet::new();
    set.add_range(SERVER, None, first, last);
    set
}

#[test]
fn positions_and_bytes_are_those_of_the_files() {
    let mut log = log();
    for gno in 1..=400 {
        let written = commit(&mut log, gno, gno * SECOND);
        assert_eq!(
            written.end.pos - written.start.pos,
            written.span.length() as u64
        );
        if gno % 150 == 0 {
            log.rotate(gno * SECOND);
        }
    }
    assert_eq!(sound(&log), range(1, 400));
    log.publish();
    for file in log.files() {
        // Following a file by reads gives the file: 400 KB in several chunks.
        let mut followed = cutover_model::binlog::event::MAGIC.to_vec();
        while let Some(span) = log.read_span(LogPos {
            file: file.number(),
            pos: followed.len() as u64,
        }) {
            if span.is_empty() {
                break;
            }
            followed.extend(log.sealed(span));
        }
        assert_eq!(Some(followed), log.file_bytes(file.number()));
    }
    let groups: usize = log
        .files()
        .iter()
        .map(|f| log.groups(f.number(), 0, u64::MAX).count())
        .sum();
    assert_eq!(groups, 400);
    assert_eq!(log.number("mysql-bin-changelog.000002"), Some(2));
    assert_eq!(log.number("mysql-bin-changelog.2"), None);
}

#[test]
fn readers_get_what_is_published_and_no_more() {
    let mut log = log();
    let head = log.end();
    let one = commit(&mut log, 1, SECOND);
    let nothing = log.read_span(head).map(|span| span.is_empty());
    assert_eq!(nothing, Some(true), "written is not published");
    assert_eq!(
        log.read_span(LogPos {
            pos: one.end.pos,
            ..head
        }),
        None
    );
    log.publish_to(one.end);
    commit(&mut log, 2, SECOND);
    assert_eq!(log.read_span(head), Some(one.span));
    assert_eq!(log.read_span(LogPos { file: 9, pos: 4 }), None);
    assert!(log.synced() == head && log.published() == one.end);
}

#[test]
fn a_crash_keeps_what_was_synced_and_who_reads_on_keeps_its_bytes() {
    let mut log = log();
    commit(&mut log, 1, SECOND);
    log.sync();
    let lost = commit(&mut log, 2, SECOND);
    log.publish();
    let bytes = log.sealed(lost.span);
    let span = log.read_span(lost.start).expect("published");
    log.truncate_to(log.synced());
    assert_eq!(log.logged(), &range(1, 1));
    assert_eq!(log.end(), lost.start);
    assert!(log.published() <= log.end());
    log.restart(9 * SECOND);
    commit(&mut log, 2, 9 * SECOND);
    assert_eq!(
        log.sealed(span),
        bytes,
        "a replica that had it still reads it"
    );
    assert_eq!(sound(&log), range(1, 2));
    assert_eq!(log.files()[1].previous(), &range(1, 1));
}

#[test]
fn a_tail_torn_inside_a_group_is_cut_by_its_groups() {
    let mut log = log();
    let one = commit(&mut log, 1, SECOND);
    let two = commit(&mut log, 2, SECOND);
    let whole = log.file_bytes(1).expect("a file");
    for torn in two.start.pos + 1..two.end.pos {
        let mut log = log.clone();
        log.truncate_to(LogPos {
            pos: torn,
            ..two.start
        });
        assert_eq!(log.logged(), &range(1, 1));
        let left = log.file_bytes(1).expect("a file");
        assert_eq!(left, whole[..torn as usize], "checksums and all");
        let mut groups = log.groups(two.start.file, 0, u64::MAX);
        assert_eq!(groups.next().expect("one").expect("whole").end, one.end.pos);
        assert!(groups.next().expect("the torn one").is_err());
    }
}

#[test]
fn an_event_begins_where_the_file_says_and_nowhere_else() {
    let mut log = log();
    for gno in 1..=200 {
        commit(&mut log, gno, SECOND);
    }
    let bytes = log.file_bytes(1).expect("a file");
    let frames = Frames::of_file(&bytes).expect("a binlog");
    let begins: Vec<u64> = frames.map(|f| f.expect("sound").pos).collect();
    assert_eq!(begins[0], 4);
    let file = 1;
    for pos in 0..bytes.len() as u64 {
        let at = LogPos { file, pos };
        let expected = begins.binary_search(&pos).is_ok();
        assert_eq!(log.is_between_events(at), expected, "{pos}");
    }
    assert!(log.is_between_events(log.end()));
    assert!(!log.is_between_events(LogPos { file: 2, pos: 4 }));
}

#[test]
fn a_clean_stop_closes_the_file() {
    let mut log = log();
    commit(&mut log, 1, SECOND);
    log.stop(2 * SECOND);
    let bytes = log.file_bytes(1).expect("a file");
    let report = verify(&[Input {
        name: "mysql-bin-changelog.000001",
        bytes: &bytes,
    }]);
    assert_eq!(
        (report.files[0].in_use, &report.files[0].ending),
        (false, &Ending::Stop)
    );
    log.restart(3 * SECOND);
    assert_eq!(log.end().file, 2);
    assert_eq!(sound(&log), range(1, 1));
}

#[test]
fn purge_stops_at_the_first_file_that_is_young_or_read_or_last() {
    let mut log = log();
    for gno in 1..=5 {
        commit(&mut log, gno, gno * 10 * SECOND);
        log.rotate(gno * 10 * SECOND);
    }
    let purge = |before: u64, in_use| {
        let mut log = log.clone();
        let gone = log.purge_before(before * SECOND, in_use);
        (gone.len(), log.purged().clone())
    };
    assert_eq!(
        purge(30, None),
        (2, range(1, 2)),
        "the third was written at 30"
    );
    assert_eq!(purge(31, None), (3, range(1, 3)));
    assert_eq!(
        purge(31, Some(2)),
        (1, range(1, 1)),
        "a dump thread reads the second"
    );
    assert_eq!(purge(1000, None), (5, range(1, 5)), "the last one stays");
    let mut log = log.clone();
    assert_eq!(
        log.purge_before(21 * SECOND, None),
        ["mysql-bin-changelog.000001", "mysql-bin-changelog.000002"]
    );
    assert_eq!(log.file(2).map(|f| f.number()), None);
    assert_eq!(log.file(3).map(|f| f.number()), Some(3));
    assert_eq!(
        log.find_file_for(&range(1, 1)),
        None,
        "what it needs was purged"
    );
    assert_eq!(log.find_file_for(&range(1, 3)), Some(4));
    assert_eq!(log.find_file_for(&range(1, 90)), Some(6));
    assert_eq!(log.logged(), &range(1, 5));
}

#[test]
fn a_server_in_mid_life_starts_with_its_number_and_what_was_purged() {
    let log = Binlog::new(
        Writer::new(WriterOptions::default()),
        "mysql-bin",
        142,
        range(1, 77),
        SECOND,
    );
    assert_eq!(log.name(log.end().file), "mysql-bin.000142");
    assert_eq!((log.purged(), log.logged()), (&range(1, 77), &range(1, 77)));
}

#[test]
fn a_group_larger_than_a_chunk_stays_in_one_piece() {
    let mut log = log();
    let gtid = Gtid::new(SERVER, 1);
    let written = log.append(SECOND, Some(gtid), |writer, out, pos| {
        let head = Head {
            gtid: Some(gtid),
            ..Head::default()
        };
        writer.ddl(
            out,
            pos,
            &head,
            &QuerySession::default(),
            "",
            &"y".repeat(5 << 20),
        );
    });
    assert_eq!(log.sealed(written.span).len(), written.span.length());
    assert_eq!(sound(&log), range(1, 1));
}

#[test]
fn a_changed_byte_is_known_to_every_span_that_has_some_of_its_copy() {
    let mut log = log();
    let [first, second] = [1, 2].map(|gno| commit(&mut log, gno, SECOND).span);
    let both = first.joined(second).expect("one lies behind the other");
    let damaged = log.damaged(both, first.length() + 30, 1);
    let third = commit(&mut log, 3, SECOND).span;
    for as_written in [first, second, both, third] {
        assert!(log.is_as_written(as_written));
    }
    // Which byte it was is not kept: the copy counts as a whole.
    let length = damaged.length();
    for part in [damaged, damaged.slice(0, 1), damaged.slice(length - 1, 1)] {
        assert!(!log.is_as_written(part));
    }
    assert!(
        log.is_as_written(damaged.slice(length, 1)),
        "none of its bytes"
    );
    let changed = log.sealed(damaged).into_iter().zip(log.sealed(both));
    assert_eq!(changed.filter(|(a, b)| a != b).count(), 1);
    let sound = |span| {
        let bytes = log.sealed(span);
        Frames::new(&bytes, 4, Checksum::Crc32).all(|frame| frame.is_ok())
    };
    assert!(
        sound(both) && !sound(damaged),
        "its checksum is the old one"
    );
}
