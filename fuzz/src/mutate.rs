//! Damage that gets past the checksums: a binlog file is changed event by event, and its lengths and checksums are
//! put right afterwards, as they would be in a file that somebody made on purpose.

use cutover_model::binlog::{
    Header,
    event::{HEADER_LENGTH, MAGIC},
};

/// A small generator (SplitMix64): the engine gives a seed, and the same seed gives the same change.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`; 0 for a bound of 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound.max(1) as u64)) as usize
    }
}

/// Numbers that lengths and counts are broken with.
const AWKWARD: [u64; 10] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

const CHECKSUM: usize = 4;

/// Changes a binlog file in one place. `other` changes an event's body; it says how long it is afterwards, within
/// the room that it is given.
pub fn vary(
    file: &[u8],
    longest: usize,
    random: &mut Random,
    other: impl FnOnce(&mut [u8], usize) -> usize,
) -> Vec<u8> {
    let mut events = split(file);
    let at = random.below(events.len());
    let Some(event) = events.get_mut(at) else {
        return other_of_all(file, longest, other);
    };
    let last = event.len().saturating_sub(CHECKSUM);
    let body = HEADER_LENGTH.min(last)..last;
    match random.below(12) {
        0 => drop(events.remove(at)),
        1 => {
            let copy = event.clone();
            let to = random.below(events.len() + 1);
            events.insert(to, copy);
        }
        2 => {
            let with = random.below(events.len());
            events.swap(at, with);
        }
        3 => event.truncate(body.start + random.below(body.len())),
        4 => event[4.min(last)] = random.next() as u8,
        5..=7 if !body.is_empty() => {
            let number = AWKWARD[random.below(AWKWARD.len())].to_le_bytes();
            let from = body.start + random.below(body.len());
            let width = (1 << random.below(4)).min(body.end - from);
            event[from..from + width].copy_from_slice(&number[..width]);
        }
        // The engine's own change, as it is: lengths and checksums are wrong then.
        8 => return other_of_all(file, longest, other),
        _ => {
            // An event without a body may get one, whatever the room.
            let room = longest.saturating_sub(file.len()).clamp(1, 4096);
            let mut inner = event[body.clone()].to_vec();
            let length = inner.len();
            inner.resize(length + room, 0);
            let length = other(&mut inner, length);
            inner.truncate(length);
            event.splice(body, inner);
        }
    }
    let mut changed = [&MAGIC[..], &events.concat()].concat();
    reseal(&mut changed, &events);
    changed.truncate(longest);
    changed
}

fn other_of_all(
    file: &[u8],
    longest: usize,
    other: impl FnOnce(&mut [u8], usize) -> usize,
) -> Vec<u8> {
    let mut whole = file.to_vec();
    whole.resize(longest.max(file.len()), 0);
    let length = other(&mut whole, file.len());
    whole.truncate(length);
    whole
}

/// The events of a file as its lengths cut it; what does not fit is one last piece.
fn split(file: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = file.strip_prefix(&MAGIC).unwrap_or(file);
    let mut events = Vec::new();
    while !rest.is_empty() {
        let length = Header::decode(rest).map_or(0, |header| header.length as usize);
        let cut = if (HEADER_LENGTH..=rest.len()).contains(&length) {
            length
        } else {
            rest.len()
        };
        let (event, after) = rest.split_at(cut);
        events.push(event.to_vec());
        rest = after;
    }
    events
}

/// Puts the lengths, positions and checksums of a file right, whose events are these.
pub fn reseal(file: &mut [u8], events: &[Vec<u8>]) {
    let mut at = MAGIC.len();
    for event in events {
        let end = at + event.len();
        if event.len() >= HEADER_LENGTH + CHECKSUM {
            let event = &mut file[at..end];
            let (covered, stored) = event.split_at_mut(end - at - CHECKSUM);
            covered[9..13].copy_from_slice(&((end - at) as u32).to_le_bytes());
            covered[13..17].copy_from_slice(&(end as u32).to_le_bytes());
            stored.copy_from_slice(&crc32fast::hash(covered).to_le_bytes());
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus;
    use cutover_model::binlog::Frames;

    #[test]
    fn a_changed_file_passes_its_checksums() {
        let file = corpus::binlogs()
            .into_iter()
            .find(|file| Frames::of_file(file).unwrap().nth(9).is_some())
            .unwrap();
        let whole = |file: &[u8]| Frames::of_file(file).is_ok_and(|mut f| f.all(|f| f.is_ok()));
        let mut passed = 0;
        for seed in 0..1_000 {
            let changed = vary(&file, 1 << 20, &mut Random::new(seed), |body, length| {
                body[0] ^= 1;
                length
            });
            passed += u32::from(changed != file && whole(&changed));
        }
        assert!(passed > 500, "{passed} of 1000");
    }
}
