//! The event scheduler of each server: what it runs, when, and what comes of it.
//!
//! An enabled event is run at its moments wherever the scheduler is on. A snapshot has events as they are, so a restored
//! cluster runs them beside the source (`CUT-20`); one that came by replication is not run before somebody enables it. An
//! event's statement is not a client's: no security group, no pool and no name keeps it out. `read_only` refuses it unless
//! its definer has CONNECTION_ADMIN (measured on 9.7.4 and 5.6.24). Nobody waits for its answer, and what falls into a time
//! without a scheduler is not made up for. RDS's read replicas are read-only, and theirs run nothing here.

use super::{Due, World, side};
use crate::{
    environment::Environment,
    history::{Kind, NO_COMMIT, Operation, SCHEDULER, Told},
    runbook::Host,
};
use cutover_model::{
    database::{EventStatus, ScheduledEvent},
    ddl::Context,
    dml,
    server::{Privilege, Reply, ServerError, SessionId, Statement},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How soon an event is tried again that meets a change of a table, in µs. A server would begin one for each of its periods
/// meanwhile; here one is begun behind it.
const BEHIND_DDL_US: u64 = 10_000;

/// An event's statement under way.
#[derive(Debug)]
struct Job {
    host: Host,
    session: SessionId,
    operation: u32,
    statement: Statement,
    committing: bool,
}

/// What is known of a host's scheduler.
#[derive(Debug, Default)]
struct Watch {
    /// `@@global.event_scheduler`.
    on: bool,
    /// The same in the parameter group: what a restart makes of it.
    parameter: bool,
    /// The list of events that the next wake-up was made for.
    list: Option<Arc<Vec<ScheduledEvent>>>,
    /// From when on its events are run, in µs since 1970.
    from_us: u64,
    /// The same of those that were made or altered since, by their full names.
    since_us: BTreeMap<String, u64>,
    /// Tells the wake-up that counts from those before.
    number: u32,
    /// When each event was run last, by its full name, in µs since 1970.
    last_run_us: BTreeMap<String, u64>,
    /// The events that it has run, or would have at their time.
    runs: BTreeSet<String>,
    /// Those whose failure was told.
    told: BTreeSet<String>,
}

/// The schedulers of all hosts.
#[derive(Debug, Default)]
pub(super) struct Scheduler {
    watches: [Watch; Host::ALL.len()],
    jobs: Vec<Job>,
}

impl Scheduler {
    pub(super) fn new(environment: &Environment) -> Self {
        let mut scheduler = Self::default();
        for host in Host::ALL {
            let watch = &mut scheduler.watches[host as usize];
            watch.on = environment.runs_events(host);
            watch.parameter = watch.on;
        }
        scheduler
    }

    /// Whether no event's statement is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.jobs.is_empty()
    }

    fn job_of(&self, host: Host, session: SessionId) -> Option<usize> {
        let is_it = |job: &Job| (job.host, job.session) == (host, session);
        self.jobs.iter().position(is_it)
    }

    /// The operation of a session that runs an event.
    pub(super) fn operation_of(&self, host: Host, session: SessionId) -> Option<u32> {
        self.job_of(host, session)
            .map(|job| self.jobs[job].operation)
    }

    /// Whether a host has run an event, or would have at its time.
    pub(crate) fn runs(&self, host: Host, event: &str) -> bool {
        self.watches[host as usize].runs.contains(event)
    }
}

impl Watch {
    /// When an event is run next: at a multiple of EVERY behind STARTS, and one that starts now at once (measured on 9.7.4 and
    /// 5.6.24). The server counts in seconds, and one that it has begun is over, but for an event that starts in it
    /// (unverified).
    fn next_us(&self, event: &ScheduledEvent) -> u64 {
        let name = event.full_name();
        let since = self.since_us.get(&name).copied().unwrap_or_default();
        let second = self.from_us.max(since) / 1_000_000 * 1_000_000;
        let from = match event.starts_us < second {
            true => second + 1,
            false => second,
        };
        let last = self.last_run_us.get(&name);
        event.at_or_behind(last.map_or(from, |last| from.max(last + 1)))
    }
}

impl World {
    /// `@@global.event_scheduler` is ON.
    pub fn event_scheduler_is_on(&self, host: Host) -> bool {
        self.server(host).is_some() && self.scheduler.watches[host as usize].on
    }

    /// What a host's parameter group says, which its server has sooner or later.
    pub(crate) fn event_scheduler_is_to_be_on(&self, host: Host) -> bool {
        self.scheduler.watches[host as usize].parameter
    }

    /// Whether a host has run an event, by its full name, or would have at its time.
    pub(crate) fn has_run_event(&self, host: Host, event: &str) -> bool {
        self.scheduler.runs(host, event)
    }

    /// Changes `event_scheduler` in a host's parameter group; the server has it after a while, and a cluster that is made
    /// later from its beginning.
    pub fn deliver_event_scheduler(&mut self, host: Host, value: bool) {
        self.scheduler.watches[host as usize].parameter = value;
        let arrival = self.now + self.environment.source.parameter_delay.0;
        self.agenda.push(arrival, Due::EventScheduler(host, value));
    }

    /// What a host's parameter group was told arrives, unless it was told something else since.
    pub(super) fn event_scheduler_arrives(&mut self, host: Host, value: bool) {
        if self.scheduler.watches[host as usize].parameter == value {
            self.event_scheduler_is_read(host);
        }
    }

    /// The cluster has been made, with its parameter group.
    pub(super) fn target_begins_events(&mut self) {
        let watch = &mut self.scheduler.watches[Host::Target as usize];
        watch.on = watch.parameter;
        self.events_begin_anew(Host::Target);
    }

    /// A host's server reads what its parameter group says, unless it is down: it reads it when it starts.
    pub(super) fn event_scheduler_is_read(&mut self, host: Host) {
        let watch = &self.scheduler.watches[host as usize];
        let is_new = watch.on != watch.parameter;
        let there = self.server(host).is_some() && self.is_up(host);
        if !there || !is_new {
            return;
        }
        let watch = &mut self.scheduler.watches[host as usize];
        watch.on = watch.parameter;
        let what = match watch.on {
            true => "runs events from now on: event_scheduler is ON",
            false => "runs no events any more: event_scheduler is OFF",
        };
        self.tell(side(host), what.into(), Vec::new());
        self.events_begin_anew(host);
    }

    /// Looks whether a host's list of events is another one than it was.
    #[inline]
    pub(super) fn look_at_events(&mut self, host: Host) {
        let known = &self.scheduler.watches[host as usize].list;
        let list = self.server(host).and_then(|s| s.database.event_list());
        let is_known = match (known, list) {
            (Some(known), Some(list)) => Arc::ptr_eq(known, list),
            (None, None) => true,
            _ => false,
        };
        if !is_known && host != Host::Replica {
            self.events_change(host);
        }
    }

    /// Some of a host's events were made, altered or dropped; the others are run as ever.
    fn events_change(&mut self, host: Host) {
        let Some(server) = self.server(host) else {
            return;
        };
        let (list, now_us) = (
            server.database.event_list().cloned(),
            server.config.epoch_us + self.now,
        );
        let watch = &mut self.scheduler.watches[host as usize];
        let before = std::mem::replace(&mut watch.list, list);
        let before: &[ScheduledEvent] = before.as_deref().map_or(&[], Vec::as_slice);
        let events = watch.list.iter().flat_map(|list| list.iter());
        for event in events.filter(|event| !before.contains(event)) {
            watch.since_us.insert(event.full_name(), now_us);
        }
        self.schedule_events(host);
    }

    /// From now on a host's events are run, as they are now.
    pub(super) fn events_begin_anew(&mut self, host: Host) {
        let Some(server) = self.server(host).filter(|_| host != Host::Replica) else {
            return;
        };
        let (list, from_us) = (
            server.database.event_list().cloned(),
            server.config.epoch_us + self.now,
        );
        let watch = &mut self.scheduler.watches[host as usize];
        (watch.list, watch.from_us) = (list, from_us);
        watch.since_us.clear();
        self.schedule_events(host);
    }

    /// Asks to be woken for the next event of a host.
    pub(super) fn schedule_events(&mut self, host: Host) {
        let watch = &mut self.scheduler.watches[host as usize];
        watch.number += 1;
        let events = watch.list.clone();
        let events = events.iter().flat_map(|list| list.iter());
        let enabled = events.filter(|e| e.status == EventStatus::Enabled && watch.on);
        let mut next = u64::MAX;
        for event in enabled {
            next = next.min(watch.next_us(event));
            watch.runs.insert(event.full_name());
        }
        let number = watch.number;
        let epoch_us = self.server(host).map_or(0, |s| s.config.epoch_us);
        if next < u64::MAX {
            let at = next.saturating_sub(epoch_us).max(self.now);
            self.agenda.push(at, Due::Events(host, number));
        }
    }

    /// The moment of an event has come.
    pub(super) fn events_are_due(&mut self, host: Host, number: u32) {
        let watch = &self.scheduler.watches[host as usize];
        if watch.number != number || self.clients.has_stopped() || !self.is_up(host) {
            return;
        }
        let later = match host {
            Host::Source if self.now < self.source_suspended_until => self.source_suspended_until,
            _ if self.alters_a_table(host) => self.now + BEHIND_DDL_US,
            _ => self.now,
        };
        if later > self.now {
            self.agenda.push(later, Due::Events(host, number));
            return;
        }
        let Some(server) = self.server(host) else {
            return;
        };
        let now_us = server.config.epoch_us + self.now;
        let events: Vec<ScheduledEvent> = {
            let all = watch.list.iter().flat_map(|list| list.iter());
            let due =
                all.filter(|e| e.status == EventStatus::Enabled && watch.next_us(e) <= now_us);
            due.cloned().collect()
        };
        for event in events {
            let watch = &mut self.scheduler.watches[host as usize];
            let last = watch.last_run_us.insert(event.full_name(), now_us);
            if last.is_none() && host == Host::Target {
                let what = format!("runs the event {} for the first time", event.full_name());
                self.tell(side(host), what, Vec::new());
            }
            self.event_begins(host, &event);
        }
        self.schedule_events(host);
    }

    fn event_begins(&mut self, host: Host, event: &ScheduledEvent) {
        let now = self.now;
        let (arena, source, target) = (&mut self.arena, &mut self.source, &mut self.target);
        let server = match (host, target) {
            (Host::Target, Some(target)) => &mut target.server,
            _ => source,
        };
        let context = Context::new(&event.schema, server.config.ddl_version);
        let statement = dml::parse(&event.body, &context).map_err(|e| e.to_string());
        let statement = statement.and_then(|dml| {
            server
                .prepare_dml(arena, now, &dml)
                .map_err(|e| e.to_string())
        });
        let statement = match statement {
            Ok(statement) => statement,
            Err(why) => return self.event_failed(host, &event.full_name(), &why),
        };
        let privilege = match event.privileged {
            true => Privilege::Admin,
            false => Privilege::Ordinary,
        };
        let session = server.connect(privilege);
        let operation = self.history.operations.len() as u32;
        let subject = self.history.event(&event.full_name());
        self.history.operations.push(Operation {
            invoked: now,
            returned: u64::MAX,
            subject,
            commit: NO_COMMIT,
            client: SCHEDULER,
            kind: Kind::Statement,
            told: Told::Pending,
            host,
        });
        self.scheduler.jobs.push(Job {
            host,
            session,
            operation,
            statement,
            committing: false,
        });
        self.event_goes_on(host, session);
    }

    /// An event's statement begins, or goes on behind what it waited for. False where the session runs none.
    pub(super) fn event_goes_on(&mut self, host: Host, session: SessionId) -> bool {
        let now = self.now;
        let Some(index) = self.scheduler.job_of(host, session) else {
            return false;
        };
        let job = &mut self.scheduler.jobs[index];
        let server = match (host, &mut self.target) {
            (Host::Target, Some(target)) => &mut target.server,
            _ => &mut self.source,
        };
        match server.run_dml(&mut self.arena, now, session, &mut job.statement) {
            Reply::Waiting => {}
            Reply::Committing => job.committing = true,
            Reply::Ok | Reply::NoRow => self.event_ends(index, Told::Empty),
            Reply::Failed(error) => return self.event_is_refused(host, session, &error),
        }
        true
    }

    /// An event's statement is refused. False where the session runs none.
    pub(super) fn event_is_refused(
        &mut self,
        host: Host,
        session: SessionId,
        error: &ServerError,
    ) -> bool {
        let Some(index) = self.scheduler.job_of(host, session) else {
            return false;
        };
        self.roll_back(host, session);
        let operation = self.scheduler.jobs[index].operation;
        let subject = self.history.operations.get(operation as usize);
        let name = subject.map(|o| self.history.event_name(o.subject).to_string());
        self.event_ends(index, Told::Fail);
        let why = format!("error {}: {error}", error.code());
        self.event_failed(host, &name.unwrap_or_default(), &why);
        true
    }

    /// The server has committed what a session has done for an event, if it is one's.
    pub(super) fn event_is_committed(&mut self, host: Host, session: SessionId) {
        if let Some(index) = self.scheduler.job_of(host, session) {
            self.event_ends(index, Told::Ok);
        }
    }

    fn event_ends(&mut self, index: usize, told: Told) {
        let job = self.scheduler.jobs.remove(index);
        let now = self.now;
        self.disconnect(job.host, job.session);
        let operations = &mut self.history.operations;
        operations.edit(job.operation as usize, |operation| {
            operation.told = told;
            operation.returned = now;
        });
    }

    /// A host is lost, and with it what its scheduler had under way.
    pub(super) fn events_are_lost(&mut self, host: Host) {
        let now = self.now;
        let operations = &mut self.history.operations;
        self.scheduler.jobs.retain(|job| {
            if job.host == host {
                operations.edit(job.operation as usize, |operation| {
                    operation.returned = now;
                    operation.told = match job.committing {
                        true => Told::Info,
                        false => Told::Fail,
                    };
                });
            }
            job.host != host
        });
    }

    /// The error log has it each time; the story the first time.
    fn event_failed(&mut self, host: Host, name: &str, why: &str) {
        let watch = &mut self.scheduler.watches[host as usize];
        if watch.told.insert(name.to_string()) {
            let what = format!("the event {name} failed: {why}");
            self.tell(side(host), what, Vec::new());
        }
    }
}
