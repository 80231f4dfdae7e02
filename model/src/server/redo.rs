//! How far the engine's redo log has got: which records a crash leaves.
//!
//! With a binlog, a transaction writes two records: PREPARE when it enters the commit queue, COMMIT in the
//! engine's stage. Neither is flushed by itself; the log is flushed for a whole group at the start of its
//! FLUSH stage, as `innodb_flush_log_at_trx_commit` says (1: to the disk, 2: to the operating system, 0: not
//! at all), so a COMMIT record becomes durable with the *next* group. Whatever the setting, the log is
//! flushed to the disk once a second, for a rotation of the binlog, and for the commit of DDL. Source:
//! `innobase_flush_logs` (ha_innodb.cc), `trx_commit_complete_for_mysql` (trx0trx.cc), `new_file_impl`
//! (binlog.cc).

use super::Durability;

const FLUSH_EVERY_US: u64 = 1_000_000;

/// A record: its place in the log, and when it was written, in µs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    number: u64,
    at: u64,
}

/// The marks of a redo log, as numbers of records.
#[derive(Debug, Default)]
pub(super) struct Redo {
    last: u64,
    written: u64,
    synced: u64,
}

impl Redo {
    /// Writes a record into the log's buffer.
    pub(super) fn write(&mut self, at: u64) -> Record {
        self.last += 1;
        let number = self.last;
        Record { number, at }
    }

    /// The flush for a group.
    pub(super) fn flush(&mut self, flush_log_at_commit: u8) {
        match flush_log_at_commit {
            0 => {}
            1 => self.sync(),
            _ => self.written = self.last,
        }
    }

    /// Everything is on the disk.
    pub(super) fn sync(&mut self) {
        self.written = self.last;
        self.synced = self.last;
    }

    /// Whether a record survives a crash at `now`.
    pub(super) fn keeps(&self, record: Record, now: u64, durability: Durability) -> bool {
        let mark = match durability {
            Durability::Process => self.written,
            Durability::Volume => self.synced,
        };
        record.number <= mark || record.at < now / FLUSH_EVERY_US * FLUSH_EVERY_US
    }
}
