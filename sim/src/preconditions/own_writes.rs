//! Is what RDS writes into the source itself taken for a client's write?

use super::{
    Look, Status,
    scene::{Scene, Timed, about},
    waits::before_cutover,
};
use crate::{
    environment::Retention,
    runbook::{CoordinatesFrom, Host, Op, Until},
};

/// The worst of what there is to say of each step that asks.
pub(super) fn own_writes(scene: &Scene<'_>) -> Option<Look> {
    let looks = scene.steps.iter().filter_map(|wait| {
        let Op::Wait(o) = wait.op else { return None };
        let (name, reads) = match o.until.kind().ok()? {
            Until::SourceUnchangedSince(name) => (name, false),
            Until::NoWritesSince(name) => (name, true),
            _ => return None,
        };
        let (noted, from) = scene.noted_before(name, wait)?;
        let asks = Asks { wait, noted, from };
        match reads {
            true => asks.reads(scene),
            false => asks.compares(scene),
        }
    });
    looks.max_by_key(|look| {
        let status = match look.status {
            Status::Pass => 0,
            Status::Warn => 1,
            Status::Fail => 2,
        };
        (status, look.certain)
    })
}

/// A step that asks whether the source was written to since another has noted where it was.
struct Asks<'s, 'p> {
    wait: &'s Timed<'p>,
    noted: &'s Timed<'p>,
    from: CoordinatesFrom,
}

impl Asks<'_, '_> {
    /// How long there is between the two at the least, in µs.
    fn between(&self) -> u64 {
        self.wait.begins.saturating_sub(self.noted.ends)
    }

    /// Whether a place in the source's binlog was noted: by the source itself, by a replica of it, or as a snapshot has it.
    fn is_position(&self) -> bool {
        !matches!(
            self.from,
            CoordinatesFrom::SourceGtidExecuted | CoordinatesFrom::TargetGtidExecuted
        )
    }

    /// Whether the wait is the migration's end when it fails, and nothing keeps RDS from what it does.
    fn ends_it(&self, scene: &Scene<'_>) -> bool {
        self.wait.decides() && before_cutover(scene, self.wait) && scene.plan.faults.is_empty()
    }

    /// Coordinates are the same only until RDS rotates the binlog and writes its heartbeat.
    fn compares(&self, scene: &Scene<'_>) -> Option<Look> {
        let source = &scene.plan.environment.source;
        let (every, between) = (source.binlog_upload_every, self.between());
        let is_position = self.is_position();
        let moves = match is_position {
            true => "rotates the binlog",
            // Without GTIDs the set is empty, whatever is written: `gtid-mode` says so.
            false if source.rds_heartbeat && source.gtid_mode => {
                "writes mysql.rds_heartbeat2, which has a GTID,"
            }
            false => return None,
        };
        let statement = "mysqlbinlog --read-from-remote-server -h source --start-position=<noted> --to-last-log <its \
                         file>  # nothing but mysql.rds_heartbeat2";
        let reason = format!(
            "\"{}\" compares coordinates that were noted {} before, and RDS itself {moves} every {every}, behind any \
             fence: ask with `no_writes_since`",
            self.wait.step.say,
            about(between)
        );
        // While a snapshot suspends I/O nothing is written.
        let goes_on = is_position || source.multi_az;
        match between >= every.0 {
            true => {
                let surely = goes_on && between >= every.0 + every.0 / 4 && self.ends_it(scene);
                Look::certain(Look::fail(reason, statement), surely)
            }
            false => Look::warn(reason, statement),
        }
    }

    /// Who reads the binlog on needs the file in which it was noted, or with GTIDs the one behind it.
    fn reads(&self, scene: &Scene<'_>) -> Option<Look> {
        let source = &scene.plan.environment.source;
        let (every, between) = (source.binlog_upload_every.0, self.between());
        let statement = "CALL mysql.rds_show_configuration; CALL mysql.rds_set_configuration('binlog retention hours', 168);";
        let say = &self.wait.step.say;
        let is_position = self.is_position();
        if !is_position && !source.gtid_mode {
            let reason = format!(
                "\"{say}\" asks for what has other GTIDs than those that were noted, and with gtid_mode OFF nothing has one: \
                 note `source-position`"
            );
            return Look::certain(
                Look::fail(reason, "SELECT @@global.gtid_mode;  -- on the source, ON"),
                self.ends_it(scene),
            );
        }
        // Where nothing has a GTID behind those that were noted, the newest file is enough.
        let newest = !is_position && !source.rds_heartbeat;
        let (kept, most) = self.kept(scene);
        if newest || kept >= 2 * between && kept > 0 {
            return Look::pass(
                format!(
                    "\"{say}\" reads the binlog on from where it was, and what it needs is kept"
                ),
                statement,
            );
        }
        let needs = format!(
            "\"{say}\" reads the binlog on from where it was {} before at the least",
            about(between)
        );
        // A file is closed by one rotation, and purged by a later one.
        let rotations = if is_position { 2 } else { 3 };
        if between <= kept + (rotations - 1) * every {
            let kept = match kept {
                0 => "only until the upload behind its end".to_string(),
                kept => format!("for {}", about(kept)),
            };
            return Look::warn(
                format!(
                    "{needs}, and RDS keeps that file {kept}: when the steps between take longer, nobody can tell what \
                     was written"
                ),
                statement,
            );
        }
        let purged = |kept| between >= kept + rotations * every + every / 4;
        match purged(kept) {
            true => Look::certain(
                Look::fail(
                    format!(
                        "{needs}, and by then RDS has purged that file: nobody can tell what was written"
                    ),
                    statement,
                ),
                purged(most) && self.ends_it(scene),
            ),
            false => Look::warn(
                format!(
                    "{needs}, and by then RDS may have purged that file: nobody can tell what was written"
                ),
                statement,
            ),
        }
    }

    /// The shortest and the longest binlog retention between the two, in µs.
    fn kept(&self, scene: &Scene<'_>) -> (u64, u64) {
        let us = |retention| match retention {
            Retention::None => 0,
            Retention::For(time) => time.0,
        };
        let first = us(scene.retention_at(Host::Source, self.noted.ends));
        let behind = scene.steps[self.noted.number..self.wait.number].iter();
        let changes = behind.filter(|t| matches!(t.op, Op::SetBinlogRetention(_)));
        changes.fold((first, first), |(least, most), step| {
            let kept = us(scene.retention_at(Host::Source, step.ends));
            (least.min(kept), most.max(kept))
        })
    }
}
