//! What the command line says.

use crate::{audit, binlog, check, compare, explore, lab, list, new, replay, run, shrink};
use clap::{ColorChoice, Parser, Subcommand, ValueEnum};

const LONG: &str = "\
Rehearse a database migration before production does.

cutover models an RDS for MySQL source, its snapshots, its binlog (the journal of committed changes) and an Aurora \
MySQL cluster in one process, runs a migration's runbook against them while clients write, in virtual time, and says \
whether any committed write was lost, repeated, or accepted twice across the cutover, and why.";

const EXAMPLES: &str = "\
Examples:
  cutover list strategies                     what can be tried
  cutover run orders                          one rehearsal, told as a story
  cutover compare orders --seeds 20           every strategy side by side
  cutover explore orders-small                a thousand plans with faults: what fails?
  cutover run orders --plan-out plan.toml     keep it, and later:
  cutover replay plan.toml                    the same run, to the byte
  cutover shrink plan.toml                    what of it matters, when it fails
  cutover audit orders-small                  what each step of a runbook is for
  cutover new my-shop                         describe your own environment, and:
  cutover check my-shop.toml                  what its runbook takes for granted
  cutover binlog verify mysql-bin.0*          are these real binlog files whole?

Exit status:
    0  what the scenario expects holds (without expectations: no committed write was lost)
    1  it does not hold
    2  bad input: the message names the file, the line and the remedy
    3  the migration neither finished nor was called off
    4  nothing was put to the test
   70  a defect of cutover itself
  130  interrupted";

/// A rehearsal of MySQL-to-Aurora migrations.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, about = "Rehearse a database migration before production does", long_about = LONG,
          after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// For people or for programs: json prints one object, described in docs/json.md
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    pub format: Format,

    /// Colours: auto means on a terminal only
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, help_heading = "Output")]
    pub color: ColorChoice,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Rehearse one migration and tell its story
    Run(run::Args),
    /// Rehearse with every strategy and put the results side by side
    Compare(compare::Args),
    /// Try many plans with faults, and group what fails
    Explore(explore::Args),
    /// Run a saved plan again, to the byte
    Replay(replay::Args),
    /// Shrink a plan that fails to the few events that matter
    Shrink(shrink::Args),
    /// What is each step of a runbook for? Leave it out, move it, weaken it, and see what breaks
    Audit(audit::Args),
    /// Check what a runbook takes for granted of its environment, without a run
    Check(check::Args),
    /// Write a commented scenario to start from
    New(new::Args),
    /// What there is: strategies, scenarios, properties
    List(list::Args),
    /// Look into real binlog files
    #[command(subcommand)]
    Binlog(binlog::Command),
    /// Carry the same runbook out on two real servers
    Lab(lab::LabArgs),
    /// Serve binlog files to a real replica
    #[command(name = "serve-binlog")]
    ServeBinlog(lab::ServeArgs),
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// People
    Text,
    /// Programs
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declarations_are_consistent() {
        Cli::command().debug_assert();
    }
}
