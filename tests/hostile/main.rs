//! The command against what it did not ask for: files that are damaged, endless or something else, numbers that cannot
//! be, places that cannot be written, and people who press Ctrl-C.
//!
//! Whatever comes in, the end is clean: an exit status of the documented ones, a message with place and remedy, and
//! no half-written file.

mod disks;
mod inputs;
mod numbers;
mod recordings;
mod signals;
mod support;
