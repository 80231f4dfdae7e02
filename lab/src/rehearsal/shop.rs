//! The shop on a real server: its tables, the rows before the run, and the same transactions in SQL.

use super::LabError;
use cutover_model::{Arena, database::Database, row};
use cutover_sim::{
    history::Kind,
    workload::orders::{Intent, SCHEMA, SCHEMA_NAME},
};
use mysql::{Conn, Value, prelude::Queryable};

/// Tables of the shop, parents first.
const TABLES: [&str; 3] = ["customers", "orders", "order_lines"];
/// Rows of one INSERT.
const BATCH: usize = 500;

/// The rows of a table, and the next AUTO_INCREMENT.
#[derive(Debug)]
pub struct Rows {
    table: &'static str,
    rows: Vec<Vec<Value>>,
    next: u64,
}

impl Rows {
    /// The table's name, and its next AUTO_INCREMENT.
    pub fn counter(&self) -> (&'static str, u64) {
        (self.table, self.next)
    }
}

/// Makes the shop's tables, empty.
pub fn create(connection: &mut Conn) -> Result<(), LabError> {
    let [schema, tables @ ..] = SCHEMA;
    connection.query_drop(schema)?;
    connection.query_drop(format!("USE {SCHEMA_NAME}"))?;
    for table in tables {
        connection.query_drop(table)?;
    }
    Ok(())
}

/// The rows that the model's source has before the run.
pub fn existing(database: &Database, arena: &mut Arena) -> Vec<Rows> {
    let mut all = Vec::new();
    for name in TABLES {
        let Some(table) = database
            .id(SCHEMA_NAME, name)
            .and_then(|id| database.table(id))
        else {
            continue;
        };
        let columns = &table.def().columns;
        let mut rows = Vec::new();
        for key in table.keys() {
            let Some(image) = table.get(arena, key) else {
                continue;
            };
            let field = |i: usize| match row::field(columns, arena.row(image), i) {
                None => Value::NULL,
                Some(raw) => {
                    let mut text = String::new();
                    row::render(&columns[i], raw, &mut text);
                    Value::Bytes(text.into_bytes())
                }
            };
            rows.push((0..columns.len()).map(field).collect());
        }
        all.push(Rows {
            table: name,
            rows,
            next: table.auto_increment(),
        });
    }
    all
}

/// Reads all rows in the transaction that is open.
pub fn read(connection: &mut Conn) -> Result<Vec<Rows>, LabError> {
    connection.query_drop("SET SESSION information_schema_stats_expiry = 0")?;
    let mut all = Vec::new();
    for table in TABLES {
        let found: Vec<mysql::Row> =
            connection.query(format!("SELECT * FROM {SCHEMA_NAME}.{table}"))?;
        let next: Option<u64> = connection.query_first(format!(
            "SELECT auto_increment FROM information_schema.tables WHERE table_schema = '{SCHEMA_NAME}' AND table_name = \
             '{table}'"
        ))?;
        all.push(Rows {
            table,
            rows: found.into_iter().map(mysql::Row::unwrap).collect(),
            next: next.unwrap_or(1),
        });
    }
    Ok(all)
}

/// Writes rows into empty tables, on a connection that logs nothing.
pub fn write(connection: &mut Conn, all: &[Rows]) -> Result<(), LabError> {
    for Rows { table, rows, next } in all {
        for batch in rows.chunks(BATCH) {
            let places: Vec<String> = batch
                .iter()
                .map(|row| format!("({})", vec!["?"; row.len()].join(",")))
                .collect();
            let values: Vec<Value> = batch.iter().flatten().cloned().collect();
            let statement = format!(
                "INSERT INTO {SCHEMA_NAME}.{table} VALUES {}",
                places.join(",")
            );
            connection.exec_drop(statement, values)?;
        }
        connection.query_drop(format!(
            "ALTER TABLE {SCHEMA_NAME}.{table} AUTO_INCREMENT = {next}"
        ))?;
    }
    Ok(())
}

/// What the statements before COMMIT came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// COMMIT follows.
    Commit,
    /// Nothing was changed, or nothing is to be.
    Empty,
}

/// The statements of a transaction, up to its end.
pub fn body(connection: &mut Conn, intent: &mut Intent) -> Result<Body, mysql::Error> {
    match intent.kind {
        Kind::Place | Kind::Rollback | Kind::Draft => {
            place(connection, intent)?;
            Ok(match intent.kind {
                Kind::Rollback => Body::Empty,
                _ => Body::Commit,
            })
        }
        Kind::Pay => changed(
            connection,
            "UPDATE shop.orders SET status = 'paid' WHERE id = ?",
            intent,
        ),
        Kind::Amend => {
            let total = intent.total_cents();
            let statement = format!("UPDATE shop.orders SET total_cents = {total} WHERE id = ?");
            changed(connection, &statement, intent)
        }
        Kind::Cancel => changed(connection, "DELETE FROM shop.orders WHERE id = ?", intent),
        Kind::Transfer => {
            let amount = intent.amount as i64;
            for (customer, change) in [(intent.customer, -amount), (intent.other, amount)] {
                connection.exec_drop(
                    "UPDATE shop.customers SET balance = balance + ?, version = version + 1 WHERE id = ?",
                    (change, customer),
                )?;
            }
            Ok(Body::Commit)
        }
        Kind::Read | Kind::Recorded | Kind::Statement => {
            let _: Option<String> = connection.exec_first(
                "SELECT status FROM shop.orders WHERE id = ?",
                (intent.order,),
            )?;
            Ok(Body::Empty)
        }
    }
}

fn changed(connection: &mut Conn, statement: &str, intent: &Intent) -> Result<Body, mysql::Error> {
    connection.exec_drop(statement, (intent.order,))?;
    Ok(match connection.affected_rows() {
        0 => Body::Empty,
        _ => Body::Commit,
    })
}

fn place(connection: &mut Conn, intent: &mut Intent) -> Result<(), mysql::Error> {
    connection.exec_drop(
        "INSERT INTO shop.orders (request_id, customer_id, status, total_cents, placed_at) VALUES (?, ?, 'new', ?, NOW(6))",
        (intent.request, intent.customer, intent.total_cents()),
    )?;
    intent.order = connection.last_insert_id();
    if intent.kind == Kind::Draft {
        return Ok(());
    }
    for line in 1..=intent.lines {
        let sku = intent.sku(line);
        connection.exec_drop(
            "INSERT INTO shop.order_lines (order_id, line_no, sku, quantity, price_cents) VALUES (?, ?, ?, ?, ?)",
            (intent.order, line, format!("SKU{sku:05}"), 1 + sku % 9, 100 + sku * 7),
        )?;
    }
    if intent.kind == Kind::Place {
        connection.exec_drop(
            "UPDATE shop.customers SET orders_placed = orders_placed + 1, version = version + 1 WHERE id = ?",
            (intent.customer,),
        )?;
    }
    Ok(())
}
