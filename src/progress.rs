//! Progress on standard error: only on a terminal, and only for what takes longer than a second.

use crate::wall::Stopwatch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io::IsTerminal, time::Duration};

/// What takes less long needs no display.
const PATIENCE: Duration = Duration::from_secs(1);

/// A display that appears when the work takes long.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total: usize,
    done: usize,
    since: Stopwatch,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For `total` runs; `what` stands beside the bar.
    pub fn of(what: String, total: usize) -> Self {
        Self {
            what,
            total,
            done: 0,
            since: Stopwatch::start(),
            wanted: std::io::stderr().is_terminal(),
            bar: None,
        }
    }

    /// For runs of which nobody knows how many there will be.
    pub fn endless(what: String) -> Self {
        Self::of(what, 0)
    }

    /// That never appears.
    #[cfg(test)]
    pub fn hidden() -> Self {
        let mut progress = Self::of(String::new(), 0);
        progress.wanted = false;
        progress
    }

    /// So many have ended.
    pub fn done(&mut self, done: usize) {
        self.done = done;
    }

    /// One run has ended.
    pub fn done_one(&mut self) {
        self.done += 1;
    }

    /// To be called now and then.
    pub fn look(&mut self) {
        if !self.wanted {
            return;
        }
        if self.bar.is_none() && self.since.elapsed() >= PATIENCE {
            let template = match self.total {
                0 => "{spinner} {msg}  {pos} runs  {elapsed}",
                1 => "{spinner} {msg}  {elapsed}",
                _ => "{spinner} {msg}  {wide_bar}  {pos} of {len}  {elapsed}",
            };
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::with_draw_target(
                Some(self.total as u64),
                ProgressDrawTarget::stderr(),
            )
            .with_style(style)
            .with_message(self.what.clone())
            .with_elapsed(self.since.elapsed());
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
            bar.tick();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
