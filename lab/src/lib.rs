//! Where a rehearsal meets real MySQL servers.
//!
//! - [`rehearsal`]: the same runbook and workload on two real servers, and the same properties judge.
//! - [`serve`]: binlog files served to a real replica, as the source that wrote them would.
//! - [`receiver`]: the other end of that conversation, which asks and keeps what comes.
//!
//! Unlike the rest of the workspace this is no simulation: sockets, threads and the clock of the machine.

#![deny(missing_docs)]

pub mod receiver;
pub mod rehearsal;
pub mod serve;
mod wall;
mod wire;
