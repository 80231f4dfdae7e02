//! GTID sets against a plain set of identifiers, over numbers at both ends of the range; as text in every form
//! that people and servers write; as bytes by an independent encoder, and as mysql_common writes and reads them.

use crate::cases::config;
use cutover_model::gtid::{GNO_MAX, Gtid, GtidSet, Tag, Uuid};
use mysql_common::io::ParseBuf;
use mysql_common::packets::{ComBinlogDumpGtid, GnoInterval, Sid};
use mysql_common::proto::{MyDeserialize, MySerialize};
use proptest::prelude::*;
use std::collections::BTreeSet;

type Plain = BTreeSet<Gtid>;
type Source = (Uuid, Option<Tag>);

/// Two stretches of numbers, one at each end of what a GTID may carry.
const WIDTH: u64 = 22;

/// The n-th number of the domain.
fn number(n: u64) -> u64 {
    if n < WIDTH {
        n + 1
    } else {
        GNO_MAX - (2 * WIDTH - 1 - n)
    }
}

fn source() -> impl Strategy<Value = Source> {
    let uuid = prop_oneof![Just([0; 16]), Just([0xa7; 16]), Just([0xff; 16])];
    let tag = prop_oneof![
        3 => Just(None),
        1 => Just(Tag::new("a")),
        1 => Just(Tag::new("a_")),
        1 => Just(Tag::new("_23456789012345678901234567890ab")),
    ];
    (uuid, tag).prop_map(|(uuid, tag)| (Uuid(uuid), tag))
}

/// A range within one of the two stretches; one in eight is reversed, and so empty.
fn range() -> impl Strategy<Value = (Source, u64, u64)> {
    let ends = (0..2 * WIDTH, 0..7u64, prop::bool::weighted(0.125));
    (source(), ends).prop_map(|(source, (from, more, reversed))| {
        let last = if from < WIDTH {
            WIDTH - 1
        } else {
            2 * WIDTH - 1
        };
        let (first, last) = (number(from), number((from + more).min(last)));
        if reversed && first < last {
            (source, last, first)
        } else {
            (source, first, last)
        }
    })
}

fn ranges() -> impl Strategy<Value = Vec<(Source, u64, u64)>> {
    prop::collection::vec(range(), 0..24)
}

fn gtids((uuid, tag): Source, first: u64, last: u64) -> impl Iterator<Item = Gtid> {
    (first..=last).map(move |gno| Gtid { uuid, tag, gno })
}

fn plain(ranges: &[(Source, u64, u64)]) -> Plain {
    ranges
        .iter()
        .flat_map(|(source, a, b)| gtids(*source, *a, *b))
        .collect()
}

fn set(ranges: &[(Source, u64, u64)]) -> GtidSet {
    let mut set = GtidSet::new();
    for ((uuid, tag), first, last) in ranges {
        set.add_range(*uuid, *tag, *first, *last);
    }
    set
}

/// The maximal runs of a plain set, in the order of the identifiers.
fn runs(plain: &Plain) -> Vec<(Source, u64, u64)> {
    let mut runs: Vec<(Source, u64, u64)> = Vec::new();
    for gtid in plain {
        let source = (gtid.uuid, gtid.tag);
        match runs.last_mut() {
            Some((s, _, last)) if *s == source && *last + 1 == gtid.gno => *last = gtid.gno,
            _ => runs.push((source, gtid.gno, gtid.gno)),
        }
    }
    runs
}

/// The set is the plain set, in its one normal form.
fn same(set: &GtidSet, plain: &Plain) {
    let intervals = set
        .intervals()
        .map(|(uuid, tag, i)| ((uuid, tag), i.first, i.last));
    assert_eq!(intervals.collect::<Vec<_>>(), runs(plain));
    let one_by_one: GtidSet = plain.iter().copied().collect();
    assert_eq!(*set, one_by_one, "equal sets have equal representations");
}

/// As `Gtid_set::encode` does, from the plain runs.
fn encoded(plain: &Plain) -> Vec<u8> {
    let runs = runs(plain);
    let sources: BTreeSet<Source> = runs.iter().map(|r| r.0).collect();
    let tagged = sources.iter().any(|s| s.1.is_some());
    let mut bytes = Vec::new();
    let mut count = (sources.len() as u64).to_le_bytes();
    if tagged {
        count = [
            1, count[0], count[1], count[2], count[3], count[4], count[5], 1,
        ];
    }
    bytes.extend(count);
    for source in sources {
        bytes.extend(source.0.0);
        if tagged {
            let text = source.1.map(|t| t.to_string()).unwrap_or_default();
            bytes.push(2 * text.len() as u8);
            bytes.extend(text.bytes());
        }
        let own: Vec<_> = runs.iter().filter(|r| r.0 == source).collect();
        bytes.extend((own.len() as u64).to_le_bytes());
        for (_, first, last) in own {
            bytes.extend(first.to_le_bytes());
            bytes.extend((last + 1).to_le_bytes());
        }
    }
    bytes
}

/// How a range is typed: in which case, with which blanks, dashes and braces.
fn typed(range: &(Source, u64, u64), style: u64) -> String {
    let ((uuid, tag), first, last) = range;
    let blank = ["", " ", "\n", "  \t"][(style % 4) as usize];
    let mut name = uuid.to_string();
    match style / 4 % 4 {
        1 => name = name.replace('-', ""),
        2 => name = format!("{{{name}}}"),
        _ => {}
    }
    let upper = style / 16 % 2 == 1;
    let tag = tag
        .map(|t| format!(":{blank}{t}{blank}"))
        .unwrap_or_default();
    let numbers = match first == last && style / 32 % 2 == 1 {
        true => format!("{blank}{first}{blank}"),
        false => format!("{blank}{first}{blank}-{blank}{last}{blank}"),
    };
    let text = format!("{blank}{name}{blank}{tag}:{numbers}");
    if upper { text.to_uppercase() } else { text }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn the_algebra_is_that_of_plain_sets(a in ranges(), b in ranges(), one in range(), probe in source()) {
        let (x, y, p, q) = (set(&a), set(&b), plain(&a), plain(&b));
        same(&x, &p);
        same(&x.union(&y), &(&p | &q));
        same(&x.subtract(&y), &(&p - &q));
        same(&x.intersect(&y), &(&p & &q));
        same(&x.of_server(probe.0), &p.iter().copied().filter(|g| g.uuid == probe.0).collect());
        prop_assert_eq!(x.is_subset_of(&y), p.is_subset(&q));
        prop_assert!(x.intersect(&y).is_subset_of(&y) && x.is_subset_of(&x.union(&y)));
        prop_assert_eq!(x.is_disjoint_from(&y), p.is_disjoint(&q));
        prop_assert_eq!((x.count(), x.is_empty()), (p.len() as u64, p.is_empty()));
        // Every number of the domain and those just outside of it, for one source.
        let (uuid, tag) = probe;
        let near = (0..2 * WIDTH).map(number).chain([0, WIDTH + 1, GNO_MAX - WIDTH, GNO_MAX + 1, u64::MAX]);
        for gno in near {
            let gtid = Gtid { uuid, tag, gno };
            prop_assert_eq!(x.contains(&gtid), p.contains(&gtid), "{}", gtid);
        }
        let own = |gno: &u64| p.contains(&Gtid { uuid, tag, gno: *gno });
        prop_assert_eq!(x.next_free(uuid, tag), (1..=WIDTH + 1).find(|n| !own(n)).unwrap_or(WIDTH + 1));
        prop_assert_eq!(x.last(uuid, tag), p.iter().filter(|g| (g.uuid, g.tag) == probe).map(|g| g.gno).max());
        // Adding says what was new.
        let (mut more, mut plain_more) = (x, p);
        for gtid in gtids(one.0, one.1, one.2) {
            prop_assert_eq!(more.add(gtid), plain_more.insert(gtid));
        }
        same(&more, &plain_more);
    }

    #[test]
    fn the_holes_of_a_set_are_what_fills_it(a in ranges(), probe in source()) {
        let (uuid, tag) = probe;
        let x = set(&a).intersect(&set(&[(probe, 1, GNO_MAX)]));
        let mut whole = GtidSet::new();
        if let Some(last) = x.last(uuid, tag) {
            whole.add_range(uuid, tag, 1, last);
        }
        let holes = whole.subtract(&x);
        prop_assert!(holes.is_disjoint_from(&x));
        prop_assert_eq!(holes.count() + x.count(), whole.count());
        prop_assert_eq!(holes.union(&x), whole.clone());
        // What is between two intervals next to each other, and before the first.
        let (mut next, mut between) = (1, Vec::new());
        for (_, _, i) in x.intervals() {
            if i.first > next {
                between.push((probe, next, i.first - 1));
            }
            next = i.last + 1;
        }
        prop_assert_eq!(&holes, &set(&between));
        prop_assert_eq!(x.next_free(uuid, tag), between.first().map_or(next, |b| b.1));
    }

    #[test]
    fn text_is_read_however_it_is_typed_and_written_in_one_way(
        a in prop::collection::vec((range(), any::<u64>()), 0..20),
        empty in any::<u8>(),
    ) {
        let ranges: Vec<_> = a.iter().map(|(range, _)| *range).collect();
        let typed: Vec<String> = a.iter().map(|(range, style)| typed(range, *style)).collect();
        let joint = [",", " , ", ",\n", ",,"][usize::from(empty % 4)];
        let text = typed.join(joint) + if empty > 127 { "," } else { "" };
        let read: Result<GtidSet, _> = text.parse();
        let plain = plain(&ranges);
        prop_assert_eq!(read.as_ref(), Ok(&set(&ranges)), "{}", text);
        same(&set(&ranges), &plain);
        // Several ranges and tags behind one UUID: as the server prints them.
        let mut printed = String::new();
        let mut before: Option<Source> = None;
        for (source, first, last) in runs(&plain) {
            match before {
                Some(b) if b.0 == source.0 => {}
                Some(_) => printed += &format!(",{}", source.0),
                None => printed += &source.0.to_string(),
            }
            if before != Some(source) {
                printed += &source.1.map(|t| format!(":{t}")).unwrap_or_default();
            }
            printed += &if first == last { format!(":{first}") } else { format!(":{first}-{last}") };
            before = Some(source);
        }
        let x = set(&ranges);
        prop_assert_eq!(x.to_string(), printed.clone());
        prop_assert_eq!(format!("{x:#}").replace(",\n", ","), printed.clone());
        prop_assert_eq!(printed.parse(), Ok(x));
    }

    #[test]
    fn bytes_are_those_of_the_server_and_any_cut_of_them_is_noticed(a in ranges()) {
        let (x, p) = (set(&a), plain(&a));
        let mut bytes = Vec::new();
        x.encode(&mut bytes);
        prop_assert_eq!(&bytes, &encoded(&p));
        prop_assert_eq!(GtidSet::decode(&bytes), Ok(x));
        for length in 0..bytes.len() {
            prop_assert!(GtidSet::decode(&bytes[..length]).is_err(), "cut at {}", length);
        }
        bytes.push(0);
        prop_assert!(GtidSet::decode(&bytes).is_err(), "a byte too many");
    }

    #[test]
    fn mysql_common_reads_and_writes_the_same_sets(a in ranges()) {
        let (x, p) = (set(&a), plain(&a));
        // Each (UUID, tag) as text, both ways.
        let mut sids = Vec::new();
        let sources: BTreeSet<Source> = p.iter().map(|g| (g.uuid, g.tag)).collect();
        for source in &sources {
            let part = x.intersect(&set(&[(*source, 1, GNO_MAX)]));
            let theirs: Sid<'_> = part.to_string().parse().expect("they read it");
            prop_assert_eq!(theirs.uuid(), source.0.0);
            prop_assert_eq!(theirs.tag().map(|t| t.as_str().to_owned()), source.1.map(|t| t.to_string()));
            let of_theirs = |i: &GnoInterval| (*source, i.start(), i.end() - 1);
            let intervals: Vec<_> = theirs.intervals().iter().map(of_theirs).collect();
            prop_assert_eq!(set(&intervals), part.clone());
            prop_assert_eq!(theirs.to_string().parse(), Ok(part));
            sids.push(theirs);
        }
        // All of them in COM_BINLOG_DUMP_GTID, both ways. It leaves the format's lowest byte 0, we write 1 as
        // the server does; neither reads it.
        let mut bytes = Vec::new();
        x.encode(&mut bytes);
        let mut packet = Vec::new();
        ComBinlogDumpGtid::new(1).with_sids(sids).serialize(&mut packet);
        let start = packet.len() - bytes.len();
        let mut theirs = packet[start..].to_vec();
        prop_assert_eq!(GtidSet::decode(&theirs), Ok(x));
        if sources.iter().any(|s| s.1.is_some()) {
            theirs[0] = bytes[0];
        }
        prop_assert_eq!(&theirs, &bytes);
        packet[start..].copy_from_slice(&bytes);
        let read = ComBinlogDumpGtid::deserialize((), &mut ParseBuf(&packet)).expect("they read ours");
        let runs_read: Vec<_> = read
            .sids()
            .iter()
            .flat_map(|sid| {
                let source = (Uuid(sid.uuid()), sid.tag().and_then(|t| Tag::new(t.as_str())));
                sid.intervals().iter().map(move |i| (source, i.start(), i.end() - 1))
            })
            .collect();
        prop_assert_eq!(runs_read, runs(&p));
    }
}
