//! Times, and whether the application arrives at a server that takes its writes.

use super::{
    Look,
    fences::Fence,
    scene::{Scene, Timed, about},
    waits::before_cutover,
};
use crate::{
    environment::Resolver,
    runbook::{Dialect, Host, OnFailure, Op, Step},
    workload::orders::SCHEMA_NAME,
    workload_spec,
};
use cutover_model::{
    ddl::{self, Context},
    dml,
};

pub(super) fn timeouts(scene: &Scene<'_>) -> Option<Look> {
    let statement = "the step's `timeout`";
    // What goes on when its time is over may be left undone, but for what everything else rests on.
    let takes = |timed: &Timed<'_>| match timed.step.on_failure {
        OnFailure::Continue if makes_target(&timed.op) => scene.takes(&timed.op, timed.begins),
        _ => timed.ends - timed.begins,
    };
    let is_too_long = |timed: &&Timed<'_>| takes(timed) > timed.step.limit().0;
    let too_long = scene.steps.iter().find(is_too_long);
    let Some(timed) = too_long else {
        return Look::pass("every step has more time than it takes", statement);
    };
    let takes = about(takes(timed));
    let timeout = timed.step.limit();
    let goes_on = match timed.step.on_failure {
        OnFailure::Continue => ", and goes on without a target",
        _ => "",
    };
    let reason = format!(
        "\"{}\" takes {takes} or more, and has failed after {timeout}{goes_on}",
        timed.step.say
    );
    // Another attempt looks first what has become of the one before; and once the application is on the target, a
    // migration may stand.
    let gives_up = timed.step.on_failure == OnFailure::Abort && before_cutover(scene, timed);
    Look::certain(Look::fail(reason, statement), gives_up)
}

pub(super) fn makes_target(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::RestoreSnapshot(_)
            | Op::MigrateLatestSnapshot
            | Op::CreateAuroraReplica
            | Op::CreateCluster
    )
}

pub(super) fn limit(scene: &Scene<'_>) -> Option<Look> {
    let clock = &scene.plan.clock;
    let starts = scene.starts_us();
    let ends = starts + scene.steps.last()?.ends;
    let statement = "clock.limit";
    let reason = format!(
        "the runbook begins after {}, and ends after {} at the least",
        about(starts),
        about(ends)
    );
    if ends > clock.limit.0 {
        let reason = format!("{reason}, and the run ends after {}", clock.limit);
        // Another seed comes to its first snapshot a little sooner or later, and begins with a recording accordingly.
        let certain = scene.recording.is_none();
        return Look::certain(Look::fail(reason, statement), certain);
    }
    let reason = format!("{reason}, of {}", clock.limit);
    // What a step takes beyond its least time is not known before a run.
    if ends > clock.limit.0 - clock.limit.0 / 4 {
        return Look::warn(format!("{reason}: that may not be enough"), statement);
    }
    Look::pass(reason, statement)
}

pub(super) fn downtime(scene: &Scene<'_>) -> Option<Look> {
    let promised = scene.plan.runbook.promises.downtime?;
    let repoint = scene.repoints()?;
    let fenced = scene.fenced?;
    let control = &scene.plan.environment.control_plane;
    let named = repoint.ends.max(repoint.begins + control.dns_change.0);
    // Clients that get an address of their own wait for no name.
    let first = scene.moves_some().filter(|share| share.ends < named);
    let (arrive, until) = match first {
        Some(share) => (share.ends, "the first clients' new address"),
        None => (named, "the name's change"),
    };
    let takes_writes = target_takes_writes(scene).unwrap_or(0);
    let (opened, until) = match takes_writes > arrive {
        true => (takes_writes, "the target's being writable"),
        false => (arrive, until),
    };
    let least = opened.saturating_sub(fenced);
    let statement = format!("the times between the fence and {until}");
    let reason = format!(
        "from the fence to {until} it is {} at the least",
        about(least)
    );
    if least > promised.0 {
        let reason = format!("{reason}, and {promised} are promised");
        let ordinary = scene.plan.environment.clients.privileged == 0;
        // A run that ends earlier has not seen more.
        let ends = scene.steps.last()?.ends + scene.plan.workload.after_cutover.0;
        let seen = opened.min(ends).saturating_sub(fenced) > promised.0;
        return Look::certain(
            Look::fail(reason, statement),
            ordinary && seen && scene.surely_writes(least, 1.0),
        );
    }
    let ttl = scene.plan.environment.names.ttl;
    let waits_for_name = first.is_none()
        && scene.plan.environment.clients.resolver == Resolver::Ttl
        && !matches!(repoint.op, Op::Repoint(o) if o.restart_clients);
    if waits_for_name && least.max((named + ttl.0).saturating_sub(fenced)) > promised.0 {
        return Look::warn(
            format!(
                "{reason}, and {promised} are promised: who has looked the name up just before it changes has the old \
                 address for another {ttl}"
            ),
            "names.ttl",
        );
    }
    Look::pass(format!("{reason}, of {promised}"), statement)
}

/// When the target takes writes, at the earliest, that was closed when the name moved or is opened for it; none where it
/// was never closed, or is not opened before the application goes back.
fn target_takes_writes(scene: &Scene<'_>) -> Option<u64> {
    let until = scene.returns().map_or(usize::MAX, |back| back.number);
    let opens = |fence: &Fence<'_, '_>| {
        let lifted = fence.lifted?;
        let earlier = fence.asked.number < scene.moves()?.number && lifted.number < until;
        // One that is lifted before it has arrived never stood.
        let stood = fence.effective.is_some_and(|at| at <= lifted.begins);
        (earlier && stood).then(|| scene.opens_at(fence))?
    };
    scene.fences(Host::Target).iter().filter_map(opens).max()
}

/// An operator whose machine is lost begins a step again.
pub(super) fn statements(scene: &Scene<'_>) -> Option<Look> {
    if let Some(look) = without_schema(scene) {
        return Some(look);
    }
    let typed = scene.steps.iter().filter_map(|timed| match timed.op {
        Op::RunSql(o) if dml::is_dml(&o.sql) => Some((timed, &o.sql)),
        _ => None,
    });
    let typed: Vec<_> = typed.collect();
    typed.first()?;
    let statement = "INSERT … with its key, UPDATE … SET column = value: statements that do nothing when they are \
                     typed again";
    let adds = |sql: &str| match dml::parse(sql, &Context::new(SCHEMA_NAME, ddl::Version::V8_0)) {
        Ok(dml::Dml::Update { sets, .. }) => sets
            .iter()
            .any(|(_, assigned)| matches!(assigned, dml::Assigned::Plus(_))),
        Ok(dml::Dml::Insert { .. }) => true,
        _ => false,
    };
    match typed.iter().find(|(_, sql)| adds(sql)) {
        Some((timed, _)) => Look::warn(
            format!(
                "\"{}\" does more, or fails, when it is done twice, as by an operator who comes back",
                timed.step.say
            ),
            statement,
        ),
        None => Look::pass("every statement may be typed twice", statement),
    }
}

/// A table that is created on the source in a schema which is not there: 1049, whenever the statement is typed.
fn without_schema(scene: &Scene<'_>) -> Option<Look> {
    if scene.plan.workload.kind != workload_spec::Kind::Orders {
        return None;
    }
    let context = Context::new(SCHEMA_NAME, ddl::Version::V8_0);
    let mut schemas = vec![SCHEMA_NAME.to_owned()];
    let lacks = scene.steps.iter().find_map(|timed| {
        let Op::RunSql(o) = timed.op else { return None };
        match ddl::parse(&o.sql, &context) {
            Ok(ddl::Statement::CreateSchema { name, .. }) if o.on == Host::Source => {
                schemas.push(name.to_string());
                None
            }
            Ok(ddl::Statement::CreateTable(table)) if o.on == Host::Source => {
                let schema = table.name.schema.to_string();
                (!schemas.contains(&schema)).then_some((timed, schema))
            }
            _ => None,
        }
    });
    let (timed, schema) = lacks.filter(|(timed, _)| timed.decides())?;
    let reason = format!(
        "\"{}\" creates a table in the schema {schema}, which nothing has created by then: error 1049",
        timed.step.say
    );
    let statement = format!("CREATE DATABASE {schema};  -- on the source, before it");
    Look::certain(Look::fail(reason, statement), before_cutover(scene, timed))
}

pub(super) fn target_closed(scene: &Scene<'_>) -> Option<Look> {
    let starts = scene.replicates()?;
    let moves = scene.moves()?;
    let statement = "CALL mysql.rds_set_read_only(1);  -- on the target, from Aurora 3.06 on";
    let typed = scene.steps[..moves.number]
        .iter()
        .find(|timed| matches!(timed.op, Op::RunSql(o) if o.on == Host::Target));
    if let Some(typed) = typed {
        return Look::fail(
            format!(
                "\"{}\" writes to the target before it is opened: what it does there the source does not have, and by \
                 GTID it is a transaction of the target's own",
                typed.step.say
            ),
            "SELECT GTID_SUBTRACT(@@global.gtid_executed, '<gtid_executed of the source>');  -- on the target, empty",
        );
    }
    let gate = scene.with_role(crate::runbook::Role::Gate);
    let until = gate
        .filter(|gate| gate.number < moves.number)
        .unwrap_or(moves);
    let fences = scene.fences(Host::Target);
    let closed = fences
        .iter()
        .find(|fence| fence.asked.number < until.number);
    let reason = match closed {
        None => "Aurora is writable while it replicates".to_string(),
        Some(fence) => match fence.lifted.filter(|l| l.number < until.number) {
            Some(lifted) => format!(
                "\"{}\" opens the target before \"{}\"",
                lifted.step.say, until.step.say
            ),
            None => return follows_closed(scene, fence, starts),
        },
    };
    Look::warn(
        format!(
            "{reason}: nobody may have its endpoint or a password for it before the name moves"
        ),
        statement,
    )
}

/// A target that is closed and stays so until the gate: from when on.
fn follows_closed(scene: &Scene<'_>, fence: &Fence<'_, '_>, starts: &Timed<'_>) -> Option<Look> {
    let statement = "SELECT @@global.read_only;  -- on the target, 1 before it replicates";
    let Some(effective) = fence.effective else {
        return Look::warn(
            format!(
                "\"{}\" keeps new clients from the target, and those that there are stay",
                fence.asked.step.say
            ),
            "CALL mysql.rds_kill(…);  -- on the target, for every client",
        );
    };
    let awaited = scene.awaited(fence);
    if effective <= starts.ends || awaited.is_some_and(|a| a.number < starts.number) {
        return Look::pass("the target is closed when it begins to follow", statement);
    }
    let later = format!(
        "the target is closed about {} after it begins to follow",
        about(effective - starts.ends)
    );
    match starts.op {
        // RDS starts it, and there is no moment before.
        Op::CreateAuroraReplica => Look::pass(later, statement),
        _ => Look::warn(
            format!("{later}, and until then whoever has its endpoint may write to it"),
            statement,
        ),
    }
}

/// `lasting` goes by the parameter group, which every version has.
pub(super) fn set_read_only(scene: &Scene<'_>) -> Option<Look> {
    let runbook = &scene.plan.runbook;
    let steps = [&runbook.steps, &runbook.abort, &runbook.stay];
    let calls = |step: &&Step| {
        step.set_read_only
            .is_some_and(|o| o.on == Host::Target && !o.lasting)
    };
    let step = steps.into_iter().flatten().find(calls)?;
    let statement = "SELECT @@aurora_version;  -- on the target, 3.06.0 or later";
    let version = &scene.plan.environment.target.engine_version;
    match Dialect::of(Host::Target, &scene.plan.environment).has_set_read_only() {
        true => Look::pass(format!("{version} has mysql.rds_set_read_only"), statement),
        false => Look::fail(
            format!(
                "\"{}\" calls mysql.rds_set_read_only, which {version} does not have (not modelled): the step fails \
                 there with 1305; `lasting = true` goes by the parameter group",
                step.say
            ),
            statement,
        ),
    }
}

/// Whether the application is pointed at a server that takes its writes, there and, where it goes back, back at the source.
pub(super) fn takes_writes(scene: &Scene<'_>) -> Option<Look> {
    let statement = "SELECT @@global.read_only;  -- on the server that the name points at, 0";
    if scene.moves().is_none() {
        let reason = "no step points the application at the target: nothing is cut over";
        return Look::certain(Look::fail(reason, "repoint = { to = \"target\" }"), true);
    }
    let Some(repoint) = scene.repoints() else {
        return Look::fail(
            "no step moves the name: the clients that are given no address of their own stay with the source",
            "repoint = { to = \"target\" }",
        );
    };
    let back = scene.returns();
    if let Some(fence) = shut_for(scene, Host::Target, repoint, back) {
        let reason = format!(
            "\"{}\" closes the target, and no step opens it again for the application",
            fence.asked.step.say
        );
        let before = fence.asked.number < repoint.number;
        return Look::certain(
            Look::fail(reason, statement),
            before && nobody_writes(scene),
        );
    }
    let shut = back.and_then(|back| Some((back, shut_for(scene, Host::Source, back, None)?)));
    if let Some((back, fence)) = shut {
        let reason = format!(
            "\"{}\" fences the source, and no step lifts that when the application goes back there",
            fence.asked.step.say
        );
        // One that fails on the way back leaves the application where it is.
        let before = fence.asked.number < back.number;
        let certain = before && scene.plan.runbook.stay.is_empty();
        return Look::certain(Look::fail(reason, statement), certain);
    }
    Look::pass(
        match back {
            None => "the target is open to the application when the runbook is done",
            Some(_) => "the target is opened to the application, and the source when it goes back",
        },
        statement,
    )
}

/// A host's fence that is not lifted for the application: asked for before that is pointed there, or, where it stays, at any
/// time.
fn shut_for<'s, 'p>(
    scene: &'s Scene<'p>,
    host: Host,
    arrives: &Timed<'_>,
    leaves: Option<&Timed<'_>>,
) -> Option<Fence<'s, 'p>> {
    let until = leaves.map_or(usize::MAX, |leaves| leaves.number);
    let mut fences = scene.fences(host).into_iter();
    fences.find(|fence| {
        let lifted = fence.lifted.is_some_and(|lifted| lifted.number < until);
        (leaves.is_none() || fence.asked.number < arrives.number) && !lifted
    })
}

/// Whether nobody gets a write through for longer than is promised, when the target that the application is pointed at is
/// closed to all.
pub(super) fn nobody_writes(scene: &Scene<'_>) -> bool {
    let plan = scene.plan;
    let ends = scene.steps.last().map_or(0, |last| last.ends);
    let moved = scene.repoints().map_or(ends, |repoint| repoint.ends);
    let after = ends - moved + plan.workload.after_cutover.0;
    let promised = plan.runbook.promises.downtime;
    promised.is_some_and(|promised| after > promised.0)
        && scene.surely_writes(after, 1.0)
        && scene.fenced.is_some()
        && scene.returns().is_none()
        && plan.runbook.stay.is_empty()
        && plan.environment.clients.privileged == 0
}
