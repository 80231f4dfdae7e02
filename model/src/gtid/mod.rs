//! Global transaction identifiers: who committed a transaction first, and as which number.
//!
//! MySQL manual, "GTID Format and Storage": `UUID:GNO`, and since 8.3 `UUID:TAG:GNO`. A tag is 1 to 32 of
//! `[a-z_][a-z0-9_]*`, kept in lower case; a UUID is printed in lower case. Numbers run from 1 to 2⁶³−2
//! and are counted per (UUID, tag).

mod set;
mod text;
mod wire;

use std::fmt;
use std::num::NonZeroU8;

pub use set::{GtidRun, GtidSet, Interval};
pub use text::GtidParseError;
pub use wire::GtidSetDecodeError;

/// The largest number that a GTID may carry (`GNO_END - 1` in the server).
pub const GNO_MAX: u64 = i64::MAX as u64 - 1;

/// A server's identity, as `@@server_uuid` prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 36];
        let places = (0..36).filter(|at| !matches!(at, 8 | 13 | 18 | 23));
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        text.fill(b'-');
        for (at, digit) in places.zip(digits) {
            text[at] = b"0123456789abcdef"[usize::from(digit)];
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

/// The tag of a GTID (MySQL 8.3 and later).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    length: NonZeroU8,
    bytes: [u8; Tag::MAX_LENGTH],
}

impl Tag {
    /// The most characters that a tag has.
    pub const MAX_LENGTH: usize = 32;

    /// A tag from its text; upper case is folded. `None` when it is no tag.
    pub fn new(text: &str) -> Option<Tag> {
        Tag::from_bytes(text.as_bytes())
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Option<Tag> {
        let length = NonZeroU8::new(u8::try_from(text.len()).ok()?)?;
        let mut bytes = [0; Tag::MAX_LENGTH];
        let room = bytes.get_mut(..text.len())?;
        for (i, (to, from)) in room.iter_mut().zip(text).enumerate() {
            let lower = from.to_ascii_lowercase();
            let fits =
                lower.is_ascii_lowercase() || lower == b'_' || (i > 0 && lower.is_ascii_digit());
            if !fits {
                return None;
            }
            *to = lower;
        }
        Some(Tag { length, bytes })
    }

    /// The tag's text.
    pub fn as_str(&self) -> &str {
        let text = self
            .bytes
            .get(..usize::from(self.length.get()))
            .unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl PartialOrd for Tag {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Tag {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Unused bytes are zero, below every character of a tag: this is the order of the texts.
        self.bytes.cmp(&other.bytes)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

/// One transaction's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtid {
    /// The server that committed it first.
    pub uuid: Uuid,
    /// The tag, where there is one.
    pub tag: Option<Tag>,
    /// Its number, 1..=[`GNO_MAX`].
    pub gno: u64,
}

impl Gtid {
    /// An identifier without a tag.
    pub fn new(uuid: Uuid, gno: u64) -> Gtid {
        Gtid {
            uuid,
            tag: None,
            gno,
        }
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag {
            Some(tag) => write!(f, "{}:{}:{}", self.uuid, tag, self.gno),
            None => write!(f, "{}:{}", self.uuid, self.gno),
        }
    }
}
