//! Steps and conditions of AWS DMS, by the names and defaults of its task settings.

use super::{Nothing, StepError, exactly_one};
use crate::units::{Bytes, Micros};
use cutover_model::{
    apply::{Conflict, Manners},
    dms::{Lobs, Mode, Prepare, Settings},
};
use serde::{Deserialize, Serialize};

/// What a task migrates (`--migration-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Migrates {
    /// Existing data.
    FullLoad,
    /// Existing data, then what changes.
    #[default]
    FullLoadAndCdc,
    /// What changes from now on.
    Cdc,
}

/// `TargetTablePrepMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prep {
    /// The tables are as they are to be; missing ones are made.
    DoNothing,
    /// DMS makes the tables: columns and primary key.
    #[default]
    DropAndCreate,
    /// The tables are emptied.
    TruncateBeforeLoad,
}

/// What follows an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// `IGNORE_RECORD`.
    IgnoreRecord,
    /// `LOG_ERROR`.
    LogError,
    /// `UPDATE_RECORD`: an upsert.
    UpdateRecord,
    /// `SUSPEND_TABLE`.
    SuspendTable,
    /// `STOP_TASK`.
    StopTask,
}

impl From<Policy> for Conflict {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::IgnoreRecord => Self::Ignore,
            Policy::LogError => Self::Log,
            Policy::UpdateRecord => Self::Upsert,
            Policy::SuspendTable => Self::Suspend,
            Policy::StopTask => Self::Stop,
        }
    }
}

/// `aws dms create-replication-task`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateDmsTask {
    /// The task's identifier.
    pub id: String,
    /// What it migrates; `full-load-and-cdc` when absent.
    #[serde(default)]
    pub migrates: Migrates,
    /// `schema.table`s; all of the source's when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// `TargetTablePrepMode`; `drop-and-create` when absent.
    #[serde(default)]
    pub target_tables: Prep,
    /// `ApplyErrorInsertPolicy`; `log-error` when absent.
    #[serde(default = "log_error")]
    pub insert_errors: Policy,
    /// `ApplyErrorUpdatePolicy`; `log-error` when absent.
    #[serde(default = "log_error")]
    pub update_errors: Policy,
    /// `ApplyErrorDeletePolicy`; `ignore-record` when absent.
    #[serde(default = "ignore_record")]
    pub delete_errors: Policy,
    /// `DataErrorPolicy`; `log-error` when absent.
    #[serde(default = "log_error")]
    pub data_errors: Policy,
    /// `foreign_key_checks` of its sessions on the target (`initstmt`); true when absent.
    #[serde(default = "yes")]
    pub foreign_key_checks: bool,
    /// `BatchApplyEnabled`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch_apply: bool,
    /// `StopTaskCachedChangesApplied`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after_cached_changes: bool,
    /// `StopTaskCachedChangesNotApplied`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_before_cached_changes: bool,
    /// `TaskRecoveryTableEnabled`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovery_table: bool,
    /// `FullLobMode` instead of `LimitedSizeLobMode`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full_lobs: bool,
    /// `LobMaxSize`; 32 KiB when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lob_max_size: Option<Bytes>,
    /// `MaxFullLoadSubTasks`; 8 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_tables_at_once: Option<u32>,
    /// `TransactionConsistencyTimeout`; 10 min when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_consistency_timeout: Option<Micros>,
}

fn yes() -> bool {
    true
}
fn log_error() -> Policy {
    Policy::LogError
}
fn ignore_record() -> Policy {
    Policy::IgnoreRecord
}

impl CreateDmsTask {
    /// Whether it carries what changes, and does not only copy what is there.
    pub fn captures(&self) -> bool {
        self.migrates != Migrates::FullLoad
    }

    /// As the model has it.
    pub fn settings(&self) -> Settings {
        let usual = Settings::default();
        let limit = self.lob_max_size.map(|bytes| Lobs::Limited(bytes.0));
        Settings {
            mode: match self.migrates {
                Migrates::FullLoad => Mode::FullLoad,
                Migrates::FullLoadAndCdc => Mode::FullLoadAndCdc,
                Migrates::Cdc => Mode::Cdc,
            },
            prepare: match self.target_tables {
                Prep::DoNothing => Prepare::DoNothing,
                Prep::DropAndCreate => Prepare::DropAndCreate,
                Prep::TruncateBeforeLoad => Prepare::Truncate,
            },
            load_tables_at_once: self
                .load_tables_at_once
                .unwrap_or(usual.load_tables_at_once),
            consistency_timeout_us: self
                .transaction_consistency_timeout
                .map_or(usual.consistency_timeout_us, |time| time.0),
            stop_after_cached: self.stop_after_cached_changes,
            stop_before_cached: self.stop_before_cached_changes,
            batch: self.batch_apply,
            recovery_table: self.recovery_table,
            lobs: match self.full_lobs {
                true => Lobs::Full,
                false => limit.unwrap_or_default(),
            },
            manners: Manners {
                insert: self.insert_errors.into(),
                update: self.update_errors.into(),
                delete: self.delete_errors.into(),
                data: self.data_errors.into(),
                foreign_keys: self.foreign_key_checks,
                ..usual.manners
            },
            ..usual
        }
    }
}

/// What is done with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskAction {
    /// `start-replication`.
    Start,
    /// `stop-replication-task`.
    Stop,
    /// `resume-processing`: from the checkpoint.
    Resume,
    /// `reload-target`.
    Reload,
    /// `start-replication` with `--cdc-start-position` where the source is now: whatever lies between is left out.
    StartFromNow,
    /// `delete-replication-task`: nobody can start it any more.
    Delete,
}

/// `aws dms start-replication-task`, `stop-replication-task`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DmsTask {
    /// The task's identifier.
    pub id: String,
    /// What is done.
    pub action: TaskAction,
    /// `--cdc-start-position`: the noted position from which a task for changes alone begins; where the source is by
    /// then when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Creates the source's tables on the target, empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateSchema {
    /// Leave foreign keys and secondary indexes that are not unique for later (`add_constraints`).
    #[serde(default)]
    pub without_constraints: bool,
    /// Give every text of utf8mb4 this collation, instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
}

/// Gives the target's tables what their declarations lack of the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddConstraints {
    /// Delete rows first whose parent is gone; without it, they are an error.
    #[serde(default)]
    pub delete_orphans: bool,
}

/// What a wait for a task waits for. Exactly one key beside `task` is set ([`DmsCondition::kind`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DmsCondition {
    /// The task.
    pub task: String,
    /// Every table is loaded and its cached changes are applied; fails when a table is suspended or the task has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<Nothing>,
    /// The task has stopped by itself; fails when it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Nothing>,
    /// `CDCLatencySource` and `CDCLatencyTarget` are at most so many seconds. Nothing else is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
    /// The task runs, and both latencies are at most so many seconds; fails when the task has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up: Option<u64>,
    /// The task's checkpoint is at this noted position of the source or behind it; fails when the task has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Validation has nothing pending, mismatched or suspended; fails for what is mismatched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<Nothing>,
    /// Validation has nothing mismatched; what is pending or suspended is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nothing_mismatched: Option<Nothing>,
}

/// [`DmsCondition`], after it was checked that exactly one key is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmsUntil<'a> {
    /// See [`DmsCondition::loaded`].
    Loaded,
    /// See [`DmsCondition::stopped`].
    Stopped,
    /// See [`DmsCondition::latency`].
    Latency(u64),
    /// See [`DmsCondition::caught_up`].
    CaughtUp(u64),
    /// See [`DmsCondition::checkpoint`].
    Checkpoint(&'a str),
    /// See [`DmsCondition::validated`].
    Validated,
    /// See [`DmsCondition::nothing_mismatched`].
    NothingMismatched,
}

impl DmsCondition {
    /// The one condition.
    pub fn kind(&self) -> Result<DmsUntil<'_>, StepError> {
        exactly_one(
            [
                self.loaded.map(|_| ("loaded", DmsUntil::Loaded)),
                self.stopped.map(|_| ("stopped", DmsUntil::Stopped)),
                self.latency.map(|s| ("latency", DmsUntil::Latency(s))),
                self.caught_up.map(|s| ("caught_up", DmsUntil::CaughtUp(s))),
                self.checkpoint
                    .as_deref()
                    .map(|n| ("checkpoint", DmsUntil::Checkpoint(n))),
                self.validated.map(|_| ("validated", DmsUntil::Validated)),
                self.nothing_mismatched
                    .map(|_| ("nothing_mismatched", DmsUntil::NothingMismatched)),
            ],
            "loaded, stopped, latency, caught_up, checkpoint, validated, nothing_mismatched",
        )
    }

    /// The command that answers it.
    pub(super) fn command(&self, show: &dyn Fn(&str) -> String) -> String {
        let task = &self.task;
        let describe = format!(
            "aws dms describe-replication-tasks --filters Name=replication-task-id,Values={task}"
        );
        let latency = |seconds: u64| {
            format!(
                "aws cloudwatch get-metric-statistics --namespace AWS/DMS --metric-name CDCLatencyTarget …  -- until <= {seconds}, and CDCLatencySource"
            )
        };
        let statistics = format!("aws dms describe-table-statistics --replication-task-arn {task}");
        match self.kind() {
            Ok(DmsUntil::Loaded) => {
                format!("{statistics}  -- until every table is `Table completed`")
            }
            Ok(DmsUntil::Stopped) => format!("{describe}  -- until Status is `stopped`"),
            Ok(DmsUntil::Latency(s)) => latency(s),
            Ok(DmsUntil::CaughtUp(s)) => {
                format!("{describe}  -- while Status is `running`; {}", latency(s))
            }
            Ok(DmsUntil::Checkpoint(name)) => format!(
                "{describe}  -- until RecoveryCheckpoint is at {} or behind it",
                show(name)
            ),
            Ok(DmsUntil::Validated) => format!(
                "{statistics}  -- until ValidationPendingRecords, ValidationFailedRecords and ValidationSuspendedRecords are 0"
            ),
            Ok(DmsUntil::NothingMismatched) => {
                format!("{statistics}  -- until ValidationFailedRecords is 0")
            }
            Err(_) => String::new(),
        }
    }
}

/// The command for a task's creation.
pub(super) fn create_command(o: &CreateDmsTask) -> Vec<String> {
    let migrates = match o.migrates {
        Migrates::FullLoad => "full-load",
        Migrates::FullLoadAndCdc => "full-load-and-cdc",
        Migrates::Cdc => "cdc",
    };
    let word = |policy: Policy| match policy {
        Policy::IgnoreRecord => "IGNORE_RECORD",
        Policy::LogError => "LOG_ERROR",
        Policy::UpdateRecord => "UPDATE_RECORD",
        Policy::SuspendTable => "SUSPEND_TABLE",
        Policy::StopTask => "STOP_TASK",
    };
    let tables = match o.tables.is_empty() {
        true => "%.%".to_string(),
        false => o.tables.join(", "),
    };
    vec![
        format!(
            "aws dms create-replication-task --replication-task-identifier {} --migration-type {migrates} --table-mappings '… {tables}' --replication-task-settings file://{}.json",
            o.id, o.id
        ),
        format!(
            "-- ApplyErrorInsertPolicy {}, ApplyErrorUpdatePolicy {}, ApplyErrorDeletePolicy {}, DataErrorPolicy {}, BatchApplyEnabled {}",
            word(o.insert_errors),
            word(o.update_errors),
            word(o.delete_errors),
            word(o.data_errors),
            o.batch_apply
        ),
    ]
}

/// The command for what is done with a task.
pub(super) fn task_command(o: &DmsTask, show: &dyn Fn(&str) -> String) -> String {
    let id = &o.id;
    let from = match &o.at {
        Some(name) => format!(" --cdc-start-position {}", show(name)),
        None => String::new(),
    };
    let start = |how: &str| {
        format!(
            "aws dms start-replication-task --replication-task-arn {id} --start-replication-task-type {how}{from}"
        )
    };
    match o.action {
        TaskAction::Start => start("start-replication"),
        TaskAction::Resume => start("resume-processing"),
        TaskAction::Reload => start("reload-target"),
        TaskAction::StartFromNow => start("start-replication --cdc-start-position <now>"),
        TaskAction::Delete => {
            format!("aws dms delete-replication-task --replication-task-arn {id}")
        }
        TaskAction::Stop => format!("aws dms stop-replication-task --replication-task-arn {id}"),
    }
}
