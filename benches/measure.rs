//! Measuring: processor time of this thread, so that neighbours disturb less, and medians to be compared.

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use std::{hint::black_box, time::Duration};

/// Processor time that this thread has used.
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Bytes of memory that the process has in use; `None` where `/proc` does not say.
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// A measurement that was made.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// Of what one costs `ns`: `commit`, `operation`, …
    pub unit: &'static str,
    samples: Vec<f64>,
}

impl Entry {
    /// Nanoseconds for one unit, the median of all samples.
    pub fn ns(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

/// Measures with criterion and remembers the medians.
pub struct Bench<'c> {
    group: BenchmarkGroup<'c, WallTime>,
    entries: Vec<Entry>,
}

impl<'c> Bench<'c> {
    pub fn new(criterion: &'c mut Criterion, name: &str) -> Self {
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(15)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(3));
        Self {
            group,
            entries: Vec::new(),
        }
    }

    /// Measures `routine`, which does `units` of `unit`. What `setup` makes, and what becomes of it, is not
    /// measured.
    pub fn measure<S, R>(
        &mut self,
        name: &'static str,
        (units, unit): (u64, &'static str),
        mut setup: impl FnMut() -> S,
        mut routine: impl FnMut(S) -> R,
    ) {
        let mut samples = Vec::new();
        self.group.throughput(Throughput::Elements(units));
        self.group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut total = Duration::ZERO;
                for _ in 0..iterations {
                    let input = setup();
                    let from = cpu_time();
                    let output = black_box(routine(black_box(input)));
                    total += cpu_time() - from;
                    drop(output);
                }
                samples.push(total.as_nanos() as f64 / (iterations * units) as f64);
                total
            });
        });
        if !samples.is_empty() {
            self.entries.push(Entry {
                name,
                unit,
                samples,
            });
        }
    }

    /// Everything that was measured.
    pub fn finish(self) -> Vec<Entry> {
        self.group.finish();
        self.entries
    }
}
