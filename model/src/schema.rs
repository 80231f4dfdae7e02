//! Tables as MySQL declares them: columns with their binlog types, keys, foreign keys.
//!
//! A column knows what a row event needs (type and metadata as TABLE_MAP carries them) and what a row
//! event does not say (signedness, members of an ENUM, collation, default), which comes from DDL, from
//! row metadata or from a schema file.

use std::sync::Arc;

/// The type of a column, with the parameters that its binary form depends on.
///
/// Sizes in bytes are those of TABLE_MAP's metadata: for text they are characters × bytes a character.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// TINYINT, SMALLINT, MEDIUMINT, INT, BIGINT: `bytes` is 1, 2, 3, 4 or 8, little-endian.
    Int {
        /// Width in bytes.
        bytes: u8,
        /// Declared UNSIGNED.
        unsigned: bool,
    },
    /// FLOAT, 4 bytes little-endian.
    Float,
    /// DOUBLE, 8 bytes little-endian.
    Double,
    /// DECIMAL(precision, scale) in MySQL's packed base-10⁹ form.
    Decimal {
        /// Total digits, 1..=65.
        precision: u8,
        /// Digits after the point, 0..=30.
        scale: u8,
        /// Declared UNSIGNED (the bytes are the same).
        unsigned: bool,
    },
    /// BIT(bits), big-endian, ⌈bits/8⌉ bytes.
    Bit {
        /// 1..=64.
        bits: u8,
    },
    /// YEAR, 1 byte: 0 is 0000, otherwise 1900 + n.
    Year,
    /// DATE, 3 bytes.
    Date,
    /// TIME(fsp) in the 5.6.4+ form (TIME2).
    Time {
        /// Fractional digits, 0..=6.
        fsp: u8,
    },
    /// DATETIME(fsp) in the 5.6.4+ form (DATETIME2).
    DateTime {
        /// Fractional digits, 0..=6.
        fsp: u8,
    },
    /// TIMESTAMP(fsp) in the 5.6.4+ form (TIMESTAMP2), UTC.
    Timestamp {
        /// Fractional digits, 0..=6.
        fsp: u8,
    },
    /// TIME as before 5.6.4: 3 bytes little-endian, HHMMSS as a number.
    OldTime,
    /// DATETIME as before 5.6.4: 8 bytes little-endian, YYYYMMDDHHMMSS as a number.
    OldDateTime,
    /// TIMESTAMP as before 5.6.4: 4 bytes little-endian seconds.
    OldTimestamp,
    /// CHAR(n): trailing spaces are not stored; length prefix of 1 byte, or 2 when `max_bytes` > 255.
    Char {
        /// n × bytes per character.
        max_bytes: u32,
    },
    /// VARCHAR(n): length prefix of 1 byte, or 2 when `max_bytes` > 255.
    Varchar {
        /// n × bytes per character.
        max_bytes: u32,
    },
    /// BINARY(n): sent with trailing 0x00 stripped, padded again by the reader.
    Binary {
        /// n.
        bytes: u32,
    },
    /// VARBINARY(n).
    Varbinary {
        /// n.
        max_bytes: u32,
    },
    /// TINYTEXT, TEXT, MEDIUMTEXT, LONGTEXT: little-endian length prefix of 1 to 4 bytes.
    Text {
        /// Bytes of the length prefix.
        length_bytes: u8,
    },
    /// TINYBLOB, BLOB, MEDIUMBLOB, LONGBLOB.
    Blob {
        /// Bytes of the length prefix.
        length_bytes: u8,
    },
    /// ENUM: 1-based index in 1 byte, or 2 when there are more than 255 members; 0 is the error value ''.
    Enum {
        /// The members, in UTF-8. Empty when unknown (no DDL and no row metadata).
        members: Arc<[String]>,
        /// Bytes of the index.
        bytes: u8,
    },
    /// SET: bitmap in 1, 2, 3, 4 or 8 bytes, little-endian.
    Set {
        /// The members, in UTF-8. Empty when unknown.
        members: Arc<[String]>,
        /// Bytes of the bitmap.
        bytes: u8,
    },
    /// JSON in MySQL's binary form, length prefix of 4 bytes.
    Json,
    /// GEOMETRY and its subtypes: SRID + WKB, little-endian length prefix.
    Geometry {
        /// Bytes of the length prefix.
        length_bytes: u8,
    },
    /// VECTOR (9.0+): packed floats, little-endian length prefix.
    Vector {
        /// Bytes of the length prefix.
        length_bytes: u8,
        /// The most floats; 0 where the binlog does not say.
        dimension: u16,
    },
}

/// A character set with the rule by which its strings are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collation {
    /// MySQL's name of the character set: `utf8mb4`, `latin1`, `binary`, …
    pub charset: Arc<str>,
    /// MySQL's name of the collation: `utf8mb4_0900_ai_ci`, `latin1_swedish_ci`, …
    pub name: Arc<str>,
}

/// What fills a column that an INSERT leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Default {
    /// No DEFAULT clause: NULL where allowed, else the type's implicit value (0, '', zero date, first member).
    Implicit,
    /// A literal, as the text that `render` prints for it; `None` is DEFAULT NULL.
    Literal(Option<String>),
    /// CURRENT_TIMESTAMP (the transaction's timestamp).
    Now,
    /// An expression that only the server can evaluate; the text of it.
    Expression(String),
}

/// How a number's text differs from the plain one; its bytes are the same.
#[derive(Clone, Copy, Debug, std::default::Default, PartialEq, Eq, Hash)]
pub struct Display {
    /// ZEROFILL: zeros in front, up to so many characters.
    pub zero_fill: Option<u8>,
    /// FLOAT(m,d) and DOUBLE(m,d): always d digits after the point.
    pub decimals: Option<u8>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name as declared; compared without case.
    pub name: Arc<str>,
    /// Type.
    pub kind: ColumnKind,
    /// NULL is allowed.
    pub nullable: bool,
    /// For CHAR, VARCHAR, TEXT, ENUM, SET.
    pub collation: Option<Collation>,
    /// Value when left out.
    pub default: Default,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
    /// A generated column that is not stored (VIRTUAL); it is in row images all the same.
    pub generated: Option<Generated>,
    /// Text of numbers; row metadata does not say it.
    pub display: Display,
}

/// How a generated column is kept. The values come in the row images; nothing is computed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// Computed when read.
    Virtual,
    /// Computed when written.
    Stored,
}

/// The part of a column that an index covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// Index into [`TableDef::columns`].
    pub column: usize,
    /// `KEY (name(10))`: the length in characters (bytes for binary types).
    pub prefix: Option<u32>,
}

/// A unique key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueKey {
    /// `PRIMARY` or the index's name: what error 1062 prints after the table's name.
    pub name: Arc<str>,
    /// Columns in order.
    pub parts: Vec<KeyPart>,
}

/// A key that is not unique. It decides nothing about rows; its name decides those that MySQL makes up
/// for further keys, and what DROP INDEX means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Name.
    pub name: Arc<str>,
    /// Columns in order; expressions are left out.
    pub columns: Vec<usize>,
    /// Made for a foreign key: it goes when another key covers its columns.
    pub for_foreign_key: bool,
}

/// What a foreign key does to the children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referential {
    /// RESTRICT and NO ACTION: the parent's change is refused (1451).
    Restrict,
    /// The children follow.
    Cascade,
    /// The children's columns become NULL.
    SetNull,
}

/// A foreign key, as the child declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Constraint name.
    pub name: Arc<str>,
    /// Columns of the child.
    pub columns: Vec<usize>,
    /// Schema of the parent.
    pub parent_schema: Arc<str>,
    /// Table of the parent.
    pub parent_table: Arc<str>,
    /// Names of the parent's columns.
    pub parent_columns: Vec<Arc<str>>,
    /// ON DELETE.
    pub on_delete: Referential,
    /// ON UPDATE.
    pub on_update: Referential,
}

/// A table's declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDef {
    /// Schema (database).
    pub schema: Arc<str>,
    /// Table.
    pub name: Arc<str>,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// PRIMARY KEY.
    pub primary: Option<UniqueKey>,
    /// Other unique keys, in order of declaration.
    pub uniques: Vec<UniqueKey>,
    /// Keys that are not unique, in order of declaration.
    pub indexes: Vec<Index>,
    /// Foreign keys of this table as a child.
    pub foreign_keys: Vec<ForeignKey>,
    /// Storage engine in lower case (`innodb`, `myisam`, …).
    pub engine: Arc<str>,
    /// Default collation of the table, for columns added later.
    pub collation: Collation,
}

impl TableDef {
    /// The position of a column, compared without case as MySQL does.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// `schema.table`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}
