//! The first event of a group. It holds the group's length, its own included, so its size is only known
//! at the end: room for the usual case is left, and what follows is moved in the other cases.

use super::Head;
use super::event::{Group, packed_length, push_packed};
use crate::binlog::decode::GtidEvent;
use crate::binlog::event::EventType;
use crate::gtid::{Gtid, Tag};

/// What remains to be done once the group's length is known.
#[derive(Debug)]
pub(super) enum Pending {
    /// Nothing.
    None,
    /// The length goes here, over 3 bytes.
    Length { at: usize },
    /// The event is to be put in front.
    Tagged(Box<(GtidEvent, Tag)>),
}

/// From this version on events have commit times and the length.
const COMMIT_TIMES: u32 = 80_001;
/// From this version on they have server versions.
const SERVER_VERSIONS: u32 = 80_014;
/// Where in the body the logical clock stands, and the commit times.
const CLOCK: usize = 1 + 16 + 8;
const TIMES: usize = CLOCK + 1 + 8 + 8;
/// Bytes of a commit time, and those left for the length.
const TIME: usize = 7;
const LENGTH: usize = 3;
/// The bit of the first commit time that says that there are two.
const BOTH: u64 = 1 << 55;

/// Writes the event, save what is pending.
pub(super) fn write(
    group: &mut Group<'_>,
    version: u32,
    head: &Head<'_>,
    statements: bool,
) -> Pending {
    // 5.6 sets the flag always.
    let may_have_statements = statements || version < 50_700;
    let flags = if may_have_statements {
        GtidEvent::MAY_HAVE_STATEMENTS
    } else {
        0
    };
    if let Some(Gtid { tag: Some(tag), .. }) = head.gtid {
        let event = GtidEvent {
            gtid: head.gtid,
            flags,
            last_committed: head.last_committed,
            sequence_number: head.sequence_number,
            immediate_commit_us: Some(head.immediate_commit_us),
            original_commit_us: Some(head.original_commit_us),
            transaction_length: None,
            immediate_server_version: Some(version),
            original_server_version: Some(version),
        };
        return Pending::Tagged(Box::new((event, tag)));
    }
    if head.gtid.is_none() && version < 50_700 {
        return Pending::None;
    }
    let event_type = if head.gtid.is_some() {
        EventType::GTID
    } else {
        EventType::ANONYMOUS_GTID
    };
    let (uuid, gno) = head.gtid.map(|g| (g.uuid.0, g.gno)).unwrap_or_default();
    // The longest form; earlier versions write less of it.
    let mut body = [0; TIMES + 2 * TIME + LENGTH + 4];
    body[0] = flags;
    body[1..17].copy_from_slice(&uuid);
    body[17..25].copy_from_slice(&gno.to_le_bytes());
    body[25] = 2;
    body[26..34].copy_from_slice(&head.last_committed.to_le_bytes());
    body[34..TIMES].copy_from_slice(&head.sequence_number.to_le_bytes());
    let relayed = head.original_commit_us != head.immediate_commit_us;
    let immediate = head.immediate_commit_us & (BOTH - 1);
    let immediate = if relayed { immediate | BOTH } else { immediate };
    body[TIMES..TIMES + TIME].copy_from_slice(&immediate.to_le_bytes()[..TIME]);
    let length_at = match relayed {
        true => TIMES + 2 * TIME,
        false => TIMES + TIME,
    };
    if relayed {
        let original = head.original_commit_us.to_le_bytes();
        body[TIMES + TIME..TIMES + 2 * TIME].copy_from_slice(&original[..TIME]);
    }
    body[length_at + LENGTH..length_at + LENGTH + 4].copy_from_slice(&version.to_le_bytes());
    let written = match version {
        0..50_700 => CLOCK,
        50_700..COMMIT_TIMES => TIMES,
        COMMIT_TIMES..SERVER_VERSIONS => length_at + LENGTH,
        SERVER_VERSIONS.. => length_at + LENGTH + 4,
    };
    let event = group.event(event_type, 0);
    let at = group.out.len();
    group.out.extend_from_slice(&body);
    group.out.truncate(at + written);
    group.close(event);
    match version {
        COMMIT_TIMES.. => Pending::Length { at: at + length_at },
        _ => Pending::None,
    }
}

impl Pending {
    /// Writes what was pending; says whether events were moved by that.
    pub(super) fn resolve(self, group: &mut Group<'_>) -> bool {
        match self {
            Pending::None => false,
            Pending::Length { at } => length(group, at),
            Pending::Tagged(event) => {
                tagged(group, event.0, event.1);
                true
            }
        }
    }
}

/// Whether an event without a tag, in a group of so many bytes, has its length where [`overwrite`] looks for it.
#[inline]
pub(super) fn has_usual_form(version: u32, group: usize) -> bool {
    version >= COMMIT_TIMES && (251..=usize::from(u16::MAX)).contains(&group)
}

/// Puts another transaction's identifier, clock, time and length into a body of the usual form.
#[inline]
pub(super) fn overwrite(body: &mut [u8], head: &Head<'_>, id: &Gtid, group: usize) {
    let (body, _) = body.split_at_mut(TIMES + TIME + LENGTH);
    body[1..17].copy_from_slice(&id.uuid.0);
    body[17..25].copy_from_slice(&id.gno.to_le_bytes());
    body[26..34].copy_from_slice(&head.last_committed.to_le_bytes());
    body[34..TIMES].copy_from_slice(&head.sequence_number.to_le_bytes());
    let immediate = head.immediate_commit_us & (BOTH - 1);
    body[TIMES..TIMES + TIME].copy_from_slice(&immediate.to_le_bytes()[..TIME]);
    body[TIMES + TIME + 1..].copy_from_slice(&(group as u16).to_le_bytes());
}

/// Whether another size than the usual one was needed.
fn length(group: &mut Group<'_>, at: usize) -> bool {
    let others = group.length() - LENGTH;
    let fits = |size: &usize| packed_length((others + size) as u64) == *size;
    if !fits(&1)
        && let Ok(total) = u16::try_from(others + LENGTH)
    {
        let [low, high] = total.to_le_bytes();
        group.out[at..at + LENGTH].copy_from_slice(&[0xfc, low, high]);
        return false;
    }
    let size = [1, 4, 9].into_iter().find(fits).unwrap_or(9);
    let total = (others + size) as u64;
    let mut field = Vec::with_capacity(9);
    push_packed(&mut field, total);
    let start = group.start();
    group.out.splice(at..at + LENGTH, field);
    let event = &mut group.out[start + 9..start + 13];
    let event_length =
        u32::from_le_bytes([event[0], event[1], event[2], event[3]]) as usize + size - LENGTH;
    event.copy_from_slice(&(event_length as u32).to_le_bytes());
    true
}

fn tagged(group: &mut Group<'_>, event: GtidEvent, tag: Tag) {
    let start = group.start();
    let rest = group.out.split_off(start);
    // The length's own size depends on it: the second or third try is stable.
    let mut total = 0;
    loop {
        group.out.truncate(start);
        let at = group.event(EventType::GTID_TAGGED, 0);
        message(group.out, &event, &tag, total);
        group.close(at);
        let now = (group.length() + rest.len()) as u64;
        if now == total {
            break;
        }
        total = now;
    }
    group.out.extend_from_slice(&rest);
}

/// The message of GTID_TAGGED: version 1, size, last field that may not be ignored, fields.
fn message(out: &mut Vec<u8>, event: &GtidEvent, tag: &Tag, transaction_length: u64) {
    let mut fields = Vec::with_capacity(128);
    let signed = |n: u64| n << 1;
    let (uuid, gno) = event.gtid.map(|g| (g.uuid.0, g.gno)).unwrap_or_default();
    push_varlen(&mut fields, 0);
    push_varlen(&mut fields, u64::from(event.flags));
    push_varlen(&mut fields, 1);
    for byte in uuid {
        push_varlen(&mut fields, u64::from(byte));
    }
    push_varlen(&mut fields, 2);
    push_varlen(&mut fields, signed(gno));
    push_varlen(&mut fields, 3);
    push_varlen(&mut fields, tag.as_str().len() as u64);
    fields.extend_from_slice(tag.as_str().as_bytes());
    push_varlen(&mut fields, 4);
    push_varlen(&mut fields, signed(event.last_committed));
    push_varlen(&mut fields, 5);
    push_varlen(&mut fields, signed(event.sequence_number));
    push_varlen(&mut fields, 6);
    push_varlen(&mut fields, event.immediate_commit_us.unwrap_or_default());
    if event.original_commit_us != event.immediate_commit_us {
        push_varlen(&mut fields, 7);
        push_varlen(&mut fields, event.original_commit_us.unwrap_or_default());
    }
    push_varlen(&mut fields, 8);
    push_varlen(&mut fields, transaction_length);
    push_varlen(&mut fields, 9);
    push_varlen(
        &mut fields,
        u64::from(event.immediate_server_version.unwrap_or_default()),
    );
    // Version, size (of at most 2 bytes: the fields are under 300) and the last needed field in front.
    let size = fields.len() + 3;
    let size = if size > 127 { size + 1 } else { size };
    push_varlen(out, 1);
    push_varlen(out, size as u64);
    push_varlen(out, 0);
    out.extend_from_slice(&fields);
}

/// Appends an unsigned integer of the server's serialization library.
fn push_varlen(out: &mut Vec<u8>, value: u64) {
    let bits = 64 - (value | 1).leading_zeros();
    let bytes = bits.div_ceil(7);
    if bytes > 8 {
        out.push(0xff);
        out.extend_from_slice(&value.to_le_bytes());
        return;
    }
    let encoded = value << bytes | ((1 << (bytes - 1)) - 1);
    out.extend_from_slice(&encoded.to_le_bytes()[..bytes as usize]);
}
