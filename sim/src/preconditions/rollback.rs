//! A rollback that the runbook plans: over to the target, and back. The way back needs what the way over needs: a stream
//! from before the first write, a fence, and a gate behind it.

use super::{
    Look,
    fences::{By, Fence},
    scene::{Scene, Timed, about},
};
use crate::{
    environment::Retention,
    runbook::{CoordinatesFrom, Dialect, Host, OnFailure, Op, SetExternalSource, Until},
    units::Micros,
};

const HAS_ALL: &str = "SELECT GTID_SUBSET('<gtid_executed of the target, read behind its fence>', \
                       @@global.gtid_executed);  -- on the source, 1";

/// Whether the replication back runs.
fn runs(scene: &Scene<'_>) -> String {
    let status = Dialect::of(Host::Source, &scene.plan.environment).replica_status();
    format!("{status};  -- on the source, before the target takes its first write")
}

/// What was written on the target must be on the source when the application is back there: it replicates from the target
/// from before that takes its first write.
pub(super) fn replicated_back(scene: &Scene<'_>) -> Option<Look> {
    let opened = scene.moves()?;
    let back = scene.returns()?;
    let starts = |op: &Op<'_>| matches!(op, Op::StartReplication(Host::Source));
    let started = scene.first(starts).filter(|s| s.number < back.number);
    let configured = started.and_then(|started| {
        let mut before = scene.steps[..started.number].iter().rev();
        before.find_map(|timed| match timed.op {
            Op::SetExternalSource(o) if o.on == Host::Source => Some(o),
            _ => None,
        })
    });
    let Some((started, from)) = started.zip(configured) else {
        let reason = format!(
            "nothing carries what the target takes in {} to the source, and the application goes back there: it is lost",
            about(back.begins.saturating_sub(opened.ends))
        );
        return Look::fail(reason, runs(scene));
    };
    if let Some(look) = without_binlog(scene, started, opened) {
        return Some(look);
    }
    if let Some(look) = wrong_start(scene, from, started, opened) {
        return Some(look);
    }
    if let Some(look) = circle(scene, opened) {
        return Some(look);
    }
    if started.number > opened.number {
        return Look::warn(
            format!(
                "the source begins to replicate from the target {} after that is opened: that it can is known only then",
                about(started.begins.saturating_sub(opened.ends))
            ),
            runs(scene),
        );
    }
    Look::pass(
        "the source replicates from the target, from before its first write",
        runs(scene),
    )
}

/// The target has no binlog of its own unless it is told to write one.
fn without_binlog(scene: &Scene<'_>, started: &Timed<'_>, opened: &Timed<'_>) -> Option<Look> {
    let statement = "aws rds modify-db-cluster-parameter-group … ParameterName=binlog_format,ParameterValue=ROW  # and a \
                     restart, before the target is opened";
    let enabled = scene.first(|op| matches!(op, Op::EnableBinlog));
    let late = match enabled {
        Some(e) if e.number < started.number && e.number < opened.number => return None,
        Some(e) => format!(
            "the target writes no binlog before \"{}\": what it takes until then is not in it, and a source that asks \
             for it is refused (error 1236)",
            e.step.say
        ),
        None => "the target writes no binlog (`enable_binlog`): the source that asks for it is refused (error 1236)"
            .to_string(),
    };
    // Whoever asks whether it runs is told, and gives up before the cutover.
    let asks = scene.behind(started).iter().find(|timed| {
        matches!(timed.op, Op::Wait(wait) if wait.on == Host::Source
            && wait.until.kind() == Ok(Until::ReplicationRunning))
    });
    let gives_up = asks.is_some_and(|asks| {
        let aborts = matches!(asks.step.on_failure, OnFailure::Abort | OnFailure::Retry);
        asks.number < opened.number && aborts
    });
    Look::certain(Look::fail(late, statement), enabled.is_none() && gives_up)
}

/// Where the source is told to begin.
fn wrong_start(
    scene: &Scene<'_>,
    from: &SetExternalSource,
    started: &Timed<'_>,
    opened: &Timed<'_>,
) -> Option<Look> {
    let by_dms = scene
        .first(|op| matches!(op, Op::CreateDmsTask(_)))
        .is_some();
    if from.auto_position && by_dms {
        let reason = "the source asks by GTID, and what DMS has written has GTIDs of the target: the source is sent \
                      every row that it has already";
        return Look::fail(reason, runs(scene));
    }
    let (read, from) = scene.noted_before(from.at.as_deref()?, started)?;
    let say = &read.step.say;
    let reason = match from {
        CoordinatesFrom::TargetPosition if read.number > opened.number => format!(
            "\"{say}\" reads where to begin {} after the target was opened: what that took before is never sent to the \
             source",
            about(read.begins - opened.begins)
        ),
        CoordinatesFrom::TargetPosition => {
            let ended = scene.no_longer_carried();
            let early = by_dms && ended.is_none_or(|ended| ended.number > read.number);
            if !early {
                return None;
            }
            format!(
                "\"{say}\" reads where to begin while DMS still writes to the target: the source is sent rows that it \
                 has already"
            )
        }
        _ => "the source is told to begin at a position that is none of the target's binlog".into(),
    };
    Look::fail(reason, runs(scene))
}

/// Replication forth goes on while replication back runs.
fn circle(scene: &Scene<'_>, opened: &Timed<'_>) -> Option<Look> {
    let ended = scene.no_longer_carried();
    if ended.is_some_and(|ended| ended.number < opened.number) {
        return None;
    }
    scene
        .replicates()
        .or(scene.first(|op| matches!(op, Op::CreateDmsTask(_))))?;
    Look::fail(
        "the target still follows the source when it is opened, and the source follows the target: a circle",
        "CALL mysql.rds_stop_replication; CALL mysql.rds_reset_external_source;  -- on the target, behind the gate",
    )
}

/// A day: how long an outage of what replicates back may last, before files go that it has not sent.
const A_DAY: Micros = Micros::hours(24);

/// The one that keeps files for a shorter time.
fn lower(a: Retention, b: Retention) -> Retention {
    match (a, b) {
        (Retention::For(a), Retention::For(b)) => Retention::For(a.min(b)),
        _ => Retention::None,
    }
}

/// Aurora purges what no dump thread reads.
pub(super) fn retention_back(scene: &Scene<'_>) -> Option<Look> {
    let started = scene.first(|op| matches!(op, Op::StartReplication(Host::Source)))?;
    let opened = scene
        .moves()
        .filter(|opened| opened.number < started.number);
    let late = opened.map_or(0, |opened| started.ends.saturating_sub(opened.begins));
    // The lowest between the first write and the connection: a file that is gone comes back by none.
    let at = |us| scene.retention_at(Host::Target, us);
    let retention = match opened {
        Some(opened) if late > 0 => lower(at(opened.begins), at(started.begins)),
        _ => at(started.begins),
    };
    let statement = "CALL mysql.rds_set_configuration('binlog retention hours', 168);  -- on the target, before its first \
                     write";
    let asks = match late {
        0 => String::new(),
        late => format!(
            ", and the source asks for what the target has taken {} after that is opened",
            about(late)
        ),
    };
    match retention {
        Retention::None => Look::warn(
            format!(
                "binlog retention hours of the target is NULL{asks}: Aurora cleans up what no dump thread reads, and when the \
                 source, or the link, has been away for a while it may be refused (error 1236): then there is no way back"
            ),
            statement,
        ),
        Retention::For(kept) if late > kept.0 => Look::fail(
            format!("binlog retention of the target is {kept}{asks}: purged binlogs, error 1236"),
            statement,
        ),
        Retention::For(kept) if kept < A_DAY => Look::warn(
            format!(
                "binlog retention of the target is {kept}{asks}: an outage that is longer ends the way back"
            ),
            statement,
        ),
        Retention::For(kept) => Look::pass(
            format!("binlog retention of the target is {kept}{asks}"),
            statement,
        ),
    }
}

/// The target's fence that stands when the application goes back.
fn fence_of_target<'s, 'p>(scene: &'s Scene<'p>) -> Option<Fence<'s, 'p>> {
    let (opened, back) = (scene.moves()?, scene.returns()?);
    let fence = scene.fence_before(Host::Target, back)?;
    (fence.asked.number > opened.number).then_some(fence)
}

/// Whether the target takes no writes any more when the application goes back to the source.
pub(super) fn fenced_back(scene: &Scene<'_>) -> Option<Look> {
    let back = scene.returns()?;
    let statement = "SELECT @@global.read_only;  -- on the target, until 1";
    let Some(fence) = fence_of_target(scene) else {
        return Look::fail(
            format!(
                "no fence of the target stands when \"{}\" takes the application back: who keeps a connection goes on \
                 writing there, and it is lost",
                back.step.say
            ),
            statement,
        );
    };
    if let Some(lifted) = fence.lifted {
        return Look::fail(
            format!(
                "\"{}\" opens the target again while the application is on the source",
                lifted.step.say
            ),
            statement,
        );
    }
    let first = rests_on(scene, &fence, back);
    let Some(awaited) = scene.awaited(&fence).filter(|a| a.number < first.number) else {
        let late = match fence.by {
            By::ReadOnly => {
                "a parameter group that reaches the target later, and no step waits for it that stops when \
                             it does not"
            }
            By::Door => {
                "a security group that decides on new connections alone, and nothing kills those that there are"
            }
        };
        return Look::fail(format!("\"{}\" rests on {late}", first.step.say), statement);
    };
    if scene
        .drained(&fence)
        .is_none_or(|d| d.number > first.number)
    {
        return Look::warn(
            format!(
                "between \"{}\" and \"{}\" no step waits until no transaction is open on the target: one that is \
                 prepared (XA) is committed behind the fence",
                awaited.step.say, first.step.say
            ),
            "SELECT COUNT(*) FROM information_schema.innodb_trx;  -- on the target, until 0",
        );
    }
    match fence.asked.op {
        Op::SetReadOnly(o) if !o.lasting => Look::warn(
            "the target is fenced by mysql.rds_set_read_only, which a restart of its server forgets",
            "lasting = true",
        ),
        _ => Look::pass(
            "the target takes no writes any more when the application goes back",
            statement,
        ),
    }
}

/// What rests on the target's fence: the note that the gate of the way back waits for, the source's being opened, the name.
fn rests_on<'s, 'p>(
    scene: &'s Scene<'p>,
    fence: &Fence<'_, '_>,
    back: &'s Timed<'p>,
) -> &'s Timed<'p> {
    let mut behind = scene.behind(fence.asked).iter();
    let rests = |timed: &&Timed<'_>| match timed.op {
        Op::ReadCoordinates(o) => matches!(
            o.from,
            CoordinatesFrom::TargetPosition | CoordinatesFrom::TargetGtidExecuted
        ),
        Op::SetReadOnly(o) => o.on == Host::Source && !o.value,
        Op::AdmitClients(o) => o.on == Host::Source && o.value,
        Op::Repoint(_) => true,
        _ => false,
    };
    behind.find(rests).unwrap_or(back)
}

/// The wait that says that the source has applied what was noted, behind the cutover.
fn gate_of_source<'s, 'p>(
    scene: &'s Scene<'p>,
    back: &Timed<'_>,
) -> Option<(&'s Timed<'p>, &'p str)> {
    let opened = scene.moves()?;
    scene.steps[..back.number]
        .iter()
        .rev()
        .find_map(|timed| match timed.op {
            Op::Wait(wait)
                if wait.on == Host::Source && timed.number > opened.number && timed.decides() =>
            {
                match wait.until.kind() {
                    Ok(Until::Applied(name)) => Some((timed, name)),
                    _ => None,
                }
            }
            _ => None,
        })
}

/// Whether the source has everything of the target's before the application is back.
pub(super) fn gated_back(scene: &Scene<'_>) -> Option<Look> {
    let (opened, back) = (scene.moves()?, scene.returns()?);
    let Some((gate, name)) = gate_of_source(scene, back) else {
        return Look::fail(
            "no step waits until the source has applied what is noted behind the target's fence: a lag says nothing of \
             what it has not received, and a wait that goes on when it fails says nothing at all",
            HAS_ALL,
        );
    };
    let early = scene.steps[opened.number..gate.number]
        .iter()
        .find(|timed| match timed.op {
            Op::SetReadOnly(o) => o.on == Host::Source && !o.value,
            Op::AdmitClients(o) => o.on == Host::Source && o.value,
            Op::ResetExternalSource(on) => on == Host::Source,
            _ => false,
        });
    if let Some(early) = early {
        return Look::fail(
            format!(
                "\"{}\" comes before the source has what the target took",
                early.step.say
            ),
            HAS_ALL,
        );
    }
    let (noted, from) = scene.noted_before(name, gate)?;
    let say = &noted.step.say;
    if !matches!(
        from,
        CoordinatesFrom::TargetPosition | CoordinatesFrom::TargetGtidExecuted
    ) {
        return Look::fail(
            format!(
                "the gate of the way back waits for what is noted in \"{say}\", which is none of the target's"
            ),
            HAS_ALL,
        );
    }
    let fenced = fence_of_target(scene).and_then(|fence| scene.awaited(&fence));
    if fenced.is_none_or(|fenced| fenced.number > noted.number) {
        return Look::fail(
            format!(
                "\"{say}\" notes what the gate of the way back waits for before the target surely takes no writes: what \
                 is committed in between need not be on the source"
            ),
            HAS_ALL,
        );
    }
    Look::pass(
        "the source is waited for until it has what the target had behind its fence",
        HAS_ALL,
    )
}
