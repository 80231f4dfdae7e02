//! Time in the lab: the machine's, a fixed number of times faster than the plan's.

use crate::wall;
use cutover_sim::units::Micros;
use std::{thread, time::Duration};

/// A clock that began with the traffic. What it reads is the plan's time: real time, times the speed.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began_us: u64,
    speed: u32,
}

impl Clock {
    /// Starts now.
    pub fn start(speed: u32) -> Self {
        Self {
            began_us: wall::unix_us(),
            speed: speed.max(1),
        }
    }

    /// µs of the plan's time since the start.
    pub fn now_us(self) -> u64 {
        self.of(wall::unix_us())
    }

    /// The plan's time of a moment of the machine's clock, in µs since 1970.
    pub fn of(self, unix_us: u64) -> u64 {
        unix_us.saturating_sub(self.began_us) * u64::from(self.speed)
    }

    /// A duration of the plan, as long as it takes here.
    pub fn scaled(self, duration: Duration) -> Duration {
        duration / self.speed
    }

    /// Lets a duration of the plan pass.
    pub fn sleep(self, duration: Micros) {
        thread::sleep(self.scaled(Duration::from_micros(duration.0)));
    }

    /// µs since 1970 at the start.
    pub fn began_us(self) -> u64 {
        self.began_us
    }
}
