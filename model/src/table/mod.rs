//! Tables.
pub mod cow;
