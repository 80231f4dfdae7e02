//! Rounder and smaller values, in the order in which they are tried.

use crate::units::Micros;

/// Durations that a person would write.
const LENGTHS_US: [u64; 17] = [
    1_000,
    10_000,
    100_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    1_800_000_000,
    3_600_000_000,
    36_000_000_000,
];

/// Shorter lengths, the shortest first.
pub(super) fn shorter(length: Micros) -> impl Iterator<Item = Micros> {
    let lengths = LENGTHS_US.into_iter();
    lengths.take_while(move |us| *us < length.0).map(Micros)
}

/// Smaller numbers, the smallest first: 0, 1, 2, 3, 5, 10, 20, 30, 50, 100, …
pub(super) fn smaller(number: u64) -> impl Iterator<Item = u64> {
    let decades = std::iter::successors(Some(1u64), |ten| ten.checked_mul(10));
    let steps = decades.flat_map(|ten| [1, 2, 3, 5].map(|digit| ten.saturating_mul(digit)));
    std::iter::once(0)
        .chain(steps)
        .take_while(move |step| *step < number)
}

/// The same moment in fewer digits, the fewest first: the multiples of an hour, a minute, … that are next to it.
pub(super) fn rounder(at: Micros) -> impl Iterator<Item = Micros> {
    const UNITS_US: [u64; 8] = [
        3_600_000_000,
        60_000_000,
        10_000_000,
        1_000_000,
        100_000,
        10_000,
        1_000,
        100,
    ];
    let coarser = UNITS_US
        .into_iter()
        .take_while(move |unit| !at.0.is_multiple_of(*unit));
    coarser.flat_map(move |unit| {
        let below = at.0 / unit * unit;
        [Micros(below), Micros(below + unit)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_lengths_and_smaller_numbers_begin_with_the_least() {
        let lengths: Vec<_> = shorter(Micros::secs(2)).map(|l| l.0).collect();
        assert_eq!(lengths, [1_000, 10_000, 100_000, 500_000, 1_000_000]);
        assert_eq!(smaller(7).collect::<Vec<_>>(), [0, 1, 2, 3, 5]);
        assert_eq!(smaller(0).count(), 0);
        assert_eq!(smaller(u64::MAX).last(), Some(10_000_000_000_000_000_000));
    }

    #[test]
    fn a_round_moment_has_no_rounder_one_but_coarser_ones() {
        let of = |us| rounder(Micros(us)).map(|m| m.0).collect::<Vec<_>>();
        assert!(of(3_600_000_000).is_empty());
        assert_eq!(of(60_000_000), [0, 3_600_000_000]);
        assert_eq!(of(1_500_000)[4..], [0, 10_000_000, 1_000_000, 2_000_000]);
    }
}
