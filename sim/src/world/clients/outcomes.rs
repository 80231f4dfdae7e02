//! What a client is told, and what becomes of its transaction whether or not it hears of it.

use super::{MOST_DOUBLINGS, Phase, Seen};
use crate::{
    faults::Occasion,
    history::{Kind, NO_COMMIT, Operation, Told},
    probes::Probe,
    runbook::Host,
    units::Micros,
    workload::orders::{Orders, makes_order, order},
    world::{Due, World, script::retries},
};
use cutover_model::{
    RowRef,
    mutant::Mutant,
    server::{ServerError, SessionId},
};

impl World {
    /// Sends the final answer on its way.
    pub(in crate::world) fn answer(&mut self, client: u16, told: Told) {
        let host = self
            .clients
            .get(client)
            .connection
            .map_or(Host::Source, |n| n.host);
        let way = self.way_from(host);
        let c = self.clients.get_mut(client);
        c.answer = told;
        let number = c.number;
        self.agenda
            .push(self.now + way, Due::Returned(client, number));
    }

    /// The final answer reaches the client.
    pub(in crate::world) fn returned(&mut self, client: u16, number: u32) {
        if self.clients.get(client).number != number {
            return;
        }
        let told = self.clients.get(client).answer;
        self.conclude(client, told);
    }

    /// The client knows the outcome, or that it will never know.
    pub(super) fn conclude(&mut self, client: u16, told: Told) {
        let now = self.now;
        let c = self.clients.get(client);
        if c.phase == Phase::Idle {
            return;
        }
        let (operation, seen, carries) = (c.operation as usize, c.seen, c.carries);
        let concluded = self.history.operations.edit(operation, |record| {
            record.returned = now;
            record.told = told;
            *record
        });
        let Operation {
            host,
            kind,
            subject,
            ..
        } = concluded.expect("an operation of the history");
        if told == Told::Ok {
            self.tell_of_write(client, kind, subject, host);
            if self.marks.acknowledged(host, now) {
                self.occurs(Occasion::FirstWriteOnTarget);
            }
        }
        self.clients.get_mut(client).phase = Phase::Idle;
        if carries.is_some() {
            self.carried(client, told);
            return;
        }
        // A read that was cut off has seen nothing, and does not say that nothing is there.
        if kind == Kind::Read && told == Told::Empty {
            self.check_read(client, operation as u32, seen);
        }
        if told == Told::Info {
            self.unknown_had_succeeded(operation as u32);
        }
        let retry = retries(self.clients.get(client).habit.retry, told)
            || told == Told::Info && self.mutants.has(Mutant::BlindRetry);
        let settings = &self.clients.settings;
        let backoff = settings.backoff.0;
        let (stopped, think) = (self.clients.stopped, self.clients.think_us);
        let c = self.clients.get_mut(client);
        match told {
            Told::Fail | Told::Info => c.failures += 1,
            _ => c.failures = 0,
        }
        if told == Told::Ok
            && let Some(mut intent) = c.intent
        {
            if makes_order(intent.kind) {
                intent.order = subject;
            }
            Orders::acknowledged(&intent, &mut c.memory);
        }
        if let Some(errand) = c.errand {
            c.intent = None;
            if errand.every > 0 {
                self.agenda.push(now + errand.every, Due::Wake(client));
            }
            return;
        }
        let pause = match c.failures {
            0 => {
                let pause = c.random.below(2 * think + 1);
                self.clients.by_hour.stretch(self.epoch_us + now, pause)
            }
            n => backoff << (n - 1).min(MOST_DOUBLINGS),
        };
        if !retry || stopped {
            self.clients.get_mut(client).intent = None;
        }
        self.agenda.push(now + pause, Due::Wake(client));
    }

    /// The writes that a story is about: the first new order, the first write on the target, and the first one back on the
    /// source.
    pub(super) fn tell_of_write(&mut self, client: u16, kind: Kind, subject: u64, host: Host) {
        let first_new = self
            .clients
            .workload
            .as_ref()
            .map(|w| w.existing_orders + 1);
        if makes_order(kind) && first_new == Some(subject) && host == Host::Source {
            self.tell(
                "clients",
                format!(
                    "order {subject} is placed and confirmed to client {client}: the first new one"
                ),
                Vec::new(),
            );
        }
        if host == Host::Source && self.marks.is_first_back(self.now) {
            self.tell(
                "clients",
                "the first write back on the source is confirmed".into(),
                Vec::new(),
            );
        }
        if host == Host::Target && self.marks.first_on_target.is_none() {
            let now = self.now;
            let last = self.history.last_on_source().map_or(now, |c| c.at);
            let pause = Micros((now - last) / 1_000 * 1_000);
            self.tell("clients", format!("the first write on the target is confirmed, {pause} after the last commit on the source"), Vec::new());
        }
    }

    /// A read of an order that the client was told of.
    pub(super) fn check_read(&mut self, client: u16, operation: u32, seen: Option<RowRef>) {
        let Some(orders) = self.clients.workload.as_ref() else {
            return;
        };
        let c = self.clients.get(client);
        let Some(intent) = c.intent else { return };
        let Some(known) = c.memory.of(intent.order) else {
            return;
        };
        let columns = self
            .source
            .database
            .table(orders.orders_table)
            .map(|t| t.def().clone());
        let paid = seen.zip(columns).and_then(|(row, def)| {
            cutover_model::row::field(&def.columns, self.arena.row(row), order::STATUS)
                .map(|status| status == [2])
        });
        let stale = match paid {
            None => true,
            Some(paid) => known.paid && !paid,
        };
        if stale {
            self.clients.totals.stale_reads.push(Seen {
                operation,
                order: intent.order,
            });
        }
    }

    /// A server has committed the transaction of an operation, and of a client if it still listens.
    pub(in crate::world) fn committed(&mut self, client: Option<u16>, operation: u32, number: u32) {
        let intent = client.and_then(|client| self.clients.get(client).intent);
        let told = self.history.operations.edit(operation as usize, |record| {
            record.commit = number;
            if let Some(intent) = intent
                && makes_order(record.kind)
            {
                record.subject = intent.order;
            }
            record.told
        });
        if told == Some(Told::Info) {
            self.unknown_had_succeeded(operation);
        }
        if let Some(client) = client.filter(|_| told.is_some()) {
            self.answer(client, Told::Ok);
        }
    }

    /// Notes whether a transaction is committed whose client will never know.
    pub(super) fn unknown_had_succeeded(&mut self, operation: u32) {
        let Some(record) = self.history.operations.get(operation as usize) else {
            return;
        };
        let there = record.commit != NO_COMMIT
            && (record.host == Host::Target || self.history.erased_at(record.commit).is_none());
        if there {
            self.probes.reach(Probe::UnknownHadSucceeded);
        }
    }

    /// A lock was granted, or the fence has decided: the statement is executed again.
    pub(in crate::world) fn resume(&mut self, host: Host, session: SessionId) {
        let Some(client) = self.clients.index_of(host, session) else {
            if self.operation_of_sql(host, session).is_some() {
                self.sql_goes_on();
            } else if self.is_of_rds(host, session) {
                self.rds_write_goes_on(session);
            } else if self.changes_password(host, session) {
                self.password_statement_goes_on();
            } else {
                self.event_goes_on(host, session);
            }
            return;
        };
        let number = self.clients.get(client).number;
        self.request(client, number);
    }

    pub(in crate::world) fn failed_while_waiting(
        &mut self,
        host: Host,
        session: SessionId,
        error: &ServerError,
    ) {
        if let Some(client) = self.clients.index_of(host, session) {
            self.refused(client, host, session, error);
        } else if self.operation_of_sql(host, session).is_some() {
            self.sql_has_failed(error);
        } else if self.is_of_rds(host, session) {
            self.rds_write_ends();
        } else if self.changes_password(host, session) {
            self.password_is_kept(&error.to_string());
        } else {
            self.event_is_refused(host, session, error);
        }
    }
}
