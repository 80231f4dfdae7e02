//! Copy-on-write tables against ordered maps that are copied whole: several databases that came about as
//! copies of each other are written independently, and each must be what its plain copy is, whatever
//! was written to the others.
//!
//! Four tables: `stored` and `computed` (the same declaration, the second over a generated base) with a unique
//! key and a group of children, `bag` without any key, `text` with a key that is interned.

use crate::cases::config;
use cutover_model::arena::{Arena, RowRef};
use cutover_model::database::{Change, Checks, Database, Difference, SqlError, TableId, diff};
use cutover_model::row::{ImageBuilder, Partial, fields};
use cutover_model::schema::{
    Collation, Column, ColumnKind, Default, Display, ForeignKey, KeyPart, Referential, TableDef,
    UniqueKey,
};
use cutover_model::table::{Generator, RowKey, Table};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of the generated base, and how many children each parent has in it.
const BASE: i64 = 130;
const FANOUT: i64 = 3;
const NAMES: [&str; 4] = ["bag", "computed", "stored", "text"];
const BAG: usize = 0;
const COMPUTED: usize = 1;
const TEXT: usize = 3;

/// A row's columns: integers, or for the key of `text` the letters that a number stands for.
type Row = [Option<i64>; 4];

/// Rows by identity; in the bag by the identity that the table gave them.
type Rows = BTreeMap<i128, Row>;

#[derive(Clone, Debug, Default)]
struct Plain {
    tables: [Rows; 4],
    counters: [i64; 2],
}

#[derive(Clone)]
struct Pair {
    database: Database,
    plain: Plain,
    /// What was done to it, with the plain table from before.
    done: Vec<(Vec<Change>, usize, Rows)>,
}

#[derive(Clone, Debug)]
enum Op {
    Insert(usize, Row),
    Update(usize, i64, Row),
    Delete(usize, i64),
    /// So many rows from a key on, upwards or downwards, put in or taken out.
    Run {
        table: usize,
        from: i64,
        count: i64,
        down: bool,
        put: bool,
    },
    Undo,
    Copy,
}

fn row() -> impl Strategy<Value = Row> {
    let id = prop_oneof![6 => 1..200i64, 1 => -70..0i64, 1 => 200..5000i64];
    let unique = prop::option::weighted(0.8, 1..200i64);
    (
        id,
        prop::option::of(0..3i64),
        unique,
        prop::option::of(1..60i64),
    )
        .prop_map(|(id, v, u, g)| [Some(id), v, u, g])
}

fn op() -> impl Strategy<Value = Op> {
    let table = || 0..4usize;
    let id = || prop_oneof![6 => 1..200i64, 1 => -70..0i64, 1 => 200..5000i64];
    let count = prop_oneof![4 => 1..20i64, 4 => 62..67i64, 1 => 126..131i64];
    prop_oneof![
        6 => (table(), row()).prop_map(|(t, r)| Op::Insert(t, r)),
        6 => (table(), id(), row()).prop_map(|(t, i, r)| Op::Update(t, i, r)),
        4 => (table(), id()).prop_map(|(t, i)| Op::Delete(t, i)),
        3 => (table(), id(), count, any::<bool>(), any::<bool>())
            .prop_map(|(table, from, count, down, put)| Op::Run { table, from, count, down, put }),
        2 => Just(Op::Undo),
        3 => Just(Op::Copy),
    ]
}

/// How many rows `stored` has before anything else: around the sizes at which a page, and a page of
/// pages, is full.
fn filled() -> impl Strategy<Value = i64> {
    let edges = prop::sample::select(vec![
        0, 1, 63, 64, 65, 127, 128, 129, 2048, 4095, 4096, 4097,
    ]);
    prop_oneof![3 => edges, 1 => 0..5000i64]
}

fn column(name: &str, kind: ColumnKind, nullable: bool) -> Column {
    let text = matches!(kind, ColumnKind::Varchar { .. });
    Column {
        name: name.into(),
        kind,
        nullable,
        collation: text.then(collation),
        default: Default::Implicit,
        auto_increment: false,
        generated: None,
        display: Display::default(),
    }
}

fn collation() -> Collation {
    Collation {
        charset: "utf8mb4".into(),
        name: "utf8mb4_0900_ai_ci".into(),
    }
}

fn int(name: &str, nullable: bool) -> Column {
    column(
        name,
        ColumnKind::Int {
            bytes: 8,
            unsigned: false,
        },
        nullable,
    )
}

fn key(name: &str, column: usize) -> UniqueKey {
    UniqueKey {
        name: name.into(),
        parts: vec![KeyPart {
            column,
            prefix: None,
        }],
    }
}

fn def(name: &str) -> TableDef {
    let first = match name {
        "text" => column("id", ColumnKind::Varchar { max_bytes: 40 }, false),
        _ => int("id", name == "bag"),
    };
    let keyed = name != "bag";
    let mut def = TableDef {
        schema: "app".into(),
        name: name.into(),
        columns: vec![first, int("v", true), int("u", true), int("g", true)],
        primary: keyed.then(|| key("PRIMARY", 0)),
        uniques: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        engine: "innodb".into(),
        collation: collation(),
    };
    if matches!(name, "stored" | "computed") {
        def.columns[0].auto_increment = true;
        def.uniques = vec![key("u", 2)];
        def.foreign_keys = vec![ForeignKey {
            name: format!("{name}_g").into(),
            columns: vec![3],
            parent_schema: "app".into(),
            parent_table: "parent".into(),
            parent_columns: vec!["id".into()],
            on_delete: Referential::Restrict,
            on_update: Referential::Restrict,
        }];
    }
    def
}

/// The n-th row of the base, by what its generators are declared to do.
fn base_row(n: i64) -> Row {
    [Some(n), None, Some(n), Some((n + FANOUT - 1) / FANOUT)]
}

fn start(arena: &mut Arena) -> Pair {
    let mut database = Database::default();
    database.create_schema("app").unwrap();
    let mut parent = def("stored");
    parent.name = "parent".into();
    parent.columns.truncate(1);
    (parent.uniques, parent.foreign_keys) = (Vec::new(), Vec::new());
    database
        .create_generated(arena, parent, 1000, vec![Generator::Key])
        .unwrap();
    for name in NAMES {
        if name == "computed" {
            let fanout = FANOUT as u64;
            let generators = vec![
                Generator::Key,
                Generator::Null,
                Generator::Key,
                Generator::ParentOf { fanout },
            ];
            database
                .create_generated(arena, def(name), BASE as u64, generators)
                .unwrap();
        } else {
            database.create_table(arena, def(name)).unwrap();
        }
    }
    let mut plain = Plain {
        counters: [BASE + 1, 1],
        ..Plain::default()
    };
    plain.tables[COMPUTED] = (1..=BASE)
        .map(|n| (identity(COMPUTED, &base_row(n)), base_row(n)))
        .collect();
    Pair {
        database,
        plain,
        done: Vec::new(),
    }
}

/// The letters of a key of `text`: odd numbers in capitals, which are the same to its collation.
fn letters(n: i64) -> String {
    let text = format!("key-{}", n.div_euclid(2));
    if n.rem_euclid(2) == 0 {
        text
    } else {
        text.to_uppercase()
    }
}

/// What identifies a row of a table with a key, in the key's order where that is a number.
fn identity(table: usize, row: &Row) -> i128 {
    let id = row[0].unwrap_or(0);
    i128::from(if table == TEXT { id.div_euclid(2) } else { id })
}

fn image(table: usize, row: &Row) -> Vec<u8> {
    let mut builder = ImageBuilder::default();
    builder.start(4);
    for (i, value) in row.iter().enumerate() {
        match value {
            Some(id) if table == TEXT && i == 0 => {
                let text = letters(*id);
                let mut raw = vec![text.len() as u8];
                raw.extend(text.bytes());
                builder.push(&raw);
            }
            Some(n) => builder.push(&n.to_le_bytes()),
            None => builder.push_null(),
        }
    }
    builder.image().to_vec()
}

fn read(table: &Table, arena: &Arena, row: RowRef) -> Row {
    let is_text = &*table.def().name == "text";
    let mut out = [None; 4];
    for (i, raw) in fields(&table.def().columns, arena.row(row)).enumerate() {
        out[i] = raw.map(|raw| match is_text && i == 0 {
            true => {
                let text = std::str::from_utf8(&raw[1..]).unwrap();
                let half: i64 = text[4..].parse().unwrap();
                half * 2 + i64::from(text.starts_with('K'))
            }
            false => i64::from_le_bytes(raw.try_into().unwrap()),
        });
    }
    out
}

impl Pair {
    fn table(&self, t: usize) -> (TableId, &Table) {
        let id = self.database.id("app", NAMES[t]).unwrap();
        (id, self.database.table(id).unwrap())
    }

    /// The handle of the row that a plain row is, if there is one.
    fn handle(&self, arena: &mut Arena, t: usize, row: &Row) -> Option<RowKey> {
        let image = image(t, row);
        let partial = Partial {
            present: &[0x0f],
            image: &image,
        };
        self.table(t).1.find(arena, &partial)
    }

    /// The plain row with this first column, in a bag the first of them.
    fn at(&self, t: usize, id: i64) -> Option<(i128, Row)> {
        let rows = &self.plain.tables[t];
        match t {
            BAG => rows
                .iter()
                .find(|(_, r)| r[0] == Some(id))
                .map(|(k, r)| (*k, *r)),
            _ => {
                let key = identity(t, &[Some(id), None, None, None]);
                rows.get(&key).map(|r| (key, *r))
            }
        }
    }

    /// The error number that a row would meet besides the row `own`.
    fn refusal(&self, t: usize, row: &Row, own: Option<i128>) -> Option<u16> {
        let rows = &self.plain.tables[t];
        let same_key =
            t != BAG && rows.contains_key(&identity(t, row)) && own != Some(identity(t, row));
        let unique = |(k, r): (&i128, &Row)| Some(*k) != own && r[2].is_some() && r[2] == row[2];
        let same_unique = matches!(NAMES[t], "stored" | "computed") && rows.iter().any(unique);
        (same_key || same_unique).then_some(1062)
    }

    fn count(&mut self, t: usize, row: &Row) {
        let counters = [COMPUTED, 2];
        if let Some(i) = counters.iter().position(|c| *c == t) {
            let next = row[0].unwrap_or(0) + 1;
            self.plain.counters[i] = self.plain.counters[i].max(next);
        }
    }

    fn insert(&mut self, arena: &mut Arena, t: usize, row: &Row) {
        let expected = self.refusal(t, row, None);
        let before = self.plain.tables[t].clone();
        let (id, mut plan) = (self.table(t).0, Vec::new());
        let result = self
            .database
            .plan_insert(arena, id, &image(t, row), Checks::ALL, &mut plan);
        assert_eq!(result.as_ref().err().map(SqlError::code), expected);
        if expected.is_none() {
            let key = match t {
                BAG => i128::from(plan[0].key.0),
                _ => identity(t, row),
            };
            self.plain.tables[t].insert(key, *row);
            self.count(t, row);
            self.apply(arena, plan, t, before);
        }
    }

    fn update(&mut self, arena: &mut Arena, t: usize, id: i64, row: &Row) {
        let Some((key, old)) = self.at(t, id) else {
            return;
        };
        let expected = self.refusal(t, row, Some(key));
        let handle = self.handle(arena, t, &old).expect("the row is there");
        let before = self.plain.tables[t].clone();
        let (id, mut plan) = (self.table(t).0, Vec::new());
        let result =
            self.database
                .plan_update(arena, id, handle, &image(t, row), Checks::ALL, &mut plan);
        assert_eq!(result.as_ref().err().map(SqlError::code), expected);
        if expected.is_none() {
            let at = match t {
                BAG => i128::from(handle.0),
                _ => key,
            };
            self.plain.tables[t].remove(&at);
            let new = match t {
                BAG => at,
                _ => identity(t, row),
            };
            self.plain.tables[t].insert(new, *row);
            self.count(t, row);
            self.apply(arena, plan, t, before);
        }
    }

    fn delete(&mut self, arena: &mut Arena, t: usize, id: i64) {
        let before = self.plain.tables[t].clone();
        let Some((key, old)) = self.at(t, id) else {
            let absent = [Some(id), Some(99), Some(99), Some(99)];
            assert_eq!(self.handle(arena, t, &absent), None);
            return;
        };
        let handle = self.handle(arena, t, &old).expect("the row is there");
        let at = match t {
            BAG => i128::from(handle.0),
            _ => key,
        };
        let (id, mut plan) = (self.table(t).0, Vec::new());
        let result = self
            .database
            .plan_delete(arena, id, handle, Checks::ALL, &mut plan);
        assert_eq!(result, Ok(()));
        let gone = self.plain.tables[t].remove(&at);
        assert_eq!(
            gone,
            Some(old),
            "the row that was found has the content that was sought"
        );
        self.apply(arena, plan, t, before);
    }

    fn apply(&mut self, arena: &mut Arena, plan: Vec<Change>, t: usize, before: Rows) {
        plan.iter()
            .for_each(|change| self.database.apply(arena, change));
        self.done.push((plan, t, before));
    }

    fn undo(&mut self, arena: &mut Arena) {
        if let Some((changes, t, before)) = self.done.pop() {
            changes
                .iter()
                .rev()
                .for_each(|change| self.database.undo(arena, change));
            self.plain.tables[t] = before;
        }
    }

    fn run(&mut self, arena: &mut Arena, op: &Op) {
        match *op {
            Op::Insert(t, row) => self.insert(arena, t, &row),
            Op::Update(t, id, row) => self.update(arena, t, id, &row),
            Op::Delete(t, id) => self.delete(arena, t, id),
            Op::Run {
                table,
                from,
                count,
                down,
                put,
            } => {
                for i in 0..count {
                    let id = if down { from + count - 1 - i } else { from + i };
                    match put {
                        true => self.insert(
                            arena,
                            table,
                            &[Some(id), Some(i % 3), None, Some(1 + i % 50)],
                        ),
                        false => self.delete(arena, table, id),
                    }
                }
            }
            Op::Undo => self.undo(arena),
            Op::Copy => {}
        }
    }

    /// Everything that can be seen of the tables.
    fn check(&self, arena: &mut Arena) {
        for (t, name) in NAMES.into_iter().enumerate() {
            let (_, table) = self.table(t);
            let rows = &self.plain.tables[t];
            assert_eq!(
                (table.len(), table.is_empty()),
                (rows.len() as u64, rows.is_empty()),
                "{}",
                name
            );
            let keys: Vec<RowKey> = table.keys().collect();
            let mut stored: Vec<(i128, Row)> = Vec::new();
            for key in &keys {
                let row = table.get(arena, *key).expect("a key has a row");
                let row = read(table, arena, row);
                let id = if t == BAG {
                    i128::from(key.0)
                } else {
                    identity(t, &row)
                };
                stored.push((id, row));
                assert!(table.contains(*key));
            }
            assert!(keys.is_sorted(), "keys come in their order");
            if t == TEXT {
                // The order is that of interning; the rows are what counts.
                stored.sort();
            }
            assert!(
                stored.iter().map(|(k, r)| (k, r)).eq(rows.iter()),
                "rows of {}",
                name
            );
            assert_eq!(table.last_key(), keys.last().copied());
            for from in keys.iter().step_by(keys.len() / 9 + 1).map(|k| k.0) {
                for from in [from.saturating_sub(1), from, from.saturating_add(1)].map(RowKey) {
                    let behind = keys.partition_point(|k| *k < from);
                    assert!(
                        table.keys_from(from).eq(keys[behind..].iter().copied()),
                        "from {from:?}"
                    );
                }
            }
        }
        self.check_keys(arena);
        let touched: BTreeSet<i128> = (1..=BASE)
            .map(|n| (identity(COMPUTED, &base_row(n)), base_row(n)))
            .filter(|(key, row)| self.plain.tables[COMPUTED].get(key) != Some(row))
            .map(|(key, _)| key)
            .chain(
                self.plain.tables[COMPUTED]
                    .keys()
                    .copied()
                    .filter(|k| !(1..=BASE.into()).contains(k)),
            )
            .collect();
        assert_eq!(
            self.table(COMPUTED).1.touched().count(),
            touched.len(),
            "touched rows of a base"
        );
    }

    /// Unique keys, groups and counters.
    fn check_keys(&self, arena: &mut Arena) {
        for (i, t) in [COMPUTED, 2].into_iter().enumerate() {
            let (_, table) = self.table(t);
            assert_eq!(table.auto_increment(), self.plain.counters[i] as u64);
            let columns = &table.def().columns;
            for value in 1..70i64 {
                let raw = value.to_le_bytes();
                let sought = |_, column: usize| Some((&columns[column], &raw[..]));
                let of = |column: usize| {
                    let rows = self.plain.tables[t].values();
                    rows.filter(move |r| r[column] == Some(value)).map(|r| r[0])
                };
                let owner = table.owner_of(arena, 0, sought);
                let row = owner.and_then(|key| table.get(arena, key));
                let row = row.map(|row| read(table, arena, row)[0]);
                assert_eq!(row, of(2).next(), "owner of {value}");
                let mut members = Vec::new();
                table.members(arena, 0, sought, &mut members);
                assert_eq!(table.has_member(arena, 0, sought), !members.is_empty());
                let ids: Vec<Option<i64>> = members
                    .iter()
                    .filter_map(|key| {
                        let row = table.get(arena, *key)?;
                        Some(read(table, arena, row)[0])
                    })
                    .collect();
                assert_eq!(ids, of(3).collect::<Vec<_>>(), "members of {value}");
            }
        }
    }
}

/// A difference: the table, and the rows on either side.
type Plainly = (usize, Option<Row>, Option<Row>);

fn plain_diff(a: &Plain, b: &Plain) -> Vec<Plainly> {
    let mut out = Vec::new();
    for t in 0..NAMES.len() {
        if t == BAG {
            let count = |p: &Plain, row: &Row| {
                let rows = p.tables[BAG].values();
                rows.filter(|r| *r == row).count()
            };
            let contents: BTreeSet<Row> = a.tables[t]
                .values()
                .chain(b.tables[t].values())
                .copied()
                .collect();
            for row in contents {
                let (x, y) = (count(a, &row), count(b, &row));
                out.extend((y..x).map(|_| (t, Some(row), None)));
                out.extend((x..y).map(|_| (t, None, Some(row))));
            }
            continue;
        }
        let keys: BTreeSet<i128> = a.tables[t]
            .keys()
            .chain(b.tables[t].keys())
            .copied()
            .collect();
        for key in keys {
            let (x, y) = (
                a.tables[t].get(&key).copied(),
                b.tables[t].get(&key).copied(),
            );
            if x != y {
                out.push((t, x, y));
            }
        }
    }
    out
}

fn check_diff(a: &Pair, b: &Pair, arena: &mut Arena) {
    let found = diff(&a.database, &b.database, arena);
    let mut rows = Vec::new();
    for difference in found {
        let Difference::Row {
            table,
            key,
            a: x,
            b: y,
        } = difference
        else {
            panic!("{difference:?}")
        };
        let t = NAMES
            .iter()
            .position(|n| table == format!("app.{n}"))
            .expect("one of ours");
        let read =
            |pair: &Pair, row: Option<RowRef>| row.map(|row| read(pair.table(t).1, arena, row));
        let (x, y) = (read(a, x), read(b, y));
        rows.push((t, key, x, y));
    }
    assert!(rows.is_sorted_by_key(|r| if matches!(r.0, BAG) {
        (r.0, RowKey(0))
    } else {
        (r.0, r.1)
    }));
    let mut found: Vec<Plainly> = rows.into_iter().map(|(t, _, x, y)| (t, x, y)).collect();
    let mut expected = plain_diff(&a.plain, &b.plain);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn copies_that_are_written_independently_are_what_whole_copies_are(
        filled in filled(),
        stride in prop::sample::select(vec![1i64, -1, 7]),
        ops in prop::collection::vec((op(), any::<prop::sample::Index>()), 0..60),
    ) {
        let arena = &mut Arena::default();
        let mut first = start(arena);
        for i in 0..filled {
            let id = match stride {
                1 => i + 1,
                -1 => filled - i,
                _ => i * 7 % 5003 + 1,
            };
            let plan = &mut Vec::new();
            let row = [Some(id), Some(0), None, None];
            let table = first.table(2).0;
            first.database.plan_insert(arena, table, &image(2, &row), Checks::NONE, plan).unwrap();
            first.database.apply(arena, &plan[0]);
            first.plain.tables[2].insert(identity(2, &row), row);
            first.count(2, &row);
        }
        first.check(arena);
        let mut all = vec![first];
        for (op, which) in &ops {
            let i = which.index(all.len());
            if matches!(op, Op::Copy) {
                let copy = all[i].clone();
                match all.len() {
                    0..6 => all.push(copy),
                    _ => all[5] = copy,
                }
            }
            all[i].run(arena, op);
        }
        for pair in &all {
            pair.check(arena);
        }
        for a in &all {
            for b in &all {
                check_diff(a, b, arena);
            }
        }
        // Undone to the end, each is what the first was.
        let untouched = start(arena);
        for pair in &mut all {
            while !pair.done.is_empty() {
                pair.undo(arena);
            }
            pair.check(arena);
            prop_assert_eq!(&pair.plain.tables[COMPUTED], &untouched.plain.tables[COMPUTED]);
        }
    }
}
