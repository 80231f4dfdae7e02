//! Constraints, checked after the fact: does every child have its parent, every unique value one row?
//!
//! An engine keeps them true statement by statement; an applier that was told not to check, or a copy
//! that was put together from parts, may not. Only touched rows are looked at.

use super::{Database, TableId};
use crate::arena::Arena;
use crate::table::RowKey;

/// A constraint that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A foreign key whose parent row is not there.
    Orphan {
        /// `schema.table` of the child.
        table: String,
        /// The child.
        key: RowKey,
        /// The constraint's name.
        constraint: String,
    },
    /// A unique key that two rows have.
    Duplicate {
        /// `schema.table`.
        table: String,
        /// One of the rows.
        key: RowKey,
        /// The index's name.
        index: String,
    },
}

impl Database {
    /// The constraints that touched rows break, by table, constraint and row.
    pub fn integrity(&self, arena: &mut Arena) -> Vec<Broken> {
        let mut broken = Vec::new();
        for (id, _) in self.tables() {
            self.orphans(arena, id, &mut broken);
            self.duplicates(arena, id, &mut broken);
        }
        broken
    }

    pub(super) fn orphans(&self, arena: &mut Arena, id: TableId, out: &mut Vec<Broken>) {
        let (Some(table), Some(links)) = (self.table(id), self.links.of(id)) else {
            return;
        };
        let columns = &table.def().columns;
        let keys = table.def().foreign_keys.iter().zip(&links.parents);
        for (fk, (key, parent)) in keys.enumerate() {
            let Some(parent) = parent else { continue };
            let own = &table.shape().groups[fk];
            // Rows of one parent mostly stand side by side: ask once.
            let mut known: Vec<u8> = Vec::new();
            let (mut image, mut value) = (Vec::new(), Vec::new());
            for (row_key, row) in table.touched() {
                let Some(row) = row else { continue };
                image.clear();
                image.extend_from_slice(arena.row(row));
                value.clear();
                for part in 0..own.parts.len() {
                    match own.part(columns, &image, part) {
                        Some(raw) => {
                            value.push(1);
                            value.extend_from_slice(raw);
                        }
                        None => value.push(0),
                    }
                }
                if value == known {
                    continue;
                }
                if self.parent_exists(arena, table, fk, parent, &image).is_ok() {
                    std::mem::swap(&mut known, &mut value);
                } else {
                    out.push(Broken::Orphan {
                        table: table.def().full_name(),
                        key: row_key,
                        constraint: key.name.to_string(),
                    });
                }
            }
        }
    }

    fn duplicates(&self, arena: &mut Arena, id: TableId, out: &mut Vec<Broken>) {
        let Some(table) = self.table(id) else { return };
        for (unique, def) in table.shape().uniques.iter().enumerate() {
            for key in table.duplicates(arena, unique) {
                out.push(Broken::Duplicate {
                    table: table.def().full_name(),
                    key,
                    index: def.name.to_string(),
                });
            }
        }
    }
}
