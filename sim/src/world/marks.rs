//! Moments and sums that the checks need and that no final state remembers.

use crate::{outcome::CalledOff, runbook::Host, workload::orders::Customer};
use cutover_model::{
    Arena,
    apply::filter,
    binlog::log::LogPos,
    database::{Change, TableId},
    gtid::GtidSet,
    replica::ThreadError,
};

/// What became of replication, in µs of the run; `None`: it did not happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replication {
    /// The external source was configured.
    pub configured: Option<u64>,
    /// Receiver and applier were started.
    pub started: Option<u64>,
    /// Where the first dump began to read.
    pub from: Option<LogPos>,
    /// The last file and position that was sent.
    pub sent_to: Option<LogPos>,
    /// The end of what is in the relay log.
    pub received_to: Option<LogPos>,
    /// The source refused the receiver, or ended its stream.
    pub refused: Option<(u64, ThreadError)>,
    /// The applier stopped at an error.
    pub failed: Option<(u64, ThreadError)>,
    /// The operator stopped it, and did not start it again.
    pub stopped: Option<u64>,
    /// What the operator has left out, so that it went on.
    pub skipped: Vec<Skipped>,
}

/// A part of a binlog that was not applied, because the operator has left it out after an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// When.
    pub at: u64,
    /// Where it starts.
    pub from: LogPos,
    /// And ends.
    pub to: LogPos,
    /// Replication had stopped there. Otherwise it had stopped further on, and what was skipped is what came next.
    pub stopped_there: bool,
    /// What replication had stopped with.
    pub error: ThreadError,
}

impl Skipped {
    /// Whether a transaction that ends there is in it.
    pub fn has(&self, end: LogPos) -> bool {
        self.from < end && end <= self.to
    }

    /// Whether it is what was left of a file: a transaction lies in a single one.
    pub fn is_rest_of_file(&self) -> bool {
        self.from.file != self.to.file
    }
}

/// The operator gave the migration up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// When, in µs.
    pub at: u64,
    /// Where, and why.
    pub called_off: CalledOff,
}

/// A step that is being carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Its number among the steps, or the abort steps, from 1.
    pub step: u32,
    /// What it says.
    pub say: String,
    /// When it began, in µs.
    pub since: u64,
}

/// Moments in µs of the run; `None`: it did not happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The snapshot that the target was restored from was cut.
    pub snapshot: Option<u64>,
    /// A restore of the snapshot is under way.
    pub restoring: bool,
    /// The step with the role of fence was done.
    pub fence: Option<u64>,
    /// `SET GLOBAL read_only` has returned on the source, the first time.
    pub source_read_only: Option<u64>,
    /// The source was made writable again after that.
    pub fence_lifted: Option<u64>,
    /// The step with the role of gate was done.
    pub gate: Option<u64>,
    /// How many of the source's commits the target had applied when the gate let through: the length of
    /// [`crate::history::History::applied`].
    pub applied_at_gate: usize,
    /// The name was pointed at the target, or a part of the clients was.
    pub repointed: Option<u64>,
    /// The source was opened again after that: it was made writable, or the name was pointed back at it.
    pub reopened: Option<u64>,
    /// The step that the operator is at.
    pub under_way: Option<UnderWay>,
    /// The migration was given up: from here on the operator goes back.
    pub given_up: Option<GivenUp>,
    /// The application, or the part of it that was on the target, was pointed back at the source.
    pub returned: Option<u64>,
    /// First acknowledged write on the target.
    pub first_on_target: Option<u64>,
    /// First acknowledged write on the source after it was opened again.
    pub first_back: Option<u64>,
    /// When the traffic was ended, because the binlogs held as much as they may, and how many bytes that was.
    pub traffic_cut: Option<(u64, u64)>,
    /// What the target's replication filters have left out, in the order in which it counts as applied.
    pub left_out: Vec<LeftOut>,
    /// What became of replication into the target.
    pub replication: Replication,
    /// And into the read replica.
    pub replication_of_replica: Replication,
    /// And of the replication back into the source.
    pub replication_back: Replication,
    /// Replication was reset: what was received and not applied is gone.
    pub reset: Option<u64>,
    /// First refusal by `read_only`, and how many in all.
    pub refused: u64,
    /// The sum of all balances on the target, against that of the source's customers at the cut: differs
    /// only while part of a transfer is visible.
    pub balance_drift: i64,
    /// Commits on the target after which the sum was off.
    pub torn_commits: u64,
    /// Files that RDS purged before the target had read them.
    pub purged_unread: Vec<String>,
    /// How many transactions of its clients the target had before it was opened.
    pub target_commits_at_repoint: usize,
    /// The numbers in the place of GTIDs of what the operator has typed there that is no write.
    pub typed_on_target: GtidSet,
    /// GTIDs of its own that it had when it was opened, its clients' among them.
    pub own_gtids_at_repoint: GtidSet,
}

/// A commit of the source that counts as applied on the target, and was applied in part or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// When, in µs.
    pub at: u64,
    /// Its number.
    pub commit: u32,
    /// What was left out.
    pub what: filter::LeftOut,
}

impl Marks {
    /// The applier has committed a transaction on the target.
    pub fn target_changed(
        &mut self,
        customers: Option<TableId>,
        changes: &[Change],
        arena: &Arena,
    ) {
        let Some(customers) = customers else { return };
        let balance = |row: Option<cutover_model::RowRef>| {
            row.and_then(|r| Customer::read(arena.row(r)))
                .map_or(0, |c| c.balance)
        };
        for change in changes.iter().filter(|c| c.table == customers) {
            self.balance_drift += balance(change.after) - balance(change.before);
        }
        if self.balance_drift != 0 {
            self.torn_commits += 1;
        }
    }

    /// What became of the replication into a host.
    pub(super) fn replication_of(&self, to: Host) -> &Replication {
        match to {
            Host::Source => &self.replication_back,
            Host::Target => &self.replication,
            Host::Replica => &self.replication_of_replica,
        }
    }

    /// The same, to be changed.
    pub(super) fn replication_into(&mut self, to: Host) -> &mut Replication {
        match to {
            Host::Source => &mut self.replication_back,
            Host::Target => &mut self.replication,
            Host::Replica => &mut self.replication_of_replica,
        }
    }

    /// The migration is given up, and the operator begins to go back.
    pub(crate) fn gave_up(&mut self, given_up: GivenUp) {
        self.given_up.get_or_insert(given_up);
    }

    /// A write is acknowledged on the source: whether it is the first since that was opened again.
    pub(super) fn is_first_back(&mut self, now: u64) -> bool {
        let first = self.reopened.is_some() && self.first_back.is_none();
        if first {
            self.first_back = Some(now);
        }
        first
    }

    /// A write is acknowledged: whether it is the first on the target.
    pub(super) fn acknowledged(&mut self, host: Host, now: u64) -> bool {
        let first = host == Host::Target && self.first_on_target.is_none();
        if first {
            self.first_on_target = Some(now);
        }
        first
    }
}
