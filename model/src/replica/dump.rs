//! The source's side of replication: the handshake, and the thread that sends.
//!
//! What is refused, and in which words, is in [`refusal`](super::refusal); numbers as measured on 9.7.4 and
//! 5.6.24. On the GTID path only the source's own UUID is compared: errant transactions of others pass. On the
//! position path nothing checks that the content at the position is what was meant.

use super::{
    Range, ThreadError,
    refusal::{self, FIRST, GtidMode, Progress, Refusal, Source},
};
use crate::{
    binlog::{
        group::Groups,
        log::{Binlog, LogPos, Span},
    },
    ddl::Version,
    gtid::{Gtid, GtidSet, Uuid},
    server::Server,
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
}

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where it is.
    pub range: Range,
    /// The GTIDs of its groups.
    pub gtids: Vec<Gtid>,
}

fn refused(server: &Server, refusal: &Refusal, progress: &Progress) -> ThreadError {
    let version = server.config.version;
    let source = if version.at_least(80_000) {
        "source"
    } else {
        "master"
    };
    ThreadError {
        errno: version.fatal_dump_errno(),
        text: format!(
            "Got fatal error 1236 from {source} when reading data from binary log: '{}'",
            refusal.text(version, progress)
        ),
    }
}

/// Checks a request as the source does.
///
/// # Errors
/// What the receiver finds in `Last_IO_Errno` and `Last_IO_Error`.
pub fn handshake(server: &Server, request: &Request) -> Result<DumpThread, ThreadError> {
    let refuse = |refusal, file: &str, pos| {
        let at = |pos| (path(file), pos);
        let progress = Progress {
            asked: (file.into(), pos),
            event: at(FIRST),
            byte: at(FIRST),
        };
        refused(server, &refusal, &progress)
    };
    let Some(binlog) = &server.binlog else {
        return Err(refuse(Refusal::NotOpen, "", FIRST));
    };
    let source = Offer { server, binlog };
    let (file, pos, skip) = match request {
        Request::Auto { known } => {
            let file =
                refusal::by_gtid(&source, known).map_err(|refusal| refuse(refusal, "", FIRST))?;
            (file, FIRST, Some(known.clone()))
        }
        Request::Position { file, pos } => {
            let pos = (*pos).max(FIRST);
            let number = refusal::by_position(&source, file, pos)
                .map_err(|refusal| refuse(refusal, file, pos))?;
            (number, pos, None)
        }
    };
    Ok(DumpThread {
        at: LogPos { file, pos },
        skip,
        told: LogPos::default(),
    })
}

/// A file's name as the index has it.
fn path(file: &str) -> String {
    format!("./{file}")
}

/// A server with its binlog, as the handshake sees it.
struct Offer<'a> {
    server: &'a Server,
    binlog: &'a Binlog,
}

impl Source for Offer<'_> {
    fn version(&self) -> Version {
        self.server.config.version
    }

    fn gtid_mode(&self) -> GtidMode {
        if self.server.config.gtid_mode {
            GtidMode::On
        } else {
            GtidMode::Off
        }
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
        let found = if name.is_empty() {
            self.binlog.files().first()
        } else {
            self.binlog.number(name).and_then(|n| self.binlog.file(n))
        };
        found.map(|file| (file.number(), file.length()))
    }
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
                return Err(refused(
                    server,
                    &Refusal::NoNextFile,
                    &self.progress(binlog),
                ));
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
        &self,
        server: &Server,
        binlog: &Binlog,
        span: Span,
        limit: usize,
    ) -> Result<Option<Sent>, ThreadError> {
        let checksum = super::checksum(binlog);
        let (mut from, mut to, mut gtids) = (self.at.pos, self.at.pos, Vec::new());
        let bytes = binlog.bytes(span);
        // What is read there as an event is too long, as a rule (9.7.4 and 5.6.24 alike).
        let inside = |_| refused(server, &Refusal::TooLong, &self.progress(binlog));
        if self.told == LogPos::default() {
            // Whether a start position is that of an event shows at the first group, read whole.
            let mut whole = Groups::new(bytes, self.at.pos, checksum);
            whole.next().transpose().map_err(inside)?;
        }
        let mut groups = Groups::trusted(bytes, self.at.pos, checksum);
        while let Some(group) = groups.hop() {
            let group = group.map_err(inside)?;
            let gtid = group.gtid;
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

    /// How far it is. What it has read of an event that is none is not kept.
    fn progress(&self, binlog: &Binlog) -> Progress {
        let name = binlog.name(self.at.file);
        let at = (path(&name), self.at.pos);
        Progress {
            asked: (name, self.at.pos),
            event: at.clone(),
            byte: at,
        }
    }
}
