//! The news that waits to be sent to the editor, and its limits. At most [`MOST_PENDING`] bytes wait in the game. The engine's
//! queue has at most [`MOST_IN_FLIGHT`] bytes and [`MOST_BATCHES`] messages that the editor has not processed. These are
//! approximate sizes of messages. They use more memory than that, by a small factor. News that does not fit is left out and
//! counted.

use std::collections::{HashMap, VecDeque};

use super::update::{LEAST_SIZE, Update};

/// The limit of waiting bytes. The engine's debugger allows 8 MiB per message, and all waiting news fits into one.
pub(crate) const MOST_PENDING: usize = 6 << 20;
/// Up to these sizes, heads and bodies are added. Events have the whole room, because they are worth more than contents.
pub(crate) const FOR_HEADS: usize = 5 << 20;
pub(crate) const FOR_BODIES: usize = 4 << 20;
/// The limit of bytes that were sent, and that the editor has not processed.
pub(crate) const MOST_IN_FLIGHT: usize = 16 << 20;
/// The limit of messages that the editor has not processed. The engine's queue has room for 2,048 messages of all senders.
pub(crate) const MOST_BATCHES: usize = 16;

/// The pending news. See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// In the order of the first news since the last batch.
    pending: Vec<(u64, Update)>,
    places: HashMap<u64, usize>,
    /// The size of `pending`, in bytes.
    size: usize,
    /// The number of exchanges that the panel does not know at all, since the beginning.
    left_out: u64,
    /// How many of them the editor knows about.
    told_left_out: u64,
    in_flight: VecDeque<(u64, usize)>,
    in_flight_size: usize,
    last_batch: u64,
}

/// The content of one message.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    /// The editor reports this number when it has processed the batch.
    pub(crate) number: u64,
    /// The number of exchanges that were left out, since the beginning.
    pub(crate) left_out: u64,
    pub(crate) updates: Vec<(u64, Update)>,
}

impl Outbox {
    /// Whether there is room for another exchange. If not, the exchange counts as left out.
    pub(crate) fn admits(&mut self) -> bool {
        let has_room = self.size + LEAST_SIZE <= MOST_PENDING;
        self.left_out += u64::from(!has_room);
        has_room
    }

    /// The pending news of an exchange that was admitted.
    pub(crate) fn news_of(&mut self, exchange: u64) -> &mut Update {
        let place = *self.places.entry(exchange).or_insert_with(|| {
            self.size += LEAST_SIZE;
            self.pending.push((exchange, Update::default()));
            self.pending.len() - 1
        });
        &mut self.pending[place].1
    }

    /// Reserves room for this number of bytes, if the total size stays within `most`. Returns whether there was room.
    pub(crate) fn take_room(&mut self, bytes: usize, most: usize) -> bool {
        let has_room = self.size + bytes <= most;
        if has_room {
            self.size += bytes;
        }
        has_room
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.pending.is_empty() || self.left_out > self.told_left_out
    }

    /// Whether any exchange was left out.
    pub(crate) fn has_left_out(&self) -> bool {
        self.left_out > 0
    }

    /// Whether the editor has processed enough of what was sent.
    pub(crate) fn may_send(&self) -> bool {
        self.in_flight.len() < MOST_BATCHES && self.in_flight_size + self.size <= MOST_IN_FLIGHT
    }

    /// Takes all pending news. None if nothing is pending, or the editor has not processed enough.
    pub(crate) fn take_batch(&mut self) -> Option<Batch> {
        if !self.has_news() || !self.may_send() {
            return None;
        }
        self.places.clear();
        self.last_batch += 1;
        self.in_flight.push_back((self.last_batch, self.size));
        self.in_flight_size += std::mem::take(&mut self.size);
        self.told_left_out = self.left_out;
        let updates = std::mem::take(&mut self.pending);
        Some(Batch { number: self.last_batch, left_out: self.left_out, updates })
    }

    /// The editor has processed this batch and all batches before it.
    pub(crate) fn acknowledge(&mut self, number: u64) {
        while let Some((_, size)) = self.in_flight.pop_front_if(|(batch, _)| *batch <= number) {
            self.in_flight_size = self.in_flight_size.saturating_sub(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_one_exchange_between_two_batches_are_one_update() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.take_batch(), None);
        outbox.news_of(1).status = Some(200);
        outbox.news_of(2).phase = Some("Connecting");
        outbox.news_of(1).is_over = true;
        let batch = outbox.take_batch().unwrap();
        assert_eq!((batch.number, batch.left_out, batch.updates.len()), (1, 0, 2));
        assert_eq!(batch.updates[0], (1, Update { status: Some(200), is_over: true, ..Update::default() }));
        assert_eq!(outbox.take_batch(), None);
    }

    #[test]
    fn an_editor_that_takes_nothing_gets_so_many_batches_and_no_more_until_it_does() {
        let mut outbox = Outbox::default();
        for number in 1..=MOST_BATCHES as u64 {
            outbox.news_of(1).is_over = true;
            assert_eq!(outbox.take_batch().unwrap().number, number);
        }
        outbox.news_of(1).is_over = true;
        assert_eq!(outbox.take_batch(), None);
        outbox.acknowledge(1);
        assert!(outbox.take_batch().is_some());
        outbox.news_of(1).is_over = true;
        assert_eq!(outbox.take_batch(), None);
        outbox.acknowledge(u64::MAX);
        assert!(outbox.take_batch().is_some());
    }

    #[test]
    fn bytes_that_wait_and_bytes_in_flight_have_limits() {
        let mut outbox = Outbox::default();
        let mut sent = 0;
        for exchange in 0.. {
            outbox.news_of(exchange);
            while outbox.take_room(1000, FOR_BODIES) {}
            assert!(outbox.size <= MOST_PENDING);
            let size = outbox.size;
            if outbox.take_batch().is_none() {
                break;
            }
            sent += size;
        }
        assert!(sent <= MOST_IN_FLIGHT && sent + FOR_BODIES + 1000 > MOST_IN_FLIGHT, "{sent}");
        assert!(outbox.size <= MOST_PENDING);
    }

    #[test]
    fn exchanges_that_have_no_room_are_counted_and_the_count_is_told() {
        let mut outbox = Outbox::default();
        let mut admitted = 0;
        for exchange in 0..100_000 {
            if outbox.admits() {
                outbox.news_of(exchange).phase = Some("Connecting");
                admitted += 1;
            }
        }
        assert!(admitted > 1000 && outbox.size <= MOST_PENDING && outbox.has_left_out());
        let batch = outbox.take_batch().unwrap();
        assert_eq!((batch.updates.len() as u64, batch.left_out), (admitted, 100_000 - admitted));
        assert!(!outbox.has_news());
    }
}
