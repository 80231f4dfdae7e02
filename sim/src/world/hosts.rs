//! Hosts that go down and come back.

use super::{Due, World};
use crate::{
    history::{Commit, Erased, NO_COMMIT},
    probes::Probe,
    runbook::Host,
    units::Micros,
};
use cutover_model::{
    mutant::Mutant,
    replica::Replica,
    server::{Cut, Durability, SessionId},
};

/// How what was connected to a host learns that it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    /// At once: the operating system resets the connections of a process that has died.
    Reset,
    /// When the host is back: nobody is there to say anything.
    Silence,
}

impl World {
    /// When a host was, or will be, back from its last outage, in µs; 0 without any.
    pub fn last_outage(&self, host: Host) -> u64 {
        self.down_until[host as usize]
    }

    /// Whether a host answers.
    pub fn is_up(&self, host: Host) -> bool {
        self.down_until[host as usize] <= self.now
    }

    /// `kill -9` of the source's server, or a crash of it; it serves again after `outage`.
    pub(super) fn source_crashes(&mut self, durability: Durability, outage: Micros) {
        if self.source_decides(None, durability, Replica::killed) {
            self.source_is_down(outage, Farewell::Reset);
        }
    }

    /// The source's host is lost, and another takes over with the same storage after `outage`.
    pub(super) fn source_fails_over(&mut self, outage: Micros) {
        if self.source_decides(None, Durability::Volume, Replica::lose_relay_log) {
            self.source_is_down(outage, Farewell::Silence);
        }
    }

    /// The source's host is lost, and a standby takes over that had stopped following earlier.
    pub(super) fn host_is_lost(&mut self, outage: Micros) {
        let standby = self.faults.standby.take();
        let lost = Replica::lose_relay_log;
        if standby.is_some() && self.source_decides(standby, Durability::Volume, lost) {
            self.source_is_down(outage, Farewell::Silence);
        }
    }

    /// The source loses its memory, and recovery (or the standby's storage) decides what was committed. False when
    /// it is down already.
    fn source_decides(
        &mut self,
        standby: Option<Cut>,
        durability: Durability,
        to_relay_log: fn(&mut Replica, bool),
    ) -> bool {
        if !self.is_up(Host::Source) {
            return false;
        }
        self.hear(Host::Source);
        let undecided: Vec<_> = self.source.undecided().collect();
        for (session, done) in undecided {
            let operation = self.operation_under_way(Host::Source, session);
            self.history.source.push(Commit {
                at: self.now,
                end: done.end,
                gno: done.gno,
                operation,
            });
            self.numbered(operation, done.number.0 as u32);
            if session.is_some_and(|session| self.alters_for_operator(session)) {
                let number = self.history.source.len() - 1;
                self.history.altered.push(number as u32);
            }
            if session.is_some_and(|session| self.is_of_rds(Host::Source, session)) {
                self.last_commit_is_rds();
            }
            if self
                .source
                .binlog
                .as_ref()
                .is_some_and(|b| done.end <= b.published())
            {
                self.probes.reach(Probe::CrashBetweenPublishAndCommit);
            }
        }
        if self.marks.restoring {
            self.probes.reach(Probe::CrashInRestore);
        }
        let kept = match standby {
            Some(cut) => {
                self.source.start_from(&mut self.arena, self.now, &cut);
                cut.commits
            }
            None => {
                self.source
                    .crash(&mut self.arena, self.now, durability)
                    .commits
            }
        };
        self.ddl_is_forgotten();
        self.replica_goes_down(Host::Source, to_relay_log);
        self.sql_is_lost(Host::Source);
        self.events_are_lost(Host::Source);
        self.password_is_lost(Host::Source);
        self.rds_write_is_lost();
        self.erase(kept as u32);
        true
    }

    /// The commits from number `kept` on are gone from the source.
    fn erase(&mut self, kept: u32) {
        let all = self.history.source.len() as u32;
        if kept >= all {
            return;
        }
        let erased = Erased {
            from: kept,
            to: all,
            at: self.now,
        };
        self.history.erased.push(erased);
        self.tell(
            "source",
            format!(
                "has lost {} of its last transactions: they were not durable",
                all - kept
            ),
            Vec::new(),
        );
    }

    fn source_is_down(&mut self, outage: Micros, farewell: Farewell) {
        let back = self.now + outage.0;
        self.down_until[Host::Source as usize] = back;
        self.dms_compares_nothing_until(back);
        self.dms_loses_source();
        match farewell {
            Farewell::Reset => {
                self.kill_connections(Host::Source);
                self.reset_streams_from(Host::Source);
            }
            Farewell::Silence => {
                self.silent_until[Host::Source as usize] = back;
                self.streams_are_half_open(Host::Source);
            }
        }
        self.agenda.push(back, Due::Back(Host::Source));
    }

    /// `kill -9` of the target's server; it serves again after `outage`.
    pub(super) fn target_crashes(&mut self, outage: Micros) {
        if self.target_decides(Replica::killed) {
            self.target_is_down(outage, Farewell::Reset);
        }
    }

    /// The target's writer is lost, and another instance takes over with the same volume after `outage`.
    pub(super) fn target_fails_over(&mut self, outage: Micros) {
        if self.target_decides(Replica::lose_relay_log) {
            self.target_is_down(outage, Farewell::Silence);
        }
    }

    /// The target loses its memory, and recovery decides what its clients had committed. False when there is none,
    /// or it is down already.
    fn target_decides(&mut self, to_relay_log: fn(&mut Replica, bool)) -> bool {
        if !self.is_up(Host::Target) || self.target.is_none() {
            return false;
        }
        self.hear(Host::Target);
        let Some(target) = self.target.as_mut() else {
            return false;
        };
        let undecided: Vec<_> = target.server.undecided().collect();
        let kept = target
            .server
            .crash(&mut self.arena, self.now, Durability::Volume)
            .commits;
        self.replica_goes_down(Host::Target, to_relay_log);
        // What recovery has kept is committed, whether or not its client hears of it; Aurora's volume has every
        // commit that was acknowledged, so nothing else can be gone.
        for (session, done) in undecided
            .into_iter()
            .filter(|(_, done)| done.number.0 < kept)
        {
            let operation = self.operation_under_way(Host::Target, session);
            self.numbered(operation, self.history.target.len() as u32);
            self.history.target.push(Commit {
                at: self.now,
                end: done.end,
                gno: done.gno,
                operation,
            });
        }
        self.sql_is_lost(Host::Target);
        self.events_are_lost(Host::Target);
        self.password_is_lost(Host::Target);
        true
    }

    fn target_is_down(&mut self, outage: Micros, farewell: Farewell) {
        let back = self.now + outage.0;
        self.down_until[Host::Target as usize] = back;
        self.dms_compares_nothing_until(back);
        match farewell {
            Farewell::Reset => {
                self.kill_connections(Host::Target);
                self.reset_streams_from(Host::Target);
            }
            Farewell::Silence => {
                self.silent_until[Host::Target as usize] = back;
                self.streams_are_half_open(Host::Target);
            }
        }
        self.agenda.push(back, Due::Back(Host::Target));
    }

    /// A host serves again: connections from before are refused by it.
    pub(super) fn host_is_back(&mut self, host: Host) {
        if !self.is_up(host) {
            return;
        }
        self.kill_connections(host);
        // What the parameter group says by now holds from the start; what `mysql.rds_set_read_only` had set does not
        // outlive the server [D].
        if !self.parameter_read_only[host as usize] {
            if host == Host::Source && !self.is_closed(host) {
                self.fence_is_lifted();
            }
        } else if !self.mutants.has(Mutant::FenceLostAtRestart) {
            if let Some(server) = self.server_mut(host) {
                server.set_read_only(false);
            }
            self.hear(host);
        }
        self.reset_streams_from(host);
        self.replica_comes_back(host);
        self.tell(super::side(host), "serves again".into(), Vec::new());
        self.event_scheduler_is_read(host);
        self.events_begin_anew(host);
    }

    /// The operation whose transaction a session was committing.
    fn operation_under_way(&mut self, host: Host, session: Option<SessionId>) -> u32 {
        session.map_or(NO_COMMIT, |session| {
            self.operation_of_sql(host, session)
                .or_else(|| self.scheduler.operation_of(host, session))
                .unwrap_or_else(|| self.clients.operation_of(host, session))
        })
    }

    /// An operation's transaction has its number, whether or not anybody hears of it.
    fn numbered(&mut self, operation: u32, number: u32) {
        if operation == NO_COMMIT {
            return;
        }
        let operations = &mut self.history.operations;
        operations.edit(operation as usize, |record| record.commit = number);
    }
}
