//! The events of one file, read one at a time from a file that may still grow.
//!
//! The limits and their order are those of `Binlog_event_data_istream` (sql/binlog_istream.cc). Checksums are
//! verified, as a source with `source_verify_checksum = ON` does.

use cutover_model::{
    binlog::{
        Checksum, EventType, Frames, Header,
        decode::FormatDescription,
        event::{CHECKSUM_LENGTH, FIRST_POSITION, HEADER_LENGTH, MAGIC},
    },
    replica::refusal::Refusal,
};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

/// The largest event that a source sends (`MAX_MAX_ALLOWED_PACKET`).
const LONGEST: u64 = 1 << 30;

/// An open file.
#[derive(Debug)]
pub struct Events {
    file: BufReader<File>,
    pos: u64,
    read: u64,
    about: Description,
}

/// What FORMAT_DESCRIPTION says.
#[derive(Clone, Debug)]
pub struct Description {
    /// `version()` of the server.
    pub server_version: String,
    /// Its `server_id`.
    pub server_id: u32,
    /// What follows each event.
    pub checksum: Checksum,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// An event, in the buffer.
    Event(Header),
    /// Nothing yet: the file ends here, or inside an event that may still become whole.
    End,
    /// Nothing that can be sent.
    Refused(Refusal),
}

impl Events {
    /// Opens a file and reads its FORMAT_DESCRIPTION into `event`.
    ///
    /// # Errors
    /// The file cannot be read; what is no binlog file is [`io::ErrorKind::InvalidData`].
    pub fn open(path: &Path, event: &mut Vec<u8>) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(invalid("it does not start with fe 62 69 6e".into()));
        }
        let mut events = Self {
            file,
            pos: FIRST_POSITION,
            read: FIRST_POSITION,
            about: Description {
                server_version: String::new(),
                server_id: 0,
                checksum: Checksum::None,
            },
        };
        let header = match events.next(false, event)? {
            Next::Event(header) if header.event_type == EventType::FORMAT_DESCRIPTION => header,
            other => return Err(invalid(format!("FORMAT_DESCRIPTION is missing: {other:?}"))),
        };
        let mut frames = Frames::new(event, FIRST_POSITION, Checksum::None);
        let frame = frames
            .next()
            .transpose()
            .map_err(|e| invalid(e.to_string()))?;
        let body = frame.map(|f| f.body).unwrap_or_default();
        let format = FormatDescription::decode(body).map_err(|e| invalid(e.to_string()))?;
        events.about = Description {
            server_version: format.server_version.to_string(),
            server_id: header.server_id,
            checksum: frames.checksum(),
        };
        Ok(events)
    }

    /// What its FORMAT_DESCRIPTION says.
    pub fn about(&self) -> &Description {
        &self.about
    }

    /// Behind the last event that was read.
    pub fn pos(&self) -> u64 {
        self.pos
    }

    /// Behind the last byte that was looked at.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The file's length now.
    ///
    /// # Errors
    /// The system's.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.get_ref().metadata()?.len())
    }

    /// Goes on at a position.
    ///
    /// # Errors
    /// The system's.
    pub fn seek(&mut self, pos: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(pos))?;
        (self.pos, self.read) = (pos, pos);
        Ok(())
    }

    /// Reads the next event into `event`. In a file that `grows`, an event that is not whole may become so.
    ///
    /// # Errors
    /// The system's.
    pub fn next(&mut self, grows: bool, event: &mut Vec<u8>) -> io::Result<Next> {
        event.clear();
        let length = self.length()?;
        let left = length.saturating_sub(self.pos);
        if left == 0 {
            return Ok(Next::End);
        }
        if left < HEADER_LENGTH as u64 {
            self.read = length;
            return Ok(if grows {
                Next::End
            } else {
                Next::Refused(Refusal::Truncated)
            });
        }
        // A buffer that met the end before would not see what has come since.
        self.seek(self.pos)?;
        event.resize(HEADER_LENGTH, 0);
        self.file.read_exact(event)?;
        self.read = self.pos + HEADER_LENGTH as u64;
        let header =
            Header::decode(event).ok_or_else(|| invalid("an event without a header".into()))?;
        let needed = u64::from(header.length);
        if needed < HEADER_LENGTH as u64 {
            return Ok(Next::Refused(Refusal::Bogus));
        }
        if needed > LONGEST {
            return Ok(Next::Refused(Refusal::TooLong));
        }
        if needed > left {
            self.read = length;
            // A start position inside an event would otherwise be waited for without end.
            let is_event = header.end_log_pos == (self.pos + needed) as u32;
            return Ok(if grows && is_event {
                Next::End
            } else {
                Next::Refused(Refusal::Truncated)
            });
        }
        event.resize(needed as usize, 0);
        self.file.read_exact(&mut event[HEADER_LENGTH..])?;
        self.read = self.pos + needed;
        if self.about.checksum == Checksum::Crc32 && !is_sound(event) {
            return Ok(Next::Refused(Refusal::Checksum));
        }
        self.pos = self.read;
        Ok(Next::Event(header))
    }
}

/// Whether an event has the checksum that is stored behind it.
fn is_sound(event: &[u8]) -> bool {
    let Some((covered, stored)) = event.split_last_chunk::<CHECKSUM_LENGTH>() else {
        return false;
    };
    covered.len() >= HEADER_LENGTH && crc32fast::hash(covered) == u32::from_le_bytes(*stored)
}

pub(super) fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
