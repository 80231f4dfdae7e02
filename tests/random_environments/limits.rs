//! The limits of some strategies, as [`crate::random::limits`] has those of all.

use crate::random::Rehearsal;
use cutover::sim::environment::Source;

/// A snapshot is cut through the volume. What was acknowledged is on it, and its coordinates and its GTIDs say the
/// same, if both logs are synced at every commit: `sync_binlog = 1` and `innodb_flush_log_at_trx_commit = 1` (MySQL
/// manual, `sync_binlog`: "for the greatest possible durability and consistency in a replication setup").
/// `limit-lazy-redo-log.toml`, `limit-unsynced-binlog.toml`.
pub fn snapshots_have_what_was_acknowledged(mut rehearsal: Rehearsal) -> Rehearsal {
    let source = &mut rehearsal.environment.source;
    source.sync_binlog = 1;
    source.innodb_flush_log_at_trx_commit = 1;
    rehearsal
}

/// Auto-position needs GTIDs; and it needs less of the binlog: from 8.0.17 on the engine keeps the GTIDs of its
/// commits itself (WL#9211), so that a snapshot knows what is in it although the binlog was not synced.
/// `limit-unsynced-binlog-5-7.toml`.
pub fn snapshots_know_their_gtids(mut rehearsal: Rehearsal) -> Rehearsal {
    let source = &mut rehearsal.environment.source;
    source.gtid_mode = true;
    source.innodb_flush_log_at_trx_commit = 1;
    if !engine_keeps_gtids(source) {
        source.sync_binlog = 1;
    }
    rehearsal
}

/// A snapshot behind a freeze has what it has, and nothing comes after it that would move a counter of AUTO_INCREMENT on:
/// those are on the volume from 8.0 on (MySQL manual, "AUTO_INCREMENT Handling in InnoDB").
/// `limit-counters-in-memory.toml`.
pub fn snapshots_have_counters(mut rehearsal: Rehearsal) -> Rehearsal {
    let source = &mut rehearsal.environment.source;
    if source.engine_version.starts_with("5.") {
        source.engine_version = Source::default().engine_version;
    }
    rehearsal
}

fn engine_keeps_gtids(source: &Source) -> bool {
    !source.engine_version.starts_with("5.")
}
