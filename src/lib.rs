//! A deterministic rehearsal of MySQL-to-Aurora migrations.
//!
//! This crate is a façade: the command `cutover`, and the library's parts under one name.
//!
//! - [`model`]: what exists. Tables, binlog files, GTID sets, replication, as pure state machines and bytes.
//! - [`sim`]: how it runs. Environment, runbook, plan, run, outcome.
//! - [`scenarios`]: what is tried. Runbooks and scenarios as files, their loader and catalogue.
//! - [`explore`]: a sweep of a scenario in one line of a test.

#![deny(missing_docs)]

mod exploration;

pub use cutover_model as model;
pub use cutover_scenarios as scenarios;
pub use cutover_sim as sim;
pub use exploration::{Exploration, ExplorationError, explore};
