//! What a receiver asks in SQL before it asks for the binlog.
//!
//! As 9.7.4 and 5.6.24 were seen to ask: the time, `SERVER_ID`, `SERVER_UUID`, `GTID_MODE`, and user variables
//! with the heartbeat's period, the checksums that the receiver knows, and its UUID. Nothing else is a
//! database here.

use std::collections::BTreeMap;

/// The most user variables that a connection may have.
const VARIABLES_MAX: usize = 32;

/// Variables of the server and of the connection.
#[derive(Debug)]
pub struct Variables {
    /// `@@name`, in lower case.
    pub system: BTreeMap<&'static str, String>,
    /// `@name`, in lower case.
    user: BTreeMap<String, String>,
    /// `UNIX_TIMESTAMP()`.
    pub now_s: u64,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Ok,
    /// A row at most.
    Rows {
        /// Names.
        columns: Vec<String>,
        /// Values; `None` is NULL.
        row: Option<Vec<Option<String>>>,
    },
    /// An error: number, SQLSTATE, text.
    Error(u16, &'static str, String),
}

impl Variables {
    /// Of a new connection.
    pub fn new(system: BTreeMap<&'static str, String>) -> Self {
        Self {
            system,
            user: BTreeMap::new(),
            now_s: 0,
        }
    }

    /// The first of these user variables that is set: they changed their names in 8.0.26.
    pub fn user(&self, names: [&str; 2]) -> Option<&str> {
        let set = names.iter().find_map(|name| self.user.get(*name));
        set.map(String::as_str)
    }

    /// Answers a statement.
    pub fn answer(&mut self, sql: &str) -> Answer {
        let sql = sql.trim().trim_end_matches(';').trim_end();
        let (word, rest) = sql.split_once(char::is_whitespace).unwrap_or((sql, ""));
        match word.to_ascii_uppercase().as_str() {
            "SELECT" => self.select(rest),
            "SET" => self.set(rest),
            "SHOW" => self.show(rest),
            _ => not_understood(sql),
        }
    }

    fn select(&self, list: &str) -> Answer {
        let (mut columns, mut row) = (Vec::new(), Vec::new());
        let upper = list.to_ascii_uppercase();
        let list = match upper.strip_suffix(" LIMIT 1") {
            Some(before) => list.get(..before.len()).unwrap_or(list),
            None => list,
        };
        for expression in parts(list) {
            match self.value(expression) {
                Ok(value) => row.push(value),
                Err(error) => return error,
            }
            columns.push(expression.to_string());
        }
        Answer::Rows {
            columns,
            row: Some(row),
        }
    }

    /// The value of an expression.
    fn value(&self, expression: &str) -> Result<Option<String>, Answer> {
        let lower = expression.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix("@@") {
            let name = ["global.", "session."]
                .iter()
                .find_map(|scope| name.strip_prefix(scope))
                .unwrap_or(name);
            return match self.system.get(name) {
                Some(value) => Ok(Some(value.clone())),
                None => Err(Answer::Error(
                    1193,
                    "HY000",
                    format!("Unknown system variable '{name}'"),
                )),
            };
        }
        if let Some(name) = lower.strip_prefix('@') {
            return Ok(self.user.get(name).cloned());
        }
        match lower.as_str() {
            "unix_timestamp()" => Ok(Some(self.now_s.to_string())),
            "version()" => Ok(self.system.get("version").cloned()),
            _ if lower.bytes().all(|b| b.is_ascii_digit()) && !lower.is_empty() => Ok(Some(lower)),
            _ => match text(expression) {
                Some(text) => Ok(Some(text.to_string())),
                None => Err(not_understood(expression)),
            },
        }
    }

    /// User variables are kept; what else is set (NAMES, modes of the session) changes nothing here.
    fn set(&mut self, list: &str) -> Answer {
        for assignment in parts(list) {
            let Some((name, value)) = assignment.split_once('=') else {
                continue;
            };
            let name = name.trim_end_matches(':').trim();
            let Some(name) = name.strip_prefix('@').filter(|n| !n.starts_with('@')) else {
                continue;
            };
            let value = match self.value(value.trim()) {
                Ok(value) => value,
                Err(error) => return error,
            };
            let name = name.to_ascii_lowercase();
            match value {
                Some(value) if self.user.len() < VARIABLES_MAX || self.user.contains_key(&name) => {
                    self.user.insert(name, value);
                }
                Some(_) => {
                    let text = format!("more than {VARIABLES_MAX} user variables");
                    return Answer::Error(1105, "HY000", text);
                }
                None => {
                    self.user.remove(&name);
                }
            }
        }
        Answer::Ok
    }

    /// `SHOW [GLOBAL] VARIABLES LIKE 'name'`, as 5.6 asks.
    fn show(&self, rest: &str) -> Answer {
        let words: Vec<_> = rest.split_whitespace().collect();
        let upper: Vec<_> = words.iter().map(|w| w.to_ascii_uppercase()).collect();
        let upper: Vec<_> = upper.iter().map(String::as_str).collect();
        let ([.., "VARIABLES", "LIKE", _], Some(pattern)) = (&upper[..], words.last()) else {
            return not_understood(&format!("SHOW {rest}"));
        };
        let Some(name) = text(pattern).map(str::to_ascii_lowercase) else {
            return not_understood(pattern);
        };
        let value = self.system.get(name.as_str());
        Answer::Rows {
            columns: vec!["Variable_name".into(), "Value".into()],
            row: value.map(|value| vec![Some(name.clone()), Some(value.clone())]),
        }
    }
}

/// The parts of a list; a comma inside quotes separates nothing.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |c| {
        quoted ^= c == '\'';
        c == ',' && !quoted
    })
    .map(str::trim)
}

/// A literal's text.
fn text(literal: &str) -> Option<&str> {
    let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains(['\'', '\\'])).then_some(inner)
}

fn not_understood(sql: &str) -> Answer {
    let shown: String = sql.chars().take(80).collect();
    Answer::Error(
        1235,
        "42000",
        format!(
            "cutover serve-binlog answers what a replica asks, and nothing else: not '{shown}'"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let system = [
            ("server_id", "1"),
            ("binlog_checksum", "CRC32"),
            ("version", "8.0.36"),
        ];
        Variables {
            now_s: 1_700_000_000,
            ..Variables::new(system.map(|(k, v)| (k, v.to_string())).into())
        }
    }

    fn one(answer: Answer) -> Option<String> {
        match answer {
            Answer::Rows { row: Some(row), .. } => row.into_iter().next().flatten(),
            other => panic!("a row was to come: {other:?}"),
        }
    }

    #[test]
    fn what_receivers_of_5_6_and_9_7_ask_is_answered() {
        let mut v = variables();
        assert_eq!(
            one(v.answer("SELECT UNIX_TIMESTAMP()")).unwrap(),
            "1700000000"
        );
        assert_eq!(one(v.answer("SELECT @@GLOBAL.SERVER_ID")).unwrap(), "1");
        let answer = v.answer("SHOW VARIABLES LIKE 'SERVER_ID'");
        let Answer::Rows {
            columns,
            row: Some(row),
        } = answer
        else {
            panic!("{answer:?}")
        };
        assert_eq!(columns, ["Variable_name", "Value"]);
        assert_eq!(row, [Some("server_id".to_string()), Some("1".to_string())]);
        let set = "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = \
                   @@global.binlog_checksum";
        assert_eq!(v.answer(set), Answer::Ok);
        assert_eq!(
            one(v.answer("SELECT @source_binlog_checksum")).unwrap(),
            "CRC32"
        );
        assert_eq!(
            v.answer("SET @slave_uuid= 'a-b,c', @replica_uuid = 'a-b,c'"),
            Answer::Ok
        );
        assert_eq!(v.user(["replica_uuid", "slave_uuid"]), Some("a-b,c"));
        assert_eq!(v.answer("SET NAMES utf8mb4"), Answer::Ok);
        assert_eq!(one(v.answer("select version()")).unwrap(), "8.0.36");
    }

    #[test]
    fn an_unknown_variable_has_the_servers_error_and_no_variable_is_null() {
        let mut v = variables();
        assert_eq!(
            v.answer("SELECT @@global.rpl_semi_sync_source_enabled"),
            Answer::Error(
                1193,
                "HY000",
                "Unknown system variable 'rpl_semi_sync_source_enabled'".into()
            )
        );
        assert_eq!(one(v.answer("SELECT @nothing")), None);
        let Answer::Rows { row, .. } = v.answer("SHOW VARIABLES LIKE 'nonsense'") else {
            panic!()
        };
        assert_eq!(row, None);
    }

    #[test]
    fn anything_else_is_refused_and_variables_are_bounded() {
        let mut v = variables();
        for sql in [
            "",
            "DROP TABLE t",
            "SELECT",
            "SELECT * FROM t",
            "SHOW TABLES",
            "'",
            "SET @a = b'",
        ] {
            assert!(matches!(v.answer(sql), Answer::Error(1235, ..)), "{sql}");
        }
        for i in 0..VARIABLES_MAX {
            assert_eq!(v.answer(&format!("SET @a{i} = 1")), Answer::Ok);
        }
        assert!(matches!(
            v.answer("SET @another = 1"),
            Answer::Error(1105, ..)
        ));
    }
}
