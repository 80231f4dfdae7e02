//! `cutover new`: a commented scenario to start from.

use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    files::Batch,
    interrupt::Interrupt,
    output::{self, json},
};
use cutover::scenarios::template;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cutover new my-shop                 writes my-shop.toml
  cutover check my-shop.toml          what its runbook takes for granted
  cutover run my-shop.toml            a rehearsal";

/// Write a commented scenario that describes an environment, to be changed into yours.
///
/// It loads, checks and runs as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The scenario's name, and its file's without .toml
    #[arg(default_value = "my-shop", value_name = "NAME")]
    name: String,
    /// Where to write it; NAME.toml otherwise
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Overwrite a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct Written {
    schema: &'static str,
    scenario: String,
    file: String,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let text = template(&args.name)?;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{}.toml", args.name)),
    };
    if !args.force && path.exists() {
        return Err(Failure::Exists(path));
    }
    let mut batch = Batch::new(interrupt);
    batch.stage(&path, text.as_bytes())?;
    batch.commit()?;
    let file = path.display().to_string();
    output::print(&match format {
        Format::Json => json::text(&Written {
            schema: json::SCHEMA,
            scenario: args.name.clone(),
            file,
        }),
        Format::Text => format!(
            "{file} is written: change it into your environment, then\n\n  cutover check {file}\n  cutover run {file}\n"
        ),
    })?;
    Ok(Status::Holds)
}
