//! Column types with their synonyms (manual, "Data Types" and "Using Data Types from Other Database
//! Engines"), and the attributes that belong to the type: UNSIGNED, ZEROFILL, CHARACTER SET, BINARY.

use super::cursor::Cursor;
use super::options::charset_name;
use super::{CharsetSpec, ColumnType, DdlError, ParseError};
use crate::schema::{ColumnKind, Display};
use std::sync::Arc;

/// Of VECTOR, where nothing is said, and at most (manual, "The VECTOR Type").
const DEFAULT_DIMENSION: u64 = 2_048;
const MOST_DIMENSIONS: u16 = 16_383;

/// A type with what was said about its characters.
#[derive(Debug)]
pub(super) struct TypeText {
    pub kind: ColumnType,
    pub charset: CharsetSpec,
    pub display: Display,
    /// SERIAL: NOT NULL AUTO_INCREMENT UNIQUE.
    pub serial: bool,
}

impl TypeText {
    fn plain(kind: ColumnType) -> TypeText {
        TypeText {
            kind,
            charset: CharsetSpec::default(),
            display: Display::default(),
            serial: false,
        }
    }
}

/// The type at the cursor.
pub(super) fn data_type(c: &mut Cursor<'_>, column: &str) -> Result<TypeText, ParseError> {
    let Some(word) = c.word() else {
        return c.expected("a data type");
    };
    let mark = c.mark();
    c.skip();
    let exact = |kind| Ok(TypeText::plain(ColumnType::Exact(kind)));
    match word.as_str() {
        "TINYINT" | "INT1" => integer(c, 1),
        "SMALLINT" | "INT2" => integer(c, 2),
        "MEDIUMINT" | "INT3" | "MIDDLEINT" => integer(c, 3),
        "INT" | "INTEGER" | "INT4" => integer(c, 4),
        "BIGINT" | "INT8" => integer(c, 8),
        "BOOL" | "BOOLEAN" => exact(ColumnKind::Int {
            bytes: 1,
            unsigned: false,
        }),
        "SERIAL" => {
            let kind = ColumnKind::Int {
                bytes: 8,
                unsigned: true,
            };
            Ok(TypeText {
                serial: true,
                ..TypeText::plain(ColumnType::Exact(kind))
            })
        }
        "DECIMAL" | "DEC" | "NUMERIC" | "FIXED" => decimal(c, column),
        "FLOAT" => {
            let digits = precision(c)?;
            match digits {
                Some((p, None)) if p > 53 => too_long(c, mark, column, 53),
                Some((p, None)) if p > 24 => Ok(real(c, ColumnKind::Double, None)),
                _ => Ok(real(c, ColumnKind::Float, digits)),
            }
        }
        "FLOAT4" => {
            let digits = precision(c)?;
            Ok(real(c, ColumnKind::Float, digits))
        }
        "DOUBLE" | "REAL" | "FLOAT8" => {
            c.eat("PRECISION");
            let digits = precision(c)?;
            let as_float = word == "REAL" && c.ctx.sql_mode.real_as_float;
            let kind = if as_float {
                ColumnKind::Float
            } else {
                ColumnKind::Double
            };
            Ok(real(c, kind, digits))
        }
        "BIT" => match length(c)?.unwrap_or(1) {
            0 => exact(ColumnKind::Bit { bits: 1 }),
            bits @ 1..=64 => exact(ColumnKind::Bit { bits: bits as u8 }),
            _ => too_long(c, mark, column, 64),
        },
        "YEAR" => {
            length(c)?;
            sign(c);
            exact(ColumnKind::Year)
        }
        "DATE" => exact(ColumnKind::Date),
        "TIME" | "DATETIME" | "TIMESTAMP" => temporal(c, mark, column, &word),
        "CHAR" | "CHARACTER" | "NCHAR" | "NATIONAL" | "NVARCHAR" | "VARCHAR" | "VARCHARACTER"
        | "LONG" => characters(c, mark, column, &word),
        "BINARY" => match length(c)?.unwrap_or(1) {
            bytes @ 0..=255 => exact(ColumnKind::Binary {
                bytes: bytes as u32,
            }),
            _ => too_long(c, mark, column, 255),
        },
        "VARBINARY" => match length(c)? {
            Some(n) => exact(varbinary(n)),
            None => c.expected("the length of VARBINARY"),
        },
        "TINYTEXT" => text(c, 1),
        "TEXT" => match length(c)? {
            None | Some(0) => text(c, 2),
            Some(length) => with_charset(c, ColumnType::TextOf { length }),
        },
        "MEDIUMTEXT" => text(c, 3),
        "LONGTEXT" => text(c, 4),
        "TINYBLOB" => exact(ColumnKind::Blob { length_bytes: 1 }),
        "BLOB" => {
            let length_bytes = length(c)?.filter(|&n| n > 0).map_or(2, class_of);
            exact(ColumnKind::Blob { length_bytes })
        }
        "MEDIUMBLOB" => exact(ColumnKind::Blob { length_bytes: 3 }),
        "LONGBLOB" => exact(ColumnKind::Blob { length_bytes: 4 }),
        "ENUM" => {
            let members = members(c)?;
            let bytes = if members.len() > 255 { 2 } else { 1 };
            with_charset(c, ColumnType::Exact(ColumnKind::Enum { members, bytes }))
        }
        "SET" => {
            let members = members(c)?;
            let bytes = match members.len() {
                0..=8 => 1,
                9..=16 => 2,
                17..=24 => 3,
                25..=32 => 4,
                33..=64 => 8,
                _ => return too_long(c, mark, column, 64),
            };
            with_charset(c, ColumnType::Exact(ColumnKind::Set { members, bytes }))
        }
        "JSON" => exact(ColumnKind::Json),
        "GEOMETRY" | "POINT" | "LINESTRING" | "POLYGON" | "MULTIPOINT" | "MULTILINESTRING"
        | "MULTIPOLYGON" | "GEOMETRYCOLLECTION" | "GEOMCOLLECTION" => {
            exact(ColumnKind::Geometry { length_bytes: 4 })
        }
        "VECTOR" => {
            let dimension = length(c)?.unwrap_or(DEFAULT_DIMENSION);
            match u16::try_from(dimension) {
                Ok(dimension @ 1..=MOST_DIMENSIONS) => exact(ColumnKind::Vector {
                    length_bytes: 4,
                    dimension,
                }),
                _ => too_long(c, mark, column, MOST_DIMENSIONS.into()),
            }
        }
        _ => {
            c.rewind(mark);
            c.expected(&format!("a data type for column `{column}`"))
        }
    }
}

/// VARBINARY(n), or the BLOB that it becomes when it is too long for a row.
pub(super) fn varbinary(length: u64) -> ColumnKind {
    match u32::try_from(length) {
        Ok(max_bytes) if length <= 65_535 => ColumnKind::Varbinary { max_bytes },
        _ => ColumnKind::Blob {
            length_bytes: class_of(length),
        },
    }
}

/// The class of TEXT or BLOB that holds so many bytes, by the bytes of its length prefix.
pub(super) fn class_of(bytes: u64) -> u8 {
    match bytes {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

fn too_long<T>(c: &mut Cursor<'_>, mark: usize, column: &str, max: u64) -> Result<T, ParseError> {
    c.rewind(mark);
    c.fail(DdlError::TooLong {
        column: column.to_owned(),
        max,
    })
}

/// `(n)`.
fn length(c: &mut Cursor<'_>) -> Result<Option<u64>, ParseError> {
    if !c.eat_symbol('(') {
        return Ok(None);
    }
    let n = c.number("a length")?;
    c.expect_symbol(')')?;
    Ok(Some(n))
}

/// `(p)` or `(p, s)`.
fn precision(c: &mut Cursor<'_>) -> Result<Option<(u64, Option<u64>)>, ParseError> {
    if !c.eat_symbol('(') {
        return Ok(None);
    }
    let digits = c.number("a precision")?;
    let scale = if c.eat_symbol(',') {
        Some(c.number("a scale")?)
    } else {
        None
    };
    c.expect_symbol(')')?;
    Ok(Some((digits, scale)))
}

/// What stands behind a number's type.
struct Sign {
    unsigned: bool,
    zero_fill: bool,
}

impl Sign {
    /// The column's text with these digits, zeros in front up to a width.
    fn display(&self, width: u64, decimals: Option<u64>) -> Display {
        let small = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
        Display {
            zero_fill: self.zero_fill.then(|| small(width)),
            decimals: decimals.map(small),
        }
    }
}

/// SIGNED, UNSIGNED and ZEROFILL (which is unsigned), in any order.
fn sign(c: &mut Cursor<'_>) -> Sign {
    let mut sign = Sign {
        unsigned: false,
        zero_fill: false,
    };
    while let Some(word) = c.eat_any(&["SIGNED", "UNSIGNED", "ZEROFILL"]) {
        sign.unsigned |= word != "SIGNED";
        sign.zero_fill |= word == "ZEROFILL";
    }
    sign
}

fn integer(c: &mut Cursor<'_>, bytes: u8) -> Result<TypeText, ParseError> {
    let said = length(c)?;
    let sign = sign(c);
    let unsigned = sign.unsigned;
    let width = said.unwrap_or(match bytes {
        1 => 3,
        2 => 5,
        3 => 8,
        4 => 10,
        _ => 20,
    });
    Ok(TypeText {
        display: sign.display(width, None),
        ..TypeText::plain(ColumnType::Exact(ColumnKind::Int { bytes, unsigned }))
    })
}

/// FLOAT and DOUBLE with what was said in parentheses.
fn real(c: &mut Cursor<'_>, kind: ColumnKind, digits: Option<(u64, Option<u64>)>) -> TypeText {
    let sign = sign(c);
    let plain_width = if kind == ColumnKind::Float { 12 } else { 22 };
    let (width, decimals) = match digits {
        Some((width, Some(decimals))) => (width, Some(decimals)),
        _ => (plain_width, None),
    };
    TypeText {
        display: sign.display(width, decimals),
        ..TypeText::plain(ColumnType::Exact(kind))
    }
}

fn decimal(c: &mut Cursor<'_>, column: &str) -> Result<TypeText, ParseError> {
    let mark = c.mark();
    let (precision, scale) = precision(c)?.unwrap_or((10, None));
    let sign = sign(c);
    let unsigned = sign.unsigned;
    // DECIMAL(0) is DECIMAL(10), as the server has it.
    let precision = if precision == 0 && scale.unwrap_or(0) == 0 {
        10
    } else {
        precision
    };
    match (u8::try_from(precision), u8::try_from(scale.unwrap_or(0))) {
        (Ok(precision @ 1..=65), Ok(scale @ 0..=30)) if scale <= precision => {
            let width = u64::from(precision) + u64::from(scale > 0);
            let kind = ColumnKind::Decimal {
                precision,
                scale,
                unsigned,
            };
            Ok(TypeText {
                display: sign.display(width, None),
                ..TypeText::plain(ColumnType::Exact(kind))
            })
        }
        _ => too_long(c, mark, column, 65),
    }
}

fn temporal(
    c: &mut Cursor<'_>,
    mark: usize,
    column: &str,
    word: &str,
) -> Result<TypeText, ParseError> {
    let old = !c.ctx.version.at_least(50604);
    let length = length(c)?;
    // TIMESTAMP(14) and its like were display widths before fractions existed.
    let fsp = match length {
        Some(n @ 0..=6) => n as u8,
        Some(_) if !old => return too_long(c, mark, column, 6),
        _ => 0,
    };
    Ok(TypeText::plain(ColumnType::Exact(match (word, old) {
        ("TIME", false) => ColumnKind::Time { fsp },
        ("TIME", true) => ColumnKind::OldTime,
        ("DATETIME", false) => ColumnKind::DateTime { fsp },
        ("DATETIME", true) => ColumnKind::OldDateTime,
        (_, false) => ColumnKind::Timestamp { fsp },
        (_, true) => ColumnKind::OldTimestamp,
    })))
}

/// CHAR and VARCHAR under all their names; LONG and LONG VARCHAR are MEDIUMTEXT.
fn characters(
    c: &mut Cursor<'_>,
    mark: usize,
    column: &str,
    word: &str,
) -> Result<TypeText, ParseError> {
    let mut national = matches!(word, "NCHAR" | "NATIONAL" | "NVARCHAR");
    let mut varying = matches!(word, "VARCHAR" | "VARCHARACTER" | "NVARCHAR");
    match word {
        "LONG" => {
            if c.eat("VARBINARY") {
                return Ok(TypeText::plain(ColumnType::Exact(ColumnKind::Blob {
                    length_bytes: 3,
                })));
            }
            if c.eat_any(&["VARCHAR", "VARCHARACTER"]).is_none()
                && c.eat_any(&["CHAR", "CHARACTER"]).is_some()
            {
                c.expect("VARYING")?;
            }
            return text(c, 3);
        }
        "NATIONAL" => match c.eat_any(&["VARCHAR", "VARCHARACTER", "CHAR", "CHARACTER"]) {
            Some("VARCHAR" | "VARCHARACTER") => varying = true,
            Some(_) => varying = c.eat("VARYING"),
            None => return c.expected("CHAR or VARCHAR"),
        },
        "NCHAR" => varying = c.eat_any(&["VARYING", "VARCHAR", "VARCHARACTER"]).is_some(),
        "CHAR" | "CHARACTER" => varying = c.eat("VARYING"),
        _ => {}
    }
    let length = match (length(c)?, varying) {
        (Some(n), _) => n,
        (None, false) => 1,
        (None, true) => return c.expected("the length of VARCHAR"),
    };
    if !varying && length > 255 {
        return too_long(c, mark, column, 255);
    }
    let mut out = with_charset(c, ColumnType::Chars { length, varying })?;
    national &= out.charset.charset.is_none();
    if national {
        out.charset.charset = Some("utf8mb3".into());
    }
    Ok(out)
}

fn text(c: &mut Cursor<'_>, length_bytes: u8) -> Result<TypeText, ParseError> {
    with_charset(c, ColumnType::Text { length_bytes })
}

/// CHARACTER SET x, CHARSET x, ASCII, UNICODE, BYTE, BINARY, in any order.
fn with_charset(c: &mut Cursor<'_>, kind: ColumnType) -> Result<TypeText, ParseError> {
    let mut out = TypeText::plain(kind);
    loop {
        let charset: Option<Arc<str>> = if let Some(name) = charset_name(c)? {
            Some(name)
        } else {
            match c.eat_any(&["ASCII", "UNICODE", "BYTE", "BINARY"]) {
                Some("ASCII") => Some("latin1".into()),
                Some("UNICODE") => Some("ucs2".into()),
                Some("BYTE") => Some("binary".into()),
                Some(_) => {
                    out.charset.binary = true;
                    None
                }
                None => return Ok(out),
            }
        };
        out.charset.charset = charset.or(out.charset.charset);
    }
}

/// `('a', 'b')`; trailing spaces of members are not kept.
fn members(c: &mut Cursor<'_>) -> Result<Arc<[String]>, ParseError> {
    c.expect_symbol('(')?;
    let mut out = Vec::new();
    loop {
        let member = if let Some(text) = c.string() {
            text
        } else if let Some(bytes) = c.bytes() {
            match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(_) => return c.unsupported("a member in hexadecimal that is not UTF-8"),
            }
        } else {
            return c.expected("a member, quoted");
        };
        out.push(member.trim_end_matches(' ').to_owned());
        if !c.eat_symbol(',') {
            break;
        }
    }
    c.expect_symbol(')')?;
    Ok(out.into())
}
