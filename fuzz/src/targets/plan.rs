//! A plan file: what is read is written and read again.

use super::{scenario::placed, text};
use cutover_scenarios::{load_scenario, parse_plan, plan_to_toml, scenarios};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let listed = scenarios();
    listed
        .iter()
        .map(|listed| {
            let scenario = load_scenario(&listed.name, &[]).expect("a built-in");
            plan_to_toml(&scenario.plan(1, None))
                .expect("a plan is TOML")
                .into_bytes()
        })
        .collect()
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    match parse_plan("fuzz", text) {
        Ok(plan) => {
            let file = plan_to_toml(&plan).expect("a plan is TOML");
            let again = parse_plan("its own text", &file)
                .unwrap_or_else(|error| panic!("its own text is refused: {error}\n{file}"));
            assert_eq!(again, plan);
        }
        Err(error) => placed(&error, text),
    }
}
