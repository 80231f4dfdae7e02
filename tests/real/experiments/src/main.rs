//! Real MySQL servers as judges of the model. `tests/real/table`, `tests/real/bytes` and `tests/real/efforts` run it.
//!
//! ```text
//! cutover-experiments experiments --work DIR [--only PART] [--write] [--model]
//! cutover-experiments bytes       --work DIR [--from CASE] [--cases N] [--rounds N] [--seed S]
//! cutover-experiments efforts     --work DIR
//! ```
//!
//! `experiments` runs the same scripts on the model and on pairs of servers: `--only` takes those whose name has PART,
//! `--write` writes `docs/experiments.md` (without it the page must be what the run says), `--model` runs the model alone and
//! shows its outcomes. `bytes` lets a server replay random binlogs of the model, and the model read binlogs that servers
//! wrote under random traffic. `efforts` asks servers what each ALTER TABLE takes.
//!
//! A line a check: PASS, FAIL or SKIP. Exit status: 0 all passed, 1 any failed, 2 wrong usage or a script that cannot be
//! read, 3 a server could not be had and nothing failed.

#![expect(
    clippy::disallowed_methods,
    reason = "real servers live in real time, and connections that wait need threads; no run of cutover sees them"
)]

mod bytes;
mod decoder;
mod efforts;
mod experiments;
mod modelled;
mod outcome;
mod proxy;
mod random;
mod real;
mod script;
mod servers;
mod sql;
mod table;
mod traffic;

use servers::NoServer;
use std::{path::PathBuf, process::ExitCode};

/// What was asked for.
#[derive(Debug)]
struct Arguments {
    command: String,
    work: PathBuf,
    only: String,
    write: bool,
    model: bool,
    from: u64,
    cases: u64,
    rounds: u64,
    seed: u64,
}

fn arguments() -> Result<Arguments, String> {
    let mut words = std::env::args().skip(1);
    let mut given = Arguments {
        command: words.next().unwrap_or_default(),
        work: PathBuf::new(),
        only: String::new(),
        write: false,
        model: false,
        from: 0,
        cases: 200,
        rounds: 3,
        seed: 1,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} takes a value"));
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("`{text}` is not a number"))
        };
        match word.as_str() {
            "--work" => given.work = value()?.into(),
            "--only" => given.only = value()?,
            "--write" => given.write = true,
            "--model" => given.model = true,
            "--from" => given.from = number(value()?)?,
            "--cases" => given.cases = number(value()?)?,
            "--rounds" => given.rounds = number(value()?)?,
            "--seed" => given.seed = number(value()?)?,
            _ => return Err(format!("no such option: {word}")),
        }
    }
    if given.work.as_os_str().is_empty() && !given.model {
        return Err("--work DIR is missing: an empty folder for the servers' data".into());
    }
    Ok(given)
}

fn main() -> ExitCode {
    let given = match arguments() {
        Ok(given) => given,
        Err(what) => return wrong_usage(&what),
    };
    match given.command.as_str() {
        "experiments" => experiments::run(&given),
        "bytes" => ended(bytes(&given)),
        "efforts" => ended(efforts::judge(&given.work)),
        other => wrong_usage(&format!("no such command: `{other}`")),
    }
}

fn bytes(given: &Arguments) -> Result<u64, NoServer> {
    let cases = bytes::judge(&given.work, given.seed, given.from, given.cases)?;
    Ok(cases + traffic::judge(&given.work, given.seed, given.rounds)?)
}

fn ended(failed: Result<u64, NoServer>) -> ExitCode {
    match failed {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("{failed} failed");
            ExitCode::from(1)
        }
        Err(NoServer::NotHad(what)) => {
            println!("NOT JUDGED: {what}");
            ExitCode::from(3)
        }
        Err(NoServer::Failed(what)) => {
            println!("FAIL  {what}");
            ExitCode::from(1)
        }
    }
}

fn wrong_usage(what: &str) -> ExitCode {
    eprintln!("cutover-experiments: {what}");
    ExitCode::from(2)
}
