//! Rows: what the values of a row event mean, byte for byte.
//!
//! A stored row is MySQL's full row image as a ROWS_EVENT v2 carries it (server `rpl_record.cc`,
//! `pack_row`): a null bitmap over all columns, then the values of the columns that are not NULL, each in
//! its binlog form (*raw*: any length prefix included). The parts:
//!
//! | file | what |
//! | --- | --- |
//! | `image`, `partial` | lengths, fields, the builder of images, images of some columns |
//! | `render`, `parse` | the text of a value as `CAST(column AS CHAR)` gives it in UTC, and back |
//! | `number`, `decimal`, `temporal`, `json`, `charset` | the binary forms of one family of types each |
//! | `collation`, `key` | when two values are equal and which comes first |
//! | `convert` | ALTER TABLE … MODIFY, and the applier's conversions |
//! | `lob` | long TEXT and BLOB values, cut |
//! | `default` | what an INSERT stores in a column that it leaves out |
//!
//! Nothing here trusts its bytes: a damaged image is an error or ends early, and what is allocated never
//! exceeds a small multiple of the bytes at hand.

mod charset;
mod collation;
mod convert;
mod decimal;
mod default;
mod error;
mod image;
mod json;
mod json_write;
mod key;
mod layout;
mod lob;
mod number;
mod parse;
mod partial;
mod render;
mod temporal;
mod text;

pub use convert::convert;
pub use default::{push_default, push_default_at};
pub use error::{ConvertError, ParseError, RowError};
pub(crate) use image::fixed_len;
pub use image::{
    Fields, ImageBuilder, field, fields, image_len, payload, place, same_image, value_len,
};
pub use key::{append_key, append_sort_key, integer_key};
pub use layout::Layout;
pub(crate) use lob::shorten;
pub use lob::{is_lob, shorten_lobs};
pub use parse::parse;
pub use partial::Partial;
pub use render::render;
pub(crate) use text::text_in;

/// A moment of the calendar, in UTC, in seconds since 1970.
pub(crate) fn unix_s(text: &str) -> Option<u64> {
    temporal::DateTime::read(text)?.to_unix()
}

#[cfg(test)]
mod tests;
