//! Walking a map in the order of its keys.

use super::{Node, position};
use std::sync::Arc;

/// The entries of a [`super::CowMap`] in the order of their keys.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    /// What is left of the branches on the way down.
    branches: Vec<&'a [Arc<Node<K, V>>]>,
    leaf: &'a [(K, V)],
}

impl<'a, K: Copy + Ord, V: Copy> Iter<'a, K, V> {
    pub(super) fn new(root: Option<&'a Node<K, V>>, from: Option<K>) -> Self {
        let mut iter = Iter {
            branches: Vec::new(),
            leaf: &[],
        };
        if let Some(root) = root {
            iter.descend(root, from);
        }
        iter
    }

    fn descend(&mut self, mut node: &'a Node<K, V>, from: Option<K>) {
        loop {
            match node {
                Node::Leaf(entries) => {
                    let start = from.map_or(0, |k| position(entries, &k).unwrap_or_else(|i| i));
                    self.leaf = &entries[start..];
                    return;
                }
                Node::Branch(b) => {
                    let i = from.map_or(0, |k| b.child_of(&k));
                    self.branches.push(&b.children[i + 1..]);
                    node = &b.children[i];
                }
            }
        }
    }
}

impl<K: Copy + Ord, V: Copy> Iterator for Iter<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let Some((entry, rest)) = self.leaf.split_first() {
                self.leaf = rest;
                return Some(*entry);
            }
            let rest = self.branches.last_mut()?;
            match rest.split_first() {
                Some((child, left)) => {
                    *rest = left;
                    self.descend(child, None);
                }
                None => {
                    self.branches.pop();
                }
            }
        }
    }
}
