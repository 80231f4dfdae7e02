//! The command `cutover`: arguments, rendering, exit status. What it does is in the library.

mod again;
mod args;
mod audit;
mod binlog;
mod check;
mod compare;
mod defect;
mod exit;
mod explore;
mod failure;
mod files;
mod interrupt;
mod lab;
mod list;
mod new;
mod output;
mod progress;
mod rehearse;
mod replay;
mod run;
mod scenario_args;
mod shrink;
mod strategies;
mod trial;
mod wall;
mod work;

use args::{Cli, Command};
use clap::Parser;
use exit::Status;
use failure::Failure;
use interrupt::Interrupt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let named = words.iter().skip(1).map(String::as_str);
    defect::install(again::command(std::iter::once("cutover").chain(named)));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version on standard output, mistakes on standard error; a closed pipe is no mistake.
            let _ = answer.print();
            return ExitCode::from(
                u8::try_from(answer.exit_code()).unwrap_or(Status::BadInput.code()),
            );
        }
    };
    colour(cli.color).write_global();
    match execute(&cli) {
        Ok(status) => status.into(),
        Err(failure) => {
            output::complain(&output::diagnostic::render(&failure));
            failure.status().into()
        }
    }
}

fn execute(cli: &Cli) -> Result<Status, Failure> {
    // Without a handler, Ctrl-C ends the process as it does any other.
    let interrupt = Interrupt::listen().unwrap_or_default();
    match &cli.command {
        Command::Run(args) => run::execute(args, cli.format, &interrupt),
        Command::Compare(args) => compare::execute(args, cli.format, &interrupt),
        Command::Explore(args) => explore::execute(args, cli.format, &interrupt),
        Command::Replay(args) => replay::execute(args, cli.format, &interrupt),
        Command::Audit(args) => audit::execute(args, cli.format, &interrupt),
        Command::Shrink(args) => shrink::execute(args, cli.format, &interrupt),
        Command::Check(args) => check::execute(args, cli.format),
        Command::New(args) => new::execute(args, cli.format, &interrupt),
        Command::List(args) => list::execute(args, cli.format),
        Command::Binlog(command) => binlog::execute(command, cli.format, &interrupt),
        Command::Lab(args) => lab::execute_lab(args, cli.format, &interrupt),
        Command::ServeBinlog(args) => lab::execute_serve(args, cli.format, &interrupt),
    }
}

fn colour(choice: clap::ColorChoice) -> anstream::ColorChoice {
    match choice {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    }
}
