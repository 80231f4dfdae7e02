//! What a statement's row would change, and why the server would refuse it.
//!
//! Order of checks as in InnoDB's `row_ins` and `row_upd`: the primary key, the other unique keys in
//! order of declaration, then foreign keys. What follows for other tables is in `cascade`.

use super::links::constraint;
use super::{Change, Checks, Database, SqlError, TableId, lock_id};
use crate::arena::{Arena, RowRef};
use crate::row::{field, payload, render};
use crate::schema::ColumnKind;
use crate::table::{RowKey, Table};
use std::fmt::Write as _;

impl Database {
    /// Appends the change that an INSERT of a full image makes.
    ///
    /// # Errors
    /// 1062, 1452, 1146; 1610 for an image without its key.
    pub fn plan_insert(
        &self,
        arena: &mut Arena,
        t: TableId,
        image: &[u8],
        checks: Checks,
        out: &mut Vec<Change>,
    ) -> Result<(), SqlError> {
        let table = self.live(t)?;
        check_image(table, image)?;
        let key = table.key_of(arena, image);
        if key.is_none() && table.shape().identity.is_some() {
            return Err(SqlError::BadRow);
        }
        if let Some(key) = key.filter(|k| table.contains(*k)) {
            return Err(duplicate(t, table, None, key, key.0, image));
        }
        if !table.shape().uniques.is_empty() {
            self.check_uniques(arena, t, None, image, checks)?;
        }
        if checks.foreign_keys && !table.def().foreign_keys.is_empty() {
            self.check_parents(arena, t, None, image, None)?;
        }
        let row = arena.store(image);
        let key = key.unwrap_or_else(|| RowKey(arena.next_number()));
        out.push(Change {
            table: t,
            key,
            new_key: key,
            before: None,
            after: Some(row),
            keeps_keys: false,
        });
        Ok(())
    }

    /// Appends the changes that an UPDATE of a row to a full image makes, cascades included.
    ///
    /// # Errors
    /// 1032, 1062, 1451, 1452, 3008, 1146; 1610 for an image without its key. `out` is then as before.
    pub fn plan_update(
        &self,
        arena: &mut Arena,
        t: TableId,
        key: RowKey,
        image: &[u8],
        checks: Checks,
        out: &mut Vec<Change>,
    ) -> Result<(), SqlError> {
        self.planned(arena, checks, out, |planner| {
            planner.update(t, key, image, None, 0)
        })
    }

    /// As [`Database::plan_update`], of a row that is at hand.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn plan_update_of(
        &self,
        arena: &mut Arena,
        t: TableId,
        row: (RowKey, RowRef),
        image: &[u8],
        checks: Checks,
        out: &mut Vec<Change>,
    ) -> Result<(), SqlError> {
        self.planned(arena, checks, out, |planner| {
            planner.update_row(t, row, image, None, 0)
        })
    }

    /// Appends the changes that a DELETE of a row makes, cascades included.
    ///
    /// # Errors
    /// 1032, 1451, 3008, 1146. `out` is then as before.
    pub fn plan_delete(
        &self,
        arena: &mut Arena,
        t: TableId,
        key: RowKey,
        checks: Checks,
        out: &mut Vec<Change>,
    ) -> Result<(), SqlError> {
        self.planned(arena, checks, out, |planner| planner.delete(t, key, 0))
    }

    pub(super) fn check_uniques(
        &self,
        arena: &mut Arena,
        t: TableId,
        own: Option<(RowKey, RowRef)>,
        image: &[u8],
        checks: Checks,
    ) -> Result<(), SqlError> {
        let table = self.live(t)?;
        if !checks.unique {
            return Ok(());
        }
        let columns = &table.def().columns;
        for (i, unique) in table.shape().uniques.iter().enumerate() {
            if own.is_some_and(|(_, row)| unique.key.same_bytes(columns, arena.row(row), image)) {
                continue;
            }
            let key = &unique.key;
            let value = |i: usize, c: usize| Some((columns.get(c)?, key.part(columns, image, i)?));
            let owner = table
                .owner_of(arena, i, value)
                .filter(|owner| Some(*owner) != own.map(|(key, _)| key));
            if let Some(owner) = owner {
                let id = unique.key.of(columns, image, arena).unwrap_or_default();
                return Err(duplicate(t, table, Some(i), owner, id, image));
            }
        }
        Ok(())
    }

    /// Checks the foreign keys of a new or changed child row, but for one that a cascade keeps.
    pub(super) fn check_parents(
        &self,
        arena: &mut Arena,
        t: TableId,
        before: Option<RowRef>,
        image: &[u8],
        except: Option<usize>,
    ) -> Result<(), SqlError> {
        let table = self.live(t)?;
        let Some(links) = self.links.of(t).filter(|l| !l.parents.is_empty()) else {
            return Ok(());
        };
        if !table.def().engine.eq_ignore_ascii_case("innodb") {
            return Ok(());
        }
        let columns = &table.def().columns;
        for (fk, key) in table
            .def()
            .foreign_keys
            .iter()
            .enumerate()
            .filter(|(fk, _)| Some(*fk) != except)
        {
            let group = &table.shape().groups[fk];
            let Some(new) = group.of(columns, image, arena) else {
                continue;
            };
            if before.is_some_and(|row| group.of_row(columns, arena, row) == Some(new)) {
                continue;
            }
            let parent = links.parents.get(fk).and_then(Option::as_ref);
            if parent.is_some_and(|p| p.table != t && self.has_row_numbered(p, group, new)) {
                continue;
            }
            let missing = match parent {
                None => None,
                // A row may name itself, as it will be and not as it was.
                Some(p)
                    if p.table == t
                        && self.named(arena, t, fk, Named::Image(image)) == Some(new) =>
                {
                    continue;
                }
                Some(p)
                    if p.table == t
                        && before.is_some_and(|row| {
                            self.named(arena, t, fk, Named::Row(row)) == Some(new)
                        }) =>
                {
                    None
                }
                Some(parent) => match self.parent_exists(arena, table, fk, parent, image) {
                    Ok(()) => continue,
                    Err(lock) => lock,
                },
            };
            let constraint = constraint(table.def(), key);
            return Err(SqlError::NoReferencedRow {
                constraint,
                lock: missing,
            });
        }
        Ok(())
    }

    /// The key by which a table's foreign key to itself would name a row.
    fn named(&self, arena: &mut Arena, t: TableId, fk: usize, row: Named<'_>) -> Option<u64> {
        let table = self.table(t)?;
        let link = self
            .links
            .of(t)?
            .children
            .iter()
            .find(|c| c.table == t && c.fk == fk)?;
        let (columns, group) = (&table.def().columns, table.shape().groups.get(fk)?);
        match row {
            Named::Image(image) => group.of_values(arena, |i, _| {
                let column = *link.parent_columns.get(i)?;
                Some((columns.get(column)?, field(columns, image, column)?))
            }),
            Named::Row(row) => group.of_row_with(arena, row, |image, i, _| {
                let column = *link.parent_columns.get(i)?;
                Some((columns.get(column)?, field(columns, image, column)?))
            }),
        }
    }
}

/// A row of a table, stored or not yet.
#[derive(Clone, Copy)]
enum Named<'a> {
    Image(&'a [u8]),
    Row(RowRef),
}

/// Whether an image is a whole row of the table and nothing else.
pub(super) fn check_image(table: &Table, image: &[u8]) -> Result<(), SqlError> {
    match table.shape().layout.image_len(&table.def().columns, image) {
        Ok(len) if len == image.len() => Ok(()),
        _ => Err(SqlError::BadRow),
    }
}

/// Error 1062 for a key of an image: `unique` is `None` for the key that identifies rows.
pub(super) fn duplicate(
    t: TableId,
    table: &Table,
    unique: Option<usize>,
    existing: RowKey,
    id: u64,
    image: &[u8],
) -> SqlError {
    let (def, shape) = (table.def(), table.shape());
    let (found, index) = match unique {
        None => (shape.identity.as_ref(), 0),
        Some(i) => (shape.uniques.get(i), i + 1),
    };
    let mut entry = String::new();
    let parts = found.map_or(&[][..], |u| &u.key.parts);
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            entry.push('-');
        }
        if let (Some(column), Some(raw)) = (
            def.columns.get(part.column),
            field(&def.columns, image, part.column),
        ) {
            match column.kind {
                ColumnKind::Binary { .. }
                | ColumnKind::Varbinary { .. }
                | ColumnKind::Blob { .. } => push_printable(payload(&column.kind, raw), &mut entry),
                _ => render(column, raw, &mut entry),
            }
        }
    }
    SqlError::Duplicate {
        table: def.name.to_string(),
        index: found.map_or_else(String::new, |u| u.name.to_string()),
        entry,
        existing,
        lock: lock_id(t, index, id),
    }
}

/// Bytes as messages show them: what is printable in ASCII as it is, else in hex.
fn push_printable(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        match byte {
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02X}");
            }
        }
    }
}
