//! Is the DMS task told to lose nothing?

use super::{
    Look,
    cutover::makes_target,
    scene::{Scene, Timed},
    tables::{tables, without_key},
};
use crate::{
    environment::RowImage,
    runbook::{CreateDmsTask, DmsUntil, Migrates, OnFailure, Op, Policy, Prep, TaskAction, Until},
    units::Bytes,
    workload_spec::{Kind, SideTable, tells_case},
};
use cutover_model::{row::is_lob, schema::TableDef};

/// `LobMaxSize` when nobody says one [D].
const LOB_MAX_SIZE: Bytes = Bytes(32 << 10);

fn task<'p>(scene: &Scene<'p>) -> Option<&'p CreateDmsTask> {
    scene.steps.iter().find_map(|timed| match timed.op {
        Op::CreateDmsTask(o) => Some(o),
        _ => None,
    })
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
    let names = written.iter().map(|t| t.name.as_str()).collect::<Vec<_>>();
    let names = names.join(", ");
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
    let created = |timed: &&Timed<'_>| matches!(timed.op, Op::CreateTriggers) && timed.decides();
    let Some(created) = scene.steps.iter().find(created) else {
        let lacks = format!(
            "{names}: a trigger of the source writes the rows, and no step creates it on the target"
        );
        let none = scene.first(|op| matches!(op, Op::CreateTriggers)).is_none();
        return Look::certain(Look::fail(lacks, statement), none);
    };
    if scene
        .moves()
        .is_some_and(|opened| opened.number < created.number)
    {
        return Look::fail(
            format!(
                "{names}: the triggers are created behind the repoint, and writes before that fire none"
            ),
            statement,
        );
    }
    match carries_at(scene, created.number) {
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

/// Whether some task may write to the target from this step on: it is not started, or neither stopped, deleted nor known
/// to have stopped by itself.
fn carries_at(scene: &Scene<'_>, at: usize) -> bool {
    let mut carrying: Vec<&str> = Vec::new();
    for timed in &scene.steps[..at] {
        match timed.op {
            Op::CreateDmsTask(o) => carrying.push(&o.id),
            Op::DmsTask(o) if matches!(o.action, TaskAction::Stop | TaskAction::Delete) => {
                carrying.retain(|id| *id != o.id);
            }
            Op::DmsTask(o) => carrying.push(&o.id),
            Op::Wait(_) if timed.decides() => {
                carrying.retain(|id| !timed.waits_for_task(id, DmsUntil::Stopped));
            }
            _ => {}
        }
    }
    let creates = |timed: &Timed<'_>| matches!(timed.op, Op::CreateDmsTask(_));
    !carrying.is_empty() || scene.steps[at..].iter().any(creates)
}

pub(super) fn lobs(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    let most = task.lob_max_size.unwrap_or(LOB_MAX_SIZE);
    let statement =
        "SELECT MAX(LENGTH(document)) FROM …;  -- on the source, below LobMaxSize; or FullLobMode";
    if task.full_lobs {
        return Look::pass(
            "the task carries LOBs of any length (FullLobMode)",
            statement,
        );
    }
    // How long a recording's are nobody has measured.
    let measured = scene.plan.workload.kind == Kind::Orders;
    match tables(scene, |t| t.lob > most, has_lobs) {
        Err(not_seen) => not_seen.look(statement),
        Ok(over) if over.is_empty() => {
            Look::pass("no LOB is longer than the task carries", statement)
        }
        Ok(over) if measured => Look::fail(
            format!(
                "{over}: LOBs longer than LobMaxSize, {most}: they are cut off, with a line in the log"
            ),
            statement,
        ),
        Ok(with) => Look::warn(
            format!(
                "{with} with LOBs: those longer than LobMaxSize, {most}, are cut off; how long they are was not looked at"
            ),
            statement,
        ),
    }
}

fn has_lobs(def: &TableDef) -> bool {
    def.columns.iter().any(|column| is_lob(&column.kind))
}

pub(super) fn keys(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    if task.migrates == Migrates::FullLoad {
        return None;
    }
    let statement = "awsdms_control.awsdms_validation_failures_v1, and the tables whose validation state is `No primary key`";
    match without_key(scene) {
        Err(not_seen) => not_seen.look(statement),
        Ok(without) if without.is_empty() => Look::pass("every table has a primary key", statement),
        Ok(without) => Look::fail(
            format!(
                "{without} without a primary key: what is captured while a table is loaded comes twice, and DMS \
                 validates no such table"
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
    let statement = "SELECT table_name, column_name, collation_name FROM information_schema.columns WHERE collation_name \
                     IS NOT NULL;  -- the same on the source and on the target";
    let Some(collation) = converted else {
        return Look::pass("every text keeps its collation", statement);
    };
    let telling = match tables(scene, SideTable::tells_case, text_tells_case) {
        Err(not_seen) => return not_seen.look(statement),
        Ok(telling) => telling,
    };
    if tells_case(collation) || telling.is_empty() {
        return Look::warn(
            format!(
                "every text gets {collation}: what is equal there is not what was equal before, and unique keys may \
                 refuse rows (1062)"
            ),
            statement,
        );
    }
    Look::fail(
        format!(
            "{telling}: texts that differ in nothing but small and capital letters are one under {collation}, and where \
             they are unique the second is refused (1062)"
        ),
        statement,
    )
}

fn text_tells_case(def: &TableDef) -> bool {
    let mut collations = def.columns.iter().filter_map(|c| c.collation.as_ref());
    collations.any(|collation| tells_case(&collation.name))
}

/// Keys and constraints that the target's tables were made without come before anybody writes there.
/// The step at which the tables are made without keys and constraints, and by whom: for later by `create_schema`, or by a
/// task that finds none, or drops those that there are.
fn made_bare<'s, 'p>(scene: &'s Scene<'p>) -> Option<(&'s Timed<'p>, &'static str)> {
    let for_later = scene.first(|op| matches!(op, Op::CreateSchema(o) if o.without_constraints));
    let by_task = scene.steps.iter().find(|timed| {
        let Op::DmsTask(o) = timed.op else {
            return false;
        };
        let before = &scene.steps[..timed.number];
        let made = before
            .iter()
            .any(|t| matches!(t.op, Op::CreateSchema(_)) && t.decides());
        let restored = before
            .iter()
            .any(|t| makes_target(&t.op) && !matches!(t.op, Op::CreateCluster));
        let makes = |task: &CreateDmsTask| {
            let drops = task.target_tables == Prep::DropAndCreate;
            task.id == o.id && task.migrates != Migrates::Cdc && (drops || !made && !restored)
        };
        let tasks = before.iter().filter_map(|t| match t.op {
            Op::CreateDmsTask(task) => Some(task),
            _ => None,
        });
        o.action == TaskAction::Start && tasks.into_iter().any(makes)
    });
    match (by_task, for_later) {
        (Some(step), _) => Some((
            step,
            "has DMS make the tables, with columns and a primary key",
        )),
        (None, Some(step)) => Some((step, "leaves foreign keys and indexes for later")),
        (None, None) => None,
    }
}

pub(super) fn constraints(scene: &Scene<'_>) -> Option<Look> {
    let (made, how) = made_bare(scene)?;
    let moves = scene.moves()?;
    let statement = "SHOW CREATE TABLE …;  -- the same on the source and on the target";
    let adds = |timed: &Timed<'_>| {
        matches!(timed.op, Op::AddConstraints(_)) && timed.number < moves.number && timed.decides()
    };
    match scene.behind(made).iter().any(adds) {
        true => Look::pass(
            "what the tables are made without is added before the name moves",
            statement,
        ),
        false => Look::fail(
            format!(
                "\"{}\" {how}, and no step that must succeed adds the rest before the name moves",
                made.step.say
            ),
            statement,
        ),
    }
}
