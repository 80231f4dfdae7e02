//! What can be wrong with a row's bytes, with a value's text, and with a conversion.

/// Bytes that are no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The bytes end before the row does.
    #[error("the row ends early")]
    Truncated,
    /// The bytes contradict themselves or the columns.
    #[error("the row is damaged: {0}")]
    Malformed(&'static str),
}

/// A text that is no value of the column's type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text has not the form of such a value.
    #[error("{text:?} is not {what}")]
    NotA {
        /// What was expected, with an example where the form is not obvious.
        what: &'static str,
        /// The text, cut to its first 64 characters.
        text: String,
    },
    /// The value has the right form and does not fit.
    #[error("{text:?} is out of range for {what}")]
    OutOfRange {
        /// The type.
        what: &'static str,
        /// The text, cut to its first 64 characters.
        text: String,
    },
    /// More characters or bytes than the column holds.
    #[error("the value takes {len} {unit}, the column holds {max}")]
    TooLong {
        /// Size of the value.
        len: u64,
        /// Size of the column.
        max: u64,
        /// `characters` or `bytes`.
        unit: &'static str,
    },
    /// ENUM or SET without such a member.
    #[error("{0:?} is not a member")]
    NoSuchMember(String),
    /// A character that the column's character set lacks.
    #[error("{ch:?} has no code in character set {charset}")]
    NotInCharset {
        /// The character.
        ch: char,
        /// MySQL's name of the character set.
        charset: String,
    },
    /// JSON that does not parse.
    #[error("invalid JSON at byte {at}: {what}")]
    Json {
        /// Offset in the text, in bytes.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
}

impl ParseError {
    pub(super) fn not_a(what: &'static str, text: &str) -> Self {
        ParseError::NotA {
            what,
            text: text.chars().take(64).collect(),
        }
    }

    pub(super) fn range(what: &'static str, text: &str) -> Self {
        ParseError::OutOfRange {
            what,
            text: text.chars().take(64).collect(),
        }
    }
}

/// A value that cannot become one of another type, as strict mode judges it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// Error 1264.
    #[error("Out of range value for column '{0}'")]
    OutOfRange(String),
    /// Error 1406.
    #[error("Data too long for column '{0}'")]
    TooLong(String),
    /// Error 1366 (numbers, characters) or 1292 (dates and times).
    #[error("Incorrect value {text:?} for column '{column}': {reason}")]
    Incorrect {
        /// The column that was to take the value.
        column: String,
        /// The value's text, cut to its first 64 characters.
        text: String,
        /// Why it does not fit.
        reason: String,
    },
    /// Error 1265: no such member of an ENUM or SET.
    #[error("Data truncated for column '{0}'")]
    Truncated(String),
    /// Error 1677: the types have no conversion at all.
    #[error("Column '{0}' cannot be converted: no conversion between the two types")]
    NoConversion(String),
    /// The value's own bytes are damaged.
    #[error(transparent)]
    Row(#[from] RowError),
}

impl ConvertError {
    /// MySQL's error number for it.
    pub fn code(&self) -> u16 {
        match self {
            ConvertError::OutOfRange(_) => 1264,
            ConvertError::TooLong(_) => 1406,
            ConvertError::Incorrect { .. } => 1366,
            ConvertError::Truncated(_) => 1265,
            ConvertError::NoConversion(_) => 1677,
            ConvertError::Row(_) => 1610,
        }
    }
}
