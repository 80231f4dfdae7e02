//! What is due when.
//!
//! Of events that are due at one instant a seeded number decides which comes first; an actor's own
//! events never tie, because a link delivers in order and at least 1 µs apart.
//!
//! Time is cut into slots. The events of the present slot are kept in order, the first at the end, where it is cheap to
//! take one and to add one: most of what is added is due next. What is due in one of the slots ahead is put down there,
//! in no order, until its slot is the present one; what is due behind all of those is in a heap.

use super::NEVER;
use crate::stream::Stream;
use std::{cmp::Ordering, collections::BinaryHeap};

/// A slot is 2 to this power µs long: longer than a transaction takes, shorter than a client thinks.
const SLOT_BITS: u32 = 14;
/// So many slots are told apart, from the present one on: eight seconds.
const SLOTS: usize = 512;
/// A new event goes past so many of the first ones, if it comes behind them, before its place is searched for.
const FIRST: usize = 8;
/// No event.
const NONE: u32 = u32::MAX;

/// A queue of events by time.
#[derive(Debug)]
pub struct Agenda<E> {
    /// The events up to the end of the present slot in order, the first at the end. Empty only if all is.
    near: Vec<Scheduled<E>>,
    /// The number of the present slot.
    present: u64,
    /// The slots ahead, each at the remainder of its number: the first of its events in `ahead`.
    slots: Box<[u32; SLOTS]>,
    /// A bit for each of them that has some.
    taken: [u64; SLOTS / 64],
    /// The events of the slots ahead, each with the next one of its slot.
    ahead: Vec<(Scheduled<E>, u32)>,
    /// The first of the places in `ahead` that are free.
    free: u32,
    /// What comes behind the slots.
    later: BinaryHeap<Scheduled<E>>,
    ties: Stream,
    serial: u32,
}

/// An event and its place in the queue: when it is due (µs), then the tie, then the serial number, which no other
/// has.
#[derive(Clone, Copy, Debug)]
struct Scheduled<E> {
    place: u128,
    event: E,
}

impl<E> Scheduled<E> {
    fn slot(&self) -> u64 {
        (self.place >> (64 + SLOT_BITS)) as u64
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
    /// A heap gives its largest, and a list is taken from its end: the first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place.cmp(&self.place)
    }
}

impl<E: Copy> Agenda<E> {
    /// An empty one, whose ties this stream breaks.
    pub fn new(ties: Stream) -> Self {
        Self {
            near: Vec::with_capacity(64),
            present: 0,
            slots: Box::new([NONE; SLOTS]),
            taken: [0; SLOTS / 64],
            ahead: Vec::with_capacity(64),
            free: NONE,
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
        match scheduled.slot().saturating_sub(self.present) {
            0 => self.put_near(scheduled),
            slots if slots < SLOTS as u64 => self.put_ahead(scheduled),
            _ => self.later.push(scheduled),
        }
        if self.near.is_empty() {
            self.go_on();
        }
    }

    fn put_near(&mut self, scheduled: Scheduled<E>) {
        let first = self.near.len().saturating_sub(FIRST);
        self.near.push(scheduled);
        let soon = &mut self.near[first..];
        let mut at = soon.len() - 1;
        while at > 0 && soon[at - 1].place < scheduled.place {
            soon[at] = soon[at - 1];
            at -= 1;
        }
        soon[at] = scheduled;
        if at == 0 && first > 0 {
            let index = self.near[..first].partition_point(|s| s.place > scheduled.place);
            self.near[index..=first].rotate_right(1);
        }
    }

    fn put_ahead(&mut self, scheduled: Scheduled<E>) {
        let slot = scheduled.slot() as usize % SLOTS;
        let next = self.slots[slot];
        self.taken[slot / 64] |= 1 << (slot % 64);
        let at = self.free;
        match self.ahead.get_mut(at as usize) {
            Some(place) => {
                self.free = place.1;
                *place = (scheduled, next);
                self.slots[slot] = at;
            }
            None => {
                self.slots[slot] = self.ahead.len() as u32;
                self.ahead.push((scheduled, next));
            }
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

    /// Takes the next event; there is one.
    #[inline]
    pub fn pop(&mut self) -> E {
        let last = self.near.len() - 1;
        let event = self.near[last].event;
        self.near.truncate(last);
        if last == 0 {
            self.go_on();
        }
        event
    }

    /// Makes the next slot that has events the present one, which has none left.
    fn go_on(&mut self) {
        let later = self.later.peek().map(Scheduled::slot);
        let Some(next) = self.next_taken().into_iter().chain(later).min() else {
            return;
        };
        self.present = next;
        let slot = next as usize % SLOTS;
        let mut at = std::mem::replace(&mut self.slots[slot], NONE);
        self.taken[slot / 64] &= !(1 << (slot % 64));
        while let Some((scheduled, next)) = self.ahead.get_mut(at as usize) {
            self.near.push(*scheduled);
            let next = std::mem::replace(next, self.free);
            self.free = std::mem::replace(&mut at, next);
        }
        while let Some(first) = self.later.peek().filter(|first| first.slot() == next) {
            self.near.push(*first);
            self.later.pop();
        }
        if self.near.len() > 1 {
            self.near.sort_unstable();
        }
    }

    /// The first of the slots ahead that has events.
    fn next_taken(&self) -> Option<u64> {
        let from = self.present + 1;
        let (word, bit) = (from as usize % SLOTS / 64, from % 64);
        // The word in which it begins is looked at twice: what it has before that comes last.
        let words = (0..=self.taken.len()).map(|n| {
            let taken = self.taken[(word + n) % self.taken.len()];
            match n {
                0 => taken & u64::MAX << bit,
                _ if n == self.taken.len() => taken & !(u64::MAX << bit),
                _ => taken,
            }
        });
        let first = (0u64..).zip(words).find(|(_, taken)| *taken != 0);
        first.map(|(n, taken)| from - bit + 64 * n + u64::from(taken.trailing_zeros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_however_far_ahead_they_were_added() {
        let (mut random, mut agenda) = (Stream::new(3), Agenda::new(Stream::new(4)));
        let (mut now, mut left, mut most, mut behind_the_slots) = (0, Vec::new(), 0, 0);
        for number in 0..20_000 {
            // At once, soon, in a while, much later; now and then a long pause, and times in which thousands wait.
            let fills = number % 5_000 < 2_000;
            let ahead = [0, 1, 300, 40_000, 300_000, 9_000_000][random.below(6) as usize];
            let at = now + random.below(ahead + 1);
            agenda.push(at, number);
            left.push((at, number));
            most = left.len().max(most);
            behind_the_slots = agenda.later.len().max(behind_the_slots);
            if !fills && random.chance(1, 50) {
                now += random.below(2_000_000);
            }
            let first = left.iter().map(|(at, _)| *at).min();
            assert_eq!(agenda.due(), first.unwrap_or(NEVER));
            while agenda.due() <= now {
                let due = agenda.due();
                let number = agenda.pop();
                let at = left.iter().position(|e| *e == (due, number));
                left.swap_remove(at.expect("due, added, and not taken before"));
                assert!(left.iter().all(|(at, _)| *at >= due));
            }
            let due = agenda.due();
            if !fills && random.chance(1, 3) && due != NEVER {
                now = due;
            }
        }
        while agenda.due() != NEVER {
            agenda.pop();
            left.pop();
        }
        assert!(left.is_empty());
        assert!(most > 1_024, "many waited");
        assert!(!agenda.ahead.is_empty(), "some of them in slots");
        assert!(behind_the_slots > 0, "and some behind");
    }

    #[test]
    fn the_next_event_is_found_however_many_slots_ahead() {
        let mut agenda = Agenda::new(Stream::new(5));
        let mut now = 0;
        for slots in (0..600).flat_map(|slots| [slots, 1, slots, 63]) {
            now += slots << SLOT_BITS;
            agenda.push(now, slots);
            assert_eq!(agenda.due(), now, "{slots} slots ahead");
            assert_eq!(agenda.pop(), slots);
            assert_eq!(agenda.due(), NEVER);
        }
    }

    #[test]
    fn events_come_in_the_order_of_time_and_ties_in_a_seeded_order() {
        let order = |seed| {
            let mut agenda = Agenda::new(Stream::new(seed));
            for e in 0..20 {
                agenda.push(10, e);
            }
            agenda.push(5, 99);
            std::iter::from_fn(|| (agenda.due() <= 10).then(|| agenda.pop())).collect::<Vec<i32>>()
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
