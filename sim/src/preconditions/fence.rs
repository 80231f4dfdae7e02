//! The source's fence: asked for, effective before anything rests on it, and not lifted.

use super::{
    Look,
    fences::{By, Fence},
    scene::{Scene, Timed, about},
};
use crate::{
    faults::Harm,
    runbook::{CoordinatesFrom, Host, Op, Role, TaskAction, Until},
};

pub(super) const READ_ONLY: &str = "SELECT @@global.read_only;  -- on the source, until 1";
const OPEN: &str = "SELECT COUNT(*) FROM information_schema.innodb_trx;  -- on the source, until 0";

pub(super) fn fence(scene: &Scene<'_>) -> Option<Look> {
    scene.repoints()?;
    let statement = "aws rds modify-db-parameter-group --db-parameter-group-name source --parameters \
                     ParameterName=read_only,ParameterValue=1,ApplyMethod=immediate";
    if let Some(fence) = scene.fence() {
        let told = match fence.by {
            By::Door => "the source lets no client in before the name moves",
            By::ReadOnly => "the source is told to be read-only before the name moves",
        };
        return Look::pass(told, statement);
    }
    if let Some(look) = lifted_early(scene) {
        return Some(look);
    }
    let reason = "nothing makes the source read-only before the application is repointed: whoever keeps a connection \
                  or an address goes on writing to it, and what is committed there behind the gate is lost";
    // Pools keep their connections. An application that was on the target before, and was not refused, has taken them along.
    let to_target = |timed: &&Timed<'_>| matches!(timed.op, Op::Repoint(o) if o.to == Host::Target);
    let once = scene.steps.iter().filter(to_target).count() == 1;
    let surely = once && scene.surely_writes(stay(scene), 0.5);
    Look::certain(Look::fail(reason, statement), surely)
}

/// A fence that is lifted before the application is pointed at the target, which is none by then.
fn lifted_early(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    let lifted = scene.unfenced()?.lifted?;
    let reason = format!(
        "\"{}\" lets writes into the source again before \"{}\": what it takes from then on need not be on the target",
        lifted.step.say, repoint.step.say
    );
    Look::certain(Look::fail(reason, READ_ONLY), surely_in_vain(scene))
}

/// Whether the source surely takes writes behind a fence that was lifted which nothing carries over: while the name is
/// still the source's, and from clients whose connections from then stay.
fn surely_in_vain(scene: &Scene<'_>) -> bool {
    /// So many attempts of each client on average: hardly one has made none.
    const ATTEMPTS: f64 = 4.0;
    /// Beyond a connection's timeout.
    const COMES_BACK_US: u64 = 10_000_000;
    let window = || {
        let repoint = scene.repoints()?;
        let opens = scene.opens_at(&scene.unfenced()?)?;
        let over = scene.no_longer_carried()?.ends;
        // Who is moved earlier than the name writes to the target.
        let alone = scene.moves()?.number == repoint.number;
        let environment = &scene.plan.environment;
        // Who was kept out or refused comes back when its patience is over.
        let opens = opens + environment.clients.connect_timeout.0 + COMES_BACK_US;
        let until = repoint.begins + environment.control_plane.dns_change.0;
        alone.then(|| {
            let in_vain = until.saturating_sub(opens.max(over));
            (until.saturating_sub(opens), in_vain)
        })
    };
    let Some((open, in_vain)) = window() else {
        return false;
    };
    let attempts = scene.writes_per_s().unwrap_or(0.0) * open as f64 / 1e6;
    let all_connect = attempts >= ATTEMPTS * f64::from(scene.plan.workload.clients);
    scene.surely_writes(in_vain, 1.0) || all_connect && scene.surely_writes(stay(scene), 0.5)
}

/// How long at the least half of the clients keep the connections that they have when the name moves, in µs.
fn stay(scene: &Scene<'_>) -> u64 {
    let restarted = |o: &Op<'_>| matches!(o, Op::Repoint(o) if o.restart_clients);
    match scene.repoints() {
        Some(repoint) if !restarted(&repoint.op) => {
            let life = scene.plan.environment.clients.max_lifetime.0 / 2;
            life.min(scene.plan.workload.after_cutover.0)
        }
        _ => 0,
    }
}

/// What rests on the fence: the note that the gate waits for, a snapshot or a load behind it, the name.
fn rests_on<'s, 'p>(scene: &'s Scene<'p>, fence: &Fence<'_, '_>) -> Option<&'s Timed<'p>> {
    scene
        .behind(fence.asked)
        .iter()
        .find(|timed| match timed.op {
            Op::ReadCoordinates(o) => o.from != CoordinatesFrom::RecoveryEvent,
            Op::CreateSnapshot(_) | Op::Repoint(_) => true,
            Op::DmsTask(o) => o.action == TaskAction::Start && scene.loads_alone(&o.id),
            Op::RunSql(o) => o.on == Host::Source && super::sentinel::writes(&o.sql),
            _ => false,
        })
}

pub(super) fn fence_effective(scene: &Scene<'_>) -> Option<Look> {
    scene.repoints()?;
    let fence = scene.fence()?;
    let first = rests_on(scene, &fence)?;
    let awaited = scene
        .awaited(&fence)
        .filter(|awaited| awaited.number < first.number);
    let Some(awaited) = awaited else {
        return match fence.by {
            By::Door => Look::fail(
                format!(
                    "\"{}\" rests on a security group that decides on new connections alone: those that there are \
                     stay, and nothing kills them",
                    first.step.say
                ),
                "CALL mysql.rds_kill(…);  -- on the source, for every client",
            ),
            By::ReadOnly => not_awaited(scene, &fence, first),
        };
    };
    if let Some(look) = believed_early(scene, &fence, awaited) {
        return Some(look);
    }
    if let Some(look) = shorter_than_a_lock_wait(scene, &fence, awaited) {
        return Some(look);
    }
    let drained = scene
        .drained(&fence)
        .filter(|drained| drained.number < first.number);
    match drained {
        Some(_) => Look::pass(
            match fence.by {
                By::Door => "the clients' connections are killed, and nothing is open any more",
                By::ReadOnly => {
                    "the server is asked until it is read-only, and until nothing is open any more"
                }
            },
            OPEN,
        ),
        None => not_drained(scene, &fence, first),
    }
}

/// The parameter group takes its time, and nobody waits.
fn not_awaited(scene: &Scene<'_>, fence: &Fence<'_, '_>, first: &Timed<'_>) -> Option<Look> {
    let goes_on = scene.behind(fence.asked).iter().find(|timed| {
        timed.number < first.number && timed.waits_until(Until::ReadOnly(Host::Source))
    });
    let rests_from = match first.op {
        Op::CreateSnapshot(_) => scene.writable_behind(scene.cut.unwrap_or(first.begins)),
        _ => first.begins,
    };
    let early = fence.effective.unwrap_or(0).saturating_sub(rests_from);
    let surely = scene.surely_writes(believed_too_long(scene, fence), 1.0);
    if let Some(wait) = goes_on {
        let reason = format!(
            "\"{}\" rests on \"{}\", which goes on when it fails: then the source is not read-only",
            first.step.say, wait.step.say
        );
        return Look::certain(Look::fail(reason, READ_ONLY), surely);
    }
    let reason = format!(
        "\"{}\" rests on a parameter group that reaches the server about {} later: no step waits for \
         `read_only = \"source\"`",
        first.step.say,
        about(early)
    );
    match early {
        0 => Look::warn(reason, READ_ONLY),
        _ => Look::certain(Look::fail(reason, READ_ONLY), surely),
    }
}

/// The step with the role of fence says that no write succeeds any more: it comes when that is so.
fn believed_early(scene: &Scene<'_>, fence: &Fence<'_, '_>, awaited: &Timed<'_>) -> Option<Look> {
    let believed = scene.with_role(Role::Fence)?;
    if believed.number >= awaited.number {
        return None;
    }
    let reason = format!(
        "\"{}\" has the role of fence, and writes succeed until \"{}\" is done",
        believed.step.say, awaited.step.say
    );
    Look::certain(
        Look::fail(reason, READ_ONLY),
        scene.surely_writes(believed_too_long(scene, fence), 1.0),
    )
}

/// `SET GLOBAL read_only = 1` waits for a statement that waits for a row, which gives up when its own time is over; a step
/// that ends before calls the migration off, and who would be killed need not be waited for.
fn shorter_than_a_lock_wait(
    scene: &Scene<'_>,
    fence: &Fence<'_, '_>,
    awaited: &Timed<'_>,
) -> Option<Look> {
    let (limit, lock_wait) = (
        awaited.step.limit(),
        scene.plan.environment.source.lock_wait_timeout,
    );
    let mut between = scene.steps[fence.asked.number..awaited.number].iter();
    let kills = between.any(|t| matches!(t.op, Op::KillConnections(Host::Source)));
    (fence.by == By::ReadOnly && limit <= lock_wait && !kills).then_some(())?;
    Look::warn(
        format!(
            "\"{}\" has {limit}, and SET GLOBAL read_only waits for a statement that waits for a row, for up to {lock_wait} \
             (innodb_lock_wait_timeout), while every writer hangs behind it: give it longer, or kill connections before it",
            awaited.step.say
        ),
        "SELECT * FROM performance_schema.data_lock_waits;  -- on the source, empty",
    )
}

/// How long at the least, in µs, writes succeed behind the step with the role of fence: a parameter group delivers exactly
/// so long after it is told to.
fn believed_too_long(scene: &Scene<'_>, fence: &Fence<'_, '_>) -> u64 {
    let delay = scene.plan.environment.source.parameter_delay.0;
    let since = || {
        let believed = scene.with_role(Role::Fence)?;
        if believed.number <= fence.asked.number {
            return Some(0);
        }
        Some(scene.at_most_between(fence.asked, believed)? + scene.at_most(believed)?)
    };
    match fence.by {
        By::ReadOnly => since().map_or(0, |since| delay.saturating_sub(since)),
        By::Door => 0,
    }
}

/// What was begun before the fence goes on behind it.
fn not_drained(scene: &Scene<'_>, fence: &Fence<'_, '_>, first: &Timed<'_>) -> Option<Look> {
    let goes_through = match fence.by {
        By::Door => "what was committing when its connection was killed goes on",
        By::ReadOnly => "a transaction that is prepared (XA) is committed under read_only",
    };
    let elsewhere = scene.steps.iter().find(|timed| {
        let other = [Host::Target, Host::Replica];
        let waits = |host| timed.waits_until(Until::NoOpenTransactions(host));
        timed.number < first.number && other.into_iter().any(waits)
    });
    let reason = match elsewhere {
        Some(wait) => format!(
            "\"{}\" waits on another server than the source: {goes_through}",
            wait.step.say
        ),
        None => format!(
            "no step waits until no transaction is open on the source before \"{}\": {goes_through}",
            first.step.say
        ),
    };
    let prepares = scene
        .plan
        .faults
        .iter()
        .any(|fault| matches!(fault.harm(), Ok(Harm::XaTransaction(_))));
    match prepares {
        true => Look::fail(format!("{reason}, and the scenario has such a one"), OPEN),
        false => Look::warn(reason, OPEN),
    }
}

/// A copy that nothing follows: it has what the source had at its cut, or when its load began.
pub(super) fn snapshot_behind_fence(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    let captures = |op: &Op<'_>| matches!(op, Op::CreateDmsTask(task) if task.captures());
    if scene.replicates().is_some() || scene.first(captures).is_some() {
        return None;
    }
    let statement = "SELECT @@global.gtid_executed;  -- on the source: the same before the snapshot and before the \
                     name moves";
    if let Some(look) = newest_is_older(scene) {
        return Some(look);
    }
    let loads = |op: &Op<'_>| matches!(op, Op::DmsTask(o) if o.action == TaskAction::Start && scene.loads_alone(&o.id));
    let loaded = scene.first(loads).filter(|_| scene.cut.is_none());
    let (cut, what) = match loaded {
        Some(load) => (load.begins, "the load begins"),
        None => (scene.cut?, "the snapshot is cut"),
    };
    match scene.fenced {
        Some(fenced) if fenced <= cut => {
            Look::pass(format!("the source takes no writes when {what}"), statement)
        }
        fenced => {
            let until = fenced.unwrap_or(repoint.ends).min(repoint.ends);
            let lost = match loaded {
                // A load reads a table when its turn comes.
                Some(_) => 0,
                None if surely_in_this_order(scene) => {
                    until.saturating_sub(scene.writable_behind(cut))
                }
                None => 0,
            };
            let early = about(until.saturating_sub(cut));
            let reason = format!(
                "nothing carries what is written after {what} to the target: {early} of writes are lost"
            );
            let reason = match loaded {
                Some(_) => format!(
                    "{what} {early} before the source is fenced, and nothing carries what is written to a table that it \
                     has read"
                ),
                None => reason,
            };
            Look::certain(
                Look::fail(reason, statement),
                scene.surely_writes(lost, 1.0),
            )
        }
    }
}

/// The newest snapshot that there is, where the runbook has taken none that can be restored by then.
fn newest_is_older(scene: &Scene<'_>) -> Option<Look> {
    let restores = scene.first(|op| matches!(op, Op::MigrateLatestSnapshot))?;
    let before = &scene.steps[..restores.number];
    let taken = before.iter().any(|timed| match timed.op {
        Op::CreateSnapshot(o) => {
            let waits = |t: &Timed<'_>| t.waits_until(Until::SnapshotAvailable(&o.id));
            o.of == Host::Source && (o.wait || before.iter().any(waits))
        }
        _ => false,
    });
    (!taken).then_some(())?;
    Look::fail(
        format!(
            "\"{}\" takes the newest snapshot that can be restored, and no step has taken one: it is an automated one, \
             about {} old when the run begins",
            restores.step.say, scene.plan.environment.source.last_backup
        ),
        "aws rds describe-db-snapshots --query 'DBSnapshots[].SnapshotCreateTime'",
    )
}

/// Whether the source is surely fenced only when the snapshot is cut: it is asked for later, or soon before.
fn surely_in_this_order(scene: &Scene<'_>) -> bool {
    let taken = scene.first(|op| matches!(op, Op::CreateSnapshot(_) | Op::CreateAuroraReplica));
    let (Some(fence), Some(taken)) = (scene.fence(), taken) else {
        return true;
    };
    fence.asked.number > taken.number || scene.at_most_between(fence.asked, taken).is_some()
}

pub(super) fn stays_fenced(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    if let Some(look) = lifted_early(scene) {
        return Some(look);
    }
    let fence = scene.fence()?;
    let back = scene.returns();
    let all = scene.fences(Host::Source).into_iter();
    let standing = all.filter(|fence| fence.stands_before(repoint));
    // As long as one of several stands, the source is closed. Where the application goes back, the way back says when it may
    // be opened.
    let lifted: Option<Vec<_>> = standing.map(|fence| fence.lifted).collect();
    let first = lifted.and_then(|all| all.into_iter().max_by_key(|lifted| lifted.number));
    match first {
        Some(step) if back.is_none() => Look::fail(
            format!(
                "\"{}\" opens the source while the application is on the target: who still has its address \
                 writes there, and nothing carries it over",
                step.step.say
            ),
            READ_ONLY,
        ),
        // Whether it is lifted too early on the way back, the way back's own checks say.
        Some(_) => None,
        None => Look::pass(
            match fence.by {
                By::Door => "the source lets no client in behind the cutover",
                By::ReadOnly => "the source stays read-only behind the cutover",
            },
            READ_ONLY,
        ),
    }
}
