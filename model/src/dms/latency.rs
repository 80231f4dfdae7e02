//! `CDCLatencySource` and `CDCLatencyTarget`, as CloudWatch shows them: sampled, in whole seconds.
//!
//! The source's latency is the age of the last event that was captured. "If no changes have been captured from the
//! source due to task scoping, AWS DMS sets this value to zero" [D `CHAP_Monitoring`]: the task cannot tell a source
//! that is quiet from one that it does not hear. The target's is the age of the first event that waits to be committed,
//! and never smaller than the source's.

/// The two metrics, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// `CDCLatencySource`.
    pub source_s: u64,
    /// `CDCLatencyTarget`.
    pub target_s: u64,
}

/// What a sample is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    /// When the next sample is taken, in µs.
    pub(super) due_us: u64,
    /// An event was captured since the last sample.
    pub(super) heard: bool,
    /// Timestamp of the last event that was captured, in seconds since 1970.
    pub(super) last_s: u32,
    pub(super) shown: Option<Latency>,
}

impl Meter {
    /// Takes a sample. `waiting_s`: the timestamp of the first event that waits.
    pub(super) fn sample(&mut self, now_s: u64, waiting_s: Option<u32>) {
        let age = |s: u32| now_s.saturating_sub(s.into());
        let source_s = match std::mem::take(&mut self.heard) {
            true => age(self.last_s),
            false => 0,
        };
        self.shown = Some(Latency {
            source_s,
            target_s: waiting_s.map_or(0, age).max(source_s),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_hears_nothing_shows_no_latency() {
        let mut meter = Meter {
            heard: true,
            last_s: 100,
            ..Meter::default()
        };
        meter.sample(107, None);
        let shown = meter.shown.unwrap();
        assert_eq!((shown.source_s, shown.target_s), (7, 7));
        meter.sample(167, None);
        assert_eq!(meter.shown, Some(Latency::default()));
        meter.sample(200, Some(120));
        let shown = meter.shown.unwrap();
        assert_eq!((shown.source_s, shown.target_s), (0, 80));
    }
}
