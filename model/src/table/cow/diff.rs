//! Comparing two maps that may share pages.
//!
//! Two cursors walk both trees in key order. Each stands before an entry or before a whole subtree. When
//! both stand before the same page, both step over it; otherwise the one that is behind, or higher, goes
//! down. A page that both maps hold is therefore never entered: its first key is the same in both, so
//! both cursors come to stand before it.

use super::{Child, Key, Node, Value};
use std::cmp::Ordering;

/// A key with its values on both sides.
type Differing<K, V> = (K, Option<V>, Option<V>);

/// What differs between two maps: `(key, in a, in b)` in the order of the keys.
#[derive(Debug)]
pub struct Diff<'a, K, V> {
    a: Cursor<'a, K, V>,
    b: Cursor<'a, K, V>,
    pages: u64,
}

#[derive(Debug)]
struct Cursor<'a, K, V> {
    /// What is left of the pages on the way down; none is empty.
    stack: Vec<Rest<'a, K, V>>,
}

#[derive(Debug, Clone, Copy)]
enum Rest<'a, K, V> {
    Entries(&'a [K], &'a [V]),
    Children(&'a [Child<K, V>]),
}

/// What a cursor stands before.
enum Next<'a, K, V> {
    Entry(K, V),
    Page(&'a Node<K, V>),
}

impl<K: Key, V: Value> Next<'_, K, V> {
    fn key(&self) -> K {
        match self {
            Next::Entry(key, _) => *key,
            Next::Page(page) => page.first(),
        }
    }
}

impl<'a, K: Key, V: Value> Cursor<'a, K, V> {
    fn peek(&self) -> Option<Next<'a, K, V>> {
        Some(match self.stack.last()? {
            Rest::Entries(keys, values) => Next::Entry(keys[0], values[0]),
            Rest::Children(children) => Next::Page(children[0].as_ref()?),
        })
    }

    /// Past the entry or the whole page.
    fn step(&mut self) {
        let left = match self.stack.last_mut() {
            Some(Rest::Entries(keys, values)) => {
                (*keys, *values) = (&keys[1..], &values[1..]);
                keys.len()
            }
            Some(Rest::Children(children)) => {
                *children = &children[1..];
                children.len()
            }
            None => return,
        };
        if left == 0 {
            self.stack.pop();
        }
    }

    /// Into the page.
    fn enter(&mut self, page: &'a Node<K, V>) {
        self.step();
        self.stack.push(match page {
            Node::Leaf(page) => Rest::Entries(page.keys(), page.items()),
            Node::Branch(_, page) => Rest::Children(page.items()),
        });
    }
}

impl<'a, K: Key, V: Value + PartialEq> Diff<'a, K, V> {
    pub(super) fn new(a: &'a Child<K, V>, b: &'a Child<K, V>) -> Self {
        let cursor = |root: &'a Child<K, V>| Cursor {
            stack: root
                .iter()
                .map(|_| Rest::Children(std::slice::from_ref(root)))
                .collect(),
        };
        Diff {
            a: cursor(a),
            b: cursor(b),
            pages: 0,
        }
    }

    /// Pages entered so far: the cost of the comparison.
    pub fn pages_visited(&self) -> u64 {
        self.pages
    }

    /// One step; `Some(Some(_))` is a difference, `None` the end.
    fn advance(&mut self) -> Option<Option<Differing<K, V>>> {
        let (a, b) = (self.a.peek(), self.b.peek());
        let order = match (&a, &b) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.key().cmp(&b.key()),
        };
        match (order, a, b) {
            (Ordering::Less, Some(Next::Entry(key, value)), _) => {
                self.a.step();
                return Some(Some((key, Some(value), None)));
            }
            (Ordering::Greater, _, Some(Next::Entry(key, value))) => {
                self.b.step();
                return Some(Some((key, None, Some(value))));
            }
            (Ordering::Equal, Some(Next::Entry(key, x)), Some(Next::Entry(_, y))) => {
                self.a.step();
                self.b.step();
                return Some((x != y).then_some((key, Some(x), Some(y))));
            }
            (Ordering::Equal, Some(Next::Page(x)), Some(Next::Page(y))) => {
                if x.is(y) {
                    self.a.step();
                    self.b.step();
                    return Some(None);
                }
                // The higher one first: the other may be one of its children.
                let (hx, hy) = (x.height(), y.height());
                if hx >= hy {
                    self.pages += 1;
                    self.a.enter(x);
                }
                if hy >= hx {
                    self.pages += 1;
                    self.b.enter(y);
                }
            }
            (Ordering::Less | Ordering::Equal, Some(Next::Page(x)), _) => {
                self.pages += 1;
                self.a.enter(x);
            }
            (_, _, Some(Next::Page(y))) => {
                self.pages += 1;
                self.b.enter(y);
            }
            _ => return None,
        }
        Some(None)
    }
}

impl<K: Key, V: Value + PartialEq> Iterator for Diff<'_, K, V> {
    type Item = Differing<K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(difference) = self.advance()? {
                return Some(difference);
            }
        }
    }
}
