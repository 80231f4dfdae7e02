//! What is due when.
//!
//! Of events that are due at one instant a seeded number decides which comes first; an actor's own
//! events never tie, because a link delivers in order and at least 1 µs apart.
//!
//! Most events are due within milliseconds. They wait in a wheel of slots of about a millisecond each; a slot is
//! sorted when its time comes. What is due later than the wheel reaches waits in a heap.

use crate::stream::Stream;
use std::{cmp::Ordering, collections::BinaryHeap};

/// A slot is 2 to this many microseconds long.
const SLOT_BITS: u32 = 10;
/// Slots of the wheel: a quarter of a second.
const SLOTS: u64 = 256;
const WORD: u64 = u64::BITS as u64;

/// A queue of events by time.
#[derive(Debug)]
pub struct Agenda<E> {
    /// When the first event is due.
    due: Option<u64>,
    /// The slot that the last event came from. Nothing is added to a slot before it.
    slot: u64,
    /// What is left of it, the first at the end.
    now: Vec<Scheduled<E>>,
    /// The slots behind it, by their number modulo [`SLOTS`], unsorted.
    wheel: Vec<Vec<Scheduled<E>>>,
    /// Which slots of the wheel have events: a bit each.
    taken: [u64; (SLOTS / WORD) as usize],
    /// What was due behind the wheel when it was added.
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

impl<E> Scheduled<E> {
    fn at(&self) -> u64 {
        (self.place >> 64) as u64
    }

    fn slot(&self) -> u64 {
        self.at() >> SLOT_BITS
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
    /// The first comes last: a heap gives its largest, a list its end.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place.cmp(&self.place)
    }
}

impl<E> Agenda<E> {
    /// An empty one, whose ties this stream breaks.
    pub fn new(ties: Stream) -> Self {
        Self {
            due: None,
            slot: 0,
            now: Vec::new(),
            wheel: (0..SLOTS).map(|_| Vec::new()).collect(),
            taken: Default::default(),
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
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        let slot = scheduled.slot();
        if slot <= self.slot {
            let before = self.now.iter().rposition(|s| s.place > place);
            self.now.insert(before.map_or(0, |i| i + 1), scheduled);
        } else if slot - self.slot < SLOTS {
            let index = slot % SLOTS;
            self.taken[(index / WORD) as usize] |= 1 << (index % WORD);
            self.wheel[index as usize].push(scheduled);
        } else {
            self.later.push(scheduled);
        }
    }

    /// When the next event is due.
    #[inline]
    pub fn next_due(&self) -> Option<u64> {
        self.due
    }

    /// Takes the next event if it is due at `now`.
    #[inline]
    pub fn pop_due(&mut self, now: u64) -> Option<E> {
        let due = self.due?;
        if due > now {
            return None;
        }
        if self.now.is_empty() {
            self.turn_to(due >> SLOT_BITS);
        }
        let first = self.now.pop();
        self.due = match self.now.last() {
            Some(next) => Some(next.at()),
            None => self.first_behind(),
        };
        first.map(|scheduled| scheduled.event)
    }

    /// Takes the events of a slot up; there are none before it.
    fn turn_to(&mut self, slot: u64) {
        // What is in the wheel is less than a turn ahead: an event of the heap may be further.
        let index = slot % SLOTS;
        let in_wheel = self.taken[(index / WORD) as usize] & 1 << (index % WORD) != 0;
        if in_wheel && slot - self.slot < SLOTS {
            self.taken[(index / WORD) as usize] &= !(1 << (index % WORD));
            std::mem::swap(&mut self.now, &mut self.wheel[index as usize]);
        }
        self.slot = slot;
        while let Some(next) = self.later.peek()
            && next.slot() == slot
            && let Some(next) = self.later.pop()
        {
            self.now.push(next);
        }
        self.now.sort_unstable();
    }

    /// When the first event behind the present slot is due.
    fn first_behind(&self) -> Option<u64> {
        let slot = self
            .next_taken()
            .map_or(&[][..], |slot| &self.wheel[(slot % SLOTS) as usize]);
        let later = self.later.peek();
        slot.iter().chain(later).map(Scheduled::at).min()
    }

    /// The next slot of the wheel that has events.
    fn next_taken(&self) -> Option<u64> {
        let first = (self.slot + 1) % SLOTS;
        let (word, bit) = (first / WORD, first % WORD);
        let words = self.taken.len() as u64;
        // The word of the first slot comes twice: at the end for the slots before it.
        (0..=words).find_map(|n| {
            let mut taken = self.taken[((word + n) % words) as usize];
            if n == 0 {
                taken &= u64::MAX << bit;
            }
            let index = (word + n) % words * WORD + u64::from(taken.trailing_zeros());
            (taken != 0).then(|| self.slot + 1 + (index + SLOTS - first) % SLOTS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_however_far_ahead_they_were_added() {
        let (mut random, mut agenda) = (Stream::new(3), Agenda::new(Stream::new(4)));
        let (mut now, mut left) = (0, Vec::new());
        for number in 0..20_000 {
            // At once, within the slot, within the wheel, behind it; and now and then a long pause.
            let ahead = [0, 1, 300, 40_000, 300_000, 9_000_000][random.below(6) as usize];
            let at = now + random.below(ahead + 1);
            agenda.push(at, number);
            left.push((at, number));
            if random.chance(1, 50) {
                now += random.below(2_000_000);
            }
            assert_eq!(agenda.next_due(), left.iter().map(|(at, _)| *at).min());
            while let Some(due) = agenda.next_due().filter(|due| *due <= now) {
                let number = agenda.pop_due(now).unwrap();
                let at = left.iter().position(|e| *e == (due, number));
                left.swap_remove(at.expect("due, added, and not taken before"));
                assert!(left.iter().all(|(at, _)| *at >= due));
            }
            if random.chance(1, 3)
                && let Some(due) = agenda.next_due()
            {
                assert!(due == 0 || agenda.pop_due(due - 1).is_none());
                now = due;
            }
        }
        while let Some(due) = agenda.next_due() {
            agenda.pop_due(due).unwrap();
            left.pop();
        }
        assert!(left.is_empty());
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
