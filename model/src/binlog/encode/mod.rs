//! Writing what a MySQL server writes: the bytes of events, groups and file heads.
//!
//! The default is 8.0; what 5.6, 5.7 and 8.3+ write differently follows from the version (MySQL source:
//! `Format_description_event`'s header lengths, `Gtid_event`, `Query_event`; compared with files of 5.6.24 and
//! 9.7.4). Everything is appended to one `Vec`; lengths are patched as events close, positions and
//! checksums in one pass at the end of a group, because its first event holds its length.

mod event;
mod gtid;
mod head;
mod lone;
mod query;
mod rows;
mod table;
mod xa;

use super::QuerySession;
use super::decode::version_number;
use super::event::{EventType, flag};
use crate::gtid::Gtid;
use event::Group;

pub(crate) use event::{length_of, seal_all};
pub(crate) use head::set_in_use;
pub use rows::RowWrite;
pub(crate) use rows::RowWrites;
pub use table::TableTemplate;
pub use xa::xid;

/// `binlog_row_image`: which columns row events have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowImage {
    /// All.
    #[default]
    Full,
    /// Before: the key. After: what changed.
    Minimal,
    /// All, save blobs that are not needed.
    NoBlob,
}

/// `binlog_row_metadata`: what TABLE_MAP says beyond types (8.0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowMetadata {
    /// Signedness and character sets.
    #[default]
    Minimal,
    /// Names, members, primary key too.
    Full,
}

/// What a server's settings and version do to its binlog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// As FORMAT_DESCRIPTION has it: `8.0.41`; at most 49 bytes are written.
    pub server_version: String,
    /// `@@server_id`.
    pub server_id: u32,
    /// `@@binlog_checksum` is CRC32.
    pub checksum: bool,
    /// `@@binlog_row_image`.
    pub row_image: RowImage,
    /// `@@binlog_row_metadata`.
    pub row_metadata: RowMetadata,
    /// `@@binlog_row_event_max_size`: ROWS events are split before they exceed it.
    pub rows_event_max_bytes: usize,
    /// `@@gtid_mode` is ON: groups without a GTID are ANONYMOUS either way (from 5.7 on).
    pub gtid: bool,
}

impl Default for WriterOptions {
    fn default() -> Self {
        WriterOptions {
            server_version: "8.0.41".into(),
            server_id: 1,
            checksum: true,
            row_image: RowImage::Full,
            row_metadata: RowMetadata::Minimal,
            rows_event_max_bytes: 8192,
            gtid: true,
        }
    }
}

/// What the first event of a group, and its BEGIN and XID, say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// Its GTID; `None` writes ANONYMOUS_GTID (nothing before 5.7).
    pub gtid: Option<Gtid>,
    /// Newest transaction of this file that must be committed before; 0 for none.
    pub last_committed: u64,
    /// Number of the transaction in this file, from 1.
    pub sequence_number: u64,
    /// Commit on this server, µs since 1970.
    pub immediate_commit_us: u64,
    /// Commit on the server where it started, µs since 1970.
    pub original_commit_us: u64,
    /// Start of the statement, in seconds since 1970.
    pub timestamp_s: u32,
    /// Server id of the server where it started; `None`: this one.
    pub origin_server_id: Option<u32>,
    /// The client's connection.
    pub thread_id: u32,
    /// The client's default schema; may be empty.
    pub default_schema: &'a str,
    /// Number for XID, unique in a server's life.
    pub xid: u64,
}

/// Writes events as one server does.
#[derive(Clone, Debug)]
pub struct Writer {
    options: WriterOptions,
    version: u32,
    /// Checksums are written along with the events.
    seals: bool,
    /// `BEGIN` in a session without a default schema.
    begin: Vec<u8>,
}

impl Writer {
    /// A writer for a server with these settings.
    pub fn new(options: WriterOptions) -> Writer {
        let version = version_number(options.server_version.as_bytes());
        let mut body = Vec::new();
        query::body(
            &mut body,
            version,
            &Head::default(),
            query::Kind::Control,
            "",
            query::BEGIN,
        );
        let flags = flag::SUPPRESS_USE;
        Writer {
            begin: event::as_event(EventType::QUERY, flags, &body, options.checksum),
            version,
            seals: true,
            options,
        }
    }

    /// One that leaves the room of checksums empty: [`seal_all`] fills it.
    pub(crate) fn without_seals(self) -> Writer {
        Writer {
            seals: false,
            ..self
        }
    }

    /// The settings.
    pub fn options(&self) -> &WriterOptions {
        &self.options
    }

    /// The server's version, as 80041.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Appends a transaction of row changes that starts at position `start_pos` of its file.
    ///
    /// Per statement all its TABLE_MAPs come first. Without rows it is the empty transaction `BEGIN`, `COMMIT`.
    pub fn transaction(
        &self,
        out: &mut Vec<u8>,
        start_pos: u64,
        head: &Head<'_>,
        rows: &[RowWrite<'_>],
    ) {
        if let [row] = rows
            && self.lone_transaction(out, start_pos, head, row)
        {
            return;
        }
        self.event_by_event(out, start_pos, head, rows);
    }

    /// As [`Writer::transaction`], whatever the rows.
    fn event_by_event(
        &self,
        out: &mut Vec<u8>,
        start_pos: u64,
        head: &Head<'_>,
        rows: &[RowWrite<'_>],
    ) {
        let mut group = Group::open(self, out, start_pos, head, false);
        self.begin(&mut group, head);
        if self.statements(&mut group, rows) {
            self.xid(&mut group, head);
        } else {
            self.control(&mut group, head, "COMMIT");
        }
        group.finish();
    }

    /// Appends a statement that commits by itself: DDL, GRANT and the like. `schema` is the default schema
    /// that it runs in; empty for none. `session` says what differs from the server's defaults.
    pub fn ddl(
        &self,
        out: &mut Vec<u8>,
        start_pos: u64,
        head: &Head<'_>,
        session: &QuerySession,
        schema: &str,
        sql: &str,
    ) {
        let mut group = Group::open(self, out, start_pos, head, true);
        self.statement(&mut group, head, session, schema, sql);
        group.finish();
    }

    /// Appends a transaction of one data change as a statement, as `binlog_format = STATEMENT` writes it. `schema` is its
    /// default schema.
    pub fn statement_transaction(
        &self,
        out: &mut Vec<u8>,
        start_pos: u64,
        head: &Head<'_>,
        schema: &str,
        sql: &str,
    ) {
        let mut group = Group::open(self, out, start_pos, head, true);
        self.change(&mut group, head, schema, query::BEGIN);
        self.change(&mut group, head, schema, sql);
        self.xid(&mut group, head);
        group.finish();
    }

    #[inline]
    fn xid(&self, group: &mut Group<'_>, head: &Head<'_>) {
        let xid = group.event(EventType::XID, 0);
        group.out.extend_from_slice(&head.xid.to_le_bytes());
        group.close(xid);
    }
}
