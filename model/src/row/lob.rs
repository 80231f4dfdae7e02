//! TEXT and BLOB values that are cut to a length, as tools do that move them with a limit.

use super::image::{ImageBuilder, fields, payload, push_prefixed};
use crate::schema::{Column, ColumnKind};

/// Whether a column is a LOB to a tool that treats these apart.
pub fn is_lob(kind: &ColumnKind) -> bool {
    matches!(kind, ColumnKind::Text { .. } | ColumnKind::Blob { .. })
}

/// Writes a full image in which no LOB has more than `limit` bytes; false, and nothing to use, when that is how it is.
pub fn shorten_lobs(columns: &[Column], image: &[u8], limit: u64, out: &mut ImageBuilder) -> bool {
    shorten(columns, image, is_lob, limit, out)
}

/// The same for the values of whatever columns.
pub(crate) fn shorten(
    columns: &[Column],
    image: &[u8],
    which: impl Fn(&ColumnKind) -> bool,
    limit: u64,
    out: &mut ImageBuilder,
) -> bool {
    let long = |column: &Column, raw: &[u8]| {
        which(&column.kind) && payload(&column.kind, raw).len() as u64 > limit
    };
    let values = || columns.iter().zip(fields(columns, image));
    if !values().any(|(column, raw)| raw.is_some_and(|raw| long(column, raw))) {
        return false;
    }
    out.start(columns.len());
    for (column, raw) in values() {
        match raw {
            None => out.push_null(),
            Some(raw) if long(column, raw) => {
                let text = payload(&column.kind, raw);
                let mut cut = Vec::new();
                push_prefixed(&column.kind, &text[..limit as usize], &mut cut);
                out.push(&cut);
            }
            Some(raw) => out.push(raw),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Default, Display};

    fn column(kind: ColumnKind) -> Column {
        Column {
            name: "c".into(),
            kind,
            nullable: true,
            collation: None,
            default: Default::Implicit,
            auto_increment: false,
            generated: None,
            display: Display::default(),
        }
    }

    #[test]
    fn only_long_lobs_are_cut_and_nothing_else_changes() {
        let columns = [
            column(ColumnKind::Varchar { max_bytes: 200 }),
            column(ColumnKind::Text { length_bytes: 2 }),
            column(ColumnKind::Blob { length_bytes: 2 }),
        ];
        let mut image = ImageBuilder::default();
        image.start(3);
        image.push(b"\x05plain");
        image.push(b"\x0a\x000123456789");
        image.push_null();
        let mut out = ImageBuilder::default();
        assert!(!shorten_lobs(&columns, image.image(), 10, &mut out));
        assert!(shorten_lobs(&columns, image.image(), 4, &mut out));
        let values: Vec<_> = fields(&columns, out.image()).collect();
        assert_eq!(
            values,
            [Some(&b"\x05plain"[..]), Some(b"\x04\x000123"), None]
        );
    }
}
