//! The binlog: real v4 bytes, read from anywhere and written as a server of a given version writes them.
//!
//! ```text
//! bytes ── frame ──► frames (bounds, checksums) ── decode ──► borrowed events
//!                       │                                        │
//!                       └──── group ──► transactions ── verify ──┴─► what files are worth
//! rows ─── encode ──► bytes ── log ──► a server's files in memory
//! ```
//!
//! Nothing here trusts its input: every length is held against the bytes at hand before anything is
//! allocated or skipped, and an error names the position from which on the bytes are not usable.

mod cursor;

pub mod decode;
pub mod encode;
pub mod event;
pub mod frame;
pub mod group;
pub mod history;
pub mod log;
mod session;
pub mod verify;

pub use cursor::DecodeError;
pub use event::{Checksum, EventType, Header};
pub use frame::{BinlogError, ErrorKind, Frame, Frames};
pub use group::{Group, Groups};
pub use history::{History, HistoryError};
pub use log::Binlog;
pub use session::QuerySession;
