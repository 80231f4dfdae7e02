//! Dates and times: their packed forms and MySQL's text of them.
//!
//! The forms are those of the server's `my_time_packed_to_binary`, `my_datetime_packed_to_binary` and
//! `my_timestamp_to_binary` (5.6.4 and later: big-endian, ⌈fsp/2⌉ bytes of fraction) and of the types
//! before 5.6.4, which an upgraded server still has. A zero in any part of a date is kept as it is. A
//! fraction with more digits than the column is rounded, as MySQL does (manual, "Fractional Seconds").

use super::image::{be, le};
use std::fmt::Write;

const MICROS: u64 = 1_000_000;
const SECONDS_A_DAY: i64 = 86_400;
/// TIME goes from -838:59:59 to 838:59:59.
const MAX_TIME_SECONDS: u64 = 838 * 3600 + 59 * 60 + 59;
/// TIMESTAMP ends with 2038-01-19 03:14:07 UTC.
const MAX_TIMESTAMP: u64 = i32::MAX as u64;

/// Bytes that a fraction of so many digits takes.
pub(super) fn fraction_bytes(fsp: u8) -> usize {
    usize::from(fsp.min(6)).div_ceil(2)
}

/// A date with a time of day, in UTC where it is a TIMESTAMP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DateTime {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) micros: u32,
}

/// A duration, as TIME holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) negative: bool,
    /// Absolute value in microseconds.
    pub(super) micros: u64,
}

fn power(digits: u8) -> u64 {
    10u64.pow(u32::from(digits.min(6)))
}

/// Microseconds of the fraction bytes of a value with so many digits.
fn fraction(bytes: &[u8], fsp: u8) -> u32 {
    let unit = power(6 - 2 * fraction_bytes(fsp) as u8);
    ((be(bytes) * unit) % MICROS) as u32
}

fn push_fraction(micros: u32, fsp: u8, out: &mut Vec<u8>) {
    let bytes = fraction_bytes(fsp);
    let value = u64::from(micros) / power(6 - 2 * bytes as u8);
    out.extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    // Years begin in March, so a leap day is the last of its year.
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year =
        (153 * (i64::from(month) + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (u32, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year.max(0) as u32, month as u32, day as u32)
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl DateTime {
    pub(super) fn from_date(raw: &[u8]) -> DateTime {
        let value = le(raw) as u32;
        DateTime {
            year: value >> 9,
            month: value >> 5 & 15,
            day: value & 31,
            ..DateTime::default()
        }
    }

    pub(super) fn from_datetime(raw: &[u8], fsp: u8) -> DateTime {
        let (whole, rest) = raw.split_at(raw.len().min(5));
        let packed = be(whole) & !(1 << 39);
        let (date, time) = ((packed >> 17) as u32, (packed & 0x1ffff) as u32);
        let months = date >> 5;
        DateTime {
            year: months / 13,
            month: months % 13,
            day: date & 31,
            hour: time >> 12,
            minute: time >> 6 & 63,
            second: time & 63,
            micros: fraction(rest, fsp),
        }
    }

    pub(super) fn from_timestamp(raw: &[u8], fsp: u8) -> DateTime {
        let (whole, rest) = raw.split_at(raw.len().min(4));
        DateTime::from_unix(be(whole), fraction(rest, fsp))
    }

    pub(super) fn from_old_datetime(raw: &[u8]) -> DateTime {
        DateTime::from_number(le(raw))
    }

    pub(super) fn from_old_timestamp(raw: &[u8]) -> DateTime {
        DateTime::from_unix(le(raw) & 0xffff_ffff, 0)
    }

    /// Seconds since 1970; 0 is the zero date.
    fn from_unix(seconds: u64, micros: u32) -> DateTime {
        if seconds == 0 && micros == 0 {
            return DateTime::default();
        }
        let (year, month, day) = civil_from_days((seconds / SECONDS_A_DAY as u64) as i64);
        let of_day = (seconds % SECONDS_A_DAY as u64) as u32;
        DateTime {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            micros,
        }
    }

    /// YYYYMMDDHHMMSS.
    fn from_number(value: u64) -> DateTime {
        let (date, time) = (value / MICROS, (value % MICROS) as u32);
        DateTime {
            year: (date / 10_000 % 1_000_000) as u32,
            month: (date / 100 % 100) as u32,
            day: (date % 100) as u32,
            hour: time / 10_000,
            minute: time / 100 % 100,
            second: time % 100,
            micros: 0,
        }
    }

    /// The `longlong` of JSON's opaque dates and times (server `TIME_from_longlong_datetime_packed`).
    pub(super) fn from_packed(packed: i64) -> DateTime {
        let packed = packed.unsigned_abs();
        let mut value = DateTime::from_datetime(&(packed >> 24).to_be_bytes()[3..], 0);
        value.micros = (packed & 0xff_ffff) as u32 % MICROS as u32;
        value
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == DateTime::default()
    }

    /// YYYYMMDDHHMMSS, or YYYYMMDD without a time.
    pub(super) fn to_number(self, with_time: bool) -> u64 {
        let date =
            u64::from(self.year) * 10_000 + u64::from(self.month) * 100 + u64::from(self.day);
        let time =
            u64::from(self.hour) * 10_000 + u64::from(self.minute) * 100 + u64::from(self.second);
        if with_time {
            date * MICROS + time
        } else {
            date
        }
    }

    /// Whether strict mode takes it: zeros in parts of the date are allowed (NO_ZERO_IN_DATE judges inserts,
    /// not rows that exist).
    pub(super) fn is_valid(&self) -> bool {
        self.year <= 9999
            && self.month <= 12
            && self.day <= days_in_month(self.year, self.month)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
    }

    /// Whether a row can hold it: with ALLOW_INVALID_DATES every month has 31 days.
    fn is_storable(&self) -> bool {
        DateTime {
            day: self.day.saturating_sub(3),
            ..*self
        }
        .is_valid()
            && self.day <= 31
    }

    /// Rounded half up to so many digits; `None` when that passes the year 9999.
    pub(super) fn round(mut self, fsp: u8) -> Option<DateTime> {
        let unit = power(6 - fsp.min(6));
        let micros = (u64::from(self.micros) + unit / 2) / unit * unit;
        self.micros = (micros % MICROS) as u32;
        if micros < MICROS {
            return Some(self);
        }
        let of_day = self.hour * 3600 + self.minute * 60 + self.second + 1;
        (self.hour, self.minute, self.second) = (of_day / 3600 % 24, of_day / 60 % 60, of_day % 60);
        if of_day >= SECONDS_A_DAY as u32 {
            if self.month == 0 || self.day == 0 {
                return None;
            }
            let days = days_from_civil(self.year, self.month, self.day) + 1;
            (self.year, self.month, self.day) = civil_from_days(days);
        }
        (self.year <= 9999).then_some(self)
    }

    pub(super) fn write_date(&self, out: &mut String) {
        let _ = write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day);
    }

    pub(super) fn write(&self, fsp: u8, out: &mut String) {
        self.write_date(out);
        let _ = write!(
            out,
            " {:02}:{:02}:{:02}",
            self.hour, self.minute, self.second
        );
        write_fraction(self.micros, fsp, out);
    }

    /// `YYYY-MM-DD[ HH:MM[:SS[.ffffff]]]` (also with `T`), or `YYYYMMDD[HHMMSS]`.
    pub(super) fn read(text: &str) -> Option<DateTime> {
        let text = text.trim();
        if text.bytes().all(|b| b.is_ascii_digit()) {
            let number: u64 = text.parse().ok()?;
            return match text.len() {
                8 => Some(DateTime::from_number(number * MICROS)),
                14 => Some(DateTime::from_number(number)),
                1 if number == 0 => Some(DateTime::default()),
                _ => None,
            }
            .filter(DateTime::is_storable);
        }
        let (date, time) = match text.find([' ', 'T']) {
            Some(at) => (&text[..at], text[at + 1..].trim_start()),
            None => (text, ""),
        };
        let mut parts = date.split('-');
        let mut value = DateTime {
            year: number(parts.next()?, 4)?,
            month: number(parts.next()?, 2)?,
            day: number(parts.next()?, 2)?,
            ..DateTime::default()
        };
        if parts.next().is_some() {
            return None;
        }
        if !time.is_empty() {
            let clock = Time::read_clock(time)?;
            let seconds = clock / MICROS;
            (value.hour, value.minute, value.second) = (
                (seconds / 3600) as u32,
                (seconds / 60 % 60) as u32,
                (seconds % 60) as u32,
            );
            value.micros = (clock % MICROS) as u32;
        }
        Some(value).filter(DateTime::is_storable)
    }

    pub(super) fn push_date(&self, out: &mut Vec<u8>) {
        let value = self.year << 9 | self.month << 5 | self.day;
        out.extend_from_slice(&value.to_le_bytes()[..3]);
    }

    /// The value must have been rounded to `fsp`.
    pub(super) fn push_datetime(&self, fsp: u8, out: &mut Vec<u8>) {
        let date = u64::from((self.year * 13 + self.month) << 5 | self.day);
        let time = u64::from(self.hour << 12 | self.minute << 6 | self.second);
        let packed = 1 << 39 | date << 17 | time;
        out.extend_from_slice(&packed.to_be_bytes()[3..]);
        push_fraction(self.micros, fsp, out);
    }

    /// Seconds since 1970, 0 for the zero date; `None` outside TIMESTAMP's range.
    pub(super) fn to_unix(self) -> Option<u64> {
        if self.is_zero() {
            return Some(0);
        }
        if self.month == 0 || self.day == 0 || !self.is_valid() {
            return None;
        }
        let seconds = days_from_civil(self.year, self.month, self.day) * SECONDS_A_DAY
            + i64::from(self.hour * 3600 + self.minute * 60 + self.second);
        u64::try_from(seconds)
            .ok()
            .filter(|s| (1..=MAX_TIMESTAMP).contains(s))
    }

    /// The value must have been rounded to `fsp`; `false` when it is outside the range.
    pub(super) fn push_timestamp(&self, fsp: u8, out: &mut Vec<u8>) -> bool {
        let Some(seconds) = self.to_unix() else {
            return false;
        };
        out.extend_from_slice(&(seconds as u32).to_be_bytes());
        push_fraction(self.micros, fsp, out);
        true
    }

    /// The moment so many microseconds after 1970.
    pub(super) fn from_unix_micros(micros: u64) -> DateTime {
        DateTime::from_unix(micros / MICROS, (micros % MICROS) as u32)
    }

    pub(super) fn time_of_day(&self) -> Time {
        let seconds = u64::from(self.hour * 3600 + self.minute * 60 + self.second);
        Time {
            negative: false,
            micros: seconds * MICROS + u64::from(self.micros),
        }
    }
}

fn write_fraction(micros: u32, fsp: u8, out: &mut String) {
    if fsp > 0 {
        let fsp = usize::from(fsp.min(6));
        let _ = write!(out, ".{:0fsp$}", u64::from(micros) / power(6 - fsp as u8));
    }
}

/// A number of 1 to `max` digits.
fn number(text: &str, max: usize) -> Option<u32> {
    let fits = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

impl Time {
    pub(super) fn from_raw(raw: &[u8], fsp: u8) -> Time {
        let fraction_bits = 8 * fraction_bytes(fsp) as u32;
        let value = be(raw) as i64 - (0x80_0000 << fraction_bits);
        let magnitude = value.unsigned_abs();
        let fraction_bytes = (magnitude & ((1 << fraction_bits) - 1)).to_be_bytes();
        Time::from_clock(
            value < 0,
            (magnitude >> fraction_bits) as u32,
            fraction(&fraction_bytes, fsp),
        )
    }

    /// Hours in the upper bits, then 6 bits of minutes and 6 of seconds.
    fn from_clock(negative: bool, clock: u32, micros: u32) -> Time {
        let seconds =
            u64::from((clock >> 12 & 1023) * 3600 + (clock >> 6 & 63) * 60 + (clock & 63));
        Time {
            negative,
            micros: seconds * MICROS + u64::from(micros),
        }
    }

    pub(super) fn from_old(raw: &[u8]) -> Time {
        let value = ((le(raw) << 40) as i64) >> 40;
        let magnitude = value.unsigned_abs();
        let seconds = magnitude / 10_000 * 3600 + magnitude / 100 % 100 * 60 + magnitude % 100;
        Time {
            negative: value < 0,
            micros: seconds * MICROS,
        }
    }

    /// The `longlong` of JSON's opaque times (server `TIME_from_longlong_time_packed`).
    pub(super) fn from_packed(packed: i64) -> Time {
        let magnitude = packed.unsigned_abs();
        Time::from_clock(
            packed < 0,
            (magnitude >> 24) as u32,
            (magnitude & 0xff_ffff) as u32 % MICROS as u32,
        )
    }

    fn parts(&self) -> (u64, u64, u64, u32) {
        let seconds = self.micros / MICROS;
        (
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            (self.micros % MICROS) as u32,
        )
    }

    pub(super) fn write(&self, fsp: u8, out: &mut String) {
        let (hour, minute, second, micros) = self.parts();
        let sign = if self.negative { "-" } else { "" };
        let _ = write!(out, "{sign}{hour:02}:{minute:02}:{second:02}");
        write_fraction(micros, fsp, out);
    }

    /// HHMMSS, negative where the time is.
    pub(super) fn to_number(self) -> i64 {
        let (hour, minute, second, _) = self.parts();
        let value = (hour * 10_000 + minute * 100 + second) as i64;
        if self.negative { -value } else { value }
    }

    /// Rounded half away from zero to so many digits; `None` outside TIME's range.
    pub(super) fn round(mut self, fsp: u8) -> Option<Time> {
        let unit = power(6 - fsp.min(6));
        self.micros = (self.micros + unit / 2) / unit * unit;
        self.negative &= self.micros > 0;
        (self.micros <= MAX_TIME_SECONDS * MICROS).then_some(self)
    }

    /// `[-]HHH:MM[:SS[.ffffff]]` or `[-]HHMMSS[.ffffff]`.
    pub(super) fn read(text: &str) -> Option<Time> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let micros = if text.contains(':') {
            Time::read_clock(text)?
        } else {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let value = u64::from(number(whole, 7)?);
            if value / 100 % 100 > 59 || value % 100 > 59 {
                return None;
            }
            (value / 10_000 * 3600 + value / 100 % 100 * 60 + value % 100) * MICROS
                + read_fraction(fraction)?
        };
        Some(Time { negative, micros })
    }

    /// `H:MM[:SS[.ffffff]]` in microseconds.
    fn read_clock(text: &str) -> Option<u64> {
        let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut parts = clock.split(':');
        let hour = u64::from(number(parts.next()?, 4)?);
        let minute = u64::from(number(parts.next()?, 2)?);
        let second = match parts.next() {
            Some(part) => u64::from(number(part, 2)?),
            None => 0,
        };
        if parts.next().is_some() || minute > 59 || second > 59 {
            return None;
        }
        Some((hour * 3600 + minute * 60 + second) * MICROS + read_fraction(fraction)?)
    }

    /// The value must have been rounded to `fsp`.
    pub(super) fn push(&self, fsp: u8, out: &mut Vec<u8>) {
        let (hour, minute, second, micros) = self.parts();
        let bytes = fraction_bytes(fsp);
        let fraction = u64::from(micros) / power(6 - 2 * bytes as u8);
        let magnitude = ((hour << 12 | minute << 6 | second) << (8 * bytes) | fraction) as i64;
        let offset = 0x80_0000i64 << (8 * bytes);
        let value = if self.negative {
            offset - magnitude
        } else {
            offset + magnitude
        };
        out.extend_from_slice(&value.to_be_bytes()[8 - 3 - bytes..]);
    }

    pub(super) fn push_old(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_number().to_le_bytes()[..3]);
    }
}

/// Digits after the point in microseconds, rounded at the seventh; '' is 0.
fn read_fraction(text: &str) -> Option<u64> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digit = |i: usize| text.as_bytes().get(i).map_or(0, |b| u64::from(b - b'0'));
    Some((0..6).fold(0, |n, i| n * 10 + digit(i)) + u64::from(digit(6) >= 5))
}
