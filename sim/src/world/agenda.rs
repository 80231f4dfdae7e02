//! What is due when.
//!
//! Of events that are due at one instant a seeded number decides which comes first; an actor's own
//! events never tie, because a link delivers in order and at least 1 µs apart.

use crate::stream::Stream;
use std::{cmp::Ordering, collections::BinaryHeap};

/// A queue of events by time.
#[derive(Debug)]
pub struct Agenda<E> {
    heap: BinaryHeap<Scheduled<E>>,
    ties: Stream,
    serial: u32,
}

/// An event and its place in the queue: when it is due (µs), then the tie, then the serial number, which no other
/// has.
#[derive(Debug)]
struct Scheduled<E> {
    place: u128,
    event: E,
}

impl<E> Scheduled<E> {
    fn at(&self) -> u64 {
        (self.place >> 64) as u64
    }
}

impl<E> PartialEq for Scheduled<E> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}
impl<E> Eq for Scheduled<E> {}
impl<E> PartialOrd for Scheduled<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Scheduled<E> {
    /// The first comes last: a heap gives its largest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place.cmp(&self.place)
    }
}

impl<E> Agenda<E> {
    /// An empty one, whose ties this stream breaks.
    pub fn new(ties: Stream) -> Self {
        Self {
            heap: BinaryHeap::new(),
            ties,
            serial: 0,
        }
    }

    /// Adds an event.
    pub fn push(&mut self, at: u64, event: E) {
        self.serial = self.serial.wrapping_add(1);
        let tie = self.ties.bits() as u32;
        let place = u128::from(at) << 64 | u128::from(tie) << 32 | u128::from(self.serial);
        self.heap.push(Scheduled { place, event });
    }

    /// When the next event is due.
    pub fn next_due(&self) -> Option<u64> {
        self.heap.peek().map(Scheduled::at)
    }

    /// Takes the next event if it is due at `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<E> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|scheduled| scheduled.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_and_ties_in_a_seeded_order() {
        let order = |seed| {
            let mut agenda = Agenda::new(Stream::new(seed));
            for e in 0..20 {
                agenda.push(10, e);
            }
            agenda.push(5, 99);
            assert_eq!(agenda.pop_due(4), None);
            std::iter::from_fn(|| agenda.pop_due(10)).collect::<Vec<i32>>()
        };
        assert_eq!(order(1)[0], 99);
        assert_eq!(order(1), order(1));
        assert_ne!(
            order(1),
            order(2),
            "nothing may depend on the order of insertion"
        );
    }
}
