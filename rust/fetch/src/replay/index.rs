//! Finds the entries of a file that may match a request, without comparing all of them. A file can have a hundred thousand entries.

use std::collections::HashMap;

use super::matching::Shape;

/// See the module. Entries are numbered from 0.
#[derive(Default)]
pub(super) struct Index {
    by_key: HashMap<u64, Vec<usize>>,
    /// Entries with which other requests may agree too.
    open: Vec<usize>,
    all: Vec<usize>,
}

impl Index {
    pub(super) fn add(&mut self, shape: &Shape) {
        let at = self.all.len();
        self.all.push(at);
        if shape.is_open() {
            self.open.push(at);
        }
        for key in shape.keys() {
            self.by_key.entry(key).or_default().push(at);
        }
    }

    /// Returns the entries that are the same request, or have the same hash by chance, in order.
    pub(super) fn same(&self, shape: &Shape) -> Vec<usize> {
        let lists = shape.keys().filter_map(|key| self.by_key.get(&key));
        let mut same: Vec<usize> = lists.flatten().copied().collect();
        same.sort_unstable();
        same.dedup();
        same
    }

    /// Returns all other entries that may agree, in order. They can include entries of [`same`](Self::same).
    pub(super) fn others(&self, shape: &Shape) -> &[usize] {
        if shape.is_open() { &self.all } else { &self.open }
    }
}
