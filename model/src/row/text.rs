//! What the textual types share: hex, the text of a column's bytes, members of ENUM and SET.

use super::charset::Charset;
use crate::schema::Column;
use std::borrow::Cow;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends bytes as `HEX()` prints them.
pub(super) fn push_hex(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len() * 2);
    for &byte in bytes {
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
}

/// The bytes of a hex text, in either case; `None` where it is no hex.
pub(super) fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8))
        .collect()
}

/// MySQL's name of the column's character set, where it is known.
pub(super) fn charset_name(column: &Column) -> Option<&str> {
    column.collation.as_ref().map(|c| &*c.charset)
}

/// The column's character set.
pub(super) fn charset(column: &Column) -> Charset {
    Charset::named(charset_name(column))
}

/// Bytes in a character set of this name as text; what is no text in it is replaced.
pub(crate) fn text_in(charset: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    Charset::named(Some(charset)).decode(bytes, &mut text);
    text
}

/// Stored bytes as text, without a copy where they already are it.
pub(super) fn decoded<'a>(charset: Charset, bytes: &'a [u8]) -> Cow<'a, str> {
    if let (Charset::Utf8, Ok(text)) = (charset, std::str::from_utf8(bytes)) {
        return Cow::Borrowed(text);
    }
    if charset.is_ascii_superset() && bytes.is_ascii() {
        return Cow::Borrowed(std::str::from_utf8(bytes).unwrap_or_default());
    }
    let mut text = String::new();
    charset.decode(bytes, &mut text);
    Cow::Owned(text)
}

/// Appends an ENUM's member: '' for the error value 0, the index where the member is not known.
pub(super) fn write_enum(members: &[String], index: u64, out: &mut String) {
    if index == 0 {
        return;
    }
    match usize::try_from(index - 1).ok().and_then(|i| members.get(i)) {
        Some(member) => out.push_str(member),
        None => out.push_str(&index.to_string()),
    }
}

/// Appends a SET's members, separated by commas; the bitmap as a number where one is not known.
pub(super) fn write_set(members: &[String], bitmap: u64, out: &mut String) {
    if members.len() < 64 && bitmap >> members.len() != 0 {
        out.push_str(&bitmap.to_string());
        return;
    }
    let start = out.len();
    for (_, member) in members
        .iter()
        .enumerate()
        .filter(|(i, _)| *i < 64 && bitmap >> i & 1 == 1)
    {
        if out.len() > start {
            out.push(',');
        }
        out.push_str(member);
    }
}
