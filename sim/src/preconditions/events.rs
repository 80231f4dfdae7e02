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
    let moves = scene.moves().map(|moves| moves.number);
    let (decisive, back) = (decisive(scene), decisive_back(scene));
    let mut before_moving = None;
    for timed in &scene.steps {
        if Some(timed.number) == moves {
            before_moving = Some(followed.clone());
        }
        if Some(timed.number) == decisive
            && let Some(event) = followed.runs(Host::Source)
        {
            return still_runs(Host::Source, &event, timed);
        }
        if Some(timed.number) == back
            && let Some(event) = followed.runs(Host::Target)
        {
            return still_runs(Host::Target, &event, timed);
        }
        if let Err(error) = followed.goes_through(timed) {
            return Look::fail(format!("\"{}\" fails: {error}", timed.step.say), LOOK);
        }
        let early = runs_early(scene, timed, &followed);
        if let Some(look) = early.or_else(|| runs_twice(timed, &followed)) {
            return Some(look);
        }
    }
    let (first, others) = followed.ran.split_first()?;
    if let Some(look) = never_again(scene, &followed) {
        return Some(look);
    }
    if let Some(look) = before_moving.and_then(|followed| off_when_called_off(scene, followed)) {
        return Some(look);
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
            "from \"{}\" on the target runs the event {event}, while the source is written to: event_scheduler is ON there",
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
        Until::Applied(name) | Until::SourceUnchangedSince(name) => name,
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

/// What the source does not run any more when the migration is called off, and no abort step brings back.
fn off_when_called_off(scene: &Scene<'_>, mut followed: Followed) -> Option<Look> {
    let calls_off = scene.steps.iter().any(super::called_off::calls_off);
    for step in scene.plan.runbook.abort.iter().filter(|_| calls_off) {
        if let Ok(op) = step.op() {
            // What fails there fails as it does in a run: the event stays as it is.
            let _ = followed.takes_back(&op);
        }
    }
    let (event, why) = followed.is_off(Host::Source)?;
    Look::fail(
        format!(
            "when the migration is called off, no abort step makes the source run the event {event} again: {why}"
        ),
        "aws rds modify-db-parameter-group … ParameterName=event_scheduler,ParameterValue=ON  # an [[abort]] step",
    )
}
