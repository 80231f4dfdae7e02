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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::{
        Checksum, EventType, Frames,
        encode::{Head, Writer, WriterOptions},
    };

    #[test]
    fn a_session_that_was_written_is_read_again() {
        let sessions = [
            QuerySession {
                sql_mode: Some(1 << 2),
                server_collation: Some(8),
                utf8mb4_collation: Some(45),
                explicit_defaults_for_timestamp: Some(false),
                time_zone: Some(b"-08:00".as_slice().into()),
                microseconds: Some(999_999),
            },
            QuerySession {
                time_zone: Some(b"Europe/Berlin".as_slice().into()),
                ..QuerySession::default()
            },
        ];
        for session in sessions {
            let writer = Writer::new(WriterOptions::default());
            let mut bytes = Vec::new();
            let head = Head::default();
            writer.ddl(&mut bytes, 4, &head, &session, "app", "DROP TABLE t");
            let mut frames = Frames::new(&bytes, 4, Checksum::Crc32).map(|f| f.unwrap());
            let frame = frames
                .find(|f| f.header.event_type == EventType::QUERY)
                .unwrap();
            let read = QuerySession::of(&Query::decode(frame.body).unwrap());
            let expected = QuerySession {
                // These have a default that is always written.
                sql_mode: session.sql_mode.or(read.sql_mode),
                server_collation: session.server_collation.or(read.server_collation),
                utf8mb4_collation: session.utf8mb4_collation.or(read.utf8mb4_collation),
                ..session
            };
            assert_eq!(read, expected);
        }
    }
}
