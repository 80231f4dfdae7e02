//! Numbers as people read them.

/// With thousands separators: `5,432`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 committed write is`, `5,432 committed writes are`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// A length of time, to about three digits: `850 ms`, `41.3 s`, `12 min 5 s`, `3 h 12 min`, `2 d 4 h`.
pub fn human_ms(ms: u64) -> String {
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{big} {unit}")
        } else {
            format!("{big} {unit} {small} {small_unit}")
        }
    };
    let (s, min, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0 => "0 s".into(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 if ms % 1_000 / 100 == 0 => format!("{s} s"),
        1_000..60_000 => format!("{s}.{} s", ms % 1_000 / 100),
        60_000..3_600_000 => two(min, "min", s % 60, "s"),
        3_600_000..86_400_000 => two(h, "h", min % 60, "min"),
        _ => two(h / 24, "d", h % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (5_432, "5,432"),
            (123_456_789, "123,456,789"),
        ] {
            assert_eq!(thousands(n), text);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn times_are_in_the_units_that_people_use() {
        for (ms, text) in [
            (0, "0 s"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (41_370, "41.3 s"),
            (60_000, "1 min"),
            (725_000, "12 min 5 s"),
            (11_520_000, "3 h 12 min"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(human_ms(ms), text);
        }
        assert_eq!(human_ms(u64::MAX), "213503982334 d 14 h");
    }
}
