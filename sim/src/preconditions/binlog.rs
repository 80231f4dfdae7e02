//! Is the source's binlog what replication needs?

use super::{
    Look,
    scene::{Scene, about},
    waits::before_cutover,
};
use crate::{
    environment::{Checksum, Retention},
    runbook::{CoordinatesFrom, Dialect, Host, Op, Until},
    units::Micros,
};

/// Purged files end a migration by GTID and by position: error 1236. A file is closed at the next upload behind the
/// cut and purged at the first upload that finds it older than the retention.
pub(super) fn retention(scene: &Scene<'_>) -> Option<Look> {
    // For a read replica of its own RDS keeps the binlog itself.
    let starts = |op: &Op<'_>| matches!(op, Op::StartReplication(Host::Target));
    let started = scene.first(starts)?.ends;
    let cut = scene.cut?;
    let needed = started.saturating_sub(cut);
    let upload = scene.plan.environment.source.binlog_upload_every.0;
    let retention = scene.retention_at(Host::Source, cut);
    let hours = needed.div_ceil(Micros::hours(1).0) + 1;
    let statement = format!(
        "CALL mysql.rds_show_configuration; CALL mysql.rds_set_configuration('binlog retention hours', {});",
        hours.clamp(24, 168)
    );
    // A longer one that is set before the files are purged keeps them.
    let raised = scene.first(|op| matches!(op, Op::SetBinlogRetention(o) if o.on == Host::Source));
    let raised = raised.filter(|step| step.ends > cut);
    let as_it_was = raised.map_or(needed, |step| needed.min(step.begins.saturating_sub(cut)));
    let needed = about(needed);
    // What a read replica of RDS has not read is kept, too.
    let alone = scene
        .first(|op| matches!(op, Op::CreateReadReplica | Op::CreateAuroraReplica))
        .is_none();
    // Whoever goes on with the next file may find one, and what is left out may be nothing. By GTID nobody can.
    let by_position = |op: &Op<'_>| matches!(op, Op::SetExternalSource(o) if o.on == Host::Target && o.at.is_some());
    let skips = scene.skips_errors() && scene.first(by_position).is_some();
    match retention {
        Retention::None => {
            let reason = format!(
                "binlog retention hours is NULL when the snapshot is cut, and the target asks for the binlog {needed} \
                 later: RDS purges a file once it has uploaded it, every {}: error 1236",
                scene.plan.environment.source.binlog_upload_every
            );
            Look::certain(
                Look::fail(reason, statement),
                alone && !skips && as_it_was >= upload + upload / 4,
            )
        }
        Retention::For(kept) if needed > kept => {
            let reason = format!(
                "retention {kept} < {needed} from the snapshot's cut to the start of replication: purged binlogs, \
                 error 1236"
            );
            let surely = alone && !skips && as_it_was >= kept.0 + 2 * upload + upload / 4;
            Look::certain(Look::fail(reason, statement), surely)
        }
        Retention::For(kept) if needed.0 * 2 > kept.0 => Look::warn(
            format!(
                "retention {kept}, and replication starts {needed} after the snapshot's cut at the earliest: a slow \
                 restore, or a day's delay, ends in error 1236"
            ),
            statement,
        ),
        Retention::For(kept) => Look::pass(
            format!(
                "retention {kept} > {needed} from the snapshot's cut to the start of replication"
            ),
            statement,
        ),
    }
}

/// Without GTIDs a set of them is empty, and an empty set is a subset of any: `GTID_SUBSET('', …)` is 1.
pub(super) fn gtid_mode(scene: &Scene<'_>) -> Option<Look> {
    let by_gtid = |host| {
        scene.first(
            move |op| matches!(op, Op::SetExternalSource(o) if o.auto_position && o.on == host),
        )
    };
    let is_set = |name: &str| {
        let from = scene.notes(name).map(|(_, from)| from);
        from == Some(CoordinatesFrom::SourceGtidExecuted)
    };
    let (starts, returns) = (by_gtid(Host::Target), by_gtid(Host::Source));
    let gate = |until| matches!(until, Until::Applied(name) if is_set(name));
    let same = |until| matches!(until, Until::SourceUnchangedSince(name) if is_set(name));
    let gate = scene.first_wait(gate).is_some();
    let same = scene.first_wait(same).is_some();
    let environment = &scene.plan.environment;
    let (source, target) = (environment.source.gtid_mode, environment.target_has_gtids());
    let statement = "SELECT @@global.gtid_mode, @@global.enforce_gtid_consistency;  -- on source and target, both ON";
    if let Some(set) = starts.filter(|_| !target) {
        let reason = "the target finds its start by GTID, and has gtid_mode OFF: SOURCE_AUTO_POSITION cannot be configured, \
                      error 1777";
        let ends = set.decides() && before_cutover(scene, set);
        return Look::certain(Look::fail(reason, statement), ends);
    }
    if source != target && scene.replicates().is_some() {
        return other_mode(source);
    }
    if returns.is_some() && !source {
        let reason = "the source finds its start by GTID on the way back, and has gtid_mode OFF: SOURCE_AUTO_POSITION cannot \
                      be configured, error 1777";
        return Look::fail(reason, statement);
    }
    let back = |op: &Op<'_>| matches!(op, Op::StartReplication(Host::Source));
    if source != target && scene.first(back).is_some() {
        return other_mode(source);
    }
    if starts.is_none() && returns.is_none() && !gate && !same {
        return None;
    }
    if source {
        return Look::pass("gtid_mode is ON", statement);
    }
    match gate {
        true => Look::fail(
            "the gate waits for the GTIDs that the source has, and with gtid_mode OFF it has none: the gate opens at \
             once, whatever the target lacks",
            statement,
        ),
        false => Look::warn(
            "the source has no GTIDs, gtid_mode is OFF: that it is the same as before says nothing of what was written \
             meanwhile",
            statement,
        ),
    }
}

/// What is left out when replication has stopped is missing, and nothing that replication shows later tells of it.
pub(super) fn replication_errors(scene: &Scene<'_>) -> Option<Look> {
    scene.first_wait(|until| until.is_of_replication())?;
    let skips = scene.steps.iter().find_map(|timed| match timed.op {
        Op::Wait(wait) => Some((timed, wait.on, wait.skip_errors?)),
        _ => None,
    });
    let on = skips.as_ref().map_or(Host::Target, |(_, on, _)| *on);
    let status = Dialect::of(on, &scene.plan.environment).replica_status();
    let statement = format!(
        "{status};  -- before anything is skipped; and what was skipped is compared, table by table, before the name moves"
    );
    match skips {
        None => Look::pass("nothing skips an error of replication", statement),
        Some((timed, on, errors)) => Look::fail(
            format!(
                "\"{}\" skips up to {errors} errors: each time the {} may lack a whole transaction, or the rest of a file, \
                 and neither the lag nor a gate shows it",
                timed.step.say,
                on.name()
            ),
            statement,
        ),
    }
}

/// One of the servers has `gtid_mode` ON and the other OFF: nothing goes from one to the other.
fn other_mode(source: bool) -> Option<Look> {
    let mode = |on| if on { "ON" } else { "OFF" };
    let statement = match source {
        true => {
            "SELECT @@global.gtid_mode;  -- on source and target, the same; with enforce_gtid_consistency it is a parameter of a \
             custom cluster parameter group"
        }
        false => {
            "SELECT @@global.gtid_mode;  -- on source and target, the same; or CALL \
             mysql.rds_assign_gtids_to_anonymous_transactions('LOCAL') on Aurora MySQL 3, which is not modelled"
        }
    };
    Look::fail(
        format!(
            "the source has gtid_mode {}, and the target's cluster parameter group {}: the receiver stops, error 13117",
            mode(source),
            mode(!source)
        ),
        statement,
    )
}

pub(super) fn start_coordinate(scene: &Scene<'_>) -> Option<Look> {
    let sets = |op: &Op<'_>| matches!(op, Op::SetExternalSource(o) if o.on == Host::Target && o.at.is_some());
    let set = scene.first(sets)?;
    let Op::SetExternalSource(o) = set.op else {
        return None;
    };
    let (read, from) = scene.noted_before(o.at.as_deref()?, set)?;
    let cut = scene.cut?;
    let statement = "aws rds describe-events --source-type db-instance  # \"Binlog position from crash recovery is \
                     FILE POSITION\"";
    if from == CoordinatesFrom::RecoveryEvent {
        return Look::pass(
            "replication starts where the restored instance says that the snapshot was cut",
            statement,
        );
    }
    if from == CoordinatesFrom::ReplicaPosition {
        return replicas_coordinate(scene, read.begins.min(cut));
    }
    if from == CoordinatesFrom::TargetPosition {
        let reason = "the position is where the target's own binlog ends: in the source's it is any place, or none";
        return Look::fail(reason, statement);
    }
    // Behind the fence nothing moves, and any moment is as good.
    if scene
        .fenced
        .is_some_and(|fenced| fenced <= read.begins.min(cut))
    {
        return Look::pass(
            "the source is fenced when it is read, and at the cut",
            statement,
        );
    }
    let gtids = scene.plan.environment.source.gtid_mode;
    if read.begins < cut && gtids {
        return Look::warn(
            "the position is the source's own, read before the snapshot's cut: what comes twice is skipped by its \
             GTID, and without GTIDs it would be applied twice",
            statement,
        );
    }
    let (gap, wrong) = match read.begins >= cut {
        true => (
            read.begins.saturating_sub(scene.writable_behind(cut)),
            "too late: what was committed in between is never streamed",
        ),
        false => (
            cut - read.ends.min(cut),
            "too early: what was committed in between is applied twice, error 1062",
        ),
    };
    let reason = format!(
        "the position is the source's own, read {} {} the snapshot's cut: {wrong}",
        about(gap),
        if read.begins >= cut {
            "after"
        } else {
            "before"
        },
    );
    // Whoever skips what comes twice may get through: it is there already.
    let stops = read.begins >= cut || !scene.skips_errors();
    let surely = stops && scene.surely_writes(gap, 1.0);
    Look::certain(Look::fail(reason, statement), surely)
}

/// The position is how far a read replica had come, which must be in the snapshot, and nothing more: it is one of the
/// replica, which stood still for both.
fn replicas_coordinate(scene: &Scene<'_>, first: u64) -> Option<Look> {
    let dialect = Dialect::of(Host::Replica, &scene.plan.environment);
    let (file, position) = dialect.applied_columns();
    let statement = format!(
        "{};  -- on the read replica: {} No, and {file}, {position}",
        dialect.replica_status(),
        dialect.applier_column()
    );
    let of_replica = |op: &Op<'_>| matches!(op, Op::CreateSnapshot(o) if o.of == Host::Replica);
    if scene.first(of_replica).is_none() {
        let reason =
            "the position is how far a read replica has come, and the snapshot is none of it";
        return Look::fail(reason, statement);
    }
    let stops = |op: &Op<'_>| matches!(op, Op::StopReplication(Host::Replica));
    let stopped = scene.first(stops).is_some_and(|s| s.begins < first);
    match stopped {
        true => Look::pass(
            "the read replica stands still when its position is read, and at its snapshot's cut",
            statement,
        ),
        false => Look::fail(
            "the read replica goes on between its position and its snapshot's cut: what it applies in between is applied \
             twice, or never streamed",
            statement,
        ),
    }
}

pub(super) fn durability(scene: &Scene<'_>) -> Option<Look> {
    let source = &scene.plan.environment.source;
    let (sync, flush) = (source.sync_binlog, source.innodb_flush_log_at_trx_commit);
    let statement = "SELECT @@global.sync_binlog, @@global.innodb_flush_log_at_trx_commit;  -- on the source, both 1";
    if (sync, flush) == (1, 1) {
        return Look::pass(
            "sync_binlog = 1 and innodb_flush_log_at_trx_commit = 1",
            statement,
        );
    }
    Look::warn(
        format!(
            "sync_binlog = {sync} and innodb_flush_log_at_trx_commit = {flush}: a crash of the source loses commits \
             that were acknowledged, and that the target may have already"
        ),
        statement,
    )
}

pub(super) fn checksum(scene: &Scene<'_>) -> Option<Look> {
    scene.replicates()?;
    let statement = "SELECT @@global.binlog_checksum;  -- on the source";
    match scene.plan.environment.source.binlog_checksum {
        Checksum::Crc32 => Look::pass("binlog_checksum is CRC32", statement),
        Checksum::None => Look::warn(
            "binlog_checksum is NONE: a damaged event is applied as it comes",
            statement,
        ),
    }
}

pub(super) fn relay_log(scene: &Scene<'_>) -> Option<Look> {
    let by_position = |op: &Op<'_>| matches!(op, Op::SetExternalSource(o) if o.at.is_some());
    scene.first(by_position)?;
    let environment = &scene.plan.environment;
    let statement = "SELECT @@global.relay_log_recovery, @@global.replica_preserve_commit_order;  -- on the target";
    if environment.target.relay_log_recovery && !environment.commits_out_of_order() {
        return Look::pass(
            "relay_log_recovery is ON, and commits are applied in order",
            statement,
        );
    }
    Look::warn(
        "a crash of the target while it replicates by position skips or repeats transactions: relay_log_recovery and \
         replica_preserve_commit_order must be ON",
        statement,
    )
}
