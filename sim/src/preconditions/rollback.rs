//! A rollback that the runbook plans: over to the target, and back.

use super::{
    Look,
    scene::{Scene, about},
};
use crate::runbook::{CoordinatesFrom, Dialect, Host, Op};

/// What was written on the target must be on the source when the application is back there: it replicates from the target
/// from before that takes its first write.
pub(super) fn replicated_back(scene: &Scene<'_>) -> Option<Look> {
    let opened = scene.moves_some().or(scene.repoints())?;
    let returns = |op: &Op<'_>| matches!(op, Op::Repoint(o) if o.to == Host::Source);
    let mut later = scene.steps.iter().filter(|s| s.begins >= opened.begins);
    let back = later.find(|timed| returns(&timed.op))?;
    let status = Dialect::of(Host::Source, &scene.plan.environment).replica_status();
    let statement =
        &*format!("{status};  -- on the source, before the target takes its first write");
    let starts = |op: &Op<'_>| matches!(op, Op::StartReplication(Host::Source));
    let started = scene.first(starts).filter(|s| s.begins < back.begins);
    let mut sources = scene.steps.iter().filter_map(|timed| match timed.op {
        Op::SetExternalSource(o) if o.on == Host::Source => Some(o),
        _ => None,
    });
    let Some(from) = started.and_then(|_| sources.next()) else {
        let reason = format!(
            "nothing carries what the target takes in {} to the source, and the application goes back there: it is lost",
            about(back.begins.saturating_sub(opened.ends))
        );
        return Look::fail(reason, statement);
    };
    let by_dms = scene.first(|op| matches!(op, Op::CreateDmsTask(_)));
    if from.auto_position && by_dms.is_some() {
        let reason = "the source asks by GTID, and what DMS has written has GTIDs of the target: the source is sent \
                      every row that it has already";
        return Look::fail(reason, statement);
    }
    match from.at.as_deref().and_then(|name| scene.notes(name)) {
        Some((_, from)) if from != CoordinatesFrom::TargetPosition => Look::fail(
            "the source is told to begin at a position that is none of the target's binlog",
            statement,
        ),
        Some((read, _)) if read.begins >= opened.begins => Look::fail(
            format!(
                "\"{}\" reads where to begin {} after the target was opened: what that took before is never sent to the \
                 source",
                read.step.say,
                about(read.begins - opened.begins)
            ),
            statement,
        ),
        _ => Look::pass(
            "the source replicates from the target, from before its first write",
            statement,
        ),
    }
}
