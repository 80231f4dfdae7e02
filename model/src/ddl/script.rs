//! A file of statements: what mysqldump and people write for the `mysql` client (manual, "mysql Client
//! Commands"), with DELIMITER and with `;` inside quotes, comments and stored programs.

use super::lex::{end_of_comment, end_of_quoted};
use super::statement_text::parse_range;
use super::{Context, ParseError, Statement};
use std::ops::Range;

/// A statement with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// The statement.
    pub statement: Statement,
}

/// All statements of a file, in order. USE changes the default schema of those that follow.
///
/// # Errors
/// The first error, with its place in `text`.
pub fn parse_script(text: &str, ctx: &Context) -> Result<Vec<Placed>, ParseError> {
    let mut ctx = ctx.clone();
    let mut splitter = Splitter {
        text,
        at: if text.starts_with(BOM) {
            BOM.len_utf8()
        } else {
            0
        },
        delimiter: ";",
        backslash: !ctx.sql_mode.no_backslash_escapes,
    };
    let mut out = Vec::new();
    // Places are counted from the last statement on, so that a long file is read once.
    let (mut counted, mut line, mut column) = (0, 1, 1);
    while let Some(range) = splitter.next() {
        let statement = parse_range(text, range.clone(), &ctx)?;
        if let Statement::Use(schema) = &statement {
            ctx.default_schema = Some(schema.clone());
        }
        for c in text.get(counted..range.start).unwrap_or("").chars() {
            (line, column) = if c == '\n' {
                (line + 1, 1)
            } else {
                (line, column + 1)
            };
        }
        counted = range.start;
        out.push(Placed {
            line,
            column,
            statement,
        });
    }
    Ok(out)
}

const BOM: char = '\u{feff}';

struct Splitter<'a> {
    text: &'a str,
    at: usize,
    delimiter: &'a str,
    backslash: bool,
}

impl Splitter<'_> {
    /// The next statement, without its delimiter; empty ones are left out.
    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let mut start = None;
        while let Some(&b) = bytes.get(self.at) {
            if bytes[self.at..].starts_with(self.delimiter.as_bytes()) {
                let end = self.at;
                self.at += self.delimiter.len();
                match start {
                    Some(start) => return Some(start..end),
                    None => continue,
                }
            }
            if start.is_none() && self.delimiter_command() {
                continue;
            }
            let (next, blank) = match b {
                b'\'' | b'"' | b'`' => (
                    end_of_quoted(bytes, self.at, self.backslash).unwrap_or(bytes.len()),
                    false,
                ),
                b'/' if bytes[self.at..].starts_with(b"/*") => {
                    // What a version comment holds is part of a statement.
                    let version = bytes.get(self.at + 2) == Some(&b'!');
                    (
                        end_of_comment(bytes, self.at).unwrap_or(bytes.len()),
                        !version,
                    )
                }
                b'#' | b'-' => match end_of_comment(bytes, self.at) {
                    Some(end) => (end, true),
                    None => (self.at + 1, false),
                },
                _ => (self.at + 1, b.is_ascii_whitespace() || b == 0),
            };
            if !blank && start.is_none() {
                start = Some(self.at);
            }
            self.at = next;
        }
        start.map(|start| start..bytes.len())
    }

    /// DELIMITER at the start of a statement: a command of the client, up to the end of its line.
    fn delimiter_command(&mut self) -> bool {
        const COMMAND: &str = "DELIMITER";
        let rest = &self.text[self.at..];
        let Some(argument) = rest.get(COMMAND.len()..) else {
            return false;
        };
        let is_command = rest[..COMMAND.len()].eq_ignore_ascii_case(COMMAND)
            && argument.starts_with([' ', '\t']);
        if !is_command {
            return false;
        }
        let line = argument.lines().next().unwrap_or("");
        if let Some(delimiter) = line.split_whitespace().next() {
            self.delimiter = delimiter;
        }
        self.at += COMMAND.len() + line.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbs(text: &str) -> Vec<(u32, u32, String)> {
        let placed = parse_script(text, &Context::default()).unwrap();
        let verb = |s: &Statement| match s {
            Statement::Ignored { what } => what.clone(),
            Statement::Dml { verb } | Statement::Transaction { verb } => verb.clone(),
            Statement::Use(schema) => format!("USE {schema}"),
            other => panic!("{other:?}"),
        };
        placed
            .iter()
            .map(|p| (p.line, p.column, verb(&p.statement)))
            .collect()
    }

    #[test]
    fn semicolons_in_quotes_comments_and_programs_end_nothing() {
        let text = "\u{feff}-- head; line\n/* a; b */ SET x = ';', y = \"a\\\";\";;\n\
            DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON u\n\
            FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END */;;\nDELIMITER ;\nUSE `b;c`; BEGIN";
        assert_eq!(
            verbs(text),
            [
                (2, 12, "SET".to_owned()),
                (4, 1, "CREATE TRIGGER".to_owned()),
                (7, 1, "USE b;c".to_owned()),
                (7, 12, "BEGIN".to_owned()),
            ]
        );
    }

    #[test]
    fn use_changes_the_schema_of_what_follows() {
        let placed =
            parse_script("USE a; TRUNCATE t; USE b; TRUNCATE t;", &Context::default()).unwrap();
        let tables: Vec<_> = placed
            .iter()
            .filter_map(|p| match &p.statement {
                Statement::Truncate(table) => Some(table.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(tables, ["a.t", "b.t"]);
    }

    #[test]
    fn errors_have_their_place_in_the_file() {
        let error = parse_script(
            "USE a;\n\nCREATE TABLE t (\n  a INT,\n  b WIBBLE\n);",
            &Context::default(),
        )
        .unwrap_err();
        assert_eq!(
            (error.line, error.column, error.error.code()),
            (5, 5, Some(1064))
        );
    }
}
