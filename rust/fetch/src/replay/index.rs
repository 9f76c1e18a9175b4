//! Which entries of a file come into question for a request, without a look at all of them: a file may have a hundred thousand.

use std::collections::HashMap;

use super::matching::Shape;

/// See the module. Entries are numbered from 0.
#[derive(Default)]
pub(super) struct Index {
    by_key: HashMap<u64, Vec<usize>>,
    /// Entries that other requests may agree with too.
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

    /// Those that are the same request, or have its hash by chance, from the first on.
    pub(super) fn same(&self, shape: &Shape) -> Vec<usize> {
        let lists = shape.keys().filter_map(|key| self.by_key.get(&key));
        let mut same: Vec<usize> = lists.flatten().copied().collect();
        same.sort_unstable();
        same.dedup();
        same
    }

    /// All others that may agree, from the first on; those that are the same may be among them.
    pub(super) fn others(&self, shape: &Shape) -> &[usize] {
        if shape.is_open() { &self.all } else { &self.open }
    }
}
