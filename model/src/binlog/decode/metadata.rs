//! TABLE_MAP's optional metadata (8.0): what type codes do not say.
//!
//! MySQL source: `Table_map_event::Optional_metadata_fields` and `Table_map_log_event::init_metadata_fields`.
//! `binlog_row_metadata=MINIMAL` has signedness, character sets, geometry types and the dimensions of
//! vectors; FULL has the rest.

use crate::binlog::cursor::{Cursor, DecodeError};
use crate::schema::KeyPart;

/// The fields, undecoded; empty where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionalMetadata<'a> {
    /// A bit per numeric column (YEAR included), highest first: UNSIGNED.
    pub signedness: &'a [u8],
    /// The most frequent collation of the character columns, then (index among them, collation) of the others.
    pub default_charset: &'a [u8],
    /// A collation per character column.
    pub column_charset: &'a [u8],
    /// Names.
    pub column_names: &'a [u8],
    /// Members of the SET columns.
    pub set_members: &'a [u8],
    /// Members of the ENUM columns.
    pub enum_members: &'a [u8],
    /// A type per geometry column.
    pub geometry_types: &'a [u8],
    /// Columns of a primary key without prefixes.
    pub simple_primary_key: &'a [u8],
    /// (Column, prefix in characters or 0) of a primary key with prefixes.
    pub prefix_primary_key: &'a [u8],
    /// As `default_charset`, for ENUM and SET columns.
    pub member_default_charset: &'a [u8],
    /// As `column_charset`, for ENUM and SET columns.
    pub member_column_charset: &'a [u8],
    /// A bit per column, highest first: visible. `None` where absent.
    pub visibility: Option<&'a [u8]>,
    /// Dimensions of the VECTOR columns.
    pub vector_dimensions: &'a [u8],
}

const EVENT: &str = "TABLE_MAP's metadata";

impl<'a> OptionalMetadata<'a> {
    /// Cuts the fields apart; unknown ones are skipped.
    pub fn decode(bytes: &'a [u8]) -> Result<OptionalMetadata<'a>, DecodeError> {
        let mut fields = OptionalMetadata::default();
        let mut c = Cursor::new(EVENT, bytes);
        while !c.is_empty() {
            let field = c.u8("field's type")?;
            let value = c.packed_bytes("field")?;
            match field {
                1 => fields.signedness = value,
                2 => fields.default_charset = value,
                3 => fields.column_charset = value,
                4 => fields.column_names = value,
                5 => fields.set_members = value,
                6 => fields.enum_members = value,
                7 => fields.geometry_types = value,
                8 => fields.simple_primary_key = value,
                9 => fields.prefix_primary_key = value,
                10 => fields.member_default_charset = value,
                11 => fields.member_column_charset = value,
                12 => fields.visibility = Some(value),
                13 => fields.vector_dimensions = value,
                _ => {}
            }
        }
        Ok(fields)
    }

    /// Whether there is no metadata at all, as before 8.0.
    pub fn is_empty(&self) -> bool {
        *self == OptionalMetadata::default()
    }

    /// UNSIGNED, numeric column by numeric column.
    pub fn signedness(&self) -> impl Iterator<Item = bool> + use<'a> {
        self.signedness
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0))
    }

    /// Collation ids, character column by character column.
    pub fn charsets(&self) -> impl Iterator<Item = u16> + use<'a> {
        Charsets::new(self.default_charset, self.column_charset)
    }

    /// Collation ids, ENUM or SET column by column.
    pub fn member_charsets(&self) -> impl Iterator<Item = u16> + use<'a> {
        Charsets::new(self.member_default_charset, self.member_column_charset)
    }

    /// Column names.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut c = Cursor::new(EVENT, self.column_names);
        std::iter::from_fn(move || c.packed_bytes("column name").ok())
    }

    /// Dimensions, VECTOR column by VECTOR column.
    pub fn vector_dimensions(&self) -> impl Iterator<Item = u16> + use<'a> {
        let mut c = Cursor::new(EVENT, self.vector_dimensions);
        std::iter::from_fn(move || u16::try_from(c.packed("dimension").ok()?).ok())
    }

    /// Members, ENUM column by ENUM column.
    pub fn enum_members(&self) -> impl Iterator<Item = Members<'a>> + use<'a> {
        members(self.enum_members)
    }

    /// Members, SET column by SET column.
    pub fn set_members(&self) -> impl Iterator<Item = Members<'a>> + use<'a> {
        members(self.set_members)
    }

    /// Whether a column (counted from 0) is visible; those of which nothing is known are.
    pub fn is_visible(&self, column: usize) -> bool {
        let byte = self.visibility.and_then(|bits| bits.get(column / 8));
        byte.is_none_or(|byte| byte << (column % 8) & 0x80 != 0)
    }

    /// The primary key's parts, where they are given. Allocates in proportion to the bytes.
    pub fn primary_key(&self) -> Result<Option<Vec<KeyPart>>, DecodeError> {
        let with_prefix = !self.prefix_primary_key.is_empty();
        let bytes = if with_prefix {
            self.prefix_primary_key
        } else {
            self.simple_primary_key
        };
        let mut c = Cursor::new(EVENT, bytes);
        let mut parts = Vec::new();
        while !c.is_empty() {
            let column = usize::try_from(c.packed("primary key")?)
                .map_err(|_| c.malformed("primary key"))?;
            let prefix = if with_prefix {
                c.packed("primary key")?
            } else {
                0
            };
            let prefix = u32::try_from(prefix).map_err(|_| c.malformed("primary key"))?;
            parts.push(KeyPart {
                column,
                prefix: Some(prefix).filter(|p| *p > 0),
            });
        }
        Ok(Some(parts).filter(|parts| !parts.is_empty()))
    }
}

/// Collation ids in either form.
struct Charsets<'a> {
    default: Option<u16>,
    rest: Cursor<'a>,
    /// The next exception: index among the columns, and collation.
    exception: Option<(u64, u16)>,
    index: u64,
}

impl<'a> Charsets<'a> {
    fn new(default: &'a [u8], each: &'a [u8]) -> Charsets<'a> {
        if default.is_empty() {
            return Charsets {
                default: None,
                rest: Cursor::new(EVENT, each),
                exception: None,
                index: 0,
            };
        }
        let mut rest = Cursor::new(EVENT, default);
        let default = id(&mut rest);
        let exception = exception(&mut rest);
        Charsets {
            default,
            rest,
            exception,
            index: 0,
        }
    }
}

fn id(c: &mut Cursor<'_>) -> Option<u16> {
    c.packed("character set")
        .ok()
        .and_then(|id| u16::try_from(id).ok())
}

fn exception(c: &mut Cursor<'_>) -> Option<(u64, u16)> {
    Some((c.packed("character set").ok()?, id(c)?))
}

impl Iterator for Charsets<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let Some(default) = self.default else {
            return id(&mut self.rest);
        };
        let index = self.index;
        self.index += 1;
        match self.exception {
            Some((at, other)) if at == index => {
                self.exception = exception(&mut self.rest);
                Some(other)
            }
            _ => Some(default),
        }
    }
}

/// The members of one ENUM or SET column.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    rest: Cursor<'a>,
    left: u64,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        self.rest.packed_bytes("member").ok()
    }
}

fn members(bytes: &[u8]) -> impl Iterator<Item = Members<'_>> {
    let mut c = Cursor::new(EVENT, bytes);
    std::iter::from_fn(move || {
        let left = c.packed("members").ok()?;
        let these = Members { rest: c, left };
        for _ in 0..left {
            c.packed_bytes("member").ok()?;
        }
        Some(these)
    })
}
