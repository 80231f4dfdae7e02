//! A page: some keys in order, and what belongs to each.
//!
//! Keys and items lie in two arrays inside the page, so that a search reads keys alone and nothing has to be
//! followed to get at them. Behind the last entry there is filling.

/// Entries of a page.
pub(super) const PAGE: usize = 64;
/// A page with fewer entries is merged with a neighbour when both fit well into one.
pub(super) const SPARSE: usize = PAGE / 4;
/// What two merged pages may hold at most, so that the next insert does not split them again.
pub(super) const MERGED: usize = PAGE * 3 / 4;

#[derive(Clone, Debug)]
pub(super) struct Page<K, T> {
    len: usize,
    keys: [K; PAGE],
    items: [T; PAGE],
}

impl<K: Copy + Ord + Default, T: Default> Page<K, T> {
    pub(super) fn of<const N: usize>(entries: [(K, T); N]) -> Self {
        let mut page = Self {
            len: 0,
            keys: [K::default(); PAGE],
            items: std::array::from_fn(|_| T::default()),
        };
        for (key, item) in entries {
            page.put(page.len, key, item);
        }
        page
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn keys(&self) -> &[K] {
        &self.keys[..self.len]
    }

    #[inline]
    pub(super) fn items(&self) -> &[T] {
        &self.items[..self.len]
    }

    #[inline]
    pub(super) fn item_mut(&mut self, at: usize) -> &mut T {
        &mut self.items[at]
    }

    pub(super) fn set_key(&mut self, at: usize, key: K) {
        self.keys[at] = key;
    }

    /// Where a key is, or where it belongs. Growing keys are found without a search.
    #[inline]
    pub(super) fn position(&self, key: &K) -> Result<usize, usize> {
        let keys = self.keys();
        match keys.last() {
            Some(last) if last < key => Err(keys.len()),
            _ => keys.binary_search(key),
        }
    }

    /// The last entry whose key is not larger; the first where there is none.
    #[inline]
    pub(super) fn entry_of(&self, key: &K) -> usize {
        let keys = self.keys();
        match keys.last() {
            Some(last) if last <= key => keys.len() - 1,
            _ => keys.partition_point(|k| k <= key).saturating_sub(1),
        }
    }

    /// Puts an entry in its place. A full page is cut in two, and its right part returned; where keys are
    /// `appended`, it stays full.
    pub(super) fn insert(&mut self, at: usize, key: K, item: T, appended: bool) -> Option<Self> {
        if self.has_room() {
            self.put(at, key, item);
            return None;
        }
        let middle = if appended && at == PAGE {
            PAGE
        } else {
            PAGE / 2
        };
        let mut right = Self::of([]);
        for from in middle..PAGE {
            right.put(
                from - middle,
                self.keys[from],
                std::mem::take(&mut self.items[from]),
            );
        }
        self.len = middle;
        if at < middle {
            self.put(at, key, item);
        } else {
            right.put(at - middle, key, item);
        }
        Some(right)
    }

    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.len < PAGE
    }

    /// Puts an entry in its place; there is room.
    #[inline]
    pub(super) fn put(&mut self, at: usize, key: K, item: T) {
        self.len += 1;
        if at + 1 < self.len {
            self.keys[at..self.len].rotate_right(1);
            self.items[at..self.len].rotate_right(1);
        }
        self.keys[at] = key;
        self.items[at] = item;
    }

    pub(super) fn remove(&mut self, at: usize) -> T {
        self.keys[at..self.len].rotate_left(1);
        self.items[at..self.len].rotate_left(1);
        self.len -= 1;
        std::mem::take(&mut self.items[self.len])
    }

    /// Takes the entries of the page to the right.
    pub(super) fn append(&mut self, right: &Self)
    where
        T: Clone,
    {
        for (key, item) in right.keys().iter().zip(right.items()) {
            self.put(self.len, *key, item.clone());
        }
    }
}
