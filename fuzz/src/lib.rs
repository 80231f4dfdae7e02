//! Fuzz targets: one for each parser of what comes from outside.
//!
//! A target takes any bytes. It fails by a panic: the parser's own, or an assertion on what it returned. An input
//! fails as well when it makes cutover hold memory out of proportion ([`check`]), and in the engine when it takes
//! longer than the engine's patience. `fuzz/run` runs them under libFuzzer, starting from the captures of real
//! servers; what it found lies in `fuzz/regressions/TARGET/` and is replayed by `cargo test`.

#![deny(missing_docs)]

mod corpus;
mod memory;
mod mutate;
mod targets;

pub use corpus::{files, packaged};
pub use memory::allowed_bytes;
pub use mutate::{Random, reseal, vary};
pub use targets::TARGETS;

/// What a target reads, which decides how its inputs are varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A binlog file: event by event, with lengths and checksums put right after most changes.
    Binlog,
    /// Anything else: as the engine does it.
    Bytes,
}

/// A parser, and where its inputs come from.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folders.
    pub name: &'static str,
    /// What it reads.
    pub format: Format,
    /// Reads an input.
    pub run: fn(&[u8]),
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs a target on an input.
///
/// # Panics
/// When the parser does, or holds more memory than [`allowed_bytes`].
pub fn check(target: &Target, input: &[u8]) {
    let peak = memory::peak_of(|| (target.run)(input));
    let allowed = allowed_bytes(input.len());
    assert!(
        peak <= allowed,
        "{}: {} bytes of input made it hold {peak} bytes; {allowed} are allowed",
        target.name,
        input.len()
    );
}
