//! Contract or hazard: what a fault is for a strategy in an environment.

use super::{Fault, Harm};
use crate::{
    environment::{Checksum, Source},
    plan::Plan,
    preconditions,
    runbook::{Host, Role, Runbook, Step, Until},
    units::Micros,
};

/// What a fault is for a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The strategy promises to survive it.
    Contract,
    /// It breaks an assumption of the strategy, this one.
    Hazard(&'static str),
}

/// What a fault is for a plan's strategy in its environment: what the kind is in general, unless the environment
/// or the runbook says otherwise. None for a fault that names no kind.
pub fn class(fault: &Fault, plan: &Plan) -> Option<Class> {
    let harm = fault.harm().ok()?;
    Some(of_kind(&harm, plan))
}

fn of_kind(harm: &Harm, plan: &Plan) -> Class {
    let kind = harm.kind();
    if let Harm::PasswordChanged(_) = harm
        && preconditions::password_may_change(plan)
    {
        return Class::Contract;
    }
    if let Some(assumption) = kind.facts().breaks {
        return Class::Hazard(assumption);
    }
    let breaks = |broken: bool, assumption: &'static str| match broken {
        true => Class::Hazard(assumption),
        false => Class::Contract,
    };
    match harm {
        Harm::SourceCrash(_) | Harm::SourceFailover(_) => breaks(
            !is_durable(&plan.environment.source),
            "the source is durable: sync_binlog = 1 and innodb_flush_log_at_trx_commit = 1",
        ),
        Harm::StepAgain(fault) if is_taken_back(&plan.runbook, fault.step) => {
            Class::Hazard("nobody does a step again that was taken back since")
        }
        Harm::StepAgain(fault) => {
            let steps = &plan.runbook.steps;
            let step = steps.get((fault.step as usize).wrapping_sub(1));
            if step.is_some_and(|step| step.copy_users.is_some()) {
                return Class::Hazard(
                    "nobody copies old passwords over those that the target has by now",
                );
            }
            if starts_over(step) {
                return Class::Hazard(
                    "nobody sends the target back to the snapshot's position once it has applied more",
                );
            }
            breaks(
                fences(step),
                "nobody fences the source once the migration is given up",
            )
        }
        Harm::StaleDns(_) | Harm::CachedForever(_) | Harm::PinnedPool(_) => breaks(
            !is_fenced(plan),
            "clients follow the application's name within seconds",
        ),
        Harm::Cron(_) => breaks(
            !is_fenced(plan),
            "every writer goes by the application's name",
        ),
        Harm::LongTransaction(_) => breaks(!is_fenced(plan), OPEN_THROUGH),
        Harm::XaTransaction(_) if uses_dms(&plan.runbook) => {
            Class::Hazard("no transaction commits in two phases, which DMS does not carry over")
        }
        // `read_only` stops neither its PREPARE nor its COMMIT.
        Harm::XaTransaction(_) => breaks(
            !(is_fenced(plan) && waits_for_open(&plan.runbook)),
            OPEN_THROUGH,
        ),
        Harm::ClockSkew(fault) => breaks(
            gates_on_lag(plan) || hides_a_backlog(plan, fault.ahead),
            "the clocks of source and target agree, by which Seconds_Behind_Source is measured",
        ),
        Harm::CorruptEvent(_) if moves_rows(&plan.runbook) => Class::Contract,
        Harm::Ddl(_) if moves_rows(&plan.runbook) => {
            Class::Hazard("nobody alters tables while a tool carries their rows")
        }
        Harm::Ddl(_) => breaks(
            is_fenced_by_door_alone(&plan.runbook),
            "whoever alters tables comes in by the door that the fence closes",
        ),
        Harm::DmsTaskCrash(_) | Harm::DmsInstanceFailover(_) => breaks(
            !remembers_what_it_applied(&plan.runbook),
            "a DMS task knows what it has applied: TaskRecoveryTableEnabled",
        ),
        Harm::CorruptEvent(_) => breaks(
            plan.environment.source.binlog_checksum == Checksum::None,
            "binlog events carry checksums: binlog_checksum = CRC32",
        ),
        // A server that was killed finds its relay log again.
        Harm::RelayLogLoss(_) | Harm::AuroraFailover(_)
            if !plan.environment.target.relay_log_recovery && by_position(&plan.runbook) =>
        {
            Class::Hazard("the target recovers its relay log: relay_log_recovery = ON")
        }
        Harm::TargetCrash(_) | Harm::AuroraFailover(_) | Harm::ApplierCrash(_) => breaks(
            plan.environment.commits_out_of_order() && by_position(&plan.runbook),
            "the target applies in the order of commits: replica_preserve_commit_order = ON",
        ),
        _ => Class::Contract,
    }
}

/// The assumption of a runbook whose fence does not stop a transaction that was begun before.
const OPEN_THROUGH: &str = "no transaction stays open through the cutover";

/// Whether the runbook moves rows with a DMS task.
fn uses_dms(runbook: &Runbook) -> bool {
    runbook.steps.iter().any(|s| s.create_dms_task.is_some())
}

/// Whether the runbook waits until no transaction is open on the source, prepared ones included.
fn waits_for_open(runbook: &Runbook) -> bool {
    let mut waits = runbook.steps.iter().filter_map(|s| s.wait.as_ref());
    waits.any(|w| w.until.kind() == Ok(Until::NoOpenTransactions(Host::Source)))
}

/// Whether the runbook replicates by file and position.
fn by_position(runbook: &Runbook) -> bool {
    let mut sources = runbook
        .steps
        .iter()
        .filter_map(|s| s.set_external_source.as_ref());
    sources.any(|s| s.at.is_some())
}

/// Whether a tool reads tables and writes rows.
fn moves_rows(runbook: &Runbook) -> bool {
    runbook.steps.iter().any(|s| s.create_dms_task.is_some())
}

/// Whether no task applies a change again that it had applied before it lost its memory.
fn remembers_what_it_applied(runbook: &Runbook) -> bool {
    let mut tasks = runbook
        .steps
        .iter()
        .filter_map(|s| s.create_dms_task.as_ref());
    tasks.all(|task| task.recovery_table || !task.captures())
}

/// Whether an acknowledged commit of the source survives everything.
fn is_durable(source: &Source) -> bool {
    source.sync_binlog == 1 && source.innodb_flush_log_at_trx_commit == 1
}

/// Whether a lag that is told so much too small leaves more to apply behind the fence than the runbook, which promises
/// a downtime, has time for.
fn hides_a_backlog(plan: &Plan, ahead: Micros) -> bool {
    let promised = plan.runbook.promises.downtime;
    promised.is_some_and(|promised| ahead.0 > promised.0 / 2)
}

/// Whether a later step takes back what a step does, counted from 1: the name is pointed elsewhere, a host is opened or
/// fenced again.
fn is_taken_back(runbook: &Runbook, number: u32) -> bool {
    let index = (number as usize).wrapping_sub(1);
    let Some(step) = runbook.steps.get(index) else {
        return false;
    };
    runbook.steps[index + 1..].iter().any(|later| {
        let repoints = step.repoint.zip(later.repoint);
        let fences = step.set_read_only.zip(later.set_read_only);
        let admits = step.admit_clients.zip(later.admit_clients);
        let events = step.set_event_scheduler.zip(later.set_event_scheduler);
        repoints.is_some_and(|(a, b)| a.to != b.to)
            || fences.is_some_and(|(a, b)| a.on == b.on && a.value != b.value)
            || admits.is_some_and(|(a, b)| a.on == b.on && a.value != b.value)
            || events.is_some_and(|(a, b)| a.on == b.on && a.value != b.value)
    })
}

/// Whether a step, done while replication stands still, makes the target apply again what it has: by GTID it would pass
/// it over.
fn starts_over(step: Option<&Step>) -> bool {
    let source = step.and_then(|s| s.set_external_source.as_ref());
    source.is_some_and(|o| o.at.is_some())
}

/// Whether a step makes the source read-only, or keeps its clients out.
fn fences(step: Option<&Step>) -> bool {
    let set = step.and_then(|s| s.set_read_only);
    set.is_some_and(|o| o.on == Host::Source && o.value) || closes(step)
}

/// Whether a step keeps the source's clients out.
fn closes(step: Option<&Step>) -> bool {
    let admits = step.and_then(|s| s.admit_clients);
    admits.is_some_and(|o| o.on == Host::Source && !o.value)
}

/// Whether a step kills the clients' connections to the source.
fn kills(step: &Step) -> bool {
    step.kill_connections.is_some_and(|o| o.on == Host::Source)
}

/// Whether writes to the source are refused, whoever sends them: by the server, or because nobody gets a connection and
/// those that there were are killed.
fn is_fenced(plan: &Plan) -> bool {
    let steps = &plan.runbook.steps;
    let closed = steps.iter().position(|step| closes(Some(step)));
    steps.iter().any(|s| fences(Some(s)) && !closes(Some(s)))
        || closed.is_some_and(|closed| steps[closed..].iter().any(kills))
}

/// Whether the fence keeps clients out, and the server itself would take their writes.
fn is_fenced_by_door_alone(runbook: &Runbook) -> bool {
    let read_only = |step: &Step| {
        let set = step.set_read_only;
        set.is_some_and(|o| o.on == Host::Source && o.value)
    };
    runbook.steps.iter().any(|step| closes(Some(step))) && !runbook.steps.iter().any(read_only)
}

/// Whether what decides that the target has everything is its lag.
fn gates_on_lag(plan: &Plan) -> bool {
    let gates = plan
        .runbook
        .steps
        .iter()
        .filter(|s| s.role == Some(Role::Gate));
    let mut waits = gates.filter_map(|s| s.wait.as_ref());
    waits.any(|w| matches!(w.until.kind(), Ok(Until::SecondsBehindSource(_))))
}

#[cfg(test)]
mod tests;
