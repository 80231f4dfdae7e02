//! Stub until the loader exists; its files replace these.
#![deny(missing_docs)]
mod error;
pub use error::LoadError;
use cutover_sim::{plan::Plan, recording::NamedFile, runbook::Runbook};
use std::path::{Path, PathBuf};
/// Listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// One or two sentences.
    pub about: String,
}
/// Scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// One or two sentences.
    pub about: String,
}
impl Scenario {
    /// Plan.
    pub fn plan(&self, _seed: u64, _strategy: Option<Runbook>) -> Plan {
        unreachable!()
    }
}
fn no<T>(name: &str) -> Result<T, LoadError> {
    Err(LoadError::new(name, format!("no `{name}`")).help("one of none".to_string()))
}
/// Load.
pub fn load_scenario(name: &str, _sets: &[String]) -> Result<Scenario, LoadError> {
    no(name)
}
/// Parse.
pub fn parse_scenario(name: &str, text: &str, _sets: &[String]) -> Result<Scenario, LoadError> {
    let text: std::sync::Arc<str> = text.into();
    let at = text.find("clents").unwrap_or(0);
    Err(LoadError::new(name, "unknown key `clents`").at(&text, at..at + 6).help("clients".to_string()))
}
/// Load.
pub fn load_runbook(name: &str) -> Result<Runbook, LoadError> {
    no(name)
}
/// Load.
pub fn load_plan(path: &Path) -> Result<Plan, LoadError> {
    no(&path.display().to_string())
}
/// Text.
pub fn plan_to_toml(_plan: &Plan) -> String {
    String::new()
}
/// Read.
pub fn read_binlogs(_paths: &[PathBuf]) -> Result<Vec<NamedFile>, LoadError> {
    no("binlog")
}
/// Listed.
pub fn strategies() -> Vec<Listed> {
    Vec::new()
}
/// Listed.
pub fn scenarios() -> Vec<Listed> {
    Vec::new()
}
