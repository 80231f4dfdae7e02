//! Character sets: the bytes that a column stores, as text and back.
//!
//! Exact for Unicode's own sets, ascii, latin1 (which in MySQL is windows-1252 with the five holes filled
//! by control characters) and binary; the others as the WHATWG standard has them (crate `encoding_rs`),
//! which agrees with MySQL but for a few private and vendor characters. Bytes of a set that is unknown
//! here are taken as UTF-8 where they are that, and shown in hex otherwise.

use super::text::push_hex;
use encoding_rs::Encoding;

/// How a character set stores text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charset {
    Utf8,
    Ascii,
    Utf16 { big: bool },
    Utf32,
    Other(&'static Encoding),
    Unknown,
}

impl Charset {
    /// By MySQL's name; `None` is a column whose set nobody told us.
    pub(super) fn named(name: Option<&str>) -> Charset {
        let Some(name) = name else {
            return Charset::Unknown;
        };
        match name {
            "utf8mb4" | "utf8mb3" | "utf8" => Charset::Utf8,
            "ascii" => Charset::Ascii,
            "ucs2" | "utf16" => Charset::Utf16 { big: true },
            "utf16le" => Charset::Utf16 { big: false },
            "utf32" => Charset::Utf32,
            _ => encoding(name).map_or(Charset::Unknown, Charset::Other),
        }
    }

    /// Whether a byte below 0x80 always is that ASCII character.
    pub(super) fn is_ascii_superset(self) -> bool {
        match self {
            Charset::Utf8 | Charset::Ascii | Charset::Unknown => true,
            Charset::Utf16 { .. } | Charset::Utf32 => false,
            Charset::Other(encoding) => {
                encoding.is_single_byte()
                    || encoding == encoding_rs::EUC_JP
                    || encoding == encoding_rs::EUC_KR
            }
        }
    }

    /// Appends the text of stored bytes.
    pub(super) fn decode(self, bytes: &[u8], out: &mut String) {
        if self.is_ascii_superset() && bytes.is_ascii() {
            out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
            return;
        }
        match self {
            Charset::Utf8 | Charset::Ascii => out.push_str(&String::from_utf8_lossy(bytes)),
            Charset::Unknown => match std::str::from_utf8(bytes) {
                Ok(text) => out.push_str(text),
                Err(_) => push_hex(bytes, out),
            },
            Charset::Utf16 { big } => {
                let units = bytes.chunks(2).map(|c| match (c, big) {
                    ([a, b], true) => u16::from_be_bytes([*a, *b]),
                    ([a, b], false) => u16::from_le_bytes([*a, *b]),
                    _ => 0xfffd,
                });
                out.extend(
                    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)),
                );
            }
            Charset::Utf32 => out.extend(bytes.chunks(4).map(|c| {
                let code = if c.len() == 4 {
                    c.iter().fold(0, |n, &b| n << 8 | u32::from(b))
                } else {
                    0xfffd
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            })),
            Charset::Other(encoding) => {
                out.push_str(&encoding.decode_without_bom_handling(bytes).0)
            }
        }
    }

    /// Appends the bytes that store a text; the character at fault when the set lacks it (and then
    /// nothing is appended).
    pub(super) fn encode(self, text: &str, out: &mut Vec<u8>) -> Result<(), char> {
        match self {
            Charset::Utf8 | Charset::Unknown => out.extend_from_slice(text.as_bytes()),
            Charset::Ascii => match text.chars().find(|c| !c.is_ascii()) {
                Some(c) => return Err(c),
                None => out.extend_from_slice(text.as_bytes()),
            },
            Charset::Utf16 { big } => {
                for unit in text.encode_utf16() {
                    out.extend_from_slice(&if big {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    });
                }
            }
            Charset::Utf32 => text
                .chars()
                .for_each(|c| out.extend_from_slice(&u32::from(c).to_be_bytes())),
            Charset::Other(encoding) => {
                let (bytes, _, failed) = encoding.encode(text);
                if failed {
                    let mut buffer = [0; 4];
                    let lacks = |c: &char| encoding.encode(c.encode_utf8(&mut buffer)).2;
                    return Err(text
                        .chars()
                        .find(lacks)
                        .unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                out.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }
}

fn encoding(name: &str) -> Option<&'static Encoding> {
    Some(match name {
        "latin1" => encoding_rs::WINDOWS_1252,
        "latin2" => encoding_rs::ISO_8859_2,
        "latin5" => encoding_rs::WINDOWS_1254,
        "latin7" => encoding_rs::ISO_8859_13,
        "greek" => encoding_rs::ISO_8859_7,
        "hebrew" => encoding_rs::ISO_8859_8,
        "koi8r" => encoding_rs::KOI8_R,
        "koi8u" => encoding_rs::KOI8_U,
        "cp1250" => encoding_rs::WINDOWS_1250,
        "cp1251" => encoding_rs::WINDOWS_1251,
        "cp1256" => encoding_rs::WINDOWS_1256,
        "cp1257" => encoding_rs::WINDOWS_1257,
        "cp866" => encoding_rs::IBM866,
        "macroman" => encoding_rs::MACINTOSH,
        "tis620" => encoding_rs::WINDOWS_874,
        "gbk" | "gb2312" => encoding_rs::GBK,
        "gb18030" => encoding_rs::GB18030,
        "big5" => encoding_rs::BIG5,
        "sjis" | "cp932" => encoding_rs::SHIFT_JIS,
        "ujis" | "eucjpms" => encoding_rs::EUC_JP,
        "euckr" => encoding_rs::EUC_KR,
        _ => return None,
    })
}

/// Bytes of the longest character: what a declared length in characters is multiplied by to get the
/// bytes in TABLE_MAP's metadata.
pub(super) fn max_char_bytes(name: Option<&str>) -> u32 {
    match name {
        Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030") => 4,
        Some("utf8mb3" | "utf8" | "ujis" | "eucjpms") => 3,
        Some("ucs2" | "gbk" | "gb2312" | "big5" | "sjis" | "cp932" | "euckr") => 2,
        _ => 1,
    }
}
