//! Waits for what cannot come: nobody has asked for it, or somebody has taken it back.

use super::{
    Look,
    cutover::makes_target,
    fences::{By, Fence},
    scene::{Scene, Timed},
};
use crate::runbook::{
    CoordinatesFrom, CreateDmsTask, DmsCondition, DmsUntil, Host, OnFailure, Op, TaskAction, Until,
};

pub(super) fn waits(scene: &Scene<'_>) -> Option<Look> {
    let statement = "the step that brings about what is waited for comes before the wait";
    let mut waits = scene.steps.iter().filter_map(|timed| match timed.op {
        Op::Wait(wait) => Some((timed, wait.on, wait.until.kind().ok()?)),
        _ => None,
    });
    let mut found = waits.clone();
    waits.next()?;
    let Some((timed, Vain { why, surely })) =
        found.find_map(|(timed, on, until)| Some((timed, never(scene, timed, on, until)?)))
    else {
        return Look::pass(
            "something brings about what every step waits for, or it is there",
            statement,
        );
    };
    let reason = format!("\"{}\" waits in vain: {why}", timed.step.say);
    let (clock, timeout) = (&scene.plan.clock, timed.step.limit());
    let over = scene.starts_us() + timed.begins + timeout.0;
    match timed.step.on_failure {
        OnFailure::Continue if over >= clock.limit.0 => Look::fail(
            format!("{reason}; it goes on only when its time is over, after {timeout}"),
            statement,
        ),
        OnFailure::Continue => Look::warn(
            format!("{reason}; it goes on when its time is over"),
            statement,
        ),
        OnFailure::Abort | OnFailure::Retry | OnFailure::Insist => {
            let ends = surely && before_cutover(scene, timed);
            Look::certain(Look::fail(reason, statement), ends)
        }
    }
}

/// Whether a runbook that ends at a step has not cut over.
pub(super) fn before_cutover(scene: &Scene<'_>, timed: &Timed<'_>) -> bool {
    scene
        .moves()
        .is_none_or(|moves| timed.number < moves.number)
}

/// Why a wait is in vain.
struct Vain {
    why: String,
    /// In every run.
    surely: bool,
}

impl From<String> for Vain {
    fn from(why: String) -> Self {
        Self { why, surely: true }
    }
}

/// Why a condition cannot come to hold at a step, or hardly; none where it may.
fn never(scene: &Scene<'_>, timed: &Timed<'_>, on: Host, until: Until<'_>) -> Option<Vain> {
    match until {
        Until::Dms(condition) => of_task(scene, timed, condition),
        Until::Applied(name) => applied_no_more(scene, timed, on, name),
        _ => of_host(scene, timed, on, until).map(Vain::from),
    }
}

/// Why a condition of a server surely cannot come to hold.
fn of_host(scene: &Scene<'_>, timed: &Timed<'_>, on: Host, until: Until<'_>) -> Option<String> {
    // What is asked for and arrives late has surely arrived once somebody has waited for it; and what was lifted may still
    // stand.
    let asked = |host| {
        let fences = scene.fences(host).into_iter();
        fences.filter(|f| f.by == By::ReadOnly && f.asked.number < timed.number)
    };
    let surely = |fence: Fence<'_, '_>| {
        let arrived = scene.awaited(&fence);
        fence.stands_before(timed) && arrived.is_some_and(|a| a.number < timed.number)
    };
    match until {
        Until::ReadOnly(host) if host != Host::Replica && asked(host).next().is_none() => Some(
            format!("nothing has made the {} read-only by then", host.name()),
        ),
        Until::Writable(host) if asked(host).any(surely) => Some(format!(
            "the {} is read-only, and nothing has lifted that by then",
            host.name()
        )),
        Until::EventScheduler(host, on) => {
            let value = if on { "on" } else { "off" };
            scene.never_switched(host, on, timed).then(|| {
                let host = host.name();
                format!("nothing has switched the event scheduler of the {host} {value} by then")
            })
        }
        Until::ReplicationRunning | Until::CaughtUp(_) | Until::SecondsBehindSource(_) => {
            let replicates = scene.replicates_before(timed, on);
            (!replicates).then(|| format!("the {} does not replicate by then", on.name()))
        }
        _ => None,
    }
}

/// Why what was noted is not applied: the replication that it would come by had ended.
fn applied_no_more(scene: &Scene<'_>, timed: &Timed<'_>, on: Host, name: &str) -> Option<Vain> {
    let ended = scene.replication_told(timed, on);
    let (ended, _) = ended.filter(|(_, replicates)| !replicates)?;
    Some(Vain {
        surely: on == Host::Target && stays(scene, timed, ended, name)?,
        why: format!(
            "the {} did not replicate any more when `{name}` was noted",
            on.name()
        ),
    })
}

impl Scene<'_> {
    /// Whether the event scheduler of a host surely is not as a step wants it: nobody has asked for that since the host was
    /// made otherwise, or somebody has waited until it was otherwise.
    fn never_switched(&self, host: Host, wanted: bool, step: &Timed<'_>) -> bool {
        let set = |t: &Timed<'_>| match t.op {
            Op::SetEventScheduler(o) if o.on == host => Some(o.value),
            _ => None,
        };
        let before = &self.steps[..step.number];
        let made = self.first(makes_target).filter(|_| host == Host::Target);
        let (unmade, since) = before.split_at(made.map_or(0, |m| m.number.min(before.len())));
        let made_with = unmade.iter().rev().find_map(set);
        let made_with = made_with.unwrap_or_else(|| self.plan.environment.runs_events(host));
        let awaited = |t: &Timed<'_>| match t.op {
            Op::Wait(wait) if t.decides() => {
                wait.until.kind() == Ok(Until::EventScheduler(host, !wanted))
            }
            _ => false,
        };
        let last = since.iter().rposition(|t| set(t).is_some());
        match last {
            _ if made_with != wanted && since.iter().filter_map(set).all(|v| v != wanted) => true,
            Some(last) => set(&since[last]) != Some(wanted) && since[last..].iter().any(awaited),
            None => false,
        }
    }

    /// Whether a host has been told to replicate, and nobody has ended that, when a step begins.
    fn replicates_before(&self, step: &Timed<'_>, on: Host) -> bool {
        self.replication_told(step, on)
            .is_some_and(|(_, replicates)| replicates)
    }

    /// The last step before another that begins or ends a host's replication, and which of the two.
    fn replication_told(&self, step: &Timed<'_>, on: Host) -> Option<(&Timed<'_>, bool)> {
        let before = self.steps[..step.number].iter();
        let mut told = before.filter_map(|timed| {
            let replicates = match timed.op {
                Op::StartReplication(host) if host == on => true,
                Op::CreateAuroraReplica if on == Host::Target => true,
                Op::CreateReadReplica if on == Host::Replica => true,
                Op::StopReplication(host) | Op::ResetExternalSource(host) if host == on => false,
                Op::PromoteCluster if on == Host::Target => false,
                _ => return None,
            };
            Some((timed, replicates))
        });
        told.next_back()
    }
}

/// Why a condition of a DMS task cannot come to hold, or hardly.
fn of_task(scene: &Scene<'_>, timed: &Timed<'_>, condition: &DmsCondition) -> Option<Vain> {
    let id = condition.task.as_str();
    let before = scene.steps[..timed.number].iter();
    let task = before.clone().find_map(|t| match t.op {
        Op::CreateDmsTask(task) if task.id == id => Some(task),
        _ => None,
    })?;
    let mut acts = before.filter_map(|t| match t.op {
        Op::DmsTask(o) if o.id == id => Some((t, o.action)),
        _ => None,
    });
    let unstarted = || Vain::from(format!("nothing has started the DMS task {id} by then"));
    let captures_on = || Vain::from(format!("the DMS task {id} goes on to capture changes"));
    let until = condition.kind().ok()?;
    let Some((act, last)) = acts.next_back() else {
        return match until {
            DmsUntil::Loaded | DmsUntil::Checkpoint(_) | DmsUntil::Stopped => Some(unstarted()),
            DmsUntil::CaughtUp(_) => Some(format!("the DMS task {id} does not run by then").into()),
            _ => None,
        };
    };
    let idle = matches!(last, TaskAction::Stop | TaskAction::Delete);
    let since = scene.steps[act.number..timed.number].iter();
    let waits = |t: &&Timed<'_>, until| t.waits_for_task(id, until);
    let mut all = since.clone();
    let stopped = all.find(|t| waits(t, DmsUntil::Stopped) && t.decides());
    // It stops when it has its cached changes, and somebody has waited until then, or for as long as he would.
    let mut all = since;
    let waited = all.any(|t| waits(&t, DmsUntil::Stopped) || waits(&t, DmsUntil::Loaded));
    let by_itself = last == TaskAction::Start && task.captures() && stops_by_itself(task) && waited;
    match until {
        DmsUntil::Checkpoint(name) if idle || by_itself => Some(Vain {
            surely: stays(scene, timed, stopped.unwrap_or(act), name)?
                && (idle || stopped.is_some()),
            why: format!(
                "the DMS task {id} stops before `{name}` is noted, and nothing resumes it"
            ),
        }),
        DmsUntil::CaughtUp(_) if idle => {
            Some(format!("the DMS task {id} does not run by then").into())
        }
        DmsUntil::CaughtUp(_) if by_itself || stopped.is_some() => Some(Vain {
            surely: stopped.is_some(),
            why: format!("the DMS task {id} stops by itself, and nothing resumes it"),
        }),
        DmsUntil::Stopped if last == TaskAction::Resume && task.captures() => Some(captures_on()),
        DmsUntil::Stopped if !idle && !stops_by_itself(task) => Some(captures_on()),
        _ => None,
    }
}

/// Whether what was noted for a wait surely stays out of reach of what had ended before it was: the source took writes in
/// between. None where it was noted earlier, or nothing was written.
fn stays(scene: &Scene<'_>, wait: &Timed<'_>, ended: &Timed<'_>, name: &str) -> Option<bool> {
    let (noted, from) = scene.noted_before(name, wait)?;
    let origin = match from {
        CoordinatesFrom::TargetPosition | CoordinatesFrom::TargetGtidExecuted => Host::Target,
        _ => Host::Source,
    };
    let fences = scene.fences(origin).into_iter();
    let standing = fences.filter(|fence| fence.stands_before(noted));
    let fenced = standing.filter_map(|fence| fence.effective).min();
    let until = fenced.unwrap_or(noted.begins).min(noted.begins);
    (noted.number > ended.number && until > ended.begins).then(|| {
        origin == Host::Source
            && scene.plan.environment.source.multi_az
            && scene.surely_writes(until.saturating_sub(ended.ends), 1.0)
    })
}

fn stops_by_itself(task: &CreateDmsTask) -> bool {
    !task.captures() || task.stop_after_cached_changes || task.stop_before_cached_changes
}
