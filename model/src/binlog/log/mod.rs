//! A server's binlog files, in memory.
//!
//! What is durable and what others may read are two marks on one stream of bytes (`MYSQL_BIN_LOG`'s
//! fsync counter, and `binlog_end_pos`, which dump threads follow): the server moves them, at the moments that its
//! settings say. Rotation, purge and recovery follow `new_file_impl`, `purge_logs_before_date` and
//! `open_binlog`.
//!
//! Checksums are worked out when bytes leave the log: in memory nothing can change a byte, so nobody looks at them there.

mod chunks;
mod file;

use super::encode::{Writer, seal_all, set_in_use};
use super::event::{Checksum, FIRST_POSITION};
use super::frame::BinlogError;
use super::group::{Group, Groups};
use crate::gtid::{Gtid, GtidSet};
use chunks::Chunks;

pub use chunks::Span;
pub use file::LogFile;

/// A place in a log: the number in a file's name, and a position in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPos {
    /// 142 for `base.000142`.
    pub file: u64,
    /// Bytes from the file's start.
    pub pos: u64,
}

/// What an append wrote, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it starts.
    pub start: LogPos,
    /// The position behind it.
    pub end: LogPos,
    /// Its bytes.
    pub span: Span,
}

/// A server's binlog.
#[derive(Clone, Debug)]
pub struct Binlog {
    writer: Writer,
    base: String,
    chunks: Chunks,
    /// By number, without holes; the last is the one that is written. Never empty.
    files: Vec<LogFile>,
    /// Purged files, oldest first: no reader gets them, [`Binlog::groups`] looks back at them.
    purged_files: Vec<LogFile>,
    /// All GTIDs of the files and of the purged ones.
    logged: GtidSet,
    synced: LogPos,
    published: LogPos,
    /// Copies of which a byte was changed.
    damaged: Vec<Span>,
}

impl Binlog {
    /// A binlog whose first file is `base.first_number`, as a server has it after its start at `now_us`
    /// (µs since 1970); `purged` is what earlier files held.
    pub fn new(
        writer: Writer,
        base: &str,
        first_number: u64,
        purged: GtidSet,
        now_us: u64,
    ) -> Binlog {
        let mut log = Binlog {
            writer: writer.without_seals(),
            base: base.to_owned(),
            chunks: Chunks::default(),
            files: Vec::new(),
            purged_files: Vec::new(),
            logged: purged,
            synced: LogPos::default(),
            published: LogPos::default(),
            damaged: Vec::new(),
        };
        log.open_file(first_number, now_us, seconds(now_us));
        log
    }

    /// What writes its events.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The name of a file.
    pub fn name(&self, file: u64) -> String {
        format!("{}.{file:06}", self.base)
    }

    /// The number in a file's name; `None` for a name that is not of this log's form.
    pub fn number(&self, name: &str) -> Option<u64> {
        let digits = name.strip_prefix(self.base.as_str())?.strip_prefix('.')?;
        let is_number = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    }

    /// The files that there are, oldest first.
    pub fn files(&self) -> &[LogFile] {
        &self.files
    }

    /// A file, by number.
    pub fn file(&self, number: u64) -> Option<&LogFile> {
        let first = self.files.first()?.number();
        self.files
            .get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// The end of what is written.
    pub fn end(&self) -> LogPos {
        self.files.last().map(LogFile::end).unwrap_or_default()
    }

    /// The end of what survives a crash of the machine.
    pub fn synced(&self) -> LogPos {
        self.synced
    }

    /// The end of what dump threads may send.
    pub fn published(&self) -> LogPos {
        self.published
    }

    /// All GTIDs of the files and of those that were purged.
    pub fn logged(&self) -> &GtidSet {
        &self.logged
    }

    /// What only purged files held: PREVIOUS_GTIDS of the first file.
    pub fn purged(&self) -> &GtidSet {
        static NONE: GtidSet = GtidSet::new();
        self.files.first().map_or(&NONE, LogFile::previous)
    }

    /// Appends a group: `encode` gets the writer, the `Vec` to append to and the position that its first byte will have.
    /// `gtid` is the one that it writes, `now_us` the time of the write (the file's modification time).
    pub fn append(
        &mut self,
        now_us: u64,
        gtid: Option<Gtid>,
        encode: impl FnOnce(&Writer, &mut Vec<u8>, u64),
    ) -> Written {
        let start = self.end();
        let writer = &self.writer;
        let span = self.chunks.append(|out| encode(writer, out, start.pos));
        if let Some(gtid) = gtid {
            self.logged.add(gtid);
        }
        if let Some(file) = self.files.last_mut() {
            file.extend(span, now_us);
        }
        Written {
            start,
            end: self.end(),
            span,
        }
    }

    /// Bytes that it holds in memory: all that was ever written to it, what was purged or lost since too.
    pub fn bytes_held(&self) -> u64 {
        self.chunks.bytes()
    }

    /// Everything written is durable now.
    pub fn sync(&mut self) {
        self.synced = self.end();
    }

    /// Everything written may be sent now.
    pub fn publish(&mut self) {
        self.published = self.end();
    }

    /// Everything up to `end` may be sent now; the mark never goes back.
    pub fn publish_to(&mut self, end: LogPos) {
        self.published = self.published.max(end.min(self.end()));
    }

    /// Ends the file with ROTATE and starts the next. The old file is durable afterwards, and both are
    /// published, as a server's rotation closes the one and flushes the head of the other.
    pub fn rotate(&mut self, now_us: u64) {
        let number = self.end().file;
        let next = self.name(number + 1);
        self.append(now_us, None, |writer, out, pos| {
            writer.rotate(out, pos, seconds(now_us), &next)
        });
        self.close_file();
        self.open_file(number + 1, now_us, 0);
    }

    /// Ends the file with STOP, as a server in good order does.
    pub fn stop(&mut self, now_us: u64) {
        self.append(now_us, None, |writer, out, pos| {
            writer.stop(out, pos, seconds(now_us))
        });
        self.close_file();
        self.sync();
        self.publish();
    }

    /// The server starts: the last file is closed as it is (after a crash: cut by
    /// [`Binlog::truncate_to`] first), and a new one begins.
    pub fn restart(&mut self, now_us: u64) {
        let number = self.end().file;
        self.close_file();
        self.open_file(number + 1, now_us, seconds(now_us));
    }

    /// Drops what lies behind `end`: the unsynced tail that a crash loses, or the unfinished group that
    /// recovery cuts off. Files behind it go. Memory stays, for those who read on.
    pub fn truncate_to(&mut self, end: LogPos) {
        self.files.retain(|file| file.number() <= end.file);
        let Some(file) = self
            .files
            .last_mut()
            .filter(|file| file.number() == end.file)
        else {
            return;
        };
        let torn = file.event_around(end.pos, |span| self.chunks.get(span));
        if let Some(torn) = torn.filter(|_| self.writer.options().checksum) {
            // A part of its checksum may be left.
            seal_all(self.chunks.get_mut(torn));
        }
        file.truncate(end.pos);
        self.logged = file.previous().clone();
        let end = self.end();
        let mut kept = Vec::new();
        for group in self.groups(end.file, 0, u64::MAX).map_while(Result::ok) {
            kept.extend(group.gtid.and_then(|event| event.gtid));
        }
        for gtid in kept {
            self.logged.add(gtid);
        }
        self.synced = self.synced.min(end);
        self.published = self.published.min(end);
    }

    /// Purges files from the oldest on that were last written before `before_us`, up to the first that
    /// was not, or has number `in_use` or more (a dump thread reads it), or is the last. Returns the names.
    pub fn purge_before(&mut self, before_us: u64, in_use: Option<u64>) -> Vec<String> {
        let last = self.end().file;
        let stays = |file: &LogFile| {
            file.modified_us() >= before_us
                || file.number() == last
                || in_use.is_some_and(|n| file.number() >= n)
        };
        let count = self.files.iter().position(stays).unwrap_or(0);
        let from = self.purged_files.len();
        self.purged_files.extend(self.files.drain(..count));
        self.purged_files[from..]
            .iter()
            .map(|file| self.name(file.number()))
            .collect()
    }

    /// The newest file at whose start nothing is missing for one who has `set`: where a dump by
    /// auto-position begins (`MYSQL_BIN_LOG::find_first_log_not_in_gtid_set`). `None`: it was purged.
    pub fn find_file_for(&self, set: &GtidSet) -> Option<u64> {
        self.files
            .iter()
            .rev()
            .find(|file| file.previous().is_subset_of(set))
            .map(LogFile::number)
    }

    /// What follows a place: contiguous bytes up to the end of an extent or of what is published, which stay readable when
    /// the file is gone. Empty at the end; `None` where there is no such file or position.
    pub fn read_span(&self, at: LogPos) -> Option<Span> {
        let file = self.file(at.file)?;
        let end = match file.number().cmp(&self.published.file) {
            std::cmp::Ordering::Less => file.length(),
            std::cmp::Ordering::Equal => self.published.pos.min(file.length()),
            std::cmp::Ordering::Greater => 0,
        };
        if at.pos > end {
            return None;
        }
        file.span_at(at.pos, end - at.pos)
    }

    /// The bytes of a span of this log, its events' checksums still to be worked out.
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        self.chunks.get(span)
    }

    /// A copy of whole events, checksums and all: those of before, where a byte was changed on the way.
    pub fn sealed(&self, events: Span) -> Vec<u8> {
        let mut bytes = self.bytes(events).to_vec();
        if self.is_as_written(events) {
            self.seal(&mut bytes);
        }
        bytes
    }

    fn seal(&self, events: &mut [u8]) {
        if self.writer.options().checksum {
            seal_all(events);
        }
    }

    /// Whether an event begins at a place, or the log ends there.
    pub fn is_between_events(&self, at: LogPos) -> bool {
        at.pos >= FIRST_POSITION
            && self
                .file(at.file)
                .is_some_and(|f| f.event_around(at.pos, |span| self.bytes(span)).is_none())
    }

    /// A copy of some bytes with one of them changed, beside the files: what arrives of them where the wire or the
    /// disk on the way is bad. `byte` is counted from the first, and wraps at the end.
    pub fn damaged(&mut self, span: Span, byte: usize, flip: u8) -> Span {
        let mut copy = self.sealed(span);
        if let Some(length) = std::num::NonZeroUsize::new(copy.len()) {
            copy[byte % length] ^= flip;
        }
        let copy = self.chunks.append(|chunk| chunk.extend_from_slice(&copy));
        self.damaged.push(copy);
        copy
    }

    /// Whether no byte of a span was changed on its way: then its events have the checksums that they say.
    #[inline]
    pub fn is_as_written(&self, span: Span) -> bool {
        !self.damaged.iter().any(|damaged| damaged.overlaps(span))
    }

    /// A file as it would be on disk, unsynced tail included. Allocates the whole of it.
    pub fn file_bytes(&self, number: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file(number)?;
        self.pieces(number)
            .for_each(|piece| bytes.extend_from_slice(piece));
        let events = bytes.get_mut(FIRST_POSITION as usize..);
        self.seal(events.unwrap_or_default());
        Some(bytes)
    }

    /// A file's bytes in pieces, in order, unsynced tail included, the checksums of most events still to be worked out;
    /// nothing for a file that is not there.
    pub fn pieces(&self, number: u64) -> impl Iterator<Item = &[u8]> {
        let extents = self.file(number).map(LogFile::extents).unwrap_or_default();
        extents.iter().map(|(_, span)| self.bytes(*span))
    }

    /// The groups of a file from position `from` (a group's start, or anything up to the first one) up to,
    /// not including, the first that starts at `to` or behind. A purged file's are read too, as by one who
    /// kept a copy. Nothing for a file that never was.
    pub fn groups(
        &self,
        number: u64,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = Result<Group<'_>, BinlogError>> {
        let checksum = if self.writer.options().checksum {
            Checksum::Crc32
        } else {
            Checksum::None
        };
        let purged = || self.purged_files.iter().find(|f| f.number() == number);
        let file = self.file(number).or_else(purged);
        let extents = file.map(LogFile::extents).unwrap_or_default();
        let from = from.max(FIRST_POSITION);
        extents
            .iter()
            .filter(move |(pos, span)| pos + span.length() as u64 > from && *pos < to)
            .flat_map(move |(pos, span)| {
                // A group is appended as one span, so no group spans two extents.
                let skip = from.saturating_sub(*pos);
                let span = span.slice(usize::try_from(skip).unwrap_or(usize::MAX), usize::MAX);
                Groups::trusted(self.bytes(span), pos + skip, checksum)
            })
            .take_while(move |group| group.as_ref().map_or(true, |g| g.start < to))
    }

    fn close_file(&mut self) {
        if let Some((_, head)) = self.files.last().and_then(|file| file.extents().first()) {
            let skip = FIRST_POSITION as usize;
            set_in_use(self.chunks.get_mut(head.slice(skip, usize::MAX)), false);
        }
    }

    fn open_file(&mut self, number: u64, now_us: u64, created_s: u32) {
        let (writer, logged) = (&self.writer, &self.logged);
        let span = self
            .chunks
            .append(|out| writer.file_head(out, seconds(now_us), created_s, logged));
        let mut file = LogFile::new(number, now_us, logged.clone());
        file.extend(span, now_us);
        self.files.push(file);
        self.sync();
        self.publish();
    }
}

fn seconds(us: u64) -> u32 {
    u32::try_from(us / 1_000_000).unwrap_or(u32::MAX)
}
