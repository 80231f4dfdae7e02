//! The two groups of an XA transaction.
//!
//! ```text
//! GTID  QUERY XA START xid  TABLE_MAP…  ROWS…  QUERY XA END xid  XA_PREPARE
//! GTID  QUERY XA COMMIT xid
//! ```
//!
//! MySQL source: `MYSQL_BIN_LOG::write_xa_to_cache`, `XA_prepare_log_event` (compared with files of 9.7.4). Before
//! 5.7.7 there are none: an XA transaction is in the binlog as an ordinary one, at its COMMIT (measured on 5.6.24).

use super::{Head, RowWrite, Writer, event::Group};
use crate::binlog::event::EventType;

/// The id of an XA transaction as statements in the binlog have it: `X'..',X'..',1`, of its global part.
pub fn xid(gtrid: &[u8]) -> String {
    let hex: String = gtrid.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("X'{hex}',X'',1")
}

impl Writer {
    /// Appends the changes of an XA transaction up to its PREPARE.
    pub fn xa_prepare(
        &self,
        out: &mut Vec<u8>,
        start_pos: u64,
        head: &Head<'_>,
        rows: &[RowWrite<'_>],
        xid: &str,
    ) {
        let mut group = Group::open(self, out, start_pos, head, false);
        self.control(&mut group, head, &format!("XA START {xid}"));
        self.statements(&mut group, rows);
        self.control(&mut group, head, &format!("XA END {xid}"));
        let (gtrid, bqual, format_id) = parts(xid);
        let event = group.event(EventType::XA_PREPARE, 0);
        let one_phase = 0u8;
        group.out.push(one_phase);
        group.out.extend_from_slice(&format_id.to_le_bytes());
        for part in [&gtrid, &bqual] {
            group
                .out
                .extend_from_slice(&(part.len() as u32).to_le_bytes());
        }
        group.out.extend_from_slice(&gtrid);
        group.out.extend_from_slice(&bqual);
        group.close(event);
        group.finish();
    }

    /// Appends what decides an XA transaction that was prepared: XA COMMIT or XA ROLLBACK, as `statement` says.
    pub fn xa_decide(&self, out: &mut Vec<u8>, start_pos: u64, head: &Head<'_>, statement: &str) {
        let mut group = Group::open(self, out, start_pos, head, true);
        self.control(&mut group, head, statement);
        group.finish();
    }
}

/// Global part, branch and format of an id in the binlog's form. What is not in that form has no parts.
fn parts(xid: &str) -> (Vec<u8>, Vec<u8>, u32) {
    let mut of = xid.split(',').map(str::trim);
    let mut bytes = || {
        let hex = of.next()?.strip_prefix("X'")?.strip_suffix('\'')?;
        let digits = hex.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
            .collect::<Option<Vec<u8>>>()
    };
    let (gtrid, bqual) = (bytes().unwrap_or_default(), bytes().unwrap_or_default());
    let format_id = of.next().and_then(|text| text.parse().ok());
    (gtrid, bqual, format_id.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apply::xa_id,
        binlog::{
            decode::XaPrepare,
            encode::WriterOptions,
            event::Checksum,
            group::{GroupKind, Groups},
        },
    };

    #[test]
    fn the_two_groups_are_read_again_with_the_id_that_was_written() {
        let writer = Writer::new(WriterOptions::default());
        let (mut bytes, head, id) = (Vec::new(), Head::default(), xid(b"pay-7"));
        writer.xa_prepare(&mut bytes, 4, &head, &[], &id);
        let decided_at = 4 + bytes.len() as u64;
        writer.xa_decide(&mut bytes, decided_at, &head, &format!("XA COMMIT {id}"));
        let groups = Groups::new(&bytes, 4, Checksum::Crc32);
        let groups: Vec<_> = groups.map(|g| g.expect("a group")).collect();
        let kinds: Vec<_> = groups.iter().map(|g| g.kind).collect();
        assert_eq!(kinds, [GroupKind::XaPrepared, GroupKind::XaDecided]);
        let prepare = groups[0].events().last().expect("its end");
        let prepare = XaPrepare::decode(prepare.body).expect("the event");
        assert_eq!(
            (prepare.gtrid, prepare.bqual),
            (b"pay-7".as_slice(), b"".as_slice())
        );
        assert_eq!((prepare.format_id, prepare.one_phase), (1, false));
        let decision = groups[1]
            .statement()
            .expect("a statement")
            .text()
            .into_owned();
        assert_eq!(xa_id(&decision, "COMMIT"), Some(id));
    }
}
