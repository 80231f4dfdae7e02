//! Rows that are computed behave as if they had been stored, and cost nothing.

use super::*;
use crate::table::{Base, BaseError, Generator};
use proptest::prelude::*;

const PARENTS: u64 = 4;
const FANOUT: u64 = 3;

fn orders() -> TableDef {
    let mut def = table("orders", vec![int("id"), text("code"), int("total")]);
    def.uniques = vec![key("code", &[1])];
    def
}

fn lines(on_delete: Referential) -> TableDef {
    let order = column(
        "order_id",
        ColumnKind::Int {
            bytes: 8,
            unsigned: true,
        },
        true,
    );
    let mut def = table("lines", vec![int("id"), order, int("line_no")]);
    def.uniques = vec![key("place", &[1, 2])];
    def.foreign_keys = vec![foreign(
        "fk_order",
        1,
        "orders",
        on_delete,
        Referential::Cascade,
    )];
    def
}

fn of_orders() -> Vec<Generator> {
    let code = Generator::Text {
        prefix: "order-".into(),
        suffix: "/x".into(),
    };
    vec![
        Generator::Key,
        code,
        Generator::Int {
            seed: 7,
            low: -5,
            high: 1000,
        },
    ]
}

fn of_lines(fanout: u64) -> Vec<Generator> {
    vec![
        Generator::Key,
        Generator::ParentOf { fanout },
        Generator::Position { fanout },
    ]
}

fn generated(arena: &mut Arena, parents: u64, fanout: u64, on_delete: Referential) -> Bench {
    let mut bench = Bench::new(arena, []);
    bench
        .db
        .create_generated(arena, orders(), parents, of_orders())
        .unwrap();
    bench
        .db
        .create_generated(arena, lines(on_delete), parents * fanout, of_lines(fanout))
        .unwrap();
    bench
}

#[derive(Clone, Debug)]
enum Op {
    Insert(bool, [u8; 3]),
    Update(bool, u8, [u8; 3]),
    Delete(bool, u8),
    Undo,
}

fn op() -> impl Strategy<Value = Op> {
    let row = || [0..16u8, 0..16u8, 0..5u8];
    prop_oneof![
        (any::<bool>(), row()).prop_map(|(t, r)| Op::Insert(t, r)),
        (any::<bool>(), 0..16u8, row()).prop_map(|(t, i, r)| Op::Update(t, i, r)),
        (any::<bool>(), 0..16u8).prop_map(|(t, i)| Op::Delete(t, i)),
        Just(Op::Undo),
    ]
}

fn run(bench: &mut Bench, arena: &mut Arena, op: &Op) -> Result<Vec<Change>, SqlError> {
    let name = |orders: bool| if orders { "orders" } else { "lines" };
    let texts = |orders: bool, [id, second, third]: [u8; 3]| {
        let second = match (orders, second) {
            (_, 0) => None,
            // Another case is the same value to the column's collation.
            (true, n) if n % 2 == 0 => Some(format!("ORDER-{n}/X")),
            (true, n) => Some(format!("order-{n}/x")),
            (false, n) => Some(n.to_string()),
        };
        [Some(id.to_string()), second, Some(third.to_string())]
    };
    match *op {
        Op::Insert(t, row) => bench.insert(
            arena,
            name(t),
            &texts(t, row).each_ref().map(Option::as_deref),
        ),
        Op::Update(t, id, row) => bench.update(
            arena,
            name(t),
            i64::from(id),
            &texts(t, row).each_ref().map(Option::as_deref),
        ),
        Op::Delete(t, id) => bench.delete(arena, name(t), i64::from(id)),
        Op::Undo => Ok(Vec::new()),
    }
}

proptest! {
    #![proptest_config(crate::cases::config(192))]

    #[test]
    fn computed_rows_behave_as_stored_ones(
        cascade in any::<bool>(),
        ops in prop::collection::vec(op(), 0..50),
    ) {
        let arena = &mut Arena::default();
        let on_delete = if cascade { Referential::Cascade } else { Referential::SetNull };
        let mut computed = generated(arena, PARENTS, FANOUT, on_delete);
        let untouched = computed.clone();
        let mut stored = Bench::new(arena, [orders(), lines(on_delete)]);
        for name in ["orders", "lines"] {
            for row in computed.rows(arena, name) {
                stored.insert(arena, name, &row.iter().map(Option::as_deref).collect::<Vec<_>>()).unwrap();
            }
        }
        let mut done: Vec<[Vec<Change>; 2]> = Vec::new();
        for op in &ops {
            if matches!(op, Op::Undo) {
                for (bench, changes) in [&mut computed, &mut stored].into_iter().zip(done.pop().into_iter().flatten()) {
                    changes.iter().rev().for_each(|change| bench.db.undo(arena, change));
                }
            } else {
                match (run(&mut computed, arena, op), run(&mut stored, arena, op)) {
                    (Ok(x), Ok(y)) => {
                        prop_assert_eq!(x.len(), y.len());
                        done.push([x, y]);
                    }
                    (Err(x), Err(y)) => prop_assert_eq!(x, y),
                    (x, y) => prop_assert!(false, "{:?}: {:?}, {:?}", op, x, y),
                }
            }
            for name in ["orders", "lines"] {
                prop_assert_eq!(computed.rows(arena, name), stored.rows(arena, name));
                let last = |b: &Bench| b.db.table(b.id(name)).unwrap().last_key();
                prop_assert_eq!(last(&computed), last(&stored));
                for bench in [&computed, &stored] {
                    bench.db.table(bench.id(name)).unwrap().check_indexes(arena);
                }
            }
        }
        for changes in done.iter().rev() {
            changes[0].iter().rev().for_each(|change| computed.db.undo(arena, change));
        }
        // Undone to the end, nothing counts as touched.
        prop_assert_eq!(computed.dump(arena, "orders").len() + computed.dump(arena, "lines").len(), 2);
        prop_assert_eq!(diff(&computed.db, &untouched.db, arena), vec![]);
    }
}

#[test]
fn ten_billion_rows_cost_what_is_touched() {
    let arena = &mut Arena::default();
    let rows = 10_000_000_000u64;
    let mut bench = Bench::new(arena, []);
    let mut parents = orders();
    parents.columns[0] = column(
        "id",
        ColumnKind::Int {
            bytes: 8,
            unsigned: true,
        },
        false,
    );
    parents.columns[0].auto_increment = true;
    let mut children = lines(Referential::Cascade);
    children.columns[0] = parents.columns[0].clone();
    bench
        .db
        .create_generated(arena, parents, rows, of_orders())
        .unwrap();
    bench
        .db
        .create_generated(arena, children, rows, of_lines(5))
        .unwrap();
    let snapshot = bench.clone();

    let changes = bench.delete(arena, "orders", 1_999_999_999).unwrap();
    // The order and its five lines: in a table of 10¹⁰ rows only an inverse lookup ends at all.
    assert_eq!(changes.len(), 6);
    let taken = bench.insert(
        arena,
        "orders",
        &row(&["10000000001", "order-9999999999/x", "1"]),
    );
    assert!(
        matches!(
            taken,
            Err(SqlError::Duplicate {
                existing: RowKey(9_999_999_999),
                ..
            })
        ),
        "{taken:?}"
    );
    bench
        .insert(
            arena,
            "orders",
            &row(&["10000000001", "order-1999999999/x", "1"]),
        )
        .unwrap();
    bench
        .update(arena, "orders", 5, &row(&["5", "order-5/x", "77"]))
        .unwrap();
    let table = bench.db.table(bench.id("orders")).unwrap();
    assert_eq!((table.len(), table.auto_increment()), (rows, rows + 2));

    assert_eq!(diff(&bench.db, &snapshot.db, arena).len(), 5 + 1 + 1 + 1);
    assert_eq!(
        bench.dump(arena, "orders"),
        [
            r#"["id", "code", "total"]"#,
            r#"["5", "order-5/x", "77"]"#,
            r#"["10000000001", "order-1999999999/x", "1"]"#,
        ]
    );
}

#[test]
fn altering_a_generated_table_carries_the_generators() {
    let arena = &mut Arena::default();
    let mut bench = generated(arena, 1_000_000_000, 2, Referential::Cascade);
    bench
        .update(arena, "orders", 5, &row(&["5", "five", "77"]))
        .unwrap();
    bench.delete(arena, "orders", 6).unwrap();
    let id = bench.id("orders");
    let mut def = orders();
    def.columns[0].kind = ColumnKind::Int {
        bytes: 8,
        unsigned: true,
    };
    def.columns.remove(2);
    def.columns.insert(0, int("note"));
    def.primary = Some(key("PRIMARY", &[1]));
    def.uniques = vec![key("code", &[2])];
    let sources = [
        ColumnSource::Default,
        ColumnSource::Copy(0),
        ColumnSource::Copy(1),
    ];
    bench.db.rebuild(arena, id, def, &sources).unwrap();

    let table = bench.db.table(id).unwrap();
    assert_eq!(
        (table.len(), table.auto_increment()),
        (999_999_999, 1_000_000_001)
    );
    let mut scratch = Vec::new();
    let mut texts = |n: u64| {
        let image = table.image(arena, RowKey(n), &mut scratch)?;
        let columns = &table.def().columns;
        let mut text = String::new();
        fields(columns, image)
            .zip(columns)
            .for_each(|(raw, c)| match raw {
                Some(raw) => render(c, raw, &mut text),
                None => text.push('-'),
            });
        Some(text)
    };
    assert_eq!(texts(4).as_deref(), Some("-4order-4/x"));
    assert_eq!(texts(5).as_deref(), Some("-5five"));
    assert_eq!(texts(6), None);
    assert_eq!(bench.db.referencing(id).count(), 1);
}

#[test]
fn keys_that_cannot_be_computed_backwards_are_refused() {
    let constant = |n: i32| Generator::Constant(n.to_le_bytes().to_vec());
    let mut unique = orders();
    unique.uniques = vec![key("total", &[2])];
    let refused = Base::new(&unique, 10, of_orders());
    assert_eq!(refused, Err(BaseError::NotUnique("total".into())));
    let child = lines(Referential::Cascade);
    let mut child_generators = of_lines(3);
    child_generators[1] = Generator::Constant(vec![1; 8]);
    let mut without_place = child;
    without_place.uniques.clear();
    let refused = Base::new(&without_place, 10, child_generators);
    assert_eq!(refused, Err(BaseError::NotInvertible("order_id".into())));
    let not_the_key = Base::new(
        &orders(),
        10,
        vec![constant(1), Generator::Null, constant(2)],
    );
    assert_eq!(not_the_key, Err(BaseError::Key));
    let mut narrow = orders();
    narrow.columns[0].kind = ColumnKind::Int {
        bytes: 1,
        unsigned: false,
    };
    assert!(matches!(
        Base::new(&narrow, 128, of_orders()),
        Err(BaseError::Column { .. })
    ));
    assert!(Base::new(&narrow, 127, of_orders()).is_ok());
}

#[test]
fn generated_times_lie_in_their_span() {
    let arena = &mut Arena::default();
    let mut bench = Bench::new(arena, []);
    let at = column("at", ColumnKind::DateTime { fsp: 3 }, false);
    let ts = column("ts", ColumnKind::Timestamp { fsp: 0 }, false);
    let def = table("t", vec![int("id"), at, ts]);
    // 2024-02-29 00:00:00, one day.
    let times = Generator::Datetime {
        seed: 1,
        start: 1_709_164_800,
        span: 86_400,
    };
    let generators = vec![Generator::Key, times.clone(), times];
    bench
        .db
        .create_generated(arena, def, 500, generators)
        .unwrap();
    for row in bench.rows(arena, "t") {
        let [_, Some(at), Some(ts)] = &row[..] else {
            panic!("{row:?}")
        };
        assert!(
            at.starts_with("2024-02-29 ") && at.ends_with(".000"),
            "{at}"
        );
        assert_eq!(at.strip_suffix(".000"), Some(&**ts));
    }
}
