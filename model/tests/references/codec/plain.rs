//! The frame of an event, by the manual's layout: byte offsets and a bit-by-bit checksum.

/// An event as its bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: usize,
    pub timestamp: u32,
    pub event_type: u8,
    pub server_id: u32,
    pub length: usize,
    pub end: u32,
    pub flags: u16,
    /// Between the header and the checksum.
    pub body: Vec<u8>,
}

/// CRC-32 as the polynomial defines it.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

fn four(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

/// All events of a file, its positions and checksums checked. `checksums`: of events behind the first, which
/// always has one.
pub fn events(file: &[u8], checksums: bool) -> Vec<Event> {
    assert_eq!(&file[..4], b"\xfebin");
    let (mut at, mut all) = (4, Vec::new());
    while at < file.len() {
        let length = four(&file[at + 9..at + 13]) as usize;
        let mut event = file[at..at + length].to_vec();
        let mut end = length;
        if checksums || at == 4 {
            end -= 4;
            // IN_USE is set and cleared in place.
            if at == 4 {
                event[17] &= !1;
            }
            assert_eq!(
                crc32(&event[..end]),
                four(&event[end..]),
                "checksum of the event at {at}"
            );
        }
        let parsed = Event {
            at,
            timestamp: four(&event[..4]),
            event_type: event[4],
            server_id: four(&event[5..9]),
            length,
            end: four(&event[13..17]),
            flags: u16::from_le_bytes([file[at + 17], file[at + 18]]),
            body: event[19..end].to_vec(),
        };
        assert_eq!(
            parsed.end as usize,
            at + length,
            "position of the event at {at}"
        );
        at += length;
        all.push(parsed);
    }
    all
}

/// An event for a position, with its checksum.
pub fn seal(
    timestamp: u32,
    event_type: u8,
    server_id: u32,
    flags: u16,
    body: &[u8],
    at: usize,
) -> Vec<u8> {
    let length = (19 + body.len() + 4) as u32;
    let mut event = timestamp.to_le_bytes().to_vec();
    event.push(event_type);
    event.extend(server_id.to_le_bytes());
    event.extend(length.to_le_bytes());
    event.extend((at as u32 + length).to_le_bytes());
    event.extend(flags.to_le_bytes());
    event.extend(body);
    let crc = crc32(&event);
    event.extend(crc.to_le_bytes());
    event
}
