//! Sets of GTIDs as exact intervals, the algebra that replication is decided by.

use super::{GNO_MAX, Gtid, Tag, Uuid};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Numbers `first..=last` of one (UUID, tag).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The first number, at least 1.
    pub first: u64,
    /// The last number, at least `first`, at most [`GNO_MAX`].
    pub last: u64,
}

/// GTIDs whose numbers follow one another: what a binlog has as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GtidRun {
    /// The first of them.
    pub first: Gtid,
    /// The number of the last, at least that of the first.
    pub last: u64,
}

impl GtidRun {
    /// One alone.
    #[inline]
    pub fn of(gtid: Gtid) -> Self {
        Self {
            last: gtid.gno,
            first: gtid,
        }
    }

    /// Appends an identifier to runs in the order of a binlog.
    #[inline]
    pub fn push(runs: &mut SmallVec<[GtidRun; 1]>, gtid: &Gtid) {
        match runs.last_mut() {
            Some(run)
                if gtid.gno == run.last + 1
                    && gtid.uuid == run.first.uuid
                    && gtid.tag == run.first.tag =>
            {
                run.last = gtid.gno;
            }
            _ => runs.push(GtidRun::of(*gtid)),
        }
    }
}

/// A set of GTIDs.
///
/// The intervals of one (UUID, tag) are sorted, disjoint and not adjacent, and no (UUID, tag) is kept
/// without one: equal sets have equal representations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GtidSet {
    sources: Sources,
}

/// Who committed first, and under which tag.
type Key = (Uuid, Option<Tag>);

/// Intervals by their key. Most sets have one: the lowest key has a place of its own, where nothing is searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Sources {
    first: Option<Box<(Key, Vec<Interval>)>>,
    /// Keys above the first.
    rest: BTreeMap<Key, Vec<Interval>>,
}

impl Sources {
    #[inline]
    fn get(&self, uuid: &Uuid, tag: &Option<Tag>) -> Option<&Vec<Interval>> {
        let ((first, first_tag), intervals) = self.first.as_deref()?;
        match first == uuid && first_tag == tag {
            true => Some(intervals),
            false if self.rest.is_empty() => None,
            false => self.rest.get(&(*uuid, *tag)),
        }
    }

    /// The last interval of the lowest key, where it is the one of this identifier: the one that grows.
    #[inline]
    fn growing(&mut self, gtid: &Gtid) -> Option<&mut Interval> {
        let ((uuid, tag), intervals) = self.first.as_deref_mut()?;
        match *uuid == gtid.uuid && *tag == gtid.tag {
            true => intervals.last_mut(),
            false => None,
        }
    }

    /// The intervals of a key; the caller leaves some there.
    #[inline]
    fn of(&mut self, key: Key) -> &mut Vec<Interval> {
        let is_above = |first: &mut Box<(Key, _)>| first.0 != key && key < first.0;
        if let Some(above) = self.first.take_if(is_above) {
            self.rest.insert(above.0, above.1);
        }
        let fresh = || Box::new((key, Vec::new()));
        let (first, intervals) = &mut **self.first.get_or_insert_with(fresh);
        match *first == key {
            true => intervals,
            false => self.rest.entry(key).or_default(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&Key, &Vec<Interval>)> {
        let first = self
            .first
            .as_deref()
            .map(|(key, intervals)| (key, intervals));
        first.into_iter().chain(&self.rest)
    }
}

impl GtidSet {
    /// The empty set.
    pub const fn new() -> GtidSet {
        GtidSet {
            sources: Sources {
                first: None,
                rest: BTreeMap::new(),
            },
        }
    }

    /// Puts one identifier in; says whether it was new. Numbers out of range are no GTIDs and are ignored.
    ///
    /// The next number of a (UUID, tag) costs a comparison and an increment.
    #[inline]
    pub fn add(&mut self, gtid: Gtid) -> bool {
        match self.sources.growing(&gtid) {
            Some(end) if gtid.gno == end.last + 1 && gtid.gno <= GNO_MAX => {
                end.last = gtid.gno;
                true
            }
            _ => self.add_anywhere(gtid),
        }
    }

    /// Puts identifiers in that follow one another.
    #[inline]
    pub fn add_run(&mut self, run: &GtidRun) {
        let GtidRun { first, last } = run;
        match self.sources.growing(first) {
            Some(end) if first.gno == end.last + 1 && *last <= GNO_MAX => end.last = *last,
            _ => self.add_range(first.uuid, first.tag, first.gno, *last),
        }
    }

    fn add_anywhere(&mut self, gtid: Gtid) -> bool {
        if gtid.gno == 0 || gtid.gno > GNO_MAX {
            return false;
        }
        let intervals = self.sources.of((gtid.uuid, gtid.tag));
        match intervals.last_mut() {
            Some(end) if gtid.gno == end.last + 1 => {
                end.last = gtid.gno;
                return true;
            }
            Some(end) if gtid.gno <= end.last => {}
            _ => {
                intervals.push(Interval {
                    first: gtid.gno,
                    last: gtid.gno,
                });
                return true;
            }
        }
        if find(intervals, gtid.gno) {
            return false;
        }
        insert(
            intervals,
            Interval {
                first: gtid.gno,
                last: gtid.gno,
            },
        );
        true
    }

    /// Puts `first..=last` of a (UUID, tag) in. An empty range, or what lies out of 1..=[`GNO_MAX`], adds nothing.
    pub fn add_range(&mut self, uuid: Uuid, tag: Option<Tag>, first: u64, last: u64) {
        let (first, last) = (first.max(1), last.min(GNO_MAX));
        if first <= last {
            insert(self.sources.of((uuid, tag)), Interval { first, last });
        }
    }

    /// Whether an identifier is in the set.
    #[inline]
    pub fn contains(&self, gtid: &Gtid) -> bool {
        let Some(intervals) = self.sources.get(&gtid.uuid, &gtid.tag) else {
            return false;
        };
        // What is asked for is new as a rule.
        intervals.last().is_some_and(|end| gtid.gno <= end.last) && find(intervals, gtid.gno)
    }

    /// Puts everything of another set in.
    pub fn union_with(&mut self, other: &GtidSet) {
        for (key, theirs) in other.sources.iter() {
            let ours = self.sources.of(*key);
            if ours.is_empty() {
                ours.clone_from(theirs);
            } else {
                for interval in theirs {
                    insert(ours, *interval);
                }
            }
        }
    }

    /// What is in one of the two.
    pub fn union(&self, other: &GtidSet) -> GtidSet {
        let mut all = self.clone();
        all.union_with(other);
        all
    }

    /// What is in this set and not in the other (`GTID_SUBTRACT`).
    pub fn subtract(&self, other: &GtidSet) -> GtidSet {
        let mut rest = GtidSet::new();
        for (key, ours) in self.sources.iter() {
            let left = match other.sources.get(&key.0, &key.1) {
                Some(theirs) => without(ours, theirs),
                None => ours.clone(),
            };
            if !left.is_empty() {
                *rest.sources.of(*key) = left;
            }
        }
        rest
    }

    /// What is in both.
    pub fn intersect(&self, other: &GtidSet) -> GtidSet {
        let mut both = GtidSet::new();
        for (key, ours) in self.sources.iter() {
            if let Some(theirs) = other.sources.get(&key.0, &key.1) {
                let common = common(ours, theirs);
                if !common.is_empty() {
                    *both.sources.of(*key) = common;
                }
            }
        }
        both
    }

    /// Whether the other set has everything of this one (`GTID_SUBSET`).
    pub fn is_subset_of(&self, other: &GtidSet) -> bool {
        self.sources.iter().all(|(key, ours)| {
            let theirs = other
                .sources
                .get(&key.0, &key.1)
                .map(Vec::as_slice)
                .unwrap_or_default();
            ours.iter().all(|o| {
                let at = theirs.partition_point(|t| t.last < o.first);
                theirs
                    .get(at)
                    .is_some_and(|t| t.first <= o.first && o.last <= t.last)
            })
        })
    }

    /// Whether the two have nothing in common.
    pub fn is_disjoint_from(&self, other: &GtidSet) -> bool {
        self.sources.iter().all(|(key, ours)| {
            other
                .sources
                .get(&key.0, &key.1)
                .is_none_or(|theirs| common(ours, theirs).is_empty())
        })
    }

    /// The part that one server committed first, under any tag: what the dump handshake compares.
    pub fn of_server(&self, uuid: Uuid) -> GtidSet {
        let mut part = GtidSet::new();
        for (key, intervals) in self.sources.iter().filter(|(key, _)| key.0 == uuid) {
            part.sources.of(*key).clone_from(intervals);
        }
        part
    }

    /// How many identifiers are in the set; saturates at `u64::MAX`.
    pub fn count(&self) -> u64 {
        self.intervals().fold(0u64, |sum, (_, _, i)| {
            sum.saturating_add(i.last - i.first + 1)
        })
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.sources.first.is_none()
    }

    /// All intervals, ordered by UUID, then tag (none first), then number.
    pub fn intervals(&self) -> impl Iterator<Item = (Uuid, Option<Tag>, Interval)> + '_ {
        self.sources
            .iter()
            .flat_map(|(key, intervals)| intervals.iter().map(|i| (key.0, key.1, *i)))
    }

    /// The smallest number that a server may give to its next transaction: the first one not in the set,
    /// as `get_gtid_automatic` has it (a hole is filled first).
    pub fn next_free(&self, uuid: Uuid, tag: Option<Tag>) -> u64 {
        match self
            .sources
            .get(&uuid, &tag)
            .and_then(|intervals| intervals.first())
        {
            Some(first) if first.first == 1 => first.last + 1,
            _ => 1,
        }
    }

    /// The largest number of a (UUID, tag), where there is one.
    pub fn last(&self, uuid: Uuid, tag: Option<Tag>) -> Option<u64> {
        self.sources
            .get(&uuid, &tag)
            .and_then(|intervals| intervals.last())
            .map(|i| i.last)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (&Key, &[Interval])> {
        self.sources
            .iter()
            .map(|(key, intervals)| (key, intervals.as_slice()))
    }
}

impl Extend<Gtid> for GtidSet {
    fn extend<I: IntoIterator<Item = Gtid>>(&mut self, gtids: I) {
        for gtid in gtids {
            self.add(gtid);
        }
    }
}

impl FromIterator<Gtid> for GtidSet {
    fn from_iter<I: IntoIterator<Item = Gtid>>(gtids: I) -> Self {
        let mut set = GtidSet::new();
        for gtid in gtids {
            set.add(gtid);
        }
        set
    }
}

fn find(intervals: &[Interval], gno: u64) -> bool {
    let at = intervals.partition_point(|i| i.last < gno);
    intervals.get(at).is_some_and(|i| i.first <= gno)
}

/// Merges an interval with all that it overlaps or touches.
fn insert(intervals: &mut Vec<Interval>, new: Interval) {
    let from = intervals.partition_point(|i| i.last + 1 < new.first);
    let to = intervals.partition_point(|i| i.first <= new.last + 1);
    let merged = match (
        intervals.get(from),
        to.checked_sub(1).and_then(|last| intervals.get(last)),
    ) {
        (Some(a), Some(b)) if from < to => Interval {
            first: a.first.min(new.first),
            last: b.last.max(new.last),
        },
        _ => new,
    };
    intervals.splice(from..to, [merged]);
}

fn without(ours: &[Interval], theirs: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    let mut theirs = theirs.iter().peekable();
    for interval in ours {
        let mut first = interval.first;
        while theirs.next_if(|t| t.last < first).is_some() {}
        let mut ahead = theirs.clone();
        while let Some(t) = ahead.next_if(|t| t.first <= interval.last) {
            if t.first > first {
                left.push(Interval {
                    first,
                    last: t.first - 1,
                });
            }
            first = t.last + 1;
        }
        if first <= interval.last {
            left.push(Interval {
                first,
                last: interval.last,
            });
        }
    }
    left
}

fn common(ours: &[Interval], theirs: &[Interval]) -> Vec<Interval> {
    let mut both = Vec::new();
    let (mut a, mut b) = (ours.iter().peekable(), theirs.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let (first, last) = (x.first.max(y.first), x.last.min(y.last));
        if first <= last {
            both.push(Interval { first, last });
        }
        if x.last < y.last {
            a.next();
        } else {
            b.next();
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    type Plain = BTreeSet<Gtid>;

    fn gtid() -> impl Strategy<Value = Gtid> {
        let tag = prop_oneof![3 => Just(None), 1 => Just(Tag::new("a")), 1 => Just(Tag::new("b"))];
        (0u8..3, tag, 1u64..24).prop_map(|(u, tag, gno)| Gtid {
            uuid: Uuid([u; 16]),
            tag,
            gno,
        })
    }

    fn plain() -> impl Strategy<Value = Plain> {
        proptest::collection::btree_set(gtid(), 0..40)
    }

    fn set(plain: &Plain) -> GtidSet {
        plain.iter().copied().collect()
    }

    fn listed(set: &GtidSet) -> Plain {
        set.intervals()
            .flat_map(|(uuid, tag, i)| (i.first..=i.last).map(move |gno| Gtid { uuid, tag, gno }))
            .collect()
    }

    proptest! {
        #![proptest_config(crate::cases::config(256))]

        #[test]
        fn intervals_do_what_a_plain_set_does(a in plain(), b in plain(), one in gtid()) {
            let (x, y) = (set(&a), set(&b));
            prop_assert_eq!(listed(&x), a.clone());
            prop_assert_eq!(listed(&x.union(&y)), &a | &b);
            prop_assert_eq!(listed(&x.subtract(&y)), &a - &b);
            prop_assert_eq!(listed(&x.intersect(&y)), &a & &b);
            prop_assert_eq!(x.is_subset_of(&y), a.is_subset(&b));
            prop_assert_eq!(x.is_disjoint_from(&y), a.is_disjoint(&b));
            prop_assert_eq!(x.contains(&one), a.contains(&one));
            prop_assert_eq!(x.count(), a.len() as u64);
            prop_assert_eq!(x.is_empty(), a.is_empty());
            let free = (1..).find(|gno| !a.contains(&Gtid { gno: *gno, ..one }));
            prop_assert_eq!(Some(x.next_free(one.uuid, one.tag)), free);
        }

        #[test]
        fn equal_sets_are_equal_however_they_came_about(
            mut order in proptest::collection::vec(gtid(), 0..40).prop_shuffle(),
            ranges in proptest::collection::vec((0u8..2, 1u64..20, 0u64..6), 0..12),
        ) {
            let mut one: GtidSet = order.iter().copied().collect();
            let mut news = 0;
            order.reverse();
            let mut other = GtidSet::new();
            for gtid in &order {
                news += u64::from(other.add(*gtid));
            }
            prop_assert_eq!(&one, &other);
            prop_assert_eq!(news, one.count());
            for sorted in [false, true] {
                if sorted {
                    order.sort();
                }
                let (mut runs, mut by_runs) = (SmallVec::new(), GtidSet::new());
                order.iter().for_each(|gtid| GtidRun::push(&mut runs, gtid));
                runs.iter().for_each(|run| by_runs.add_run(run));
                prop_assert_eq!(&by_runs, &one);
            }
            for (u, first, more) in &ranges {
                one.add_range(Uuid([*u; 16]), None, *first, first + more);
            }
            for (u, first, more) in ranges.iter().rev() {
                for gno in *first..=first + more {
                    other.add(Gtid::new(Uuid([*u; 16]), gno));
                }
            }
            prop_assert_eq!(one, other);
        }

        #[test]
        fn text_and_bytes_keep_every_set(a in plain()) {
            let x = set(&a);
            let flat = x.to_string().parse::<GtidSet>();
            prop_assert_eq!(flat.as_ref(), Ok(&x));
            prop_assert_eq!(format!("{x:#}").parse::<GtidSet>(), Ok(x.clone()));
            let mut bytes = Vec::new();
            x.encode(&mut bytes);
            prop_assert_eq!(GtidSet::decode(&bytes), Ok(x));
        }
    }

    #[test]
    fn the_ends_of_the_range_of_numbers_hold() {
        let uuid = Uuid([7; 16]);
        let mut set = GtidSet::new();
        assert!(!set.add(Gtid::new(uuid, 0)) && !set.add(Gtid::new(uuid, u64::MAX)));
        set.add_range(uuid, None, 0, u64::MAX);
        assert_eq!(set.count(), GNO_MAX);
        assert!(!set.add(Gtid::new(uuid, GNO_MAX)));
        assert!(set.subtract(&set).is_empty());
    }
}
