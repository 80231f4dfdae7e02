//! A stream of events, split into groups: read one by one, or stepped over.

use super::{
    Group, Hop, is_payload,
    open::{Open, is_inside, middle},
};
use crate::binlog::{
    decode::{GtidBrief, GtidEvent},
    event::{Checksum, EventType},
    frame::{BinlogError, ErrorKind, Frame, Frames},
};

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
        let first = self.frames.peek().filter(|_| !self.failed)?;
        let brief = GtidBrief::of(first.header.event_type, first.body)?;
        let length = brief.transaction_length;
        let is_whole = length >= first.bytes.len() as u64 && self.frames.step_over(length);
        is_whole.then(|| {
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
