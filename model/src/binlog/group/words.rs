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

/// Whether a data change as a statement writes to one table of the schema `mysql`, as its own words say: the server's
/// own table, and nobody's data. RDS writes its heartbeat so (`INSERT INTO mysql.rds_heartbeat2 …`), as a statement
/// under `binlog_format = ROW` too (vitessio/vitess#5966, dba.stackexchange.com/q/59360).
///
/// A statement of several tables, or one that this does not read to its table, is none of them.
pub fn is_internal(query: &Query<'_>) -> bool {
    let mut sql = query.sql;
    let verb = word(&mut sql);
    let is =
        |word: &[u8], any: &[&str]| any.iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes()));
    let into = is(verb, &["INSERT", "REPLACE"]);
    let deletes = is(verb, &["DELETE"]);
    if !into && !deletes && !is(verb, &["UPDATE"]) {
        return false;
    }
    let mut rest = sql;
    let mut next = word(&mut rest);
    while is(
        next,
        &[
            "LOW_PRIORITY",
            "HIGH_PRIORITY",
            "DELAYED",
            "QUICK",
            "IGNORE",
        ],
    ) {
        sql = rest;
        next = word(&mut rest);
    }
    if (into && is(next, &["INTO"])) || (deletes && is(next, &["FROM"])) {
        sql = rest;
    } else if deletes {
        return false;
    }
    let Some(schema) = schema_of_table(&mut sql, query.schema) else {
        return false;
    };
    let follows = word(&mut sql);
    let alone = match (into, deletes) {
        (true, _) => true,
        (_, true) => {
            let ends = follows.is_empty() && matches!(sql.trim_ascii(), [] | [b';']);
            ends || is(follows, &["WHERE", "ORDER", "LIMIT"])
        }
        _ => is(follows, &["SET"]),
    };
    alone && schema == b"mysql"
}

/// Takes `table` or `schema.table`, and says the schema.
fn schema_of_table<'q>(sql: &mut &'q [u8], default: &'q [u8]) -> Option<&'q [u8]> {
    let first = name(sql)?;
    *sql = behind_blanks(sql);
    let [b'.', rest @ ..] = *sql else {
        return Some(default);
    };
    *sql = rest;
    name(sql).map(|_| first)
}

/// Takes a name, plain or in backquotes.
fn name<'q>(sql: &mut &'q [u8]) -> Option<&'q [u8]> {
    let text = behind_blanks(sql);
    let (found, rest) = match text {
        [b'`', quoted @ ..] => {
            let end = quoted.iter().position(|b| *b == b'`')?;
            (&quoted[..end], &quoted[end + 1..])
        }
        _ => {
            let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | 0x80..);
            let end = text.iter().position(|b| !plain(b)).unwrap_or(text.len());
            text.split_at(end)
        }
    };
    *sql = rest;
    (!found.is_empty()).then_some(found)
}

/// Takes a word of letters, `_` among them; an empty one where there is none.
fn word<'q>(sql: &mut &'q [u8]) -> &'q [u8] {
    let text = behind_blanks(sql);
    let is_part = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    let end = text.iter().position(|b| !is_part(b)).unwrap_or(text.len());
    let (found, rest) = text.split_at(end);
    *sql = rest;
    found
}

/// The first word behind blanks, comments and parentheses; `/*! … */` counts as text.
fn first_word(mut sql: &[u8]) -> &[u8] {
    loop {
        sql = behind_blanks(sql);
        let [b'(', rest @ ..] = sql else { break };
        sql = rest;
    }
    let end = sql
        .iter()
        .position(|b| !b.is_ascii_alphabetic())
        .unwrap_or(sql.len());
    sql.get(..end).unwrap_or_default()
}

/// The text behind blanks and comments; the content of `/*! … */` counts as text.
fn behind_blanks(mut sql: &[u8]) -> &[u8] {
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
            _ => return sql,
        };
        sql = sql.get(skip..).unwrap_or_default();
    }
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

    #[test]
    fn a_change_is_internal_by_the_table_that_it_writes_to() {
        let is_internal = |schema: &'static str, sql: &'static str| {
            let query = Query {
                schema: schema.as_bytes(),
                sql: sql.as_bytes(),
                ..Query::decode(&[0; 14]).expect("empty")
            };
            assert!(is_change(&query), "{sql}");
            is_internal(&query)
        };
        for (schema, sql) in [
            (
                "mysql",
                "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,1493274809584) ON DUPLICATE KEY UPDATE value = 1493274809584",
            ),
            ("", "insert into mysql . `rds_history` values (1)"),
            ("app", "/* why */ REPLACE LOW_PRIORITY `mysql`.t VALUES (1)"),
            ("mysql", "INSERT IGNORE rds_sysinfo VALUES (1)"),
            ("mysql", "delete quick from rds_sysinfo where name = 'k'"),
            ("mysql", "DELETE FROM rds_sysinfo;"),
            ("mysql", "DELETE FROM rds_sysinfo /* all */"),
            ("app", "UPDATE mysql.rds_configuration SET value = 24"),
        ] {
            assert!(is_internal(schema, sql), "{sql}");
        }
        for (schema, sql) in [
            ("mysql", "INSERT INTO app.t VALUES (1)"),
            ("app", "INSERT INTO t SELECT id FROM mysql.rds_heartbeat2"),
            ("app", "INSERT INTO t VALUES ('mysql.t')"),
            ("", "INSERT INTO rds_heartbeat2 VALUES (1)"),
            ("", "INSERT INTO mysql VALUES (1)"),
            ("app", "INSERT INTO mysql_too.t VALUES (1)"),
            ("app", "INSERT INTO `my``mysql`.t VALUES (1)"),
            ("mysql", "UPDATE a, app.t SET t.v = a.v"),
            ("mysql", "UPDATE a JOIN app.t SET t.v = a.v"),
            ("mysql", "DELETE a, app.t FROM a JOIN app.t"),
            ("mysql", "DELETE FROM a, app.t USING a JOIN app.t"),
            ("mysql", "DELETE FROM a (unread"),
            ("mysql", "CALL rds_set_configuration('a', 1)"),
            ("mysql", "SELECT f()"),
            ("mysql", "LOAD DATA INFILE 'x' INTO TABLE app.t"),
            ("mysql", "WITH c AS (SELECT 1) UPDATE app.t SET a = 1"),
            ("mysql", "INSERT"),
            ("mysql", "INSERT INTO `rds"),
        ] {
            assert!(!is_internal(schema, sql), "{sql}");
        }
    }
}
