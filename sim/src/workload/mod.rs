//! The generators of traffic.

pub mod orders;
