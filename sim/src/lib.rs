//! How a rehearsal runs: the world, its links and clients, the operator, the history, the checks.

#![deny(missing_docs)]

#[cfg(not(madsim))]
compile_error!(
    "cutover is built with `--cfg madsim`, which .cargo/config.toml sets. Something replaced it: an environment \
     variable RUSTFLAGS (even an empty one), a target.*.rustflags, or a build started outside the checkout \
     (`--manifest-path`). Unset it, or add `--cfg madsim` to it."
);

pub mod audit;
pub mod environment;
pub mod evidence;
pub mod explain;
pub mod explore;
pub mod failure;
pub mod faults;
pub mod fed;
pub mod fingerprint;
pub mod history;
pub mod metrics;
pub mod operator;
pub mod outcome;
mod packed;
pub mod plan;
pub mod preconditions;
pub mod probes;
pub mod properties;
pub mod recording;
pub mod run;
pub mod runbook;
pub mod shrink;
pub mod stream;
pub mod units;
pub mod verdict;
pub mod workload;
pub mod workload_spec;
pub mod world;

pub use cutover_model::mutant;
