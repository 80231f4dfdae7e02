//! TRANSACTION_PAYLOAD: the events of a transaction, compressed (`binlog_transaction_compression`, 8.0.20).

use crate::binlog::cursor::{Cursor, DecodeError};
use std::io::Read;

/// The most bytes that a payload may have uncompressed, far beyond what a server writes
/// (`max_allowed_packet` is at most 1 GiB).
pub const PAYLOAD_LIMIT_BYTES: u64 = 1 << 30;

/// Why a payload cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// A compression other than zstd (0) and none (255).
    #[error("its compression {0} is unknown (0 is zstd, 255 none)")]
    Compression(u64),
    /// It promises more than [`PAYLOAD_LIMIT_BYTES`].
    #[error("it announces {0} uncompressed bytes, more than the {PAYLOAD_LIMIT_BYTES} allowed")]
    TooLarge(u64),
    /// It holds more, or fewer, bytes than it announced.
    #[error("it announces {announced} uncompressed bytes and holds {found}")]
    Size {
        /// As its head says.
        announced: u64,
        /// What came out, counted up to one byte more than announced.
        found: u64,
    },
    /// zstd cannot read it.
    #[error("its compressed bytes are damaged")]
    Damaged,
}

/// A compressed transaction's head and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionPayload<'a> {
    /// 0: zstd; 255: none.
    pub compression: u64,
    /// What it is uncompressed, as its head says.
    pub uncompressed_bytes: u64,
    /// The compressed events.
    pub payload: &'a [u8],
}

impl<'a> TransactionPayload<'a> {
    const NONE: u64 = 255;

    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<TransactionPayload<'a>, DecodeError> {
        let mut c = Cursor::new("TRANSACTION_PAYLOAD", body);
        let (mut size, mut compression, mut uncompressed) = (None, TransactionPayload::NONE, None);
        loop {
            let field = c.packed("field's type")?;
            if field == 0 {
                break;
            }
            let mut value = Cursor::new("TRANSACTION_PAYLOAD", c.packed_bytes("field")?);
            match field {
                1 => size = Some(value.packed("payload size")?),
                2 => compression = value.packed("compression")?,
                3 => uncompressed = Some(value.packed("uncompressed size")?),
                _ => {}
            }
        }
        let size = size
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| c.malformed("payload size"))?;
        let payload = c.take(size, "payload")?;
        Ok(TransactionPayload {
            compression,
            uncompressed_bytes: uncompressed.unwrap_or(payload.len() as u64),
            payload,
        })
    }

    /// Appends the events' bytes, which carry no checksums.
    ///
    /// Allocates as the bytes come out, never by what the head promises, and never more than it promises.
    pub fn inflate(&self, out: &mut Vec<u8>) -> Result<(), PayloadError> {
        if self.uncompressed_bytes > PAYLOAD_LIMIT_BYTES {
            return Err(PayloadError::TooLarge(self.uncompressed_bytes));
        }
        let before = out.len();
        match self.compression {
            0 => {
                let decoder =
                    zstd::Decoder::with_buffer(self.payload).map_err(|_| PayloadError::Damaged)?;
                let mut bounded = decoder.take(self.uncompressed_bytes + 1);
                bounded
                    .read_to_end(out)
                    .map_err(|_| PayloadError::Damaged)?;
            }
            TransactionPayload::NONE => {
                let most = self.uncompressed_bytes as usize + 1;
                out.extend_from_slice(self.payload.get(..most).unwrap_or(self.payload));
            }
            other => return Err(PayloadError::Compression(other)),
        }
        let found = (out.len() - before) as u64;
        let announced = self.uncompressed_bytes;
        if found == announced {
            Ok(())
        } else {
            Err(PayloadError::Size { announced, found })
        }
    }
}
