//! Where the application goes: its name, and clients that are given an address of their own.

use crate::{
    faults::Occasion,
    history::{Operation, SCHEDULER},
    runbook::Host,
    world::{NO_TARGET, World, side},
};
use cutover_model::names::Record;

impl World {
    /// Points the application's name at a host.
    ///
    /// # Errors
    /// No cluster.
    pub fn repoint(&mut self, to: Host) -> Result<(), String> {
        self.server(to).ok_or(NO_TARGET)?;
        if self.names.target() == to {
            // The name has never moved, and a part of the application had.
            let comes_back = to == Host::Source && self.clients.some_moved_to(Host::Target);
            self.clients.go_by_the_name(to);
            if comes_back {
                self.comes_back();
            }
            return Ok(());
        }
        let is_open = to == Host::Target && self.clients.some_moved_to(to);
        self.clients.go_by_the_name(to);
        let effective = self.now + self.environment.control_plane.dns_change.0;
        self.names.change(to, effective);
        match to {
            Host::Target if is_open => {}
            Host::Target => self.target_is_opened(),
            Host::Source | Host::Replica => self.comes_back(),
        }
        Ok(())
    }

    /// The application, or the part of it that was on the target, is to write to the source again.
    fn comes_back(&mut self) {
        self.marks.returned = Some(self.now);
        self.source_is_opened_again();
    }

    /// From now on the application, or a part of it, is to write to the target.
    fn target_is_opened(&mut self) {
        self.marks.repointed = Some(self.now);
        let Some(target) = self.target.as_ref().map(|t| &t.server) else {
            return;
        };
        // Without a binlog an event's transaction has no GTID, and is nobody's errant one.
        let writes_binlog = target.binlog.is_some();
        let operations = &self.history.operations;
        let counts =
            |o: Option<Operation>| writes_binlog || o.is_none_or(|o| o.client != SCHEDULER);
        let commits = self.history.target.iter();
        let commits = commits.filter(|c| counts(operations.get(c.operation as usize)));
        self.marks.target_commits_at_repoint = commits.count();
        let own = target.gtid_executed.of_server(target.config.uuid);
        self.marks.own_gtids_at_repoint = match writes_binlog {
            true => own,
            false => own.subtract(&self.marks.typed_on_target),
        };
        self.occurs(Occasion::Repointed);
    }

    /// Gives so many of a hundred clients a host's own address, and restarts them with it.
    ///
    /// # Errors
    /// No cluster.
    pub fn repoint_share(&mut self, to: Host, percent: u32) -> Result<(), String> {
        self.server(to).ok_or(NO_TARGET)?;
        let told = Record::new(to, self.environment.names.ttl.0);
        if to == Host::Target && !self.clients.some_moved_to(to) {
            self.target_is_opened();
        }
        let moved = self.clients.move_share(told, percent);
        self.restart_first(moved);
        let host = side(to);
        let are = if moved == 1 {
            "client is"
        } else {
            "clients are"
        };
        let what = format!("{moved} {are} started anew, with the address of the {host}");
        self.tell("clients", what, Vec::new());
        Ok(())
    }

    /// Where the application's name points.
    pub fn serving(&self) -> Host {
        self.names.query(self.now)
    }

    /// Where the application's name is to point, whether or not the zone's servers have it yet.
    pub fn points_at(&self) -> Host {
        self.names.target()
    }
}
