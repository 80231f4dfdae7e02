//! The rate of writes over the day.

/// An hour, in µs.
const HOUR_US: u64 = 3_600_000_000;

/// What the rate is multiplied by, for each hour of the calendar; empty: it is the same at any hour.
#[derive(Clone, Debug)]
pub(super) struct ByHour(pub(super) Vec<f64>);

impl ByHour {
    /// How long a pause that begins at `from_us` (since 1970) takes which is `pause_us` at the plain rate: longer
    /// where the rate is lower, hour by hour.
    pub(super) fn stretch(&self, from_us: u64, pause_us: u64) -> u64 {
        if self.0.is_empty() {
            return pause_us;
        }
        let (mut at, mut left) = (from_us, pause_us as f64);
        // A day of pauses at least: the loader sees to it that some hour has a rate.
        loop {
            let hour = at / HOUR_US;
            let times = self.0[(hour % 24) as usize % self.0.len()];
            let ends = (hour + 1) * HOUR_US;
            let fits = (ends - at) as f64 * times;
            if left <= fits && times > 0.0 {
                return at - from_us + (left / times) as u64;
            }
            left -= fits;
            at = ends;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1970-01-01 at a time of the day.
    fn at(hour: u64, minute: u64) -> u64 {
        HOUR_US * hour + HOUR_US / 60 * minute
    }

    #[test]
    fn a_pause_is_longer_in_a_quiet_hour_and_shorter_in_a_busy_one() {
        let mut rates = vec![1.0; 24];
        (rates[3], rates[4], rates[5]) = (0.5, 0.0, 2.0);
        let rates = ByHour(rates);
        assert_eq!(rates.stretch(at(1, 0), at(0, 10)), at(0, 10));
        assert_eq!(rates.stretch(at(3, 0), at(0, 10)), at(0, 20));
        assert_eq!(rates.stretch(at(5, 0), at(0, 10)), at(0, 5));
        // Half an hour is left of the quiet hour, nothing gets done in the next, and the rest goes twice as fast.
        assert_eq!(
            rates.stretch(at(3, 30), at(0, 20)),
            at(1, 30) + at(0, 0) + at(0, 2) + HOUR_US / 120
        );
        assert_eq!(ByHour(Vec::new()).stretch(at(3, 0), 7), 7);
        // The day begins anew.
        assert_eq!(rates.stretch(at(27, 0), at(0, 10)), at(0, 20));
    }
}
