//! What the checks look at: a run as plain data, gathered once at its end.
//!
//! The history and the marks are the world's own, borrowed; what needs a look at tables or at binlog bytes
//! (the comparison of the final states, the rows of transactions that were applied out of order) is worked
//! out here, so that a property is a function of plain data and can be tested with data made by hand.

mod commits;
mod feed;
mod rows;
mod sequence;
mod stalls;
mod states;
mod survey;

pub use commits::CommitSet;
pub use feed::{FedFacts, FedTable, MissingRow};
pub use rows::{RowId, out_of_order};
pub use sequence::Sequence;
pub(crate) use stalls::Waiting;
pub use stalls::{Stall, Stalls};
pub(crate) use states::Finder;
pub use states::{Counter, PlacedOrder, Shop, States, compare_databases};
pub use survey::Survey;
pub(crate) use survey::Surveyor;

use crate::{
    history::{Applications, Commit, History, Kind, NO_COMMIT, Operation, SCHEDULER, Told},
    operator::Ended,
    plan::Plan,
    properties::{Found, Writes},
    recording::Recording,
    runbook::{Host, Promises, Role, Runbook, Until},
    units::Moment,
    world::{Marks, Seen, World},
};
use cutover_model::{
    binlog::log::LogPos,
    gtid::{Gtid, GtidSet, Uuid},
};
use std::{collections::BTreeMap, sync::Arc};

/// The snapshot that the target was restored from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotFacts {
    /// When it was cut, in µs of the run.
    pub at: u64,
    /// How many of the source's commits are in it: the first ones.
    pub commits: u32,
    /// Where the source's binlog ended.
    pub end: LogPos,
    /// It is the read replica's, which lacks what the replica had not applied.
    pub of_replica: bool,
}

/// Why a server keeps the application out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepsOut {
    /// It is `read_only`.
    ReadOnly,
    /// Its security group lets no client in.
    Closed,
    /// It has no such account.
    NoAccount,
    /// It has another password.
    OtherPassword,
}

impl KeepsOut {
    /// What the server does.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::ReadOnly => "is read-only",
            Self::Closed => "lets no client in",
            Self::NoAccount => "has no account for it",
            Self::OtherPassword => "has another password of its account",
        }
    }
}

/// GTIDs at the cutover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gtids {
    /// `gtid_executed` of the source as it was at the cutover, without RDS's own.
    pub source: GtidSet,
    /// Of the target's, those of the source.
    pub target: GtidSet,
    /// Of the target's, those of its own from before it was opened that no client's commit has.
    pub own: GtidSet,
}

/// What turns numbers into the names that people know.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// `mysql-bin-changelog`.
    pub binlog_base: String,
    /// The source's `server_uuid`.
    pub source_uuid: Option<Uuid>,
    /// What was replayed.
    pub recording: Option<Arc<Recording>>,
}

/// A run, as the checks see it. Times in µs of the run.
#[derive(Clone, Debug)]
pub struct Evidence<'w> {
    /// Operations and commits.
    pub history: &'w History,
    /// Moments.
    pub marks: &'w Marks,
    /// What the strategy promises.
    pub promises: &'w Promises,
    /// The runbook has a step that it takes for a fence.
    pub has_fence: bool,
    /// The runbook has a step that it takes for a gate.
    pub has_gate: bool,
    /// The gate looks at `Seconds_Behind_Source`.
    pub gate_on_lag: bool,
    /// How the runbook ended.
    pub ended: Ended,
    /// The calendar at time 0, in µs since 1970.
    pub epoch_us: u64,
    /// The beginning of the runbook.
    pub begun_us: u64,
    /// The end of the run.
    pub end_us: u64,
    /// Where the application's name points in the end.
    pub serving: Host,
    /// The source takes no writes in the end: it is read-only, or lets no client in.
    pub source_read_only: bool,
    /// Why the server that the application's name points at keeps the application out in the end.
    pub keeps_out: Option<KeepsOut>,
    /// Events that the source has run and does not run in the end, in words.
    pub events_left_off: Vec<String>,
    /// What the target was restored from; none: there is no target.
    pub snapshot: Option<SnapshotFacts>,
    /// The source's commits that took effect on the target by replication, in order; what the target
    /// skipped because it had the GTID is left out.
    pub applied: &'w Applications,
    /// The source's commits behind the snapshot of which the target's replication filters have left something out.
    pub incomplete: CommitSet,
    /// How many of them the target had when the gate let through.
    pub applied_at_gate: usize,
    /// What tools carried to the target row by row; none where a replica applied transactions, or nothing did.
    pub fed: Option<FedFacts>,
    /// The source's commits that the target has in the end.
    pub on_target: CommitSet,
    /// The target's own commits that the source has in the end, by the replication back.
    pub back_on_source: CommitSet,
    /// The rows of commits whose order on the target is not the source's.
    pub rows_of: BTreeMap<u32, Vec<RowId>>,
    /// What a comparison of the final states says; none without a target that serves.
    pub states: Option<States>,
    /// The shop's rows where the application's name points; none with a recording.
    pub shop: Option<Shop>,
    /// From when to when each fault was in force, in the order in which they began.
    pub disturbed: Vec<(u64, u64)>,
    /// GTIDs at the cutover; none without GTIDs or cutover.
    pub gtids: Option<Gtids>,
    /// Reads that contradict what their client was told.
    pub stale_reads: &'w [Seen],
    /// Names.
    pub names: Names,
    /// What checks have worked out already.
    pub found: Found,
}

/// Whether an operation wants to write.
#[inline]
pub fn writes(operation: &Operation) -> bool {
    !matches!(operation.kind, Kind::Read | Kind::Rollback)
}

impl<'w> Evidence<'w> {
    /// Gathers what there is to know of a run that has ended.
    pub fn gather(world: &'w mut World, plan: &'w Plan, ended: Ended) -> Self {
        let serving = world.serving();
        let restored = world.target.as_ref().and_then(|t| t.snapshot.as_ref());
        let snapshot = restored.map(|snapshot| SnapshotFacts {
            at: snapshot.at,
            commits: snapshot.cut.commits as u32,
            end: snapshot.cut.end,
            of_replica: snapshot.own_position.is_some(),
        });
        let cut = snapshot.map_or(0, |s| s.commits);
        let returned = world.marks.returned.is_some();
        let cutover =
            (serving == Host::Target || returned).then(|| opened(&world.marks, &world.history));
        let cutover = cutover.flatten();
        let fed = world.is_fed_by_rows().then(|| feed::arrivals(world, cut));
        let sequence = Sequence::of(world.history.arrived(), cut);
        let rows_of = rows::of_world(world, sequence, cut, plan.runbook.promises.prefix);
        let states = cutover.and_then(|_| states::compare(world, serving));
        let shop = states::shop(world, serving);
        let gtids = cutover.and_then(|at| gtids(world, at));
        let world: &'w World = world;
        let applied = world.history.arrived();
        let on_target = on_target(&world.history, snapshot.as_ref(), applied, sequence);
        let back_on_source =
            CommitSet::new(world.history.target.len(), 0, &world.history.applied_back);
        let applied_at_gate = match (&fed, world.marks.gate) {
            (Some(_), Some(gate)) => applied.partition_point(|a| a.at <= gate),
            _ => world.marks.applied_at_gate,
        };
        let base = world.source.binlog.as_ref().map(|b| b.name(1));
        Self {
            history: &world.history,
            marks: &world.marks,
            promises: &plan.runbook.promises,
            has_fence: has_role(&plan.runbook, Role::Fence),
            has_gate: has_role(&plan.runbook, Role::Gate),
            gate_on_lag: gate_on_lag(&plan.runbook),
            ended,
            epoch_us: plan.clock.start.0,
            begun_us: world
                .runbook_start_us()
                .unwrap_or(plan.clock.runbook_after.0),
            end_us: world.now(),
            serving,
            source_read_only: world.is_read_only(Host::Source) || world.is_closed(Host::Source),
            keeps_out: world.keeps_out(serving),
            events_left_off: states::events_off(world, Host::Source, Host::Source),
            snapshot,
            applied,
            incomplete: incomplete(&world.marks, world.history.source.len(), cut),
            applied_at_gate,
            fed,
            on_target,
            back_on_source,
            rows_of,
            states,
            shop,
            disturbed: disturbed(world, plan),
            gtids,
            stale_reads: &world.client_totals().stale_reads,
            names: Names {
                binlog_base: base
                    .and_then(|n| n.strip_suffix(".000001").map(str::to_string))
                    .unwrap_or_default(),
                source_uuid: Some(world.source.config.uuid),
                recording: world.recording().cloned(),
            },
            found: Found::with(sequence),
        }
    }

    /// When the target was opened to the application; none when the name points at the source in the end and never
    /// pointed elsewhere.
    pub fn cutover(&self) -> Option<u64> {
        match self.serving {
            Host::Source if self.marks.returned.is_none() => None,
            _ => opened(self.marks, self.history),
        }
    }

    /// When the source was opened again after the cutover, in a run that ends with the application back at the source.
    pub fn way_back(&self) -> Option<u64> {
        self.marks
            .returned
            .filter(|_| self.serving == Host::Source)
            .and(self.marks.reopened)
    }

    /// Counts, firsts and lasts of the writes; worked out once.
    pub fn survey(&self) -> &Survey {
        &Writes::of(self).survey
    }

    /// In what order the source's commits came to the target; worked out once.
    pub fn sequence(&self) -> Sequence {
        let sequence = &self.found.sequence;
        *sequence.get_or_init(|| Sequence::of(self.applied, self.cut()))
    }

    /// How many of the source's commits are in the snapshot.
    pub fn cut(&self) -> u32 {
        self.snapshot.map_or(0, |s| s.commits)
    }

    /// Operations that want to write, with their numbers.
    pub fn writes(&self) -> impl Iterator<Item = (u32, Operation)> + use<'w> {
        let numbered = self.history.operations.iter().enumerate();
        numbered
            .filter(|(_, o)| writes(o))
            .map(|(number, o)| (number as u32, o))
    }

    /// Acknowledged writes of a host, with their numbers.
    pub fn acknowledged(&self, host: Host) -> impl Iterator<Item = (u32, Operation)> + use<'w> {
        self.writes()
            .filter(move |(_, o)| o.told == Told::Ok && o.host == host)
    }

    /// Whether the target has left something of an operation out.
    pub fn is_incomplete(&self, operation: &Operation) -> bool {
        self.serving == Host::Target
            && operation.host == Host::Source
            && self.incomplete.has(operation.commit)
    }

    /// Whether the host that serves in the end has the commit of an operation.
    pub fn is_visible(&self, operation: &Operation) -> bool {
        operation.commit != NO_COMMIT
            && match (self.serving, operation.host) {
                (Host::Target, Host::Source) => self.on_target.has(operation.commit),
                (Host::Source, Host::Source) => self.erased(operation.commit).is_none(),
                (Host::Source, Host::Target) => self.back_on_source.has(operation.commit),
                (serving, host) => serving == host,
            }
    }

    /// When the source lost one of its commits; none when it has it.
    pub fn erased(&self, commit: u32) -> Option<u64> {
        self.history.erased_at(commit)
    }

    /// The source's commits up to a moment: how many.
    pub fn source_commits_by(&self, at: u64) -> u32 {
        self.history.source.partition_point(|c| c.at <= at) as u32
    }

    /// What the target had of the source after the first `applied` applications. What the source itself has lost
    /// counts as had: nobody can wait for it. So does what RDS writes for itself: nobody waits for it.
    pub fn had(&self, applied: usize) -> CommitSet {
        let commits = self.history.source.len();
        let mut had = match self.sequence().is_whole {
            true => {
                let applied = applied.min(self.applied.len()) as u32;
                CommitSet::new(commits, self.cut().saturating_add(applied), [])
            }
            false => CommitSet::new(commits, self.cut(), self.applied.range(0..applied)),
        };
        for erased in &self.history.erased {
            (erased.from..erased.to).for_each(|commit| had.add(commit));
        }
        self.history.of_rds.iter().for_each(|own| had.add(*own));
        had
    }

    /// The source's commits below `before` that the target lacked at a moment: how many, and the oldest.
    pub fn lacked(&self, before: u32, at: u64) -> (u64, Option<u32>) {
        let had = self.had(self.applied.partition_point(|a| a.at <= at));
        had.missing_below(before)
    }

    /// How long some fault was in force between two moments, in µs.
    pub fn disturbed_us(&self, from: u64, to: u64) -> u64 {
        let (mut sum, mut counted_to) = (0, from);
        for (begins, ends) in &self.disturbed {
            let begins = (*begins).max(counted_to);
            let ends = (*ends).min(to);
            sum += ends.saturating_sub(begins);
            counted_to = counted_to.max(ends);
        }
        sum
    }

    /// A moment of the calendar.
    pub fn moment(&self, at: u64) -> Moment {
        Moment(self.epoch_us + at)
    }

    /// The time of day, `10:01:00.412`.
    pub fn clock(&self, at: u64) -> String {
        self.moment(at).time_of_day()
    }

    /// `mysql-bin-changelog.000215:4711`.
    pub fn position(&self, at: LogPos) -> String {
        format!("{}.{:06}:{}", self.names.binlog_base, at.file, at.pos)
    }

    /// The GTID of a commit of the source, when it has one.
    pub fn gtid(&self, commit: &Commit) -> Option<String> {
        let uuid = self.names.source_uuid.filter(|_| commit.gno > 0)?;
        Some(Gtid::new(uuid, commit.gno).to_string())
    }
}

/// The source's commits that the target has: those of the snapshot, but for what the source had lost by then, those that
/// were applied, and RDS's own, which nobody asks for.
fn on_target(
    history: &History,
    snapshot: Option<&SnapshotFacts>,
    applied: &Applications,
    sequence: Sequence,
) -> CommitSet {
    let (cut, at) = snapshot.map_or((0, 0), |s| (s.commits, s.at));
    let mut set = CommitSet::new(history.source.len(), cut, []);
    for erased in history.erased.iter().filter(|e| e.at <= at) {
        set.remove(erased.from, erased.to);
    }
    match sequence.is_whole {
        true => set.add_all(cut, cut.saturating_add(applied.len() as u32)),
        false => applied.iter().for_each(|a| set.add(a.commit)),
    }
    history.of_rds.iter().for_each(|own| set.add(*own));
    set
}

/// The commits behind a cut that the target lacks something of.
pub fn incomplete(marks: &Marks, commits: usize, cut: u32) -> CommitSet {
    let mut set = CommitSet::new(commits, 0, []);
    let behind = marks.left_out.iter().filter(|left| left.commit >= cut);
    behind.for_each(|left| set.add(left.commit));
    set
}

fn disturbed(world: &World, plan: &Plan) -> Vec<(u64, u64)> {
    let fired = world.fired().iter().filter_map(|fired| {
        let lasts = plan.faults.get(usize::from(fired.fault))?.lasts?;
        Some((fired.at_us, fired.at_us + lasts.0))
    });
    fired.collect()
}

fn opened(marks: &Marks, history: &History) -> Option<u64> {
    // What an event does there opens nothing.
    let by_client = |operation: u32| {
        let operation = history.operations.get(operation as usize);
        operation.is_none_or(|o| o.client != SCHEDULER)
    };
    let mut commits = history.target.iter();
    let first_commit = commits.find(|c| by_client(c.operation)).map(|c| c.at);
    let moments = [marks.repointed, marks.first_on_target, first_commit];
    moments.into_iter().flatten().min()
}

/// Whether a runbook has a step of this role.
pub fn has_role(runbook: &Runbook, role: Role) -> bool {
    runbook.steps.iter().any(|s| s.role == Some(role))
}

/// Whether a gate of a runbook looks at `Seconds_Behind_Source`.
pub fn gate_on_lag(runbook: &Runbook) -> bool {
    let gates = runbook.steps.iter().filter(|s| s.role == Some(Role::Gate));
    gates.filter_map(|s| s.wait.as_ref()).any(|w| {
        matches!(
            w.until.kind(),
            Ok(Until::SecondsBehindSource(_) | Until::CaughtUp(_))
        )
    })
}

fn gtids(world: &World, at: u64) -> Option<Gtids> {
    let config = &world.source.config;
    // A tool writes with GTIDs of the target's own.
    let by_gtid = config.gtid_mode && !world.is_fed_by_rows();
    let target = world.target.as_ref().filter(|_| by_gtid)?;
    if !target.server.config.gtid_mode {
        return None;
    }
    let commits = &world.history.source;
    let later = commits.partition_point(|c| c.at <= at);
    let mut after = GtidSet::new();
    if let (Some(first), Some(last)) = (commits.get(later), commits.last()) {
        after.add_range(config.uuid, None, first.gno, last.gno);
    }
    // RDS's own are nobody's: the target has them or not. What the source has lost gave its number to another.
    let mut nobodys = GtidSet::new();
    let of_rds = world.history.of_rds.iter();
    let there = of_rds.filter(|number| world.history.erased_at(**number).is_none());
    for commit in there.filter_map(|number| commits.get(*number as usize)) {
        nobodys.add(Gtid::new(config.uuid, commit.gno));
    }
    let mut own = target
        .server
        .gtid_executed
        .of_server(target.server.config.uuid);
    let clients = &world.history.target;
    if let (Some(first), Some(last)) = (clients.first(), clients.last()) {
        let mut theirs = GtidSet::new();
        theirs.add_range(target.server.config.uuid, None, first.gno, last.gno);
        own = own.subtract(&theirs);
    }
    // What somebody does there later, like a change of a table, is in its place.
    let late = own.subtract(&world.marks.own_gtids_at_repoint);
    own = own.subtract(&late);
    Some(Gtids {
        own,
        source: world
            .source
            .gtid_executed
            .of_server(config.uuid)
            .subtract(&after)
            .subtract(&nobodys),
        target: target
            .server
            .gtid_executed
            .of_server(config.uuid)
            .subtract(&nobodys),
    })
}
