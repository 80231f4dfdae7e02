//! Integers and floating-point numbers: their bytes and MySQL's text of them.
//!
//! The text of FLOAT and DOUBLE is that of the server's `my_gcvt` (`strings/dtoa.cc`), measured on 9.7.4:
//! the shortest digits that read back as the same double, for FLOAT at most 6 of them; plain notation
//! where the text then has at most 24 characters (FLOAT: 12; in JSON there is no such limit), the number
//! is at least 1e-15, and it is below 1e15 or has a fraction; otherwise `d.ddde-5`. 5.6 knows no limit of
//! 12 characters: a FLOAT of 1e12 to 1e15 that it therefore writes in full is written here as 9.7 does.
//! The digits that FLOAT(7,2) asks for, and ZEROFILL, are display attributes that a
//! [`ColumnKind`](crate::schema::ColumnKind) does not have.

use super::image::le;
use std::fmt::Write;

const DOUBLE_WIDTH: i32 = 24;
const FLOAT_WIDTH: i32 = 12;
/// Wide enough for everything that the other rules leave in plain notation.
const JSON_WIDTH: i32 = 64;
/// DBL_DIG: powers of ten beyond it are written with an exponent.
const PLAIN_POINT_MAX: i32 = 15;

/// The value of an Int column.
pub(super) fn integer(raw: &[u8], unsigned: bool) -> i128 {
    let value = le(raw);
    let bits = 8 * raw.len().min(8) as u32;
    if unsigned || bits == 0 {
        return i128::from(value);
    }
    let shift = 64 - bits;
    i128::from((value << shift) as i64 >> shift)
}

/// Smallest and largest value of an Int column.
pub(super) fn integer_range(bytes: u8, unsigned: bool) -> (i128, i128) {
    let bits = 8 * u32::from(bytes.clamp(1, 8));
    if unsigned {
        (0, (1 << bits) - 1)
    } else {
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    }
}

/// Appends an integer in so many bytes; `false` when it does not fit.
pub(super) fn push_integer(value: i128, bytes: u8, unsigned: bool, out: &mut Vec<u8>) -> bool {
    let (min, max) = integer_range(bytes, unsigned);
    let fits = (min..=max).contains(&value);
    if fits {
        out.extend_from_slice(&value.to_le_bytes()[..usize::from(bytes.clamp(1, 8))]);
    }
    fits
}

/// The value of a Float column.
pub(super) fn float(raw: &[u8]) -> f32 {
    f32::from_bits(le(raw.get(..4).unwrap_or(raw)) as u32)
}

/// The value of a Double column.
pub(super) fn double(raw: &[u8]) -> f64 {
    f64::from_bits(le(raw))
}

/// Appends a FLOAT's text.
pub(super) fn write_float(value: f32, out: &mut String) {
    if !value.is_finite() {
        out.push('0');
        return;
    }
    write_digits(&format!("{:.5e}", f64::from(value)), FLOAT_WIDTH, out);
}

/// Appends a number's text with so many digits after the point (`my_fcvt`: exact, ties to even).
pub(super) fn write_fixed(value: f64, decimals: u8, out: &mut String) {
    if value.is_finite() {
        let _ = write!(out, "{value:.*}", usize::from(decimals));
    } else {
        out.push('0');
    }
}

/// Appends a DOUBLE's text.
pub(super) fn write_double(value: f64, out: &mut String) {
    write_shortest(value, DOUBLE_WIDTH, out);
}

/// Appends the text of a double in a JSON document.
pub(super) fn write_json_double(value: f64, out: &mut String) {
    let start = out.len();
    write_shortest(value, JSON_WIDTH, out);
    if !out[start..].contains(['.', 'e']) {
        out.push_str(".0");
    }
}

fn write_shortest(value: f64, width: i32, out: &mut String) {
    if value.is_finite() {
        let shortest = format!("{value:e}");
        let digits = shortest.bytes().take_while(|b| *b != b'e');
        let digits = digits.filter(u8::is_ascii_digit).count();
        // Where two texts of so many digits are as near, `dtoa` takes the even one.
        write_digits(&format!("{value:.*e}", digits - 1), width, out);
    } else {
        out.push('0');
    }
}

/// Lays out `[-]d[.ddd]e[-]x` as `my_gcvt` does.
fn write_digits(scientific: &str, width: i32, out: &mut String) {
    let (width, scientific) = match scientific.strip_prefix('-') {
        Some(rest) => {
            out.push('-');
            // -0 keeps its sign and needs no width.
            (width - 1, rest)
        }
        None => (width, scientific),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let rest = rest.trim_end_matches('0');
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if first == "0" {
        out.push('0');
        return;
    }
    let len = 1 + rest.len() as i32;
    // The decimal point stands before digit `point` (dtoa's decpt).
    let point = exponent + 1;
    let plain_len = match point {
        ..=0 => len - point + 2,
        _ if point < len => len + 1,
        _ => point,
    };
    let plain =
        plain_len <= width && point > -PLAIN_POINT_MAX && (point <= PLAIN_POINT_MAX || len > point);
    if !plain {
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        let _ = write!(out, "e{exponent}");
        return;
    }
    if point <= 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
        out.push_str(first);
        out.push_str(rest);
        return;
    }
    out.push_str(first);
    let before = (point - 1) as usize;
    if rest.len() <= before {
        out.push_str(rest);
        out.extend(std::iter::repeat_n('0', before - rest.len()));
    } else {
        out.push_str(&rest[..before]);
        out.push('.');
        out.push_str(&rest[before..]);
    }
}
