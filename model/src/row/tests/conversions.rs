//! Conversions as ALTER TABLE … MODIFY makes them in strict mode.

use super::*;

fn converted(from: &Column, text: &str, to: &Column) -> Result<String, u16> {
    let mut out = Vec::new();
    convert(from, &parsed(from, text), to, &mut out).map_err(|error| error.code())?;
    assert_eq!(value_len(&to.kind, &out), Ok(out.len()));
    Ok(rendered(to, &out))
}

fn ok(text: &str) -> Result<String, u16> {
    Ok(text.to_owned())
}

fn int(bytes: u8, unsigned: bool) -> Column {
    column(ColumnKind::Int { bytes, unsigned })
}

fn decimal(precision: u8, scale: u8) -> Column {
    column(ColumnKind::Decimal {
        precision,
        scale,
        unsigned: false,
    })
}

#[test]
fn integers_change_width_where_they_fit() {
    assert_eq!(converted(&int(4, false), "-5", &int(8, false)), ok("-5"));
    assert_eq!(converted(&int(4, false), "300", &int(1, true)), Err(1264));
    assert_eq!(converted(&int(4, false), "-1", &int(8, true)), Err(1264));
}

#[test]
fn numbers_are_rounded_as_their_types_do() {
    assert_eq!(
        converted(&decimal(10, 2), "2.50", &int(4, false)),
        ok("3"),
        "DECIMAL: half away from zero"
    );
    assert_eq!(
        converted(&column(ColumnKind::Double), "2.5", &int(4, false)),
        ok("2"),
        "DOUBLE: half to even"
    );
    assert_eq!(
        converted(&decimal(10, 3), "-1.005", &decimal(10, 2)),
        ok("-1.01")
    );
    assert_eq!(
        converted(&decimal(10, 0), "1000", &decimal(5, 2)),
        Err(1264)
    );
    assert_eq!(converted(&int(4, false), "7", &decimal(10, 2)), ok("7.00"));
    assert_eq!(
        converted(&column(ColumnKind::Double), "0.1", &decimal(20, 18)),
        ok("0.100000000000000000")
    );
    assert_eq!(
        converted(&decimal(10, 2), "1.25", &column(ColumnKind::Double)),
        ok("1.25")
    );
}

#[test]
fn text_becomes_what_it_says_or_an_error() {
    let text = varchar("utf8mb4_0900_ai_ci");
    assert_eq!(converted(&text, " 12.5 ", &int(4, false)), ok("13"));
    assert_eq!(converted(&text, "12x", &int(4, false)), Err(1366));
    assert_eq!(
        converted(&text, "2026-1-2", &column(ColumnKind::Date)),
        ok("2026-01-02")
    );
    assert_eq!(
        converted(&text, "2026-02-30", &column(ColumnKind::Date)),
        Err(1366)
    );
    assert_eq!(converted(&int(4, false), "-7", &text), ok("-7"));
    assert_eq!(
        converted(&text, "{\"b\":1,\"a\":2}", &column(ColumnKind::Json)),
        ok("{\"a\": 2, \"b\": 1}")
    );
    let short = text_column(
        ColumnKind::Varchar { max_bytes: 8 },
        "utf8mb4",
        "utf8mb4_bin",
    );
    assert_eq!(converted(&text, "abc", &short), Err(1406));
    assert_eq!(
        converted(&text, "ab   ", &short),
        ok("ab"),
        "spaces beyond the end are cut"
    );
    let latin1 = text_column(
        ColumnKind::Varchar { max_bytes: 30 },
        "latin1",
        "latin1_swedish_ci",
    );
    assert_eq!(converted(&text, "é", &latin1), ok("é"));
    assert_eq!(converted(&text, "日", &latin1), Err(1366));
    assert_eq!(
        converted(&text, "é", &column(ColumnKind::Varbinary { max_bytes: 9 })),
        ok("C3A9")
    );
    assert_eq!(
        converted(
            &column(ColumnKind::Varbinary { max_bytes: 9 }),
            "C3A9",
            &text
        ),
        ok("é")
    );
}

#[test]
fn dates_and_times_are_rounded() {
    let datetime = |fsp| column(ColumnKind::DateTime { fsp });
    assert_eq!(
        converted(&datetime(6), "2020-12-31 23:59:59.500000", &datetime(0)),
        ok("2021-01-01 00:00:00")
    );
    assert_eq!(
        converted(&datetime(3), "2020-01-01 00:00:00.444", &datetime(1)),
        ok("2020-01-01 00:00:00.4")
    );
    let date = column(ColumnKind::Date);
    assert_eq!(
        converted(&datetime(0), "2020-01-01 12:00:00", &date),
        ok("2020-01-01")
    );
    assert_eq!(
        converted(&date, "2020-01-01", &datetime(2)),
        ok("2020-01-01 00:00:00.00")
    );
    let timestamp = column(ColumnKind::Timestamp { fsp: 0 });
    assert_eq!(
        converted(&datetime(0), "2020-01-01 12:00:00", &timestamp),
        ok("2020-01-01 12:00:00")
    );
    assert_eq!(converted(&date, "1960-01-01", &timestamp), Err(1366));
    let time = |fsp| column(ColumnKind::Time { fsp });
    assert_eq!(
        converted(&datetime(3), "2020-01-01 12:00:00.700", &time(0)),
        ok("12:00:01")
    );
    assert_eq!(
        converted(&time(3), "-00:00:01.500", &time(0)),
        ok("-00:00:02")
    );
    assert_eq!(
        converted(&datetime(0), "2020-01-02 03:04:05", &int(8, false)),
        ok("20200102030405")
    );
    let old = column(ColumnKind::OldDateTime);
    assert_eq!(
        converted(&old, "2020-01-02 03:04:05", &datetime(0)),
        ok("2020-01-02 03:04:05")
    );
}

#[test]
fn members_go_by_name_and_by_index() {
    let from = column(ColumnKind::Enum {
        members: members(&["a", "b"]),
        bytes: 1,
    });
    let to = text_column(
        ColumnKind::Enum {
            members: members(&["z", "É", "b"]),
            bytes: 2,
        },
        "utf8mb4",
        "utf8mb4_0900_ai_ci",
    );
    assert_eq!(converted(&from, "b", &to), ok("b"));
    assert_eq!(converted(&from, "a", &to), Err(1265));
    assert_eq!(
        converted(&varchar("utf8mb4_bin"), "e", &to),
        ok("É"),
        "members compare under the collation"
    );
    assert_eq!(converted(&from, "b", &int(4, false)), ok("2"));
    let set = column(ColumnKind::Set {
        members: members(&["x", "y"]),
        bytes: 1,
    });
    assert_eq!(converted(&varchar("utf8mb4_bin"), "y,x", &set), ok("x,y"));
    assert_eq!(converted(&set, "x,y", &varchar("utf8mb4_bin")), ok("x,y"));
}

#[test]
fn geometry_becomes_no_number() {
    let from = column(ColumnKind::Geometry { length_bytes: 4 });
    assert_eq!(converted(&from, "00", &int(4, false)), Err(1677));
}
