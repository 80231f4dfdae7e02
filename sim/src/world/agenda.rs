//! What is due when.
//!
//! Of events that are due at one instant a seeded number decides which comes first; an actor's own
//! events never tie, because a link delivers in order and at least 1 µs apart.

use crate::stream::Stream;
use std::{cmp::Reverse, collections::BinaryHeap};

/// A queue of events by time.
#[derive(Debug)]
pub struct Agenda<E> {
    heap: BinaryHeap<Reverse<Scheduled<E>>>,
    ties: Stream,
    serial: u32,
}

/// When it is due (µs), tie, serial number, event.
type Scheduled<E> = (u64, u32, u32, Entry<E>);

/// Compares equal always: time, tie and serial have decided before.
#[derive(Debug)]
struct Entry<E>(E);

impl<E> PartialEq for Entry<E> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
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
        self.heap
            .push(Reverse((at, tie, self.serial, Entry(event))));
    }

    /// When the next event is due.
    pub fn next_due(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the next event if it is due at `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<E> {
        if self.next_due()? > now {
            return None;
        }
        self.heap
            .pop()
            .map(|Reverse((_, _, _, Entry(event)))| event)
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
