//! Sending the binlog: from where a receiver asked, file after file, and on as they grow.
//!
//! ```text
//! ROTATE (made up: this file, this position)  FORMAT_DESCRIPTION  events…  ROTATE     of the first file
//! ROTATE (made up: the next file, 4)          FORMAT_DESCRIPTION  events…  HEARTBEAT… of the last one
//! ```
//!
//! After `Binlog_sender::run`, `send_binlog`, `send_events` and `check_event_type` (sql/rpl_binlog_sender.cc), and
//! to the byte what 9.7.4 and 5.6.24 send of the same files. Of the last file only what is whole is sent: an
//! event, or the transaction where its GTID says how long it is (8.0.2 and later).

use super::{
    events::{Events, Next},
    folder::Folder,
    link::{Link, length_encoded},
    request::{DumpRequest, From},
};
use crate::{wall::Stopwatch, wire::WireError};
use cutover_model::{
    binlog::{
        Checksum, EventType, Header,
        decode::GtidEvent,
        event::{CHECKSUM_LENGTH, FIRST_POSITION, HEADER_LENGTH, flag},
    },
    ddl::Version,
    gtid::GtidSet,
    replica::refusal::{self, GtidMode, Progress, Refusal, Source},
};
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Where FORMAT_DESCRIPTION has the time at which its server started.
const CREATED: std::ops::Range<usize> = HEADER_LENGTH + 52..HEADER_LENGTH + 56;
/// Where a header has the position behind the event.
const END_LOG_POS: std::ops::Range<usize> = 13..17;
/// Where a header has the lower byte of its flags.
const FLAGS: usize = 17;

/// Why sending ends.
#[derive(Debug)]
pub enum Stop {
    /// Everything is sent, and the receiver does not want to wait.
    AtTheEnd,
    /// The receiver has gone.
    Gone,
    /// The server is to end.
    Over,
    /// The source has a reason.
    Refused(Refusal),
    /// The connection broke.
    Wire(WireError),
    /// A file cannot be read.
    File(String, io::Error),
}

impl std::convert::From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Wire(error.into())
    }
}

/// What a receiver said of itself.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The checksums that it knows; `None`: it never said.
    pub checksum: Option<Checksum>,
    /// How long it may hear nothing.
    pub heartbeat: Option<Duration>,
}

/// A source at work for one receiver.
#[derive(Debug)]
pub struct Dump<'a, 'l> {
    pub(super) link: &'l mut Link<'a>,
    pub(super) folder: &'l Folder,
    pub(super) server_id: u32,
    pub(super) version: Version,
    pub(super) gtid_mode: GtidMode,
    pub(super) terms: Terms,
    /// Set when another receiver with the same identity has come.
    pub(super) replaced: &'l AtomicBool,
    /// How far it is.
    pub(super) progress: Progress,
    /// Events sent.
    pub(super) sent: u64,
    /// Everything that there was has been sent once.
    pub(super) served: bool,
}

/// What changes while events are sent.
#[derive(Debug)]
struct Sending {
    skip: Option<GtidSet>,
    non_block: bool,
    heartbeat_v2: bool,
    /// What follows made-up events.
    checksum: Checksum,
    /// In a group that the receiver has.
    skipping: bool,
    /// Behind the last group that was skipped, until the receiver is told.
    skipped_to: Option<u64>,
    since_sent: Stopwatch,
}

/// What became of an event.
#[derive(PartialEq, Eq)]
enum Passed {
    On,
    /// Its transaction is not whole yet.
    NotYet,
}

impl Dump<'_, '_> {
    /// Checks a request, and sends until something ends it.
    pub fn run(&mut self, source: &impl Source, request: &DumpRequest) -> Stop {
        let (file, pos, skip) = match &request.from {
            From::Position(file, pos) => {
                self.progress.asked = (file.clone(), *pos);
                let at = (format!("./{file}"), FIRST_POSITION);
                (self.progress.event, self.progress.byte) = (at.clone(), at);
                (refusal::by_position(source, file, *pos), *pos, None)
            }
            From::Gtids(known) => {
                self.progress.asked = (String::new(), FIRST_POSITION);
                let file = refusal::by_gtid(source, known);
                (file, FIRST_POSITION, Some(known.clone()))
            }
        };
        let mut sending = Sending {
            skip,
            non_block: request.non_block,
            heartbeat_v2: request.heartbeat_v2,
            // Until a file has said what it has, made-up events have what the receiver said that it knows.
            checksum: self.terms.checksum.unwrap_or(Checksum::None),
            skipping: false,
            skipped_to: None,
            since_sent: Stopwatch::start(),
        };
        let (mut file, mut pos) = match file {
            Ok(file) => (file, pos),
            Err(refusal) => return Stop::Refused(refusal),
        };
        loop {
            match self.file(&mut sending, file, pos) {
                Ok(()) => (file, pos) = (file + 1, FIRST_POSITION),
                Err(stop) => return stop,
            }
        }
    }

    /// Sends a file from a position to its end.
    fn file(&mut self, sending: &mut Sending, number: u64, pos: u64) -> Result<(), Stop> {
        let name = self.folder.name(number);
        let path = format!("./{name}");
        let failed = |error| Stop::File(name.clone(), error);
        self.rotate(sending, &name, pos)?;
        let mut event = Vec::new();
        let path_on_disk = self.folder.path(number);
        let mut events = Events::open(&path_on_disk, &mut event).map_err(failed)?;
        // 5.6 reads it aside, and counts from where it was asked to start.
        let read = if self.version.at_least(50_700) || pos == FIRST_POSITION {
            events.pos()
        } else {
            pos
        };
        self.progress.event = (path.clone(), read);
        self.progress.byte = (path.clone(), events.pos());
        if self.terms.checksum.is_none() && events.about().checksum == Checksum::Crc32 {
            return Err(Stop::Refused(Refusal::ChecksumUnaware));
        }
        sending.checksum = events.about().checksum;
        (sending.skipping, sending.skipped_to) = (false, None);
        format_description(&mut event, pos, events.about().checksum);
        self.event(sending, &event)?;
        if pos > FIRST_POSITION {
            events.seek(pos).map_err(failed)?;
        }
        let mut arrived = false;
        loop {
            let grows = !self.folder.has(number + 1).map_err(failed)?;
            match events.next(grows, &mut event).map_err(failed)? {
                Next::Event(header) => {
                    let from = events.pos() - event.len() as u64;
                    let whole = if grows {
                        events.length().map_err(failed)?
                    } else {
                        u64::MAX
                    };
                    if self.pass(sending, &header, &event, (&name, from), whole)? == Passed::On {
                        self.progress.event = (path.clone(), events.pos());
                        arrived = false;
                        continue;
                    }
                    events.seek(from).map_err(failed)?;
                }
                Next::End if !grows => return self.tell_skipped(sending, &name),
                Next::End => {}
                Next::Refused(refusal) => {
                    self.progress.byte = (path, events.read());
                    return Err(Stop::Refused(refusal));
                }
            }
            self.progress.byte = (path.clone(), events.pos());
            if !arrived {
                arrived = true;
                self.at_the_end(sending, number, &name)?;
            }
            self.wait(sending, &name, events.pos())?;
        }
    }

    /// Sends an event of a file, unless the receiver has its group.
    fn pass(
        &mut self,
        sending: &mut Sending,
        header: &Header,
        event: &[u8],
        (name, from): (&str, u64),
        whole: u64,
    ) -> Result<Passed, Stop> {
        let end = from + event.len() as u64;
        if header.event_type.is_gtid() {
            let body = HEADER_LENGTH..event.len() - sending.checksum.length();
            let body = event.get(body).unwrap_or_default();
            let gtid = GtidEvent::decode(header.event_type, body)
                .map_err(|_| Stop::Refused(Refusal::Bogus))?;
            if gtid
                .transaction_length
                .is_some_and(|n| from.saturating_add(n) > whole)
            {
                return Ok(Passed::NotYet);
            }
            let anonymous = gtid.gtid.is_none();
            self.may_be_here(sending, anonymous, name, from)?;
            sending.skipping = match (&sending.skip, gtid.gtid) {
                (Some(known), Some(gtid)) => known.contains(&gtid),
                _ => false,
            };
        }
        if sending.skipping && header.event_type != EventType::ROTATE {
            sending.skipped_to = Some(end);
            let silent = sending.since_sent.elapsed();
            if self.terms.heartbeat.is_some_and(|period| silent >= period) {
                self.heartbeat(sending, name, end)?;
            }
            return Ok(Passed::On);
        }
        self.tell_skipped(sending, name)?;
        self.event(sending, event)?;
        Ok(Passed::On)
    }

    /// Whether a transaction with or without GTID may be sent.
    fn may_be_here(
        &self,
        sending: &Sending,
        anonymous: bool,
        name: &str,
        pos: u64,
    ) -> Result<(), Stop> {
        let file = format!("./{name}");
        let refusal = match (anonymous, self.gtid_mode) {
            (true, _) if sending.skip.is_some() => Refusal::Anonymous { file, pos },
            (true, GtidMode::On) => Refusal::AnonymousInOn { file, pos },
            (false, GtidMode::Off) => Refusal::GtidInOff { file, pos },
            _ => return Ok(()),
        };
        Err(Stop::Refused(refusal))
    }

    /// Everything that there is has been sent.
    fn at_the_end(&mut self, sending: &mut Sending, number: u64, name: &str) -> Result<(), Stop> {
        let numbers = self.folder.numbers();
        let numbers = numbers.map_err(|error| Stop::File(name.to_string(), error))?;
        // The next one may have come since; a later one without it is a hole.
        if numbers.last().is_some_and(|last| *last > number) && !numbers.contains(&(number + 1)) {
            return Err(Stop::Refused(Refusal::NoNextFile));
        }
        self.tell_skipped(sending, name)?;
        self.link.flush()?;
        self.served = true;
        if sending.non_block {
            return Err(Stop::AtTheEnd);
        }
        Ok(())
    }

    /// Waits a moment for more, and lets the receiver hear that the source lives.
    fn wait(&mut self, sending: &mut Sending, name: &str, pos: u64) -> Result<(), Stop> {
        self.link.flush()?;
        let is_there = self.link.moment();
        if self.link.is_over() {
            return Err(Stop::Over);
        }
        if self.replaced.load(Ordering::SeqCst) {
            return Err(Stop::Refused(Refusal::Replaced));
        }
        if !is_there {
            return Err(Stop::Gone);
        }
        let silent = sending.since_sent.elapsed();
        if self.terms.heartbeat.is_some_and(|period| silent >= period) {
            self.heartbeat(sending, name, pos)?;
            self.link.flush()?;
        }
        Ok(())
    }

    /// A receiver learns by a heartbeat how far it is without what it has.
    fn tell_skipped(&mut self, sending: &mut Sending, name: &str) -> Result<(), Stop> {
        match sending.skipped_to.take() {
            Some(pos) => self.heartbeat(sending, name, pos),
            None => Ok(()),
        }
    }

    /// Names the file and position of what follows.
    fn rotate(&mut self, sending: &mut Sending, name: &str, pos: u64) -> Result<(), Stop> {
        let mut body = pos.to_le_bytes().to_vec();
        body.extend_from_slice(name.as_bytes());
        self.made_up(sending, EventType::ROTATE, 0, flag::ARTIFICIAL, &body)
    }

    fn heartbeat(&mut self, sending: &mut Sending, name: &str, pos: u64) -> Result<(), Stop> {
        let (event_type, body) = if sending.heartbeat_v2 {
            (EventType::HEARTBEAT_V2, heartbeat_v2(name, pos))
        } else {
            (EventType::HEARTBEAT, name.as_bytes().to_vec())
        };
        self.made_up(sending, event_type, pos as u32, 0, &body)
    }

    fn made_up(
        &mut self,
        sending: &mut Sending,
        event_type: EventType,
        end_log_pos: u32,
        flags: u16,
        body: &[u8],
    ) -> Result<(), Stop> {
        let length = HEADER_LENGTH + body.len() + sending.checksum.length();
        let header = Header {
            timestamp_s: 0,
            event_type,
            server_id: self.server_id,
            length: length as u32,
            end_log_pos,
            flags,
        };
        let mut event = header.encode().to_vec();
        event.extend_from_slice(body);
        if sending.checksum == Checksum::Crc32 {
            event.extend_from_slice(&crc32fast::hash(&event).to_le_bytes());
        }
        self.event(sending, &event)
    }

    fn event(&mut self, sending: &mut Sending, event: &[u8]) -> Result<(), Stop> {
        let mut packet = Vec::with_capacity(event.len() + 1);
        packet.push(0);
        packet.extend_from_slice(event);
        self.link.send(&packet)?;
        self.sent += 1;
        sending.since_sent = Stopwatch::start();
        Ok(())
    }
}

/// A FORMAT_DESCRIPTION as a receiver is to have it: of a file that nobody writes, and, before a position in
/// the middle, without anything that would make the receiver start anew.
fn format_description(event: &mut [u8], pos: u64, checksum: Checksum) {
    if let Some(flags) = event.get_mut(FLAGS) {
        // Not covered by the checksum.
        *flags &= !(flag::IN_USE as u8);
    }
    if pos == FIRST_POSITION {
        return;
    }
    for field in [END_LOG_POS, CREATED] {
        if let Some(field) = event.get_mut(field) {
            field.fill(0);
        }
    }
    // A source whose events have none leaves that of this event as it is, though it has one.
    if let (Checksum::Crc32, Some((covered, stored))) =
        (checksum, event.split_last_chunk_mut::<CHECKSUM_LENGTH>())
    {
        *stored = crc32fast::hash(covered).to_le_bytes();
    }
}

/// Fields, each as its number, its length and its value: 1 the file's name, 2 the position, 0 the end.
fn heartbeat_v2(name: &str, pos: u64) -> Vec<u8> {
    let mut position = Vec::new();
    length_encoded(&mut position, pos);
    let mut body = vec![1];
    length_encoded(&mut body, name.len() as u64);
    body.extend_from_slice(name.as_bytes());
    body.push(2);
    length_encoded(&mut body, position.len() as u64);
    body.extend_from_slice(&position);
    body.push(0);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_of_the_second_version_is_as_9_7_4_sends_it() {
        assert_eq!(
            heartbeat_v2("binlog.000002", 0x614),
            b"\x01\x0dbinlog.000002\x02\x03\xfc\x14\x06\x00"
        );
    }
}
