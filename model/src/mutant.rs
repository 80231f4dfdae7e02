//! Mutants: known bugs, each a switch that is off, to prove that a check can fail.
//!
//! A property that no run ever violates may be true, or may be blind. Each mutant puts one real bug back into the
//! model, a client or the operator, and names the property that must catch it; the suite `tests/mutants` explores
//! each until it is caught. Without the cargo feature `mutants` [`Mutants::has`] is `false` at compile time, so an
//! ordinary build has none of them and pays nothing.
//!
//! A state machine carries its own set ([`crate::server::Config`], [`crate::replica::Config`], …): there are no
//! globals, and runs side by side do not influence each other.
//!
//! Sources: the codes (`APP-31`) are those of the catalogue of failure modes that the model is specified by; "made up"
//! says that no public bug is known to be just so.

/// What is known of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MutantFacts {
    /// The mutant.
    pub mutant: Mutant,
    /// Its name in a plan.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Where the bug is from.
    pub basis: &'static str,
    /// The property that must catch it: `P1` to `P19`.
    pub caught_by: &'static str,
}

macro_rules! catalogue {
    ($($variant:ident, $name:literal, $caught_by:ident, $about:literal, $basis:literal;)*) => {
        /// A mutant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $(#[doc = $about] $variant,)*
        }

        /// All mutants.
        pub const CATALOGUE: &[MutantFacts] = &[
            $(MutantFacts {
                mutant: Mutant::$variant,
                name: $name,
                about: $about,
                basis: $basis,
                caught_by: stringify!($caught_by),
            },)*
        ];
    };
}

catalogue! {
    FenceAdmitsOpenTransactions, "fence-admits-open-transactions", P8,
        "read_only stops new transactions alone: one that was open before it may go on and commit.",
        "CUT-02: Vitess #9400 and #16563, which fence by a list of denied queries";
    FenceOvertakesCommits, "fence-overtakes-commits", P8,
        "SET GLOBAL read_only returns while commits are under way.",
        "CUT-02, CUT-07: the lock that the server takes for this (fix_read_only, sys_vars.cc) left out";
    FenceLostAtRestart, "fence-lost-at-restart", P8,
        "The source forgets read_only when it is restarted, whatever its parameter group says.",
        "CUT-16: an old writer is read-only only until it reboots";
    FenceSparesOldSessions, "fence-spares-old-sessions", P9,
        "read_only holds for connections that are opened after it: pooled ones write on.",
        "CUT-05, CLI-02: connections that live on behind a fence";
    AckBeforeSync, "ack-before-sync", P1,
        "Commits are acknowledged before the binlog is synced, although sync_binlog = 1 is set.",
        "BIN-05, BIN-06: what a volume that lies about fsync does";
    PublishBeforeSync, "publish-before-sync", P2,
        "Dump threads read commit groups that are not synced yet, although sync_binlog = 1 is set.",
        "BIN-05: update_binlog_end_pos_after_sync (binlog.cc) left out";
    RecoveryCommitsUnlogged, "recovery-commits-unlogged", P6,
        "Crash recovery commits prepared transactions that are not in the binlog.",
        "the rule of MYSQL_BIN_LOG::recover left out";
    RecoveryDropsLogged, "recovery-drops-logged", P2,
        "Crash recovery rolls prepared transactions back that are in the binlog.",
        "the rule of MYSQL_BIN_LOG::recover left out";
    RecoveryTearsTransaction, "recovery-tears-transaction", P3,
        "Crash recovery commits a prepared transaction without its first change.",
        "made up: half of a transaction recovered";
    RecoveryKeepsOpen, "recovery-keeps-open", P2,
        "Recovery, a snapshot's too, keeps the changes of transactions that were open.",
        "SNAP-10: what a copy of files without crash recovery holds";
    GnoReusedAfterRestart, "gno-reused-after-restart", P1,
        "After a restart the server numbers its transactions from where its last binlog file began.",
        "made up after BIN-05: one GTID for two transactions";
    AutoIncrementForgotten, "auto-increment-forgotten", P14,
        "A restart makes AUTO_INCREMENT the largest id that is there plus one, as before 8.0.",
        "CUT-19, WL#6204";
    AutoIncrementNotApplied, "auto-increment-not-applied", P14,
        "Rows that arrive by replication do not move AUTO_INCREMENT on.",
        "CUT-19: ids handed out again after a promotion (GitHub 2012 as analogue)";
    DependencyLost, "dependency-lost", P11,
        "The source writes a last_committed that is too small: dependent transactions look independent.",
        "APP-15: an applier that believes in a wrong logical clock";
    DumpSkipsAfterRotation, "dump-skips-after-rotation", P5,
        "The dump thread leaves the first transaction of a new file out.",
        "APP-17 and ghostferry #156: events at a file's border";
    PurgedNotChecked, "purged-not-checked", P5,
        "The handshake by GTID does not look at gtid_purged: the dump begins at the oldest file that is left.",
        "BIN-01, BIN-22: check (3) of Binlog_sender::check_start_file left out";
    StepsOverPurgedFiles, "steps-over-purged-files", P1,
        "A receiver whose file was purged goes on with the oldest that is left.",
        "BIN-22: gh-ost #629; BIN-02 done by the software";
    GtidAtBegin, "gtid-at-begin", P5,
        "The receiver counts a transaction as received when it begins: one that is cut off is never asked for again.",
        "facts 4.6: tools that add the GTID at its event";
    PositionAheadOfReceive, "position-ahead-of-receive", P10,
        "A receiver that reconnects goes on behind what was on the way to it.",
        "APP-31, gh-ost 72cf2297: the position runs ahead of the data";
    CheckpointAheadOfApply, "checkpoint-ahead-of-apply", P6,
        "When the connection breaks, what was received and not applied is forgotten, and counts as applied.",
        "APP-31: gh-ost 72cf2297 (#1684)";
    PositionBehindApply, "position-behind-apply", P4,
        "A receiver that reconnects by position asks for what it has received and not applied yet, again.",
        "APP-12: position and data saved apart";
    PositionSavedApart, "position-saved-apart", P4,
        "The applier's position is saved apart from the data: a crash of the target leaves that of one transaction before.",
        "APP-12: relay_log_info_repository = FILE";
    RelayLogNotRecovered, "relay-log-not-recovered", P1,
        "After a crash the receiver goes on where it was, although relay_log_recovery = ON and the relay log is gone.",
        "APP-14: what relay_log_recovery is for";
    GtidHull, "gtid-hull", P1,
        "A restart of the target closes the holes in its set of executed GTIDs.",
        "APP-32: flink-cdc #3845, #4072 and #3452";
    ChecksumsNotVerified, "checksums-not-verified", P12,
        "Neither receiver nor applier verifies the checksums of events.",
        "BIN-16: corruption that a consumer without CRC32 lets through";
    ExecutedCountsReceived, "executed-counts-received", P10,
        "The status counts what was received as executed.",
        "CUT-06: a gate on what was retrieved (orchestrator's DelayMasterPromotionIfSQLThreadNotUpToDate)";
    LagFrozen, "lag-frozen", P17,
        "Seconds_Behind_Source is 0 as long as the applier runs.",
        "APP-01, APP-03, CUT-09: a lag that says nothing";
    CommitOrderIgnored, "commit-order-ignored", P5,
        "Workers commit as they are done, although replica_preserve_commit_order = ON.",
        "APP-15, APP-16";
    ClockNotReset, "clock-not-reset", P11,
        "The applier compares the logical clock of a new file with that of the file before.",
        "APP-17: gh-ost #1454 and #1692, mysql-ripple #26";
    ApplierIdempotent, "applier-idempotent", P4,
        "The applier passes over 1062 and 1032, although it is set to be strict.",
        "APP-21; DMS-06 by analogy";
    LastRowDropped, "last-row-dropped", P7,
        "The applier leaves out the last row of a transaction that has several.",
        "made up: an off-by-one at the end of a rows event";
    ForeignKeysIgnored, "foreign-keys-ignored", P16,
        "The applier's engine neither checks foreign keys nor cascades.",
        "BIN-11: cascades are not in the log";
    ReplicaRunsEvents, "replica-runs-events", P9,
        "An event that came by replication is enabled on the replica, and runs on both sides.",
        "CUT-20: check_originator_id (sql/event_parse_data.cc) left out";
    ErrantGtids, "errant-gtids", P13,
        "The applier commits a transaction of the target's own beside each that it applies.",
        "APP-07: errant GTIDs pass the handshake";
    SnapshotTorn, "snapshot-torn", P16,
        "The snapshot has the table of orders as it was a little earlier than the others.",
        "S7, DMS-01: each table is read at another time";
    GtidExcess, "gtid-excess", P1,
        "The restored cluster counts everything as executed that the source has executed by then.",
        "APP-05: flink-cdc #3452 and #4072";
    GtidHole, "gtid-hole", P4,
        "The restored cluster does not know the GTIDs of the binlog file that was open at the snapshot.",
        "APP-06, APP-08";
    CoordinatesTooLate, "coordinates-too-late", P6,
        "The restored instance names the position where the source's binlog ends by then.",
        "SNAP-03, SNAP-05, SNAP-06: a recovery event that is not of the cut";
    CoordinatesFromTarget, "coordinates-from-target", P10,
        "The fence's GTID set is read on the target instead of on the source.",
        "CUT-08: ghostferry #19";
    BlindRetry, "blind-retry", P4,
        "The driver tries a transaction again whose outcome it does not know.",
        "CLI-04: SQLSTATE 08007 and a retry";
    UnknownReportedFailed, "unknown-reported-failed", P2,
        "The driver tells its client that a COMMIT failed whose answer was lost.",
        "CLI-05, CLI-11";
    UnknownReportedOk, "unknown-reported-ok", P1,
        "The driver tells its client that a COMMIT succeeded whose answer was lost.",
        "CLI-11 the other way round";
    DriverContinues, "driver-continues", P7,
        "The driver reconnects in the middle of a transaction and goes on with the next statement.",
        "CUT-22: auto-reconnect of MySQL's client library";
    ReadsFromReplica, "reads-from-replica", P15,
        "Clients read from the target as soon as it replicates.",
        "CLI-06: read your writes across the switch";
    ResolverIgnoresTtl, "resolver-ignores-ttl", P17,
        "Resolvers keep a name for ever, whatever its TTL.",
        "CLI-01: a JVM's cache";
    ErrorsIgnored, "errors-ignored", P1,
        "A tool that applies rows as a client leaves out whatever the target refuses, whatever its error policies say.",
        "DMS-06: the defaults LOG_ERROR and IGNORE_RECORD";
    CaptureIsCheckpoint, "capture-is-checkpoint", P1,
        "A DMS task saves how far it has captured as how far it has applied.",
        "APP-31: gh-ost 72cf2297";
    ValueTruncated, "value-truncated", P12,
        "A tool that applies rows as a client cuts texts.",
        "DMS-03: truncation with a line in the log";
    BatchOutOfOrder, "batch-out-of-order", P11,
        "Batch apply takes the oldest change of a row for its net change.",
        "DMS-07";
    CachedChangeLost, "cached-change-lost", P1,
        "A DMS task forgets the changes to a table that it had captured while the table was loaded.",
        "the overlap of copy and stream: gh-ost #1030, DMS-05";
    AbortNeverArrives, "abort-never-arrives", P18,
        "When the migration is given up, the parameter group that is to make the source writable again is never delivered.",
        "CUT-13: an abort that leaves the source read-only";
    SameServerId, "same-server-id", P19,
        "The target was given the source's server_id: on the way back the source takes the target's transactions for its own, and leaves them out.",
        "APP-24: own-id events are skipped";
}

impl Mutant {
    /// What is known of it.
    pub fn facts(self) -> &'static MutantFacts {
        &CATALOGUE[self as usize]
    }
}

/// Why a plan's mutants cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MutantError {
    /// This build has no mutants.
    #[error(
        "this build has no mutants, and the plan switches `{0}` on; build cutover with `--features mutants`"
    )]
    NotBuilt(String),
    /// There is none of that name.
    #[error("there is no mutant `{0}`; `cutover list mutants` has them all")]
    Unknown(String),
}

/// A set of mutants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mutants {
    #[cfg(feature = "mutants")]
    bits: u64,
}

impl Mutants {
    /// None: what every server is.
    pub const NONE: Self = Self {
        #[cfg(feature = "mutants")]
        bits: 0,
    };

    /// Whether this build has mutants.
    pub const BUILT: bool = cfg!(feature = "mutants");

    /// The mutants of these names.
    ///
    /// # Errors
    /// [`MutantError`]: a name is not known, or the build has no mutants. No names are never an error.
    pub fn named(names: &[String]) -> Result<Self, MutantError> {
        let mut set = Self::NONE;
        for name in names {
            let facts = CATALOGUE.iter().find(|facts| facts.name == name);
            let facts = facts.ok_or_else(|| MutantError::Unknown(name.clone()))?;
            if !Self::BUILT {
                return Err(MutantError::NotBuilt(name.clone()));
            }
            set.insert(facts.mutant);
        }
        Ok(set)
    }
}

#[cfg(feature = "mutants")]
impl Mutants {
    /// Whether a mutant is switched on.
    #[inline]
    pub const fn has(self, mutant: Mutant) -> bool {
        self.bits >> mutant as u64 & 1 == 1
    }

    fn insert(&mut self, mutant: Mutant) {
        self.bits |= 1 << mutant as u64;
    }
}

#[cfg(not(feature = "mutants"))]
impl Mutants {
    /// No mutant is ever switched on in this build.
    #[inline]
    pub const fn has(self, _: Mutant) -> bool {
        false
    }

    fn insert(&mut self, _: Mutant) {}
}

const _: () = assert!(CATALOGUE.len() <= 64, "a set of mutants has 64 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_the_order_of_the_mutants_and_no_name_comes_twice() {
        for (i, facts) in CATALOGUE.iter().enumerate() {
            assert_eq!(facts.mutant as usize, i, "{}", facts.name);
            assert_eq!(facts.mutant.facts(), facts);
            assert!(facts.about.ends_with('.'), "{}", facts.name);
            let same = CATALOGUE.iter().filter(|f| f.name == facts.name);
            assert_eq!(same.count(), 1, "{}", facts.name);
        }
    }

    #[test]
    fn every_property_has_a_mutant_that_it_must_catch() {
        for number in 1..=19 {
            let property = format!("P{number}");
            assert!(
                CATALOGUE.iter().any(|f| f.caught_by == property),
                "{property}"
            );
        }
    }

    #[test]
    fn a_build_without_mutants_has_none_and_says_so() {
        let name = CATALOGUE[0].name.to_string();
        let named = Mutants::named(std::slice::from_ref(&name));
        match named {
            Ok(set) => assert!(Mutants::BUILT && set.has(CATALOGUE[0].mutant)),
            Err(error) => assert_eq!(
                (Mutants::BUILT, error),
                (false, MutantError::NotBuilt(name))
            ),
        }
        assert_eq!(Mutants::named(&[]), Ok(Mutants::NONE));
        assert!(!Mutants::NONE.has(CATALOGUE[0].mutant));
    }

    #[test]
    fn a_name_that_is_not_known_is_refused_in_every_build() {
        let unknown = Mutants::named(&["gtid-at-the-end".to_string()]);
        assert_eq!(unknown, Err(MutantError::Unknown("gtid-at-the-end".into())));
    }
}
