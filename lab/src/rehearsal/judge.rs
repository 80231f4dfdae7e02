//! From two real servers to the evidence that the properties judge.

use super::{
    LabError,
    binlogs::{Binlogs, Logged, applied, match_commits},
    clients::Done,
    clock::Clock,
    fetched::Fetched,
    operator::Operator,
    shop::{self, Rows},
    tables::{self, Compared},
};
use cutover_model::gtid::{GtidSet, Uuid};
use cutover_sim::{
    evidence::{
        CommitSet, Evidence, Gtids, KeepsOut, Names, PlacedOrder, Shop, SnapshotFacts, gate_on_lag,
        has_role,
    },
    history::{CommitList, History, Told},
    operator::Ended,
    plan::Plan,
    properties::Found,
    runbook::{Host, Role},
    world::{Marks, Seen},
};
use mysql::{Conn, prelude::Queryable};

/// Everything that [`Evidence`] borrows.
#[derive(Debug)]
pub struct Gathered {
    history: History,
    marks: Marks,
    snapshot: Option<SnapshotFacts>,
    shop: Option<Shop>,
    compared: Option<Compared>,
    stale_reads: Vec<Seen>,
    gtids: Option<Gtids>,
    serving: Host,
    source_read_only: bool,
    keeps_out: Option<KeepsOut>,
    source_uuid: Option<Uuid>,
    /// The names of the source's files, without their numbers.
    binlog_base: String,
    end_us: u64,
    ended: Ended,
}

/// How a rehearsal ended.
pub struct End {
    /// What the clients did.
    pub done: Vec<Done>,
    /// Where the name points.
    pub serving: Host,
    /// What became of the runbook.
    pub ended: Ended,
}

/// Reads both servers, at rest. `existing`: the rows before the run.
pub fn gather(
    operator: &mut Operator<'_>,
    end: End,
    clock: Clock,
    plan: &Plan,
    existing: &[Rows],
) -> Result<Gathered, LabError> {
    let End {
        mut done,
        serving,
        ended,
    } = end;
    done.sort_by_key(|d| d.operation.invoked);
    operator.kept.update(operator.source)?;
    let kept = operator.kept.clone();
    let source = Binlogs::read(&kept, clock)?;
    let mut of_target = Fetched::default();
    if let Some((target, _)) = &operator.target {
        of_target.update(target)?;
    }
    let target = Binlogs::read(&of_target, clock)?;
    let source_id = operator.source.id;
    let (from_source, own): (Vec<&Logged>, Vec<&Logged>) =
        target.logged.iter().partition(|l| l.server_id == source_id);
    let all: Vec<&Logged> = source.logged.iter().collect();
    let mut history = History {
        source: match_commits(&mut done, Host::Source, &all)?,
        target: match_commits(&mut done, Host::Target, &own)?,
        ..History::default()
    };
    history.operations = done.iter().map(|d| d.operation).collect();
    let skipped = &mut operator.marks.replication.skipped;
    skipped.iter_mut().for_each(|skipped| source.widen(skipped));
    history.applied = applied(&source.logged, &from_source, skipped)?;
    let mut marks = marks(operator, &history, &done);
    let snapshot = operator.snapshot().map(|(facts, _)| SnapshotFacts {
        commits: source.logged.partition_point(|l| l.end <= facts.end) as u32,
        ..facts
    });
    let (mut compared, mut gtids, mut next_order_on_target) = (None, None, 0);
    if let Some((_, connection)) = &mut operator.target {
        let given = tables::Given {
            existing,
            source: &source,
            target: &target,
            source_id,
            cut: snapshot.map_or(0, |s| s.commits),
            held: &shop::read(connection)?,
        };
        let prefix = plan.runbook.promises.prefix;
        compared = Some(tables::compare(&given, &history, prefix, &mut marks)?);
        next_order_on_target = shop::next_id(connection, "orders")?;
        let environment = &plan.environment;
        let by_gtid = environment.source.gtid_mode && environment.target_has_gtids();
        if serving == Host::Target && by_gtid {
            gtids = at_cutover(connection, &marks, &source.logged, &own, &history.target)?;
        }
    }
    let at_serving = match (serving, &mut operator.target) {
        (Host::Target, Some((_, connection))) => connection,
        _ => &mut operator.at_source,
    };
    let read_only: Option<u8> = at_serving.query_first("SELECT @@global.read_only")?;
    let shop = Shop {
        next_order_on_target,
        ..rows_of_shop(at_serving, plan)?
    };
    let stale = (0u32..).zip(&done);
    let stale = stale.filter_map(|(operation, d)| {
        Some(Seen {
            operation,
            order: d.stale?,
        })
    });
    Ok(Gathered {
        source_uuid: source.logged.iter().find_map(|l| l.gtid).map(|g| g.uuid),
        binlog_base: kept.base.clone(),
        stale_reads: stale.collect(),
        history,
        marks,
        snapshot,
        shop: Some(shop),
        compared,
        gtids,
        serving,
        keeps_out: (read_only == Some(1)).then_some(KeepsOut::ReadOnly),
        source_read_only: operator.source_is_read_only()?,
        end_us: clock.now_us(),
        ended,
    })
}

/// The operator's marks, and what the histories add.
fn marks(operator: &Operator<'_>, history: &History, done: &[Done]) -> Marks {
    let mut marks = operator.marks.clone();
    marks.applied_at_gate = marks.gate.map_or(0, |gate| {
        history.applied.iter().filter(|a| a.at <= gate).count()
    });
    marks.refused = done.iter().filter(|d| d.read_only).count() as u64;
    let on_target = |d: &&Done| d.operation.host == Host::Target && d.operation.told == Told::Ok;
    let writes = done.iter().filter(on_target).map(|d| d.operation.returned);
    marks.first_on_target = writes.min();
    let repointed = marks.repointed.unwrap_or(u64::MAX);
    marks.target_commits_at_repoint = history.target.partition_point(|c| c.at <= repointed);
    marks
}

/// The GTIDs at the cutover.
fn at_cutover(
    connection: &mut Conn,
    marks: &Marks,
    source: &[Logged],
    own: &[&Logged],
    commits: &CommitList,
) -> Result<Option<Gtids>, LabError> {
    let opened = [marks.repointed, marks.first_on_target];
    let Some(at) = opened.into_iter().flatten().min() else {
        return Ok(None);
    };
    let executed: Option<String> = connection.query_first("SELECT @@global.gtid_executed")?;
    let executed: GtidSet = executed
        .unwrap_or_default()
        .replace('\n', "")
        .parse()
        .map_err(|_| LabError::Gtids)?;
    let uuid = source.iter().find_map(|l| l.gtid).map(|g| g.uuid);
    let by_then = source.iter().filter(|l| l.at <= at).filter_map(|l| l.gtid);
    // Of the target's own, those that no client's commit has.
    let nobodys = own
        .iter()
        .zip(commits)
        .filter(|(_, c)| c.operation == u32::MAX);
    Ok(Some(Gtids {
        source: by_then.collect(),
        target: uuid.map_or_else(GtidSet::new, |uuid| executed.of_server(uuid)),
        own: nobodys.filter_map(|(l, _)| l.gtid).collect(),
    }))
}

/// The shop's rows on a server.
fn rows_of_shop(connection: &mut Conn, plan: &Plan) -> Result<Shop, LabError> {
    let existing = plan.workload.existing_rows;
    let orders: Vec<(u64, u64)> = connection.exec(
        "SELECT id, request_id FROM shop.orders WHERE id > ? ORDER BY id",
        (existing,),
    )?;
    let counted: Option<u64> = connection
        .query_first("SELECT CAST(SUM(orders_placed) AS UNSIGNED) FROM shop.customers")?;
    Ok(Shop {
        existing,
        orders: orders
            .into_iter()
            .map(|(id, request)| PlacedOrder { id, request })
            .collect(),
        counted: counted.unwrap_or(0),
        next_order_on_target: 0,
    })
}

impl Gathered {
    /// What the properties look at.
    pub fn evidence<'w>(&'w self, plan: &'w Plan) -> Evidence<'w> {
        let cut = self.snapshot.map_or(0, |s| s.commits);
        let (states, rows_of) = match &self.compared {
            Some(Compared { states, rows_of }) => {
                let states = (self.serving == Host::Target).then(|| states.clone());
                (states, rows_of.clone())
            }
            None => Default::default(),
        };
        Evidence {
            fed: None,
            history: &self.history,
            marks: &self.marks,
            promises: &plan.runbook.promises,
            has_fence: has_role(&plan.runbook, Role::Fence),
            has_gate: has_role(&plan.runbook, Role::Gate),
            gate_on_lag: gate_on_lag(&plan.runbook),
            ended: self.ended,
            epoch_us: plan.clock.start.0,
            begun_us: plan.clock.runbook_after.0,
            end_us: self.end_us,
            serving: self.serving,
            source_read_only: self.source_read_only,
            keeps_out: self.keeps_out,
            // Its servers run no events.
            events_left_off: Vec::new(),
            snapshot: self.snapshot,
            applied: &self.history.applied,
            // Its servers have no filters.
            incomplete: CommitSet::default(),
            applied_at_gate: self.marks.applied_at_gate,
            on_target: CommitSet::new(self.history.source.len(), cut, &self.history.applied),
            back_on_source: CommitSet::new(
                self.history.target.len(),
                0,
                &self.history.applied_back,
            ),
            rows_of,
            states,
            shop: self.shop.clone(),
            disturbed: Vec::new(),
            gtids: self.gtids.clone(),
            stale_reads: &self.stale_reads,
            names: Names {
                binlog_base: self.binlog_base.clone(),
                source_uuid: self.source_uuid,
                recording: None,
            },
            found: Found::default(),
        }
    }
}
