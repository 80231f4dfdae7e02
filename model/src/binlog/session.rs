//! The session that a statement ran in, as its QUERY event says it.
//!
//! Facts (`Query_log_event`, libs/mysql/binlog/event/statement_events.h): what is absent has the default of the
//! server's version. `time_zone` and the start's microseconds are there only where the statement used them.

use super::decode::{Query, StatusVar};

/// What the meaning of a statement depends on besides its text; the default is a session that set nothing.
///
/// The client's character set is not among it: a text is decoded with it once, and is UTF-8 from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuerySession {
    /// `@@sql_mode` as a bit mask.
    pub sql_mode: Option<u64>,
    /// Collation id of `@@collation_server`.
    pub server_collation: Option<u16>,
    /// Collation id of `@@default_collation_for_utf8mb4`.
    pub utf8mb4_collation: Option<u16>,
    /// `@@explicit_defaults_for_timestamp`.
    pub explicit_defaults_for_timestamp: Option<bool>,
    /// `@@time_zone`.
    pub time_zone: Option<Box<[u8]>>,
    /// Fraction of the statement's start, in µs.
    pub microseconds: Option<u32>,
}

impl QuerySession {
    /// The session of an event.
    pub fn of(query: &Query<'_>) -> QuerySession {
        let mut session = QuerySession::default();
        for var in query.status_vars() {
            match var {
                StatusVar::SqlMode(bits) => session.sql_mode = Some(bits),
                StatusVar::Charset(_, _, server) => session.server_collation = Some(server),
                StatusVar::DefaultCollationForUtf8mb4(id) => session.utf8mb4_collation = Some(id),
                StatusVar::ExplicitDefaultsForTimestamp(explicit) => {
                    session.explicit_defaults_for_timestamp = Some(explicit);
                }
                StatusVar::TimeZone(name) => session.time_zone = Some(name.into()),
                StatusVar::Microseconds(us) => session.microseconds = Some(us),
                _ => {}
            }
        }
        session
    }
}
