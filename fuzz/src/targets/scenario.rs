//! A scenario file: what is read makes a plan, which is written and read again.

use super::text;
use crate::corpus;
use cutover_scenarios::{LoadError, parse_plan, parse_scenario, plan_to_toml};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = corpus::files(&corpus::packaged("scenarios/scenarios"), |_| true);
    seeds.extend(corpus::examples("scenarios.md"));
    seeds
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    match parse_scenario("fuzz", text, &[]) {
        Ok(scenario) => {
            let plan = scenario.plan(7, None);
            let file = plan_to_toml(&plan).expect("a plan is TOML");
            let again = parse_plan("its own plan", &file)
                .unwrap_or_else(|error| panic!("its own plan is refused: {error}\n{file}"));
            assert_eq!(again, plan);
        }
        Err(error) => placed(&error, text),
    }
}

/// An error's place is in the text that it is about.
pub(super) fn placed(error: &LoadError, text: &str) {
    let _ = error.to_string();
    if error.source_text() == text
        && let Some(span) = error.span()
    {
        assert!(text.get(span.clone()).is_some(), "{span:?}: {error}");
    }
}
