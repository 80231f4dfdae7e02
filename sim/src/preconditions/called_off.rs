//! What becomes of the application when a step fails: before it is on the target, and behind that.

use super::{
    Look,
    scene::{Scene, Timed},
};
use crate::runbook::{Host, OnFailure, Op, Step};

/// Whether steps lift what another step has done to a host's clients.
fn lifts(steps: &[Step], host: Host, by: fn(&Step, Host) -> bool) -> bool {
    steps.iter().any(|step| by(step, host))
}

fn makes_writable(step: &Step, host: Host) -> bool {
    step.set_read_only.is_some_and(|o| o.on == host && !o.value)
}

fn admits(step: &Step, host: Host) -> bool {
    step.admit_clients.is_some_and(|o| o.on == host && o.value)
}

/// Whether a host is made read-only, and whether it lets no client in, by some of the steps.
fn closed_by(steps: &[Timed<'_>], host: Host) -> (bool, bool) {
    let read_only = steps
        .iter()
        .any(|t| matches!(t.op, Op::SetReadOnly(o) if o.on == host && o.value));
    let door = steps
        .iter()
        .any(|t| matches!(t.op, Op::AdmitClients(o) if o.on == host && !o.value));
    (read_only, door)
}

pub(super) fn way_back(scene: &Scene<'_>) -> Option<Look> {
    let (read_only, door) = closed_by(&scene.steps, Host::Source);
    if !(read_only || door) {
        return None;
    }
    let abort = &scene.plan.runbook.abort;
    let statement = "aws rds modify-db-parameter-group --db-parameter-group-name source --parameters \
                     ParameterName=read_only,ParameterValue=0,ApplyMethod=immediate  # an [[abort]] step";
    if door && !lifts(abort, Host::Source, admits) {
        return Look::fail(
            "no abort step lets the source's clients in again: when a step fails behind the fence, none gets a \
             connection until somebody notices",
            "aws ec2 authorize-security-group-ingress --group-id <of the source> …  # an [[abort]] step",
        );
    }
    if read_only && !lifts(abort, Host::Source, makes_writable) {
        return Look::fail(
            "no abort step makes the source writable again: when a step fails behind the fence, every client gets \
             1290 until somebody notices",
            statement,
        );
    }
    Look::pass(
        "the abort steps open the source to the application again",
        statement,
    )
}

/// Whether a step may fail, and the runbook is called off then.
pub(super) fn calls_off(timed: &Timed<'_>) -> bool {
    let gives_up = matches!(timed.step.on_failure, OnFailure::Abort | OnFailure::Retry);
    gives_up && !matches!(timed.op, Op::Pause(_))
}

/// Behind the step that gives clients the target, a failure must leave them with one server that takes their writes.
pub(super) fn stands(scene: &Scene<'_>) -> Option<Look> {
    let moves = scene.moves()?;
    let behind = scene.behind(moves);
    let fails = behind.iter().find(|timed| calls_off(timed));
    let statement =
        "on_failure = \"insist\" or \"continue\", or [[stay]] steps to a target that takes writes";
    let Some(fails) = fails else {
        return Look::pass(
            "no step behind the cutover calls the migration off when it fails",
            statement,
        );
    };
    let stay = &scene.plan.runbook.stay;
    if stay.is_empty() {
        return Look::fail(
            format!(
                "when \"{}\" fails, the application is on the target, and without [[stay]] steps the abort steps are \
                 done: the source takes writes again, and nothing carries the target's back",
                fails.step.say
            ),
            statement,
        );
    }
    let (read_only, door) = closed_by(behind, Host::Target);
    let opens = (!read_only || lifts(stay, Host::Target, makes_writable))
        && (!door || lifts(stay, Host::Target, admits));
    if !opens {
        return Look::fail(
            format!(
                "when \"{}\" fails, the migration stands, and no [[stay]] step opens the target again",
                fails.step.say
            ),
            statement,
        );
    }
    let opened = behind.iter().find(|timed| match timed.op {
        Op::SetReadOnly(o) => o.on == Host::Source && !o.value,
        Op::AdmitClients(o) => o.on == Host::Source && o.value,
        Op::Repoint(o) => o.to == Host::Source,
        _ => false,
    });
    let late = opened.and_then(|opened| {
        let mut later = scene.behind(opened).iter();
        later.find(|timed| calls_off(timed))
    });
    if let Some(late) = late {
        return Look::fail(
            format!(
                "when \"{}\" fails, the [[stay]] steps open the target, and the source takes writes by then",
                late.step.say
            ),
            "on_failure = \"insist\"",
        );
    }
    Look::pass(
        "when a step behind the cutover fails, the target goes on taking writes",
        statement,
    )
}
