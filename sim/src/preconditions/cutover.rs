//! Fence, gate, times, and the way back.

use super::{
    Look,
    scene::{Scene, Timed, about},
};
use crate::{
    runbook::{CoordinatesFrom, Dialect, Host, Migrates, OnFailure, Op, Role, Step, Until},
    units::Micros,
};
use cutover_model::dml;

const READ_ONLY: &str = "SELECT @@global.read_only;  -- on the source, until 1";

pub(super) fn fence(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    let statement = "aws rds modify-db-parameter-group --db-parameter-group-name source --parameters \
                     ParameterName=read_only,ParameterValue=1,ApplyMethod=immediate";
    if let Some(asked) = asks_for_fence(scene).filter(|asked| asked.begins < repoint.begins) {
        let told = match asked.op {
            Op::AdmitClients(_) => "the source lets no client in before the name moves",
            _ => "the source is told to be read-only before the name moves",
        };
        return Look::pass(told, statement);
    }
    let reason = "nothing makes the source read-only before the application is repointed: whoever keeps a connection \
                  or an address goes on writing to it, and what is committed there behind the gate is lost";
    // Pools keep their connections.
    let environment = &scene.plan.environment;
    let stays = (environment.clients.max_lifetime.0 / 2).min(scene.plan.workload.after_cutover.0);
    let restarted = matches!(repoint.op, Op::Repoint(o) if o.restart_clients);
    let window = if restarted { 0 } else { stays };
    Look::certain(
        Look::fail(reason, statement),
        scene.surely_writes(window, 0.5),
    )
}

/// What rests on the fence: the note that the gate waits for, a snapshot behind it, the name.
fn rests_on<'s, 'p>(scene: &'s Scene<'p>, asked: &Timed<'p>) -> Option<&'s Timed<'p>> {
    scene.steps.iter().find(|timed| {
        timed.begins >= asked.ends
            && match timed.op {
                Op::ReadCoordinates(o) => o.from != CoordinatesFrom::RecoveryEvent,
                Op::CreateSnapshot(_) | Op::Repoint(_) => true,
                Op::RunSql(o) => o.on == Host::Source && super::sentinel::writes(&o.sql),
                _ => false,
            }
    })
}

fn asks_for_fence<'s, 'p>(scene: &'s Scene<'p>) -> Option<&'s Timed<'p>> {
    scene.first(|op| match op {
        Op::SetReadOnly(o) => o.on == Host::Source && o.value,
        Op::AdmitClients(o) => o.on == Host::Source && !o.value,
        _ => false,
    })
}

/// A source that lets no client in has those that were there until they are killed, and what they had begun until that
/// is decided.
fn closed_effective(scene: &Scene<'_>, asked: &Timed<'_>, first: &Timed<'_>) -> Option<Look> {
    let statement = "SELECT COUNT(*) FROM information_schema.innodb_trx;  -- on the source, until 0, behind \
                     CALL mysql.rds_kill(…) for every client";
    let between = |is: &dyn Fn(&Op<'_>) -> bool| {
        let within = |t: &&Timed<'_>| t.begins >= asked.ends && t.ends <= first.begins;
        scene.steps.iter().filter(within).any(|t| is(&t.op))
    };
    let kills = between(&|op| matches!(op, Op::KillConnections(Host::Source)));
    let waits = between(&|op| {
        let until = Ok(Until::NoOpenTransactions(Host::Source));
        matches!(op, Op::Wait(o) if o.until.kind() == until)
    });
    match (kills, waits) {
        (true, true) => Look::pass(
            "the clients' connections are killed, and nothing is open any more",
            statement,
        ),
        (true, false) => Look::warn(
            "no step waits until no transaction is open: what was committing when its connection was killed goes on",
            statement,
        ),
        (false, _) => Look::fail(
            format!(
                "\"{}\" rests on a security group that decides on new connections alone: those that there are stay, \
                 and nothing kills them",
                first.step.say
            ),
            statement,
        ),
    }
}

pub(super) fn fence_effective(scene: &Scene<'_>) -> Option<Look> {
    let asked = asks_for_fence(scene)?;
    let first = rests_on(scene, asked)?;
    if let Op::AdmitClients(_) = asked.op {
        return closed_effective(scene, asked, first);
    }
    let waits = |timed: &&Timed<'_>| {
        let reads =
            matches!(timed.op, Op::Wait(o) if o.until.kind() == Ok(Until::ReadOnly(Host::Source)));
        reads && timed.begins >= asked.ends && timed.ends <= first.begins
    };
    if scene.steps.iter().any(|timed| waits(&timed)) {
        return Look::pass("the server is asked until it is read-only", READ_ONLY);
    }
    let fenced = scene.fenced.unwrap_or(0);
    let rests_from = match first.op {
        Op::CreateSnapshot(_) => scene.writable_behind(scene.cut.unwrap_or(first.begins)),
        _ => first.begins,
    };
    let early = fenced.saturating_sub(rests_from);
    let reason = format!(
        "\"{}\" rests on a parameter group that reaches the server about {} later: no step waits for \
         `read_only = \"source\"`",
        first.step.say,
        about(early)
    );
    match early {
        0 => Look::warn(reason, READ_ONLY),
        early => Look::certain(
            Look::fail(reason, READ_ONLY),
            scene.surely_writes(early, 1.0),
        ),
    }
}

pub(super) fn snapshot_behind_fence(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    let cut = scene.cut?;
    let captures =
        |op: &Op<'_>| matches!(op, Op::CreateDmsTask(task) if task.migrates != Migrates::FullLoad);
    if scene.replicates().is_some() || scene.first(captures).is_some() {
        return None;
    }
    let statement = "SELECT @@global.gtid_executed;  -- on the source: the same before the snapshot and before the \
                     name moves";
    match scene.fenced {
        Some(fenced) if fenced <= cut => Look::pass(
            "the source is read-only when the snapshot is cut",
            statement,
        ),
        fenced => {
            let until = fenced.unwrap_or(repoint.ends).min(repoint.ends);
            let lost = until.saturating_sub(scene.writable_behind(cut));
            let reason = format!(
                "nothing carries what is written after the snapshot's cut to the target: {} of writes are lost",
                about(lost)
            );
            Look::certain(
                Look::fail(reason, statement),
                scene.surely_writes(lost, 1.0),
            )
        }
    }
}

pub(super) fn gate(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    if let Some(look) = super::sentinel::gate(scene, repoint) {
        return Some(look);
    }
    scene.replicates()?;
    let statement = "SELECT GTID_SUBSET('<gtid_executed of the source, read behind the fence>', \
                     @@global.gtid_executed);  -- on the target, 1";
    let Some(gate) = scene.with_role(Role::Gate) else {
        return Look::fail(
            "no step has the role of gate: nothing says that the target has everything when the name moves",
            statement,
        );
    };
    let before = |discards: fn(&Op<'_>) -> bool| {
        scene
            .first(discards)
            .is_some_and(|timed| timed.begins < gate.begins)
    };
    if before(|op| matches!(op, Op::ResetExternalSource(Host::Target))) {
        return Look::fail(
            "replication is reset before the gate: what was received and not applied is discarded",
            statement,
        );
    }
    if before(|op| matches!(op, Op::PromoteCluster)) {
        return Look::fail(
            "the cluster is promoted before the gate: what was received and not applied is discarded",
            statement,
        );
    }
    if gate.begins > repoint.begins {
        return Look::fail("the name moves before the gate", statement);
    }
    let until = match gate.op {
        Op::Wait(wait) => wait.until.kind().ok()?,
        _ => return Look::fail("the gate is no wait: it decides nothing", statement),
    };
    let Until::Applied(name) = until else {
        return Look::fail(
            "the gate looks at the lag, which is 0 whenever everything received is applied, whatever the source \
             still has: it holds when nothing goes wrong, and lets through when something does",
            statement,
        );
    };
    let (noted, _) = scene.notes(name)?;
    match scene.fenced {
        Some(fenced) if fenced <= noted.ends => Look::pass(
            "the gate waits for what the source had behind the fence",
            statement,
        ),
        fenced => {
            let early = fenced.unwrap_or(repoint.ends).saturating_sub(noted.ends);
            let reason = format!(
                "\"{}\" notes what the gate waits for {} before the source is read-only: what is committed in \
                 between need not be there",
                noted.step.say,
                about(early)
            );
            Look::fail(reason, statement)
        }
    }
}

pub(super) fn stays_fenced(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    let back = |timed: &&Timed<'_>| matches!(timed.op, Op::Repoint(o) if o.to == Host::Source);
    let opens = |op: &Op<'_>| match op {
        Op::SetReadOnly(o) => o.on == Host::Source && !o.value,
        Op::AdmitClients(o) => o.on == Host::Source && o.value,
        _ => false,
    };
    let opened = |timed: &&Timed<'_>| opens(&timed.op) && timed.begins >= repoint.begins;
    scene.fenced?;
    let returns = scene.steps.iter().any(|timed| back(&timed));
    match scene.steps.iter().find(opened) {
        Some(step) if !returns => Look::fail(
            format!(
                "\"{}\" makes the source writable while the application is on the target: who still has its address \
                 writes there, and nothing carries it over",
                step.step.say
            ),
            READ_ONLY,
        ),
        _ => Look::pass("the source stays read-only behind the cutover", READ_ONLY),
    }
}

pub(super) fn way_back(scene: &Scene<'_>) -> Option<Look> {
    asks_for_fence(scene)?;
    let abort = &scene.plan.runbook.abort;
    let writable = scene
        .first(|op| matches!(op, Op::SetReadOnly(o) if o.on == Host::Source && o.value))
        .is_none()
        || abort
            .iter()
            .filter_map(|step| step.set_read_only)
            .any(|o| o.on == Host::Source && !o.value);
    let admits = scene.closes().is_none()
        || abort
            .iter()
            .filter_map(|step| step.admit_clients)
            .any(|o| o.on == Host::Source && o.value);
    let statement = "aws rds modify-db-parameter-group --db-parameter-group-name source --parameters \
                     ParameterName=read_only,ParameterValue=0,ApplyMethod=immediate  # an [[abort]] step";
    match (writable, admits) {
        (true, true) => Look::pass("the abort steps make the source writable again", statement),
        (_, false) => Look::fail(
            "no abort step lets the source's clients in again: when a step fails behind the fence, none gets a \
             connection until somebody notices",
            "aws ec2 authorize-security-group-ingress --group-id <of the source> …  # an [[abort]] step",
        ),
        (false, _) => Look::fail(
            "no abort step makes the source writable again: when a step fails behind the fence, every client gets \
             1290 until somebody notices",
            statement,
        ),
    }
}

pub(super) fn timeouts(scene: &Scene<'_>) -> Option<Look> {
    let statement = "the step's `timeout`";
    let too_long = scene.steps.iter().find(|timed| {
        let timeout = timed.step.timeout.unwrap_or(Micros::hours(24));
        timed.ends - timed.begins > timeout.0
    });
    let Some(timed) = too_long else {
        return Look::pass("every step has more time than it takes", statement);
    };
    let takes = about(timed.ends - timed.begins);
    let timeout = timed.step.timeout.unwrap_or(Micros::hours(24));
    let reason = format!(
        "\"{}\" takes {takes} or more, and has failed after {timeout}",
        timed.step.say
    );
    let gives_up = timed.step.on_failure != OnFailure::Continue;
    Look::certain(Look::fail(reason, statement), gives_up)
}

pub(super) fn limit(scene: &Scene<'_>) -> Option<Look> {
    let clock = &scene.plan.clock;
    let ends = clock.runbook_after.0 + scene.steps.last()?.ends;
    let statement = "clock.limit";
    let reason = format!("the runbook takes {} at the least", about(ends));
    if ends > clock.limit.0 {
        let reason = format!("{reason}, and the run ends after {}", clock.limit);
        return Look::certain(Look::fail(reason, statement), true);
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
    let dns = scene.plan.environment.control_plane.dns_change.0;
    let opened = repoint.ends.max(repoint.begins + dns);
    // Clients that get an address of their own wait for no name.
    let first = scene.moves_some().filter(|share| share.ends < opened);
    let (opened, until) = match first {
        Some(share) => (share.ends, "the first clients' new address"),
        None => (opened, "the name's change"),
    };
    let least = opened.saturating_sub(fenced);
    let statement = format!("the times between the fence and {until}");
    let reason = format!(
        "from the fence to {until} it is {} at the least",
        about(least)
    );
    if least > promised.0 {
        let reason = format!("{reason}, and {promised} are promised");
        return Look::certain(
            Look::fail(reason, statement),
            scene.surely_writes(least, 1.0),
        );
    }
    Look::pass(format!("{reason}, of {promised}"), statement)
}

/// An operator whose machine is lost begins a step again.
pub(super) fn statements(scene: &Scene<'_>) -> Option<Look> {
    let typed = scene.steps.iter().filter_map(|timed| match timed.op {
        Op::RunSql(o) if dml::is_dml(&o.sql) => Some((timed, &o.sql)),
        _ => None,
    });
    let typed: Vec<_> = typed.collect();
    typed.first()?;
    let statement = "INSERT … with its key, UPDATE … SET column = value: statements that do nothing when they are \
                     typed again";
    let adds = |sql: &str| {
        let context = cutover_model::ddl::Context::new(
            crate::workload::orders::SCHEMA_NAME,
            cutover_model::ddl::Version::V8_0,
        );
        match dml::parse(sql, &context) {
            Ok(dml::Dml::Update { sets, .. }) => sets
                .iter()
                .any(|(_, assigned)| matches!(assigned, dml::Assigned::Plus(_))),
            Ok(dml::Dml::Insert { .. }) => true,
            _ => false,
        }
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

pub(super) fn target_closed(scene: &Scene<'_>) -> Option<Look> {
    scene.replicates()?;
    let repoint = scene.repoints()?;
    let closed =
        scene.first(|op| matches!(op, Op::SetReadOnly(o) if o.on == Host::Target && o.value));
    let statement = "CALL mysql.rds_set_read_only(1);  -- on the target, from Aurora 3.06 on";
    match closed {
        Some(closed) if closed.begins < repoint.begins => {
            Look::pass("the target is read-only while it follows", statement)
        }
        _ => Look::warn(
            "Aurora is writable while it replicates: nobody may have its endpoint or a password for it before the \
             name moves",
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
