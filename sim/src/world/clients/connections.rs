//! Clients' connections: how they are made, what they cost on the wire, and what follows when they break.

use super::{Client, Connection, Phase};
use crate::{
    faults::{Way, Wire},
    history::Told,
    probes::Probe,
    runbook::Host,
    workload::orders::makes_order,
    world::World,
};
use cutover_model::{mutant::Mutant, names::Record, server::SessionId};

/// A statement or an answer on the wire.
const STATEMENT_BYTES: u64 = 256;

/// The link between the application and a host.
fn clients_of(host: Host) -> Wire {
    match host {
        Host::Source => Wire::ClientsSource,
        // No client connects to a read replica.
        Host::Target | Host::Replica => Wire::ClientsTarget,
    }
}

impl World {
    /// How long a client waits for a connection that it does not get, in µs: a host without a server refuses at
    /// once, one that is not there or not to be reached, or whose security group does not let it in, does not answer, and
    /// a server refuses the password when it has it.
    pub(super) fn time_to_refusal(&mut self, host: Host) -> u64 {
        let patience = self.environment.clients.connect_timeout.0;
        let is_silent = self.silent_until[host as usize] > self.now || self.is_closed(host);
        if is_silent || self.cut_off_until(host) > self.now {
            return patience;
        }
        let round_trips = if self.is_up(host) { 2 } else { 1 };
        2 * round_trips * self.way_to(host)
    }

    /// Until when clients and a host cannot talk; 0 when they can.
    fn cut_off_until(&self, host: Host) -> u64 {
        self.faults.blocked_until(clients_of(host), Way::Both)
    }

    /// Whether a client would get a connection to a host: it is up and lets clients in, and the handshake comes through
    /// before the client gives up.
    fn takes_connections(&self, host: Host) -> bool {
        let patience = self.environment.clients.connect_timeout.0;
        self.is_up(host) && !self.is_closed(host) && self.cut_off_until(host) <= self.now + patience
    }

    /// Whether a host lets a client in that it can talk to. Who has an errand of its own has an account of its own, whose
    /// password stays.
    fn logs_in(&self, host: Host, client: u16) -> bool {
        match self.clients.get(client).errand {
            None => self.knows_application(host),
            Some(_) => self.has_accounts(host),
        }
    }

    /// The connection of a client, a new one when the pool has none that is good.
    pub(in crate::world) fn connect(&mut self, client: u16) -> Host {
        let now = self.now;
        let lifetime = self.clients.settings.max_lifetime.0;
        let (habit, errand) = (
            self.clients.get(client).habit,
            self.clients.get(client).errand,
        );
        let good = self
            .clients
            .get(client)
            .connection
            .filter(|n| now < n.until || habit.pinned);
        if let Some(connection) = good
            && self
                .server(connection.host)
                .is_some_and(|s| s.is_connected(connection.session))
        {
            return connection.host;
        }
        self.drop_connection(client);
        let moved = self.clients.moved.clone();
        let moved = moved.filter(|(_, first)| usize::from(client) < *first);
        let names = moved.as_ref().map_or(&self.names, |(own, _)| own);
        let c = &mut self.clients.all[usize::from(client)];
        let host = match (errand.and_then(|e| e.straight), habit.told) {
            (Some(straight), _) => straight,
            (None, Some(told)) => c.resolver.resolve(&Record::new(told, names.ttl_us), now),
            (None, None) => c.resolver.resolve(names, now),
        };
        let privilege = c.privilege;
        let spread = c.random.below(lifetime / 10 + 1);
        if host == Host::Source && self.marks.repointed.is_some() && errand.is_none() {
            self.probes.reach(Probe::StaleAddress);
        }
        let session = match self.takes_connections(host) {
            true if self.logs_in(host, client) => {
                self.server_mut(host).map(|s| s.connect(privilege))
            }
            true => {
                self.refuses_password(host);
                None
            }
            false => None,
        };
        if let Some(session) = session {
            let until = now + lifetime - spread;
            let connection = Connection {
                host,
                session,
                until,
            };
            self.clients.connected(client, connection);
        }
        host
    }

    /// The host and session of a client's connection.
    pub(in crate::world) fn connection_of(&self, client: u16) -> Option<(Host, SessionId)> {
        self.clients
            .get(client)
            .connection
            .map(|c| (c.host, c.session))
    }

    fn drop_connection(&mut self, client: u16) {
        let c = self.clients.get_mut(client);
        c.number += 1;
        if let Some(connection) = c.connection.take() {
            self.disconnect(connection.host, connection.session);
        }
    }

    /// A session of a host ends.
    pub(in crate::world) fn disconnect(&mut self, host: Host, session: SessionId) {
        match host {
            Host::Source => self.source.disconnect(&mut self.arena, session),
            Host::Target | Host::Replica => {
                if let Some(target) = self.target.as_mut() {
                    target.server.disconnect(&mut self.arena, session);
                }
            }
        }
    }

    /// From the clients to a host, in µs.
    pub(in crate::world) fn way_to(&mut self, host: Host) -> u64 {
        self.one_way(host, Way::Requests, self.now)
    }

    /// And back.
    pub(in crate::world) fn way_from(&mut self, host: Host) -> u64 {
        self.one_way(host, Way::Answers, self.now)
    }

    /// One way between the clients and a host for what is sent at `from`, in µs.
    pub(super) fn one_way(&mut self, host: Host, way: Way, from: u64) -> u64 {
        let link = match host {
            Host::Source => &self.environment.network.clients_source,
            Host::Target | Host::Replica => &self.environment.network.clients_target,
        };
        let time =
            link.wire_us(STATEMENT_BYTES) + link.latency.0 + self.jitter.below(link.jitter.0 + 1);
        let sent = from.max(self.faults.blocked_until(clients_of(host), way));
        link.after_stall(sent + time) - from
    }

    /// Kills the clients' connections to a host. What was committing goes on, and nobody hears of it.
    pub fn kill_connections(&mut self, host: Host) -> usize {
        self.break_connections(host, |_| true)
    }

    /// Clients that wait for a host give their connections up.
    pub(in crate::world) fn break_waiting(&mut self, host: Host) {
        self.break_connections(host, |client| client.phase != Phase::Idle);
    }

    fn break_connections(&mut self, host: Host, which: impl Fn(&Client) -> bool) -> usize {
        let mut broken = 0;
        for client in 0..self.clients.len() {
            let c = self.clients.get(client);
            if c.connection.is_some_and(|c| c.host == host) && which(c) {
                broken += 1;
                self.break_connection(client);
            }
        }
        broken
    }

    fn break_connection(&mut self, client: u16) {
        let c = self.clients.get(client);
        let (phase, known, operation) = (c.phase, c.answer, c.operation);
        let commit_sent = phase == Phase::Committing || c.commit_sent_us <= self.now;
        if commit_sent && phase != Phase::Idle {
            let intent = c.intent;
            self.history.operations.edit(operation as usize, |record| {
                if let Some(intent) = intent.filter(|_| makes_order(record.kind)) {
                    record.subject = intent.order;
                }
            });
        }
        if let (Phase::Committing, Some(connection)) = (phase, c.connection) {
            let unheard = (connection.host, connection.session, operation);
            self.clients.unheard.push(unheard);
        }
        self.drop_connection(client);
        if self.in_two_phases(client) {
            self.asks_again(client);
            return;
        }
        match phase {
            Phase::Idle => {}
            Phase::Running if known == Told::Pending && self.reconnects_unnoticed(client) => {}
            // An answer that was on its way is lost with the connection, whatever it would have said.
            _ if commit_sent => {
                self.probes.reach(Probe::CommitOutcomeUnknown);
                let mutants = self.mutants;
                let failed = mutants.has(Mutant::UnknownReportedFailed);
                let told = match mutants.has(Mutant::UnknownReportedOk) {
                    true => Told::Ok,
                    false if failed => Told::Fail,
                    false => Told::Info,
                };
                self.conclude(client, told);
            }
            _ if known == Told::Ok => self.conclude(client, Told::Info),
            _ => self.conclude(client, Told::Fail),
        }
    }

    /// Restarts the application: every process forgets its connections and what it had looked up.
    pub fn restart_clients(&mut self) {
        self.restart_first(self.clients.in_application());
        self.tell(
            "clients",
            "the application is restarted: it looks its database up again".into(),
            Vec::new(),
        );
    }

    /// Restarts so many of the application's processes.
    pub(in crate::world) fn restart_first(&mut self, clients: usize) {
        for client in 0..clients as u16 {
            self.clients.get_mut(client).resolver.forget();
            self.break_connection(client);
        }
    }
}
