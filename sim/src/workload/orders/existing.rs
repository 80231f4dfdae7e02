//! What is in the shop before the run.

use super::Orders;
use crate::workload_spec::Workload;
use cutover_model::table::generated::Generator;

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

impl Orders {
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
                        values: ["Ana", "Zoë", "Олег", "李雷"].map(|n| text(n, 2)).into(),
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
}

/// A text with its length prefix.
fn text(text: &str, prefix: usize) -> Vec<u8> {
    let mut raw = (text.len() as u64).to_le_bytes()[..prefix].to_vec();
    raw.extend_from_slice(text.as_bytes());
    raw
}
