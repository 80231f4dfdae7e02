//! Random rehearsals: an environment, a workload and a seed, drawn by proptest.
//!
//! One generator for everything that tries many plans: the check of determinism runs its plans in two processes,
//! the property tests run strategies in its environments. What it draws is what somebody could have, and each
//! number is small enough for a run of some hundred to some thousand commits. What it leaves out has a name and a
//! reason in [`limits`].
//!
//! Every part shrinks to the default, so that the smallest plan that still fails differs from a plain one in what
//! matters.

mod environment;
pub mod limits;
mod workload;

use cutover::{
    scenarios::{Scenario, load_scenario},
    sim::{
        environment::{Environment, RowImage},
        plan::{Clock, Plan},
        runbook::{PrefixStrength, Runbook},
        units::{Micros, Moment},
        workload_spec::Workload,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, contextualize_config},
};

/// What random tests draw from when nothing else is said, here as in `.cargo/config.toml`.
const SEED: u64 = 20_260_302;

/// How cases are drawn: `cases` of them from [`SEED`], unless `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say otherwise.
pub fn config(cases: u32) -> Config {
    let config = contextualize_config(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let rng_seed = match config.rng_seed {
        RngSeed::Random => RngSeed::Fixed(SEED),
        fixed => fixed,
    };
    Config { rng_seed, ..config }
}

/// A scenario without its runbook, and the seed.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Source, target, links, names, pools, control plane.
    pub environment: Environment,
    /// The traffic.
    pub workload: Workload,
    /// When the runbook starts.
    pub clock: Clock,
    /// Expands to the random streams.
    pub seed: u64,
}

impl Rehearsal {
    /// The plan in which a runbook is carried out.
    ///
    /// With several workers and `replica_preserve_commit_order = OFF` no strategy can promise more than that
    /// dependencies are kept ([`limits::in_commit_order`]), and so the plan's runbook does not. A DMS task that captures has
    /// a source with whole rows: under another `binlog_row_image` it fails as it starts, and nothing of DMS would be tried.
    pub fn plan(&self, runbook: &Runbook) -> Plan {
        let mut runbook = runbook.clone();
        let mut environment = self.environment.clone();
        if runbook.steps.iter().any(limits::captures) {
            environment.source.binlog_row_image = RowImage::Full;
        }
        if !limits::in_commit_order(&self.environment.target) {
            runbook.promises.prefix = PrefixStrength::DependencyClosed;
        }
        let scenario = Scenario {
            name: "random".into(),
            about: "Drawn by a test.".into(),
            clock: self.clock,
            environment,
            workload: self.workload.clone(),
            runbook,
            ..load_scenario("orders-small", &[]).expect("a built-in scenario")
        };
        scenario.plan(self.seed, None)
    }
}

/// Rehearsals within all limits, with the orders workload.
pub fn rehearsals() -> BoxedStrategy<Rehearsal> {
    (
        environment::environments(),
        workload::orders(),
        clocks(),
        any::<u64>(),
    )
        .prop_map(|(environment, draw, clock, seed)| {
            let mut rehearsal = Rehearsal {
                workload: draw.workload,
                environment,
                clock,
                seed,
            };
            rehearsal.workload.rate_per_s = f64::from(draw.transactions) / rehearsal.takes_s();
            limits::keep_within(&mut rehearsal.environment, &mut rehearsal.workload);
            rehearsal
        })
        .boxed()
}

/// Rehearsals within all limits that replay a recording: other tables, other types, other keys.
pub fn recorded_rehearsals() -> BoxedStrategy<Rehearsal> {
    (
        environment::environments(),
        workload::recordings(),
        clocks(),
        any::<u64>(),
    )
        .prop_map(|(mut environment, mut workload, clock, seed)| {
            limits::keep_within(&mut environment, &mut workload);
            Rehearsal {
                environment,
                workload,
                clock,
                seed,
            }
        })
        .boxed()
}

impl Rehearsal {
    /// About how long a strategy with replication takes from the first transaction to the last, in s.
    fn takes_s(&self) -> f64 {
        let (e, control) = (&self.environment, &self.environment.control_plane);
        let per_tib = control.snapshot_per_tib.0 + control.restore_per_tib.0;
        let by_size = (u128::from(per_tib) * u128::from(e.source.data_size.0)) >> 40;
        let us = self.clock.runbook_after.0
            + control.snapshot_start.0
            + control.snapshot_fixed.0
            + control.restore_fixed.0
            + control.create_instance.0
            + control.dns_change.0
            + by_size as u64
            + e.source.parameter_delay.0
            + Micros::secs(30).0
            + self.workload.after_cutover.0;
        us as f64 / 1e6
    }
}

fn clocks() -> impl Strategy<Value = Clock> {
    // Up to 2037: TIMESTAMP ends in January 2038.
    (0u64..=11, 1u64..=30, 0u64..1_000).prop_map(|(years, after_s, after_ms)| Clock {
        start: Moment(Clock::default().start.0 + years * 31_536_000_000_000),
        runbook_after: Micros::ms(after_s * 1_000 + after_ms),
        limit: Micros::hours(12),
    })
}

/// A number from `low` to `high`, every order of magnitude as likely as every other.
fn log_uniform(low: u64, high: u64) -> impl Strategy<Value = u64> {
    (low.max(1).ilog2()..=high.ilog2(), any::<u16>()).prop_map(move |(exponent, part)| {
        let number = (1u64 << exponent) + (u64::from(part) << exponent >> 16);
        number.clamp(low, high)
    })
}

/// A time, likewise.
fn times(low: Micros, high: Micros) -> impl Strategy<Value = Micros> {
    log_uniform(low.0, high.0).prop_map(Micros)
}
