//! What came of a line, as a text that is the same on both sides when the same happened.
//!
//! What must differ between two runs is named: the servers' UUIDs (SOURCE, REPLICA), the ends of transactions
//! (`after 3`: where the binlog ended after the third statement that wrote to it), ports.

use cutover_model::gtid::{GtidSet, Uuid};

/// What came of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// Rows of texts, NULL for NULL.
    Rows(Vec<Vec<Option<String>>>),
    Error(u32, String),
    /// Not done yet.
    Waits,
    /// Field and value.
    Fields(Vec<(String, String)>),
    /// Anything else.
    Text(String),
}

/// Names for what differs from run to run.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// UUID and its name.
    pub uuids: Vec<(Uuid, &'static str)>,
    /// Where the source's binlog ended after each statement that wrote to it; the first is before any.
    pub ends: Vec<(String, u64)>,
}

impl Names {
    /// Remembers an end of the source's binlog.
    pub fn ended(&mut self, file: &str, pos: u64) {
        if self
            .ends
            .last()
            .is_none_or(|(f, p)| (f.as_str(), *p) != (file, pos))
        {
            self.ends.push((file.to_owned(), pos));
        }
    }

    /// A position of the source's binlog.
    pub fn position(&self, file: &str, pos: u64) -> String {
        if pos == 4 {
            return "4".into();
        }
        match self.ends.iter().position(|(f, p)| f == file && *p == pos) {
            Some(n) => format!("after {n}"),
            None => "elsewhere".into(),
        }
    }

    /// A GTID set.
    pub fn gtids(&self, set: &GtidSet) -> String {
        let mut parts: Vec<(usize, String)> = Vec::new();
        for (uuid, _, interval) in set.intervals() {
            let index = self.uuids.iter().position(|(u, _)| *u == uuid);
            let name = index.map_or("OTHER", |i| self.uuids[i].1);
            let range = match interval.first == interval.last {
                true => interval.first.to_string(),
                false => format!("{}-{}", interval.first, interval.last),
            };
            let order = index.unwrap_or(usize::MAX);
            match parts.iter_mut().find(|(o, _)| *o == order) {
                Some((_, text)) => *text = format!("{text}:{range}"),
                None => parts.push((order, format!("{name}:{range}"))),
            }
        }
        parts.sort();
        let texts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
        match texts.is_empty() {
            true => "none".into(),
            false => texts.join(","),
        }
    }

    /// The GTID set that a script means: with names in place of UUIDs.
    pub fn with_uuids(&self, text: &str) -> String {
        let text = self
            .uuids
            .iter()
            .fold(text.to_owned(), |text, (uuid, name)| {
                text.replace(name, &uuid.to_string())
            });
        text.replace("OTHER", OTHER)
    }

    /// A message of a server: UUIDs, positions and ports in it are named or left out.
    pub fn message(&self, text: &str) -> String {
        let mut text = self
            .uuids
            .iter()
            .fold(text.to_owned(), |text, (uuid, name)| {
                text.replace(&uuid.to_string(), name)
            });
        for before in ["end_log_pos ", " at ", "127.0.0.1:", "port ", "position "] {
            text = without_number(&text, before);
        }
        text.replace('\n', " ").trim().to_owned()
    }
}

/// A UUID that no server has.
pub const OTHER: &str = "0f0f0f0f-0000-4000-8000-00000000000f";

fn without_number(text: &str, before: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(before);
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() < part.len() {
            out.push('#');
        }
        out.push_str(rest);
    }
    out
}

impl Outcome {
    /// Whether two texts are the same.
    pub fn same(a: &str, b: &str) -> Self {
        let text = if a == b {
            "the same rows"
        } else {
            "not the same rows"
        };
        Self::Text(text.into())
    }

    /// As the table and the comparison have it.
    pub fn text(&self, names: &Names) -> String {
        match self {
            Outcome::Ok => "ok".into(),
            Outcome::Waits => "waits".into(),
            Outcome::Text(text) => text.clone(),
            Outcome::Error(code, text) => format!("error {code}: {}", names.message(text)),
            Outcome::Fields(fields) => {
                let each = fields
                    .iter()
                    .map(|(field, value)| format!("{field} = {value}"));
                each.collect::<Vec<_>>().join(", ").trim_end().to_owned()
            }
            Outcome::Rows(rows) if rows.is_empty() => "no rows".into(),
            Outcome::Rows(rows) => {
                let mut rows: Vec<String> = rows.iter().map(|row| row_text(row)).collect();
                rows.sort();
                rows.join(" ")
            }
        }
    }
}

fn row_text(row: &[Option<String>]) -> String {
    let values: Vec<&str> = row.iter().map(|v| v.as_deref().unwrap_or("NULL")).collect();
    format!("({})", values.join(", "))
}
