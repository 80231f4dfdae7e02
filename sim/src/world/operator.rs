//! What faults do to the operator, and to what the operator talks to.

use super::{Snapshot, UnderWay, World};
use crate::{
    environment::ControlPlane,
    faults::{Harm, Occasion},
    outcome::ByHand,
    probes::Probe,
    runbook::{Host, Op, Repoint, SetExternalSource, Step},
    units::Micros,
};
use cutover_model::replica::Start;

/// How the control plane answers calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// It does what it is asked for.
    Well,
    /// It gets too many calls, and refuses them.
    TooMany,
    /// It refuses them for another reason.
    Fails,
}

/// The operator's lot, and calls that the control plane has accepted.
#[derive(Debug, Default)]
pub(super) struct Office {
    /// How often the operator's machine was lost.
    losses: u32,
    /// When somebody goes on, in µs.
    back: u64,
    /// Answers to come that get lost.
    answers_to_lose: u32,
    /// The wait under way, or the next one, is left before its condition holds.
    hurried: bool,
    /// Snapshots that are asked for and not cut yet, and how long each is copied.
    to_cut: Vec<(String, Host, Micros)>,
    /// The runbook's steps, for who does one of them again.
    steps: Vec<Step>,
    /// How many of them are done.
    done: usize,
    /// What was done by hand.
    by_hand: ByHand,
    /// When the cluster that is being created is available, in µs.
    restored: Option<u64>,
    /// When the read replica that is being made is available, in µs.
    pub(super) replica_ready: Option<u64>,
    /// RDS looks after the target's replication: it is an Aurora read replica, or is to be one.
    pub(super) is_managed: bool,
}

impl Office {
    pub(super) fn new(steps: &[Step]) -> Self {
        Self {
            steps: steps.to_vec(),
            ..Self::default()
        }
    }

    /// A snapshot is asked for: its place in the list.
    pub(super) fn ask_for_snapshot(&mut self, id: &str, of: Host, copying: Micros) -> u16 {
        self.to_cut.push((id.to_string(), of, copying));
        self.to_cut.len() as u16 - 1
    }

    pub(super) fn asked_for(&self, snapshot: u16) -> Option<(String, Host, Micros)> {
        self.to_cut.get(usize::from(snapshot)).cloned()
    }

    pub(super) fn is_asked_for(&self, id: &str) -> bool {
        self.to_cut.iter().any(|(asked, ..)| asked == id)
    }

    pub(super) fn restoring_until(&mut self, at: u64) {
        self.restored = Some(at);
    }
}

impl World {
    /// The operator's machine is lost, and somebody goes on after `away`.
    pub(super) fn operator_is_lost(&mut self, away: Micros) {
        self.office.losses += 1;
        self.office.back = self.office.back.max(self.now + away.0);
    }

    /// The answer to the next call that is accepted gets lost.
    pub(super) fn next_answer_is_lost(&mut self) {
        self.office.answers_to_lose += 1;
    }

    /// The operator does not wait until what is waited for holds.
    pub(super) fn operator_hurries(&mut self) {
        self.office.hurried = true;
    }

    /// The operator begins a step, of this number among the steps or the abort steps.
    pub fn step_begins(&mut self, number: u32, say: &str) {
        self.occurs(Occasion::StepBegins);
        self.marks.under_way = Some(UnderWay {
            step: number,
            say: say.to_string(),
            since: self.now,
        });
    }

    /// A step of the runbook is done.
    pub fn step_is_done(&mut self) {
        self.office.done += 1;
    }

    /// The operator has done a step, of the runbook or of the way out of it.
    pub fn done_by_hand(&mut self, step: &Step) {
        match step.wait.is_some() || step.pause.is_some() {
            true => self.office.by_hand.waits += 1,
            false => self.office.by_hand.actions += 1,
        }
    }

    /// What the operator has done by hand so far.
    pub fn by_hand(&self) -> ByHand {
        self.office.by_hand
    }

    /// Somebody does a step again, counted from 1.
    pub(super) fn step_is_repeated(&mut self, number: u32) {
        let index = (number as usize).wrapping_sub(1);
        let done = self.office.steps[..self.office.done.min(self.office.steps.len())].get(index);
        let Some(step) = done.cloned() else {
            let text = format!("step {number} is not done yet, and nobody does it again");
            self.tell("operator", text, Vec::new());
            return;
        };
        let text = match self.again(&step) {
            Ok(()) => {
                self.probes.reach(Probe::StepRepeated);
                format!("somebody has done step {number} again: {}", step.say)
            }
            Err(refusal) => format!("somebody does step {number} again, and is refused: {refusal}"),
        };
        self.tell("operator", text, Vec::new());
    }

    /// What a step does at the moment when it takes effect; a wait does nothing, and coordinates are somebody's own.
    fn again(&mut self, step: &Step) -> Result<(), String> {
        match step.op().map_err(|e| e.to_string())? {
            Op::SetBinlogRetention(o) => self.set_retention(o.on, Micros::hours(o.hours.into())),
            Op::CreateReadReplica => {
                self.create_read_replica(Micros::ZERO, Micros::ZERO, Micros::ZERO)
            }
            Op::CreateSnapshot(o) => self.create_snapshot(&o.id, o.of, Micros::ZERO, Micros::ZERO),
            Op::RestoreSnapshot(o) => self.restore_begins(&o.id, Micros::ZERO),
            Op::ReadCoordinates(_) | Op::Wait(_) | Op::Pause(_) => Ok(()),
            Op::SetExternalSource(o) => self.set_external_source(o.on, self.start_of(o)),
            Op::MigrateLatestSnapshot => {
                let (id, _) = self.newest_snapshot().unwrap_or_default();
                self.restore_begins(&id, Micros::ZERO)
            }
            Op::CreateAuroraReplica => {
                self.create_aurora_replica(Micros::ZERO, Micros::ZERO, Micros::ZERO)
            }
            Op::PromoteCluster => self.promote_cluster(),
            Op::EnableBinlog => self.enable_binlog(self.environment.control_plane.reboot),
            Op::StartReplication(on) => self.start_replication(on),
            Op::SetReadOnly(o) if o.on == Host::Source || o.lasting => {
                self.deliver_read_only(o.on, o.value);
                Ok(())
            }
            Op::SetReadOnly(o) => self.set_read_only(o.on, o.value),
            Op::AdmitClients(o) => self.admit_clients(o.on, o.value),
            Op::SetEventScheduler(o) => {
                self.deliver_event_scheduler(o.on, o.value);
                Ok(())
            }
            Op::KillConnections(host) => {
                self.kill_connections(host);
                Ok(())
            }
            Op::StopReplication(on) => self.stop_replication(on),
            Op::ResetExternalSource(on) => self.reset_external_source(on),
            Op::RaiseAutoIncrement(o) => self.raise_auto_increment(o.gap),
            Op::CreateCluster => self.cluster_begins(Micros::ZERO),
            Op::CreateSchema(o) => self.create_schema(o),
            Op::AddConstraints(o) => self.add_constraints(o.delete_orphans).map(|_| ()),
            Op::CreateTriggers => self.create_triggers(),
            Op::CopyUsers => self.copy_users(),
            Op::CreateDmsTask(o) => self.create_dms_task(o),
            // Whoever starts it by hand has no position: one that was started before is not started again.
            Op::DmsTask(o) => self.dms_task(&o.id, o.action, None),
            Op::RunSql(o) => self.type_sql(o.on, &o.sql),
            Op::Repoint(Repoint {
                to,
                share: Some(share),
                ..
            }) => self.repoint_share(*to, *share),
            Op::Repoint(o) => {
                self.repoint(o.to)?;
                if o.restart_clients {
                    self.restart_clients();
                }
                Ok(())
            }
        }
    }

    /// Where replication starts when it is configured again: where it was told to.
    fn start_of(&self, o: &SetExternalSource) -> Start {
        let replica = self.channel(o.on).replica.as_ref();
        match (replica, &o.at) {
            (Some(replica), _) => replica.start.clone(),
            (None, None) => Start::AutoPosition,
            // Whoever types it by hand has the coordinates of the snapshot.
            (None, Some(_)) => {
                let (file, pos) = self.recovery_event().unwrap_or_default();
                Start::Position { file, pos }
            }
        }
    }

    /// How often the operator's machine was lost so far.
    pub fn operator_losses(&self) -> u32 {
        self.office.losses
    }

    /// When somebody goes on after the last of these losses, in µs.
    pub fn operator_back_us(&self) -> u64 {
        self.office.back
    }

    /// Whether the wait under way is to be left; once.
    pub fn operator_is_hurried(&mut self) -> bool {
        std::mem::take(&mut self.office.hurried)
    }

    /// Whether the answer to a call that was accepted gets lost.
    pub fn loses_answer(&mut self) -> bool {
        let lost = self.office.answers_to_lose > 0;
        self.office.answers_to_lose -= u32::from(lost);
        lost
    }

    /// How the control plane answers now.
    pub fn control_plane_answers(&self) -> Answers {
        let mut answers = Answers::Well;
        for (harm, _) in self.faults.harms() {
            match harm {
                Harm::ControlPlaneFails(_) => return Answers::Fails,
                Harm::ControlPlaneThrottles(_) => answers = Answers::TooMany,
                _ => {}
            }
        }
        answers
    }

    /// How long the control plane takes now.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.environment.control_plane
    }

    /// When the cluster is available whose restore was begun, in µs; none when none was.
    pub fn restore_ready_us(&self) -> Option<u64> {
        self.office.restored
    }

    /// A snapshot that was asked for is cut.
    pub(super) fn cut_asked_for(&mut self, snapshot: u16) {
        if let Some((id, of, copying)) = self.office.asked_for(snapshot) {
            self.cut_snapshot(&id, of, copying);
        }
    }

    /// A snapshot by its identifier.
    pub(super) fn snapshot(&self, id: &str) -> Option<&Snapshot> {
        self.snapshots.get(id)
    }
}
