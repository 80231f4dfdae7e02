//! Can the target take the tables over, and keep up?

use super::{
    Look,
    scene::{Scene, about},
};
use crate::{
    environment::Target,
    plan::Plan,
    runbook::{Dialect, Host, OnFailure, Op, Until, patch_of_8_0},
    workload_spec::{Engine, Kind, SideTable},
};
use cutover_model::schema::TableDef;
use std::collections::BTreeSet;

/// A cut comes later than it does at the least by less than this.
const LATER_US: u64 = 3_000_000;
/// A restored copy has what MyISAM had written back, every half a minute at the latest.
const WRITE_BACK_US: u64 = 30_000_000;

/// The names of the tables that are such, by the scenario's declaration or by the recording's, with commas between them;
/// empty: there is none.
pub(super) fn tables(
    scene: &Scene<'_>,
    of_shop: impl Fn(&SideTable) -> bool,
    recorded: impl Fn(&TableDef) -> bool,
) -> Result<String, NotSeen> {
    let workload = &scene.plan.workload;
    let names: BTreeSet<String> = match (workload.kind, scene.recording) {
        (Kind::Orders, _) => {
            let such = workload.tables.iter().filter(|t| of_shop(t));
            such.map(|t| t.name.clone()).collect()
        }
        (Kind::Binlog, Some(recording)) => {
            let such = recording.declarations().filter(|def| recorded(def));
            such.map(TableDef::full_name).collect()
        }
        (Kind::Binlog, None) => return Err(NotSeen),
    };
    Ok(Vec::from_iter(names).join(", "))
}

/// The traffic is a recording, and nobody has read it.
pub(super) struct NotSeen;

impl NotSeen {
    pub(super) fn look(self, statement: &str) -> Option<Look> {
        Look::warn("the recording's tables were not looked at", statement)
    }
}

pub(super) fn engines(scene: &Scene<'_>) -> Option<Look> {
    let cut = scene.cut?;
    let statement = "SELECT table_schema, table_name, engine FROM information_schema.tables WHERE engine <> 'InnoDB' \
                     AND table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema');  \
                     -- ALTER TABLE … ENGINE = InnoDB";
    let myisam =
        |t: &SideTable| t.engine == Engine::Myisam && !scene.has_altered(&t.name, "INNODB", cut);
    let torn = match tables(scene, myisam, |def| &*def.engine != "innodb") {
        Ok(torn) if torn.is_empty() => {
            return Look::pass("every table is InnoDB", statement);
        }
        Ok(torn) => torn,
        Err(not_seen) => return not_seen.look(statement),
    };
    // Behind a fence that is older than that, everything has been written back.
    let quiet = scene.fenced.is_some_and(|f| f + WRITE_BACK_US <= cut);
    if quiet {
        return Look::warn(
            format!(
                "{torn} not in InnoDB: nothing was written for {} before the cut, so what a snapshot has of them is whole; \
                 they may be marked as crashed all the same",
                about(WRITE_BACK_US)
            ),
            statement,
        );
    }
    let reason = format!(
        "{torn} not in InnoDB, without crash recovery: the snapshot has what the operating system had written back by \
         then, and nothing streams the rest"
    );
    let since_written_back = (scene.starts_us() + cut) % WRITE_BACK_US;
    // Behind a fence nothing is missing; and a cut that comes a little later than at the least may find everything
    // written back.
    let behind_fence = scene.fenced.map_or(0, |f| cut.saturating_sub(f));
    let missing = since_written_back.saturating_sub(behind_fence);
    let placed = scene.orders_per_s().0 * scene.slowest_hour();
    let surely = scene.writes_per_s().is_some()
        && scene.plan.faults.is_empty()
        && placed * missing as f64 / 1e6 >= 40.0
        && since_written_back + LATER_US < WRITE_BACK_US;
    Look::certain(Look::fail(reason, statement), surely)
}

pub(super) fn primary_keys(scene: &Scene<'_>) -> Option<Look> {
    scene.replicates()?;
    let statement = "SELECT t.table_schema, t.table_name FROM information_schema.tables t LEFT JOIN \
                     information_schema.table_constraints c ON c.table_schema = t.table_schema AND c.table_name = \
                     t.table_name AND c.constraint_type = 'PRIMARY KEY' WHERE c.table_name IS NULL AND t.table_type = \
                     'BASE TABLE';";
    match without_key(scene) {
        Err(not_seen) => not_seen.look(statement),
        Ok(without) if without.is_empty() => Look::pass("every table has a primary key", statement),
        Ok(without) => Look::warn(
            format!(
                "{without} without a primary key: the applier may look at every row to find one"
            ),
            statement,
        ),
    }
}

/// The tables without a primary key, where what is carried over begins.
pub(super) fn without_key(scene: &Scene<'_>) -> Result<String, NotSeen> {
    tables(scene, |t| lacks_key(scene, t), |def| def.primary.is_none())
}

fn lacks_key(scene: &Scene<'_>, table: &SideTable) -> bool {
    let begins = scene.replicates().map_or(u64::MAX, |timed| timed.begins);
    !table.primary_key && !scene.has_altered(&table.name, "PRIMARY KEY", begins)
}

/// Seconds of one worker that a second of the source's traffic takes to apply.
fn load(scene: &Scene<'_>) -> Option<f64> {
    let target = &scene.plan.environment.target;
    let rows = scene.rows_per_write() * target.apply_row.0 as f64;
    let each = target.apply_transaction.0 as f64 + rows;
    Some(scene.writes_per_s()? * each / 1e6 + scanning(scene, target))
}

/// The part of it that looking for rows without a key takes, with as many rows as there are by the start of
/// replication.
fn scanning(scene: &Scene<'_>, target: &Target) -> f64 {
    let (placed, changed) = scene.orders_per_s();
    let began = scene.starts_us();
    let until = scene.replicates().map_or(0, |timed| timed.ends);
    let rows = placed * (began + until) as f64 / 1e6;
    let tables = scene.plan.workload.tables.iter();
    let without = tables.filter(|t| lacks_key(scene, t)).count() as f64;
    changed * without * rows * target.scan_row.0 as f64 / 1e6
}

/// A change of a table that holds the applier up for less is none that anybody is to be warned of, in µs.
const LONG_US: u64 = 10_000_000;

/// Seconds of one worker that a second of the source's traffic may take to apply, whatever depends on what.
pub(crate) const EASY_LOAD: f64 = 0.7;

/// Seconds of one worker that a second of a plan's traffic takes to apply in the busiest hour; none where nothing is
/// replicated, or where the traffic is a recording.
pub(crate) fn applier_load(plan: &Plan) -> Option<f64> {
    let rates = plan.workload.rate_by_hour.iter().copied();
    let Some(busiest) = rates.reduce(f64::max) else {
        return load_of_start(plan);
    };
    let mut plan = plan.clone();
    plan.workload.rate_by_hour.clear();
    plan.workload.rate_per_s *= busiest;
    load_of_start(&plan)
}

fn load_of_start(plan: &Plan) -> Option<f64> {
    let scene = Scene::of(plan);
    scene.replicates()?;
    load(&scene)
}

/// Whether the runbook goes on only when the target has little left to apply of a source that is written to. An applier
/// that is too slow comes to any place that was noted before, if late.
fn waits_under_writes(scene: &Scene<'_>) -> bool {
    /// Seconds of lag.
    const LITTLE: u64 = 10;
    scene
        .first(|op| {
            let Op::Wait(wait) = op else { return false };
            let little = matches!(
                wait.until.kind(),
                Ok(Until::CaughtUp(s) | Until::SecondsBehindSource(s)) if s <= LITTLE
            );
            little && wait.on == Host::Target
        })
        .is_some_and(|wait| {
            let written = scene.fenced.is_none_or(|fenced| wait.begins < fenced);
            written && wait.step.on_failure != OnFailure::Continue
        })
}

/// On the way over; and on the way back, where a DMS task was the way over.
pub(super) fn apply_rate(scene: &Scene<'_>) -> Option<Look> {
    let back = |op: &Op<'_>| *op == Op::StartReplication(Host::Source);
    let (follows, written) = match scene.replicates() {
        Some(_) => ("target", "source"),
        None => scene.first(back).map(|_| ("source", "target"))?,
    };
    let load = load(scene)?;
    let environment = &scene.plan.environment;
    let workers = environment.parallel_workers().max(1);
    let statement = "SELECT @@global.replica_parallel_workers;  -- on the target, 4 or more from Aurora 3.04 on";
    let reason = format!(
        "a second of the {written}'s writes takes {load:.3} s of an applier, and the {follows} has {workers}"
    );
    let busy = load / f64::from(workers);
    if busy > 1.0 {
        let never = format!("{reason}: it never catches up while the {written} is written to");
        let undisturbed = scene.plan.faults.is_empty();
        let certain = busy > 1.5 && undisturbed && waits_under_writes(scene);
        return Look::certain(Look::fail(never, statement), certain);
    }
    if workers > 1 && !Dialect::of(Host::Target, environment).applies_in_parallel() {
        let one = format!(
            "{reason}, which Aurora {} cannot have: several apply from Aurora MySQL 2.12.1 on",
            environment.target.engine_version
        );
        return Look::warn(one, statement);
    }
    let held_up = scene.holds_applier_up();
    if let Some((what, takes)) = held_up.filter(|(_, takes)| *takes >= LONG_US) {
        return Look::warn(
            format!(
                "{reason}; {what} holds the applier up for about {}, and nothing behind it is applied meanwhile",
                about(takes)
            ),
            "SHOW PROCESSLIST;  -- on the target; no ALTER TABLE on the source before the cutover",
        );
    }
    match load > EASY_LOAD {
        true => Look::warn(
            format!("{reason}: transactions that depend on one another are applied one by one"),
            statement,
        ),
        false => Look::pass(reason, statement),
    }
}

pub(super) fn snapshot_io(scene: &Scene<'_>) -> Option<Look> {
    let suspends = |op: &Op<'_>| match op {
        Op::CreateSnapshot(o) => o.of == Host::Source,
        // RDS takes one for it.
        Op::CreateAuroraReplica | Op::CreateReadReplica => true,
        _ => false,
    };
    let taken = scene.first(suspends)?;
    let environment = &scene.plan.environment;
    let statement = "aws rds describe-db-instances --query 'DBInstances[].MultiAZ'";
    if environment.source.multi_az {
        return Look::pass("Multi-AZ: the snapshot is cut from the standby", statement);
    }
    let suspends = environment.control_plane.snapshot_suspends_io;
    let reason = format!("Single-AZ: the snapshot suspends the source's I/O for about {suspends}");
    match scene.plan.runbook.promises.downtime {
        Some(promised) if suspends > promised => Look::certain(
            Look::fail(
                format!("{reason}, and a downtime of {promised} at the most is promised"),
                statement,
            ),
            // Behind a fence clients may be kept from waiting for it.
            scene.fenced.is_none_or(|fenced| fenced > taken.begins)
                && scene.surely_writes(suspends.0, 1.0),
        ),
        _ => Look::warn(reason, statement),
    }
}

pub(super) fn version(scene: &Scene<'_>) -> Option<Look> {
    scene.first(|op| {
        matches!(
            op,
            Op::RestoreSnapshot(_) | Op::CreateAuroraReplica | Op::MigrateLatestSnapshot
        )
    })?;
    let (source, target) = (
        &scene.plan.environment.source.engine_version,
        &scene.plan.environment.target.engine_version,
    );
    let number =
        |text: &str, place: usize| -> Option<u32> { text.split('.').nth(place)?.parse().ok() };
    let series = (number(source, 0)?, number(source, 1)?);
    let statement = "aws rds describe-db-engine-versions --engine aurora-mysql --query 'DBEngineVersions[].EngineVersion'";
    let own = target.rsplit_once("aurora.")?.1;
    let (major, minor) = (number(own, 0)?, number(own, 1)?);
    if major < 3 {
        let reason = format!("Aurora {own} is MySQL 5.7, and the source has {source}");
        return match series > (5, 7) {
            true => Look::fail(
                format!("{reason}: no snapshot is restored into an older series"),
                statement,
            ),
            false => Look::pass(reason, statement),
        };
    }
    let known = Some(minor).filter(|_| major == 3).and_then(patch_of_8_0);
    if series > (8, 0) {
        let reason = format!("{source} is newer than any Aurora 3, which is MySQL 8.0");
        return Look::fail(reason, statement);
    }
    let Some(patch) = known else {
        let reason = format!("which MySQL Aurora {own} is, is not known here");
        return Look::warn(reason, statement);
    };
    let newer = series == (8, 0) && number(source, 2)? > patch;
    let reason = format!("Aurora 3.{minor:02} is MySQL 8.0.{patch}, and the source has {source}");
    match newer {
        true => Look::warn(
            format!("{reason}, which is newer: RDS may refuse to make the cluster (not modelled)"),
            statement,
        ),
        false => Look::pass(reason, statement),
    }
}
