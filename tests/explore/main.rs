//! Sweeps: what they find, that they find it again, and that they say what they have not seen.

mod findings;
mod folder;
mod plans;
mod probes;
mod support;
