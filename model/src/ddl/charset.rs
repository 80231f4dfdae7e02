//! Character sets and collations by name: what MySQL's INFORMATION_SCHEMA.COLLATIONS lists.
//!
//! Names are given as 8.0.30 and later print them: `utf8` is `utf8mb3`. What changed between versions is
//! the default of utf8mb4 (`utf8mb4_0900_ai_ci` from 8.0.1 on) and the server's own default (latin1
//! before 8.0): manual, "Server Character Set and Collation".

use super::{Context, DdlError};
use crate::schema::Collation;
use mysql_common::collations::{Collation as Known, CollationId};
use std::sync::LazyLock;

/// Ids of collations are below this (`gb18030` has 248 to 250, the 0900 family ends at 323).
const IDS: u16 = 400;

/// Bytes that a character of the set takes at most. Sets that are not known take 4.
pub fn bytes_per_char(charset: &str) -> u32 {
    known_default(charset).map_or(4, |c| u32::from(c.max_len))
}

/// The collation of that name.
///
/// # Errors
/// 1273 for a name that MySQL does not have.
pub fn by_name(name: &str) -> Result<Collation, DdlError> {
    let lower = modern(name);
    match CollationId::from(lower.as_str()) {
        CollationId::UNKNOWN_COLLATION_ID => Err(DdlError::UnknownCollation(name.to_owned())),
        id => Ok(shared(&Known::resolve(id))),
    }
}

/// The collation that a character set has where none is named.
///
/// # Errors
/// 1115 for a set that MySQL does not have.
pub(super) fn default_of(charset: &str, ctx: &Context) -> Result<Collation, DdlError> {
    let lower = modern(charset);
    if lower == "utf8mb4" {
        return match &ctx.utf8mb4_default {
            Some(collation) => Ok(collation.clone()),
            None if ctx.version.at_least(80001) => by_name("utf8mb4_0900_ai_ci"),
            None => by_name("utf8mb4_general_ci"),
        };
    }
    known_default(&lower)
        .map(shared)
        .ok_or_else(|| DdlError::UnknownCharset(charset.to_owned()))
}

/// The server's default where nothing else is said.
pub(super) fn of_server(ctx: &Context) -> Result<Collation, DdlError> {
    match &ctx.server_collation {
        Some(collation) => Ok(collation.clone()),
        None if ctx.version.at_least(80001) => default_of("utf8mb4", ctx),
        None => by_name("latin1_swedish_ci"),
    }
}

/// The `_bin` collation of a character set: what the attribute BINARY asks for.
pub(super) fn binary_of(charset: &str) -> Result<Collation, DdlError> {
    match modern(charset).as_str() {
        "binary" => by_name("binary"),
        other => by_name(&format!("{other}_bin")),
    }
}

/// `utf8` and `utf8_…` under their later names, in lower case.
fn modern(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.strip_prefix("utf8") {
        Some(rest) if rest.is_empty() || rest.starts_with('_') => format!("utf8mb3{rest}"),
        _ => lower,
    }
}

fn known_default(charset: &str) -> Option<&'static Known<'static>> {
    // Every rehearsal declares its tables: the list is gone through once.
    static DEFAULTS: LazyLock<Vec<Known<'static>>> = LazyLock::new(|| {
        let all = (1..IDS).map(|id| Known::resolve(CollationId::from(id)));
        all.filter(|c| c.is_default).collect()
    });
    let lower = modern(charset);
    DEFAULTS.iter().find(|c| c.charset == lower)
}

fn shared(known: &Known<'static>) -> Collation {
    Collation {
        charset: known.charset.into(),
        name: known.collation.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddl::Version;

    #[test]
    fn utf8mb4_has_another_default_before_8_0() {
        let old = Context {
            version: Version(50744),
            ..Context::default()
        };
        let new = Context::default();
        assert_eq!(
            &*default_of("utf8mb4", &old).unwrap().name,
            "utf8mb4_general_ci"
        );
        assert_eq!(
            &*default_of("UTF8MB4", &new).unwrap().name,
            "utf8mb4_0900_ai_ci"
        );
        assert_eq!(&*of_server(&old).unwrap().name, "latin1_swedish_ci");
        assert_eq!(&*of_server(&new).unwrap().name, "utf8mb4_0900_ai_ci");
    }

    #[test]
    fn utf8_is_utf8mb3() {
        assert_eq!(&*by_name("utf8_bin").unwrap().name, "utf8mb3_bin");
        assert_eq!(
            &*default_of("utf8", &Context::default()).unwrap().name,
            "utf8mb3_general_ci"
        );
        assert_eq!(bytes_per_char("utf8"), 3);
    }

    #[test]
    fn every_character_set_has_its_width() {
        for (charset, bytes) in [
            ("latin1", 1),
            ("binary", 1),
            ("utf8mb4", 4),
            ("gbk", 2),
            ("ujis", 3),
            ("utf16", 4),
            ("gb18030", 4),
        ] {
            assert_eq!(bytes_per_char(charset), bytes, "{charset}");
        }
    }

    #[test]
    fn unknown_names_are_errors_with_mysql_codes() {
        assert_eq!(by_name("klingon_ci").unwrap_err().code(), Some(1273));
        assert_eq!(
            default_of("klingon", &Context::default())
                .unwrap_err()
                .code(),
            Some(1115)
        );
    }
}
