//! Faults in the world: armed at the beginning of a run, fired at their time or occasion, healed after theirs.
//!
//! What lasts is a change of the environment: the environment in force is the plan's with the changes of every fault
//! in force laid over it, worked out anew whenever one begins or ends, so that faults that overlap do not undo each
//! other.

use super::{Due, World, words::in_words};
use crate::{
    environment::{ControlPlane, Environment, Link},
    faults::{Fault, Harm, Occasion, Way, Wire},
    runbook::Host,
    units::{Bytes, Micros},
};
use cutover_model::server::{Cut, Durability};

/// A fault that has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Its place in the schedule.
    pub fault: u16,
    /// When, in µs of the run.
    pub at_us: u64,
}

/// The schedule of a run, and what has come of it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    schedule: Vec<(Fault, Harm)>,
    /// The occasions that some fault waits for, a bit each.
    awaited: u64,
    /// How often each of them has occurred.
    counts: [u32; Occasion::ALL.len()],
    /// The faults in force and when they heal, in the order in which they fired.
    in_force: Vec<(u16, u64)>,
    /// What has fired, in order.
    fired: Vec<Fired>,
    /// A standby that no longer follows: its storage.
    pub(super) standby: Option<Cut>,
}

impl Faults {
    /// A schedule. What names no kind was refused when the plan was read, and is left out.
    pub(super) fn new(schedule: &[Fault]) -> Self {
        let named = |fault: &Fault| Some((fault.clone(), fault.harm().ok()?));
        let schedule: Vec<_> = schedule.iter().filter_map(named).collect();
        let awaited = schedule.iter().filter_map(|(fault, _)| fault.on);
        Self {
            awaited: awaited.fold(0, |bits, on| bits | 1 << on.event as u64),
            schedule,
            ..Self::default()
        }
    }

    /// Which of the schedule's faults are tied to this occurrence.
    fn tied_to(&self, occasion: Occasion, nth: u32) -> impl Iterator<Item = (u16, u64)> {
        let numbered = (0u16..).zip(&self.schedule);
        numbered.filter_map(move |(i, (fault, _))| {
            let on = fault.on?;
            (on.event == occasion && on.nth == nth).then_some((i, on.after.0))
        })
    }

    /// What the faults in force do, each with its place in the schedule.
    pub(super) fn numbered_harms(&self) -> impl Iterator<Item = (u16, &Harm)> {
        let harm = |(i, _): &(u16, u64)| (*i, &self.schedule[usize::from(*i)].1);
        self.in_force.iter().map(harm)
    }

    /// What the faults in force do, and when each heals.
    pub(super) fn harms(&self) -> impl Iterator<Item = (&Harm, u64)> {
        let harm = |(i, until): &(u16, u64)| (&self.schedule[usize::from(*i)].1, *until);
        self.in_force.iter().map(harm)
    }

    /// Until when nothing goes this way through a link; 0 when something does.
    #[inline]
    pub(super) fn blocked_until(&self, wire: Wire, way: Way) -> u64 {
        match self.in_force.is_empty() {
            true => 0,
            false => self.blocked_by_harms_until(wire, way),
        }
    }

    /// Until when a link is cut, in either direction; 0 when it is not. What stalls is not: it goes on later.
    pub(super) fn cut_until(&self, wire: Wire) -> u64 {
        let cuts = |harm: &Harm| matches!(harm, Harm::Partition(cut) if cut.link == wire);
        let cut = self.harms().filter(|(harm, _)| cuts(harm));
        cut.map(|(_, until)| until).max().unwrap_or(0)
    }

    fn blocked_by_harms_until(&self, wire: Wire, way: Way) -> u64 {
        let blocks = |harm: &Harm| match harm {
            Harm::Stall(stall) => stall.link == wire,
            Harm::Partition(partition) => {
                partition.link == wire
                    && (partition.way == Way::Both || way == Way::Both || partition.way == way)
            }
            _ => false,
        };
        let blocked = self.harms().filter(|(harm, _)| blocks(harm));
        blocked.map(|(_, until)| until).max().unwrap_or(0)
    }

    /// What the faults in force make of an environment.
    fn lay_over(&self, environment: &mut Environment) {
        for (harm, _) in self.harms() {
            match harm {
                Harm::Latency(fault) => match link_of(environment, fault.link) {
                    Some(link) => link.latency.0 += fault.add.0,
                    None => environment.network.operator_latency.0 += fault.add.0,
                },
                Harm::Jitter(fault) => {
                    if let Some(link) = link_of(environment, fault.link) {
                        link.jitter.0 += fault.add.0;
                    }
                }
                Harm::Bandwidth(fault) => {
                    if let Some(link) = link_of(environment, fault.link) {
                        link.bandwidth = Bytes(link.bandwidth.0.min(fault.limit.0));
                    }
                }
                Harm::SlowFsync(fault) => {
                    let fsync = &mut environment.source.fsync.0;
                    *fsync = fsync.saturating_mul(fault.times.into());
                }
                Harm::ControlPlaneSlow(fault) => {
                    slow_down(&mut environment.control_plane, fault.times)
                }
                Harm::SlowApply(fault) => {
                    let target = &mut environment.target;
                    let dms = &mut environment.dms;
                    for cost in [
                        &mut target.apply_transaction.0,
                        &mut target.apply_row.0,
                        &mut dms.apply_transaction.0,
                        &mut dms.apply_row.0,
                    ] {
                        *cost = cost.saturating_mul(fault.times.into());
                    }
                }
                _ => {}
            }
        }
    }
}

/// What RDS does takes longer; names are another service's.
fn slow_down(control: &mut ControlPlane, times: u32) {
    for time in [
        &mut control.api_call,
        &mut control.snapshot_fixed,
        &mut control.snapshot_per_tib,
        &mut control.restore_fixed,
        &mut control.restore_per_tib,
        &mut control.create_instance,
    ] {
        time.0 = time.0.saturating_mul(times.into());
    }
}

/// A link's settings; the operator's has a latency alone.
fn link_of(environment: &mut Environment, wire: Wire) -> Option<&mut Link> {
    let network = &mut environment.network;
    match wire {
        Wire::ClientsSource => Some(&mut network.clients_source),
        Wire::ClientsTarget => Some(&mut network.clients_target),
        Wire::Replication => Some(&mut network.replication),
        Wire::Operator => None,
    }
}

impl World {
    /// Puts the faults with a time on the agenda.
    pub(super) fn arm_faults(&mut self) {
        let timed = (0u16..).zip(&self.faults.schedule);
        let timed: Vec<(u16, u64)> = timed
            .filter_map(|(i, (fault, _))| Some((i, fault.at?.0)))
            .collect();
        for (fault, at) in timed {
            self.agenda.push(at, Due::Fault(fault));
        }
    }

    /// Something happens that faults may be tied to.
    #[inline]
    pub(crate) fn occurs(&mut self, occasion: Occasion) {
        if self.faults.awaited & 1 << occasion as u64 != 0 {
            self.count(occasion);
        }
    }

    fn count(&mut self, occasion: Occasion) {
        let count = &mut self.faults.counts[occasion as usize];
        *count = count.saturating_add(1);
        let nth = *count;
        let tied: Vec<(u16, u64)> = self.faults.tied_to(occasion, nth).collect();
        for (fault, after) in tied {
            self.agenda.push(self.now + after, Due::Fault(fault));
        }
    }

    /// A fault fires.
    pub(super) fn fault_fires(&mut self, index: u16) {
        let (fault, harm) = self.faults.schedule[usize::from(index)].clone();
        let lasts = fault.lasts.unwrap_or_default();
        self.faults.fired.push(Fired {
            fault: index,
            at_us: self.now,
        });
        self.tell("fault", in_words(&harm, lasts), Vec::new());
        if let Harm::StaleDns(_) = harm {
            self.lagging.insert(index, self.names.query(self.now));
        }
        if lasts.0 > 0 {
            let heals = self.now + lasts.0;
            self.faults.in_force.push((index, heals));
            self.agenda.push(heals, Due::Heal(index));
            self.environment_changes();
        }
        self.strike(index, &harm, lasts);
    }

    /// What a fault does at the moment when it fires.
    fn strike(&mut self, index: u16, harm: &Harm, lasts: Micros) {
        match harm {
            Harm::DiskFull(_) => {
                self.source.full_until_us = self.source.full_until_us.max(self.now + lasts.0);
            }
            Harm::PurgeBinlogs(fault) => self.somebody_purges(fault.keep),
            Harm::RetentionLost(_) => self.retention_is_lost(),
            Harm::PasswordChanged(_) => self.password_is_asked_for(),
            Harm::RotationStorm(_) => self.flush_logs(index),
            Harm::CorruptEvent(fault) => self.corrupt_next(fault),
            Harm::ReceiverCrash(_) => self.receiver_dies(lasts),
            Harm::ApplierCrash(_) => self.applier_dies(lasts),
            Harm::TargetCrash(_) => self.target_crashes(lasts),
            Harm::AuroraFailover(_) => self.target_fails_over(lasts),
            Harm::RelayLogLoss(_) => self.relay_log_is_lost(),
            Harm::ColdPages(_) => self.pages_are_cold(),
            Harm::Reset(fault) => self.reset(fault.link),
            Harm::Partition(fault) => self.partition_begins(fault.link, lasts),
            Harm::HalfOpen(_) => {
                Host::ALL
                    .into_iter()
                    .for_each(|from| self.streams_are_half_open(from));
            }
            Harm::SourceCrash(_) => self.source_crashes(Durability::Process, lasts),
            Harm::SourceFailover(_) => self.source_fails_over(lasts),
            Harm::AsyncFailover(fault) => {
                let storage = self
                    .source
                    .cut(&mut self.arena, self.now, Durability::Volume);
                self.faults.standby = Some(storage);
                let lost = self.now + fault.behind.0;
                self.agenda.push(lost, Due::HostLost(lasts));
            }
            Harm::Latency(_)
            | Harm::Jitter(_)
            | Harm::Bandwidth(_)
            | Harm::Stall(_)
            | Harm::SlowFsync(_)
            | Harm::SlowApply(_)
            | Harm::ControlPlaneSlow(_)
            | Harm::ControlPlaneThrottles(_)
            | Harm::ControlPlaneFails(_)
            | Harm::StaleDns(_)
            | Harm::CachedForever(_)
            | Harm::PinnedPool(_)
            | Harm::BlindRetry(_)
            | Harm::ClockSkew(_)
            | Harm::Burst(_) => {}
            Harm::DmsTaskCrash(_) => self.dms_crashes(false, lasts),
            Harm::DmsInstanceFailover(_) => self.dms_crashes(true, lasts),
            Harm::AnswerLost(_) => self.next_answer_is_lost(),
            Harm::OperatorCrash(_) => self.operator_is_lost(lasts),
            Harm::StepAgain(fault) => self.step_is_repeated(fault.step),
            Harm::ActsEarly(_) => self.operator_hurries(),
            Harm::Cron(_)
            | Harm::PrivilegedWriter(_)
            | Harm::StrayWriter(_)
            | Harm::LongTransaction(_)
            | Harm::XaTransaction(_)
            | Harm::HugeTransaction(_) => self.writer_comes(index, harm, lasts),
            Harm::Ddl(fault) => self.ddl_is_asked(fault.add),
        }
    }

    /// `FLUSH BINARY LOGS`, and the next one of the storm while it lasts.
    pub(super) fn flush_logs(&mut self, index: u16) {
        let in_force = self.faults.in_force.iter().any(|(i, _)| *i == index);
        let Some((_, Harm::RotationStorm(storm))) = self.faults.schedule.get(usize::from(index))
        else {
            return;
        };
        if !in_force {
            return;
        }
        let next = self.now + storm.every.0.max(1);
        if self.is_up(Host::Source) && self.faults.standby.is_none() {
            self.source.rotate_binlog(self.now);
            self.occurs(Occasion::BinlogRotates);
        }
        self.agenda.push(next, Due::FlushLogs(index));
    }

    /// A fault's time is over.
    pub(super) fn fault_heals(&mut self, index: u16) {
        self.faults.in_force.retain(|(i, _)| *i != index);
        self.environment_changes();
    }

    /// The environment in force, worked out anew.
    fn environment_changes(&mut self) {
        let mut environment = self.plan_environment.clone();
        self.faults.lay_over(&mut environment);
        self.source.config.fsync_us = environment.source.fsync.0;
        self.environment = environment;
        self.stream_link_changes();
        self.habits_change();
        self.clocks_change();
    }

    /// The hosts' clocks, as the faults in force have them.
    fn clocks_change(&mut self) {
        let mut ahead_us = [0; Host::ALL.len()];
        for (harm, _) in self.faults.harms() {
            if let Harm::ClockSkew(fault) = harm {
                ahead_us[fault.host as usize] += fault.ahead.0;
            }
        }
        self.ahead_us = ahead_us;
        for host in Host::ALL {
            let epoch_us = self.epoch_us + self.ahead_us[host as usize];
            if let Some(server) = self.server_mut(host) {
                server.config.epoch_us = epoch_us;
            }
            self.schedule_events(host);
        }
    }

    /// Connections over a link that is cut for longer than they wait break then.
    fn partition_begins(&mut self, wire: Wire, lasts: Micros) {
        let patience = match wire {
            Wire::Replication => self.environment.target.replica_net_timeout,
            Wire::ClientsSource | Wire::ClientsTarget => self.environment.clients.tcp_timeout,
            // A command is typed again.
            Wire::Operator => return,
        };
        if lasts > patience {
            self.agenda
                .push(self.now + patience.0, Due::Impatience(wire));
        }
    }

    /// Whoever still waits for something from beyond the cut gives up.
    pub(super) fn impatience(&mut self, wire: Wire) {
        if self.faults.blocked_until(wire, Way::Both) <= self.now {
            return;
        }
        match wire {
            Wire::Replication => {
                self.reset_streams();
                self.dms_connections_break(Micros::ZERO);
            }
            Wire::ClientsSource => {
                self.break_waiting(Host::Source);
            }
            Wire::ClientsTarget => {
                self.break_waiting(Host::Target);
            }
            Wire::Operator => {}
        }
    }

    /// When the faults in force have healed and the hosts that are down serve again, in µs.
    pub fn healed_at(&self) -> u64 {
        let faults = self.faults.in_force.iter().map(|(_, until)| *until);
        faults.chain(self.down_until).max().unwrap_or(0)
    }

    /// The faults that have fired so far, in order.
    pub fn fired(&self) -> &[Fired] {
        &self.faults.fired
    }

    /// Until when the operator does not reach the servers; 0 when it does.
    pub fn operator_cut_off_until(&self) -> u64 {
        self.faults.blocked_until(Wire::Operator, Way::Both)
    }
}
