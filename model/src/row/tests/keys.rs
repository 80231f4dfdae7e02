//! Keys are equal where MySQL says so, and sort as MySQL sorts.

use super::*;
use proptest::prelude::*;

fn key(column: &Column, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    append_key(column, None, Some(&parsed(column, text)), &mut out);
    out
}

fn equal(collation: &str, a: &str, b: &str) -> bool {
    let column = varchar(collation);
    key(&column, a) == key(&column, b)
}

#[test]
fn strings_are_equal_as_mysql_says() {
    // Answers of MySQL 9.7.4 to `select 'a' = 'b' collate …`.
    for (collation, a, b, answer) in [
        ("utf8mb4_0900_ai_ci", "a", "A", true),
        ("utf8mb4_0900_ai_ci", "a", "a ", false),
        ("utf8mb4_0900_ai_ci", "résumé", "RESUME", true),
        ("utf8mb4_0900_ai_ci", "ß", "ss", true),
        ("utf8mb4_0900_ai_ci", "æ", "AE", true),
        ("utf8mb4_0900_ai_ci", "ø", "o", true),
        ("utf8mb4_0900_ai_ci", "й", "и", false),
        ("utf8mb4_0900_ai_ci", "Σ", "ς", true),
        ("utf8mb4_0900_ai_ci", "カ", "が", true),
        ("utf8mb4_0900_ai_ci", "a\u{1}b", "ab", true),
        ("utf8mb4_0900_ai_ci", "🙂", "🙃", false),
        ("utf8mb4_0900_as_ci", "é", "É", true),
        ("utf8mb4_0900_as_ci", "é", "e", false),
        ("utf8mb4_0900_as_cs", "é", "É", false),
        ("utf8mb4_0900_as_cs", "é", "e\u{301}", true),
        ("utf8mb4_0900_bin", "a", "a ", false),
        ("utf8mb4_bin", "a", "a ", true),
        ("utf8mb4_bin", "a", "A", false),
        ("utf8mb4_general_ci", "ß", "s", true),
        ("utf8mb4_general_ci", "ß", "ss", false),
        ("utf8mb4_general_ci", "É ", "e", true),
        ("utf8mb4_general_ci", "ё", "Е", true),
        ("utf8mb4_general_ci", "ø", "o", false),
        ("utf8mb4_general_ci", "🙂", "🙃", true),
        ("utf8mb4_unicode_ci", "ß", "ss", true),
        ("utf8mb4_unicode_ci", "a ", "a", true),
        ("utf8mb4_unicode_ci", "ø", "o", false),
        ("utf8mb4_unicode_ci", "🙂", "🙃", true),
        ("utf8mb4_unicode_520_ci", "ø", "o", true),
        ("utf8mb4_unicode_520_ci", "🙂", "🙃", false),
        ("latin1_swedish_ci", "ä", "æ", true),
        ("latin1_swedish_ci", "ü", "Y", true),
        ("latin1_swedish_ci", "é ", "E", true),
        ("latin1_swedish_ci", "å", "a", false),
        ("latin1_bin", "é", "É", false),
    ] {
        assert_eq!(
            equal(collation, a, b),
            answer,
            "{a:?} = {b:?} collate {collation}"
        );
    }
}

#[test]
fn numbers_are_equal_by_value() {
    let double = column(ColumnKind::Double);
    assert_eq!(key(&double, "-0"), key(&double, "0"));
    let decimal = column(ColumnKind::Decimal {
        precision: 10,
        scale: 2,
        unsigned: false,
    });
    let mut minus_zero = Vec::new();
    append_key(
        &decimal,
        None,
        Some(&[0x7f, 0xff, 0xff, 0xff, 0xff]),
        &mut minus_zero,
    );
    assert_eq!(minus_zero, key(&decimal, "0"));
}

#[test]
fn prefixes_count_characters_of_text_and_bytes_of_binaries() {
    let column = varchar("utf8mb4_0900_ai_ci");
    let prefixed = |text: &str| {
        let mut out = Vec::new();
        append_key(&column, Some(2), Some(&parsed(&column, text)), &mut out);
        out
    };
    assert_eq!(prefixed("éax"), prefixed("EAY"));
    assert_ne!(prefixed("éax"), prefixed("EBX"));
    let bytes = super::column(ColumnKind::Varbinary { max_bytes: 10 });
    let mut keys = (Vec::new(), Vec::new());
    append_key(&bytes, Some(2), Some(&[3, 1, 2, 3]), &mut keys.0);
    append_key(&bytes, Some(2), Some(&[4, 1, 2, 4, 5]), &mut keys.1);
    assert_eq!(keys.0, keys.1);
}

#[test]
fn keys_sort_as_the_columns_do_with_null_first() {
    let sorted = |column: &Column, texts: &[&str]| {
        let mut null = Vec::new();
        append_sort_key(column, None, &mut null);
        let mut keys = vec![null];
        keys.extend(texts.iter().map(|text| {
            let mut out = Vec::new();
            append_sort_key(column, Some(&parsed(column, text)), &mut out);
            out
        }));
        assert!(keys.is_sorted_by(|a, b| a < b), "{texts:?}");
    };
    sorted(
        &column(ColumnKind::Int {
            bytes: 4,
            unsigned: false,
        }),
        &["-5", "-1", "0", "1", "256"],
    );
    sorted(
        &column(ColumnKind::Int {
            bytes: 8,
            unsigned: true,
        }),
        &["0", "1", "18446744073709551615"],
    );
    sorted(
        &column(ColumnKind::Double),
        &["-1e300", "-1", "0", "1e-300", "2"],
    );
    sorted(&column(ColumnKind::Float), &["-1.5", "0", "2.5"]);
    let decimal = ColumnKind::Decimal {
        precision: 20,
        scale: 5,
        unsigned: false,
    };
    sorted(
        &column(decimal),
        &["-100.5", "-100.4", "0", "0.00001", "99", "100"],
    );
    sorted(
        &column(ColumnKind::Date),
        &["0000-00-00", "1999-12-31", "2000-01-01", "2000-02-01"],
    );
    sorted(
        &column(ColumnKind::Time { fsp: 3 }),
        &["-01:00:00", "-00:00:00.5", "00:00:00", "12:00:00.001"],
    );
    sorted(
        &column(ColumnKind::OldTime),
        &["-01:00:00", "00:00:00", "12:00:00"],
    );
    sorted(
        &column(ColumnKind::DateTime { fsp: 6 }),
        &["0000-00-00 00:00:00", "2020-01-01 00:00:00.000001"],
    );
    sorted(
        &column(ColumnKind::Varbinary { max_bytes: 9 }),
        &["", "00", "0000", "0001", "01", "FF"],
    );
    sorted(
        &varchar("utf8mb4_0900_ai_ci"),
        &["", "_", "0", "a", "B", "bé", "c", "日"],
    );
    sorted(
        &varchar("utf8mb4_general_ci"),
        &["", "0", "a", "B", "c", "_"],
    );
    sorted(&varchar("utf8mb4_bin"), &["B", "_", "a"]);
}

#[test]
fn integer_keys_keep_the_order() {
    let signed = ColumnKind::Int {
        bytes: 2,
        unsigned: false,
    };
    let keys: Vec<_> = [-300i16, -1, 0, 300]
        .iter()
        .map(|n| integer_key(&signed, &n.to_le_bytes()).unwrap())
        .collect();
    assert!(keys.is_sorted());
    assert_eq!(
        integer_key(
            &ColumnKind::Int {
                bytes: 1,
                unsigned: true
            },
            &[200]
        ),
        Some(200)
    );
    assert_eq!(integer_key(&ColumnKind::Double, &[0; 8]), None);
}

proptest! {
    #![proptest_config(crate::cases::config(256))]

    #[test]
    fn a_key_of_two_parts_says_where_the_first_ends(a in "[a-b]{0,3}", b in "[a-b]{0,3}", c in "[a-b]{0,3}", d in "[a-b]{0,3}") {
        let column = varchar("utf8mb4_bin");
        let pair = |first: &str, second: &str| [key(&column, first), key(&column, second)].concat();
        prop_assert_eq!(pair(&a, &b) == pair(&c, &d), (a, b) == (c, d));
    }

    #[test]
    fn bytes_sort_as_bytes(a in prop::collection::vec(0u8..3, 0..6), b in prop::collection::vec(0u8..3, 0..6)) {
        let column = column(ColumnKind::Blob { length_bytes: 1 });
        let key = |bytes: &[u8]| {
            let mut out = Vec::new();
            append_sort_key(&column, Some(&[&[bytes.len() as u8], bytes].concat()), &mut out);
            out
        };
        prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
    }
}
