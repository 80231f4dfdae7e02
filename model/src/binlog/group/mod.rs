//! Transactions: the frames of a binlog put together to what commits as one.
//!
//! ```text
//! GTID  QUERY BEGIN  [ROWS_QUERY]  TABLE_MAP…  ROWS…            XID          an InnoDB transaction
//! GTID  QUERY BEGIN  …                                          QUERY COMMIT a MyISAM statement
//! GTID  TRANSACTION_PAYLOAD(QUERY BEGIN … XID)                               compressed
//! GTID  QUERY                                                                DDL, GRANT, XA COMMIT, …
//! GTID  QUERY XA START  …  QUERY XA END  XA_PREPARE                          prepared, decided by a later group
//! ```
//!
//! Without GTIDs (5.6) the first event is missing. A group never spans files, and one that the file does
//! not finish was never committed (facts: server's `Log_event::starts_group`, `ends_group`; recovery cuts
//! such a tail off).

mod open;
mod plain;
mod reader;
mod words;

use super::decode::{GtidEvent, Query};
use super::event::{Checksum, EventType};
use super::frame::{Frame, Frames};
use crate::gtid::Gtid;
pub(crate) use plain::Plain;
pub use reader::Groups;
use words::is_control;
pub use words::is_internal;

/// What a group is, as far as one who follows the binlog has to treat it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Row events between BEGIN and a commit (perhaps after a CREATE TABLE … START TRANSACTION, 8.0.21).
    Rows,
    /// BEGIN and a commit with nothing between them that changes data.
    Empty,
    /// One statement without BEGIN: DDL, GRANT, FLUSH and the like.
    Ddl,
    /// A data change as a statement (STATEMENT or MIXED format): its outcome cannot be told from the binlog.
    Statement {
        /// Where the statement is.
        pos: u64,
    },
    /// Data changes as statements, of the server's own tables alone ([`is_internal`]): it has a place and a GTID, and
    /// is not applied. Beside rows such statements are passed over, and the group is one of rows.
    Internal,
    /// The changes of an XA transaction up to its PREPARE.
    XaPrepared,
    /// XA COMMIT or XA ROLLBACK of a transaction prepared before.
    XaDecided,
    /// The server says that something is missing.
    Incident {
        /// Where it says so.
        pos: u64,
    },
    /// Changes in a form that is not read (JSON as differences).
    Unsupported {
        /// Where it is.
        pos: u64,
        /// In which event.
        event_type: EventType,
    },
}

/// A transaction, or a statement that commits by itself.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Position of its first event.
    pub start: u64,
    /// Position behind its last event.
    pub end: u64,
    /// Its first event; `None` where the server writes none (5.6 without GTIDs).
    pub gtid: Option<GtidEvent>,
    /// What it is.
    pub kind: GroupKind,
    /// When its first statement started, in seconds since 1970.
    pub timestamp_s: u32,
    /// It ends with ROLLBACK: what it changed in transactional tables is undone, in others it stays.
    pub rolled_back: bool,
    /// It has a ROLLBACK TO SAVEPOINT.
    pub has_partial_rollback: bool,
    /// It is the rest of a transaction: reading began behind its BEGIN ([`Groups::begun_anywhere`]).
    pub is_rest: bool,
    /// Its events as they are in the file.
    pub bytes: &'a [u8],
    checksum: Checksum,
    inflated: Option<Inflated>,
}

/// The uncompressed events of a group.
#[derive(Clone, Debug, Default)]
struct Inflated {
    bytes: Vec<u8>,
    /// Where each payload's part ends in `bytes`.
    ends: Vec<usize>,
}

impl<'a> Group<'a> {
    /// All its events in order, those of a TRANSACTION_PAYLOAD instead of it.
    pub fn events(&self) -> Events<'_> {
        Events {
            outer: Frames::trusted(self.bytes, self.start, self.checksum),
            inner: None,
            inflated: self.inflated.as_ref(),
            payloads: 0,
        }
    }

    /// Whether its events are compressed in the file.
    pub fn is_compressed(&self) -> bool {
        self.inflated.is_some()
    }

    /// The statement that makes the group [`GroupKind::Ddl`], [`GroupKind::XaDecided`] or
    /// [`GroupKind::Statement`].
    pub fn statement(&self) -> Option<Query<'_>> {
        let at = match self.kind {
            GroupKind::Statement { pos } => pos,
            GroupKind::Ddl | GroupKind::XaDecided => self.start,
            _ => return None,
        };
        let queries = self
            .events()
            .filter(|f| f.pos >= at && f.header.event_type == EventType::QUERY);
        queries
            .filter_map(|f| Query::decode(f.body).ok())
            .find(|q| !is_control(q) && !is_internal(q))
    }
}

/// Where a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Position of its first event.
    pub start: u64,
    /// Position behind its last event.
    pub end: u64,
    /// Its GTID.
    pub gtid: Option<Gtid>,
}

impl Hop {
    /// Of a group that was read.
    pub fn of(group: &Group<'_>) -> Self {
        Self {
            start: group.start,
            end: group.end,
            gtid: group.gtid.as_ref().and_then(|g| g.gtid),
        }
    }
}

/// Iterates over the events of a group.
#[derive(Clone, Debug)]
pub struct Events<'g> {
    outer: Frames<'g>,
    inner: Option<(Frames<'g>, u64)>,
    inflated: Option<&'g Inflated>,
    payloads: usize,
}

impl<'g> Iterator for Events<'g> {
    type Item = Frame<'g>;

    fn next(&mut self) -> Option<Frame<'g>> {
        loop {
            if let Some((inner, pos)) = &mut self.inner {
                match inner.next() {
                    // Neither arm meets an error: the group was read once to be put together.
                    Some(Ok(frame)) => return Some(Frame { pos: *pos, ..frame }),
                    _ => self.inner = None,
                }
            }
            let frame = self.outer.next()?.ok()?;
            let Some(inflated) = self.inflated.filter(|_| is_payload(&frame)) else {
                return Some(frame);
            };
            let end = *inflated.ends.get(self.payloads)?;
            let from = self
                .payloads
                .checked_sub(1)
                .and_then(|i| inflated.ends.get(i))
                .copied()
                .unwrap_or(0);
            self.payloads += 1;
            self.inner = Some((
                Frames::trusted(inflated.bytes.get(from..end)?, 0, Checksum::None),
                frame.pos,
            ));
        }
    }
}

fn is_payload(frame: &Frame<'_>) -> bool {
    frame.header.event_type == EventType::TRANSACTION_PAYLOAD
}
