//! The source's side of replication: the handshake, and the thread that sends.
//!
//! The order of the checks and the texts are those of `Binlog_sender::check_start_file` and
//! `Binlog_sender::send_events` (sql/rpl_binlog_sender.cc); numbers as measured on 9.7.4 and 5.6.24. On the
//! GTID path only the source's own UUID is compared: errant transactions of others pass. On the position
//! path nothing checks that the content at the position is what was meant.

use super::{Range, ThreadError};
use crate::{
    binlog::{
        event::HEADER_LENGTH,
        group::Groups,
        log::{Binlog, LogFile, LogPos, Span},
    },
    gtid::{Gtid, GtidSet},
    mutant::Mutant,
    server::{Server, Version},
};

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

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where it is.
    pub range: Range,
    /// The GTIDs of its groups.
    pub gtids: Vec<Gtid>,
}

/// Position of the first event of a file.
const FIRST: u64 = 4;

/// The source's message is cut to so many bytes on its way (measured on 5.6.24 and 9.7.4).
fn longest_message(version: Version) -> usize {
    if version.at_least(80_000) { 511 } else { 320 }
}

/// A refusal in today's words; servers before 8.0.26 say master and slave.
fn refused(server: &Server, text: &str) -> ThreadError {
    let version = server.config.version;
    let mut text = format!("from source when reading data from binary log: '{text}");
    if !version.at_least(80_026) {
        for (new, old) in [
            ("source", "master"),
            ("replica", "slave"),
            ("Replica", "Slave"),
            // Not in "replicate" and "replication".
            ("slavet", "replicat"),
            ("Slavet", "Replicat"),
        ] {
            text = text.replace(new, old);
        }
    }
    let lead = "from source when reading data from binary log: '".len();
    let longest = lead + longest_message(version);
    if let Some((at, _)) = text
        .char_indices()
        .take_while(|(at, _)| *at <= longest)
        .last()
        && text.len() > longest
    {
        text.truncate(at);
    }
    ThreadError {
        errno: version.fatal_dump_errno(),
        text: format!("Got fatal error 1236 {text}'"),
    }
}

/// Checks a request as the source does.
///
/// # Errors
/// What the receiver finds in `Last_IO_Errno` and `Last_IO_Error`.
pub fn handshake(server: &Server, request: &Request) -> Result<DumpThread, ThreadError> {
    let Some(binlog) = &server.binlog else {
        return Err(refused(server, "Binary log is not open"));
    };
    match request {
        Request::Auto { known } => by_gtid(server, binlog, known),
        Request::Position { file, pos } => by_position(server, binlog, file, (*pos).max(FIRST)),
    }
}

fn by_gtid(server: &Server, binlog: &Binlog, known: &GtidSet) -> Result<DumpThread, ThreadError> {
    if !server.config.gtid_mode {
        return Err(refused(
            server,
            "The replication sender thread cannot start in AUTO_POSITION mode: this server has GTID_MODE = OFF instead of ON.",
        ));
    }
    if !known
        .of_server(server.config.uuid)
        .is_subset_of(&server.gtid_executed)
    {
        return Err(refused(server, more_gtids(server.config.version)));
    }
    let missing = binlog.purged().subtract(known);
    let unchecked = server.config.mutants.has(Mutant::PurgedNotChecked);
    if !missing.is_empty() && !unchecked {
        let text = if server.config.version.at_least(80_000) {
            format!(
                "Cannot replicate because the source purged required binary logs. Replicate the missing transactions from \
                 elsewhere, or provision a new replica from backup. Consider increasing the source's binary log expiration \
                 period. The GTID set sent by the replica is '{known}', and the missing transactions are '{missing}'"
            )
        } else {
            "The replica is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the source has purged binary \
             logs containing GTIDs that the replica requires."
                .to_owned()
        };
        return Err(refused(server, &text));
    }
    let oldest = || binlog.files().first().map(LogFile::number);
    match binlog
        .find_file_for(known)
        .or_else(|| oldest().filter(|_| unchecked))
    {
        Some(file) => Ok(DumpThread {
            at: LogPos { file, pos: FIRST },
            skip: Some(known.clone()),
            told: LogPos::default(),
            after_rotation: false,
        }),
        None => Err(refused(
            server,
            "Could not find first log file name in binary log index file",
        )),
    }
}

fn by_position(
    server: &Server,
    binlog: &Binlog,
    file: &str,
    pos: u64,
) -> Result<DumpThread, ThreadError> {
    let first = || binlog.files().first();
    let found = if file.is_empty() {
        first()
    } else {
        binlog.number(file).and_then(|n| binlog.file(n))
    };
    let steps_over = server.config.mutants.has(Mutant::StepsOverPurgedFiles);
    let (found, pos) = match found {
        None if steps_over => (first(), FIRST),
        found => (found, pos),
    };
    let found = found.ok_or_else(|| {
        refused(
            server,
            "Could not find first log file name in binary log index file",
        )
    })?;
    let (number, end) = (found.number(), found.length());
    if pos > end {
        let what = "Client requested source to start replication from position > file size";
        let at = match server.config.version.at_least(80_000) {
            true => String::new(),
            false => read_until(&binlog.name(number), pos, FIRST),
        };
        return Err(refused(server, &format!("{what}{at}")));
    }
    Ok(DumpThread {
        at: LogPos { file: number, pos },
        skip: None,
        told: LogPos::default(),
        after_rotation: false,
    })
}

impl DumpThread {
    /// The next whole groups to send, at most about `limit` bytes of them (at least one group). Steps over
    /// what the replica has, and to the next file.
    ///
    /// # Errors
    /// The position is inside an event, or the file that comes next is gone.
    pub fn next(&mut self, server: &Server, limit: usize) -> Result<Option<Sent>, ThreadError> {
        let Some(binlog) = &server.binlog else {
            return Ok(None);
        };
        loop {
            if binlog.file(self.at.file).is_none() {
                return Err(refused(server, "could not find next log"));
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
            gtids: Vec::new(),
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
        let (mut from, mut to, mut gtids) = (self.at.pos, self.at.pos, Vec::new());
        let bytes = binlog.bytes(span);
        let inside = |_| {
            let text = no_event(bytes, &binlog.name(self.at.file), self.at.pos);
            refused(server, &text)
        };
        if self.told == LogPos::default() {
            // Whether a start position is that of an event shows at the first group, read whole.
            let mut whole = Groups::new(bytes, self.at.pos, checksum).begun_anywhere();
            whole.next().transpose().map_err(inside)?;
        }
        let mut groups = Groups::trusted(bytes, self.at.pos, checksum).begun_anywhere();
        while let Some(group) = groups.hop() {
            let group = group.map_err(inside)?;
            let gtid = group.gtid;
            let first_of_file = std::mem::take(&mut self.after_rotation);
            if first_of_file && server.config.mutants.has(Mutant::DumpSkipsAfterRotation) {
                continue;
            }
            if gtid.is_some_and(|g| self.skip.as_ref().is_some_and(|s| s.contains(&g))) {
                if to > from {
                    break;
                }
                continue;
            }
            if to <= from {
                from = group.start;
            }
            to = group.end;
            gtids.extend(gtid);
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
fn no_event(bytes: &[u8], file: &str, pos: u64) -> String {
    let length = bytes
        .get(LENGTH_AT..LENGTH_AT + 4)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u32::from_le_bytes);
    let what = match length as usize {
        _ if bytes.len() < HEADER_LENGTH => TRUNCATED,
        0..HEADER_LENGTH => "bogus data in log event",
        _ if length > LARGEST_EVENT => {
            "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source"
        }
        length if length > bytes.len() => TRUNCATED,
        _ => "event read from binlog did not pass crc check",
    };
    format!("{what}{}", read_until(file, pos, pos))
}

const TRUNCATED: &str =
    "binlog truncated in the middle of event; consider out of disk space on source";
/// Where an event's header has its length.
const LENGTH_AT: usize = 9;
/// `replica_max_allowed_packet`.
const LARGEST_EVENT: u32 = 1 << 30;

/// How far the dump thread had read.
fn read_until(file: &str, from: u64, read: u64) -> String {
    format!(
        "; the first event '{file}' at {from}, the last event read from './{file}' at {read}, the last byte read from \
         './{file}' at {read}."
    )
}

/// The replica has transactions of this source which the source has not (measured on 5.6.24 and 9.7.4, where the first
/// arrives no longer than it is here).
fn more_gtids(version: Version) -> &'static str {
    if version.at_least(80_026) {
        "Replica has more GTIDs than the source has, using the source's SERVER_UUID. This may indicate that the the last \
         binary log file was truncated or lost, e.g., after a power failure when sync_binlog != 1. The source may have rolled \
         back transactions that were already replicated to the replica. Replicate any transactions that source has rolled \
         back from replica to source, and/or commit empty transactions on source to account for transactions that have been \
         committed on source but are not included in GTID_EXECUTED."
    } else {
        "Replica has more GTIDs than the source has, using the source's SERVER_UUID. This may indicate that the end of the \
         binary log was truncated or that the last binary log file was lost, e.g., after a power or disk failure when \
         sync_binlog != 1. The source may or may not have rolled back transactions that were already replicated to the \
         replica"
    }
}
