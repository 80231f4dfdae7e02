//! Full and partial images.

use super::*;

fn columns() -> Vec<Column> {
    let int = column(ColumnKind::Int {
        bytes: 4,
        unsigned: false,
    });
    let text = text_column(
        ColumnKind::Varchar { max_bytes: 40 },
        "utf8mb4",
        "utf8mb4_bin",
    );
    let filled = Column {
        default: Default::Literal(Some("7".into())),
        ..int.clone()
    };
    let tiny = Column {
        nullable: false,
        ..column(ColumnKind::Int {
            bytes: 1,
            unsigned: true,
        })
    };
    vec![int, text, filled, tiny]
}

#[test]
fn an_image_is_read_as_it_was_built() {
    let columns = columns();
    let mut builder = ImageBuilder::default();
    for _ in 0..2 {
        builder.start(4);
        builder.push(&[1, 0, 0, 0]);
        builder.push_null();
        builder.push(&[2, 0, 0, 0]);
        builder.push(&[3]);
    }
    let image = builder.image();
    assert_eq!(image, [0b0010, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    assert_eq!(image_len(&columns, image), Ok(10));
    let all: Vec<_> = fields(&columns, image).collect();
    assert_eq!(
        all,
        [
            Some(&[1u8, 0, 0, 0][..]),
            None,
            Some(&[2, 0, 0, 0]),
            Some(&[3])
        ]
    );
    for (index, raw) in all.into_iter().enumerate() {
        assert_eq!(field(&columns, image, index), raw);
    }
}

#[test]
fn a_minimal_image_is_completed_from_the_row_before() {
    let columns = columns();
    let base = [0b0000, 1, 0, 0, 0, 1, b'a', 2, 0, 0, 0, 3];
    // Columns 1 and 3 are present; column 1 is NULL.
    let partial = Partial {
        present: &[0b1010],
        image: &[0b01, 9],
    };
    assert!(!partial.is_full(4));
    assert_eq!(
        Partial::len(&columns, partial.present, &[0b01, 9, 77, 77]),
        Ok(2)
    );
    assert_eq!(
        partial.iter(&columns).collect::<Vec<_>>(),
        [(1, None), (3, Some(&[9u8][..]))]
    );
    let mut out = ImageBuilder::default();
    partial.merge_over(&columns, Some(&base), &mut out).unwrap();
    assert_eq!(out.image(), [0b0010, 1, 0, 0, 0, 2, 0, 0, 0, 9]);
}

#[test]
fn a_minimal_image_without_a_row_before_takes_the_defaults() {
    let columns = columns();
    let partial = Partial {
        present: &[0b0001],
        image: &[0, 5, 0, 0, 0],
    };
    let mut out = ImageBuilder::default();
    partial.merge_over(&columns, None, &mut out).unwrap();
    // NULL for the nullable column, the literal 7, and zero for NOT NULL without a default.
    assert_eq!(out.image(), [0b0010, 5, 0, 0, 0, 7, 0, 0, 0, 0]);
}

#[test]
fn the_spare_bits_of_the_bitmap_do_not_count() {
    let full = Partial {
        present: &[0xff],
        image: &[],
    };
    assert!(full.is_full(4), "bits beyond the columns are skipped");
    assert!(same_image(4, &[0xf2, 1], &[0x02, 1]));
    assert!(!same_image(4, &[0xf2, 1], &[0x03, 1]));
    assert!(!same_image(8, &[0xf2, 1], &[0x02, 1]));
}

#[test]
fn every_kind_has_an_implicit_default_that_is_a_value() {
    for kind in every_kind() {
        let column = Column {
            nullable: false,
            ..column(kind)
        };
        let mut out = ImageBuilder::default();
        out.start(1);
        push_default(&column, &mut out);
        let columns = [column];
        assert_eq!(
            image_len(&columns, out.image()),
            Ok(out.image().len()),
            "{:?}",
            columns[0].kind
        );
        assert_eq!(fields(&columns, out.image()).count(), 1);
    }
}

#[test]
fn now_is_cut_to_the_column_and_needs_a_clock() {
    let column = Column {
        default: Default::Now,
        ..column(ColumnKind::Timestamp { fsp: 3 })
    };
    let mut out = ImageBuilder::default();
    out.start(1);
    push_default_at(&column, 1_600_000_000_123_999, &mut out);
    let raw = field(std::slice::from_ref(&column), out.image(), 0).unwrap();
    assert_eq!(rendered(&column, raw), "2020-09-13 12:26:40.123");
    out.start(1);
    push_default(&column, &mut out);
    assert_eq!(out.image(), [1], "without one: NULL");
}
