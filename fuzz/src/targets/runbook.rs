//! A runbook file.

use super::{scenario::placed, text};
use crate::corpus;
use cutover_scenarios::parse_runbook;

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = corpus::files(&corpus::packaged("scenarios/runbooks"), |_| true);
    seeds.extend(corpus::examples("runbooks.md"));
    seeds
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    if let Err(error) = parse_runbook("fuzz", text) {
        placed(&error, text);
    }
}
