//! The body of PREVIOUS_GTIDS, which COM_BINLOG_DUMP_GTID carries too.
//!
//! `Gtid_set::encode`: a count, then per (UUID, tag) the UUID, the number of intervals and each interval as
//! start and end (exclusive), all 8 bytes little-endian. Since 8.3 the top byte of the count is the format:
//! with 1 (a tag is in the set) the count sits in bits 8..56, the low byte repeats the format, and each UUID
//! is followed by its tag, length first in the server's variable-length form.

use super::{GNO_MAX, GtidSet, Tag, Uuid};

/// Why bytes are no encoded set of GTIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GtidSetDecodeError {
    /// It ends before everything that it announced.
    #[error("the GTID set ends inside {0}")]
    Truncated(&'static str),
    /// A format later than those of 8.3.
    #[error("unknown format {0} of an encoded GTID set")]
    Format(u8),
    /// A tag that is none.
    #[error("the GTID set has a malformed tag")]
    Tag,
    /// An interval that is empty, or out of range, or not behind the one before it.
    #[error("the GTID set has a bad interval ({first} up to, not including, {end})")]
    Interval {
        /// As encoded.
        first: u64,
        /// As encoded, exclusive.
        end: u64,
    },
    /// Bytes behind the end.
    #[error("{0} bytes follow the GTID set")]
    Trailing(usize),
}

use GtidSetDecodeError as E;

impl GtidSet {
    /// Appends the encoded set.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let count = self.sources().count() as u64;
        let tagged = self.sources().any(|((_, tag), _)| tag.is_some());
        let head = if tagged {
            1 << 56 | count << 8 | 1
        } else {
            count
        };
        out.extend_from_slice(&head.to_le_bytes());
        for ((uuid, tag), intervals) in self.sources() {
            out.extend_from_slice(&uuid.0);
            if tagged {
                let text = tag.as_ref().map(Tag::as_str).unwrap_or_default();
                // At most 32 characters: the variable-length integer is one byte, its value shifted by one.
                out.push((text.len() as u8) << 1);
                out.extend_from_slice(text.as_bytes());
            }
            out.extend_from_slice(&(intervals.len() as u64).to_le_bytes());
            for interval in intervals {
                out.extend_from_slice(&interval.first.to_le_bytes());
                out.extend_from_slice(&(interval.last + 1).to_le_bytes());
            }
        }
    }

    /// Reads an encoded set that fills `bytes`.
    ///
    /// Allocates in proportion to the bytes at hand, whatever they announce.
    pub fn decode(bytes: &[u8]) -> Result<GtidSet, GtidSetDecodeError> {
        let mut rest = bytes;
        let head = number(&mut rest, "its head")?;
        let (tagged, count) = match (head >> 56) as u8 {
            0 => (false, head),
            1 => (true, head >> 8 & 0xffff_ffff_ffff),
            other => return Err(E::Format(other)),
        };
        let mut set = GtidSet::new();
        for _ in 0..count {
            let (uuid, after) = rest
                .split_first_chunk::<16>()
                .ok_or(E::Truncated("a UUID"))?;
            rest = after;
            let tag = if tagged { tag(&mut rest)? } else { None };
            let intervals = number(&mut rest, "a number of intervals")?;
            let mut before = 0;
            for _ in 0..intervals {
                let first = number(&mut rest, "an interval")?;
                let end = number(&mut rest, "an interval")?;
                if first <= before || end <= first || end > GNO_MAX + 1 {
                    return Err(E::Interval { first, end });
                }
                set.add_range(Uuid(*uuid), tag, first, end - 1);
                before = end;
            }
        }
        if rest.is_empty() {
            Ok(set)
        } else {
            Err(E::Trailing(rest.len()))
        }
    }
}

fn number(rest: &mut &[u8], what: &'static str) -> Result<u64, E> {
    let (bytes, after) = rest.split_first_chunk::<8>().ok_or(E::Truncated(what))?;
    *rest = after;
    Ok(u64::from_le_bytes(*bytes))
}

fn tag(rest: &mut &[u8]) -> Result<Option<Tag>, E> {
    let (length, after) = rest.split_first().ok_or(E::Truncated("a tag"))?;
    if length & 1 == 1 {
        return Err(E::Tag);
    }
    let (text, after) = after
        .split_at_checked(usize::from(length >> 1))
        .ok_or(E::Truncated("a tag"))?;
    *rest = after;
    if text.is_empty() {
        Ok(None)
    } else {
        Tag::from_bytes(text).map(Some).ok_or(E::Tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_count_that_promises_the_moon_costs_nothing() {
        let mut bytes = 0x00ff_ffff_ffff_ffffu64.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[1; 16]);
        bytes.extend_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(GtidSet::decode(&bytes), Err(E::Truncated("an interval")));
    }

    #[test]
    fn intervals_out_of_order_are_refused() {
        let mut bytes = 1u64.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[1; 16]);
        for n in [2u64, 5, 7, 6, 9] {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        assert_eq!(
            GtidSet::decode(&bytes),
            Err(E::Interval { first: 6, end: 9 })
        );
    }

    proptest! {
        #![proptest_config(crate::cases::config(256))]

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(set) = GtidSet::decode(&bytes) {
                let mut again = Vec::new();
                set.encode(&mut again);
                prop_assert_eq!(GtidSet::decode(&again), Ok(set));
            }
        }
    }
}
