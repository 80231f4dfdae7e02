//! The rows of transactions that the target applied in another order than the source committed them:
//! which of them touch the same row is read in the source's binlog, of the transactions in question only.

use super::{commits::CommitSet, sequence::Sequence};
use crate::{
    history::{Applications, CommitList, History},
    runbook::PrefixStrength,
    world::World,
};
use cutover_model::{
    Arena,
    apply::{OnRows, RowWork, Sink, Walker},
    binlog::log::Binlog,
    database::Database,
    row::Partial,
};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A row: its table, and a hash of the values that identify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// The table's id on the source.
    pub table: u32,
    /// The identity.
    pub key: u64,
}

/// The rows of the commits of a world in question: those of [`out_of_order`].
pub(super) fn of_world(
    world: &mut World,
    sequence: Sequence,
    cut: u32,
    strength: PrefixStrength,
) -> BTreeMap<u32, Vec<RowId>> {
    let World {
        arena,
        source,
        history,
        ..
    } = world;
    let Some(binlog) = &source.binlog else {
        return BTreeMap::new();
    };
    if sequence.is_whole {
        return BTreeMap::new();
    }
    let mut commits = Commits::new(arena, binlog, &history.source);
    out_of_order(&source.database, history, cut, strength, |commit, sink| {
        commits.walk(commit, sink);
    })
}

/// The commits of a source, as its binlog has them.
pub(super) struct Commits<'a> {
    arena: &'a mut Arena,
    binlog: &'a Binlog,
    commits: &'a CommitList,
    walker: Walker,
}

impl<'a> Commits<'a> {
    pub(super) fn new(arena: &'a mut Arena, binlog: &'a Binlog, commits: &'a CommitList) -> Self {
        Self {
            arena,
            binlog,
            commits,
            walker: Walker::default(),
        }
    }

    /// Hands a commit's rows to a sink. A group that no longer decodes against the tables as they are now has the rows
    /// so far.
    pub(super) fn walk(&mut self, commit: u32, sink: &mut dyn Sink) {
        let commit = commit as usize;
        let Some(end) = self.commits.get(commit).map(|c| c.end) else {
            return;
        };
        let before = commit.checked_sub(1).and_then(|c| self.commits.get(c));
        let before = before.map(|c| c.end);
        let start = before.filter(|e| e.file == end.file).map_or(0, |e| e.pos);
        let groups = self.binlog.groups(end.file, start, end.pos);
        for group in groups.map_while(Result::ok) {
            let _ = self.walker.walk(self.arena, sink, &group);
        }
    }
}

/// The rows of the commits that overtook another or were overtaken; with a promise of dependencies also of
/// those that were applied while an earlier one never was. `read` walks a commit's transaction through a sink.
pub fn out_of_order(
    database: &Database,
    history: &History,
    cut: u32,
    strength: PrefixStrength,
    mut read: impl FnMut(u32, &mut dyn Sink),
) -> BTreeMap<u32, Vec<RowId>> {
    let gaps = strength == PrefixStrength::DependencyClosed;
    let commits = in_question(history.source.len(), cut, history.arrived(), gaps);
    let mut rows_of = BTreeMap::new();
    for commit in commits {
        let mut rows = Vec::new();
        let mut collect = OnRows {
            database,
            row: |_: &mut Arena, work: &RowWork<'_>| {
                for image in [&work.before, &work.after].into_iter().flatten() {
                    rows.extend(identity(database, work, image).map(|key| RowId {
                        table: work.table.0,
                        key,
                    }));
                }
                Ok(())
            },
        };
        read(commit, &mut collect);
        rows.sort_unstable();
        rows.dedup();
        rows_of.insert(commit, rows);
    }
    rows_of
}

/// The commits whose place in the order matters, ascending.
fn in_question(commits: usize, cut: u32, applied: &Applications, gaps: bool) -> Vec<u32> {
    let in_order = Sequence::of(applied, cut).is_in_order;
    if in_order && !gaps {
        return Vec::new();
    }
    let mut asked = CommitSet::new(commits, 0, []);
    if !in_order {
        ask_for_disorder(&mut asked, cut, applied);
    }
    if gaps {
        // Never applied, and what came after it all the same.
        let had = CommitSet::new(commits, cut, applied);
        let bound = applied.iter().map(|a| a.commit.saturating_add(1)).max();
        let bound = bound.unwrap_or(0);
        if let (_, Some(first)) = had.missing_below(bound.min(commits as u32)) {
            (first..bound).for_each(|c| asked.add(c));
        }
    }
    asked.iter().collect()
}

/// The commits that overtook another, and those that were overtaken.
fn ask_for_disorder(asked: &mut CommitSet, cut: u32, applied: &Applications) {
    let first = applied
        .iter()
        .map(|a| a.commit)
        .min()
        .unwrap_or(cut)
        .min(cut);
    let again = first..cut;
    let sequence = again.clone().chain(applied.iter().map(|a| a.commit));
    // Overtaken: something later came first. From the front.
    let mut most = None;
    for commit in sequence {
        if most.is_some_and(|m| commit < m) {
            asked.add(commit);
        }
        most = most.max(Some(commit));
    }
    // Overtaking: something earlier comes later. From the back.
    let mut least = u32::MAX;
    for commit in applied.iter().rev().map(|a| a.commit).chain(again.rev()) {
        if commit > least {
            asked.add(commit);
        }
        least = least.min(commit);
    }
}

/// `None` when the image lacks a column of the key: the other image of the change has it. `None` also where
/// nothing identifies a row: rows of equal content stand for each other, so none of them has versions whose
/// order could be told. What comes too early there finds no row (1032), and the final states are compared.
fn identity(database: &Database, work: &RowWork<'_>, image: &Partial<'_>) -> Option<u64> {
    let columns = &work.def.columns;
    let table = database.table(work.table)?;
    let identity = table.shape().identity.as_ref()?;
    let mut hash = u64::from(work.table.0);
    for part in &identity.key.parts {
        let (_, raw) = image.iter(columns).find(|(i, _)| *i == part.column)?;
        hash = xxh3_64_with_seed(raw?, hash);
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Applied;

    fn asked(cut: u32, applied: &[u32], gaps: bool) -> Vec<u32> {
        let applied = applied.iter().map(|&commit| Applied { commit, at: 0 });
        let applied: Applications = applied.collect();
        in_question(20, cut, &applied, gaps)
    }

    #[test]
    fn nothing_is_read_again_of_a_run_in_order() {
        assert_eq!(asked(3, &[3, 4, 5, 6], false), [0u32; 0]);
        assert_eq!(asked(3, &[3, 4, 5, 6], true), [0u32; 0]);
        assert_eq!(
            asked(3, &[3, 6, 7], false),
            [0u32; 0],
            "a gap is no other order"
        );
    }

    #[test]
    fn overtaken_and_overtaking_commits_are_in_question() {
        assert_eq!(asked(3, &[3, 5, 4, 6], false), [4, 5]);
        assert_eq!(asked(3, &[5, 3, 4, 6], true), [3, 4, 5]);
        assert_eq!(
            asked(3, &[3, 6, 7], true),
            [4, 5, 6, 7],
            "dependencies reach across a gap"
        );
        assert_eq!(
            asked(4, &[2, 3, 4], false),
            [2, 3],
            "what the snapshot held came again"
        );
    }
}
