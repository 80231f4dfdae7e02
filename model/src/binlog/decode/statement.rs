//! Events that prepare a statement in STATEMENT format: they are recognised so that it can be refused.

use crate::binlog::cursor::{Cursor, DecodeError};

/// A number that the next statement uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntVar {
    /// 1: LAST_INSERT_ID(); 2: the AUTO_INCREMENT value to insert.
    pub kind: u8,
    /// Its value.
    pub value: u64,
}

impl IntVar {
    /// Reads the body.
    pub fn decode(body: &[u8]) -> Result<IntVar, DecodeError> {
        let mut c = Cursor::new("INTVAR", body);
        Ok(IntVar {
            kind: c.u8("kind")?,
            value: c.u64("value")?,
        })
    }
}

/// The seeds of RAND() in the next statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rand {
    /// The two seeds.
    pub seeds: (u64, u64),
}

impl Rand {
    /// Reads the body.
    pub fn decode(body: &[u8]) -> Result<Rand, DecodeError> {
        let mut c = Cursor::new("RAND", body);
        Ok(Rand {
            seeds: (c.u64("first seed")?, c.u64("second seed")?),
        })
    }
}

/// A user variable of the next statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserVar<'a> {
    /// Its name, without `@`.
    pub name: &'a [u8],
    /// Type code, collation id and bytes; `None` for NULL.
    pub value: Option<(u8, u32, &'a [u8])>,
}

impl<'a> UserVar<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<UserVar<'a>, DecodeError> {
        let mut c = Cursor::new("USER_VAR", body);
        let length = c.u32("name's length")? as usize;
        let name = c.take(length, "name")?;
        if c.u8("null flag")? != 0 {
            return Ok(UserVar { name, value: None });
        }
        let (kind, collation) = (c.u8("type")?, c.u32("collation")?);
        let length = c.u32("value's length")? as usize;
        Ok(UserVar {
            name,
            value: Some((kind, collation, c.take(length, "value")?)),
        })
    }
}
