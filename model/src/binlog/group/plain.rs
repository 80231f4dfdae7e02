//! Groups as nearly all are, read in one straight line.

#[cfg(doc)]
use super::{Group, Groups};
use crate::binlog::{
    decode::{GtidBrief, Query},
    event::EventType,
    frame::{Frame, Frames},
};

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
