//! GTID, ANONYMOUS_GTID and GTID_TAGGED: the first event of a transaction.
//!
//! The fixed form grew: 5.6 has flags and identifier; 5.7 adds the logical clock; 8.0.1 commit times and
//! the length; 8.0.14 server versions. GTID_TAGGED (8.3) is a message of the server's serialization
//! library: version, size, then fields with a number in front of each.

use crate::binlog::cursor::{Cursor, DecodeError};
use crate::binlog::event::EventType;
use crate::gtid::{GNO_MAX, Gtid, Tag, Uuid};

/// The first event of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GtidEvent {
    /// `None` for ANONYMOUS_GTID.
    pub gtid: Option<Gtid>,
    /// Bit 0: the transaction may hold statements, not only rows.
    pub flags: u8,
    /// The newest transaction of this file that has to be committed before this one starts; 0 for none.
    pub last_committed: u64,
    /// Counts the transactions of a file from 1; 0 where the server does not count (5.6).
    pub sequence_number: u64,
    /// Commit on the server that wrote the file, in µs since 1970.
    pub immediate_commit_us: Option<u64>,
    /// Commit on the server where the transaction started, in µs since 1970.
    pub original_commit_us: Option<u64>,
    /// Bytes of the whole transaction in the file, this event included.
    pub transaction_length: Option<u64>,
    /// Version of the server that wrote the file, as 80041.
    pub immediate_server_version: Option<u32>,
    /// Version of the server where the transaction started, as 80041.
    pub original_server_version: Option<u32>,
}

impl GtidEvent {
    /// The bit of `flags` for transactions that may hold statements.
    pub const MAY_HAVE_STATEMENTS: u8 = 1;

    /// Reads the body of one of the three types.
    pub fn decode(event_type: EventType, body: &[u8]) -> Result<GtidEvent, DecodeError> {
        if event_type == EventType::GTID_TAGGED {
            return tagged(Cursor::new("GTID_TAGGED", body));
        }
        let anonymous = event_type == EventType::ANONYMOUS_GTID;
        let mut c = Cursor::new(if anonymous { "ANONYMOUS_GTID" } else { "GTID" }, body);
        let mut event = GtidEvent {
            flags: c.u8("flags")?,
            ..GtidEvent::default()
        };
        let uuid = Uuid(c.array("UUID")?);
        let gno = c.u64("number")?;
        if !anonymous {
            event.gtid = Some(Gtid::new(uuid, valid(&c, gno)?));
        }
        // Code 2 announces the logical clock; 5.6 ends here.
        if c.rest().first() != Some(&2) {
            return Ok(event);
        }
        c.u8("clock")?;
        event.last_committed = c.u64("last_committed")?;
        event.sequence_number = c.u64("sequence_number")?;
        if c.is_empty() {
            return Ok(event);
        }
        let immediate = c.fixed::<7>("commit time")?;
        let both = immediate & 1 << 55 != 0;
        let immediate = immediate & !(1 << 55);
        event.immediate_commit_us = Some(immediate);
        event.original_commit_us = Some(if both {
            c.fixed::<7>("original commit time")?
        } else {
            immediate
        });
        if c.is_empty() {
            return Ok(event);
        }
        event.transaction_length = Some(c.packed("transaction length")?);
        if c.is_empty() {
            return Ok(event);
        }
        let immediate = c.u32("server version")?;
        let both = immediate & 1 << 31 != 0;
        let immediate = immediate & !(1 << 31);
        event.immediate_server_version = Some(immediate);
        event.original_server_version = Some(if both {
            c.u32("original server version")?
        } else {
            immediate
        });
        Ok(event)
    }
}

/// What those who follow a binlog need of a transaction's first event, read where servers since 8.0.2 have it: every
/// transaction of a run comes by here twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GtidBrief {
    /// As in [`GtidEvent`].
    pub(crate) gtid: Option<Gtid>,
    /// As in [`GtidEvent`].
    pub(crate) last_committed: u64,
    /// As in [`GtidEvent`].
    pub(crate) sequence_number: u64,
    /// As in [`GtidEvent`].
    pub(crate) original_commit_us: u64,
    /// As in [`GtidEvent`].
    pub(crate) transaction_length: u64,
}

impl GtidBrief {
    /// Flags, UUID, number, the code of the logical clock, its two numbers.
    const FIXED: usize = 1 + 16 + 8 + 1 + 8 + 8;

    /// Reads the body of a GTID or ANONYMOUS_GTID. None of another type, an older form, and of what
    /// [`GtidEvent::decode`] refuses.
    #[inline(always)]
    pub(crate) fn of(event_type: EventType, body: &[u8]) -> Option<GtidBrief> {
        let (fixed, rest) = body.split_first_chunk::<{ GtidBrief::FIXED }>()?;
        let number = |at: usize| fixed[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let gtid = match event_type {
            EventType::GTID => {
                let uuid = Uuid(fixed[1..17].try_into().ok()?);
                let gno = number(17).filter(|gno| (1..=GNO_MAX).contains(gno))?;
                Some(Gtid::new(uuid, gno))
            }
            EventType::ANONYMOUS_GTID => None,
            _ => return None,
        };
        if fixed[25] != 2 {
            return None;
        }
        let mut c = Cursor::new("GTID", rest);
        let immediate = c.fixed::<7>("").ok()?;
        let original_commit_us = match immediate & 1 << 55 {
            0 => immediate,
            _ => c.fixed::<7>("").ok()?,
        };
        let transaction_length = c.packed("").ok()?;
        if !c.is_empty() && c.u32("").ok()? & 1 << 31 != 0 {
            c.u32("").ok()?;
        }
        Some(GtidBrief {
            gtid,
            last_committed: number(26)?,
            sequence_number: number(34)?,
            original_commit_us,
            transaction_length,
        })
    }
}

fn valid(c: &Cursor<'_>, gno: u64) -> Result<u64, DecodeError> {
    if (1..=GNO_MAX).contains(&gno) {
        Ok(gno)
    } else {
        Err(c.malformed("number"))
    }
}

fn tagged(mut c: Cursor<'_>) -> Result<GtidEvent, DecodeError> {
    let whole = c.rest().len();
    let version = c.varlen("serialization version")?;
    if version != 1 {
        return Err(c.malformed("serialization version"));
    }
    let size = usize::try_from(c.varlen("size")?).map_err(|_| c.malformed("size"))?;
    // The size counts from the version on; what lies behind it is not the message's.
    let read = whole - c.rest().len();
    let fields = size.checked_sub(read).ok_or_else(|| c.malformed("size"))?;
    let mut c = Cursor::new("GTID_TAGGED", c.take(fields, "fields")?);
    let last_needed = c.varlen("last field that may not be ignored")?;
    let mut event = GtidEvent::default();
    let (mut uuid, mut tag, mut gno) = (Uuid::default(), None, 0);
    let positive = |c: &Cursor<'_>, n: i64, field| u64::try_from(n).map_err(|_| c.malformed(field));
    while !c.is_empty() {
        match c.varlen("field's number")? {
            0 => {
                event.flags = u8::try_from(c.varlen("flags")?).map_err(|_| c.malformed("flags"))?
            }
            1 => {
                for byte in &mut uuid.0 {
                    *byte = u8::try_from(c.varlen("UUID")?).map_err(|_| c.malformed("UUID"))?;
                }
            }
            2 => {
                let number = c.varlen_signed("number")?;
                gno = positive(&c, number, "number")?;
            }
            3 => {
                let length = usize::try_from(c.varlen("tag")?).map_err(|_| c.malformed("tag"))?;
                let text = c.take(length, "tag")?;
                if !text.is_empty() {
                    tag = Some(Tag::from_bytes(text).ok_or_else(|| c.malformed("tag"))?);
                }
            }
            4 => {
                let number = c.varlen_signed("last_committed")?;
                event.last_committed = positive(&c, number, "last_committed")?;
            }
            5 => {
                let number = c.varlen_signed("sequence_number")?;
                event.sequence_number = positive(&c, number, "sequence_number")?;
            }
            6 => event.immediate_commit_us = Some(c.varlen("commit time")?),
            7 => event.original_commit_us = Some(c.varlen("original commit time")?),
            8 => event.transaction_length = Some(c.varlen("transaction length")?),
            9 => event.immediate_server_version = Some(server_version(&mut c)?),
            10 => event.original_server_version = Some(server_version(&mut c)?),
            11 => {
                c.varlen("commit group ticket")?;
            }
            // Its length is not known: what may be ignored ends the message for us.
            later if later > last_needed => break,
            _ => return Err(c.malformed("field's number")),
        }
    }
    event.gtid = Some(Gtid {
        uuid,
        tag,
        gno: valid(&c, gno)?,
    });
    event.original_commit_us = event.original_commit_us.or(event.immediate_commit_us);
    event.original_server_version = event
        .original_server_version
        .or(event.immediate_server_version);
    Ok(event)
}

fn server_version(c: &mut Cursor<'_>) -> Result<u32, DecodeError> {
    u32::try_from(c.varlen("server version")?).map_err(|_| c.malformed("server version"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::cases::config(512))]

        #[test]
        fn the_brief_reading_says_what_the_full_one_does_or_nothing(
            anonymous in any::<bool>(),
            relayed in any::<bool>(),
            versions in 0u32..3,
            gno in prop_oneof![Just(0), Just(GNO_MAX), Just(u64::MAX), 1u64..1 << 40],
            clock in (any::<u64>(), any::<u64>()),
            times in (0u64..1 << 55, 0u64..1 << 55),
            length in prop_oneof![0u64..250, 250u64..1 << 16, any::<u64>()],
            code in prop_oneof![9 => Just(2u8), 1 => any::<u8>()],
            cut in prop_oneof![3 => Just(0usize), 1 => 1usize..80],
        ) {
            let mut body = vec![1];
            body.extend([7; 16]);
            body.extend(gno.to_le_bytes());
            body.push(code);
            body.extend(clock.0.to_le_bytes());
            body.extend(clock.1.to_le_bytes());
            body.extend(&(times.0 | u64::from(relayed) << 55).to_le_bytes()[..7]);
            if relayed {
                body.extend(&times.1.to_le_bytes()[..7]);
            }
            match length {
                0..=250 => body.push(length as u8),
                _ => {
                    body.push(0xfe);
                    body.extend(length.to_le_bytes());
                }
            }
            if versions > 0 {
                body.extend((80_036 | u32::from(versions > 1) << 31).to_le_bytes());
            }
            if versions > 1 {
                body.extend(80_035u32.to_le_bytes());
            }
            body.truncate(body.len() - cut.min(body.len()));
            let event_type = match anonymous {
                true => EventType::ANONYMOUS_GTID,
                false => EventType::GTID,
            };
            let full = GtidEvent::decode(event_type, &body);
            let brief = GtidBrief::of(event_type, &body);
            let long = full.as_ref().is_ok_and(|event| event.transaction_length.is_some());
            prop_assert_eq!(brief.is_some(), long && code == 2, "{:?} of {:?}", brief, full);
            if let (Some(brief), Ok(full)) = (brief, full) {
                prop_assert_eq!(brief.gtid, full.gtid);
                prop_assert_eq!(brief.last_committed, full.last_committed);
                prop_assert_eq!(brief.sequence_number, full.sequence_number);
                prop_assert_eq!(Some(brief.original_commit_us), full.original_commit_us);
                prop_assert_eq!(Some(brief.transaction_length), full.transaction_length);
            }
        }
    }
}
