//! What a statement is, as far as its first words say. No parser: a statement that is refused or replayed
//! is looked at more closely by others.

use crate::binlog::decode::Query;

/// BEGIN, COMMIT and what else steers a transaction without changing data.
pub(super) fn is_control(query: &Query<'_>) -> bool {
    const WORDS: [&str; 4] = ["BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"];
    let word = first_word(query.sql);
    WORDS
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w.as_bytes()))
        || word.eq_ignore_ascii_case(b"ROLLBACK")
        || query.starts_with(&["XA", "START"])
        || query.starts_with(&["XA", "END"])
}

/// Whether a statement changes rows. CREATE TABLE … SELECT in STATEMENT format passes for DDL here.
pub(super) fn is_change(query: &Query<'_>) -> bool {
    const WORDS: [&str; 10] = [
        "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "SELECT", "WITH", "DO", "IMPORT",
    ];
    let word = first_word(query.sql);
    WORDS
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w.as_bytes()))
}

/// The first word behind blanks, comments and parentheses; `/*! … */` counts as text.
fn first_word(mut sql: &[u8]) -> &[u8] {
    let behind = |text: &'_ [u8], end: &[u8]| {
        text.windows(end.len())
            .position(|w| w == end)
            .map(|at| at + end.len())
    };
    loop {
        sql = sql.trim_ascii_start();
        let skip = match sql {
            [b'/', b'*', b'!', ..] => {
                3 + sql
                    .iter()
                    .skip(3)
                    .take_while(|b| b.is_ascii_digit())
                    .count()
            }
            [b'/', b'*', ..] => behind(sql, b"*/").unwrap_or(sql.len()),
            [b'#', ..] | [b'-', b'-', ..] => behind(sql, b"\n").unwrap_or(sql.len()),
            [b'(', ..] => 1,
            _ => break,
        };
        sql = sql.get(skip..).unwrap_or_default();
    }
    let end = sql
        .iter()
        .position(|b| !b.is_ascii_alphabetic())
        .unwrap_or(sql.len());
    sql.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_parentheses_do_not_hide_a_change() {
        for sql in [
            "insert into t values (1)",
            "/* app:42 */ UPDATE t set a = 1",
            "-- why\n# and who\n delete from t",
            "/*!50000 replace into t values (1) */",
            "(select f())",
            "with c as (select 1) update t set a = 1",
        ] {
            let query = Query {
                sql: sql.as_bytes(),
                ..Query::decode(&[0; 14]).expect("empty")
            };
            assert!(is_change(&query), "{sql}");
        }
        for sql in [
            "create table t (a int)",
            "truncate t",
            "",
            "/* insert",
            "-- insert",
            "insertion",
        ] {
            let query = Query {
                sql: sql.as_bytes(),
                ..Query::decode(&[0; 14]).expect("empty")
            };
            assert!(!is_change(&query), "{sql}");
        }
    }
}
