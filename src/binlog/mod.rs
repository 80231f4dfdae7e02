//! `cutover binlog`: real binlog files, without a server.

mod apply;
mod describe;
mod inspect;
mod verify;

use crate::{args::Format, exit::Status, failure::Failure, interrupt::Interrupt};
use clap::Subcommand;

#[cfg(test)]
pub use apply::canned as applied_json;
#[cfg(test)]
pub use inspect::canned as inspected_json;
#[cfg(test)]
pub use verify::canned as verified_json;

/// What to do with binlog files.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the events of binlog files, a line each
    Inspect(inspect::Args),
    /// Check that binlog files are whole and follow one another
    Verify(verify::Args),
    /// Replay binlog files on tables, as a replica would
    Apply(apply::Args),
}

/// Does it.
pub fn execute(
    command: &Command,
    format: Format,
    interrupt: &Interrupt,
) -> Result<Status, Failure> {
    match command {
        Command::Inspect(args) => inspect::execute(args, format),
        Command::Verify(args) => verify::execute(args, format),
        Command::Apply(args) => apply::execute(args, format, interrupt),
    }
}

/// A server's seconds as a text like `2026-03-02T10:00:00Z`.
fn moment(seconds: u32) -> String {
    cutover::sim::units::Moment(u64::from(seconds) * 1_000_000).to_string()
}
