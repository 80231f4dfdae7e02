//! What meets real servers: behind the feature `lab`, so that the first build does not pay for it.

#[cfg(not(feature = "lab"))]
mod absent;
#[cfg(feature = "lab")]
mod given;
#[cfg(feature = "lab")]
mod rehearsal;
#[cfg(feature = "lab")]
mod serve_binlog;

#[cfg(not(feature = "lab"))]
pub use absent::{
    Args as LabArgs, Args as ServeArgs, execute as execute_lab, execute as execute_serve,
};
#[cfg(feature = "lab")]
pub use rehearsal::{Args as LabArgs, execute as execute_lab};
#[cfg(feature = "lab")]
pub use serve_binlog::{Args as ServeArgs, execute as execute_serve};
#[cfg(all(test, feature = "lab"))]
pub use {rehearsal::canned as lab_json, serve_binlog::canned as served_json};

/// A password: the first line of a file.
#[cfg(feature = "lab")]
fn password(file: &std::path::Path) -> Result<String, crate::failure::Failure> {
    let text =
        std::fs::read_to_string(file).map_err(|source| crate::failure::Failure::Password {
            path: file.to_path_buf(),
            source,
        })?;
    Ok(text.lines().next().unwrap_or_default().to_string())
}
