//! A place in a server's history, as an argument says it: `FILE:POS` or a GTID set.

use cutover::model::gtid::GtidSet;
use std::{fmt, str::FromStr};

/// Where to start or to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind the event that ends at this position, which is where the next one starts.
    Position {
        /// The file's name, without folders.
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
        let pos = pos.parse().map_err(|_| NoPlace)?;
        if file.is_empty() {
            return Err(NoPlace);
        }
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
            "a:99999999999999999999",
        ] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
        }
    }
}
