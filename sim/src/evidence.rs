//! temporary
#![allow(missing_docs)]
use crate::{history::Told, operator::Ended, outcome::*, plan::Plan, runbook::Host, world::World};
pub fn outcome(plan: &Plan, world: &mut World, ended: Ended) -> Outcome {
    let mut commits = Commits::default();
    for o in &world.history.operations {
        match o.told {
            Told::Ok => commits.ok += 1,
            Told::Fail => commits.fail += 1,
            Told::Info => commits.info += 1,
            _ => {}
        }
    }
    let snap = world.target.as_ref().map_or(0, |t| t.snapshot.cut.commits);
    let applied: std::collections::BTreeSet<u32> =
        world.history.applied.iter().map(|a| a.commit).collect();
    let lost = world
        .history
        .operations
        .iter()
        .filter(|o| {
            o.told == Told::Ok
                && o.host == Host::Source
                && u64::from(o.commit) >= snap
                && !applied.contains(&o.commit)
        })
        .count();
    let diff = match &world.target {
        Some(t) => cutover_model::database::diff(
            &world.source.database,
            &t.server.database,
            &mut world.arena,
        )
        .len(),
        None => 0,
    };
    Outcome {
        scenario: plan.scenario.clone(),
        strategy: plan.runbook.name.clone(),
        seed: plan.seed,
        verdict: if ended == Ended::Finished {
            Verdict::Safe
        } else {
            Verdict::NotLive
        },
        as_expected: true,
        properties: vec![],
        commits,
        lost_writes: lost as u64,
        phantom_writes: 0,
        duplicate_writes: 0,
        downtime_ms: None,
        longest_stall_ms: 0,
        final_lag_ms: 0,
        virtual_ms: world.now() / 1000,
        fingerprint: format!(
            "diff {diff} marks {:?} source {} target {} applied {} totals {:?}",
            world.marks,
            world.history.source.len(),
            world.history.target.len(),
            world.history.applied.len(),
            world.client_totals().not_replayable.len()
        ),
        story: world.story.clone(),
        explanations: vec![],
        notes: vec![],
    }
}
