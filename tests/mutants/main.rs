//! The proof that checks can fail: each mutant is explored until the property that must catch it does, and the same
//! plans are clean without it.
//!
//! The table in `docs/mutants.md` is what these tests found; it is compared with what they find now. To write it anew,
//! and the smallest plans that do not hold any more:
//! `CUTOVER_WRITE=mutants cargo test --features mutants --test mutants`.

mod bases;
mod search;
mod small;
mod table;

use bases::Plans;
use cutover::{
    model::mutant::{CATALOGUE, Mutant},
    scenarios::{parse_plan, plan_to_toml},
    sim::outcome::{Outcome, Verdict},
};
use search::{Caught, catch, each, rehearse, violated};

/// Seeds from which a mutant is looked for; the table has the median.
const STARTS: [u64; 3] = [0, 10_000, 20_000];
/// Plans from each of them, at most.
const BUDGET: u64 = 1_000;
/// What the median must stay below.
const MEDIAN: u64 = 100;
/// Plans of each sort that must be clean without their mutant.
const CLEAN: u64 = 8;

fn mutants() -> Vec<Mutant> {
    CATALOGUE.iter().map(|facts| facts.mutant).collect()
}

/// What the starting points of a mutant found, in their order.
fn explore(mutant: Mutant) -> Result<Vec<Caught>, String> {
    let name = mutant.facts().name;
    let found = STARTS.iter().map(|from| {
        catch(mutant, *from, BUDGET).ok_or_else(|| {
            format!("{name} survived {BUDGET} plans from seed {from} on: its property is blind")
        })
    });
    found.collect()
}

fn median(found: &[Caught]) -> u64 {
    let mut plans: Vec<u64> = found.iter().map(|caught| caught.plans).collect();
    plans.sort_unstable();
    plans[plans.len() / 2]
}

/// How a mutant is caught, and the smallest plan that shows it.
fn caught(mutant: Mutant) -> Result<table::Row, String> {
    let name = mutant.facts().name;
    let found = explore(mutant)?;
    let median = median(&found);
    if median >= MEDIAN {
        return Err(format!("{name}: caught after {median} plans in the median"));
    }
    if table::is_to_be_written() && !small::is_good(mutant) {
        small::write(mutant, &found, Plans::of(mutant).reference());
    }
    let plan = small::saved(mutant).map_err(|why| format!("{name}: {why}"))?;
    let outcome = small::by_its_bug(mutant, &plan).ok_or_else(|| {
        format!("{name}: its smallest plan is not caught by its property, or fails without it")
    })?;
    Ok(table::Row {
        mutant,
        median,
        violated: violated(&outcome),
        faults: plan.faults.len(),
        transactions: small::transactions(&plan),
    })
}

#[test]
fn every_mutant_is_caught_by_the_property_that_must_catch_it() {
    let mutants = mutants();
    let (mut rows, mut survivors) = (Vec::new(), Vec::new());
    for row in each(&mutants, |mutant| caught(*mutant)) {
        match row {
            Ok(row) => rows.push(row),
            Err(why) => survivors.push(why),
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
    table::compare_or_write(&rows);
}

#[test]
fn the_smallest_plan_of_each_mutant_fits_on_a_screen() {
    let large = mutants().into_iter().filter_map(|mutant| {
        let name = mutant.facts().name;
        match small::saved(mutant) {
            Ok(plan) => small::is_large(&plan).map(|size| format!("{name}: {size}")),
            Err(why) => Some(format!("{name}: {why}")),
        }
    });
    let large: Vec<String> = large.collect();
    assert!(large.is_empty(), "{large:#?}");
}

#[test]
fn the_same_plans_without_their_mutants_violate_nothing_and_come_to_an_end() {
    let mutants = mutants();
    let alarms = each(&mutants, |mutant| {
        let plans = Plans::of(*mutant);
        let clean = |seed| {
            let mut plan = plans.plan(seed);
            plan.mutants.clear();
            (seed, rehearse(&plan).outcome)
        };
        let false_alarm = |(_, outcome): &(u64, Outcome)| {
            matches!(outcome.verdict, Verdict::Violated | Verdict::NotLive)
        };
        let outcomes = (1..=CLEAN).map(clean);
        let alarm = outcomes.filter(false_alarm).map(|(seed, outcome)| {
            let (verdict, violated) = (outcome.verdict, violated(&outcome));
            format!(
                "{} off, seed {seed}: {verdict:?} {violated:?}",
                mutant.facts().name
            )
        });
        alarm.collect::<Vec<_>>()
    });
    let alarms = alarms.concat();
    assert!(alarms.is_empty(), "false alarms:\n{}", alarms.join("\n"));
}

#[test]
fn a_mutants_run_is_the_same_on_two_threads_beside_other_mutants() {
    // Every mutant twice, so that each pair of runs has others beside it and after it.
    let twice: Vec<Mutant> = mutants().into_iter().chain(mutants()).collect();
    let prints = each(&twice, |mutant| {
        let run = rehearse(&Plans::of(*mutant).plan(1));
        (run.outcome.fingerprint.clone(), run.trace())
    });
    let (first, second) = prints.split_at(twice.len() / 2);
    for ((mutant, a), b) in twice.iter().zip(first).zip(second) {
        assert!(a == b, "{} had another run", mutant.facts().name);
    }
}

#[test]
fn a_mutant_that_nobody_knows_is_refused_with_the_nearest_known() {
    let mut plan = Plans::of(Mutant::GtidHull).plan(1);
    plan.mutants = vec!["gtid-hul".into()];
    let text = plan_to_toml(&plan).expect("a plan as text");
    let error = parse_plan("plan.toml", &text).expect_err("a name that is not known");
    let message = error.message();
    assert!(message.contains("did you mean `gtid-hull`?"), "{message}");
    assert!(error.span().is_some(), "its place in the file");
}
