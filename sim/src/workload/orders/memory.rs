//! What a client remembers of the orders that it made.

use crate::stream::Stream;

/// Orders that a client remembers to come back to.
const MEMORY: usize = 8;

/// An order that a client was told of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// Its id; 0 for none.
    pub id: u64,
    /// The client paid it.
    pub paid: bool,
}

/// What a client remembers.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    known: [Known; MEMORY],
    next: usize,
    requests: u64,
}

impl Memory {
    /// What the client knows of an order.
    pub fn of(&self, id: u64) -> Option<Known> {
        self.known.iter().copied().find(|k| k.id == id && id != 0)
    }

    /// Any order that it may remember.
    pub(super) fn one(&self, random: &mut Stream) -> Option<u64> {
        let known = self.known[random.below(MEMORY as u64) as usize];
        (known.id != 0).then_some(known.id)
    }

    /// The number of the client's next request.
    pub fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(super) fn remember(&mut self, id: u64) {
        self.known[self.next] = Known { id, paid: false };
        self.next = (self.next + 1) % MEMORY;
    }

    pub(super) fn paid(&mut self, id: u64) {
        let known = self.known.iter_mut().filter(|k| k.id == id);
        known.for_each(|k| k.paid = true);
    }

    pub(super) fn forget(&mut self, id: u64) {
        let known = self.known.iter_mut().filter(|k| k.id == id);
        known.for_each(|k| k.id = 0);
    }
}
