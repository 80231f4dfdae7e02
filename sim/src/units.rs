//! Durations, sizes and moments as people write them in scenario files.
//!
//! Time in the world is in microseconds of virtual time since the run's clock started.

use jiff::{Span, SpanRelativeTo, Timestamp};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use std::{fmt, str::FromStr};

/// A length of virtual time in microseconds. Written `250us`, `5s`, `1h30m`, `2d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

/// The longest time that a scenario may name: 400 days.
pub const LONGEST_US: u64 = 400 * 24 * 3_600 * 1_000_000;

impl Micros {
    /// From milliseconds.
    pub const fn ms(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// From seconds.
    pub const fn secs(s: u64) -> Self {
        Self(s * 1_000_000)
    }

    /// From minutes.
    pub const fn mins(m: u64) -> Self {
        Self(m * 60_000_000)
    }

    /// From hours.
    pub const fn hours(h: u64) -> Self {
        Self(h * 3_600_000_000)
    }
}

/// Why a duration, a size or a moment could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a duration.
    #[error("`{0}` is not a duration; write it like 250us, 20ms, 5s, 1h30m or 2d")]
    Duration(String),
    /// A duration beyond [`LONGEST_US`].
    #[error("`{0}` is out of range; a duration is between 0 and 400 days")]
    DurationRange(String),
    /// Not a size.
    #[error("`{0}` is not a size; write it like 512, 64KiB, 128MiB or 1TiB")]
    Size(String),
    /// Not a moment.
    #[error("`{0}` is not a moment; write it like 2026-03-02T10:00:00Z")]
    Moment(String),
}

impl FromStr for Micros {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError::Duration(text.to_string());
        let span: Span = text.trim().parse().map_err(|_| bad())?;
        let duration = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| bad())?;
        let out = || UnitError::DurationRange(text.to_string());
        let us = u64::try_from(duration.as_micros()).map_err(|_| out())?;
        if us > LONGEST_US {
            Err(out())
        } else {
            Ok(Self(us))
        }
    }
}

impl fmt::Display for Micros {
    /// The shortest exact form: `1h 30m`, `2m 5s`, `250ms`, `900us`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 6] = [
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "m"),
            (1_000_000, "s"),
            (1_000, "ms"),
            (1, "us"),
        ];
        let mut rest = self.0;
        let mut first = true;
        for (unit, name) in UNITS {
            if rest >= unit {
                write!(f, "{}{}{name}", if first { "" } else { " " }, rest / unit)?;
                rest %= unit;
                first = false;
            }
        }
        if first { f.write_str("0s") } else { Ok(()) }
    }
}

/// A number of bytes. Written `512`, `64KiB`, `128MiB`, `1TiB`, `10GB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        text.trim()
            .parse::<bytesize::ByteSize>()
            .map(|b| Self(b.as_u64()))
            .map_err(|_| UnitError::Size(text.to_string()))
    }
}

impl fmt::Display for Bytes {
    /// Exact: the largest binary unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if self.0 != 0 && self.0.is_multiple_of(1u64 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// A moment of the virtual calendar, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl FromStr for Moment {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError::Moment(text.to_string());
        let timestamp: Timestamp = text.trim().parse().map_err(|_| bad())?;
        u64::try_from(timestamp.as_microsecond())
            .map(Self)
            .map_err(|_| bad())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0 as i64) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl Moment {
    /// The time of day, `HH:MM:SS.mmm`.
    pub fn time_of_day(self) -> String {
        let ms = self.0 / 1_000 % 86_400_000;
        format!(
            "{:02}:{:02}:{:02}.{:03}",
            ms / 3_600_000,
            ms / 60_000 % 60,
            ms / 1_000 % 60,
            ms % 1_000
        )
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Micros;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration in quotes, like \"250us\", \"20ms\", \"5s\" or \"1h30m\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Micros, E> {
                text.parse().map_err(E::custom)
            }
        }
        d.deserialize_any(Read)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    /// A text with a unit, or a plain number of bytes.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size, like 512, \"64KiB\", \"128MiB\" or \"1TiB\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Bytes, E> {
                u64::try_from(bytes)
                    .map(Bytes)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
            }
        }
        d.deserialize_any(Read)
    }
}

impl<'de> Deserialize<'de> for Moment {
    /// A text, or TOML's own date and time.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Moment;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a moment, like \"2026-03-02T10:00:00Z\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Moment, A::Error> {
                // toml presents a date and time as a map that only its own type reads.
                toml::value::Datetime::deserialize(de::value::MapAccessDeserializer::new(map))?
                    .to_string()
                    .parse()
                    .map_err(de::Error::custom)
            }
        }
        d.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back_as_the_same() {
        for us in [
            0,
            1,
            999,
            1_000,
            1_500,
            61_000_000,
            5_400_000_000,
            90_061_001_001,
        ] {
            assert_eq!(Micros(us).to_string().parse::<Micros>(), Ok(Micros(us)));
        }
        for bytes in [0, 1, 1_024, 1_536, 1 << 27, 1 << 40, (1 << 40) + 1] {
            assert_eq!(Bytes(bytes).to_string().parse::<Bytes>(), Ok(Bytes(bytes)));
        }
        let moment: Moment = "2026-03-02T10:00:00Z".parse().unwrap();
        assert_eq!(moment.to_string().parse::<Moment>(), Ok(moment));
        assert_eq!(moment.time_of_day(), "10:00:00.000");
    }

    #[test]
    fn nonsense_and_out_of_range_are_refused_with_an_example() {
        for text in ["", "10", "soon", "-5s", "900000h"] {
            let error = text.parse::<Micros>().unwrap_err().to_string();
            assert!(error.contains("duration"), "{error}");
        }
        assert!("12 parsecs".parse::<Bytes>().is_err());
        assert!("10:00".parse::<Moment>().is_err());
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct File {
        size: Bytes,
        start: Moment,
    }

    #[test]
    fn a_size_may_be_a_number_and_a_moment_a_date_of_toml() {
        let quoted: File =
            toml::from_str("size = \"4KiB\"\nstart = \"2026-03-02T10:00:00Z\"").unwrap();
        let plain: File = toml::from_str("size = 4096\nstart = 2026-03-02T10:00:00Z").unwrap();
        assert_eq!(quoted, plain);
        // A time without a zone is no moment: it would be another one elsewhere.
        assert!(toml::from_str::<File>("size = 1\nstart = 2026-03-02T10:00:00").is_err());
        assert!(toml::from_str::<File>("size = -1\nstart = 2026-03-02T10:00:00Z").is_err());
    }
}
