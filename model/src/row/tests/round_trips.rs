//! `parse` is the inverse of `render` for every kind.

use super::*;
use proptest::prelude::*;

fn columns() -> Vec<Column> {
    let collation = Collation {
        charset: "utf8mb4".into(),
        name: "utf8mb4_bin".into(),
    };
    every_kind()
        .into_iter()
        .map(|kind| Column {
            collation: Some(collation.clone()),
            ..column(kind)
        })
        .collect()
}

/// Raw values as a server could have written them.
fn raw_value(kind: &ColumnKind, seed: &[u8], text: &str, number: u64) -> Vec<u8> {
    let column = &Column {
        collation: Some(Collation {
            charset: "utf8mb4".into(),
            name: "utf8mb4_bin".into(),
        }),
        ..column(kind.clone())
    };
    let (day, second) = (1 + number % 28, number % 60);
    let micros = number % 1_000_000;
    let moment = format!(
        "{}-{:02}-{day:02} 10:{second:02}:59.{micros:06}",
        1971 + number % 60,
        1 + number % 12
    );
    let text = match kind {
        ColumnKind::Int { bytes, unsigned } => {
            let value = number >> (64 - 8 * u32::from(*bytes));
            if *unsigned {
                value.to_string()
            } else {
                ((number as i64) >> (64 - 8 * u32::from(*bytes))).to_string()
            }
        }
        ColumnKind::Float => (f32::from_bits(number as u32 & 0x7f7f_ffff)).to_string(),
        ColumnKind::Double => (f64::from_bits(number & !(1 << 62))).to_string(),
        ColumnKind::Decimal {
            precision, scale, ..
        } => {
            let whole = usize::from(precision - scale).min(18);
            let digits = format!("{number:020}");
            format!(
                "-{}.{}",
                &digits[20 - whole..],
                &digits[20 - usize::from(*scale).min(20)..]
            )
        }
        ColumnKind::Bit { bits } => format!("{:X}", number >> (64 - u32::from(*bits))),
        ColumnKind::Year => (1901 + number % 255).to_string(),
        ColumnKind::Date | ColumnKind::DateTime { .. } | ColumnKind::OldDateTime => moment,
        ColumnKind::Timestamp { .. } | ColumnKind::OldTimestamp => moment,
        ColumnKind::Time { .. } | ColumnKind::OldTime => {
            format!(
                "{}{}:59:{second:02}.{micros:06}",
                if number.is_multiple_of(2) { "-" } else { "" },
                number % 838
            )
        }
        ColumnKind::Char { .. } | ColumnKind::Varchar { .. } | ColumnKind::Text { .. } => {
            text.to_owned()
        }
        ColumnKind::Binary { .. }
        | ColumnKind::Varbinary { .. }
        | ColumnKind::Blob { .. }
        | ColumnKind::Geometry { .. }
        | ColumnKind::Vector { .. } => seed.iter().take(8).map(|b| format!("{b:02X}")).collect(),
        ColumnKind::Enum { members, .. } => members[number as usize % members.len()].clone(),
        ColumnKind::Set { .. } => if number.is_multiple_of(2) { "x,z" } else { "y" }.to_owned(),
        ColumnKind::Json => {
            let string = serde_json::to_string(text).unwrap();
            format!(
                "{{\"k\": [{number}, {string}, {}], \"longer\": null}}",
                f64::from_bits(number & !(1 << 62))
            )
        }
    };
    parsed(column, &text)
}

proptest! {
    #![proptest_config(crate::cases::config(256))]

    #[test]
    fn text_comes_back_as_the_same_text_and_bytes(seed in prop::collection::vec(any::<u8>(), 8..20), text in "\\PC{0,9}", number: u64) {
        for column in columns() {
            let raw = raw_value(&column.kind, &seed, &text, number);
            prop_assert_eq!(value_len(&column.kind, &raw), Ok(raw.len()));
            let shown = rendered(&column, &raw);
            let again = parsed(&column, &shown);
            prop_assert_eq!(rendered(&column, &again), shown);
            // A FLOAT's text has six digits only.
            if column.kind != ColumnKind::Float {
                prop_assert_eq!(again, raw, "{:?}", column.kind);
            }
        }
    }

    #[test]
    fn json_of_serde_is_read_like_serde_reads_it(numbers in prop::collection::vec(any::<i64>(), 0..5), text in "\\PC*") {
        let value = serde_json::json!({ "numbers": numbers, "text": text, "nested": [{ "t": true }] });
        let json = column(ColumnKind::Json);
        let shown = rendered(&json, &parsed(&json, &value.to_string()));
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
