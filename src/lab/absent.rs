//! In a build without the feature: how to build with it.

use crate::{args::Format, exit::Status, failure::Failure, interrupt::Interrupt};
use std::ffi::OsString;

/// Not part of this build: cargo build --release --features lab
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}

/// Says so.
pub fn execute(_: &Args, _: Format, _: &Interrupt) -> Result<Status, Failure> {
    Err(Failure::NoLab)
}
