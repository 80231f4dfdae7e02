//! The gate: what says that the target has everything of the source's from before the fence.

use super::{
    Look,
    fence::READ_ONLY,
    scene::{Scene, Timed, about},
};
use crate::runbook::{CoordinatesFrom, Dialect, DmsUntil, Host, Op, Role, Until};

const STATEMENT: &str = "SELECT GTID_SUBSET('<gtid_executed of the source, read behind the fence>', \
                         @@global.gtid_executed);  -- on the target, 1";

/// What says whether a DMS task has what the source had behind the fence.
fn checkpoint(scene: &Scene<'_>) -> String {
    let status = Dialect::of(Host::Source, &scene.plan.environment).binlog_status();
    format!(
        "{status};  -- on the source, behind the fence; aws dms describe-replication-tasks  # until RecoveryCheckpoint is \
         there"
    )
}

pub(super) fn gate(scene: &Scene<'_>) -> Option<Look> {
    let moves = scene.moves()?;
    let captures = |op: &Op<'_>| matches!(op, Op::CreateDmsTask(task) if task.captures());
    let by_dms = scene.first(captures).is_some();
    if scene.replicates().is_none() && !by_dms {
        return None;
    }
    let checkpoint = checkpoint(scene);
    let statement = if by_dms { &checkpoint } else { STATEMENT };
    let Some(gate) = scene.with_role(Role::Gate) else {
        return Look::fail(
            "no step has the role of gate: nothing says that the target has everything when the name moves",
            statement,
        );
    };
    if gate.number > moves.number {
        return Look::fail("the name moves before the gate", statement);
    }
    if !gate.decides() {
        return Look::fail(
            format!(
                "\"{}\" is the gate, and goes on when it fails: it decides nothing",
                gate.step.say
            ),
            statement,
        );
    }
    if let Some(look) = discards(scene, gate) {
        return Some(look);
    }
    let until = match gate.op {
        Op::Wait(wait) => wait.until.kind().ok()?,
        _ => return Look::fail("the gate is no wait: it decides nothing", statement),
    };
    if let Until::Row(query) = until
        && query.on == Host::Target
    {
        return super::sentinel::gate(scene, gate);
    }
    if by_dms {
        return of_tasks(scene, gate, until);
    }
    match until {
        Until::Applied(name) => of_replica(scene, gate, name),
        other => Look::fail(no_gate(other), statement),
    }
}

/// What was received and not applied is discarded before anybody asks for it.
fn discards(scene: &Scene<'_>, gate: &Timed<'_>) -> Option<Look> {
    let before = |is: fn(&Op<'_>) -> bool| scene.first(is).is_some_and(|t| t.number < gate.number);
    let what = match () {
        () if before(|op| matches!(op, Op::ResetExternalSource(Host::Target))) => {
            "replication is reset"
        }
        () if before(|op| matches!(op, Op::PromoteCluster)) => "the cluster is promoted",
        () => return None,
    };
    Look::fail(
        format!("{what} before the gate: what was received and not applied is discarded"),
        STATEMENT,
    )
}

/// Why a condition says nothing of what the target has.
fn no_gate(until: Until<'_>) -> &'static str {
    match until {
        Until::SecondsBehindSource(_) | Until::CaughtUp(_) => {
            "the gate looks at the lag, which is 0 whenever everything received is applied, whatever the source still \
             has: it holds when nothing goes wrong, and lets through when something does"
        }
        Until::SourceUnchangedSince(_) | Until::NoWritesSince(_) => {
            "the gate looks at the source alone: that nothing is written there any more does not say that the target \
             has what was"
        }
        Until::ReplicationRunning => {
            "the gate asks whether replication runs, which says nothing of how far it is"
        }
        Until::Dms(_) => {
            "the gate looks at a DMS task that captures no changes: it says nothing of what is written later"
        }
        Until::Row(_) => "the gate looks for a row on another server than the target",
        Until::ReadOnly(_)
        | Until::Writable(_)
        | Until::EventScheduler(..)
        | Until::NoOpenTransactions(_)
        | Until::SnapshotAvailable(_)
        | Until::Applied(_) => "the gate says nothing of what the target has",
    }
}

/// A gate that waits until a replica has applied what was noted.
fn of_replica(scene: &Scene<'_>, gate: &Timed<'_>, name: &str) -> Option<Look> {
    let Op::Wait(wait) = gate.op else { return None };
    if wait.on != Host::Target {
        return Look::fail(
            format!(
                "the gate looks at what the {} has applied, and not at the target",
                wait.on.name()
            ),
            STATEMENT,
        );
    }
    behind_fence(scene, gate, name, STATEMENT)
}

/// Whether what a gate waits for was noted on the source, behind the fence that stands when the name moves.
fn behind_fence(scene: &Scene<'_>, gate: &Timed<'_>, name: &str, statement: &str) -> Option<Look> {
    let (noted, from) = scene.noted_before(name, gate)?;
    let whose = match from {
        CoordinatesFrom::SourcePosition | CoordinatesFrom::SourceGtidExecuted => None,
        CoordinatesFrom::TargetPosition | CoordinatesFrom::TargetGtidExecuted => {
            Some("the target has itself: it has that at once")
        }
        CoordinatesFrom::ReplicaPosition => {
            Some("a read replica has applied, which may be less than the source has")
        }
        CoordinatesFrom::RecoveryEvent => {
            Some("the snapshot has: the target has that from the start")
        }
    };
    let say = &noted.step.say;
    if let Some(whose) = whose {
        return Look::fail(
            format!("the gate waits for what {whose} (\"{say}\")"),
            statement,
        );
    }
    let Some(fence) = scene.fence() else {
        return Look::fail(
            format!(
                "no fence stands from \"{say}\" until the name moves: what the source takes behind it need not be on \
                 the target"
            ),
            READ_ONLY,
        );
    };
    let fenced = fence.effective.unwrap_or(u64::MAX);
    let awaited = scene
        .awaited(&fence)
        .is_some_and(|a| a.number < noted.number);
    if awaited || fence.asked.number < noted.number && fenced <= noted.ends {
        return Look::pass(
            "the gate waits for what the source had behind the fence",
            statement,
        );
    }
    if fence.effective.is_none() {
        return Look::fail(
            format!(
                "\"{say}\" notes what the gate waits for while clients are still connected to the source"
            ),
            statement,
        );
    }
    let reason = format!(
        "\"{say}\" notes what the gate waits for {} before the source is fenced: what is committed in between need not \
         be there",
        about(fenced.saturating_sub(noted.ends))
    );
    Look::fail(reason, statement)
}

/// A gate for DMS tasks that capture changes: each of them is waited for.
fn of_tasks(scene: &Scene<'_>, gate: &Timed<'_>, until: Until<'_>) -> Option<Look> {
    let checkpoint = &checkpoint(scene);
    let condition = match until {
        Until::Dms(condition) => condition.kind().ok()?,
        Until::Applied(_) => {
            return Look::fail(
                "the gate looks at a replica, and DMS carries the changes",
                checkpoint,
            );
        }
        other => return Look::fail(no_gate(other), checkpoint),
    };
    let DmsUntil::Checkpoint(name) = condition else {
        return Look::fail(no_gate_of_dms(condition), checkpoint);
    };
    let not_waited = scene.steps.iter().find_map(|timed| match timed.op {
        Op::CreateDmsTask(task) if task.captures() => {
            (!waits_for_task(scene, &task.id, gate)).then_some(&task.id)
        }
        _ => None,
    });
    if let Some(task) = not_waited {
        return Look::fail(
            format!(
                "no step waits before the name moves until the DMS task {task} has what is noted behind the fence"
            ),
            checkpoint,
        );
    }
    behind_fence(scene, gate, name, checkpoint)
}

/// Whether some step waits for a task's checkpoint, at a position that is noted as late as the gate's own or later.
fn waits_for_task(scene: &Scene<'_>, id: &str, gate: &Timed<'_>) -> bool {
    let Some(moves) = scene.moves() else {
        return false;
    };
    let fenced = scene.fenced.unwrap_or(u64::MAX);
    scene.steps.iter().any(|timed| {
        let Op::Wait(wait) = timed.op else {
            return false;
        };
        let Ok(Until::Dms(o)) = wait.until.kind() else {
            return false;
        };
        let Ok(DmsUntil::Checkpoint(name)) = o.kind() else {
            return false;
        };
        let late = scene
            .noted_before(name, timed)
            .is_some_and(|(noted, _)| noted.ends >= fenced);
        let in_time = timed.number < moves.number && timed.decides();
        o.task == id && in_time && (late || timed.number == gate.number)
    })
}

/// Why a condition of a DMS task says nothing of what the target has.
fn no_gate_of_dms(until: DmsUntil<'_>) -> &'static str {
    match until {
        DmsUntil::Latency(_) | DmsUntil::CaughtUp(_) => {
            "the gate looks at the latency, which is 0 whenever the task reads nothing, whatever the source still has"
        }
        DmsUntil::Validated | DmsUntil::NothingMismatched => {
            "the gate looks at validation, which compares what was captured, whatever the source still has"
        }
        DmsUntil::Loaded | DmsUntil::Stopped => {
            "the gate looks at the load, and the task goes on to capture changes"
        }
        DmsUntil::Checkpoint(_) => "the gate waits for a checkpoint",
    }
}
