//! QUERY: a statement as text, with what its meaning depends on.

use crate::binlog::cursor::{Cursor, DecodeError};

/// A statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The connection that ran it.
    pub thread_id: u32,
    /// How long it ran, in seconds; where 8.0.17+ has it at 0, the commit time says more.
    pub exec_time_s: u32,
    /// The error that it ended with on its server; 0 for none.
    pub error_code: u16,
    /// The status variables, see [`Query::status_vars`].
    pub status: &'a [u8],
    /// Default schema; empty for none.
    pub schema: &'a [u8],
    /// The statement, in the client's character set.
    pub sql: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<Query<'a>, DecodeError> {
        let mut c = Cursor::new("QUERY", body);
        let thread_id = c.u32("thread id")?;
        let exec_time_s = c.u32("execution time")?;
        let schema_length = usize::from(c.u8("schema's length")?);
        let error_code = c.u16("error code")?;
        let status_length = usize::from(c.u16("status variables' length")?);
        let status = c.take(status_length, "status variables")?;
        let schema = c.take(schema_length, "schema")?;
        if c.u8("schema's end")? != 0 {
            return Err(c.malformed("schema's end"));
        }
        Ok(Query {
            thread_id,
            exec_time_s,
            error_code,
            status,
            schema,
            sql: c.rest(),
        })
    }

    /// Whether this is the body of BEGIN, as servers write it.
    #[inline]
    pub(crate) fn is_begin(body: &[u8]) -> bool {
        const FIXED: usize = 4 + 4 + 1 + 2 + 2;
        // The end of the schema's name stands in front.
        let Some((rest, b"\0BEGIN")) = body.split_last_chunk() else {
            return false;
        };
        rest.first_chunk::<FIXED>().is_some_and(|fixed| {
            let status = usize::from(u16::from_le_bytes([fixed[11], fixed[12]]));
            rest.len() == FIXED + status + usize::from(fixed[8])
        })
    }

    /// The status variables that are known, in order; it ends at the first that is not.
    pub fn status_vars(&self) -> StatusVars<'a> {
        StatusVars {
            cursor: Cursor::new("QUERY", self.status),
        }
    }

    /// The statement as text, for people and parsers; what is no UTF-8 is replaced.
    pub fn text(&self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.sql)
    }

    /// Whether the statement, without blanks around it, is this text in any case.
    pub fn is(&self, text: &str) -> bool {
        self.sql.trim_ascii().eq_ignore_ascii_case(text.as_bytes())
    }

    /// Whether the statement starts with these words, in any case, each followed by a blank or the end.
    pub fn starts_with(&self, words: &[&str]) -> bool {
        let mut given = self
            .sql
            .split(|b| b.is_ascii_whitespace() || *b == b';')
            .filter(|w| !w.is_empty());
        words.iter().all(|word| {
            given
                .next()
                .is_some_and(|g| g.eq_ignore_ascii_case(word.as_bytes()))
        })
    }
}

/// What a statement's meaning depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusVar<'a> {
    /// `OPTION_*` bits: 14 auto-commit off, 26 no foreign key checks, 27 relaxed unique checks.
    Flags2(u32),
    /// `@@sql_mode` as a bit mask.
    SqlMode(u64),
    /// `@@auto_increment_increment` and `@@auto_increment_offset`.
    AutoIncrement(u16, u16),
    /// Collation ids of `character_set_client`, `collation_connection` and `collation_server`.
    Charset(u16, u16, u16),
    /// `@@time_zone`, where the statement used it.
    TimeZone(&'a [u8]),
    /// Fraction of the statement's start, in µs.
    Microseconds(u32),
    /// The XID of a DDL statement (8.0).
    DdlXid(u64),
    /// `@@explicit_defaults_for_timestamp`.
    ExplicitDefaultsForTimestamp(bool),
    /// Collation id of `@@default_collation_for_utf8mb4`.
    DefaultCollationForUtf8mb4(u16),
    /// Another one, by its code.
    Other(u8),
}

impl StatusVar<'_> {
    /// The bit of `Flags2` for `foreign_key_checks = 0`.
    pub const NO_FOREIGN_KEY_CHECKS: u32 = 1 << 26;
}

/// Iterates over status variables.
#[derive(Clone, Debug)]
pub struct StatusVars<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for StatusVars<'a> {
    type Item = StatusVar<'a>;

    fn next(&mut self) -> Option<StatusVar<'a>> {
        let c = &mut self.cursor;
        let field = "status variables";
        let code = c.u8(field).ok()?;
        let text = |c: &mut Cursor<'a>| -> Option<&'a [u8]> {
            let length = usize::from(c.u8(field).ok()?);
            c.take(length, field).ok()
        };
        Some(match code {
            0 => StatusVar::Flags2(c.u32(field).ok()?),
            1 => StatusVar::SqlMode(c.u64(field).ok()?),
            // A catalog that is still followed by a zero byte (5.0.0 to 5.0.3).
            2 => {
                text(c)?;
                c.u8(field).ok()?;
                StatusVar::Other(code)
            }
            3 => StatusVar::AutoIncrement(c.u16(field).ok()?, c.u16(field).ok()?),
            4 => StatusVar::Charset(c.u16(field).ok()?, c.u16(field).ok()?, c.u16(field).ok()?),
            5 => StatusVar::TimeZone(text(c)?),
            6 => {
                text(c)?;
                StatusVar::Other(code)
            }
            7 | 8 => skip(c, 2, code)?,
            9 => skip(c, 8, code)?,
            10 => skip(c, 4, code)?,
            11 => {
                text(c)?;
                text(c)?;
                StatusVar::Other(code)
            }
            12 => {
                let count = c.u8(field).ok()?;
                // 254 stands for "more than fit".
                for _ in 0..if count == 254 { 0 } else { count } {
                    let end = c.rest().iter().position(|b| *b == 0)?;
                    c.take(end + 1, field).ok()?;
                }
                StatusVar::Other(code)
            }
            13 => StatusVar::Microseconds(c.uint(3, field).ok()? as u32),
            16 => StatusVar::ExplicitDefaultsForTimestamp(c.u8(field).ok()? != 0),
            19 | 20 => skip(c, 1, code)?,
            17 => StatusVar::DdlXid(c.u64(field).ok()?),
            18 => StatusVar::DefaultCollationForUtf8mb4(c.u16(field).ok()?),
            _ => {
                self.cursor = Cursor::new("QUERY", &[]);
                StatusVar::Other(code)
            }
        })
    }
}

fn skip<'a>(c: &mut Cursor<'a>, bytes: usize, code: u8) -> Option<StatusVar<'a>> {
    c.take(bytes, "status variables")
        .ok()
        .map(|_| StatusVar::Other(code))
}
