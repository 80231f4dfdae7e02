//! Tables beside the shop's three, with traits that those do not have: no primary key, LOBs, a trigger, MyISAM, a text
//! that is unique under a collation.
//!
//! A table has a row for each order: written with the order, by the application or by a trigger, and changed with it.
//! MyISAM has no transactions; here a row of it comes and goes with the transaction that wrote it, and what is
//! modelled of the engine is that a snapshot does not have all of it (`world/myisam.rs`).

use super::{Intent, Orders, Step, Turn, statement};
use crate::workload_spec::{Engine, SideTable};
use cutover_model::{
    database::{Database, NewValue, TableId, Trigger},
    row::{ImageBuilder, Partial},
    server::Reply,
    table::{RowKey, generated::Generator},
};

/// A row as it is written with its order, and as it is once that was paid or amended.
const WRITTEN: [u8; 1] = [0];
const CHANGED: [u8; 1] = [1];

/// One of these tables.
#[derive(Debug)]
pub(super) struct Side {
    table: TableId,
    spec: SideTable,
    /// What the LONGBLOB of every row holds.
    document: Option<Vec<u8>>,
}

/// The statement that makes a table.
pub fn create_side_table(spec: &SideTable) -> String {
    let key = match spec.primary_key {
        true => " PRIMARY KEY",
        false => "",
    };
    let lob = match spec.lob.0 {
        0 => "",
        _ => ", document LONGBLOB NOT NULL",
    };
    let code = spec.collation.as_ref().map_or(String::new(), |collation| {
        format!(", code VARCHAR(40) CHARACTER SET utf8mb4 COLLATE {collation} NOT NULL, UNIQUE KEY code (code)")
    });
    let parent = match spec.foreign_key {
        true => format!(
            ", CONSTRAINT {}_of_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE",
            spec.name
        ),
        false => String::new(),
    };
    let engine = match spec.engine {
        Engine::Innodb => "InnoDB",
        Engine::Myisam => "MyISAM",
    };
    format!(
        "CREATE TABLE {} (order_id BIGINT UNSIGNED NOT NULL{key}, state TINYINT UNSIGNED NOT NULL{code}{lob}{parent}) ENGINE={engine}",
        spec.name
    )
}

/// The trigger that writes a table's rows, where that is a trigger's.
pub fn side_trigger(spec: &SideTable, orders: TableId, table: TableId) -> Option<Trigger> {
    let document = document(spec).map(NewValue::Raw);
    let values = [NewValue::New(0), NewValue::Raw(WRITTEN.to_vec())];
    spec.trigger.then(|| Trigger {
        on: orders,
        into: table,
        values: values.into_iter().chain(document).collect(),
    })
}

/// The rows of a table before the run, one for each order; none without a primary key, which a generated row must
/// have, and none with a code, which no generator makes.
pub fn existing_side(spec: &SideTable, orders: u64) -> Option<(u64, Vec<Generator>)> {
    let document = document(spec).map(Generator::Constant);
    let columns = [Generator::Key, Generator::Constant(WRITTEN.to_vec())];
    (spec.primary_key && spec.collation.is_none())
        .then(|| (orders, columns.into_iter().chain(document).collect()))
}

/// A LONGBLOB, where there is one: the length in 4 bytes, then as many bytes.
fn document(spec: &SideTable) -> Option<Vec<u8>> {
    let bytes = spec.lob.0 as usize;
    let mut raw = (bytes as u32).to_le_bytes().to_vec();
    raw.extend((0..bytes).map(|i| (i % 251) as u8));
    (bytes > 0).then_some(raw)
}

/// The code of an order, a VARCHAR of less than 256 bytes: its length in one byte, then the text. Where the collation
/// tells small letters from capital ones, two orders have the same but for that.
fn code(spec: &SideTable, order: u64) -> Option<Vec<u8>> {
    spec.collation.as_ref()?;
    let text = match (spec.tells_case(), order % 2) {
        (false, _) => format!("code-{order}"),
        (true, 0) => format!("code-{}", order / 2),
        (true, _) => format!("CODE-{}", order / 2),
    };
    let length = text.len() as u8;
    Some([length].into_iter().chain(text.bytes()).collect())
}

impl Side {
    /// The row of an order.
    fn build(&self, builder: &mut ImageBuilder, order: u64, state: [u8; 1]) {
        let code = code(&self.spec, order);
        builder.start(2 + usize::from(code.is_some()) + usize::from(self.document.is_some()));
        builder.push(&order.to_le_bytes());
        builder.push(&state);
        if let Some(code) = &code {
            builder.push(code);
        }
        if let Some(document) = &self.document {
            builder.push(document);
        }
    }

    /// The tables of a workload on a server's database; none when one is not there.
    pub(super) fn all(specs: &[SideTable], database: &Database) -> Option<Vec<Self>> {
        let side = |spec: &SideTable| {
            Some(Self {
                table: database.id(super::SCHEMA_NAME, &spec.name)?,
                document: document(spec),
                spec: spec.clone(),
            })
        };
        specs.iter().map(side).collect()
    }
}

impl Orders {
    /// The row of an order in the table number `index` (from 0) is written; behind the last table, COMMIT.
    pub(super) fn write_side(&mut self, turn: &mut Turn<'_>, index: u64, intent: &Intent) -> Step {
        let Some(side) = self.sides.get(index as usize) else {
            return Step::Reply(turn.commit());
        };
        if side.spec.trigger {
            return Step::Next;
        }
        side.build(&mut self.builder, intent.order, WRITTEN);
        statement(turn.insert(side.table, self.builder.image()))
    }

    /// Likewise it is changed, if it is there and was not changed before.
    pub(super) fn change_side(&mut self, turn: &mut Turn<'_>, index: u64, intent: &Intent) -> Step {
        let Some(side) = self.sides.get(index as usize) else {
            return Step::Reply(turn.commit());
        };
        side.build(&mut self.builder, intent.order, WRITTEN);
        let key = match side.spec.primary_key {
            true => Some(RowKey(intent.order)),
            false => {
                let image = self.builder.image();
                let present = &[0xff]; // Of at most eight columns.
                turn.find(side.table, &Partial { present, image })
            }
        };
        let Some(key) = key else { return Step::Next };
        let locked = match turn.lock_row(side.table, key) {
            Ok(locked) if turn.arena.row(locked.row) == self.builder.image() => locked,
            Ok(_) | Err(Reply::NoRow) => return Step::Next,
            Err(reply) => return Step::Reply(reply),
        };
        side.build(&mut self.builder, intent.order, CHANGED);
        statement(turn.update(locked, self.builder.image()))
    }
}
