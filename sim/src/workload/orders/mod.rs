//! The shop: customers, orders, lines. A file for each sort of transaction.
//!
//! The data describes itself. An order carries the request that made it, a customer's version counts
//! the updates of its row, the sum of all balances never changes, `orders_placed` counts acknowledged
//! orders: a write that is lost, repeated or reordered shows in the rows themselves.

mod cancel;
mod change;
mod customer;
mod existing;
mod memory;
mod place;
mod schema;
mod side;
mod transfer;
mod turn;

pub use customer::Customer;
pub use existing::OPENING_BALANCE;
pub use memory::{Known, Memory};
pub use schema::{JOB_RUNS, SCHEMA, SCHEMA_NAME, TABLES, order};
pub use side::{create_side_table, existing_side, side_trigger};

use crate::{
    history::Kind,
    stream::Stream,
    workload_spec::{Mix, Workload},
};
use cutover_model::{
    Arena, RowRef,
    database::{Database, TableId},
    row::ImageBuilder,
    server::{Reply, Server, SessionId},
    table::RowKey,
};
use side::Side;
use turn::Turn;

/// The shop as a workload: what the clients do next, and the statements for it.
#[derive(Debug)]
pub struct Orders {
    mix: Weights,
    /// Rows before the run.
    pub existing_orders: u64,
    /// Customers before the run.
    pub customers: u64,
    first_order_us: u64,
    /// `shop.customers`.
    pub customers_table: TableId,
    /// `shop.orders`.
    pub orders_table: TableId,
    /// `shop.order_lines`.
    pub lines_table: TableId,
    /// Tables beside these.
    sides: Vec<Side>,
    builder: ImageBuilder,
}

/// What one client is about.
#[derive(Clone, Copy, Debug)]
pub struct Intent {
    /// What is wanted.
    pub kind: Kind,
    /// The order; the one that was made, once it is.
    pub order: u64,
    /// The customer; the payer.
    pub customer: u64,
    /// The payee.
    pub other: u64,
    /// Cents.
    pub amount: u64,
    /// Lines of the order.
    pub lines: u64,
    /// Identifies the request, whatever the number of attempts.
    pub request: u64,
}

impl Intent {
    /// Of the order, in cents.
    pub fn total_cents(&self) -> u32 {
        (self.lines * 1_000 + self.amount) as u32
    }

    /// The number of what a line of the order is about.
    pub fn sku(&self, line: u64) -> u64 {
        (self.request * 31 + line) % 1_000
    }
}

/// Whether a transaction of this kind makes an order: a row whose id the client is told.
pub fn makes_order(kind: Kind) -> bool {
    matches!(kind, Kind::Place | Kind::Draft)
}

/// What a step of a transaction came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on with the next statement.
    Next,
    /// The server's reply decides.
    Reply(Reply),
    /// Finished without COMMIT: a read (with what it saw) or a rollback.
    Finished {
        /// The row that was read.
        seen: Option<RowRef>,
    },
}

impl Orders {
    /// The shop on a server's database; none when its tables are not there.
    pub fn new(spec: &Workload, database: &Database) -> Option<Self> {
        Some(Self {
            mix: Weights::of(spec.mix),
            existing_orders: spec.existing_rows,
            customers: Self::customers_of(spec),
            first_order_us: spec.first_order_after.map_or(0, |t| t.0),
            customers_table: database.id(SCHEMA_NAME, "customers")?,
            orders_table: database.id(SCHEMA_NAME, "orders")?,
            lines_table: database.id(SCHEMA_NAME, "order_lines")?,
            sides: Side::all(&spec.tables, database)?,
            builder: ImageBuilder::default(),
        })
    }

    /// What a client does next.
    pub fn intend(
        &self,
        now: u64,
        client: u16,
        random: &mut Stream,
        memory: &mut Memory,
    ) -> Intent {
        let kind = self.choose(now, random);
        self.intend_to(kind, client, random, memory)
    }

    /// What a client does next when the kind is given: with what order, for which customer.
    pub fn intend_to(
        &self,
        kind: Kind,
        client: u16,
        random: &mut Stream,
        memory: &mut Memory,
    ) -> Intent {
        let order = memory
            .one(random)
            .unwrap_or_else(|| 1 + random.below(self.existing_orders.max(1)));
        let customer = 1 + random.below(self.customers);
        let other = customer + random.below(self.customers - 1);
        let other = 1 + if other < self.customers {
            other
        } else {
            other - self.customers
        };
        Intent {
            kind,
            order,
            customer,
            other,
            amount: 1 + random.below(5_000),
            lines: 1 + random.below(4),
            request: u64::from(client + 1) << 40 | memory.next_request(),
        }
    }

    /// A kind of transaction, by the weights of the mix. No order is made before its time.
    fn choose(&self, now: u64, random: &mut Stream) -> Kind {
        self.mix.choose(now >= self.first_order_us, random)
    }

    /// Executes a client's statement number `step` on a server.
    pub fn execute(
        &mut self,
        server: &mut Server,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        step: u32,
        intent: &mut Intent,
    ) -> Step {
        let turn = &mut Turn {
            server,
            arena,
            now,
            session,
        };
        let step = u64::from(step);
        match intent.kind {
            Kind::Place => self.place(turn, step, intent),
            Kind::Pay => self.pay(turn, step, intent),
            Kind::Transfer => self.transfer(turn, step, intent),
            Kind::Cancel => self.cancel(turn, step, intent),
            Kind::Rollback => self.roll_back(turn, step, intent),
            Kind::Draft => self.draft(turn, step, intent),
            Kind::Amend => self.amend(turn, step, intent),
            Kind::Read | Kind::Recorded | Kind::Statement => Step::Finished {
                seen: turn.select(self.orders_table, RowKey(intent.order)),
            },
        }
    }

    /// The number of the statement that is the transaction's COMMIT; what only reads or rolls back has none.
    pub fn commit_step(&self, intent: &Intent) -> u32 {
        let sides = self.sides.len() as u32;
        match intent.kind {
            Kind::Place => intent.lines as u32 + 2 + sides,
            Kind::Transfer => 2,
            Kind::Pay | Kind::Draft | Kind::Amend => 1 + sides,
            Kind::Cancel => 1,
            Kind::Read | Kind::Rollback | Kind::Recorded | Kind::Statement => u32::MAX,
        }
    }

    /// A transaction was acknowledged: the client remembers it.
    pub fn acknowledged(intent: &Intent, memory: &mut Memory) {
        match intent.kind {
            kind if makes_order(kind) => memory.remember(intent.order),
            Kind::Pay => memory.paid(intent.order),
            Kind::Cancel => memory.forget(intent.order),
            _ => {}
        }
    }

    /// A client finds an order gone: it does not come back to it.
    pub fn missing(intent: &Intent, memory: &mut Memory) {
        memory.forget(intent.order);
    }
}

/// The weights of the mix, each with those before it added.
#[derive(Debug)]
struct Weights {
    /// All kinds, and those that make no order.
    sums: [[(Kind, u64); 8]; 2],
}

impl Weights {
    fn of(m: Mix) -> Self {
        let weights = [
            (Kind::Place, m.place),
            (Kind::Pay, m.pay),
            (Kind::Transfer, m.transfer),
            (Kind::Cancel, m.cancel),
            (Kind::Read, m.read),
            (Kind::Rollback, m.rollback),
            (Kind::Draft, m.draft),
            (Kind::Amend, m.amend),
        ];
        let inserts = |kind| makes_order(kind) || kind == Kind::Rollback;
        let sums = [true, false].map(|placing| {
            let mut sum = 0;
            weights.map(|(kind, weight)| {
                let counts = placing || !inserts(kind);
                sum += if counts { u64::from(weight) } else { 0 };
                (kind, sum)
            })
        });
        Self { sums }
    }

    /// A kind, by the weights; reads where nothing has a weight yet.
    fn choose(&self, placing: bool, random: &mut Stream) -> Kind {
        let sums = &self.sums[usize::from(!placing)];
        let at = random.below(sums[7].1);
        let chosen = sums.iter().find(|(_, sum)| at < *sum);
        chosen.map_or(Kind::Read, |(kind, _)| *kind)
    }
}

fn statement(reply: Reply) -> Step {
    match reply {
        Reply::Ok => Step::Next,
        reply => Step::Reply(reply),
    }
}
