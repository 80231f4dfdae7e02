//! Which table refers to which, worked out whenever a declaration changes.

use super::{Change, Database, LockId, SqlError, TableId, lock_id};
use crate::arena::Arena;
use crate::schema::{Column, ForeignKey, TableDef};
use crate::table::{KeyShape, RowKey, Table};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// All foreign keys of a database, from both ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// By table id.
    tables: Vec<TableLinks>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct TableLinks {
    /// One for each of the table's foreign keys.
    pub parents: Vec<Option<Parent>>,
    /// The foreign keys that refer to the table, by the constraint's schema and name as InnoDB's
    /// `referenced_set` orders them.
    pub children: Vec<Child>,
}

/// Where a foreign key finds its parent row.
#[derive(Clone, Debug)]
pub(super) struct Parent {
    pub table: TableId,
    pub access: Access,
    /// For each part of that key, the child's column.
    pub columns: Vec<usize>,
}

/// The key of the parent that a foreign key refers to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    Identity,
    Unique(usize),
    Group(usize),
}

/// A foreign key that refers to a table.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub table: TableId,
    /// Index into the child's foreign keys, and of the group that they stand on.
    pub fk: usize,
    /// The parent's columns in the order of the foreign key's.
    pub parent_columns: Vec<usize>,
}

impl Links {
    /// The links of a table.
    pub fn of(&self, table: TableId) -> Option<&TableLinks> {
        self.tables.get(table.0 as usize)
    }
}

/// The columns that a foreign key refers to; `None` when the parent lacks one.
fn referenced(parent: &TableDef, key: &ForeignKey) -> Option<Vec<usize>> {
    let columns: Option<Vec<usize>> = key
        .parent_columns
        .iter()
        .map(|c| parent.column(c))
        .collect();
    columns.filter(|c| !c.is_empty() && c.len() == key.columns.len())
}

fn access(table: &Table, columns: &[usize]) -> Option<Access> {
    let shape = table.shape();
    if shape
        .identity
        .as_ref()
        .is_some_and(|i| i.key.covers(columns))
    {
        return Some(Access::Identity);
    }
    let unique = shape.uniques.iter().position(|u| u.key.covers(columns));
    unique.map(Access::Unique).or_else(|| {
        let own = table.def().foreign_keys.len();
        let group = shape
            .groups
            .iter()
            .skip(own)
            .position(|g| g.covers(columns));
        group.map(|g| Access::Group(own + g))
    })
}

fn parts(table: &Table, access: Access) -> &[crate::schema::KeyPart] {
    let shape = table.shape();
    match access {
        Access::Identity => shape.identity.as_ref().map_or(&[], |i| &i.key.parts),
        Access::Unique(i) => &shape.uniques[i].key.parts,
        Access::Group(i) => &shape.groups[i].parts,
    }
}

impl Database {
    /// Works all links out anew, and gives parents an index where a foreign key refers to columns without
    /// a unique key (InnoDB's extension).
    ///
    /// # Errors
    /// [`SqlError::Base`] when generated rows cannot be looked up that way.
    pub(super) fn relink(&mut self, arena: &mut Arena) -> Result<(), SqlError> {
        let mut links = vec![TableLinks::default(); self.tables.len()];
        let mut wanted: BTreeMap<TableId, Vec<Vec<usize>>> = BTreeMap::new();
        let mut found = Vec::new();
        for (id, table) in self.ids() {
            let def = table.def();
            links[id.0 as usize].parents = vec![None; def.foreign_keys.len()];
            // Only InnoDB has foreign keys; the others parse and forget them.
            if !def.engine.eq_ignore_ascii_case("innodb") {
                continue;
            }
            for (fk, key) in def.foreign_keys.iter().enumerate() {
                let Some(parent) = self.id(&key.parent_schema, &key.parent_table) else {
                    continue;
                };
                let Some(parent_def) = self.table(parent).map(|t| t.def()) else {
                    continue;
                };
                let Some(columns) = referenced(parent_def, key) else {
                    continue;
                };
                let unique = self.table(parent).and_then(|t| access(t, &columns));
                if !matches!(unique, Some(Access::Identity | Access::Unique(_))) {
                    let groups = wanted.entry(parent).or_default();
                    if !groups.contains(&columns) {
                        groups.push(columns.clone());
                    }
                }
                found.push((
                    def.schema.clone(),
                    key.name.clone(),
                    id,
                    fk,
                    parent,
                    columns,
                ));
            }
        }
        for (i, table) in self.tables.iter_mut().enumerate() {
            if let Some(table) = table {
                let groups = wanted
                    .get(&TableId(i as u32))
                    .map_or(&[][..], Vec::as_slice);
                table.set_referenced(arena, groups)?;
            }
        }
        found.sort();
        for (_, _, child, fk, parent, parent_columns) in found {
            let (Some(table), Some(child_table)) = (self.table(parent), self.table(child)) else {
                continue;
            };
            let Some(access) = access(table, &parent_columns) else {
                continue;
            };
            let key = &child_table.def().foreign_keys[fk];
            let position = |column| parent_columns.iter().position(|&c| c == column);
            let columns = parts(table, access)
                .iter()
                .filter_map(|p| key.columns.get(position(p.column)?).copied());
            let columns = columns.collect();
            links[child.0 as usize].parents[fk] = Some(Parent {
                table: parent,
                access,
                columns,
            });
            links[parent.0 as usize].children.push(Child {
                table: child,
                fk,
                parent_columns,
            });
        }
        self.links = Arc::new(Links { tables: links });
        Ok(())
    }

    /// The foreign keys of other tables (or of itself) that refer to a table, checked or not.
    pub fn referencing(&self, table: TableId) -> impl Iterator<Item = (TableId, &ForeignKey)> {
        let children = self.links.of(table).map_or(&[][..], |l| &l.children);
        children
            .iter()
            .filter_map(|c| Some((c.table, self.table(c.table)?.def().foreign_keys.get(c.fk)?)))
    }

    /// Whether a foreign key of one integer finds its parent's row under the same number; false says nothing.
    pub(super) fn has_row_numbered(&self, parent: &Parent, own: &KeyShape, number: u64) -> bool {
        let Some(table) = self.table(parent.table) else {
            return false;
        };
        let identity = table.shape().identity.as_ref();
        matches!(parent.access, Access::Identity)
            && identity.is_some_and(|i| i.key.numbers_as(own))
            && table.contains(RowKey(number))
    }

    /// What a transaction must share with others that check the same foreign keys: the records of the parents that a
    /// new or changed child names. None for parents without a unique key.
    pub fn parent_locks(&self, arena: &mut Arena, change: &Change, out: &mut Vec<LockId>) {
        let links = self.links.of(change.table);
        let (Some(links), Some(after)) = (links, change.after) else {
            return;
        };
        // Tables that can have none are without links.
        let Some(child) = self.table(change.table).filter(|_| !change.keeps_keys) else {
            return;
        };
        let columns = &child.def().columns;
        for (own, parent) in child.shape().groups.iter().zip(&links.parents) {
            let Some(parent) = parent else { continue };
            let Some(named) = own.of_row(columns, arena, after) else {
                continue;
            };
            // A row that moves to another key is put into the foreign key's index anew, and checked again.
            let before = change.before.filter(|_| change.key == change.new_key);
            if before.is_some_and(|row| own.of_row(columns, arena, row) == Some(named)) {
                continue;
            }
            let Some(shape) = self.table(parent.table).map(Table::shape) else {
                continue;
            };
            let (key, index) = match (parent.access, &shape.identity) {
                (Access::Identity, Some(identity)) => (&identity.key, 0),
                (Access::Unique(i), _) => (&shape.uniques[i].key, i + 1),
                _ => continue,
            };
            let number = match key.numbers_as(own) {
                true => Some(named),
                false => key.of_row_with(arena, after, |image, i, _| {
                    let column = *parent.columns.get(i)?;
                    let part = own.parts.iter().position(|p| p.column == column)?;
                    Some((columns.get(column)?, own.part(columns, image, part)?))
                }),
            };
            out.extend(number.map(|number| lock_id(parent.table, index, number)));
        }
    }

    /// Whether a child image's parent exists; `Err` has the lock of the missing parent's key. A key with
    /// a NULL in it needs no parent (MATCH SIMPLE).
    pub(super) fn parent_exists(
        &self,
        arena: &mut Arena,
        child: &Table,
        fk: usize,
        parent: &Parent,
        image: &[u8],
    ) -> Result<(), Option<LockId>> {
        let columns: &[Column] = &child.def().columns;
        let own = &child.shape().groups[fk];
        let raw = |column: usize| {
            let part = own.parts.iter().position(|p| p.column == column)?;
            own.part(columns, image, part)
        };
        if parent.columns.iter().any(|&c| raw(c).is_none()) {
            return Ok(());
        }
        let Some(table) = self.table(parent.table) else {
            return Err(None);
        };
        let value = |i: usize, _: usize| {
            let column = *parent.columns.get(i)?;
            Some((columns.get(column)?, raw(column)?))
        };
        let shape = table.shape();
        let (found, index, key) = match parent.access {
            Access::Identity => {
                let Some(identity) = &shape.identity else {
                    return Err(None);
                };
                let key = identity.key.of_values(arena, value);
                (key.is_some_and(|k| table.contains(RowKey(k))), 0, key)
            }
            Access::Unique(i) => {
                let key = shape.uniques[i].key.of_values(arena, value);
                (table.owner_of(arena, i, value).is_some(), i + 1, key)
            }
            Access::Group(i) => (table.has_member(arena, i, value), 0, None),
        };
        if found {
            Ok(())
        } else {
            Err(key.map(|k| lock_id(parent.table, index, k)))
        }
    }
}

/// A foreign key as errors 1451 and 1452 print it.
pub(super) fn constraint(def: &TableDef, key: &ForeignKey) -> String {
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        names
            .map(|n| format!("`{}`", n.replace('`', "``")))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let columns = quoted(
        &mut key
            .columns
            .iter()
            .filter_map(|&c| Some(&*def.columns.get(c)?.name)),
    );
    let parent_columns = quoted(&mut key.parent_columns.iter().map(|c| &**c));
    let parent = match key.parent_schema == def.schema {
        true => format!("`{}`", key.parent_table),
        false => format!("`{}`.`{}`", key.parent_schema, key.parent_table),
    };
    let mut text = format!(
        "`{}`.`{}`, CONSTRAINT `{}` FOREIGN KEY ({columns}) REFERENCES {parent} ({parent_columns})",
        def.schema, def.name, key.name
    );
    for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
        use crate::schema::Referential::{Cascade, Restrict, SetNull};
        let action = match action {
            Restrict => continue,
            Cascade => "CASCADE",
            SetNull => "SET NULL",
        };
        let _ = write!(text, " ON {event} {action}");
    }
    text
}
