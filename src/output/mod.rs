//! What is printed: for people (story, table) and for programs (JSON), and how it reaches the terminal.

#[cfg(test)]
pub mod canned;
pub mod diagnostic;
pub mod json;
pub mod numbers;
pub mod paint;
pub mod story;
pub mod summary;
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
    let mut out = anstream::stdout().lock();
    forgive_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints a line to standard error. When that is closed there is nobody to tell.
pub fn complain(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn forgive_closed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::StandardOutput),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is() {
        assert!(forgive_closed(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(forgive_closed(Err(io::ErrorKind::StorageFull.into())).is_err());
        assert!(forgive_closed(Ok(())).is_ok());
    }
}
