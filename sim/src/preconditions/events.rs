//! Events of the event scheduler: that each is run by one server at a time, and by the one that serves in the end.
//!
//! The steps are followed with what they do to events (`events/followed.rs`): who has which, in what status, and where the
//! scheduler is on.

mod followed;

use super::{
    Look,
    scene::{Scene, Timed},
};
use crate::runbook::{DmsUntil, Host, Op, Role, Until};
use followed::Followed;

const LOOK: &str = "SELECT event_schema, event_name, status, @@global.event_scheduler FROM information_schema.events;";
const OFF: &str =
    "SELECT @@global.event_scheduler;  -- on the source, OFF before anything is noted";
const GROUP: &str = "aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name target --parameters \
                     ParameterName=event_scheduler,ParameterValue=OFF,ApplyMethod=immediate  -- before the cluster is made";

pub(super) fn events(scene: &Scene<'_>) -> Option<Look> {
    let mut followed = Followed::of(scene.plan);
    let (decisive, back) = (decisive(scene), decisive_back(scene));
    let mut called_off = None;
    for timed in &scene.steps {
        let closed = decisive.is_some_and(|step| step <= timed.number)
            && back.is_none_or(|back| timed.number < back);
        if let Some(event) = followed.runs(Host::Source).filter(|_| closed) {
            return still_runs(Host::Source, &event, timed);
        }
        if Some(timed.number) == back
            && let Some(event) = followed.runs(Host::Target)
        {
            return still_runs(Host::Target, &event, timed);
        }
        let before = followed.clone();
        if let Err(error) = followed.goes_through(timed) {
            return Look::fail(format!("\"{}\" fails: {error}", timed.step.say), LOOK);
        }
        let early = runs_early(scene, timed, &followed);
        if let Some(look) = early.or_else(|| runs_twice(timed, &followed)) {
            return Some(look);
        }
        let off = || {
            [&before, &followed]
                .into_iter()
                .find_map(|state| off_when_called_off(scene, timed, state))
        };
        called_off = called_off.or_else(off);
    }
    let (first, others) = followed.ran.split_first()?;
    if let Some(look) = never_again(scene, &followed) {
        return Some(look);
    }
    if called_off.is_some() {
        return called_off;
    }
    let more = match others.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Look::pass(
        format!(
            "the event {first}{more} is run by one server at a time, and by the one that serves in the end; what falls between \
             is not made up for"
        ),
        LOOK,
    )
}

fn still_runs(host: Host, event: &str, timed: &Timed<'_>) -> Option<Look> {
    Look::fail(
        format!(
            "the {} still runs the event {event} at \"{}\": neither a security group nor the name stops it, read_only does \
             unless its definer has CONNECTION_ADMIN, and event_scheduler = OFF does once the server has it",
            host.name(),
            timed.step.say
        ),
        match host {
            Host::Source | Host::Replica => OFF,
            Host::Target => {
                "SELECT @@global.event_scheduler;  -- on the target, OFF before anything is noted"
            }
        },
    )
}

/// An event that the target runs while the source, or what comes from it, still writes there.
fn runs_early(scene: &Scene<'_>, timed: &Timed<'_>, followed: &Followed) -> Option<Look> {
    let event = followed.runs(Host::Target)?;
    let opens = scene.with_role(Role::Gate).or_else(|| scene.moves());
    let open = opens.is_some_and(|opens| opens.number <= timed.number);
    let is_frozen = !follows(scene) && scene.fenced.is_some_and(|fenced| fenced <= timed.ends);
    if open || is_frozen {
        return None;
    }
    Look::fail(
        format!(
            "from \"{}\" on the target runs the event {event} at its times, while the source is written to: event_scheduler is ON there",
            timed.step.say
        ),
        GROUP,
    )
}

/// An event that both run.
fn runs_twice(timed: &Timed<'_>, followed: &Followed) -> Option<Look> {
    let event = followed.runs_on_both()?;
    Look::fail(
        format!(
            "from \"{}\" on both the source and the target run the event {event}",
            timed.step.say
        ),
        LOOK,
    )
}

/// Whether something carries the source's writes to the target.
fn follows(scene: &Scene<'_>) -> bool {
    scene.replicates().is_some() || scene.tasks_for_changes().next().is_some()
}

/// The step from which on nothing may be written to the source: the one that notes what the gate waits for, or writes it, or
/// the gate; the snapshot, where nothing follows it; or else the one that moves the application.
fn decisive(scene: &Scene<'_>) -> Option<usize> {
    let gate = scene.with_role(Role::Gate);
    let noted = gate.and_then(|gate| {
        let Op::Wait(wait) = gate.op else { return None };
        noted_for(scene, gate, wait.until.kind().ok()?)
    });
    let snapshot = scene.first(|op| matches!(op, Op::CreateSnapshot(_)));
    let alone = snapshot.filter(|_| !follows(scene));
    let step = noted.or(gate).or(alone).or_else(|| scene.moves());
    step.map(|step| step.number)
}

/// The step that a wait rests on.
fn noted_for<'s, 'p>(
    scene: &'s Scene<'p>,
    wait: &Timed<'p>,
    until: Until<'p>,
) -> Option<&'s Timed<'p>> {
    let name = match until {
        Until::Applied(name) | Until::SourceUnchangedSince(name) | Until::NoWritesSince(name) => {
            name
        }
        Until::Dms(condition) => match condition.kind().ok()? {
            DmsUntil::Checkpoint(name) => name,
            _ => return None,
        },
        // A sentinel is the last of what is typed on the source before it.
        Until::Row(_) => {
            let before = scene.steps[..wait.number].iter();
            let typed = |t: &&Timed<'_>| matches!(t.op, Op::RunSql(o) if o.on == Host::Source);
            return before.rev().find(typed);
        }
        _ => return None,
    };
    scene.noted_before(name, wait).map(|(noted, _)| noted)
}

/// The same of the way back: what the last wait for the source's replication rests on, or the step that moves the
/// application back.
fn decisive_back(scene: &Scene<'_>) -> Option<usize> {
    let returns = scene.returns()?;
    let mut before = scene.steps[..returns.number].iter().rev();
    let noted = before.find_map(|timed| match timed.op {
        Op::Wait(wait) if wait.on == Host::Source => match wait.until.kind().ok()? {
            Until::Applied(name) => scene.noted_before(name, timed),
            _ => None,
        },
        _ => None,
    });
    Some(noted.map_or(returns, |(noted, _)| noted).number)
}

/// What the source has run and nobody runs behind the cutover.
fn never_again(scene: &Scene<'_>, followed: &Followed) -> Option<Look> {
    scene.moves()?;
    let serves = match scene.returns() {
        None => Host::Target,
        Some(_) => Host::Source,
    };
    let (event, why) = followed.is_off(serves)?;
    Look::fail(
        format!(
            "the event {event} is enabled on the source before the cutover, and behind it the {} does not run it: {why}",
            serves.name()
        ),
        LOOK,
    )
}

/// What nobody runs any more when the migration is called off at a step, or the way back, and no abort or stay step brings
/// back.
fn off_when_called_off(scene: &Scene<'_>, timed: &Timed<'_>, state: &Followed) -> Option<Look> {
    let runbook = &scene.plan.runbook;
    let moved = scene
        .moves()
        .is_some_and(|moves| moves.number < timed.number);
    let returned = scene
        .returns()
        .is_some_and(|returns| returns.number <= timed.number);
    let (steps, what, serves) = match moved {
        false => (&runbook.abort, "no abort step", Host::Source),
        true => (&runbook.stay, "no stay step", Host::Target),
    };
    // Behind the cutover it is the abort steps again where there are no others, which another check is about.
    if !super::called_off::calls_off(timed) || returned || moved && steps.is_empty() {
        return None;
    }
    let mut state = state.clone();
    for op in steps.iter().filter_map(|step| step.op().ok()) {
        let refused = matches!(op, Op::RunSql(o) if state.refuses_the_operator(o.on));
        if !refused {
            // What fails there fails as it does in a run: the event stays as it is.
            let _ = state.takes_back(&op);
        }
    }
    let (event, why) = state.is_off(serves)?;
    Look::fail(
        format!(
            "when \"{}\" fails and calls the migration off, {what} makes the {} run the event {event} again: {why}",
            timed.step.say,
            serves.name()
        ),
        "aws rds modify-db-parameter-group … ParameterName=event_scheduler,ParameterValue=ON  # an [[abort]] or [[stay]] step; \
         what is typed on the source comes behind the one that makes it writable",
    )
}
