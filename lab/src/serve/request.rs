//! What a receiver asks for: COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID.
//!
//! Read by hand: the library's reader of the second allocates whatever the packet announces.

use crate::wire::WireError;
use cutover_model::gtid::GtidSet;

/// End with a packet instead of waiting at the end.
const NON_BLOCK: u16 = 1;
/// Heartbeats are to be of the second version.
const HEARTBEAT_V2: u16 = 2;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpRequest {
    /// From where on.
    pub from: From,
    /// `server_id` of the receiver.
    pub server_id: u32,
    /// End at the end of what there is.
    pub non_block: bool,
    /// Heartbeats of the second version, which have room for positions above 4 GiB.
    pub heartbeat_v2: bool,
}

/// From where on a receiver asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A file and a position.
    Position(String, u64),
    /// What is not in a set.
    Gtids(GtidSet),
}

fn short() -> WireError {
    WireError::Malformed("a request for the binlog ends before its end".into())
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, WireError> {
    let found = bytes.get(at..).and_then(|b| b.first_chunk());
    found.map(|b| u16::from_le_bytes(*b)).ok_or_else(short)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, WireError> {
    let found = bytes.get(at..).and_then(|b| b.first_chunk());
    found.map(|b| u32::from_le_bytes(*b)).ok_or_else(short)
}

fn name(bytes: &[u8]) -> Result<String, WireError> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| WireError::Malformed("the name of a binlog file is not UTF-8".into()))
}

impl DumpRequest {
    fn new(from: From, flags: u16, server_id: u32) -> Self {
        Self {
            from,
            server_id,
            non_block: flags & NON_BLOCK != 0,
            heartbeat_v2: flags & HEARTBEAT_V2 != 0,
        }
    }

    /// Reads COM_BINLOG_DUMP behind its first byte: position 4, flags 2, server id 4, file name.
    ///
    /// # Errors
    /// It is not one.
    pub fn by_position(body: &[u8]) -> Result<Self, WireError> {
        let file = name(body.get(10..).ok_or_else(short)?)?;
        let from = From::Position(file, u64::from(u32_at(body, 0)?));
        Ok(Self::new(from, u16_at(body, 4)?, u32_at(body, 6)?))
    }

    /// Reads COM_BINLOG_DUMP_GTID behind its first byte: flags 2, server id 4, the length of a file name 4, the
    /// name, a position 8, the length of a set 4, the set. Name and position are not looked at, as a server does
    /// not.
    ///
    /// # Errors
    /// It is not one.
    pub fn by_gtids(body: &[u8]) -> Result<Self, WireError> {
        let length = u32_at(body, 6)? as usize;
        let rest = body
            .get(10..)
            .and_then(|b| b.get(length..))
            .and_then(|b| b.get(8..))
            .ok_or_else(short)?;
        let length = u32_at(rest, 0)? as usize;
        let set = rest
            .get(4..)
            .and_then(|b| b.get(..length))
            .ok_or_else(short)?;
        let set = GtidSet::decode(set)
            .map_err(|e| WireError::Malformed(format!("the receiver's GTID set: {e}")))?;
        Ok(Self::new(
            From::Gtids(set),
            u16_at(body, 0)?,
            u32_at(body, 2)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 9.7.4 sent them.
    const BY_POSITION: &[u8] = b"\x04\x00\x00\x00\x02\x00\x02\x00\x00\x00binlog.000001";
    const BY_GTIDS: &[u8] =
        b"\x02\x00\x02\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\
        \x00\x00\x00\x00\x00\x00\x00\x00";

    #[test]
    fn requests_of_a_server_are_read() {
        assert_eq!(
            DumpRequest::by_position(BY_POSITION).unwrap(),
            DumpRequest {
                from: From::Position("binlog.000001".into(), 4),
                server_id: 2,
                non_block: false,
                heartbeat_v2: true
            }
        );
        assert_eq!(
            DumpRequest::by_gtids(BY_GTIDS).unwrap().from,
            From::Gtids(GtidSet::new())
        );
    }

    #[test]
    fn a_request_that_is_cut_anywhere_is_refused() {
        for length in 0..10 {
            assert!(
                DumpRequest::by_position(&BY_POSITION[..length]).is_err(),
                "{length}"
            );
        }
        for length in 0..BY_GTIDS.len() {
            assert!(
                DumpRequest::by_gtids(&BY_GTIDS[..length]).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn a_set_that_announces_more_than_it_has_allocates_nothing() {
        let mut request = BY_GTIDS.to_vec();
        request[22..28].fill(0xff);
        assert!(DumpRequest::by_gtids(&request).is_err());
        request[6..10].fill(0xff);
        assert!(DumpRequest::by_gtids(&request).is_err());
    }
}
