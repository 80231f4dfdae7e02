//! The transactions of a rehearsal, taken out of its binlog, and the tables as they were before them.

use crate::bare_loop::{self, Stream, Width};
use cutover::{
    model::{
        Arena,
        apply::table_of,
        binlog::{
            decode::{RowsEvent, TableMap},
            event::EventType,
            group::Groups,
        },
        database::{Database, TableId},
        ddl::{self, Context},
        schema::{Column, ColumnKind, TableDef},
        server::Version,
    },
    sim::{
        plan::Plan,
        workload::orders::{Orders, SCHEMA, SCHEMA_NAME},
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// The shop's tables as they are when the plan begins.
pub fn tables(plan: &Plan, arena: &mut Arena) -> Database {
    let mut declared = Database::default();
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    for sql in SCHEMA {
        let statement = ddl::parse(sql, &context).expect("the shop's own statement");
        ddl::apply(&mut declared, arena, &statement).expect("the shop's own statement");
    }
    let mut shop = Database::default();
    shop.create_schema(SCHEMA_NAME).expect("the first schema");
    for table in ["customers", "orders", "order_lines"] {
        let id = declared.id(SCHEMA_NAME, table).expect("declared above");
        let def = (**declared.table(id).expect("declared above").def()).clone();
        let (rows, generators) = Orders::existing(&plan.workload, table, plan.streams.base.0);
        shop.create_generated(arena, def, rows, generators)
            .expect("the shop's own rows");
    }
    shop
}

/// What a binlog holds.
#[derive(Debug)]
pub struct Transactions {
    pub stream: Stream,
    /// The stream's tables in the shop: ids and declarations.
    pub tables: Vec<(TableId, Arc<TableDef>)>,
}

/// The transactions of binlog files, for the bare loop.
pub fn transactions(plan: &Plan, files: &[(String, Vec<u8>)]) -> Transactions {
    let declared = tables(plan, &mut Arena::default());
    let mut stream = Stream::default();
    let mut in_the_shop = Vec::new();
    let mut known: BTreeMap<u64, (usize, Vec<Column>)> = BTreeMap::new();
    for (_, bytes) in files {
        for group in Groups::of_file(bytes).expect("a file of ours") {
            let group = group.expect("a file of ours");
            let first = stream.rows.len();
            for frame in group.events() {
                match frame.header.event_type {
                    EventType::TABLE_MAP => {
                        let map = TableMap::decode(frame.body).expect("an event of ours");
                        known.entry(map.table_id).or_insert_with(|| {
                            let columns = map.columns().expect("an event of ours");
                            stream.tables.push(table(frame.body, &columns));
                            in_the_shop
                                .push(table_of(&declared, &map).expect("a table of the shop"));
                            (stream.tables.len() - 1, columns)
                        });
                    }
                    EventType::WRITE_ROWS | EventType::UPDATE_ROWS | EventType::DELETE_ROWS => {
                        let event = RowsEvent::decode(frame.header.event_type, frame.body);
                        let event = event.expect("an event of ours");
                        let (table, columns) = &known[&event.table_id];
                        for row in event.rows(columns) {
                            let row = row.expect("an event of ours");
                            let mut keep = |image: &[u8]| {
                                let from = stream.images.len();
                                stream.images.extend_from_slice(image);
                                from..stream.images.len()
                            };
                            stream.rows.push(bare_loop::Row {
                                table: *table,
                                before: row.before.map(|partial| keep(partial.image)),
                                after: row.after.map(|partial| keep(partial.image)),
                            });
                        }
                    }
                    _ => {}
                }
            }
            stream.commits.push(first..stream.rows.len());
        }
    }
    Transactions {
        stream,
        tables: in_the_shop,
    }
}

fn table(map: &[u8], columns: &[Column]) -> bare_loop::Table {
    let width = |column: &Column| match column.kind {
        ColumnKind::Int { bytes, .. } => Width::Fixed(bytes.into()),
        ColumnKind::Enum { .. } => Width::Fixed(1),
        ColumnKind::Timestamp { fsp: 6 } => Width::Fixed(7),
        ColumnKind::Char { max_bytes } | ColumnKind::Varchar { max_bytes } => {
            Width::Counted(if max_bytes > 255 { 2 } else { 1 })
        }
        ref other => panic!("the shop has no column like {other:?}"),
    };
    let columns: Vec<Width> = columns.iter().map(width).collect();
    let key_bytes = match columns.first() {
        Some(Width::Fixed(bytes)) => *bytes,
        _ => panic!("the shop's keys are integers"),
    };
    bare_loop::Table {
        map: map.to_vec(),
        columns,
        key_bytes,
    }
}
