//! The shop: customers, orders, lines.
//!
//! The data describes itself. An order carries the request that placed it, a customer's version counts
//! the updates of its row, the sum of all balances never changes, `orders_placed` counts acknowledged
//! orders: a write that is lost, repeated or reordered shows in the rows themselves.

use crate::{
    history::Kind,
    stream::Stream,
    workload_spec::{Mix, Workload},
};
use cutover_model::{
    Arena, RowRef,
    database::{Database, TableId},
    row::{self, ImageBuilder},
    server::{Manner, Reply, Server, SessionId},
    table::{RowKey, generated::Generator},
};

/// The statements that make the shop.
pub const SCHEMA: [&str; 4] = [
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    "CREATE TABLE customers (\
       id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
       email VARCHAR(120) NOT NULL, \
       name VARCHAR(80) NOT NULL, \
       balance BIGINT NOT NULL, \
       orders_placed INT UNSIGNED NOT NULL, \
       version INT UNSIGNED NOT NULL, \
       UNIQUE KEY email (email)) ENGINE=InnoDB",
    "CREATE TABLE orders (\
       id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
       request_id BIGINT UNSIGNED NOT NULL, \
       customer_id INT UNSIGNED NOT NULL, \
       status ENUM('new','paid') NOT NULL, \
       total_cents INT UNSIGNED NOT NULL, \
       placed_at TIMESTAMP(6) NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE order_lines (\
       id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
       order_id BIGINT UNSIGNED NOT NULL, \
       line_no TINYINT UNSIGNED NOT NULL, \
       sku CHAR(12) NOT NULL, \
       quantity INT NOT NULL, \
       price_cents INT UNSIGNED NOT NULL, \
       CONSTRAINT lines_of_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE) ENGINE=InnoDB",
];

/// The schema's name.
pub const SCHEMA_NAME: &str = "shop";
/// What every customer starts with, in cents.
pub const OPENING_BALANCE: i64 = 100_000;
/// Lines of every order that exists before the run.
const LINES_PER_ORDER: u64 = 2;
/// Existing orders were placed in the year before March 2026.
const PLACED_FROM_S: u32 = 1_740_787_200;
const PLACED_SPAN_S: u32 = 31_536_000;
/// Existing orders per customer.
const ORDERS_PER_CUSTOMER: u64 = 20;
/// Customers of a shop that begins empty.
const FIRST_CUSTOMERS: u64 = 50;
/// Orders that a client remembers to come back to.
const MEMORY: usize = 8;

/// Columns of `customers`.
pub mod customer {
    /// BIGINT.
    pub const BALANCE: usize = 3;
    /// INT UNSIGNED.
    pub const ORDERS_PLACED: usize = 4;
    /// INT UNSIGNED.
    pub const VERSION: usize = 5;
}

/// Columns of `orders`.
pub mod order {
    /// BIGINT UNSIGNED.
    pub const REQUEST_ID: usize = 1;
    /// ENUM.
    pub const STATUS: usize = 3;
}

/// The shop as a workload: what the clients do next, and the statements for it.
#[derive(Debug)]
pub struct Orders {
    mix: Mix,
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

/// An order that a client was told of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// Its id; 0 for none.
    pub id: u64,
    /// The client paid it.
    pub paid: bool,
}

/// What a client remembers.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    known: [Known; MEMORY],
    next: usize,
    requests: u64,
}

impl Memory {
    fn remember(&mut self, id: u64) {
        self.known[self.next] = Known { id, paid: false };
        self.next = (self.next + 1) % MEMORY;
    }

    /// What the client knows of an order.
    pub fn of(&self, id: u64) -> Option<Known> {
        self.known.iter().copied().find(|k| k.id == id && id != 0)
    }

    fn forget(&mut self, id: u64) {
        self.known
            .iter_mut()
            .filter(|k| k.id == id)
            .for_each(|k| k.id = 0);
    }
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
    /// Creates the shop's tables on a server's database, with the rows that exist before the run.
    pub fn new(spec: &Workload, database: &Database) -> Option<Self> {
        Some(Self {
            mix: spec.mix,
            existing_orders: spec.existing_rows,
            customers: Self::customers_of(spec),
            first_order_us: spec.first_order_after.map_or(0, |t| t.0),
            customers_table: database.id(SCHEMA_NAME, "customers")?,
            orders_table: database.id(SCHEMA_NAME, "orders")?,
            lines_table: database.id(SCHEMA_NAME, "order_lines")?,
            builder: ImageBuilder::default(),
        })
    }

    /// Customers before the run.
    pub fn customers_of(spec: &Workload) -> u64 {
        if spec.existing_rows == 0 {
            FIRST_CUSTOMERS
        } else {
            (spec.existing_rows / ORDERS_PER_CUSTOMER).max(FIRST_CUSTOMERS)
        }
    }

    /// The rows of a table before the run: how many, and how their columns are generated.
    pub fn existing(spec: &Workload, table: &str, seed: u64) -> (u64, Vec<Generator>) {
        let orders = spec.existing_rows;
        let customers = Self::customers_of(spec);
        match table {
            "customers" => (
                customers,
                vec![
                    Generator::Key,
                    Generator::Text {
                        prefix: "customer".into(),
                        suffix: "@example.org".into(),
                    },
                    Generator::Pick {
                        seed,
                        values: ["Ana", "Zoë", "Олег", "李雷"].map(|n| text(n, 2)).to_vec(),
                    },
                    Generator::Constant(OPENING_BALANCE.to_le_bytes().to_vec()),
                    Generator::Constant(0u32.to_le_bytes().to_vec()),
                    Generator::Constant(0u32.to_le_bytes().to_vec()),
                ],
            ),
            "orders" => (
                orders,
                vec![
                    Generator::Key,
                    Generator::Key,
                    Generator::Int {
                        seed,
                        low: 1,
                        high: customers as i64,
                    },
                    Generator::Constant(vec![2]),
                    Generator::Int {
                        seed: seed ^ 1,
                        low: 100,
                        high: 50_000,
                    },
                    Generator::Datetime {
                        seed: seed ^ 4,
                        start: PLACED_FROM_S,
                        span: PLACED_SPAN_S,
                    },
                ],
            ),
            _ => (
                orders * LINES_PER_ORDER,
                vec![
                    Generator::Key,
                    Generator::ParentOf {
                        fanout: LINES_PER_ORDER,
                    },
                    Generator::Position {
                        fanout: LINES_PER_ORDER,
                    },
                    Generator::Pick {
                        seed,
                        values: (0..50).map(|n| text(&format!("SKU{n:05}"), 1)).collect(),
                    },
                    Generator::Int {
                        seed: seed ^ 2,
                        low: 1,
                        high: 9,
                    },
                    Generator::Int {
                        seed: seed ^ 3,
                        low: 100,
                        high: 10_000,
                    },
                ],
            ),
        }
    }

    /// The row of a customer of a shop that begins empty.
    pub fn first_customer(&mut self, id: u64) -> &[u8] {
        let b = &mut self.builder;
        b.start(6);
        b.push(&(id as u32).to_le_bytes());
        b.push(&text(&format!("customer{id}@example.org"), 2));
        b.push(&text("Ana", 2));
        b.push(&OPENING_BALANCE.to_le_bytes());
        b.push(&0u32.to_le_bytes());
        b.push(&0u32.to_le_bytes());
        b.image()
    }

    /// What a client does next.
    pub fn intend(
        &self,
        now: u64,
        client: u16,
        random: &mut Stream,
        memory: &mut Memory,
    ) -> Intent {
        let m = self.mix;
        let placing = now >= self.first_order_us;
        let weights = [
            (Kind::Place, if placing { m.place } else { 0 }),
            (Kind::Pay, m.pay),
            (Kind::Transfer, m.transfer),
            (Kind::Cancel, m.cancel),
            (Kind::Read, m.read),
            (Kind::Rollback, if placing { m.rollback } else { 0 }),
        ];
        let total: u64 = weights.iter().map(|(_, w)| u64::from(*w)).sum();
        let mut at = random.below(total);
        let mut kind = Kind::Read;
        for (k, weight) in weights {
            if at < u64::from(weight) {
                kind = k;
                break;
            }
            at -= u64::from(weight);
        }
        let known = memory.known[random.below(MEMORY as u64) as usize];
        let order = if known.id != 0 {
            known.id
        } else {
            1 + random.below(self.existing_orders.max(1))
        };
        let customer = 1 + random.below(self.customers);
        let other = 1 + (customer + random.below(self.customers - 1)) % self.customers;
        memory.requests += 1;
        Intent {
            kind,
            order,
            customer,
            other,
            amount: 1 + random.below(5_000),
            lines: 1 + random.below(4),
            request: u64::from(client + 1) << 40 | memory.requests,
        }
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
        let step = u64::from(step);
        match intent.kind {
            Kind::Place | Kind::Rollback => match step {
                0 => self.insert_order(server, arena, now, session, intent),
                n if n <= intent.lines => self.insert_line(server, arena, now, session, intent, n),
                n if n == intent.lines + 1 && intent.kind == Kind::Place => {
                    let customer = intent.customer;
                    self.edit_customer(server, arena, now, session, customer, |c| {
                        c.orders_placed += 1
                    })
                }
                _ if intent.kind == Kind::Place => Step::Reply(server.commit(arena, now, session)),
                _ => {
                    server.rollback(arena, session);
                    Step::Finished { seen: None }
                }
            },
            Kind::Pay => match step {
                0 => self.pay_order(server, arena, now, session, intent.order),
                _ => Step::Reply(server.commit(arena, now, session)),
            },
            Kind::Transfer => {
                let amount = intent.amount as i64;
                match step {
                    0 => self.edit_customer(server, arena, now, session, intent.customer, |c| {
                        c.balance -= amount
                    }),
                    1 => self.edit_customer(server, arena, now, session, intent.other, |c| {
                        c.balance += amount
                    }),
                    _ => Step::Reply(server.commit(arena, now, session)),
                }
            }
            Kind::Cancel => match step {
                0 => statement(server.delete(
                    arena,
                    now,
                    session,
                    self.orders_table,
                    RowKey(intent.order),
                    Manner::STATEMENT,
                )),
                _ => Step::Reply(server.commit(arena, now, session)),
            },
            Kind::Read | Kind::Recorded => Step::Finished {
                seen: server.select(arena, session, self.orders_table, RowKey(intent.order)),
            },
        }
    }

    /// A transaction was acknowledged: the client remembers it.
    pub fn acknowledged(intent: &Intent, memory: &mut Memory) {
        match intent.kind {
            Kind::Place => memory.remember(intent.order),
            Kind::Pay => memory
                .known
                .iter_mut()
                .filter(|k| k.id == intent.order)
                .for_each(|k| k.paid = true),
            Kind::Cancel => memory.forget(intent.order),
            _ => {}
        }
    }

    /// A client finds an order gone: it does not come back to it.
    pub fn missing(intent: &Intent, memory: &mut Memory) {
        memory.forget(intent.order);
    }

    fn insert_order(
        &mut self,
        server: &mut Server,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        intent: &mut Intent,
    ) -> Step {
        let id = server.next_auto_increment(self.orders_table);
        let us = server.config.epoch_us + now;
        let b = &mut self.builder;
        b.start(6);
        b.push(&id.to_le_bytes());
        b.push(&intent.request.to_le_bytes());
        b.push(&(intent.customer as u32).to_le_bytes());
        b.push(&[1]);
        b.push(&((intent.lines * 1_000 + intent.amount) as u32).to_le_bytes());
        b.push(&timestamp6(us));
        intent.order = id;
        statement(server.insert(
            arena,
            now,
            session,
            self.orders_table,
            b.image(),
            Manner::STATEMENT,
        ))
    }

    fn insert_line(
        &mut self,
        server: &mut Server,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        intent: &Intent,
        line: u64,
    ) -> Step {
        let id = server.next_auto_increment(self.lines_table);
        let sku = (intent.request * 31 + line) % 1_000;
        let mut sku_text = *b"\x08SKU00000";
        for (place, digit) in [(8, 1), (7, 10), (6, 100)] {
            sku_text[place] = b'0' + (sku / digit % 10) as u8;
        }
        let b = &mut self.builder;
        b.start(6);
        b.push(&id.to_le_bytes());
        b.push(&intent.order.to_le_bytes());
        b.push(&[line as u8]);
        b.push(&sku_text);
        b.push(&(1 + (sku % 9) as u32).to_le_bytes());
        b.push(&(100 + (sku * 7) as u32).to_le_bytes());
        statement(server.insert(
            arena,
            now,
            session,
            self.lines_table,
            b.image(),
            Manner::STATEMENT,
        ))
    }

    fn pay_order(
        &mut self,
        server: &mut Server,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        order: u64,
    ) -> Step {
        let (table, key) = (self.orders_table, RowKey(order));
        let row = match server.lock_row(arena, now, session, table, key) {
            Ok(row) => row,
            Err(reply) => return Step::Reply(reply),
        };
        let columns = &server
            .database
            .table(table)
            .expect("the shop's tables stay")
            .def()
            .clone()
            .columns;
        self.builder.start(columns.len());
        for (i, field) in row::fields(columns, arena.row(row)).enumerate() {
            match field {
                _ if i == order::STATUS => self.builder.push(&[2]),
                Some(raw) => self.builder.push(raw),
                None => self.builder.push_null(),
            }
        }
        if self.builder.image() == arena.row(row) {
            return Step::Next;
        }
        statement(server.update(
            arena,
            now,
            session,
            table,
            key,
            self.builder.image(),
            Manner::STATEMENT,
        ))
    }

    fn edit_customer(
        &mut self,
        server: &mut Server,
        arena: &mut Arena,
        now: u64,
        session: SessionId,
        id: u64,
        edit: impl FnOnce(&mut Customer),
    ) -> Step {
        let (table, key) = (self.customers_table, RowKey(id));
        let row = match server.lock_row(arena, now, session, table, key) {
            Ok(row) => row,
            Err(reply) => return Step::Reply(reply),
        };
        let image = arena.row(row);
        let Some(mut customer) = Customer::read(image) else {
            return Step::Reply(Reply::NoRow);
        };
        edit(&mut customer);
        customer.version += 1;
        self.builder.start(6);
        customer.write(image, &mut self.builder);
        statement(server.update(
            arena,
            now,
            session,
            table,
            key,
            self.builder.image(),
            Manner::STATEMENT,
        ))
    }
}

fn statement(reply: Reply) -> Step {
    match reply {
        Reply::Ok => Step::Next,
        reply => Step::Reply(reply),
    }
}

/// The numbers of a row of `customers`: they are its last 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Cents.
    pub balance: i64,
    /// Acknowledged orders.
    pub orders_placed: u32,
    /// Updates of this row.
    pub version: u32,
}

const CUSTOMER_TAIL: usize = 16;

impl Customer {
    /// From a full row image.
    pub fn read(image: &[u8]) -> Option<Self> {
        let tail: &[u8; CUSTOMER_TAIL] = image.last_chunk()?;
        Some(Self {
            balance: i64::from_le_bytes(tail[..8].try_into().ok()?),
            orders_placed: u32::from_le_bytes(tail[8..12].try_into().ok()?),
            version: u32::from_le_bytes(tail[12..].try_into().ok()?),
        })
    }

    fn write(&self, old: &[u8], builder: &mut ImageBuilder) {
        // id, email and name stand between the null bitmap and the numbers; each is copied as it is.
        let id = &old[1..5];
        let email_end = 5 + 2 + usize::from(u16::from_le_bytes([old[5], old[6]]));
        builder.push(id);
        builder.push(&old[5..email_end]);
        builder.push(&old[email_end..old.len() - CUSTOMER_TAIL]);
        builder.push(&self.balance.to_le_bytes());
        builder.push(&self.orders_placed.to_le_bytes());
        builder.push(&self.version.to_le_bytes());
    }
}

/// A text with its length prefix.
fn text(text: &str, prefix: usize) -> Vec<u8> {
    let mut raw = (text.len() as u64).to_le_bytes()[..prefix].to_vec();
    raw.extend_from_slice(text.as_bytes());
    raw
}

/// TIMESTAMP(6): seconds big-endian, then microseconds big-endian in 3 bytes.
fn timestamp6(us: u64) -> [u8; 7] {
    let mut raw = [0; 7];
    raw[..4].copy_from_slice(&((us / 1_000_000) as u32).to_be_bytes());
    raw[4..].copy_from_slice(&((us % 1_000_000) as u32).to_be_bytes()[1..]);
    raw
}
