//! What a group changes and takes back itself.
//!
//! A transaction that is rolled back, to a savepoint or as a whole, is in the binlog all the same where it
//! touched tables that cannot be rolled back, or made a temporary table (sql/binlog.cc, `binlog_rollback`
//! and `binlog_savepoint_rollback`): its rows of transactional tables count for nothing.

use crate::binlog::{decode::Query, event::EventType, group::Group};
use std::ops::Range;

/// The events, counted from 0, whose rows are taken back; most groups have none.
pub(super) fn ranges(group: &Group<'_>) -> Vec<Range<usize>> {
    if group.rolled_back {
        return Vec::from([Range {
            start: 0,
            end: usize::MAX,
        }]);
    }
    if !group.has_partial_rollback {
        return Vec::new();
    }
    let mut ranges = Vec::new();
    let mut savepoints: Vec<(Vec<u8>, usize)> = Vec::new();
    for (index, frame) in group.events().enumerate() {
        if frame.header.event_type != EventType::QUERY {
            continue;
        }
        let Ok(query) = Query::decode(frame.body) else {
            continue;
        };
        if let Some(name) = name_behind(query.sql, &["SAVEPOINT"]) {
            savepoints.retain(|(known, _)| *known != name);
            savepoints.push((name, index));
        } else if let Some(name) = name_behind(query.sql, &["ROLLBACK", "TO"])
            && let Some(at) = savepoints.iter().position(|(known, _)| *known == name)
        {
            ranges.push(savepoints[at].1..index);
            savepoints.truncate(at + 1);
        }
    }
    ranges
}

/// What follows these words, blanks and a further SAVEPOINT aside, in lower case.
fn name_behind(sql: &[u8], words: &[&str]) -> Option<Vec<u8>> {
    let mut rest = sql.trim_ascii();
    for word in words {
        rest = behind(rest, word)?;
    }
    let name = behind(rest, "SAVEPOINT").unwrap_or(rest);
    Some(name.to_ascii_lowercase())
}

fn behind<'a>(text: &'a [u8], word: &str) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(word.len())?;
    let ends = rest
        .first()
        .is_some_and(|b| b.is_ascii_whitespace() || *b == b'`');
    (ends && head.eq_ignore_ascii_case(word.as_bytes())).then(|| rest.trim_ascii_start())
}

/// Whether a storage engine (in lower case) can roll back.
pub(super) fn is_transactional(engine: &str) -> bool {
    !matches!(
        engine,
        "myisam"
            | "memory"
            | "heap"
            | "archive"
            | "csv"
            | "merge"
            | "mrg_myisam"
            | "blackhole"
            | "federated"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savepoints_are_named_with_and_without_the_word() {
        let name = |sql: &str| name_behind(sql.as_bytes(), &["ROLLBACK", "TO"]);
        assert_eq!(name("ROLLBACK TO `A b`"), Some(b"`a b`".to_vec()));
        assert_eq!(name("rollback to savepoint a"), Some(b"a".to_vec()));
        assert_eq!(name("ROLLBACK"), None);
    }
}
