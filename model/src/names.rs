//! Names: a DNS record with a TTL, and resolvers that cache it, some of them for ever.
//!
//! A record's change is seen by the zone's servers after a while; a resolver goes on with what it has
//! cached until its time is over. A JVM with a security manager caches for the life of the process
//! (`networkaddress.cache.ttl = -1`). RDS and Aurora zones have a TTL of 5 s.

/// A record: one name, one host, changed now and then. `H` is a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<H> {
    /// Time to live in µs.
    pub ttl_us: u64,
    host: H,
    /// Each from when on the zone has it, in the order in which they were made.
    changes: Vec<(u64, H)>,
}

impl<H: Copy> Record<H> {
    /// A record that points at `host`.
    pub fn new(host: H, ttl_us: u64) -> Self {
        Self {
            ttl_us,
            host,
            changes: Vec::new(),
        }
    }

    /// Changes the record; the zone answers with the new host from `effective_us` on.
    pub fn change(&mut self, host: H, effective_us: u64) {
        self.changes.push((effective_us, host));
    }

    /// What the record says by the last change, whether or not the zone has it yet.
    pub fn target(&self) -> H {
        self.changes.last().map_or(self.host, |(_, host)| *host)
    }

    /// What the zone answers at `now`.
    pub fn query(&self, now: u64) -> H {
        let in_force = self.changes.iter().rev().find(|(at, _)| *at <= now);
        in_force.map_or(self.host, |(_, host)| *host)
    }
}

/// A resolver's cache for one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolver<H> {
    /// Never asks again.
    pub forever: bool,
    cached: Option<(H, u64)>,
}

impl<H: Copy> Resolver<H> {
    /// An empty cache.
    pub fn new(forever: bool) -> Self {
        Self {
            forever,
            cached: None,
        }
    }

    /// The host, from the cache while it is good.
    pub fn resolve(&mut self, record: &Record<H>, now: u64) -> H {
        match self.cached {
            Some((host, until)) if self.forever || now < until => host,
            _ => {
                let host = record.query(now);
                self.cached = Some((host, now + record.ttl_us));
                host
            }
        }
    }

    /// A restarted process knows nothing.
    pub fn forget(&mut self) {
        self.cached = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_name_is_used_until_its_ttl_is_over() {
        let mut record = Record::new('s', 5_000_000);
        let mut resolver = Resolver::new(false);
        assert_eq!(resolver.resolve(&record, 0), 's');
        record.change('t', 1_000_000);
        assert_eq!(
            resolver.resolve(&record, 4_999_999),
            's',
            "the TTL is not over"
        );
        assert_eq!(resolver.resolve(&record, 5_000_000), 't');
    }

    #[test]
    fn a_resolver_that_caches_for_ever_needs_a_restart() {
        let mut record = Record::new('s', 5_000_000);
        let mut resolver = Resolver::new(true);
        assert_eq!(resolver.resolve(&record, 0), 's');
        record.change('t', 1);
        assert_eq!(resolver.resolve(&record, u64::MAX), 's');
        resolver.forget();
        assert_eq!(resolver.resolve(&record, 10_000_000), 't');
    }

    #[test]
    fn a_change_takes_effect_when_the_zone_has_it() {
        let mut record = Record::new('s', 0);
        record.change('t', 10);
        assert_eq!((record.query(9), record.query(10)), ('s', 't'));
    }

    #[test]
    fn until_a_second_change_takes_effect_the_first_holds() {
        let mut record = Record::new('s', 0);
        record.change('t', 10);
        record.change('u', 20);
        assert_eq!((record.query(19), record.query(20)), ('t', 'u'));
        assert_eq!(record.target(), 'u');
    }
}
