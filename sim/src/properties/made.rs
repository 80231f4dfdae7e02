//! Evidence made by hand: a run of a few operations, in which a test changes one thing.

use crate::{
    evidence::{
        CommitSet, Evidence, FedFacts, Gtids, KeepsOut, Names, PlacedOrder, RowId, Shop,
        SnapshotFacts, States, incomplete,
    },
    fed::FedRow,
    history::{Applied, Commit, History, Kind, NO_COMMIT, Operation, Told},
    operator::Ended,
    outcome::Finding,
    runbook::{Host, Promises},
    world::{Marks, Seen},
};
use cutover_model::{
    binlog::log::LogPos,
    gtid::{Gtid, GtidSet, Uuid},
};
use std::collections::BTreeMap;

/// Microseconds of a second.
pub const S: u64 = 1_000_000;
/// Orders that exist before the run.
pub const EXISTING: u64 = 1_000_000;

/// What evidence borrows, and what it holds.
pub struct Made {
    pub history: History,
    pub marks: Marks,
    pub promises: Promises,
    pub gate_on_lag: bool,
    pub ended: Ended,
    pub begun_us: u64,
    pub end_us: u64,
    pub serving: Host,
    pub source_read_only: bool,
    pub keeps_out: Option<KeepsOut>,
    pub events_left_off: Vec<String>,
    pub snapshot: Option<SnapshotFacts>,
    pub applied_at_gate: usize,
    pub rows_of: BTreeMap<u32, Vec<RowId>>,
    pub states: Option<States>,
    pub shop: Option<Shop>,
    pub gtids: Option<Gtids>,
    pub disturbed: Vec<(u64, u64)>,
    pub stale_reads: Vec<Seen>,
    pub fed: Option<FedFacts>,
}

pub const SOURCE: Uuid = Uuid([1; 16]);

impl Made {
    /// A source with no commits, and nothing else.
    pub fn empty() -> Self {
        Self {
            history: History::default(),
            marks: Marks::default(),
            promises: Promises::default(),
            gate_on_lag: false,
            ended: Ended::Finished,
            begun_us: 0,
            end_us: 200 * S,
            serving: Host::Source,
            source_read_only: false,
            keeps_out: None,
            events_left_off: Vec::new(),
            snapshot: None,
            applied_at_gate: 0,
            rows_of: BTreeMap::new(),
            states: None,
            shop: Some(Shop {
                existing: EXISTING,
                ..Shop::default()
            }),
            gtids: None,
            disturbed: Vec::new(),
            stale_reads: Vec::new(),
            fed: None,
        }
    }

    /// Two orders before the snapshot (at 10 s), two replicated, a fence at 100 s, a gate at 110 s, the
    /// name moved at 120 s, two orders on the target.
    pub fn sound() -> Self {
        let mut made = Self::empty();
        made.place(Host::Source, 0, 1, 5 * S);
        made.place(Host::Source, 1, 2, 6 * S);
        made.snapshot = Some(SnapshotFacts {
            at: 10 * S,
            commits: 2,
            end: made.committed(1).end,
            of_replica: false,
        });
        made.marks.snapshot = Some(10 * S);
        made.place(Host::Source, 2, 3, 60 * S);
        made.place(Host::Source, 0, 4, 70 * S);
        made.apply(2, 61 * S);
        made.apply(3, 71 * S);
        let (from, to) = (made.committed(1).end, made.committed(3).end);
        let r = &mut made.marks.replication;
        (r.configured, r.started) = (Some(50 * S), Some(51 * S));
        r.from = Some(from);
        r.received_to = Some(to);
        r.stopped = Some(115 * S);
        made.marks.replication.sent_to = Some(to);
        made.marks.fence = Some(100 * S);
        made.marks.gate = Some(110 * S);
        made.applied_at_gate = 2;
        made.marks.reset = Some(116 * S);
        made.marks.repointed = Some(120 * S);
        made.serving = Host::Target;
        made.source_read_only = true;
        made.place(Host::Target, 1, 5, 125 * S);
        made.place(Host::Target, 2, 6, 126 * S);
        made.marks.first_on_target = Some(125 * S);
        made.states = Some(States::default());
        made.marks.target_commits_at_repoint = 0;
        let mut set = GtidSet::new();
        (1..=4).for_each(|gno| {
            set.add(Gtid::new(SOURCE, gno));
        });
        made.gtids = Some(Gtids {
            source: set.clone(),
            target: set,
            own: GtidSet::new(),
        });
        if let Some(shop) = made.shop.as_mut() {
            shop.next_order_on_target = EXISTING + 7;
        }
        made
    }

    /// A sound migration, and a sound way back: the target's two orders applied on the source, which is opened again at
    /// 160 s; the name back at 165 s; an order on the source.
    pub fn rolled_back() -> Self {
        let mut made = Self::sound();
        let at = |commit, at| Applied { commit, at };
        made.history
            .applied_back
            .extend([at(0, 140 * S), at(1, 141 * S)]);
        made.marks.reopened = Some(160 * S);
        made.marks.returned = Some(165 * S);
        made.marks.fence_lifted = Some(160 * S);
        made.serving = Host::Source;
        made.source_read_only = false;
        made.place(Host::Source, 0, 8, 170 * S);
        made
    }

    /// An order that a client placed, acknowledged a millisecond after its commit at `at`, and its row.
    pub fn place(&mut self, host: Host, client: u16, order: u64, at: u64) -> u32 {
        let operation = self.operation(host, client, Kind::Place, EXISTING + order, at);
        let shop = self.shop.as_mut().expect("a shop");
        shop.orders.rewrite(|list| {
            list.push(PlacedOrder {
                id: EXISTING + order,
                request: (u64::from(client) + 1) << 40 | order,
            });
            list.sort_by_key(|order| order.id);
        });
        shop.counted += 1;
        operation
    }

    /// An acknowledged operation with its commit.
    pub fn operation(&mut self, host: Host, client: u16, kind: Kind, subject: u64, at: u64) -> u32 {
        let number = self.history.operations.len() as u32;
        let commits = match host {
            Host::Source => &mut self.history.source,
            Host::Target => &mut self.history.target,
            Host::Replica => panic!("clients do not write to a read replica"),
        };
        let commit = commits.len() as u32;
        commits.push(Commit {
            at,
            end: LogPos {
                file: 215,
                pos: 1_000 * (u64::from(commit) + 1),
            },
            gno: u64::from(commit) + 1,
            operation: number,
        });
        self.history.operations.push(Operation {
            invoked: at - 2_000,
            returned: at + 1_000,
            subject,
            commit,
            client,
            kind,
            told: Told::Ok,
            host,
        });
        number
    }

    /// A refused operation.
    pub fn refuse(&mut self, host: Host, client: u16, at: u64) -> u32 {
        self.history.operations.push(Operation {
            invoked: at,
            returned: at + 1_000,
            subject: 0,
            commit: NO_COMMIT,
            client,
            kind: Kind::Place,
            told: Told::Fail,
            host,
        });
        self.history.operations.len() as u32 - 1
    }

    /// Changes an operation.
    pub fn change(&mut self, operation: usize, change: impl FnOnce(&mut Operation)) {
        let there = self.history.operations.edit(operation, change);
        there.expect("an operation");
    }

    /// A commit of the source.
    pub fn committed(&self, number: usize) -> Commit {
        self.history.source.get(number).expect("a commit")
    }

    /// The target applies a commit of the source.
    pub fn apply(&mut self, commit: u32, at: u64) {
        self.history.applied.push(Applied { commit, at });
    }

    /// A tool applies a commit's change of a row, and no replica applies transactions.
    pub fn feed(&mut self, commit: u32, row: u64, at: u64) {
        self.fed.get_or_insert_default();
        self.history.fed.rows.push(FedRow {
            commit,
            table: 1,
            row,
            identified: true,
            at,
            refused: None,
        });
    }

    /// Takes an order's row away.
    pub fn drop_row(&mut self, order: u64) {
        let shop = self.shop.as_mut().expect("a shop");
        let orders = &mut shop.orders;
        orders.rewrite(|list| list.retain(|o| o.id != EXISTING + order));
    }

    /// As the checks see it.
    pub fn evidence(&self) -> Evidence<'_> {
        let cut = self.snapshot.map_or(0, |s| s.commits);
        Evidence {
            history: &self.history,
            marks: &self.marks,
            promises: &self.promises,
            has_fence: true,
            has_gate: true,
            gate_on_lag: self.gate_on_lag,
            ended: self.ended,
            epoch_us: 36_000 * S,
            begun_us: self.begun_us,
            end_us: self.end_us,
            serving: self.serving,
            source_read_only: self.source_read_only,
            keeps_out: self.keeps_out,
            events_left_off: self.events_left_off.clone(),
            snapshot: self.snapshot,
            fed: self.fed.clone(),
            applied: &self.history.applied,
            incomplete: incomplete(&self.marks, self.history.source.len(), cut),
            applied_at_gate: self.applied_at_gate,
            on_target: CommitSet::new(self.history.source.len(), cut, &self.history.applied),
            back_on_source: CommitSet::new(
                self.history.target.len(),
                0,
                &self.history.applied_back,
            ),
            rows_of: self.rows_of.clone(),
            states: self.states.clone(),
            shop: self.shop.clone(),
            disturbed: self.disturbed.clone(),
            gtids: self.gtids.clone(),
            stale_reads: &self.stale_reads,
            names: Names {
                binlog_base: "mysql-bin-changelog".into(),
                source_uuid: Some(SOURCE),
                recording: None,
            },
            found: Default::default(),
        }
    }

    /// What a check finds.
    pub fn check(&self, property: &super::Property) -> Finding {
        (property.check)(&self.evidence())
    }

    /// How many violations a check finds; 0 when it holds. Panics when it is absent.
    pub fn violations(&self, property: &super::Property) -> u64 {
        match self.check(property) {
            Finding::Holds => 0,
            Finding::Violated { count, first } => {
                assert!(!first.is_empty());
                count
            }
            Finding::Absent { why } => panic!("absent: {why}"),
        }
    }

    pub fn is_absent(&self, property: &super::Property) -> bool {
        matches!(self.check(property), Finding::Absent { .. })
    }
}
