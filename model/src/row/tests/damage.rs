//! Bytes from anywhere never panic, and never make more than a small multiple of themselves.

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(crate::cases::config(256))]

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,30}") {
        for kind in every_kind() {
            let column = text_column(kind, "utf8mb4", "utf8mb4_0900_ai_ci");
            let _ = value_len(&column.kind, &bytes);
            let shown = rendered(&column, &bytes);
            // Every byte is at most an escape of six characters, the longest type name, or padding of BINARY.
            prop_assert!(shown.len() <= 8 * bytes.len() + 400, "{} from {}", shown.len(), bytes.len());
            let mut out = Vec::new();
            append_key(&column, Some(3), Some(&bytes), &mut out);
            append_sort_key(&column, Some(&bytes), &mut out);
            let _ = parse(&column, &text, &mut out);
            for to in every_kind() {
                let _ = convert(&column, &bytes, &text_column(to, "latin1", "latin1_swedish_ci"), &mut out);
            }
        }
    }

    #[test]
    fn a_damaged_image_ends_early(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
        let columns: Vec<Column> = every_kind().into_iter().map(column).collect();
        let image = &bytes[..cut.min(bytes.len())];
        let whole = image_len(&columns, image);
        let count = fields(&columns, image).count();
        prop_assert_eq!(whole.is_ok(), count == columns.len());
        let layout = Layout::of(&columns);
        prop_assert_eq!(layout.image_len(&columns, image), whole);
        // Without NULLs the layout takes its short way.
        let mut full = image.to_vec();
        full.iter_mut().take(columns.len().div_ceil(8)).for_each(|byte| *byte = 0);
        prop_assert_eq!(layout.image_len(&columns, &full), image_len(&columns, &full));
        for index in 0..columns.len() + 3 {
            let _ = field(&columns, image, index);
        }
        let partial = Partial { present: image, image: &bytes };
        let _ = partial.iter(&columns).count();
        let _ = Partial::len(&columns, image, &bytes);
        let _ = partial.merge_over(&columns, Some(image), &mut ImageBuilder::default());
    }
}

#[test]
fn json_that_refers_to_itself_a_thousand_times_is_stopped() {
    // Arrays of four entries that all point to the array itself would print 4^100 values.
    let mut document = vec![0x02, 4, 0, 16, 0];
    for _ in 0..4 {
        document.extend([0x02, 0, 0]);
    }
    let mut raw = (document.len() as u32).to_le_bytes().to_vec();
    raw.extend(&document);
    let shown = rendered(&column(ColumnKind::Json), &raw);
    assert_eq!(shown.len(), 2 * document.len(), "shown in hex");
}

#[test]
fn a_length_that_promises_gigabytes_is_only_compared() {
    let blob = ColumnKind::Blob { length_bytes: 4 };
    assert_eq!(
        value_len(&blob, &[0xff, 0xff, 0xff, 0xff, 1]),
        Err(RowError::Truncated)
    );
}
