//! GTIDs and sets of them as text.
//!
//! Read as `Gtid_set::add_gtid_text` does: blanks and line breaks anywhere between tokens, UUIDs in either
//! case with or without dashes or braces, empty members (`,,`) and empty ranges (`5-3`) allowed, several ranges and
//! several tags behind one UUID. Written as `@@gtid_executed` prints it; `{}` puts a comma between UUIDs,
//! `{:#}` a comma and a line break as the server does.

use super::{GNO_MAX, Gtid, GtidSet, Tag, Uuid};
use std::fmt;
use std::str::FromStr;

/// Why a text is no GTID, UUID or set of GTIDs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GtidParseError {
    /// Not 32 hexadecimal digits, with or without dashes.
    #[error("`{0}` is not a UUID (expected 8-4-4-4-12 hexadecimal digits)")]
    Uuid(String),
    /// Neither a number nor a tag.
    #[error("`{0}` is neither a transaction number (1 to {GNO_MAX}), a range `a-b` nor a tag")]
    Part(String),
    /// A UUID, or a tag, with no number behind it.
    #[error("`{0}` has no transaction number")]
    NoNumber(String),
}

impl FromStr for Uuid {
    type Err = GtidParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || GtidParseError::Uuid(text.to_owned());
        let text = text.trim();
        let bare = text
            .strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'))
            .unwrap_or(text);
        let digits: Vec<u8> = match bare.len() {
            32 => bare.bytes().collect(),
            36 => {
                let dashes = bare
                    .bytes()
                    .enumerate()
                    .all(|(i, b)| (b == b'-') == matches!(i, 8 | 13 | 18 | 23));
                if !dashes {
                    return Err(bad());
                }
                bare.bytes().filter(|b| *b != b'-').collect()
            }
            _ => return Err(bad()),
        };
        let mut uuid = Uuid::default();
        for (byte, pair) in uuid.0.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit)
                    .to_digit(16)
                    .and_then(|d| u8::try_from(d).ok())
                    .ok_or_else(bad)?;
                *byte = *byte << 4 | value;
            }
        }
        Ok(uuid)
    }
}

impl FromStr for Gtid {
    type Err = GtidParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':').map(str::trim);
        let uuid = parts.next().unwrap_or_default().parse()?;
        let none = || GtidParseError::NoNumber(text.to_owned());
        let mut part = parts.next().ok_or_else(none)?;
        let tag = Tag::new(part);
        if tag.is_some() {
            part = parts.next().ok_or_else(none)?;
        }
        match parts.next() {
            Some(more) => Err(GtidParseError::Part(more.to_owned())),
            None => Ok(Gtid {
                uuid,
                tag,
                gno: number(part)?,
            }),
        }
    }
}

impl FromStr for GtidSet {
    type Err = GtidParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut set = GtidSet::new();
        for member in text.split(',').map(str::trim).filter(|m| !m.is_empty()) {
            let mut parts = member.split(':').map(str::trim);
            let uuid = parts.next().unwrap_or_default().parse()?;
            let mut tag = None;
            let mut numbered = false;
            for part in parts {
                if let Some(next) = Tag::new(part) {
                    if tag.is_some() && !numbered {
                        return Err(GtidParseError::NoNumber(member.to_owned()));
                    }
                    (tag, numbered) = (Some(next), false);
                    continue;
                }
                let (first, last) = match part.split_once('-') {
                    Some((first, last)) => (number(first.trim())?, last.trim()),
                    None => (number(part)?, part),
                };
                // 5-0 is an empty range to the server, so the end may be 0 where the start may not.
                let last = if last == "0" { 0 } else { number(last)? };
                set.add_range(uuid, tag, first, last);
                numbered = true;
            }
            if !numbered {
                return Err(GtidParseError::NoNumber(member.to_owned()));
            }
        }
        Ok(set)
    }
}

fn number(text: &str) -> Result<u64, GtidParseError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let value = text
        .parse()
        .ok()
        .filter(|n| digits && (1..=GNO_MAX).contains(n));
    value.ok_or_else(|| GtidParseError::Part(text.to_owned()))
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut current = None;
        for ((uuid, tag), intervals) in self.sources() {
            if current != Some(*uuid) {
                if current.is_some() {
                    f.write_str(if f.alternate() { ",\n" } else { "," })?;
                }
                write!(f, "{uuid}")?;
                current = Some(*uuid);
            }
            if let Some(tag) = tag {
                write!(f, ":{tag}")?;
            }
            for interval in intervals {
                write!(f, ":{}", interval.first)?;
                if interval.last > interval.first {
                    write!(f, "-{}", interval.last)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "cbb7df2a-e650-11f1-b43f-02fc00000001";

    #[test]
    fn what_servers_print_and_people_type_is_read() {
        let set: GtidSet = format!(
            "{A}:1-3:7,\n {}: 5 :9-9:tag_1:2-4:3 , ,",
            A.to_uppercase().replace('-', "")
        )
        .parse()
        .expect("a set");
        assert_eq!(set.to_string(), format!("{A}:1-3:5:7:9:tag_1:2-4"));
        assert_eq!("".parse(), Ok(GtidSet::new()));
        assert_eq!(format!("{A}:5-3").parse(), Ok(GtidSet::new()));
        assert_eq!(
            format!("{{{A}}}:Red:4")
                .parse::<Gtid>()
                .map(|g| g.to_string()),
            Ok(format!("{A}:red:4"))
        );
    }

    #[test]
    fn what_is_no_set_is_refused_with_the_part_that_is_wrong() {
        let error = |text: String| text.parse::<GtidSet>().expect_err("refused");
        assert_eq!(error(A.into()), GtidParseError::NoNumber(A.into()));
        assert_eq!(error(format!("{A}:0")), GtidParseError::Part("0".into()));
        assert_eq!(error(format!("{A}:1-x")), GtidParseError::Part("x".into()));
        assert_eq!(error(format!("{A}:+1")), GtidParseError::Part("+1".into()));
        assert_eq!(
            error(format!("{A}:9223372036854775807")),
            GtidParseError::Part("9223372036854775807".into())
        );
        assert_eq!(
            error("nobody:1".into()),
            GtidParseError::Uuid("nobody".into())
        );
        assert!(matches!(
            error(format!("{A}:a:b:1")),
            GtidParseError::NoNumber(_)
        ));
        assert!(matches!(
            "ü".repeat(16).parse::<Uuid>(),
            Err(GtidParseError::Uuid(_))
        ));
    }
}
