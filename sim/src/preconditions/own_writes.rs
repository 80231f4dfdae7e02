//! Is what RDS writes into the source itself taken for a client's write?

use super::{
    Look,
    scene::{Scene, Timed, about},
    waits::before_cutover,
};
use crate::{
    environment::Retention,
    runbook::{CoordinatesFrom, Op, Until},
};

pub(super) fn own_writes(scene: &Scene<'_>) -> Option<Look> {
    let by_coordinates = scene.first_wait(|until| matches!(until, Until::SourceUnchangedSince(_)));
    by_coordinates
        .and_then(|wait| compared(scene, wait))
        .or_else(|| {
            let reads = scene.first_wait(|until| matches!(until, Until::NoWritesSince(_)));
            reads.and_then(|wait| read(scene, wait))
        })
}

/// The step that noted what a wait asks for, what it noted, and how long before, in µs at the least.
fn noted(scene: &Scene<'_>, wait: &Timed<'_>) -> Option<(u64, CoordinatesFrom, u64)> {
    let Op::Wait(o) = wait.op else { return None };
    let (Until::SourceUnchangedSince(name) | Until::NoWritesSince(name)) = o.until.kind().ok()?
    else {
        return None;
    };
    let (step, from) = scene.noted_before(name, wait)?;
    Some((step.ends, from, wait.begins.saturating_sub(step.ends)))
}

/// Whether a wait that fails is the migration's end, and nothing keeps RDS from what it does.
fn ends_it(scene: &Scene<'_>, wait: &Timed<'_>) -> bool {
    wait.decides() && before_cutover(scene, wait) && scene.plan.faults.is_empty()
}

/// Coordinates are the same only until RDS rotates the binlog and writes its heartbeat.
fn compared(scene: &Scene<'_>, wait: &Timed<'_>) -> Option<Look> {
    let (_, from, between) = noted(scene, wait)?;
    let source = &scene.plan.environment.source;
    let every = source.binlog_upload_every;
    let moves = match from {
        CoordinatesFrom::SourcePosition => "rotates the binlog",
        _ if source.rds_heartbeat => "writes mysql.rds_heartbeat2, with a GTID,",
        _ => return None,
    };
    let statement = "mysqlbinlog --read-from-remote-server -h source --start-position=<noted> --to-last-log <its file>  # \
                     nothing but mysql.rds_heartbeat2";
    let reason = format!(
        "\"{}\" compares coordinates, and RDS itself {moves} every {every}, behind any fence; they were noted {} before: \
         ask with `no_writes_since`",
        wait.step.say,
        about(between)
    );
    match between >= every.0 {
        true => Look::certain(
            Look::fail(reason, statement),
            between >= every.0 + every.0 / 4 && ends_it(scene, wait),
        ),
        false => Look::warn(reason, statement),
    }
}

/// Who reads the binlog on needs the file in which it was noted.
fn read(scene: &Scene<'_>, wait: &Timed<'_>) -> Option<Look> {
    let (at, _, between) = noted(scene, wait)?;
    let every = scene.plan.environment.source.binlog_upload_every.0;
    let statement = "CALL mysql.rds_show_configuration; CALL mysql.rds_set_configuration('binlog retention hours', 168);";
    let kept = match scene.retention_at(at) {
        Retention::None => 0,
        Retention::For(time) => time.0,
    };
    let say = &wait.step.say;
    if between <= kept {
        return Look::pass(
            format!(
                "\"{say}\" reads the binlog on from where it was, and its files are kept for longer"
            ),
            statement,
        );
    }
    let reason = format!(
        "\"{say}\" reads the binlog on from where it was {} before, and RDS has purged that file by then: nobody can tell \
         what was written",
        about(between)
    );
    let longer = scene.retention_at(wait.begins) != scene.retention_at(at);
    let purged = between >= kept + 2 * every + every / 4 && !longer;
    Look::certain(
        Look::fail(reason, statement),
        purged && ends_it(scene, wait),
    )
}
