//! Constraints after the fact: what a session that checked nothing leaves behind is found.

use super::*;

fn shop(arena: &mut Arena) -> Bench {
    let mut orders = table("orders", vec![int("id"), text("code")]);
    orders.uniques = vec![key("code", &[1])];
    let mut lines = table("lines", vec![int("id"), int("order_id")]);
    lines.foreign_keys = vec![foreign(
        "lines_of_order",
        1,
        "orders",
        Referential::Restrict,
        Referential::Restrict,
    )];
    Bench::new(arena, [orders, lines])
}

fn unchecked(bench: &mut Bench, arena: &mut Arena, table: &str, values: &[&str]) {
    let (id, image) = (bench.id(table), bench.image(table, &row(values)));
    bench
        .run(arena, |db, arena, out| {
            db.plan_insert(arena, id, &image, Checks::NONE, out)
        })
        .unwrap();
}

#[test]
fn rows_that_a_checking_session_wrote_break_nothing() {
    let arena = &mut Arena::default();
    let mut bench = shop(arena);
    bench.insert(arena, "orders", &row(&["1", "a"])).unwrap();
    bench.insert(arena, "orders", &row(&["2", "NULL"])).unwrap();
    bench.insert(arena, "orders", &row(&["3", "NULL"])).unwrap();
    bench.insert(arena, "lines", &row(&["1", "1"])).unwrap();
    bench.insert(arena, "lines", &row(&["2", "NULL"])).unwrap();
    assert_eq!(bench.db.integrity(arena), []);
}

#[test]
fn a_child_without_its_parent_is_found_and_so_is_each_of_its_siblings() {
    let arena = &mut Arena::default();
    let mut bench = shop(arena);
    bench.insert(arena, "orders", &row(&["1", "a"])).unwrap();
    bench.insert(arena, "lines", &row(&["1", "1"])).unwrap();
    unchecked(&mut bench, arena, "lines", &["2", "7"]);
    unchecked(&mut bench, arena, "lines", &["3", "7"]);
    unchecked(&mut bench, arena, "lines", &["4", "1"]);
    let orphan = |id: i64| Broken::Orphan {
        table: "app.lines".into(),
        key: bench.row_key("lines", id),
        constraint: "lines_of_order".into(),
    };
    let expected = [orphan(2), orphan(3)];
    assert_eq!(bench.db.integrity(arena), expected);
}

#[test]
fn a_unique_value_of_two_rows_is_found() {
    let arena = &mut Arena::default();
    let mut bench = shop(arena);
    unchecked(&mut bench, arena, "orders", &["1", "a"]);
    unchecked(&mut bench, arena, "orders", &["2", "A"]);
    let broken = bench.db.integrity(arena);
    assert!(
        matches!(&broken[..], [Broken::Duplicate { index, .. }] if index == "code"),
        "equal under the collation: {broken:?}"
    );
}
