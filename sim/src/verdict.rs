//! The verdict on a run, and everything else that is told of it.

use crate::{
    evidence::Evidence,
    explain,
    faults::{Class, class},
    history::{Kind, Operation, Told},
    metrics,
    operator::Ended,
    outcome::{CalledOff, FaultSeen, Finding, Outcome, ProbeSeen, PropertyResult, Verdict},
    plan::{Expect, Plan},
    properties::{self, check_all},
    units::Micros,
    world::{World, side},
};
use std::collections::BTreeSet;

/// Transactions that could not be replayed and are named one by one.
const NAMED: usize = 5;

/// What a sweep asks of a run: a part of its [`Outcome`].
#[derive(Clone, Debug)]
pub struct Brief {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the scenario's expectations hold.
    pub as_expected: bool,
    /// Transactions that write and were acknowledged.
    pub acknowledged: u64,
    /// The faults that have fired, in order.
    pub faults: Vec<FaultSeen>,
    /// The rare paths that the run went along.
    pub probes: Vec<ProbeSeen>,
    /// Where a migration that is *aborted* was given up.
    pub called_off: Option<CalledOff>,
}

/// What a sweep asks of a run that has ended. What is told of a run beside that, the story above all, is a fifth of the
/// work of its [`outcome`].
pub fn brief(plan: &Plan, world: &mut World, ended: Ended) -> Brief {
    let (faults, probes) = (faults(plan, world), probes(world));
    let e = Evidence::gather(world, plan, ended);
    let properties = check_all(&e);
    let verdict = verdict(&e, &properties);
    Brief {
        verdict,
        as_expected: as_expected(&plan.expect, verdict, &properties),
        acknowledged: e.survey().commits.ok,
        faults,
        probes,
        called_off: match verdict {
            Verdict::Aborted => e.marks.given_up.as_ref().map(|g| g.called_off.clone()),
            _ => None,
        },
    }
}

/// What a run that has ended came to, its fingerprint still empty.
pub fn outcome(plan: &Plan, world: &mut World, ended: Ended) -> Outcome {
    let (mut notes, recorded) = (notes(world), world.recording().is_some());
    notes.extend(never_fired(plan, world));
    notes.extend(cut_traffic(plan, world));
    notes.extend(left_out(world));
    let (faults, probes) = (faults(plan, world), probes(world));
    let (story, by_hand) = (world.story.clone(), world.by_hand());
    let virtual_ms = world.now() / 1_000;
    let e = Evidence::gather(world, plan, ended);
    let properties = check_all(&e);
    let verdict = verdict(&e, &properties);
    if verdict == Verdict::Unknown {
        notes.extend(met_nobody(&e, recorded));
    }
    if verdict == Verdict::NotLive || e.ended == Ended::Stuck {
        notes.extend(unfinished(&e, plan.clock.limit));
    }
    Outcome {
        scenario: plan.scenario.clone(),
        strategy: plan.runbook.name.clone(),
        seed: plan.seed,
        verdict,
        as_expected: as_expected(&plan.expect, verdict, &properties),
        commits: e.survey().commits,
        lost_writes: properties::lost(&e).len() as u64,
        phantom_writes: properties::phantoms(&e).len() as u64,
        duplicate_writes: properties::repeated(&e).len() as u64,
        downtime_ms: metrics::downtime_us(&e).map(|us| us / 1_000),
        diverged_rows: e.states.as_ref().map(|s| s.rows + s.schema.len() as u64),
        way_back: metrics::way_back(&e),
        serving: e.serving,
        by_hand,
        longest_stall_ms: metrics::stalls(&e).longest_us / 1_000,
        final_lag_ms: metrics::final_lag_us(&e).map(|us| us / 1_000),
        virtual_ms,
        fingerprint: String::new(),
        faults,
        probes,
        story,
        explanations: explain::explanations(&e),
        notes,
        properties,
    }
}

/// The verdict. Nothing is *safe* that did not cut over, whose cutover met no write, or that ends where the
/// application cannot write.
pub fn verdict(e: &Evidence<'_>, properties: &[PropertyResult]) -> Verdict {
    let violated = |p: &PropertyResult| matches!(p.finding, Finding::Violated { .. });
    if properties.iter().any(violated) {
        return Verdict::Violated;
    }
    let acknowledged = e.writes().any(|(_, o)| o.told == Told::Ok);
    match (e.ended, e.cutover()) {
        (Ended::Stuck, _) => Verdict::NotLive,
        // Given up in the middle: the source is given back, and the name points at the target.
        (Ended::Aborted, Some(_)) if e.way_back().is_none() => Verdict::NotLive,
        (_, _) if e.keeps_out.is_some() => Verdict::NotLive,
        (_, _) if !acknowledged => Verdict::Unknown,
        (_, None) | (Ended::Aborted, Some(_)) => Verdict::Aborted,
        (Ended::Finished, Some(at)) if !exercised(e, at) => Verdict::Unknown,
        // What else wrote, an operator's rows, is no traffic.
        (Ended::Finished, Some(at)) if e.marks.traffic_cut.is_some_and(|(cut, _)| cut < at) => {
            Verdict::Unknown
        }
        (Ended::Finished, Some(_)) => Verdict::Safe,
    }
}

/// Whether some client wrote, or tried to, between the snapshot and the cutover: without that there was nothing that the
/// strategy could have lost. And whether one still tried when the source was fenced, or later: without that no write met
/// the moment at which strategies lose them.
fn exercised(e: &Evidence<'_>, cutover: u64) -> bool {
    let cut = e.snapshot.map_or(0, |s| s.at);
    let in_between = |o: &Operation| o.returned > cut && o.invoked < cutover;
    meets_the_fence(e, cutover)
        && e.writes()
            .any(|(_, o)| o.told != Told::Empty && in_between(&o))
}

/// Whether somebody still wanted to write, be it to roll back, when the source was fenced; without a fence before the
/// cutover, when that was.
fn meets_the_fence(e: &Evidence<'_>, cutover: u64) -> bool {
    let fenced = e.marks.fence.unwrap_or(cutover).min(cutover);
    let mut tries = e.history.operations.iter().rev();
    tries.any(|o| o.kind != Kind::Read && o.returned > fenced)
}

/// Why a migration is not live.
fn unfinished(e: &Evidence<'_>, limit: Micros) -> Option<String> {
    if let Some(at) = &e.marks.under_way {
        return Some(format!(
            "The run's limit ({}, `clock.limit`) came during step {}, \"{}\", which had begun at {}.",
            limit,
            at.step,
            at.say,
            e.clock(at.since)
        ));
    }
    let keeps_out = e.keeps_out?;
    Some(format!(
        "In the end the {}, where the application is, {}.",
        side(e.serving),
        keeps_out.in_words()
    ))
}

/// Why the cutover says nothing, where it met no write although there were some.
fn met_nobody(e: &Evidence<'_>, recorded: bool) -> Option<String> {
    let cutover = e.cutover().filter(|at| !meets_the_fence(e, *at))?;
    let tries = e.history.operations.iter();
    let last = tries
        .filter(|o| o.kind != Kind::Read)
        .map(|o| o.returned)
        .max()?;
    let longer = match recorded {
        true => "; `workload.stretch = true` makes a recording last through restore and cutover",
        false => "",
    };
    Some(format!(
        "Nobody wrote any more when the application was moved, at {}: the last who did had the answer at {}{longer}.",
        e.clock(cutover),
        e.clock(last)
    ))
}

/// Whether a run is what the scenario's author expects: *safe*, unless something else is said.
pub fn as_expected(expect: &Expect, verdict: Verdict, properties: &[PropertyResult]) -> bool {
    let otherwise = match expect.violates.is_empty() {
        true => Verdict::Safe,
        false => Verdict::Violated,
    };
    let violated = |id: &String| {
        let of_id = properties.iter().find(|p| p.id == id.as_str());
        of_id.is_some_and(|p| matches!(p.finding, Finding::Violated { .. }))
    };
    verdict == expect.verdict.unwrap_or(otherwise) && expect.violates.iter().all(violated)
}

/// The faults that have fired.
fn faults(plan: &Plan, world: &World) -> Vec<FaultSeen> {
    let seen = world.fired().iter().filter_map(|fired| {
        let fault = plan.faults.get(usize::from(fired.fault))?;
        Some(FaultSeen {
            fault: fired.fault,
            kind: fault.harm().ok()?.kind().facts().key,
            at: world.moment(fired.at_us),
            breaks: match class(fault, plan)? {
                Class::Contract => None,
                Class::Hazard(assumption) => Some(assumption),
            },
        })
    });
    seen.collect()
}

/// Which faults of the plan have not come: their occasion did not, or the run had ended.
fn never_fired(plan: &Plan, world: &World) -> Option<String> {
    let fired = |index: usize| world.fired().iter().any(|f| usize::from(f.fault) == index);
    let silent = plan.faults.iter().enumerate().filter(|(i, _)| !fired(*i));
    let silent = silent.filter_map(|(_, fault)| Some(fault.harm().ok()?.kind().facts().key));
    let silent: Vec<&str> = silent.collect();
    let all = plan.faults.len();
    (!silent.is_empty()).then(|| {
        format!(
            "{} of {all} faults never fired, and the run says nothing of them: {}.",
            silent.len(),
            silent.join(", ")
        )
    })
}

/// The traffic was ended before the run was.
fn cut_traffic(plan: &Plan, world: &World) -> Option<String> {
    let (at, held) = world.marks.traffic_cut?;
    Some(format!(
        "The traffic was ended at {}: the servers' binlogs held {} MiB (`workload.max_binlogs` is {}), and a run keeps all \
         that was written in memory. No client writes from then on. Raise it where there is memory for more, or lower the \
         rate.",
        world.moment(at).time_of_day(),
        held >> 20,
        plan.workload.max_binlogs
    ))
}

/// What the target's replication filters have left out.
fn left_out(world: &World) -> Option<String> {
    let left_out = &world.marks.left_out;
    let tables: BTreeSet<&str> = left_out
        .iter()
        .flat_map(|left| left.what.tables.iter().map(|table| &**table))
        .collect();
    let of_rows = left_out
        .iter()
        .filter(|left| !left.what.tables.is_empty())
        .count();
    let statements: Vec<_> = left_out
        .iter()
        .filter_map(|left| Some((left.at, left.what.statement.as_deref()?)))
        .collect();
    let mut parts = Vec::new();
    if of_rows > 0 {
        let tables = Vec::from_iter(tables).join(", ");
        parts.push(format!("what {of_rows} transactions wrote to {tables}"));
    }
    if let Some((at, sql)) = statements.first() {
        let at = world.moment(*at).time_of_day();
        parts.push(format!(
            "{} statements, the first at {at}: {sql}",
            statements.len()
        ));
    }
    (!parts.is_empty()).then(|| {
        format!(
            "The target's replication filters (`target.replicate`) left out {}. All of it counts as applied.",
            parts.join(", and ")
        )
    })
}

/// The rare paths that the run went along.
fn probes(world: &World) -> Vec<ProbeSeen> {
    let seen = world.probes.reached().map(|(probe, count)| ProbeSeen {
        probe: probe.name(),
        count,
    });
    seen.collect()
}

/// What limits the result.
fn notes(world: &World) -> Vec<String> {
    let mut notes: Vec<String> = world.recording().map_or(&[][..], |r| r.notes()).to_vec();
    let not_replayable = &world.client_totals().not_replayable;
    notes.extend(
        not_replayable
            .iter()
            .take(NAMED)
            .map(|(_, why)| why.clone()),
    );
    if not_replayable.len() > NAMED {
        notes.push(format!(
            "{} more recorded transactions could not be replayed",
            not_replayable.len() - NAMED
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{evidence::KeepsOut, properties::made::*, runbook::Host};

    fn verdict_on(made: &Made) -> Verdict {
        let e = made.evidence();
        verdict(&e, &check_all(&e))
    }

    #[test]
    fn a_sound_migration_is_safe_and_one_lost_write_makes_it_violated() {
        let mut made = Made::sound();
        assert_eq!(verdict_on(&made), Verdict::Safe);
        made.history.applied.rewrite(|list| list.pop());
        assert_eq!(verdict_on(&made), Verdict::Violated);
    }

    #[test]
    fn without_cutover_a_writable_source_is_an_abort_and_a_fenced_one_is_not_live() {
        let mut made = Made::empty();
        made.ended = Ended::Aborted;
        made.place(Host::Source, 0, 1, S);
        assert_eq!(verdict_on(&made), Verdict::Aborted);
        made.keeps_out = Some(KeepsOut::ReadOnly);
        assert_eq!(verdict_on(&made), Verdict::NotLive);
        made.keeps_out = None;
        made.ended = Ended::Stuck;
        assert_eq!(verdict_on(&made), Verdict::NotLive);
    }

    #[test]
    fn an_abort_that_leaves_the_name_at_the_target_is_not_clean() {
        let mut made = Made::sound();
        made.ended = Ended::Aborted;
        assert_eq!(verdict_on(&made), Verdict::NotLive);
    }

    #[test]
    fn a_rehearsed_way_back_is_safe_and_a_source_that_stays_fenced_is_none() {
        let mut made = Made::rolled_back();
        assert_eq!(verdict_on(&made), Verdict::Safe);
        made.keeps_out = Some(KeepsOut::ReadOnly);
        assert_eq!(verdict_on(&made), Verdict::NotLive);
        made.keeps_out = None;
        made.ended = Ended::Aborted;
        assert_eq!(verdict_on(&made), Verdict::Aborted);
        made.history.applied_back.rewrite(|list| list.clear());
        assert_eq!(verdict_on(&made), Verdict::Violated);
    }

    #[test]
    fn a_migration_that_ends_where_the_application_cannot_write_is_not_live() {
        let mut made = Made::sound();
        for why in [
            KeepsOut::ReadOnly,
            KeepsOut::Closed,
            KeepsOut::NoAccount,
            KeepsOut::OtherPassword,
        ] {
            made.keeps_out = Some(why);
            assert_eq!(verdict_on(&made), Verdict::NotLive, "{why:?}");
        }
        let why = unfinished(&made.evidence(), Micros::hours(1));
        assert_eq!(
            why.as_deref(),
            Some(
                "In the end the target, where the application is, has another password of its account."
            )
        );
    }

    #[test]
    fn a_cutover_that_met_no_write_proves_nothing() {
        let mut made = Made::sound();
        let s = made.snapshot.as_mut().unwrap();
        (s.at, s.commits) = (80 * S, 4);
        made.history.applied.rewrite(|list| list.clear());
        assert_eq!(verdict_on(&made), Verdict::Unknown);
        made.history.operations.rewrite(|list| {
            let mut refused = list[0];
            (refused.invoked, refused.returned) = (101 * S, 102 * S);
            (refused.told, refused.commit) = (Told::Fail, crate::history::NO_COMMIT);
            list.insert(4, refused);
        });
        let target = &mut made.history.target;
        target.rewrite(|list| list.iter_mut().for_each(|c| c.operation += 1));
        assert_eq!(
            verdict_on(&made),
            Verdict::Safe,
            "a client tried, and was refused"
        );
    }

    #[test]
    fn a_cutover_that_comes_when_nobody_writes_any_more_proves_nothing() {
        let mut made = Made::sound();
        made.history.target.rewrite(|list| list.clear());
        made.history.operations.rewrite(|list| list.truncate(4));
        let shop = made.shop.as_mut().unwrap();
        shop.counted = 4;
        shop.orders.rewrite(|list| list.truncate(4));
        assert_eq!(verdict_on(&made), Verdict::Unknown);
        let why = met_nobody(&made.evidence(), true).unwrap();
        assert!(why.contains("workload.stretch"), "{why}");
        // Who reads alone is in no danger; who rolls back would have been refused.
        let behind = made.refuse(Host::Source, 0, 103 * S) as usize;
        made.change(behind, |o| o.kind = Kind::Read);
        assert_eq!(verdict_on(&made), Verdict::Unknown);
        made.change(behind, |o| o.kind = Kind::Rollback);
        assert_eq!(verdict_on(&made), Verdict::Safe);
        assert_eq!(met_nobody(&made.evidence(), false), None);
    }

    #[test]
    fn what_is_expected_is_safe_unless_the_scenario_says_otherwise() {
        let mut made = Made::sound();
        made.history.applied.rewrite(|list| list.pop());
        let properties = check_all(&made.evidence());
        let expect = |verdict, violates: &[&str]| Expect {
            verdict,
            violates: violates.iter().map(|s| s.to_string()).collect(),
        };
        let is = |expect: &Expect| as_expected(expect, Verdict::Violated, &properties);
        assert!(!is(&expect(None, &[])));
        assert!(is(&expect(None, &["P1"])));
        assert!(is(&expect(Some(Verdict::Violated), &["P1", "P6"])));
        assert!(
            !is(&expect(Some(Verdict::Violated), &["P1", "P8"])),
            "the fence held"
        );
        assert!(!is(&expect(Some(Verdict::Aborted), &[])));
    }
}
