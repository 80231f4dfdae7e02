//! The map against `BTreeMap`, copies that diverge, and what a comparison costs.

use super::{page::PAGE, *};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Op {
    Insert(u16, u8),
    Remove(u16),
    RemoveRun(u16, u8),
    Append(u8),
    Snapshot,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..2000u16, any::<u8>()).prop_map(|(k, v)| Op::Insert(k, v)),
        2 => (0..2000u16).prop_map(Op::Remove),
        1 => (0..2000u16, any::<u8>()).prop_map(|(k, n)| Op::RemoveRun(k, n)),
        1 => any::<u8>().prop_map(Op::Append),
        1 => Just(Op::Snapshot),
    ]
}

type Pair = (CowMap<u16, u8>, BTreeMap<u16, u8>);

fn step((map, model): &mut Pair, op: &Op) {
    match *op {
        Op::Insert(k, v) => assert_eq!(map.insert(k, v), model.insert(k, v)),
        Op::Remove(k) => assert_eq!(map.remove(&k), model.remove(&k)),
        Op::RemoveRun(from, n) => {
            for k in from..from + u16::from(n) {
                assert_eq!(map.remove(&k), model.remove(&k));
            }
        }
        Op::Append(n) => {
            let from = model.last_key_value().map_or(0, |(k, _)| k + 1);
            for k in from..from + u16::from(n) {
                assert_eq!(map.insert(k, n), model.insert(k, n));
            }
        }
        Op::Snapshot => {}
    }
}

fn same((map, model): &Pair) {
    assert_eq!(map.len(), model.len());
    assert!(map.iter().eq(model.iter().map(|(k, v)| (*k, *v))));
    assert_eq!(map.last(), model.last_key_value().map(|(k, v)| (*k, *v)));
    for from in (0..2100).step_by(97) {
        assert!(
            map.iter_from(from)
                .eq(model.range(from..).map(|(k, v)| (*k, *v)))
        );
        assert_eq!(map.get(&from), model.get(&from).copied());
    }
    if let Some(root) = &map.root {
        check_pages(root, true);
    }
}

/// Every page but the root has entries, none has too many, and the keys of branches are exact.
fn check_pages(node: &Node<u16, u8>, root: bool) {
    assert!(node.len() > usize::from(root && node.height() > 0) && node.len() <= PAGE);
    if let Node::Branch(height, page) = node {
        for (first, child) in page.keys().iter().zip(page.items()) {
            let child = child.as_ref().expect("every entry has a child");
            assert_eq!(*first, child.first());
            assert_eq!(child.height() + 1, *height);
            check_pages(child, false);
        }
    }
}

fn diff_of_models(
    a: &BTreeMap<u16, u8>,
    b: &BTreeMap<u16, u8>,
) -> Vec<(u16, Option<u8>, Option<u8>)> {
    a.keys()
        .chain(b.keys())
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|k| (k, a.get(&k).copied(), b.get(&k).copied()))
        .filter(|(_, x, y)| x != y)
        .collect()
}

proptest! {
    #![proptest_config(crate::cases::config(64))]

    #[test]
    fn copies_diverge_and_each_stays_equal_to_its_model(ops in prop::collection::vec((op(), any::<prop::sample::Index>()), 0..300)) {
        let mut all: Vec<Pair> = vec![Default::default()];
        for (op, which) in &ops {
            let i = which.index(all.len());
            if matches!(op, Op::Snapshot) && all.len() < 6 {
                let copy = all[i].clone();
                all.push(copy);
            }
            step(&mut all[i], op);
        }
        all.iter().for_each(same);
        for x in &all {
            for y in &all {
                prop_assert_eq!(CowMap::diff(&x.0, &y.0).collect::<Vec<_>>(), diff_of_models(&x.1, &y.1));
            }
        }
    }
}

#[test]
fn a_comparison_enters_only_pages_that_were_written_since() {
    let mut a = CowMap::default();
    for k in 0..1_000_000u64 {
        a.insert(k, k);
    }
    let mut b = a.clone();
    let mut unchanged = CowMap::diff(&a, &b);
    assert_eq!((unchanged.next(), unchanged.pages_visited()), (None, 0));

    b.insert(17, 0);
    b.remove(&500_000);
    a.insert(2_000_000, 1);
    for k in 1_000_000..1_000_100u64 {
        b.insert(k, k);
    }
    let mut diff = CowMap::diff(&a, &b);
    assert_eq!(diff.by_ref().count(), 103);
    // Three places, each at most a path of 4 pages on both sides, and two pages appended: entering even
    // one page in a hundred of the 15,625 leaves would break the bound.
    assert!(diff.pages_visited() < 40, "{}", diff.pages_visited());
}

#[test]
fn appending_fills_pages() {
    let mut map = CowMap::default();
    for k in 0..6400u64 {
        map.insert(k, ());
    }
    let Some(Node::Branch(_, root)) = &map.root else {
        panic!("6,400 entries do not fit a page")
    };
    // 100 full leaves under two branches: half-full pages would need four.
    assert_eq!(root.len(), 2);
}

#[test]
fn removing_everything_leaves_no_page() {
    let mut map = CowMap::default();
    for k in 0..10_000u64 {
        map.insert(k * 7919 % 10_000, k);
    }
    for k in 0..10_000u64 {
        assert!(map.remove(&(k * 104_729 % 10_000)).is_some());
    }
    assert!(map.is_empty() && map.root.is_none());
}
