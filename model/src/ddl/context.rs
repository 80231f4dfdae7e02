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

/// `time_zone`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeZone {
    /// The server's own, which the binlog does not tell: taken as UTC, as cloud servers have it.
    #[default]
    System,
    /// Seconds east of UTC.
    Offset(i32),
    /// A name whose rules are not known here.
    Named(Arc<str>),
}

impl TimeZone {
    /// From its text: `SYSTEM`, `+05:30`, `Europe/Berlin`.
    pub fn from_text(text: &str) -> TimeZone {
        let offset = || {
            let (sign, rest) = match text.strip_prefix('-') {
                Some(rest) => (-1, rest),
                None => (1, text.strip_prefix('+')?),
            };
            let (hours, minutes) = rest.split_once(':')?;
            let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
            ((0..=14).contains(&hours) && (0..60).contains(&minutes))
                .then(|| sign * (hours * 3600 + minutes * 60))
        };
        match text {
            "SYSTEM" => TimeZone::System,
            "UTC" | "Etc/UTC" | "GMT" => TimeZone::Offset(0),
            _ => offset().map_or_else(|| TimeZone::Named(text.into()), TimeZone::Offset),
        }
    }

    /// Seconds east of UTC, where they are known.
    pub fn offset_s(&self) -> Option<i32> {
        match self {
            TimeZone::System => Some(0),
            TimeZone::Offset(seconds) => Some(*seconds),
            TimeZone::Named(_) => None,
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
    /// `time_zone`: what TIMESTAMP literals, and DATETIMEs that take the time of now, are in.
    pub time_zone: TimeZone,
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
            time_zone: TimeZone::System,
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
    fn time_zones_are_offsets_or_names() {
        let offset = |text: &str| TimeZone::from_text(text).offset_s();
        assert_eq!(offset("+05:30"), Some(19_800));
        assert_eq!(offset("-8:00"), Some(-28_800));
        assert_eq!(offset("SYSTEM"), Some(0));
        for named in ["Europe/Berlin", "+15:00", "+1", "-", ""] {
            assert_eq!(offset(named), None, "{named}");
        }
    }

    #[test]
    fn sql_mode_bits_are_the_servers() {
        let mode = SqlMode::from_bits((1 << 20) | (1 << 2));
        assert!(mode.ansi_quotes && mode.no_backslash_escapes && !mode.real_as_float);
    }
}
