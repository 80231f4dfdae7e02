//! The shop on a real server: its tables, the rows before the run, and the same transactions in SQL.

use super::LabError;
use cutover_model::{
    Arena,
    database::Database,
    ddl::{self, Context, Version},
    row,
};
use cutover_sim::{
    history::Kind,
    workload::orders::{Intent, SCHEMA, SCHEMA_NAME, TABLES},
};
use mysql::{Conn, Value, prelude::Queryable};

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

/// The next AUTO_INCREMENT of a table.
pub fn next_id(connection: &mut Conn, table: &str) -> Result<u64, LabError> {
    connection.query_drop("SET SESSION information_schema_stats_expiry = 0")?;
    let next: Option<u64> = connection.query_first(format!(
        "SELECT auto_increment FROM information_schema.tables WHERE table_schema = '{SCHEMA_NAME}' AND table_name = \
         '{table}'"
    ))?;
    Ok(next.unwrap_or(1))
}

/// Reads all rows in the transaction that is open.
pub fn read(connection: &mut Conn) -> Result<Vec<Rows>, LabError> {
    let mut all = Vec::new();
    for table in TABLES {
        let found: Vec<mysql::Row> =
            connection.query(format!("SELECT * FROM {SCHEMA_NAME}.{table}"))?;
        all.push(Rows {
            table,
            rows: found.into_iter().map(mysql::Row::unwrap).collect(),
            next: next_id(connection, table)?,
        });
    }
    Ok(all)
}

/// Writes rows into empty tables, on a connection that logs nothing.
pub fn write(connection: &mut Conn, all: &[Rows]) -> Result<(), LabError> {
    for Rows { table, rows, .. } in all {
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
    }
    Ok(())
}

/// Has the tables count on from where their counters of AUTO_INCREMENT stood.
pub fn count_on(connection: &mut Conn, all: &[Rows]) -> Result<(), LabError> {
    for Rows { table, next, .. } in all {
        connection.query_drop(format!(
            "ALTER TABLE {SCHEMA_NAME}.{table} AUTO_INCREMENT = {next}"
        ))?;
    }
    Ok(())
}

/// The rows as the model's tables.
pub fn database(all: &[Rows], arena: &mut Arena) -> Result<Database, LabError> {
    let mut database = Database::default();
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    for sql in SCHEMA {
        let statement = ddl::parse(sql, &context).map_err(LabError::followed)?;
        ddl::apply(&mut database, arena, &statement).map_err(LabError::followed)?;
    }
    for Rows { table, rows, next } in all {
        let id = database.id(SCHEMA_NAME, table);
        let id = id.ok_or_else(|| LabError::followed(format!("no table {table}")))?;
        let columns = database.table(id).map_or(&[][..], |t| &t.def().columns);
        let names: Vec<&str> = columns.iter().map(|c| &*c.name).collect();
        let mut text = line(serde_json::to_string(&names))?;
        for row in rows {
            let values: Vec<Option<String>> = row.iter().map(as_text).collect();
            text.push_str(&line(serde_json::to_string(&values))?);
        }
        database
            .load_jsonl(arena, id, &text)
            .map_err(LabError::followed)?;
        database.set_auto_increment(arena, id, *next);
    }
    Ok(database)
}

fn line(json: serde_json::Result<String>) -> Result<String, LabError> {
    Ok(json.map_err(LabError::followed)? + "\n")
}

/// A value of the text protocol.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// What the statements before COMMIT came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// COMMIT follows.
    Commit,
    /// Nothing was changed, or nothing is to be.
    Empty,
    /// An order was read; whether it is paid, where there is one.
    Read(Option<bool>),
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
            let status: Option<String> = connection.exec_first(
                "SELECT status FROM shop.orders WHERE id = ?",
                (intent.order,),
            )?;
            Ok(Body::Read(status.map(|status| status == "paid")))
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
