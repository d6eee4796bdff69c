//! Owns a bounded collection that keeps the items that matter most.

use std::collections::BTreeMap;

/// The items with the smallest keys. Others are only counted.
#[derive(Debug)]
pub(super) struct Best<K, T> {
    most: usize,
    held: BTreeMap<K, T>,
    /// Number of items without room.
    pub(super) left_out: u64,
}

impl<K: Ord, T> Best<K, T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, held: BTreeMap::new(), left_out: 0 }
    }

    /// Adds an item; an item with the same key is replaced.
    pub(super) fn add(&mut self, key: K, item: T) {
        self.held.insert(key, item);
        if self.held.len() > self.most {
            self.held.pop_last();
            self.left_out += 1;
        }
    }

    /// The item with a key, made if there is none yet; `None` if there is no room.
    pub(super) fn entry(&mut self, key: K, make: impl FnOnce() -> T) -> Option<&mut T> {
        if self.held.len() >= self.most && !self.held.contains_key(&key) {
            self.left_out += 1;
            return None;
        }
        Some(self.held.entry(key).or_insert_with(make))
    }

    /// Adds all items of another collection.
    pub(super) fn join(&mut self, other: Self) {
        self.left_out += other.left_out;
        other.held.into_iter().for_each(|(key, item)| self.add(key, item));
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.held.values()
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = (K, T)> {
        self.held.into_iter()
    }

    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.held.into_values()
    }
}
