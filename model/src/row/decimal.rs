//! DECIMAL: MySQL's packed base-10⁹ form (server `strings/decimal.cc`, `decimal2bin`, `bin2decimal`).
//!
//! Nine digits take 4 big-endian bytes, the digits left over on either side of the point take as few as
//! hold them. The first bit is set for numbers ≥ 0; all bytes of a negative number are inverted, so the
//! bytes of two numbers of one type compare as the numbers do.

use super::image::be;

const GROUP: usize = 9;
/// Bytes of a group of so many digits.
const GROUP_BYTES: [usize; GROUP + 1] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/// Bytes of the longest value, DECIMAL(65,30): 4 groups and 4 bytes before the point would be 20, 14 after.
const MAX_BYTES: usize = 64;

/// Bytes of a DECIMAL(precision, scale).
pub(super) fn packed_len(precision: u8, scale: u8) -> usize {
    let (whole, fraction) = digits(precision, scale);
    whole / GROUP * 4
        + GROUP_BYTES[whole % GROUP]
        + fraction / GROUP * 4
        + GROUP_BYTES[fraction % GROUP]
}

/// Digits before and after the point, whatever the metadata says.
fn digits(precision: u8, scale: u8) -> (usize, usize) {
    let fraction = usize::from(scale).min(30);
    (
        usize::from(precision).min(65).saturating_sub(fraction),
        fraction,
    )
}

/// The groups of a value in order: digits of each.
fn groups(precision: u8, scale: u8) -> impl Iterator<Item = (usize, bool)> {
    let (whole, fraction) = digits(precision, scale);
    let before = std::iter::once(whole % GROUP).chain(std::iter::repeat_n(GROUP, whole / GROUP));
    let after =
        std::iter::repeat_n(GROUP, fraction / GROUP).chain(std::iter::once(fraction % GROUP));
    before
        .map(|n| (n, false))
        .chain(after.map(|n| (n, true)))
        .filter(|(n, _)| *n > 0)
}

/// Appends the number's text: no leading zeros, `scale` digits after the point.
pub(super) fn render(precision: u8, scale: u8, raw: &[u8], out: &mut String) {
    let mut bytes = [0u8; MAX_BYTES];
    let len = packed_len(precision, scale).min(raw.len()).min(MAX_BYTES);
    bytes[..len].copy_from_slice(&raw[..len]);
    let negative = bytes[0] & 0x80 == 0;
    bytes[0] ^= 0x80;
    if negative {
        bytes[..len].iter_mut().for_each(|byte| *byte = !*byte);
        out.push('-');
    }
    let start = out.len();
    let (mut at, mut point) = (0, false);
    for (digits, after) in groups(precision, scale) {
        let size = GROUP_BYTES[digits];
        // A damaged group may hold more than its digits can say.
        let value = be(&bytes[at..at + size]) % 10u64.pow(digits as u32);
        at += size;
        if after && !point {
            if out.len() == start {
                out.push('0');
            }
            out.push('.');
            point = true;
        }
        if !point && out.len() == start {
            if value > 0 {
                out.push_str(&value.to_string());
            }
        } else {
            out.push_str(&format!("{value:0digits$}"));
        }
    }
    if out.len() == start {
        out.push('0');
    }
}

/// A decimal number's text, taken apart: sign, digits before the point without leading zeros, digits
/// after it; exponents are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) negative: bool,
    pub(super) whole: Vec<u8>,
    pub(super) fraction: Vec<u8>,
}

impl Number {
    /// Reads `[+-]digits[.digits][e[+-]digits]`; `None` for anything else and for exponents that would
    /// make a number of more than a few hundred digits.
    pub(super) fn read(text: &str) -> Option<Number> {
        let negative = text.starts_with('-');
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0
            || !all_digits(whole)
            || !all_digits(fraction)
            || exponent.abs() > 400
        {
            return None;
        }
        let mut digits: Vec<u8> = whole
            .bytes()
            .chain(fraction.bytes())
            .map(|b| b - b'0')
            .collect();
        let mut point = whole.len() as i64 + i64::from(exponent);
        if point < 0 {
            digits.splice(0..0, std::iter::repeat_n(0, point.unsigned_abs() as usize));
            point = 0;
        }
        let point = point as usize;
        if digits.len() < point {
            digits.resize(point, 0);
        }
        let fraction = digits.split_off(point);
        let zeros = digits.iter().take_while(|&&d| d == 0).count();
        digits.drain(..zeros);
        Some(Number {
            negative,
            whole: digits,
            fraction,
        })
    }

    /// Rounds half away from zero to so many digits after the point, as MySQL does for DECIMAL.
    pub(super) fn round(&mut self, scale: usize) {
        let up = self.fraction.get(scale).is_some_and(|&d| d >= 5);
        self.fraction.resize(scale, 0);
        if !up {
            return;
        }
        for digit in self
            .fraction
            .iter_mut()
            .rev()
            .chain(self.whole.iter_mut().rev())
        {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.whole.insert(0, 1);
    }

    /// The whole part as an integer after rounding; `None` beyond 38 digits.
    pub(super) fn into_integer(mut self) -> Option<i128> {
        self.round(0);
        let mut value: i128 = 0;
        for digit in &self.whole {
            value = value.checked_mul(10)?.checked_add(i128::from(*digit))?;
        }
        Some(if self.negative { -value } else { value })
    }

    fn is_zero(&self) -> bool {
        self.whole.iter().chain(&self.fraction).all(|&d| d == 0)
    }

    /// Appends the packed form, rounded to the scale; `false` (and nothing appended) when it does not fit.
    pub(super) fn pack(
        mut self,
        precision: u8,
        scale: u8,
        unsigned: bool,
        out: &mut Vec<u8>,
    ) -> bool {
        let (whole, fraction) = digits(precision, scale);
        self.round(fraction);
        let negative = self.negative && !self.is_zero();
        if self.whole.len() > whole || (negative && unsigned) {
            return false;
        }
        let start = out.len();
        let missing = whole - self.whole.len();
        let mut all = std::iter::repeat_n(0, missing)
            .chain(self.whole)
            .chain(self.fraction);
        for (digits, _) in groups(precision, scale) {
            let value = all
                .by_ref()
                .take(digits)
                .fold(0u32, |n, d| n * 10 + u32::from(d));
            out.extend_from_slice(&value.to_be_bytes()[4 - GROUP_BYTES[digits]..]);
        }
        if negative {
            out[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
        if let Some(first) = out.get_mut(start) {
            *first ^= 0x80;
        }
        true
    }
}
