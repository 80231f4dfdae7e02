//! A DDL statement as the binlog has it: its text, and the session that it ran in.
//!
//! Facts (`Query_log_event`, libs/mysql/binlog/event/statement_events.h): the status variables carry what
//! the meaning of DDL depends on besides the text: `sql_mode`, `character_set_client` (of the text itself),
//! `collation_server`, `default_collation_for_utf8mb4` (8.0), `explicit_defaults_for_timestamp` (8.0),
//! `time_zone` where it was used, and the start's microseconds. What is absent has the default of the server's version.

use crate::{
    binlog::decode::{Query, StatusVar, collation_by_id},
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

impl DdlEvent<'_> {
    /// The session, on a server of this version.
    pub fn context(&self, version: Version) -> Context {
        let mut context = Context::new(&self.schema(), version);
        let mut now_us = u64::from(self.timestamp_s) * 1_000_000;
        for var in self.query.status_vars() {
            match var {
                StatusVar::SqlMode(bits) => context.sql_mode = SqlMode::from_bits(bits),
                StatusVar::Charset(_, _, server) => {
                    context.server_collation = collation_by_id(server)
                }
                StatusVar::DefaultCollationForUtf8mb4(id) => {
                    context.utf8mb4_default = collation_by_id(id)
                }
                StatusVar::ExplicitDefaultsForTimestamp(explicit) => {
                    context.explicit_defaults_for_timestamp = Some(explicit);
                }
                StatusVar::TimeZone(name) => {
                    context.time_zone = TimeZone::from_text(&String::from_utf8_lossy(name));
                }
                StatusVar::Microseconds(us) => now_us += u64::from(us),
                _ => {}
            }
        }
        context.now_us = Some(now_us);
        context
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
