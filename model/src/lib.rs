//! What exists in a migration, as pure state machines and bytes: tables, transactions, binlog files,
//! GTID sets, snapshots, the replica that applies, names. Nothing here knows of tasks, clocks, sockets,
//! files or randomness: a component takes the time and an input and returns what happened.

#![deny(missing_docs)]

pub mod apply;
pub mod arena;
pub mod binlog;
#[cfg(test)]
mod cases;
pub mod database;
pub mod ddl;
pub mod dml;
pub mod dms;
pub mod follow;
pub mod gtid;
pub mod mutant;
pub mod names;
pub mod replica;
pub mod row;
pub mod schema;
pub mod server;
pub mod table;

pub use arena::{Arena, KeyId, RowRef};
