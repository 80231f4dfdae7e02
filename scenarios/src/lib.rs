//! What is tried: runbooks and scenarios as files, their loader and their catalogue.
//!
//! A *scenario* file says in what environment and under which traffic a migration is rehearsed, a
//! *runbook* file says what the operator does, a *plan* is both made concrete. The formats are described
//! in `docs/scenarios.md` and `docs/runbooks.md`. Every error is a [`LoadError`] with the place and the
//! remedy.
//!
//! ```
//! let scenario = cutover_scenarios::load_scenario("orders", &["workload.clients=5".into()])?;
//! let plan = scenario.plan(1, None);
//! assert_eq!(plan.workload.clients, 5);
//! # Ok::<(), cutover_scenarios::LoadError>(())
//! ```

#![deny(missing_docs)]

pub mod catalogue;
mod check;
mod document;
mod error;
mod files;
mod kind;
mod known_keys;
mod plan;
mod runbook;
mod scenario;
mod serde_message;
mod sets;
mod template;
mod workload_arg;

pub use catalogue::{Hazard, Listed, hazards, scenarios, strategies};
pub use check::check_mutants;
pub use cutover_sim::stream::stream_seed;
pub use error::LoadError;
pub use files::{
    MAX_RECORDING_BYTES, MAX_TEXT_BYTES, RecordingFiles, read_binlogs, read_schema, read_tables,
    recording_files,
};
pub use plan::{check_made, load_plan, parse_plan, plan_to_toml};
pub use runbook::{RUNBOOK_SCHEMA, load_runbook, parse_runbook};
pub use scenario::{SCENARIO_SCHEMA, Scenario, load_scenario, load_scenario_with, parse_scenario};
pub use template::template;
pub use workload_arg::WorkloadArg;
