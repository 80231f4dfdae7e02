//! The source's side of replication: the handshake, and the thread that sends.
//!
//! What it refuses, and in which words, is in [`refusal`]; sending is after `Binlog_sender::send_events`
//! (sql/rpl_binlog_sender.cc), with numbers as measured on 9.7.4 and 5.6.24. On the
//! GTID path only the source's own UUID is compared: errant transactions of others pass. On the position
//! path nothing checks that the content at the position is what was meant.

use super::{
    Range, ThreadError,
    refusal::{self, FATAL_ERRNO, GtidMode, Progress, Refusal, Source},
};
use crate::{
    binlog::{
        encode::length_of,
        event::HEADER_LENGTH,
        group::Groups,
        log::{Binlog, LogFile, LogPos, Span},
    },
    gtid::{GtidRun, GtidSet, Uuid},
    mutant::Mutant,
    server::{Server, Version},
};
use smallvec::SmallVec;

/// What a receiver asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// COM_BINLOG_DUMP_GTID.
    Auto {
        /// Retrieved ∪ executed of the replica.
        known: GtidSet,
    },
    /// COM_BINLOG_DUMP.
    Position {
        /// File name; empty: the first there is.
        file: String,
        /// Position; below 4 becomes 4.
        pos: u64,
    },
}

/// A dump thread.
#[derive(Clone, Debug)]
pub struct DumpThread {
    /// The next byte to look at.
    pub at: LogPos,
    /// What the replica has: passed over.
    skip: Option<GtidSet>,
    /// How far the receiver knows.
    told: LogPos,
    /// It has come here from the file before, and has met no group yet.
    after_rotation: bool,
}

/// GTIDs in the order of a binlog: one run as a rule.
pub type GtidRuns = SmallVec<[GtidRun; 1]>;

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where it is.
    pub range: Range,
    /// The GTIDs of its groups, in order.
    pub gtids: GtidRuns,
}

/// Position of the first event of a file.
const FIRST: u64 = 4;

/// The source's message is cut to so many bytes on its way (measured on 5.6.24 and 9.7.4).
fn longest_message(version: Version) -> usize {
    if version.at_least(80_000) { 511 } else { 320 }
}

/// A refusal, as the receiver shows it.
fn refused(server: &Server, refusal: &Refusal, progress: &Progress) -> ThreadError {
    let version = server.config.version;
    let mut text = refusal.text(version, progress);
    while text.len() > longest_message(version) {
        text.pop();
    }
    let source = match version.at_least(80_026) {
        true => "source",
        false => "master",
    };
    ThreadError {
        errno: refusal::fatal_errno(version),
        text: format!(
            "Got fatal error {FATAL_ERRNO} from {source} when reading data from binary log: '{text}'"
        ),
    }
}

/// A server that is asked for its binlog.
struct Asked<'a> {
    server: &'a Server,
    binlog: &'a Binlog,
}

impl Source for Asked<'_> {
    fn version(&self) -> Version {
        self.server.config.version
    }

    fn gtid_mode(&self) -> GtidMode {
        GtidMode::of(self.server.config.gtid_mode)
    }

    fn uuid(&self) -> Uuid {
        self.server.config.uuid
    }

    fn executed(&self) -> &GtidSet {
        &self.server.gtid_executed
    }

    fn purged(&self) -> &GtidSet {
        self.binlog.purged()
    }

    fn find_file_for(&self, known: &GtidSet) -> Option<u64> {
        self.binlog.find_file_for(known)
    }

    fn find_file(&self, name: &str) -> Option<(u64, u64)> {
        let file = match name {
            "" => self.binlog.files().first(),
            name => self.binlog.number(name).and_then(|n| self.binlog.file(n)),
        };
        file.map(|file| (file.number(), file.length()))
    }
}

/// Checks a request as the source does.
///
/// # Errors
/// What the receiver finds in `Last_IO_Errno` and `Last_IO_Error`.
pub fn handshake(server: &Server, request: &Request) -> Result<DumpThread, ThreadError> {
    let Some(binlog) = &server.binlog else {
        return Err(refused(server, &Refusal::NotOpen, &Progress::default()));
    };
    let asked = Asked { server, binlog };
    match request {
        Request::Auto { known } => by_gtid(&asked, known),
        Request::Position { file, pos } => by_position(&asked, file, (*pos).max(FIRST)),
    }
}

fn by_gtid(asked: &Asked<'_>, known: &GtidSet) -> Result<DumpThread, ThreadError> {
    let unchecked = asked.server.config.mutants.has(Mutant::PurgedNotChecked);
    let file = match refusal::by_gtid(asked, known) {
        Err(Refusal::Purged { .. } | Refusal::NoSuchFile) if unchecked => asked
            .find_file_for(known)
            .or_else(|| Some(asked.binlog.files().first()?.number()))
            .ok_or(Refusal::NoSuchFile),
        found => found,
    };
    match file {
        Ok(file) => Ok(DumpThread::at(file, FIRST, Some(known.clone()))),
        Err(refusal) => Err(refused(asked.server, &refusal, &Progress::default())),
    }
}

fn by_position(asked: &Asked<'_>, file: &str, pos: u64) -> Result<DumpThread, ThreadError> {
    let steps_over = asked
        .server
        .config
        .mutants
        .has(Mutant::StepsOverPurgedFiles);
    match refusal::by_position(asked, file, pos) {
        Ok(number) => Ok(DumpThread::at(number, pos, None)),
        Err(Refusal::NoSuchFile) if steps_over => {
            let first = asked.binlog.files().first().map_or(0, LogFile::number);
            Ok(DumpThread::at(first, FIRST, None))
        }
        Err(refusal) => {
            let progress = progress(file, pos, FIRST);
            Err(refused(asked.server, &refusal, &progress))
        }
    }
}

impl DumpThread {
    fn at(file: u64, pos: u64, skip: Option<GtidSet>) -> Self {
        Self {
            at: LogPos { file, pos },
            skip,
            told: LogPos::default(),
            after_rotation: false,
        }
    }

    /// The next whole groups to send, at most about `limit` bytes of them (at least one group). Steps over
    /// what the replica has, and to the next file.
    ///
    /// # Errors
    /// The position is inside an event, or the file that comes next is gone.
    pub fn next(&mut self, server: &Server, limit: usize) -> Result<Option<Sent>, ThreadError> {
        let Some(binlog) = &server.binlog else {
            return Ok(None);
        };
        if self.at == self.told && self.at == binlog.published() {
            return Ok(None);
        }
        loop {
            if binlog.file(self.at.file).is_none() {
                let progress = progress(&binlog.name(self.at.file), self.at.pos, self.at.pos);
                return Err(refused(server, &Refusal::NoNextFile, &progress));
            }
            let span = binlog.read_span(self.at).filter(|span| span.length() > 0);
            let Some(span) = span else {
                if self.at.file >= binlog.published().file {
                    return Ok(self.position_alone(binlog));
                }
                self.at = LogPos {
                    file: self.at.file + 1,
                    pos: FIRST,
                };
                self.after_rotation = true;
                continue;
            };
            match self.choose(server, binlog, span, limit)? {
                Some(sent) => {
                    self.at = sent.range.end();
                    self.told = self.at;
                    return Ok(Some(sent));
                }
                // Nothing but events outside of groups (the head of a file, a ROTATE) and known groups.
                None => self.at.pos += span.length() as u64,
            }
        }
    }

    /// At the end of what there is: events outside of groups (ROTATE, the head of a file) and heartbeats
    /// tell the receiver how far it is, without any group.
    fn position_alone(&mut self, binlog: &Binlog) -> Option<Sent> {
        if self.at <= self.told {
            return None;
        }
        self.told = self.at;
        let span = binlog.read_span(self.at)?.slice(0, 0);
        Some(Sent {
            range: Range { at: self.at, span },
            gtids: GtidRuns::new(),
        })
    }

    /// The first groups of a span that the replica does not have.
    fn choose(
        &mut self,
        server: &Server,
        binlog: &Binlog,
        span: Span,
        limit: usize,
    ) -> Result<Option<Sent>, ThreadError> {
        let checksum = super::checksum(binlog);
        let (mut from, mut to, mut gtids) = (self.at.pos, self.at.pos, GtidRuns::new());
        let bytes = binlog.bytes(span);
        let at = self.at;
        let refused_here = || {
            let progress = progress(&binlog.name(at.file), at.pos, at.pos);
            refused(server, &no_event(bytes), &progress)
        };
        if self.told == LogPos::default() {
            if !binlog.is_between_events(self.at) {
                return Err(refused_here());
            }
            let mut whole = Groups::trusted(bytes, self.at.pos, checksum).begun_anywhere();
            whole.next().transpose().map_err(|_| refused_here())?;
        }
        let mut groups = Groups::trusted(bytes, self.at.pos, checksum).begun_anywhere();
        while let Some(group) = groups.hop() {
            let group = group.map_err(|_| refused_here())?;
            let gtid = group.gtid;
            let first_of_file = std::mem::take(&mut self.after_rotation);
            if first_of_file && server.config.mutants.has(Mutant::DumpSkipsAfterRotation) {
                continue;
            }
            if let (Some(gtid), Some(known)) = (&gtid, &self.skip)
                && known.contains(gtid)
            {
                if to > from {
                    break;
                }
                continue;
            }
            if to <= from {
                from = group.start;
            }
            to = group.end;
            if let Some(gtid) = &gtid {
                GtidRun::push(&mut gtids, gtid);
            }
            if (to - from) as usize >= limit {
                break;
            }
        }
        let skip = (from - self.at.pos) as usize;
        let at = LogPos {
            file: self.at.file,
            pos: from,
        };
        Ok((to > from).then(|| Sent {
            range: Range {
                at,
                span: span.slice(skip, (to - from) as usize),
            },
            gtids,
        }))
    }
}

/// What is said of a position that is not an event's: it depends on the length that is read there
/// (`Basic_binlog_ifile::read_event_data`, sql/binlog_reader.h; measured on 5.6.24 and 9.7.4).
fn no_event(bytes: &[u8]) -> Refusal {
    if bytes.len() < HEADER_LENGTH {
        return Refusal::Truncated;
    }
    match length_of(bytes) {
        0..HEADER_LENGTH => Refusal::Bogus,
        length if length > LARGEST_EVENT => Refusal::TooLong,
        length if length > bytes.len() => Refusal::Truncated,
        _ => Refusal::Checksum,
    }
}

/// `replica_max_allowed_packet`.
const LARGEST_EVENT: usize = 1 << 30;

/// How far the dump thread had read.
fn progress(file: &str, from: u64, read: u64) -> Progress {
    let at = (format!("./{file}"), read);
    Progress {
        asked: (file.to_owned(), from),
        event: at.clone(),
        byte: at,
    }
}
