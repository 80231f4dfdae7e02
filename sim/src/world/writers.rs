//! Writers that a fault brings: jobs beside the application, and single transactions out of the ordinary.
//!
//! Each is a client of its own, with a stream of its own. It is no part of the application: nobody restarts it with
//! the others, and some of them know their server without asking for a name.

use super::{Due, World, clients::Phase};
use crate::{
    faults::{Fault, Harm, Held},
    history::Kind,
    runbook::Host,
    units::Micros,
    workload::orders::Intent,
};
use cutover_model::server::Privilege;

/// Statements of a transaction of many rows that go out together.
const ROWS_AT_ONCE: u32 = 500;

/// What such a writer is there for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    /// Its server; none: where the application's name points.
    pub(super) straight: Option<Host>,
    /// What it writes.
    kind: Kind,
    /// Rows of an order.
    lines: u64,
    /// Pause between two transactions; 0: there is one.
    pub(super) every: u64,
    /// It begins nothing from then on, and COMMITs nothing before, in µs.
    pub(super) until: u64,
    /// After so many statements it waits until it may COMMIT; 0: it does not wait.
    pub(super) holds_after: u32,
    /// It prepares its transaction, and decides it later (XA).
    pub(super) two_phases: bool,
    /// Statements that go out together.
    pub(super) at_once: u32,
}

impl Errand {
    fn job(straight: Host, every: Micros, until: u64) -> Self {
        Self {
            straight: Some(straight),
            kind: Kind::Draft,
            lines: 0,
            every: every.0,
            until,
            holds_after: 0,
            two_phases: false,
            at_once: 1,
        }
    }
}

/// Who writes for a fault, if it brings a writer.
pub(super) fn writer_of(fault: &Fault) -> Option<Privilege> {
    match fault.harm().ok()? {
        Harm::PrivilegedWriter(_) => Some(Privilege::Admin),
        Harm::Cron(_)
        | Harm::StrayWriter(_)
        | Harm::LongTransaction(_)
        | Harm::XaTransaction(_)
        | Harm::HugeTransaction(_) => Some(Privilege::Ordinary),
        _ => None,
    }
}

impl World {
    /// A fault that brings a writer fires.
    pub(super) fn writer_comes(&mut self, fault: u16, harm: &Harm, lasts: Micros) {
        let until = self.now + lasts.0;
        let once = Errand {
            straight: None,
            until,
            ..Errand::job(Host::Source, Micros::ZERO, until)
        };
        let errand = match harm {
            Harm::Cron(job) => Errand::job(Host::Source, job.every, until),
            Harm::PrivilegedWriter(job) => Errand::job(Host::Source, job.every, until),
            Harm::StrayWriter(job) => Errand::job(Host::Target, job.every, until),
            Harm::LongTransaction(f) => match f.writes {
                Held::Draft => Errand {
                    holds_after: 1,
                    ..once
                },
                Held::Place => Errand {
                    kind: Kind::Place,
                    lines: 1,
                    // The order's row, its line, its customer's counter.
                    holds_after: 3,
                    ..once
                },
            },
            Harm::XaTransaction(_) => Errand {
                two_phases: true,
                ..once
            },
            Harm::HugeTransaction(huge) => Errand {
                kind: Kind::Place,
                // The order's own row, and its customer's.
                lines: u64::from(huge.rows).saturating_sub(2).max(1),
                at_once: ROWS_AT_ONCE,
                ..once
            },
            _ => return,
        };
        match self.clients.send_writer(fault, errand) {
            Some(client) => self.agenda.push(self.now, Due::Wake(client)),
            None => {
                let text = "there is no shop to write to: nothing happens".into();
                self.tell("clients", text, Vec::new());
            }
        }
    }

    /// A writer begins a transaction, unless its time is over.
    pub(super) fn writer_wakes(&mut self, client: u16, errand: Errand) {
        if self.in_two_phases(client) {
            self.decides_again(client, errand);
            return;
        }
        let over = errand.every > 0 && self.now >= errand.until;
        let c = self.clients.get(client);
        if over || self.clients.has_stopped() || c.phase != Phase::Idle {
            return;
        }
        let intent = self
            .clients
            .intent_of_writer(client, |customer, request| Intent {
                kind: errand.kind,
                order: 0,
                customer,
                other: 0,
                amount: 1,
                lines: errand.lines,
                request,
            });
        if let Some(intent) = intent {
            self.invoke(client, intent.kind, intent.order);
        }
    }
}
