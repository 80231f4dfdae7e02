//! The events around transactions: FORMAT_DESCRIPTION, PREVIOUS_GTIDS, ROTATE, STOP.

use super::Writer;
use super::event::Group;
use crate::binlog::event::{EventType, FIRST_POSITION, MAGIC, flag};
use crate::gtid::GtidSet;

/// Header lengths of 5.7, of which 5.6 has the first 35.
const LENGTHS_5_7: [u8; 38] = [
    56, 13, 0, 8, 0, 18, 0, 4, 4, 4, 4, 18, 0, 0, 0, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10,
    10, 10, 42, 42, 0, 18, 52, 0,
];
/// Header lengths of 8.0.26, of which earlier 8.0 have the first 38 to 40.
const LENGTHS_8_0: [u8; 41] = [
    0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 0, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10,
    10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0,
];
/// Header lengths since 8.3: the first version of ROWS is gone, GTID_TAGGED is there.
const LENGTHS_8_3: [u8; 42] = [
    0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 0, 0, 4, 26, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 10,
    10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0, 0,
];
/// Bytes of FORMAT_DESCRIPTION's body before the lengths.
const FIXED: usize = 2 + 50 + 4 + 1;
/// Bytes of GTID's fixed part in 5.6.
const GTID_LENGTH_5_6: u8 = 25;

impl Writer {
    /// Appends magic, FORMAT_DESCRIPTION with IN_USE set, and PREVIOUS_GTIDS (before 5.7 only with GTIDs on).
    ///
    /// `created_s` is 0 for a file that came about by rotation, else the time at which the server started.
    pub fn file_head(
        &self,
        out: &mut Vec<u8>,
        timestamp_s: u32,
        created_s: u32,
        previous: &GtidSet,
    ) {
        out.extend_from_slice(&MAGIC);
        let at = out.len();
        self.format_description(out, timestamp_s, created_s);
        let pos = FIRST_POSITION + (out.len() - at) as u64;
        // The flag is not part of what the checksum covers.
        set_in_use(&mut out[at..], true);
        if self.options.gtid || self.version >= 50_700 {
            let flags = if self.version >= 50_700 {
                flag::IGNORABLE
            } else {
                0
            };
            let mut group = Group::bare(self, out, pos, timestamp_s);
            let event = group.event(EventType::PREVIOUS_GTIDS, flags);
            previous.encode(group.out);
            group.close(event);
            group.finish();
        }
    }

    /// Appends FORMAT_DESCRIPTION for position 4, its file not in use.
    fn format_description(&self, out: &mut Vec<u8>, timestamp_s: u32, created_s: u32) {
        let known: &[u8] = if self.version >= 80_300 {
            &LENGTHS_8_3
        } else if self.version >= 80_000 {
            &LENGTHS_8_0
        } else {
            &LENGTHS_5_7
        };
        let types = match self.version {
            0..50_700 => 35,
            50_700..80_003 => 38,
            80_003..80_020 => 39,
            80_020..80_026 => 40,
            80_026..80_300 => 41,
            _ => 42,
        };
        let mut group = Group::bare(self, out, FIRST_POSITION, timestamp_s);
        let event = group.event(EventType::FORMAT_DESCRIPTION, 0);
        let mut version = [0; 50];
        for (to, from) in version
            .iter_mut()
            .take(49)
            .zip(self.options.server_version.bytes())
        {
            *to = from;
        }
        group.out.extend_from_slice(&4u16.to_le_bytes());
        group.out.extend_from_slice(&version);
        group.out.extend_from_slice(&created_s.to_le_bytes());
        group.out.push(19);
        for (i, length) in known.iter().take(types).enumerate() {
            group.out.push(match EventType(i as u8 + 1) {
                EventType::FORMAT_DESCRIPTION => (FIXED + types) as u8,
                EventType::GTID | EventType::ANONYMOUS_GTID if self.version < 50_700 => {
                    GTID_LENGTH_5_6
                }
                _ => *length,
            });
        }
        group.out.push(u8::from(self.options.checksum));
        // This event has a checksum even where the others have none.
        group.always_checksum();
        group.close(event);
        group.finish();
    }

    /// Appends ROTATE, which ends a file and names the next.
    pub fn rotate(&self, out: &mut Vec<u8>, pos: u64, timestamp_s: u32, next_file: &str) {
        let mut group = Group::bare(self, out, pos, timestamp_s);
        let event = group.event(EventType::ROTATE, 0);
        group.out.extend_from_slice(&FIRST_POSITION.to_le_bytes());
        group.out.extend_from_slice(next_file.as_bytes());
        group.close(event);
        group.finish();
    }

    /// Appends STOP: the server is shut down in good order.
    pub fn stop(&self, out: &mut Vec<u8>, pos: u64, timestamp_s: u32) {
        let mut group = Group::bare(self, out, pos, timestamp_s);
        let event = group.event(EventType::STOP, 0);
        group.close(event);
        group.finish();
    }
}

/// Sets or clears IN_USE of a FORMAT_DESCRIPTION at the start of `event`.
pub(crate) fn set_in_use(event: &mut [u8], in_use: bool) {
    if let Some(flags) = event.get_mut(17) {
        *flags = *flags & !(flag::IN_USE as u8) | u8::from(in_use);
    }
}
