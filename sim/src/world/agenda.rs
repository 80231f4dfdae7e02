//! What is due when.
//!
//! Of events that are due at one instant a seeded number decides which comes first; an actor's own
//! events never tie, because a link delivers in order and at least 1 µs apart.
//!
//! A few hundred events wait at most times, and most of those that are added are due next. So they are kept in order,
//! the first at the end, where it is cheap to take one and to add one. Where more wait, the last ones are in a heap.

use super::NEVER;
use crate::stream::Stream;
use std::{cmp::Ordering, collections::BinaryHeap};

/// So many events are kept in order at most.
const NEAR: usize = 256;
/// A new event is compared with so many of the first ones before it is searched for.
const FIRST: usize = 4;

/// A queue of events by time.
#[derive(Debug)]
pub struct Agenda<E> {
    /// The first events in order, the first at the end.
    near: Vec<Scheduled<E>>,
    /// Those that come after all of them.
    later: BinaryHeap<Scheduled<E>>,
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
    /// A heap gives its largest: the first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place.cmp(&self.place)
    }
}

impl<E> Agenda<E> {
    /// An empty one, whose ties this stream breaks.
    pub fn new(ties: Stream) -> Self {
        Self {
            near: Vec::with_capacity(NEAR + 1),
            later: BinaryHeap::new(),
            ties,
            serial: 0,
        }
    }

    /// Adds an event, due at the moment of the last one or later.
    pub fn push(&mut self, at: u64, event: E) {
        self.serial = self.serial.wrapping_add(1);
        let tie = self.ties.bits() as u32;
        let place = u128::from(at) << 64 | u128::from(tie) << 32 | u128::from(self.serial);
        let scheduled = Scheduled { place, event };
        if !self.later.is_empty() && self.near.first().is_none_or(|last| last.place < place) {
            self.later.push(scheduled);
            return;
        }
        let first = self.near.len().saturating_sub(FIRST);
        let behind = |s: &Scheduled<E>| s.place > place;
        let index = match self.near[first..].iter().rposition(behind) {
            Some(before) => first + before + 1,
            None => self.near[..first].partition_point(behind),
        };
        self.near.insert(index, scheduled);
        if self.near.len() > NEAR {
            self.later.extend(self.near.drain(..NEAR / 2));
        }
    }

    /// When the next event is due; [`NEVER`] when there is none.
    #[inline]
    pub fn due(&self) -> u64 {
        match self.near.last() {
            Some(first) => (first.place >> 64) as u64,
            None => NEVER,
        }
    }

    /// Takes the next event if it is due at `now`.
    #[inline]
    pub fn pop_due(&mut self, now: u64) -> Option<E> {
        if self.due() > now {
            return None;
        }
        let first = self.near.pop();
        if self.near.is_empty() && !self.later.is_empty() {
            self.refill();
        }
        first.map(|scheduled| scheduled.event)
    }

    /// Takes the first of the events that wait in the heap.
    fn refill(&mut self) {
        let first = std::iter::from_fn(|| self.later.pop());
        self.near.extend(first.take(NEAR / 2));
        self.near.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_however_far_ahead_they_were_added() {
        let (mut random, mut agenda) = (Stream::new(3), Agenda::new(Stream::new(4)));
        let (mut now, mut left, mut most) = (0, Vec::new(), 0);
        for number in 0..20_000 {
            // At once, soon, in a while, much later; now and then a long pause, and times in which thousands wait.
            let fills = number % 5_000 < 2_000;
            let ahead = [0, 1, 300, 40_000, 300_000, 9_000_000][random.below(6) as usize];
            let at = now + random.below(ahead + 1);
            agenda.push(at, number);
            left.push((at, number));
            most = left.len().max(most);
            if !fills && random.chance(1, 50) {
                now += random.below(2_000_000);
            }
            let first = left.iter().map(|(at, _)| *at).min();
            assert_eq!(agenda.due(), first.unwrap_or(NEVER));
            while agenda.due() <= now {
                let due = agenda.due();
                let number = agenda.pop_due(now).unwrap();
                let at = left.iter().position(|e| *e == (due, number));
                left.swap_remove(at.expect("due, added, and not taken before"));
                assert!(left.iter().all(|(at, _)| *at >= due));
            }
            let due = agenda.due();
            if !fills && random.chance(1, 3) && due != NEVER {
                assert!(due == 0 || agenda.pop_due(due - 1).is_none());
                now = due;
            }
        }
        while agenda.due() != NEVER {
            agenda.pop_due(agenda.due()).unwrap();
            left.pop();
        }
        assert!(left.is_empty());
        assert!(most > 4 * NEAR, "the heap was needed, and for long");
    }

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
