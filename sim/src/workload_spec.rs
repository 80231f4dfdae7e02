//! What the application does, as a scenario file says it.

use crate::{
    units::{Bytes, Micros, Moment},
    workload::orders::SCHEMA_NAME,
};
use cutover_model::{
    database::{EventStatus, ScheduledEvent},
    ddl::collation_by_name,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workload {
    /// The generator: orders, or the transactions of real binlog files.
    pub kind: Kind,
    /// How long traffic goes on after the runbook has ended.
    pub after_cutover: Micros,
    // --- orders ---
    /// Orders that exist before the run (and twice as many lines, a twentieth as many customers).
    pub existing_rows: u64,
    /// Concurrent clients.
    pub clients: u32,
    /// Transactions per second, all clients together.
    pub rate_per_s: f64,
    /// No order is placed before this moment of the run (other traffic flows); none: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_order_after: Option<Micros>,
    /// Weights of the kinds of transaction.
    pub mix: Mix,
    /// The rate over the day: it is multiplied by these, one for each hour of the calendar (UTC), from midnight on;
    /// none: it is the same at any hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rate_by_hour: Vec<f64>,
    /// The traffic ends when the servers' binlogs hold so much together: a run keeps all of it in memory, what was
    /// purged too, and about half as much beside.
    pub max_binlogs: Bytes,
    /// Further tables of the shop, with traits that the first three do not have.
    #[serde(rename = "table", skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<SideTable>,
    /// Events of the event scheduler, which are there when the run begins.
    #[serde(rename = "event", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventSpec>,
    /// The clients do these and nothing else, whatever the rate and the mix say.
    #[serde(rename = "transaction", skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<Transaction>,
    // --- binlog ---
    /// Binlog files, or folders of them, in any order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// Declarations of tables that the binlog does not declare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<PathBuf>,
    /// The runbook starts after this share of the recording's transactions, 0 to 1.
    pub start_after: f64,
    /// Stretch the recording in time so that it lasts through restore and cutover.
    pub stretch: bool,
}

impl Workload {
    /// Whether some transaction has more than one statement: it is open between them.
    pub fn opens_transactions(&self) -> bool {
        let sides = !self.tables.is_empty();
        match self.kind {
            Kind::Binlog => true,
            Kind::Orders if self.transactions.is_empty() => {
                let mix = &self.mix;
                mix.place + mix.transfer + mix.rollback > 0
                    || sides && mix.pay + mix.draft + mix.amend > 0
            }
            Kind::Orders => self.transactions.iter().any(|t| match t.does {
                Does::Place | Does::Transfer | Does::Rollback => true,
                Does::Pay | Does::Draft | Does::Amend => sides,
                Does::Cancel | Does::Read => false,
            }),
        }
    }
}

/// A table beside the shop's three: a row for each order, written when the order is placed or drafted, in the same
/// transaction, and changed when it is paid or amended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideTable {
    /// Its name in the schema `shop`.
    pub name: String,
    /// Whether it has one: `order_id`. Without, an applier looks each row up by a scan, and nothing tells two equal
    /// rows apart.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub primary_key: bool,
    /// Bytes of a LONGBLOB in each row; 0: there is no such column.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub lob: Bytes,
    /// `order_id` refers to `orders`, with ON DELETE CASCADE.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign_key: bool,
    /// A trigger of the database writes the row (AFTER INSERT ON orders), not the application.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trigger: bool,
    /// Its storage engine.
    #[serde(default, skip_serializing_if = "is_default")]
    pub engine: Engine,
    /// The collation of a text in each row, `code`, which is unique; none: there is no such column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
}

impl SideTable {
    /// Whether there is a text whose collation tells small letters from capital ones.
    pub fn tells_case(&self) -> bool {
        self.collation.as_deref().is_some_and(tells_case)
    }
}

/// `CREATE EVENT shop.name ON SCHEDULE EVERY every STARTS starts DO sql`, enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSpec {
    /// Its name in the schema `shop`.
    pub name: String,
    /// EVERY: whole seconds.
    pub every: Micros,
    /// STARTS: it is run then and every `every` later; when the run begins, if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<Moment>,
    /// What it does: an INSERT, UPDATE or DELETE as an operator types it; tables without a schema are in `shop`. Without it,
    /// a row into `job_runs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Its definer has CONNECTION_ADMIN, which `read_only` does not stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
}

impl EventSpec {
    /// The event, in a run that begins at this moment.
    pub fn event(&self, begins: Moment) -> ScheduledEvent {
        ScheduledEvent {
            schema: SCHEMA_NAME.into(),
            name: self.name.as_str().into(),
            every_us: self.every.0,
            starts_us: self.starts.unwrap_or(begins).0,
            body: self.statement().into(),
            privileged: self.privileged,
            status: EventStatus::Enabled,
        }
    }

    /// The statement behind DO.
    pub fn statement(&self) -> String {
        let row = || {
            format!(
                "INSERT INTO job_runs (job, ran_at) VALUES ('{}', NOW())",
                self.name
            )
        };
        self.sql.clone().unwrap_or_else(row)
    }
}

/// Whether MySQL has a collation of utf8mb4 by this name.
pub fn is_of_utf8mb4(name: &str) -> bool {
    collation_by_name(name).is_ok_and(|collation| &*collation.charset == "utf8mb4")
}

/// Whether a collation tells small letters from capital ones, by its name.
pub fn tells_case(collation: &str) -> bool {
    let name = collation.to_ascii_lowercase();
    ["_bin", "_cs", "_ks"].iter().any(|end| name.ends_with(end))
}

/// A table's storage engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Crash-safe: a snapshot of the volume is consistent.
    #[default]
    Innodb,
    /// Not crash-safe: what had not been flushed is not in a snapshot.
    Myisam,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

fn is_empty(size: &Bytes) -> bool {
    size.0 == 0
}

fn is_default(engine: &Engine) -> bool {
    *engine == Engine::default()
}

/// The generators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A shop: customers, orders, lines.
    #[default]
    Orders,
    /// Real binlog files.
    Binlog,
}

/// Weights of the orders workload; they need not sum to anything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Place an order: its row, one to four lines, the customer's counter.
    pub place: u32,
    /// Pay an order: its status.
    pub pay: u32,
    /// Move money between two customers (their sum is conserved).
    pub transfer: u32,
    /// Cancel an order: delete it; its lines go by cascade.
    pub cancel: u32,
    /// Read an order that this client wrote, or an old one.
    pub read: u32,
    /// Start to place an order and roll back.
    pub rollback: u32,
    /// Save an order without lines, uncounted: one new row, in a table with no key but its primary one.
    #[serde(skip_serializing_if = "is_zero")]
    pub draft: u32,
    /// Change an order's total: one row.
    #[serde(skip_serializing_if = "is_zero")]
    pub amend: u32,
}

/// Plans that do without stay as they were.
fn is_zero(weight: &u32) -> bool {
    *weight == 0
}

impl Mix {
    /// The weight of a kind.
    pub fn weight_of(&self, does: Does) -> u32 {
        match does {
            Does::Place => self.place,
            Does::Pay => self.pay,
            Does::Transfer => self.transfer,
            Does::Cancel => self.cancel,
            Does::Read => self.read,
            Does::Rollback => self.rollback,
            Does::Draft => self.draft,
            Does::Amend => self.amend,
        }
    }

    /// All weights, by the names of their keys.
    pub fn weights(&self) -> [(&'static str, u32); 8] {
        // Taken apart, so that a weight that is added cannot be left out.
        let Self {
            place,
            pay,
            transfer,
            cancel,
            read,
            rollback,
            draft,
            amend,
        } = *self;
        [
            ("place", place),
            ("pay", pay),
            ("transfer", transfer),
            ("cancel", cancel),
            ("read", read),
            ("rollback", rollback),
            ("draft", draft),
            ("amend", amend),
        ]
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            place: 40,
            pay: 20,
            transfer: 20,
            cancel: 3,
            read: 12,
            rollback: 5,
            draft: 0,
            amend: 0,
        }
    }
}

/// A transaction that is written down, instead of drawn from the mix. What it is about (which order, which
/// customer) its client draws as ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// When the client begins it; later when the client is still busy.
    pub at: Micros,
    /// Which client, from 0.
    #[serde(default)]
    pub client: u32,
    /// What it does.
    pub does: Does,
}

/// The kinds of transaction, by the keys of the mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Does {
    /// As [`Mix::place`].
    Place,
    /// As [`Mix::pay`].
    Pay,
    /// As [`Mix::transfer`].
    Transfer,
    /// As [`Mix::cancel`].
    Cancel,
    /// As [`Mix::read`].
    Read,
    /// As [`Mix::rollback`].
    Rollback,
    /// As [`Mix::draft`].
    Draft,
    /// As [`Mix::amend`].
    Amend,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            kind: Kind::Orders,
            after_cutover: Micros::mins(2),
            existing_rows: 1_000_000,
            clients: 20,
            rate_per_s: 8.0,
            first_order_after: None,
            mix: Mix::default(),
            rate_by_hour: Vec::new(),
            max_binlogs: Bytes(4 << 30),
            tables: Vec::new(),
            events: Vec::new(),
            transactions: Vec::new(),
            paths: Vec::new(),
            schema: None,
            start_after: 1.0 / 3.0,
            stretch: false,
        }
    }
}
