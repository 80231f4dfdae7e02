//! A scenario and a seed make a plan; a plan is a file.

use crate::{
    LoadError, Scenario,
    check::{self, Problem},
    document::{Document, dotted, same_major},
    files,
};
use cutover_sim::{
    plan::{Hex, PLAN_SCHEMA, Plan, Streams},
    runbook::Runbook,
};
use std::path::Path;

/// The seed of the stream for a purpose.
///
/// It depends on nothing but the run's seed and the purpose's name, so a purpose that is added leaves the
/// other streams as they are. FNV-1a of the name, xor the seed's SplitMix64, through SplitMix64 once more:
/// the first tells names apart, the second spreads neighbouring seeds over all bits.
pub fn stream_seed(seed: u64, purpose: &str) -> u64 {
    let name = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    split_mix(name ^ split_mix(seed))
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Scenario {
    /// The plan that a seed expands to; `strategy` takes the place of the scenario's own.
    pub fn plan(&self, seed: u64, strategy: Option<&Runbook>) -> Plan {
        let stream = |purpose| Hex(stream_seed(seed, purpose));
        Plan {
            schema: PLAN_SCHEMA.into(),
            scenario: self.name.clone(),
            seed,
            recorded: None,
            clock: self.clock,
            streams: Streams {
                workload: stream("workload"),
                base: stream("base"),
                links: stream("links"),
                ties: stream("ties"),
                control_plane: stream("control_plane"),
                madsim: stream("madsim"),
            },
            expect: self.expect.clone(),
            environment: self.environment.clone(),
            workload: self.workload.clone(),
            faults: self.faults.clone(),
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
    document.check_schema(PLAN_SCHEMA)?;
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
/// [`LoadError`] without a place.
pub fn check_made(plan: &Plan) -> Result<(), LoadError> {
    check_plan(plan).map_err(|problem| {
        let said = format!("{}: {}", dotted(&problem.path), problem.message);
        LoadError::new("plan", said).help(problem.help)
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
        .and_then(|()| check::expect(&plan.expect).map_err(|p| p.under("expect")))
        .and_then(|()| check::runbook(&plan.runbook).map_err(|p| p.under("runbook")))
}

/// The plan as the text of a file that [`parse_plan`] reads back as the same plan.
///
/// # Errors
/// [`LoadError`] when the plan names a path that is not UTF-8, which TOML cannot say.
pub fn plan_to_toml(plan: &Plan) -> Result<String, LoadError> {
    let text = toml::to_string(plan).map_err(|error| {
        LoadError::new(
            "plan",
            format!("this plan cannot be written as TOML: {error}"),
        )
    })?;
    Ok(format!(
        "# A plan of cutover: everything that the run depends on. `cutover replay FILE` runs it again.\n{text}"
    ))
}
