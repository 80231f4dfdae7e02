//! Random changes of the built-in runbooks: what checks say, and what runs say.

use crate::changes::*;
use cutover::{
    scenarios::{check_made, load_runbook, strategies},
    sim::{
        outcome::Verdict,
        plan::Plan,
        preconditions::{Finding, Status, check},
        runbook::{Host, OnFailure, Runbook, Step, Wait},
        stream::Stream,
        units::Micros,
    },
};

fn other(host: Host) -> Host {
    match host {
        Host::Source => Host::Target,
        Host::Target | Host::Replica => Host::Source,
    }
}

/// Turns a step's host round; false where it has none.
fn flip_host(step: &mut Step) -> bool {
    let mut hosts: Vec<&mut Host> = Vec::new();
    hosts.extend(step.set_read_only.as_mut().map(|o| &mut o.on));
    hosts.extend(step.admit_clients.as_mut().map(|o| &mut o.on));
    hosts.extend(step.kill_connections.as_mut().map(|o| &mut o.on));
    hosts.extend(step.set_event_scheduler.as_mut().map(|o| &mut o.on));
    hosts.extend(step.repoint.as_mut().map(|o| &mut o.to));
    hosts.extend(step.stop_replication.as_mut().map(|o| &mut o.on));
    hosts.extend(step.run_sql.as_mut().map(|o| &mut o.on));
    if let Some(wait) = step.wait.as_mut() {
        let until = &mut wait.until;
        let about_host = until.read_only.is_some()
            || until.writable.is_some()
            || until.event_scheduler_on.is_some()
            || until.event_scheduler_off.is_some()
            || until.no_open_transactions.is_some();
        hosts.extend(until.read_only.as_mut());
        hosts.extend(until.writable.as_mut());
        hosts.extend(until.event_scheduler_on.as_mut());
        hosts.extend(until.event_scheduler_off.as_mut());
        hosts.extend(until.no_open_transactions.as_mut());
        hosts.extend((!about_host).then_some(&mut wait.on));
    }
    let flipped = hosts.first_mut().map(|host| **host = other(**host));
    flipped.is_some()
}

fn flip_value(step: &mut Step) -> bool {
    if let Some(o) = step.set_read_only.as_mut() {
        o.value = !o.value;
    } else if let Some(o) = step.admit_clients.as_mut() {
        o.value = !o.value;
    } else if let Some(o) = step.set_event_scheduler.as_mut() {
        o.value = !o.value;
    } else {
        return false;
    }
    true
}

/// Lets a wait for replication skip what that has stopped at; false for another step.
fn skip_errors(step: &mut Step) -> bool {
    let of_replication = |wait: &&mut Wait| wait.until.kind().is_ok_and(|u| u.is_of_replication());
    let wait = step.wait.as_mut().filter(of_replication);
    wait.map(|wait| wait.skip_errors = Some(1_000)).is_some()
}

/// One change of a runbook, in words; nothing, where the draw fits no step.
fn mutate(runbook: &mut Runbook, random: &mut Stream) -> Option<String> {
    let steps = &mut runbook.steps;
    let at = random.below(steps.len() as u64) as usize;
    let say = steps[at].say.clone();
    let done = match random.below(9) {
        0 if steps.len() > 1 => {
            steps.remove(at);
            "without"
        }
        1 if at > 0 => {
            steps.swap(at - 1, at);
            "earlier"
        }
        2 if flip_host(&mut steps[at]) => "on another host",
        3 if flip_value(&mut steps[at]) => "the other way round",
        4 => {
            steps[at].on_failure = OnFailure::Continue;
            "going on when it fails"
        }
        5 => {
            steps[at].timeout = Some(Micros::secs(1 + random.below(5)));
            "within seconds"
        }
        6 => {
            let patient = [OnFailure::Retry, OnFailure::Insist];
            steps[at].on_failure = patient[random.below(2) as usize];
            "again when it fails"
        }
        7 => {
            let to = random.below(steps.len() as u64 + 1) as usize;
            let mut again = steps[at].clone();
            again.role = None;
            steps.insert(to, again);
            "twice"
        }
        8 if skip_errors(&mut steps[at]) => "skipping errors",
        _ => return None,
    };
    Some(format!("\"{say}\" {done}"))
}

const EVENT: &str = r#"workload.event=[{name="job",every="2s"}]"#;
const PRIVILEGED_EVENT: &str = r#"workload.event=[{name="job",every="1s",privileged=true}]"#;
/// Runbooks that hand the event scheduler over, beside the built-in ones.
const HANDED_OVER: &[&str] = &[
    "scenarios/hazards/event-on-both-sides.remedy.runbook.toml",
    "scenarios/hazards/event-behind-a-closed-door.remedy.runbook.toml",
    "scenarios/hazards/event-created-meanwhile.remedy.runbook.toml",
];

/// Environments that give a weak fence or gate something to lose: one as it is, and others in which the fence, the stream or
/// the applier is slow.
#[rustfmt::skip]
const ENVIRONMENTS: &[&[&str]] = &[
    &[],
    &["source.parameter_delay=8s", STALL],
    &["source.parameter_delay=8s", r#"fault=[{on={event="repointed"},lasts="150s",stall={link="replication"}}]"#],
    &["source.parameter_delay=15s", "target.apply_transaction=20ms", "target.replica_parallel_workers=1"],
    &["source.gtid_mode=false"],
    &[EVENT],
    &["source.parameter_delay=8s", PRIVILEGED_EVENT],
    &["target.event_scheduler=false", EVENT],
    &["source.parameter_delay=20s", "clients.drop_on_read_only=false", "clients.max_lifetime=1m"],
    &["workload.after_cutover=3m", "source.multi_az=false", "control_plane.snapshot_start=10s"],
];

/// What a plan's checks and its run say that does not go together: a run that loses or hangs where nothing fails, a safe
/// one where that is certain not to be.
fn disagrees(plan: &Plan, seen: &mut (u32, u32)) -> Option<String> {
    let looks = check(plan, None);
    let failed: Vec<&Finding> = looks
        .iter()
        .filter(|f| f.look.status == Status::Fail)
        .collect();
    let sure: Vec<_> = failed.iter().filter(|f| f.look.certain).collect();
    if failed.is_empty() {
        seen.0 += 1;
        let outcome = outcome(plan);
        // Called off, the source goes on: no write is lost.
        let well = matches!(outcome.verdict, Verdict::Safe | Verdict::Aborted);
        return (!well).then(|| {
            format!(
                "nothing fails, and the run is {:?}: {:?}",
                outcome.verdict,
                violated(&outcome)
            )
        });
    }
    let first = sure.first()?;
    seen.1 += 1;
    let safe = outcome(plan).verdict == Verdict::Safe;
    safe.then(|| format!("the run is safe, and it is certain: {:?}", first.look))
}

#[test]
fn what_a_check_says_of_changed_runbooks_runs_bear_out() {
    let mut random = Stream::new(20_261_127);
    let sound: Vec<String> = strategies()
        .into_iter()
        .filter(|listed| !listed.naive)
        .map(|listed| listed.name)
        .chain(HANDED_OVER.iter().map(ToString::to_string))
        .collect();
    let (mut wrong, mut seen) = (Vec::new(), (0, 0));
    for case in 0..500 {
        let name = &sound[random.below(sound.len() as u64) as usize];
        let mut runbook = load_runbook(name).expect("a built-in runbook");
        let changes = 2 + random.below(3);
        let what: Vec<String> = (0..changes)
            .filter_map(|_| mutate(&mut runbook, &mut random))
            .collect();
        let other = 1 + random.below(ENVIRONMENTS.len() as u64 - 1) as usize;
        for sets in [ENVIRONMENTS[0], ENVIRONMENTS[other]] {
            let plan = plan(&runbook, case, sets);
            // What cannot be loaded nobody runs.
            if check_made(&plan).is_err() {
                continue;
            }
            if let Some(why) = disagrees(&plan, &mut seen) {
                wrong.push(format!(
                    "{name} with {what:?}, {sets:?}, seed {case}: {why}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.0 > 100 && seen.1 > 100, "{seen:?}");
}
