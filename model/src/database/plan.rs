//! What a statement's row would change, and why the server would refuse it.
//!
//! Order of checks as in InnoDB's `row_ins` and `row_upd`: the primary key, the other unique keys in
//! order of declaration, then foreign keys. Cascades after `row_ins_foreign_check_on_constraint`: the
//! parent's change comes first, then the children's, depth first, foreign keys in the order of their
//! names; at most 15 levels (`FK_MAX_CASCADE_DEL`); an UPDATE that would cascade into a table which the
//! same cascade is updating is refused (1451).

use super::links::{Child, constraint};
use super::{Change, Checks, Database, SqlError, TableId, lock_id};
use crate::arena::{Arena, RowRef};
use crate::row::{ImageBuilder, convert, field, fields, image_len, render, same_image};
use crate::schema::Referential;
use crate::table::{KeyShape, RowKey, Table};
use std::borrow::Cow;

/// Levels of cascading that InnoDB follows.
const MAX_DEPTH: u32 = 15;

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
        let key = match table.shape().identity.is_some() {
            true => Some(table.key_of(arena, image).ok_or(SqlError::BadRow)?),
            false => None,
        };
        if let Some(key) = key.filter(|k| table.contains(*k)) {
            return Err(duplicate(t, table, None, key, key.0, image));
        }
        self.check_uniques(arena, t, key, image, checks)?;
        if checks.foreign_keys {
            self.check_parents(arena, t, None, image, None)?;
        }
        let row = arena.store(image);
        // Where nothing identifies a row, its handle does.
        let key = key.unwrap_or(RowKey(row.id()));
        out.push(Change {
            table: t,
            key,
            new_key: key,
            before: None,
            after: Some(row),
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

    fn planned(
        &self,
        arena: &mut Arena,
        checks: Checks,
        out: &mut Vec<Change>,
        plan: impl FnOnce(&mut Planner<'_>) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        let start = out.len();
        let view = Cow::Borrowed(self);
        let mut planner = Planner {
            view,
            arena,
            checks,
            out,
            seen: start,
            updating: Vec::new(),
        };
        let planned = plan(&mut planner);
        if planned.is_err() {
            out.truncate(start);
        }
        planned
    }

    fn check_uniques(
        &self,
        arena: &mut Arena,
        t: TableId,
        own: Option<RowKey>,
        image: &[u8],
        checks: Checks,
    ) -> Result<(), SqlError> {
        let table = self.live(t)?;
        if !checks.unique {
            return Ok(());
        }
        let columns = &table.def().columns;
        for (i, unique) in table.shape().uniques.iter().enumerate() {
            let value = |_: usize, c: usize| Some((columns.get(c)?, field(columns, image, c)?));
            let owner = table
                .owner_of(arena, i, value)
                .filter(|owner| Some(*owner) != own);
            if let Some(owner) = owner {
                let id = unique.key.of(columns, image, arena).unwrap_or_default();
                return Err(duplicate(t, table, Some(i), owner, id, image));
            }
        }
        Ok(())
    }

    /// Checks the foreign keys of a new or changed child row, but for one that a cascade keeps.
    fn check_parents(
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
            let missing = match links.parents.get(fk).and_then(Option::as_ref) {
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
                Some(parent) => match self.parent_exists(arena, table, parent, image) {
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
fn check_image(table: &Table, image: &[u8]) -> Result<(), SqlError> {
    match image_len(&table.def().columns, image) {
        Ok(len) if len == image.len() => Ok(()),
        _ => Err(SqlError::BadRow),
    }
}

/// Error 1062 for a key of an image: `unique` is `None` for the key that identifies rows.
fn duplicate(
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
            render(column, raw, &mut entry);
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

/// A plan in the making. Checks run against what the database will be once the plan so far is applied:
/// as soon as a cascade starts, that is a copy to which it was applied.
struct Planner<'a> {
    view: Cow<'a, Database>,
    arena: &'a mut Arena,
    checks: Checks,
    out: &'a mut Vec<Change>,
    /// Up to here the plan is in `view`.
    seen: usize,
    /// Tables whose rows an UPDATE above is changing.
    updating: Vec<TableId>,
}

impl Planner<'_> {
    fn before(&mut self, t: TableId, key: RowKey) -> Result<RowRef, SqlError> {
        let table = self.view.live(t)?;
        let missing = || SqlError::NotFound {
            table: table.def().name.to_string(),
        };
        table.get(self.arena, key).ok_or_else(missing)
    }

    /// Brings the view up to the plan.
    fn catch_up(&mut self) {
        for change in &self.out[self.seen..] {
            self.view.to_mut().apply(self.arena, change);
        }
        self.seen = self.out.len();
    }

    fn delete(&mut self, t: TableId, key: RowKey, depth: u32) -> Result<(), SqlError> {
        let before = self.before(t, key)?;
        self.out.push(Change {
            table: t,
            key,
            new_key: key,
            before: Some(before),
            after: None,
        });
        self.follow_all(t, key, before, None, depth)
    }

    /// `via`: the foreign key whose cascade this is, which needs no check.
    fn update(
        &mut self,
        t: TableId,
        key: RowKey,
        image: &[u8],
        via: Option<usize>,
        depth: u32,
    ) -> Result<(), SqlError> {
        let before = self.before(t, key)?;
        let table = self.view.live(t)?;
        check_image(table, image)?;
        let columns = &table.def().columns;
        if same_image(columns.len(), self.arena.row(before), image) {
            self.out.push(Change {
                table: t,
                key,
                new_key: key,
                before: Some(before),
                after: Some(before),
            });
            return Ok(());
        }
        let new_key = match table.shape().identity.is_some() {
            true => table.key_of(self.arena, image).ok_or(SqlError::BadRow)?,
            false => key,
        };
        if new_key != key && table.contains(new_key) {
            return Err(duplicate(t, table, None, new_key, new_key.0, image));
        }
        self.view
            .check_uniques(self.arena, t, Some(key), image, self.checks)?;
        if self.checks.foreign_keys {
            self.view
                .check_parents(self.arena, t, Some(before), image, via)?;
        }
        let after = self.arena.store(image);
        self.out.push(Change {
            table: t,
            key,
            new_key,
            before: Some(before),
            after: Some(after),
        });
        self.updating.push(t);
        let followed = self.follow_all(t, key, before, Some(image), depth);
        self.updating.pop();
        followed
    }

    fn follow_all(
        &mut self,
        t: TableId,
        key: RowKey,
        before: RowRef,
        after: Option<&[u8]>,
        depth: u32,
    ) -> Result<(), SqlError> {
        if !self.checks.foreign_keys {
            return Ok(());
        }
        let links = self.view.links.clone();
        let Some(links) = links.of(t).filter(|l| !l.children.is_empty()) else {
            return Ok(());
        };
        let image = self.arena.row(before).to_vec();
        for link in &links.children {
            self.follow(link, t, key, &image, after, depth)?;
        }
        Ok(())
    }

    /// What a parent's change means for the children by one foreign key.
    fn follow(
        &mut self,
        link: &Child,
        parent: TableId,
        parent_key: RowKey,
        before: &[u8],
        after: Option<&[u8]>,
        depth: u32,
    ) -> Result<(), SqlError> {
        // All but the parent's own change, which the rows' keys tell apart below.
        if self.out.len() > self.seen + 1 {
            self.catch_up();
        }
        let (Some(parent_table), Some(child)) =
            (self.view.table(parent), self.view.table(link.table))
        else {
            return Ok(());
        };
        let parent_def = parent_table.def().clone();
        let def = child.def().clone();
        let (Some(key), Some(group)) = (
            def.foreign_keys.get(link.fk),
            child.shape().groups.get(link.fk),
        ) else {
            return Ok(());
        };
        let parent_value = |image| {
            let (columns, link) = (&parent_def.columns, &link);
            move |i: usize, _: usize| {
                let column = *link.parent_columns.get(i)?;
                Some((columns.get(column)?, field(columns, image, column)?))
            }
        };
        let old = group.of_values(self.arena, parent_value(before));
        let kept = after.map(|image| group.of_values(self.arena, parent_value(image)));
        if old.is_none() || kept == Some(old) {
            return Ok(());
        }
        let mut children = Vec::new();
        child.members(self.arena, link.fk, parent_value(before), &mut children);
        if link.table == parent {
            let group: &KeyShape = group;
            // The row itself is among the children if it names itself: deleted, it is gone; changed, what
            // it names then decides.
            let still = after.is_some_and(|image| group.of(&def.columns, image, self.arena) == old);
            if !still {
                children.retain(|c| *c != parent_key);
            }
        }
        let Some(&first) = children.first() else {
            return Ok(());
        };
        let action = if after.is_none() {
            key.on_delete
        } else {
            key.on_update
        };
        let updates = after.is_some() || action == Referential::SetNull;
        if action == Referential::Restrict || updates && self.updating.contains(&link.table) {
            let lock = Some(lock_id(link.table, 0, first.0));
            return Err(SqlError::RowIsReferenced {
                constraint: constraint(&def, key),
                lock,
            });
        }
        if depth + 1 > MAX_DEPTH {
            return Err(SqlError::CascadeTooDeep(MAX_DEPTH));
        }
        let mut image = ImageBuilder::default();
        let mut value = Vec::new();
        for row in children {
            self.catch_up();
            // A cascade by another way may have been there before.
            let Some(current) = self.view.get(self.arena, link.table, row) else {
                continue;
            };
            let shape = self
                .view
                .live(link.table)?
                .shape()
                .groups
                .get(link.fk)
                .cloned();
            if shape.and_then(|g| g.of_row(&def.columns, self.arena, current)) != old {
                continue;
            }
            if action == Referential::Cascade && after.is_none() {
                self.delete(link.table, row, depth + 1)?;
                continue;
            }
            image.start(def.columns.len());
            for (i, raw) in fields(&def.columns, self.arena.row(current)).enumerate() {
                let moved = key.columns.iter().position(|&c| c == i);
                let raw = match (moved, after) {
                    (Some(_), _) if action == Referential::SetNull => None,
                    (Some(nth), Some(parent_image)) => {
                        match link.parent_columns.get(nth).and_then(|&c| {
                            Some((
                                parent_def.columns.get(c)?,
                                field(&parent_def.columns, parent_image, c)?,
                            ))
                        }) {
                            Some((column, raw)) => {
                                value.clear();
                                convert(column, raw, &def.columns[i], &mut value)?;
                                Some(&value[..])
                            }
                            None => None,
                        }
                    }
                    _ => raw,
                };
                match raw {
                    Some(raw) => image.push(raw),
                    None => image.push_null(),
                }
            }
            let new = image.image().to_vec();
            self.update(link.table, row, &new, Some(link.fk), depth + 1)?;
        }
        Ok(())
    }
}
