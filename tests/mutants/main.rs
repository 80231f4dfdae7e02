//! The proof that checks can fail.
mod bases;
mod search;

use cutover::model::mutant::CATALOGUE;
use search::{catch, each};

#[test]
fn explore() {
    let only = std::env::var("ONLY").ok();
    let mutants: Vec<_> = CATALOGUE
        .iter()
        .map(|f| f.mutant)
        .filter(|m| {
            only.as_deref()
                .is_none_or(|o| o.split(',').any(|o| m.facts().name == o))
        })
        .collect();
    let budget: u64 = std::env::var("BUDGET")
        .ok()
        .and_then(|b| b.parse().ok())
        .unwrap_or(30);
    let starts: u64 = std::env::var("STARTS")
        .ok()
        .and_then(|b| b.parse().ok())
        .unwrap_or(1);
    let found = each(&mutants, |m| {
        let t = std::time::Instant::now();
        let mut plans = Vec::new();
        let mut also = Vec::new();
        for s in 0..starts {
            match catch(*m, s * 1000, budget) {
                Some(c) => {
                    plans.push(c.plans as i64);
                    also = c.also;
                }
                None => plans.push(-1),
            }
        }
        let mut seen = std::collections::BTreeMap::<String, u32>::new();
        if plans.contains(&-1) {
            for s in 1..=budget.min(30) {
                let o = search::rehearse(&bases::plan(*m, s, true)).outcome;
                *seen
                    .entry(format!(
                        "{:?} {:?} faults {}",
                        o.verdict,
                        search::violated(&o),
                        o.faults.len()
                    ))
                    .or_default() += 1;
            }
        }
        let line = format!(
            "{:35} {:4} {plans:?} {also:?} {seen:?} {:?}",
            m.facts().name,
            m.facts().caught_by,
            t.elapsed()
        );
        eprintln!("{line}");
    });
    drop(found);
}

#[test]
fn clean() {
    let only = std::env::var("ONLY").ok();
    let budget: u64 = std::env::var("BUDGET")
        .ok()
        .and_then(|b| b.parse().ok())
        .unwrap_or(10);
    let mutants: Vec<_> = CATALOGUE
        .iter()
        .map(|f| f.mutant)
        .filter(|m| {
            only.as_deref()
                .is_none_or(|o| o.split(',').any(|o| m.facts().name == o))
        })
        .collect();
    each(&mutants, |m| {
        let mut seen = std::collections::BTreeMap::<String, u32>::new();
        for s in 1..=budget {
            let o = search::rehearse(&bases::plan(*m, s, false)).outcome;
            *seen
                .entry(format!(
                    "{:?} {:?} faults {}",
                    o.verdict,
                    search::violated(&o),
                    o.faults.len()
                ))
                .or_default() += 1;
        }
        eprintln!("{:35} {seen:?}", m.facts().name);
    });
}

#[test]
fn story() {
    let m = CATALOGUE
        .iter()
        .find(|f| f.name == std::env::var("ONLY").unwrap())
        .unwrap()
        .mutant;
    let seed = std::env::var("SEED").unwrap().parse().unwrap();
    let on = std::env::var("OFF").is_err();
    let o = search::rehearse(&bases::plan(m, seed, on)).outcome;
    for l in &o.story {
        eprintln!("{} {:9} {}", l.at.time_of_day(), l.who, l.what);
    }
    for p in &o.properties {
        eprintln!("{:4} {:?}", p.id, p.finding);
    }
    eprintln!(
        "{:?} downtime {:?} commits {:?}",
        o.verdict, o.downtime_ms, o.commits
    );
}
