//! The replica's threads: they die, lose their relay logs, go down with the server, and are started again.

use crate::{
    probes::Probe,
    runbook::Host,
    units::Micros,
    world::{Due, World, side},
};
use cutover_model::replica::Replica;

impl World {
    /// The receiver's thread on the target dies; it is started again after `outage`.
    pub(in crate::world) fn receiver_dies(&mut self, outage: Micros) {
        for to in Host::ALL {
            let channel = self.channel_mut(to);
            let Some(replica) = channel.replica.as_mut().filter(|r| r.applier_runs()) else {
                continue;
            };
            replica.stop_receiver();
            channel.close();
            self.agenda
                .push(self.now + outage.0, Due::StartReceiver(to));
        }
    }

    pub(in crate::world) fn receiver_starts_again(&mut self, to: Host) {
        // The operator may have stopped replication since, and the replica may be down.
        if self.marks.replication_into(to).stopped.is_some() || !self.is_up(to) {
            return;
        }
        let Some(replica) = self.channel_mut(to).replica.as_mut() else {
            return;
        };
        replica.start_receiver();
        self.receiver_starts(to);
        self.tell(side(to), "the receiver is started again".into(), Vec::new());
    }

    /// The applier's threads die; they are started again after `outage`.
    pub(in crate::world) fn applier_dies(&mut self, outage: Micros) {
        for to in Host::ALL {
            let replica = self.channel_mut(to).replica.as_mut();
            let Some(replica) = replica.filter(|r| r.applier_runs()) else {
                continue;
            };
            let at_work = !replica.is_idle();
            replica.applier_killed();
            if at_work {
                self.probes.reach(Probe::ApplierDiedAtWork);
            }
            self.agenda.push(self.now + outage.0, Due::StartApplier(to));
        }
    }

    pub(in crate::world) fn applier_starts_again(&mut self, to: Host) {
        if self.marks.replication_into(to).stopped.is_some() || !self.is_up(to) {
            return;
        }
        let replica = self.channel_mut(to).replica.as_mut();
        let Some(replica) = replica.filter(|r| !r.applier_runs()) else {
            return;
        };
        replica.start_applier();
        self.tell(side(to), "the applier is started again".into(), Vec::new());
    }

    /// The relay logs are gone. The server notices when its threads start, so that is what happens to those that run: a
    /// receiver that went on writing would leave a hole.
    pub(in crate::world) fn relay_log_is_lost(&mut self) {
        let recovery = self.environment.target.relay_log_recovery;
        for to in Host::ALL {
            let Some(replica) = self.channel_mut(to).replica.as_mut() else {
                continue;
            };
            let (receives, applies) = (replica.receiver_is_on(), replica.applier_runs());
            let unapplied = !replica.is_idle();
            replica.lose_relay_log(recovery);
            if receives {
                replica.start_receiver();
            }
            if applies {
                replica.start_applier();
            }
            if unapplied {
                self.probes.reach(Probe::RelayLogLostUnapplied);
            }
            if receives {
                self.receiver_starts(to);
            }
        }
    }

    /// Every page of the replicas' tables is cold again.
    pub(in crate::world) fn pages_are_cold(&mut self) {
        let replicas = self.channels.iter_mut().filter_map(|c| c.replica.as_mut());
        replicas.for_each(Replica::cool);
    }

    /// A replica's server goes down: its threads are gone, and of its relay log what `to_relay_log` says. A server starts both threads when
    /// it is started, also those that had died before (`skip_replica_start` is OFF); what the operator has stopped stays
    /// so, as RDS keeps it [K].
    pub(in crate::world) fn replica_goes_down(
        &mut self,
        to: Host,
        to_relay_log: fn(&mut Replica, bool),
    ) {
        let recovery = self.environment.target.relay_log_recovery;
        let marks = self.marks.replication_into(to);
        let resumes = marks.started.is_some() && marks.stopped.is_none();
        let channel = self.channel_mut(to);
        channel.resumes = resumes;
        if let Some(replica) = channel.replica.as_mut() {
            replica.stop_receiver();
            to_relay_log(replica, recovery);
        }
        channel.close();
    }

    /// A replica's server is back: it goes on replicating by itself.
    pub(in crate::world) fn replica_comes_back(&mut self, to: Host) {
        let channel = self.channel_mut(to);
        if !std::mem::take(&mut channel.resumes) {
            return;
        }
        if let Some(replica) = channel.replica.as_mut() {
            replica.start();
        }
        self.probes.reach(Probe::ReplicationResumed);
        self.receiver_starts(to);
    }
}
