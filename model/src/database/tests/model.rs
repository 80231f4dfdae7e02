//! Random statements on three linked tables, against maps of rows that are searched from end to end.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const TABLES: [&str; 3] = ["a", "b", "c"];

/// (child, column, parent, on delete, on update), in the order of the constraints' names.
type Fk = (usize, usize, usize, Referential, Referential);

/// id → (unique, reference 1, reference 2).
type Rows = BTreeMap<i64, [Option<i64>; 3]>;

#[derive(Clone, Debug)]
struct Plain {
    tables: [Rows; 3],
    fks: Vec<Fk>,
}

#[derive(Clone, Debug)]
enum Op {
    Insert(usize, i64, [Option<i64>; 3]),
    Update(usize, i64, i64, [Option<i64>; 3]),
    Delete(usize, i64),
    UndoLast,
}

impl Plain {
    fn fits(
        &self,
        t: usize,
        id: i64,
        row: &[Option<i64>; 3],
        skip: Option<usize>,
        old: Option<&[Option<i64>; 3]>,
    ) -> bool {
        let unique = row[0].is_none()
            || self.tables[t]
                .iter()
                .all(|(i, r)| *i == id || r[0] != row[0]);
        let parents = self
            .fks
            .iter()
            .enumerate()
            .all(|(n, &(child, column, parent, ..))| {
                let value = row[column - 1];
                child != t
                    || Some(n) == skip
                    || old.is_some_and(|o| o[column - 1] == value)
                    || value.is_none_or(|v| {
                        self.tables[parent].contains_key(&v) || parent == t && v == id
                    })
            });
        unique && parents
    }

    fn insert(&mut self, t: usize, id: i64, row: [Option<i64>; 3]) -> Option<()> {
        (!self.tables[t].contains_key(&id) && self.fits(t, id, &row, None, None)).then_some(())?;
        self.tables[t].insert(id, row);
        Some(())
    }

    fn delete(&mut self, t: usize, id: i64, updating: &[usize], depth: u32) -> Option<()> {
        self.tables[t].remove(&id)?;
        self.follow(t, id, None, updating, depth)
    }

    fn update(
        &mut self,
        t: usize,
        [id, new]: [i64; 2],
        row: [Option<i64>; 3],
        skip: Option<usize>,
        updating: &[usize],
        depth: u32,
    ) -> Option<()> {
        let old = *self.tables[t].get(&id)?;
        let mut others = self.clone();
        others.tables[t].remove(&id);
        let taken = others.tables[t].contains_key(&new);
        let unique = others.fits(t, new, &[row[0], None, None], None, None);
        (!taken && unique && others.fits(t, new, &[None, row[1], row[2]], skip, Some(&old)))
            .then_some(())?;
        self.tables[t].remove(&id);
        self.tables[t].insert(new, row);
        if id == new {
            return Some(());
        }
        let updating: Vec<usize> = updating.iter().copied().chain([t]).collect();
        self.follow(t, id, Some(new), &updating, depth)
    }

    fn follow(
        &mut self,
        t: usize,
        id: i64,
        new: Option<i64>,
        updating: &[usize],
        depth: u32,
    ) -> Option<()> {
        for (n, (child, column, parent, on_delete, on_update)) in
            self.fks.clone().into_iter().enumerate()
        {
            let refers = |rows: &Rows| -> Vec<i64> {
                rows.iter()
                    .filter(|(_, r)| r[column - 1] == Some(id))
                    .map(|(i, _)| *i)
                    .collect()
            };
            let children = refers(&self.tables[child]);
            if parent != t || children.is_empty() {
                continue;
            }
            let action = if new.is_some() { on_update } else { on_delete };
            let updates = new.is_some() || action == Referential::SetNull;
            if action == Referential::Restrict
                || updates && updating.contains(&child)
                || depth == 15
            {
                return None;
            }
            for c in children {
                let Some(mut row) = self.tables[child].get(&c).copied() else {
                    continue;
                };
                if row[column - 1] != Some(id) {
                    continue;
                }
                if updates {
                    row[column - 1] = new.filter(|_| action == Referential::Cascade);
                    self.update(child, [c, c], row, Some(n), updating, depth + 1)?;
                } else {
                    self.delete(child, c, updating, depth + 1)?;
                }
            }
        }
        Some(())
    }

    fn run(&mut self, op: &Op) -> bool {
        let mut next = self.clone();
        let done = match *op {
            Op::Insert(t, id, row) => next.insert(t, id, row),
            Op::Update(t, id, new, row) => next.update(t, [id, new], row, None, &[], 0),
            Op::Delete(t, id) => next.delete(t, id, &[], 0),
            Op::UndoLast => None,
        };
        if done.is_some() {
            *self = next;
        }
        done.is_some()
    }

    /// No dangling reference, no unique value twice.
    fn sound(&self) -> bool {
        self.tables.iter().enumerate().all(|(t, rows)| {
            rows.iter()
                .all(|(id, row)| self.fits(t, *id, row, None, None))
        })
    }
}

fn action() -> impl Strategy<Value = Referential> {
    prop_oneof![
        1 => Just(Referential::Restrict),
        3 => Just(Referential::Cascade),
        2 => Just(Referential::SetNull),
    ]
}

fn fks() -> impl Strategy<Value = Vec<Fk>> {
    // a refers to itself, b to a (twice), c to b and to a.
    let ends = [(0, 2, 0), (1, 2, 0), (1, 3, 0), (2, 2, 1), (2, 3, 0)];
    prop::collection::vec((action(), action()), ends.len()).prop_map(move |actions| {
        let with = ends.iter().zip(actions);
        with.map(|(&(child, column, parent), (delete, update))| {
            (child, column, parent, delete, update)
        })
        .collect()
    })
}

fn op() -> impl Strategy<Value = Op> {
    let id = || 1..8i64;
    let row = || {
        let unique = prop::option::of(1..12i64);
        (unique, prop::option::of(id()), prop::option::of(id())).prop_map(|(u, x, y)| [u, x, y])
    };
    prop_oneof![
        5 => (0..3usize, id(), row()).prop_map(|(t, i, r)| Op::Insert(t, i, r)),
        4 => (0..3usize, id(), id(), row()).prop_map(|(t, i, n, r)| Op::Update(t, i, n, r)),
        2 => (0..3usize, id()).prop_map(|(t, i)| Op::Delete(t, i)),
        2 => Just(Op::UndoLast),
    ]
}

/// The three tables; each parent's key has another width than what refers to it.
fn bench(arena: &mut Arena, fks: &[Fk]) -> Bench {
    let wide = |bytes, unsigned| ColumnKind::Int { bytes, unsigned };
    let defs = TABLES.iter().enumerate().map(|(t, name)| {
        let id = column("id", wide(8, t == 1), false);
        let mut def = table(
            name,
            vec![id, int("u"), int("x"), column("y", wide(2, true), true)],
        );
        def.uniques = vec![key("u", &[1])];
        for (n, &(child, column, parent, delete, update)) in fks.iter().enumerate() {
            if child == t {
                def.foreign_keys.push(foreign(
                    &format!("fk{n}"),
                    column,
                    TABLES[parent],
                    delete,
                    update,
                ));
            }
        }
        def
    });
    Bench::new(arena, defs)
}

fn texts(id: i64, row: &[Option<i64>; 3]) -> Vec<Option<String>> {
    [Some(id)]
        .iter()
        .chain(row)
        .map(|v| v.map(|v| v.to_string()))
        .collect()
}

fn run(bench: &mut Bench, arena: &mut Arena, op: &Op) -> Result<Vec<Change>, SqlError> {
    let with = |id, row: &[Option<i64>; 3]| texts(id, row);
    match op {
        Op::Insert(t, id, row) => {
            let row = with(*id, row);
            bench.insert(
                arena,
                TABLES[*t],
                &row.iter().map(Option::as_deref).collect::<Vec<_>>(),
            )
        }
        Op::Update(t, id, new, row) => {
            let row = with(*new, row);
            bench.update(
                arena,
                TABLES[*t],
                *id,
                &row.iter().map(Option::as_deref).collect::<Vec<_>>(),
            )
        }
        Op::Delete(t, id) => bench.delete(arena, TABLES[*t], *id),
        Op::UndoLast => Ok(Vec::new()),
    }
}

fn state(bench: &Bench, arena: &Arena) -> Vec<Vec<Vec<Option<String>>>> {
    TABLES.iter().map(|t| bench.rows(arena, t)).collect()
}

proptest! {
    #![proptest_config(crate::cases::config(256))]

    #[test]
    fn statements_do_what_a_plain_model_does_and_undo_takes_them_back(
        fks in fks(),
        ops in prop::collection::vec(op(), 0..60),
    ) {
        let mut arena = Arena::default();
        let mut bench = bench(&mut arena, &fks);
        let mut plain = Plain { tables: [const { Rows::new() }; 3], fks };
        let mut done: Vec<(Bench, Plain, Vec<Change>)> = Vec::new();
        for op in &ops {
            if matches!(op, Op::UndoLast) {
                let Some((before, model, changes)) = done.pop() else { continue };
                for change in changes.iter().rev() {
                    bench.db.undo(&mut arena, change);
                }
                plain = model;
                prop_assert_eq!(diff(&bench.db, &before.db, &mut arena), vec![]);
            } else {
                let saved = (bench.clone(), plain.clone());
                let result = run(&mut bench, &mut arena, op);
                prop_assert_eq!(result.is_ok(), plain.run(op), "{:?}: {:?}", op, result);
                match result {
                    Ok(changes) => done.push((saved.0, saved.1, changes)),
                    Err(error) => prop_assert!([1062, 1032, 1451, 1452].contains(&error.code()), "{}", error),
                }
            }
            prop_assert!(plain.sound());
            let model: Vec<Vec<_>> =
                plain.tables.iter().map(|rows| rows.iter().map(|(id, r)| texts(*id, r)).collect()).collect();
            prop_assert_eq!(state(&bench, &arena), model);
            for (_, table) in bench.db.tables() {
                table.check_indexes(&mut arena);
            }
        }
        // Copies taken on the way are as they were.
        for (copy, model, _) in &done {
            let model: Vec<Vec<_>> =
                model.tables.iter().map(|rows| rows.iter().map(|(id, r)| texts(*id, r)).collect()).collect();
            prop_assert_eq!(state(copy, &arena), model);
        }
    }
}
