//! An ordered map whose copies share what neither has written since.
//!
//! A B+tree of pages of 64 entries, each behind an `Arc`. Copying the map copies one pointer; writing to a map
//! copies the pages on the way to the entry that a copy still shares, and no others. So a snapshot of a
//! table costs nothing, and comparing two tables costs what was written since they parted
//! ([`CowMap::diff`] never enters a page that both hold).
//!
//! Appending leaves full pages behind, because AUTO_INCREMENT keys mostly grow.

mod diff;
mod iter;
mod page;
#[cfg(test)]
mod tests;

pub use diff::Diff;
pub use iter::Iter;

use page::{MERGED, Page, SPARSE};
// Without weak references, so that asking whether a page is shared takes no atomic write.
use triomphe::Arc;

/// An ordered map with O(1) copies.
#[derive(Clone, Debug)]
pub struct CowMap<K, V> {
    root: Option<Node<K, V>>,
    len: usize,
    /// No key is larger: most keys that are asked for and not there are about to be appended.
    bound: K,
}

/// A page with what it is. Only the root may be without entries, and then it is no page at all.
#[derive(Clone, Debug)]
enum Node<K, V> {
    Leaf(Arc<Page<K, V>>),
    /// The keys are the smallest under each child, exactly. There is no child in the filling alone.
    Branch(Height, Arc<Page<K, Child<K, V>>>),
}

/// Leaves are at height 0.
type Height = u8;

type Child<K, V> = Option<Node<K, V>>;

impl<K: Default, V> Default for CowMap<K, V> {
    fn default() -> Self {
        CowMap {
            root: None,
            len: 0,
            bound: K::default(),
        }
    }
}

/// What keys are.
pub trait Key: Copy + Ord + Default {}
impl<T: Copy + Ord + Default> Key for T {}

/// What values are.
pub trait Value: Copy + Default {}
impl<T: Copy + Default> Value for T {}

impl<K: Key, V: Value> CowMap<K, V> {
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
        let mut node = self.root.as_ref().filter(|_| *key <= self.bound)?;
        loop {
            match node {
                Node::Leaf(page) => return page.position(key).ok().map(|at| page.items()[at]),
                Node::Branch(_, page) => node = page.items()[page.entry_of(key)].as_ref()?,
            }
        }
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The entry with the largest key.
    pub fn last(&self) -> Option<(K, V)> {
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(page) => return Some((*page.keys().last()?, *page.items().last()?)),
                Node::Branch(_, page) => node = page.items().last()?.as_ref()?,
            }
        }
    }

    /// Sets the value of a key and returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.bound = self.bound.max(key);
        let Some(root) = &mut self.root else {
            self.root = Some(Node::Leaf(Arc::new(Page::of([(key, value)]))));
            self.len = 1;
            return None;
        };
        if let Some(old) = root.insert_where_room(key, value) {
            self.len += usize::from(old.is_none());
            return old;
        }
        let (old, split) = root.insert(key, value, true);
        if let Some(right) = split {
            let height = root.height() + 1;
            let children = [root.clone(), right].map(|child| (child.first(), Some(child)));
            *root = Node::Branch(height, Arc::new(Page::of(children)));
        }
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes a key out and returns the value that it had. Without the key no page is copied.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.get(key)?;
        let root = self.root.as_mut()?;
        root.remove(key);
        self.len -= 1;
        loop {
            let only = match root {
                Node::Leaf(page) if page.len() == 0 => break self.root = None,
                Node::Branch(_, page) if page.len() == 1 => page.items()[0].clone()?,
                _ => break,
            };
            *root = only;
        }
        Some(old)
    }

    /// All entries in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(self.root.as_ref(), None)
    }

    /// The entries from a key on, in the order of their keys.
    pub fn iter_from(&self, key: K) -> Iter<'_, K, V> {
        Iter::new(self.root.as_ref(), Some(key))
    }

    /// What differs between two maps, in the order of the keys: `(key, in a, in b)`.
    ///
    /// Pages that both maps share are passed over.
    pub fn diff<'a>(a: &'a Self, b: &'a Self) -> Diff<'a, K, V>
    where
        V: PartialEq,
    {
        Diff::new(&a.root, &b.root)
    }
}

impl<K: Key, V: Value> Node<K, V> {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(page) => page.len(),
            Node::Branch(_, page) => page.len(),
        }
    }

    fn height(&self) -> Height {
        match self {
            Node::Leaf(_) => 0,
            Node::Branch(height, _) => *height,
        }
    }

    /// The smallest key; the page has one.
    fn first(&self) -> K {
        match self {
            Node::Leaf(page) => page.keys()[0],
            Node::Branch(_, page) => page.keys()[0],
        }
    }

    /// Whether both are one page.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Node::Leaf(a), Node::Leaf(b)) => Arc::ptr_eq(a, b),
            (Node::Branch(_, a), Node::Branch(_, b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Returns the old value; `None` where the leaf is full, and the key is not in it.
    fn insert_where_room(&mut self, key: K, value: V) -> Option<Option<V>> {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(page) => {
                    let page = writable(page);
                    return match page.position(&key) {
                        Ok(at) => Some(Some(std::mem::replace(page.item_mut(at), value))),
                        Err(at) if page.has_room() => {
                            page.put(at, key, value);
                            Some(None)
                        }
                        Err(_) => None,
                    };
                }
                Node::Branch(_, page) => {
                    let page = writable(page);
                    let at = page.entry_of(&key);
                    if key < page.keys()[at] {
                        page.set_key(at, key);
                    }
                    node = page.item_mut(at).as_mut()?;
                }
            }
        }
    }

    /// Returns the old value, and the new right neighbour when the page was full.
    fn insert(&mut self, key: K, value: V, rightmost: bool) -> (Option<V>, Option<Self>) {
        match self {
            Node::Leaf(page) => {
                let page = writable(page);
                match page.position(&key) {
                    Ok(at) => (Some(std::mem::replace(page.item_mut(at), value)), None),
                    Err(at) => {
                        let right = page.insert(at, key, value, rightmost);
                        (None, right.map(|right| Node::Leaf(Arc::new(right))))
                    }
                }
            }
            Node::Branch(height, page) => {
                let page = writable(page);
                let at = page.entry_of(&key);
                let rightmost = rightmost && at + 1 == page.len();
                let Some(child) = page.item_mut(at) else {
                    unreachable!("every entry of a branch has a child")
                };
                let (old, split) = child.insert(key, value, rightmost);
                if key < page.keys()[at] {
                    page.set_key(at, key);
                }
                let right =
                    split.and_then(|new| page.insert(at + 1, new.first(), Some(new), rightmost));
                (
                    old,
                    right.map(|right| Node::Branch(*height, Arc::new(right))),
                )
            }
        }
    }

    /// Takes out a key that is there.
    fn remove(&mut self, key: &K) {
        match self {
            Node::Leaf(page) => {
                let page = writable(page);
                if let Ok(at) = page.position(key) {
                    page.remove(at);
                }
            }
            Node::Branch(_, page) => {
                let page = writable(page);
                let at = page.entry_of(key);
                let Some(child) = page.item_mut(at) else {
                    unreachable!("every entry of a branch has a child")
                };
                child.remove(key);
                match child.len() {
                    0 => {
                        page.remove(at);
                    }
                    len => {
                        let first = child.first();
                        page.set_key(at, first);
                        if len < SPARSE {
                            merge(page, at);
                        }
                    }
                }
            }
        }
    }

    /// Takes the entries of the page to the right, which is of the same height.
    fn append(&mut self, right: &Self) {
        match (self, right) {
            (Node::Leaf(page), Node::Leaf(right)) => writable(page).append(right),
            (Node::Branch(_, page), Node::Branch(_, right)) => writable(page).append(right),
            _ => unreachable!("all children of a branch have one height"),
        }
    }
}

/// A page to write to, copied if another map shares it.
#[inline(always)]
fn writable<K: Key, T: Clone>(page: &mut Arc<Page<K, T>>) -> &mut Page<K, T> {
    if !page.is_unique() {
        copy(page);
    }
    Arc::get_mut(page).expect("nobody else has it")
}

#[cold]
fn copy<K: Key, T: Clone>(page: &mut Arc<Page<K, T>>) {
    *page = Arc::new(Page::clone(page));
}

/// Merges a sparse child with a neighbour, if one has room.
fn merge<K: Key, V: Value>(branch: &mut Page<K, Child<K, V>>, at: usize) {
    let len = |at: usize| branch.items().get(at)?.as_ref().map(Node::len);
    let fits = |left: usize| {
        let both = len(left).zip(len(left + 1));
        both.is_some_and(|(left, right)| left + right <= MERGED)
    };
    let left = match at.checked_sub(1) {
        Some(before) if fits(before) => before,
        _ if fits(at) => at,
        _ => return,
    };
    if let Some(right) = branch.remove(left + 1)
        && let Some(left) = branch.item_mut(left)
    {
        left.append(&right);
    }
}
