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

mod words;

use super::decode::{GtidBrief, GtidEvent, PayloadError, Query, TransactionPayload, XaPrepare};
use super::event::{Checksum, EventType, flag};
use super::frame::{BinlogError, ErrorKind, Frame, Frames};
use crate::gtid::Gtid;
pub use words::is_internal;
use words::{is_change, is_control};

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

/// A group as nearly all are: GTID, BEGIN, tables and rows, XID.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    /// As in [`Group`].
    pub(crate) start: u64,
    /// As in [`Group`].
    pub(crate) end: u64,
    /// As in [`Group`].
    pub(crate) timestamp_s: u32,
    /// `server_id` of the server where it was committed first.
    pub(crate) server_id: u32,
    /// Its first event.
    pub(crate) gtid: GtidBrief,
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

/// Splits a stream of frames into groups; events outside of groups are passed over.
///
/// Ends after the first error; what came before is good.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    frames: Frames<'a>,
    bytes: &'a [u8],
    origin: u64,
    good: u64,
    failed: bool,
    /// The next event may be one inside a transaction.
    anywhere: bool,
}

impl<'a> Groups<'a> {
    /// Groups of `bytes`, which start at a group's first event at position `pos` of their file.
    pub fn new(bytes: &'a [u8], pos: u64, checksum: Checksum) -> Groups<'a> {
        Groups::of(Frames::new(bytes, pos, checksum))
    }

    /// Groups of these events, of which the first is a group's first.
    pub(crate) fn of(frames: Frames<'a>) -> Groups<'a> {
        let pos = frames.pos();
        Groups {
            bytes: frames.rest(),
            frames,
            origin: pos,
            good: pos,
            failed: false,
            anywhere: false,
        }
    }

    /// The same for bytes that have been read before: no checksum is computed again.
    pub(crate) fn trusted(bytes: &'a [u8], pos: u64, checksum: Checksum) -> Groups<'a> {
        Groups::of(Frames::trusted(bytes, pos, checksum))
    }

    /// Takes the events up to the end of the transaction in which they begin for a group, as an applier does that was
    /// started there.
    pub(crate) fn begun_anywhere(self) -> Groups<'a> {
        Groups {
            anywhere: true,
            ..self
        }
    }

    /// Groups of a whole file.
    pub fn of_file(file: &'a [u8]) -> Result<Groups<'a>, BinlogError> {
        let frames = Frames::of_file(file)?;
        let pos = frames.pos();
        Ok(Groups {
            frames,
            bytes: file,
            origin: 0,
            good: pos,
            failed: false,
            anywhere: false,
        })
    }

    /// The same for bytes whose checksums were computed before.
    pub(crate) fn of_trusted_file(file: &'a [u8]) -> Result<Groups<'a>, BinlogError> {
        let groups = Groups::of_file(file)?;
        Ok(Groups {
            frames: groups.frames.trust(),
            ..groups
        })
    }

    /// Groups of a whole file from a position on, its head being read for the checksum algorithm.
    ///
    /// The position is that of a group's first event (or of an event outside of groups, or the end).
    pub fn of_file_from(file: &'a [u8], pos: u64) -> Result<Groups<'a>, BinlogError> {
        let mut head = Frames::of_file(file)?;
        let first = head.next().transpose()?;
        let checksum = head.checksum();
        let start = first.map_or(head.pos(), |f| f.pos);
        if pos <= start {
            return Groups::of_file(file);
        }
        let past_end = BinlogError {
            pos,
            kind: ErrorKind::Truncated {
                needed: pos,
                available: file.len() as u64,
            },
        };
        let rest = usize::try_from(pos)
            .ok()
            .and_then(|at| file.get(at..))
            .ok_or(past_end)?;
        Ok(Groups::new(rest, pos, checksum))
    }

    /// The next group's place and GTID. Where its first event says how long the group is (8.0.2 and later), its
    /// other events are not looked at.
    #[inline]
    pub fn hop(&mut self) -> Option<Result<Hop, BinlogError>> {
        match self.hop_over_plain() {
            Some(hop) => Some(Ok(hop)),
            None if self.frames.rest().is_empty() => None,
            None => self.hop_over_any(),
        }
    }

    #[cold]
    fn hop_over_any(&mut self) -> Option<Result<Hop, BinlogError>> {
        while !self.failed {
            let mut ahead = self.frames.clone();
            let Some(Ok(frame)) = ahead.next() else {
                break;
            };
            match frame.header.event_type {
                EventType::FORMAT_DESCRIPTION
                | EventType::PREVIOUS_GTIDS
                | EventType::ROTATE
                | EventType::STOP => {
                    self.frames = ahead;
                    self.good = frame.end();
                    continue;
                }
                event_type @ (EventType::GTID | EventType::GTID_TAGGED) => {
                    let event = GtidEvent::decode(event_type, frame.body).ok();
                    let length = event.and_then(|e| e.transaction_length);
                    let rest = length.and_then(|n| n.checked_sub(frame.bytes.len() as u64));
                    if rest.is_some_and(|n| ahead.step_over(n)) {
                        self.frames = ahead;
                        self.good = self.frames.pos();
                        return Some(Ok(Hop {
                            start: frame.pos,
                            end: self.good,
                            gtid: event.and_then(|e| e.gtid),
                        }));
                    }
                }
                _ => {}
            }
            break;
        }
        self.next().map(|group| group.map(|group| Hop::of(&group)))
    }

    /// The position behind the last complete group or event outside of groups: where recovery cuts.
    pub fn good_until(&self) -> u64 {
        self.good
    }

    /// The next group, where its first event is read at a glance.
    #[inline]
    fn hop_over_plain(&mut self) -> Option<Hop> {
        let mut frames = self.frames.clone();
        let first = frames.next_good().filter(|_| !self.failed)?;
        let brief = GtidBrief::of(first.header.event_type, first.body)?;
        let rest = brief
            .transaction_length
            .checked_sub(first.bytes.len() as u64)?;
        frames.step_over(rest).then(|| {
            self.frames = frames;
            self.good = self.frames.pos();
            Hop {
                start: first.pos,
                end: self.good,
                gtid: brief.gtid,
            }
        })
    }

    /// The next group, whose events are shown to `see` on the way, as they are in the file. Those of a group that
    /// turns out to be bad have been shown too.
    pub(crate) fn next_seen(
        &mut self,
        see: impl FnMut(&Frame<'a>),
    ) -> Option<Result<Group<'a>, BinlogError>> {
        if self.failed {
            return None;
        }
        let group = self.read(see).transpose();
        self.failed = !matches!(group, Some(Ok(_)));
        group
    }

    fn read(&mut self, mut see: impl FnMut(&Frame<'a>)) -> Result<Option<Group<'a>>, BinlogError> {
        let mut open = Open::default();
        loop {
            let checksum = self.frames.checksum();
            let frame = match self.frames.next_good() {
                Some(frame) => frame,
                None => match self.frames.next() {
                    Some(frame) => frame?,
                    None => {
                        open.unfinished_if_open()?;
                        return Ok(None);
                    }
                },
            };
            let at = |kind| BinlogError {
                pos: frame.pos,
                kind,
            };
            if std::mem::take(&mut self.anywhere) && is_inside(frame.header.event_type) {
                open.start = Some(frame.pos);
                open.in_transaction = true;
                open.is_rest = true;
            }
            if is_payload(&frame) {
                open.start
                    .ok_or_else(|| at(middle(frame.header.event_type)))?;
                open.inflate(&frame).map_err(at)?;
            } else {
                open.feed(&frame)?;
            }
            if open.ended || open.start.is_none() {
                self.good = frame.end();
            }
            if open.start.is_some() {
                see(&frame);
            }
            if let (true, Some(start)) = (open.ended, open.start) {
                let (from, to) = (start - self.origin, frame.end() - self.origin);
                return Ok(Some(Group {
                    start,
                    end: frame.end(),
                    gtid: open.gtid,
                    kind: open.kind(),
                    timestamp_s: open.timestamp_s.unwrap_or(frame.header.timestamp_s),
                    rolled_back: open.rolled_back,
                    has_partial_rollback: open.has_partial_rollback,
                    is_rest: open.is_rest,
                    bytes: self
                        .bytes
                        .get(from as usize..to as usize)
                        .unwrap_or_default(),
                    checksum,
                    inflated: open.inflated,
                }));
            }
        }
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = Result<Group<'a>, BinlogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_seen(|_| {})
    }
}

impl Plain {
    /// The group at the start of some events if it is a plain one, in one straight line; its TABLE_MAP and ROWS events
    /// are shown to `see` on the way. After `None`, [`Groups`] reads from the same place whatever there is: another
    /// group, an event outside of groups, damage, the end. Some of its events may have been shown by then.
    #[inline]
    pub(crate) fn read<'a>(
        mut frames: Frames<'a>,
        mut see: impl FnMut(u64, &Frame<'a>),
    ) -> Option<Plain> {
        let first = frames.next_good()?;
        let gtid = GtidBrief::of(first.header.event_type, first.body)?;
        let begin = frames.next_good()?;
        if begin.header.event_type != EventType::QUERY || !Query::is_begin(begin.body) {
            return None;
        }
        loop {
            let frame = frames.next_good()?;
            match frame.header.event_type {
                EventType::XID => break,
                EventType::TABLE_MAP => {}
                other if other.is_rows() => {}
                _ => return None,
            }
            see(first.pos, &frame);
        }
        Some(Plain {
            start: first.pos,
            end: frames.pos(),
            timestamp_s: begin.header.timestamp_s,
            server_id: first.header.server_id,
            gtid,
        })
    }
}

/// A group while it is put together.
#[derive(Debug, Default)]
struct Open {
    start: Option<u64>,
    gtid: Option<GtidEvent>,
    timestamp_s: Option<u32>,
    in_transaction: bool,
    ended: bool,
    rows: bool,
    xa: bool,
    rolled_back: bool,
    has_partial_rollback: bool,
    is_rest: bool,
    /// It has a data change of the server's own tables, as a statement.
    internal: bool,
    /// What decides the kind before all else: the first thing that cannot be followed, or a lone statement.
    decided: Option<GroupKind>,
    inflated: Option<Inflated>,
}

impl Open {
    fn kind(&self) -> GroupKind {
        match self.decided {
            Some(kind) => kind,
            None if self.xa => GroupKind::XaPrepared,
            None if self.rows => GroupKind::Rows,
            None if self.internal => GroupKind::Internal,
            None => GroupKind::Empty,
        }
    }

    fn decide(&mut self, kind: GroupKind) {
        self.decided.get_or_insert(kind);
    }

    fn inflate(&mut self, frame: &Frame<'_>) -> Result<(), ErrorKind> {
        let mut inflated = self.inflated.take().unwrap_or_default();
        let from = inflated.bytes.len();
        let inflation = TransactionPayload::decode(frame.body).map_err(ErrorKind::from);
        inflation.and_then(|p| p.inflate(&mut inflated.bytes).map_err(ErrorKind::from))?;
        inflated.ends.push(inflated.bytes.len());
        let inner = inflated.bytes.get(from..).unwrap_or_default();
        for event in Frames::new(inner, 0, Checksum::None) {
            let event = event.map_err(|_| PayloadError::Damaged)?;
            if self.ended || is_payload(&event) {
                return Err(PayloadError::Damaged.into());
            }
            self.feed(&Frame {
                pos: frame.pos,
                ..event
            })
            .map_err(|error| error.kind)?;
        }
        self.inflated = Some(inflated);
        Ok(())
    }

    fn feed(&mut self, frame: &Frame<'_>) -> Result<(), BinlogError> {
        let event_type = frame.header.event_type;
        let pos = frame.pos;
        let fail = |kind| Err(BinlogError { pos, kind });
        if event_type.is_mariadb() {
            return fail(ErrorKind::MariaDb(event_type));
        }
        match event_type {
            EventType::FORMAT_DESCRIPTION
            | EventType::PREVIOUS_GTIDS
            | EventType::ROTATE
            | EventType::STOP
            | EventType::HEARTBEAT
            | EventType::HEARTBEAT_V2 => return self.unfinished_if_open(),
            EventType::GTID | EventType::ANONYMOUS_GTID | EventType::GTID_TAGGED => {
                self.unfinished_if_open()?;
                self.start = Some(pos);
                match GtidEvent::decode(event_type, frame.body) {
                    Ok(event) => self.gtid = Some(event),
                    Err(error) => return fail(error.into()),
                }
                return Ok(());
            }
            _ => {}
        }
        if self.start.is_some() {
            self.timestamp_s.get_or_insert(frame.header.timestamp_s);
        }
        match event_type {
            EventType::QUERY => match Query::decode(frame.body) {
                Ok(query) => return self.query(&query, frame),
                Err(error) => return fail(error.into()),
            },
            EventType::XID if self.in_transaction => self.ended = true,
            EventType::XA_PREPARE if self.in_transaction => match XaPrepare::decode(frame.body) {
                Ok(prepare) => {
                    self.xa = !prepare.one_phase;
                    self.ended = true;
                }
                Err(error) => return fail(error.into()),
            },
            _ if event_type.is_rows() && self.in_transaction => self.rows = true,
            EventType::TABLE_MAP | EventType::ROWS_QUERY if self.in_transaction => {}
            EventType::INTVAR
            | EventType::RAND
            | EventType::USER_VAR
            | EventType::ROWS_QUERY
            | EventType::APPEND_BLOCK
            | EventType::DELETE_FILE => self.open(frame),
            EventType::BEGIN_LOAD_QUERY | EventType::EXECUTE_LOAD_QUERY => {
                self.open(frame);
                self.decide(GroupKind::Statement { pos });
            }
            EventType::INCIDENT => {
                self.open(frame);
                self.decide(GroupKind::Incident { pos });
                self.ended = true;
            }
            EventType::PARTIAL_UPDATE_ROWS if self.in_transaction => {
                self.decide(GroupKind::Unsupported { pos, event_type });
            }
            EventType::VIEW_CHANGE | EventType::TRANSACTION_CONTEXT | EventType::IGNORABLE => {}
            _ if event_type.name().is_some() => return fail(middle(event_type)),
            _ if frame.header.flags & flag::IGNORABLE != 0 => {}
            _ => {
                return fail(ErrorKind::Unexpected {
                    event_type,
                    why: "its type is unknown",
                });
            }
        }
        Ok(())
    }

    fn query(&mut self, query: &Query<'_>, frame: &Frame<'_>) -> Result<(), BinlogError> {
        let begins = query.is("BEGIN") || query.starts_with(&["XA", "START"]);
        self.open(frame);
        if begins {
            if self.in_transaction {
                return self.unfinished_if_open();
            }
            self.in_transaction = true;
        } else if self.in_transaction {
            if query.is("COMMIT") || query.is("ROLLBACK") {
                self.ended = true;
                self.rolled_back = query.is("ROLLBACK");
            } else if query.starts_with(&["ROLLBACK", "TO"]) {
                self.has_partial_rollback = true;
            } else {
                self.statement(query, frame.pos);
            }
        } else {
            self.ended = true;
            let xa = query.starts_with(&["XA", "COMMIT"]) || query.starts_with(&["XA", "ROLLBACK"]);
            if xa {
                self.decide(GroupKind::XaDecided);
            } else if !self.statement(query, frame.pos) {
                self.decide(GroupKind::Ddl);
            }
        }
        Ok(())
    }

    /// Takes a statement in that may be a data change; false where it is none.
    fn statement(&mut self, query: &Query<'_>, pos: u64) -> bool {
        let changes = is_change(query);
        if changes && is_internal(query) {
            self.internal = true;
        } else if changes {
            self.decide(GroupKind::Statement { pos });
        }
        changes
    }

    fn open(&mut self, frame: &Frame<'_>) {
        self.start.get_or_insert(frame.pos);
        self.timestamp_s.get_or_insert(frame.header.timestamp_s);
    }

    fn unfinished_if_open(&self) -> Result<(), BinlogError> {
        match self.start {
            Some(pos) => Err(BinlogError {
                pos,
                kind: ErrorKind::UnfinishedGroup,
            }),
            None => Ok(()),
        }
    }
}

fn middle(event_type: EventType) -> ErrorKind {
    ErrorKind::Unexpected {
        event_type,
        why: "no transaction has begun (the start position is inside one?)",
    }
}

/// Whether an event of this type stands only between BEGIN and a commit, or is one.
fn is_inside(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::TABLE_MAP | EventType::XID | EventType::XA_PREPARE
    ) || event_type.is_rows()
}

fn is_payload(frame: &Frame<'_>) -> bool {
    frame.header.event_type == EventType::TRANSACTION_PAYLOAD
}
