//! A packed list against a plain one.

use super::*;
use proptest::prelude::*;

/// Three numbers; final unless the first is zero. The second says nothing where the third is odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Three([u64; 3]);

impl Record<3> for Three {
    fn columns(&self, number: u64, like: &[u64; 3]) -> [u64; 3] {
        let [a, b, c] = self.0;
        let b = if c.is_multiple_of(2) { b } else { like[1] };
        [a, b, c.wrapping_sub(number)]
    }

    fn of([a, b, c]: [u64; 3], number: u64) -> Self {
        let c = c.wrapping_add(number);
        Self([a, if c.is_multiple_of(2) { b } else { 0 }, c])
    }

    fn is_final(&self) -> bool {
        self.0[0] != 0
    }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..4u64,
        4 => 1_000_000_000_000..1_000_000_070_000u64,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
    ]
}

fn three() -> impl Strategy<Value = Three> {
    [number(), number(), number()].prop_map(|[a, b, c]| {
        let b = if c.is_multiple_of(2) { b } else { 0 };
        Three([a, b, c])
    })
}

/// Records of which each column is the same, or counts up.
fn alike(Three([a, b, c]): Three, n: u64) -> Vec<Three> {
    let count = |c: u64| (0..n).map(move |i| c.wrapping_add(i));
    let third = |c: u64| Three([a, if c.is_multiple_of(2) { b } else { 0 }, c]);
    count(c).map(third).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<Three>),
    Edit(prop::sample::Index, Three),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop::collection::vec(three(), 0..300).prop_map(Step::Push),
        (three(), 0..700u64).prop_map(|(first, n)| Step::Push(alike(first, n))),
        (any::<prop::sample::Index>(), three()).prop_map(|(at, with)| Step::Edit(at, with)),
    ]
}

proptest! {
    #[test]
    fn a_packed_list_is_a_list(
        (first, n) in (three(), 900..1100u64),
        steps in prop::collection::vec(step(), 0..12),
        cut: prop::sample::Index,
    ) {
        let mut plain = alike(first, n);
        let mut packed: Packed<Three, 3> = plain.iter().copied().collect();
        for step in steps {
            match step {
                Step::Push(more) => {
                    packed.extend(more.iter().copied());
                    plain.extend(more);
                }
                Step::Edit(at, with) => {
                    let at = at.index(plain.len());
                    let before = packed.edit(at, |record| std::mem::replace(record, with));
                    prop_assert_eq!(before, Some(std::mem::replace(&mut plain[at], with)));
                }
            }
            let behind = plain.get(PLAIN..).unwrap_or_default();
            for (block, records) in packed.blocks.iter().zip(behind.chunks(BLOCK)) {
                let done = records.iter().all(Record::is_final);
                prop_assert_eq!(matches!(block, Block::Sealed(_)), done);
            }
        }
        prop_assert_eq!(packed.len(), plain.len());
        prop_assert_eq!(packed.is_empty(), plain.is_empty());
        prop_assert!(packed.iter().eq(plain.iter().copied()));
        prop_assert!(packed.iter().rev().eq(plain.iter().rev().copied()));
        prop_assert_eq!(packed.first(), plain.first().copied());
        prop_assert_eq!(packed.last(), plain.last().copied());
        prop_assert_eq!(packed.get(plain.len()), None);
        prop_assert_eq!(packed.edit(plain.len(), |_| ()), None);
        prop_assert!((0..plain.len()).all(|i| packed.get(i) == Some(plain[i])));
        let cut = cut.index(plain.len() + 1);
        prop_assert!(packed.range(cut..usize::MAX).eq(plain[cut..].iter().copied()));
        prop_assert!(packed.range(0..cut).eq(plain[..cut].iter().copied()));
        prop_assert_eq!(format!("{packed:?}"), format!("{plain:?}"));
        prop_assert!(packed == plain.iter().copied().collect());
    }

    #[test]
    fn a_place_is_found_as_in_a_list(mut firsts in prop::collection::vec(0..500u64, 0..300), wanted in 0..500u64) {
        firsts.sort_unstable();
        let packed: Packed<Three, 3> = firsts.iter().map(|a| Three([*a, 0, 0])).collect();
        prop_assert_eq!(
            packed.partition_point(|record| record.0[0] < wanted),
            firsts.partition_point(|first| *first < wanted)
        );
    }
}

#[test]
fn what_is_alike_takes_no_room() {
    let sealed = |record: fn(u64) -> Three| {
        let records: Vec<Three> = (0..64).map(record).collect();
        seal(&records, 0, &mut [0; 3]).len()
    };
    let head = 3 * 9 + 8;
    assert_eq!(sealed(|i| Three([7, 8, 10 + i])), head);
    assert_eq!(sealed(|i| Three([900 + 4 * i, 8, 10 + i])), head + 64);
    assert_eq!(sealed(|i| Three([900 + 5 * i, 8, 10 + i])), head + 2 * 64);
    assert_eq!(
        sealed(|i| Three([u64::MAX - i % 2, i << 58, 2 * i])),
        head + (1 + 8 + 1) * 64
    );
}

#[test]
fn a_block_is_two_words() {
    assert_eq!(size_of::<Block<Three>>(), 16);
}
