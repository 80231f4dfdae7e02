//! An ordered map whose copies share what neither has written since.
//!
//! A B+tree of pages of 64 entries behind `Arc`. Copying the map copies one pointer; writing to a map
//! copies the pages on the way to the entry that a copy still shares, and no others. So a snapshot of a
//! table costs nothing, and comparing two tables costs what was written since they parted
//! ([`CowMap::diff`] never enters a page that both hold).
//!
//! Appending leaves full pages behind, because AUTO_INCREMENT keys mostly grow.

mod diff;
mod iter;
#[cfg(test)]
mod tests;

pub use diff::Diff;
pub use iter::Iter;

use std::sync::Arc;

/// Entries of a leaf, children of a branch.
const PAGE: usize = 64;
/// A page with fewer entries is merged with a neighbour when both fit well into one.
const SPARSE: usize = PAGE / 4;
/// What two merged pages may hold at most, so that the next insert does not split them again.
const MERGED: usize = PAGE * 3 / 4;

/// An ordered map with O(1) copies.
#[derive(Clone, Debug)]
pub struct CowMap<K, V> {
    root: Option<Arc<Node<K, V>>>,
    len: usize,
}

/// A page. Only the root may be without entries, and then it is no page at all.
#[derive(Debug)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    Branch(Branch<K, V>),
}

#[derive(Debug)]
struct Branch<K, V> {
    /// Leaves are at height 0.
    height: u8,
    /// The smallest key under each child, exactly.
    firsts: Vec<K>,
    children: Vec<Arc<Node<K, V>>>,
}

impl<K: Copy, V: Copy> Clone for Node<K, V> {
    /// A page is copied in order to be written to: leave room for one more entry.
    fn clone(&self) -> Self {
        fn roomy<T: Clone>(items: &[T]) -> Vec<T> {
            let mut copy = Vec::with_capacity((items.len() + SPARSE).min(PAGE));
            copy.extend_from_slice(items);
            copy
        }
        match self {
            Node::Leaf(entries) => Node::Leaf(roomy(entries)),
            Node::Branch(b) => Node::Branch(Branch {
                height: b.height,
                firsts: roomy(&b.firsts),
                children: roomy(&b.children),
            }),
        }
    }
}

impl<K, V> Default for CowMap<K, V> {
    fn default() -> Self {
        CowMap { root: None, len: 0 }
    }
}

impl<K: Copy + Ord, V: Copy> CowMap<K, V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<V> {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Leaf(entries) => {
                    return position(entries, key).ok().map(|i| entries[i].1);
                }
                Node::Branch(b) => node = &b.children[b.child_of(key)],
            }
        }
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The entry with the largest key.
    pub fn last(&self) -> Option<(K, V)> {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Leaf(entries) => return entries.last().copied(),
                Node::Branch(b) => node = b.children.last()?,
            }
        }
    }

    /// Sets the value of a key and returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::Leaf(vec![(key, value)])));
            self.len = 1;
            return None;
        };
        let (old, split) = Node::insert(root, key, value, true);
        if let Some(right) = split {
            let branch = Branch {
                height: root.height() + 1,
                firsts: vec![root.first(), right.first()],
                children: vec![root.clone(), right],
            };
            *root = Arc::new(Node::Branch(branch));
        }
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes a key out and returns the value that it had. Without the key no page is copied.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.get(key)?;
        let root = self.root.as_mut()?;
        Node::remove(root, key);
        self.len -= 1;
        loop {
            let only = match &**root {
                Node::Leaf(entries) if entries.is_empty() => break self.root = None,
                Node::Branch(b) if b.children.len() == 1 => b.children[0].clone(),
                _ => break,
            };
            *root = only;
        }
        Some(old)
    }

    /// All entries in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(self.root.as_deref(), None)
    }

    /// The entries from a key on, in the order of their keys.
    pub fn iter_from(&self, key: K) -> Iter<'_, K, V> {
        Iter::new(self.root.as_deref(), Some(key))
    }

    /// What differs between two maps, in the order of the keys: `(key, in a, in b)`.
    ///
    /// Pages that both maps share are passed over.
    pub fn diff<'a>(a: &'a Self, b: &'a Self) -> Diff<'a, K, V>
    where
        V: PartialEq,
    {
        Diff::new(a.root.as_ref(), b.root.as_ref())
    }
}

/// Where a key is in a leaf, or where it belongs. Growing keys are found without a search.
fn position<K: Copy + Ord, V>(entries: &[(K, V)], key: &K) -> Result<usize, usize> {
    match entries.last() {
        Some((last, _)) if last < key => Err(entries.len()),
        _ => entries.binary_search_by(|(k, _)| k.cmp(key)),
    }
}

impl<K: Copy + Ord, V> Branch<K, V> {
    /// The child that a key is in, or would be in.
    fn child_of(&self, key: &K) -> usize {
        self.firsts
            .partition_point(|first| first <= key)
            .saturating_sub(1)
    }
}

/// Where to cut a full page: appended keys leave it full.
fn cut(at: usize, rightmost: bool) -> usize {
    if rightmost && at == PAGE {
        PAGE
    } else {
        PAGE / 2
    }
}

/// Cuts a full page in two and puts an item into the half that it belongs to.
fn split_insert<T>(items: &mut Vec<T>, middle: usize, at: usize, item: T) -> Vec<T> {
    let mut right = items.split_off(middle);
    if at < middle {
        items.insert(at, item);
    } else {
        right.insert(at - middle, item);
    }
    right
}

impl<K: Copy + Ord, V: Copy> Node<K, V> {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(entries) => entries.len(),
            Node::Branch(b) => b.children.len(),
        }
    }

    fn height(&self) -> u8 {
        match self {
            Node::Leaf(_) => 0,
            Node::Branch(b) => b.height,
        }
    }

    /// The smallest key; the page has one.
    fn first(&self) -> K {
        match self {
            Node::Leaf(entries) => entries[0].0,
            Node::Branch(b) => b.firsts[0],
        }
    }

    /// Returns the old value, and the new right neighbour when the page was full.
    fn insert(
        node: &mut Arc<Self>,
        key: K,
        value: V,
        rightmost: bool,
    ) -> (Option<V>, Option<Arc<Self>>) {
        match Arc::make_mut(node) {
            Node::Leaf(entries) => {
                let at = match position(entries, &key) {
                    Ok(i) => return (Some(std::mem::replace(&mut entries[i].1, value)), None),
                    Err(i) => i,
                };
                if entries.len() < PAGE {
                    entries.insert(at, (key, value));
                    return (None, None);
                }
                let right = split_insert(entries, cut(at, rightmost), at, (key, value));
                (None, Some(Arc::new(Node::Leaf(right))))
            }
            Node::Branch(b) => {
                let i = b.child_of(&key);
                let rightmost = rightmost && i + 1 == b.children.len();
                let (old, split) = Node::insert(&mut b.children[i], key, value, rightmost);
                if key < b.firsts[i] {
                    b.firsts[i] = key;
                }
                let Some(new) = split else { return (old, None) };
                let (at, first) = (i + 1, new.first());
                if b.children.len() < PAGE {
                    b.firsts.insert(at, first);
                    b.children.insert(at, new);
                    return (old, None);
                }
                let middle = cut(at, rightmost);
                let right = Branch {
                    height: b.height,
                    firsts: split_insert(&mut b.firsts, middle, at, first),
                    children: split_insert(&mut b.children, middle, at, new),
                };
                (old, Some(Arc::new(Node::Branch(right))))
            }
        }
    }

    /// Takes out a key that is there.
    fn remove(node: &mut Arc<Self>, key: &K) {
        match Arc::make_mut(node) {
            Node::Leaf(entries) => {
                if let Ok(i) = position(entries, key) {
                    entries.remove(i);
                }
            }
            Node::Branch(b) => {
                let i = b.child_of(key);
                Node::remove(&mut b.children[i], key);
                match b.children[i].len() {
                    0 => {
                        b.firsts.remove(i);
                        b.children.remove(i);
                    }
                    len => {
                        b.firsts[i] = b.children[i].first();
                        if len < SPARSE {
                            b.merge(i);
                        }
                    }
                }
            }
        }
    }
}

impl<K: Copy + Ord, V: Copy> Branch<K, V> {
    /// Merges a sparse child with a neighbour, if one has room.
    fn merge(&mut self, i: usize) {
        let lens = |left: usize| {
            self.children
                .get(left + 1)
                .map(|r| self.children[left].len() + r.len())
        };
        let fits = |left: usize| lens(left).is_some_and(|sum| sum <= MERGED);
        let left = match i.checked_sub(1) {
            Some(before) if fits(before) => before,
            _ if fits(i) => i,
            _ => return,
        };
        self.firsts.remove(left + 1);
        let right = self.children.remove(left + 1);
        match (Arc::make_mut(&mut self.children[left]), &*right) {
            (Node::Leaf(to), Node::Leaf(from)) => to.extend_from_slice(from),
            (Node::Branch(to), Node::Branch(from)) => {
                to.firsts.extend_from_slice(&from.firsts);
                to.children.extend_from_slice(&from.children);
            }
            _ => unreachable!("all children of a branch have one height"),
        }
    }
}
