//! A group while it is put together: what its events so far make of it, and which event may come next.

use super::{
    GroupKind, Inflated, is_payload,
    words::{is_change, is_internal},
};
use crate::binlog::{
    decode::{GtidEvent, PayloadError, Query, TransactionPayload, XaPrepare},
    event::{Checksum, EventType, flag},
    frame::{BinlogError, ErrorKind, Frame, Frames},
};

/// A group while it is put together.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) start: Option<u64>,
    pub(super) gtid: Option<GtidEvent>,
    pub(super) timestamp_s: Option<u32>,
    pub(super) in_transaction: bool,
    pub(super) ended: bool,
    rows: bool,
    xa: bool,
    pub(super) rolled_back: bool,
    pub(super) has_partial_rollback: bool,
    pub(super) is_rest: bool,
    /// It has a data change of the server's own tables, as a statement.
    internal: bool,
    /// What decides the kind before all else: the first thing that cannot be followed, or a lone statement.
    decided: Option<GroupKind>,
    pub(super) inflated: Option<Inflated>,
}

impl Open {
    pub(super) fn kind(&self) -> GroupKind {
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

    pub(super) fn inflate(&mut self, frame: &Frame<'_>) -> Result<(), ErrorKind> {
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

    pub(super) fn feed(&mut self, frame: &Frame<'_>) -> Result<(), BinlogError> {
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

    pub(super) fn unfinished_if_open(&self) -> Result<(), BinlogError> {
        match self.start {
            Some(pos) => Err(BinlogError {
                pos,
                kind: ErrorKind::UnfinishedGroup,
            }),
            None => Ok(()),
        }
    }
}

pub(super) fn middle(event_type: EventType) -> ErrorKind {
    ErrorKind::Unexpected {
        event_type,
        why: "no transaction has begun (the start position is inside one?)",
    }
}

/// Whether an event of this type stands only between BEGIN and a commit, or is one.
pub(super) fn is_inside(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::TABLE_MAP | EventType::XID | EventType::XA_PREPARE
    ) || event_type.is_rows()
}
