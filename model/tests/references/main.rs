//! The foundations against plain references: each file has a component that is fast and a few lines that are
//! obviously right, feeds both the same random cases, and compares everything that can be seen.

#[path = "../../src/cases.rs"]
mod cases;
mod codec;
mod gtid_sets;
mod recovery;
mod tables;
