//! Cutting bytes into events: bounds and checksums, and nothing else.
//!
//! The one place where bytes from anywhere are first looked at. A frame that comes out lies within the
//! input, is as long as it says, and has the checksum that it says; what came before an error is good.
//! MySQL source: `Binlog_read_error`, `event_checksum_test` (FORMAT_DESCRIPTION is always checksummed
//! since 5.6.1, with IN_USE taken as clear).

use super::cursor::DecodeError;
use super::decode::FormatDescription;
use super::event::{
    CHECKSUM_LENGTH, Checksum, EventType, FIRST_POSITION, HEADER_LENGTH, Header, MAGIC, crc32, flag,
};

/// An event in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where it starts in its file. For events inside a TRANSACTION_PAYLOAD: where that one starts.
    pub pos: u64,
    /// Its header.
    pub header: Header,
    /// What is between header and checksum.
    pub body: &'a [u8],
    /// All of it.
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// The position behind the event.
    pub fn end(&self) -> u64 {
        self.pos + self.bytes.len() as u64
    }
}

/// Where and why bytes stop being a binlog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at position {pos}: {kind}")]
pub struct BinlogError {
    /// Position of the event (or of the file's start) that cannot be used. What lies before it is good.
    pub pos: u64,
    /// Why.
    pub kind: ErrorKind,
}

/// Why bytes are not a binlog, or not one that can be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The file starts with something else.
    #[error("this is not a binlog file: it starts with {found:02x?} instead of fe 62 69 6e{hint}")]
    NotABinlog {
        /// The first bytes, at most four.
        found: Vec<u8>,
        /// What the file probably is, as the end of a sentence.
        hint: &'static str,
    },
    /// The input ends inside an event.
    #[error("the file ends inside an event: {needed} bytes are needed, {available} are there")]
    Truncated {
        /// Bytes of the event, or of its header.
        needed: u64,
        /// Bytes that there are.
        available: u64,
    },
    /// The bytes of an event are not those that were written.
    #[error("{event_type} fails its checksum: stored {stored:08x}, computed {computed:08x}")]
    Checksum {
        /// Type, as the damaged header has it.
        event_type: EventType,
        /// As stored behind the event.
        stored: u32,
        /// Of the bytes at hand.
        computed: u32,
    },
    /// The length in an event's header cannot be.
    #[error("{event_type} says that it is {length} bytes long, which it cannot be")]
    BadLength {
        /// Type, as the damaged header has it.
        event_type: EventType,
        /// As the header has it.
        length: u32,
    },
    /// Not binlog version 4 (MySQL 5.0 and later).
    #[error("binlog version {0} is not supported (MySQL 5.0 and later write version 4)")]
    UnsupportedVersion(u16),
    /// FORMAT_DESCRIPTION is missing or cannot be believed.
    #[error("the file does not start with a usable FORMAT_DESCRIPTION event: {0}")]
    BadFormatDescription(&'static str),
    /// An event's body is not what its type says.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// An event of MariaDB, whose GTIDs and groups are its own.
    #[error("{0}: files of MariaDB are not supported, only those of MySQL")]
    MariaDb(EventType),
    /// An event where none of its type may stand.
    #[error("{event_type} may not stand here: {why}")]
    Unexpected {
        /// Type.
        event_type: EventType,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file ends, or goes on with something else, before a transaction's end.
    #[error(
        "the transaction that starts here has no end (the server stopped while it wrote it, or the file is cut)"
    )]
    UnfinishedGroup,
    /// A TRANSACTION_PAYLOAD that cannot be opened.
    #[error("TRANSACTION_PAYLOAD: {0}")]
    Payload(#[from] super::decode::PayloadError),
}

/// The frames of a byte slice; ends after the first error.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
    pos: u64,
    checksum: Checksum,
    verify: bool,
    failed: bool,
}

impl<'a> Frames<'a> {
    /// Frames of `bytes`, which start at position `pos` of their file, with the checksums that its
    /// FORMAT_DESCRIPTION announced. Each FORMAT_DESCRIPTION on the way sets them anew.
    pub fn new(bytes: &'a [u8], pos: u64, checksum: Checksum) -> Frames<'a> {
        Frames {
            rest: bytes,
            pos,
            checksum,
            verify: true,
            failed: false,
        }
    }

    /// Frames of a whole file, its FORMAT_DESCRIPTION being the first of them.
    pub fn of_file(file: &'a [u8]) -> Result<Frames<'a>, BinlogError> {
        let Some(events) = file.strip_prefix(&MAGIC) else {
            return Err(BinlogError {
                pos: 0,
                kind: not_a_binlog(file),
            });
        };
        if let Some(event_type) = events
            .get(4)
            .filter(|t| **t != EventType::FORMAT_DESCRIPTION.0)
        {
            let kind = match EventType(*event_type) {
                EventType::START_V3 => ErrorKind::UnsupportedVersion(3),
                _ => ErrorKind::BadFormatDescription("another event comes first"),
            };
            return Err(BinlogError {
                pos: FIRST_POSITION,
                kind,
            });
        }
        Ok(Frames::new(events, FIRST_POSITION, Checksum::None))
    }

    /// The same without computing checksums, for bytes that have been through here before.
    pub(crate) fn trusted(bytes: &'a [u8], pos: u64, checksum: Checksum) -> Frames<'a> {
        Frames::new(bytes, pos, checksum).trust()
    }

    /// Computes no checksums from here on.
    pub(crate) fn trust(self) -> Frames<'a> {
        Frames {
            verify: false,
            ..self
        }
    }

    /// Steps over so many bytes, which end where a frame does; false when there are not so many.
    pub(super) fn step_over(&mut self, length: u64) -> bool {
        let rest = usize::try_from(length)
            .ok()
            .and_then(|n| self.rest.get(n..));
        if let Some(rest) = rest {
            self.rest = rest;
            self.pos += length;
        }
        rest.is_some()
    }

    /// The bytes of the frames that are to come.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the next frame starts; after an error, where the bad one does.
    pub fn pos(&self) -> u64 {
        self.pos
    }

    /// The checksums that the next frame has.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// The next frame, where nothing is wrong or unusual; [`Frames::read`] does the rest, and says what is wrong.
    #[inline(always)]
    fn good(&self) -> Option<Frame<'a>> {
        let header = Header::decode(self.rest)?;
        let length = header.length as usize;
        let bytes = self.rest.get(..length)?;
        let tail = self.checksum.length();
        let body = bytes.get(HEADER_LENGTH..length.checked_sub(tail)?)?;
        let plain = header.event_type != EventType::FORMAT_DESCRIPTION;
        let checked = self.verify && self.checksum == Checksum::Crc32;
        let sound = plain && (!checked || is_sound(bytes));
        sound.then_some(Frame {
            pos: self.pos,
            header,
            body,
            bytes,
        })
    }

    /// The next frame, where nothing is wrong or unusual, and without what is wrapped around it otherwise: the applier
    /// reads every event of a run. After `None`, [`Frames::next`] says what there is.
    #[inline(always)]
    pub(super) fn next_good(&mut self) -> Option<Frame<'a>> {
        let frame = self.peek()?;
        self.rest = &self.rest[frame.bytes.len()..];
        self.pos = frame.end();
        Some(frame)
    }

    /// As [`Frames::next_good`], and the frame is still to come.
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<Frame<'a>> {
        self.good().filter(|_| !self.failed)
    }

    fn read(&mut self) -> Result<Frame<'a>, ErrorKind> {
        let available = self.rest.len() as u64;
        let truncated = |needed: usize| ErrorKind::Truncated {
            needed: needed as u64,
            available,
        };
        let header = Header::decode(self.rest).ok_or_else(|| truncated(HEADER_LENGTH))?;
        let length = header.length as usize;
        let bad_length = ErrorKind::BadLength {
            event_type: header.event_type,
            length: header.length,
        };
        if length < HEADER_LENGTH + self.checksum.length() {
            return Err(bad_length);
        }
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| truncated(length))?;
        if header.event_type == EventType::FORMAT_DESCRIPTION {
            self.checksum = self.announced(bytes)?;
        } else if self.verify && self.checksum == Checksum::Crc32 {
            check(bytes, header.event_type)?;
        }
        // FORMAT_DESCRIPTION has a checksum even where the other events have none.
        let tail = match header.event_type {
            EventType::FORMAT_DESCRIPTION if FormatDescription::has_checksum(bytes) => {
                CHECKSUM_LENGTH
            }
            EventType::FORMAT_DESCRIPTION => 0,
            _ => self.checksum.length(),
        };
        let body = bytes
            .get(HEADER_LENGTH..length.saturating_sub(tail))
            .ok_or(bad_length)?;
        let frame = Frame {
            pos: self.pos,
            header,
            body,
            bytes,
        };
        self.rest = rest;
        self.pos += length as u64;
        Ok(frame)
    }

    /// What a FORMAT_DESCRIPTION announces for the events behind it.
    fn announced(&self, bytes: &[u8]) -> Result<Checksum, ErrorKind> {
        let body = bytes.get(HEADER_LENGTH..).unwrap_or_default();
        if let Some((version, _)) = body.split_first_chunk::<2>() {
            let version = u16::from_le_bytes(*version);
            if version != 4 {
                return Err(ErrorKind::UnsupportedVersion(version));
            }
        }
        // Cut before its version it would look like one of a server without checksums.
        if body.len() < FormatDescription::FIXED_LENGTH {
            return Err(ErrorKind::BadFormatDescription(
                "it is shorter than its fixed part",
            ));
        }
        if !FormatDescription::has_checksum(bytes) {
            return Ok(Checksum::None);
        }
        if self.verify {
            let mut in_place = [0; HEADER_LENGTH];
            let (head, tail) = bytes.split_at(HEADER_LENGTH);
            in_place.copy_from_slice(head);
            in_place[17] &= !(flag::IN_USE as u8);
            let (tail, stored) = tail.split_last_chunk::<CHECKSUM_LENGTH>().ok_or(
                ErrorKind::BadFormatDescription("it is too short for its checksum"),
            )?;
            let mut crc = crc32fast::Hasher::new();
            crc.update(&in_place);
            crc.update(tail);
            compare(
                EventType::FORMAT_DESCRIPTION,
                u32::from_le_bytes(*stored),
                crc.finalize(),
            )?;
        }
        match body
            .len()
            .checked_sub(CHECKSUM_LENGTH + 1)
            .and_then(|at| body.get(at))
        {
            Some(0) => Ok(Checksum::None),
            Some(1) => Ok(Checksum::Crc32),
            _ => Err(ErrorKind::BadFormatDescription(
                "its checksum algorithm is unknown",
            )),
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, BinlogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        if let Some(frame) = self.next_good() {
            return Some(Ok(frame));
        }
        let frame = self.read().map_err(|kind| BinlogError {
            pos: self.pos,
            kind,
        });
        self.failed = frame.is_err();
        Some(frame)
    }
}

/// Whether an event has the checksum that is stored behind it.
fn is_sound(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<CHECKSUM_LENGTH>()
        .is_some_and(|(covered, stored)| crc32(covered) == u32::from_le_bytes(*stored))
}

fn check(bytes: &[u8], event_type: EventType) -> Result<(), ErrorKind> {
    match bytes.split_last_chunk::<CHECKSUM_LENGTH>() {
        Some((covered, stored)) => compare(event_type, u32::from_le_bytes(*stored), crc32(covered)),
        None => Err(ErrorKind::BadLength {
            event_type,
            length: bytes.len() as u32,
        }),
    }
}

fn compare(event_type: EventType, stored: u32, computed: u32) -> Result<(), ErrorKind> {
    if stored == computed {
        Ok(())
    } else {
        Err(ErrorKind::Checksum {
            event_type,
            stored,
            computed,
        })
    }
}

fn not_a_binlog(file: &[u8]) -> ErrorKind {
    let hint = match file {
        [] => " (it is empty)",
        [0xfd, 0x62, 0x69, 0x6e, ..] => {
            " (it is an encrypted binlog: read it with `mysqlbinlog --read-from-remote-server --raw`)"
        }
        [0x1f, 0x8b, ..] => " (it is compressed with gzip: unpack it first)",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => " (it is compressed with zstd: unpack it first)",
        [b'P', b'K', 3, 4] | [b'P', b'K', 3, 4, ..] => " (it is a zip archive: unpack it first)",
        [0xfd, b'7', b'z', b'X', ..] => " (it is compressed with xz: unpack it first)",
        _ if MAGIC.starts_with(file) => " (it ends within its first four bytes)",
        _ if file
            .first()
            .is_some_and(|b| b.is_ascii_graphic() || *b == b'\n') =>
        {
            " (it is text, perhaps the output of mysqlbinlog or a binlog index: the binary file is needed)"
        }
        _ => "",
    };
    ErrorKind::NotABinlog {
        found: file.iter().take(4).copied().collect(),
        hint,
    }
}
