//! DEFAULT literals as the text that a value of the column prints: what the server keeps of
//! `DEFAULT 0` for a DECIMAL(12,2) is `0.00` (manual, "Data Type Default Values").

use super::column::is_timestamp;
use super::{DdlError, DefaultSpec, TimeZone};
use crate::row::{parse, render};
use crate::schema::{Collation, Column, ColumnKind, Default};

/// # Errors
/// 1067 for a value that the type does not have.
pub(super) fn resolve(
    said: &DefaultSpec,
    kind: &ColumnKind,
    collation: &Collation,
    column: &str,
) -> Result<Default, DdlError> {
    let text = match said {
        DefaultSpec::Null => return Ok(Default::Literal(None)),
        DefaultSpec::Now => return Ok(Default::Now),
        DefaultSpec::Expression(text) => {
            return Ok(
                match text
                    .replace(char::is_whitespace, "")
                    .to_ascii_uppercase()
                    .as_str()
                {
                    "JSON_OBJECT()" => Default::Literal(Some("{}".to_owned())),
                    "JSON_ARRAY()" => Default::Literal(Some("[]".to_owned())),
                    _ => Default::Expression(text.clone()),
                },
            );
        }
        DefaultSpec::Text(text) => of_text(text, kind),
        DefaultSpec::Number(number) => of_number(number, kind),
        DefaultSpec::Bytes(bytes) => of_bytes(bytes, kind, collation),
    };
    match text {
        Some(text) => Ok(Default::Literal(Some(text))),
        None => Err(DdlError::InvalidDefault(column.to_owned())),
    }
}

/// A TIMESTAMP's literal in UTC: it is written in the session's time zone (manual, "The DATE, DATETIME, and
/// TIMESTAMP Types"). The zero date is none, and stays.
pub(super) fn in_utc(column: &mut Column, zone: &TimeZone) -> Result<(), DdlError> {
    let Default::Literal(Some(text)) = &column.default else {
        return Ok(());
    };
    if !is_timestamp(&column.kind) || text.starts_with("0000-00-00") || zone.offset_s() == Some(0) {
        return Ok(());
    }
    let Some(offset_s) = zone.offset_s() else {
        return Err(DdlError::unsupported(format!(
            "DEFAULT '{text}' of TIMESTAMP column `{}` in a time zone that is no offset",
            column.name
        )));
    };
    let mut raw = Vec::new();
    let mut shifted = || {
        parse(column, text, &mut raw).ok()?;
        let local = u32::from_be_bytes(*raw.first_chunk()?);
        let utc = u32::try_from(i64::from(local) - i64::from(offset_s)).ok()?;
        raw[..4].copy_from_slice(&utc.to_be_bytes());
        let mut text = String::new();
        render(column, &raw, &mut text);
        Some(text)
    };
    match shifted() {
        Some(text) => column.default = Default::Literal(Some(text)),
        None => return Err(DdlError::InvalidDefault(column.name.to_string())),
    }
    Ok(())
}

fn of_text(text: &str, kind: &ColumnKind) -> Option<String> {
    match *kind {
        ColumnKind::Bit { .. } => Some(bit(text.as_bytes())),
        ColumnKind::Binary { bytes } => Some(padded_hex(text.as_bytes(), bytes)),
        ColumnKind::Varbinary { .. } | ColumnKind::Blob { .. } => Some(hex(text.as_bytes())),
        ColumnKind::Char { .. } => Some(text.trim_end_matches(' ').to_owned()),
        ColumnKind::Varchar { .. } | ColumnKind::Text { .. } | ColumnKind::Json => {
            Some(text.to_owned())
        }
        ColumnKind::Enum { ref members, .. } => one_of(text.trim_end_matches(' '), members),
        ColumnKind::Set { ref members, .. } => {
            let wanted: Vec<&str> = text.split(',').filter(|m| !m.is_empty()).collect();
            let known = |member: &&&str| members.iter().any(|m| m.eq_ignore_ascii_case(member));
            let chosen = members
                .iter()
                .filter(|m| wanted.iter().any(|w| w.eq_ignore_ascii_case(m)));
            let chosen: Vec<&str> = chosen.map(String::as_str).collect();
            wanted.iter().all(|w| known(&w)).then(|| chosen.join(","))
        }
        ColumnKind::Geometry { .. } | ColumnKind::Vector { .. } => None,
        _ => of_number(text.trim(), kind),
    }
}

/// The member as it is declared.
fn one_of(text: &str, members: &[String]) -> Option<String> {
    let exact = members.iter().find(|m| *m == text);
    exact
        .or_else(|| {
            members
                .iter()
                .find(|m| m.to_lowercase() == text.to_lowercase())
        })
        .cloned()
}

fn of_number(number: &str, kind: &ColumnKind) -> Option<String> {
    match *kind {
        ColumnKind::Int { .. } => integer(number),
        ColumnKind::Decimal { scale, .. } => decimal(number, scale),
        ColumnKind::Float | ColumnKind::Double => {
            number.parse::<f64>().ok().map(|_| number.to_owned())
        }
        ColumnKind::Bit { .. } => {
            let value: u64 = number.parse().ok()?;
            Some(bit(&value.to_be_bytes()))
        }
        ColumnKind::Year => match (integer(number)?.parse::<u32>().ok()?, number.len()) {
            (0, _) => Some("0000".to_owned()),
            (n @ 1..=69, ..=2) => Some((2000 + n).to_string()),
            (n @ 70..=99, ..=2) => Some((1900 + n).to_string()),
            (n @ 1901..=2155, _) => Some(n.to_string()),
            _ => None,
        },
        ColumnKind::Date => date_and_time(number).map(|(date, _)| date),
        ColumnKind::DateTime { fsp } | ColumnKind::Timestamp { fsp } => {
            let (date, time) = date_and_time(number)?;
            Some(format!("{date} {}", time_of_day(&time, fsp)?))
        }
        ColumnKind::OldDateTime | ColumnKind::OldTimestamp => {
            let (date, time) = date_and_time(number)?;
            Some(format!("{date} {}", time_of_day(&time, 0)?))
        }
        ColumnKind::Time { fsp } => time_of_day(number, fsp),
        ColumnKind::OldTime => time_of_day(number, 0),
        ColumnKind::Enum { ref members, .. } => one_of(number, members),
        ColumnKind::Geometry { .. } | ColumnKind::Vector { .. } => None,
        _ => of_text(number, kind),
    }
}

fn of_bytes(bytes: &[u8], kind: &ColumnKind, collation: &Collation) -> Option<String> {
    match kind {
        ColumnKind::Bit { .. } => Some(bit(bytes)),
        ColumnKind::Binary { bytes: width } => Some(padded_hex(bytes, *width)),
        ColumnKind::Varbinary { .. } | ColumnKind::Blob { .. } => Some(hex(bytes)),
        ColumnKind::Char { .. }
        | ColumnKind::Varchar { .. }
        | ColumnKind::Enum { .. }
        | ColumnKind::Set { .. } => {
            let is_ascii = bytes.is_ascii()
                || &*collation.charset == "utf8mb4"
                || &*collation.charset == "utf8mb3";
            let text = std::str::from_utf8(bytes).ok().filter(|_| is_ascii)?;
            of_text(text, kind)
        }
        _ => {
            let significant = bytes
                .iter()
                .position(|&b| b != 0)
                .map_or(&[][..], |n| &bytes[n..]);
            if significant.len() > 8 {
                return None;
            }
            let value = significant.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
            of_number(&value.to_string(), kind)
        }
    }
}

/// Upper-case hexadecimal without leading zeros, as BIT prints.
fn bit(bytes: &[u8]) -> String {
    let text = hex(bytes);
    match text.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

fn padded_hex(bytes: &[u8], width: u32) -> String {
    format!("{:0<width$}", hex(bytes), width = width as usize * 2)
}

/// A number split into its sign, the digits of its integer part and those of its fraction.
fn digits(number: &str) -> Option<(bool, String, String)> {
    let (negative, rest) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.parse::<i32>().ok().filter(|e| e.abs() <= 100)?,
        ),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit());
    if !is_number {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let padded = match point {
        ..=0 => format!("{}{all}", "0".repeat(point.unsigned_abs() as usize)),
        _ => format!("{all:0<width$}", width = point as usize),
    };
    let (whole, fraction) = padded.split_at(point.max(0) as usize);
    Some((
        negative,
        whole.trim_start_matches('0').to_owned(),
        fraction.to_owned(),
    ))
}

/// Rounded half away from zero to so many digits, as the server rounds exact values.
fn decimal(number: &str, scale: u8) -> Option<String> {
    let (negative, whole, fraction) = digits(number)?;
    let scale = usize::from(scale);
    let mut kept: Vec<u8> = format!("0{whole}{fraction:0<scale$}").into_bytes();
    let length = 1 + whole.len() + scale;
    let round_up = kept.get(length).is_some_and(|&b| b >= b'5');
    kept.truncate(length);
    if round_up {
        for digit in kept.iter_mut().rev() {
            if *digit == b'9' {
                *digit = b'0';
            } else {
                *digit += 1;
                break;
            }
        }
    }
    let text = String::from_utf8(kept).ok()?;
    let (whole, fraction) = text.split_at(length - scale);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let sign = if negative && text.bytes().any(|b| b != b'0') {
        "-"
    } else {
        ""
    };
    Some(if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

fn integer(number: &str) -> Option<String> {
    decimal(number, 0)
}

/// `2020-01-02 03:04:05.6`, `2020-01-02`, `20200102030405`, `20200102`, `0`: the date as it prints, and the
/// rest as written.
fn date_and_time(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let padded = match whole.len() {
            14 => whole.to_owned(),
            8 => format!("{whole}000000"),
            _ if !whole.is_empty() && whole.bytes().all(|b| b == b'0') => "0".repeat(14),
            _ => return None,
        };
        let date = format!("{}-{}-{}", &padded[..4], &padded[4..6], &padded[6..8]);
        return Some((
            date,
            format!(
                "{}:{}:{}.{fraction}",
                &padded[8..10],
                &padded[10..12],
                &padded[12..]
            ),
        ));
    }
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let parts: Option<Vec<u32>> = date
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().ok())
        .collect();
    let &[year, month, day] = parts?.as_slice() else {
        return None;
    };
    let year = match (date.find(|c: char| !c.is_ascii_digit()), year) {
        (Some(..=2), 0..=69) => year + 2000,
        (Some(..=2), _) => year + 1900,
        _ => year,
    };
    let valid = year <= 9999 && month <= 12 && day <= 31;
    valid.then(|| {
        (
            format!("{year:04}-{month:02}-{day:02}"),
            time.trim().to_owned(),
        )
    })
}

/// `3:4:5.6`, `03:04`, `30405`, `0`, nothing: with as many fractional digits as the column has.
fn time_of_day(text: &str, fsp: u8) -> Option<String> {
    let (negative, text) = match text.trim().strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number = |n: &str| {
        if n.is_empty() {
            Some(0)
        } else {
            n.parse::<u32>().ok()
        }
    };
    let (hours, minutes, seconds) = match *whole.split(':').collect::<Vec<_>>() {
        [packed] => {
            let packed = number(packed)?;
            (packed / 10_000, packed / 100 % 100, packed % 100)
        }
        [hours, minutes] => (number(hours)?, number(minutes)?, 0),
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, number(seconds)?),
        _ => return None,
    };
    let valid = hours <= 838
        && minutes <= 59
        && seconds <= 59
        && fraction.bytes().all(|b| b.is_ascii_digit());
    if !valid {
        return None;
    }
    // A fraction that rounds up to a whole second is refused rather than carried through the calendar.
    let fraction = decimal(&format!("0.{fraction}"), fsp)?;
    let fraction = fraction.strip_prefix('0')?;
    let sign = if negative { "-" } else { "" };
    Some(format!(
        "{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(said: DefaultSpec, kind: ColumnKind) -> Option<String> {
        let collation = super::super::collation_by_name("utf8mb4_general_ci").unwrap();
        match resolve(&said, &kind, &collation, "c") {
            Ok(Default::Literal(text)) => text,
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        }
    }

    fn number(n: &str, kind: ColumnKind) -> Option<String> {
        text(DefaultSpec::Number(n.to_owned()), kind)
    }

    fn string(s: &str, kind: ColumnKind) -> Option<String> {
        text(DefaultSpec::Text(s.to_owned()), kind)
    }

    #[test]
    fn numbers_take_the_form_of_their_column() {
        let decimal = |scale| ColumnKind::Decimal {
            precision: 12,
            scale,
            unsigned: false,
        };
        let int = ColumnKind::Int {
            bytes: 4,
            unsigned: false,
        };
        assert_eq!(number("0", decimal(2)).as_deref(), Some("0.00"));
        assert_eq!(string("-1.005", decimal(2)).as_deref(), Some("-1.01"));
        assert_eq!(number("9.999", decimal(2)).as_deref(), Some("10.00"));
        assert_eq!(number("-0.001", decimal(2)).as_deref(), Some("0.00"));
        assert_eq!(number("12.5e1", decimal(0)).as_deref(), Some("125"));
        assert_eq!(number("5e-1", decimal(1)).as_deref(), Some("0.5"));
        assert_eq!(string("007", int.clone()).as_deref(), Some("7"));
        assert_eq!(string("x", int.clone()), None);
        assert_eq!(
            text(DefaultSpec::Bytes(vec![1, 0]), int).as_deref(),
            Some("256")
        );
        assert_eq!(number("0", ColumnKind::Year).as_deref(), Some("0000"));
        assert_eq!(number("70", ColumnKind::Year).as_deref(), Some("1970"));
    }

    #[test]
    fn bits_and_bytes_print_as_hexadecimal() {
        assert_eq!(
            text(DefaultSpec::Bytes(vec![1]), ColumnKind::Bit { bits: 1 }).as_deref(),
            Some("1")
        );
        assert_eq!(
            number("10", ColumnKind::Bit { bits: 17 }).as_deref(),
            Some("A")
        );
        assert_eq!(
            string("ab", ColumnKind::Binary { bytes: 3 }).as_deref(),
            Some("616200")
        );
        assert_eq!(
            string("ab", ColumnKind::Varbinary { max_bytes: 3 }).as_deref(),
            Some("6162")
        );
    }

    #[test]
    fn dates_and_times_are_written_out() {
        let (dt, ts) = (
            ColumnKind::DateTime { fsp: 3 },
            ColumnKind::Timestamp { fsp: 0 },
        );
        assert_eq!(
            string("2020-1-2", dt.clone()).as_deref(),
            Some("2020-01-02 00:00:00.000")
        );
        assert_eq!(
            string("2020-01-02 03:04:05.6789", dt).as_deref(),
            Some("2020-01-02 03:04:05.679")
        );
        assert_eq!(
            number("0", ts.clone()).as_deref(),
            Some("0000-00-00 00:00:00")
        );
        assert_eq!(
            number("20200102", ts.clone()).as_deref(),
            Some("2020-01-02 00:00:00")
        );
        assert_eq!(string("soon", ts), None);
        assert_eq!(
            string("0000-00-00", ColumnKind::Date).as_deref(),
            Some("0000-00-00")
        );
        assert_eq!(
            string("-1:02", ColumnKind::Time { fsp: 1 }).as_deref(),
            Some("-01:02:00.0")
        );
        assert_eq!(
            number("10203", ColumnKind::Time { fsp: 0 }).as_deref(),
            Some("01:02:03")
        );
    }

    #[test]
    fn members_are_spelt_as_declared() {
        let members: std::sync::Arc<[String]> = ["new", "Paid", "x"].map(str::to_owned).into();
        let of_enum = ColumnKind::Enum {
            members: members.clone(),
            bytes: 1,
        };
        let of_set = ColumnKind::Set { members, bytes: 1 };
        assert_eq!(string("paid", of_enum.clone()).as_deref(), Some("Paid"));
        assert_eq!(string("gone", of_enum), None);
        assert_eq!(string("x,NEW", of_set.clone()).as_deref(), Some("new,x"));
        assert_eq!(string("gone", of_set), None);
    }
}
