//! A table as `.jsonl`: the column names, then one array of texts or nulls a row.

use super::{Database, SqlError, TableId};
use crate::arena::{Arena, RowRef};
use crate::row::{append_sort_key, field, fields, render};
use crate::schema::Column;
use std::fmt::Write as _;

impl Database {
    /// Writes a table's lines, each without its line end: first the column names, then the rows in the
    /// order of the primary key (without a key: of their text). Generated rows that nobody touched are
    /// left out.
    ///
    /// # Errors
    /// 1146.
    pub fn dump_table(
        &self,
        arena: &Arena,
        id: TableId,
        write: &mut dyn FnMut(&str),
    ) -> Result<(), SqlError> {
        let table = self.live(id)?;
        let columns = &table.def().columns;
        let mut line = String::new();
        array(&mut line, columns.iter().map(|c| Some(&*c.name)));
        write(&line);
        let touched = table.touched().filter_map(|(_, row)| row);
        let Some(identity) = &table.shape().identity else {
            let mut lines: Vec<String> = touched
                .map(|row| row_line(columns, arena.row(row)))
                .collect();
            lines.sort_unstable();
            lines.iter().for_each(|line| write(line));
            return Ok(());
        };
        let mut rows: Vec<RowRef> = touched.collect();
        if identity.key.integer_column().is_none() {
            let key = |row: &RowRef| {
                let mut key = Vec::new();
                for part in &identity.key.parts {
                    if let Some(column) = columns.get(part.column) {
                        append_sort_key(
                            column,
                            field(columns, arena.row(*row), part.column),
                            &mut key,
                        );
                    }
                }
                key
            };
            rows.sort_by_cached_key(key);
        }
        for row in rows {
            write(&row_line(columns, arena.row(row)));
        }
        Ok(())
    }
}

fn row_line(columns: &[Column], image: &[u8]) -> String {
    let texts: Vec<Option<String>> = columns
        .iter()
        .zip(fields(columns, image))
        .map(|(column, raw)| {
            raw.map(|raw| {
                let mut text = String::new();
                render(column, raw, &mut text);
                text
            })
        })
        .collect();
    let mut line = String::new();
    array(&mut line, texts.iter().map(Option::as_deref));
    line
}

/// Appends a JSON array of strings and nulls.
fn array<'a>(out: &mut String, items: impl Iterator<Item = Option<&'a str>>) {
    out.push('[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        match item {
            Some(text) => string(out, text),
            None => out.push_str("null"),
        }
    }
    out.push(']');
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
