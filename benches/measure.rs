//! Measuring: processor time, so that neighbours disturb less; medians, and the shortest times beside them.
//!
//! A neighbour on the other half of a core makes everything take up to twice as long, for seconds, and processor time
//! does not show it. The shortest of many runs is one that nobody disturbed, if there was one.

use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};
use rustix::time::{ClockId, clock_gettime};
use std::{hint::black_box, time::Duration};

/// Processor time that this thread has used.
pub fn of_this_thread() -> Duration {
    used(ClockId::ThreadCPUTime)
}

/// Processor time that all threads of the process have used, those that have ended included.
pub fn of_all_threads() -> Duration {
    used(ClockId::ProcessCPUTime)
}

fn used(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// A measurement that was made.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// Of what one costs so much: `commit`, `snapshot`, …
    pub unit: &'static str,
    samples: Vec<f64>,
    least_ns: f64,
}

impl Entry {
    /// Nanoseconds for one unit, the median of all samples.
    pub fn ns(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// Nanoseconds for one unit, the shortest of all runs.
    pub fn least_ns(&self) -> f64 {
        self.least_ns
    }
}

/// Measures with criterion and remembers the medians.
pub struct Bench<'c> {
    group: BenchmarkGroup<'c, WallTime>,
    clock: fn() -> Duration,
    entries: Vec<Entry>,
}

impl<'c> Bench<'c> {
    /// A group. Its measurements take about `seconds` each, and longer where ten runs take longer.
    pub fn new(criterion: &'c mut Criterion, name: &str, seconds: u64) -> Self {
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(100))
            .measurement_time(Duration::from_secs(seconds));
        Self {
            group,
            clock: of_this_thread,
            entries: Vec::new(),
        }
    }

    /// From now on by this clock.
    pub fn by(mut self, clock: fn() -> Duration) -> Self {
        self.clock = clock;
        self
    }

    /// Measures `routine` on what `setup` makes; it says how many of `unit` it did. What `setup` does, and the
    /// end of what comes out, is not measured.
    pub fn measure<S, R>(
        &mut self,
        name: &'static str,
        unit: &'static str,
        mut setup: impl FnMut() -> S,
        mut routine: impl FnMut(S) -> (u64, R),
    ) {
        let (mut samples, mut least_ns, clock) = (Vec::new(), f64::INFINITY, self.clock);
        self.group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let (mut total, mut units) = (Duration::ZERO, 0);
                for _ in 0..iterations {
                    let input = setup();
                    let from = clock();
                    let (done, output) = black_box(routine(black_box(input)));
                    let took = clock() - from;
                    total += took;
                    units += done;
                    least_ns = least_ns.min(took.as_nanos() as f64 / done as f64);
                    drop(output);
                }
                samples.push(total.as_nanos() as f64 / units as f64);
                total
            });
        });
        if !samples.is_empty() {
            self.entries.push(Entry {
                name,
                unit,
                samples,
                least_ns,
            });
        }
    }

    /// Everything that was measured.
    pub fn finish(self) -> Vec<Entry> {
        self.group.finish();
        self.entries
    }
}
