//! `cutover binlog`: real binlog files, without a server.

mod apply;

use crate::{args::Format, exit::Status, failure::Failure};
use clap::Subcommand;

/// What to do with binlog files.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay binlog files on tables, as a replica would
    Apply(apply::Args),
}

/// Does it.
pub fn execute(command: &Command, format: Format) -> Result<Status, Failure> {
    match command {
        Command::Apply(args) => apply::execute(args, format),
    }
}
