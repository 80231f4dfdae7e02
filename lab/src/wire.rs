//! Packets of the MySQL protocol: a length of three bytes, a sequence number, the payload; what is longer
//! than 2²⁴−2 bytes goes in several (manual of the source, "MySQL Packets").
//!
//! A length is what a peer says of itself: it is held against a limit first, and memory grows with what
//! really arrives.

use mysql_common::proto::MySerialize;
use std::io::{self, BufWriter, Read, Write};

/// The longest payload of one frame; one of this length is followed by another.
const FRAME_MAX: usize = 0xff_ffff;
/// Bytes that are collected before they are written.
const WRITE_BUFFER: usize = 64 << 10;

/// Why a conversation ends.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The peer has gone, or takes or sends nothing for too long.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// More than this end is willing to read.
    #[error("a packet of more than {limit} bytes")]
    TooLong {
        /// In bytes.
        limit: usize,
    },
    /// A frame out of turn.
    #[error("packet number {found} where {expected} was to come")]
    OutOfOrder {
        /// As sent.
        found: u8,
        /// As it should be.
        expected: u8,
    },
    /// A packet that is not what its place wants.
    #[error("{0}")]
    Malformed(String),
}

/// One end of a connection.
#[derive(Debug)]
pub struct Wire<R, W: Write> {
    from: R,
    to: BufWriter<W>,
    sequence: u8,
}

impl<R: Read, W: Write> Wire<R, W> {
    /// An end that reads and writes there.
    pub fn new(from: R, to: W) -> Self {
        Self {
            from,
            to: BufWriter::with_capacity(WRITE_BUFFER, to),
            sequence: 0,
        }
    }

    /// What is read from.
    pub fn reader(&self) -> &R {
        &self.from
    }

    /// The same, to change how it is read.
    pub fn reader_mut(&mut self) -> &mut R {
        &mut self.from
    }

    /// A new command: numbers start at 0 again.
    pub fn new_command(&mut self) {
        self.sequence = 0;
    }

    /// A packet of at most `limit` bytes.
    ///
    /// # Errors
    /// The peer has gone or is silent for too long, the packet is too long or out of turn.
    pub fn read(&mut self, limit: usize) -> Result<Vec<u8>, WireError> {
        let mut payload = Vec::new();
        loop {
            let mut head = [0; 4];
            self.from.read_exact(&mut head)?;
            let [a, b, c, sequence] = head;
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            if payload.len() + length > limit {
                return Err(WireError::TooLong { limit });
            }
            if sequence != self.sequence {
                return Err(WireError::OutOfOrder {
                    found: sequence,
                    expected: self.sequence,
                });
            }
            self.sequence = self.sequence.wrapping_add(1);
            let read = (&mut self.from)
                .take(length as u64)
                .read_to_end(&mut payload)?;
            if read < length {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if length < FRAME_MAX {
                return Ok(payload);
            }
        }
    }

    /// Writes a packet, now or at the next [`Wire::flush`].
    ///
    /// # Errors
    /// The peer has gone, or takes nothing for too long.
    pub fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut rest = payload;
        loop {
            let (now, later) = rest.split_at(rest.len().min(FRAME_MAX));
            let [a, b, c, _] = (now.len() as u32).to_le_bytes();
            self.to.write_all(&[a, b, c, self.sequence])?;
            self.to.write_all(now)?;
            self.sequence = self.sequence.wrapping_add(1);
            rest = later;
            if now.len() < FRAME_MAX {
                return Ok(());
            }
        }
    }

    /// As [`Wire::send`].
    pub fn send_packet(&mut self, packet: &impl MySerialize) -> io::Result<()> {
        let mut bytes = Vec::new();
        packet.serialize(&mut bytes);
        self.send(&bytes)
    }

    /// Writes what was collected.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(payload: &[u8]) -> Result<Vec<u8>, WireError> {
        let mut sender = Wire::new(io::empty(), Vec::new());
        sender.send(payload).unwrap();
        sender.flush().unwrap();
        let bytes = sender.to.get_ref().clone();
        Wire::new(&bytes[..], io::sink()).read(1 << 25)
    }

    #[test]
    fn a_packet_comes_out_as_it_went_in_whatever_its_length() {
        for length in [0, 1, 255, FRAME_MAX - 1, FRAME_MAX, FRAME_MAX + 1] {
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            assert_eq!(there_and_back(&payload).unwrap(), payload, "{length}");
        }
    }

    #[test]
    fn what_a_peer_says_of_a_length_allocates_nothing_and_is_refused_beyond_the_limit() {
        let mut wire = Wire::new(&[0xff, 0xff, 0xfe, 0][..], io::sink());
        assert!(matches!(
            wire.read(1000),
            Err(WireError::TooLong { limit: 1000 })
        ));
        let mut wire = Wire::new(&[0xff, 0xff, 0xfe, 0, 1, 2][..], io::sink());
        assert!(matches!(wire.read(1 << 24), Err(WireError::Io(_))));
    }

    #[test]
    fn a_packet_out_of_turn_is_refused() {
        let mut wire = Wire::new(&[1, 0, 0, 5, 9][..], io::sink());
        assert!(matches!(
            wire.read(1000),
            Err(WireError::OutOfOrder {
                found: 5,
                expected: 0
            })
        ));
    }
}
