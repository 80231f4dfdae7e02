//! When recorded transactions were committed, as exactly as the files say it.

use super::Entry;
use cutover_model::binlog::group::Group;

/// When transactions were committed.
#[derive(Debug, Default)]
pub(super) struct Times {
    first_us: Option<u64>,
    last_us: u64,
    /// Indices are spread only where the server gave whole seconds.
    whole_seconds: bool,
}

const SECOND_US: u64 = 1_000_000;

impl Times {
    /// µs since the first transaction; never earlier than the one before.
    pub(super) fn of(&mut self, group: &Group<'_>) -> u64 {
        let exact = group.gtid.as_ref().and_then(|g| g.immediate_commit_us);
        self.whole_seconds |= exact.is_none();
        let us = exact.unwrap_or(u64::from(group.timestamp_s) * SECOND_US);
        let first = *self.first_us.get_or_insert(us);
        self.last_us = self.last_us.max(us.saturating_sub(first));
        self.last_us
    }

    /// Spreads transactions of one whole second evenly within it (5.6 has no finer time), or up to the next one,
    /// where that has its exact time.
    pub(super) fn spread(&self, entries: &mut [Entry]) {
        if !self.whole_seconds {
            return;
        }
        let mut rest = entries;
        while let Some(at_us) = rest.first().map(|entry| entry.at_us) {
            let count = rest.partition_point(|entry| entry.at_us == at_us);
            let room = rest
                .get(count)
                .map_or(SECOND_US, |next| SECOND_US.min(next.at_us - at_us));
            let (same, later) = rest.split_at_mut(count);
            for (i, entry) in same.iter_mut().enumerate() {
                entry.at_us += room * i as u64 / count as u64;
            }
            rest = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::What;

    #[test]
    fn whole_seconds_are_spread_and_time_goes_on() {
        let times = Times {
            whole_seconds: true,
            ..Times::default()
        };
        let mut entries: Vec<Entry> = [0, 0, 0, 0, 250_000, 1_000_000, 1_000_000]
            .into_iter()
            .map(|at_us| Entry {
                at_us,
                place: (0, 0),
                what: What::Rows { file: 0, at: 0..0 },
            })
            .collect();
        times.spread(&mut entries);
        let at: Vec<u64> = entries.iter().map(|entry| entry.at_us).collect();
        assert_eq!(
            at,
            [0, 62_500, 125_000, 187_500, 250_000, 1_000_000, 1_500_000]
        );
    }
}
