//! Can the application log in at the target?

use super::{
    Look,
    cutover::nobody_writes,
    scene::{Scene, Timed},
};
use crate::{
    faults::Kind,
    plan::Plan,
    runbook::{Dialect, Host, Op},
};

/// From where the target has the application's account when it is given clients.
#[derive(Clone, Copy, Debug)]
struct Copied<'s, 'p> {
    /// The step that cut the snapshot, or copied the accounts.
    step: &'s Timed<'p>,
    /// When, at the earliest, in µs since the runbook began.
    at_us: u64,
}

/// The last step before a moment from which the target has accounts; none when it has none then.
fn copied<'s, 'p>(scene: &'s Scene<'p>, until: &Timed<'_>) -> Option<Copied<'s, 'p>> {
    let before = scene.steps[..until.number].iter().rev();
    let step = before.clone().find_map(|step| match step.op {
        Op::CopyUsers => Some((step, step.begins)),
        Op::CreateAuroraReplica => Some((step, scene.cut.unwrap_or(step.begins))),
        // A backup of before the runbook.
        Op::MigrateLatestSnapshot => Some((step, 0)),
        Op::RestoreSnapshot(o) => {
            let cut = scene.first(|op| matches!(op, Op::CreateSnapshot(cut) if cut.id == o.id))?;
            Some((cut, cut.begins))
        }
        _ => None,
    });
    step.map(|(step, at_us)| Copied { step, at_us })
}

/// Whether the source refuses a new password from then on until the application is on the target: it is read-only. A
/// security group keeps clients out, and not who changes passwords.
fn behind_read_only(scene: &Scene<'_>, at_us: u64) -> bool {
    let fence = scene
        .fence()
        .filter(|f| matches!(f.asked.op, Op::SetReadOnly(_)));
    let effective = fence.and_then(|fence| fence.effective);
    effective.is_some_and(|effective| effective <= at_us)
}

/// Whether statements about accounts come to a host by its binlog replication.
fn replicates_accounts(scene: &Scene<'_>, host: Host) -> bool {
    let starts = |op: &Op<'_>| match op {
        Op::StartReplication(on) => *on == host,
        Op::CreateAuroraReplica => host == Host::Target,
        _ => false,
    };
    Dialect::of(host, &scene.plan.environment).replicates_accounts()
        && scene.first(starts).is_some()
}

/// Whether the application can log in wherever it is pointed at, whenever its password is changed.
pub(crate) fn password_may_change(plan: &Plan) -> bool {
    let scene = Scene::of(plan);
    let Some(opened) = scene.moves() else {
        return true;
    };
    let Some(copied) = copied(&scene, opened) else {
        return false;
    };
    let there = behind_read_only(&scene, copied.at_us) && copied.step.decides()
        || replicates_accounts(&scene, Host::Target);
    let back = scene.returns().is_none() || replicates_accounts(&scene, Host::Source);
    there && back
}

pub(super) fn accounts(scene: &Scene<'_>) -> Option<Look> {
    let opened = scene.moves()?;
    let statement =
        "pt-show-grants --host source | mysql -h target  -- copy_users, behind the fence";
    let Some(copied) = copied(scene, opened) else {
        let makes = scene.first(|op| matches!(op, Op::CreateCluster))?;
        let reason = format!(
            "\"{}\" makes a cluster without accounts, and none are copied before \"{}\": error 1045 for every client",
            makes.step.say, opened.step.say
        );
        let never = scene.first(|op| matches!(op, Op::CopyUsers)).is_none();
        let surely = never && nobody_writes(scene);
        return Look::certain(Look::fail(reason, statement), surely);
    };
    let from = &copied.step.step.say;
    let changes = scene.plan.faults.iter().any(|fault| {
        let kind = fault.harm().ok().map(|harm| harm.kind());
        kind == Some(Kind::PasswordChanged)
    });
    if behind_read_only(scene, copied.at_us) {
        return Look::pass(
            format!(
                "the target has its accounts from \"{from}\", when no password changes any more"
            ),
            statement,
        );
    }
    if replicates_accounts(scene, Host::Target) {
        return Look::pass(
            "statements about accounts are replicated to Aurora MySQL 2",
            statement,
        );
    }
    let reason = format!(
        "the target has its accounts from \"{from}\", and what changes in them until the cutover does not come to it"
    );
    match changes {
        true => Look::fail(
            format!("{reason}: the application's password does in this plan"),
            statement,
        ),
        false => Look::warn(
            format!(
                "{reason}: nobody may change a password meanwhile, neither may Secrets Manager"
            ),
            statement,
        ),
    }
}
