//! Following binlog files that real servers wrote, against the tables that those servers had in the end.
//!
//! Each folder in `captures/` has a server's files byte for byte, what was declared (`schema.sql`), the tables at
//! the end (`final/`) and, for some, in between (`snapshot/`, `initial/`) with the coordinates of that moment
//! (`capture.json`). Values are compared as text, rows as multisets.

mod bases;
mod command;
mod history;
mod internal;
mod places;
mod refusals;
mod support;
