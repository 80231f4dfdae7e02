//! What happens inside a server, and what the world makes of it: the history, the clients' answers, the streams.

use super::{World, side};
use crate::{
    faults::Occasion,
    history::{Commit, NO_COMMIT},
    probes::Probe,
    runbook::Host,
};
use cutover_model::{
    gtid::Gtid,
    server::{Committed, Event, Server, SessionId},
};

impl World {
    #[inline]
    pub(super) fn hear_source(&mut self) {
        if self.source.has_events() {
            self.hear(Host::Source);
        }
    }

    #[inline]
    pub(super) fn hear_target(&mut self) {
        if self.target.as_ref().is_some_and(|t| t.server.has_events()) {
            self.hear(Host::Target);
        }
    }

    /// Takes what happened inside a server.
    pub(super) fn hear(&mut self, host: Host) {
        while self.server(host).is_some_and(Server::has_events) {
            let mut events = std::mem::take(&mut self.events);
            if let Some(server) = self.server_mut(host) {
                server.events(&mut events);
            }
            for event in &events {
                match *event {
                    Event::Resume(session) => self.resume(host, session),
                    Event::Failed(session, ref error) => {
                        self.failed_while_waiting(host, session, error)
                    }
                    Event::Prepared(session, done) => self.prepared(host, session, done),
                    // A change of a table is no write: the target is not opened by it.
                    Event::Committed(session, done)
                        if host == Host::Target
                            && self.operation_of_sql(host, session) == Some(NO_COMMIT) =>
                    {
                        self.note_typed(done);
                        self.sql_is_committed();
                        self.look_at_events(host);
                    }
                    Event::Committed(session, done) if self.is_of_rds(host, session) => {
                        self.rds_write_is_committed(done);
                    }
                    Event::Committed(session, done) if self.changes_password(host, session) => {
                        self.password_is_committed(host, done);
                    }
                    Event::Committed(session, done) => {
                        self.transaction_is_committed(host, session, done);
                    }
                    Event::Published => {
                        self.published(host);
                        if host == Host::Source {
                            self.dms_pumps();
                            self.occurs(Occasion::SourcePublishes);
                        }
                    }
                    Event::StatementsEnded => self.step_server(host),
                    Event::ReadOnlyEffective => self.read_only_takes_effect(host),
                }
            }
            events.clear();
            self.events = events;
        }
    }

    fn transaction_is_committed(&mut self, host: Host, session: SessionId, done: Committed) {
        let typed = self.operation_of_sql(host, session);
        let client = self.clients.index_of(host, session);
        let of_event = self.scheduler.operation_of(host, session);
        let operation = match (typed.or(of_event), client) {
            (Some(operation), _) => operation,
            (None, Some(client)) => self.clients.get(client).operation,
            (None, None) => self.clients.unheard_operation(host, session),
        };
        self.note_commit(host, operation, done);
        if host == Host::Source {
            self.occurs(Occasion::SourceCommits);
        }
        // Its place in the history. The server's own number is another one on a target that has crashed: what it had
        // numbered and lost before anybody heard of it is in no history.
        let number = self.history.commits(host).len() - 1;
        self.committed(client, operation, number as u32);
        if typed.is_some() {
            self.sql_is_committed();
        }
        if of_event.is_some() {
            self.event_is_committed(host, session);
        }
        if operation == NO_COMMIT {
            self.look_at_events(host);
        }
        if host == Host::Source {
            self.ddl_is_committed(session);
        }
    }

    fn prepared(&mut self, host: Host, session: SessionId, done: Committed) {
        self.note_commit(host, NO_COMMIT, done);
        self.is_prepared(host, session);
    }

    /// A transaction of a host's history, and the operation that it is of.
    pub(super) fn note_commit(&mut self, host: Host, operation: u32, done: Committed) {
        self.writes_to_file(host, done.end.file);
        let commit = Commit {
            at: self.now,
            end: done.end,
            gno: done.gno,
            operation,
        };
        match host {
            Host::Source => self.history.source.push(commit),
            Host::Target => self.history.target.push(commit),
            // Nobody connects to it.
            Host::Replica => {}
        }
    }

    /// The target has committed what the operator has typed and is no write.
    pub(super) fn note_typed(&mut self, done: Committed) {
        if let Some(target) = &self.target
            && done.gno > 0
        {
            let gtid = Gtid::new(target.server.config.uuid, done.gno);
            self.marks.typed_on_target.add(gtid);
        }
    }

    fn read_only_takes_effect(&mut self, host: Host) {
        if host == Host::Source {
            self.marks.source_read_only.get_or_insert(self.now);
            if self.source.open_transactions() > 0 {
                self.probes.reach(Probe::OpenAtFence);
            }
        }
        self.tell(
            side(host),
            "is read-only now: no ordinary client can commit any more".into(),
            Vec::new(),
        );
    }
}
