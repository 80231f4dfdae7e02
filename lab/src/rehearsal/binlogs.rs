//! A server's binlog files, read: which transactions it has, in order, and whose they are.
//!
//! A transaction's first event has its time, its BEGIN the connection that made it, so that the n-th acknowledged write of
//! a connection is its n-th transaction there.

use super::{LabError, clients::Done, clock::Clock, fetched::Fetched};
use cutover_model::{
    binlog::{EventType, Group, Groups, decode::Query, log::LogPos},
    gtid::Gtid,
};
use cutover_sim::{
    history::{Applications, Applied, Commit, CommitList, Told},
    runbook::Host,
    world::Skipped,
};
use std::collections::{BTreeMap, VecDeque};

/// The files of one server.
#[derive(Debug)]
pub struct Binlogs<'a> {
    files: &'a BTreeMap<u64, Vec<u8>>,
    /// Its transactions.
    pub logged: Vec<Logged>,
}

/// A transaction.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    start: u64,
    /// Behind its last event.
    pub end: LogPos,
    /// Its GTID.
    pub gtid: Option<Gtid>,
    /// When it was committed, in the plan's time.
    pub at: u64,
    /// When it was committed where it was made, in µs since 1970 on that server's clock.
    made_us: Option<u64>,
    thread: u32,
    /// The server where it was made.
    pub server_id: u32,
}

impl<'a> Binlogs<'a> {
    /// Reads files.
    pub fn read(fetched: &'a Fetched, clock: Clock) -> Result<Self, LabError> {
        let mut logged = Vec::new();
        for (number, bytes) in &fetched.files {
            let damaged = |error: cutover_model::binlog::BinlogError| LabError::Binlog {
                file: format!("{}.{number:06}", fetched.base),
                why: error.to_string(),
            };
            for group in Groups::of_file(bytes).map_err(damaged)? {
                let mut next = Logged::of(*number, &group.map_err(damaged)?, clock);
                // A commit is not earlier than the one before it, whatever the server's clock was set to.
                next.at = next.at.max(logged.last().map_or(0, |l: &Logged| l.at));
                logged.push(next);
            }
        }
        Ok(Self {
            files: &fetched.files,
            logged,
        })
    }

    /// What was skipped is a transaction, and an error names one of its events.
    pub fn widen(&self, skipped: &mut Skipped) {
        let number = self.logged.partition_point(|l| l.end < skipped.to);
        if let Some(logged) = self
            .logged
            .get(number)
            .filter(|_| !skipped.is_rest_of_file())
        {
            (skipped.from, skipped.to) = (logged.starts(), logged.end);
        }
    }

    /// The events of a transaction.
    pub fn group(&self, logged: &Logged) -> Option<Group<'_>> {
        let bytes = self.files.get(&logged.end.file)?;
        Groups::of_file_from(bytes, logged.start).ok()?.next()?.ok()
    }
}

impl Logged {
    fn starts(&self) -> LogPos {
        LogPos {
            pos: self.start,
            ..self.end
        }
    }

    fn of(file: u64, group: &Group<'_>, clock: Clock) -> Self {
        let begin = group
            .events()
            .find(|e| e.header.event_type == EventType::QUERY);
        let thread = begin.as_ref().and_then(|e| Query::decode(e.body).ok());
        let event = group.gtid.as_ref();
        Self {
            start: group.start,
            end: LogPos {
                file,
                pos: group.end,
            },
            gtid: event.and_then(|g| g.gtid),
            at: clock.of(event.and_then(|g| g.immediate_commit_us).unwrap_or(0)),
            made_us: event.and_then(|g| g.original_commit_us.or(g.immediate_commit_us)),
            thread: thread.map_or(0, |q| q.thread_id),
            server_id: begin.map_or(0, |e| e.header.server_id),
        }
    }
}

/// Gives each acknowledged write on a host its commit; an unknown one has the transaction that is left of its connection.
pub fn match_commits(
    done: &mut [Done],
    host: Host,
    logged: &[&Logged],
) -> Result<CommitList, LabError> {
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
    Ok(commits.into_iter().collect())
}

/// The source's commits that the target has from it, in the target's order: by GTID, or by the moment at which the source
/// has committed them, which every server notes that has them from it.
pub fn applied(
    source: &[Logged],
    on_target: &[&Logged],
    skipped: &[Skipped],
) -> Result<Applications, LabError> {
    let numbered = || (0u32..).zip(source);
    let by_gtid: BTreeMap<Gtid, u32> = numbered().filter_map(|(n, l)| Some((l.gtid?, n))).collect();
    let is_skipped = |l: &Logged| skipped.iter().any(|s| s.has(l.end));
    let mut by_moment: BTreeMap<u64, VecDeque<u32>> = BTreeMap::new();
    for (number, logged) in numbered().filter(|(_, l)| !is_skipped(l)) {
        if let Some(made_us) = logged.made_us {
            by_moment.entry(made_us).or_default().push_back(number);
        }
    }
    let mut all = Applications::default();
    for logged in on_target {
        let commit = match logged.gtid {
            Some(gtid) => by_gtid.get(&gtid).copied(),
            None => {
                let same = logged
                    .made_us
                    .and_then(|made_us| by_moment.get_mut(&made_us));
                // The last of a moment stays: what is applied twice has it again.
                same.and_then(|same| match same.len() {
                    0 | 1 => same.front().copied(),
                    _ => same.pop_front(),
                })
            }
        };
        all.push(Applied {
            commit: commit.ok_or(LabError::Foreign)?,
            at: logged.at,
        });
    }
    Ok(all)
}
