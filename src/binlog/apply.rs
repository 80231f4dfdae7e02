//! `cutover binlog apply`
use crate::{args::Format, exit::Status, failure::Failure};
/// Args.
#[derive(Debug, clap::Args)]
pub struct Args {}
/// Does it.
pub fn execute(_args: &Args, _format: Format) -> Result<Status, Failure> {
    Ok(Status::Holds)
}
