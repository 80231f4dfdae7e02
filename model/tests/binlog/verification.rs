//! Files as people have them: in the wrong order, with holes, from two servers, torn.

use crate::support::captures;
use cutover_model::binlog::QuerySession;
use cutover_model::binlog::encode::{Head, Writer, WriterOptions};
use cutover_model::binlog::verify::{Ending, Input, ProblemKind, Report, verify};
use cutover_model::binlog::{Binlog, ErrorKind};
use cutover_model::gtid::{Gtid, GtidSet, Uuid};

const SERVER: Uuid = Uuid([0x5a; 16]);

/// A server's files, `per_file` transactions each, from number 142 on, `1..=99` purged before.
fn history(files: usize, per_file: u64) -> Vec<(String, Vec<u8>)> {
    let mut purged = GtidSet::new();
    purged.add_range(SERVER, None, 1, 99);
    let mut log = Binlog::new(
        Writer::new(WriterOptions::default()),
        "mysql-bin",
        142,
        purged,
        5_000_000,
    );
    let mut gno = 99;
    for file in 0..files {
        if file > 0 {
            log.rotate(6_000_000);
        }
        for _ in 0..per_file {
            gno += 1;
            let gtid = Gtid::new(SERVER, gno);
            log.append(7_000_000, Some(gtid), |writer, out, pos| {
                let head = Head {
                    gtid: Some(gtid),
                    timestamp_s: 7,
                    ..Head::default()
                };
                writer.ddl(
                    out,
                    pos,
                    &head,
                    &QuerySession::default(),
                    "app",
                    "create table t (id int)",
                );
            });
        }
    }
    let numbers: Vec<u64> = log.files().iter().map(|f| f.number()).collect();
    numbers
        .iter()
        .map(|n| (log.name(*n), log.file_bytes(*n).expect("a file")))
        .collect()
}

fn check(files: &[(String, Vec<u8>)]) -> Report {
    let inputs: Vec<_> = files
        .iter()
        .map(|(name, bytes)| Input { name, bytes })
        .collect();
    verify(&inputs)
}

fn range(first: u64, last: u64) -> GtidSet {
    let mut set = GtidSet::new();
    set.add_range(SERVER, None, first, last);
    set
}

#[test]
fn a_whole_history_says_what_must_be_held_before_it() {
    let report = check(&history(3, 5));
    assert_eq!(report.problems, []);
    let from = report.complete_from.as_ref().expect("a start");
    assert_eq!(
        (from.file, from.pos, from.held.clone()),
        (0, 4, Some(range(1, 99)))
    );
    assert_eq!(report.gtids(), range(100, 114));
    let file = &report.files[1];
    assert_eq!((file.transactions, file.events, file.server_id), (5, 13, 1));
    assert_eq!(
        (file.first_gtid, file.last_gtid),
        (Some(Gtid::new(SERVER, 105)), Some(Gtid::new(SERVER, 109)))
    );
    assert_eq!(file.ending, Ending::Rotate("mysql-bin.000144".into()));
    assert_eq!(report.files[2].ending, Ending::Open);
    assert!(report.files[2].in_use && !file.in_use);
}

#[test]
fn a_wrong_order_is_mended_and_said() {
    let mut files = history(3, 5);
    files.rotate_left(1);
    let report = check(&files);
    assert!(report.is_sound());
    assert!(matches!(report.problems.as_slice(), [p] if p.kind == ProblemKind::Order));
    assert_eq!(report.order, [2, 0, 1]);
    assert_eq!(report.files[0].name, "mysql-bin.000142");
}

#[test]
fn a_missing_file_is_a_gap_behind_which_the_history_starts_anew() {
    let mut files = history(4, 5);
    files.remove(1);
    let report = check(&files);
    assert!(!report.is_sound());
    let gap = report.problems.iter().find_map(|p| match &p.kind {
        ProblemKind::Gap { missing } => Some(missing.clone()),
        _ => None,
    });
    assert_eq!(gap, Some(range(105, 109)));
    assert!(
        report
            .problems
            .iter()
            .any(|p| matches!(p.kind, ProblemKind::NotNext { .. }))
    );
    let from = report.complete_from.expect("a start");
    assert_eq!((from.file, from.held), (1, Some(range(1, 109))));
}

#[test]
fn a_file_of_another_start_of_the_server_is_noticed_although_its_name_fits() {
    // Same server, same file names: one history went on for longer before it rotated.
    for (first, second) in [(5, 7), (7, 5)] {
        let mixed = vec![history(2, first).remove(0), history(2, second).remove(1)];
        let report = check(&mixed);
        assert!(
            report
                .problems
                .iter()
                .any(|p| matches!(p.kind, ProblemKind::OtherHistory { .. })),
            "{first} and {second}: {:?}",
            report.problems
        );
    }
}

#[test]
fn captures_of_one_server_are_not_mistaken_for_each_other() {
    let captures = captures();
    let files = |name: &str| {
        captures
            .iter()
            .find(|c| c.name == name)
            .expect("the capture")
            .files
            .clone()
    };
    for (one, other) in [
        ("cascade-mysql97", "ddl-mysql97"),
        ("ddl-mysql97", "cascade-mysql97"),
        ("ddl-mysql97", "compressed-mysql97"),
        ("cascade-mysql56", "ddl-mysql56"),
    ] {
        let mixed = vec![files(one).remove(0), files(other).remove(1)];
        assert!(!check(&mixed).is_sound(), "{one} and {other}");
    }
}

#[test]
fn the_same_file_twice_is_noticed() {
    let files = history(2, 5);
    let twice = vec![files[0].clone(), files[0].clone(), files[1].clone()];
    let report = check(&twice);
    assert!(
        report
            .problems
            .iter()
            .any(|p| matches!(p.kind, ProblemKind::Repeated { .. }))
    );
}

#[test]
fn a_torn_end_is_forgiven_to_the_last_file_only() {
    let mut files = history(2, 5);
    let whole = check(&files).files[1].good_until;
    let last = files.last_mut().expect("files");
    last.1.truncate(whole as usize - 3);
    let report = check(&files);
    assert!(report.is_sound());
    let torn = report.problems.last().expect("it is said");
    assert_eq!(torn.kind, ProblemKind::Torn(ErrorKind::UnfinishedGroup));
    assert_eq!(torn.pos, report.files[1].good_until);
    assert_eq!(report.files[1].transactions, 4);

    let mut files = history(2, 5);
    let length = files[0].1.len();
    files[0].1.truncate(length - 80);
    let report = check(&files);
    assert!(!report.is_sound());
    assert_eq!(
        report.complete_from.map(|from| from.file),
        Some(1),
        "usable from the file behind it on"
    );
}

#[test]
fn foreign_files_are_named_for_what_they_are() {
    let hint = |bytes: &[u8]| match check(&[("binlog.000001".to_owned(), bytes.to_vec())])
        .problems
        .remove(0)
        .kind
    {
        ProblemKind::Broken(ErrorKind::NotABinlog { hint, .. }) => hint,
        other => panic!("{other}"),
    };
    assert!(hint(&[0x1f, 0x8b, 8, 0]).contains("gzip"));
    assert!(hint(&[0xfd, 0x62, 0x69, 0x6e, 1]).contains("encrypted"));
    assert!(hint(b"").contains("empty"));
    assert!(hint(b"/*!50530 SET @@SESSION").contains("text"));
    assert!(hint(&[0xfe, 0x62]).contains("ends within"));
    assert_eq!(hint(&[0, 1, 2, 3]), "");
}

#[test]
fn no_files_are_no_history() {
    let report = check(&[]);
    assert_eq!(
        (
            report.files.len(),
            report.complete_from,
            report.problems.len()
        ),
        (0, None, 0)
    );
}
