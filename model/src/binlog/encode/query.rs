//! QUERY events, with the status variables that a replica needs to run them as they ran.
//!
//! MySQL source: `Query_log_event::write`. Written are flags, sql_mode, catalog, character sets, for DDL and for changes of
//! rows the schemas that they touch, for DDL its XID since 8.0, since 8.0.11 the default collation of utf8mb4. Compared
//! with files of 9.7.4 and 5.6.24; the one variable that 9.7 adds to a change of rows is not written.

use super::event::Group;
use super::{Head, Writer};
use crate::binlog::QuerySession;
use crate::binlog::event::{EventType, HEADER_LENGTH, flag};

/// What begins a transaction.
pub(super) const BEGIN: &str = "BEGIN";
/// Length of the thread's id, with which a body begins.
const THREAD_ID_BYTES: usize = 4;
/// Default `sql_mode`s.
const SQL_MODE_8_0: u64 = 0x45a0_0020;
const SQL_MODE_5_7: u64 = 0x55a0_0020;
const SQL_MODE_5_6: u64 = 0x4000_0000;
/// Collation ids: utf8mb4_0900_ai_ci, utf8mb4_general_ci, latin1_swedish_ci.
const UTF8MB4_0900: u16 = 255;
const UTF8MB4_GENERAL: u16 = 45;
const LATIN1: u16 = 8;
/// `Q_TIME_ZONE_CODE` and its fellows.
const VAR_TIME_ZONE: u8 = 5;
const VAR_MICROSECONDS: u8 = 13;
const VAR_EXPLICIT_TIMESTAMPS: u8 = 16;
const VAR_UPDATED_SCHEMAS: u8 = 12;
const VAR_DDL_XID: u8 = 17;
const VAR_UTF8MB4_COLLATION: u8 = 18;

/// What a text is, which decides what its event says of the session that it ran in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'s> {
    /// The server makes it up itself.
    Control,
    /// A change of rows as a statement, and the BEGIN before it.
    Change,
    /// It commits by itself, in this session.
    Ddl(&'s QuerySession),
}

impl<'s> Kind<'s> {
    fn session(self) -> Option<&'s QuerySession> {
        match self {
            Self::Ddl(session) => Some(session),
            Self::Control | Self::Change => None,
        }
    }
}

impl Writer {
    /// Appends `BEGIN`.
    pub(super) fn begin(&self, group: &mut Group<'_>, head: &Head<'_>) {
        if !head.default_schema.is_empty() {
            return self.control(group, head, BEGIN);
        }
        let event = group.copy(&self.begin);
        let body = event + HEADER_LENGTH;
        group.out[body..body + THREAD_ID_BYTES].copy_from_slice(&head.thread_id.to_le_bytes());
        group.close_copy(event, self.begin.len());
    }

    /// Appends a statement that the server makes up itself.
    pub(super) fn control(&self, group: &mut Group<'_>, head: &Head<'_>, sql: &str) {
        self.query(
            group,
            head,
            Kind::Control,
            head.default_schema,
            sql,
            flags(sql),
        );
    }

    /// Appends a change of rows as a statement, which runs in that schema; or the BEGIN before it.
    pub(super) fn change(&self, group: &mut Group<'_>, head: &Head<'_>, schema: &str, sql: &str) {
        self.query(group, head, Kind::Change, schema, sql, flags(sql));
    }

    /// Appends a statement that commits by itself.
    pub(super) fn statement(
        &self,
        group: &mut Group<'_>,
        head: &Head<'_>,
        session: &QuerySession,
        schema: &str,
        sql: &str,
    ) {
        // What makes or drops a schema must not be preceded by USE of it.
        let mut words = sql.split_whitespace();
        let mut next = |options: &[&str]| {
            words
                .next()
                .is_some_and(|w| options.iter().any(|o| w.eq_ignore_ascii_case(o)))
        };
        let about_schema = next(&["create", "drop", "alter"]) && next(&["database", "schema"]);
        let flags = if about_schema { flag::SUPPRESS_USE } else { 0 };
        self.query(group, head, Kind::Ddl(session), schema, sql, flags);
    }

    fn query(
        &self,
        group: &mut Group<'_>,
        head: &Head<'_>,
        kind: Kind<'_>,
        schema: &str,
        sql: &str,
        flags: u16,
    ) {
        let event = group.event(EventType::QUERY, flags);
        body(group.out, self.version, head, kind, schema, sql);
        group.close(event);
    }
}

/// USE before a BEGIN has no effect.
fn flags(sql: &str) -> u16 {
    if sql == BEGIN { flag::SUPPRESS_USE } else { 0 }
}

/// Appends the body of a statement; its first bytes are the thread's id.
pub(super) fn body(
    out: &mut Vec<u8>,
    version: u32,
    head: &Head<'_>,
    kind: Kind<'_>,
    schema: &str,
    sql: &str,
) {
    // Names have at most 64 characters; one that the length byte cannot hold is left out.
    let schema = if schema.len() > 255 { "" } else { schema };
    out.extend_from_slice(&head.thread_id.to_le_bytes());
    out.extend_from_slice(&0u32.to_le_bytes());
    out.push(schema.len() as u8);
    out.extend_from_slice(&0u16.to_le_bytes());
    let length_at = out.len();
    out.extend_from_slice(&0u16.to_le_bytes());
    status_vars(out, version, head, schema, kind);
    let length = (out.len() - length_at - 2) as u16;
    out[length_at..length_at + 2].copy_from_slice(&length.to_le_bytes());
    out.extend_from_slice(schema.as_bytes());
    out.push(0);
    out.extend_from_slice(sql.as_bytes());
}

fn status_vars(out: &mut Vec<u8>, version: u32, head: &Head<'_>, schema: &str, kind: Kind<'_>) {
    let ddl = kind.session();
    let (sql_mode, client, server) = match version {
        80_000.. => (SQL_MODE_8_0, UTF8MB4_0900, UTF8MB4_0900),
        50_700.. => (SQL_MODE_5_7, UTF8MB4_GENERAL, LATIN1),
        _ => (SQL_MODE_5_6, UTF8MB4_GENERAL, LATIN1),
    };
    let sql_mode = ddl.and_then(|s| s.sql_mode).unwrap_or(sql_mode);
    let server = ddl.and_then(|s| s.server_collation).unwrap_or(server);
    out.extend_from_slice(&[0, 0, 0, 0, 0, 1]);
    out.extend_from_slice(&sql_mode.to_le_bytes());
    out.extend_from_slice(&[6, 3, b's', b't', b'd', 4]);
    for collation in [client, client, server] {
        out.extend_from_slice(&collation.to_le_bytes());
    }
    if let Some(name) = ddl.and_then(|s| s.time_zone.as_deref())
        && let Ok(length) = u8::try_from(name.len())
    {
        out.extend_from_slice(&[VAR_TIME_ZONE, length]);
        out.extend_from_slice(name);
    }
    if !matches!(kind, Kind::Control) && !schema.is_empty() {
        out.extend_from_slice(&[VAR_UPDATED_SCHEMAS, 1]);
        out.extend_from_slice(schema.as_bytes());
        out.push(0);
    }
    if let Some(us) = ddl.and_then(|s| s.microseconds) {
        out.push(VAR_MICROSECONDS);
        out.extend_from_slice(&us.to_le_bytes()[..3]);
    }
    if let Some(explicit) = ddl.and_then(|s| s.explicit_defaults_for_timestamp) {
        out.extend_from_slice(&[VAR_EXPLICIT_TIMESTAMPS, u8::from(explicit)]);
    }
    if ddl.is_some() && version >= 80_000 {
        out.push(VAR_DDL_XID);
        out.extend_from_slice(&head.xid.to_le_bytes());
    }
    if version >= 80_011 {
        out.push(VAR_UTF8MB4_COLLATION);
        let collation = ddl.and_then(|s| s.utf8mb4_collation);
        out.extend_from_slice(&collation.unwrap_or(UTF8MB4_0900).to_le_bytes());
    }
}
