//! What differs between two databases of one arena.
//!
//! Pages of rows that both share are passed over, so comparing a source with the copy that was made from
//! its snapshot costs what was written since. Rows are equal when their handles or their bytes are.

use super::Database;
use crate::arena::{Arena, RowRef};
use crate::row::render;
use crate::table::cow::CowMap;
use crate::table::{RowKey, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that one database has and the other has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The table is in one database only; its rows are not reported.
    MissingTable {
        /// `schema.table`.
        table: String,
        /// It is in `a`; else in `b`.
        in_a: bool,
    },
    /// A row differs. Where the columns' types differ, rows are compared by the text of the columns that
    /// both tables have by name.
    Row {
        /// `schema.table`.
        table: String,
        /// The row. In a table without a key: the key of one of the equal rows that are too many.
        key: RowKey,
        /// The image in `a`.
        a: Option<RowRef>,
        /// The image in `b`.
        b: Option<RowRef>,
    },
    /// The generated rows that nobody touched come from different generators, or on one side from none:
    /// they are not compared one by one.
    Base {
        /// `schema.table`.
        table: String,
    },
    /// The two tables identify their rows differently and are not compared row by row.
    Keys {
        /// `schema.table`.
        table: String,
    },
}

/// What differs between two databases, by the names of the tables, then by the keys of the rows.
///
/// # Example
/// ```
/// use cutover_model::{Arena, database::{Database, diff}};
/// let mut arena = Arena::default();
/// let source = Database::default();
/// let snapshot = source.clone();
/// assert!(diff(&source, &snapshot, &mut arena).is_empty());
/// ```
pub fn diff(a: &Database, b: &Database, arena: &mut Arena) -> Vec<Difference> {
    let mut names = BTreeMap::new();
    for (side, database) in [a, b].into_iter().enumerate() {
        for (_, table) in database.tables() {
            let name = (&table.def().schema, &table.def().name);
            let sides: &mut [Option<&Table>; 2] = names.entry(name).or_default();
            sides[side] = Some(table);
        }
    }
    let mut out = Vec::new();
    for ((schema, name), sides) in names {
        let table = format!("{schema}.{name}");
        match sides {
            [Some(a), Some(b)] => tables(&table, a, b, arena, &mut out),
            [a, _] => out.push(Difference::MissingTable {
                table,
                in_a: a.is_some(),
            }),
        }
    }
    out
}

fn tables(name: &str, a: &Table, b: &Table, arena: &mut Arena, out: &mut Vec<Difference>) {
    let table = || name.to_string();
    match (&a.shape().identity, &b.shape().identity) {
        (None, None) => return contents(name, a, b, out),
        (Some(x), Some(y))
            if same_key(
                a,
                x.key.parts.iter().map(|p| p.column),
                b,
                y.key.parts.iter().map(|p| p.column),
            ) => {}
        _ => return out.push(Difference::Keys { table: table() }),
    }
    let same_base = match (a.base(), b.base()) {
        (None, None) => true,
        (Some(x), Some(y)) => Arc::ptr_eq(x, y) || x == y,
        _ => false,
    };
    if !same_base {
        out.push(Difference::Base { table: table() });
    }
    for (key, in_a, in_b) in CowMap::diff(&a.rows, &b.rows) {
        // A row that one side never touched is as the base has it.
        let a_row = in_a.unwrap_or_else(|| a.get(arena, key));
        let b_row = in_b.unwrap_or_else(|| b.get(arena, key));
        if !same(a, b, arena, a_row, b_row) {
            out.push(Difference::Row {
                table: table(),
                key,
                a: a_row,
                b: b_row,
            });
        }
    }
}

/// Whether both tables' keys stand on columns of the same names and types.
fn same_key(
    a: &Table,
    of_a: impl Iterator<Item = usize>,
    b: &Table,
    of_b: impl Iterator<Item = usize>,
) -> bool {
    let columns = |table: &Table, column: usize| {
        let column = table.def().columns.get(column)?;
        let unsigned = match column.kind {
            crate::schema::ColumnKind::Int { unsigned, .. } => Some(unsigned),
            _ => None,
        };
        Some((column.name.to_ascii_lowercase(), unsigned))
    };
    let of_a = of_a.map(|c| columns(a, c));
    of_a.eq(of_b.map(|c| columns(b, c)))
}

fn same_types(a: &Table, b: &Table) -> bool {
    let kinds = |t: &Table| t.def().columns.len();
    Arc::ptr_eq(a.def(), b.def())
        || kinds(a) == kinds(b)
            && a.def()
                .columns
                .iter()
                .zip(&b.def().columns)
                .all(|(x, y)| x.kind == y.kind)
}

fn same(a: &Table, b: &Table, arena: &Arena, x: Option<RowRef>, y: Option<RowRef>) -> bool {
    if same_types(a, b) {
        return Database::same_row(a.def().columns.len(), arena, x, y);
    }
    let (Some(x), Some(y)) = (x, y) else {
        return x == y;
    };
    let text = |table: &Table, row, column| {
        let columns = &table.def().columns;
        crate::row::field(columns, arena.row(row), column).map(|raw| {
            let mut text = String::new();
            render(&columns[column], raw, &mut text);
            text
        })
    };
    a.def()
        .columns
        .iter()
        .enumerate()
        .all(|(i, column)| match b.def().column(&column.name) {
            Some(j) => text(a, x, i) == text(b, y, j),
            None => true,
        })
}

/// Tables whose rows nothing identifies are bags of images.
fn contents(name: &str, a: &Table, b: &Table, out: &mut Vec<Difference>) {
    // By content: the rows that only one side has under this key, and whether that is a.
    let mut counts: BTreeMap<u64, Vec<(RowKey, bool)>> = BTreeMap::new();
    for (member, in_a, _) in CowMap::diff(&a.content, &b.content) {
        counts
            .entry(member.key_id())
            .or_default()
            .push((member.row(), in_a.is_some()));
    }
    for rows in counts.into_values() {
        let of_a = rows.iter().filter(|(_, in_a)| *in_a).count();
        let more_in_a = of_a * 2 > rows.len();
        let many = of_a.abs_diff(rows.len() - of_a);
        for (key, _) in rows
            .iter()
            .filter(|(_, in_a)| *in_a == more_in_a)
            .take(many)
        {
            let row = |t: &Table| t.rows.get(key).flatten();
            let (x, y) = if more_in_a {
                (row(a), None)
            } else {
                (None, row(b))
            };
            out.push(Difference::Row {
                table: name.to_string(),
                key: *key,
                a: x,
                b: y,
            });
        }
    }
}
