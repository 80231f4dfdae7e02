//! Single cases of foreign keys and unique keys: texts, order of changes, locks.

use super::*;
use Referential::{Cascade, Restrict, SetNull};

fn tables(on_delete: Referential, on_update: Referential) -> [TableDef; 2] {
    let mut child = table("child", vec![int("id"), int("parent_id")]);
    child.foreign_keys = vec![foreign("child_ibfk_1", 1, "parent", on_delete, on_update)];
    [table("parent", vec![int("id"), int("v")]), child]
}

fn filled(arena: &mut Arena, on_delete: Referential, on_update: Referential) -> Bench {
    let mut bench = Bench::new(arena, tables(on_delete, on_update));
    bench.insert(arena, "parent", &row(&["1", "10"])).unwrap();
    bench.insert(arena, "child", &row(&["7", "1"])).unwrap();
    bench.insert(arena, "child", &row(&["8", "1"])).unwrap();
    bench
}

#[test]
fn errors_have_the_servers_texts_and_numbers() {
    let arena = &mut Arena::default();
    let mut bench = filled(arena, Restrict, Cascade);
    let duplicate = bench
        .insert(arena, "parent", &row(&["1", "2"]))
        .unwrap_err();
    assert_eq!(
        duplicate.message(false),
        "Duplicate entry '1' for key 'parent.PRIMARY'"
    );
    assert_eq!(
        duplicate.message(true),
        "Duplicate entry '1' for key 'PRIMARY'"
    );
    let orphan = bench.insert(arena, "child", &row(&["9", "2"])).unwrap_err();
    assert_eq!(orphan.code(), 1452);
    assert_eq!(
        orphan.to_string(),
        "Cannot add or update a child row: a foreign key constraint fails (`app`.`child`, CONSTRAINT \
         `child_ibfk_1` FOREIGN KEY (`parent_id`) REFERENCES `parent` (`id`) ON UPDATE CASCADE)"
    );
    let parent = LockId {
        space: lock_id(bench.id("parent"), 0, 0).space,
        key: bench.row_key("parent", 2).0,
    };
    assert_eq!(orphan.lock(), Some(parent));
    let referenced = bench.delete(arena, "parent", 1).unwrap_err();
    assert_eq!(referenced.code(), 1451);
    assert_eq!(
        bench.delete(arena, "parent", 5).unwrap_err().to_string(),
        "Can't find record in 'parent'"
    );
}

#[test]
fn a_cascade_changes_the_parent_first_and_then_its_children() {
    let arena = &mut Arena::default();
    let mut bench = filled(arena, Cascade, Cascade);
    let moved = bench
        .update(arena, "parent", 1, &row(&["2", "10"]))
        .unwrap();
    let tables: Vec<TableId> = moved.iter().map(|c| c.table).collect();
    assert_eq!(
        tables,
        [bench.id("parent"), bench.id("child"), bench.id("child")]
    );
    assert_eq!(
        (moved[0].key, moved[0].new_key),
        (bench.row_key("parent", 1), bench.row_key("parent", 2))
    );
    assert_eq!(
        bench.dump(arena, "child")[1..],
        [r#"["7", "2"]"#, r#"["8", "2"]"#]
    );
    assert_eq!(bench.delete(arena, "parent", 2).unwrap().len(), 3);
    assert_eq!(bench.rows(arena, "child").len(), 0);
}

#[test]
fn without_foreign_key_checks_the_engine_neither_checks_nor_cascades() {
    let arena = &mut Arena::default();
    let bench = filled(arena, Cascade, SetNull);
    let mut out = Vec::new();
    let checks = Checks {
        foreign_keys: false,
        unique: true,
    };
    let (parent, key) = (bench.id("parent"), bench.row_key("parent", 1));
    bench
        .db
        .plan_delete(arena, parent, key, checks, &mut out)
        .unwrap();
    assert_eq!(out.len(), 1);
    let orphan = bench.image("child", &row(&["9", "99"]));
    bench
        .db
        .plan_insert(arena, bench.id("child"), &orphan, checks, &mut out)
        .unwrap();
}

#[test]
fn cascades_stop_at_fifteen_levels() {
    let arena = &mut Arena::default();
    let mut def = table("t", vec![int("id"), int("up")]);
    def.foreign_keys = vec![foreign("fk", 1, "t", Cascade, Restrict)];
    let mut bench = Bench::new(arena, [def]);
    bench.insert(arena, "t", &row(&["1", "NULL"])).unwrap();
    for id in 2..=17 {
        bench
            .insert(arena, "t", &row(&[&id.to_string(), &(id - 1).to_string()]))
            .unwrap();
    }
    let before = bench.clone();
    assert_eq!(bench.delete(arena, "t", 1).unwrap_err().code(), 3008);
    assert!(diff(&bench.db, &before.db, arena).is_empty());
    assert_eq!(bench.delete(arena, "t", 2).unwrap().len(), 16);
}

#[test]
fn a_reference_to_columns_without_unique_key_finds_its_parents() {
    let arena = &mut Arena::default();
    let [parent, mut child] = tables(Cascade, Cascade);
    child.foreign_keys[0].parent_columns = vec!["v".into()];
    // The child comes first: its parent's index is made when the parent appears.
    let mut bench = Bench::new(arena, [child, parent]);
    bench.insert(arena, "parent", &row(&["1", "10"])).unwrap();
    bench.insert(arena, "child", &row(&["7", "10"])).unwrap();
    assert_eq!(
        bench
            .insert(arena, "child", &row(&["8", "1"]))
            .unwrap_err()
            .code(),
        1452
    );
    assert_eq!(bench.delete(arena, "parent", 1).unwrap().len(), 2);
}

#[test]
fn nulls_never_conflict_in_a_unique_key_and_other_values_do() {
    let arena = &mut Arena::default();
    let mut def = table("t", vec![int("id"), int("x"), text("y")]);
    def.uniques = vec![key("xy", &[1, 2])];
    let mut bench = Bench::new(arena, [def]);
    bench.insert(arena, "t", &row(&["1", "5", "NULL"])).unwrap();
    bench.insert(arena, "t", &row(&["2", "5", "NULL"])).unwrap();
    bench.insert(arena, "t", &row(&["3", "5", "abc"])).unwrap();
    let refused = bench
        .insert(arena, "t", &row(&["4", "5", "ABC"]))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Duplicate entry '5-ABC' for key 't.xy'"
    );
    bench
        .update(arena, "t", 3, &row(&["3", "6", "abc"]))
        .unwrap();
    bench.insert(arena, "t", &row(&["4", "5", "ABC"])).unwrap();
}

#[test]
fn a_change_locks_its_row_and_the_unique_values_that_it_frees_or_takes() {
    let arena = &mut Arena::default();
    let mut def = table("t", vec![int("id"), int("x"), int("y")]);
    def.uniques = vec![key("x", &[1]), key("y", &[2])];
    let mut bench = Bench::new(arena, [def]);
    let locks = |bench: &Bench, arena: &mut Arena, changes: &[Change]| {
        let mut out = Vec::new();
        changes
            .iter()
            .for_each(|c| bench.db.lock_ids(arena, c, &mut out));
        out.iter()
            .map(|l| (l.space & 127, (l.key ^ 1 << 63) as i64))
            .collect::<Vec<_>>()
    };
    let inserted = bench
        .insert(arena, "t", &row(&["1", "20", "NULL"]))
        .unwrap();
    assert_eq!(locks(&bench, arena, &inserted), [(0, 1), (1, 20)]);
    let changed = bench
        .update(arena, "t", 1, &row(&["1", "21", "NULL"]))
        .unwrap();
    assert_eq!(locks(&bench, arena, &changed), [(0, 1), (1, 20), (1, 21)]);
    let kept = bench
        .update(arena, "t", 1, &row(&["1", "21", "NULL"]))
        .unwrap();
    assert!(kept[0].is_noop());
}
