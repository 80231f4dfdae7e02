//! The settings of a task, with the documented defaults [D `CHAP_Tasks.CustomizingTasks.TaskSettings.*`].

use crate::{
    apply::{Conflict, Manners},
    mutant::{Mutant, Mutants},
};

/// What a task migrates (`--migration-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `full-load`: existing data.
    FullLoad,
    /// `full-load-and-cdc`: existing data, then what changes.
    #[default]
    FullLoadAndCdc,
    /// `cdc`: what changes.
    Cdc,
}

/// `TargetTablePrepMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prepare {
    /// `DO_NOTHING`: what is there stays; DMS makes tables that are missing.
    DoNothing,
    /// `DROP_AND_CREATE`, the default: DMS's own declarations.
    #[default]
    DropAndCreate,
    /// `TRUNCATE_BEFORE_LOAD`.
    Truncate,
}

/// How LOBs travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lobs {
    /// `FullLobMode`: a row without its LOBs, and a look at the source's row as it is by then for each of them.
    Full,
    /// `LimitedSizeLobMode` with `LobMaxSize` in bytes: what is longer is cut, with a line in the log.
    Limited(u64),
}

impl Default for Lobs {
    /// 32 KB [D].
    fn default() -> Self {
        Self::Limited(32 << 10)
    }
}

/// The settings of a task. Times in µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// See [`Mode`].
    pub mode: Mode,
    /// See [`Prepare`].
    pub prepare: Prepare,
    /// `MaxFullLoadSubTasks`: so many tables are loaded at a time.
    pub load_tables_at_once: u32,
    /// `TransactionConsistencyTimeout`: how long the load waits for transactions that are open when the task starts;
    /// then it starts all the same.
    pub consistency_timeout_us: u64,
    /// `StopTaskCachedChangesApplied`.
    pub stop_after_cached: bool,
    /// `StopTaskCachedChangesNotApplied`.
    pub stop_before_cached: bool,
    /// `FullLoadIgnoreConflicts`: while cached changes are applied, rows that are there or not there already are no
    /// errors.
    pub ignore_load_conflicts: bool,
    /// `BatchApplyEnabled`.
    pub batch: bool,
    /// `BatchApplyTimeoutMin`: pause between two batches.
    pub batch_every_us: u64,
    /// `TaskRecoveryTableEnabled`: where the task is is written to the target with what it applies.
    pub recovery_table: bool,
    /// Without it, how often it is written down.
    pub checkpoint_every_us: u64,
    /// The error policies, and the session's `foreign_key_checks`.
    pub manners: Manners,
    /// See [`Lobs`].
    pub lobs: Lobs,
}

impl Default for Settings {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000;
        Self {
            mode: Mode::default(),
            prepare: Prepare::default(),
            load_tables_at_once: 8,
            consistency_timeout_us: 600 * SECOND,
            stop_after_cached: false,
            stop_before_cached: false,
            ignore_load_conflicts: true,
            batch: false,
            batch_every_us: SECOND,
            recovery_table: false,
            checkpoint_every_us: 5 * SECOND,
            manners: Manners {
                insert: Conflict::Log,
                update: Conflict::Log,
                delete: Conflict::Ignore,
                data: Conflict::Log,
                foreign_keys: true,
                lobs: None,
                mutants: Mutants::NONE,
            },
            lobs: Lobs::default(),
        }
    }
}

impl Settings {
    /// How rows are written: while cached changes of a load are applied, and later.
    pub(super) fn manners(&self, cached: bool, mutants: Mutants) -> Manners {
        let lobs = match self.lobs {
            Lobs::Full => None,
            Lobs::Limited(bytes) => Some(bytes),
        };
        let manners = Manners {
            lobs,
            mutants,
            ..self.manners
        };
        let careless = mutants.has(Mutant::ErrorsIgnored);
        if !(cached && self.ignore_load_conflicts || careless) {
            return manners;
        }
        Manners {
            insert: Conflict::Ignore,
            update: Conflict::Ignore,
            delete: Conflict::Ignore,
            data: match careless {
                true => Conflict::Ignore,
                false => manners.data,
            },
            ..manners
        }
    }
}
