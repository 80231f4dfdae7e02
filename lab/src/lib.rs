//! Where a rehearsal meets real MySQL servers.
//!
//! - [`serve`]: binlog files served to a real replica, as the source that wrote them would.
//! - [`receiver`]: the other end of that conversation, which asks and keeps what comes.
//!
//! Unlike the rest of the workspace this is no simulation: sockets, threads and the clock of the machine.

#![deny(missing_docs)]

pub mod receiver;
pub mod serve;
mod wall;
mod wire;
