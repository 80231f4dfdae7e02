//! How property tests are run, those of the library and those beside it: the same cases every time, unless the environment asks for others.

use proptest::test_runner::{Config, RngSeed};

/// Drawn once; any number does.
const SEED: u64 = 0x05ee_d0f7_e575;

/// So many cases from a fixed seed. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` are for looking further.
#[expect(
    clippy::disallowed_methods,
    reason = "how many cases a test tries, not what a run does"
)]
pub fn config(cases: u32) -> Config {
    // The default has read the environment.
    let asked = Config::default();
    let set = |name| std::env::var_os(name).is_some();
    Config {
        cases: if set("PROPTEST_CASES") {
            asked.cases
        } else {
            cases
        },
        rng_seed: match asked.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            fixed => fixed,
        },
        // The seed is what is kept.
        failure_persistence: None,
        ..asked
    }
}
