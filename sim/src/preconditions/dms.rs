//! Is the DMS task told to lose nothing?

use super::{
    Look,
    scene::{Scene, Timed},
};
use crate::{
    environment::RowImage,
    runbook::{CreateDmsTask, DmsUntil, Migrates, OnFailure, Op, Policy, TaskAction, Until},
    units::Bytes,
    workload_spec::{SideTable, tells_case},
};

/// `LobMaxSize` when nobody says one [D].
const LOB_MAX_SIZE: Bytes = Bytes(32 << 10);

fn task<'p>(scene: &Scene<'p>) -> Option<&'p CreateDmsTask> {
    scene.steps.iter().find_map(|timed| match timed.op {
        Op::CreateDmsTask(o) => Some(o),
        _ => None,
    })
}

fn names(tables: &[&SideTable]) -> String {
    let names: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
    names.join(", ")
}

pub(super) fn errors(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    // A load inserts and does nothing else.
    let applies = task.migrates != Migrates::FullLoad;
    let policies = [
        ("ApplyErrorInsertPolicy", task.insert_errors, true),
        ("ApplyErrorUpdatePolicy", task.update_errors, applies),
        ("ApplyErrorDeletePolicy", task.delete_errors, applies),
        ("DataErrorPolicy", task.data_errors, true),
    ];
    let swallows = |policy| matches!(policy, Policy::IgnoreRecord | Policy::LogError);
    let swallowing: Vec<&str> = policies
        .iter()
        .filter(|(_, policy, counts)| *counts && swallows(*policy))
        .map(|(name, ..)| *name)
        .collect();
    let statement =
        "SELECT COUNT(*) FROM awsdms_control.awsdms_apply_exceptions;  -- on the target, 0";
    match swallowing.is_empty() {
        true => Look::pass("a row that cannot be written stops something", statement),
        false => Look::fail(
            format!(
                "{}: a row that cannot be written is noted at most, and the task goes on without it",
                swallowing.join(", ")
            ),
            statement,
        ),
    }
}

/// A task that captures fails as it is started where it is not given whole rows, and who waits for it is told.
pub(super) fn row_image(scene: &Scene<'_>) -> Option<Look> {
    let captures =
        |op: &Op<'_>| matches!(op, Op::CreateDmsTask(o) if o.migrates != Migrates::FullLoad);
    let created = scene.first(captures)?;
    let Op::CreateDmsTask(task) = created.op else {
        return None;
    };
    let statement = "SELECT @@global.binlog_row_image;  -- on the source, FULL; `source.binlog_row_image = \"full\"`";
    let image = match scene.plan.environment.source.binlog_row_image {
        RowImage::Full => return Look::pass("the binlog has whole rows", statement),
        RowImage::Minimal => "MINIMAL",
        RowImage::Noblob => "NOBLOB",
    };
    let opened = scene.repoints().map_or(u64::MAX, |timed| timed.begins);
    let awaits = |timed: &&Timed<'_>| {
        let on_task = match timed.op {
            Op::Wait(o) => match o.until.kind() {
                Ok(Until::Dms(dms)) => dms.task == task.id && dms.kind().is_ok_and(notices),
                _ => false,
            },
            _ => false,
        };
        on_task && timed.ends <= opened && timed.step.on_failure != OnFailure::Continue
    };
    let awaited = scene.steps.iter().any(|timed| awaits(&timed));
    Look::certain(
        Look::fail(
            format!(
                "binlog_row_image is {image}, and DMS captures with FULL alone: the task fails as it starts"
            ),
            statement,
        ),
        awaited,
    )
}

/// Whether a wait comes to no good end when the task has failed.
fn notices(until: DmsUntil<'_>) -> bool {
    match until {
        DmsUntil::Loaded
        | DmsUntil::Stopped
        | DmsUntil::Latency(_)
        | DmsUntil::CaughtUp(_)
        | DmsUntil::Checkpoint(_) => true,
        // They look at the tables.
        DmsUntil::Validated | DmsUntil::NothingMismatched => false,
    }
}

/// DMS carries rows, no triggers: they are created on the target, and not while a task's own INSERTs would fire them.
pub(super) fn triggers(scene: &Scene<'_>) -> Option<Look> {
    task(scene)?;
    let tables = scene.plan.workload.tables.iter();
    let written: Vec<&SideTable> = tables.filter(|t| t.trigger).collect();
    if written.is_empty() {
        return None;
    }
    let statement = "SELECT TRIGGER_NAME FROM information_schema.triggers;  -- on the target, before it is opened and behind the task's end";
    let names = names(&written);
    let restored = |op: &Op<'_>| {
        matches!(
            op,
            Op::RestoreSnapshot(_) | Op::MigrateLatestSnapshot | Op::CreateAuroraReplica
        )
    };
    if scene.first(restored).is_some() {
        return Look::fail(
            format!(
                "{names}: the target has the triggers from the snapshot, and a task's INSERTs fire them again"
            ),
            statement,
        );
    }
    let created = |timed: &&Timed<'_>| matches!(timed.op, Op::CreateTriggers);
    let Some(created) = scene.steps.iter().find(created) else {
        let lacks = format!(
            "{names}: a trigger of the source writes the rows, and no step creates it on the target"
        );
        return Look::certain(Look::fail(lacks, statement), true);
    };
    if scene
        .repoints()
        .is_some_and(|opened| opened.begins < created.begins)
    {
        return Look::fail(
            format!(
                "{names}: the triggers are created behind the repoint, and writes before that fire none"
            ),
            statement,
        );
    }
    match carries_at(scene, created.begins) {
        false => Look::pass(
            "the triggers are created when nothing is carried over any more",
            statement,
        ),
        true => Look::fail(
            format!(
                "{names}: the triggers are created while a task writes to the target, and its INSERTs fire them again"
            ),
            statement,
        ),
    }
}

/// Whether some task may write to the target from this time on: it is not started, or neither stopped, deleted nor known
/// to have stopped by itself.
fn carries_at(scene: &Scene<'_>, at: u64) -> bool {
    let mut carrying: Vec<&str> = Vec::new();
    for timed in scene.steps.iter().filter(|timed| timed.ends <= at) {
        match timed.op {
            Op::CreateDmsTask(o) => carrying.push(&o.id),
            Op::DmsTask(o) if matches!(o.action, TaskAction::Stop | TaskAction::Delete) => {
                carrying.retain(|id| *id != o.id);
            }
            Op::DmsTask(o) => carrying.push(&o.id),
            Op::Wait(o) => {
                if let Ok(Until::Dms(dms)) = o.until.kind()
                    && dms.kind() == Ok(DmsUntil::Stopped)
                {
                    carrying.retain(|id| *id != dms.task);
                }
            }
            _ => {}
        }
    }
    let created_later = scene
        .steps
        .iter()
        .any(|timed| timed.ends > at && matches!(timed.op, Op::CreateDmsTask(_)));
    created_later || !carrying.is_empty()
}

pub(super) fn lobs(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    let most = task.lob_max_size.unwrap_or(LOB_MAX_SIZE);
    let tables = scene.plan.workload.tables.iter();
    let over: Vec<&SideTable> = tables.filter(|t| t.lob > most).collect();
    let statement =
        "SELECT MAX(LENGTH(document)) FROM …;  -- on the source, below LobMaxSize; or FullLobMode";
    if task.full_lobs || over.is_empty() {
        return Look::pass("no LOB is longer than the task carries", statement);
    }
    Look::fail(
        format!(
            "{}: LOBs longer than LobMaxSize, {most}: they are cut off, with a line in the log",
            names(&over)
        ),
        statement,
    )
}

pub(super) fn keys(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    if task.migrates == Migrates::FullLoad {
        return None;
    }
    let tables = scene.plan.workload.tables.iter();
    let without: Vec<&SideTable> = tables.filter(|t| !t.primary_key).collect();
    let statement = "awsdms_control.awsdms_validation_failures_v1, and the tables whose validation state is `No primary key`";
    match without.is_empty() {
        true => Look::pass("every table has a primary key", statement),
        false => Look::fail(
            format!(
                "{} without a primary key: what is captured while a table is loaded comes twice, and DMS validates \
                 no such table",
                names(&without)
            ),
            statement,
        ),
    }
}

pub(super) fn batch_apply(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    let statement = "BatchApplyEnabled = false before the gate";
    match task.batch_apply {
        false => Look::pass("changes are applied by transaction", statement),
        true => Look::warn(
            "changes are applied table by table, net by key: parent and child rows come apart until a batch is done",
            statement,
        ),
    }
}

pub(super) fn collations(scene: &Scene<'_>) -> Option<Look> {
    let converted = scene.steps.iter().find_map(|timed| match timed.op {
        Op::CreateSchema(o) => Some(o.collation.as_deref()),
        _ => None,
    })?;
    let tables = scene.plan.workload.tables.iter();
    let telling: Vec<&SideTable> = tables.filter(|t| t.tells_case()).collect();
    let statement = "SELECT table_name, column_name, collation_name FROM information_schema.columns WHERE collation_name \
                     IS NOT NULL;  -- the same on the source and on the target";
    match converted {
        None => Look::pass("every text keeps its collation", statement),
        Some(collation) if tells_case(collation) || telling.is_empty() => Look::warn(
            format!(
                "every text gets {collation}: what is equal there is not what was equal before, and unique keys may \
                 refuse rows (1062)"
            ),
            statement,
        ),
        Some(collation) => Look::fail(
            format!(
                "{}: codes that differ in nothing but small and capital letters are one under {collation}, and the \
                 second is refused (1062)",
                names(&telling)
            ),
            statement,
        ),
    }
}
