//! Does the target count on from beyond every id that was ever given?

use super::{Look, scene::Scene};
use crate::runbook::{Host, Op};

/// The counters that are lost on the way are those of rows that are gone: a server that finds none takes the largest id that
/// is there plus one, and gives the ids of rows that were deleted to other ones.
pub(super) fn counters(scene: &Scene<'_>) -> Option<Look> {
    let opened = scene.moves()?;
    let before = &scene.steps[..opened.number];
    let environment = &scene.plan.environment;
    let made = before.iter().rev().find(|timed| {
        matches!(
            timed.op,
            Op::RestoreSnapshot(_)
                | Op::MigrateLatestSnapshot
                | Op::CreateAuroraReplica
                | Op::CreateCluster
        )
    })?;
    let empty = matches!(made.op, Op::CreateCluster);
    if !empty && environment.restores_auto_increments(Host::Target) {
        return None;
    }
    let statement = "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = 'shop';  -- on \
                     the source behind the fence; raise_auto_increment on the target before it is opened";
    // An Aurora MySQL 2 that is restarted loses what it was raised to.
    let restarts = before.iter().rfind(|timed| {
        matches!(timed.op, Op::EnableBinlog) && !environment.restores_auto_increments(Host::Target)
    });
    let lost = restarts.map_or(made.number, |step| step.number);
    let mut behind = before.iter().filter(|timed| timed.number > lost);
    if behind.any(|timed| matches!(timed.op, Op::RaiseAutoIncrement(_)) && timed.decides()) {
        let reason = format!(
            "AUTO_INCREMENT of every table is raised before \"{}\"",
            opened.step.say
        );
        return Look::pass(reason, statement);
    }
    let why = match empty {
        true => "DMS carries rows, and no counters of AUTO_INCREMENT".to_string(),
        false => format!(
            "up to MySQL 5.7 the counters of AUTO_INCREMENT are in memory alone, and the cluster of \"{}\" counts on from \
             the largest id that is there",
            made.step.say
        ),
    };
    let gone = "the ids of the youngest rows are given once more where these were deleted";
    let follows = scene.replicates().is_some() || scene.tasks_for_changes().next().is_some();
    match follows || empty {
        true => Look::warn(
            format!(
                "{why}: {gone}, in each table that gets no newer row until the application comes"
            ),
            statement,
        ),
        false => Look::fail(format!("{why}: {gone}"), statement),
    }
}
