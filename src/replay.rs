//! `cutover replay`: a saved plan again, and whether it still comes to the same.

use crate::{
    again,
    args::Format,
    exit::Status,
    failure::Failure,
    interrupt::Interrupt,
    output::{
        self,
        json::{self, ReplayJson, RunJson},
        story::{Telling, story},
    },
    rehearse::{self, Outputs, VERSION},
};
use cutover::{
    scenarios::load_plan,
    sim::{outcome::Outcome, plan::Recorded},
};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  cutover run orders --seed 7 --plan-out plan.toml
  cutover replay plan.toml
  cutover replay plan.toml --dump-target tables/";

/// Run a saved plan again, to the byte.
///
/// A plan holds everything that a run depends on. It says with which version of cutover it was run, and to
/// which fingerprint; replay tells whether both still hold. You may edit a plan: then they need not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The plan, as `cutover run --plan-out` wrote it
    #[arg(value_name = "PLAN")]
    plan: String,
    #[command(flatten)]
    outputs: Outputs,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let plan = Arc::new(load_plan(&args.plan)?);
    let rehearsed = rehearse::one(&plan, &args.outputs, interrupt)?;
    let outcome = &rehearsed.outcome;
    let replay = compared(plan.recorded.as_ref(), outcome);
    let mut remarks = vec![in_words(&replay, outcome)];
    remarks.extend(args.outputs.write(&plan, &rehearsed, interrupt)?);
    output::print(&match format {
        Format::Json => json::text(&RunJson::of(outcome, rehearsed.wall).replayed(replay)),
        Format::Text => story(&Telling {
            outcome,
            runbook: &plan.runbook,
            about: None,
            wall: rehearsed.wall,
            again: &again::command(["cutover", "replay", &args.plan]),
            remarks: &remarks,
            width: output::width(),
        }),
    })?;
    Ok(Status::of(outcome))
}

fn compared<'a>(recorded: Option<&'a Recorded>, outcome: &Outcome) -> ReplayJson<'a> {
    ReplayJson {
        recorded,
        version_holds: recorded.map(|r| r.version == VERSION),
        fingerprint_holds: recorded.map(|r| r.fingerprint == outcome.fingerprint),
    }
}

fn in_words(replay: &ReplayJson<'_>, outcome: &Outcome) -> String {
    let Some(recorded) = replay.recorded else {
        return "The plan does not say what its run came to, so there is nothing to compare with."
            .into();
    };
    let version = match replay.version_holds {
        Some(true) => format!("by this version, {VERSION}"),
        _ => format!("by version {}, this is {VERSION}", recorded.version),
    };
    if replay.fingerprint_holds == Some(true) {
        return format!("The run is the recorded one, to the byte ({version}).");
    }
    let why = match replay.version_holds {
        Some(true) => "the plan, or a file that it names, was edited since",
        _ => "the versions differ, or the plan or a file that it names was edited since",
    };
    format!(
        "The run is NOT the recorded one: fingerprint {}, recorded was {} ({version}); {why}.",
        outcome.fingerprint, recorded.fingerprint
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::canned;

    fn words(version: &str, fingerprint: &str) -> String {
        let outcome = canned::clean();
        let recorded = Recorded {
            version: version.into(),
            fingerprint: fingerprint.into(),
        };
        in_words(&compared(Some(&recorded), &outcome), &outcome)
    }

    #[test]
    fn a_replay_says_whether_the_recorded_fingerprint_and_version_hold() {
        let same = canned::clean().fingerprint;
        assert!(words(VERSION, &same).contains("to the byte (by this version"));
        assert!(words("0.0.9", &same).contains("to the byte (by version 0.0.9"));
        assert!(words(VERSION, "other").contains("NOT the recorded one"));
        assert!(words("0.0.9", "other").contains("the versions differ"));
        let outcome = canned::clean();
        let none = compared(None, &outcome);
        assert_eq!((none.version_holds, none.fingerprint_holds), (None, None));
        assert!(in_words(&none, &outcome).contains("nothing to compare"));
    }
}
