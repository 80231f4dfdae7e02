//! Copying rows from one table into another by a range of their keys: what a copier does with what a SELECT read.
//!
//! Generated rows are not written out: the copy gets as much of the base as lies in the range, so a range of 10¹⁰
//! rows costs the rows in it that somebody touched.

use super::{Base, RowKey, Table};
use crate::arena::{Arena, RowRef};
use std::sync::Arc;

/// A range of keys: behind `after`, up to `upto`; absent: without bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// The last key before the range.
    pub after: Option<RowKey>,
    /// The last key in the range.
    pub upto: Option<RowKey>,
}

impl Table {
    /// Takes over the rows of a table with the same columns whose keys lie in a range; rows that are here already are
    /// overwritten. `base` are `from`'s generated rows as they are to be here, `write` makes the row that is kept of
    /// one that was read. AUTO_INCREMENT goes past what comes. Returns how many touched rows came.
    pub(crate) fn take_rows(
        &mut self,
        arena: &mut Arena,
        from: &Table,
        base: Option<&Arc<Base>>,
        range: KeyRange,
        write: &mut dyn FnMut(&mut Arena, RowRef) -> RowRef,
    ) -> u64 {
        if let Some(base) = base {
            let rows = match range.upto {
                None => base.rows(),
                Some(upto) => base.rows_up_to(upto.0),
            };
            self.extend_base(arena, base, rows);
        }
        let first = range
            .after
            .map_or(RowKey(0), |k| RowKey(k.0.saturating_add(1)));
        let in_range = from.rows.iter_from(first);
        let in_range = in_range.take_while(|(key, _)| range.upto.is_none_or(|upto| *key <= upto));
        let mut touched = 0;
        for (key, entry) in in_range {
            let before = self.get(arena, key);
            let after = entry.map(|row| write(arena, row));
            if let Some(after) = after
                && let Some(value) = self.auto_value(arena.row(after))
                && value >= self.auto_increment
            {
                self.auto_increment = value.saturating_add(1).min(self.auto_limit());
            }
            self.put(arena, key, before, after);
            touched += 1;
        }
        touched
    }

    /// The touched rows that differ from those of another table with the same keys, by handle: here and there.
    pub(crate) fn differing(
        &self,
        arena: &mut Arena,
        other: &Table,
    ) -> Vec<(RowKey, Option<RowRef>, Option<RowRef>)> {
        let touched = super::cow::CowMap::diff(&self.rows, &other.rows);
        let here_and_there = touched.map(|(key, here, there)| {
            let here = here.unwrap_or_else(|| self.get(arena, key));
            (key, here, there.unwrap_or_else(|| other.get(arena, key)))
        });
        here_and_there
            .filter(|(_, here, there)| here != there)
            .collect()
    }

    /// The table has the first `rows` rows of a base from now on; it never has fewer than before.
    fn extend_base(&mut self, arena: &mut Arena, base: &Arc<Base>, rows: u64) {
        let had = self.base.as_ref().map_or(0, |b| b.rows());
        if rows <= had {
            return;
        }
        let (first, last) = (base.integer_key(had + 1), base.integer_key(rows));
        let there = self.rows.iter_from(RowKey(first));
        let there: Vec<_> = there.take_while(|(key, _)| key.0 <= last).collect();
        for (key, row) in &there {
            self.index(arena, *key, *row, false);
        }
        self.base = Some(match rows == base.rows() {
            true => Arc::clone(base),
            false => Arc::new(base.first(rows)),
        });
        self.len += rows - had - there.len() as u64;
        for (key, row) in there {
            self.replace(arena, key, row);
            self.index(arena, key, row, true);
        }
        if self.shape.auto_increment.is_some() {
            self.auto_increment = self.auto_increment.max(rows.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        database::{Database, TableId, diff},
        ddl::{self, Context},
        row::ImageBuilder,
        server::Version,
        table::Generator,
    };

    const ROWS: u64 = 1_000;

    fn declared() -> (Arena, Database, TableId) {
        let mut arena = Arena::default();
        let mut database = Database::default();
        database.create_schema("app").unwrap();
        let sql =
            "CREATE TABLE t (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL)";
        let context = Context::new("app", Version::V8_0);
        let statement = ddl::parse(sql, &context).unwrap();
        ddl::apply(&mut database, &mut arena, &statement).unwrap();
        let id = database.id("app", "t").unwrap();
        (arena, database, id)
    }

    fn image(id: u32, v: i32) -> Vec<u8> {
        let mut b = ImageBuilder::default();
        b.start(2);
        b.push(&id.to_le_bytes());
        b.push(&v.to_le_bytes());
        b.image().to_vec()
    }

    /// A table with a thousand generated rows, of which some were changed or deleted, and some of its own.
    fn lived_in() -> (Arena, Database, Database, TableId) {
        let (mut arena, empty, id) = declared();
        let def = (**empty.table(id).unwrap().def()).clone();
        let mut database = Database::default();
        database.create_schema("app").unwrap();
        let generators = vec![
            Generator::Key,
            Generator::Constant(7i32.to_le_bytes().to_vec()),
        ];
        database
            .create_generated(&mut arena, def, ROWS, generators)
            .unwrap();
        let table = database.table_for_tests(id);
        for (key, row) in [(3, None), (500, Some(8)), (999, None), (1_200, Some(9))] {
            let before = table.get(&mut arena, RowKey(key));
            let after = row.map(|v| arena.store(&image(key as u32, v)));
            table.put(&mut arena, RowKey(key), before, after);
        }
        (arena, database, empty, id)
    }

    #[test]
    fn a_table_copied_in_ranges_is_the_table() {
        let (mut arena, source, mut target, id) = lived_in();
        let from = source.table(id).unwrap().clone();
        let mut after = None;
        for upto in [Some(10), Some(10), Some(600), Some(1_100), None] {
            let upto = upto.map(RowKey);
            let range = KeyRange { after, upto };
            let base = from.base().cloned();
            target.table_for_tests(id).take_rows(
                &mut arena,
                &from,
                base.as_ref(),
                range,
                &mut |_, row| row,
            );
            target.table(id).unwrap().check_indexes(&mut arena);
            after = upto.or(after);
        }
        assert_eq!(target.table(id).unwrap().len(), from.len());
        assert!(diff(&source, &target, &mut arena).is_empty());
        assert_eq!(target.table(id).unwrap().auto_increment(), 1_201);
    }

    #[test]
    fn half_a_copy_lacks_the_other_half() {
        let (mut arena, source, mut target, id) = lived_in();
        let from = source.table(id).unwrap().clone();
        let range = KeyRange {
            after: None,
            upto: Some(RowKey(500)),
        };
        let base = from.base().cloned();
        target.table_for_tests(id).take_rows(
            &mut arena,
            &from,
            base.as_ref(),
            range,
            &mut |_, row| row,
        );
        let half = target.table(id).unwrap();
        assert_eq!(half.len(), 499);
        assert!(half.contains(RowKey(500)) && !half.contains(RowKey(501)));
        assert!(!half.contains(RowKey(3)), "it was deleted on the source");
        assert!(!diff(&source, &target, &mut arena).is_empty());
    }

    #[test]
    fn a_row_that_was_there_before_its_range_came_is_overwritten() {
        let (mut arena, source, mut target, id) = lived_in();
        let from = source.table(id).unwrap().clone();
        let stray = arena.store(&image(40, 1));
        let table = target.table_for_tests(id);
        table.put(&mut arena, RowKey(40), None, Some(stray));
        let base = from.base().cloned();
        table.take_rows(
            &mut arena,
            &from,
            base.as_ref(),
            KeyRange::default(),
            &mut |_, row| row,
        );
        table.check_indexes(&mut arena);
        // What was written on the copy shadows the generated row: a SELECT of the range has it as it is.
        assert_eq!(table.get(&mut arena, RowKey(40)), Some(stray));
        assert_eq!(table.len(), from.len());
    }
}
