//! Damaged statements: whatever the text, an answer and no panic.

use super::real_world::all;
use super::*;
use proptest::prelude::*;

/// Reads a text in every way there is, and defines what it creates.
fn read(text: &str) {
    for version in [50540, 50744, 90704] {
        let mut ctx = session(version);
        ctx.sql_mode.ansi_quotes = version == 90704;
        if let Ok(Statement::CreateTable(create)) = parse(text, &ctx)
            && let Ok(Some(def)) = create.define(&utf8mb4(&ctx))
        {
            let _ = alter(&def, &[AlterChange::DropPrimaryKey], &utf8mb4(&ctx), &ctx);
        }
        if let Err(error) = parse_script(text, &ctx) {
            // The place lies in the text, or right behind it.
            let lines = text.split('\n').count() as u32;
            assert!((1..=lines).contains(&error.line), "{error}");
        }
    }
}

#[test]
fn every_beginning_and_every_end_of_a_statement_has_an_answer() {
    for sql in all() {
        for (at, _) in sql.char_indices().step_by(3) {
            read(&sql[..at]);
            read(&sql[at..]);
        }
    }
}

#[test]
fn nesting_costs_no_stack() {
    read(&format!(
        "CREATE TABLE t (a INT DEFAULT {})",
        "(".repeat(200_000)
    ));
    read(&format!(
        "CREATE TABLE t (a INT CHECK ({}1{}))",
        "(".repeat(100_000),
        ")".repeat(100_000)
    ));
    read(&"/*!50000 ".repeat(50_000));
}

#[test]
fn numbers_beyond_every_limit_are_errors() {
    let huge = "99999999999999999999999";
    for ty in [
        "INT(N)",
        "CHAR(N)",
        "VARCHAR(N)",
        "DECIMAL(N,N)",
        "FLOAT(N)",
        "BIT(N)",
        "TIME(N)",
        "TEXT(N)",
        "BLOB(N)",
    ] {
        let sql = format!("CREATE TABLE t (a {})", ty.replace('N', huge));
        assert!(parse(&sql, &session(80400)).is_err(), "{sql}");
        read(&format!(
            "CREATE TABLE t (a {})",
            ty.replace('N', "18446744073709551615")
        ));
    }
    read(
        "CREATE TABLE t (a DECIMAL(9,2) DEFAULT 1e999999999, b DECIMAL(9,2) DEFAULT 1e-100, c BIGINT DEFAULT 1e100)",
    );
}

#[test]
fn more_columns_and_keys_than_mysql_has_are_errors_at_once() {
    let ctx = session(80400);
    let many = |piece: &str| vec![piece; 200_000].join(",");
    for (definitions, code) in [
        (many("a INT"), 1117),
        ("a INT,".to_owned() + &many("KEY (a)"), 1069),
    ] {
        let Ok(Statement::CreateTable(create)) =
            parse(&format!("CREATE TABLE t ({definitions})"), &ctx)
        else {
            panic!("not read");
        };
        assert_eq!(
            create.define(&utf8mb4(&ctx)).unwrap_err().code(),
            Some(code)
        );
    }
    let def = table_of("CREATE TABLE t (a INT)", &ctx);
    for piece in ["ADD b INT", "ALTER a SET DEFAULT 1", "RENAME COLUMN a TO b"] {
        let error = altered(&def, &format!("ALTER TABLE t {}", many(piece)), &ctx).unwrap_err();
        assert_eq!(error.code(), Some(1117), "{piece}");
    }
}

proptest! {
    #![proptest_config(crate::cases::config(256))]

    #[test]
    fn a_statement_with_pieces_moved_has_an_answer(
        which in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 3),
    ) {
        let sources: Vec<&str> = all().collect();
        let (a, b) = (which.get(&sources), other.get(&sources));
        let boundary = |text: &str, index: &prop::sample::Index| {
            let mut at = index.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (x, y, z) = (boundary(a, &cuts[0]), boundary(a, &cuts[1]), boundary(b, &cuts[2]));
        read(&format!("{}{}{}", &a[..x], &b[z..], &a[y..]));
    }

    #[test]
    fn any_text_has_an_answer(text in "(CREATE TABLE t \\(a INT |ALTER TABLE t |)[ -~é\\n]{0,60}") {
        read(&text);
    }
}
