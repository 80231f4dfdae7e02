//! What one pass over the operations tells of all writes: counts, firsts and lasts. Several checks and figures ask for
//! each of them.

use super::Evidence;
use crate::{
    history::{Kind, Operation, Told},
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
    /// When the last acknowledged write of the source was, from before the way back.
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
    /// The smallest and the largest id of an order that was acknowledged.
    pub ids: Option<(u64, u64)>,
}

fn least(a: Option<u64>, b: u64) -> Option<u64> {
    Some(a.map_or(b, |a| a.min(b)))
}

impl Survey {
    pub(super) fn of(e: &Evidence<'_>) -> Self {
        let mut survey = Self::default();
        let reopened = e.way_back().unwrap_or(u64::MAX);
        for (_, o) in e.writes() {
            let placed = u64::from(o.kind == Kind::Place);
            match o.told {
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
                continue;
            }
            if makes_order(o.kind) {
                let id = o.subject;
                let (least, most) = survey.ids.unwrap_or((id, id));
                survey.ids = Some((least.min(id), most.max(id)));
            }
            let commit = e.history.commits(o.host).get(o.commit as usize);
            let committed = commit.map(|c| c.at);
            match o.host {
                Host::Source => survey.on_source(o, committed, reopened),
                Host::Target => survey.on_target(o, committed, e.back_on_source.has(o.commit)),
                // Nobody writes to it.
                Host::Replica => {}
            }
        }
        survey
    }

    fn on_source(&mut self, o: &Operation, committed: Option<u64>, reopened: u64) {
        self.last_commit_on_source = self.last_commit_on_source.max(committed);
        if committed.unwrap_or(o.returned) <= reopened {
            self.last_on_source = self.last_on_source.max(Some(o.returned));
            if makes_order(o.kind) {
                self.largest_on_source = self.largest_on_source.max(Some(o.subject));
            }
        }
    }

    fn on_target(&mut self, o: &Operation, committed: Option<u64>, is_back: bool) {
        self.first_on_target = least(self.first_on_target, o.returned);
        if let Some(at) = committed {
            let (first, last) = self.commits_on_target.unwrap_or((at, at));
            self.commits_on_target = Some((first.min(at), last.max(at)));
        }
        if !is_back {
            self.lost_by_going_back += 1;
            self.first_lost_by_going_back = least(self.first_lost_by_going_back, o.returned);
        }
    }
}
