//! A statement's change and what the foreign keys make of it.
//!
//! After InnoDB's `row_ins_foreign_check_on_constraint`: the parent's change comes first, then the
//! children's, depth first, foreign keys in the order of their names; at most 15 levels
//! (`FK_MAX_CASCADE_DEL`); an UPDATE that would cascade into a table which the same cascade is updating is
//! refused (1451).

use super::links::{Child, constraint};
use super::plan::{check_image, duplicate};
use super::{Change, Checks, Database, SqlError, TableId, lock_id};
use crate::arena::{Arena, RowRef};
use crate::row::{ImageBuilder, convert, field, fields, same_image};
use crate::schema::Referential;
use crate::table::{KeyShape, RowKey};
use std::borrow::Cow;

/// Levels of cascading that InnoDB follows.
const MAX_DEPTH: u32 = 15;

impl Database {
    /// Runs a plan; a refused one leaves `out` as before.
    pub(super) fn planned(
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
}

/// So many changes are looked through for a row before they are applied to the view.
const LOOKED_THROUGH: usize = 32;

/// A plan in the making. Checks run against what the database will be once the plan so far is applied: where a
/// cascade needs more than a single row of that, it is a copy to which the plan was applied.
pub(super) struct Planner<'a> {
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
        if let Some(row) = self.now(t, key) {
            return Ok(row);
        }
        let table = self.view.live(t)?.def().name.to_string();
        Err(SqlError::NotFound { table })
    }

    /// A row as the plan so far leaves it.
    fn now(&mut self, t: TableId, key: RowKey) -> Option<RowRef> {
        if self.out.len() - self.seen > LOOKED_THROUGH {
            self.catch_up();
        }
        let of_row = |c: &&Change| c.table == t && (c.new_key == key || c.key == key);
        match self.out[self.seen..].iter().rev().find(of_row) {
            Some(change) => change.after.filter(|_| change.new_key == key),
            None => self.view.get(self.arena, t, key),
        }
    }

    /// Brings the view up to the plan.
    fn catch_up(&mut self) {
        for change in &self.out[self.seen..] {
            self.view.to_mut().apply(self.arena, change);
        }
        self.seen = self.out.len();
    }

    pub(super) fn delete(&mut self, t: TableId, key: RowKey, depth: u32) -> Result<(), SqlError> {
        let before = self.before(t, key)?;
        self.out.push(Change {
            table: t,
            key,
            new_key: key,
            before: Some(before),
            after: None,
            keeps_keys: false,
        });
        self.follow_all(t, key, before, None, depth)
    }

    /// `via`: the foreign key whose cascade this is, which needs no check.
    pub(super) fn update(
        &mut self,
        t: TableId,
        key: RowKey,
        image: &[u8],
        via: Option<usize>,
        depth: u32,
    ) -> Result<(), SqlError> {
        let before = self.before(t, key)?;
        self.update_row(t, (key, before), image, via, depth)
    }

    /// As [`Planner::update`], of a row that is at hand.
    pub(super) fn update_row(
        &mut self,
        t: TableId,
        (key, before): (RowKey, RowRef),
        image: &[u8],
        via: Option<usize>,
        depth: u32,
    ) -> Result<(), SqlError> {
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
                keeps_keys: true,
            });
            return Ok(());
        }
        let new_key = match table.key_of(self.arena, image) {
            Some(new_key) => new_key,
            None if table.shape().identity.is_some() => return Err(SqlError::BadRow),
            None => key,
        };
        if new_key != key && table.contains(new_key) {
            return Err(duplicate(t, table, None, new_key, new_key.0, image));
        }
        let keeps_keys = new_key == key && table.keeps_keys(self.arena.row(before), image);
        if !keeps_keys {
            self.view
                .check_uniques(self.arena, t, Some((key, before)), image, self.checks)?;
            if self.checks.foreign_keys {
                self.view
                    .check_parents(self.arena, t, Some(before), image, via)?;
            }
        }
        let after = self.arena.store(image);
        self.out.push(Change {
            table: t,
            key,
            new_key,
            before: Some(before),
            after: Some(after),
            keeps_keys,
        });
        if keeps_keys {
            return Ok(());
        }
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
        let deletes = action == Referential::Cascade && after.is_none();
        for row in children {
            if !deletes {
                self.catch_up();
            }
            // A cascade by another way may have been there before.
            let Some(current) = self.now(link.table, row) else {
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
            if deletes {
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
