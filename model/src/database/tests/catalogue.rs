//! Names, DDL on whole tables, finding rows, text in and out, comparisons.

use super::*;

/// The present columns of a row, as a ROWS event carries them.
fn partial(bench: &Bench, table: &str, values: &[(usize, &str)]) -> (Vec<u8>, Vec<u8>) {
    let columns = &bench.db.table(bench.id(table)).unwrap().def().columns;
    let mut present = vec![0; columns.len().div_ceil(8)];
    let mut image = vec![0; values.len().div_ceil(8)];
    for (nth, (column, text)) in values.iter().enumerate() {
        present[column / 8] |= 1 << (column % 8);
        match *text {
            "NULL" => image[nth / 8] |= 1 << (nth % 8),
            text => parse(&columns[*column], text, &mut image).unwrap(),
        }
    }
    (present, image)
}

fn find(bench: &Bench, arena: &mut Arena, table: &str, values: &[(usize, &str)]) -> Option<RowKey> {
    let (present, image) = partial(bench, table, values);
    let row = Partial {
        present: &present,
        image: &image,
    };
    bench.db.find(arena, bench.id(table), &row).ok()
}

#[test]
fn a_before_image_finds_its_row_by_key_or_by_content() {
    let arena = &mut Arena::default();
    let mut solid = keyless("solid", vec![int("n"), text("name")]);
    solid.columns[1].nullable = false;
    solid.uniques = vec![key("name", &[1])];
    let keyed = table("keyed", vec![int("id"), text("name")]);
    let bag = keyless("bag", vec![int("n"), text("name")]);
    let mut bench = Bench::new(arena, [keyed, solid, bag]);
    for name in ["keyed", "solid", "bag"] {
        bench.insert(arena, name, &row(&["1", "one"])).unwrap();
        bench.insert(arena, name, &row(&["2", "two"])).unwrap();
    }
    let two = Some(bench.row_key("keyed", 2));
    // By the primary key alone: the other columns are not compared.
    assert_eq!(find(&bench, arena, "keyed", &[(0, "2"), (1, "other")]), two);
    assert_eq!(find(&bench, arena, "keyed", &[(1, "two")]), two);
    assert_eq!(find(&bench, arena, "keyed", &[(0, "3")]), None);
    assert!(find(&bench, arena, "solid", &[(0, "9"), (1, "TWO")]).is_some());
    assert!(find(&bench, arena, "bag", &[(0, "2"), (1, "two")]).is_some());
    assert!(find(&bench, arena, "bag", &[(0, "2")]).is_some());
    assert_eq!(find(&bench, arena, "bag", &[(0, "2"), (1, "one")]), None);
    assert_eq!(find(&bench, arena, "bag", &[(0, "2"), (1, "NULL")]), None);
}

#[test]
fn equal_rows_of_a_table_without_key_are_told_apart_and_compared_as_a_bag() {
    let arena = &mut Arena::default();
    let mut source = Bench::new(arena, [keyless("bag", vec![int("n"), text("s")])]);
    let mut target = source.clone();
    for (bench, rows) in [
        (&mut source, ["1", "1", "2"]),
        (&mut target, ["2", "1", "1"]),
    ] {
        for n in rows {
            bench.insert(arena, "bag", &row(&[n, "x"])).unwrap();
        }
    }
    assert_eq!(diff(&source.db, &target.db, arena), vec![]);
    let key = find(&target, arena, "bag", &[(0, "1"), (1, "x")]).unwrap();
    let mut plan = Vec::new();
    target
        .db
        .plan_delete(arena, target.id("bag"), key, Checks::ALL, &mut plan)
        .unwrap();
    target.db.apply(arena, &plan[0]);
    assert_eq!(
        target.dump(arena, "bag"),
        [r#"["n", "s"]"#, r#"["1", "x"]"#, r#"["2", "x"]"#]
    );
    let found = diff(&source.db, &target.db, arena);
    assert!(
        matches!(
            &found[..],
            [Difference::Row {
                a: Some(_),
                b: None,
                ..
            }]
        ),
        "{found:?}"
    );
}

#[test]
fn a_comparison_names_tables_and_rows() {
    let arena = &mut Arena::default();
    let mut a = Bench::new(
        arena,
        [
            table("t", vec![int("id"), int("v")]),
            table("u", vec![int("id")]),
        ],
    );
    for id in 1..=1000 {
        a.insert(arena, "t", &row(&[&id.to_string(), "0"])).unwrap();
    }
    let mut b = a.clone();
    b.db.drop_table(arena, b.id("u"));
    b.update(arena, "t", 500, &row(&["500", "1"])).unwrap();
    b.update(arena, "t", 600, &row(&["600", "1"])).unwrap();
    b.update(arena, "t", 600, &row(&["600", "0"])).unwrap();
    let found = diff(&a.db, &b.db, arena);
    let [
        Difference::Row { table, key, .. },
        Difference::MissingTable {
            table: u,
            in_a: true,
        },
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!(
        (&**table, *key, &**u),
        ("app.t", a.row_key("t", 500), "app.u")
    );
}

#[test]
fn names_are_case_sensitive_and_empty_schemas_exist() {
    let arena = &mut Arena::default();
    let mut db = Bench::new(arena, [table("t", vec![int("id")])]).db;
    assert_eq!(
        db.create_table(arena, table("t", vec![int("id")]))
            .unwrap_err()
            .code(),
        1050
    );
    db.create_table(arena, table("T", vec![int("id")])).unwrap();
    db.create_schema("empty").unwrap();
    assert_eq!(db.create_schema("empty").unwrap_err().code(), 1007);
    assert!(db.has_schema("empty") && !db.has_schema("Empty"));
    db.drop_schema(arena, "app").unwrap();
    assert_eq!(db.id("app", "t"), None);
    assert_eq!(db.drop_schema(arena, "app").unwrap_err().code(), 1049);
}

#[test]
fn a_renamed_table_keeps_its_id_its_rows_and_its_children() {
    let arena = &mut Arena::default();
    let mut child = table("child", vec![int("id"), int("p")]);
    child.foreign_keys = vec![foreign(
        "fk",
        1,
        "parent",
        Referential::Cascade,
        Referential::Restrict,
    )];
    let mut bench = Bench::new(arena, [table("parent", vec![int("id")]), child]);
    bench.insert(arena, "parent", &row(&["1"])).unwrap();
    bench.insert(arena, "child", &row(&["1", "1"])).unwrap();
    let id = bench.id("parent");
    bench.db.create_schema("old").unwrap();
    bench.db.rename_table(arena, id, "old", "parents").unwrap();
    assert_eq!(bench.db.id("old", "parents"), Some(id));
    let key = RowKey(1 ^ 1 << 63);
    let mut plan = Vec::new();
    bench
        .db
        .plan_delete(arena, id, key, Checks::ALL, &mut plan)
        .unwrap();
    assert_eq!(plan.len(), 2);
    bench.db.truncate(arena, id).unwrap();
    assert_eq!(bench.db.table(id).unwrap().auto_increment(), 1);
    assert_eq!(
        bench
            .insert(arena, "child", &row(&["2", "1"]))
            .unwrap_err()
            .code(),
        1452
    );
}

#[test]
fn auto_increment_goes_past_explicit_values_and_survives_a_rollback() {
    let arena = &mut Arena::default();
    let mut bench = Bench::new(arena, [table("t", vec![int("id")])]);
    let t = bench.id("t");
    assert_eq!(bench.db.next_auto_increment(t), 1);
    let changes = bench.insert(arena, "t", &row(&["10"])).unwrap();
    bench.db.undo(arena, &changes[0]);
    assert_eq!(bench.db.next_auto_increment(t), 11);
    bench.insert(arena, "t", &row(&["5"])).unwrap();
    bench.db.forget_auto_increments(arena);
    assert_eq!(bench.db.next_auto_increment(t), 6);
    bench.insert(arena, "t", &row(&["2147483647"])).unwrap();
    assert_eq!(bench.db.next_auto_increment(t), 2_147_483_647);
    assert_eq!(bench.db.next_auto_increment(t), 2_147_483_647);
}

#[test]
fn a_rebuild_maps_columns_and_refuses_what_does_not_fit() {
    let arena = &mut Arena::default();
    let mut bench = Bench::new(arena, [table("t", vec![int("id"), int("v")])]);
    bench.insert(arena, "t", &row(&["1", "7"])).unwrap();
    bench.insert(arena, "t", &row(&["2", "7"])).unwrap();
    let id = bench.id("t");
    let mut unique = table("t", vec![int("id"), int("v")]);
    unique.uniques = vec![key("v", &[1])];
    let refused = bench.db.rebuild(
        arena,
        id,
        unique,
        &[ColumnSource::Copy(0), ColumnSource::Copy(1)],
    );
    assert_eq!(
        refused.unwrap_err().to_string(),
        "Duplicate entry '7' for key 't.v'"
    );
    assert_eq!(bench.rows(arena, "t").len(), 2);

    // The key goes, a new one counts the rows.
    let new = table("t2", vec![int("n"), text("v"), int("more")]);
    let sources = [
        ColumnSource::Default,
        ColumnSource::Copy(1),
        ColumnSource::Default,
    ];
    bench.db.rebuild(arena, id, new, &sources).unwrap();
    assert_eq!(
        bench.dump(arena, "t2")[1..],
        [r#"["1", "7", null]"#, r#"["2", "7", null]"#]
    );
    assert_eq!(
        (bench.db.id("app", "t"), bench.db.id("app", "t2")),
        (None, Some(id))
    );
}

#[test]
fn text_goes_in_as_it_came_out() {
    let arena = &mut Arena::default();
    let mut bench = Bench::new(arena, [table("t", vec![int("id"), text("s")])]);
    let id = bench.id("t");
    let text = "[\"s\", \"id\"]\n[\"a\\\"\\\\\\u00e9\\ud83d\\ude80\\n\", \"-2\"]\n\n[null, \"10\"]\n[ \"é\" ,\"9\" ]\r\n";
    assert_eq!(bench.db.load_jsonl(arena, id, text), Ok(3));
    let dump = bench.dump(arena, "t");
    assert_eq!(
        dump[1..],
        [
            r#"["-2", "a\"\\é🚀\n"]"#,
            r#"["9", "é"]"#,
            r#"["10", null]"#
        ]
    );
    let mut again = Bench::new(arena, [table("t", vec![int("id"), super::text("s")])]);
    again.db.load_jsonl(arena, id, &dump.join("\n")).unwrap();
    assert_eq!(diff(&bench.db, &again.db, arena), vec![]);
}

#[test]
fn what_is_wrong_with_a_text_is_said_with_its_line_and_column() {
    let arena = &mut Arena::default();
    let mut bench = Bench::new(arena, [table("t", vec![int("id"), text("s")])]);
    let id = bench.id("t");
    let mut load = |text: &str| {
        bench
            .db
            .load_jsonl(arena, id, text)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        load("[\"id\"]\n[5]"),
        "line 2, character 2: expected a string or null: numbers are written as strings"
    );
    assert_eq!(
        load("[\"nope\"]"),
        "line 1: table 'app.t' has no column 'nope'"
    );
    assert_eq!(
        load("[\"id\", \"ID\"]"),
        "line 1: the first line must name each column once"
    );
    assert_eq!(
        load("[\"id\"]\n[\"1\", \"2\"]"),
        "line 2: 2 values for 1 columns"
    );
    assert_eq!(
        load("[\"id\"]\n[null]"),
        "line 2: column 'id' cannot be null"
    );
    assert!(load("[\"id\"]\n[\"x\"]").starts_with("line 2: column 'id': "));
    assert_eq!(
        load("[\"id\"]\n[\"3\"]\n[\"3\"]"),
        "line 3: Duplicate entry '3' for key 't.PRIMARY'"
    );
    for broken in [
        "[",
        "[\"",
        "[\"\\",
        "[\"\\ud83d\"]",
        "[\"a\"",
        "[\"a\",",
        "[]]",
        "nul",
        "[\"\\u12\"]",
    ] {
        assert!(bench.db.load_jsonl(arena, id, broken).is_err(), "{broken}");
    }
}
