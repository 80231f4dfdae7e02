//! A statement that changes a table while the traffic flows.
//!
//! `ALTER TABLE` takes the table's metadata lock: it waits until no transaction is open that has used the table, and
//! whoever comes meanwhile waits behind it [D `metadata-locking`]. All tables of the shop count as one here, because
//! most of its transactions use `orders`. A `SET GLOBAL read_only = 1` waits for a statement that waits so, and one that
//! comes while the SET waits has not begun: it waits for the SET (`cutover_model::server`, fence).

use super::{
    Due, World,
    sql::{told, types_an_event},
};
use crate::{faults::Added, probes::Probe, runbook::Host, workload::orders::SCHEMA_NAME};
use cutover_model::server::{Privilege, Reply, SessionId};

/// Who has typed a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Somebody that a fault brings.
    Somebody,
    /// The operator, who waits for the answer.
    Operator,
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

/// A statement on its way, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Alter {
    /// Statements that wait for the metadata lock.
    waiting: Vec<Asked>,
    /// The one that the server is committing.
    committing: Option<(SessionId, By)>,
    /// Clients whose next transaction waits: their connection's number tells whether it is still there.
    parked: Vec<(u16, u32)>,
}

impl Alter {
    /// Whether a statement waits for the metadata lock.
    fn locks(&self) -> bool {
        self.waiting.iter().any(|asked| asked.locks)
    }

    /// Whether a statement waits.
    #[inline]
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }
}

fn statement(add: Added) -> &'static str {
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
        self.ask_ddl(statement(add).to_string(), By::Somebody, true);
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

    /// Whether a client's transaction on the source has to wait before it begins; it goes on by itself then. One whose
    /// first statement is under way has begun, and a statement that has not holds nobody up.
    pub(super) fn waits_for_ddl(&mut self, client: u16, number: u32, session: SessionId) -> bool {
        let begun = self.alter.waiting.iter().any(|asked| asked.begun);
        let waits =
            (self.alter.committing.is_some() || begun) && !self.source.is_under_way(session);
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
        let (locked, closing) = (source.uses_tables(), source.is_closing());
        let waits = |asked: &Asked| locked && asked.begun || closing && !asked.begun;
        let free = self.alter.waiting.iter().position(|asked| !waits(asked));
        let Some(free) = free.filter(|_| self.alter.committing.is_none()) else {
            return;
        };
        let Asked { sql, by, begun, .. } = self.alter.waiting.remove(free);
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

    fn ddl_is_refused(&mut self, sql: &str, by: By, why: &str) {
        match by {
            By::Somebody => self.tell("source", format!("refuses {sql}: {why}"), Vec::new()),
            By::Operator => self.sql_is_refused(why.to_string()),
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
            By::Operator => {
                let number = self.history.source.len() - 1;
                self.history.altered.push(number as u32);
                self.sql_is_committed();
            }
        }
        self.look_at_events(Host::Source);
        self.release_parked();
    }

    /// Whether a table of a host is being altered, or somebody waits to.
    pub(super) fn alters_a_table(&self, host: Host) -> bool {
        match host {
            Host::Source => self.alter.committing.is_some() || self.alter.locks(),
            _ => self.types_ddl(host),
        }
    }

    /// Whether a session is committing a change of a table that the operator has typed.
    pub(super) fn alters_for_operator(&self, session: SessionId) -> bool {
        matches!(self.alter.committing, Some((s, By::Operator)) if s == session)
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
