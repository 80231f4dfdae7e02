//! What a statement's meaning depends on besides its text: the session and the server that ran it.

use crate::schema::Collation;
use std::sync::Arc;

/// A server's version as one number, as in `/*!80021 … */`: 5.6.24 is 50624, 9.7.4 is 90704.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// The version in a server's version text, such as `5.7.44-log` or `8.0.36`; `None` without three numbers.
    pub fn from_text(text: &str) -> Option<Version> {
        let mut numbers = text.splitn(3, '.').map(|part| {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            part[..digits].parse::<u32>().ok().filter(|&n| n < 100)
        });
        let mut next = || numbers.next().flatten();
        Some(Version(next()? * 10_000 + next()? * 100 + next()?))
    }

    /// This version or a later one.
    pub fn at_least(self, other: u32) -> bool {
        self.0 >= other
    }
}

/// The bits of `sql_mode` that change how DDL is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SqlMode {
    /// `"x"` is a name, not a string.
    pub ansi_quotes: bool,
    /// A backslash in a string is a character like any other.
    pub no_backslash_escapes: bool,
    /// REAL is FLOAT.
    pub real_as_float: bool,
}

impl SqlMode {
    /// From the bits of a QUERY event's status variable Q_SQL_MODE_CODE (server: `sql/system_variables.h`).
    pub fn from_bits(bits: u64) -> SqlMode {
        SqlMode {
            ansi_quotes: bits & (1 << 2) != 0,
            no_backslash_escapes: bits & (1 << 20) != 0,
            real_as_float: bits & 1 != 0,
        }
    }
}

/// The session in which a statement ran.
///
/// Texts are UTF-8 here: a QUERY event's text is in the client's character set and must be decoded first
/// (in GBK or SJIS a backslash may be half of a character). TIMESTAMP defaults are taken as UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The schema of names that name none.
    pub default_schema: Option<Arc<str>>,
    /// The server's version.
    pub version: Version,
    /// `sql_mode`.
    pub sql_mode: SqlMode,
    /// `explicit_defaults_for_timestamp`; `None` is the version's default (off before 8.0.2).
    pub explicit_defaults_for_timestamp: Option<bool>,
    /// `collation_server`; `None` is the version's default.
    pub server_collation: Option<Collation>,
    /// `default_collation_for_utf8mb4` (a QUERY event's Q_DEFAULT_COLLATION_FOR_UTF8MB4); `None` is the
    /// version's default.
    pub utf8mb4_default: Option<Collation>,
    /// `default_storage_engine`, in lower case.
    pub engine: Arc<str>,
    /// When the statement ran, in microseconds since 1970 (UTC): what a new column with DEFAULT
    /// CURRENT_TIMESTAMP holds in the rows that were there before.
    pub now_us: Option<u64>,
}

impl Default for Context {
    /// MySQL 8.4 with its defaults, no schema.
    fn default() -> Self {
        Context {
            default_schema: None,
            version: Version(80400),
            sql_mode: SqlMode::default(),
            explicit_defaults_for_timestamp: None,
            server_collation: None,
            utf8mb4_default: None,
            engine: "innodb".into(),
            now_us: None,
        }
    }
}

impl Context {
    /// A session in a default schema (empty: none) of a server of this version, with its defaults.
    pub fn new(schema: &str, version: Version) -> Self {
        Context {
            default_schema: (!schema.is_empty()).then(|| schema.into()),
            version,
            ..Context::default()
        }
    }

    pub(super) fn timestamps_are_explicit(&self) -> bool {
        self.explicit_defaults_for_timestamp
            .unwrap_or(self.version.at_least(80002))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_servers_say() {
        assert_eq!(Version::from_text("5.6.24-log"), Some(Version(50624)));
        assert_eq!(Version::from_text("9.7.4"), Some(Version(90704)));
        assert_eq!(Version::from_text("8.0.mysql_aurora.3.05"), None);
        assert_eq!(Version::from_text("8"), None);
    }

    #[test]
    fn sql_mode_bits_are_the_servers() {
        let mode = SqlMode::from_bits((1 << 20) | (1 << 2));
        assert!(mode.ansi_quotes && mode.no_backslash_escapes && !mode.real_as_float);
    }
}
