//! A link: TCP, so ordered and reliable until it breaks; with latency, jitter and bandwidth.

use crate::{environment, stream::Stream};

/// One direction of a connection's path.
#[derive(Clone, Debug)]
pub struct Link {
    settings: environment::Link,
    /// When the wire is free for the next message.
    free_at: u64,
    /// When the last message arrives; a later one arrives later.
    last_arrival: u64,
    /// Nothing gets onto the wire before.
    blocked_until: u64,
}

impl Link {
    /// A link as the environment describes it.
    pub fn new(link: &environment::Link) -> Self {
        Self {
            settings: *link,
            free_at: 0,
            last_arrival: 0,
            blocked_until: 0,
        }
    }

    /// The link has these settings from now on, and takes nothing before `blocked_until`. What is on the wire
    /// arrives when it would have.
    pub fn change(&mut self, link: &environment::Link, blocked_until: u64) {
        self.settings = *link;
        self.blocked_until = blocked_until;
    }

    /// Sends `bytes` at `now`: when they have arrived, in µs.
    pub fn send(&mut self, now: u64, bytes: u64, jitter: &mut Stream) -> u64 {
        let link = &self.settings;
        let free = now.max(self.free_at).max(self.blocked_until);
        self.free_at = link.after_stall(free) + link.wire_us(bytes);
        let way = link.latency.0 + jitter.below(link.jitter.0 + 1);
        self.last_arrival = link
            .after_stall(self.free_at + way)
            .max(self.last_arrival + 1);
        self.last_arrival
    }

    /// When the wire is free for more, in µs.
    pub fn free_at(&self) -> u64 {
        self.free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, Micros};

    fn link() -> Link {
        Link::new(&environment::Link {
            latency: Micros(100),
            jitter: Micros(500),
            bandwidth: Bytes(1_000_000),
            ..environment::Link::default()
        })
    }

    #[test]
    fn messages_arrive_in_the_order_of_sending_whatever_the_jitter() {
        let mut link = link();
        let mut jitter = Stream::new(1);
        let arrivals: Vec<u64> = (0..100).map(|i| link.send(i, 1, &mut jitter)).collect();
        assert!(arrivals.windows(2).all(|w| w[0] < w[1]), "{arrivals:?}");
    }

    #[test]
    fn nothing_arrives_during_a_stall_and_everything_after_it() {
        let mut link = Link::new(&environment::Link {
            stall_every: Micros(1_000_000),
            stall_for: Micros(400_000),
            ..environment::Link::default()
        });
        let mut jitter = Stream::new(1);
        for now in (0..3_000_000).step_by(10_000) {
            let arrival = link.send(now, 1, &mut jitter);
            assert!(
                arrival % 1_000_000 < 600_000,
                "sent at {now}, arrived at {arrival}"
            );
        }
    }

    #[test]
    fn bandwidth_bounds_the_throughput() {
        let mut link = link();
        let mut jitter = Stream::new(1);
        let last = (0..10)
            .map(|_| link.send(0, 100_000, &mut jitter))
            .last()
            .unwrap();
        assert!(
            (1_000_100..=1_000_600).contains(&last),
            "1 MB at 1 MB/s takes a second and the latency: {last}"
        );
    }
}
