//! What a run does is pinned from build to build: one plan of every strategy, with the faults that its seed draws,
//! hazards among them. Whoever changes what the model does sees it here, and writes it down with
//! `INSTA_UPDATE=always`; whoever changes only how sees nothing.

use cutover::{
    scenarios::{load_runbook, load_scenario, strategies},
    sim::{
        explore::{Bias, Choice, End, Runner, Swarm},
        outcome::Verdict,
        run::run,
    },
};
use std::{fmt::Write as _, sync::Arc};

/// The seeds whose runs are pinned.
const SEEDS: [u64; 2] = [3, 11];

#[test]
fn every_strategy_does_what_it_did() {
    let scenario = load_scenario("orders-small", &[]).unwrap_or_else(|error| panic!("{error}"));
    let runner = Runner::new(None);
    let mut text = String::new();
    let (mut failed, mut passed) = (0, 0);
    for strategy in strategies() {
        let runbook = load_runbook(&strategy.name).unwrap_or_else(|error| panic!("{error}"));
        let swarm = Swarm::new(&scenario.plan(0, Some(&runbook)), &Choice::Hazards, 4);
        for seed in SEEDS {
            let plan = Arc::new(swarm.plan(seed, &Bias::none()));
            let mut run = run(&plan, None).expect("it can be run");
            let outcome = &run.outcome;
            let (verdict, fingerprint) = (outcome.verdict, outcome.fingerprint.clone());
            let _ = writeln!(text, "{} {seed}: {verdict:?} {fingerprint}", strategy.name);
            assert_eq!(run.judge(&plan).fingerprint, fingerprint, "judged twice");
            // A sweep judges in brief, and makes a fingerprint of what failed or was called off alone.
            let End::Judged(judged) = runner.seed(&plan).expect("it can be run").end else {
                panic!("nobody watches the clock");
            };
            let kept = (verdict.is_failure() || verdict == Verdict::Aborted).then_some(fingerprint);
            assert_eq!((judged.verdict, judged.fingerprint), (verdict, kept));
            match verdict.is_failure() {
                true => failed += 1,
                false => passed += 1,
            }
        }
    }
    assert!(failed > 0 && passed > 0, "of either some");
    insta::assert_snapshot!(text);
}
