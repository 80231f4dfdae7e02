//! Events of the event scheduler: that each is run by one server at a time, and by the one that serves in the end.
//!
//! The steps are gone through with what they do to events: who has which, in what status, and where the scheduler is on.
//! What is switched off counts from the wait that has seen it on; what is switched on, at once.

use super::{Look, scene::Scene};
use crate::{
    runbook::{DmsUntil, Host, Op, Role, Until},
    workload::orders::SCHEMA_NAME,
    workload_spec,
};
use cutover_model::{
    database::EventStatus,
    ddl::{self, Context, EventChange, EventStatement},
};
use std::collections::BTreeMap;

/// The events of a server: whether the scheduler would run each, and whether `read_only` stops it.
type Events = BTreeMap<String, Known>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    enabled: bool,
    privileged: bool,
}

/// How it stands with the events after some of the steps.
#[derive(Debug, Default)]
struct Standing {
    source: Events,
    target: Events,
    in_snapshot: Events,
    /// Whether the scheduler is on, by the host.
    on: [bool; 2],
    read_only: [bool; 2],
    has_target: bool,
    replicates: bool,
    /// Whether anything was run by the source.
    ran: Events,
}

impl Standing {
    /// The first event that a host runs.
    fn runs(&self, host: Host) -> Option<&str> {
        let (events, index) = match host {
            Host::Source => (&self.source, 0),
            Host::Target | Host::Replica => (&self.target, 1),
        };
        let stopped = |known: &Known| self.read_only[index] && !known.privileged;
        let runs = |(_, known): &(&String, &Known)| known.enabled && !stopped(known);
        let mut running = events.iter().filter(runs).map(|(name, _)| name.as_str());
        running.next().filter(|_| self.on[index])
    }

    fn goes_through(&mut self, op: &Op<'_>) {
        match op {
            Op::CreateSnapshot(_) | Op::CreateAuroraReplica => {
                self.in_snapshot = self.source.clone();
            }
            Op::SetEventScheduler(o) if o.value => self.on[index(o.on)] = true,
            // The parameter group that the cluster is made with later.
            Op::SetEventScheduler(o) if o.on == Host::Target && !self.has_target => {
                self.on[1] = false;
            }
            Op::CreateCluster => self.has_target = true,
            Op::SetReadOnly(o) if !o.value => self.read_only[index(o.on)] = false,
            Op::SetReadOnly(o) if o.on == Host::Target && !o.lasting => self.read_only[1] = true,
            Op::Wait(wait) => match wait.until.kind() {
                Ok(Until::ReadOnly(host)) => self.read_only[index(host)] = true,
                Ok(Until::EventScheduler(host, false)) => self.on[index(host)] = false,
                _ => {}
            },
            Op::StartReplication(Host::Target) => self.replicates = true,
            Op::StopReplication(Host::Target) | Op::PromoteCluster => self.replicates = false,
            Op::RunSql(o) => {
                let context = Context::new(SCHEMA_NAME, ddl::Version::V8_0);
                if let Ok(ddl::Statement::Event(event)) = ddl::parse(&o.sql, &context) {
                    self.types(o.on, &event);
                }
            }
            _ => {}
        }
        if matches!(
            op,
            Op::RestoreSnapshot(_) | Op::MigrateLatestSnapshot | Op::CreateAuroraReplica
        ) {
            self.has_target = true;
            self.target.clone_from(&self.in_snapshot);
            self.replicates |= *op == Op::CreateAuroraReplica;
        }
        for (name, known) in &self.source {
            if self.on[0] && known.enabled {
                self.ran.insert(name.clone(), *known);
            }
        }
    }

    fn types(&mut self, on: Host, event: &EventStatement) {
        match on {
            Host::Source => {
                change(&mut self.source, event, false);
                if self.replicates {
                    change(&mut self.target, event, true);
                }
            }
            Host::Target | Host::Replica => change(&mut self.target, event, false),
        }
    }
}

fn index(host: Host) -> usize {
    usize::from(host == Host::Target)
}

fn change(events: &mut Events, event: &EventStatement, replicated: bool) {
    let name = event.name.to_string();
    let status = match &event.change {
        EventChange::Create { status, .. } => Some(*status),
        EventChange::Alter { status, .. } => *status,
        EventChange::Drop { .. } => {
            events.remove(&name);
            return;
        }
    };
    let before = events.get(&name).copied();
    let enabled = match (status, before) {
        _ if replicated => false,
        (Some(status), _) => status == EventStatus::Enabled,
        (None, before) => before.is_some_and(|known| known.enabled),
    };
    // Whoever types it is an ordinary user on the source.
    let known = Known {
        enabled,
        privileged: false,
    };
    events.insert(name, known);
}

const LOOK: &str = "SELECT event_schema, event_name, status, @@global.event_scheduler FROM information_schema.events;";

pub(super) fn events(scene: &Scene<'_>) -> Option<Look> {
    let plan = scene.plan;
    let of_orders = plan.workload.kind == workload_spec::Kind::Orders;
    let environment = &plan.environment;
    let mut standing = Standing {
        on: [Host::Source, Host::Target].map(|host| environment.runs_events(host)),
        ..Standing::default()
    };
    for event in plan.workload.events.iter().filter(|_| of_orders) {
        let known = Known {
            enabled: true,
            privileged: event.privileged,
        };
        standing
            .source
            .insert(format!("{SCHEMA_NAME}.{}", event.name), known);
    }
    standing.in_snapshot.clone_from(&standing.source);
    let decisive = decisive(scene);
    let (mut both, mut open) = (None, None);
    for timed in &scene.steps {
        if Some(timed.number) == decisive {
            open = standing.runs(Host::Source).map(|e| (timed, e.to_string()));
        }
        standing.goes_through(&timed.op);
        let runs = [Host::Source, Host::Target].map(|host| standing.runs(host).is_some());
        if runs == [true, true] && both.is_none() {
            let event = standing.runs(Host::Target).unwrap_or_default().to_string();
            both = Some((timed, event));
        }
    }
    let first = standing.ran.keys().next()?;
    let what = match standing.ran.len() {
        1 => first.clone(),
        many => format!("{first} and {} more", many - 1),
    };
    let is_open_first = open.as_ref().zip(both.as_ref());
    let is_open_first =
        is_open_first.is_some_and(|((open, _), (both, _))| open.number <= both.number);
    if let Some((timed, event)) = both.filter(|_| !is_open_first) {
        return Look::fail(
            format!(
                "from \"{}\" on the target runs the event {event} as well: an enabled event is in the snapshot, and the \
                 target's event_scheduler is ON",
                timed.step.say
            ),
            "aws rds modify-db-cluster-parameter-group … ParameterName=event_scheduler,ParameterValue=OFF  -- of the \
             group that the cluster is made with",
        );
    }
    if let Some((timed, event)) = open {
        return Look::fail(
            format!(
                "the source still runs the event {event} at \"{}\": neither a security group nor the name stops it, \
                 read_only does unless its definer has CONNECTION_ADMIN, and event_scheduler = OFF does once the server \
                 has it",
                timed.step.say
            ),
            "SELECT @@global.event_scheduler;  -- on the source, OFF before anything is noted",
        );
    }
    never_again(scene, &standing).or_else(|| {
        Look::pass(
            format!("what the event scheduler runs ({what}) is run by one server at a time, and by the one that serves in the end"),
            LOOK,
        )
    })
}

/// The step from which on nothing may be written to the source: the one that notes what the gate waits for, or the gate; the
/// snapshot, where nothing follows it; or else the one that moves the application.
fn decisive(scene: &Scene<'_>) -> Option<usize> {
    let gate = scene.with_role(Role::Gate);
    let noted = gate.and_then(|gate| {
        let Op::Wait(wait) = gate.op else { return None };
        let name = match wait.until.kind().ok()? {
            Until::Applied(name) | Until::SourceUnchangedSince(name) => name,
            Until::Dms(condition) => match condition.kind().ok()? {
                DmsUntil::Checkpoint(name) => name,
                _ => return None,
            },
            _ => return None,
        };
        scene.noted_before(name, gate).map(|(noted, _)| noted)
    });
    let follows = scene.replicates().is_some() || scene.tasks_for_changes().next().is_some();
    let snapshot = scene.first(|op| matches!(op, Op::CreateSnapshot(_)));
    let alone = snapshot.filter(|_| !follows);
    let step = noted.or(gate).or(alone).or_else(|| scene.moves());
    step.map(|step| step.number)
}

/// What the source has run and nobody runs behind the cutover.
fn never_again(scene: &Scene<'_>, standing: &Standing) -> Option<Look> {
    scene.moves()?;
    let (serves, events, index) = match scene.returns() {
        None => ("target", &standing.target, 1),
        Some(_) => ("source", &standing.source, 0),
    };
    let off = standing.ran.keys().find_map(|name| match events.get(name) {
        None if !standing.source.contains_key(name) => None,
        None => Some((name, "nothing makes it there")),
        Some(known) if !known.enabled => Some((name, "it is disabled there")),
        Some(_) if !standing.on[index] => Some((name, "event_scheduler is OFF there")),
        Some(_) => None,
    });
    let (name, why) = off?;
    Look::fail(
        format!(
            "the event {name} runs on the source before the cutover and on the {serves} not at all behind it: {why}"
        ),
        LOOK,
    )
}
