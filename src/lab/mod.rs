//! What meets real servers: behind the feature `lab`, so that the first build does not pay for it.

#[cfg(not(feature = "lab"))]
mod absent;
#[cfg(feature = "lab")]
mod serve_binlog;

#[cfg(not(feature = "lab"))]
pub use absent::{Args, execute};
#[cfg(all(test, feature = "lab"))]
pub use serve_binlog::canned as served_json;
#[cfg(feature = "lab")]
pub use serve_binlog::{Args, execute};
