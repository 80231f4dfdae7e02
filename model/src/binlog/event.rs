//! What all events of a v4 binlog have: a type, a header of 19 bytes, perhaps a checksum.
//!
//! MySQL source, `binlog_event.h` (`Log_event_type`, `Log_event_header`, `Log_event_footer`); MariaDB's
//! own events start at 160.

use std::sync::LazyLock;

/// The first four bytes of every binlog file.
pub const MAGIC: [u8; 4] = [0xfe, 0x62, 0x69, 0x6e];
/// Bytes of an event's header.
pub const HEADER_LENGTH: usize = 19;
/// Bytes of a checksum behind an event.
pub const CHECKSUM_LENGTH: usize = 4;
/// Position of the first event of a file.
pub const FIRST_POSITION: u64 = MAGIC.len() as u64;

/// The type of an event, as its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(pub u8);

macro_rules! event_types {
    ($($name:ident = $code:literal, $doc:literal;)*) => {
        impl EventType {
            $(#[doc = $doc] pub const $name: EventType = EventType($code);)*

            /// The server's name of the type; `None` when MySQL has none for the code.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(EventType::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

event_types! {
    START_V3 = 1, "The first event of a file before MySQL 5.0.";
    QUERY = 2, "A statement as text: BEGIN, COMMIT, DDL, and data changes in STATEMENT format.";
    STOP = 3, "The server was stopped in good order.";
    ROTATE = 4, "Names the next file.";
    INTVAR = 5, "LAST_INSERT_ID or the AUTO_INCREMENT value of the statement that follows.";
    APPEND_BLOCK = 9, "A piece of a file of LOAD DATA.";
    DELETE_FILE = 11, "A file of LOAD DATA is not needed any more.";
    RAND = 13, "Seeds of RAND() for the statement that follows.";
    USER_VAR = 14, "A user variable of the statement that follows.";
    FORMAT_DESCRIPTION = 15, "The first event of a file: version, checksum algorithm, header lengths.";
    XID = 16, "COMMIT of a transaction of a transactional engine.";
    BEGIN_LOAD_QUERY = 17, "The first piece of a file of LOAD DATA.";
    EXECUTE_LOAD_QUERY = 18, "LOAD DATA as a statement.";
    TABLE_MAP = 19, "What a table's rows look like, ahead of them.";
    WRITE_ROWS_V1 = 23, "Inserted rows, before 5.6.";
    UPDATE_ROWS_V1 = 24, "Updated rows, before 5.6.";
    DELETE_ROWS_V1 = 25, "Deleted rows, before 5.6.";
    INCIDENT = 26, "Something is missing in the binlog: a replica must stop.";
    HEARTBEAT = 27, "Sent to an idle replica, never in a file.";
    IGNORABLE = 28, "May be skipped by who does not know it.";
    ROWS_QUERY = 29, "The statement behind the row events that follow, for people.";
    WRITE_ROWS = 30, "Inserted rows.";
    UPDATE_ROWS = 31, "Updated rows.";
    DELETE_ROWS = 32, "Deleted rows.";
    GTID = 33, "Starts a transaction that has a GTID.";
    ANONYMOUS_GTID = 34, "Starts a transaction that has none.";
    PREVIOUS_GTIDS = 35, "The GTIDs of all earlier files.";
    TRANSACTION_CONTEXT = 36, "Certification data of Group Replication.";
    VIEW_CHANGE = 37, "A change of members in Group Replication.";
    XA_PREPARE = 38, "XA PREPARE, or XA COMMIT … ONE PHASE.";
    PARTIAL_UPDATE_ROWS = 39, "Updated rows with JSON documents as differences.";
    TRANSACTION_PAYLOAD = 40, "The events of a transaction, compressed.";
    HEARTBEAT_V2 = 41, "A heartbeat with room for positions above 4 GiB.";
    GTID_TAGGED = 42, "Starts a transaction whose GTID has a tag.";
}

impl EventType {
    /// One of MariaDB's own events.
    pub fn is_mariadb(self) -> bool {
        self.0 >= 160
    }

    /// One of the events that carry rows, of either version.
    pub fn is_rows(self) -> bool {
        matches!(self.0, 23..=25 | 30..=32)
    }

    /// GTID, ANONYMOUS_GTID or GTID_TAGGED.
    pub fn is_gtid(self) -> bool {
        matches!(
            self,
            EventType::GTID | EventType::ANONYMOUS_GTID | EventType::GTID_TAGGED
        )
    }
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None if self.is_mariadb() => write!(f, "MariaDB event {}", self.0),
            None => write!(f, "event {}", self.0),
        }
    }
}

impl std::fmt::Debug for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Flags of an event's header.
pub mod flag {
    /// In FORMAT_DESCRIPTION: the file is being written, or its server died.
    pub const IN_USE: u16 = 0x1;
    /// The statement depends on the thread that ran it (temporary tables).
    pub const THREAD_SPECIFIC: u16 = 0x4;
    /// Whoever replays the statement must not change to its default schema first.
    pub const SUPPRESS_USE: u16 = 0x8;
    /// Made up by the sender, not in the file.
    pub const ARTIFICIAL: u16 = 0x20;
    /// Written by a replica into its relay log.
    pub const RELAY_LOG: u16 = 0x40;
    /// Who does not know the type may skip the event.
    pub const IGNORABLE: u16 = 0x80;
}

/// An event's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Seconds since 1970: when the *statement* started, not when it committed.
    pub timestamp_s: u32,
    /// Type.
    pub event_type: EventType,
    /// `server_id` of the server that committed it first.
    pub server_id: u32,
    /// Bytes of the event, header and checksum included.
    pub length: u32,
    /// Position behind the event, modulo 2³²; 0 in artificial and compressed events.
    pub end_log_pos: u32,
    /// See [`flag`].
    pub flags: u16,
}

impl Header {
    /// Reads a header off the start of `bytes`; `None` where they are too few.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; HEADER_LENGTH] = bytes.first_chunk()?;
        let [t0, t1, t2, t3, event_type, s0, s1, s2, s3, rest @ ..] = *bytes;
        let [l0, l1, l2, l3, e0, e1, e2, e3, f0, f1] = rest;
        Some(Header {
            timestamp_s: u32::from_le_bytes([t0, t1, t2, t3]),
            event_type: EventType(event_type),
            server_id: u32::from_le_bytes([s0, s1, s2, s3]),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            end_log_pos: u32::from_le_bytes([e0, e1, e2, e3]),
            flags: u16::from_le_bytes([f0, f1]),
        })
    }

    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[..4].copy_from_slice(&self.timestamp_s.to_le_bytes());
        bytes[4] = self.event_type.0;
        bytes[5..9].copy_from_slice(&self.server_id.to_le_bytes());
        bytes[9..13].copy_from_slice(&self.length.to_le_bytes());
        bytes[13..17].copy_from_slice(&self.end_log_pos.to_le_bytes());
        bytes[17..].copy_from_slice(&self.flags.to_le_bytes());
        bytes
    }
}

/// The checksum of an event's bytes.
#[inline]
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    // What the processor can do is asked once, not for every event.
    static FRESH: LazyLock<crc32fast::Hasher> = LazyLock::new(crc32fast::Hasher::new);
    let mut hasher = FRESH.clone();
    hasher.update(bytes);
    hasher.finalize()
}

/// What follows the body of every event of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing.
    None,
    /// CRC-32 (the zlib polynomial) of header and body.
    Crc32,
}

impl Checksum {
    /// Bytes behind the body.
    pub fn length(self) -> usize {
        match self {
            Checksum::None => 0,
            Checksum::Crc32 => CHECKSUM_LENGTH,
        }
    }

    /// The byte that FORMAT_DESCRIPTION has for it.
    pub fn code(self) -> u8 {
        match self {
            Checksum::None => 0,
            Checksum::Crc32 => 1,
        }
    }
}
