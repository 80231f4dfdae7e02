//! What a client does: it thinks of a transaction, and sends its statements one by one.

use super::{Connection, Phase, at_once, sends_commit, two_phases::TwoPhases};
use crate::{
    faults::{Occasion, Way},
    history::{Kind, NO_COMMIT, Operation, Told},
    probes::Probe,
    runbook::Host,
    workload::orders::{Orders, Step},
    world::{Due, World, script::Next, writers::Errand},
};
use cutover_model::{
    mutant::Mutant,
    server::{Reply, ServerError, SessionId},
};

impl World {
    /// Schedules every client's first thought.
    pub(in crate::world) fn start_clients(&mut self) {
        for client in 0..self.clients.in_application() as u16 {
            let think = self.clients.think_us;
            let first = self.clients.get_mut(client).random.below(2 * think + 1);
            let first = self
                .clients
                .by_hour
                .stretch(self.epoch_us + self.now, first);
            self.agenda.push(self.now + first, Due::Wake(client));
        }
    }

    /// A client thinks of something to do, or tries again.
    pub(in crate::world) fn wake(&mut self, client: u16) {
        let now = self.now;
        if let Some(errand) = self.clients.get(client).errand {
            self.writer_wakes(client, errand);
            return;
        }
        let clients = &mut self.clients;
        let Some(orders) = clients.workload.as_ref() else {
            return;
        };
        let c = &mut clients.all[usize::from(client)];
        if c.phase != Phase::Idle || (clients.stopped && c.intent.is_none()) {
            return;
        }
        let retries = c.intent.is_some();
        if !retries {
            let (random, memory) = (&mut c.random, &mut c.memory);
            c.intent = match &mut clients.script {
                None => Some(orders.intend(now, client, random, memory)),
                Some(script) => match script.next(client, now) {
                    Next::Now(kind) => {
                        // In the place of the draw from the mix: when all that was drawn is written down, the run
                        // is the same.
                        random.bits();
                        Some(orders.intend_to(kind, client, random, memory))
                    }
                    Next::At(at) => return self.agenda.push(at, Due::Wake(client)),
                    Next::Never => return,
                },
            };
        }
        let Some(intent) = c.intent else { return };
        if retries {
            let before = self.history.operations.get(c.operation as usize);
            if before.is_some_and(|o| o.told == Told::Info && o.commit != NO_COMMIT) {
                self.probes.reach(Probe::RetryAfterSuccess);
            }
        }
        let subject = match intent.kind {
            Kind::Transfer => intent.customer,
            _ => intent.order,
        };
        self.invoke(client, intent.kind, subject);
    }

    /// A client begins an attempt: it takes a connection and sends its first statement.
    pub(in crate::world) fn invoke(&mut self, client: u16, kind: Kind, subject: u64) {
        let now = self.now;
        let host = self.connect(client);
        let c = self.clients.get_mut(client);
        c.phase = Phase::Running;
        c.step = 0;
        c.answer = Told::Pending;
        c.seen = None;
        c.two_phases = TwoPhases::default();
        c.commit_sent_us = u64::MAX;
        c.operation = self.history.operations.len() as u32;
        let (number, connected) = (c.number, c.connection.is_some());
        let errand = c.errand;
        let (commit_step, autocommit) = (
            self.clients.commit_step(client),
            self.clients.settings.autocommit,
        );
        if connected && sends_commit(errand, autocommit, 0, commit_step) {
            self.clients.get_mut(client).commit_sent_us = now;
        }
        let operation = Operation {
            invoked: now,
            returned: u64::MAX,
            subject,
            commit: NO_COMMIT,
            client,
            kind,
            told: Told::Pending,
            host,
        };
        self.history.operations.push(operation);
        if connected {
            let arrival = now + self.way_to(host);
            let arrival = self.arrival_in_order(arrival);
            self.agenda.push(arrival, Due::Request(client, number));
        } else {
            self.clients.get_mut(client).answer = Told::Fail;
            let refused = now + self.time_to_refusal(host);
            self.agenda.push(refused, Due::Returned(client, number));
        }
    }

    /// Whether a transaction has to wait before it begins, because a table is being altered; it goes on by itself then. Who
    /// only reads goes on while a table is copied.
    fn is_shut_out(&mut self, client: u16, number: u32, connection: Connection) -> bool {
        if !self.alters(connection.host) {
            return false;
        }
        let intent = self.clients.get(client).intent;
        let reads = intent.is_some_and(|intent| intent.kind == Kind::Read);
        if connection.host == Host::Source {
            return self.waits_for_ddl((client, number), connection.session, reads);
        }
        let copied = self.copies_until(connection.host).filter(|_| !reads);
        if let Some(until) = copied {
            self.agenda.push(until, Due::Request(client, number));
        }
        copied.is_some()
    }

    /// A statement reaches its server.
    pub(in crate::world) fn request(&mut self, client: u16, number: u32) {
        let now = self.now;
        let c = self.clients.get(client);
        if c.number != number || c.phase == Phase::Idle {
            return;
        }
        let Some(connection) = c.connection else {
            return;
        };
        let (begins, carries) = (c.step == 0, c.carries.is_some());
        if !self.is_up(connection.host) {
            return;
        }
        if connection.host == Host::Source && now < self.source_suspended_until {
            self.agenda
                .push(self.source_suspended_until, Due::Request(client, number));
            return;
        }
        if begins && !carries && self.is_shut_out(client, number, connection) {
            return;
        }
        if carries {
            self.carry(client, connection.host, connection.session);
            return;
        }
        if self.is_at_a_phase(client) {
            self.phase_arrives(client, connection.host, connection.session);
            return;
        }
        let Self {
            clients,
            source,
            target,
            arena,
            channels,
            ..
        } = self;
        let Some(orders) = clients.workload.as_mut() else {
            return;
        };
        let c = &mut clients.all[usize::from(client)];
        let Some(intent) = c.intent.as_mut() else {
            return;
        };
        let split = self.mutants.has(Mutant::ReadsFromReplica) && intent.kind == Kind::Read;
        let server = match (connection.host, target) {
            (Host::Target, Some(target)) => &mut target.server,
            (_, Some(target)) if split && channels[Host::Target as usize].replica.is_some() => {
                &mut target.server
            }
            _ => source,
        };
        let commit_step = orders.commit_step(intent);
        let autocommit = clients.settings.autocommit;
        let mut left = at_once(c.errand, autocommit, commit_step);
        let session = connection.session;
        let mut step = orders.execute(server, arena, now, session, c.step, intent);
        while step == Step::Next && left > 1 {
            left -= 1;
            c.step += 1;
            step = orders.execute(server, arena, now, session, c.step, intent);
        }
        match step {
            Step::Next => {
                c.step += 1;
                let commits = sends_commit(c.errand, autocommit, c.step, commit_step);
                let waits = |e: &Errand| (1..=c.step).contains(&e.holds_after);
                let holds = c.errand.filter(waits).map_or(0, |e| e.until);
                let back = now + self.way_from(connection.host);
                let way = self.one_way(connection.host, Way::Requests, back);
                let next = (back + way).max(holds);
                if commits {
                    self.clients.get_mut(client).commit_sent_us = next - way;
                }
                self.agenda.push(next, Due::Request(client, number));
            }
            Step::Reply(Reply::Failed(error)) if error.code() == 1290 && c.step >= commit_step => {
                self.probes.reach(Probe::CommitRefusedByFence);
                self.refused(client, connection.host, connection.session, &error);
            }
            Step::Finished { seen } => {
                c.seen = seen;
                self.answer(client, Told::Empty);
            }
            Step::Reply(reply) => self.replied(client, connection.session, connection.host, reply),
        }
    }

    /// What follows from a server's reply.
    pub(in crate::world) fn replied(
        &mut self,
        client: u16,
        session: SessionId,
        host: Host,
        reply: Reply,
    ) {
        match reply {
            Reply::Ok => self.answer(client, Told::Empty),
            Reply::NoRow => {
                self.roll_back(host, session);
                let c = self.clients.get_mut(client);
                if let Some(intent) = c.intent {
                    Orders::missing(&intent, &mut c.memory);
                }
                self.answer(client, Told::Empty);
            }
            Reply::Waiting => {}
            Reply::Committing => {
                self.clients.get_mut(client).phase = Phase::Committing;
                self.occurs(Occasion::CommitSent);
            }
            Reply::Failed(error) => self.refused(client, host, session, &error),
        }
    }

    pub(in crate::world) fn roll_back(&mut self, host: Host, session: SessionId) {
        match host {
            Host::Source => self.source.rollback(&mut self.arena, session),
            Host::Target | Host::Replica => {
                if let Some(target) = self.target.as_mut() {
                    target.server.rollback(&mut self.arena, session);
                }
            }
        }
    }

    /// A definite error: the driver rolls back.
    pub(in crate::world) fn refused(
        &mut self,
        client: u16,
        host: Host,
        session: SessionId,
        error: &ServerError,
    ) {
        self.roll_back(host, session);
        if error.code() == 1290 {
            self.marks.refused += 1;
            self.probes.reach(Probe::WriteRefusedByFence);
        }
        self.answer(client, Told::Fail);
        let drops = self.clients.settings.drop_on_read_only;
        if error.code() == 1290 && drops && !self.clients.get(client).habit.pinned {
            // The answer still arrives; the pool opens a new connection for the next attempt.
            if let Some(connection) = self.clients.get_mut(client).connection.as_mut() {
                connection.until = 0;
            }
        }
    }
}
