//! A reader over an event's body that cannot leave it.

/// Why an event's body is not what its type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The body ends before a field that it must have.
    #[error("{event} ends inside its {field}")]
    Short {
        /// The event's name.
        event: &'static str,
        /// The field that is cut.
        field: &'static str,
    },
    /// A field with a value that no server writes.
    #[error("{event} has a malformed {field}")]
    Malformed {
        /// The event's name.
        event: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A column type that is not known, so that rows of the table cannot be taken apart.
    #[error("column {column} (counted from 1) has the unknown type {code}")]
    ColumnType {
        /// Counted from 1.
        column: usize,
        /// The type's code.
        code: u8,
    },
}

/// Reads little-endian fields off the front of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    event: &'static str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(event: &'static str, body: &'a [u8]) -> Cursor<'a> {
        Cursor { event, rest: body }
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn malformed(&self, field: &'static str) -> DecodeError {
        DecodeError::Malformed {
            event: self.event,
            field,
        }
    }

    #[inline]
    pub(crate) fn take(
        &mut self,
        length: usize,
        field: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        let short = DecodeError::Short {
            event: self.event,
            field,
        };
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(short)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let short = DecodeError::Short {
            event: self.event,
            field,
        };
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(short)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(u8::from_le_bytes(self.array(field)?))
    }

    #[inline]
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array(field)?))
    }

    #[inline]
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    #[inline]
    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    /// An integer of N bytes, at most 8: where the number is known, nothing has to be counted.
    #[inline]
    pub(crate) fn fixed<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<u64, DecodeError> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>(field)?);
        Ok(u64::from_le_bytes(wide))
    }

    /// An integer of `bytes` bytes, at most 8.
    pub(crate) fn uint(&mut self, bytes: usize, field: &'static str) -> Result<u64, DecodeError> {
        let taken = self.take(bytes, field)?;
        Ok(taken
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// A length-encoded integer (`net_store_length`).
    #[inline]
    pub(crate) fn packed(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        match self.u8(field)? {
            0xfc => self.fixed::<2>(field),
            0xfd => self.fixed::<3>(field),
            0xfe => self.fixed::<8>(field),
            0xfb | 0xff => Err(self.malformed(field)),
            small => Ok(u64::from(small)),
        }
    }

    /// As many bytes as a length-encoded integer in front of them says.
    #[inline]
    pub(crate) fn packed_bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.packed(field)?).map_err(|_| self.malformed(field))?;
        self.take(length, field)
    }

    /// An unsigned integer of the server's serialization library: the number of trailing ones of the
    /// first byte is the number of bytes that follow, the value sits above them.
    pub(crate) fn varlen(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let first = self.u8(field)?;
        let more = first.trailing_ones();
        if more == 8 {
            return self.u64(field);
        }
        let high = self.uint(more as usize, field)?;
        // 7 - more bits of the first byte lie below the bytes that follow it.
        let low = u64::from(first).checked_shr(more + 1).unwrap_or(0);
        Ok(high << (7 - more) | low)
    }

    /// A signed one: the sign is the lowest bit, a negative value is stored as its complement.
    pub(crate) fn varlen_signed(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        let value = self.varlen(field)?;
        let magnitude = (value >> 1) as i64;
        Ok(if value & 1 == 1 {
            !magnitude
        } else {
            magnitude
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_length_integers_are_those_of_the_servers_library() {
        let read = |bytes: &[u8]| Cursor::new("test", bytes).varlen("n");
        assert_eq!(read(&[0xfe]), Ok(127));
        assert_eq!(read(&[0b1111_1101, 0xff]), Ok((1 << 14) - 1));
        assert_eq!(read(&[0x01, 0x02]), Ok(128));
        assert_eq!(read(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0x80]), Ok(1 << 63 | 1));
        assert_eq!(read(&[0x7f, 1, 0, 0, 0, 0, 0, 0x80]), Ok(1 << 55 | 1));
        assert!(read(&[0x03, 0x01]).is_err());
        assert_eq!(Cursor::new("test", &[3 << 1]).varlen_signed("n"), Ok(!1));
    }
}
