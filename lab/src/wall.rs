//! The clock of the machine. Nothing here is a simulation: a real replica lives by real time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// µs since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "real servers, which live by this clock, are compared with it"
)]
pub fn unix_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Measures from its creation on.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    #[expect(
        clippy::disallowed_methods,
        reason = "timeouts and heartbeats of a real connection"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
