//! A DDL statement as the binlog has it: its text, and the session that it ran in.
//!
//! Facts (`Query_log_event`, libs/mysql/binlog/event/statement_events.h): the status variables carry what
//! the meaning of DDL depends on besides the text: `sql_mode`, `character_set_client` (of the text itself),
//! `collation_server`, `default_collation_for_utf8mb4` (8.0), `explicit_defaults_for_timestamp` (8.0),
//! `time_zone` where it was used, and the start's microseconds. What is absent has the default of the server's version.

use crate::{
    binlog::{
        QuerySession,
        decode::{Query, StatusVar, collation_by_id},
    },
    ddl::{Context, SqlMode, TimeZone, Version},
    row,
};

/// A statement outside of row events.
#[derive(Clone, Copy, Debug)]
pub struct DdlEvent<'a> {
    /// The event.
    pub query: &'a Query<'a>,
    /// When the statement started, in seconds since 1970.
    pub timestamp_s: u32,
}

/// How a text is read in a session with this default schema (empty: none), on a server of this version.
/// `start_s` is when the statement started, in seconds since 1970; the session may say it more exactly.
pub fn session_context(
    session: &QuerySession,
    schema: &str,
    version: Version,
    start_s: u32,
) -> Context {
    let time_zone = session.time_zone.as_deref().map(String::from_utf8_lossy);
    let fraction_us = u64::from(session.microseconds.unwrap_or(0));
    Context {
        sql_mode: session.sql_mode.map(SqlMode::from_bits).unwrap_or_default(),
        explicit_defaults_for_timestamp: session.explicit_defaults_for_timestamp,
        server_collation: session.server_collation.and_then(collation_by_id),
        utf8mb4_default: session.utf8mb4_collation.and_then(collation_by_id),
        time_zone: time_zone
            .map(|name| TimeZone::from_text(&name))
            .unwrap_or_default(),
        now_us: Some(u64::from(start_s) * 1_000_000 + fraction_us),
        ..Context::new(schema, version)
    }
}

impl DdlEvent<'_> {
    /// The session, on a server of this version.
    pub fn context(&self, version: Version) -> Context {
        let session = QuerySession::of(self.query);
        session_context(&session, &self.schema(), version, self.timestamp_s)
    }

    /// The default schema; empty for none.
    pub fn schema(&self) -> String {
        String::from_utf8_lossy(self.query.schema).into_owned()
    }

    /// The statement, from the client's character set.
    pub fn sql(&self) -> String {
        let client = self.query.status_vars().find_map(|var| match var {
            StatusVar::Charset(client, ..) => collation_by_id(client),
            _ => None,
        });
        match client {
            Some(collation) => row::text_in(&collation.charset, self.query.sql),
            None => self.query.text().into_owned(),
        }
    }
}
