//! Random tables of all column types, and random values for them: as the text that both sides take and show.

use rand_xoshiro::{
    SplitMix64,
    rand_core::{Rng, SeedableRng},
};
use std::fmt::Write as _;

/// A seeded stream of choices.
#[derive(Clone, Debug)]
pub struct Draw(SplitMix64);

impl Draw {
    /// The stream of a case.
    pub fn new(seed: u64, case: u64) -> Self {
        let mut seeds = SplitMix64::seed_from_u64(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self(SplitMix64::seed_from_u64(seeds.next_u64()))
    }

    /// 0 to `below - 1`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0.next_u64() % below.max(1)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of some.
    pub fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len() as u64) as usize]
    }
}

/// How values of a column are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bits and sign.
    Int(u32, bool),
    Decimal(u32, u32),
    Float,
    Double,
    Bit(u32),
    Date,
    Time(u32),
    DateTime(u32),
    Timestamp(u32),
    Year,
    /// Characters at most, and whether any of Unicode.
    Text(usize, bool),
    /// Bytes, always so many or at most.
    Bytes(usize, bool),
    Enum(Vec<String>),
    Set(Vec<String>),
    Json,
    /// Points of a line, or a point.
    Line(bool),
    /// Floats at most.
    Vector(u64),
}

/// From when on there is a type.
const JSON_SINCE: u32 = 50_708;
const VECTOR_SINCE: u32 = 90_000;

impl Kind {
    /// Whether a value's text is hex.
    pub fn is_hex(&self) -> bool {
        matches!(
            self,
            Self::Bit(_) | Self::Bytes(..) | Self::Line(_) | Self::Vector(_)
        )
    }
}

impl Kind {
    /// Whether mysql_common 0.38 reads its values: it overflows at a negative time with one or two digits of a second.
    pub fn is_read(&self) -> bool {
        !matches!(self, Self::Time(1 | 2))
    }
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// As DDL has it, without the name.
    pub sql: String,
    pub kind: Kind,
    pub nullable: bool,
}

/// A table; its first column is `id INT`.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// The clauses of its keys.
    pub keys: Vec<String>,
}

impl Table {
    /// A random table, of the types that a version has.
    pub fn draw(draw: &mut Draw, name: &str, version: u32) -> Self {
        let mut columns = vec![Column {
            name: "id".into(),
            sql: "INT NOT NULL".into(),
            kind: Kind::Int(32, true),
            nullable: false,
        }];
        for n in 0..draw.below(12) {
            columns.push(Column::draw(draw, &format!("c{n}"), version));
        }
        let mut keys = Vec::new();
        match draw.below(8) {
            0 => {}
            1 => keys.push("UNIQUE KEY by_id (id)".to_owned()),
            2 => {
                let key = Column::draw_key(draw);
                keys.push(format!("PRIMARY KEY ({})", key.name));
                columns.push(key);
            }
            3 => {
                let key = Column::draw_key(draw);
                keys.push(format!("PRIMARY KEY ({}, id)", key.name));
                columns.push(key);
            }
            _ => keys.push("PRIMARY KEY (id)".to_owned()),
        }
        if draw.once_in(4) {
            let mut key = Column::draw_key(draw);
            key.name = "u".into();
            key.nullable = true;
            key.sql = key.sql.replace(" NOT NULL", " NULL");
            keys.push("UNIQUE KEY by_u (u)".into());
            columns.push(key);
        }
        Self {
            name: name.to_owned(),
            columns,
            keys,
        }
    }

    /// Whether a key without NULLs says which row is which.
    pub fn has_key(&self) -> bool {
        let is_nullable = |key: &String| key.starts_with("UNIQUE KEY by_u");
        self.keys.iter().any(|key| !is_nullable(key))
    }

    /// CREATE TABLE.
    pub fn sql(&self) -> String {
        let columns = self
            .columns
            .iter()
            .map(|c| format!("`{}` {}", c.name, c.sql));
        let parts: Vec<String> = columns.chain(self.keys.iter().cloned()).collect();
        format!(
            "CREATE TABLE `{}` ({}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
            self.name,
            parts.join(", ")
        )
    }

    /// Values of a row with this id.
    pub fn row(&self, draw: &mut Draw, id: u64) -> Vec<Option<String>> {
        let mut row: Vec<_> = self.columns.iter().map(|c| c.value(draw)).collect();
        row[0] = Some(id.to_string());
        row
    }
}

impl Column {
    /// A random column.
    pub fn draw(draw: &mut Draw, name: &str, version: u32) -> Self {
        let (sql, kind) = draw_type(draw, version);
        let nullable = !draw.once_in(3) || matches!(kind, Kind::Timestamp(_));
        // A TIMESTAMP that does not say it is NOT NULL in 5.6.
        let null = if nullable { "NULL" } else { "NOT NULL" };
        Self {
            name: name.to_owned(),
            sql: format!("{sql} {null}"),
            kind,
            nullable,
        }
    }

    /// A column that can be a key.
    fn draw_key(draw: &mut Draw) -> Self {
        let (sql, kind) = match draw.below(7) {
            0 => ("BIGINT UNSIGNED".to_owned(), Kind::Int(64, false)),
            1 => ("VARBINARY(12)".to_owned(), Kind::Bytes(12, false)),
            2 => ("BINARY(6)".to_owned(), Kind::Bytes(6, true)),
            3 => ("DECIMAL(12,3)".to_owned(), Kind::Decimal(12, 3)),
            4 => ("DATETIME(3)".to_owned(), Kind::DateTime(3)),
            5 => (
                "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci".to_owned(),
                Kind::Text(20, false),
            ),
            _ => (
                "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin".to_owned(),
                Kind::Text(20, true),
            ),
        };
        Self {
            name: "k".into(),
            sql: format!("{sql} NOT NULL"),
            kind,
            nullable: false,
        }
    }

    /// A value: NULL or its text.
    pub fn value(&self, draw: &mut Draw) -> Option<String> {
        if self.nullable && draw.once_in(6) {
            return None;
        }
        Some(text(draw, &self.kind))
    }
}

fn draw_type(draw: &mut Draw, version: u32) -> (String, Kind) {
    let kinds = match version {
        ..JSON_SINCE => 21,
        JSON_SINCE..VECTOR_SINCE => 23,
        VECTOR_SINCE.. => 25,
    };
    let fsp = draw.below(7) as u32;
    let digits = |fsp: u32| {
        if fsp == 0 {
            String::new()
        } else {
            format!("({fsp})")
        }
    };
    let (charset, any) = draw.of(&[
        ("utf8mb4 COLLATE utf8mb4_bin", true),
        ("utf8mb4 COLLATE utf8mb4_general_ci", true),
        ("latin1", false),
        ("ascii", false),
        ("utf8mb4 COLLATE utf8mb4_unicode_ci", true),
    ]);
    let texts = |sql: String, most: usize| {
        (
            format!("{sql} CHARACTER SET {charset}"),
            Kind::Text(most, any),
        )
    };
    match draw.below(kinds) {
        0..3 => {
            let (name, bits) = draw.of(&[
                ("TINYINT", 8),
                ("SMALLINT", 16),
                ("MEDIUMINT", 24),
                ("INT", 32),
                ("BIGINT", 64),
            ]);
            let signed = draw.once_in(2);
            let sign = if signed { "" } else { " UNSIGNED" };
            (format!("{name}{sign}"), Kind::Int(bits, signed))
        }
        3..5 => {
            let precision = 1 + draw.below(65) as u32;
            let scale = draw.below(u64::from(precision.min(30)) + 1) as u32;
            (
                format!("DECIMAL({precision},{scale})"),
                Kind::Decimal(precision, scale),
            )
        }
        5 => ("FLOAT".into(), Kind::Float),
        6 => ("DOUBLE".into(), Kind::Double),
        7 => {
            let bits = 1 + draw.below(64) as u32;
            (format!("BIT({bits})"), Kind::Bit(bits))
        }
        8 => ("DATE".into(), Kind::Date),
        9 => (format!("TIME{}", digits(fsp)), Kind::Time(fsp)),
        10 => (format!("DATETIME{}", digits(fsp)), Kind::DateTime(fsp)),
        11 => (format!("TIMESTAMP{}", digits(fsp)), Kind::Timestamp(fsp)),
        12 => ("YEAR".into(), Kind::Year),
        13 => {
            let most = draw.of(&[1usize, 10, 63, 64, 255]);
            texts(format!("CHAR({most})"), most.min(60))
        }
        14 => {
            let most = draw.of(&[1usize, 10, 63, 64, 255, 256, 1000]);
            texts(format!("VARCHAR({most})"), most)
        }
        15 => {
            let (name, most) = draw.of(&[
                ("TINYTEXT", 60usize),
                ("TEXT", 500),
                ("MEDIUMTEXT", 9000),
                ("LONGTEXT", 3000),
            ]);
            texts(name.to_owned(), most)
        }
        16 => {
            let (name, most, fixed) = draw.of(&[
                ("BINARY(1)", 1usize, true),
                ("BINARY(20)", 20, true),
                ("BINARY(255)", 255, true),
                ("VARBINARY(10)", 10, false),
                ("VARBINARY(300)", 300, false),
            ]);
            (name.to_owned(), Kind::Bytes(most, fixed))
        }
        17 => {
            let (name, most) = draw.of(&[
                ("TINYBLOB", 255usize),
                ("BLOB", 900),
                ("MEDIUMBLOB", 9000),
                ("LONGBLOB", 3000),
            ]);
            (name.to_owned(), Kind::Bytes(most, false))
        }
        18 => {
            let members = members(draw.of(&[2, 3, 300]));
            (format!("ENUM({})", quoted(&members)), Kind::Enum(members))
        }
        19 => {
            let members = members(draw.of(&[2, 9, 64]));
            (format!("SET({})", quoted(&members)), Kind::Set(members))
        }
        20 => {
            let (name, line) = draw.of(&[
                ("POINT", false),
                ("LINESTRING", true),
                ("GEOMETRY", false),
                ("GEOMETRY", true),
            ]);
            (name.to_owned(), Kind::Line(line))
        }
        21..23 => ("JSON".into(), Kind::Json),
        _ => {
            let most = draw.of(&[1u64, 3, 63, 64, 300]);
            (format!("VECTOR({most})"), Kind::Vector(most))
        }
    }
}

fn members(count: u64) -> Vec<String> {
    (0..count).map(|n| format!("m{n}")).collect()
}

fn quoted(members: &[String]) -> String {
    let quoted: Vec<String> = members.iter().map(|m| format!("'{m}'")).collect();
    quoted.join(",")
}

/// The text of a value, as CAST(… AS CHAR) or HEX(…) shows it.
fn text(draw: &mut Draw, kind: &Kind) -> String {
    match kind {
        Kind::Int(bits, signed) => integer(draw, *bits, *signed),
        Kind::Decimal(precision, scale) => decimal(draw, *precision, *scale),
        // Six digits are all that a server shows of one.
        Kind::Float => ((draw.below(1 << 12) as f64 - 2048.0) / 4.0).to_string(),
        Kind::Double => ((draw.below(1 << 40) as f64 - 549_755_813_888.0) / 1024.0).to_string(),
        Kind::Bit(bits) => {
            let value = draw.below(u64::MAX) >> (64 - bits);
            let width = bits.div_ceil(8) as usize * 2;
            format!("{value:0width$X}")
        }
        Kind::Date => date(draw),
        Kind::Time(fsp) => {
            let sign = if draw.once_in(3) { "-" } else { "" };
            let (h, m, s) = (draw.below(838), draw.below(60), draw.below(60));
            format!("{sign}{h:02}:{m:02}:{s:02}{}", fraction(draw, *fsp))
        }
        Kind::DateTime(fsp) => {
            let (h, m, s) = (draw.below(24), draw.below(60), draw.below(60));
            format!(
                "{} {h:02}:{m:02}:{s:02}{}",
                date(draw),
                fraction(draw, *fsp)
            )
        }
        Kind::Timestamp(fsp) => {
            let (year, month, day) = (
                1971 + draw.below(66),
                1 + draw.below(12),
                1 + draw.below(28),
            );
            let (h, m, s) = (draw.below(24), draw.below(60), draw.below(60));
            let fraction = fraction(draw, *fsp);
            format!("{year}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}{fraction}")
        }
        Kind::Year => (1901 + draw.below(255)).to_string(),
        Kind::Text(most, any) => letters(draw, *most, *any),
        Kind::Bytes(most, fixed) => {
            let length = if *fixed {
                *most
            } else {
                draw.below(*most as u64 + 1) as usize
            };
            let byte = |_| match draw.once_in(3) {
                true => 0,
                false => draw.below(256) as u8,
            };
            hex(&(0..length).map(byte).collect::<Vec<u8>>())
        }
        Kind::Enum(members) => members[draw.below(members.len() as u64) as usize].clone(),
        Kind::Set(members) => {
            let some: Vec<&str> = members
                .iter()
                .filter(|_| draw.once_in(3))
                .map(String::as_str)
                .collect();
            some.join(",")
        }
        Kind::Json => json(draw, 2),
        Kind::Line(line) => {
            // SRID 0, little endian, type 1 or 2; how many points, of a line; two doubles each.
            let points = if *line { 2 + draw.below(4) } else { 1 };
            let mut bytes = vec![0, 0, 0, 0, 1, 1 + u8::from(*line), 0, 0, 0];
            if *line {
                bytes.extend((points as u32).to_le_bytes());
            }
            for _ in 0..2 * points {
                bytes.extend((draw.below(1000) as f64 / 8.0).to_le_bytes());
            }
            hex(&bytes)
        }
        Kind::Vector(most) => {
            let floats = 1 + draw.below(*most);
            let float = |_| ((draw.below(1 << 20) as f32 - 524_288.0) / 1024.0).to_le_bytes();
            hex(&(0..floats).flat_map(float).collect::<Vec<u8>>())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

fn integer(draw: &mut Draw, bits: u32, signed: bool) -> String {
    // The ends of the range as often as not.
    let most = u64::MAX >> (64 - bits);
    let value = match draw.below(4) {
        0 => 0,
        1 => most,
        2 => most / 2 + 1,
        _ => draw.below(most),
    };
    match signed {
        false => value.to_string(),
        true => (i128::from(value) - i128::from(most / 2) - 1).to_string(),
    }
}

fn decimal(draw: &mut Draw, precision: u32, scale: u32) -> String {
    let zeros = draw.below(4) == 0;
    let mut digit = |_| match zeros {
        true => '0',
        false => char::from(b'0' + draw.below(10) as u8),
    };
    let whole: String = (0..precision - scale).map(&mut digit).collect();
    let fraction: String = (0..scale).map(&mut digit).collect();
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let text = match fraction.is_empty() {
        true => whole.to_owned(),
        false => format!("{whole}.{fraction}"),
    };
    let is_zero = text.bytes().all(|b| b == b'0' || b == b'.');
    match draw.once_in(2) && !is_zero {
        true => format!("-{text}"),
        false => text,
    }
}

fn date(draw: &mut Draw) -> String {
    let (year, month, day) = (
        1000 + draw.below(9000),
        1 + draw.below(12),
        1 + draw.below(28),
    );
    format!("{year}-{month:02}-{day:02}")
}

fn fraction(draw: &mut Draw, fsp: u32) -> String {
    match fsp {
        0 => String::new(),
        _ => format!(
            ".{:0width$}",
            draw.below(10u64.pow(fsp)),
            width = fsp as usize
        ),
    }
}

fn letters(draw: &mut Draw, most: usize, any: bool) -> String {
    let most = if draw.once_in(4) { most } else { most.min(12) };
    let length = draw.below(most as u64 + 1) as usize;
    let mut text = String::new();
    for _ in 0..length {
        text.push(match any && draw.once_in(5) {
            true => draw.of(&['é', 'ß', '☃', '漢', '😀', '\u{1}']),
            false => draw.of(&[
                'a', 'B', 'z', '0', ' ', '\'', '"', '\\', '%', '\n', '\t', ';', '-',
            ]),
        });
    }
    // CHAR gives no spaces at its end back.
    text.trim_end_matches(' ').to_owned()
}

fn json(draw: &mut Draw, depth: u32) -> String {
    match draw.below(if depth == 0 { 5 } else { 8 }) {
        0 => "null".into(),
        1 => draw.of(&["true", "false"]).into(),
        2 => (draw.below(1 << 40) as i64 - (1 << 39)).to_string(),
        3 => format!("{:?}", (draw.below(1 << 30) as f64) / 1024.0 + 0.5 / 1024.0),
        4 => format!(
            "\"{}\"",
            draw.of(&["", "a", "é", "a longer text, of some words", "\\\"", "\\n"])
        ),
        5 | 6 => {
            let items: Vec<String> = (0..draw.below(5)).map(|_| json(draw, depth - 1)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => {
            let items: Vec<String> = (0..draw.below(4))
                .map(|n| format!("\"k{n}\": {}", json(draw, depth - 1)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

/// A value as a literal of SQL.
pub fn literal(kind: &Kind, value: &Option<String>) -> String {
    let Some(text) = value else {
        return "NULL".into();
    };
    if kind.is_hex() {
        return match text.is_empty() {
            true => "''".into(),
            false => format!("x'{text}'"),
        };
    }
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{escaped}'")
}
