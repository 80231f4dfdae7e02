//! Fences: `read_only`, at once or by the parameter group, and the security group; what follows when one is lifted.

use crate::{
    faults::Occasion,
    probes::Probe,
    runbook::Host,
    world::{Due, NO_TARGET, World, side},
};
use cutover_model::{mutant::Mutant, server::Server};

impl World {
    /// Sets or clears `read_only`; setting it takes effect when statements and commits under way are done.
    ///
    /// # Errors
    /// No cluster.
    pub fn set_read_only(&mut self, host: Host, value: bool) -> Result<(), String> {
        let server = self.server_mut(host).ok_or(NO_TARGET)?;
        let waits_for = match value {
            true => server.set_read_only(false),
            false => {
                server.clear_read_only();
                0
            }
        };
        if waits_for > 0 {
            self.probes.reach(Probe::FenceWaitedForStatement);
            let statements = match waits_for {
                1 => "a statement that has begun and waits for a lock".into(),
                n => format!("{n} statements that have begun and wait for locks"),
            };
            let text = format!(
                "has SET GLOBAL read_only = 1 wait for {statements}; who begins to write waits behind it"
            );
            self.tell(side(host), text, Vec::new());
        }
        if host == Host::Source && !value {
            self.source_lets_writes_in();
        }
        self.hear(host);
        Ok(())
    }

    /// Changes whether a host's security group lets clients in. Connections that there are stay.
    ///
    /// # Errors
    /// No cluster.
    pub fn admit_clients(&mut self, host: Host, value: bool) -> Result<(), String> {
        self.server(host).ok_or(NO_TARGET)?;
        let was_closed = std::mem::replace(&mut self.closed[host as usize], !value);
        if value && was_closed && host == Host::Source {
            self.source_lets_writes_in();
        }
        if host == Host::Source && !value {
            self.occurs(Occasion::FenceAsked);
        }
        Ok(())
    }

    /// Whether a host's security group lets no client in.
    pub fn is_closed(&self, host: Host) -> bool {
        self.closed[host as usize]
    }

    /// One of the source's fences is lifted: its clients write again, unless another one stands.
    fn source_lets_writes_in(&mut self) {
        if !self.is_closed(Host::Source) && !self.is_read_only(Host::Source) {
            self.fence_is_lifted();
            self.source_is_opened_again();
        }
    }

    /// The source takes writes again that the fence had stopped.
    pub(in crate::world) fn fence_is_lifted(&mut self) {
        if self.marks.fence.is_some() {
            self.marks.fence_lifted.get_or_insert(self.now);
        }
    }

    /// After the cutover the source takes writes again, or may: from here on it goes its own way, and what its clients
    /// commit is written down for the comparison of the final states.
    pub(super) fn source_is_opened_again(&mut self) {
        if self.marks.repointed.is_some() {
            self.marks.reopened.get_or_insert(self.now);
            self.source.journal.get_or_insert_default();
        }
    }

    /// Changes `read_only` in a host's parameter group; the server has it after a while.
    pub fn deliver_read_only(&mut self, host: Host, value: bool) {
        if !value && host == Host::Source && self.mutants.has(Mutant::AbortNeverArrives) {
            return;
        }
        let arrival = self.now + self.environment.source.parameter_delay.0;
        self.parameter_read_only[host as usize] = value;
        self.agenda.push(arrival, Due::Parameter(host, value));
        if value && host == Host::Source {
            self.occurs(Occasion::FenceAsked);
        }
    }

    pub(in crate::world) fn parameter_arrives(&mut self, host: Host, value: bool) {
        // A server that is down reads the parameter group when it starts; one that has started since has read it.
        let current = value == self.parameter_read_only[host as usize];
        if !self.is_up(host) || !current || value && self.is_read_only(host) {
            return;
        }
        let refuses = |s: &Server| s.is_read_only() || s.is_closing();
        let opens = !value && self.server(host).is_some_and(refuses);
        if self.set_read_only(host, value).is_ok() && opens {
            self.tell(side(host), "accepts writes again".into(), Vec::new());
        }
    }

    /// `@@global.read_only`.
    pub fn is_read_only(&self, host: Host) -> bool {
        self.server(host).is_some_and(|s| s.is_read_only())
    }

    /// `SELECT COUNT(*) FROM information_schema.innodb_trx`. It has an ALTER TABLE that goes through rows (`op_info` of its
    /// transaction, "reading clustered index", storage/innobase/row/row0merge.cc).
    pub fn open_transactions(&self, host: Host) -> usize {
        let altering = usize::from(self.goes_through_rows(host));
        self.server(host).map_or(0, |s| s.open_transactions()) + altering
    }
}
