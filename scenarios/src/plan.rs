//! A scenario and a seed make a plan; a plan is a file.

use crate::{
    LoadError, Scenario,
    check::{self, Problem},
    document::{Document, dotted, same_major},
    files,
    kind::Kind,
};
use cutover_sim::{
    plan::{PLAN_SCHEMA, Plan, Streams},
    runbook::Runbook,
};
use std::path::Path;

impl Scenario {
    /// The plan that a seed expands to; `strategy` takes the place of the scenario's own.
    pub fn plan(&self, seed: u64, strategy: Option<&Runbook>) -> Plan {
        Plan {
            schema: PLAN_SCHEMA.into(),
            scenario: self.name.clone(),
            seed,
            recorded: None,
            clock: self.clock,
            streams: Streams::of(seed),
            expect: self.expect.clone(),
            environment: self.environment.clone(),
            workload: self.workload.clone(),
            faults: self.faults.clone(),
            mutants: Vec::new(),
            runbook: strategy.unwrap_or(&self.runbook).clone(),
        }
    }
}

/// Loads a plan from a file: JSON when its name ends in `.json`, else TOML. Relative paths in it start at the current folder.
///
/// # Errors
/// [`LoadError`] with the place of what is wrong.
pub fn load_plan(path: &str) -> Result<Plan, LoadError> {
    let document = files::read_text(Path::new(path))?;
    let is_json = Path::new(path)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    if is_json {
        read_json(&document)
    } else {
        read(&document)
    }
}

/// Reads a plan from its text; `name` is for messages.
///
/// # Errors
/// [`LoadError`] with the place of what is wrong.
pub fn parse_plan(name: &str, text: &str) -> Result<Plan, LoadError> {
    read(&Document::new(name, text))
}

fn read(document: &Document) -> Result<Plan, LoadError> {
    document.check_head(Kind::Plan, PLAN_SCHEMA)?;
    let plan: Plan = document.read()?;
    check_plan(&plan).map_err(|problem| document.problem(&problem))?;
    Ok(plan)
}

/// As [`read`]; a bound that does not hold is named by its key, for JSON texts are not searched for places.
fn read_json(document: &Document) -> Result<Plan, LoadError> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        schema: String,
    }
    let refused = |error: serde_json::Error| document.refuse_json(&error);
    // Some editors put a byte order mark in front, which TOML allows and JSON does not.
    let text = document.text.trim_start_matches('\u{feff}');
    let Versioned { schema } = serde_json::from_str(text).map_err(refused)?;
    if !same_major(&schema, PLAN_SCHEMA) {
        return Err(LoadError::new(
            &document.name,
            format!("this version of the format is not known; this cutover reads {PLAN_SCHEMA}"),
        )
        .help(format!("write \"schema\": \"{PLAN_SCHEMA}\"")));
    }
    let plan: Plan = serde_json::from_str(text).map_err(refused)?;
    check_plan(&plan).map_err(|problem| {
        LoadError::new(
            &document.name,
            format!("{}: {}", dotted(&problem.path), problem.message),
        )
        .help(problem.help.clone())
    })?;
    Ok(plan)
}

/// Whether a plan that was made, and not read from a file, could have been: whether everything in it is within its
/// bounds and can be done.
///
/// # Errors
/// [`LoadError`] that names the key's path instead of a file.
pub fn check_made(plan: &Plan) -> Result<(), LoadError> {
    check_plan(plan).map_err(|problem| {
        LoadError::new(dotted(&problem.path), problem.message).help(problem.help)
    })
}

fn check_plan(plan: &Plan) -> Result<(), Problem> {
    check::clock(&plan.clock)
        .map_err(|p| p.under("clock"))
        .and_then(|()| check::environment(&plan.environment).map_err(|p| p.under("environment")))
        .and_then(|()| {
            let privileged = plan.environment.clients.privileged;
            check::workload(&plan.workload, privileged, plan.clock.limit)
                .map_err(|p| p.under("workload"))
        })
        .and_then(|()| check::faults(&plan.faults))
        .and_then(|()| check::mutants(&plan.mutants))
        .and_then(|()| check::expect(&plan.expect).map_err(|p| p.under("expect")))
        .and_then(|()| check::runbook(&plan.runbook).map_err(|p| p.under("runbook")))
}

/// The plan as the text of a file that [`parse_plan`] reads back as the same plan.
///
/// # Errors
/// [`LoadError`] when the plan names a path that is not UTF-8, which TOML cannot say.
pub fn plan_to_toml(plan: &Plan) -> Result<String, LoadError> {
    plan.to_toml().map_err(|error| {
        LoadError::new(
            "plan",
            format!("this plan cannot be written as TOML: {error}"),
        )
    })
}
