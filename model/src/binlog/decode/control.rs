//! Events about the file itself and the ends of transactions.

use crate::binlog::cursor::{Cursor, DecodeError};
use crate::binlog::event::{Checksum, EventType, HEADER_LENGTH};
use crate::binlog::frame::ErrorKind;
use crate::gtid::GtidSet;

/// The first event of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatDescription<'a> {
    /// Always 4.
    pub binlog_version: u16,
    /// `8.0.41`, `5.6.24-log`, …
    pub server_version: &'a str,
    /// When the server started, in seconds since 1970; 0 where the file came about by rotation.
    pub created_s: u32,
    /// Bytes of every header: 19.
    pub header_length: u8,
    /// Bytes of the fixed part of each event's body, by type code − 1.
    pub post_header_lengths: &'a [u8],
    /// What follows each event of the file.
    pub checksum: Checksum,
}

impl<'a> FormatDescription<'a> {
    const VERSION_LENGTH: usize = 50;
    /// Bytes of the body that every version has: binlog version, server version, time, header length.
    pub(crate) const FIXED_LENGTH: usize = 2 + Self::VERSION_LENGTH + 4 + 1;
    /// Types of events that a server without checksums knew (5.0 to 5.5): none writes a longer list.
    const TYPES_BEFORE_CHECKSUMS: usize = 27;

    /// Reads the body (as a frame has it, without checksum).
    pub fn decode(body: &'a [u8]) -> Result<FormatDescription<'a>, DecodeError> {
        let mut c = Cursor::new("FORMAT_DESCRIPTION", body);
        let binlog_version = c.u16("binlog version")?;
        let version = c.take(Self::VERSION_LENGTH, "server version")?;
        let created_s = c.u32("creation time")?;
        let header_length = c.u8("header length")?;
        let server_version = version_text(version).ok_or_else(|| c.malformed("server version"))?;
        let (post_header_lengths, checksum) = match c.rest().split_last() {
            Some((algorithm, lengths)) if announces_checksum(c.rest().len(), version) => {
                match algorithm {
                    0 => (lengths, Checksum::None),
                    1 => (lengths, Checksum::Crc32),
                    _ => return Err(c.malformed("checksum algorithm")),
                }
            }
            _ => (c.rest(), Checksum::None),
        };
        if usize::from(header_length) != HEADER_LENGTH {
            return Err(c.malformed("header length"));
        }
        Ok(FormatDescription {
            binlog_version,
            server_version,
            created_s,
            header_length,
            post_header_lengths,
            checksum,
        })
    }

    /// Whether the whole event, given here, ends in a checksum: those of 5.6.1 and later do.
    ///
    /// Decided by version *and* length, so that one damaged byte does not make a file look older.
    pub(crate) fn has_checksum(event: &[u8]) -> bool {
        let version = event.get(HEADER_LENGTH + 2..HEADER_LENGTH + 2 + Self::VERSION_LENGTH);
        announces_checksum(
            event
                .len()
                .saturating_sub(HEADER_LENGTH + Self::FIXED_LENGTH),
            version.unwrap_or_default(),
        )
    }

    /// Whether MariaDB wrote the file.
    pub fn is_mariadb(&self) -> bool {
        self.server_version.to_ascii_lowercase().contains("mariadb")
    }

    /// The server's version as `80041` for 8.0.41; 0 when the text has none.
    pub fn version_number(&self) -> u32 {
        version_number(self.server_version.as_bytes())
    }
}

/// `8.0.41-log` as 80041.
pub(crate) fn version_number(text: &[u8]) -> u32 {
    let mut numbers = text.split(|b| *b == b'.').map(|part| {
        let digits = part.iter().take_while(|b| b.is_ascii_digit()).take(3);
        digits.fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))
    });
    let mut next = || numbers.next().unwrap_or(0);
    next() * 10_000 + next() * 100 + next()
}

fn version_text(padded: &[u8]) -> Option<&str> {
    let end = padded.iter().position(|b| *b == 0).unwrap_or(padded.len());
    std::str::from_utf8(padded.get(..end)?).ok()
}

/// `lengths` counts what follows the fixed part: header lengths, and perhaps algorithm and checksum.
fn announces_checksum(lengths: usize, version: &[u8]) -> bool {
    lengths > FormatDescription::TYPES_BEFORE_CHECKSUMS || version_number(version) >= 50_601
}

/// Names the next file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotate<'a> {
    /// Where to go on in the next file; 4.
    pub position: u64,
    /// Its name.
    pub file: &'a [u8],
}

impl<'a> Rotate<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<Rotate<'a>, DecodeError> {
        let mut c = Cursor::new("ROTATE", body);
        let position = c.u64("position")?;
        if c.is_empty() {
            Err(c.malformed("file name"))
        } else {
            Ok(Rotate {
                position,
                file: c.rest(),
            })
        }
    }
}

/// The transaction number of an XID event; it ends a transaction.
pub fn xid(body: &[u8]) -> Result<u64, DecodeError> {
    Cursor::new("XID", body).u64("number")
}

/// The text of a ROWS_QUERY event: the statement whose row events follow.
pub fn rows_query(body: &[u8]) -> Result<&[u8], DecodeError> {
    // The length byte in front wraps at 256 and is ignored, as the server does.
    let mut c = Cursor::new("ROWS_QUERY", body);
    c.u8("length")?;
    Ok(c.rest())
}

/// The GTIDs of all earlier files. Allocates in proportion to the body.
pub fn previous_gtids(body: &[u8]) -> Result<GtidSet, ErrorKind> {
    GtidSet::decode(body).map_err(|_| {
        ErrorKind::Malformed(DecodeError::Malformed {
            event: "PREVIOUS_GTIDS",
            field: "GTID set",
        })
    })
}

/// The end of the part of an XA transaction that its PREPARE wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XaPrepare<'a> {
    /// XA COMMIT … ONE PHASE: it is committed.
    pub one_phase: bool,
    /// The format of the identifier.
    pub format_id: u32,
    /// The transaction's global part.
    pub gtrid: &'a [u8],
    /// The branch.
    pub bqual: &'a [u8],
}

impl<'a> XaPrepare<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<XaPrepare<'a>, DecodeError> {
        let mut c = Cursor::new("XA_PREPARE", body);
        let one_phase = c.u8("one-phase flag")? != 0;
        let format_id = c.u32("format id")?;
        let (gtrid, bqual) = (c.u32("gtrid length")?, c.u32("bqual length")?);
        if gtrid > 64 || bqual > 64 {
            return Err(c.malformed("identifier's length"));
        }
        Ok(XaPrepare {
            one_phase,
            format_id,
            gtrid: c.take(gtrid as usize, "gtrid")?,
            bqual: c.take(bqual as usize, "bqual")?,
        })
    }
}

/// Something is missing from the binlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident<'a> {
    /// 1: events were lost.
    pub code: u16,
    /// What happened, for people.
    pub message: &'a [u8],
}

impl<'a> Incident<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<Incident<'a>, DecodeError> {
        let mut c = Cursor::new("INCIDENT", body);
        let code = c.u16("code")?;
        let length = usize::from(c.u8("message's length")?);
        Ok(Incident {
            code,
            message: c.take(length, "message")?,
        })
    }
}

/// Where an idle sender stands. Never in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// The sender's file.
    pub file: &'a [u8],
    /// Its position; `None` in the first version, which has it in the header only.
    pub position: Option<u64>,
}

impl<'a> Heartbeat<'a> {
    /// Reads the body of HEARTBEAT or HEARTBEAT_V2.
    pub fn decode(event_type: EventType, body: &'a [u8]) -> Result<Heartbeat<'a>, DecodeError> {
        if event_type == EventType::HEARTBEAT {
            return Ok(Heartbeat {
                file: body,
                position: None,
            });
        }
        let mut c = Cursor::new("HEARTBEAT_V2", body);
        let mut heartbeat = Heartbeat {
            file: &[],
            position: None,
        };
        while !c.is_empty() {
            let field = c.packed("field's type")?;
            let value = match field {
                0 => break,
                _ => c.packed_bytes("field")?,
            };
            match field {
                1 => heartbeat.file = value,
                2 => {
                    heartbeat.position =
                        Some(Cursor::new("HEARTBEAT_V2", value).packed("position")?)
                }
                _ => {}
            }
        }
        Ok(heartbeat)
    }
}
