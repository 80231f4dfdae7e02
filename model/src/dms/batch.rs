//! Batch apply: the net change of every row in a batch, written table by table.
//!
//! "AWS DMS applies changes in batches … net changes … might violate referential integrity"
//! [D `CHAP_Tasks.CustomizingTasks.TaskSettings.ChangeProcessingTuning`, `…TargetMetadata`]: a child may come before
//! its parent, and no state in between is one that the source had. What cannot be written in bulk is written row by
//! row, with the policies for errors.

use crate::{
    apply::{ApplyErrorKind, DdlEvent, RowWork, Sink, Written, is_declared, rows_of, table_of},
    arena::Arena,
    binlog::{decode::TableMap, log::LogPos},
    database::{Database, TableId},
    row::{ImageBuilder, Partial},
    schema::TableDef,
};
use std::{collections::BTreeMap, sync::Arc};

/// A row: its table, in the order of the names [K], and what identifies it there.
type RowId = (Arc<str>, TableId, u64);

/// What becomes of a row in the batch.
#[derive(Debug)]
struct NetChange {
    def: Arc<TableDef>,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
    flags: u16,
}

/// The changes of a batch as they are gathered.
#[derive(Debug)]
pub(super) struct Net<'a> {
    source: &'a Database,
    end: LogPos,
    done: NetChanges,
    builder: ImageBuilder,
}

/// The net changes of a batch.
#[derive(Debug, Default)]
pub(super) struct NetChanges {
    rows: BTreeMap<RowId, NetChange>,
    /// Every change that went into them, in order.
    of: Vec<(LogPos, RowId, Written)>,
}

impl<'a> Net<'a> {
    pub(super) fn new(source: &'a Database) -> Self {
        Self {
            source,
            end: LogPos::default(),
            done: NetChanges::default(),
            builder: ImageBuilder::default(),
        }
    }

    /// What comes is of the transaction that ends there.
    pub(super) fn behind(&mut self, end: LogPos) {
        self.end = end;
    }

    pub(super) fn done(self) -> NetChanges {
        self.done
    }

    fn full(
        &mut self,
        work: &RowWork<'_>,
        image: Option<&Partial<'_>>,
        base: Option<&Partial<'_>>,
    ) -> Result<Option<Vec<u8>>, ApplyErrorKind> {
        let Some(image) = image else { return Ok(None) };
        let columns = &work.def.columns;
        let base = base.filter(|base| base.is_full(columns.len()));
        image.merge_over(columns, base.map(|b| b.image), &mut self.builder)?;
        Ok(Some(self.builder.image().to_vec()))
    }
}

impl NetChanges {
    /// Hands the net changes to `write`, table by table.
    ///
    /// # Errors
    /// What `write` says.
    pub(super) fn apply(
        &self,
        arena: &mut Arena,
        write: &mut dyn FnMut(&mut Arena, &RowWork<'_>) -> Result<(), ApplyErrorKind>,
    ) -> Result<(), ApplyErrorKind> {
        for ((_, table, _), net) in &self.rows {
            if net.before.is_none() && net.after.is_none() {
                continue;
            }
            let all = vec![0xff; net.def.columns.len().div_ceil(8)];
            let partial = |image| Partial {
                present: &all[..],
                image,
            };
            let work = RowWork {
                table: *table,
                def: &net.def,
                before: net.before.as_deref().map(partial),
                after: net.after.as_deref().map(partial),
                key: None,
                flags: net.flags,
                new_statement: true,
            };
            write(arena, &work)?;
        }
        Ok(())
    }

    /// What became of every change, by its transaction: what became of its row.
    pub(super) fn by_transaction(&self, written: &[Written]) -> Vec<(LogPos, Vec<Written>)> {
        let mut refused = BTreeMap::new();
        let mut out = std::collections::BTreeSet::new();
        for of_row in written {
            for row in of_row.rows.into_iter().flatten() {
                out.insert((of_row.table, row));
                if let Some(error) = &of_row.refused {
                    refused.insert((of_row.table, row), error.clone());
                }
            }
        }
        let mut by_end: BTreeMap<LogPos, Vec<Written>> = BTreeMap::new();
        for (end, row, change) in &self.of {
            let nothing_left = self
                .rows
                .get(row)
                .is_none_or(|n| n.before.is_none() && n.after.is_none());
            // A table that takes no part is not written to.
            let of_table = (row.1, row.2);
            if !out.contains(&of_table) && !nothing_left {
                continue;
            }
            by_end.entry(*end).or_default().push(Written {
                refused: refused.get(&of_table).cloned(),
                ..change.clone()
            });
        }
        by_end.into_iter().collect()
    }
}

impl Sink for Net<'_> {
    fn table(
        &mut self,
        _: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        table_of(self.source, map)
    }

    fn is_declared(&self, table: TableId, def: &Arc<TableDef>) -> bool {
        is_declared(self.source, table, def)
    }

    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        let Some(table) = self.source.table(work.table) else {
            return Ok(());
        };
        let (before, after) = (work.before.as_ref(), work.after.as_ref());
        let (rows, identified) = rows_of(arena, table, before, after);
        let full_before = self.full(work, before, None)?;
        let full_after = self.full(work, after, before)?;
        let written = Written {
            table: work.table,
            rows,
            identified,
            refused: None,
        };
        let net = |before, after| NetChange {
            def: Arc::clone(work.def),
            before,
            after,
            flags: work.flags,
        };
        // An UPDATE that changes the key leaves one row and makes another.
        let moves = rows[0].is_some() && rows[1].is_some() && rows[0] != rows[1];
        let parts = match (moves, rows) {
            (true, [Some(from), Some(to)]) => {
                vec![(from, net(full_before, None)), (to, net(None, full_after))]
            }
            (_, [from, to]) => match from.or(to) {
                Some(row) => vec![(row, net(full_before, full_after))],
                None => Vec::new(),
            },
        };
        for (row, part) in parts {
            let id = (work.def.name.clone(), work.table, row);
            self.done.of.push((self.end, id.clone(), written.clone()));
            match self.done.rows.get_mut(&id) {
                Some(net) => net.after = part.after,
                None => {
                    self.done.rows.insert(id, part);
                }
            }
        }
        Ok(())
    }

    fn ddl(&mut self, _: &mut Arena, _: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        Ok(())
    }

    fn xa_prepared(&mut self, _: &str) {}

    fn xa_decided(&mut self, _: &mut Arena, _: &str, _: bool) -> Result<(), ApplyErrorKind> {
        Ok(())
    }
}
