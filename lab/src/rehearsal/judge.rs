//! From two real servers to the evidence that the properties judge.
//!
//! Commits are read off the servers' own binlogs: a transaction's first event has its time, its BEGIN the connection
//! that made it, so that the n-th acknowledged write of a connection is its n-th transaction there.

use super::{
    LabError,
    clients::Done,
    clock::Clock,
    operator::{BASE, Operator},
};
use cutover_model::{
    binlog::{EventType, Groups, decode::Query, log::LogPos},
    gtid::{Gtid, GtidSet, Uuid},
};
use cutover_sim::{
    evidence::{CommitSet, Evidence, Gtids, Names, PlacedOrder, Shop, SnapshotFacts},
    history::{Applied, Commit, History, Told},
    operator::Ended,
    plan::Plan,
    properties::Found,
    runbook::{Host, Role, Until},
    world::Marks,
};
use mysql::{Conn, prelude::Queryable};
use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::Path,
};

/// `server_id` of the source.
const SOURCE_ID: u32 = 1;

/// A transaction in a server's binlog.
#[derive(Clone, Copy, Debug)]
struct Logged {
    end: LogPos,
    gtid: Option<Gtid>,
    at: u64,
    thread: u32,
    server_id: u32,
}

/// Everything that [`Evidence`] borrows.
#[derive(Debug)]
pub struct Gathered {
    history: History,
    marks: Marks,

    snapshot: Option<SnapshotFacts>,
    shop: Option<Shop>,
    gtids: Option<Gtids>,
    serving: Host,
    source_read_only: bool,
    source_uuid: Option<Uuid>,
    end_us: u64,
    ended: Ended,
}

/// All transactions of a folder's files `base.*`, in order.
fn logged(folder: &Path, base: &str, clock: Clock) -> Result<Vec<Logged>, LabError> {
    let failed = |source| LabError::Folder { source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let number = name
            .as_deref()
            .and_then(|n| n.strip_prefix(base)?.strip_prefix('.')?.parse::<u64>().ok());
        files.extend(number.map(|number| (number, path)));
    }
    files.sort();
    let mut all = Vec::new();
    for (file, path) in files {
        let bytes = fs::read(&path).map_err(failed)?;
        let damaged = |error: cutover_model::binlog::BinlogError| LabError::Binlog {
            file: path.display().to_string(),
            why: error.to_string(),
        };
        for group in Groups::of_file(&bytes).map_err(damaged)? {
            let group = group.map_err(damaged)?;
            let begin = group
                .events()
                .find(|e| e.header.event_type == EventType::QUERY);
            let thread = begin.as_ref().and_then(|e| Query::decode(e.body).ok());
            let event = group.gtid.as_ref();
            all.push(Logged {
                end: LogPos {
                    file,
                    pos: group.end,
                },
                gtid: event.and_then(|g| g.gtid),
                at: clock.of(event.and_then(|g| g.immediate_commit_us).unwrap_or(0)),
                thread: thread.map_or(0, |q| q.thread_id),
                server_id: begin.map_or(0, |e| e.header.server_id),
            });
        }
    }
    Ok(all)
}

/// Gives each acknowledged write its commit; an unknown one has the transaction that is left of its connection.
fn match_commits(
    done: &mut [Done],
    host: Host,
    logged: &[&Logged],
) -> Result<Vec<Commit>, LabError> {
    let mut commits: Vec<Commit> = logged
        .iter()
        .map(|l| Commit {
            at: l.at,
            end: l.end,
            gno: l.gtid.map_or(0, |g| g.gno),
            operation: u32::MAX,
        })
        .collect();
    let mut of_connection: BTreeMap<u32, VecDeque<u32>> = BTreeMap::new();
    for (number, logged) in (0u32..).zip(logged) {
        of_connection
            .entry(logged.thread)
            .or_default()
            .push_back(number);
    }
    for (number, done) in (0u32..).zip(done.iter_mut()) {
        let operation = &mut done.operation;
        if operation.host != host || !matches!(operation.told, Told::Ok | Told::Info) {
            continue;
        }
        let next = of_connection
            .get_mut(&done.connection)
            .and_then(VecDeque::pop_front);
        match (next, operation.told) {
            (Some(commit), _) => {
                operation.commit = commit;
                commits[commit as usize].operation = number;
            }
            (None, Told::Ok) => {
                return Err(LabError::NotLogged {
                    client: operation.client,
                });
            }
            (None, _) => {}
        }
    }
    Ok(commits)
}

/// Reads both servers, at rest.
pub fn gather(
    operator: &mut Operator<'_>,
    mut done: Vec<Done>,
    serving: Host,
    ended: Ended,
    clock: Clock,
    plan: &Plan,
) -> Result<Gathered, LabError> {
    done.sort_by_key(|d| d.operation.invoked);
    let kept = operator.keep()?;
    let source = logged(&kept, BASE, clock)?;
    let on_target = match &operator.target {
        Some((target, _)) => logged(&target.data, "aurora", clock)?,
        None => Vec::new(),
    };
    let source: Vec<&Logged> = source.iter().collect();
    let (from_source, own): (Vec<&Logged>, Vec<&Logged>) =
        on_target.iter().partition(|l| l.server_id == SOURCE_ID);
    let mut history = History {
        source: match_commits(&mut done, Host::Source, &source)?,
        target: match_commits(&mut done, Host::Target, &own)?,
        ..History::default()
    };
    history.operations = done.iter().map(|d| d.operation).collect();
    let mut marks = operator.marks.clone();
    let snapshot = operator.snapshot().map(|(facts, _)| SnapshotFacts {
        commits: source.partition_point(|l| l.end <= facts.end) as u32,
        ..facts
    });
    history.applied = applied(&source, &from_source, marks.replication.from)?;
    marks.applied_at_gate = marks.gate.map_or(0, |gate| {
        history.applied.iter().filter(|a| a.at <= gate).count()
    });
    let refused: Vec<_> = done.iter().filter(|d| d.read_only).collect();
    marks.refused = refused.len() as u64;
    let on_target = |d: &&Done| d.operation.host == Host::Target && d.operation.told == Told::Ok;
    let writes = done.iter().filter(on_target).map(|d| d.operation.returned);
    marks.first_on_target = writes.min();
    let repointed = marks.repointed.unwrap_or(u64::MAX);
    marks.target_commits_at_repoint = history.target.partition_point(|c| c.at <= repointed);
    let shop = match (serving, &mut operator.target) {
        (Host::Target, Some((_, connection))) => Some(shop(connection, plan, true)?),
        _ => None,
    };
    let opened = [marks.repointed, marks.first_on_target]
        .into_iter()
        .flatten()
        .min();
    let gtids = match (opened, &mut operator.target) {
        (Some(at), Some((_, connection)))
            if serving == Host::Target && plan.environment.source.gtid_mode =>
        {
            let executed: Option<String> =
                connection.query_first("SELECT @@global.gtid_executed")?;
            let executed: GtidSet = executed
                .unwrap_or_default()
                .replace('\n', "")
                .parse()
                .map_err(|_| LabError::Gtids)?;
            let uuid = source.iter().find_map(|l| l.gtid).map(|g| g.uuid);
            let by_then = source.iter().filter(|l| l.at <= at).filter_map(|l| l.gtid);
            Some(Gtids {
                source: by_then.collect(),
                target: uuid.map_or_else(GtidSet::new, |uuid| executed.of_server(uuid)),
                own: own_gtids(&own, &history.target),
            })
        }
        _ => None,
    };
    Ok(Gathered {
        source_uuid: source.iter().find_map(|l| l.gtid).map(|g| g.uuid),
        history,
        marks,
        snapshot,
        shop,
        gtids,
        serving,
        source_read_only: operator.source_is_read_only()?,
        end_us: clock.now_us(),
        ended,
    })
}

/// The source's commits that the target has from it, in the target's order: by GTID, or counted from where replication
/// began.
fn applied(
    source: &[&Logged],
    on_target: &[&Logged],
    from: Option<LogPos>,
) -> Result<Vec<Applied>, LabError> {
    let by_gtid: BTreeMap<Gtid, u32> = (0u32..)
        .zip(source)
        .filter_map(|(number, l)| Some((l.gtid?, number)))
        .collect();
    let first = from.map_or(0, |from| source.partition_point(|l| l.end <= from)) as u32;
    let mut all = Vec::new();
    for (n, logged) in (0u32..).zip(on_target) {
        let commit = match logged.gtid {
            Some(gtid) => by_gtid.get(&gtid).copied(),
            None => Some(first + n).filter(|n| (*n as usize) < source.len()),
        };
        all.push(Applied {
            commit: commit.ok_or(LabError::Foreign)?,
            at: logged.at,
        });
    }
    Ok(all)
}

/// The target's GTIDs that no client's commit has.
fn own_gtids(own: &[&Logged], commits: &[Commit]) -> GtidSet {
    let nobodys = own
        .iter()
        .zip(commits)
        .filter(|(_, c)| c.operation == u32::MAX);
    nobodys.filter_map(|(l, _)| l.gtid).collect()
}

/// The shop's rows on a server.
fn shop(connection: &mut Conn, plan: &Plan, target: bool) -> Result<Shop, LabError> {
    let existing = plan.workload.existing_rows;
    let orders: Vec<(u64, u64)> = connection.exec(
        "SELECT id, request_id FROM shop.orders WHERE id > ? ORDER BY id",
        (existing,),
    )?;
    let counted: Option<u64> = connection
        .query_first("SELECT CAST(SUM(orders_placed) AS UNSIGNED) FROM shop.customers")?;
    connection.query_drop("SET SESSION information_schema_stats_expiry = 0")?;
    let next: Option<u64> = connection.query_first(
        "SELECT auto_increment FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'orders'",
    )?;
    Ok(Shop {
        existing,
        orders: orders
            .into_iter()
            .map(|(id, request)| PlacedOrder { id, request })
            .collect(),
        counted: counted.unwrap_or(0),
        next_order_on_target: if target { next.unwrap_or(0) } else { 0 },
    })
}

impl Gathered {
    /// What the properties look at.
    pub fn evidence<'w>(&'w self, plan: &'w Plan) -> Evidence<'w> {
        let cut = self.snapshot.map_or(0, |s| s.commits);
        let steps = &plan.runbook.steps;
        let gates = || steps.iter().filter(|s| s.role == Some(Role::Gate));
        let on_lag = |s: &cutover_sim::runbook::Step| {
            let wait = s.wait.as_ref();
            wait.is_some_and(|w| matches!(w.until.kind(), Ok(Until::SecondsBehindSource(_))))
        };
        Evidence {
            fed: None,
            history: &self.history,
            marks: &self.marks,
            promises: &plan.runbook.promises,
            has_fence: steps.iter().any(|s| s.role == Some(Role::Fence)),
            has_gate: gates().next().is_some(),
            gate_on_lag: gates().any(on_lag),
            ended: self.ended,
            epoch_us: plan.clock.start.0,
            end_us: self.end_us,
            serving: self.serving,
            source_read_only: self.source_read_only,
            snapshot: self.snapshot,
            applied: &self.history.applied,
            applied_at_gate: self.marks.applied_at_gate,
            on_target: CommitSet::new(self.history.source.len(), cut, &self.history.applied),
            rows_of: BTreeMap::new(),
            states: None,
            shop: self.shop.clone(),
            disturbed: Vec::new(),
            gtids: self.gtids.clone(),
            stale_reads: &[],
            names: Names {
                binlog_base: BASE.into(),
                source_uuid: self.source_uuid,
                recording: None,
            },
            found: Found::default(),
        }
    }
}
