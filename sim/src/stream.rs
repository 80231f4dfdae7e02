//! Seeded random streams, one for each purpose.
//!
//! A named generator (xoshiro256++) and our own way to draw a range, so that the numbers stay the same
//! whatever a library's next version does. Integers only: floating-point functions differ by platform.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// A purpose's stream.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// The `n`-th of a family of streams with one seed (a client's, a link's).
    pub fn member(seed: u64, n: u64) -> Self {
        Self::new(xxhash_rust::xxh3::xxh3_64_with_seed(&n.to_le_bytes(), seed))
    }

    /// A number below `bound` (0 when `bound` is 0). The bias is below 2⁻³² for bounds below 2³².
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True in `of` of `total` cases.
    pub fn chance(&mut self, of: u64, total: u64) -> bool {
        self.below(total) < of
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// The seed of the stream for a purpose.
///
/// It depends on nothing but the run's seed and the purpose's name, so a purpose that is added leaves the
/// other streams as they are. FNV-1a of the name, xor the seed's SplitMix64, through SplitMix64 once more:
/// the first tells names apart, the second spreads neighbouring seeds over all bits.
pub fn stream_seed(seed: u64, purpose: &str) -> u64 {
    let name = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    split_mix(name ^ split_mix(seed))
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_for_ever() {
        let mut stream = Stream::new(7);
        let drawn: Vec<u64> = (0..4).map(|_| stream.below(1_000_000)).collect();
        assert_eq!(
            drawn, GOLDEN,
            "a change here changes every plan that people have saved"
        );
    }
    const GOLDEN: [u64; 4] = [55_360, 172_115, 717_576, 427_209];

    #[test]
    fn members_of_a_family_differ_and_do_not_disturb_each_other() {
        let mut a = Stream::member(1, 0);
        let mut b = Stream::member(1, 1);
        let first = b.bits();
        a.bits();
        assert_ne!(a.bits(), b.bits());
        assert_eq!(Stream::member(1, 1).bits(), first);
    }
}
