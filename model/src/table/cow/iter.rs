//! Walking a map in the order of its keys.

use super::{Child, Key, Node, Value};

/// The entries of a [`super::CowMap`] in the order of their keys.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    /// What is left of the branches on the way down.
    branches: Vec<&'a [Child<K, V>]>,
    /// What is left of the leaf.
    keys: &'a [K],
    values: &'a [V],
}

impl<'a, K: Key, V: Value> Iter<'a, K, V> {
    pub(super) fn new(root: Option<&'a Node<K, V>>, from: Option<K>) -> Self {
        let mut iter = Iter {
            branches: Vec::new(),
            keys: &[],
            values: &[],
        };
        iter.descend(root, from);
        iter
    }

    fn descend(&mut self, mut node: Option<&'a Node<K, V>>, from: Option<K>) {
        while let Some(at) = node {
            node = match at {
                Node::Leaf(page) => {
                    let start = from.map_or(0, |k| page.position(&k).unwrap_or_else(|at| at));
                    self.keys = &page.keys()[start..];
                    self.values = &page.items()[start..];
                    None
                }
                Node::Branch(_, page) => {
                    let at = from.map_or(0, |k| page.entry_of(&k));
                    let (child, rest) = page.items()[at..].split_first().unzip();
                    self.branches.extend(rest);
                    child.and_then(Option::as_ref)
                }
            };
        }
    }
}

impl<K: Key, V: Value> Iterator for Iter<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let (Some((key, keys)), Some((value, values))) =
                (self.keys.split_first(), self.values.split_first())
            {
                (self.keys, self.values) = (keys, values);
                return Some((*key, *value));
            }
            let rest = self.branches.last_mut()?;
            match rest.split_first() {
                Some((child, left)) => {
                    *rest = left;
                    self.descend(child.as_ref(), None);
                }
                None => {
                    self.branches.pop();
                }
            }
        }
    }
}
