//! A statement that changes a table while the traffic flows.
//!
//! `ALTER TABLE` takes the table's metadata lock: it waits until no transaction is open that has used the table, and
//! whoever comes meanwhile waits behind it [D `metadata-locking`]. All tables of the shop count as one here, because
//! most of its transactions use `orders`. A `SET GLOBAL read_only = 1` waits for a statement that waits so, and one that
//! comes while the SET waits has not begun: it waits for the SET (`cutover_model::server`, fence).
//!
//! One that goes through the rows of its table ([`Effort`](cutover_model::ddl::Effort)) takes its time behind that lock, and
//! the lock again before it commits; the SET waits for all of it. In place, clients write in between; while it copies they
//! read alone. That it fails at a row (1062, 1452) is known at the end. A transaction that is refused as the victim of a
//! circle (1213) is at once here, where a server sees the circle only as the statement wants its lock again.

use super::{
    Due, World,
    sql::{told, types_an_event},
};
use crate::{
    faults::Added, probes::Probe, runbook::Host, units::Micros, workload::orders::SCHEMA_NAME,
};
use cutover_model::{
    ddl::{Algorithm, Effort},
    server::{Privilege, Reply, SessionId},
};

/// What takes as long is told, in µs.
const WORTH_TELLING_US: u64 = 1_000_000;

/// Who has typed a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Somebody that a fault brings.
    Somebody,
    /// The operator, who waits for the answer.
    Operator,
    /// An operator who does not any more: the server carries the statement out all the same.
    OperatorWhoIsGone,
}

/// A statement that waits for the metadata lock.
#[derive(Clone, Debug)]
struct Asked {
    sql: String,
    by: By,
    /// It takes the metadata lock: an event's statement does not.
    locks: bool,
    /// It has begun: no SET of `read_only` was in its way. An event's statement begins when it is carried out.
    begun: bool,
}

/// A statement that goes through the rows of its table.
#[derive(Debug)]
struct Working {
    asked: Asked,
    algorithm: Algorithm,
    /// When it has gone through them, in µs; then it waits for its lock again.
    until_us: u64,
}

/// A statement on its way, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Alter {
    /// Statements that wait for the metadata lock.
    waiting: Vec<Asked>,
    /// The one that has had it.
    working: Option<Working>,
    /// The one that the server is committing.
    committing: Option<(SessionId, By)>,
    /// Clients whose next transaction waits: their connection's number tells whether it is still there.
    parked: Vec<(u16, u32)>,
}

impl Alter {
    /// Whether a statement has the tables for itself, or waits until it has; nobody begins to write meanwhile.
    fn shuts_out(&self, now: u64, waits: impl Fn(&Asked) -> bool) -> bool {
        self.committing.is_some()
            || match &self.working {
                Some(working) => working.algorithm == Algorithm::Copy || working.until_us <= now,
                None => self.waiting.iter().any(waits),
            }
    }

    /// Whether a statement waits for its lock, the first or the last.
    #[inline]
    pub(super) fn waits(&self, now: u64) -> bool {
        !self.waiting.is_empty() || self.working.as_ref().is_some_and(|w| w.until_us <= now)
    }
}

/// The statement that a fault brings.
pub(crate) fn altered_by_fault(add: Added) -> &'static str {
    match add {
        Added::Column => "ALTER TABLE orders ADD COLUMN note VARCHAR(40) NULL",
        Added::Index => "ALTER TABLE orders ADD INDEX by_customer (customer_id)",
    }
}

impl World {
    /// Somebody types the statement on the source.
    pub(super) fn ddl_is_asked(&mut self, add: Added) {
        if self.orders().is_none() {
            let text = "there is no table orders of the shop to alter".into();
            self.tell("source", text, Vec::new());
            return;
        }
        if !self.is_up(Host::Source) {
            let text = "nobody can alter a table: the server does not answer".into();
            self.tell("source", text, Vec::new());
            return;
        }
        if self.source.open_transactions() > 0 {
            self.probes.reach(Probe::StatementWaitedForDdl);
        }
        self.ask_ddl(altered_by_fault(add).to_string(), By::Somebody, true);
    }

    /// The operator types a statement on the source; what it comes to is told at the prompt.
    pub(super) fn operator_asks_ddl(&mut self, sql: String) {
        let locks = !types_an_event(&sql);
        self.ask_ddl(sql, By::Operator, locks);
    }

    fn ask_ddl(&mut self, sql: String, by: By, locks: bool) {
        self.alter.waiting.push(Asked {
            sql,
            by,
            locks,
            begun: false,
        });
        self.ddl_goes_on();
    }

    /// Whether anybody alters a table of a host, or waits to.
    #[inline]
    pub(super) fn alters(&self, host: Host) -> bool {
        match host {
            Host::Source => {
                let Alter {
                    waiting,
                    working,
                    committing,
                    ..
                } = &self.alter;
                !waiting.is_empty() || working.is_some() || committing.is_some()
            }
            _ => self.types_ddl(host),
        }
    }

    /// Whether a client's transaction on the source has to wait before it begins; it goes on by itself then. One whose
    /// first statement is under way has begun, and a statement that has not holds nobody up. Who only reads goes on while a
    /// table is copied.
    pub(super) fn waits_for_ddl(
        &mut self,
        (client, number): (u16, u32),
        session: SessionId,
        reads: bool,
    ) -> bool {
        let now = self.now;
        let copied = |w: &Working| w.algorithm == Algorithm::Copy && now < w.until_us;
        if reads && self.alter.working.as_ref().is_some_and(copied) {
            return false;
        }
        let waits =
            self.alter.shuts_out(now, |asked| asked.begun) && !self.source.is_under_way(session);
        if waits {
            self.alter.parked.push((client, number));
            self.probes.reach(Probe::StatementWaitedForDdl);
        }
        waits
    }

    /// The next statement gets its lock as soon as no transaction has used the table.
    pub(super) fn ddl_goes_on(&mut self) {
        let source = &mut self.source;
        for asked in &mut self.alter.waiting {
            if asked.locks && !asked.begun && !source.is_read_only() {
                asked.begun = source.waits_for_metadata_lock();
            }
        }
        if self.alter.committing.is_some() {
            return;
        }
        let Some((asked, is_done)) = self.next_with_its_lock() else {
            return;
        };
        let effort = match asked.begun && !is_done {
            true => self.source.ddl_effort(SCHEMA_NAME, &asked.sql),
            false => Effort::NONE,
        };
        let takes = effort.us(self.environment.alter_row(Host::Source).0);
        if takes > 0 {
            return self.goes_through(asked, effort.algorithm, takes);
        }
        let Asked { sql, by, begun, .. } = asked;
        let session = self.source.connect(Privilege::Ordinary);
        if begun {
            self.source.has_metadata_lock(session);
        }
        let reply = self
            .source
            .execute_ddl(&mut self.arena, self.now, session, SCHEMA_NAME, &sql);
        match reply {
            Ok(Reply::Committing) => {
                self.alter.committing = Some((session, by));
                return;
            }
            Ok(Reply::Failed(error)) => self.ddl_is_refused(&sql, by, &error.to_string()),
            Ok(_) => self.ddl_is_refused(&sql, by, "the server is being closed for writes"),
            Err(error) => self.ddl_is_refused(&sql, by, &told(&error)),
        }
        self.source.disconnect(&mut self.arena, session);
        self.release_parked();
    }

    /// The statement that can go on, and whether it has gone through its rows.
    fn next_with_its_lock(&mut self) -> Option<(Asked, bool)> {
        let (locked, closing) = (self.source.uses_tables(), self.source.is_closing());
        let now = self.now;
        let done = self.alter.working.take_if(|w| w.until_us <= now && !locked);
        if let Some(working) = done {
            return Some((working.asked, true));
        }
        let works = self.alter.working.is_some();
        let waits = |asked: &Asked| {
            works && asked.locks || locked && asked.begun || closing && !asked.begun
        };
        let free = self.alter.waiting.iter().position(|asked| !waits(asked))?;
        Some((self.alter.waiting.remove(free), false))
    }

    /// A statement begins to go through the rows of its table: who waited for its lock goes on.
    fn goes_through(&mut self, asked: Asked, algorithm: Algorithm, takes: u64) {
        let until_us = self.now + takes;
        if takes >= WORTH_TELLING_US {
            let how = match algorithm {
                Algorithm::Copy => "into a copy, and nobody writes meanwhile",
                Algorithm::InPlace | Algorithm::Instant => "in place, while clients write",
            };
            let text = format!(
                "goes through the rows of the table for {}, {how}: {}",
                Micros(takes / 1_000 * 1_000),
                asked.sql
            );
            self.tell("source", text, Vec::new());
        }
        self.alter.working = Some(Working {
            asked,
            algorithm,
            until_us,
        });
        self.agenda.push(until_us, Due::Altered(Host::Source));
        self.release_parked();
    }

    /// A change of a table has gone through its rows, and wants its lock again.
    pub(super) fn rows_are_altered(&mut self, host: Host) {
        match host {
            Host::Source => self.ddl_goes_on(),
            _ => self.sql_goes_on(),
        }
    }

    /// Whether a statement goes through the rows of a table of a host.
    pub(super) fn goes_through_rows(&self, host: Host) -> bool {
        match host {
            Host::Source => self.alter.working.is_some(),
            _ => self.typed_goes_through_rows(host),
        }
    }

    /// When the statement that the source works at has gone through its rows, in µs.
    pub(super) fn source_works_until(&self) -> Option<u64> {
        self.alter.working.as_ref().map(|working| working.until_us)
    }

    /// Who typed a statement on the source does not wait for it any more.
    pub(super) fn operator_leaves_ddl(&mut self) {
        let waiting = self.alter.waiting.iter_mut();
        let working = self.alter.working.iter_mut().map(|w| &mut w.asked);
        let asked = waiting.chain(working).map(|asked| &mut asked.by);
        let committing = self.alter.committing.iter_mut().map(|(_, by)| by);
        for by in asked.chain(committing).filter(|by| **by == By::Operator) {
            *by = By::OperatorWhoIsGone;
        }
    }

    fn ddl_is_refused(&mut self, sql: &str, by: By, why: &str) {
        match by {
            By::Somebody => self.tell("source", format!("refuses {sql}: {why}"), Vec::new()),
            By::Operator => self.sql_is_refused(why.to_string()),
            By::OperatorWhoIsGone => {}
        }
    }

    /// A session of the source has committed: perhaps the statement's.
    pub(super) fn ddl_is_committed(&mut self, session: SessionId) {
        let Some((_, by)) = self.alter.committing.filter(|(s, _)| *s == session) else {
            return;
        };
        self.alter.committing = None;
        self.source.disconnect(&mut self.arena, session);
        match by {
            By::Somebody => self.tell("source", "has altered the table".into(), Vec::new()),
            By::Operator | By::OperatorWhoIsGone => {
                let number = self.history.source.len() - 1;
                self.history.altered.push(number as u32);
                if by == By::Operator {
                    self.sql_is_committed();
                }
            }
        }
        self.look_at_events(Host::Source);
        self.release_parked();
    }

    /// Whether a table of a host is being altered, or somebody waits to.
    pub(super) fn alters_a_table(&self, host: Host) -> bool {
        match host {
            Host::Source => self.alter.shuts_out(self.now, |asked| asked.locks),
            _ => self.types_ddl(host) && !self.types_in_place(host),
        }
    }

    /// Whether a session is committing a change of a table that the operator has typed.
    pub(super) fn alters_for_operator(&self, session: SessionId) -> bool {
        matches!(self.alter.committing, Some((s, by)) if s == session && by != By::Somebody)
    }

    /// The source has lost its sessions, and what they were about.
    pub(super) fn ddl_is_forgotten(&mut self) {
        self.alter = Alter::default();
    }

    /// Who waited goes on, unless another statement waits for the lock.
    fn release_parked(&mut self) {
        for (client, number) in std::mem::take(&mut self.alter.parked) {
            self.agenda.push(self.now, Due::Request(client, number));
        }
        self.ddl_goes_on();
    }
}
