//! What is printed: for people (story, table) and for programs (JSON), and how it reaches the terminal.

pub mod audited;
#[cfg(test)]
pub mod canned;
pub mod diagnostic;
pub mod json;
pub mod numbers;
pub mod paint;
pub mod shrunk;
pub mod story;
pub mod summary;
pub mod sweep;
pub mod table;

use crate::failure::Failure;
use std::io::{self, Write};

/// Width where nobody says how wide the terminal is.
pub const USUAL_WIDTH: usize = 100;

/// Columns of the terminal on standard output; [`USUAL_WIDTH`] when it is none.
pub fn width() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
        .clamp(40, 160)
}

/// Prints to standard output; colours go where they are wanted only. A reader that has gone (`… | head -1`)
/// has read what it wanted: that is no error.
///
/// # Errors
/// [`Failure::StandardOutput`] when it cannot be written for another reason (a full disk).
pub fn print(text: &str) -> Result<(), Failure> {
    print_while_read(text).map(drop)
}

/// As [`print`]; says whether somebody reads on.
fn print_while_read(text: &str) -> Result<bool, Failure> {
    let mut out = anstream::stdout().lock();
    still_read(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Standard output for what may be too long to be kept whole; a reader that has gone is noticed.
#[derive(Debug, Default)]
pub struct Printer {
    text: String,
    closed: bool,
}

impl Printer {
    const FULL_BYTES: usize = 64 << 10;

    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints, now or soon.
    ///
    /// # Errors
    /// As [`print`].
    pub fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.text.push_str(text);
        if self.text.len() >= Self::FULL_BYTES {
            self.drain()?;
        }
        Ok(())
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Prints the rest.
    ///
    /// # Errors
    /// As [`print`].
    pub fn finish(mut self) -> Result<(), Failure> {
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Failure> {
        if !self.closed {
            self.closed = !print_while_read(&self.text)?;
        }
        self.text.clear();
        Ok(())
    }
}

/// Prints a line to standard error. When that is closed there is nobody to tell.
pub fn complain(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn still_read(result: io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::StandardOutput(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is() {
        assert!(!still_read(Err(io::ErrorKind::BrokenPipe.into())).unwrap());
        assert!(still_read(Err(io::ErrorKind::StorageFull.into())).is_err());
        assert!(still_read(Ok(())).unwrap());
    }
}
