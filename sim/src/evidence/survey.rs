//! What a pass over the operations tells of all writes: counts, firsts and lasts. Several checks and figures ask for
//! each of them.

use super::Evidence;
use crate::{
    history::{CommitList, Kind, Operation, SCHEDULER, Told},
    metrics::is_waited_for,
    outcome::Commits,
    runbook::Host,
    workload::orders::makes_order,
};

/// Counts, firsts and lasts of the writes. Times in µs of the run.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The transactions that write, by what their clients were told. One that was never answered is unknown.
    pub commits: Commits,
    /// Orders that were placed and acknowledged.
    pub placed: u64,
    /// Likewise with unknown outcome.
    pub maybe_placed: u64,
    /// When the last acknowledged write of the source was, from before the way back; here and where it says *first*, a
    /// client's: the application waits neither for what an event does nor for what the operator types.
    pub last_on_source: Option<u64>,
    /// When the last acknowledged write of the source was committed, whenever that was.
    pub last_commit_on_source: Option<u64>,
    /// The largest id of an order that the source acknowledged before the way back.
    pub largest_on_source: Option<u64>,
    /// When the first acknowledged write of the target was.
    pub first_on_target: Option<u64>,
    /// When the first and the last acknowledged write of the target were committed.
    pub commits_on_target: Option<(u64, u64)>,
    /// The acknowledged writes of the target that the source does not have: what going back loses.
    pub lost_by_going_back: u64,
    /// When the first of them was.
    pub first_lost_by_going_back: Option<u64>,
}

fn least(a: Option<u64>, b: u64) -> Option<u64> {
    Some(a.map_or(b, |a| a.min(b)))
}

/// A survey that is being made, write by write.
pub(crate) struct Surveyor<'e, 'w> {
    e: &'e Evidence<'w>,
    survey: Survey,
    reopened: u64,
    /// The last commit of the source, and the first and the last of the target, that were acknowledged.
    on_source: Option<u32>,
    on_target: Option<(u32, u32)>,
}

impl<'e, 'w> Surveyor<'e, 'w> {
    pub(crate) fn new(e: &'e Evidence<'w>) -> Self {
        Self {
            e,
            survey: Survey::default(),
            reopened: e.way_back().unwrap_or(u64::MAX),
            on_source: None,
            on_target: None,
        }
    }

    pub(crate) fn see(&mut self, o: &Operation) {
        let survey = &mut self.survey;
        let by_client = o.client != SCHEDULER;
        let by_application = is_waited_for(o);
        let placed = u64::from(o.kind == Kind::Place);
        match o.told {
            _ if !by_client => {}
            Told::Ok => {
                survey.commits.ok += 1;
                survey.placed += placed;
            }
            Told::Fail => survey.commits.fail += 1,
            Told::Info | Told::Pending => survey.commits.info += 1,
            Told::Empty => {}
        }
        if o.told == Told::Info {
            survey.maybe_placed += placed;
        }
        if o.told != Told::Ok {
            return;
        }
        let commits = self.e.history.commits(o.host);
        let commit = Some(o.commit).filter(|commit| (*commit as usize) < commits.len());
        match o.host {
            Host::Source => {
                self.on_source = self.on_source.max(commit);
                if by_application {
                    survey.on_source(o, commits, self.reopened);
                }
            }
            Host::Target => {
                if let Some(commit) = commit {
                    let (first, last) = self.on_target.unwrap_or((commit, commit));
                    self.on_target = Some((first.min(commit), last.max(commit)));
                }
                survey.on_target(o, self.e.back_on_source.has(o.commit), by_application);
            }
            // Nobody writes to it.
            Host::Replica => {}
        }
    }

    pub(crate) fn survey(self) -> Survey {
        // Commits are in the order of their times.
        let at = |host, commit| committed_at(self.e.history.commits(host), commit);
        let mut survey = self.survey;
        survey.last_commit_on_source = self.on_source.and_then(|commit| at(Host::Source, commit));
        survey.commits_on_target = self
            .on_target
            .and_then(|(first, last)| Some((at(Host::Target, first)?, at(Host::Target, last)?)));
        survey
    }
}

impl Survey {
    fn on_source(&mut self, o: &Operation, commits: &CommitList, reopened: u64) {
        let committed = || committed_at(commits, o.commit).unwrap_or(o.returned);
        if reopened == u64::MAX || committed() <= reopened {
            self.last_on_source = self.last_on_source.max(Some(o.returned));
            if makes_order(o.kind) {
                self.largest_on_source = self.largest_on_source.max(Some(o.subject));
            }
        }
    }

    fn on_target(&mut self, o: &Operation, is_back: bool, by_application: bool) {
        if by_application {
            self.first_on_target = least(self.first_on_target, o.returned);
        }
        if !is_back {
            self.lost_by_going_back += 1;
            self.first_lost_by_going_back = least(self.first_lost_by_going_back, o.returned);
        }
    }
}

fn committed_at(commits: &CommitList, commit: u32) -> Option<u64> {
    commits.get(commit as usize).map(|c| c.at)
}
