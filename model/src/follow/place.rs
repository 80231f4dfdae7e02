//! A place in a server's history, as people write it: `FILE:POS` or a GTID set.

use crate::{
    binlog::{
        event::FIRST_POSITION,
        frame::{BinlogError, Frames},
        group::Groups,
        history::{History, file_name},
    },
    gtid::GtidSet,
};
use std::{fmt, str::FromStr};

/// Where to start or to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind the event that ends at this position, which is where the next one starts.
    Position {
        /// The file's name; folders do not matter.
        file: String,
        /// Bytes from its beginning.
        pos: u64,
    },
    /// At the start: what is there already. At the stop: what shall be there.
    Gtids(GtidSet),
}

/// Neither the one nor the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write FILE:POS (mysql-bin.000003:4711) or a GTID set (3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77)"
)]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        // First as GTIDs: `UUID:5` would pass for a file of that name.
        if let Ok(gtids) = text.parse() {
            return Ok(Self::Gtids(gtids));
        }
        let (file, pos) = text.rsplit_once(':').ok_or(NoPlace)?;
        // A colon in a file's name would make a position of a GTID set that is mistyped.
        if file.is_empty() || file_name(file).contains(':') {
            return Err(NoPlace);
        }
        // Digits alone: `parse` would take `+4` too.
        let digits = pos.bytes().all(|b| b.is_ascii_digit());
        let pos = pos.parse().ok().filter(|_| digits).ok_or(NoPlace)?;
        Ok(Self::Position {
            file: file.into(),
            pos,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position { file, pos } => write!(f, "{file}:{pos}"),
            Self::Gtids(gtids) => write!(f, "{gtids}"),
        }
    }
}

/// Why a position cannot be started or stopped at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlace {
    /// No such file.
    #[error("{place}: there is no such file among those given ({given})")]
    NoSuchFile {
        /// As written.
        place: String,
        /// The files that there are.
        given: String,
    },
    /// Behind the end.
    #[error("{place}: the file has {length} bytes only")]
    PastEnd {
        /// As written.
        place: String,
        /// Bytes of the file.
        length: u64,
    },
    /// Between the events of a transaction.
    #[error("{place} is inside a transaction: it goes from {start} to {end}; take one of these")]
    InsideTransaction {
        /// As written.
        place: String,
        /// Where the transaction starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// Inside an event.
    #[error("{place} is inside an event: it goes from {start} to {end}; take one of these")]
    InsideEvent {
        /// As written.
        place: String,
        /// Where the event starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// The file is damaged before it.
    #[error("{place} is not to be found: the file is damaged before it, {error}")]
    Damaged {
        /// As written.
        place: String,
        /// Where and how.
        error: BinlogError,
    },
    /// Transactions without GTIDs among those that a GTID set is to choose from.
    #[error(
        "{file}:{pos}: this transaction has no GTID, so no GTID set says whether it is there: give FILE:POS instead"
    )]
    Anonymous {
        /// The file.
        file: String,
        /// The transaction's start.
        pos: u64,
    },
    /// Transactions that are neither in the start set nor in the files.
    #[error(
        "the files start behind {missing}, which the start ({start}) does not have: give the earlier files as well, or a \
         later start"
    )]
    Gap {
        /// What is missing.
        missing: GtidSet,
        /// The start.
        start: GtidSet,
    },
    /// The stop comes before the start.
    #[error("the stop ({stop}) comes before the start ({start})")]
    Backwards {
        /// As written.
        start: String,
        /// As written.
        stop: String,
    },
}

/// A position found: index of the file, and position.
pub(super) type Found = (usize, u64);

/// Finds a position, which must be between two transactions.
pub(super) fn find(history: &History<'_>, file: &str, pos: u64) -> Result<Found, BadPlace> {
    let place = format!("{file}:{pos}");
    let Some(index) = history.position_of(file) else {
        let names: Vec<_> = history.files.iter().map(|f| file_name(f.name)).collect();
        return Err(BadPlace::NoSuchFile {
            place,
            given: names.join(", "),
        });
    };
    let bytes = history.files[index].bytes;
    let length = bytes.len() as u64;
    if pos <= FIRST_POSITION {
        return Ok((index, FIRST_POSITION));
    }
    if pos > length {
        return Err(BadPlace::PastEnd { place, length });
    }
    let damaged = |error| BadPlace::Damaged {
        place: place.clone(),
        error,
    };
    for group in Groups::of_file(bytes).map_err(damaged)? {
        let group = match group {
            Ok(group) => group,
            Err(error) if error.pos >= pos => break,
            Err(error) => return Err(damaged(error)),
        };
        if group.start < pos && pos < group.end {
            let (start, end) = (group.start, group.end);
            return Err(BadPlace::InsideTransaction { place, start, end });
        }
        if group.end >= pos {
            break;
        }
    }
    for frame in Frames::of_file(bytes).map_err(damaged)? {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if error.pos >= pos => break,
            Err(error) => return Err(damaged(error)),
        };
        if frame.pos < pos && pos < frame.end() {
            let (start, end) = (frame.pos, frame.end());
            return Err(BadPlace::InsideEvent { place, start, end });
        }
        if frame.end() >= pos {
            break;
        }
    }
    Ok((index, pos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_gtid_is_no_file_name() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        for text in [format!("{uuid}:5"), format!("{uuid}:1-77:80")] {
            let place: Place = text.parse().unwrap();
            assert!(matches!(place, Place::Gtids(_)), "{text}");
            assert_eq!(place.to_string(), text);
        }
    }

    #[test]
    fn a_position_is_a_file_and_a_number() {
        let place = Place::Position {
            file: "mysql-bin.000003".into(),
            pos: 4711,
        };
        assert_eq!("mysql-bin.000003:4711".parse(), Ok(place));
        for text in [
            "mysql-bin.000003",
            ":4",
            "a:b",
            "a:-1",
            "a:+1",
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:+1",
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:1:9223372036854775807",
            "a:99999999999999999999",
        ] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
        }
    }
}
